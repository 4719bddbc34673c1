"""Registers on a disk, asked on the last day of their support and the day after, across both clock changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gate.calls.screener import Screener
from gate.core.hours import Hours
from gate.core.terms import NOBODY_KNOWN, UNTRIED, Subscriber, Tried
from gate.registers.importer import import_file
from gate.registers.library import RegisterLibrary
from tests.support.screening import ATTEMPT, RULES

LONDON = ZoneInfo("Europe/London")
SAMPLES = Path(__file__).parents[2] / "sample_lists"


class Nothing:
    """A store that holds nothing of anybody."""

    def look_up(self, *_: object) -> None:
        pass

    def stops(self, number: str) -> list[Any]:
        return []

    def objections(self, number: str) -> list[Any]:
        return []

    def consents(self, number: str) -> list[Any]:
        return []

    def subscriber(self, number: str) -> Subscriber:
        return NOBODY_KNOWN

    def last_unattended(self, number: str) -> None:
        return None

    def tried(self, *_: object) -> Tried:
        return UNTRIED

    def stopped(self, caller: str, campaign: str) -> str:
        return ""


@pytest.mark.parametrize(
    ("as_of", "change"),
    [
        (date(2026, 3, 2), date(2026, 3, 29)),  # D+27 is the day on which the clocks go forward
        (date(2026, 3, 1), date(2026, 3, 29)),  # so is D+28
        (date(2026, 3, 15), date(2026, 3, 29)),  # it lies in between
        (date(2026, 9, 28), date(2026, 10, 25)),  # and the same where they go back
        (date(2026, 9, 27), date(2026, 10, 25)),
        (date(2026, 10, 11), date(2026, 10, 25)),
        (date(2026, 1, 5), date(2026, 3, 29)),  # neither near
    ],
)
def test_law_1_4_to_the_second_across_both_clock_changes(tmp_path: Path, as_of: date, change: date) -> None:
    imported = datetime(as_of.year, as_of.month, as_of.day, 12, tzinfo=UTC)
    for name in ("tps", "ctps"):
        import_file(tmp_path, name, SAMPLES / f"{name}_ns.txt", as_of=as_of, now=imported)
    library = RegisterLibrary(tmp_path, ("tps", "ctps"))
    screener = Screener(library, replace(RULES, hours=Hours.always()))
    stale, second_day = (
        datetime.combine(as_of + timedelta(days=days), datetime.min.time(), LONDON).astimezone(UTC) for days in (28, 1)
    )
    assert (change - as_of).days in (14, 27, 28, 83)
    for moment, reason, left in (
        (stale - timedelta(seconds=1), "not_listed", 0),
        (stale, "register_stale", -1),
        (stale + timedelta(hours=1), "register_stale", -1),
        (second_day, "not_listed", 26),
        (second_day - timedelta(seconds=1), "not_listed", 27),
    ):
        for zone in (UTC, LONDON, ZoneInfo("Pacific/Auckland")):
            asked = moment.astimezone(zone)
            decision = screener.check(Nothing(), ATTEMPT, asked)  # type: ignore[arg-type]  # what it asks for is there
            assert decision.reason == reason, asked
        shown = library.status(moment.astimezone(LONDON).date())
        assert [row.days_left for row in shown] == [left, left]
