"""Writing an auditor's bundle: the gate's part (``write_parts``), one pass over the period's calls, facts and leaves,
then the recordings; and what whoever exports makes of it (``assemble``).

Memory is bounded: rows and leaves stream; what is kept is eight bytes for each fact outside the period's own run of
leaves, and one small row for each recording. What waits beside the output while it is made is sealed already.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from gate.core.evidence import Checkpoint, index_of, leaf_key, leaf_name, log_of, parse_checkpoint
from gate.core.facts.lists import RegisterImported
from gate.core.facts.retention import FactsErased
from gate.core.rows.keys import RegisteredKey
from gate.exports import bundle as form
from gate.exports import bundle_rows as rows
from gate.exports.bundle import COPY, BundleError, TarWriter
from gate.exports.bundle_rows import BundleRow, FactRow, RecordingRow
from gate.store.slices import LogSlice
from gate.types import Progress
from gate.vault.sealer import Seal

CHUNK: Final = 256 * 1024
"""Bytes of a log that are sealed at once."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that goes out: its sealed file."""

    recording_id: str
    key_id: str
    path: Path
    sha256: str
    """In the log."""
    size: int | None = None
    """In the log, of one that may lie in the bucket alone: then it is not read before it is put into the bundle."""


@dataclass(frozen=True, slots=True)
class OtherHead:
    """A log of another gate that goes out too: its fields are as the gate's own in ``Contents``."""

    number: int
    vkey: str
    pem: bytes
    checkpoint: str
    older: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes out, besides the log itself."""

    bundle: str
    made: str
    firm: str
    vkey: str
    pem: bytes
    checkpoint: str
    """The signed note."""
    period: form.Period
    recipient: form.To
    recipients: Sequence[RegisteredKey]
    """The key list: rows with public parts."""
    statuses: Mapping[str, tuple[str, str]]
    """Recording -> (one of ``bundle.STATUSES``, why)."""
    sound: Callable[[str], Path | None] = lambda name: None
    """An announcement's WAV by ``ID@VERSION``; None where it is not kept any more."""
    older: Collection[int] = field(default_factory=tuple)
    """Sizes of older checkpoints that somebody holds."""
    number: int | UnsetType = UNSET
    """Of the gate's log, where others go out with it."""
    others: Sequence[OtherHead] = ()
    """Those others."""
    evidence_only: bool = False
    """No recordings are asked for."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a bundle the gate has made: all but the recordings, their keys, and the signature."""

    manifest: form.Manifest
    sha256: str
    """SHA-256 of the manifest, in hexadecimal: what is to be signed."""
    size: int
    """Bytes of the manifest."""
    damaged: list[str]
    """Recordings whose sealed file is not the one of the log: they go out as they are, and the reader finds it."""


def write_parts(
    head: BinaryIO,
    tail: BinaryIO,
    contents: Contents,
    log: LogSlice,
    recorded: Iterable[Recorded],
    *,
    seal: Callable[[str], Seal],
    folder: Path,
    progress: Progress | None = None,
    beside: Sequence[LogSlice] = (),
) -> Parts:
    """Write what stands before the recordings into ``head`` and what stands after them into ``tail``, up to the seal;
    both are seekable and empty. The recordings are read for their digests, and not copied.

    ``seal(id)`` makes a key for a log; ``folder`` takes sealed files while they wait; ``beside``: the slices of
    ``contents.others``. Raises ``BundleError`` where something was erased meanwhile, and what the others raise.
    """
    quiet: Progress = lambda done, what: None  # noqa: E731
    return _Writing(head, tail, contents, (log, *beside), recorded, seal, folder, progress or quiet).run()


def add_signature(tail: BinaryIO, signature: bytes) -> None:
    """The last thing that the gate writes."""
    tail.seek(0, 2)
    TarWriter(tail).add(form.SIGNATURE, signature)


