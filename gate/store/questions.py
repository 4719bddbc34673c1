"""A phone system's question and the call that came of it: two decisions, one attempt.

The call's decision names the question (``calls.question``). Where attempts are counted, a question that a call names
is not: what became of the call counts, also where it was refused after the question was not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from gate.core.evidence import stamp
from gate.core.facts.calls import Decision
from gate.core.terms import Reason

if TYPE_CHECKING:
    from gate.ports import Fact
    from gate.store.queries import Source

ONE_ATTEMPT: Final = timedelta(seconds=60)
"""How long after its question a call may come and still be the one that was asked about."""
IS_ATTEMPT: Final = (
    "reason IS NOT 'call_in' AND NOT EXISTS (SELECT 1 FROM calls AS made WHERE made.question = calls.call_id)"
)
"""Condition on a row of ``calls``: it counts as an attempt."""
SCHEMA: Final = """
ALTER TABLE calls ADD COLUMN question TEXT;
ALTER TABLE calls ADD COLUMN sip_call_id TEXT;
UPDATE calls SET sip_call_id = (SELECT json_extract(body, '$.sip_call_id') FROM facts
    WHERE leaf_index = calls.leaf_index AND body IS NOT NULL);
CREATE INDEX calls_question ON calls (question) WHERE question IS NOT NULL;
CREATE INDEX calls_sip ON calls (sip_call_id) WHERE sip_call_id IS NOT NULL;
"""
"""Of a migration: the columns by which both are found."""
ASKED: Final = "CREATE INDEX calls_asked ON calls (number, claimed_by, at, call_id) WHERE source = 'ask'"
"""Of another: questions alone. Each decision looks for one, and by ``calls_number`` it would go through all that the
same number was dialled in that minute."""
TRIED: Final = "CREATE INDEX calls_tried ON calls (number, at, call_id) WHERE verdict = 'allow'"
"""Of a third: each decision counts what was let through, and refused attempts may be many."""
_QUESTION = (
    "SELECT call_id FROM calls AS asked INDEXED BY calls_asked WHERE number = ? AND claimed_by = ? AND at >= ?"
    " AND source = 'ask' AND NOT EXISTS (SELECT 1 FROM calls AS made WHERE made.question = asked.call_id)"
    " ORDER BY at DESC LIMIT 1"
)


def question_of(tx: Source, number: str, claimed_by: str, now: datetime) -> str | None:
    """The newest question of an account or PBX about this number (E.164) that no call has come of yet; None where there
    is none in ``ONE_ATTEMPT``."""
    rows = tx.query(_QUESTION, [number, claimed_by, stamp(now - ONE_ATTEMPT)])
    return rows[0]["call_id"] if rows else None


def of_help(tx: Source, fact: Fact) -> Fact:
    """``fact`` as it is to be kept: the decision on an emergency call, which is out before anything is looked up, names
    its question as that on any other call does. Any other fact, and the question itself, stay as they are."""
    body = fact.body
    if not isinstance(body, Decision) or body.reason != Reason.EMERGENCY_CALL or body.source == "ask":
        return fact
    question = question_of(tx, body.number, fact.actor, fact.at)
    return replace(fact, body=msgspec.structs.replace(body, question=question)) if question else fact
