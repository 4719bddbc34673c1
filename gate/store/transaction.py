"""The inside of one transaction: facts go in, with their leaf and what is derived from them."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, NamedTuple

import msgspec

from gate.core.evidence import LOG_BITS, Frontier, Node, canonical, commitment, keys_of, leaf_bytes, leaf_hash, stamp
from gate.core.facts import lists
from gate.core.facts.derived import ACTS
from gate.core.facts.gate import AbandonedReplayed
from gate.core.numbers import begins_with
from gate.core.terms import (
    NOBODY_KNOWN,
    Consent,
    Objection,
    Purpose,
    Reason,
    Scope,
    Stop,
    Subscriber,
    SubscriberKind,
    Topic,
    Tried,
)
from gate.errors import StoreError
from gate.ports import Fact
from gate.sqlite_thread import Connection
from gate.store import memory
from gate.store.projections import TOUCHED, Columns, LogEntry, Table, call_of, hash_in, number_hash, utf8
from gate.store.queries import IS_ATTEMPT
from gate.store.rows import R, V, Values, structs_of, values_of
from gate.store.schema import IS_OPEN
from gate.store.tree import TILE, TILE_LEVEL, load_frontier, node_provider

Salts = Callable[[], bytes]

_FACT = "INSERT INTO facts (leaf_index, kind, subject, at, actor, call_id, salt, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LEAF = "INSERT INTO leaves (leaf_index, leaf, hash) VALUES (?, ?, ?)"
_CHECKPOINT = "INSERT INTO checkpoints (size, root, note, at) VALUES (?, ?, ?, ?)"
_TILE = "INSERT INTO tiles (tile, hash) VALUES (?, ?)"
OBJECTION = "id, made_at, leaf_index, scope, on_behalf_of, noted_at"
"""Columns of ``objection_of``."""
CONSENT = (
    "id, given_at, withdrawn_at, leaf_index, withdrawn_leaf, after_objection, topics,"
    " trim(coalesce(evidence, '')) <> '' AS proven, purpose, holds_until, holds_longer,"
    " on_behalf_of, noted_at, withdrawn_noted"
)
"""Columns of ``consent_of``."""
_OBJECTIONS = f"SELECT {OBJECTION} FROM objections WHERE number_hash = ? AND removed_at IS NULL ORDER BY made_at"  # noqa: S608
_CONSENTS = f"SELECT {CONSENT} FROM consents WHERE number_hash = ? ORDER BY given_at"  # noqa: S608 - the code's own
OPEN_REQUESTS = (
    f"FROM requests INDEXED BY requests_stopping WHERE asks IN {memory.STOPPING} AND numbers IS NOT NULL AND {IS_OPEN}"
)
"""Requests that stop marketing to their numbers (LAW 1.7a): by an index that has no others."""
RESTRICTIONS = "FROM holds WHERE target = 'number' AND released_at IS NULL AND kind = 'restriction'"
"""Restrictions in force on numbers."""
SUBSCRIBER = "kind, since"
"""Columns of ``subscriber_of``."""
_SUBSCRIBER = (
    f"SELECT {SUBSCRIBER} FROM subscribers WHERE number_hash = ? ORDER BY noted_at DESC, leaf_index DESC LIMIT 1"  # noqa: S608
)
_STOPS = (
    f"SELECT 1 AS request, reference {OPEN_REQUESTS} AND instr(numbers, ?) > 0"
    f" UNION ALL SELECT 0, coalesce(reference, '') {RESTRICTIONS} AND number = ?"
)
_UNATTENDED = (
    "SELECT max(at) FROM (SELECT max(answered_at) AS at FROM calls INDEXED BY calls_unattended WHERE number = ?1"  # noqa: S608
    " AND answered_at IS NOT NULL AND ended_at IS NOT NULL AND bridged = 0 AND reason IS NOT 'call_in'"
    " UNION ALL SELECT max(answered_at) FROM calls INDEXED BY calls_abandoned WHERE number = ?1"
    " AND abandoned_why IS NOT NULL"
    " UNION ALL SELECT max(json_extract(body, '$.answered_at')) FROM facts INDEXED BY facts_abandoned"
    f" WHERE kind = '{AbandonedReplayed.kind}' AND json_extract(body, '$.number_hash') = ?2)"
)

_STOPPED = (
    "SELECT campaign FROM campaign_stops INDEXED BY campaign_stops_standing"
    " WHERE claimed_by = ? AND campaign IN (?, '') AND released_at IS NULL ORDER BY campaign DESC LIMIT 1"
)
_TRIED = (
    "SELECT at, ended_at IS NULL AND source IS NOT 'ask' AS open, call_id FROM calls INDEXED BY calls_tried"  # noqa: S608
    " WHERE number = ? AND at > ? AND verdict = 'allow' AND reason NOT IN ('call_in', 'emergency_call')"
    " AND cause IS NOT 'decision_late' AND NOT (cause IS 'trunk_unreachable' AND code IS 503)"  # no INVITE had left
    f" AND {IS_ATTEMPT} ORDER BY at DESC"
)
_QUESTION = (
    "SELECT call_id FROM calls AS asked INDEXED BY calls_asked WHERE number = ? AND claimed_by = ? AND at >= ?"
    " AND source = 'ask' AND NOT EXISTS (SELECT 1 FROM calls AS made WHERE made.question = asked.call_id)"
    " ORDER BY at DESC LIMIT 1"
)
_ATTEMPT = "SELECT at FROM attempts WHERE attempt = ?"
_CLAIM = "INSERT INTO attempts (attempt, at) VALUES (?, ?)"
_ELSEWHERE = (
    "SELECT count(*) FROM calls INDEXED BY calls_in_hand WHERE claimed_by = ? AND (leaf_index < ? OR leaf_index >= ?)"  # noqa: S608
    " AND verdict = 'allow' AND ended_at IS NULL AND source IS NOT 'ask'"
    " AND reason NOT IN ('call_in', 'emergency_call')"
    f" AND EXISTS (SELECT 1 FROM nodes WHERE nodes.gate = calls.leaf_index >> {LOG_BITS} AND seen_at > ?)"
)
NODE_LASTS: Final = timedelta(seconds=20)
"""A gate that has not written its row (``gate.operations.nodes``) for so long is lost."""
ATTEMPT_LASTS: Final = timedelta(hours=1)
"""No transaction of an INVITE lasts longer (RFC 3261 17.1.1, 17.2.1): after that its key may go."""
LOOK_UPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (_OBJECTIONS, ("digest",)),
    (_OBJECTIONS, ("short_digest",)),
    (_CONSENTS, ("digest",)),
    (_SUBSCRIBER, ("digest",)),
    (_STOPS, ("quoted", "number")),
    (_STOPS, ("short_quoted", "short")),
    (_UNATTENDED, ("number", "hex")),
    (_TRIED, ("number", "since")),
    (_QUESTION, ("number", "claimed_by", "asked_since")),
    (_STOPPED, ("caller", "campaign")),
    (_ATTEMPT, ("attempt",)),
    (_ELSEWHERE, ("limited", "own_first", "own_stop", "seen_since")),
)
"""What a decision looks up, and which of ``LookUps.values`` each question takes."""
Known = Mapping[tuple[str, tuple[Any, ...]], Sequence[Sequence[Any]]]
"""Rows by their question and its values."""


NEVER: Final = datetime(1970, 1, 2, tzinfo=UTC)


class LookUps(NamedTuple):
    """What a decision on one number is made from."""

    number: str
    """E.164; empty where it is none."""
    since: datetime
    """Attempts after this time count."""
    claimed_by: str
    asked_since: datetime
    """A question that the call may come of is no older."""
    caller: str
    campaign: str
    attempt: str = ""
    """``attempt_key`` of its INVITE; empty for what is none."""
    limited: str = ""
    """The account or PBX whose calls in hand are counted; empty where nothing bounds them."""
    now: datetime = NEVER

    def values(self, pepper: bytes, own: range) -> dict[str, Any]:
        """What ``LOOK_UPS`` are asked with, at the gate of the log with these keys."""
        digest, short = number_hash(pepper, self.number), begins_with(self.number)
        return {
            "number": self.number,
            "quoted": json.dumps(self.number),
            "digest": digest,
            "hex": digest.hex(),
            "short": short or None,
            "short_quoted": json.dumps(short) if short else None,
            "short_digest": number_hash(pepper, short) if short else None,
            "since": stamp(self.since),
            "claimed_by": self.claimed_by,
            "asked_since": stamp(self.asked_since),
            "caller": self.caller,
            "campaign": self.campaign,
            "attempt": self.attempt,
            "limited": self.limited,
            "own_first": own.start,
            "own_stop": own.stop,
            "seen_since": stamp(self.now - NODE_LASTS),
        }


def attempt_key(invite: tuple[str, str, int]) -> str:
    """What stands for Call-ID, From tag and CSeq of an INVITE, at all gates alike; empty for none."""
    return sha256("\n".join(map(str, invite)).encode("utf-8", "surrogatepass")).hexdigest() if invite[0] else ""


_SQL: dict[tuple[str, str, tuple[str, ...]], str] = {}


def _write(table: Table, kind: str, columns: Columns) -> str:
    """The statement that a kind of fact does to a table; its last parameter is the key. Names come from code alone."""
    names = tuple(columns)
    sql = _SQL.get((table.name, kind, names))
    if sql is None:
        if table.makes(kind):
            marks = ", ".join("?" * (len(names) + 1))
            sql = f"INSERT INTO {table.name} ({', '.join((*names, table.key))}) VALUES ({marks})"  # noqa: S608
        else:
            change = "{0} = coalesce({0}, ?)" if table.stands(kind) else "{0} = ?"
            changes = ", ".join(change.format(name) for name in names)
            sql = f"UPDATE {table.name} SET {changes} WHERE {table.key} = ?"  # noqa: S608
        _SQL[table.name, kind, names] = sql
    return sql


class _Guard:
    """Around what the database does for a transaction: its first failure is the last thing that it does."""

    __slots__ = ("_connection", "_tx")

    def __init__(self, tx: StoreTransaction, connection: Connection) -> None:
        self._tx, self._connection = tx, connection

    def __enter__(self) -> Connection:
        tx = self._tx
        if tx.over or tx.failure is not None or not self._connection.in_transaction:
            raise StoreError("this transaction has failed or is over") from tx.failure
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, (sqlite3.Error, OverflowError)):
            self._tx.failure = error
            raise StoreError(f"the database failed: {error}") from error


class StoreTransaction:
    """The inside of one transaction, on the store's own connection; one for each piece of work.

    Once the database has failed it, every further call raises ``StoreError``: work that swallows the first error can
    neither keep half of its evidence nor write outside of the transaction.
    """

    def __init__(
        self,
        connection: Connection,
        frontier: Frontier,
        salts: Salts,
        pepper: bytes,
        known: Known | None = None,
        own: range = keys_of(0),
    ) -> None:
        """``known``: what was looked up for it already; ``own``: the keys of this gate's log."""
        self._connection, self.own = connection, own
        self._together: Callable[[Sequence[tuple[str, Sequence[Any]]]], None] | None
        self._together = getattr(connection, "together", None)
        """Writes several rows at once, where each statement is a way to a server and back."""
        self._ask: Callable[[Sequence[Mapping[str, Any]]], list[Known]] | None = getattr(connection, "ask", None)
        """Asks all ``LOOK_UPS`` at once, likewise."""
        self._hold: Callable[[Sequence[str]], None] | None = getattr(connection, "hold", None)
        """Lets no other gate count the calls of these."""
        self._known: Known = known or {}
        """What they have found, until something is written."""
        self._salts = salts
        self._pepper = pepper
        self.frontier = frontier
        """The tree with what was appended here."""
        self.failure: Exception | None = None
        """The database's error when it failed."""
        self.acted = False
        """It has kept what must outlive the store (``gate.store.memory``)."""
        self.freed = False
        """It has emptied or deleted what must be in no file any more (``EvidenceStore.scrub``)."""
        self.over = False
        """The work it was made for has returned: nothing goes any more."""

    def _guarded(self) -> _Guard:
        return _Guard(self, self._connection)

    def append(self, fact: Fact, salt: bytes | None = None) -> int:
        """Keep a fact: its row, its leaf and what is derived from it. Returns the leaf's key.

        ``salt``: 16 random bytes by which it is found again (``queries.holds``); drawn here where there are none.

        Raises ``EvidenceError`` where the fact cannot be written (no JSON, a time without a zone, a telephone number
        in subject or actor), ``ValueError`` where a time in its body is none, ``StoreError`` where the database fails.
        """
        text = canonical(fact.values())
        written = text.decode()
        body = json.loads(written)
        index = self.frontier.size
        entry = LogEntry(self.own.start + index, fact.kind, utf8(fact.subject), stamp(fact.at), utf8(fact.actor), body)
        salt = salt or self._salts()
        leaf = leaf_bytes(entry.kind, entry.subject, entry.at, entry.actor, commitment(salt, text))
        digest = leaf_hash(leaf)
        call_id = call_of(entry.kind, entry.subject, body)
        derived = [(table, derive(entry)) for table, derive in TOUCHED.get(entry.kind, ())]
        frontier = self.frontier.push(digest)
        self._known = {}
        with self._guarded() as connection:
            row = (entry.leaf_index, entry.kind, entry.subject, entry.at, entry.actor, call_id, salt, written)
            writes: list[tuple[str, Sequence[Any]]] = [(_FACT, row), (_LEAF, (index, leaf, digest))]
            if frontier.size % TILE == 0:
                writes.append((_TILE, (index >> TILE_LEVEL, self._tile_root(connection, index, digest))))
            for table, columns in derived:
                if (key := call_id if table.by_call else entry.subject) is not None:
                    writes.append(self._derive(table, entry.kind, columns, key, body))
            if self._together is not None:
                self._together(writes)
            else:
                for sql, values in writes:
                    connection.execute(sql, values)
        self.frontier = frontier
        self.acted = self.acted or entry.kind in ACTS
        return entry.leaf_index

    def _tile_root(self, connection: Connection, last: int, digest: bytes) -> bytes:
        """Root of the tile that the leaf ``last`` completes."""
        first = last + 1 - TILE
        tile = Frontier()
        for (earlier,) in connection.execute(
            "SELECT hash FROM leaves WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index", (first, last)
        ):
            tile = tile.push(earlier)
        return tile.push(digest).root

    def _derive(
        self, table: Table, kind: str, columns: Columns, key: str, body: Mapping[str, Any]
    ) -> tuple[str, Sequence[Any]]:
        """The statement that writes a derived row, and its values."""
        if table.hashed and columns.get("number"):
            columns["number_hash"] = number_hash(self._pepper, columns["number"])
        elif table.hashed and table.makes(kind) and (known := hash_in(body)):
            columns["number_hash"] = known
        return _write(table, kind, columns), (*columns.values(), key)

    def claim(self, attempt: str, now: datetime) -> bool:
        """Take an attempt (``attempt_key``) for this gate; False where a gate has it. Of two at the same moment the
        database refuses one, whose work is done again."""
        if self._found(_ATTEMPT, attempt):
            return False
        with self._guarded() as connection:
            values = (attempt, stamp(now))
            if self._together is not None:
                self._together([(_CLAIM, values)])
            else:
                connection.execute(_CLAIM, values)
        return True

    def in_hand_elsewhere(self, claimed_by: str, now: datetime) -> int:
        """How many calls of an account or PBX the other gates have in hand, those that are lost left out. Until this is
        committed, no other gate counts its calls: of two that ask for one place at the same moment one gets it."""
        values = claimed_by, self.own.start, self.own.stop, stamp(now - NODE_LASTS)
        if (_ELSEWHERE, values) not in self._known and self._hold is not None:
            with self._guarded():
                self._hold([claimed_by])
        return int(self._found(_ELSEWHERE, *values)[0][0])

    def forget_attempts(self, now: datetime) -> int:
        """Those that are old; returns how many."""
        return self.write("DELETE FROM attempts WHERE at < ?", [stamp(now - ATTEMPT_LASTS)])

    # --- what decisions read

    def look_up(self, asks: Callable[[], LookUps]) -> None:
        """What is to be asked of a number next: where each question is a way to a server and back, all go at once."""
        if self._ask is not None and not self._known:
            with self._guarded():
                (self._known,) = self._ask([asks().values(self._pepper, self.own)])

    def objections(self, number: str) -> list[Objection]:
        """The objections in force for an E.164 number, by its keyed hash: an erased person's too."""
        return [objection_of(*row) for row in self._found(_OBJECTIONS, self.hash_of(number))]

    def consents(self, number: str) -> list[Consent]:
        """All consents ever given for an E.164 number, the withdrawn ones too."""
        return [consent_of(*row) for row in self._found(_CONSENTS, self.hash_of(number))]

    def subscriber(self, number: str) -> Subscriber:
        """Return the newest note of who has an E.164 number, by its keyed hash: what an erased person left counts
        too."""
        for row in self._found(_SUBSCRIBER, self.hash_of(number)):
            return subscriber_of(*row)
        return NOBODY_KNOWN

    def stops(self, number: str) -> list[Stop]:
        """Open requests and restrictions that stop marketing to an E.164 number (LAW 1.7a)."""
        return [stop_of(*row) for row in self._found(_STOPS, json.dumps(number), number)]

    def _found(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        """The rows of one of ``LOOK_UPS``."""
        with self._guarded() as connection:
            known = self._known.get((sql, values))
            return connection.execute(sql, values).fetchall() if known is None else known

    def hash_of(self, number: str) -> bytes:
        """The keyed hash that stands for an E.164 number in ``number_hash``."""
        return number_hash(self._pepper, number)

    def last_unattended(self, number: str) -> datetime | None:
        """When a call to this number was last answered without an agent ever being heard (LAW 3.4)."""
        ((at,),) = self._found(_UNATTENDED, number, self.hash_of(number).hex())
        return datetime.fromisoformat(at) if at else None

    def stopped(self, caller: str, campaign: str) -> str:
        """The campaign of this caller that is stopped, or ``all campaigns``; empty where none of them is."""
        return next((name or "all campaigns" for (name,) in self._found(_STOPPED, caller, campaign)), "")

    def question(self, number: str, claimed_by: str, since: datetime) -> str | None:
        """The newest question of an account or PBX about an E.164 number, asked since then, that no call has come of
        yet."""
        return next((str(key) for (key,) in self._found(_QUESTION, number, claimed_by, stamp(since))), None)

    def tried(self, number: str, since: datetime, besides: str | None = None) -> Tried:
        """The attempts at this number that were let through after ``since``; a question that a call came of is none,
        nor is the call ``besides``, nor one that was over before an INVITE left: its decision came late, or all trunks
        were known to be down."""
        found = [row for row in self._found(_TRIED, number, stamp(since)) if row[2] != besides]
        return Tried(sum(open_ for _, open_, _ in found), tuple(datetime.fromisoformat(at) for at, *_ in found))

    def rows(self, kind: type[R], sql: str, parameters: Values = ()) -> list[R]:
        """Rows of a SELECT as Structs. Raises ``StoreError`` for any other statement."""
        require_select(sql)
        with self._guarded() as connection:
            return structs_of(connection, kind, sql, parameters)

    def values(self, kind: type[V], sql: str, parameters: Values = ()) -> list[V]:
        """Rows of a SELECT as tuples, or the values of its only column. Raises ``StoreError`` as ``rows``."""
        require_select(sql)
        with self._guarded() as connection:
            return values_of(connection, kind, sql, parameters)

    def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """A statement of this package's own (erasure); evidence itself goes through ``append`` alone. Returns how many
        rows it changed."""
        self._known = {}
        with self._guarded() as connection:
            changed = connection.execute(sql, parameters).rowcount
        self.freed = self.freed or (changed > 0 and sql.startswith("DELETE"))
        return changed

    def write_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """The same statement for many rows; returns how many it changed."""
        self._known = {}
        with self._guarded() as connection:
            return connection.executemany(sql, rows).rowcount

    # --- the log

    def head(self) -> tuple[int, bytes]:
        """Size and root of the log, with what this transaction has appended."""
        return self.frontier.size, self.frontier.root

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves. Raises ``AuditError`` where they are not all there."""
        with self._guarded() as connection:
            return load_frontier(connection, size).root

    def node(self) -> Node:
        """Subtree hashes for proofs (``gate.core.evidence.inclusion_proof``), while this transaction lives."""
        return node_provider(self._connection)

    def keep_checkpoint(self, size: int, root: bytes, note: str, at: datetime) -> None:
        """Keep a signed checkpoint; the same size again replaces it."""
        with self._guarded() as connection:
            connection.execute("DELETE FROM checkpoints WHERE size = ?", (size,))
            connection.execute(_CHECKPOINT, (size, root, note, stamp(at)))


def last_word(tx: StoreTransaction, fact: Fact) -> Fact:
    """``fact`` as it is to be kept: an objection that bears no time of its own is made now, and no consent that is held
    by now is newer (PECR reg 21(1)(a)), even one whose time was written by a clock that was ahead; nor is it entered
    before one that another gate has kept. Any other fact stays as it is, and so does the time of an objection that was
    made earlier (``made_at``)."""
    body = fact.body
    if not isinstance(body, lists.Objection) or not body.number:
        return fact
    held = tx.consents(body.number)
    at: datetime = max([fact.at, *(each.noted_at for each in held if each.noted_at and each.learnt not in tx.own)])
    if not body.made_at:
        made: datetime = max([fact.at, *(consent.given_at for consent in held)])
        body = msgspec.structs.replace(body, made_at=made.isoformat())
    return dataclasses.replace(fact, at=at, body=body)


def objection_of(
    key: str, made_at: str, leaf_index: int, scope: str | None, on_behalf_of: str | None, noted_at: str | None
) -> Objection:
    """A row of ``OBJECTION``. A scope that is not known is the widest."""
    known = Scope.MARKETING if scope in (None, Scope.MARKETING) else Scope.ALL
    made, noted = datetime.fromisoformat(made_at), datetime.fromisoformat(noted_at) if noted_at else None
    return Objection(key, made, leaf_index, known, on_behalf_of or "", noted)


def consent_of(
    key: str,
    given_at: str,
    withdrawn_at: str | None,
    leaf_index: int,
    withdrawn_leaf: int | None,
    after: int | None,
    topics: str | None,
    proven: int,
    purpose: str | None,
    holds_until: str | None,
    longer: int | None,
    on_behalf_of: str | None,
    noted_at: str,
    withdrawn_noted: str | None,
) -> Consent:
    """A row of ``CONSENT``. A withdrawal whose leaf is not known counts as the newest of words; a consent kept
    before it had topics is one to general marketing calls."""
    withdrawn = datetime.fromisoformat(withdrawn_at) if withdrawn_at else None
    ended = (withdrawn_leaf if withdrawn_leaf is not None else sys.maxsize) if withdrawn else 0
    given = datetime.fromisoformat(given_at)
    until = date.fromisoformat(holds_until) if holds_until else None
    marketing = Purpose.MARKETING if purpose in (None, Purpose.MARKETING) else Purpose.SERVICE
    scope = (topics_of(topics), bool(proven), marketing, until, bool(longer), on_behalf_of or "")
    entered = datetime.fromisoformat(noted_at), datetime.fromisoformat(withdrawn_noted) if withdrawn_noted else None
    return Consent(key, given, withdrawn, leaf_index, ended, bool(after), *scope, *entered)


@lru_cache(maxsize=64)
def topics_of(text: str | None) -> frozenset[Topic]:
    """What calls a consent was given for: ``claims,pensions``. A word that is no topic is left out."""
    return frozenset(Topic(each) for each in (text or "general").split(",") if each in set(Topic))


def subscriber_of(kind: str | None, since: str | None) -> Subscriber:
    """A row of ``SUBSCRIBER``; a word that is not known says nothing."""
    known = SubscriberKind(kind) if kind in set(SubscriberKind) else SubscriberKind.UNKNOWN
    return Subscriber(known, date.fromisoformat(since) if since else None)


def stop_of(request: int, reference: str) -> Stop:
    """A row of the stops."""
    return Stop(Reason.REQUEST_PENDING if request else Reason.RESTRICTED, reference)


def require_select(sql: str) -> None:
    """Raises ``StoreError`` for a statement that does not read."""
    if not sql.lstrip().upper().startswith(("SELECT", "WITH")):
        raise StoreError(f"only SELECT may be asked here, not {sql.strip()[:40]!r}")
