"""The second place (``storage.memory``): a restore forgets no objection and un-erases nothing.

The journal of a data folder: made, compared with the store at every opening, written again when it was away.

Marketing is refused (``memory_unavailable``) where the store has had a journal and cannot be compared with it, where
the journal is not the one that it had, and once acts have waited for it for an hour.

People ask how it is, and for a new journal in the place of one that is lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from gate.config import Config
from gate.core.facts import audit as facts
from gate.core.facts.audit import MemoryCompleted
from gate.core.terms import many
from gate.errors import GateError, UsageError
from gate.log import Logger
from gate.operations.audit.signed_log import signing_key
from gate.operations.memory.replaying import contradicted, replay
from gate.operations.operation import ADMINS, EVERYBODY, Caller, Note, Request, Response, about, operation
from gate.store.memory import (
    NAME,
    REPLAYED_BY,
    BeyondLog,
    Head,
    InTime,
    Journal,
    JournalAway,
    JournalWrong,
    Kept,
    Memory,
    Read,
    Signer,
    keep_head,
    kept,
    lacking,
)
from gate.store.projections import number_hash
from gate.store.tree import last_index

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.sqlite_thread import Connection


log = Logger()

LONGEST: Final = timedelta(hours=1)
"""Marketing goes on for so long while acts wait for the second place."""


class SecondPlace:
    """The second place of one data folder. ``why`` and ``warnings`` from any thread; the rest waits for the store."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._why = ""
        self._note = ""
        self._completed = ""
        self.configured = bool(folder.config.storage.memory)
        self._journal = journal_of(folder.config, folder.pepper) if self.configured else None
        self._memory: Memory | None = None
        if self._journal is not None:
            self._reading = InTime(self._journal.place)
            self._memory = Memory(self._journal, folder.pepper, folder.clock.now)

    @property
    def path(self) -> Path | None:
        """The path of the journal."""
        return self._journal.path if self._journal is not None else None

    @property
    def debt(self) -> str:
        """Why acts wait for the second place; empty where none does."""
        debt = self._memory.debt if self._memory is not None else None
        return debt.why if debt is not None else ""

    @property
    def compared(self) -> bool:
        """The store was compared with the journal, and what it lacked was replayed."""
        return self._folder.store.memory is not None

    @property
    def why(self) -> str:
        """Why marketing is refused; empty where it is not."""
        if self._why or self._memory is None:
            return self._why
        debt = self._memory.debt
        if self._memory.wrong:
            return self._memory.wrong
        late = debt is not None and self._folder.clock.now() - debt.since > LONGEST
        return f"for an hour nothing could be written into it: {debt.why}" if late and debt is not None else ""

    def warnings(self) -> Iterator[str]:
        """What somebody must see to, in sentences."""
        if why := self.why:
            yield (
                f"The memory journal cannot be relied on: {why}. Marketing calls are refused until it is there as it "
                "was; where it is lost for good, an admin begins a new one: dialgate memory renew"
            )
        elif debt := self.debt:
            yield (
                f"Acts wait for the memory journal: {debt}. They hold here, and are written when the place is back; "
                "after an hour marketing calls are refused."
            )
        elif self._completed:
            yield self._completed
        elif self._note:
            yield f"There is no memory journal yet: {self._note}. A restore of the data folder would forget objections."

    def look(self, *, whole: bool = False) -> None:
        """Compare the store with the journal, and keep what it lacks; ``whole``: every entry is checked, also where
        both end at the same one. Nothing is raised for the journal's sake: see ``why``. Raises ``StoreError``."""
        if self._journal is None or self._memory is None:
            return
        with self._lock:
            if self.compared and not whole:
                return
            try:
                self._compare(self._journal, self._memory, whole=whole)
            except _NotYet:
                return
            except (JournalAway, JournalWrong) as error:
                if str(error) != self._why:
                    log.error("memory_not_compared", why=str(error), hint=error.hint)
                self._why = str(error)
                return
            self._why = self._note = ""
            self._folder.store.memory = self._memory
        self._pay(self._memory)

    def tend(self) -> None:
        """Compare where that was not done yet, and write what waits. Raises ``StoreError``."""
        if not self.configured:
            return
        self.look()
        if self.debt and self._memory is not None:
            if self._memory.beyond:
                self.check()
            self._pay(self._memory)

    def check(self) -> None:
        """Compare every act of journal, log and rows, beside a gate that works: what either lacks is kept, and a leaf
        and a warning say so. Nothing is raised for the journal's sake. Raises ``StoreError``."""
        if self._journal is None or self._memory is None or not self.compared:
            return
        try:
            known, found = self._read_beside()
            replay(self._folder, Read(found.head, [*found.known, *found.acts], []), entries=0)
            self._complete(self._memory, found, known.leaf)
        except (JournalAway, JournalWrong) as error:
            log.error("memory_not_compared", why=str(error), hint=error.hint)
            if isinstance(error, JournalWrong):
                self._memory.wrong = str(error)

    def differences(self) -> list[str]:
        """What journal, log and rows say otherwise than one another, a sentence each; nothing is changed. Raises
        ``JournalAway``, ``StoreError``."""
        if self._journal is None:
            return []
        with self._folder.reader() as reader:
            first, last = kept(reader.connection), last_index(reader.connection)
        if first is None:
            return []
        found = [str(BeyondLog(first.leaf, last))] if first.leaf > last else []
        try:
            known, read = self._read_beside()
        except JournalWrong as error:
            return [*found, str(error)]
        with self._folder.reader() as reader:  # after the journal: the store has all that is in it
            missing = lacking(reader.connection, min(known.leaf, last), self._folder.pepper, _held(read))
            if missing:
                one = f"{missing[0].act} {missing[0].id}"
                found.append(
                    f"{self._journal.path} lacks {many(len(missing), 'act')} that the log has: the first is {one}"
                )
            return [*found, *contradicted(reader, [*read.known, *read.acts])]

    def renew(self, actor: str, reason: str) -> str:
        """Begin a new journal in the place of one that is lost or damaged: the old one stays beside it under another
        name. Everything that the store holds goes into it. Returns where the old one lies now.

        Raises ``UsageError`` where there is nothing to renew, ``JournalAway`` where the place is not there.
        """
        if self._journal is None or self._memory is None:
            raise UsageError("no second place is configured", hint="name one: storage.memory")
        if not self.why:
            raise UsageError("the memory journal is in order: there is nothing to renew")
        journal, why = self._journal, self.why
        with self._lock:
            self._folder.store.memory = None
            aside = self._memory.in_time(lambda: _aside(journal))
            head = self._memory.in_time(journal.create)
            self._folder.keep(facts.MemoryRenewed(reason=reason, why=why), "memory", actor)
            self._note_head(head, -1)
            self._memory = Memory(journal, self._folder.pepper, self._folder.clock.now)
            self._why = ""
            self._folder.store.memory = self._memory
        self._pay(self._memory)
        return aside

    # --- steps

    def _pay(self, memory: Memory) -> None:
        while self._folder.store.pay() and memory.more:
            pass

    def _compare(self, journal: Journal, memory: Memory, *, whole: bool) -> None:
        known = self._folder.store.alone(kept)
        if known is None:
            if not memory.in_time(journal.path.exists):
                self._first(journal, memory)
                return
        elif not whole and memory.in_time(lambda: journal.ends_at(known.head)):
            return
        since = known.head if known is not None else None
        found = memory.in_time(lambda: journal.read(since))
        entries = found.head.number - (since.number if since is not None else 0)
        replay(self._folder, found, entries=entries)
        if since != found.head:
            self._note_head(found.head, None)
        self._complete(memory, found, known.leaf if known is not None else -1)

    def _read_beside(self) -> tuple[Kept, Read]:
        """What the store knows of the journal, and then all of that, beside a gate that works. Raises ``JournalAway``,
        ``JournalWrong``."""
        assert self._journal is not None  # noqa: S101 - the callers have looked
        journal = self._journal
        for again in (True, False):
            with self._folder.reader() as reader:
                known = kept(reader.connection)
            if known is None:
                raise JournalAway("the store has no memory journal any more")
            try:
                return known, self._reading(partial(journal.read, known.head))
            except JournalWrong:  # read while it was written: half an entry is no fault
                if not again:
                    raise
        raise AssertionError

    def _complete(self, memory: Memory, found: Read, upto: int) -> None:
        """Write what the log has and the journal lacks, where the store says that it is there."""
        held = _held(found)
        count = self._folder.store.alone(lambda connection: memory.complete(connection, held, upto))
        if count:
            self._folder.keep(MemoryCompleted(acts=count), "memory", REPLAYED_BY)
            log.error("memory_completed", acts=count, hint="somebody has changed gate.db or the journal: audit verify")
            self._completed = (
                f"The memory journal lacked {many(count, 'act')} that the store said it holds: somebody has changed "
                "gate.db or the journal. What it lacked is written now, and the log says so (memory_completed)."
            )

    def _first(self, journal: Journal, memory: Memory) -> None:
        """There never was one: begin it, or go on without where the place is not there yet."""
        try:
            head = memory.in_time(journal.create)
        except JournalAway as error:
            self._note = str(error)
            raise _NotYet(str(error)) from error
        self._note_head(head, -1)

    def _note_head(self, head: Head, leaf: int | None) -> None:
        def note(connection: Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            keep_head(connection, head, leaf)
            connection.execute("COMMIT")

        self._folder.store.alone(note)


def _held(found: Read) -> set[tuple[str, str]]:
    return {(act.act, act.id) for act in (*found.known, *found.acts)}


class _NotYet(GateError):
    """The place is not there, and never was."""


def journal_of(config: Config, pepper: bytes) -> Journal:
    """The journal in the second place, signed and checked with ``gate.key``. Raises ``VaultError``."""
    key = signing_key(config.data / "gate.key")
    signer = Signer(key.vkey, key.sign, key.verify)
    return Journal(config.path(config.storage.memory), signer, number_hash(pepper, ""))


def _aside(journal: Journal) -> str:
    """Move what lies in the journal's place to a free name beside it. Raises ``JournalAway``."""
    if not journal.place.is_dir():
        raise JournalAway(f"{journal.place} is not there", hint="is the disk mounted? the gate does not make it")
    try:
        for count in range(1, 10_000):
            beside = journal.path.with_name(f"{journal.path.name}.{count}")
            if not os.path.lexists(beside):
                if not os.path.lexists(journal.path):
                    return ""
                journal.path.rename(beside)
                return str(beside)
    except OSError as error:
        raise JournalAway(f"{journal.path} cannot be moved aside: {error.strerror}") from error
    raise JournalAway(f"{journal.place} is full of old journals", hint="move them away")


def behind(config: Config, pepper: bytes, connection: Connection) -> bool:
    """Whether a store that nobody has opened to write is not known to hold all that its journal does."""
    if not config.storage.memory:
        return False
    known = kept(connection)
    if known is None:
        return (config.path(config.storage.memory) / NAME).exists()
    try:
        return not journal_of(config, pepper).ends_at(known.head)
    except GateError:
        return True


class MemoryStanding(Response, frozen=True, kw_only=True):
    """How the second place is."""

    configured: bool
    """``storage.memory`` names one."""
    path: str
    """The path of the journal."""
    compared: bool
    """The store was compared with it, and holds all that it does."""
    entries: int
    """As the store knows it."""
    waits: str
    """Why acts wait to be written into it; empty where none does."""
    refused: str
    """Why marketing calls are refused; empty where they are not."""
    warnings: list[str]


class MemoryStatus(Request[MemoryStanding], frozen=True):
    """How the second place is that remembers objections and erasures."""


@operation(MemoryStatus, "memory_status", roles=EVERYBODY)
def memory_status(folder: DataFolder, asked: MemoryStatus, caller: Caller) -> MemoryStanding:
    """Show whether the second place holds what the store does, and what waits for it."""
    memory = folder.one(SecondPlace)
    memory.tend()
    known = folder.read(lambda reader: kept(reader.connection))
    return MemoryStanding(
        configured=memory.configured,
        path=str(memory.path or ""),
        compared=memory.compared,
        entries=known.head.number if known is not None else 0,
        waits=memory.debt,
        refused=memory.why,
        warnings=list(memory.warnings()),
    )


class MemoryRenewed(Response, frozen=True, kw_only=True):
    """A new journal was begun."""

    path: str
    aside: str
    """Where the old one lies now; empty where there was none."""
    waits: str


class MemoryRenew(Request[MemoryRenewed], frozen=True):
    """Begin a new journal where the old one is lost or damaged, from what the store holds."""

    reason: Annotated[Note, about("Why; kept in the log.")]


@operation(MemoryRenew, "memory_renew", roles=ADMINS)
def memory_renew(folder: DataFolder, asked: MemoryRenew, caller: Caller) -> MemoryRenewed:
    """Begin a new journal in the second place: the log says who and why.

    What only the lost one held is lost with it. Raises ``UsageError`` where there is no reason, or the journal is in
    order.
    """
    if not asked.reason.strip():
        raise UsageError("a new journal is begun for a reason only", hint="Say it: --reason 'the disk died'")
    aside = folder.one(SecondPlace).renew(caller.actor, asked.reason.strip())
    return MemoryRenewed(path=str(folder.one(SecondPlace).path or ""), aside=aside, waits=folder.one(SecondPlace).debt)
