"""Programs that are forked (``tests.support.programs``) have what a program of its own has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.running_gate import running
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.deep
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


@NEEDS_ROOT
def test_as_another_account_it_is_what_setpriv_starts() -> None:
    program = (
        "import os, sys\nstatus = open('/proc/self/status').read().splitlines()\n"
        "print([line for line in status if line.startswith(('Uid', 'Gid', 'Groups', 'Cap'))])\n"
        "print(os.stat('/proc/self').st_uid, os.access('/etc/shadow', os.R_OK), sys.argv[1:])\n"
    )
    with tempfile.TemporaryDirectory() as place, accounts({"other": ("users",)}) as names:
        Path(place).chmod(0o755)
        (Path(place) / "program_of_another.py").write_text(program)
        forked = programs.run("program_of_another", "a word", cwd=Path(place), account=names["other"])
        become = ["setpriv", f"--reuid={names['other']}", f"--regid={names['other']}", "--init-groups"]
        command = [*become, sys.executable, "-m", "program_of_another", "a word"]
        alone = subprocess.run(command, capture_output=True, text=True, cwd=place)
    assert (forked.returncode, forked.stdout) == (0, alone.stdout), forked.stderr + alone.stderr


ENDS = {
    "nothing": "print('said')",
    "a code": "sys.exit(3)",
    "a big code": "sys.exit(259)",
    "a word": "sys.exit('a word')",
    "an error": "1 / 0",
    "interrupted": "raise KeyboardInterrupt",
    "what waits for the end": "atexit.register(print, 'last'); threading.Timer(0.1, print, ['late']).start(); print(1)",
    "nobody reads": "sys.stdout = os.fdopen(os.open('/dev/full', os.O_WRONLY), 'w'); print('lost')",
}


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_as_any(module: str, tmp_path: Path, end: str) -> None:
    (tmp_path / f"{module}.py").write_text(f"import atexit, os, sys, threading\n{ENDS[end]}\n")
    forked = programs.run(module, cwd=tmp_path)
    alone = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, cwd=tmp_path)
    assert (forked.returncode, forked.stdout) == (alone.returncode, alone.stdout)
    assert forked.stderr.splitlines()[-1:] == alone.stderr.splitlines()[-1:]


@pytest.mark.skipif(os.geteuid() != 0, reason="the recorder lets nobody but root look at it")
def test_the_recorder_that_a_gate_has_in_hand_is_as_the_one_that_it_starts(tmp_path: Path) -> None:
    with running(tmp_path / "gate") as gate:
        first = gate.recorder_pid()
        in_hand = seen(first)
        os.kill(first, signal.SIGKILL)
        second = gate.wait(lambda: max({0, *gate.pids("gate.daemon.recording")} - {first}), PATIENCE, "no other came")
        gate.wait(lambda: gate.log.read_text().count("recorder_up") == 2, PATIENCE, "it is not up")
        until(lambda: seen(second) == in_hand, lambda: seen(second))  # it is up before it has all its files
        assert in_hand["parent"] == str(gate.process and gate.process.pid)
        assert "exit_code=-9" in gate.said() or '"exit_code": -9' in gate.said()


def seen(pid: int) -> dict[str, object]:
    """What a process has of those that started it; the number of what it opened itself may be another."""
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
    words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    files = {int(each.name): str(each.readlink()) for each in (folder / "fd").iterdir()}
    kinds = sorted(name.partition("[")[0] for name in files.values())
    names = ("Umask", "SigBlk", "SigIgn", "Groups", "Uid", "CapEff")
    return {
        "parent": status["PPid"],
        "own session": os.getsid(pid) == pid,
        "command": words[:-1],
        "control": files[int(words[-1])].partition("[")[0],
        "standard": [files[number] for number in (0, 1, 2)],
        "kinds": kinds,
        "folder": str((folder / "cwd").readlink()),
        "limits": (folder / "limits").read_text(),
        **{name: status[name] for name in names},
    }


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
