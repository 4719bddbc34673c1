"""Programs that are forked (``tests.support.programs``) have what a program of its own has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.waiting import PATIENCE

PROGRAM = """
import json, os, resource, signal, sys, threading
umask = os.umask(0)
print(json.dumps({
    "stdin": sys.stdin.read(), "argv": sys.argv[1:], "folder": os.getcwd(), "umask": umask,
    "environment": dict(os.environ), "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE),
    "open": sorted(os.listdir("/proc/self/fd"))[:-1], "threads": threading.active_count(),
    "int": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "child": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, "name": __name__,
    "line": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
}))
print("said", file=sys.stderr)
sys.exit(7)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program in a folder that both ways find."""
    (tmp_path / "program_of_a_test.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    return "program_of_a_test"


def test_what_it_inherits_is_what_subprocess_gives(module: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DIALGATE_ONE": "1"}
    words = ["-c", "a word", "ö"]
    forked = programs.run(module, *words, input="given\n", env=environment, cwd=tmp_path)
    with (tmp_path / "given").open("w+") as given:
        given.write("given\n")
        given.seek(0)
        command = [sys.executable, "-m", module, *words]
        alone = subprocess.run(command, stdin=given, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert json.loads(forked.stdout) == json.loads(alone.stdout)
    assert (forked.returncode, forked.stderr) == (alone.returncode, alone.stderr) == (7, "said\n")


def test_it_ends_by_a_signal_and_is_one_of_several() -> None:
    with Path(os.devnull).open("wb") as nothing:
        program = programs.start("http.server", "0", "-b", "127.0.0.1", stdout=nothing, stderr=nothing)
        other = programs.start("http.server", "0", "-b", "127.0.0.1", stdout=nothing, stderr=nothing)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.01)
        assert program.poll() is None
        program.kill()
        assert program.wait(PATIENCE) == program.poll() == -signal.SIGKILL
        assert other.poll() is None, "it is another"
    finally:
        other.kill()
        other.wait(PATIENCE)
    assert programs.run("gate.cli.main", "--version").stdout == f"dialgate, version {_version()}\n"


def _version() -> str:
    return subprocess.run(
        [sys.executable, "-m", "gate.cli.main", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
