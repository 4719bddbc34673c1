"""Abandoned calls of a campaign, through the command line with the clock moved: the rate of a London day, the alarm,
the stop and its release, and the month's report. Each time the folder is opened is a restart."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from gate.config.write import amend
from gate.core.days import LONDON
from gate.core.terms import Purpose
from gate.errors import UsageError
from gate.operations.calls.campaigns import CallOutcome, CallsOutcome, calls_outcome
from gate.operations.calls.screening import Decide, decide
from gate.operations.memory.place import SecondPlace
from gate.operations.operation import Caller
from tests.support.databases import query
from tests.support.moved import Moved
from tests.support.requesting import opened

DIALLER = Caller("http:dialler@127.0.0.1")
DAY = "2027-01-05"


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    firm = Moved(tmp_path / "gate", monkeypatch)
    amend(firm.config, {"calling": {"abandoned_stop_percent": 3}})
    firm.on(DAY)
    return firm


def dial(
    firm: Moved, campaign: str, outcomes: Iterable[CallOutcome | None], first: int = 0, caller: Caller = DIALLER
) -> list[str]:
    """A dialler asks for each of these calls, dials it, and reports it (None: it does not); what it was answered."""
    reasons = []
    with opened(firm.folder) as folder:
        for number, outcome in enumerate(outcomes, first):
            asked = Decide(number=f"0207946{number:04}", purpose=Purpose.SERVICE, campaign=campaign)
            decided = decide(folder, asked, caller)
            reasons.append(decided.reason)
            if outcome is not None and decided.verdict == "allow":
                calls_outcome(folder, CallsOutcome(decision_id=decided.decision_id, outcome=outcome), caller)
    return reasons


def of(live: int, abandoned: int) -> list[CallOutcome]:
    return [*[CallOutcome.LIVE] * live, *[CallOutcome.ABANDONED] * abandoned]


def test_a_campaign_is_told_of_at_the_alarm_and_stopped_at_the_bound_until_an_officer_releases_it(firm: Moved) -> None:
    assert set(dial(firm, "spring", of(97, 2))) == {"service_call"}
    (row,) = firm("campaign", "list", "--json").json["items"]
    assert (row["claimed_by"], row["campaign"]) == ("http:dialler", "spring")
    assert (row["abandoned"], row["live"], row["percent"]) == (2, 97, 2.02)
    assert "found nobody" not in firm("status", code=1).out
    assert dial(firm, "spring", of(0, 1), 200) == ["service_call"]
    told = firm("status", code=1).out
    assert "http:dialler, campaign spring: 3 % of those who answered today found nobody (3 of 100)" in " ".join(
        told.split()
    )
    assert dial(firm, "spring", of(1, 0), 300) == ["campaign_stopped"]
    on = f"{date.fromisoformat(DAY):%d %b %Y}"
    assert f"stopped, 3 of 100 who answered on {on} found nobody" in " ".join(firm("status", code=1).out.split())
    assert dial(firm, "autumn", of(1, 0), 301) == ["service_call"]
    (stop,) = firm("campaign", "list", "--json").json["stops"]
    firm("campaign", "release", stop["id"], "--reason", " ", code=2)
    firm("campaign", "release", stop["id"], "--reason", "two more agents sit down")
    assert firm("campaign", "list", "--json").json["stops"] == []
    # Only what is decided from now on counts for another stop.
    assert dial(firm, "spring", of(1, 1), 310) == ["service_call", "service_call"]
    assert dial(firm, "spring", of(1, 0), 320) == ["service_call"]
    facts = firm("audit", "leaves", "--kind", "campaign_released", "--json").json["items"]
    assert [each["actor"].partition(":")[0] for each in facts] == ["user"]
    assert firm("audit", "verify", "--json").json["ok"]


def test_one_of_three_stops_no_campaign_and_a_campaign_without_any_agent_is_stopped_at_once(firm: Moved) -> None:
    assert dial(firm, "small", of(2, 1)) + dial(firm, "small", of(1, 0), 10) == ["service_call"] * 4
    assert dial(firm, "empty", of(0, 4), 20, Caller("http:another@127.0.0.1")) == ["service_call"] * 3 + [
        "campaign_stopped"
    ]


def test_a_dialler_that_names_its_campaign_anew_each_hour_is_stopped_as_a_whole(firm: Moved) -> None:
    reasons = []
    for hour in range(9, 14):
        firm.on(DAY, hour)
        reasons += dial(firm, f"hour-{hour}", of(19, 1), 30 * hour)
    assert reasons == ["service_call"] * 60 + ["campaign_stopped"] * 40
    (stop,) = firm("campaign", "list", "--json").json["stops"]
    assert (stop["claimed_by"], stop["campaign"], stop["abandoned"], stop["live"]) == ("http:dialler", "", 3, 57)


@pytest.mark.parametrize("day", [DAY, "2027-03-28", "2027-10-31"])
def test_calls_count_for_the_london_day_on_which_they_were_answered(firm: Moved, day: str) -> None:
    """Also where it has 23 or 25 hours."""
    begins = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=LONDON)
    ends = datetime.fromisoformat(f"{day}T23:59:59").replace(tzinfo=LONDON)
    for number, (at, outcome) in enumerate(
        (
            (begins - timedelta(seconds=1), CallOutcome.ABANDONED),
            (begins, CallOutcome.LIVE),
            (ends, CallOutcome.ABANDONED),
            (ends + timedelta(seconds=1), CallOutcome.LIVE),
        )
    ):
        firm.time = at
        dial(firm, "night", [outcome], number)
    (row,) = firm("campaign", "list", "--day", day, "--json").json["items"]
    assert (row["abandoned"], row["live"]) == (1, 1)


def test_a_stop_outlasts_midnight_a_restart_and_a_clock_that_is_set_back(firm: Moved) -> None:
    dial(firm, "spring", of(0, 3))
    for day in ("2027-01-06", "2027-01-04"):
        firm.on(day)
        assert dial(firm, "spring", of(1, 0), 50) == ["campaign_stopped"]


def test_a_number_that_found_nobody_is_left_alone_for_72_hours_unless_an_agent_is_at_hand(firm: Moved) -> None:
    firm.time = datetime.now(LONDON) + timedelta(hours=1)  # while the registers of the example support calls
    amend(firm.config, {"calling": {"agent_claims": ["account:alice"], "dedicated_agents": ["account:bob"]}})
    dial(firm, "spring", of(0, 1), 123)
    firm.time += timedelta(hours=71, minutes=59)

    def marketing(account: str, campaign: str = "", purpose: Purpose = Purpose.MARKETING) -> str:
        with opened(firm.folder) as folder:
            asked = Decide(number="02079460123", account=account, campaign=campaign, purpose=purpose)
            return decide(folder, asked, DIALLER).reason

    def service(account: str, campaign: str) -> str:
        return marketing(account, campaign, Purpose.SERVICE)

    assert firm("check", "0207 946 0123", "--json", code=3).json["reason"] == "redial_too_soon"
    assert marketing("alice") == marketing("alice", "spring") == "redial_too_soon"
    assert service("alice", "spring") == service("alice", "autumn") == "redial_too_soon", "no marketing either"
    assert service("alice", "") == service("alice", "spring;agent=dedicated") == "service_call"
    assert marketing("bob") == marketing("alice", "spring;agent=dedicated") == "not_listed"
    amend(firm.config, {"calling": {"agent_claims": []}})
    assert marketing("alice", "spring;agent=dedicated") == "redial_too_soon"
    firm.time += timedelta(minutes=1)
    assert marketing("alice") == "not_listed"
    assert marketing("alice", "spring;agent=dedicated") == "claim_refused"


def test_what_is_not_reported_is_shown_and_a_report_counts_once(firm: Moved) -> None:
    dial(firm, "spring", [None] * 100)
    (row,) = firm("campaign", "list", "--json").json["items"]
    assert (row["percent"], row["unknown"]) == (None, 100)
    assert "nothing is reported of 100 calls today" in " ".join(firm("status", code=1).out.split())
    with opened(firm.folder) as folder:
        decided = decide(folder, Decide(number="02079460900", purpose=Purpose.SERVICE), DIALLER)
        said = CallsOutcome(decision_id=decided.decision_id, outcome=CallOutcome.ABANDONED)
        with pytest.raises(UsageError):
            calls_outcome(folder, said, Caller("http:another@127.0.0.1"))
        calls_outcome(folder, said, DIALLER)
        for outcome in CallOutcome:
            with pytest.raises(UsageError):
                calls_outcome(folder, CallsOutcome(decision_id=decided.decision_id, outcome=outcome), DIALLER)
        late = decide(folder, Decide(number="02079460901", purpose=Purpose.SERVICE), DIALLER)
        firm.time += timedelta(days=2)
        with pytest.raises(UsageError, match="days ago"):
            calls_outcome(folder, CallsOutcome(decision_id=late.decision_id, outcome=CallOutcome.LIVE), DIALLER)


def test_the_months_report_has_every_campaign_and_outlives_the_persons(firm: Moved) -> None:
    dial(firm, "spring", of(95, 5))
    dial(firm, "autumn", of(10, 0), 200)
    firm.on("2027-02-01")

    def report() -> object:
        return firm("report", "--month", "2027-01", "--json").json["abandoned"]

    before = report()
    assert [(row["campaign"], row["abandoned"], row["live"]) for row in before] == [
        ("", 3, 105), ("autumn", 0, 10), ("spring", 3, 95),
    ]  # fmt: skip
    assert [row["worst_day"] for row in before] == [DAY, None, DAY]
    firm.on("2031-01-01")
    firm("retention", "terms", "--execute")
    with opened(firm.folder) as folder:
        assert folder.store.call(lambda tx: query(tx, "SELECT 1 FROM calls WHERE number IS NOT NULL")) == []
    assert report() == before


def test_a_restore_undoes_no_stop_and_forgets_no_abandoned_call(firm: Moved, tmp_path: Path) -> None:
    (second := tmp_path / "second").mkdir()
    amend(firm.config, {"storage": {"memory": str(second)}})
    firm.time = datetime.now(LONDON).replace(hour=10) + timedelta(days=1)
    another = Caller("http:another@127.0.0.1")
    dial(firm, "autumn", of(0, 1), 100)
    data, backup = firm.folder / "data", tmp_path / "backup"
    shutil.copytree(data, backup)
    firm.time += timedelta(hours=1)
    dial(firm, "spring", of(1, 3), caller=another)
    dial(firm, "autumn", of(0, 1), 123)
    (stop,) = firm("campaign", "list", "--json").json["stops"]
    assert stop["campaign"] == "spring"

    def restored() -> None:
        shutil.rmtree(data)
        shutil.copytree(backup, data)

    restored()
    firm.time += timedelta(hours=1)
    second.rename(tmp_path / "away")
    assert dial(firm, "spring", of(1, 0), 40, another) == ["memory_unavailable"], "nobody knows what was stopped"
    (tmp_path / "away").rename(second)
    assert dial(firm, "spring", of(1, 0), 50, another) == ["campaign_stopped"]
    listed = firm("campaign", "list", "--json").json
    assert [each["id"] for each in listed["stops"]] == [stop["id"]]
    assert {row["campaign"]: row["abandoned"] for row in listed["items"]} == {"autumn": 2, "spring": 3}
    assert firm("check", "0207 946 0123", "--json", code=3).json["reason"] == "redial_too_soon"
    journal = (second / "memory.journal").read_text()
    assert "0207946" not in journal and "44207946" not in journal
    # The next one makes three of autumn's: the two before a restore, and the one since.
    assert dial(firm, "autumn", of(0, 1), 130) == ["service_call"]
    assert dial(firm, "autumn", of(1, 0), 140) == ["campaign_stopped"]
    firm("campaign", "release", stop["id"], "--reason", "two more agents sit down")
    restored()
    assert [each["campaign"] for each in firm("campaign", "list", "--json").json["stops"]] == ["autumn"]
    assert dial(firm, "spring", of(1, 0), 60, another) == ["service_call"]
    assert firm("audit", "verify", "--json").json["ok"]
    firm.time += timedelta(days=3)
    assert firm("check", "0207 946 0123", "--json", code=None).json["reason"] != "redial_too_soon"


def test_a_restore_loses_the_live_calls_of_no_campaign_either(firm: Moved, tmp_path: Path) -> None:
    """Whom nobody spoke to comes back with as many live calls as there were, so that the rate is not too high."""
    (second := tmp_path / "second").mkdir()
    amend(firm.config, {"storage": {"memory": str(second)}, "calling": {"abandoned_stop_percent": 0}})
    firm.time = datetime.now(LONDON).replace(hour=10) + timedelta(days=1)
    dial(firm, "autumn", of(10, 1))
    data, backup = firm.folder / "data", tmp_path / "backup"
    shutil.copytree(data, backup)
    firm.time += timedelta(hours=1)
    dial(firm, "autumn", [*of(20, 1), *of(30, 1)], 100)
    dial(firm, "spring", of(7, 1), 200)

    def restored() -> dict[str, tuple[int, int]]:
        shutil.rmtree(data)
        shutil.copytree(backup, data)
        firm.time += timedelta(hours=1)
        rows = firm("campaign", "list", "--json").json["items"]
        return {row["campaign"]: (row["abandoned"], row["live"]) for row in rows}

    assert restored() == {"": (4, 67), "autumn": (3, 60), "spring": (1, 7)}
    dial(firm, "autumn", of(5, 1), 300)
    assert restored() == {"": (5, 72), "autumn": (4, 65), "spring": (1, 7)}, "after one restore as after another"
    dial(firm, "autumn", of(0, 1), 310)
    (row,) = [each for each in firm("campaign", "list", "--json").json["items"] if each["campaign"] == "autumn"]
    assert (row["abandoned"], row["live"], row["percent"]) == (5, 65, 7.14)
    assert firm("audit", "verify", "--json").json["ok"]


def test_a_stop_that_somebody_has_taken_out_of_the_store_is_in_force_again(firm: Moved, tmp_path: Path) -> None:
    (second := tmp_path / "second").mkdir()
    amend(firm.config, {"storage": {"memory": str(second)}})
    dial(firm, "spring", of(0, 3))
    with sqlite3.connect(firm.folder / "data" / "gate.db") as connection:
        connection.execute("UPDATE campaign_stops SET released_at = stopped_at")
    faults = str(firm("audit", "verify", "--json", code=1).json)
    assert "of a campaign is not in force in the store" in faults
    with opened(firm.folder) as folder:
        folder.one(SecondPlace).check()
    assert dial(firm, "spring", of(1, 0), 50) == ["campaign_stopped"]


def test_of_the_terms_ahead_only_those_that_something_passes_are_named(firm: Moved) -> None:
    assert "term" not in firm("retention", "forecast").err
    dial(firm, "spring", of(1, 0))
    ahead = firm("retention", "forecast", "--days", "800").err.splitlines()
    assert ahead[1:] == ["Past a term of 24 months by then: call records (1)."]


def test_a_trend_without_a_day_is_that_of_today(firm: Moved) -> None:
    dial(firm, "spring", of(1, 0))
    firm.on(DAY, 14)
    (hour,) = firm("calls", "trend", "--json").json["items"]
    assert (hour["hour"], hour["attempts"]) == (f"{DAY}T12", 1)
    firm.on(f"{DAY[:-1]}6")
    assert firm("calls", "trend", "--json").json["items"] == []
