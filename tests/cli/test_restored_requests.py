"""Requests after a restore, through the command line with the clock moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gate.config.write import amend
from tests.support.moved import Moved


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    made = Moved(tmp_path / "gate", monkeypatch)
    (tmp_path / "second").mkdir()
    amend(made.config, {"storage": {"memory": str(tmp_path / "second")}})
    return made


def listed(firm: Moved, *more: str) -> dict[str, Any]:
    return {each["reference"]: each for each in firm("request", "list", *more, "--json").json["items"]}


def test_a_restore_loses_no_request_and_gives_no_reference_twice(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    kept = firm.open("access")
    shutil.copytree(firm.folder / "data", tmp_path / "backup")
    firm.on("2027-01-10")
    lost = {firm.open(asks): asks for asks in ("access", "erasure", "complaint")}
    over = firm.open("access")
    firm("request", "withdraw", over)
    shutil.rmtree(firm.folder / "data")
    shutil.copytree(tmp_path / "backup", firm.folder / "data")
    firm.on("2027-02-01")

    found = listed(firm)
    assert {name: row["asks"] for name, row in found.items()} == {kept: "access"} | lost
    for reference in lost:
        assert (found[reference]["received"], found[reference]["state"]) == ("2027-01-10", "received")
    assert found[next(iter(lost))]["due"] == "2027-02-09"
    warned = [each for each in firm("status", "--json", code=1).json["attention"] if "restore lost" in each]
    assert warned == [f"A restore lost who asked, find that out: {', '.join(lost)}. dialgate request list"]
    (named,) = firm("audit", "leaves", "--kind", "memory_replayed", "--json").json["items"]
    leaf = firm("audit", "leaf", str(named["index"]), "--json").json
    body = leaf["body"]
    assert (body["reopened"], body["gone"]) == ([*lost], [over])
    assert firm.open("access") == "DSR-2027-0006" != over, "not the one that was over before the restore"
    journal = "".join(path.read_text() for path in (tmp_path / "second").iterdir() if path.is_file())
    assert not [each for each in ("Pat Person", "pat@example.org", "7700900123") if each in journal]
    acts = [act for line in journal.splitlines() for act in json.loads(line.split("\t")[0]).get("acts", ())]
    kept_of = {"reference": over, "asks": "access", "received": "2027-01-10", "due": "2027-02-09"}
    assert [act for act in acts if kept_of.items() <= act.items() and act["over"]]
