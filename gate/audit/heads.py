"""The checkpoints of a database and of folders, read back and compared: what the log itself says of them, what a
knowing restore has given up, and whether this is the state that was signed last.

Each checkpoint is made together with a leaf, the last one that it is signed over. So one that is taken away, or put in,
is found by the log alone, as long as the log is the one that was signed. An older ``gate.db`` put back holds together
by itself; only what lies elsewhere shows that there was more. A state that somebody has put back knowingly is told
apart by the leaf ``evidence_restored``, which names what was given up by it.

``Findings`` and ``Report`` are what a verification has found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from gate.core.evidence import Checkpoint, EvidenceError, index_of, parse_checkpoint
from gate.core.facts.audit import EvidenceRestored, LogSigned
from gate.core.facts.gate import GateStarted
from gate.core.rows.audit import BodyKept
from gate.core.terms import many
from gate.durable import read_regular
from gate.errors import GateError
from gate.sqlite_thread import Connection
from gate.store.queries import Rows
from gate.store.tree import keys

MOST_FAULTS = 100
"""Faults kept in a report; those beyond are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold."""

    what: str
    """One of the words in ``gate.audit``."""
    message: str
    """One sentence; names places, never what a person's data is."""
    leaf_index: int | None = None
    """The leaf it is about; the first one of the range where it can only be narrowed down to a range."""


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of ``verify``."""

    size: int
    root: bytes
    """Over the leaves that are there, up to the first one that is missing."""
    faults: tuple[Fault, ...]
    """In the order in which they were found, ``MOST_FAULTS`` at most."""
    fault_count: int
    checked: Mapping[str, int]
    """How many of each: ``leaves``, ``erased``, ``unsigned`` (leaves after the last checkpoint), ``tiles``,
    ``checkpoints``, ``checkpoint_files``, ``checkpoints_given``, one for each derived table, and ``TABLE_unverified``
    (rows of erased facts of which no receipt says what stays)."""
    proven: tuple[str, ...] = ()
    """What holds, in sentences; nothing where a fault was found."""
    not_proven: tuple[str, ...] = ()
    """What nobody can tell from here, in sentences."""

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.faults

    @property
    def first_fault(self) -> Fault | None:
        """The first one."""
        return self.faults[0] if self.faults else None


@dataclass(slots=True)
class Findings:
    """Where the checks put what they find."""

    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    checked: dict[str, int] = field(default_factory=dict)

    def fault(self, what: str, message: str, leaf_index: int | None = None) -> None:
        """Something does not hold."""
        self.count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(what, message, leaf_index))

    def tally(self, what: str, number: int = 1) -> None:
        """So many were looked at."""
        self.checked[what] = self.checked.get(what, 0) + number


class Kept(NamedTuple):
    """A row of ``checkpoints``."""

    size: int
    root: bytes
    note: str
    at: str


def earlier(kept: Iterable[Kept]) -> dict[str, Any]:
    """The checkpoints from before the first such leaf, as it records them: how many, and a hash of all."""
    digest, count = sha256(), 0
    for row in kept:
        digest.update(json.dumps([row.size, row.root.hex(), row.note, row.at]).encode() + b"\n")
        count += 1
    return {"checkpoints": count, "sha256": digest.hexdigest()}


def check_signings(connection: Connection, kept: Iterable[Kept], findings: Findings) -> None:
    """Compare the rows of ``checkpoints`` with the leaves that speak of them."""
    own = keys(connection)
    facts = connection.execute(
        "SELECT leaf_index, at, body FROM facts WHERE kind = ? AND leaf_index >= ? AND leaf_index < ?"
        " ORDER BY leaf_index",
        [LogSigned.kind, own.start, own.stop],
    )
    said = {index_of(key) + 1: (at, body) for key, at, body in facts}
    if not said:
        return
    first = min(said)
    _, body = said[first]
    told = json.loads(body or "{}").get("earlier")
    before: list[Kept] = []
    for row in kept:
        if row.size < first:
            before.append(row)
        elif row.size not in said:
            findings.fault("checkpoint_invalid", f"checkpoint {row.size} is one that the log does not speak of")
        elif row.at != said.pop(row.size)[0]:
            findings.fault("checkpoint_invalid", f"checkpoint {row.size} does not bear the time of its leaf")
    for size in list(said)[:1]:
        more = f", and {len(said) - 1} more" if len(said) > 1 else ""
        findings.fault("checkpoint_missing", f"the log was signed over {size} leaves{more}: the database lacks that")
    if told is not None and earlier(before) != told:
        what = "checkpoint_missing" if len(before) < told["checkpoints"] else "checkpoint_invalid"
        message = f"the {told['checkpoints']} checkpoints up to {first} are not those that leaf {first - 1} speaks of"
        findings.fault(what, message, first - 1)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Those in this range of sizes that the log does not fit."""

    after: int
    to: int
    leaf: int = 0
    """Leaf of the fact that says so."""

    def covers(self, size: int) -> bool:
        """Whether a checkpoint of this size may be one of them."""
        return self.after < size <= self.to


