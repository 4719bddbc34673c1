"""The console in training: real processes in a terminal, a gate of its own, and nothing of it left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.commands import PROGRAM, dialgate
from tests.support.example import make_example
from tests.support.tmux import Tmux
from tests.support.waiting import until

TRAINING = [*PROGRAM, "console", "--training"]


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A gate's folder that is not to be touched."""
    return make_example(tmp_path / "real")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def of_training(folder: Path) -> list[Path]:
    return list(folder.glob("dialgate-training-*"))


def processes(folder: Path) -> list[str]:
    """Command lines of processes that name this folder."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if str(folder) in line]


def test_a_training_reaches_no_other_gate_and_leaves_nothing(real: Path, tmp_path: Path) -> None:
    before, room = contents(real), tmp_path / "room"
    room.mkdir()
    with Tmux(TRAINING, TMPDIR=str(room), DIALGATE_CONFIG=str(real / "config.toml")) as screen:
        screen.wait("TRAINING, made up", "gate up")
        assert len(of_training(room)) == 1
        screen.press("7")
        screen.wait("TRAINING, made up", "DSR-", "erasure")
        screen.press("q")
        screen.wait("all that is in it are thrown away")
        screen.press("Enter")
        screen.wait("are gone")
    assert of_training(room) == [] and processes(room) == []
    assert contents(real) == before


def test_a_terminal_that_closes_ends_it_too(tmp_path: Path) -> None:
    with Tmux(TRAINING, TMPDIR=str(tmp_path)) as screen:
        screen.wait("TRAINING, made up", "gate up")
    until(lambda: not of_training(tmp_path) and not processes(tmp_path))


def test_it_takes_no_key_and_no_browser_of_yours() -> None:
    done = dialgate("console", "--training", "--web")
    assert (done.code, "a training has a gate and keys of its own" in done.err) == (2, True)
