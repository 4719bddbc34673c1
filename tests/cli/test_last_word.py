"""The last word of a subscriber, through the command line: by the order in which the firm learnt of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gate.core.showing import LONDON
from tests.support.commands import dialgate
from tests.support.example import make_example

LISTED = "020 7946 0101"
PROOF = ("--how", "web form", "--who", "A. Smith", "--wording", "Yes, call me", "--evidence", "form-8812")


@pytest.fixture(autouse=True)
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_example(tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))


def reason(number: str = LISTED) -> str:
    return str(dialgate("check", number, "--json").json["reason"])


def days_ago(days: int) -> str:
    return (datetime.now(LONDON) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M")


def test_an_objection_entered_today_blocks_whatever_date_it_bears() -> None:
    given = dialgate("consent", "add", LISTED, *PROOF, "--given-at", days_ago(2), "--json")
    assert (given.code, given.json["notice"]) == (0, "")
    assert reason() == "consented"
    late = dialgate("objection", "add", LISTED, "--made-at", days_ago(300), "--source", "letter", "--json")
    assert (late.code, late.json["notice"]) == (0, "")
    assert reason() == "objected"


def test_only_a_consent_by_name_lifts_it_and_what_changes_nothing_says_so() -> None:
    dialgate("objection", "add", LISTED, "--made-at", days_ago(3))
    again = dialgate("objection", "add", LISTED, "--json").json["notice"]
    assert again.endswith("stands already: nothing changes.")
    idle = dialgate("consent", "add", LISTED, *PROOF, "--json").json["notice"]
    assert "marketing calls stay refused" in idle and "--after-objection" in idle
    assert reason() == "objected"
    lifted = dialgate("consent", "add", LISTED, *PROOF, "--after-objection", "--json")
    assert (lifted.code, lifted.json["notice"]) == (0, "")
    assert reason() == "consented"
    dialgate("objection", "add", LISTED, "--made-at", days_ago(900))
    assert reason() == "objected"


def test_a_consent_that_cannot_lift_an_objection_is_refused_by_that_name() -> None:
    nothing = dialgate("consent", "add", LISTED, *PROOF, "--after-objection")
    assert nothing.code == 2 and "no objection stands" in nothing.err
    dialgate("objection", "add", LISTED, "--made-at", days_ago(3))
    older = dialgate("consent", "add", LISTED, *PROOF, "--after-objection", "--given-at", days_ago(4))
    assert older.code == 2 and "they objected on" in older.err
    unproven = dialgate("consent", "add", LISTED, *PROOF[:-2], "--evidence", " ", "--after-objection")
    assert unproven.code == 2 and "evidence" in unproven.err
    assert reason() == "objected"


def test_who_wants_no_calls_at_all_gets_no_service_call_either(tmp_path: Path) -> None:
    def service() -> str:
        return str(dialgate("check", LISTED, "--purpose", "service", "--json").json["reason"])

    dialgate("objection", "add", LISTED)
    assert service() == "service_call"
    wider = dialgate("objection", "add", LISTED, "--scope", "all", "--json").json
    assert (wider["scope"], wider["notice"]) == ("all", "")
    assert (service(), reason()) == ("objected", "objected")
    assert "stands already" in dialgate("objection", "add", LISTED, "--scope", "all", "--json").json["notice"]
    file = tmp_path / "objections.csv"
    assert dialgate("objection", "export", "-o", str(file)).code == 0
    assert dialgate("objection", "import", str(file), "--json").json["imported"] == 0
    dialgate("objection", "remove", LISTED, "--reason", "typed wrongly")
    assert service() == "service_call"
    assert dialgate("objection", "import", str(file), "--json").json["imported"] == 3
    assert service() == "objected"
