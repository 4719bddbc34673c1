"""Decisions on their way into the evidence: refusals made outside the screening, and the fact of the decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gate.core.facts import calls as facts
from gate.core.numbers import NumberRefused, parse
from gate.core.terms import ALLOWING, Attempt, Decision, Reason, Verdict
from gate.core.wording import sentence

_MAX_TEXT: Final = 256
"""Longest text from outside that is kept, in characters."""


def refusal(reason: Reason, attempt: Attempt, explanation: str = "", *, after: Decision | None = None) -> Decision:
    """A refusal made outside ``decide`` (``recorder_unavailable``, ``gate_stopping``, …).

    ``after`` is the decision that would have let the call through: number, registers and consent stay in evidence.
    Without it the number is read from the attempt, so that the evidence is found under it. Never raises and never
    allows: a reason that would allow becomes ``internal_error``.
    """
    if reason in ALLOWING:
        reason, explanation = Reason.INTERNAL_ERROR, ""
    explanation = explanation or sentence(reason)
    if after is not None:
        return replace(after, verdict=Verdict.BLOCK, reason=reason, explanation=explanation)
    try:
        number = parse(attempt.raw_number).e164
    except NumberRefused:
        number = ""
    return Decision(Verdict.BLOCK, reason, number, explanation)


def decision_fact(decision: Decision, attempt: Attempt, **origin: Any) -> facts.Decision:
    """What is kept of a decision: every text bounded and valid Unicode (LAW 1.11). ``origin``: fields of the fact that
    say where the call came from."""
    passed_on = {"shown_from": attempt.shown_from} if attempt.shown_from else {}
    return facts.Decision(
        number=decision.number,
        raw=_text(attempt.as_dialled or attempt.raw_number),
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        explanation=_text(decision.explanation),
        registers=[
            {
                "name": view.name,
                "as_of": view.as_of.isoformat() if view.as_of else None,
                "sha256": view.sha256,
                "count": view.count,
                "state": view.state,
                "covered": view.covered,
                "listed": view.listed,
            }
            for view in decision.registers
        ],
        consent_id=decision.consent_id,
        objection_id=decision.objection_id,
        purpose=attempt.purpose.value,
        topic=attempt.topic.value,
        claimed_by=_text(attempt.claimed_by),
        claimed_through=_text(attempt.claimed_through),
        **{"presentation": _text(attempt.presentation), **passed_on, **origin},
    )


def _text(text: str) -> str:
    """Text from outside, fit to be kept: at most 256 characters, no lone surrogates (bytes that were no UTF-8)."""
    if text.isascii() and len(text) <= _MAX_TEXT:
        return text
    cut = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")