RESTORES: Final = (
    "SELECT leaf_index, body FROM facts WHERE kind = ? AND body IS NOT NULL AND leaf_index >= ? AND leaf_index < ?"
    " ORDER BY leaf_index"
)


def restores(log: Rows) -> Iterator[GivenUp]:
    """What restores have given up, in the order of the log; one that is emptied gives up nothing. Raises ``ValueError``
    for a fact that is not understood."""
    for row in log.rows(BodyKept, RESTORES, [EvidenceRestored.kind, log.own.start, log.own.stop]):
        yield given_up(index_of(row.leaf_index), row.body)


def given_up(leaf: int, body: str | None) -> GivenUp:
    """What one fact says. Raises ``ValueError``."""
    said: Any = json.loads(body or "{}")
    try:
        return GivenUp(int(said["after"]), int(said["to"]), leaf)
    except (KeyError, TypeError) as error:
        raise ValueError(f"leaf {leaf} is no restore: {error}") from error


LARGEST: Final = 1 << 20
"""Bytes of a checkpoint's file, at most."""

CheckNote = Callable[[str], str]
"""A signed note (C2SP) to its text; raises ``GateError`` or ``ValueError`` where the signature does not hold."""

NAME_DIGITS = 12
LONGEST = timedelta(hours=1)
"""A gate that runs signs each minute; what is not signed for longer was not kept by one that could sign."""


def file_name(size: int, note: str = "") -> str:
    """Name of a checkpoint's file; with ``note`` the one that it has where the plain name is another's."""
    return f"{size:0{NAME_DIGITS}d}{'-' if note else ''}{sha256(note.encode()).hexdigest()[:8] if note else ''}.txt"


