"""What an operation would do, before it does it: its own handler runs on a shadow of the data folder.

The shadow has the store's own connection inside one transaction that is rolled back, the wrapped keys likewise, and of
the sealed files a list of those that would go. So what is shown is what the act does, by the same code: the leaves that
it would append, the rows that it would change, what would vanish, what stays, and the letter. An act that would be
refused is refused here, in the same words.

While it runs no call is decided: where a gate runs it has ``SECONDS``, and what takes longer is not rehearsed.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from gate.converting import json_fields
from gate.core.evidence import index_of
from gate.core.facts.keys import KeysDropped
from gate.core.facts.retention import FactsErased
from gate.core.rows.audit import CopyRow, Leaf
from gate.core.rows.calls import FactRow
from gate.errors import GateError, RefusedError, StoreError
from gate.operations.audit.leaves import sentences
from gate.operations.audit.signed_log import SignedCheckpoint, SignedLog
from gate.operations.data_folder import NO_GATE, DataFolder
from gate.operations.operation import Caller, Operation, Request
from gate.operations.proposals import Proposals
from gate.operations.rehearsal import TOO_LARGE, ChangeAhead, GoneAhead, LeavesAhead, Rehearsed
from gate.showing import clean, local, many
from gate.sqlite_thread import Connection, Cursor
from gate.store.projections import TOUCHED
from gate.store.reader import Reader
from gate.store.transaction import StoreTransaction
from gate.vault.files import Removal, sealed_at
from gate.vault.keyring import Keyring
from gate.vault.keystore import KeyStoreDb
from gate.vault.sealed_files import Lying, SealedFiles

if TYPE_CHECKING:
    from gate.store.store import EvidenceStore

T = TypeVar("T")
Value = str | int | float | bytes | None
"""Of a column."""
Values = Sequence[Value] | Mapping[str, Value]
SECONDS: Final = 0.5
"""How long a rehearsal may keep decisions waiting, where a gate runs."""
ALONE_SECONDS: Final = 20.0
"""And where none does."""
_SAID: Final = 5
"""Sentences that are shown of the leaves of one kind."""
_MOST: Final = 50
"""Rows whose change is shown, and recordings that are named."""
_STEPS: Final = 2000
"""Steps of SQLite between two looks at the clock."""
_UPDATE: Final = re.compile(r"UPDATE (\w+) SET .+ WHERE (\w+) = \?$", re.DOTALL)
_DELETE: Final = re.compile(r"DELETE FROM (\w+)\b")
_TABLES: Final = {table.name: table for tables in TOUCHED.values() for table, _ in tables}
_THINGS: Final = {"contact_faults": "line of a contact file", "requests": "request", "campaign_stops": "stop"}
"""What a row of a table is, where the table's name is not the many of it."""

# --- carried out, and rolled back -------------------------------------------------------------------------------------


def run(folder: DataFolder, found: Operation[Any, Any], request: Request[Any], caller: Caller) -> Rehearsed:
    """What the operation would do, asked with this request. Raises as its handler; ``RefusedError`` (``TOO_LARGE``)."""
    return folder.store.alone(lambda connection: _rehearsed(folder, connection, found, request, caller))


def _rehearsed(
    folder: DataFolder, connection: Connection, found: Operation[Any, Any], request: Request[Any], caller: Caller
) -> Rehearsed:
    """On the store's thread."""
    until = time.monotonic() + (SECONDS if folder.gate is not NO_GATE else ALONE_SECONDS)
    watched = _Watched(connection, until)
    lite = connection if isinstance(connection, sqlite3.Connection) else None
    connection.execute("BEGIN IMMEDIATE")
    try:
        if lite is not None:
            lite.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        shadow = Shadow(folder, watched)
        before = shadow.shadow_store.frontier.size
        answer = found.handler(shadow, request, Caller(caller.actor, watched.progress, roles=caller.roles))
        return shadow.shown(found.name, before, answer)
    except GateError as error:
        if time.monotonic() > until:
            raise _too_large(found.name) from error
        raise
    finally:
        if lite is not None:
            lite.set_progress_handler(None, 0)
        connection.rollback()


def _too_large(name: str) -> RefusedError:
    return RefusedError(
        f"{name} takes too long to be rehearsed while calls are decided",
        reason=TOO_LARGE,
        hint="Its plan says how much it takes; rehearse it at a quiet hour, with the gate stopped.",
    )


