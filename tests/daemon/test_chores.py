"""What a running gate does beside the calls: whatever goes wrong is logged, and tried again."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gate.calls.metrics import Metrics
from gate.config import load
from gate.daemon import chores
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, RegisterError, StoreError
from gate.handed_over_file import HandedOverFile
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.terms import TermSweep
from gate.operations.registers.importing import RegisterImport, RegisterImported
from gate.operations.registers.in_force import RegisterStatus
from gate.operations.requests.standing import OpenRequests
from gate.registers.watch import DropFolder
from tests.support.asking import ask
from tests.support.example import make_example
from tests.support.registers import write


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ZeroDivisionError("a fault")])
async def test_work_that_fails_is_tried_again_after_its_own_pause(error: Exception) -> None:
    """Done, failed, done: the pause after a failure is another one than that after success."""
    paused: list[float] = []
    outcomes = iter([None, error, None])

    def work() -> None:
        if (outcome := next(outcomes, None)) is not None:
            raise outcome

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 4:
            raise asyncio.CancelledError

    clock: Any = SimpleNamespace(sleep=sleep, to_thread=asyncio.to_thread)
    with pytest.MonkeyPatch.context() as patch, suppress(asyncio.CancelledError):
        patch.setattr(chores, "asyncio", clock)
        await chores.chore(work, "not_done", every=5.0, again=60.0, first=1.0)
    assert paused == [1.0, 5.0, 60.0, 5.0]


async def test_a_chore_ends_when_it_is_cancelled() -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(chores.chore(lambda: loop.call_soon_threadsafe(begun.set), "not_done", every=3600.0))
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Doing:
    """Something that fails, or does not."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def do(self) -> OpenRequests:
        if self._error:
            raise self._error
        return OpenRequests(open=3, warned=1, overdue=1, stuck=0)


def test_a_sweep_that_waits_is_seen_until_it_is_done() -> None:
    metrics, seen = Metrics(), []
    for error in (RefusedError("is the clock right?", reason="retention_waits"), StoreError("no room"), None):
        terms = SimpleNamespace(daily=Doing(None).do)
        folder: Any = SimpleNamespace(retention=SimpleNamespace(daily=Doing(error).do), one={TermSweep: terms}.get)
        assert chores.attempt(lambda folder=folder: chores.sweep(folder, metrics), "not_swept") is (error is None)
        seen.append(metrics.registry.get_sample_value("dialgate_retention_waits"))
    assert seen == [1, 1, 0]


def test_the_gauges_of_requests_are_set() -> None:
    metrics = Metrics()
    watch: Any = SimpleNamespace(look=Doing(None).do)
    chores.count_requests(watch, metrics)
    assert metrics.registry.get_sample_value("dialgate_requests_open") == 3
    assert metrics.registry.get_sample_value("dialgate_requests_overdue") == 1


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    make_example(tmp_path / "gate")
    with ExitStack() as stack:
        yield open_folder(load(tmp_path / "gate" / "config.toml"), stack)


async def test_nothing_is_watched_unless_it_is_configured(folder: DataFolder) -> None:
    await asyncio.wait_for(chores.watch(folder), 5)


def test_a_look_that_fails_is_told_and_a_file_that_lands_later_is_taken(folder: DataFolder, tmp_path: Path) -> None:
    def take(name: Any, file: HandedOverFile) -> RegisterImported:
        return ask(
            folder, RegisterImport(name=name, path=str(file), once=True, accept_shrink=True), "gate:watch", file=file
        )

    watched = DropFolder(tmp_path / "drop", {"tps": ("tps*.txt",)}, 0.0, take)
    with pytest.raises(RegisterError):
        chores.look_for_registers(watched, folder.clock.now())
    (tmp_path / "drop").mkdir()
    write(tmp_path / "drop" / "tps_1.txt", ["02079460101"])
    chores.look_for_registers(watched, folder.clock.now())
    assert (tmp_path / "drop" / "taken" / "tps_1.txt").exists()
    assert ask(folder, RegisterStatus(), "test").registers[0].count == 1


def test_superseded_snapshots_go_though_no_new_file_comes(folder: DataFolder, tmp_path: Path) -> None:
    source = write(tmp_path / "tps_ns.txt", ["02079460101", "02079460102"])
    ask(folder, RegisterImport(name="tps", path=str(source), accept_shrink=True), "uid:0")
    chores.delete_superseded(folder)
    assert len(list((folder.config.data / "registers").glob("tps-*.snap"))) == 2
    folder.clock = Ahead()
    chores.delete_superseded(folder)
    assert len(list((folder.config.data / "registers").glob("tps-*.snap"))) == 1


class Ahead:
    """The clock, 36 days from now."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=36)


@pytest.mark.parametrize("error", [RegisterError("no right"), ZeroDivisionError("a fault")])
def test_a_register_whose_snapshots_cannot_be_deleted_holds_up_no_other(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def fail(_folder: Path, name: str, _now: datetime) -> None:
        asked.append(name)
        raise error

    monkeypatch.setattr(chores, "prune", fail)
    chores.delete_superseded(folder)
    assert asked == list(folder.config.calling.registers)