def note_text(note: str) -> str:
    """The text of a signed note, without regard to its signatures. Raises ``EvidenceError``."""
    text, gap, _signatures = note.partition("\n\n")
    if not gap:
        raise EvidenceError("not a signed note: no blank line before the signatures")
    return text + "\n"


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint whose signature holds, and where it was found."""

    checkpoint: Checkpoint
    place: str
    given: bool = False
    """Whoever asked gave it."""


def read_files(folders: Sequence[Path]) -> list[tuple[str, str | None]]:
    """Every checkpoint file as (path, note); None in place of what cannot be read as text."""
    notes: list[tuple[str, str | None]] = []
    for folder in folders:
        for path in sorted(folder.glob("*.txt")):
            try:
                notes.append((str(path), read_regular(path, LARGEST).decode()))
            except (OSError, UnicodeDecodeError):
                notes.append((str(path), None))
    return notes


def check_heads(
    connection: Connection,
    files: Sequence[tuple[str, str | None]],
    check_note: CheckNote,
    origin: str | None,
    findings: Findings,
    notes: Sequence[tuple[str, str]] = (),
    given_up: Sequence[GivenUp] = (),
) -> list[Head]:
    """The checkpoints that hold, by size: those of the database, of ``files``, and ``notes`` from elsewhere.

    Those that do not hold are faults, and so are two roots for one size, but for what a restore has ``given_up``.
    """
    heads: list[Head] = []
    for size, root, note, _ in _kept(connection):
        place = f"checkpoint {size} in the database"
        head = _head(place, note, check_note, origin, findings)
        if head is not None and (head.checkpoint.size, head.checkpoint.root) != (size, root):
            findings.fault("checkpoint_invalid", f"{place} is not what its note says")
            head = None
        heads += [head] if head else []
        findings.tally("checkpoints")
    for path, file_note in files:
        head = _head(path, file_note, check_note, origin, findings)
        size = head.checkpoint.size if head else 0
        if head is not None and Path(path).name not in (file_name(size), file_name(size, file_note or "")):
            findings.fault("checkpoint_invalid", f"{path} holds the checkpoint of size {head.checkpoint.size}")
        heads += [head] if head else []
        findings.tally("checkpoint_files")
    for place, given in notes:
        head = _head(place, given, check_note, origin, findings)
        heads += [replace(head, given=True)] if head else []
        findings.tally("checkpoints_given")
    heads.sort(key=lambda head: head.checkpoint.size)
    for one, other in pairwise(heads):
        same = one.checkpoint.size == other.checkpoint.size and one.checkpoint.root != other.checkpoint.root
        if same and not is_given_up(one, given_up):
            findings.fault(
                "checkpoints_disagree",
                f"{one.place} and {other.place} are signed over the same {one.checkpoint.size} leaves with two roots",
            )
    return heads


def _kept(connection: Connection) -> Iterator[Kept]:
    for row in connection.execute("SELECT size, root, note, at FROM checkpoints ORDER BY size"):
        yield Kept(*row)


def check_missing(
    connection: Connection,
    log: int,
    settled: int,
    heads: Sequence[Head],
    own: Path | None,
    findings: Findings,
    given_up: Sequence[GivenUp] = (),
) -> None:
    """Are there as many checkpoints as there must be? One that the log itself speaks of lies in the database, and so
    does one that lies anywhere else; each has its file in the data folder, ``own``, but for the newest, whose file may
    be written just now; and where a gate has run, no entry has waited longer than ``LONGEST`` to be signed over.
    ``log``: the log's size; what is signed over more is told of by then. ``settled``: the largest size that fits."""
    check_signings(connection, (row for row in _kept(connection) if row.size <= log), findings)
    sizes = [row.size for row in _kept(connection)]
    there = set(sizes)
    lacking = [
        head
        for head in heads
        if head.checkpoint.size not in there and head.checkpoint.size <= log and not is_given_up(head, given_up)
    ]
    if lacking:
        more = f", nor {len(lacking) - 1} more" if len(lacking) > 1 else ""
        findings.fault(
            "checkpoint_missing",
            f"{lacking[0].place} is signed over {lacking[0].checkpoint.size} leaves, and the database does not hold "
            f"that checkpoint{more}",
        )
    _check_signed(connection, max([settled, *(head.checkpoint.size for head in heads)]), bool(heads), findings)
    if own is None:
        return
    names = {path.name for path in own.iterdir()}
    gone = [size for size in sizes[:-1] if file_name(size) not in names]
    if gone:
        more = f", and {len(gone) - 1} more" if len(gone) > 1 else ""
        findings.fault("checkpoint_missing", f"{own} lacks the file of checkpoint {gone[0]}{more}")


def is_given_up(head: Head, given_up: Sequence[GivenUp]) -> bool:
    """Whether a restore may have given this one up: it is one that the log need not fit."""
    return any(each.covers(head.checkpoint.size) for each in given_up)


def _check_signed(connection: Connection, settled: int, any_heads: bool, findings: Findings) -> None:
    own = keys(connection)
    sql = "SELECT 1 FROM facts WHERE kind = ? AND leaf_index >= ? AND leaf_index < ? LIMIT 1"
    if connection.execute(sql, [GateStarted.kind, own.start, own.stop]).fetchone() is None:
        return  # entries made without a gate are signed when the next one starts
    if not any_heads:
        findings.fault("checkpoint_missing", "a gate has run on this log, and there is no checkpoint of it anywhere")
        return
    query = "SELECT min(at), max(at) FROM facts WHERE leaf_index >= ? AND leaf_index < ?"
    first, last = connection.execute(query, [own[settled], own.stop]).fetchone()
    if first is not None and datetime.fromisoformat(last) - datetime.fromisoformat(first) > LONGEST:
        findings.fault("not_signed", f"no checkpoint is signed over leaf {settled} and those after it", settled)


def _head(place: str, note: object, check_note: CheckNote, origin: str | None, findings: Findings) -> Head | None:
    try:
        if not isinstance(note, str):
            raise EvidenceError("it is not text")
        checkpoint = parse_checkpoint(check_note(note))
        if origin is not None and checkpoint.origin != origin:
            raise EvidenceError(f"it is of another log: {checkpoint.origin!r}")
    except (GateError, ValueError) as error:
        findings.fault("checkpoint_invalid", f"{place} does not hold: {error}")
        return None
    return Head(checkpoint, place)


