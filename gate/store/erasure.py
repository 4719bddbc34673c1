"""What an erasure empties: the leaves that go with a call, a record, a person or a term, and the emptying itself.

The body and the salt of a fact go, and the personal columns of what was derived from it; its leaf stays and so does the
log: a commitment without its salt and value says nothing. An erasure is itself a fact, ``facts_erased``, that names
the leaves: without one, ``gate.audit`` reports an empty body as tampering. Nothing but that fact would show that what
stays was changed afterwards. So it commits, in ``stays`` by table and row, to the columns that rested on the emptied
facts and are not personal (``gate.core.evidence.remnant``), and names in ``filed`` the call of an emptied fact.

What goes with what follows from the marks of the kinds (``gate.core.facts.derived``); who may erase what, and why, is
decided in ``gate.operations.erasure``. What people wrote about calls and contacts, where a name may stand, goes with
what it was written about; who did it, and when, stays with the leaf. Why a recording was taken is kept, as it says who
got it, unless it names the person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec

from gate.core.evidence import index_of, leaf_name, log_of, remnant, stamp
from gate.core.facts import derived
from gate.core.facts.derived import AGEING, ENDS, OF_CALL, OF_REQUEST, ONLY_CALL, WITH_CALL
from gate.core.facts.lists import ConsentWithdrawn, Objection, RegisterImported
from gate.core.facts.recordings import Exported
from gate.core.facts.requests import Rectification
from gate.core.facts.retention import FactsErased, Hold, NumberShown, TermsSwept
from gate.core.rows.lists import ContactList
from gate.core.rows.retention import CallPast, RecordKept
from gate.store import contacts
from gate.store.projections import HOLDS, REQUESTS, TOUCHED, Table
from gate.store.queries import Source, facts_of, marks, slices
from gate.store.requests import LAST_ENTERED, ending_in
from gate.store.transaction import StoreTransaction

# --- emptied ------------------------------------------------------------------------------------------------------


def empty(
    tx: StoreTransaction, leaves: Collection[int], *, subject: str, at: datetime, actor: str, basis: str, what: str
) -> int:
    """Empty these facts; returns how many were. Where there is nothing to erase no fact is kept: an erasure that is
    carried out again adds nothing to the log."""
    there: list[int] = []
    for part in slices(sorted(set(leaves))):
        sql = f"SELECT leaf_index FROM facts WHERE body IS NOT NULL AND leaf_index IN ({marks(part)})"  # noqa: S608
        there += tx.values(int, sql, part)
    if there:
        erase_facts(tx, there, subject=subject, at=at, actor=actor, basis=basis, what=what)
    return len(there)


def erase_facts(
    tx: StoreTransaction, leaves: Iterable[int], *, subject: str, at: datetime, actor: str, basis: str, what: str
) -> int:
    """Empty these facts and the personal columns that rest on them, and append the fact that says so.

    ``subject`` is what the erasure is done for (a request, a sweep), ``basis`` and ``what`` are said in its fact: no
    personal data. Returns the index of its leaf. Facts already empty, or that are not there, are left out of it. After
    the commit, ``EvidenceStore.scrub`` removes what the write-ahead log still holds. Raises ``StoreError``.
    """
    erased: list[int] = []
    log = log_of(tx.own.start)
    filed: dict[str, str] = {}
    rests: dict[tuple[str, str], tuple[Table, set[str], set[str]]] = {}
    for leaf in sorted(set(leaves)):
        sql = "SELECT kind, subject, call_id FROM facts WHERE leaf_index = ? AND body IS NOT NULL"
        for kind, about, call_id in tx.values(tuple[str, str, str | None], sql, [leaf]):
            erased.append(leaf)
            if call_id is not None and kind not in OF_CALL:
                filed[leaf_name(leaf, log)] = call_id
            tx.write("UPDATE facts SET salt = NULL, body = NULL WHERE leaf_index = ?", [leaf])
            for table, _ in TOUCHED.get(kind, ()):
                key = call_id if table.by_call else about
                if key is not None:
                    _, columns, left = rests.setdefault((table.name, key), (table, set(), set()))
                    columns.update(table.sets(kind))
                    left.update(table.remaining(kind))
    stays: dict[str, dict[str, str]] = {}
    for (name, key), (table, columns, left) in rests.items():
        if changes := ", ".join(f"{each} = NULL" for each in sorted(columns.intersection(table.personal))):
            tx.write(f"UPDATE {name} SET {changes} WHERE {table.key} = ?", [key])  # noqa: S608 - names are code's
        if left:
            names = sorted(left)
            sql = f"SELECT {', '.join(names)} FROM {name} WHERE {table.key} = ?"  # noqa: S608 - names are code's
            for values in tx.values(tuple[Any, ...], sql, [key]):
                stays.setdefault(name, {})[key] = remnant(dict(zip(names, values, strict=True)))
    tx.freed = True
    own = [index_of(leaf) for leaf in erased if leaf in tx.own]
    elsewhere = [leaf_name(leaf, log) for leaf in erased if leaf not in tx.own]
    body = FactsErased(
        basis=basis, what=what, stays=stays, filed=filed, leaves=own, elsewhere=elsewhere or msgspec.UNSET
    )
    return tx.append(body.fact(subject, at, actor))


# --- with a call --------------------------------------------------------------------------------------------------


class _Words(NamedTuple):
    leaf: int
    body: dict[str, Any]
    """The body of its fact."""


_ABOUT_CALLS: Final = (
    f"SELECT leaf_index FROM facts WHERE kind = '{NumberShown.kind}' AND body IS NOT NULL AND subject IN ({{marks}})"  # noqa: S608
    " AND (call_id IS NULL OR call_id <> subject)",
    "SELECT f.leaf_index FROM holds AS h JOIN facts AS f ON f.subject = h.id AND (f.call_id IS NULL OR f.call_id <>"
    " f.subject) WHERE h.released_at IS NOT NULL AND f.body IS NOT NULL AND h.call_id IN ({marks})",
)
_TAKEN: Final = (
    f"SELECT leaf_index, body FROM facts WHERE kind = '{Exported.kind}' AND body IS NOT NULL AND call_id IN ({{marks}})"  # noqa: S608
)  # fmt: skip


def call_leaves(
    tx: StoreTransaction, call_ids: Sequence[str], numbers: Sequence[str], others: Collection[str] = ()
) -> list[int]:
    """The leaves of these calls' facts that hold a number: the decision, the receipt's code, and whatever else one was
    written into. Of calls to ``others`` (``transfers.of_others``) those alone into which one of these was written, and
    what the person put right who was transferred to them. Objections keep the person uncallable and are left out."""
    written, own, leaves = ending_in(numbers), {*call_ids}.difference(others), []
    for part in slices(call_ids):
        rows = tx.values(
            tuple[int, str, str, str],
            "SELECT leaf_index, kind, call_id, body FROM facts WHERE body IS NOT NULL"  # noqa: S608 - only marks are put in
            f" AND call_id IN ({marks(part)}) AND kind NOT IN (?, ?)",
            [*part, Objection.kind, Hold.kind],
        )
        leaves += [
            leaf
            for leaf, kind, call_id, body in rows
            if (kind in WITH_CALL and call_id not in others)
            or written.search(body)
            or (kind == Rectification.kind and json.loads(body).get("talk") in own)
        ]
    return leaves


def words_about_calls(tx: Source, call_ids: Collection[str], named: Callable[[str], bool] | None = None) -> list[int]:
    """The leaves of what was written about these calls; ``named``: whether a text names the person."""
    leaves: list[int] = []
    for part in slices(call_ids):
        for sql in _ABOUT_CALLS:
            leaves += tx.values(int, sql.format(marks=marks(part)), part)
        if named is not None:
            taken = tx.values(_Words, _TAKEN.format(marks=marks(part)), part)
            leaves += [leaf for leaf, body in taken if named(str(body.get("purpose") or ""))]
    return leaves


# --- with a record, a request, a contact, a number ----------------------------------------------------------------

_ABOUT_CONTACTS: Final = (
    f"SELECT leaf_index, body FROM facts WHERE subject = 'contact' AND kind = '{NumberShown.kind}' AND body IS NOT NULL"  # noqa: S608
)
_LISTED: Final = (
    "SELECT DISTINCT reference FROM contacts WHERE list IN (SELECT list FROM contact_lists WHERE state = 'in_force')"
    " AND reference IN ({marks})"
)
_PLAIN: Final = "replace(replace(replace(replace(replace(body, ' ', ''), '-', ''), ')', ''), '.', ''), '/', '')"
_APART: Final = r"[\s().\-/]"
_BEFORE: Final = rf"(?:9|141|147[015]|1280)?{_APART}*(?:(?:00)?{_APART}*44{_APART}*0?|00?)"
"""What may stand before the digits of a number's own: codes of services, of the country, the trunk's 0."""


def leaves_of(tx: Source, subjects: Collection[str]) -> list[int]:
    """The leaves of every fact about these objections, consents, holds or requests that has a body."""
    return [fact.leaf_index for each in subjects for fact in facts_of(tx, each) if fact.body is not None]


def personal_leaves(tx: Source, request_id: str) -> list[int]:
    """The leaves of a request that say who asked, and what was said: to the gate, why somebody was shown the number,
    and by the mail server, which may name whom it would write to."""
    facts = facts_of(tx, request_id)
    return [fact.leaf_index for fact in facts if fact.kind in OF_REQUEST and fact.body is not None]


def words_about_contacts(tx: Source, references: Collection[str]) -> list[int]:
    """The leaves of what was written about contacts with these ids of the CRM's own."""
    rows = tx.values(_Words, _ABOUT_CONTACTS) if references else []
    return [leaf for leaf, body in rows if body.get("reference") in references]


