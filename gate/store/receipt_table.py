"""The table of callees' receipts (``gate.core.receipts``). A receipt's own number is its code: as the number of an
objection it goes when the call's data are erased, and its keyed hash stays, so that the code is known for what it was.
"""

from __future__ import annotations

from typing import Final

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
