"""A decision gathered: what it reads, and that nothing of it stays in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gate.calls.screener import Screener
from gate.core import screening
from gate.core.numbers import NumberRefused
from tests.support.screening import ATTEMPT, NOON, RULES


class Asked:
    """Registers and a store that must not be asked about what is no number."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


def test_a_refused_number_is_looked_up_nowhere_and_holds_no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    decide = screening.decide

    def watched(attempt: Any, **known: Any) -> Any:
        seen.append(known["number"])
        return decide(attempt, **known)

    monkeypatch.setattr(screening, "decide", watched)
    attempt = replace(ATTEMPT, raw_number="no number")
    decision = Screener(Asked(), RULES).check(Asked(), attempt, NOON)  # type: ignore[arg-type]  # neither is asked
    assert decision.reason == "number_invalid"
    (refused,) = seen
    assert isinstance(refused, NumberRefused)
    assert refused.__traceback__ is None
