"""The memory journal as the store keeps it: written after each commit that has an act in it, before that is answered.

The row of ``memory`` says how far the journal goes, and up to which leaf it holds the store's acts. So nothing that is
owed is kept anywhere else: where the second place is away, the acts after that leaf wait in the store, whatever dies
meanwhile, and go with the next commit or the next try.

A disk that hangs must not hold up decisions: each piece of work on the second place has ``SECONDS``, and while one
hangs the place counts as away.

What must outlive the store are acts, made from the facts that are in the store. An act names a number by its keyed hash
alone (``gate.store.projections.number_hash``), and everything else by random ids. Which facts are acts their kinds say
(``outlives_restore``). A fact that the replay of the journal has kept (``REPLAYED_BY``) is none: the journal has it.

The journal is a signed, append-only file in a second place, so that a restore forgets nothing. ``memory.journal`` has
one entry a line: JSON, a tab, a signature in base64. Each entry names its number, the SHA-256 of the line before, and
acts; the first one, in their place, whose it is: the gate's verifier key, and what tells the key of the number hashes
again. The signature (Ed25519, by ``gate.key``) is over a word and the JSON; as each entry commits to all before it, the
last one's signature is that of the whole file.

What is wrong is told apart: ``JournalAway`` (the place or the file is not there, or cannot be used now) and
``JournalWrong`` (damaged, cut, or another gate's).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import queue
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from gate.converting import convert
from gate.core.breaches import restorable
from gate.core.deadlines import Clock
from gate.core.facts.calls import Abandoned
from gate.core.facts.derived import ACTS, record
from gate.core.facts.fact import CATALOGUE, Body, Subject
from gate.core.facts.fact import read as read_fact
from gate.core.facts.gate import BreachReplayed, CampaignStopped
from gate.core.facts.lists import ConsentWithdrawn, Objection, Subscriber
from gate.core.facts.requests import Carried, Carrying, LineHeld
from gate.core.facts.retention import Hold
from gate.core.terms import many
from gate.durable import sync_folder
from gate.errors import GateError, StoreError
from gate.handed_over_file import kind_of
from gate.log import Logger
from gate.sqlite_thread import Connection
from gate.store import queries
from gate.store.projections import number_hash
from gate.store.tree import keys, last_index
from gate.types import batched

NAME: Final = "memory.journal"
VERSION: Final = 1
CONTEXT: Final = b"dialgate memory journal\n"
"""Goes before what is signed: no signature for anything else fits an entry."""


class JournalAway(StoreError):
    """The second place, or the journal in it, is not there or cannot be used now."""


class JournalWrong(StoreError):
    """The journal is damaged, cut, or another gate's."""


class Head(NamedTuple):
    """How far a journal goes."""

    number: int
    """The number of the last entry."""
    digest: bytes
    """SHA-256 of its line."""
    size: int
    """Bytes up to its end."""


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An act that must outlive the store; fields that its kind does not have are left out."""

    act: str
    """Its kind: of a fact (``breach_replayed`` of all that are about a breach), or ``request_pending``."""
    id: str
    at: str
    hash: str = ""
    """The keyed hash of the number it is about, hexadecimal; ``hashes``, where there may be several."""
    hashes: list[str] | None = None
    scope: str = ""
    """For an objection, with what follows."""
    on_behalf_of: str = ""
    kind: str = ""
    """For a hold, with what follows; for a subscriber, with ``since``: individual or corporate."""
    target: str = ""
    recording_id: str = ""
    call_id: str = ""
    ground: str = ""
    whole: bool | None = None
    """For an erasure, with what follows: whether it was of everything."""
    calls: list[str] | None = None
    since: str | None = None
    until: str | None = None
    left: list[str] | None = None
    """What of the same numbers is somebody else's."""
    reference: str = ""
    """For a request, with what follows; in no old journal."""
    asks: str = ""
    received: str = ""
    due: str = ""
    over: bool | None = None
    said: dict[str, Any] | None = None
    """The body of the fact that keeps it again; in no old journal. No number, and nothing that people wrote."""


