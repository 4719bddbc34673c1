"""Reading an auditor's bundle, and what can be said of it without a private key.

``open_bundle`` looks at every byte of the file: container, members against the manifest, manifest against the seal,
seal against the gate's key, checkpoint and proofs of consistency. What it gives is what was signed.

Each leaf of a bundle is proven to be in the signed log; which of them its facts have met is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from gate.core.evidence import (
    HASH_SIZE,
    Checkpoint,
    EvidenceError,
    days_between,
    index_of,
    leaf_hash,
    leaf_name,
    log_of,
    parse_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from gate.core.facts.calls import Answered, CallIn, Connected, Decision, Ended
from gate.core.facts.recordings import RecordingClosed, RecordingOpened
from gate.errors import GateError, NoteInvalid
from gate.exports import bundle as form
from gate.exports.bundle import BundleError, Entry, entries
from gate.exports.bundle_rows import read_leaf
from gate.showing import local
from gate.types import Progress
from gate.vault.signing import cosigned_at, public_pem, verify_note, verify_signature


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    text: str
    """One sentence in plain words; no numbers, no names of persons."""

    def as_json(self) -> dict[str, Any]:
        """The report as ``--json`` prints it."""
        return {"check": self.name, "holds": self.ok, "text": self.text}


@dataclass(slots=True)
class Findings:
    """What holds and what does not."""

    checks: list[Check] = field(default_factory=list)

    def holds(self, name: str, text: str) -> None:
        """It does."""
        self.checks.append(Check(name, True, text))

    def fails(self, name: str, text: str) -> None:
        """It does not."""
        self.checks.append(Check(name, False, text))

    @property
    def ok(self) -> bool:
        """All of it holds."""
        return all(check.ok for check in self.checks)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every byte is the signed one."""

    manifest: form.Manifest
    members: dict[str, Entry]
    checkpoints: dict[int, Checkpoint]
    """The newest head of each log, by the log's number; of the gate that made the bundle first."""

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """The JSON lines of a clear member. Raises ``BundleError``."""
        for line in form.lines_of(self.members[name].blocks(), name):
            yield form.from_line(line, name)

    @property
    def recordings(self) -> list[str]:
        """Names of the members that hold recordings, in their order."""
        return [name for name in self.members if name.startswith("recordings/")]

    def wraps(self) -> Iterator[dict[str, Any]]:
        """The recordings' keys, which are not signed. Raises ``BundleError``."""
        for line in form.wraps_lines(self.members[form.WRAPS].read(form.MAX_WRAPS)):
            yield form.from_line(line, form.WRAPS)


def open_bundle(
    file: BinaryIO,
    findings: Findings,
    *,
    vkeys: Sequence[str] = (),
    older: Sequence[tuple[str, str]] = (),
    witnesses: Sequence[str] = (),
    progress: Progress | None = None,
) -> Bundle:
    """The bundle, and in ``findings`` what was looked at.

    ``vkeys`` are the gates' verifier keys as they are known from elsewhere; without one the bundle's own is used, which
    shows only that the bundle was not changed since somebody signed it. ``older`` are checkpoints from elsewhere, as
    (where, signed note); ``witnesses`` the verifier keys of those who must have seen the logs. Raises ``BundleError``
    where the file is no bundle, or not the one that was signed: then nothing of it is to be believed.
    """
    found = {entry.name: entry for entry in entries(file)}
    manifest = _manifest(found, findings, vkeys)
    _members(found, manifest, findings, progress)
    with form.one_error("what the manifest lists"):
        checkpoints = {}
        for log in manifest.logs.values():
            checkpoints[log.number] = _checkpoint(found, manifest, log, findings, vkeys)
        for vkey in vkeys:
            if not any(vkey == log.vkey for log in manifest.logs.values()):
                findings.fails("log_missing", f"The bundle has nothing of the log that is signed with {vkey}.")
        bundle = Bundle(manifest, found, checkpoints)
        heads = {log.number: _consistency(bundle, log, findings) for log in manifest.logs.values()}
        for where, note in older:
            _older(bundle, heads, where, note, findings)
        for key in witnesses:
            for log in manifest.logs.values():
                _witnessed(bundle, log, key, findings)
    return bundle


