"""Attempts counted by caller and reason, on a real data folder and by the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.config import load
from gate.config.write import amend
from gate.control.messages import carry_out
from gate.core.hours import public_holidays
from gate.core.rows.calls import ReasonCount
from gate.daemon.opening import open_folder
from gate.errors import UsageError
from gate.operations.calls.calls import By, CallsAgents, CallsReasons, CallsTrend
from gate.operations.calls.screening import Decide
from gate.operations.operation import Caller
from tests.support.asking import Asking
from tests.support.commands import dialgate
from tests.support.example import make_example
from tests.support.keeping import SetClock

LISTED, UNLISTED = "020 7946 0101", "020 7946 0123"


@pytest.fixture
def clock() -> SetClock:
    """Noon of a day to come on which people are called: later than the log, which begins now."""
    noon = datetime.now(UTC).replace(hour=12) + timedelta(days=1)
    while noon.weekday() > 4 or noon.date() in public_holidays(noon.year):
        noon += timedelta(days=1)
    return SetClock(noon)


@pytest.fixture
def gate(tmp_path: Path, clock: SetClock) -> Iterator[Asking]:
    make_example(tmp_path / "gate")
    amend(tmp_path / "gate" / "config.toml", {"calling": {"hours": "strict"}})
    with ExitStack() as stack:
        yield Asking(open_folder(load(tmp_path / "gate" / "config.toml"), stack, clock=clock), "http:dialler@127.0.0.1")


def test_attempts_are_counted_by_caller_and_reason(gate: Asking, clock: SetClock) -> None:
    before = clock.time - timedelta(seconds=1)
    for number in (LISTED, LISTED, UNLISTED, "no number"):
        carry_out(gate.folder, Decide(number=number), Caller(gate.actor))
    clock.time += timedelta(seconds=1)
    counts = {(each.verdict, each.reason): each.attempts for each in gate.ask(CallsReasons(since=before)).items}
    assert counts["block", "listed_tps"] == 2
    assert sum(counts.values()) == 4
    assert gate.ask(CallsReasons(since=before)).items[0] == ReasonCount(
        claimed_by=gate.actor, verdict="block", reason="listed_tps", attempts=2
    )
    assert gate.ask(CallsReasons(since=before, claimed_by="account:nobody")).items == []
    assert gate.ask(CallsReasons(since=before, until=before + timedelta(microseconds=1))).items == []
    with pytest.raises(UsageError, match="ends before it begins"):
        gate.ask(CallsReasons(since=before, until=before))


def test_attempts_are_counted_by_hour_and_agent_or_reason(gate: Asking, clock: SetClock) -> None:
    before = clock.time - timedelta(seconds=1)
    for number in (LISTED, LISTED, UNLISTED):
        carry_out(gate.folder, Decide(number=number), Caller(gate.actor))
    clock.time += timedelta(seconds=1)
    items = gate.ask(CallsTrend(since=before)).items
    assert {each.name for each in items} == {gate.actor}
    assert (sum(each.attempts for each in items), sum(each.refused for each in items)) == (3, 2)
    assert before.isoformat()[:13] <= min(each.hour for each in items) <= clock.time.isoformat()[:13]
    items = gate.ask(CallsTrend(since=before, by=By.REASON)).items
    assert {each.name: (each.attempts, each.refused) for each in items} == {"listed_tps": (2, 2), "not_listed": (1, 0)}
    with pytest.raises(UsageError, match="more than 31 days"):
        gate.ask(CallsTrend(since=before - timedelta(days=32)))
    with pytest.raises(UsageError, match="ends before it begins"):
        gate.ask(CallsTrend(since=before, until=before))


def test_each_agent_is_shown_with_its_refusals_in_a_row_and_what_stops_the_next(gate: Asking, clock: SetClock) -> None:
    for number in (LISTED, UNLISTED, LISTED, "no number"):
        carry_out(gate.folder, Decide(number=number), Caller(gate.actor))
    rows = {row.claimed_by: row for row in gate.ask(CallsAgents()).items}
    shown = rows[gate.actor]
    assert (shown.attempts, shown.refused, shown.streak, shown.reason) == (4, 3, 2, "number_invalid")
    assert next(iter(rows)) == gate.actor, "who asks most is first"
    idle = rows["account:alice"]
    assert (idle.attempts, idle.streak, idle.reason, idle.at, idle.next) == (0, 0, None, None, None)
    carry_out(gate.folder, Decide(number=UNLISTED), Caller(gate.actor))
    assert {row.claimed_by: row.streak for row in gate.ask(CallsAgents()).items}[gate.actor] == 0
    clock.time = clock.time.replace(hour=23)
    assert {row.next for row in gate.ask(CallsAgents()).items} == {"outside_hours"}


def test_the_command_shows_them(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    config = str(tmp_path / "gate" / "config.toml")
    with ExitStack() as stack:
        folder = open_folder(load(Path(config)), stack)
        carry_out(folder, Decide(number=LISTED), Caller("user:ann(1000)"))
    shown = json.loads(dialgate("calls", "reasons", "--since", "today", "--json", "-c", config).out)
    row = {"claimed_by": "user:ann(1000)", "verdict": "block", "reason": "listed_tps", "attempts": 1}
    assert shown == {"items": [row]}
    assert "listed_tps" in dialgate("calls", "reasons", "--since", "today", "-c", config).out
    assert dialgate("calls", "reasons", "-c", config).code == 2
