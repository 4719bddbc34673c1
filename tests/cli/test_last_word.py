"""The last word of a subscriber, through the command line: by the order in which the firm learnt of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gate.core.days import LONDON
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


def test_a_consent_to_some_calls_lifts_no_objection_to_all() -> None:
    """It left marketing allowed and service calls blocked."""
    every = dialgate("objection", "add", LISTED, "--scope", "all", "--json").json["id"]
    tried = dialgate("consent", "add", LISTED, *PROOF, "--after-objection")
    assert tried.code == 2 and "they want no calls at all" in tried.err and f"objection remove {every}" in tried.err
    idle = dialgate("consent", "add", LISTED, *PROOF, "--json").json["notice"]
    assert "to all calls stands" in idle
    assert (reason(), reason_of_service()) == ("objected", "objected")
    assert dialgate("objection", "remove", every, "--reason", "they rang: calls are welcome again").code == 0
    assert (reason(), reason_of_service()) == ("consented", "service_call")


def reason_of_service() -> str:
    return str(dialgate("check", LISTED, "--purpose", "service", "--json").json["reason"])


@pytest.mark.parametrize(("scope", "service"), [((), "service_call"), (("--scope", "all"), "objected")])
def test_an_objection_that_comes_as_a_request_says_to_which_calls(scope: tuple[str, ...], service: str) -> None:
    opened = dialgate("request", "open", "objection", "--by", "email", "--number", LISTED, *scope, "--json")
    assert opened.code == 0, opened.err
    assert (reason(), reason_of_service()) == ("objected", service)
    wrong = dialgate("request", "open", "access", "--by", "email", "--number", LISTED, "--scope", "all")
    assert wrong.code == 2 and "has no scope" in wrong.err


def test_who_complains_is_not_sold_to_meanwhile() -> None:
    """ "Stop ringing me", noted as a complaint, left the number callable."""
    dialgate("consent", "add", LISTED, *PROOF)
    assert reason() == "consented"
    opened = dialgate("request", "open", "complaint", "--by", "phone", "--name", "Ann", "--number", LISTED, "--json")
    assert opened.code == 0, opened.err
    assert (reason(), reason_of_service()) == ("request_pending", "service_call")
    assert dialgate("request", "withdraw", opened.json["reference"]).code == 0
    assert reason() == "consented"
