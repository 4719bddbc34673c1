"""A column's outcomes are the decisions of its numbers, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.rows.lists import RegisterIdentity
from gate.core.rules import Rules
from gate.core.screening import decide
from gate.core.terms import (
    NOBODY_KNOWN,
    Consent,
    Objection,
    Purpose,
    Reason,
    RegisterView,
    Stop,
    Subscriber,
    Topic,
)
from gate.operations.contacts.bulk_screener import BulkScreener, read
from tests.support.examples import examples
from tests.support.screening import ATTEMPT, NOON, RULES
from tests.support.spellings import drama_numbers, spellings

DAY = timedelta(days=1)
TODAY = NOON.date()


@dataclass
class Registers:
    """TPS lists what ends in 1 or 3, CTPS what ends in 2 or 3; numbers that end in 9 are not covered."""

    state: str = "ok"
    as_of: date = TODAY
    identities: list[RegisterIdentity] = field(default_factory=list)
    codes: int = 8

    def views(self, code: int) -> tuple[RegisterView, ...]:
        known = (self.state, self.as_of if self.state == "ok" else None, 5, "ab")
        return (
            RegisterView("tps", *known, covered=not code & 4, listed=bool(code & 1)),
            RegisterView("ctps", *known, listed=bool(code & 2)),
        )

    def view(self, number: str) -> tuple[RegisterView, ...]:
        last = int(number[-1])
        return self.views(4 if last == 9 else last if last <= 3 else 0)

    def look_up(self, numbers: np.ndarray) -> np.ndarray:
        last = numbers % 10
        return np.where(last == 9, 4, np.where(last <= 3, last, 0))


@dataclass
class Held:
    objections: tuple[Objection, ...] = ()
    consents: tuple[Consent, ...] = ()
    last_unattended: Any = None
    stops: tuple[Stop, ...] = ()
    subscriber: Subscriber = NOBODY_KNOWN


class Own:
    def __init__(self, held: dict[str, Held], erased: frozenset[str] = frozenset()) -> None:
        self._held = held
        self._erased = erased
        self.numbers = held.keys() - erased
        self.noted = {number for number, each in held.items() if each.subscriber is not NOBODY_KNOWN}
        self.has_erased = bool(erased)

    def entries(self, number: str) -> Held:
        return self._held.get(number, Held())

    def is_erased(self, number: str) -> bool:
        return number in self._erased


OBJECTED = Held((Objection("o", NOON - 3 * DAY),))
CONSENTED = Held((), (Consent("c", NOON - 2 * DAY),))
WITHDRAWN = Held((), (Consent("c", NOON - 2 * DAY, NOON - DAY),))
UNATTENDED = Held((), (), NOON - DAY)
HELD = {
    "+442079460001": OBJECTED,
    "+442079460002": CONSENTED,
    "+442079460003": replace(CONSENTED, objections=OBJECTED.objections),
    "+442079460004": WITHDRAWN,
    "+442079460005": UNATTENDED,
    "+442079460006": OBJECTED,
    "+442079460007": replace(CONSENTED, stops=(Stop(Reason.REQUEST_PENDING, "DSR-2026-0001"),)),
    "+493023125000": OBJECTED,
}
OWN = Own(HELD, frozenset({"+442079460006"}))
RAWS = [f"020 7946 {n:04}" for n in range(12)] + [f"+4416329600{n:02}" for n in range(12)]
RAWS += ["", "n/a", "999", "141 02079460000", "+49 30 23125 000", "0909 8790001", "07624 000001", "07700 90001"]
RAWS += ["tel:+44-20-7946-0001", "01204 20001", "020 7946 0001)", "+1 202 555 0123", "+44 20 7946 0006"]


def check(raws: list[str], rules: Rules = RULES, registers: Registers | None = None, **attempt: Any) -> set[str]:
    """Compare with ``decide``; the reasons that came."""
    registers = registers or Registers()
    asked = replace(ATTEMPT, **attempt)
    screener = BulkScreener(registers, OWN, rules, asked, NOON)  # type: ignore[arg-type]  # stands in for both
    for _ in range(2):  # the second time from memory
        screened = screener.screen(raws)
        for raw, outcome, text in zip(raws, screened.outcomes.tolist(), screened.numbers, strict=True):
            number = read(raw)
            e164 = getattr(number, "e164", "")
            held = OWN.entries(e164)
            decision = decide(
                replace(asked, raw_number=raw),
                number=number,
                registers=registers.view(e164) if e164 else (),
                consents=held.consents,
                objections=held.objections,
                stops=held.stops,
                last_unattended=held.last_unattended,
                rules=rules,
                now=NOON,
            )
            found = screener.outcomes[outcome]
            told = (found.verdict, found.reason, text)
            reason = decision.reason.value if raw.strip() else "no_number"
            assert told == (decision.verdict.value, reason, decision.number), raw
            days = [view.as_of.isoformat() if view.as_of else "" for view in decision.registers] or ["", ""]
            assert list(found.as_of) == days, raw
    return {screener.outcomes[outcome].reason for outcome in screened.outcomes.tolist()}


def test_every_kind_of_answer() -> None:
    reasons = check(RAWS)
    wanted = {
        "not_listed",
        "listed_tps",
        "listed_ctps",
        "objected",
        "consented",
        "consent_withdrawn",
        "request_pending",
    }
    wanted |= {
        "no_number",
        "redial_too_soon",
        "outside_coverage",
        "number_invalid",
        "destination_not_allowed",
        "identity_withheld",
    }
    assert wanted == reasons


def test_kinds_that_are_blocked_are_told_apart() -> None:
    """084 and 087 are one kind to the numbering plan, and two to the firm."""
    raws = ["0845 123 4506", "0870 123 4506", "0808 800 5006", "0808 157 0006", "0800 1111"]
    assert check(raws, replace(RULES, block=frozenset({"087"}))) == {
        "not_listed",
        "listed_tps",
        "destination_not_allowed",
    }
    assert check(raws) == {"not_listed", "destination_not_allowed"}


@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_registers_that_are_not_there_block(state: str) -> None:
    assert f"register_{state}" in check(RAWS, registers=Registers(state))
    assert "not_listed" not in check(RAWS, registers=Registers(state))
    assert "register_stale" in check(RAWS, registers=Registers(as_of=NOON.date() - 28 * DAY))


def test_rules_topics_and_purposes_are_those_of_a_call() -> None:
    assert check(RAWS, replace(RULES, live=True)) <= {"destination_not_allowed", "number_invalid", "identity_withheld",
        "not_listed", "listed_tps", "outside_coverage", "objected", "no_number"}  # fmt: skip
    assert "topic_needs_consent" in check(RAWS, topic=Topic.CLAIMS)
    assert "service_call" in check(RAWS, purpose=Purpose.SERVICE)
    assert "objected" in check(RAWS, replace(RULES, objection_stops_service=True), purpose=Purpose.SERVICE)


@given(st.lists(st.one_of(drama_numbers().flatmap(spellings), st.sampled_from(RAWS)), min_size=1, max_size=30))
@settings(max_examples=examples(60), deadline=None)
def test_any_spelling(raws: list[str]) -> None:
    check(raws)


def test_nothing_is_asked_of_nothing() -> None:
    screened = BulkScreener(Registers(), OWN, RULES, ATTEMPT, NOON).screen([])  # type: ignore[arg-type]
    assert (screened.outcomes.tolist(), screened.numbers) == ([], [])
