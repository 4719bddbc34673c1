"""What data-subject requests ask of the store: their own rows, and everything that is held of a person.

A person is found by numbers (E.164, by index; objections and consents by their keyed hash, so that an erased person's
objection is found too) and calls by a span of time. Every function takes a transaction, as those of ``queries``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Final

from msgspec.structs import asdict

from gate.core.evidence import stamp
from gate.core.facts.audit import MemoryReplayed
from gate.core.facts.lists import ConsentLetterMade
from gate.core.facts.recordings import Exported
from gate.core.facts.requests import (
    AuthorityTold,
    Carried,
    Fulfilled,
    Granted,
    LetterMade,
    PersonTold,
    RecipientTold,
    Rectified,
    Withdrawn,
)
from gate.core.facts.retention import NumberShown
from gate.core.finding import REQUESTS, Condition, Term, meant
from gate.core.letters import Leaf
from gate.core.rows import Page
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import (
    HeldAttempt,
    HeldConsent,
    HeldContact,
    HeldObjection,
    HeldReceipt,
    HeldSubscriber,
    RequestRow,
)
from gate.core.rows.retention import HoldRow
from gate.store import contacts, transfers
from gate.store.paging import Counts, Kept, Way, any_of, counted, where_of, window
from gate.store.queries import Source, came_after, facts_of, marks, slices
from gate.store.rows import R
from gate.store.schema import IS_OPEN
from gate.store.transaction import StoreTransaction

LAST_ENTERED: Final = (
    "(SELECT max(at) FROM facts WHERE subject = requests.id AND (call_id IS NULL OR call_id <> subject) AND kind IN"  # noqa: S608 - names of the code
    f" ('{Fulfilled.kind}', '{Withdrawn.kind}', '{PersonTold.kind}', '{AuthorityTold.kind}'))"
)
"""When the last of the steps that end a request was entered; of one that is over, when it was."""
COUNTED: Final = 1000
"""Calls that are counted of somebody of whom nothing should be held; more are more than enough."""
_CALL = (
    "SELECT c.call_id, c.at, c.number, c.verdict, c.reason, c.purpose, c.topic, c.on_behalf_of, c.state, c.seconds,"
    " c.bridged, c.answered_at, c.cause, c.unrecorded_why, r.recording_id, r.state AS recording,"
    " r.seconds AS recorded_seconds, r.erased_at, r.opened_at AS recorded_at"
    " FROM calls AS c LEFT JOIN recordings AS r ON r.call_id = c.call_id"
)
NO_DAYS: Final = (None, None)
"""Received at any time."""
_FITS = "instr(lower(coalesce(reference, '') || ' ' || coalesce(name, '') || ' ' || coalesce(numbers, '')), ?) > 0"
_UNTOLD = (
    "asks IN ('erasure', 'restriction', 'rectification')"  # noqa: S608 - names of the code
    " AND EXISTS (SELECT 1 FROM facts AS named, json_each(named.body, '$.tell') AS w"
    " WHERE named.subject = requests.id AND (named.call_id IS NULL OR named.call_id <> named.subject)"
    f" AND named.kind IN ('{Carried.kind}', '{Granted.kind}', '{Rectified.kind}')"
    " AND NOT EXISTS (SELECT 1 FROM facts AS told"
    " WHERE told.subject = requests.id AND (told.call_id IS NULL OR told.call_id <> told.subject)"
    f" AND told.kind = '{RecipientTold.kind}' AND {came_after('told', 'named')}"
    " AND json_extract(told.body, '$.recipient') = w.key))"
)
"""Somebody who was given what is erased or locked has not been told of it since the fact that names them."""


# --- requests -----------------------------------------------------------------------------------------------------


def find(tx: Source, name: str) -> RequestRow | None:
    """A request by its reference or its id."""
    sql = "SELECT * FROM requests WHERE reference = ? OR id = ?"
    rows = tx.rows(RequestRow, sql, (name.strip().upper(), name.strip()))
    return rows[0] if rows else None


def course(tx: Source, request_id: str) -> list[FactRow]:
    """Every fact of a request, in the order of the log; the body of an erased one is None."""
    return facts_of(tx, request_id)


def request_of_letter(tx: Source, digest: str) -> str:
    """The id of the request, or consent, of a letter, by the SHA-256 of one of its forms; empty where there is none."""
    found = tx.values(
        str,
        "SELECT subject FROM facts WHERE kind IN (?, ?) AND ? IN (json_extract(body, '$.sha256'),"
        " json_extract(body, '$.text_sha256'), json_extract(body, '$.html_sha256')) LIMIT 1",
        (LetterMade.kind, ConsentLetterMade.kind, digest),
    )
    return found[0] if found else ""


def leaves_at(tx: Source, indexes: Collection[int]) -> dict[int, Leaf]:
    """The leaves of facts at these indexes; those of erased facts too."""
    found: dict[int, Leaf] = {}
    for part in slices(sorted(indexes)):
        sql = f"SELECT leaf_index, kind, at FROM facts WHERE leaf_index IN ({marks(part)})"  # noqa: S608 - question marks
        found |= {index: Leaf(index, kind, at) for index, kind, at in tx.values(tuple[int, str, str], sql, part)}
    return found


def next_reference(tx: StoreTransaction, year: int) -> str:
    """The reference of the next request of a year: one that no request has or had, also not one that a restore lost."""
    (last,) = tx.values(
        int,
        "SELECT coalesce(max(CAST(substr(reference, 10) AS INTEGER)), 0) FROM (SELECT reference FROM requests"
        " UNION ALL SELECT value FROM facts, json_each(facts.body, '$.gone') WHERE kind = ?) WHERE reference LIKE ?",
        (MemoryReplayed.kind, f"DSR-{year}-%"),
    )
    return f"DSR-{year}-{last + 1:04}"


def nameless(tx: Source) -> list[str]:
    """References of open requests of which a restore lost who asked."""
    return tx.values(
        str,
        f"SELECT reference FROM requests WHERE channel = 'memory' AND numbers = '[]' AND name = '' AND {IS_OPEN}"  # noqa: S608 - the code's own
        " ORDER BY received, reference",
    )


def open_ones(
    tx: Source, text: str = "", *, between: tuple[date | None, date | None] = NO_DAYS, untold: bool = False
) -> list[RequestRow]:
    """Requests that are not over and fit ``text`` (see ``page``), oldest first; with ``untold`` those too that are over
    for the person alone."""
    which = f"({IS_OPEN} OR {_UNTOLD})" if untold else IS_OPEN
    where, values = where_of([Kept(which, ()), *_received(between), *map(_fits, requests_meant(text))])
    return tx.rows(RequestRow, f"SELECT * FROM requests WHERE {where} ORDER BY received, id", values)  # noqa: S608


def page(
    tx: StoreTransaction,
    after: str | None = None,
    limit: int = 50,
    state: str | None = None,
    text: str = "",
    between: tuple[date | None, date | None] = NO_DAYS,
) -> Page[RequestRow]:
    """Requests, newest first; with ``text`` those that fit it (``gate.core.finding``): what is asked for, a state, or
    part of a reference, a name or a number. ``between``: received on this day or later, and before that one."""
    kept = [*_received(between), *map(_fits, requests_meant(text))]
    kept += [Kept("state = ?", (state,))] if state is not None else []

    def read(way: Way) -> list[RequestRow]:
        cursor = [Kept(f"(opened_at, id) {way.sign} (?, ?)", way.cursor)] if way.cursor else []
        where, values = where_of([*kept, *cursor])
        sql = f"SELECT * FROM requests WHERE {where} ORDER BY opened_at DESC, id DESC LIMIT ?"  # noqa: S608 - code's own
        return tx.rows(RequestRow, sql, [*values, way.most])

    return window(read, ("opened_at", "id"), after, None, limit)


def _received(between: tuple[date | None, date | None]) -> list[Kept]:
    given = zip(("received >= ?", "received < ?"), between, strict=True)
    return [Kept(condition, (day.isoformat(),)) for condition, day in given if day is not None]


def requests_meant(text: str) -> list[Term]:
    """What each word of a text means of requests."""
    return meant(text, REQUESTS, free="name", ids=False)


def _fits(word: Term) -> Kept:
    return any_of([_condition(asked) for asked in word.conditions], denied=word.denied)


def _condition(asked: Condition) -> Kept:
    column, value = asked
    if column in ("asks", "state"):
        return Kept(f"{column} = ?", (value,))
    return Kept(_FITS, (_typed(value),))


def requests_counted(tx: Source, text: str, between: tuple[date | None, date | None]) -> Counts:
    """How many requests, over or not, fit what was typed."""
    words = requests_meant(text)
    return counted(tx, "requests", words, _received(between), [_fits(word) for word in words])


def _typed(text: str) -> str:
    """Spell what was typed as it stands in a row: a number's beginning, as the British write it, in E.164."""
    plain = re.sub(r"[ -]", "", text)
    return f"+44{plain[1:]}" if re.fullmatch(r"0[1-9]\d*", plain) else text.strip().lower()


