"""Pages of reports, letters and receipts: for the console, and for the firm to host (the page by which callees look up
their receipts).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gate.client.doctor import Finding, examine
from gate.client.gate import Gate, pages
from gate.config import Config, origins
from gate.control.client import ControlClient
from gate.core.evidence import leaf_hash, parse_checkpoint, verify_inclusion
from gate.core.ladder import Ladder
from gate.core.receipts import GROUNDS, LENGTH, SIGNS
from gate.core.rows.audit import LogProof
from gate.core.rows.month import MonthReport
from gate.errors import NoteInvalid, UsageError
from gate.exports.page import ladder_file, letter_page, rendered, script, source
from gate.exports.report import month_page, record_page
from gate.operations.receipts import ReceiptsCodes, ReceiptsProofs
from gate.operations.reports.article30 import ProcessingRecord
from gate.operations.requests.listing import RequestProof
from gate.vault.signing import verify_note

HOST_IT: Final = "Host the folder by https. index.html is the same each time: give its SHA-256 to whoever checks it."


def publish_into(gate: Gate, firm: str, folder: Path) -> dict[str, Any]:
    """Write the page; ``folder``, ``receipts``, ``gone`` (files of receipts that are kept no longer), ``size`` of the
    checkpoint, ``page_sha256``. Raises ``GateError``."""
    first = gate.ask(ReceiptsCodes())
    page = index_page(firm, first.vkey)
    site = Site(folder)
    site.page(page)
    places: dict[str, tuple[str, bytes]] = {}
    derive = partial(place_and_key, vkey=first.vkey)
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


def _write(gate: Gate, site: Site, places: dict[str, tuple[str, bytes]], size: int) -> int:
    written = 0
    for each in pages(gate, ReceiptsProofs(size=size)):
        for receipt in each.items:
            name, key = places[receipt.code]  # the same leaves under the same checkpoint
            site.write(name, sealed(key, receipt.evidence))
            written += 1
    return written


class ReportPages:
    """Pages that the console makes, and the configuration that it was started with. Called on a worker's thread."""

    def __init__(self, config: Config, path: Path, only: Container[str] | None = None) -> None:
        """``path``: where the configuration was read; ``only``: as of a ``ControlClient``."""
        self._config, self._path, self._only = config, path, only

    def month(self, report: MonthReport) -> str:
        """A month's figures as HTML, as ``dialgate report --month``."""
        return month_page(report)

    def record(self, report: ProcessingRecord) -> str:
        """The record of processing as HTML, as ``dialgate report --article-30``."""
        return record_page(report)

    def proof(self, made: RequestProof) -> str:
        """The page by which a person checks a letter, as ``dialgate request proof``."""
        return letter_page(made.firm, made.reference, made.id, made.evidence)

    def ladder(self, ladder: Ladder, form: str) -> bytes:
        """A call's ladder as a file, as ``dialgate calls ladder``: ``html`` checks itself, ``txt`` has no values."""
        return ladder_file(ladder, form)

    def proven(self, evidence: LogProof, place: int) -> LeafChecked:
        """One of the leaves, checked here (``proven``)."""
        return proven(evidence, place)

    def receipts(self, folder: Path) -> Mapping[str, Any]:
        """Write the page of receipts into a folder, as ``dialgate receipts publish``; in ``said`` what is to be done
        with it. Raises ``GateError``."""
        gate = ControlClient(self._config.control_socket, only=self._only)
        return publish_into(gate, self._config.firm.trading_name, folder) | {"said": HOST_IT}

    def findings(self) -> Sequence[Finding]:
        """What is well and what is not, as ``dialgate doctor``. Raises ``GateError``."""
        gate = ControlClient(self._config.control_socket, only=self._only)
        running = gate.answers()
        return list(examine(self._path, gate if running else None, running=running))

    def configuration(self) -> Sequence[tuple[str, str, str]]:
        """Every value: its key, the value as it is written, where it comes from. Raises ``OSError``, ``ValueError``."""
        found = origins(self._config, self._path)
        return [(each.key, json.dumps(each.value, ensure_ascii=False), each.origin) for each in found]


# --- a call's ladder ------------------------------------------------------------------------------------------------


class LeafChecked(NamedTuple):
    """A leaf that was proven here, from what the gate gave."""

    leaf: str
    hash: str
    value: bool | None
    """Whether its value is the one that it commits to; None: the value is left out, or erased."""
    path: list[str]
    """The siblings on the way to the root, base64."""
    size: int
    root: str
    """Of the checkpoint; base64."""
    included: bool
    signed: str
    """Empty where the checkpoint is signed with the key; else why it is not."""