def assemble(
    file: BinaryIO,
    head: BinaryIO,
    tail: BinaryIO,
    recordings: Iterable[tuple[str, Path, str]],
    wraps: Iterable[bytes],
    progress: Callable[[int], None] = lambda done: None,
    damaged: Collection[str] = (),
) -> None:
    """The bundle from its parts, as whoever exports does it: recordings by (id, sealed file, SHA-256 in the log) in
    their order, each looked at when it is its turn; ``wraps`` the lines of ``WRAPS``. Raises ``BundleError`` where a
    file is not the one in the log, and ``damaged`` does not name it."""
    tar = TarWriter(file)
    shutil.copyfileobj(head, file, COPY)
    for done, (recording_id, path, sha256) in enumerate(recordings, 1):
        with path.open("rb") as sealed, tar.member(form.recording_member(recording_id)) as member:
            member.copy(sealed)
        if member.digest.hexdigest() != sha256 and recording_id not in damaged:
            raise BundleError(
                f"the file of recording {recording_id} is not the one whose digest is in the log",
                hint=f"dialgate recording verify {recording_id}",
            )
        progress(done)
    shutil.copyfileobj(tail, file, COPY)
    tar.add(form.WRAPS, form.wraps_bytes(wraps))
    tar.finish()


def wrap_line(what: str, key_id: str, recipient: str, wrap: bytes) -> bytes:
    """A line of ``KEYS`` or ``WRAPS``."""
    return form.json_line({"id": what, "key_id": key_id, "recipient": recipient, "wrap": _base64(wrap)})


class _SealedLog:
    """One of the logs on its way into a sealed file."""

    def __init__(self, name: str, key: Seal, path: Path) -> None:
        self.name = name
        self.key = key
        self.path = path
        self._file = key.create(path)
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= CHUNK:
            self._file.write_chunk(bytes(self._waiting[:CHUNK]))
            del self._waiting[:CHUNK]

    def close(self) -> None:
        if self._waiting:
            self._file.write_chunk(bytes(self._waiting))
        self._file.close({"log": self.name})

    def abandon(self) -> None:
        self._file.abandon()


