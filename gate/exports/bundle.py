"""The auditor's bundle: what it is made of. ``bundle.txt`` beside this module is its description, byte by byte, for
those who check it by hand or write another reader; each bundle carries it as ``README.txt``.

One plain tar. Clear members can be checked by anybody: the description, the gate's verifier key,
the signed checkpoint, proofs of consistency with older ones, wrapped keys, the manifest, and the seal with its
signature. The members of ``log/`` hold numbers and names: each is sealed like a recording, under a fresh key that is
wrapped to the recipient of the bundle. Recordings are the sealed files of the gate, unchanged.

All that is signed the gate makes from its own log. What whoever exports adds is the recordings' keys, closed to the
recipient where the private keys are: they stand behind the signature, in ``wraps.jsonl``, and prove themselves by
opening.

Every byte of the tar is determined: POSIX ustar, plain files, owner 0, time 0, mode 0644, zeros for padding, two blocks
of zeros at the end and nothing after them. Standard tools list and unpack it. The reader makes each header again from
name and size and compares, and looks that padding is zeros: no byte can be changed and mean the same."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from gate.converting import decode
from gate.core.evidence import MOST_LOGS, canonical
from gate.core.rows.audit import ALONE as ALONE
from gate.errors import GateError
from gate.showing import many as many

VERSION: Final = 2

README: Final = "README.txt"
READER: Final = "reader.py"
"""A program that opens and checks a bundle with nothing of Dialgate; bundles made before it was there have none."""
VKEY: Final = "gate.vkey"
PEM: Final = "gate.pem"
CHECKPOINT: Final = "checkpoint.txt"
CONSISTENCY: Final = "consistency.jsonl"
KEYS: Final = "keys.jsonl"
MANIFEST: Final = "manifest.json"
SEAL: Final = "seal.txt"
SIGNATURE: Final = "seal.sig"
CLOSING: Final = (MANIFEST, SEAL, SIGNATURE)
"""The last three members, in this order: the manifest lists all others, the seal the manifest."""

WRAPS: Final = "wraps.jsonl"
"""After them: the recordings' keys, made by whoever exports. Its last line holds the SHA-256 of those before."""

LOGS: Final = (
    "calls.jsonl",
    "calls.csv",
    "decisions.jsonl",
    "decisions.csv",
    "recordings.jsonl",
    "recordings.csv",
    "facts.jsonl",
    "registers.jsonl",
    "leaves.jsonl",
    "recipients.jsonl",
)
"""What is inside ``log/``, each name followed by ``.dgr``."""

RECORDING_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
ANNOUNCEMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}@[A-Za-z0-9][A-Za-z0-9._-]{0,19}")
STATUSES: Final = {
    "included": "in the bundle",
    "restricted": "left out: its processing is restricted",
    "erased": "erased; its receipt is among the facts",
    "erasing": "left out: its erasure has been decided",
    "open": "left out: it was still being recorded",
    "empty": "nothing was recorded",
    "missing": "its sealed file was not where the gate keeps it",
    "elsewhere": "kept by the gate that made it: its own bundle has them",
    "not_asked": "left out by request: the bundle is of evidence alone",
}
"""What became of a recording; the words that ``audit open`` uses. The last two are of bundles over several logs, and of
evidence alone."""
ELSEWHERE: Final = "elsewhere"
NOT_ASKED: Final = "not_asked"

MAX_MANIFEST: Final = 64 << 20
MAX_SMALL: Final = 1 << 20
"""Bytes of the small clear members, which are read whole."""
MAX_SOUND: Final = 64 << 20
MAX_LINE: Final = 16 << 20
MAX_WRAPS: Final = 1 << 30


class BundleError(GateError):
    """Not a bundle, or one that was changed: the one error of the readers."""


@contextmanager
def one_error(what: str) -> Iterator[None]:
    """A guarded boundary: whatever odd values a signer has put into a bundle, its reader meets ``BundleError``."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise BundleError(f"{what} is not written as in a bundle ({type(error).__name__})") from error


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A period: begins at ``since``, ends before ``until`` (stamps of ``core.evidence``)."""

    since: str
    until: str


