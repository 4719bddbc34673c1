"""A licensee's file lands while the gate runs: in force, its numbers refused, the CRM told. And a kill in between."""

from __future__ import annotations

import csv
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from gate.registers.watch import _RENAMED_NS
from tests.support.phones import Phones
from tests.support.registers import record
from tests.support.running_gate import DIALGATE, RunningGate, dialgate, running
from tests.support.waiting import PATIENCE, until_later

ROOT = Path(__file__).parents[2]
FRESH, OBJECTED = "01134960611", "01134960612"
"""Drama numbers that the sample lists do not hold."""


def crm(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "phone"), *rows])
    return path


def changes(gate: RunningGate) -> dict[str, str]:
    page = dialgate("contacts", "changes", "--since", "yesterday", config=gate.config)
    return {row["reference"]: row["change"] for row in page["items"]}


def test_a_file_that_lands_is_in_force_and_the_crm_is_told(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    gate = RunningGate(tmp_path / "gate", announcement=0.5)
    gate.add_pbx()
    gate.set("registers", watch=str(drop), poll_seconds=1)
    gate.start()
    try:
        listing = crm(tmp_path / "crm.csv", [("one", FRESH), ("two", OBJECTED), ("three", "020 7946 0123")])
        answer = dialgate("contacts", "import", str(listing), "--reference", "id", config=gate.config)
        assert answer["reasons"] == {"not_listed": 3}
        assert changes(gate) == {}
        dialgate("objection", "add", OBJECTED, "--source", "letter", config=gate.config)

        lines = (ROOT / "sample_lists" / "tps_ns.txt").read_bytes() + record(FRESH).encode()
        part = drop / ".tps_ns.txt.part"
        part.write_bytes(lines)
        until_later(part, _RENAMED_NS)
        part.rename(drop / "tps_ns.txt")
        gate.wait((drop / "taken" / "tps_ns.txt").exists, PATIENCE, "the file is not taken")
        with Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(FRESH)], "over", PATIENCE)
            assert (talk.code, "listed_tps" in talk.reasons[0]) == (603, True), talk.reasons
        told = {"one": "newly_blocked", "two": "newly_blocked"}
        gate.wait(lambda: changes(gate) == told, PATIENCE, "the contacts are not screened again")
        (fact,) = gate.rows("SELECT body FROM facts WHERE kind = 'register_imported' AND actor = 'gate:watch'")
        assert '"newly_listed":1' in fact["body"]

        output = tmp_path / "for_the_crm.csv"
        dialgate("contacts", "changes", "--since", "yesterday", "-o", str(output), config=gate.config)
        with output.open(newline="", encoding="utf-8") as file:
            rows = [(row["reference"], row["number"], row["change"], row["reason"]) for row in csv.DictReader(file)]
        assert rows == [
            ("one", "+44" + FRESH[1:], "newly_blocked", "listed_tps"),
            ("two", "+44" + OBJECTED[1:], "newly_blocked", "objected"),
        ]

        part = drop / "ctps_ns.txt.filepart"
        part.write_bytes(lines[:100])
        until_later(part, _RENAMED_NS)
        part.rename(drop / "ctps_ns.txt")
        gate.wait((drop / "refused" / "ctps_ns.txt.why").exists, PATIENCE, "the file is not refused")
        status = dialgate("register", "status", config=gate.config)
        assert status["watch"] == str(drop)
        refused = {row["name"]: row["refused"] for row in status["registers"]}
        assert refused["tps"] is None
        assert "cut in the middle of a record" in refused["ctps"]["why"]
        assert dialgate("contacts", "status", config=gate.config)["newly_blocked"] == 2
        assert gate.stop() == 0
    finally:
        gate.stop()
    gate.verified()


@pytest.mark.engine("sqlite")
def test_a_kill_during_an_import_leaves_the_old_list_or_the_new_one(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    chance = random.Random(20260302)
    old = crm(tmp_path / "old.csv", [(f"old-{n}", f"01632960{n % 1000:03}") for n in range(30_000)])
    new = crm(tmp_path / "new.csv", [(f"new-{n}", f"01632960{n % 1000:03}") for n in range(40_000)])
    dialgate("contacts", "import", str(old), "--reference", "id", config=gate.config)
    command = [*DIALGATE, "contacts", "import", str(new), "--reference", "id", "-c", str(gate.config)]
    cut_off = 0
    for state, seconds in (("loading", 0.0), ("loading", 0.1), ("loading", 0.2), ("gone", 0.0), ("gone", 0.05)):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not gate.rows("SELECT 1 FROM contact_lists WHERE state = ?", state):
            time.sleep(0.002)
        time.sleep(seconds * chance.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert in_force(gate) in ({"old": 30_000}, {"new": 40_000})
        cut_off += len(gate.rows("SELECT 1 FROM contact_lists")) - 1
    assert cut_off >= 2, "nothing was cut off"
    assert dialgate("contacts", "import", str(new), "--reference", "id", config=gate.config)["contacts"] == 40_000
    (left,) = gate.rows("SELECT count(*) AS n, (SELECT count(*) FROM contact_lists) AS lists FROM contacts")
    assert (left["n"], left["lists"]) == (40_000, 1), "what was cut off is gone"
    gate.verified()


def in_force(gate: RunningGate) -> dict[str, int]:
    """What is in force, by the beginning of its references."""
    connection = sqlite3.connect(gate.data / "gate.db")
    rows: list[Any] = connection.execute(
        "SELECT substr(reference, 1, 3), count(*) FROM contacts JOIN contact_lists USING (list)"
        " WHERE state = 'in_force' GROUP BY 1"
    ).fetchall()
    connection.close()
    return dict(rows)


def test_the_command_takes_what_lies_there_without_a_gate(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    drop = tmp_path / "drop"
    drop.mkdir()
    listing = crm(tmp_path / "crm.csv", [("one", FRESH)])
    dialgate("contacts", "import", str(listing), "--reference", "id", config=gate.config)
    lines = (ROOT / "sample_lists" / "tps_ns.txt").read_bytes() + record(FRESH).encode()
    (drop / "tps_ns.txt").write_bytes(lines)
    watch = ("register", "watch", str(drop), "--once")
    assert dialgate(*watch, config=gate.config) == {"items": []}, "it may still grow"
    (taken,) = dialgate(*watch, "--settle", "0", config=gate.config)["items"]
    assert (taken["state"], taken["report"]["contacts"]["newly_listed"]) == ("taken", 1)
    assert changes(gate) == {"one": "newly_blocked"}
    (drop / "tps_again.txt").write_bytes(lines)
    (refused,) = dialgate(*watch, "--settle", "0", config=gate.config, check=False)["items"]
    assert refused["state"] == "refused"
    assert "the same bytes" in refused["why"]


def test_the_files_are_watched_beside_a_gate_too(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=0.5) as gate:
        drop = tmp_path / "drop"
        drop.mkdir()
        command = [*DIALGATE, "register", "watch", str(drop), "--settle", "0", "-c", str(gate.config)]
        watcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            lines = (ROOT / "sample_lists" / "tps_ns.txt").read_bytes() + record(FRESH).encode()
            (drop / ".x").write_bytes(lines)
            (drop / ".x").rename(drop / "TPS_NS.TXT")
            gate.wait((drop / "taken" / "TPS_NS.TXT").exists, PATIENCE, "the file is not taken")
        finally:
            watcher.terminate()
            watcher.communicate(timeout=PATIENCE)
        assert gate.client.call("check", number=FRESH)["reason"] == "listed_tps"
