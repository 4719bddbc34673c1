"""``dialgate screen`` on a real data folder, with and without a gate that runs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import PROGRAM, ROOT, dialgate
from tests.support.example import make_example
from tests.support.running_gate import dialgate as outside
from tests.support.running_gate import running
from tests.support.waiting import PATIENCE

CRM = ROOT / "sample_lists" / "crm.csv"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "gate"
    make_example(place)
    monkeypatch.setenv("DIALGATE_CONFIG", str(place / "config.toml"))
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kept(folder: Path) -> list[dict[str, Any]]:
    import sqlite3

    connection = sqlite3.connect(folder / "gate" / "data" / "gate.db")
    found = connection.execute("SELECT body, actor FROM facts WHERE kind = 'screened' ORDER BY leaf_index").fetchall()
    connection.close()
    return [json.loads(body) | {"actor": actor} for body, actor in found]


def test_every_row_has_the_verdict_that_check_gives(folder: Path) -> None:
    out = folder / "out.csv"
    done = dialgate("screen", str(CRM), "-o", str(out), "--column", "phone", "--json")
    assert done.code == 0 and done.json["rows"] == len(rows(CRM))
    for before, after in zip(rows(CRM), rows(out), strict=True):
        assert {key: after[key] for key in before} == before
        if not before["phone"].strip():
            assert (after["verdict"], after["reason"], after["number"]) == ("block", "no_number", "")
            continue
        told = dialgate("check", "--json", "--", before["phone"]).json
        assert (after["verdict"], after["reason"], after["number"]) == (told["verdict"], told["reason"], told["number"])
    fact = kept(folder)[-1]
    assert fact["rows"] == done.json["rows"] and fact["sha256"] == done.json["sha256"]
    assert [register["name"] for register in fact["registers"]] == ["tps", "ctps"]
    assert dialgate("audit", "verify").code == 0


@pytest.mark.parametrize("column", ["DoNotCall", "Do not allow Phone Calls", "Keine Anrufe"])
def test_a_crms_own_opt_out_is_an_objection(folder: Path, column: str) -> None:
    """A number that had agreed to calls, with the CRM's own flag against them, was allowed as ``consented``."""
    config = folder / "gate" / "config.toml"
    config.write_text(config.read_text().replace("[calling]", '[calling]\nopt_out_columns = ["Keine Anrufe"]'))
    asked, out = folder / "leads.csv", folder / "out.csv"
    no = "Do Not Allow" if "allow" in column else "TRUE"
    yes = "Allow" if "allow" in column else "FALSE"
    asked.write_text(f"id,phone,{column}\n1,01632 960202,{no}\n2,020 7946 0123,{yes}\n3,020 7946 0124,{no}\n4,,{no}\n")
    assert dialgate("check", "01632 960202", "--json").json["reason"] == "consented"

    screened = dialgate("screen", str(asked), "-o", str(out), "--json")
    assert [row["reason"] for row in rows(out)] == ["objected", "not_listed", "objected", "no_number"]
    assert screened.json["opted_out"] == 3
    assert dialgate("check", "01632 960202", "--json").json["reason"] == "consented", "a file screened is not kept"

    tried = dialgate("contacts", "import", str(asked), "--reference", "id", "--dry-run", "--json").json
    assert tried["objections"] == 2
    assert dialgate("objection", "list", "--number", "020 7946 0124", "--json").json["items"] == []
    done = dialgate("contacts", "import", str(asked), "--reference", "id")
    assert "Kept as objections: 2 numbers whose row in the file wants no calls." in done.err
    for number, reason in (
        ("01632 960202", "objected"),
        ("020 7946 0123", "not_listed"),
        ("020 7946 0124", "objected"),
    ):
        assert dialgate("check", number, "--json").json["reason"] == reason
    (kept_one,) = dialgate("objection", "list", "--number", "020 7946 0124", "--json").json["items"]
    assert kept_one["source"] == f"CRM column {column}"

    again = dialgate("contacts", "import", str(asked), "--reference", "id", "--json").json
    assert again.get("objections", 0) == 0, "what is kept is not kept twice"
    asked.write_text(asked.read_text().replace(no, yes))
    dialgate("contacts", "import", str(asked), "--reference", "id", "--accept-shrink")
    assert dialgate("check", "020 7946 0124", "--json").json["reason"] == "objected", "a flag taken off lifts nothing"
    assert dialgate("audit", "verify").code == 0


