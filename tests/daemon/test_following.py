"""What the gate does in the background about contacts and the drop folder: a failure is told, and tried again."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.daemon import contacts as following
from gate.daemon import drop, superseded
from gate.errors import RegisterError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.data_folder import DataFolder
from gate.registers import importer
from gate.registers.watch import DropFolder
from tests.support.example import make_example
from tests.support.registers import write


class Failing:
    """Contacts that cannot be screened."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def follow(self) -> None:
        if self.error:
            raise self.error


@pytest.mark.parametrize("error", [RegisterError("the snapshot is damaged"), ZeroDivisionError("a fault")])
def test_following_survives_what_goes_wrong(error: Exception) -> None:
    assert following._follow(Failing(error)) is False  # type: ignore[arg-type]
    assert following._follow(Failing(None)) is True  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> Any:
    make_example(tmp_path / "gate")
    with ExitStack() as stack:
        yield DataFolder(load(tmp_path / "gate" / "config.toml"), stack)


async def test_nothing_is_watched_unless_it_is_configured(house: DataFolder) -> None:
    await asyncio.wait_for(drop.watch(house), 5)


def test_a_look_that_fails_is_told_and_a_file_that_lands_later_is_taken(house: DataFolder, tmp_path: Path) -> None:
    def take(name: str, file: HandedOverFile) -> Any:
        return house.desk.register_import(name=name, file=file, once=True, accept_shrink=True, actor="gate:watch")

    folder = DropFolder(tmp_path / "drop", {"tps": ("tps*.txt",)}, 0.0, take)
    assert drop._look(folder, house) is False
    (tmp_path / "drop").mkdir()
    write(tmp_path / "drop" / "tps_1.txt", ["02079460101"])
    assert drop._look(folder, house) is True
    assert (tmp_path / "drop" / "taken" / "tps_1.txt").exists()
    assert house.desk.register_status(actor="test")["registers"][0]["count"] == 1


def test_superseded_snapshots_go_though_no_new_file_comes(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    config = load(tmp_path / "gate" / "config.toml")
    with ExitStack() as stack:
        house = DataFolder(config, stack)
        source = write(tmp_path / "tps_ns.txt", ["02079460101", "02079460102"])
        house.desk.register_import(name="tps", file=open_file(source), accept_shrink=True, actor="uid:0")
        superseded.look(house)
        assert len(list((config.data / "registers").glob("tps-*.snap"))) == 2
        house.clock = Ahead()
        superseded.look(house)
        assert len(list((config.data / "registers").glob("tps-*.snap"))) == 1


class Ahead:
    """The clock, 36 days from now."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=36)


@pytest.mark.parametrize("error", [RegisterError("no right"), ZeroDivisionError("a fault")])
def test_looking_for_superseded_snapshots_survives_what_goes_wrong(
    house: DataFolder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def fail(_folder: Path, name: str, _now: datetime) -> None:
        asked.append(name)
        raise error

    monkeypatch.setattr(importer, "prune", fail)
    superseded.look(house)
    assert asked == list(house.config.calling.registers)
