"""A gate that takes recordings from elsewhere is killed between all of its steps: after the next start nothing is lost,
nothing is left in clear, and no recording is there twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gate.config import load
from gate.core.terms import Attempt, Purpose, Topic
from gate.daemon.opening import open_folder
from gate.vault.reader import scan
from tests.support.databases import query
from tests.support.example import ROOT, make_example
from tests.support.wavs import wav

NUMBER = "+442079460123"
EVERY = 8
"""Of the steps one in so many is killed at; the first and the last twenty all."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_example(tmp_path / "gate")
    (tmp_path / "drop").mkdir()
    return tmp_path


@pytest.fixture
def start(place: Path) -> Iterator[Callable[[str], str]]:
    """A start of the gate, to its end (``-``) or killed at a step; what became of it."""
    command = [
        sys.executable,
        "-m",
        "tests.support.ingest_kills",
        str(place / "gate" / "config.toml"),
        str(place / "drop"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout

        def run(step: str) -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(step + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert process.stdout.readline() == "ready\n"  # it has had the data folder, and has left it
        yield run
        process.stdin.close()


def decided(place: Path, count: int) -> None:
    """So many calls that the gate let through."""
    with ExitStack() as stack:
        folder = open_folder(load(place / "gate" / "config.toml"), stack)
        attempt = Attempt(NUMBER, Purpose.MARKETING, Topic.GENERAL, folder.config.firm.numbers[0], False, "trunk:pbx1")
        for number in range(count):
            origin = {"source": "192.0.2.7:5060", "sip_call_id": f"{number}@pbx"}
            folder.store.call(
                lambda tx, number=number, origin=origin: folder.screener.decide(
                    tx, attempt, folder.clock.now(), call_id=f"call-{number}", origin=origin
                )
            )


@pytest.mark.deep
def test_killed_between_its_steps(place: Path, start: Callable[[str], str]) -> None:
    chance, marks = np.random.default_rng(7), []

    def put(number: int) -> None:
        noise = chance.integers(-9000, 9000, 24_000).astype(np.int16)
        data = wav(noise[:12_000], noise[12_000:])
        (place / "drop" / f"{number}@pbx.wav").write_bytes(data)
        marks.extend((data[1000:1032], noise[500:516].tobytes(), noise[500:516].astype(">i2").tobytes()))

    decided(place, 400)
    put(0)
    steps = int(start("-").removeprefix("done "))
    assert steps > 100
    kills = [*range(20), *range(20, steps - 20, EVERY), *range(steps - 20, steps)]
    for number, step in enumerate(kills, 1):
        put(number)
        assert start(str(step)) == "killed", step
        there = list((place / "drop").iterdir())
        assert there or step > steps - 20, f"killed at step {step}: the clear file went too early"
        assert start("-").startswith("done"), step
        assert list((place / "drop").iterdir()) == [], step
    with ExitStack() as stack:
        folder = open_folder(load(place / "gate" / "config.toml"), stack)
        rows = folder.store.call(lambda tx: query(tx, "SELECT * FROM recordings"))
        assert sorted(row["call_id"] for row in rows) == sorted(f"call-{n}" for n in range(len(kills) + 1))
        recordings = folder.config.data / "recordings"
        for row in rows:
            assert row["state"] == "closed"
            assert scan(recordings / row["path"]).sha256 == row["sha256"]
            assert folder.keys.wraps(row["recording_id"])
        assert len(list(recordings.rglob("*.dgr"))) == len(rows)
        assert len(folder.keys.recording_ids()) == len(rows)
        assert list(recordings.glob(".ingest-*")) == []
    for path in place.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [mark for mark in marks if mark in data], path