def words_about_gone_contacts(tx: Source) -> list[int]:
    """The leaves of what was written about contacts that are kept no more: forgotten, idle, or gone from the list."""
    shown = {leaf: body.get("reference") for leaf, body in tx.values(_Words, _ABOUT_CONTACTS)}
    there: set[str] = set()
    for part in slices({each for each in shown.values() if each}):
        there.update(tx.values(str, _LISTED.format(marks=marks(part)), part))
    return [leaf for leaf, reference in shown.items() if reference not in there]


def mentions(
    tx: Source, numbers: Sequence[str], first: int, count: int
) -> tuple[list[tuple[int, str, str, str | None]], int]:
    """Facts with one of these numbers in their body, in any spelling, among ``count`` leaves from ``first`` on:
    (leaf, kind, subject, call), and the leaf to go on from (0 at the end). Decisions are found by their calls."""
    patterns = [number.removeprefix("+44") for number in numbers]
    asked = " OR ".join(f"instr({_PLAIN}, ?) > 0" for _ in patterns) or "FALSE"
    rows = tx.values(
        tuple[int, str, str, str | None, str],
        "SELECT leaf_index, kind, subject, call_id, body FROM facts"  # noqa: S608 - only marks are put in
        f" WHERE leaf_index >= ? AND leaf_index < ? AND kind NOT IN ({marks(ONLY_CALL)})"
        f" AND body IS NOT NULL AND ({asked})",
        [first, first + count, *ONLY_CALL, *patterns],
    )
    # not at the end of another number: +44169772345 is no part of +447169772345
    written = ending_in(numbers, rf"(?:(?<![0-9])|(?<=\\u[0-9a-f]{{4}}))(?:{_BEFORE}{_APART}*)?")
    found = [(leaf, kind, subject, call_id) for leaf, kind, subject, call_id, body in rows if written.search(body)]
    (after,) = tx.values(int, "SELECT coalesce(min(leaf_index), 0) FROM facts WHERE leaf_index >= ?", [first + count])
    return found, after


