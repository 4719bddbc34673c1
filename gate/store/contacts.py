"""The CRM's contacts: numbers with the CRM's own references, and what the last screening said of each.

Not evidence and not derived from facts: the CRM holds the original, and a screening makes the verdicts again. So there
is no leaf for a contact; what was imported, screened and forgotten has one, in counts. All of it is personal data.

A list comes in beside the one in force, in as many transactions as it needs, and takes its place in one: whoever is
killed in between leaves the old one in force, whole. Rows of one number agree in outcome, since and was.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gate.core.evidence import keys_of, log_of
from gate.core.facts.derived import DECIDING
from gate.core.finding import CONTACTS, Condition, Term, meant
from gate.core.numbers import beginning_of, shown_as
from gate.core.rows.lists import Contact, ContactChanges, ContactCount, ContactFault, ContactList, RegisterIdentity
from gate.errors import UsageError
from gate.store.paging import Counts, Kept, Order, any_of, counted
from gate.store.queries import Source, marks
from gate.store.reader import Reader
from gate.store.transaction import StoreTransaction

_ADD = (
    "INSERT INTO contacts (list, number, reference, outcome, since, was) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_CHANGE = "UPDATE contacts SET outcome = ?, since = ?, was = ? WHERE list = ? AND number = ?"
_FAULT = (
    "INSERT INTO contact_faults (list, line, field, reference, fault) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (list, line, field) DO UPDATE SET reference = excluded.reference, fault = excluded.fault"
)
_ROW = """SELECT number, reference, verdict, reason, since, was
    FROM contacts CROSS JOIN contact_outcomes USING (outcome) WHERE list = ?"""


class _Row(NamedTuple):
    number: int
    reference: str
    outcome: int
    since: int
    was: str | None


_OLD = "SELECT number, reference, outcome, since, was FROM contacts WHERE list = ? AND (number, reference) > (?, ?)"

LONGEST: Final = 15
"""Digits of an E.164 number, at most."""
SORTS: Final = {name: name for name in ("reference", "verdict", "reason", "since")}
"""What contacts may be sorted by besides their numbers."""
CHANGED: Final[Mapping[str, str]] = {
    "newly_blocked": "verdict = 'block' AND was = 'allow'",
    "newly_allowed": "verdict = 'allow' AND was = 'block'",
    "first_blocked": "verdict = 'block' AND was IS NULL",
}
"""What a change is called: blocked or allowed where it was the other way before, or blocked from its first day on."""


class ContactRow(NamedTuple):
    """A contact that changed."""

    number: int
    """The digits of its E.164 form."""
    reference: str
    reason: str
    since: int
    """The second in which its verdict changed."""
    on_behalf_of: str
    """The instigator in whose list it is; empty: the firm's own."""


Key = tuple[int, str]
"""Number and reference, by which lists are paged."""


# --- lists --------------------------------------------------------------------------------------------------------


IN_FORCE: Final = "SELECT list FROM contact_lists WHERE state = 'in_force'"


def in_force(tx: Source) -> list[ContactList]:
    """The lists in force, one for each firm that is called for, the firm's own first; none where nothing was ever
    imported."""
    return tx.rows(ContactList, "SELECT * FROM contact_lists WHERE state = 'in_force' ORDER BY on_behalf_of")