def place_of_log(manifest: form.Manifest, log: form.OtherLog) -> int | None:
    """Where the clear members of a log are (``bundle.of_log``)."""
    return None if log.number == (manifest.number or 0) else log.number


def named(manifest: form.Manifest, number: int) -> str:
    """How a sentence about a log begins, where there is more than one."""
    return f"Log {number}: " if manifest.others else ""


def _manifest(found: dict[str, Entry], findings: Findings, vkeys: Sequence[str]) -> form.Manifest:
    if form.MANIFEST in found:
        form.parse_manifest(found[form.MANIFEST].read(form.MAX_MANIFEST))  # an older form is told as such
    for name in (*form.CLOSING, form.WRAPS):
        if name not in found:
            raise BundleError(f"not a bundle of Dialgate, or cut off: it has no {name}")
    data = found[form.MANIFEST].read(form.MAX_MANIFEST)
    manifest = form.parse_manifest(data)
    seal = found[form.SEAL].read(form.MAX_SMALL)
    if seal != form.seal_text(manifest.bundle, hashlib.sha256(data).hexdigest()).encode():
        raise BundleError(f"{form.MANIFEST} is not the one that {form.SEAL} speaks of: one of them was changed")
    if manifest.counts.get("included" if manifest.evidence_only else form.NOT_ASKED):
        raise BundleError(f"{form.MANIFEST} has another word than its counts on whether recordings were asked for")
    if manifest.evidence_only:
        findings.holds("evidence_only", form.ALONE)
    vkey = manifest.vkey if manifest.vkey in vkeys else "".join(vkeys[:1])
    trusted = vkey or manifest.vkey
    try:
        verify_signature(seal, found[form.SIGNATURE].read(form.MAX_SMALL), trusted)
    except (GateError, ValueError) as error:
        other = vkey and vkey != manifest.vkey
        named = f"; the bundle names another key, {manifest.vkey}" if other else ""
        raise BundleError(
            f"the signature does not hold under {trusted}{named}",
            hint="the bundle was changed, or another gate made it: believe nothing of it",
        ) from error
    if vkey:
        findings.holds("key", f"The gate's key is the one you gave: {vkey}")
    else:
        findings.holds(
            "key",
            f"The gate's key was trusted on first sight, because none was given: {trusted}. "
            "Compare it with one from another way (on the gate: dialgate audit key).",
        )
    findings.holds("seal", "The manifest is signed with that key.")
    return manifest


def _members(found: dict[str, Entry], manifest: form.Manifest, findings: Findings, progress: Progress | None) -> None:
    names = [member.name for member in manifest.members]
    if list(found) != [*names, *form.CLOSING, form.WRAPS]:
        lacking = "".join(f": {name[:80]} is missing" for name in [name for name in names if name not in found][:1])
        raise BundleError(f"the files in the bundle are not those of the manifest, in its order{lacking}")
    recordings = [name for name in names if name.startswith("recordings/")]
    logs = [form.log_member(name) for name in form.LOGS]
    reader = [form.READER] if form.READER in names else []
    heads = (form.VKEY, form.PEM, form.CHECKPOINT, form.CONSISTENCY)
    places = [place_of_log(manifest, log) for log in manifest.logs.values()]
    first = [form.README, *reader, *(form.of_log(name, place) for place in places for name in heads)]
    sounds = [name for name in names if name.startswith("announcements/")]
    for name in (*recordings, *sounds):
        folder, _, inner = name.partition("/")
        bare = inner.rpartition(".")[0]
        if name != (form.announcement_member(bare) if folder == "announcements" else form.recording_member(bare)):
            raise BundleError(f"the manifest lists {name[:80]!r}, which cannot be the name of a member")
    if names != (wanted := [*first, *logs, *recordings, *sounds, form.KEYS]):
        lacking = "".join(f": there is no {name}" for name in [name for name in wanted if name not in names][:1])
        raise BundleError(f"the manifest does not list what a bundle holds{lacking}")
    total, done = sum(member.size for member in manifest.members) or 1, 0
    for member in manifest.members:
        entry, digest = found[member.name], hashlib.sha256()
        if entry.size != member.size:
            raise BundleError(f"{member.name} has {entry.size} bytes, the manifest says {member.size}")
        for block in entry.blocks():
            digest.update(block)
            done += len(block)
            if progress:
                progress(done / total, member.name)
        if digest.hexdigest() != member.sha256:
            raise BundleError(f"{member.name} was changed: its SHA-256 is not the one in the manifest")
    findings.holds("files", f"All {len(names)} files are those of the manifest, byte for byte.")
    form.wraps_lines(found[form.WRAPS].read(form.MAX_WRAPS))