class Read(NamedTuple):
    """What a journal holds."""

    head: Head
    known: list[Act]
    """Acts up to where the store knows it."""
    acts: list[Act]
    """Those after that."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The gate's key, as far as the journal needs it."""

    vkey: str
    sign: Callable[[bytes], bytes]
    check: Callable[[bytes, bytes], None]
    """(what was signed, signature). Raises ``GateError``."""


class Journal:
    """The file. Not thread-safe: one thread at a time. Blocks as long as the disk does."""

    def __init__(self, place: Path, signer: Signer, proof: bytes) -> None:
        """``proof``: the hash of no number, to know the key of the hashes again."""
        self.place = place
        self.path = place / NAME
        self._signer = signer
        self._proof = proof

    def create(self) -> Head:
        """A new journal. Raises ``JournalAway``; ``JournalWrong`` where there is one."""
        if not self.place.is_dir():
            raise JournalAway(f"{self.place} is not there", hint="is the disk mounted? the gate does not make it")
        whose = {"journal": VERSION, "n": 0, "prev": "", "proof": self._proof.hex(), "vkey": self._signer.vkey}
        line = self._line(whose)
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _write(file, line)
            finally:
                os.close(file)
            sync_folder(self.place)
        except FileExistsError:
            raise JournalWrong(f"{self.path} exists already") from None
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be written: {error.strerror}") from error
        return Head(0, hashlib.sha256(line).digest(), len(line))

    def append(self, acts: Sequence[Act], after: Head) -> Head:
        """Add an entry, durably; ``after`` is where the journal ends. Raises ``JournalAway`` or ``JournalWrong``."""
        line = self._line({"acts": list(acts), "n": after.number + 1, "prev": after.digest.hex()})
        try:
            file = self._open(os.O_RDWR)
            try:
                self._ready(file, after)
                os.lseek(file, after.size, os.SEEK_SET)
                _write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be written: {error.strerror}") from error
        return Head(after.number + 1, hashlib.sha256(line).digest(), after.size + len(line))

    def read(self, since: Head | None = None) -> Read:
        """All of it, every entry checked.

        ``since`` is what the store knows of it. Raises ``JournalAway`` or ``JournalWrong``.
        """
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                data = file.read(os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be read: {error.strerror}", hint="is the disk mounted?") from error
        whole = data.rfind(b"\n") + 1
        if since is not None and whole < since.size:
            raise JournalWrong(
                f"{self.path} was cut: the store knows {many(since.size, 'byte')} of it, and it has {whole:,}"
            )
        if whole < len(data) and (since is None or whole > since.size):
            # Half an entry at the end is what a crash leaves where the store has all of it; else something is lost.
            raise JournalWrong(f"{self.path} was cut within its last entry")
        head, signed = Head(-1, b"", 0), (b"", b"")
        known: list[Act] = []
        acts: list[Act] = []
        for line in data[:whole].splitlines(keepends=True):
            entry, signed = self._entry(line, head)
            size = head.size + len(line)
            head = Head(head.number + 1, hashlib.sha256(line).digest(), size)
            if since is not None and size == since.size and head != since:
                raise JournalWrong(f"{self.path} is not the journal that the store knows: entry {head.number} differs")
            try:
                more = convert(entry.get("acts", []), list[Act])
            except msgspec.ValidationError as error:
                raise JournalWrong(f"{self.path} is damaged: entry {head.number} holds no acts: {error}") from error
            (known if since is not None and size <= since.size else acts).extend(more)
        if head.number < 0:
            raise JournalWrong(f"{self.path} is empty")
        self._signed(*signed, head.number)
        return Read(head, known, acts)

    def ends_at(self, known: Head) -> bool:
        """Whether it ends where the store knows it to end: looks at its last bytes alone. Raises as ``read``."""
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != known.size:
                    return False
                reach = min(size, 1 << 16)
                while True:
                    file.seek(size - reach)
                    lines = file.read(reach).splitlines(keepends=True)
                    if len(lines) > 1 or reach == size:
                        return hashlib.sha256(lines[-1] if lines else b"").digest() == known.digest
                    reach = min(size, reach * 16)
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be read: {error.strerror}", hint="is the disk mounted?") from error

    # --- steps

    def _open(self, flags: int) -> int:
        """Never waits, and follows no link. Raises ``OSError``; ``JournalWrong`` where it is no regular file."""
        if self.path.is_symlink():
            raise JournalWrong(f"{self.path} is a symbolic link, and no file")
        file = os.open(self.path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode):
            os.close(file)
            raise JournalWrong(f"{self.path} is {kind_of(seen)}, and no file")
        return file

    def _ready(self, file: int, after: Head) -> None:
        """Cut what a crash has left of half an entry. Raises ``JournalWrong`` where something else lies there."""
        size = os.fstat(file).st_size
        if size < after.size:
            raise JournalWrong(f"{self.path} was cut: it had {many(after.size, 'byte')} and has {size:,}")
        if size > after.size:
            if b"\n" in os.pread(file, size - after.size, after.size):
                raise JournalWrong(f"{self.path} was written to by somebody else")
            os.ftruncate(file, after.size)

    def _line(self, entry: dict[str, Any]) -> bytes:
        text = msgspec.json.encode(entry, order="sorted")
        return text + b"\t" + base64.b64encode(self._signer.sign(CONTEXT + text)) + b"\n"

    def _entry(self, line: bytes, before: Head) -> tuple[dict[str, Any], tuple[bytes, bytes]]:
        text, tab, signature = line.rstrip(b"\n").partition(b"\t")
        number = before.number + 1
        try:
            entry: Any = json.loads(text)
            signed = base64.b64decode(signature, validate=True)
        except ValueError:
            entry, signed = None, b""
        if not tab or not isinstance(entry, dict) or not signed:
            raise JournalWrong(f"{self.path} is damaged: entry {number} cannot be read")
        if number == 0:
            self._own(entry)
        if entry.get("n") != number or entry.get("prev") != before.digest.hex():
            raise JournalWrong(f"{self.path} is damaged: entry {number} does not follow the one before it")
        return entry, (text, signed)

    def _own(self, whose: dict[str, Any]) -> None:
        if whose.get("journal") != VERSION:
            raise JournalWrong(f"{self.path} is no memory journal of this version of Dialgate")
        if whose.get("vkey") != self._signer.vkey:
            raise JournalWrong(f"{self.path} is the journal of another gate", hint="name the place of this one")
        if whose.get("proof") != self._proof.hex():
            raise JournalWrong(
                f"{self.path} was made with another number.key: its hashes name nobody here",
                hint="put the number.key back that belongs to it",
            )

    def _signed(self, text: bytes, signature: bytes, number: int) -> None:
        try:
            self._signer.check(CONTEXT + text, signature)
        except GateError as error:
            raise JournalWrong(f"{self.path} is damaged: the signature of entry {number} does not hold") from error


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)


