"""The figures of a month against the facts themselves, counted here by other means."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from gate.core.days import midnight
from gate.core.rows.month import Import
from gate.core.terms import ALLOWING, Reason
from gate.errors import UsageError
from gate.operations.reports.month import day_of_hour, registers_of, span_of
from tests.support.databases import query
from tests.support.month import Month, filled

LONDON = ZoneInfo("Europe/London")


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    made = filled(tmp_path_factory.mktemp("month"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def report(month: Month) -> dict[str, Any]:
    return month.report()


@pytest.fixture(scope="module")
def facts(month: Month) -> list[dict[str, Any]]:
    """Every fact of the log, with the day in London on which it happened."""
    rows = month.folder.read(lambda tx: query(tx, "SELECT kind, subject, at, body FROM facts ORDER BY leaf_index"))
    for row in rows:
        row["body"] = json.loads(row["body"])
        row["day"] = datetime.fromisoformat(row["at"]).astimezone(LONDON).date().isoformat()
    return list(rows)


def october(facts: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [fact for fact in facts if fact["kind"] == kind and fact["day"].startswith("2026-10")]


def test_service_calls_to_the_listed_and_to_objectors_by_who_claimed_them(report: dict[str, Any]) -> None:
    """The first call was in September, the last ones are of October; the dialler's two addresses are one."""
    assert report["service"] == {
        "calls": 14,
        "listed": 8,
        "claimed_by": [
            {"claimed_by": "trunk:pbx1", "calls": 8, "listed": 4},
            {"claimed_by": "account:alice", "calls": 4, "listed": 2},
            {"claimed_by": "http:crm", "calls": 2, "listed": 2},
        ],
    }


def test_attempts_by_day_verdict_and_reason(report: dict[str, Any], facts: list[dict[str, Any]]) -> None:
    decisions = october(facts, "decision")
    reasons = Counter(fact["body"]["reason"] for fact in decisions)
    by_day = Counter((fact["day"], fact["body"]["verdict"]) for fact in decisions)
    told = report["attempts"]
    assert {each["reason"]: each["attempts"] for each in told["reasons"]} == reasons
    assert told["total"] == told["allowed"] + told["blocked"] == len(decisions) > 500
    assert len(told["days"]) == 31
    for each in told["days"]:
        assert (each["allow"], each["block"]) == (by_day[each["day"], "allow"], by_day[each["day"], "block"])
    assert [each["attempts"] for each in told["reasons"]] == sorted(reasons.values(), reverse=True)
    assert all(each["allows"] is (Reason(each["reason"]) in ALLOWING) for each in told["reasons"])


def test_what_became_of_them(report: dict[str, Any], facts: list[dict[str, Any]]) -> None:
    mine = {fact["subject"] for fact in october(facts, "decision")}
    for kind, name in (("connected", "connected"), ("unrecorded", "unrecorded")):
        assert report["attempts"][name] == sum(fact["kind"] == kind and fact["subject"] in mine for fact in facts) > 0


def test_recordings_made_and_erased(report: dict[str, Any], facts: list[dict[str, Any]]) -> None:
    told = report["recordings"]
    made, erased = october(facts, "recording_opened"), october(facts, "recording_erased")
    closed = {fact["subject"]: fact["body"] for fact in facts if fact["kind"] == "recording_closed"}
    assert (told["made"], told["erased"]) == (len(made), len(erased))
    assert told["seconds"] == sum(closed[fact["subject"]]["seconds"] for fact in made)
    assert told["interrupted"] == sum(closed[fact["subject"]]["interrupted"] for fact in made)
    on = Counter(fact["day"] for fact in made), Counter(fact["day"] for fact in erased)
    assert all((each["made"], each["erased"]) == (on[0][each["day"]], on[1][each["day"]]) for each in told["days"])
    assert told["grounds"] == {"request": 5, "retention": 35}
    gone = {fact["subject"] for fact in facts if fact["kind"] == "recording_erased" and fact["day"] < "2026-11"}
    there = {fact["subject"] for fact in facts if fact["kind"] == "recording_opened" and fact["day"] < "2026-11"} - gone
    assert told["kept"]["recordings"] == len(there)
    assert told["kept"]["bytes"] == sum(closed[each]["size"] for each in there)


def test_the_rest_is_counted_by_kind(report: dict[str, Any], facts: list[dict[str, Any]]) -> None:
    for kind, count in report["exports"].items():
        assert count == len(october(facts, kind))
    for kind in ("number_shown", "not_permitted", "gate_started", "facts_erased"):
        assert report["evidence"][kind] == len(october(facts, kind))
    assert report["evidence"]["refused_without_evidence"] == 4
    assert report["evidence"]["refused_strangers"] == 31
    assert (report["evidence"]["checkpoints"], report["evidence"]["last"]) == (31, 1960)
    assert (report["evidence"]["verified"], report["evidence"]["verified_bad"]) == (2, 0)
    assert report["own_lists"] == {"objections": 5, "removed": 1, "consents": 1, "withdrawn": 0}
    assert report["holds"] == {"put": 1, "released": 1, "in_force": 2, "restrictions": 1}


def test_registers_grow_old_by_day(report: dict[str, Any]) -> None:
    tps, ctps = report["registers"]
    assert tps["bad_days"] == ["2026-10-27", "2026-10-28", "2026-10-29", "2026-10-30"]
    assert (tps["oldest"], len(tps["imports"]), ctps["bad_days"], ctps["oldest"]) == (30, 2, [], 7)
    ages = {each["day"]: each["age"] for each in tps["days"]}
    assert (ages["2026-10-26"], ages["2026-10-27"], ages["2026-10-30"], ages["2026-10-31"]) == (27, 28, 0, 1)


