"""The page by which callees look up their receipts, written for the firm to host."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from gate.client.gate import Gate, pages
from gate.exports import receipt_pages
from gate.operations.receipts.publishing import ReceiptsCodes, ReceiptsProofs

HOST_IT: Final = "Host the folder by https. index.html is the same each time: give its SHA-256 to whoever checks it."


def publish_into(gate: Gate, firm: str, folder: Path) -> dict[str, Any]:
    """Write the page; ``folder``, ``receipts``, ``gone`` (files of receipts that are kept no longer), ``size`` of the
    checkpoint, ``page_sha256``. Raises ``GateError``."""
    first = gate.ask(ReceiptsCodes())
    page = receipt_pages.index_page(firm, first.vkey)
    site = receipt_pages.Site(folder)
    site.page(page)
    places: dict[str, tuple[str, bytes]] = {}
    derive = partial(receipt_pages.place_and_key, vkey=first.vkey)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for codes in _codes(gate, first.items, first.next, first.size):
            places.update(zip(codes, pool.map(derive, codes), strict=True))
    gone = site.forget({name for name, _ in places.values()})
    written = _write(gate, site, places, first.size)
    sha256 = hashlib.sha256(page).hexdigest()
    return {"folder": str(folder), "receipts": written, "gone": gone, "size": first.size, "page_sha256": sha256}


def _codes(gate: Gate, items: list[str], after: str | None, size: int) -> Iterator[list[str]]:
    yield items
    while after is not None:
        more = gate.ask(ReceiptsCodes(size=size, after=after))
        yield more.items
        after = more.next


def _write(gate: Gate, site: receipt_pages.Site, places: dict[str, tuple[str, bytes]], size: int) -> int:
    written = 0
    for page in pages(gate, ReceiptsProofs(size=size)):
        for receipt in page.items:
            name, key = places[receipt.code]  # the same leaves under the same checkpoint
            site.write(name, receipt_pages.sealed(key, msgspec.to_builtins(receipt.evidence)))
            written += 1
    return written
