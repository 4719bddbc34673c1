"""Fail closed: whatever goes wrong in the screening is a refusal with its own code, never a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gate.core.numbers import NumberRefused
from gate.core.terms import Consent, Reason
from tests.support.screening import CTPS, NOON, TPS, blocked

LISTED = (replace(TPS, listed=True), CTPS)


@pytest.mark.parametrize(
    "changes",
    [
        {"now": datetime(2026, 3, 3, 12)},
        {"last_unattended": datetime.max.replace(tzinfo=UTC)},
        {"number": None},
        {"number": "+442079460000"},
        {"registers": None},
        {"registers": (None, None)},
        {"registers": (replace(TPS, as_of=NOON), CTPS)},
        {"consents": [Consent("naive", datetime(2026, 1, 1))]},
        {"consents": [None]},
        {"objections": [None]},
        {"stops": [None]},
        {"stops": 7},
        {"last_unattended": datetime(2026, 1, 1)},
        {"rules": None},
        {"purpose": None, "objections": 7},
    ],
    ids=str,
)
def test_invariant_2_whatever_goes_wrong_is_a_refusal(changes: dict[str, Any]) -> None:
    blocked(Reason.INTERNAL_ERROR, **changes)


def test_a_purpose_or_topic_that_is_none_gets_the_strictest_rules() -> None:
    blocked(Reason.LISTED_TPS, purpose="nonsense", registers=LISTED)
    blocked(Reason.TOPIC_NEEDS_CONSENT, topic="nonsense")


def test_a_refused_number_can_never_bear_an_allowing_code() -> None:
    blocked(Reason.NUMBER_INVALID, number=NumberRefused(Reason.NOT_LISTED, "you may call"))