def _checkpoint(
    found: dict[str, Entry], manifest: form.Manifest, log: form.OtherLog, findings: Findings, vkeys: Sequence[str]
) -> Checkpoint:
    place = place_of_log(manifest, log)
    for each, wanted in ((form.VKEY, log.vkey.encode() + b"\n"), (form.PEM, public_pem(log.vkey))):
        if found[form.of_log(each, place)].read(form.MAX_SMALL) != wanted:
            raise BundleError(f"{form.of_log(each, place)} is not the key of the manifest")
    name, which = form.of_log(form.CHECKPOINT, place), named(manifest, log.number)
    checkpoint = read_note(found[name].read(form.MAX_SMALL), log.vkey, name)
    head = form.Head(checkpoint.size, base64.b64encode(checkpoint.root).decode())
    if checkpoint.origin != log.log or head != log.checkpoint:
        raise BundleError(f"{name} is not the checkpoint of the manifest")
    if place is not None:
        known = "which you gave" if log.vkey in vkeys else "as the gate that made the bundle knows it; compare it"
        findings.holds("key", f"{which}its gate's key is {log.vkey}, {known}.")
    findings.holds(
        "checkpoint",
        f"{which}The checkpoint is signed with that key: {form.many(checkpoint.size, 'entry')} of the log "
        f"{checkpoint.origin}.",
    )
    return checkpoint


def _witnessed(bundle: Bundle, log: form.OtherLog, key: str, findings: Findings) -> None:
    """Whether this witness has cosigned the checkpoint of a log."""
    name, which = key.partition("+")[0], named(bundle.manifest, log.number)
    note = bundle.members[form.of_log(form.CHECKPOINT, place_of_log(bundle.manifest, log))]
    try:
        at = cosigned_at(note.read(form.MAX_SMALL).decode(), key)
    except NoteInvalid as error:
        findings.fails("witness", f"{which}The witness {name} has not signed the checkpoint: {error}.")
    else:
        when = local(at.isoformat())
        findings.holds(
            "witness", f"{which}The witness {name} saw the log at this checkpoint on {when}, and signed that."
        )


def read_note(note: bytes | str, vkey: str, where: str) -> Checkpoint:
    """A signed checkpoint. Raises ``BundleError``."""
    try:
        text = note if isinstance(note, str) else note.decode()
        return parse_checkpoint(verify_note(text, vkey))
    except (GateError, ValueError) as error:
        raise BundleError(f"{where} is not a checkpoint signed with {vkey}: {error}") from error


