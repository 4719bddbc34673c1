"""The policy's review, and values that are looser than the policy's: by the command line with the clock moved."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.config.write import amend
from tests.cli.test_calls_for_others import ACME
from tests.support.commands import dialgate
from tests.support.example import go_live, make_example


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return make_example(tmp_path / "gate") / "config.toml"


def reviewed(config: Path, day: str) -> None:
    text, count = re.subn(r'policy_reviewed = "[0-9-]+"', f'policy_reviewed = "{day}"', config.read_text())
    assert count == 1
    config.write_text(text)


def told(config: Path) -> list[str]:
    attention = dialgate("status", "--json", "-c", str(config)).json["attention"]
    return [each for each in attention if each.startswith("Policy: ")]


def test_a_review_of_a_year_ago_is_told_in_status_and_report(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = datetime.now(UTC)
    reviewed(config, made.date().isoformat())
    assert told(config) == []
    later = made + timedelta(days=366)
    monkeypatch.setattr(SystemClock, "now", lambda _: later)
    said = f"the calling policy was last reviewed on {made.date()}: review it, and set firm.policy_reviewed"
    assert told(config) == [f"Policy: {said}"]
    assert f"ATTENTION: Policy: {said}" in dialgate("status", "-c", str(config)).out
    month, page = f"{later:%Y-%m}", tmp_path / "month.html"
    done = dialgate("report", "--month", month, "--json", "-o", str(page), "-c", str(config))
    assert done.json["policy"]["reminders"] == [said]
    assert said in page.read_text()
    before = dialgate("report", "--month", f"{made:%Y-%m}", "--json", "-c", str(config)).json
    assert before["policy"]["reminders"] == [], "the report of a month says what was due in it"
    assert said in dialgate("report", "--article-30", "-o", "-", "-c", str(config)).out


def test_a_review_in_the_future_is_a_fault_of_every_command(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2027, 6, 1, 23, 30, tzinfo=UTC)  # in London it is the 2nd
    monkeypatch.setattr(SystemClock, "now", lambda _: now)
    reviewed(config, "2027-06-02")
    assert dialgate("config", "show", "-c", str(config)).code == 0
    reviewed(config, "2027-06-03")
    for command in (("config", "show"), ("status",), ("serve",), ("check", "020 7946 0000")):
        done = dialgate(*command, "-c", str(config))
        assert done.code == 2
        assert "firm.policy_reviewed: 2027-06-03 lies in the future" in done.err
        assert "today is 2027-06-02" in done.err


def test_looser_values_are_told_of_a_live_gate_for_as_long_as_they_stand(config: Path) -> None:
    with config.open("a") as file:
        file.write("\n[consent]\nmonths = 60\n")
    assert "Reminder: consent.months is 60" in dialgate("config", "show", "-c", str(config)).err
    assert told(config) == [], "a gate that reaches nobody is for trying things out"
    go_live(config)
    assert "Policy: consent.months is 60: the policy allows at most 24" in told(config)
    config.write_text(config.read_text().replace("months = 60", "months = 24"))
    assert not [each for each in told(config) if "consent" in each]


def test_longer_than_the_policys_twelve_months_is_a_class_with_a_reason_or_nothing(config: Path) -> None:
    with config.open("a") as file:
        file.write("\n[retention]\nmonths = 24\n")
    refused = dialgate("status", "-c", str(config))
    assert (
        refused.code == 2 and "retention.months: 24 is above the policy's 12: name what is kept longer" in refused.err
    )
    kept = 'months = 12\nclasses = ["topic:pensions=5 FCA SYSC 10A"]'
    config.write_text(config.read_text().replace("months = 24", kept))
    assert dialgate("config", "show", "-c", str(config)).code == 0


WHOLE = "This is Webeo about your contract. This call is recorded. Press 9 and we will not call you again."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WHOLE, []),
        ("Webeo here. We record. To object, press the nine.", []),
        (WHOLE.replace("This is Webeo", "Hello"), ["does not say who calls: name Webeo"]),
        (WHOLE.replace("This call is recorded. ", ""), ["does not say that the call is recorded"]),
        (WHOLE.replace("Press 9", "Listen"), ["does not say how to object: say what pressing 9 does"]),
        (WHOLE.replace("Press 9", "Press 8"), ["does not say how to object"]),
        (WHOLE + " We have a special offer for you.", ['announcement.text sells ("offer")']),
        (WHOLE + " Save money on your bills.", ['announcement.text sells ("save money")']),
        (WHOLE + " Only £20 a month.", ['announcement.text sells ("£")']),
        ("Hello. How are you?", ["who calls", "recorded", "how to object"]),
    ],
)
def test_an_announcement_that_lacks_something_or_sells_is_warned_of_on_a_live_gate(
    config: Path, text: str, says: list[str]
) -> None:
    amend(config, {"announcement": {"text": text}})
    assert not [each for each in told(config) if "announcement" in each], "the example is not live"
    assert "WARNING" not in dialgate("check", "020 7946 0123", "-c", str(config)).out
    go_live(config)
    warned = [each for each in told(config) if "announcement" in each]
    assert len(warned) == len(says) and all(part in each for part, each in zip(says, warned, strict=True))
    lines = dialgate("check", "020 7946 0123", "-c", str(config)).out.splitlines()
    assert [f"Policy: {line[9:]}" for line in lines if line.startswith("WARNING: ")] == warned


def test_the_announcement_for_another_firm_names_that_one(config: Path) -> None:
    go_live(config)
    with config.open("a") as file:
        file.write(ACME.replace("we call for Acme", "we call for a friend"))
    warned = [each for each in told(config) if "instigator" in each]
    assert warned == [
        "Policy: instigator acme: announcement_text does not say who calls: name Acme (PECR reg 24)",
    ]


def test_what_else_is_spoken_may_not_sell_either(config: Path) -> None:
    go_live(config)
    amend(config, {"announcement": {"goodbye_text": "Goodbye. Ask us about our discounts."}})
    assert sum('announcement.goodbye_text sells ("discounts")' in each for each in told(config)) == 1