def proven(evidence: LogProof, place: int) -> LeafChecked:
    """Check one leaf: its value, its way to the root of the checkpoint, the checkpoint's signature."""
    shown = evidence.leaves[place]
    leaf = (shown.leaf or "").encode()
    digest, path = leaf_hash(leaf), [base64.b64decode(each) for each in shown.proof]
    value, signed = None, ""
    if shown.salt is not None and shown.body is not None:
        commit = hashlib.sha256(bytes.fromhex(shown.salt) + shown.body.encode()).hexdigest()
        value = json.loads(leaf).get("commit") == commit
    try:
        head = verify_note(evidence.checkpoint, evidence.vkey)
    except NoteInvalid as error:
        head, signed = evidence.checkpoint.partition("\n\n")[0] + "\n", str(error)
    found = parse_checkpoint(head)
    return LeafChecked(
        leaf=leaf.decode(),
        hash=digest.hex(),
        value=value,
        path=[*shown.proof],
        size=found.size,
        root=base64.b64encode(found.root).decode(),
        included=verify_inclusion(digest, shown.index, found.size, path, found.root),
        signed=signed,
    )


# --- the page of receipts ---------------------------------------------------------------------------------------------
# ``index.html``, and one sealed file for each receipt. A file's place and its key are derived from the receipt's code
# alone (PBKDF2, then AES-256-GCM with a random nonce): whoever has all files but no code reads nothing, and the script
# does the same in the browser. ``data/ab/abcd….bin`` is the nonce and the sealed JSON that ``Proof.check`` takes; an
# empty file says that the receipt is no longer kept. The key of the log's signatures stands in the page.
#
# Every file is written beside its place and renamed: whatever ends the writing, each is whole. What is no longer kept
# goes first.

ITERATIONS: Final = 20_000
"""Some milliseconds a code: for a stranger that guesses, and for each receipt that is published."""
NONCE: Final = 12
_MARK: Final = b'<meta name="generator" content="dialgate receipts">'
_PART: Final = ".dialgate-"
_NAME: Final = re.compile(r"[0-9a-f]{32}\.bin")
_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""One script, one style sheet; what is fetched lies beside the page, and nothing is sent."""


def salt_of(vkey: str) -> str:
    """The salt of the derivation: another firm's codes lead elsewhere."""
    return f"dialgate receipts {vkey.partition('+')[0]}"


def place_and_key(code: str, vkey: str) -> tuple[str, bytes]:
    """Name and key of a receipt's file."""
    made = hashlib.pbkdf2_hmac("sha256", code.encode(), salt_of(vkey).encode(), ITERATIONS, 48)
    return f"{made[:16].hex()}.bin", made[16:]


def sealed(key: bytes, evidence: LogProof) -> bytes:
    """A receipt's file, without the key of the log: the page has that."""
    nonce = secrets.token_bytes(NONCE)
    shown = msgspec.json.encode({"checkpoint": evidence.checkpoint, "leaves": evidence.leaves}, order="sorted")
    return nonce + AESGCM(key).encrypt(nonce, shown, None)


def index_page(firm: str, vkey: str) -> bytes:
    """``index.html``. The same firm and key make the same bytes."""
    facts = {
        **{"vkey": vkey, "salt": salt_of(vkey), "iterations": ITERATIONS},
        **{"signs": SIGNS, "length": LENGTH, "grounds": GROUNDS},
    }
    text = rendered(
        "receipts/index.html",
        _POLICY,
        script=script() + source("receipts/receipts.js"),
        style=source("receipts/receipts.css"),
        firm=firm,
        facts=json.dumps(facts, sort_keys=True).replace("<", "\\u003c"),
    )
    return text.encode("utf-8", "replace")


class Site:
    """The folder that is hosted."""

    def __init__(self, folder: Path) -> None:
        """Made where it is not there. Raises ``UsageError`` where something else lies in it, and ``OSError``."""
        self._folder = folder
        self._data = folder / "data"
        _hosted(folder)
        there = [each for each in folder.iterdir() if not each.name.startswith(_PART)]
        index = folder / "index.html"
        if there and not (index.is_file() and _MARK in index.read_bytes()):
            raise UsageError(
                f"{folder} holds something else than receipts", hint="give a folder of its own, or one that is empty"
            )
        for place in (folder, *self._shards()):
            for left in place.glob(f"{_PART}*"):  # of a run that was ended
                left.unlink()

    def page(self, content: bytes) -> None:
        """Write ``index.html``."""
        self._write(self._folder / "index.html", content)

    def forget(self, kept: Set[str]) -> int:
        """Empty the file of every receipt that is not among these names; returns how many receipts went."""
        gone = 0
        for path in self._files():
            if path.name not in kept and path.stat().st_size:
                self._write(path, b"")
                gone += 1
        return gone

    def write(self, name: str, content: bytes) -> None:
        """Write one receipt's file."""
        place = self._data / name[:2]
        _hosted(self._data)
        _hosted(place)
        self._write(place / name, content)

    def _shards(self) -> list[Path]:
        return [each for each in self._data.iterdir() if each.is_dir()] if self._data.is_dir() else []

    def _files(self) -> Iterator[Path]:
        for place in self._shards():
            yield from (each for each in place.iterdir() if _NAME.fullmatch(each.name))

    def _write(self, path: Path, content: bytes) -> None:
        try:
            handle, name = tempfile.mkstemp(prefix=_PART, dir=path.parent)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno is not None:
                raise OSError(error.errno, error.strerror, str(path)) from error
            raise


def _hosted(folder: Path) -> None:
    """A folder that a web server can read, made where it is not there. Raises ``OSError``."""
    if not folder.is_dir():
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