def proof_of(text: Any, where: str) -> list[bytes]:
    """A proof from its text: base64 of its hashes, one after the other. Raises ``BundleError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BundleError(f"{where}: a proof is not base64") from error
    if len(data) % HASH_SIZE or len(data) > 64 * HASH_SIZE:
        raise BundleError(f"{where}: a proof is no row of hashes")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def _consistency(bundle: Bundle, log: form.OtherLog, findings: Findings) -> dict[int, bytes]:
    """Roots of the older sizes from which the log is shown to have grown."""
    heads: dict[int, bytes] = {}
    head, which = bundle.checkpoints[log.number], named(bundle.manifest, log.number)
    fell = False
    name = form.of_log(form.CONSISTENCY, place_of_log(bundle.manifest, log))
    for line in bundle.lines(name):
        try:
            size, root = line["size"], base64.b64decode(line["root"], validate=True)
            if type(size) is not int or not isinstance(line["note"], str | None):
                raise TypeError("a field of another type")
            held = verify_consistency(size, root, head.size, head.root, proof_of(line["proof"], name))
        except (KeyError, TypeError, ValueError, EvidenceError) as error:
            raise BundleError(f"{name} holds a line that is no head: {error}") from error
        if not held:
            told = f"{which}The log did not grow from its {form.many(size, 'entry')} at an older checkpoint."
            findings.fails("consistency", told)
            fell = True
            continue
        if line["note"] is not None:
            noted = read_note(line["note"], log.vkey, f"checkpoint {size}")
            if (noted.origin, noted.size, noted.root) != (head.origin, size, root):
                findings.fails("consistency", f"{which}Checkpoint {size:,} is not what its note says.")
                fell = True
                continue
        heads[size] = root
    if heads and not fell:
        since = f"{form.many(len(heads), 'older checkpoint')} (the first: {form.many(min(heads), 'entry')})"
        findings.holds("consistency", f"{which}The log has only grown since {since}.")
    return heads


def _of_its_log(bundle: Bundle, where: str, note: str) -> tuple[int, Checkpoint]:
    """The log whose key has signed a checkpoint, and that. Raises ``BundleError`` where it is of none."""
    faults = []
    for log in bundle.manifest.logs.values():
        try:
            return log.number, read_note(note, log.vkey, where)
        except BundleError as error:
            faults.append(error)
    raise faults[0]


def _older(bundle: Bundle, of_logs: dict[int, dict[int, bytes]], where: str, note: str, findings: Findings) -> None:
    """A checkpoint that the reader has from elsewhere."""
    try:
        log, known = _of_its_log(bundle, where, note)
    except BundleError as error:
        findings.fails("older_checkpoint", f"{error.message}.")
        return
    head, heads = bundle.checkpoints[log], of_logs[log]
    if known.origin != head.origin:
        findings.fails("older_checkpoint", f"{where} is of another log: {known.origin}.")
        return
    root = head.root if known.size == head.size else heads.get(known.size)
    if root == known.root:
        findings.holds(
            "older_checkpoint", f"The log has grown from {where} ({form.many(known.size, 'entry')}), and only grown."
        )
    elif root is not None:
        findings.fails(
            "older_checkpoint",
            f"The log was rewritten: {where} was signed over {form.many(known.size, 'entry')}, and the log begins "
            "otherwise.",
        )
    elif known.size > head.size:
        findings.fails(
            "older_checkpoint",
            f"{where} is newer than the bundle ({form.many(known.size, 'entry')} against {head.size:,}): the bundle "
            "cannot show anything about it.",
        )
    else:
        findings.fails(
            "older_checkpoint",
            f"The bundle holds no proof from {where} ({form.many(known.size, 'entry')}): ask for one made with it "
            "(dialgate audit export --checkpoint FILE).",
        )


_CALLS: Final = tuple(each.kind for each in (Decision, CallIn, Answered, Connected, Ended))
_RECORDINGS: Final = (RecordingOpened.kind, RecordingClosed.kind)
_STRAY: Final = (
    "The gate's clock was set back, or was wrong: these calls are in the bundle of the time that they are dated. "
    "Ask for it."
)
_BESIDE: Final = (
    "The gate's clock was set back, or was wrong: what was kept there, calls too, may be in no bundle but that of the "
    "time that it is dated. Ask for it."
)
SHOWN: Final = 5
"""Places named in a sentence, at most."""


class Faults:
    """Places where one kind of thing does not hold."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, place: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(place)

    def report(self, findings: Findings, name: str, holds: str, fails: str) -> None:
        """What came of it."""
        if self.count:
            more = " and more" if self.count > len(self.first) else ""
            findings.fails(name, f"{fails}: {', '.join(self.first)}{more}.")
        else:
            findings.holds(name, holds)


