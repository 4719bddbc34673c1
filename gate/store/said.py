"""What people wrote about calls and contacts, where a name may stand: it goes with what it was written about.

Why a number was shown, why something was held that is not held any more, and why the hold ended, rest on no other row;
who did it, and when, stays with the leaf. Why a recording was taken is kept, as it says who got it, unless it names
the person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from gate.store.queries import Source
from gate.store.transfers import marks, slices

_OF_CALLS = (
    "SELECT leaf_index FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL AND subject IN ({marks})"
    " AND (call_id IS NULL OR call_id <> subject)",
    "SELECT f.leaf_index FROM holds AS h JOIN facts AS f ON f.subject = h.id AND (f.call_id IS NULL OR f.call_id <>"
    " f.subject) WHERE h.released_at IS NOT NULL AND f.body IS NOT NULL AND h.call_id IN ({marks})",
)
_TAKEN = (
    "SELECT leaf_index, body FROM facts WHERE kind = 'exported' AND body IS NOT NULL AND call_id IN ({marks})"
)  # fmt: skip
_OF_CONTACTS = (
    "SELECT leaf_index, body FROM facts WHERE subject = 'contact' AND kind = 'number_shown' AND body IS NOT NULL"
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
