"""The register of breaches and its 72 hours (UK GDPR Art 33), through the command line with the clock moved."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.config import load
from gate.config.write import amend
from gate.core.breaches import Breach, Part, Risk, Told, assessed, closed, notified, written
from gate.daemon.opening import open_data_folder
from gate.operations.webhooks import states_of
from tests.support.moved import Moved

DONE = ("--facts", "An export lay on an open share.", "--effects", "They may be rung.", "--measures", "It is gone.")
PROOF = ("--reference", "IC-301234-X9Y8")


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def entered(firm: Moved, *more: str) -> str:
    made = firm("breach", "add", "--nature", "disclosed", "--people", "40", *more, "--json").json
    return str(made["reference"])


def shown(firm: Moved, reference: str) -> Any:
    return firm("breach", "show", reference, "--json").json


def test_the_hours_run_from_when_the_firm_became_aware_and_status_reminds(firm: Moved) -> None:
    firm.on("2027-01-08", 12)  # a Friday
    reference = entered(firm, "--aware", "2027-01-08 09:00")
    assert reference == "BR-2027-0001"
    row = shown(firm, reference)
    assert (row["deadline"], row["hours_left"], row["late"]) == ("2027-01-11T09:00:00+00:00", 69, False)
    assert "69 h left to tell the authority" in firm("status", code=None).out
    firm.on("2027-01-11", 8)
    assert "only 1 h left to tell the authority" in firm("status", code=None).out
    with open_data_folder(load(firm.config)) as folder:
        assert states_of(folder)()["breaches.due"] == [reference]
    firm("breach", "notify", reference, *PROOF)
    row = shown(firm, reference)
    assert (row["hours_left"], row["late"], row["warning"]) == (None, False, "")
    assert "Breach BR" not in firm("status", code=None).out


def test_a_breach_that_was_entered_late_with_an_earlier_date_is_late(firm: Moved) -> None:
    firm.on("2027-01-20")
    reference = entered(firm, "--aware", "2027-01-05 10:00")
    row = shown(firm, reference)
    assert (row["late"], row["hours_left"] < 0) == (True, True)
    assert row["aware_at"][:10] == "2027-01-05" and row["entered_at"][:10] == "2027-01-20"
    assert "entered 2027-01-20" in firm("breach", "show", reference).out
    claimed = ("--dated", "2027-01-06 10:00", *PROOF)
    refused = firm("breach", "notify", reference, *claimed, code=2)
    assert "accompanied by the reasons for the delay" in refused.err, "no claimed time makes it one in time"
    firm("breach", "notify", reference, *claimed, "--reasons", "Nobody was at work.")
    row = shown(firm, reference)
    assert row["late"] and row["texts"]["late"] == "Nobody was at work."
    assert (row["authority_told_at"][:10], row["authority_told_entered"][:10]) == ("2027-01-06", "2027-01-20")
    assert "late: the authority was not told within 72 hours" in firm("breach", "show", reference).out


def test_no_risk_that_is_found_unlikely_afterwards_takes_a_delay_away(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference, other = entered(firm), entered(firm)
    firm("breach", "update", other, "--risk", "unlikely", "--unlikely", "The file was encrypted.")
    firm.on("2027-01-20")
    firm("breach", "update", reference, "--risk", "unlikely", "--unlikely", "The file was encrypted.", *DONE)
    assert shown(firm, reference)["late"] and not shown(firm, other)["late"]
    firm("breach", "close", reference)
    assert shown(firm, reference)["late"], "closed, too"


def test_what_is_not_documented_is_not_closed(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = entered(firm, "--risk", "high")
    refused = firm("breach", "close", reference, code=3)
    for missing in (
        "its facts",
        "its effects",
        "its measures",
        "notification of the authority",
        "the people were told",
    ):
        assert missing in refused.err
    firm("breach", "update", reference, *DONE)
    firm("breach", "notify", reference, "--reference", "no number", code=2)
    firm("breach", "notify", reference, *PROOF)
    assert "the people are to be told without delay" in firm("status", code=None).out
    firm("breach", "notify", reference, "persons", "--reference", "mailing 17")
    firm("breach", "close", reference, "--reason", "the share is gone")
    again = firm("breach", "update", reference, "--risk", "unlikely", code=3)
    assert f"{reference} is closed" in again.err
    assert "BR-2027-0001" in firm("breach", "list").out, "it stays in the register"
    assert firm("breach", "list", "--open", "--json").json["items"] == []


def test_what_is_wrong_is_refused(firm: Moved) -> None:
    firm.on("2027-01-05")
    ahead = firm("breach", "add", "--nature", "lost", "--aware", "2027-01-20 09:00", code=2)
    assert "is in the future" in ahead.err
    for text in ("She rang from 07700 900123.", "It went to pat@example.org."):
        named = firm("breach", "add", "--nature", "lost", "--facts", text, code=2)
        assert "the register names nobody" in named.err and "900123" not in named.err
    reference = entered(
        firm, "--facts", "On 2027-01-04 at 09:30 a file of 1,200 records was sent to BR-2026-0001's 40."
    )
    before = firm("breach", "notify", reference, "--dated", "2027-01-01 09:00", *PROOF, code=2)
    assert "before the firm became aware" in before.err
    assert "nothing is said of it" in firm("breach", "update", reference, code=2).err
    assert "there is no breach" in firm("breach", "show", "BR-2027-0099", code=2).err


def test_the_register_for_the_authority_names_nobody(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    entered(firm, *DONE, "--risk", "risk")
    formula = entered(firm, "--facts", "=HYPERLINK(1)")
    file = tmp_path / "breaches.csv"
    firm("breach", "export", "-o", str(file))
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    assert [row["reference"] for row in rows] == ["BR-2027-0001", formula]
    assert rows[0]["text_measures"] == "It is gone." and rows[0]["people"] == "40"
    assert not rows[1]["text_facts"].startswith("=")
    assert "user:" not in file.read_text() and "root" not in file.read_text()


def test_an_erasure_leaves_the_course_of_a_breach_and_empties_the_text_that_names_the_person(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = entered(firm, "--facts", "The letter to Pat Person went next door.", "--effects", "Somebody read it.")
    erasure = firm.open("erasure")
    firm("request", "verify-identity", erasure, "--checked", "bill seen")
    firm("request", "search", erasure)
    firm("request", "decide", erasure, "--grant")
    firm("request", "fulfil", erasure, "--yes")
    row = shown(firm, reference)
    assert row["texts"] == {"effects": "Somebody read it."} and (row["people"], row["aware_at"][:10]) == (
        40,
        "2027-01-05",
    )
    assert firm("audit", "verify", "--json").json["ok"]


def test_any_order_of_what_is_entered_gives_the_same_lateness() -> None:
    """A claimed time never matters."""
    now = SystemClock().now()
    late = []
    for claimed in (1, 30, 71, 90):
        breach = Breach(now, now)
        breach = notified(breach, Told.AUTHORITY, _after(now, claimed), _after(now, 90))
        late.append(closed(written(assessed(breach, Risk.HIGH, _after(now, 91)), Part.FACTS), _after(now, 99)).late)
    assert late == [True] * 4
    in_time = notified(Breach(now, now), Told.AUTHORITY, now, _after(now, 72))
    assert not closed(in_time, _after(now, 999)).late


def _after(now: datetime, hours: int) -> datetime:
    return now + timedelta(hours=hours)


def test_a_restore_loses_no_breach_no_step_of_one_and_gives_no_reference_twice(firm: Moved, tmp_path: Path) -> None:
    (second := tmp_path / "second").mkdir()
    amend(firm.config, {"storage": {"memory": str(second)}})
    firm.on("2027-01-05")
    kept = entered(firm, *DONE)
    shutil.copytree(firm.folder / "data", tmp_path / "backup")
    firm.on("2027-01-06")
    firm("breach", "notify", kept, *PROOF)
    firm("breach", "update", kept, "--risk", "high", "--people", "90")
    lost, over = entered(firm, "--facts", "Pat left the laptop on a train."), entered(firm, *DONE)
    firm("breach", "update", over, "--risk", "unlikely", "--unlikely", "It was encrypted.")
    firm("breach", "close", over)
    before = {each: shown(firm, each) for each in (kept, lost, over)}
    shutil.rmtree(firm.folder / "data")
    shutil.copytree(tmp_path / "backup", firm.folder / "data")

    firm.on("2027-01-08", 13)
    attention = firm("status", "--json", code=1).json["attention"]
    assert [each for each in attention if each.startswith(f"Breach {lost}")] == [
        f"Breach {lost}: only 23 h left to tell the authority. dialgate breach show {lost}",
        f"Breach {lost}: a restore lost what was written of it, write it again. dialgate breach show {lost}",
    ]
    assert f"Breach {over}: a restore lost what was written of it" in str(attention)
    course = [
        *("aware_at", "entered_at", "late", "risk", "people", "authority_told_at", "authority_told_entered", "nature"),
    ]
    for each, was in before.items():
        now = shown(firm, each)
        assert {name: now[name] for name in course} == {name: was[name] for name in course}
    assert shown(firm, kept)["texts"]["facts"] == DONE[1], "the backup had it"
    assert shown(firm, kept)["restored"]
    assert shown(firm, over)["closed_at"] is None, "Art 33(5): it is to be documented again"
    firm("breach", "update", over, *DONE, "--unlikely", "It was encrypted.")
    firm("breach", "close", over)
    assert not shown(firm, over)["late"]
    assert over not in firm("status", code=1).out
    assert entered(firm) == "BR-2027-0004"
    journal = (second / "memory.journal").read_text()
    assert "Pat" not in journal and "IC-3012" not in journal
    (named,) = firm("audit", "leaves", "--kind", "memory_replayed", "--json").json["items"]
    body = firm("audit", "leaf", str(named["index"]), "--json").json["body"]
    assert sorted(body["breaches"]) == [kept, lost, over]
    acts = [act for line in journal.splitlines() for act in json.loads(line.split("\t")[0]).get("acts", ())]
    assert {each["said"]["reference"] for each in acts if "said" in each} == {kept, lost, over, "BR-2027-0004"}
    assert firm("audit", "verify", "--json").json["ok"]


def test_a_reference_that_was_given_again_while_the_journal_was_away_is_of_one_breach(
    firm: Moved, tmp_path: Path
) -> None:
    (second := tmp_path / "second").mkdir()
    amend(firm.config, {"storage": {"memory": str(second)}})
    firm.on("2027-01-05")
    firm("status", code=None)
    shutil.copytree(firm.folder / "data", tmp_path / "backup")
    first = entered(firm)
    shutil.rmtree(firm.folder / "data")
    shutil.copytree(tmp_path / "backup", firm.folder / "data")
    second.rename(tmp_path / "away")
    firm.on("2027-01-07")
    assert entered(firm) == first
    (tmp_path / "away").rename(second)
    rows = firm("breach", "list", "--json").json["items"]
    assert {row["reference"]: row["aware_at"][:10] for row in rows} == {
        "BR-2027-0001": "2027-01-07",
        "BR-2027-0002": "2027-01-05",
    }
