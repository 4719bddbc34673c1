"""Who attacks: somebody who may write to ``gate.db`` or into the second place, once. What they want: that objections
are written nowhere but in the store, or count no more, and that nobody is told."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gate.config.write import amend
from gate.core.retention import HoldGround
from gate.errors import MemoryOwed
from gate.operations.audit.checkpoints import AuditVerify
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.lists.objections import ObjectionAdd, ObjectionList, ObjectionRemove
from gate.operations.memory.place import MemoryRenew, SecondPlace
from gate.operations.retention.holds import HoldAdd, HoldList
from gate.operations.status.glance import Status
from gate.store.memory import NAME
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.requesting import ANN, OTHER, opened, prepared
from tests.support.running_gate import UNLISTED, RunningGate

OTHERS = "02079460124"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "second").mkdir()
    return tmp_path / "second"


@pytest.fixture
def folder(tmp_path: Path, place: Path) -> Path:
    prepared(tmp_path / "gate", recordings=1)
    amend(tmp_path / "gate" / "config.toml", {"storage": {"memory": str(place)}})
    with opened(tmp_path / "gate") as data:
        ask(data, ObjectionAdd(number=UNLISTED), ANN)
        ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", reason="a claim", reference="17/26"), ANN)
    return tmp_path / "gate"


def put(folder: Path, sql: str, *parameters: Any) -> None:
    with sqlite3.connect(folder / "data" / "gate.db") as database:
        assert database.execute(sql, parameters).rowcount == 1


def journal(place: Path) -> str:
    return (place / NAME).read_text()


def verdict(data: DataFolder, number: str) -> str:
    return str(ask(data, Check(number=number), ANN).reason)


def faults(data: DataFolder) -> list[str]:
    report = ask(data, AuditVerify(), ANN)
    return [each.message for each in report.faults if each.what == "memory_differs"]


def test_a_leaf_beyond_the_log_is_a_fault_and_switches_nothing_off(folder: Path, place: Path) -> None:
    put(folder, "UPDATE memory SET leaf = 1000000000")
    with opened(folder) as data:
        (said,) = faults(data)
        assert "1,000,000,000" in said and "somebody has changed the store" in said
        with pytest.raises(MemoryOwed):
            ask(data, ObjectionAdd(number=OTHERS), ANN)
        assert any("somebody has changed the store" in each for each in ask(data, Status(), ANN).warnings)
        data.one(SecondPlace).tend()
        assert data.hash_of("+442079460124") in journal(place)
        assert any("memory_completed" in each for each in ask(data, Status(), ANN).warnings)
        assert faults(data) == []
        ask(data, ObjectionAdd(number="02079460125"), ANN)
        assert data.hash_of("+442079460125") in journal(place)
        kinds = data.read(lambda tx: query(tx, "SELECT kind FROM facts"))
        assert [row["kind"] for row in kinds].count("memory_completed") == 1


def test_an_act_that_the_store_says_is_written_and_is_not(folder: Path, place: Path) -> None:
    """The leaf put no further than the log goes: nothing is owed by it, and the act is in the store alone."""
    away = place.with_name("away")
    with opened(folder) as data:
        place.rename(away)
        with pytest.raises(MemoryOwed):
            ask(data, ObjectionAdd(number=OTHERS), ANN)
    put(folder, "UPDATE memory SET leaf = (SELECT max(leaf_index) FROM facts)")
    away.rename(place)
    with opened(folder) as data:
        assert data.hash_of("+442079460124") not in journal(place)
        (said,) = faults(data)
        assert "lacks 1 act that" in said
        data.one(SecondPlace).check()  # as a gate does each day
        assert data.hash_of("+442079460124") in journal(place)
        assert faults(data) == []
    with opened(folder) as data:
        data.one(SecondPlace).look(whole=True)  # as a gate's start
        assert journal(place).count(data.hash_of("+442079460124")) == 1, "once is enough"


@pytest.mark.parametrize("change", ["removed_at = '2026-03-02T10:00:00.000000Z'", "number_hash = x'00'"])
def test_an_objection_whose_row_was_changed_blocks_again(folder: Path, change: str) -> None:
    put(folder, f"UPDATE objections SET {change} WHERE number = '+442079460123'")  # noqa: S608 - the test's own
    with opened(folder) as data:
        assert verdict(data, UNLISTED) == "not_listed", "the attack works until all is compared"
        assert any("objection" in each for each in faults(data))
        data.one(SecondPlace).look(whole=True)
        assert verdict(data, UNLISTED) == "objected"
        rows = data.read(lambda tx: query(tx, "SELECT 1 FROM objections"))
        data.one(SecondPlace).look(whole=True)
        assert len(data.read(lambda tx: query(tx, "SELECT 1 FROM objections"))) == len(rows), "once is enough"


def test_an_objection_that_was_taken_back_stays_so(folder: Path, place: Path) -> None:
    with opened(folder) as data:
        (row,) = ask(data, ObjectionList(number=UNLISTED), ANN).items
        ask(data, ObjectionRemove(target=row.id, reason="a slip"), ANN)
        data.one(SecondPlace).look(whole=True)
        data.one(SecondPlace).check()
        assert verdict(data, UNLISTED) == "not_listed"
        assert faults(data) == []


def test_a_hold_whose_row_was_released_is_put_on_again(folder: Path) -> None:
    put(folder, "UPDATE holds SET released_at = '2026-03-02T10:00:00.000000Z'")
    with opened(folder) as data:
        assert ask(data, HoldList(), ANN).items == []
        assert any("hold" in each and "released" in each for each in faults(data))
        data.one(SecondPlace).look(whole=True)
        assert [row.recording_id for row in ask(data, HoldList(), ANN).items] == ["rec0"]


@pytest.mark.parametrize("what", ["zero", "pipe", "file"])
def test_a_journal_that_is_no_file_is_named_and_waited_for_by_nobody(folder: Path, place: Path, what: str) -> None:
    path = place / NAME
    path.rename(place / "moved")
    if what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if what == "zero" else place / "moved")
    with opened(folder) as data:
        assert "and no file" in data.one(SecondPlace).why, data.one(SecondPlace).why
        assert verdict(data, OTHER) == "memory_unavailable"
        assert "and no file" in " ".join(ask(data, Status(), ANN).warnings)
        ask(data, MemoryRenew(reason="somebody has put a link there"), ANN)
        assert verdict(data, OTHER) == "not_listed" and verdict(data, UNLISTED) == "objected"
        assert data.hash_of("+442079460123") in journal(place)


def test_a_gate_that_runs_puts_it_right_within_its_next_round(tmp_path: Path, place: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.set("storage", memory=str(place))
    gate.start()
    try:
        put(gate.folder, "UPDATE memory SET leaf = 1000000000")
        with pytest.raises(MemoryOwed):
            gate.client.call("objection_add", number=OTHERS)
        gate.wait(lambda: '"objection"' in journal(place), 60, "the objection is not written")
        gate.wait(lambda: not gate.client.call("memory_status")["waits"], 60, "it is still owed")
    finally:
        gate.stop()
    gate.verified()
