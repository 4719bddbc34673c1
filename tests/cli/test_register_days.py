"""The same bytes never become newer: by the command line with the clock moved, with a running gate and without one."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.core.days import LONDON, short_day
from tests.support.commands import Done, dialgate
from tests.support.example import make_example
from tests.support.registers import write
from tests.support.running_gate import RunningGate

OLD = [f"02079460{number}" for number in range(100, 140)]
NEW = [*OLD, "02079460990"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return make_example(tmp_path / "gate") / "config.toml"


class Clock:
    """A clock that stands, so many days ahead of the moment it was made."""

    def __init__(self) -> None:
        self.days = 0
        self.made = datetime.now(UTC)

    def now(self, *_: object) -> datetime:
        return self.made + timedelta(days=self.days)

    def today(self) -> date:
        return self.now().astimezone(LONDON).date()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(SystemClock, "now", moved.now)
    return moved


def touch(path: Path, clock: Clock) -> Path:
    os.utime(path, (clock.now().timestamp(),) * 2)
    return path


def taken(config: Path, file: Path, *options: str, name: str = "tps") -> Any:
    done = importing(config, file, *options, name=name)
    assert done.code == 0, done.err
    return done.json


def importing(config: Path, file: Path, *options: str, name: str = "tps") -> Done:
    return dialgate(
        "register",
        "import",
        name,
        str(file),
        "--accept-shrink",
        "--accept-older",
        *options,
        "--json",
        "-c",
        str(config),
    )


def test_touch_and_import_give_an_old_list_no_other_days(config: Path, tmp_path: Path, clock: Clock) -> None:
    first, list_of = clock.today(), write(tmp_path / "tps_ns.txt", OLD)
    assert taken(config, list_of)["as_of"] == first.isoformat()
    clock.days = 20
    report = taken(config, touch(list_of, clock))
    assert (report["as_of"], report["first_seen"]) == (first.isoformat(), first.isoformat())
    again = taken(config, touch(write(tmp_path / "another_name.txt", OLD), clock), name="ctps")
    assert again["as_of"] == first.isoformat()
    packed = tmp_path / "tps_ns.txt.gz"
    packed.write_bytes(gzip.compress(list_of.read_bytes(), mtime=clock.now().timestamp()))
    assert taken(config, touch(packed, clock))["as_of"] == first.isoformat()
    clock.days = 28
    status = dialgate("register", "status", "--json", "-c", str(config)).json["registers"][0]
    assert (status["state"], status["days_left"]) == ("stale", -1)


@pytest.mark.parametrize("days", [1, 20])
def test_a_later_day_is_refused_by_name(config: Path, tmp_path: Path, clock: Clock, days: int) -> None:
    first, list_of = clock.today(), write(tmp_path / "tps_ns.txt", OLD)
    taken(config, list_of, "--as-of", (first - timedelta(days=1)).isoformat())
    clock.days = 20
    later = first + timedelta(days=days - 1)
    done = importing(config, list_of, "--as-of", later.isoformat())
    assert done.code != 0
    assert f"were imported on {short_day(first)} as of {short_day(first - timedelta(days=1))}" in done.err
    assert taken(config, list_of, "--as-of", (first - timedelta(days=3)).isoformat())["count"] == len(OLD)


def test_bytes_that_were_refused_have_been_seen(config: Path, tmp_path: Path, clock: Clock) -> None:
    first, list_of = clock.today(), write(tmp_path / "tps_ns.txt", OLD)
    arguments = ("register", "import", "tps", str(list_of), "-c", str(config))
    assert "would shrink" in dialgate(*arguments).err
    clock.days = 20
    done = importing(config, touch(list_of, clock), "--as-of", clock.today().isoformat())
    assert f"came on {short_day(first)} already" in done.err
    assert taken(config, list_of)["as_of"] == first.isoformat()


def test_other_bytes_have_their_own_day(config: Path, tmp_path: Path, clock: Clock) -> None:
    taken(config, write(tmp_path / "tps_ns.txt", OLD))
    clock.days = 20
    report = taken(config, touch(write(tmp_path / "tps_ns.txt", NEW), clock))
    assert report["as_of"] == clock.today().isoformat()
    assert "first_seen" not in report or report["first_seen"] is None


def test_a_running_gate_and_one_started_again_keep_the_day(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=None)
    today = datetime.now(LONDON).date()
    day = (today - timedelta(days=5)).isoformat()
    list_of = write(tmp_path / "tps_ns.txt", OLD)
    try:
        gate.start()
        assert taken(gate.config, list_of, "--as-of", day)["as_of"] == day
        list_of.touch()
        assert taken(gate.config, list_of)["as_of"] == day
        gate.stop()
        gate.start()
        assert taken(gate.config, list_of)["as_of"] == day
        assert (
            f"as of {short_day(date.fromisoformat(day))}"
            in importing(gate.config, list_of, "--as-of", today.isoformat()).err
        )
    finally:
        gate.kill()
    assert taken(gate.config, list_of)["as_of"] == day