def unfinished(tx: Source) -> list[str]:
    """Ids of the requests whose erasure has begun and not ended."""
    return tx.values(str, "SELECT id FROM requests WHERE carrying_at IS NOT NULL AND carried_at IS NULL ORDER BY id")


def outlived(tx: StoreTransaction, reference: str) -> bool:
    """True where the receipt of an erasure names this request as still open: it kept its numbers until it is over."""
    receipts = (
        f"SELECT 1 FROM requests JOIN facts ON facts.subject = requests.id AND facts.kind = '{Carried.kind}',"  # noqa: S608 - a name
        " json_each(body, '$.open_requests') AS still WHERE carried_at IS NOT NULL AND still.value = ? LIMIT 1"
    )
    return bool(tx.values(int, receipts, [reference]))


def requests_of_numbers(tx: StoreTransaction, numbers: Sequence[str]) -> list[RequestRow]:
    """Requests by or about these numbers, oldest first."""
    asked = " OR ".join("instr(numbers, ?) > 0" for _ in numbers) or "FALSE"
    return tx.rows(
        RequestRow,
        f"SELECT * FROM requests WHERE numbers IS NOT NULL AND ({asked}) ORDER BY opened_at, id",  # noqa: S608 - marks
        [json.dumps(number) for number in numbers],
    )


