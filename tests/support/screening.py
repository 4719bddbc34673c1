"""An ordinary call that is allowed, with its registers and rules, to be varied by tests of the screening."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gate.core.hours import Hours
from gate.core.numbers import Number, NumberRefused, parse
from gate.core.rules import Rules
from gate.core.screening import decide
from gate.core.terms import Attempt, Decision, Purpose, Reason, RegisterView, Topic, Verdict

LONDON = ZoneInfo("Europe/London")
OWN = "+442079460999"
RULES = Rules(own_numbers=frozenset({OWN}), hours=Hours(), timezone=LONDON, live=False)
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
"""A Tuesday on which calls may be made."""
ATTEMPT = Attempt(
    "020 7946 0000",
    Purpose.MARKETING,
    Topic.GENERAL,
    OWN,
    withheld=False,
    claimed_by="account:alice",
    claimed_through="configuration",
)
TPS = RegisterView("tps", "ok", date(2026, 3, 2), 16_900_000, "ab" * 32)
CTPS = RegisterView("ctps", "ok", date(2026, 3, 2), 1_340_000, "cd" * 32)


def number_of(raw: str) -> Number | NumberRefused:
    """What ``decide`` is given: the number, or its refusal."""
    try:
        return parse(raw)
    except NumberRefused as error:
        return error


def screen(attempt: Attempt = ATTEMPT, **changes: Any) -> Decision:
    """Decide on an attempt; ``changes`` are arguments of ``decide``, fields of the attempt or fields of the rules."""
    fields = {name: changes.pop(name) for name in list(changes) if name in Attempt.__dataclass_fields__}
    attempt = replace(attempt, **fields)
    rules = {
        name: changes.pop(name) for name in list(changes) if name in Rules.__dataclass_fields__ and name != "registers"
    }
    given: dict[str, Any] = {
        "number": number_of(attempt.raw_number),
        "registers": (TPS, CTPS),
        "consents": (),
        "objections": (),
        "stops": (),
        "last_unattended": None,
        "rules": replace(RULES, **rules),
        "now": NOON,
    }
    return decide(attempt, **{**given, **changes})


def blocked(reason: Reason, **changes: Any) -> str:
    """Assert a refusal with this reason; returns its explanation."""
    decision = screen(**changes)
    assert (decision.verdict, decision.reason) == (Verdict.BLOCK, reason)
    assert not decision.allowed
    assert decision.explanation
    return decision.explanation


def allowed(reason: Reason = Reason.NOT_LISTED, **changes: Any) -> None:
    """Assert an allow with this reason, on a number that is a UK one."""
    decision = screen(**changes)
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, reason)
    assert decision.allowed
    assert decision.explanation
    assert decision.number.startswith("+44")
