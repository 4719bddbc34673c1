"""What the gate does in the background about contacts and the drop folder: a failure is told, and tried again."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.daemon import contacts as following
from gate.daemon import drop
from gate.daemon.house import House
from gate.errors import RegisterError
from gate.registers.watch import DropFolder
from tests.support.gatehouse import dialgate
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
    dialgate("init", str(tmp_path / "gate"), "--example")
    with ExitStack() as stack:
        yield House(load(tmp_path / "gate" / "config.toml"), stack)


async def test_nothing_is_watched_unless_it_is_configured(house: House) -> None:
    await asyncio.wait_for(drop.watch(house), 5)


def test_a_look_that_fails_is_told_and_a_file_that_lands_later_is_taken(house: House, tmp_path: Path) -> None:
    def take(name: str, path: Path) -> Any:
        return house.desk.register_import(name=name, path=str(path), once=True, accept_shrink=True, actor="gate:watch")

    folder = DropFolder(tmp_path / "drop", {"tps": ("tps*.txt",)}, 0.0, take)
    assert drop._look(folder, house) is False
    (tmp_path / "drop").mkdir()
    write(tmp_path / "drop" / "tps_1.txt", ["02079460101"])
    assert drop._look(folder, house) is True
    assert (tmp_path / "drop" / "taken" / "tps_1.txt").exists()
    assert house.desk.register_status(actor="test")["registers"][0]["count"] == 1