class _Writing:
    def __init__(
        self,
        head: BinaryIO,
        tail: BinaryIO,
        contents: Contents,
        logs: Sequence[LogSlice],
        recorded: Iterable[Recorded],
        seal: Callable[[str], Seal],
        folder: Path,
        progress: Progress,
    ) -> None:
        self._tar = TarWriter(head)
        self._tail = tail
        self._contents = contents
        self._log = logs[0]
        self._logs = {each.number: each for each in logs}
        self._recorded = recorded
        self._seal = seal
        self._folder = folder
        self._progress = progress
        told = {form.ELSEWHERE: len(logs) > 1, form.NOT_ASKED: contents.evidence_only}
        statuses = [each for each in form.STATUSES if told.get(each, True)]
        self._counts = dict.fromkeys(("calls", "decisions", "facts", "recordings", *statuses), 0)
        self._runs = {number: each.run for number, each in self._logs.items()}
        self._outside: dict[int, array[int]] = {number: array("Q") for number in self._logs}
        """Of each log, leaves of facts outside of its run."""
        self._keys: list[bytes] = []
        """Wraps of the logs' keys."""
        self._emptied: set[int] = set()
        self._receipts: set[int] = set()
        self._played: set[str] = set()
        """Announcements of the recordings that go out."""
        self._damaged: list[str] = []

    def run(self) -> Parts:
        contents, tar = self._contents, self._tar
        tar.add(form.README, rows.description())
        tar.add(form.READER, form.reader_source())
        tar.add(form.VKEY, contents.vkey.encode() + b"\n")
        tar.add(form.PEM, contents.pem)
        tar.add(form.CHECKPOINT, contents.checkpoint.encode())
        self._consistency(self._log, contents.older)
        for other in contents.others:
            tar.add(form.of_log(form.VKEY, other.number), other.vkey.encode() + b"\n")
            tar.add(form.of_log(form.PEM, other.number), other.pem)
            tar.add(form.of_log(form.CHECKPOINT, other.number), other.checkpoint.encode())
            self._consistency(self._logs[other.number], other.older, other.number)
        with ExitStack() as stack:
            logs = {name: self._new_log(name, stack) for name in form.LOGS}
            self._calls(logs)
            self._others(logs)
            leaves = self._leaves(logs["leaves.jsonl"])
            for row in contents.recipients:
                logs["recipients.jsonl"].write(form.json_line(asdict(row)))
            for each in logs.values():
                each.close()
                with each.path.open("rb") as sealed, tar.member(form.log_member(each.name)) as member:
                    member.copy(sealed)
                each.path.unlink()
        self._recordings()
        tar.turn_to(self._tail)
        self._announcements()
        self._wraps()
        return self._close(leaves)

    def _new_log(self, name: str, stack: ExitStack) -> _SealedLog:
        key = self._seal(form.log_id(self._contents.bundle, name))
        log = _SealedLog(name, key, self._folder / name)
        stack.callback(log.abandon)
        self._keys.append(wrap_line(form.log_id(self._contents.bundle, name), key.key_id, *key.wraps[0]))
        return log

    def _consistency(self, log: LogSlice, older: Collection[int], number: int | None = None) -> None:
        with self._tar.member(form.of_log(form.CONSISTENCY, number)) as member:
            for size, root, note, proof in log.heads(older):
                line = {"size": size, "root": _base64(root), "proof": _base64(b"".join(proof)), "note": note}
                member.write(form.json_line(line))

    def _calls(self, logs: Mapping[str, _SealedLog]) -> None:
        logs["calls.csv"].write(rows.csv_head(rows.COLUMNS["calls"]))
        logs["decisions.csv"].write(rows.csv_head(rows.COLUMNS["decisions"]))
        logs["recordings.csv"].write(rows.csv_head(rows.COLUMNS["recordings"]))
        total = self._log.count_calls()
        for call_id, raw in self._log.calls():
            facts = [FactRow(*each) for each in raw]
            call = rows.call_row(call_id, facts)
            line = {"call": asdict(call), "facts": [self._fact(fact) for fact in facts]}
            logs["calls.jsonl"].write(form.json_line(line))
            logs["calls.csv"].write(rows.csv_lines(rows.COLUMNS["calls"], [call]))
            decisions = rows.decision_rows(facts)
            _both(logs, "decisions", decisions)
            recordings = [self._status(row) for row in rows.recording_rows(facts)]
            _both(logs, "recordings", recordings)
            self._counts["calls"] += 1
            self._counts["decisions"] += len(decisions)
            self._counts["recordings"] += len(recordings)
            if self._counts["calls"] % 200 == 0:
                self._progress(
                    0.3 * self._counts["calls"] / max(total, 1), f"{form.many(self._counts['calls'], 'call')}"
                )

    def _status(self, row: RecordingRow) -> RecordingRow:
        status, why = self._contents.statuses.get(row.recording_id, ("open", "it began after the export did"))
        self._counts[status] += 1
        if status == "included":
            self._played.add(rows.announcement_of(row.announcement, row.announcement_version))
        return replace(row, status=status, why=why)

    def _others(self, logs: Mapping[str, _SealedLog]) -> None:
        for raw in chain.from_iterable(each.others(self._contents.bundle) for each in self._in_order()):
            fact = FactRow(*raw)
            logs["facts.jsonl"].write(form.json_line(self._fact(fact)))
            if fact.kind == RegisterImported.kind:
                logs["registers.jsonl"].write(form.json_line(asdict(rows.register_row(fact))))
            if fact.kind == FactsErased.kind:
                self._receipts.update(rows.emptied_by(fact))
        if left := self._emptied - self._receipts:
            raise BundleError(
                f"fact {leaf_name(min(left))} is empty, and no receipt for it is in the log up to the checkpoint",
                hint="if somebody's data was erased just now, export again; else see: dialgate audit verify",
            )

    def _in_order(self) -> list[LogSlice]:
        return [each for _, each in sorted(self._logs.items())]

    def _fact(self, fact: FactRow) -> dict[str, Any]:
        self._counts["facts"] += 1
        number, index = log_of(fact.leaf), index_of(fact.leaf)
        if index not in self._runs[number]:
            self._outside[number].append(index)
        erased = fact.body is None or fact.salt is None
        if erased:
            self._emptied.add(fact.leaf)
        return rows.fact_value(fact, self._logs[number].leaf(index) if erased else None)

    def _leaves(self, log: _SealedLog) -> dict[int, dict[str, int | None]]:
        """Of each log: the first and the last leaf of the period, and how many leaves are given."""
        outside = {number: array("Q", sorted(set(found))) for number, found in self._outside.items()}
        total, count = sum(map(len, (*self._runs.values(), *outside.values()))), 0
        given: dict[int, dict[str, int | None]] = {}
        for each in self._in_order():
            before = count
            for index, leaf, proof in each.leaves(outside[each.number]):
                # A leaf is canonical JSON: as text it stands in a line, and comes back to the byte.
                line = rows.leaf_value(leaf_key(each.number, index))
                log.write(form.json_line(line | {"leaf": leaf.decode(), "proof": _base64(b"".join(proof))}))
                count += 1
                if count % 4096 == 0:
                    self._progress(0.3 + 0.3 * count / total, f"{count:,} of {form.many(total, 'leaf')}")
            first, last = each.bounds
            given[each.number] = {"first": first, "last": last, "gap": each.gap, "count": count - before}
        return given

    def _recordings(self) -> None:
        total = max(self._counts["included"], 1)
        for done, each in enumerate(self._recorded, 1):
            try:
                with each.path.open("rb") as sealed:
                    digest, size = hashlib.file_digest(sealed, "sha256").hexdigest(), sealed.tell()
            except FileNotFoundError:
                if each.size is None:
                    raise
                digest, size = each.sha256, each.size
            self._tar.elsewhere(form.recording_member(each.recording_id), size, digest)
            if digest != each.sha256:
                self._damaged.append(each.recording_id)
            self._progress(0.6 + 0.4 * done / total, f"{done:,} of {form.many(total, 'recording')}")

    def _announcements(self) -> None:
        for name in sorted(self._played):
            member, path = form.announcement_member(name), self._contents.sound(name)
            if member and path is not None:
                with path.open("rb") as wav, self._tar.member(member) as writer:
                    writer.copy(wav)

    def _wraps(self) -> None:
        with self._tar.member(form.KEYS) as member:
            for line in self._keys:
                member.write(line)

    def _close(self, leaves: dict[int, dict[str, int | None]]) -> Parts:
        contents = self._contents
        head = _head(contents.checkpoint)
        others = []
        for each in contents.others:
            its = _head(each.checkpoint)
            newest = form.Head(its.size, _base64(its.root))
            others.append(form.OtherLog(each.number, its.origin, each.vkey, newest, leaves[each.number]))
        manifest = form.Manifest(
            dialgate="audit bundle",
            version=form.VERSION,
            bundle=contents.bundle,
            made=contents.made,
            firm=contents.firm,
            log=head.origin,
            vkey=contents.vkey,
            period=contents.period,
            recipient=contents.recipient,
            checkpoint=form.Head(head.size, _base64(head.root)),
            leaves=leaves[self._log.number],
            counts=self._counts,
            members=list(self._tar.members),
            number=contents.number,
            others=others or UNSET,
            evidence_only=contents.evidence_only or UNSET,
        )
        data = form.manifest_bytes(manifest)
        digest = hashlib.sha256(data).hexdigest()
        self._tar.add(form.MANIFEST, data)
        self._tar.add(form.SEAL, form.seal_text(contents.bundle, digest).encode())
        return Parts(manifest, digest, len(data), self._damaged)


def _both(logs: Mapping[str, _SealedLog], name: str, found: Sequence[BundleRow]) -> None:
    for row in found:
        logs[f"{name}.jsonl"].write(form.json_line(asdict(row)))
    logs[f"{name}.csv"].write(rows.csv_lines(rows.COLUMNS[name], found))


def _head(note: str) -> Checkpoint:
    return parse_checkpoint(note.partition("\n\n")[0] + "\n")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def waiting_room(beside: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder beside the output for what waits: on the same disk, for its owner only, gone when it is left."""
    return tempfile.TemporaryDirectory(dir=beside.parent, prefix=f".{beside.name}.", suffix=".part")