# --- what is held of a person -------------------------------------------------------------------------------------


def calls_of(
    tx: StoreTransaction,
    numbers: Sequence[str] | None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[HeldAttempt]:
    """Attempts to these numbers (None: to any) within a span, oldest first, each with its recording where it has one:
    refused ones and those that were not recorded too, and those whose spelling was refused (``07700 900123 x5``); and
    calls to others to which somebody with one of these numbers was transferred."""
    times = {"c.at >= ?": since, "c.at < ?": until}
    conditions = [condition for condition, at in times.items() if at is not None]
    span = [stamp(at) for at in times.values() if at is not None]
    if numbers is None:
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return tx.rows(HeldAttempt, f"{_CALL}{where} ORDER BY c.at, c.call_id LIMIT ?", [*span, limit])
    rest = "".join(f" AND {condition}" for condition in conditions)
    of_them = f"{_CALL} WHERE c.number IN ({marks(numbers)}){rest} ORDER BY c.at, c.call_id LIMIT ?"
    found = tx.rows(HeldAttempt, of_them, [*numbers, *span, limit])
    written = ending_in(numbers)
    sql = f"SELECT c.call_id, coalesce(c.raw, '') FROM calls AS c WHERE c.number = ''{rest}"  # noqa: S608 - marks
    refused = [call_id for call_id, raw in tx.values(tuple[str, str], sql, span) if written.search(raw)]
    more = {*refused, *transfers.joined_by(tx, numbers)}.difference(row.call_id for row in found)
    first, last = (stamp(at) if at is not None else "" for at in (since, until))
    found += [row for row in calls(tx, more) if first <= row.at and (not last or row.at < last)]
    return sorted(found, key=lambda row: (row.at, row.call_id))[:limit]


def counts_of(
    tx: StoreTransaction,
    numbers: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    but: Collection[str],
) -> dict[str, int]:
    """How much is held of these numbers, in this time, by what it is; entries and requests with these ids (``but``) do
    not count."""
    found = calls_of(tx, numbers, since, until, limit=COUNTED) if numbers else []
    ids = {
        "objections": [row.id for row in objections_of(tx, numbers)],
        "consents": [row.id for row in consents_of(tx, numbers)],
        "subscribers": [row.id for row in subscribers_of(tx, numbers)],
        "holds": [row.id for row in holds_of(tx, numbers, [row.call_id for row in found])],
        "requests": [row.id for row in requests_of_numbers(tx, numbers)] if numbers else [],
    }
    counted = {name: len(set(each).difference(but)) for name, each in ids.items()}
    return {"calls": len(found), "contacts": len(contacts_of(tx, numbers)), **counted}


def calls(tx: StoreTransaction, call_ids: Collection[str]) -> list[HeldAttempt]:
    """The same rows of these calls."""
    found: list[HeldAttempt] = []
    for part in slices(call_ids):
        found += tx.rows(HeldAttempt, f"{_CALL} WHERE c.call_id IN ({marks(part)})", part)
    return sorted(found, key=lambda row: (row.at, row.call_id))


def objections_of(tx: StoreTransaction, numbers: Sequence[str]) -> list[HeldObjection]:
    """Objections of these numbers, those taken back and those of an erased person too."""
    names = "id, made_at, source, note, call_id, removed_at, removed_why, scope, on_behalf_of, number IS NULL AS erased"
    return _by_hash(tx, HeldObjection, "objections", names, "made_at", numbers)


def consents_of(tx: StoreTransaction, numbers: Sequence[str]) -> list[HeldConsent]:
    """Consents of these numbers, the withdrawn ones too."""
    names = "id, given_at, how, wording, who, evidence, purpose, topics, caller, on_behalf_of, holds_until"
    names += ", withdrawn_at, withdrawn_why"
    return _by_hash(tx, HeldConsent, "consents", names, "given_at", numbers)


def subscribers_of(tx: StoreTransaction, numbers: Sequence[str]) -> list[HeldSubscriber]:
    """Read the notes of who has these numbers."""
    return _by_hash(tx, HeldSubscriber, "subscribers", "id, noted_at, kind, since, source", "leaf_index", numbers)


def _by_hash(
    tx: StoreTransaction, kind: type[R], table: str, names: str, order: str, numbers: Sequence[str]
) -> list[R]:
    return [
        row
        for number in numbers
        for row in tx.rows(
            kind,
            f"SELECT ? AS number, {names} FROM {table} WHERE number_hash = ? ORDER BY {order}",  # noqa: S608 - names are the code's
            (number, tx.hash_of(number)),
        )
    ]


def contacts_of(tx: StoreTransaction, numbers: Sequence[str]) -> list[HeldContact]:
    """Rows of the contact lists in force with these numbers, of whichever firm's."""
    return [
        HeldContact(
            **asdict(row)
            | {"number": number, "since": stamp(datetime.fromtimestamp(row.since, UTC))}
            | {"imported_at": current.imported_at, "on_behalf_of": current.on_behalf_of or None}
        )
        for number in numbers
        for current in contacts.in_force(tx)
        for row in contacts.page(
            tx, current.list, None, 1000, {"number": int(number.removeprefix("+"))}, changed_since=None
        )[0]
    ]


def holds_of(tx: StoreTransaction, numbers: Sequence[str], call_ids: Collection[str]) -> list[HoldRow]:
    """Holds in force on these numbers, or on these calls and their recordings, oldest first."""
    calls = "SELECT value FROM json_each(:calls)"
    among = {
        "number": "number IN (SELECT value FROM json_each(:numbers))",
        "call": f"call_id IN ({calls})",
        "recording": f"recording_id IN (SELECT recording_id FROM recordings WHERE call_id IN ({calls}))",  # noqa: S608
    }
    parts = [
        f"SELECT * FROM holds WHERE target = '{target}' AND released_at IS NULL AND {which}"  # noqa: S608 - the code's own
        for target, which in among.items()
    ]
    asked = {"numbers": json.dumps([*numbers]), "calls": json.dumps([*call_ids])}
    return tx.rows(HoldRow, " UNION ".join(parts) + " ORDER BY leaf_index", asked)


def ended_holds(tx: Source, ids: Collection[str]) -> list[str]:
    """Those of these holds that have been released."""
    sql = "SELECT id FROM holds WHERE released_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))"
    return tx.values(str, sql, [json.dumps([*ids])])


def receipts_of(tx: Source, call_ids: Collection[str]) -> list[HeldReceipt]:
    """The receipts of these calls that are still kept, oldest first; their codes as they are stored."""
    rows: list[HeldReceipt] = []
    for part in slices(call_ids):
        rows += tx.rows(
            HeldReceipt,
            "SELECT call_id, issued_at AS at, number AS code, told FROM receipts"  # noqa: S608 - marks alone
            f" WHERE number IS NOT NULL AND call_id IN ({marks(part)})",
            part,
        )
    return sorted(rows, key=lambda row: row.at)


def looked_at(tx: Source, call_ids: Collection[str], subjects: Collection[str]) -> list[tuple[str, str]]:
    """When recordings of these calls were taken (``exported``), and the numbers of these calls or entries shown
    (``number_shown``): (at, kind), oldest first. What is emptied counts too: that it was done stays."""
    found: list[tuple[str, str]] = []
    for kind, column, values in ((Exported, "call_id", call_ids), (NumberShown, "subject", subjects)):
        other = "" if column == "call_id" else " AND (call_id IS NULL OR call_id <> subject)"
        for part in slices(values):
            sql = f"SELECT at, kind FROM facts WHERE kind = '{kind.kind}' AND {column} IN ({marks(part)}){other}"  # noqa: S608
            found += tx.values(tuple[str, str], sql, part)
    return sorted(found, key=itemgetter(0))


def ending_in(numbers: Sequence[str], before: str = "") -> re.Pattern[str]:
    """Finds these numbers in any spelling that ends in their own digits: ``+44 (0)20 7946 0123``, ``020-7946-0123``;
    ``before``: what must stand before these, as a pattern."""
    spelled = [r"[\s().\-/]*".join(number.removeprefix("+44").removeprefix("+")) for number in numbers]
    return re.compile("|".join(f"(?:{before}{each}(?![0-9]))" for each in spelled) or r"(?!)")
