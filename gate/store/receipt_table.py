"""The table of callees' receipts (``gate.core.receipts``). A receipt's own number is its code: as the number of an
objection it goes when the call's data are erased, and its keyed hash stays, so that the code is known for what it was.
"""

from __future__ import annotations

from typing import Final

from gate.store.fold import Columns, LogEntry, Table
from gate.store.values import flag, number, text, texts

SCHEMA: Final = """
CREATE TABLE receipts (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    number TEXT,               -- its code; NULL after erasure
    number_hash BLOB,          -- keyed; stays
    issued_at TEXT NOT NULL,
    call_id TEXT,
    decision INTEGER,          -- leaf of the decision
    told_how TEXT, told INTEGER, why TEXT
) STRICT;
CREATE INDEX receipts_hash ON receipts (number_hash);
"""


def _receipt(fact: LogEntry) -> Columns:
    told = {"number": text(fact.body.get("code")), "call_id": text(fact.body.get("call_id"))}
    return {"leaf_index": fact.leaf_index, "issued_at": fact.at, "decision": number(fact.body.get("decision")), **told}


def _told(fact: LogEntry) -> Columns:
    return {"told_how": text(fact.body.get("how")), "told": flag(fact.body.get("done")), **texts(fact.body, "why")}


RECEIPTS = Table(
    name="receipts",
    key="id",
    creates="receipt",
    derive={"receipt": _receipt, "receipt_told": _told},
    hashed=True,
    personal=("number",),
)
