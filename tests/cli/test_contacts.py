"""``dialgate contacts`` and ``register watch`` as they are typed: what is asked of the gate, and what is written."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.commands import dialgate
from tests.support.example_answers import ExampleAnswers

LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    path = tmp_path / "crm.csv"
    path.write_text("id,phone\n1,020 7946 0101\n")
    return path


def test_import_says_what_was_kept_apart(gate: ExampleAnswers, crm: Path) -> None:
    done = dialgate(
        "contacts", "import", str(crm), "--reference", "id", "--column", "phone", "--add", "--delimiter", "tab"
    )
    assert done.code == 0
    assert "line 5, phone (c-4): it is empty" in done.err
    assert "Kept apart: 1 row." in done.err
    assert "contacts: 3" in done.out
    op, asked = gate.asked[-1]
    actor, progress = asked.pop("actor"), asked.pop("progress")
    assert (op, actor[:5], callable(progress) or progress is None) == ("contacts_import", "user:", True)
    assert asked == {
        "said": str(crm),
        "columns": ("phone",),
        "reference": "id",
        "delimiter": "\t",
        "header": True,
        "on_behalf_of": "",
        "subscriber": "",
        "subscriber_since": "",
        "add": True,
        "topic": "general",
        "accept_shrink": False,
        "dry_run": False,
        "only": "",
    }
    assert dialgate("contacts", "import", str(crm), "--json").json["faults"][0]["line"] == 5
    assert dialgate("contacts", "import", str(crm), "--delimiter", "ab").code == 2
    assert dialgate("contacts", "import", str(crm.parent / "none.csv")).code == 2


def test_numbers_are_hidden_on_the_terminal_and_full_in_the_file(gate: ExampleAnswers, tmp_path: Path) -> None:
    shown = dialgate("contacts", "changes")
    assert shown.code == 0
    assert "+442079460101" not in shown.out
    assert "newly_blocked" in shown.out
    assert "442079460101 c-1" in shown.err, "how to go on"
    assert "+442079460101" in dialgate("contacts", "list", "--show-numbers").out
    output = tmp_path / "changes.csv"
    done = dialgate("contacts", "changes", "-o", str(output))
    assert done.code == 0
    assert "2 changes written: 1 newly_blocked, 0 newly_allowed, 1 first_blocked" in done.err
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "reference": "c-1",
        "number": "+442079460101",
        "change": "newly_blocked",
        "verdict": "block",
        "reason": "listed_tps",
        "since": "2026-03-02T10:00:00+00:00",
    }
    assert [row["reference"] for row in rows] == ["c-1", "c-2"]
    assert output.stat().st_mode & 0o077 == 0
    asked = [fields for op, fields in gate.asked if op == "contacts_changes"][-2:]
    assert [(each["after"], each["export"]) for each in asked] == [(None, True), ("442079460101 c-1", True)]
    told = dialgate("contacts", "changes", "-o", str(output), "--json").json
    assert told == {"file": str(output), "newly_blocked": 1, "newly_allowed": 0, "first_blocked": 1}
    assert dialgate("contacts", "changes", "-o", "-").out.count("\n") == 3


def test_since_is_a_day_in_london(gate: ExampleAnswers) -> None:
    def since(*words: str) -> datetime:
        assert dialgate("contacts", "status", *words).code == 0
        moment: datetime = gate.asked[-1][1]["since"]
        return moment

    midnight = datetime.now(LONDON).replace(hour=0, minute=0, second=0, microsecond=0)
    assert since("--since", "today") == midnight
    assert since() == since("--since", "yesterday")
    assert since() == datetime.combine(midnight.date() - timedelta(days=1), midnight.time(), LONDON)
    assert since("--since", "2026-03-01") == datetime(2026, 3, 1, tzinfo=LONDON)
    assert dialgate("contacts", "status", "--since", "last week").code == 2


def test_forget_reminds_of_the_crm(gate: ExampleAnswers) -> None:
    done = dialgate("contacts", "forget", "020 7946 0101", "--json")
    assert done.json["forgotten"] == 2
    assert "its next list brings the number back" in done.err


def test_bad_rows_are_listed(gate: ExampleAnswers) -> None:
    assert dialgate("contacts", "list", "--bad").out.splitlines()[1] == "5\tphone\tc-4\tit is empty"
    assert dialgate("contacts", "rescreen").out.splitlines() == ["contacts: 3", "newly blocked: 1", "newly allowed: 0"]


def test_watch_once_imports_through_the_gate(gate: ExampleAnswers, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "ctps_1.txt").write_text("1 2 3\n")
    (drop / "tps_1.txt").write_text("")
    done = dialgate("register", "watch", str(drop), "--once", "--settle", "0", "--json")
    assert done.code == 1, "one was refused"
    items = {item["register"]: item for item in json.loads(done.out)["items"]}
    assert (items["ctps"]["state"], items["ctps"]["report"]["count"]) == ("taken", 3)
    assert (items["tps"]["state"], items["tps"]["why"]) == ("refused", "the file is empty")
    asked = {fields["name"]: fields for op, fields in gate.asked if op == "register_import"}
    assert (asked["tps"]["once"], asked["tps"]["coverage"]) == (True, "full")
    text = dialgate("register", "watch", str(drop), "--once")
    assert (text.code, text.out) == (0, "")
    assert dialgate("register", "watch", str(tmp_path / "none")).code == 2


def test_accept_older_is_passed_on(gate: ExampleAnswers, crm: Path) -> None:
    assert dialgate("register", "import", "tps", str(crm), "--accept-older").code == 0
    asked = gate.asked[-1][1]
    assert (asked["accept_older"], asked["accept_shrink"]) == (True, False)


def test_forgetting_is_looked_at_first_and_says_why(gate: ExampleAnswers) -> None:
    assert "Nothing was deleted." in dialgate("contacts", "forget", "020 7946 0101", "--dry-run").err
    assert [given["dry_run"] for name, given in gate.asked if name == "contacts_forget"] == [True]
    assert "Take it out of the CRM too" in dialgate("contacts", "forget", "020 7946 0101", "--reason", "asked to").err
    assert (gate.asked[-1][1]["dry_run"], gate.asked[-1][1]["reason"]) == (False, "asked to")