def test_requests_as_they_stood_at_the_end(report: dict[str, Any]) -> None:
    told = {each["received"]: each for each in report["requests"]}
    assert told["2026-10-05"]["outcome"] == "withdrawn"
    assert (told["2026-10-05"]["days"], told["2026-10-05"]["late"]) == (6, False)
    late = told["2026-09-25"]
    assert (late["outcome"], late["days"], late["due"], late["late"]) == ("open", 36, "2026-10-25", True)
    assert (told["2026-10-28"]["outcome"], told["2026-10-28"]["late"]) == ("open", False)


def test_nobody_is_named(report: dict[str, Any], month: Month) -> None:
    """Accounts and PBXs alone, by their names in the configuration, and with their service calls only."""
    text = json.dumps(report | {"service": None}) + json.dumps(month.record())
    assert not re.search("[+]44|7946|service-", json.dumps(report["service"]))
    for personal in ("+44", "7946", "A. Person", "person0", "example.com", "ann(1000)", "alice", "call-0", "rec-0"):
        assert personal not in text, personal


def test_the_months_before_and_after_have_what_is_theirs(month: Month, facts: list[dict[str, Any]]) -> None:
    for name in ("2026-09", "2026-11"):
        told = month.report(name)
        assert told["attempts"]["total"] == sum(
            fact["kind"] == "decision" and fact["day"].startswith(name) for fact in facts
        )
    september, november = month.report("2026-09"), month.report("2026-11")
    assert september["registers"][0]["days"][22]["state"] == ""  # the log begins on the 24th
    assert september["registers"][0]["bad_days"] == []
    assert (november["last"], november["whole"], len(november["attempts"]["days"])) == ("2026-11-25", False, 25)
    assert [each["received"] for each in november["requests"]] == ["2026-09-25", "2026-10-28"]
    assert september["evidence"]["last_verified"] is None


def test_a_policy_reviewed_since_was_not_reviewed_in_the_future(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    config = month.folder.config
    firm = msgspec.structs.replace(config.firm, policy_reviewed="2026-11-20")
    monkeypatch.setattr(month.folder, "config", msgspec.structs.replace(config, firm=firm))
    assert not [each for each in month.report("2026-10")["policy"]["reminders"] if "future" in each]


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "october", "", "2026-10-01", "1999-10"])
def test_what_is_no_month(month: Month, text: str) -> None:
    with pytest.raises(UsageError, match="is not a month"):
        month.report(text)


def test_a_month_that_has_not_begun(month: Month) -> None:
    with pytest.raises(UsageError, match="has not begun"):
        month.report("2026-12")
    assert span_of("2026-12", date(2026, 12, 1)) == (date(2026, 12, 1), date(2026, 12, 1), False)
    assert span_of("2024-02", date(2026, 12, 1)) == (date(2024, 2, 1), date(2024, 2, 29), True)


def test_days_are_londons_when_the_clocks_change() -> None:
    assert midnight(date(2026, 10, 25)) == datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert midnight(date(2026, 10, 26)) == datetime(2026, 10, 26, 0, tzinfo=UTC)
    assert day_of_hour("2026-10-24T23") == "2026-10-25"
    assert day_of_hour("2026-10-25T23") == "2026-10-25"
    assert day_of_hour("2026-10-26T00") == "2026-10-26"


# --- a register's days


def days_of(imports: list[tuple[str, str]], began: str = "2026-10-01T08:00:00Z") -> list[tuple[int | None, str]]:
    """Age and state on the first five days of October."""
    rows = [Import("tps", at, as_of, count=1, added=0, removed=0) for at, as_of in imports]
    days = [date(2026, 10, 1) + timedelta(days=n) for n in range(5)]
    (told,) = registers_of(["tps"], days, rows, began, datetime(2026, 10, 6, tzinfo=UTC))
    return [(each.age, each.state) for each in told.days]


def test_a_register_that_never_came_is_missing_from_the_first_day_of_the_log() -> None:
    assert days_of([], "2026-10-03T08:00:00Z") == [(None, ""), (None, "")] + [(None, "missing")] * 3


def test_a_register_that_came_on_the_logs_first_day_was_not_missing() -> None:
    told = days_of([("2026-10-01T09:00:00Z", "2026-10-01")])
    assert told == [(0, "ok"), (1, "ok"), (2, "ok"), (3, "ok"), (4, "ok")]


def test_a_register_that_came_on_the_second_day_was_missing_until_then() -> None:
    told = days_of([("2026-10-02T09:00:00Z", "2026-10-02")])
    assert told == [(None, "missing"), (0, "missing"), (1, "ok"), (2, "ok"), (3, "ok")]


def test_a_register_that_was_renewed_in_time_or_hours_late() -> None:
    before = ("2026-09-05T09:00:00Z", "2026-09-05")
    began = "2026-09-01T00:00:00Z"
    assert days_of([before, ("2026-10-02T09:00:00Z", "2026-10-02")], began)[:3] == [(26, "ok"), (0, "ok"), (1, "ok")]
    late = days_of([before, ("2026-10-03T09:00:00Z", "2026-10-03")], began)
    assert late[:4] == [(26, "ok"), (27, "ok"), (0, "stale"), (1, "ok")]
