"""What is known of the evidence, and what it forbids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from gate.calls.trust import Trust
from gate.core.terms import Reason
from gate.errors import StoreError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Found:
    why: str = ""
    unread: tuple[str, ...] = ()


class World:
    """A clock, and what a comparison finds."""

    def __init__(self) -> None:
        self.now = NOON
        self.found = Found()
        self.looks = 0
        self.unsigned_since: datetime | None = NOON
        self.newest: datetime | None = None
        self.trust = Trust(self.look, lambda: self.unsigned_since, lambda: self.now, newest=lambda: self.newest)

    def look(self) -> Found:
        self.looks += 1
        return self.found


def test_marketing_is_refused_once_nothing_could_be_signed_for_an_hour() -> None:
    world = World()
    world.trust.signed()
    world.trust.not_signed("the disk is full")
    world.now = NOON + timedelta(hours=1)
    world.trust.not_signed("the disk is full")
    assert world.trust.reason is None
    (said,) = world.trust.warnings()
    assert "After an hour" in said
    world.now += timedelta(seconds=1)
    assert world.trust.reason is Reason.EVIDENCE_UNSIGNED
    (said,) = world.trust.warnings()
    assert "not been signed since 2026-03-02 12:00" in said and "the disk is full" in said
    world.trust.signed()
    assert (world.trust.reason, world.trust.unsigned_seconds, [*world.trust.warnings()]) == (None, 0.0, [])


def test_the_hour_does_not_begin_anew_with_the_gate() -> None:
    world = World()
    world.unsigned_since = NOON - timedelta(hours=2)
    world.trust.not_signed("gate.key is missing")
    assert world.trust.reason is Reason.EVIDENCE_UNSIGNED


def test_what_is_behind_is_told_until_it_is_not() -> None:
    world = World()
    world.trust.look_once()
    world.trust.look_once()
    assert (world.looks, world.trust.reason) == (1, None)
    world.found = Found("the share is signed over 9 entries", ("a mail does not hold",))
    assert world.trust.look() == "the share is signed over 9 entries"
    assert world.trust.reason is Reason.EVIDENCE_ROLLED_BACK
    behind, unread = world.trust.warnings()
    assert "the share is signed over 9 entries" in behind and "audit restore" in behind
    assert "a mail does not hold" in unread
    world.found = Found()
    world.trust.look()
    assert (world.trust.reason, [*world.trust.warnings()]) == (None, [])


def test_a_comparison_that_fails_is_asked_for_again() -> None:
    world = World()

    def broken() -> Found:
        raise StoreError("the database failed")

    trust = Trust(broken, lambda: None, lambda: NOON)
    with pytest.raises(StoreError):
        trust.look_once()
    with pytest.raises(StoreError):
        trust.look_once()
    assert world.looks == 0


def test_a_clock_behind_the_log_forbids_marketing_until_it_is_right() -> None:
    world = World()
    world.newest = NOON
    world.trust.look_once()
    world.now = NOON - timedelta(minutes=10)
    assert world.trust.reason is None
    world.now -= timedelta(seconds=1)
    assert world.trust.reason is Reason.CLOCK_BEHIND
    (said,) = world.trust.warnings()
    assert "behind the log" in said and "2026-03-02 12:00" in said and "dialgate audit clock" in said
    world.trust.signed()
    assert world.trust.reason is Reason.CLOCK_BEHIND, "a signature by the wrong clock proves nothing of it"
    world.now = NOON
    assert (world.trust.reason, [*world.trust.warnings()]) == (None, [])


def test_a_gate_without_calls_remembers_the_time_that_it_has_seen() -> None:
    world = World()
    world.newest = NOON
    world.trust.look_once()
    world.now = NOON + timedelta(days=3)
    world.trust.signed()
    world.now = NOON + timedelta(days=1)
    assert world.trust.reason is Reason.CLOCK_BEHIND