STOPPING: Final = ("erasure", "objection", "complaint")
"""What a request asks that stops marketing while it is open (LAW 1.7a): who complains is not sold to meanwhile."""
REPLAYED_BY: Final = "gate:memory"
"""The actor of what the replay keeps."""
MOST: Final = 1000
"""Acts that are written at once."""

_OWED = (
    "SELECT leaf_index, kind, subject, at, actor FROM facts INDEXED BY facts_kind"
    " WHERE kind = ? AND leaf_index > ? AND leaf_index <= ? ORDER BY leaf_index LIMIT ?"
)

_ABANDONED: Final = (
    f"SELECT number, answered_at, coalesce({queries.CALLER}, '') AS caller, {queries.CAMPAIGN} AS campaign, informed"  # noqa: S608
    f" FROM calls WHERE call_id = ? AND answered_at IS NOT NULL AND {queries.COUNTED}"
)


class BeyondLog(StoreError):
    """The store says that the journal holds acts of leaves that the log does not have: somebody has written that."""

    def __init__(self, leaf: int, last: int) -> None:
        super().__init__(
            f"the store says that the memory journal holds the acts up to leaf {leaf:,}, and the log ends at {last:,}:"
            " somebody has changed the store",
            hint="all acts are compared, and what the journal lacks is written",
        )


class Owed(NamedTuple):
    """Acts that the journal does not hold yet."""

    acts: list[Act]
    upto: int
    """The leaf up to which these are all of them."""
    more: bool