def words_naming(tx: Source, kinds: Mapping[str, str], named: Callable[[str], bool]) -> list[tuple[int, str]]:
    """(leaf, kind) of facts of these kinds, each with the field of its words, in which they name somebody."""
    rows = tx.values(
        tuple[int, str, dict[str, Any]],
        f"SELECT leaf_index, kind, body FROM facts WHERE kind IN ({marks(kinds)}) AND body IS NOT NULL",  # noqa: S608
        list(kinds),
    )
    return [(leaf, kind) for leaf, kind, body in rows if named(str(body.get(kinds[kind]) or ""))]


_NUMBER: Final = "CASE WHEN number IS NULL THEN NULL ELSE json_array(number) END"
_RECORDS: Final = {
    "request": "SELECT 'request' AS record, id, reference AS name, NULL AS kind, numbers, NULL AS call_id,"
    " state NOT IN ('done', 'closed') AS in_force, coalesce(name, '') AS person, opened_at AS at"
    " FROM requests WHERE id = ?",
    "hold": "SELECT 'hold' AS record, id, id AS name, kind, call_id,"  # noqa: S608 - the code's own
    f" CASE WHEN target = 'number' THEN {_NUMBER} ELSE '[]' END AS numbers,"
    f" {ENDS['hold']} IS NULL AS in_force, '' AS person, made_at AS at FROM holds WHERE id = ?",
    "objection": f"SELECT 'objection' AS record, id, id AS name, NULL AS kind, {_NUMBER} AS numbers, call_id,"  # noqa: S608
    f" {ENDS['objection']} IS NULL AS in_force, '' AS person, made_at AS at FROM objections WHERE id = ?",
    "consent": f"SELECT 'consent' AS record, id, id AS name, NULL AS kind, {_NUMBER} AS numbers, NULL AS call_id,"  # noqa: S608
    f" {ENDS['consent']} IS NULL AS in_force, coalesce(who, '') AS person, given_at AS at FROM consents WHERE id = ?",
}


