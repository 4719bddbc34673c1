"""Pages of reports, letters and receipts: for the console, and for the firm to host (the page by which callees look up
their receipts).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from gate.client.doctor import Finding, examine
from gate.client.gate import Gate, pages
from gate.config import Config, origins
from gate.control.client import ControlClient
from gate.core.rows.month import MonthReport
from gate.exports import receipt_pages
from gate.exports.page import letter_page
from gate.exports.report import month_page, record_page
from gate.operations.receipts import ReceiptsCodes, ReceiptsProofs
from gate.operations.reports.article30 import ProcessingRecord
from gate.operations.requests.listing import RequestProof

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
    for each in pages(gate, ReceiptsProofs(size=size)):
        for receipt in each.items:
            name, key = places[receipt.code]  # the same leaves under the same checkpoint
            site.write(name, receipt_pages.sealed(key, receipt.evidence))
            written += 1
    return written


class ReportPages:
    """Pages that the console makes, and the configuration that it was started with. Called on a worker's thread."""

    def __init__(self, config: Config, path: Path) -> None:
        """``path``: where the configuration was read."""
        self._config, self._path = config, path

    def month(self, report: MonthReport) -> str:
        """A month's figures as HTML, as ``dialgate report --month``."""
        return month_page(report)

    def record(self, report: ProcessingRecord) -> str:
        """The record of processing as HTML, as ``dialgate report --article-30``."""
        return record_page(report)

    def proof(self, made: RequestProof) -> str:
        """The page by which a person checks a letter, as ``dialgate request proof``."""
        return letter_page(made.firm, made.reference, made.id, made.evidence)

    def receipts(self, folder: Path) -> Mapping[str, Any]:
        """Write the page of receipts into a folder, as ``dialgate receipts publish``; in ``said`` what is to be done
        with it. Raises ``GateError``."""
        gate = ControlClient(self._config.control_socket)
        return publish_into(gate, self._config.firm.trading_name, folder) | {"said": HOST_IT}

    def findings(self) -> Sequence[Finding]:
        """What is well and what is not, as ``dialgate doctor``. Raises ``GateError``."""
        gate = ControlClient(self._config.control_socket)
        running = gate.answers()
        return list(examine(self._path, gate if running else None, running=running))

    def configuration(self) -> Sequence[tuple[str, str, str]]:
        """Every value: its key, the value as it is written, where it comes from. Raises ``OSError``, ``ValueError``."""
        found = origins(self._config, self._path)
        return [(each.key, json.dumps(each.value, ensure_ascii=False), each.origin) for each in found]
