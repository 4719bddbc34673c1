"""What people wrote in their own words, and an erasure of the person: reasons and purposes that name them.

What is words alone is emptied. A fact that something else rests on is left as it is, and told of for a person to look
at: without it a restore is none, and nobody knows to whom a bundle went.
"""

from __future__ import annotations

import json

from gate.core.facts.derived import ALONE, OF_A_RECORD, STANDING_WORDS, STANDS
from gate.operations.requests.plan import Plan
from gate.operations.requests.proofs import nameless
from gate.store import requests
from gate.store.queries import marks
from gate.store.transaction import StoreTransaction


def spares(tx: StoreTransaction, plan: Plan, leaf: int, kind: str, call_id: str | None) -> bool:
    """True where a fact in which a number of the person stands, and which is no record's, is left: something rests on
    it, it says who got a recording of somebody else, or what is right of them. It is noted for the receipt."""
    spared = kind in STANDS or (kind in OF_A_RECORD and not _theirs(tx, plan, leaf, call_id))
    if spared:
        plan.mentions.add(_entry(leaf, kind))
    return spared


def _theirs(tx: StoreTransaction, plan: Plan, leaf: int, call_id: str | None) -> bool:
    """Whether a fact is of a call, a consent or an objection of the person."""
    (fact,) = tx.query("SELECT subject, body FROM facts WHERE leaf_index = ?", [leaf])
    said = json.loads(fact["body"] or "{}")
    calls = {each["call_id"] for each in plan.calls}
    if call_id is not None:
        return (said.get("talk") or call_id) in calls
    record = requests.record_of(tx, str(said.get("record")), fact["subject"])
    return record is not None and (record["numbers"] is None or not set(plan.lines).isdisjoint(record["numbers"]))


def naming(tx: StoreTransaction, plan: Plan) -> list[int]:
    """The leaves of what is words alone and names the person; where something rests on what does, it is noted."""
    leaves = []
    fields = {**ALONE, **STANDING_WORDS} if plan.name else {}
    rows = tx.query(
        f"SELECT leaf_index, kind, body FROM facts WHERE kind IN ({marks(fields)}) AND body IS NOT NULL",  # noqa: S608
        list(fields),
    )
    for row in rows:
        text = str(json.loads(row["body"]).get(fields[row["kind"]]) or "")
        if nameless(text, plan.name):
            continue
        if row["kind"] in ALONE:
            leaves.append(row["leaf_index"])
        else:
            plan.mentions.add(_entry(row["leaf_index"], row["kind"]))
    return leaves


def _entry(leaf: int, kind: str) -> str:
    return f"entry {leaf} of the log ({kind})"