class To(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recipient: their private key opens the bundle."""

    id: str
    name: str
    purpose: str
    fingerprint: str


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tree head that all proofs lead to; ``root`` in base64, as in the checkpoint."""

    size: int
    root: str


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the bundle."""

    name: str
    size: int
    sha256: str


class OtherLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The log of another gate of the same database: its fields are as the manifest's own."""

    number: Annotated[int, msgspec.Meta(ge=0, lt=MOST_LOGS)]
    log: str
    vkey: str
    checkpoint: Head
    leaves: dict[str, int | None]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.json``."""

    dialgate: Literal["audit bundle"]
    version: Literal[2]
    bundle: str
    """Random id; the subject of the facts ``bundle_exported`` and ``bundle_signed``."""
    made: str
    firm: str
    log: str
    """The log's name, in every checkpoint of it."""
    vkey: str
    period: Period
    recipient: To
    checkpoint: Head
    leaves: dict[str, int | None]
    """``first`` and ``last`` leaf of the period (null where there is none; then ``gap`` is the first leaf after it),
    ``count`` of all that are given."""
    counts: dict[str, int]
    """``calls``, ``decisions``, ``facts`` and ``recordings``; of the recordings as many by status."""
    members: list[Member]
    """In the order of the tar; the closing three are not among them."""
    number: Annotated[int, msgspec.Meta(ge=0, lt=MOST_LOGS)] | UnsetType = UNSET
    """Of a bundle over several logs: that of the log of the gate that made it."""
    others: list[OtherLog] | UnsetType = UNSET
    """And the other logs, by their numbers."""
    evidence_only: Literal[True] | UnsetType = UNSET
    """It has no recordings, because none were asked for."""

    @property
    def logs(self) -> dict[int, OtherLog]:
        """All logs, that of the gate that made it first. Raises ``BundleError`` where one is there twice."""
        own = OtherLog(self.number or 0, self.log, self.vkey, self.checkpoint, self.leaves)
        logs = [own, *(self.others or ())]
        if len({each.number for each in logs}) != len(logs):
            raise BundleError(f"{MANIFEST} lists a log twice")
        return {each.number: each for each in logs}


def manifest_bytes(manifest: Manifest) -> bytes:
    """``manifest.json``: JSON, indented by two, ended by a newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """The inverse, strict. Raises ``BundleError``."""
    try:
        manifest = decode(data, Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if b'"version": 1,' in data[:100]:
            raise BundleError(
                "a bundle of version 1: whoever exported it wrote its manifest, which proves little",
                hint="ask the firm to export the period anew",
            ) from error
        raise BundleError(f"{MANIFEST} is not a manifest: {error}") from error
    if manifest_bytes(manifest) != data:
        raise BundleError(f"{MANIFEST} is not written as a manifest is")
    return manifest


def seal_text(bundle: str, manifest_sha256: str) -> str:
    """``seal.txt``, which is what the gate signs. Its last line is one of ``sha256sum``.

    It can be taken for no checkpoint, which the same key signs: its second line is no number.
    """
    return f"dialgate audit bundle {VERSION}\nbundle {bundle}\n{manifest_sha256}  {MANIFEST}\n"


def wraps_bytes(lines: Iterable[bytes]) -> bytes:
    """``wraps.jsonl``: the lines, and one with the SHA-256 of them, so that damage is found without a key."""
    data = b"".join(lines)
    return data + json_line({"sha256": hashlib.sha256(data).hexdigest()})


def wraps_lines(data: bytes) -> list[bytes]:
    """The inverse, strict. Raises ``BundleError``."""
    lines = data.splitlines(keepends=True)[:-1]
    if wraps_bytes(lines) != data:
        raise BundleError(f"{WRAPS} was changed: it does not end in the SHA-256 of its lines")
    return lines


def reader_source() -> bytes:
    """``reader.py``, as each bundle carries it."""
    return Path(__file__).with_name(READER).read_bytes()


def reader_sha256() -> str:
    """Its digest, which is told by other ways too: the manual, the export's leaf and output."""
    return hashlib.sha256(reader_source()).hexdigest()


def of_log(name: str, number: int | None) -> str:
    """Name of a clear member that another log has too, as that one's; None: of the gate's own."""
    return name if number is None else f"logs/{number}/{name}"


def log_member(name: str) -> str:
    """Name of the member that holds a log."""
    return f"log/{name}.dgr"


def log_id(bundle: str, name: str) -> str:
    """The ``recording_id`` in the header of a sealed log: its key can be taken for no recording's."""
    return f"{bundle}/{name}"


def recording_member(recording_id: str) -> str:
    """Name of the member that holds a recording. Raises ``BundleError`` for an id that cannot be a file's name."""
    if not RECORDING_ID.fullmatch(recording_id):
        raise BundleError(f"a recording cannot be named {recording_id[:80]!r} in a bundle")
    return f"recordings/{recording_id}.dgr"


def announcement_member(name: str) -> str:
    """Name of the member that holds an announcement, ``ID@VERSION``; empty where it cannot be one."""
    return f"announcements/{name}.wav" if ANNOUNCEMENT.fullmatch(name) and ".." not in name else ""


def lines_of(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Lines without their newlines, from chunks cut anywhere; the last one must be ended. Raises ``BundleError``."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE:
            raise BundleError(f"{where} has a line of more than {MAX_LINE} bytes")
    if rest:
        raise BundleError(f"{where} ends in the middle of a line")


def json_line(value: Any) -> bytes:
    """A line of JSON, ended by a newline. Lone surrogates are escaped, so that evidence is never lost to them."""
    return canonical(value) + b"\n"


def from_line(line: bytes, where: str) -> dict[str, Any]:
    """The JSON object of a line. Raises ``BundleError``."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where} holds a line that is not JSON") from error
    if not isinstance(value, dict):
        raise BundleError(f"{where} holds a line that is no object")
    return value


BLOCK: Final = 512
COPY: Final = 1 << 20
MAX_MEMBER: Final = 8 << 30
"""Bytes that a ustar header can name (eleven octal digits); exclusive."""
END: Final = bytes(2 * BLOCK)


def header(name: str, size: int) -> bytes:
    """The one header there can be. Raises ``BundleError`` for a name or size that it cannot hold."""
    if size >= MAX_MEMBER:
        raise BundleError(
            f"{name} has {size} bytes, more than a bundle can hold in one file", hint="shorten the period"
        )
    entry = tarfile.TarInfo(name)
    entry.size = size
    try:
        return entry.tobuf(format=tarfile.USTAR_FORMAT, encoding="ascii", errors="strict")
    except ValueError as error:
        raise BundleError(f"{name[:100]!r} cannot be the name of a member") from error


class TarWriter:
    """Members one after the other into a seekable file; ``members`` lists them with size and digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Iterator[CountedFile]:
        """A member of a size not known yet: its header is written when the block has ended."""
        start = self._file.tell()
        self._file.write(bytes(BLOCK))
        writer = CountedFile(self._file)
        yield writer
        self._file.write(bytes(-writer.size % BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(header(name, writer.size))
        self._file.seek(end)
        self.members.append(Member(name, writer.size, writer.digest.hexdigest()))

    def add(self, name: str, data: bytes) -> None:
        """A small member."""
        with self.member(name) as member:
            member.write(data)

    def turn_to(self, file: BinaryIO) -> None:
        """The members that follow go into another file: the two, one after the other, are parts of the tar."""
        self._file = file

    def elsewhere(self, name: str, size: int, sha256: str) -> None:
        """A member that somebody else will put between two parts."""
        header(name, size)
        self.members.append(Member(name, size, sha256))

    def finish(self) -> None:
        """The end of the tar."""
        self._file.write(END)


class CountedFile:
    """A file, counted and digested as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append."""
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)

    def copy(self, source: BinaryIO) -> None:
        """Append a whole file."""
        while block := source.read(COPY):
            self.write(block)


class Entry:
    """Where a member lies in the tar."""

    def __init__(self, file: BinaryIO, name: str, start: int, size: int) -> None:
        self._file = file
        self.name = name
        self.start = start
        self.size = size

    def read(self, limit: int) -> bytes:
        """All of it. Raises ``BundleError`` where it has more than ``limit`` bytes."""
        if self.size > limit:
            raise BundleError(f"{self.name} has {self.size} bytes, more than such a file can have")
        self._file.seek(self.start)
        return self._exactly(self.size)

    def blocks(self) -> Iterator[bytes]:
        """All of it, in pieces of a mebibyte; other members may be read in between."""
        done = 0
        while done < self.size:
            self._file.seek(self.start + done)
            block = self._exactly(min(COPY, self.size - done))
            done += len(block)
            yield block

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise BundleError(f"the bundle ends in the middle of {self.name}")
        return data


def entries(file: BinaryIO) -> list[Entry]:
    """The members of a tar that ``TarWriter`` has made; their contents are not looked at, all else is.

    Raises ``BundleError`` for any byte that the writer does not write there.
    """
    end = file.seek(0, os.SEEK_END)
    found: list[Entry] = []
    names: set[str] = set()
    place = 0
    while True:
        file.seek(place)
        head = file.read(BLOCK)
        if len(head) < BLOCK:
            raise BundleError("the bundle is cut off: it has no end mark")
        if head == END[:BLOCK]:
            break
        entry = _entry(file, head, place)
        after = entry.start + entry.size + (-entry.size % BLOCK)
        if after > end:
            raise BundleError(f"the bundle ends in the middle of {entry.name}")
        file.seek(entry.start + entry.size)
        if any(file.read(after - entry.start - entry.size)):
            raise BundleError(f"the padding after {entry.name} was changed")
        if entry.name in names:
            raise BundleError(f"{entry.name} is in the bundle twice")
        names.add(entry.name)
        found.append(entry)
        place = after
    file.seek(place)
    if file.read(len(END) + 1) != END:
        raise BundleError("the end of the bundle was changed: there is more, or less, than its end mark")
    return found


def _entry(file: BinaryIO, head: bytes, place: int) -> Entry:
    try:
        name = head[:100].rstrip(b"\0").decode("ascii")
        size = int(head[124:135], 8)
    except ValueError as error:
        raise BundleError(f"not a bundle: no header of a member at byte {place}") from error
    if not 0 <= size < MAX_MEMBER or not name or header(name, size) != head:
        raise BundleError(f"not a bundle, or changed: the header of a member at byte {place} is not what it must be")
    return Entry(file, name, place + BLOCK, size)