MOST_TOLD: Final = 3
"""How many odd things in a place are named: anybody may write to a mailbox."""


class Log(Rows, Protocol):
    """The log, as far as it is compared."""

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        ...

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere checkpoints lie."""

    name: str
    notes: Callable[[], Iterable[tuple[str, str]]]
    """(where, signed note), the newest first. Raises ``OSError``, ``ValueError`` where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of a comparison."""

    behind: tuple[tuple[str, Checkpoint], ...] = ()
    """Where, and what lies there that the log is behind, or forked from."""
    fits: int = 0
    """The largest checkpoint of any place from which the log has grown."""
    unread: tuple[str, ...] = ()
    """What could not be read, or is no checkpoint of this log, as sentences."""

    @property
    def why(self) -> str:
        """A sentence; empty where the log is the one that was signed."""
        if not self.behind:
            return ""
        where, newest = max(self.behind, key=lambda each: each[1].size)
        return (
            f"{where} is signed over {many(newest.size, 'entry')}, and the log in gate.db does not hold all of that "
            "as it was signed"
        )


def folder_notes(folder: Path) -> Iterator[tuple[str, str]]:
    """The checkpoint files of a folder, the newest first; none where there is no folder. Raises ``OSError``,
    ``UnicodeDecodeError``."""
    names = sorted((path.name for path in folder.iterdir() if path.suffix == ".txt"), reverse=True)
    for name in names:
        with suppress(IsADirectoryError):
            yield str(folder / name), read_regular(folder / name, LARGEST).decode()


def compare(log: Log, places: Sequence[Place], check_note: CheckNote, origin: str) -> Standing:
    """Compare the log with the newest checkpoint of each place that holds.

    A note that fits the log needs no look at its signature: whoever wrote it says what is so. One that does not fit
    counts where its signature does; else the next older one of the place is looked at.
    """
    size, _ = log.head()
    given_up = list(restores(log))
    behind: list[tuple[str, Checkpoint]] = []
    unread: list[str] = []
    fits = 0
    for place in places:
        passed_over: list[str] = []
        found = _newest(log, size, place, check_note, origin, given_up, passed_over)
        more = len(passed_over) - MOST_TOLD
        unread += passed_over[:MOST_TOLD] + [f"{place.name}: {more:,} more like these"] * (more > 0)
        if found is None:
            continue
        where, newest, fit = found
        if fit:
            fits = max(fits, newest.size)
        else:
            behind.append((where, newest))
    return Standing(tuple(behind), fits, tuple(unread))


def last_fit(log: Log, places: Sequence[Place], origin: str) -> int:
    """The largest checkpoint of any place from which the log has grown, however far down it lies."""
    size, _ = log.head()
    best = 0
    for place in places:
        with suppress(OSError, ValueError):
            for _, note in place.notes():
                known = _parsed(note, origin)
                if known is not None and known.size <= best:
                    break
                if known is not None and _fits(log, size, known):
                    best = known.size
                    break
    return best


def _newest(
    log: Log,
    size: int,
    place: Place,
    check_note: CheckNote,
    origin: str,
    given_up: Sequence[GivenUp],
    unread: list[str],
) -> tuple[str, Checkpoint, bool] | None:
    try:
        for where, note in place.notes():
            known = _parsed(note, origin)
            if known is None:
                unread.append(f"{where} is no checkpoint of this log")
                continue
            if _fits(log, size, known):
                return where, known, True
            try:
                check_note(note)
            except (GateError, ValueError) as error:
                unread.append(f"{where} does not hold: {error}")
                continue
            if not any(each.covers(known.size) for each in given_up):
                return where, known, False
    except (OSError, ValueError) as error:
        unread.append(f"{place.name} cannot be read: {error}")
    return None


def _fits(log: Log, size: int, known: Checkpoint) -> bool:
    return known.size <= size and log.root_at(known.size) == known.root


def _parsed(note: str, origin: str) -> Checkpoint | None:
    try:
        known = parse_checkpoint(note_text(note))
    except ValueError:
        return None
    return known if known.origin == origin else None