def owed(connection: Connection, after: int, pepper: bytes) -> Owed:
    """The acts after a leaf, in the order of the log, ``MOST`` at a time. Raises ``BeyondLog``, ``sqlite3.Error``."""
    last, first = last_index(connection), keys(connection).start
    if after > last:
        raise BeyondLog(after, last)
    facts = []
    for kind in ACTS:
        facts += connection.execute(_OWED, (kind, first + after, first + last, MOST + 1)).fetchall()
    facts.sort()
    more = len(facts) > MOST
    facts = facts[:MOST]
    made = [
        act for fact in facts if fact[4] != REPLAYED_BY for act in _acts(connection, fact[1], fact[2], fact[3], pepper)
    ]
    return Owed(made, facts[-1][0] - first if more else last, more)


def lacking(connection: Connection, upto: int, pepper: bytes, held: Collection[tuple[str, str]]) -> list[Act]:
    """The acts of the log up to a leaf that are not among those that a journal holds, as (act, id). Raises
    ``sqlite3.Error``."""
    found, first = [], keys(connection).start
    for kind in ACTS:
        for _, _, subject, at, actor in connection.execute(_OWED, (kind, first - 1, first + upto, sys.maxsize)):
            if actor != REPLAYED_BY and (act_of(kind), subject) not in held:
                found += list(_acts(connection, kind, subject, at, pepper))
    return found


def act_of(kind: str) -> str:
    """The act that facts of a kind are."""
    if CATALOGUE[kind].marks.about is Subject.BREACH:
        return BreachReplayed.kind
    return "request_pending" if record(kind) == Subject.REQUEST.record and kind != Carried.kind else kind


def _acts(connection: Connection, kind: str, subject: str, at: str, pepper: bytes) -> Iterator[Act]:
    if kind == Objection.kind:
        for row in _rows(connection, "SELECT * FROM objections WHERE id = ?", subject):
            digest, to = row["number_hash"].hex(), row["on_behalf_of"] or ""
            scope = row["scope"] or ""
            yield Act(act=kind, id=subject, at=row["made_at"], hash=digest, scope=scope, on_behalf_of=to)
    elif kind == Subscriber.kind:
        for row in _rows(connection, "SELECT number_hash, kind, since FROM subscribers WHERE id = ?", subject):
            digest, since = row["number_hash"].hex(), row["since"]
            yield Act(act=kind, id=subject, at=at, hash=digest, kind=row["kind"] or "", since=since)
    elif kind == ConsentWithdrawn.kind:
        for row in _rows(connection, "SELECT number_hash FROM consents WHERE id = ?", subject):
            yield Act(act=kind, id=subject, at=at, hash=(row["number_hash"] or b"").hex())
    elif kind == Hold.kind:
        for row in _rows(connection, "SELECT * FROM holds WHERE id = ?", subject):
            yield Act(
                act=kind,
                id=subject,
                at=at,
                hash=number_hash(pepper, row["number"]).hex() if row["number"] else "",
                kind=row["kind"],
                target=row["target"],
                recording_id=row["recording_id"] or "",
                call_id=row["call_id"] or "",
                ground=row["ground"] or "",
            )
    elif kind == Carried.kind:
        yield from _carried(connection, subject, at, pepper)
    elif kind == Abandoned.kind:
        for row in _rows(connection, _ABANDONED, subject):
            day = queries.values_of_day(row["answered_at"], row["caller"], row["campaign"])
            said = {
                "answered_at": row["answered_at"],
                "claimed_by": row["caller"],
                "campaign": row["campaign"],
                "informed": bool(row["informed"]),
                "live": _rows(connection, queries.LIVE_OF_DAY, *day)[0]["live"],
            }
            digest = number_hash(pepper, row["number"]).hex() if row["number"] else ""
            yield Act(act=kind, id=subject, at=at, hash=digest, said=said)
    elif kind == CampaignStopped.kind:
        for row in _rows(connection, "SELECT body FROM facts WHERE subject = ? AND kind = ?", subject, kind):
            yield Act(act=kind, id=subject, at=at, said=json.loads(row["body"]))
    elif act_of(kind) == BreachReplayed.kind:
        rows = _rows(connection, "SELECT kind, at, body FROM facts WHERE subject = ? ORDER BY leaf_index", subject)
        yield Act(act=BreachReplayed.kind, id=subject, at=at, said=restorable(_course(rows)).values())
    elif record(kind) == Subject.REQUEST.record:
        yield from _pending(connection, subject, at, pepper)
    else:  # objection_removed, hold_released, recording_erased, campaign_released
        yield Act(act=kind, id=subject, at=at)


