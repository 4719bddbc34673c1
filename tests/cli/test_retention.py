"""``dialgate retention`` and ``dialgate hold``, with a gate that answers."""

from __future__ import annotations

import click
import pytest

from tests.cli.test_main import LEAVES
from tests.support.commands import dialgate
from tests.support.example_answers import ExampleAnswers


def test_a_dry_run_says_how_to_go_on(gate: ExampleAnswers) -> None:
    for arguments in ((), ("--dry-run",)):
        done = dialgate("retention", "sweep", *arguments)
        assert done.code == 0
        assert "--execute d-1" in done.err
        assert [given["execute"] for name, given in gate.asked if name == "retention_sweep"][-1] is None
    assert dialgate("retention", "sweep", "--json").json["due_ids"] == ["r-1"]


def test_what_cannot_be_undone_is_shown_and_not_done(gate: ExampleAnswers) -> None:
    done = dialgate("hold", "release", "h-1", "--reason", "settled", "--dry-run")
    assert "hold h-1: released reason: - -> settled" in done.out
    assert "ann released the hold" in done.out and "and 6 leaves more (hold_released)" in done.out
    assert "sealed recording: 1 sealed recording, 2,000 bytes -> gone" in done.out
    assert "Held, and stays: 17/2026" in done.out
    assert [(name, given["operation"]) for name, given in gate.asked] == [("rehearse", "hold_release")]
    assert dialgate("hold", "release", "h-1", "--reason", "settled", "--dry-run", "--json").json["more"] == 0
    swept = dialgate("retention", "sweep", "--dry-run")
    assert "ann released the hold" in swept.err
    assert gate.asked[-1][1]["request"] == {"execute": "d-1", "reason": ""}
    assert not [name for name, given in gate.asked if name == "hold_release" or given.get("execute")]


def test_every_command_of_what_cannot_be_undone_has_a_dry_run() -> None:
    named = {"confirm", "release", "drop", "forget", "retire", "undo", "rewrite", "terms", "sweep", "fulfil", "told"}
    named |= {"decide", "letter", "close"}
    words = {name.split()[-1]: command for name, command in LEAVES.items() if "--dry-run" in options(command)}
    assert named <= words.keys()


def options(command: click.Command) -> set[str]:
    return {name for each in command.params for name in each.opts}


def test_a_file_that_would_not_go_is_an_error(gate: ExampleAnswers) -> None:
    done = dialgate("retention", "sweep", "--execute", "d-1")
    assert done.code == 1
    assert "r-1.dgr is still there (erased_file_still_there)" in done.err


def test_another_plan_is_refused(gate: ExampleAnswers) -> None:
    done = dialgate("retention", "sweep", "--execute", "d-2", "--json")
    assert done.code == 3
    assert done.json["error"]["reason"] == "plan_changed"


def test_looking_and_doing_at_once_is_wrong(gate: ExampleAnswers) -> None:
    assert dialgate("retention", "sweep", "--dry-run", "--execute", "d-1").code == 2
    assert gate.asked == []


def test_status_and_forecast(gate: ExampleAnswers) -> None:
    assert dialgate("retention", "status", "--json").json["due"] == 3
    assert "2027-03-02\t3\t1" in dialgate("retention", "forecast", "--days", "90").out
    assert gate.asked[-1][1]["days"] == 90


def test_a_hold_is_put_on_and_taken_off(gate: ExampleAnswers) -> None:
    why = ("--reason", "a claim", "--reference", "17/2026")
    done = dialgate("hold", "add", "--number", "020 7946 0123", *why, "--restriction", "--json")
    assert (done.code, done.json["id"]) == (0, "h-1")
    assert "0123" not in done.json["number"]
    assert "too late for 1 recording, erased already" in done.err
    assert gate.asked[-1][1]["restriction"] is True
    assert dialgate("hold", "release", "h-1", "--reason", "settled").code == 0
    assert "h-1" in dialgate("hold", "list").out


@pytest.mark.parametrize("missing", ["--reason", "--reference"])
def test_a_hold_says_why_and_where(gate: ExampleAnswers, missing: str) -> None:
    given = {"--reason": "a claim", "--reference": "17/2026"}
    given.pop(missing)
    done = dialgate(
        "hold", "add", "--ground", "claim", "--call", "k-1", *(word for pair in given.items() for word in pair)
    )
    assert done.code == 2
    assert missing in done.err
    assert gate.asked == []


def test_a_day_is_listed_and_a_reason_goes_with_a_sweep(gate: ExampleAnswers) -> None:
    shown = dialgate("retention", "forecast", "--on", "2027-03-02")
    assert shown.code == 0
    assert "r-1" in shown.out
    assert gate.asked[-1][1]["day"].isoformat() == "2027-03-02"
    dialgate("retention", "sweep", "--execute", "d-1", "--reason", "their year is over")
    assert gate.asked[-1][1]["reason"] == "their year is over"