# --- the shadow -------------------------------------------------------------------------------------------------------


class _Watched:
    """The store's connection, which notes what would change and vanish."""

    def __init__(self, connection: Connection, until: float) -> None:
        self._connection, self._until = connection, until
        self.rows: dict[tuple[str, str, Value], dict[str, Value]] = {}
        """(table, name of its key, key) -> the row as it was."""
        self.more: set[tuple[str, Value]] = set()
        """(table, key) of those that are not kept."""
        self.deleted: Counter[str] = Counter()
        """Table -> rows."""

    def progress(self, _fraction: float, _text: str = "") -> None:
        """As a ``Progress``. Raises ``StoreError`` where the time is over."""
        if time.monotonic() > self._until:
            raise StoreError("the time of the rehearsal is over")

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(0.01, self._until - time.monotonic())

    def _look(self) -> None:
        """Raises ``StoreError`` where the time is over, or the database has given the transaction up by itself: what
        came after that would be kept."""
        self.progress(0.0)
        if not self._connection.in_transaction:
            raise StoreError("the database has ended the rehearsal")

    def execute(self, sql: str, parameters: Values = (), /) -> Cursor:
        """As of a ``Connection``; raises ``StoreError`` where the rehearsal is over."""
        self._look()
        if isinstance(parameters, Sequence) and (found := _UPDATE.match(sql)) and found[1] in _TABLES:
            self._note(found[1], found[2], parameters[-1])
        done = self._connection.execute(sql, parameters)
        if found := _DELETE.match(sql):
            self.deleted[found[1]] += max(done.rowcount, 0)
        return done

    def executemany(self, sql: str, parameters: Iterable[Values], /) -> Cursor:
        """As of a ``Connection``; raises as ``execute``."""
        self._look()
        return self._connection.executemany(sql, parameters)

    def _note(self, table: str, column: str, key: Value) -> None:
        if (table, column, key) in self.rows or (table, key) in self.more:
            return
        if len(self.rows) >= _MOST:
            self.more.add((table, key))
        elif row := self.row(table, column, key):
            self.rows[table, column, key] = row

    def row(self, table: str, column: str, key: Value) -> dict[str, Value]:
        """A row as it is now; empty where there is none."""
        found = self._connection.execute(f"SELECT * FROM {table} WHERE {column} = ?", (key,))  # noqa: S608 - the code's
        names = [each[0] for each in found.description]
        return next((dict(zip(names, row, strict=True)) for row in found), {})

    @property
    def in_transaction(self) -> bool:
        """As of a ``Connection``."""
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        """As of a ``Connection``."""
        return self._connection.total_changes

    def rollback(self) -> None:
        """Left to whoever began the transaction."""

    def close(self) -> None:
        """Left to its owner."""


class _ShadowStore:
    """The store inside one transaction: every piece of work sees what those before it have done. On its thread."""

    memory = None
    shared = False

    def __init__(self, of: EvidenceStore, connection: _Watched) -> None:
        self._of, self._connection = of, connection
        self.frontier = of._frontier

    def call(self, work: Callable[[StoreTransaction], T], timeout: float = 30.0) -> T:
        """What this work returns or raises; where it raises nothing of it stays."""
        of = self._of
        tx = StoreTransaction(self._connection, self.frontier, of._salts, of._pepper, None, of.own)
        self._connection.execute("SAVEPOINT piece")
        try:
            result = work(tx)
            if tx.failure is not None:
                raise StoreError(f"the database failed: {tx.failure}") from tx.failure
        except BaseException:
            with suppress(sqlite3.Error, StoreError):
                self._connection.execute("ROLLBACK TO piece")
            raise
        finally:
            tx.over = True
        self._connection.execute("RELEASE piece")
        self.frontier = tx.frontier
        return result

    def scrub(self) -> bool:
        """Nothing is left to be cut."""
        return True

    def unscrubbed(self) -> list[str]:
        """No table has to wait."""
        return []

    def rewrite(self, progress: Callable[[float, str], None]) -> int:
        """How many bytes the tables have that would be written anew."""
        return self._of.rewritable(self._connection)

    def take_owed(self) -> str:
        """Nothing is kept, so nothing is owed."""
        return ""


class _ShadowReader(Reader):
    """The state inside the transaction."""

    def __init__(self, connection: _Watched) -> None:
        self._connection = connection

    def rest(self) -> None:
        """There is no other state."""

    def close(self) -> None:
        """Left to its owner."""