def record_of(tx: Source, kind: str, subject: str) -> RecordKept | None:
    """What a fact of this kind about this subject is part of, where that is a hold, an objection, a consent or a
    request."""
    sql = _RECORDS.get(derived.record(kind))
    return next(iter(tx.rows(RecordKept, sql, [subject])), None) if sql else None


# --- past a term --------------------------------------------------------------------------------------------------

TERMS: Final = "retention"
"""What a sweep is about, in its facts."""
_CALLS: Final = (
    "FROM calls AS c INDEXED BY calls_at LEFT JOIN recordings AS r ON r.call_id = c.call_id"
    " WHERE c.at < :before AND c.number IS NOT NULL AND (c.verdict IS NOT 'allow') = :refused"
)
_CLOSED: Final = (
    "FROM requests WHERE state IN ('done', 'closed')"
    f" AND substr({LAST_ENTERED}, 1, 10) <= ?"
    f" AND coalesce({', '.join(REQUESTS.personal)}) IS NOT NULL"
)
_RELEASED: Final = (
    "FROM holds WHERE released_at IS NOT NULL AND substr(released_at, 1, 10) <= ?"
    f" AND coalesce({', '.join(HOLDS.personal)}) IS NOT NULL"
)
_OLD_WORDS: Final = (
    f"SELECT leaf_index FROM facts WHERE at < ? AND body IS NOT NULL AND (kind IN ({marks(AGEING)})"  # noqa: S608
    # why a recording was taken says who got it while there is something to be told of
    f" OR (kind = '{Exported.kind}' AND json_extract(body, '$.purpose') IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM recordings AS r WHERE r.recording_id = facts.subject AND r.erased_at IS NULL))"
    f" OR (kind = '{RegisterImported.kind}' AND coalesce(json_extract(body, '$.accepted'), '') <> ''))"
)
_REMOVED: Final = "FROM objections WHERE number IS NOT NULL AND substr(removed_at, 1, 10) <= ?"
_ENTERED: Final = (
    f"(SELECT max(at) FROM facts WHERE facts.subject = consents.id AND facts.kind = '{ConsentWithdrawn.kind}')"  # noqa: S608
)
_ENDED: Final = (
    "FROM (SELECT number, max(CASE"  # noqa: S608 - the code's own
    f" WHEN withdrawn_at IS NOT NULL THEN substr(max(withdrawn_at, coalesce({_ENTERED}, '')), 1, 10)"
    " WHEN holds_longer = 1 AND holds_until <> '' THEN holds_until"
    " ELSE min(coalesce(nullif(holds_until, ''), '9999'), date(substr(given_at, 1, 10), ? || ' months')) END) AS ended"
    " FROM consents WHERE number IS NOT NULL GROUP BY number) WHERE ended <= ?"
)
"""Numbers all of whose consents have ended: withdrawn, by the day on which that was entered, or too old."""
_NOTED: Final = (
    "FROM subscribers AS s WHERE s.number IS NOT NULL AND substr(s.noted_at, 1, 10) <= ?"
    " AND NOT EXISTS (SELECT 1 FROM consents AS c WHERE c.number_hash = s.number_hash AND c.number IS NOT NULL)"
    " AND NOT EXISTS (SELECT 1 FROM contacts AS k WHERE k.number = CAST(substr(s.number, 2) AS INTEGER)"
    " AND k.list IN (SELECT list FROM contact_lists WHERE state = 'in_force'))"
)
"""Subscribers of numbers with no contact and no consent: it makes no difference who has the line."""
_FAULTY: Final = "FROM contact_faults WHERE list IN (SELECT list FROM contact_lists WHERE imported_at < ?)"
_IDLE: Final = (
    "FROM contacts AS k WHERE k.list = ? AND NOT EXISTS (SELECT 1 FROM calls AS c"
    " WHERE c.number = '+' || k.number AND c.at >= ?)"
)


def call_page(tx: Source, before: datetime, *, refused: bool, after: tuple[str, str], limit: int) -> list[CallPast]:
    """A page of call records, or refused attempts, from before a time that still say who was called, oldest first."""
    return tx.rows(
        CallPast,
        f"SELECT c.call_id, c.at, c.number {_CALLS}"
        " AND (c.at, c.call_id) > (:at, :call) ORDER BY c.at, c.call_id LIMIT :limit",
        {"before": stamp(before), "refused": refused, "at": after[0], "call": after[1], "limit": limit},
    )


