"""Registers as they are asked for: what was refused is shown, bytes are taken once, an older day by name only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.core.days import LONDON
from gate.errors import RegisterError, StoreError
from gate.operations.contacts.rescreening import Contacts
from gate.operations.data_folder import DataFolder
from gate.operations.registers.importing import RegisterImport, note_editions
from gate.operations.registers.in_force import RegisterStatus
from gate.registers.importer import import_file
from tests.operations.test_contacts import ACTOR, TPS, put
from tests.operations.test_contacts import original as original
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.registers import write


def test_a_refused_file_is_shown_until_one_is_taken(data: DataFolder, tmp_path: Path) -> None:
    bad = tmp_path / "tps_bad.txt"
    bad.write_text("rubbish\n")
    with pytest.raises(RegisterError):
        ask(data, RegisterImport(name="tps", path=str(bad)), ACTOR)
    tps, ctps = ask(data, RegisterStatus(), ACTOR).registers
    assert (tps.state, tps.refused.source_name, ctps.refused) == ("ok", "tps_bad.txt", None)
    assert "0.1 %" in tps.refused.why
    put(data, tmp_path, ["02079460101", "02079460102"])
    assert ask(data, RegisterStatus(), ACTOR).registers[0].refused is None


def test_the_same_bytes_are_not_taken_twice_where_that_is_asked(data: DataFolder, tmp_path: Path) -> None:
    source = write(tmp_path / "tps_again.txt", ["02079460101", "02079460103"])
    ask(data, RegisterImport(name="tps", path=str(source), once=True, accept_shrink=True), ACTOR)
    today = f"{datetime.now(LONDON):%d %b %Y}"
    with pytest.raises(RegisterError, match=f"the same bytes were imported on {today} as of {today}"):
        ask(data, RegisterImport(name="tps", path=str(source), once=True), ACTOR)
    ask(data, RegisterImport(name="ctps", path=str(source), once=True, accept_shrink=True), ACTOR)
    ask(data, RegisterImport(name="tps", path=str(source)), ACTOR)


def test_an_older_day_is_taken_by_name_only(data: DataFolder, tmp_path: Path) -> None:
    source = write(tmp_path / "tps_older.txt", TPS)
    day = (datetime.now(UTC) - timedelta(days=3)).date()
    with pytest.raises(RegisterError, match="older than the one in force"):
        ask(data, RegisterImport(name="tps", path=str(source), as_of=day), ACTOR)
    ask(data, RegisterImport(name="tps", path=str(source), as_of=day, accept_older=True), ACTOR)
    assert ask(data, RegisterStatus(), ACTOR).registers[0].as_of == day


def imported(data: DataFolder) -> list[dict[str, Any]]:
    rows = data.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'register_imported'"))
    return [json.loads(row["body"]) for row in rows]


def test_an_edition_whose_import_could_not_tell_of_the_contacts_has_its_leaf(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise StoreError("the database failed")

    monkeypatch.setattr(data.one(Contacts), "compared", fail)
    report = put(data, tmp_path, ["02079460101", "02079460102", "02079460103"])
    assert report.contacts is None
    assert imported(data)[-1]["sha256"] == report.sha256


def test_an_edition_that_came_in_force_without_its_leaf_gets_it(data: DataFolder, tmp_path: Path) -> None:
    source, now = write(tmp_path / "tps_silent.txt", ["02079460101", "02079460104"]), datetime.now(UTC)
    report = import_file(data.config.data / "registers", "tps", source, as_of=now.date(), now=now, accept_shrink=True)
    before = len(imported(data))
    for _ in range(2):
        note_editions(data)
    (late,) = imported(data)[before:]
    assert (late["name"], late["sha256"], late["noted_late"]) == ("tps", report.sha256, True)
