"""The body of the decision fact, and refusals made outside the screening."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gate.core.screening import decision_fact, refusal
from gate.core.terms import ALLOWING, Reason, RegisterView, sentence
from tests.support.screening import ATTEMPT, CTPS, OWN, TPS, screen


def test_law_1_11_the_decision_holds_its_proof() -> None:
    decision = screen(registers=(replace(TPS, listed=True), CTPS))
    body = decision_fact(decision, ATTEMPT).values()
    assert json.loads(json.dumps(body)) == body
    assert body == {
        "number": "+442079460000",
        "raw": "020 7946 0000",
        "verdict": "block",
        "reason": "listed_tps",
        "explanation": decision.explanation,
        "registers": [
            {"name": "tps", "as_of": "2026-03-02", "sha256": "ab" * 32, "count": 16_900_000, "state": "ok",
             "covered": True, "listed": True},
            {"name": "ctps", "as_of": "2026-03-02", "sha256": "cd" * 32, "count": 1_340_000, "state": "ok",
             "covered": True, "listed": False},
        ],
        "consent_id": None,
        "objection_id": None,
        "purpose": "marketing",
        "topic": "general",
        "presentation": OWN,
        "claimed_by": "account:alice",
        "claimed_through": "configuration",
    }  # fmt: skip


def test_law_1_11_what_came_from_outside_is_bounded_and_valid_unicode() -> None:
    attempt = replace(ATTEMPT, raw_number="9" * 100_000, claimed_by="bad\udcff", presentation="\ud800" * 999)
    body = decision_fact(screen(attempt), attempt).values()
    json.dumps(body, ensure_ascii=False).encode("utf-8")
    assert len(body["raw"]) == 256
    assert len(body["presentation"]) == 256
    assert body["raw"].endswith("…")
    assert body["claimed_by"] == "bad?"
    assert (
        decision_fact(screen(registers=[RegisterView("tps", "missing")]), ATTEMPT).values()["registers"][0]["as_of"]
        is None
    )


def test_refusal() -> None:
    decision = refusal(Reason.RECORDER_UNAVAILABLE, ATTEMPT)
    assert (decision.allowed, decision.reason) == (False, Reason.RECORDER_UNAVAILABLE)
    assert decision.number == "+442079460000"
    assert decision.explanation == sentence(Reason.RECORDER_UNAVAILABLE)
    own_words = refusal(Reason.GATE_STOPPING, replace(ATTEMPT, raw_number="alice"), "Back at noon.")
    assert (own_words.number, own_words.explanation) == ("", "Back at noon.")
    json.dumps(decision_fact(decision, ATTEMPT).values())


@pytest.mark.parametrize("reason", sorted(ALLOWING))
def test_refusal_never_allows(reason: Reason) -> None:
    decision = refusal(reason, ATTEMPT, "You may call.")
    assert (decision.allowed, decision.reason) == (False, Reason.INTERNAL_ERROR)
    assert decision.explanation == sentence(Reason.INTERNAL_ERROR)


def test_refusal_after_a_decision_keeps_what_it_rested_on() -> None:
    before = screen()
    assert before.allowed
    decision = refusal(Reason.RECORDER_UNAVAILABLE, ATTEMPT, after=before)
    assert (decision.allowed, decision.reason) == (False, Reason.RECORDER_UNAVAILABLE)
    assert decision.explanation == sentence(Reason.RECORDER_UNAVAILABLE)
    assert (decision.number, decision.registers) == (before.number, before.registers)
    assert not refusal(Reason.CONSENTED, ATTEMPT, after=before).allowed