def _carried(connection: Connection, request: str, at: str, pepper: bytes) -> Iterator[Act]:
    for row in _rows(connection, "SELECT numbers FROM requests WHERE id = ?", request):
        bodies = {
            fact["kind"]: json.loads(fact["body"])
            for fact in _rows(
                connection,
                "SELECT kind, body FROM facts WHERE subject = ? AND body IS NOT NULL AND kind IN (?, ?, ?)"
                " ORDER BY leaf_index",
                request,
                Carrying.kind,
                Carried.kind,
                LineHeld.kind,
            )
        }
        whole = bool(bodies.get(Carried.kind, {}).get("whole"))
        hashes = [number_hash(pepper, number).hex() for number in json.loads(row["numbers"] or "[]")]
        calls = [] if whole else bodies.get(Carrying.kind, {}).get("calls", [])
        # what of the same numbers is somebody else's, and is not erased after a restore either
        theirs = {name: day for name, day in bodies.get(LineHeld.kind, {}).items() if day}
        named = [each.split() for each in bodies.get(Carried.kind, {}).get("mentions") or ()]
        if left := [words[1] for words in named if words[0] in ("consent", "objection")]:
            theirs["left"] = left
        yield Act(act=Carried.kind, id=request, at=at, whole=whole, hashes=hashes, calls=calls, **theirs)


def _pending(connection: Connection, request: str, at: str, pepper: bytes) -> Iterator[Act]:
    """A request as the store has it now: its reference, what it asks for, when it was received and is due, and the
    numbers to which it stops marketing while it is open (LAW 1.7a). Who asks is not in it."""
    named = "reference, asks, received, numbers, state"
    for row in _rows(connection, f"SELECT {named} FROM requests WHERE id = ?", request):  # noqa: S608 - a constant
        stops = row["asks"] in STOPPING
        hashes = [number_hash(pepper, number).hex() for number in json.loads(row["numbers"] or "[]")] if stops else []
        over = row["state"] in ("done", "closed")
        due = Clock(date.fromisoformat(row["received"])).due.isoformat()
        said = {name: row[name] for name in ("reference", "asks", "received")}
        yield Act(act="request_pending", id=request, at=at, over=over, hashes=hashes, due=due, **said)


def _course(rows: list[dict[str, Any]]) -> list[tuple[datetime, Body | None]]:
    return [
        (datetime.fromisoformat(row["at"]), read_fact(row["kind"], json.loads(row["body"])) if row["body"] else None)
        for row in rows
    ]


def _rows(connection: Connection, sql: str, *keys: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, keys)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


T = TypeVar("T")

log = Logger()

SECONDS: Final = 5.0
"""How long a decision may have to wait for the second place, once."""
AT_ONCE: Final = 20
"""Entries that are written while a decision may have to wait."""
READING_SECONDS: Final = 120.0
"""How long reading all of it may take: the gate's start waits."""


class Kept(NamedTuple):
    """The state of the journal, as the store knows it."""

    head: Head
    leaf: int
    """The journal holds the store's acts up to this leaf."""


class Debt(NamedTuple):
    """Acts that are in the store alone."""

    since: datetime
    why: str


def kept(connection: Connection) -> Kept | None:
    """Read what the store knows of its journal; None where it never had one."""
    row = connection.execute("SELECT number, digest, size, leaf FROM memory").fetchone()
    return None if row is None else Kept(Head(row[0], row[1], row[2]), row[3])