class Strays:
    """Leaves that were kept within a period and are dated more than a day before or after it: their facts go with that
    other time, so that a clock that was set back for a while would take calls out of the period.

    What had to wait for room in the store keeps its own time, so a day is let pass.
    """

    def __init__(self, since: str, until: str) -> None:
        self._since, self._until = since, until
        self.count = 0
        self.calls = 0
        """Those of them that tell of calls."""
        self._first = ""
        self.beside = ""
        """The leaf beside the period that is dated on its wrong side, or empty: others like it may lie behind it, where
        this bundle shows nothing, and the one of the next period neither."""

    def border(self, index: int, leaf: str, *, before: bool) -> None:
        """The leaf before the period's first, or after its last. Before it a call alone tells: a log of calls that were
        made before the gate begins with a later day."""
        value = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")
        at, call = str(value["at"]), value.get("kind") in (*_CALLS, *_RECORDINGS)
        if (call and days_between(self._until, at) > 1) if before else days_between(at, self._since) > 1:
            side = "before" if before else "after"
            self.beside = f"The entry {side} those of the period, leaf {index:,}, is dated {at[:10]}"

    def add(self, index: int, leaf: str) -> None:
        """A leaf whose time is not in the period."""
        value = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")
        at, call = str(value["at"]), value.get("kind") in _CALLS
        if max(days_between(at, self._since), days_between(self._until, at)) > 1:
            if call > bool(self.calls) or not self._first:
                self._first = f"leaf {index:,} of {at[:10]}"
            self.count, self.calls = self.count + 1, self.calls + call

    @property
    def summary(self) -> str:
        """How many, and one of them."""
        return f"{form.many(self.count, 'entry', 'is')} dated outside of the period ({self._first})"


def first_to_last(numbers: dict[str, Any], index: int) -> bool:
    """Whether a leaf lies within those of the period, and not beside them."""
    first, last = numbers.get("first"), numbers.get("last")
    return isinstance(first, int) and isinstance(last, int) and first < index < last


class Leaves:
    """The leaves of a bundle, of each log by itself; facts and leaves name them by their keys."""

    def __init__(self, bundle: Bundle) -> None:
        self._manifest = bundle.manifest
        self._period = bundle.manifest.period
        self._logs = {
            number: _LogLeaves(head, self._period, bundle.manifest.logs[number].leaves, named(bundle.manifest, number))
            for number, head in sorted(bundle.checkpoints.items())
        }

    def read(self, lines: Iterator[bytes], findings: Findings, progress: Progress) -> None:
        """All leaves with their proofs. Raises ``BundleError``."""
        faults, count, before = Faults(), 0, -1
        total = max(sum(log.told.get("count") or 0 for log in self._logs.values()), 1)
        for line in lines:
            value = form.from_line(line, "leaves.jsonl")
            key, leaf = read_leaf(value), value.get("leaf")
            if log_of(key) not in self._logs or not isinstance(leaf, str) or key <= before:
                raise BundleError("leaves.jsonl holds a line that is no leaf, or one out of order")
            if not self._logs[log_of(key)].take(index_of(key), leaf, proof_of(value.get("proof"), leaf_name(key))):
                faults.add(f"leaf {leaf_name(key)}")
            before, count = key, count + 1
            if count % 2000 == 0:
                progress(0.4 * count / total, form.many(count, "leaf"))
        signed = (
            "each proven to be in its signed log" if self._manifest.others else "each proven to be in the signed log"
        )
        faults.report(findings, "leaves", f"{form.many(count, 'leaf')}, {signed}.", "Leaves are not in the signed log")
        for log in self._logs.values():
            log.all_read(findings)

    def in_period(self, at: str) -> bool:
        """Whether a stamp lies in the period."""
        return self._period.since <= at < self._period.until

    def meet(self, key: int, leaf: bytes) -> bool:
        """A fact with this leaf; whether that is the one in the log."""
        return log_of(key) in self._logs and self._logs[log_of(key)].meet(index_of(key), leaf)

    def report(self, findings: Findings) -> None:
        """Is anything of the period left out?"""
        for log in self._logs.values():
            log.report(findings)