def records_over(tx: Source, day: date) -> list[list[int]]:
    """The leaves that still name somebody, for each request that was over by a day and each hold that was released by
    then. The course of a request, without a name, stays."""
    on = [day.isoformat()]
    of_requests = [personal_leaves(tx, each) for each in tx.values(str, f"SELECT id {_CLOSED} ORDER BY id", on)]
    return of_requests + [leaves_of(tx, [each]) for each in tx.values(str, f"SELECT id {_RELEASED} ORDER BY id", on)]


def old_words(tx: Source, day: date) -> list[int]:
    """The leaves of reasons, purposes and proposals from before a day on which nothing rests any more: of no record,
    of a recording that is erased, of a register's edition that is long out of force."""
    return tx.values(int, _OLD_WORDS, [day.isoformat(), *AGEING])


def entries_over(tx: Source, day: date, months: int) -> list[str]:
    """Numbers of objections that were taken back by a day, those all of whose consents had ended by then, and those of
    which it was noted by then who has them, for nothing that is kept; ``months``: how long a consent holds."""
    over = tx.values(str, f"SELECT number {_REMOVED}", [day.isoformat()])
    over += tx.values(str, f"SELECT s.number {_NOTED}", [day.isoformat()])
    return sorted({*over, *tx.values(str, f"SELECT number {_ENDED}", [months, day.isoformat()])})


def entries_of(tx: StoreTransaction, number: str, day: date, months: int) -> tuple[list[str], list[str]]:
    """The ids of those of a number: objections and notes of who has it, consents."""
    over = tx.values(str, f"SELECT id {_REMOVED} AND number = ?", [day.isoformat(), number])
    over += tx.values(str, f"SELECT s.id {_NOTED} AND s.number = ?", [day.isoformat(), number])
    ended = tx.values(str, f"SELECT number {_ENDED} AND number = ?", [months, day.isoformat(), number])
    return over, [each.id for each in tx.consents(number)] if ended else []


def forget_faults(tx: StoreTransaction, before: datetime) -> int:
    """Delete the rows that could be no contacts, of lists that were imported before a time; returns how many."""
    return tx.write(f"DELETE {_FAULTY}", [stamp(before)])


def forget_idle(tx: StoreTransaction, before: datetime, limit: int) -> int:
    """Delete so many of the contacts of each list that were neither imported with it nor called since a time; returns
    how many went. The same number stays in the list of another firm that names it anew."""
    return sum(
        contacts.forget_in(tx, each.list, number)
        for each in _lists_from_before(tx, before)
        for number in tx.values(int, f"SELECT DISTINCT number {_IDLE} LIMIT ?", [each.list, stamp(before), limit])
    )


def _lists_from_before(tx: Source, before: datetime) -> list[ContactList]:
    return [each for each in contacts.in_force(tx) if each.imported_at < stamp(before)]


def due(tx: Source, before: Mapping[str, datetime], over: Mapping[str, date], months: int) -> dict[str, int]:
    """How many of each sort are due: from before a time, or over by a day; what is held is counted too. ``months``: how
    long a consent holds."""

    def count(sql: str, values: Mapping[str, object] | Sequence[object]) -> int:
        return tx.values(int, f"SELECT count(*) {sql}", values)[0]

    lists, idle_since = _lists_from_before(tx, before["contacts"]), stamp(before["contacts"])
    return {
        "calls": count(_CALLS, {"before": stamp(before["calls"]), "refused": False}),
        "refused": count(_CALLS, {"before": stamp(before["refused"]), "refused": True}),
        "requests": count(_CLOSED, [over["requests"].isoformat()]) + count(_RELEASED, [over["requests"].isoformat()]),
        "lists": len(entries_over(tx, over["lists"], months)),
        "contacts": sum(count(_IDLE, [each.list, idle_since]) for each in lists) + count(_FAULTY, [idle_since]),
    }


def last_swept(tx: Source) -> TermsSwept | None:
    """The newest sweep of terms."""
    rows = tx.values(
        str,
        "SELECT body FROM facts WHERE kind = ? AND subject = ? AND body IS NOT NULL ORDER BY leaf_index DESC LIMIT 1",
        [TermsSwept.kind, TERMS],
    )
    return TermsSwept.read(json.loads(rows[0])) if rows else None
