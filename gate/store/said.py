"""What people wrote about calls and contacts, where a name may stand: it goes with what it was written about. And what
else is held of a call: who looked, and the code that was told.

Why a number was shown, why something was held that is not held any more, and why the hold ended, rest on no other row;
who did it, and when, stays with the leaf. Why a recording was taken is kept, as it says who got it, unless it names
the person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from gate.core.facts.recordings import Exported
from gate.core.facts.retention import NumberShown
from gate.store.queries import Source, marks, slices
from gate.types import Row

_OF_CALLS = (
    f"SELECT leaf_index FROM facts WHERE kind = '{NumberShown.kind}' AND body IS NOT NULL AND subject IN ({{marks}})"  # noqa: S608
    " AND (call_id IS NULL OR call_id <> subject)",
    "SELECT f.leaf_index FROM holds AS h JOIN facts AS f ON f.subject = h.id AND (f.call_id IS NULL OR f.call_id <>"
    " f.subject) WHERE h.released_at IS NOT NULL AND f.body IS NOT NULL AND h.call_id IN ({marks})",
)
_TAKEN = (
    f"SELECT leaf_index, body FROM facts WHERE kind = '{Exported.kind}' AND body IS NOT NULL AND call_id IN ({{marks}})"  # noqa: S608
)  # fmt: skip
_OF_CONTACTS = (
    f"SELECT leaf_index, body FROM facts WHERE subject = 'contact' AND kind = '{NumberShown.kind}' AND body IS NOT NULL"  # noqa: S608
)
_LISTED = (
    "SELECT DISTINCT reference FROM contacts WHERE list IN (SELECT list FROM contact_lists WHERE state = 'in_force')"
    " AND reference IN ({marks})"
)


def about_calls(tx: Source, call_ids: Collection[str], named: Callable[[str], bool] | None = None) -> list[int]:
    """The leaves of what was written about these calls; ``named``: whether a text names the person."""
    leaves: list[int] = []
    for part in slices(call_ids):
        for sql in _OF_CALLS:
            leaves += [row["leaf_index"] for row in tx.query(sql.format(marks=marks(part)), part)]
        if named is not None:
            taken = tx.query(_TAKEN.format(marks=marks(part)), part)
            leaves += [row["leaf_index"] for row in taken if named(str(json.loads(row["body"]).get("purpose") or ""))]
    return leaves


def about_contacts(tx: Source, references: Collection[str]) -> list[int]:
    """The leaves of what was written about contacts with these ids of the CRM's own."""
    rows = tx.query(_OF_CONTACTS) if references else []
    return [row["leaf_index"] for row in rows if json.loads(row["body"]).get("reference") in references]


def about_gone_contacts(tx: Source) -> list[int]:
    """The leaves of what was written about contacts that are kept no more: forgotten, idle, or gone from the list."""
    shown = {row["leaf_index"]: json.loads(row["body"]).get("reference") for row in tx.query(_OF_CONTACTS)}
    there: set[str] = set()
    for part in slices({each for each in shown.values() if each}):
        rows = tx.query(_LISTED.format(marks=marks(part)), part)
        there.update(row["reference"] for row in rows)
    return [leaf for leaf, reference in shown.items() if reference not in there]


def receipts_of(tx: Source, call_ids: Collection[str]) -> list[Row]:
    """The receipts of these calls that are still kept, oldest first: ``call_id``, ``at``, ``code``, ``told``."""
    rows: list[Row] = []
    for part in slices(call_ids):
        rows += tx.query(
            "SELECT call_id, issued_at AS at, number AS code, told FROM receipts"  # noqa: S608 - marks alone
            f" WHERE number IS NOT NULL AND call_id IN ({marks(part)})",
            part,
        )
    return sorted(rows, key=lambda row: str(row["at"]))


def looked_at(tx: Source, call_ids: Collection[str], subjects: Collection[str]) -> list[Row]:
    """When recordings of these calls were taken (``exported``), and the numbers of these calls or entries shown
    (``number_shown``): ``at``, ``kind``, oldest first. What is emptied counts too: that it was done stays."""
    rows: list[Row] = []
    for kind, column, values in ((Exported, "call_id", call_ids), (NumberShown, "subject", subjects)):
        other = "" if column == "call_id" else " AND (call_id IS NULL OR call_id <> subject)"
        for part in slices(values):
            rows += tx.query(
                f"SELECT at, kind FROM facts WHERE kind = '{kind.kind}' AND {column} IN ({marks(part)}){other}",  # noqa: S608
                part,
            )
    return sorted(rows, key=lambda row: str(row["at"]))