class _ShadowKeys(KeyStoreDb):
    """The wrapped keys: what was shredded before is shredded again for each look, and then rolled back."""

    def __init__(self, of: KeyStoreDb, connection: _Watched) -> None:
        self.path, self._of, self._connection_of_store = of.path, of, connection
        self._done: list[Callable[[sqlite3.Connection], object]] = []

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def rolled_back(db: sqlite3.Connection) -> T:
            db.execute("BEGIN IMMEDIATE")
            try:
                for each in self._done:
                    each(db)
                return work(db)
            finally:
                db.rollback()

        return self._of._wait(rolled_back, self._connection_of_store.left, alone=True)

    def _erase(self, work: Callable[[sqlite3.Connection], T]) -> T:
        result = self._call(work)
        self._done.append(work)
        return result


class _ShadowFiles(SealedFiles):
    """The sealed files: those that would go are noted, and not found again. No bucket is asked."""

    def __init__(self, of: SealedFiles) -> None:
        super().__init__(of.folder, of.bucket)
        self.gone: dict[str, int] = {}
        """Name -> bytes; 0 for one that lies in the bucket."""

    def remove(self, files: Sequence[Lying]) -> list[Removal]:
        """As of ``SealedFiles``."""
        removals = []
        for each in files:
            path = sealed_at(self.folder, each.path)
            here = bool(each.path) and each.path not in self.gone and path.is_file()
            there = bool(each.path) and each.path not in self.gone and bool(each.stored_in)
            if here or there:
                self.gone[each.path] = path.stat().st_size if here else 0
            removals.append(Removal(each.path, here or there, ""))
        return removals

    def each_here(self) -> Iterator[tuple[str, str]]:
        """As of ``SealedFiles``."""
        return (each for each in super().each_here() if each[1] not in self.gone)

    def each_there(self) -> Iterator[tuple[str, str]]:
        """None: the bucket is asked when it is done."""
        return iter(())


class _ShadowKeyring(Keyring):
    """The register of recipients, of which nobody is retired."""

    def retire(self, recipient_id: str) -> None:
        """It may be."""
        self.retirable(recipient_id)


class _ShadowLog(SignedLog):
    """The log, which is not signed."""

    def checkpoint(self) -> SignedCheckpoint:
        """Its head as it would be signed."""
        size, root = self._store.call(lambda tx: tx.head())
        return SignedCheckpoint(size=size, root=base64.b64encode(root).decode(), note="", missed=[])


class Shadow(DataFolder):
    """A data folder on which an operation runs for nothing."""

    def __init__(self, of: DataFolder, connection: _Watched) -> None:
        self.__dict__.update({name: each for name, each in of.__dict__.items() if name not in ("retention", "files")})
        self.rehearses = True
        self.watched = connection
        self.shadow_store = _ShadowStore(of.store, connection)
        self.store = cast("EvidenceStore", self.shadow_store)
        self.keys = self.shadow_keys = _ShadowKeys(of.keys, connection)
        self.__dict__["files"] = self.shadow_files = _ShadowFiles(of.files)
        self.log = _ShadowLog(of.config, of.clock, self.store, of.pepper)
        self.proposals = Proposals(self, of.operations)
        self._parts, self._making = {}, threading.RLock()

    def reader(self) -> Reader:
        """The state inside the transaction."""
        return _ShadowReader(self.watched)

    def keyring(self) -> Keyring:
        """As of a ``DataFolder``; nobody is retired."""
        return _ShadowKeyring(self.config.data / "recipients", self.keys, two_person=self.config.recording.two_person)

    # --- what is shown ------------------------------------------------------------------------------------------------

    def shown(self, name: str, before: int, answer: msgspec.Struct) -> Rehearsed:
        """What has happened here, since the log had so many leaves."""
        with self.reader() as reader:
            first = reader.own.start + before
            sql = "SELECT * FROM facts WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
            facts = reader.rows(FactRow, sql, (first, reader.own.stop))
            leaves = _leaves(reader, facts)
            gone = [*_emptied(reader, facts), *self._recordings(reader), *self._wraps(facts), *self._deleted()]
        plain = json_fields(answer)
        return Rehearsed(
            operation=name,
            leaves=leaves,
            changes=list(self._changes()),
            more=len(self.watched.more),
            gone=gone,
            stays=list(_stays(answer)),
            letter=str(plain.get("text", "")) if "eml" in plain else "",
            to=str(plain.get("to", "")) if plain.get("sent") else "",
            answer=plain,
        )

    def _changes(self) -> Iterator[ChangeAhead]:
        for (table, column, key), was in self.watched.rows.items():
            now = self.watched.row(table, column, key)
            for name, value in was.items():
                if name.endswith(("hash", "leaf", "leaf_index")) or isinstance(value, bytes):
                    continue
                if (then := now.get(name)) != value and not isinstance(then, bytes):
                    yield ChangeAhead(
                        _thing(table),
                        str(was["reference"] if table == "requests" else key),
                        name,
                        _text(value),
                        _text(then),
                    )

    def _recordings(self, reader: Reader) -> Iterator[GoneAhead]:
        if not self.shadow_files.gone:
            return
        named = []
        for path, size in list(self.shadow_files.gone.items())[:_MOST]:
            name = Path(path).name.partition(".")[0]
            opened = reader.values(str, "SELECT opened_at FROM recordings WHERE recording_id = ?", (name,))
            named.append(f"{name}, {f'of {local(opened[0])}, ' if opened else ''}{many(size, 'byte')}")
        gone = self.shadow_files.gone
        yield GoneAhead("sealed recording", len(gone), named, sum(gone.values()))

    def _wraps(self, facts: Sequence[FactRow]) -> Iterator[GoneAhead]:
        taken = [
            each
            for fact in facts
            if fact.kind == KeysDropped.kind
            for each in KeysDropped.read(fact.body or {}).recordings
        ]
        if taken:
            yield GoneAhead("wrapped key", len(taken), [f"of recording {each}" for each in taken[:_MOST]])

    def _deleted(self) -> Iterator[GoneAhead]:
        for table, rows in self.watched.deleted.items():
            if rows and table != "contact_forgotten":
                yield GoneAhead(_thing(table), rows, [])


