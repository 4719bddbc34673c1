"""The disk thread: everything is synced, nothing queues up, closings come first."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gate.recorder.finisher import Ended, Ending, Finisher
from tests.support.waiting import PATIENCE, until


@dataclass
class Done:
    sha256: str = "d" * 64
    size: int = 3
    chunks: int = 1


class Disk:
    """A file on a disk that takes its time, or breaks."""

    def __init__(self, seconds: float = 0.0, problem: OSError | None = None) -> None:
        self.seconds, self.problem, self.synced, self.closed = seconds, problem, 0, False
        self.meanwhile = threading.Lock()

    def write_chunk(self, payload: bytes) -> None: ...

    def _work(self) -> None:
        assert self.meanwhile.acquire(blocking=False), "two at once"
        time.sleep(self.seconds)
        self.meanwhile.release()
        if self.problem is not None:
            raise self.problem

    def sync(self) -> None:
        assert not self.closed
        self._work()
        self.synced += 1

    def close(self, trailer: Mapping[str, Any]) -> Done:
        self._work()
        self.closed = True
        return Done()


class Told:
    def __init__(self, folder: Path) -> None:
        self.ended: queue.Queue[Ended] = queue.Queue()
        self.failed: queue.Queue[tuple[str, str]] = queue.Queue()
        self.finisher = Finisher(folder, self.ended.put, lambda call, problem: self.failed.put((call, problem)))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    told = Told(tmp_path)
    told.finisher.start()
    yield told
    told.finisher.stop()


def ending(file: Disk, path: Path, call: str = "a") -> Ending:
    return Ending(call, file, path, {}, 7)


def test_what_is_written_is_synced_within_two_seconds(told: Told) -> None:
    file = Disk()
    began = time.monotonic()
    told.finisher.written("a", file)
    until(lambda: file.synced == 1)
    assert time.monotonic() - began < 3.5
    other = Disk()
    told.finisher.written("b", other)
    until(lambda: other.synced == 1)  # a round later
    assert file.synced == 1, "nothing new was written"


def test_a_slow_disk_makes_rounds_longer_and_no_queue(told: Told) -> None:
    files = [Disk(0.3) for _ in range(5)]
    end = time.monotonic() + 4.5
    while time.monotonic() < end:
        for file in files:
            told.finisher.written("a", file)
        time.sleep(0.05)
    counts = [file.synced for file in files]
    assert max(counts) - min(counts) <= 1 and 5 <= sum(counts) <= 15


def test_a_closing_does_not_wait_for_the_round(told: Told, tmp_path: Path) -> None:
    files = [Disk(0.3) for _ in range(20)]
    for file in files:
        told.finisher.written("a", file)
    until(lambda: files[0].synced == 1)
    told.finisher.finish(ending(files[-1], tmp_path / "x"))
    assert told.ended.get(timeout=PATIENCE).sha256 == "d" * 64
    assert files[-1].closed and files[-1].synced == 0


def test_a_file_that_cannot_be_synced_is_told(told: Told) -> None:
    told.finisher.written("a", Disk(problem=OSError(5, "Input/output error")))
    assert told.failed.get(timeout=PATIENCE) == ("a", "Input/output error")


def test_a_file_that_cannot_be_closed_is_digested_as_it_lies(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "x.dgr"
    path.write_bytes(b"abc")
    told.finisher.finish(ending(Disk(problem=OSError(28, "No space left on device")), path))
    ended = told.ended.get(timeout=PATIENCE)
    assert (ended.size, ended.chunks, ended.problem) == (3, 7, "No space left on device")
    assert ended.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert told.finisher.suspected
    until(lambda: not told.finisher.suspected)


def test_a_file_that_is_gone_is_told_without_a_digest(told: Told, tmp_path: Path) -> None:
    told.finisher.finish(ending(Disk(problem=OSError(5, "Input/output error")), tmp_path / "gone"))
    ended = told.ended.get(timeout=PATIENCE)
    assert ended.sha256 == "" and "Input/output error" in ended.problem and "No such file" in ended.problem


def test_stop_closes_what_is_queued(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.finisher.start()
    files = [Disk(0.05) for _ in range(5)]
    for file in files:
        told.finisher.finish(ending(file, tmp_path / "x"))
    told.finisher.stop()
    assert all(file.closed for file in files)
    assert told.ended.qsize() == 5