class _LogLeaves:
    """Those of one log: hash by index, and which of them the facts have met."""

    def __init__(self, head: Checkpoint, period: form.Period, told: dict[str, int | None], which: str) -> None:
        self._head = head
        self._period = period
        self._which = which
        first, last = (told.get(name) for name in ("first", "last"))
        self.told = told
        self._run = range(0)
        if first is not None and last is not None and 0 <= first <= last < self._head.size:
            self._run = range(max(first - 1, 0), min(last + 2, self._head.size))
        self._gap = told.get("gap") if first is None and last is None else None
        """The first leaf after a period that is said to have none."""
        self._gap_shown = self._gap is not None and 0 <= self._gap <= self._head.size
        if self._gap is not None and self._gap_shown:
            self._run = range(max(self._gap - 1, 0), min(self._gap + 1, self._head.size))
        self._hashes = bytearray()
        self._due = bytearray()
        """For each leaf of the run: 1 while it lies in the period and no fact has met it."""
        self._outside: dict[int, bytes] = {}
        self._strays = Strays(self._period.since, self._period.until)
        self._count, self._expected = 0, self._run.start

    def take(self, index: int, leaf: str, proof: Sequence[bytes]) -> bool:
        """The next leaf; whether it is proven to be in the log. Raises ``BundleError``."""
        digest = leaf_hash(leaf.encode("utf-8", "surrogatepass"))
        if index in self._run and index == self._expected:
            self._expected += 1
            self._hashes += digest
            self._due.append(self._in_period(leaf))
            if not self._due[-1] and first_to_last(self.told, index):
                self._strays.add(index, leaf)
            elif not self._due[-1] and self._gap is None:
                self._strays.border(index, leaf, before=index == self._run.start)
            self._gap_shown = self._gap_shown and self._beside_gap(index, leaf)
        else:
            self._outside[index] = digest
        self._count += 1
        return verify_inclusion(digest, index, self._head.size, proof, self._head.root)

    def all_read(self, findings: Findings) -> None:
        """Are they as many as the manifest says?"""
        if self._count != self.told.get("count") or self._expected != self._run.stop:
            told = f"{self._which}Leaves of the period are missing from the bundle: the run is broken."
            findings.fails("complete", told)

    def _beside_gap(self, index: int, leaf: str) -> bool:
        """Whether a leaf beside an empty period stands on its side of it."""
        at = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")["at"]
        return self._gap is None or (at < self._period.since if index < self._gap else at >= self._period.until)

    def _in_period(self, leaf: str) -> bool:
        try:
            at = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")["at"]
            return bool(self._period.since <= at < self._period.until)
        except (KeyError, TypeError, EvidenceError) as error:
            raise BundleError("leaves.jsonl holds a leaf without a time") from error

    def meet(self, index: int, leaf: bytes) -> bool:
        """A fact with this leaf; whether that is the one in the log."""
        digest = leaf_hash(leaf)
        place = index - self._run.start
        if index in self._run and (place + 1) * 32 <= len(self._hashes):
            self._due[place] = 0
            return self._hashes[place * 32 : place * 32 + 32] == digest
        return self._outside.get(index) == digest

    def report(self, findings: Findings) -> None:
        """Is anything of the period left out?"""
        missing = self._due.count(1)
        if missing:
            at = self._run.start + self._due.index(1)
            findings.fails(
                "complete",
                f"{self._which}{form.many(missing, 'fact')} of the period left out; the first is that of leaf {at:,}.",
            )
        elif self._gap is not None and self._gap_shown:
            where = "the leaf before it and the leaf after it follow each other"
            if not self._gap or self._gap == self._head.size:
                where = "the log ends before it" if self._gap else "the log begins after it"
            findings.holds("complete", f"{self._which}No entry lies in the period: {where} (leaf {self._gap:,}).")
        elif self._gap is not None or not self._run:
            told = "It is said that no entry lies in the period, and the leaves do not show it."
            findings.fails("complete", self._which + told)
        else:
            run = f"between leaf {self._run.start:,} and leaf {self._run.stop - 1:,}"
            if self._strays.beside and not self._strays.calls:
                findings.fails("complete", f"{self._which}{self._strays.beside}. {_BESIDE}")
            elif self._strays.calls:
                findings.fails("complete", f"{self._which}{self._strays.summary} {run}. {_STRAY}")
            else:
                also = f" {self._strays.summary} there: no calls." if self._strays.count else ""
                findings.holds("complete", f"{self._which}No entry {run} is left out: the period is whole.{also}")