def _leaves(reader: Reader, facts: Sequence[FactRow]) -> list[LeavesAhead]:
    found: dict[str, list[FactRow]] = {}
    for fact in facts:
        found.setdefault(fact.kind, []).append(fact)
    shown = [fact for each in found.values() for fact in each[:_SAID]]
    rows = [
        Leaf(index_of(each.leaf_index), each.kind, each.subject, each.at, each.actor or "", hash="") for each in shown
    ]
    said = sentences(reader, rows, whole=True) if rows else {}
    return [
        LeavesAhead(kind, len(each), [said[index_of(fact.leaf_index)] for fact in each[:_SAID]])
        for kind, each in found.items()
    ]


def _emptied(reader: Reader, facts: Sequence[FactRow]) -> Iterator[GoneAhead]:
    """What the log says no more, though its leaves stay."""
    kinds: Counter[str] = Counter()
    for fact in facts:
        if fact.kind == FactsErased.kind:
            for index in FactsErased.read(fact.body or {}).leaves:
                kinds.update(reader.values(str, "SELECT kind FROM facts WHERE leaf_index = ?", (reader.own[index],)))
    if kinds:
        of = [f"{number:,} {kind.replace('_', ' ')}" for kind, number in sorted(kinds.items())]
        yield GoneAhead("entry of the log that is emptied", kinds.total(), of)


_NAMED: Final = {
    "held_by": "Held, and stays: {}",
    "mentions": "Stays, for it is about somebody else: {}",
    "open_requests": "Keeps its numbers until it is over: request {}",
}
_COUNTED: Final = {
    "held": ("recording", "stays: a hold keeps it"),
    "held_back": ("recording", "stays"),
    "unproven": ("recording", "stays: the other key has not shown that it opens it"),
}


def _stays(answer: msgspec.Struct) -> Iterator[str]:
    """What stays and why, of an answer that says so."""
    for name, sentence in _NAMED.items():
        for each in getattr(answer, name, None) or ():
            yield clean(sentence.format(getattr(each, "hold", "") if isinstance(each, msgspec.Struct) else each))
    for name, (thing, why) in _COUNTED.items():
        number = getattr(answer, name, None)
        if isinstance(number, int) and number and not getattr(answer, "held_by", None):
            yield f"{many(number, thing)} {why}"
    for each in getattr(answer, "copies", None) or ():
        if isinstance(each, CopyRow):
            yield clean(f"A copy in clear stays until somebody destroys it: {each.what} at {each.place}")


def _thing(table: str) -> str:
    return _THINGS.get(table, table.removesuffix("s").replace("_", " "))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