def new_list(tx: StoreTransaction, *, at: str, actor: str, source_name: str, topic: str, on_behalf_of: str = "") -> int:
    """Begin a list beside the ones in force, of an instigator's contacts or of the firm's own."""
    (new,) = tx.values(int, "SELECT coalesce(max(list), 0) + 1 FROM contact_lists")
    values = (new, "loading", at, actor, source_name, "", topic, on_behalf_of)
    tx.write(
        "INSERT INTO contact_lists (list, state, imported_at, actor, source_name, sha256, topic, on_behalf_of)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return new


def put_in_force(
    tx: StoreTransaction, list_id: int, *, at: str, sha256: str, contacts: int, bad_rows: int, leaf: int
) -> int:
    """The list takes the place of the one in force for the same firm. Returns how many contacts it has: those that
    were forgotten while it came in are not among them."""
    tx.write(
        "UPDATE contact_lists SET state = 'gone' WHERE state = 'in_force'"
        " AND on_behalf_of = (SELECT on_behalf_of FROM contact_lists WHERE list = ?)",
        (list_id,),
    )
    gone = tx.write(
        "DELETE FROM contacts WHERE list = ? AND number IN (SELECT number FROM contact_forgotten WHERE list = ?)",
        (list_id, list_id),
    )
    tx.write("DELETE FROM contact_forgotten WHERE list = ?", (list_id,))
    tx.write(
        "UPDATE contact_lists SET state = 'in_force', imported_at = ?, sha256 = ?, contacts = ?, bad_rows = ?, leaf = ?"
        " WHERE list = ?",
        (at, sha256, contacts - gone, bad_rows, leaf, list_id),
    )
    return contacts - gone


def take_out(tx: StoreTransaction, list_id: int) -> None:
    """The list is in force no more: what is left of it goes with the others (``leftovers``)."""
    tx.write("UPDATE contact_lists SET state = 'gone' WHERE list = ?", (list_id,))


def screened(tx: StoreTransaction, list_id: int, *, at: str, registers: Sequence[RegisterIdentity], leaf: int) -> None:
    """All of a list was screened against these registers, and own lists as they were at this leaf."""
    tx.write(
        "UPDATE contact_lists SET screened_at = ?, registers = ?, leaf = ? WHERE list = ?",
        (at, msgspec.json.encode(registers).decode(), leaf, list_id),
    )


def followed(tx: StoreTransaction, list_id: int, leaf: int) -> None:
    """Own lists are taken into account up to this leaf."""
    tx.write("UPDATE contact_lists SET leaf = ? WHERE list = ?", (leaf, list_id))


def leftovers(tx: Source) -> list[int]:
    """Lists that were replaced, or whose import was cut off."""
    return tx.values(int, "SELECT list FROM contact_lists WHERE state <> 'in_force'")


def drop_some(tx: StoreTransaction, list_id: int, limit: int) -> bool:
    """Delete so many rows of a list that is not in force; the list itself with the last. True where there are more."""
    sql = "SELECT number, reference FROM contacts WHERE list = ? LIMIT 1 OFFSET ?"
    for last in tx.values(tuple[int, str], sql, (list_id, limit)):
        tx.write("DELETE FROM contacts WHERE list = ? AND (number, reference) < (?, ?)", (list_id, *last))
        return True
    for table in ("contacts", "contact_faults", "contact_forgotten", "contact_lists"):
        tx.write(f"DELETE FROM {table} WHERE list = ?", (list_id,))  # noqa: S608 - names are the code's
    return False


# --- rows ---------------------------------------------------------------------------------------------------------


def outcome_of(tx: StoreTransaction, verdict: str, reason: str) -> int:
    """The number that stands for a verdict and its reason."""
    tx.write(
        "INSERT INTO contact_outcomes (outcome, verdict, reason) SELECT coalesce(max(outcome), 0) + 1, ?, ?"
        " FROM contact_outcomes WHERE TRUE ON CONFLICT DO NOTHING",
        (verdict, reason),
    )
    sql = "SELECT outcome FROM contact_outcomes WHERE verdict = ? AND reason = ?"
    return tx.values(int, sql, (verdict, reason))[0]


def add(tx: StoreTransaction, list_id: int, rows: Iterable[tuple[int, str, int, int, str | None]]) -> int:
    """Add (number, reference, outcome, since, was); returns how many were not there already."""
    return tx.write_many(_ADD, ((list_id, *row) for row in rows))


def add_faults(tx: StoreTransaction, list_id: int, faults: Iterable[tuple[int, str, str, str]]) -> None:
    """Keep (line, field, reference, fault) of what could not be a contact."""
    tx.write_many(_FAULT, ((list_id, *fault) for fault in faults))


def carry_over(
    tx: StoreTransaction, old: int, new: int, after: Key, limit: int, without: Container[str]
) -> tuple[int, Key | None]:
    """Copy a piece of one list into another, but for these references: how many came, and where to go on."""
    rows = tx.values(_Row, f"{_OLD} ORDER BY number, reference LIMIT ?", (old, *after, limit))
    kept = (row for row in rows if not row.reference or row.reference not in without)
    added = tx.write_many(_ADD, ((new, *row) for row in kept))
    return added, rows[-1][:2] if len(rows) == limit else None


def change(tx: StoreTransaction, list_id: int, rows: Iterable[tuple[int, int, int, str | None]]) -> None:
    """New outcomes: (number, outcome, since, was), for every contact with this number."""
    tx.write_many(_CHANGE, ((outcome, since, was, list_id, number) for number, outcome, since, was in rows))


def forget_number(tx: StoreTransaction, number: str) -> int:
    """Delete every contact with this E.164 number, of whichever firm's list, and what is kept apart of its references;
    those of a list that is just coming in too. Returns how many contacts.

    For the erasure of a person. What the CRM holds is not reached: its next list brings the number back, unless it is
    gone there. After the commit, ``EvidenceStore.scrub`` removes what the write-ahead log still holds.
    """
    key = int(number.removeprefix("+"))
    tx.write(
        "INSERT INTO contact_forgotten (list, number) SELECT list, CAST(? AS INTEGER) FROM contact_lists"
        " WHERE state = 'loading' ON CONFLICT DO NOTHING",
        (key,),
    )
    return sum(forget_in(tx, each, key) for each in tx.values(int, "SELECT list FROM contact_lists"))


def forget_in(tx: StoreTransaction, list_id: int, number: int) -> int:
    """The same of the digits of a number in one list alone."""
    here = (list_id, number)
    tx.write(
        "DELETE FROM contact_faults WHERE reference <> ''"
        " AND (list, reference) IN (SELECT list, reference FROM contacts WHERE list = ? AND number = ?)",
        here,
    )
    gone = tx.write("DELETE FROM contacts WHERE list = ? AND number = ?", here)
    tx.write(
        "UPDATE contact_lists SET contacts = contacts - CAST(? AS INTEGER) WHERE list = ? AND state = 'in_force'",
        (gone, list_id),
    )
    return gone


# --- reading ------------------------------------------------------------------------------------------------------


def contact_of_number(tx: Source, list_id: int, number: int) -> Contact | None:
    """A contact with this number; None where it is no contact's."""
    rows = tx.rows(Contact, f"{_ROW} AND number = ? LIMIT 1", (list_id, number))
    return rows[0] if rows else None


def states(reader: Reader, list_id: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, outcome, since, and the verdict before (0 none, 1 allow, 2 block) of every contact, by rising number."""
    return reader.each(
        "SELECT number, outcome, since, CASE was WHEN 'allow' THEN 1 WHEN 'block' THEN 2 ELSE 0 END"
        " FROM contacts WHERE list = ? ORDER BY number, reference",
        (list_id,),
    )


def touched(tx: Source, leaf: int, limit: int) -> tuple[list[str], int, bool]:
    """Numbers whose own entries changed from this leaf on, the leaf up to which they are looked through, and whether
    there are more behind it."""
    rows = tx.values(
        tuple[int, str | None, list[str] | None],
        "SELECT f.leaf_index, coalesce(o.number, c.number, h.number, s.number), r.numbers"  # noqa: S608 - only marks
        " FROM facts AS f LEFT JOIN objections AS o ON o.id = f.subject LEFT JOIN consents AS c ON c.id = f.subject"
        " LEFT JOIN holds AS h ON h.id = f.subject LEFT JOIN requests AS r ON r.id = f.subject"
        " LEFT JOIN subscribers AS s ON s.id = f.subject"
        f" WHERE f.leaf_index >= ? AND f.leaf_index < ? AND f.kind IN ({marks(DECIDING)})"
        " ORDER BY f.leaf_index LIMIT ?",
        (leaf, keys_of(log_of(leaf)).stop, *DECIDING, limit),
    )
    of_requests = (number for _, _, several in rows for number in several or ())
    numbers = list(dict.fromkeys([*(number for _, number, _ in rows if number), *of_requests]))
    if len(rows) == limit:
        return numbers, rows[-1][0] + 1, True
    return numbers, head(tx, leaf), False


def head(tx: Source, leaf: int | None = None) -> int:
    """The key of the next leaf of the log of this one, of this gate's where None."""
    log = tx.own if leaf is None else keys_of(log_of(leaf))
    sql = "SELECT coalesce(max(leaf_index) + 1, ?1) FROM facts WHERE leaf_index >= ?1 AND leaf_index < ?2"
    return tx.values(int, sql, [log.start, log.stop])[0]


def outcomes(tx: Source) -> dict[int, tuple[str, str]]:
    """Return verdict and reason of each number in ``outcome``."""
    rows = tx.values(tuple[int, str, str], "SELECT outcome, verdict, reason FROM contact_outcomes")
    return {outcome: (verdict, reason) for outcome, verdict, reason in rows}


def counts(tx: Source, list_id: int) -> list[ContactCount]:
    """How many contacts have which outcome."""
    return tx.rows(
        ContactCount,
        "SELECT verdict, reason, contacts FROM (SELECT outcome, count(*) AS contacts FROM contacts WHERE list = ?"
        " GROUP BY outcome) JOIN contact_outcomes USING (outcome) ORDER BY verdict, contacts DESC",
        (list_id,),
    )


def newly_blocked(reader: Reader, of: ContactList, since: int, until: int | None) -> Iterator[ContactRow]:
    """Contacts of a list that were newly blocked in these seconds, the first and the last among them; None: to this
    day."""
    sql = (
        "SELECT number, reference, reason, since FROM contacts JOIN contact_outcomes USING (outcome)"  # noqa: S608
        f" WHERE list = ? AND since BETWEEN ? AND ? AND {CHANGED['newly_blocked']}"
    )
    found = reader.each(sql, (of.list, since, 1 << 62 if until is None else until))
    return (ContactRow(number, reference, reason, at, of.on_behalf_of) for number, reference, reason, at in found)


def changes_since(tx: Source, list_id: int, since: int) -> ContactChanges:
    """How many contacts changed from this second on."""
    sums = ", ".join(f"coalesce(sum({condition}), 0) AS {name}" for name, condition in CHANGED.items())
    (row,) = tx.rows(
        ContactChanges,
        f"SELECT {sums} FROM contacts JOIN contact_outcomes USING (outcome) WHERE list = ? AND since >= ?",  # noqa: S608
        (list_id, since),
    )
    return row


def page(
    tx: Source,
    list_id: int,
    after: Key | None,
    limit: int,
    where: Mapping[str, Any],
    *,
    changed_since: int | None,
    text: str | None = None,
    between: tuple[int | None, int | None] = (None, None),
    order: Order | None = None,
) -> tuple[list[Contact], Key | None]:
    """Contacts by ``order``, and in that of their numbers. ``where``: values that columns must have, those that are
    None left out. With ``changed_since``, only what changed from that second on, each with its ``change``. ``text``: as
    it was typed (``gate.core.finding``): a verdict, a reason, the beginning of a number, part of a reference.
    ``between``: the verdict is so from this second on, and since before that one."""
    asked = {name: value for name, value in where.items() if value is not None}
    sql, values = _ROW, [list_id, *asked.values()]
    sql += "".join(f" AND {name} = ?" for name in asked)
    if changed_since is not None:
        sql += " AND since >= ? AND (" + " OR ".join(f"({each})" for each in CHANGED.values()) + ")"
        values.append(changed_since)
    for kept in (*_span(*between), *(_fits(word) for word in contacts_meant(text or ""))):
        sql += f" AND {kept.condition}"
        values += kept.values
    by = ""
    if order is not None:
        by = f"{order.column} {'ASC' if order.up else 'DESC'}, "
    if after is not None:
        beyond = "(number, reference) > (?, ?)"
        if order is not None:
            value, column = _value(tx, list_id, after, order.column), order.column
            beyond = f"({column} {'>' if order.up else '<'} ? OR ({column} = ? AND {beyond}))"
            values += [value, value]
        sql += f" AND {beyond}"
        values += after
    rows = tx.rows(Contact, f"{sql} ORDER BY {by}number, reference LIMIT ?", [*values, limit + 1])
    following = rows[limit:]
    rows = rows[:limit]
    return rows, (rows[-1].number, rows[-1].reference) if following else None


def _value(tx: Source, list_id: int, key: Key, column: str) -> str | int:
    """What the column holds of a contact: a cursor names it alone. Raises ``UsageError`` where it has gone."""
    sql = f"SELECT {column} FROM ({_ROW} AND number = ? AND reference = ?)"  # noqa: S608 - the code's own
    found = tx.values(tuple[str | int], sql, [list_id, *key])
    if not found:
        raise UsageError("the contact at the end of the page before is there no more", hint="begin the list anew")
    return found[0][0]


def contacts_meant(text: str) -> list[Term]:
    """What each word of a text means of contacts."""
    return meant(text, CONTACTS, free="reference", ids=False)


def _fits(word: Term) -> Kept:
    return any_of([_condition(asked) for asked in word.conditions], denied=word.denied)


def _condition(asked: Condition) -> Kept:
    column, value = asked
    if column == "number":
        if shown := shown_as(value):  # of numbers of this length: those are whole numbers here
            begins, ends = int(shown[0][1:]) * 10**6, int(shown[1])
            return Kept(
                "number BETWEEN ? AND ? AND number - number / 100 * 100 = ?", (begins, begins + 10**6 - 1, ends)
            )
        beginning = beginning_of(value)
        if not 1 < len(beginning) <= 1 + LONGEST or beginning[1] == "0":
            return Kept("FALSE", ())
        digits = int(beginning[1:])
        spans = [(digits * 10**more, (digits + 1) * 10**more - 1) for more in range(1 + LONGEST - len(str(digits)))]
        return Kept(" OR ".join(["number BETWEEN ? AND ?"] * len(spans)), tuple(end for span in spans for end in span))
    if column == "reference":
        return Kept("instr(lower(reference), ?) > 0", (value.casefold(),))
    return Kept(f"outcome IN (SELECT outcome FROM contact_outcomes WHERE {column} = ?)", (value,))  # noqa: S608 - a name of ours


def contacts_counted(tx: Source, text: str, since: int | None, until: int | None) -> Counts:
    """How many contacts of all lists in force fit what was typed."""
    words = contacts_meant(text)
    span = [Kept(f"list IN ({IN_FORCE})", ()), *_span(since, until)]
    return counted(tx, "contacts", words, span, [_fits(word) for word in words])


def _span(since: int | None, until: int | None) -> list[Kept]:
    """Seconds from and to, of the verdict."""
    given = {"since >= ?": since, "since < ?": until}
    return [Kept(condition, (value,)) for condition, value in given.items() if value is not None]


def faults_page(tx: Source, list_id: int, after: Key | None, limit: int) -> tuple[list[ContactFault], Key | None]:
    """What of a list's file was no contact, in the order of its lines."""
    rows = tx.rows(
        ContactFault,
        "SELECT line, field, reference, fault FROM contact_faults WHERE list = ? AND (line, field) > (?, ?)"
        " ORDER BY line, field LIMIT ?",
        (list_id, *(after or (0, "")), limit + 1),
    )
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, (rows[-1].line, rows[-1].field) if more else None