def test_hours_count_only_when_a_time_is_given(folder: Path) -> None:
    out = folder / "out.csv"
    free = folder / "free.csv"
    free.write_text("phone\n020 7946 0123\n")
    assert dialgate("screen", str(free), "-o", str(out)).code == 0
    assert rows(out)[0]["reason"] == "not_listed"
    config = folder / "gate" / "config.toml"
    config.write_text(config.read_text().replace('hours = "always"', 'hours = "strict"'))
    today = datetime.now(UTC)
    at = f"{today + timedelta(days=6 - today.weekday()):%Y-%m-%d} 12:00"
    assert dialgate("screen", str(free), "-o", str(out), "--at", at).code == 0
    assert rows(out)[0]["reason"] == "outside_hours"
    assert dialgate("screen", str(free), "-o", str(out)).code == 0
    assert rows(out)[0]["reason"] == "not_listed"


def test_standard_input_and_output(folder: Path) -> None:
    piped = subprocess.run(
        [*PROGRAM, "screen", "-", "-o", "-", "--column", "phone"],
        input=b"phone\r\n02079460101\r\n",
        capture_output=True,
        cwd=ROOT,
        timeout=60,
    )
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout.splitlines()[1].startswith(b"02079460101,block,listed_tps,+442079460101,")
    assert b"Screened: phone of 1 row," in piped.stderr


def test_failed_output_leaves_no_file_and_the_old_one_as_it_was(folder: Path) -> None:
    out = folder / "out.csv"
    out.write_text("old")
    broken = folder / "broken.csv"
    broken.write_text('phone\n"02079460101\n')
    before = sorted(folder.iterdir())
    assert dialgate("screen", str(broken), "-o", str(out)).code == 2
    assert out.read_text() == "old" and sorted(folder.iterdir()) == before
    assert dialgate("screen", str(CRM), "-o", str(out), "--column", "fax").code == 2
    assert dialgate("screen", str(CRM), "-o", str(CRM)).code == 2
    assert dialgate("screen", str(CRM), "-o", str(out), "--delimiter", "ab").code == 2
    assert out.read_text() == "old" and kept(folder) == []


def test_bad_rows_are_named_on_standard_error(folder: Path) -> None:
    done = dialgate("screen", str(CRM), "-o", str(folder / "out.csv"), "--column", "phone")
    assert "no valid number, or too many or too few fields: line" in done.err and "+44" not in done.err


def test_without_the_key_of_the_hashes_nothing_is_screened(folder: Path) -> None:
    (folder / "gate" / "data" / "number.key").unlink()
    done = dialgate("screen", str(CRM), "-o", str(folder / "out.csv"))
    assert done.code == 1 and not (folder / "out.csv").exists()


def test_beside_a_running_gate(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=1.0) as gate:
        outside("objection", "add", "020 7946 0123", config=gate.config)
        out = tmp_path / "out.csv"
        report = outside("screen", str(CRM), "-o", str(out), "--column", "phone", config=gate.config)
        assert report["reasons"]["phone"]["objected"] >= 3
        told = [row["reason"] for row in rows(out) if row["phone"].endswith("20 7946 0123")]
        assert "objected" in told
        facts = gate.rows("SELECT actor, body FROM facts WHERE kind = 'screened'")
        assert len(facts) == 1 and facts[0]["actor"].startswith("user:")
        gate.verified()


def test_a_device_is_written_to_and_never_replaced(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    assert dialgate("screen", str(CRM), "-o", str(pipe), "--column", "phone").code == 0
    out, _ = reader.communicate(timeout=PATIENCE)
    assert out.count(b"listed_tps") == 2 and pipe.is_fifo()


def test_names_that_are_no_text_are_kept_as_well_as_they_can_be(folder: Path) -> None:
    odd = folder / os.fsdecode(b"crm-\xff.csv")
    odd.write_bytes(b"\xff\xfe" + "\ud800phone,phone\n,02079460101\n".encode("utf-16-le", "surrogatepass"))
    assert dialgate("screen", str(odd), "-o", str(folder / "out.csv"), "--column", "1", "--column", "2").code == 0
    assert kept(folder)[-1]["source_name"] == "crm-?.csv"
    lists = folder / os.fsdecode(b"list-\xff.csv")
    lists.write_text("number\n07700900777\n")
    assert dialgate("objection", "import", str(lists)).code == 0