class InTime:
    """Work on the second place, each piece of which has its time; while one hangs, the next is refused at once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._hangs: threading.Thread | None = None

    def __call__(self, work: Callable[[], T], seconds: float = READING_SECONDS) -> T:
        """Do ``work``, in so many seconds. Raises what it raises, or ``JournalAway``."""
        if self._hangs is not None and self._hangs.is_alive():
            raise JournalAway(f"{self._place} does not answer", hint="does the disk or the mount hang?")
        answer: queue.SimpleQueue[tuple[list[T], Exception | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put(([work()], None))
            except GateError as error:
                answer.put(([], error))

        self._hangs = threading.Thread(target=run, name="memory", daemon=True)
        self._hangs.start()
        try:
            result, error = answer.get(timeout=seconds)
        except queue.Empty:
            raise JournalAway(f"{self._place} does not answer", hint="does the disk or the mount hang?") from None
        self._hangs = None  # it has answered, though its thread may live for a moment yet
        if error is not None:
            raise error
        return result[0]


class Memory:
    """The journal of one store. ``pay`` runs on the store's thread; the rest is read from any."""

    def __init__(self, journal: Journal, pepper: bytes, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._pepper = pepper
        self._now = now
        self.in_time = InTime(journal.place)
        """Work on the second place that a decision may have to wait for, or what is done before there are any."""
        self._ends: dict[Head, Head] = {}
        """Where the journal ends that the store knows to end at the key: an entry was written whose writing was given
        up, or that the store could not note."""
        self.debt: Debt | None = None
        """What could not be written, since when and why; None: nothing."""
        self.more = False
        """There is more to write than goes at once: at the first time, of a store that is not new."""
        self.beyond = False
        """The store says that the journal holds more than the log has: all acts are to be compared."""
        self.wrong = ""
        """The journal was cut or changed beside the gate, as a sentence."""

    def pay(self, connection: Connection) -> bool:
        """Write what is owed; False where it could not be, which ``debt`` then says. Raises nothing."""
        try:
            for _ in range(AT_ONCE):
                self.more = self._pay_some(connection)
                if not self.more:
                    break
        except (GateError, sqlite3.Error) as error:
            since = self.debt.since if self.debt is not None else self._now()
            if self.debt is None:
                log.error("memory_not_written", why=str(error), hint="it is tried again; see dialgate memory status")
            self.debt = Debt(since, str(error))
            self.beyond = isinstance(error, BeyondLog)
            if isinstance(error, JournalWrong):
                self.wrong = str(error)
            return False
        if self.debt is not None:
            log.info("memory_written_again")
        self.debt, self.beyond = None, False
        return True

    def complete(self, connection: Connection, held: Collection[tuple[str, str]], upto: int) -> int:
        """Write the acts up to a leaf that are not among those that the journal holds, as (act, id); how many. A leaf
        beyond the log is put right.

        Raises ``JournalAway``, ``JournalWrong``, ``sqlite3.Error``.
        """
        known, last = kept(connection), last_index(connection)
        if known is None:
            return 0
        found = lacking(connection, min(upto, last), self._pepper, held)
        known = Kept(known.head, min(known.leaf, last))
        for part in batched(found, MOST):
            end = self._ends.get(known.head, known.head)
            head = self.in_time(partial(self._append, part, known.head, end), SECONDS)
            known = Kept(head, known.leaf)
            _keep(connection, known)
        _keep(connection, known)
        return len(found)

    def _pay_some(self, connection: Connection) -> bool:
        known = kept(connection)
        if known is None:
            raise StoreError("the store has no memory journal yet")
        found = owed(connection, known.leaf, self._pepper)
        if found.acts:
            end = self._ends.get(known.head, known.head)
            head = self.in_time(lambda: self._append(found.acts, known.head, end), SECONDS)
            _keep(connection, Kept(head, found.upto))
        elif found.more:
            _keep(connection, Kept(known.head, found.upto))
        return found.more

    def _append(self, acts: list[Act], known: Head, end: Head) -> Head:
        head = self._journal.append(acts, end)
        self._ends = {known: head}
        return head


def keep_head(connection: Connection, head: Head, leaf: int | None = None) -> None:
    """Note how far the journal goes, in a transaction that is under way; ``leaf`` as it was where None."""
    known = kept(connection)
    upto = leaf if leaf is not None else (known.leaf if known is not None else -1)
    connection.execute("DELETE FROM memory")
    connection.execute("INSERT INTO memory (number, digest, size, leaf) VALUES (?, ?, ?, ?)", (*head, upto))


def _keep(connection: Connection, known: Kept) -> None:
    """In a transaction of its own. Raises ``sqlite3.Error``: then the same acts are written once more, harmlessly."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        keep_head(connection, known.head, known.leaf)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
