"""How the console starts: not without a terminal, and not by loading what it does not need."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console.app import ConsoleApp, run
from console.ports import Setup
from tests.console.served import Served
from tests.support.example import make_example
from tests.support.gatehouse import DIALGATE, ROOT
from tests.support.painted import Painted
from tests.support.waiting import PATIENCE


def test_without_a_terminal_the_command_lines_twins_are_named() -> None:
    done = subprocess.run(
        [*DIALGATE, "console", "-c", "no.toml"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr and "dialgate calls list" in done.stderr
    assert done.stdout == ""


def test_the_first_picture_needs_no_crypto_numbers_or_http_server() -> None:
    code = "import sys, gate.cli.console_start, console.modes.today, console.modes.live; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for heavy in (
        "cryptography",
        "numpy",
        "aiohttp",
        "sqlite3",
        "phonenumbers",
        "soundfile",
        "textual.widgets._markdown",
        "gate.cli.opening",
        "console.modes.request_shown",
    ):
        assert heavy not in loaded, heavy


@pytest.mark.parametrize(
    "module", ["gate.operations.status.glance", "console.modes.calls", "console.modes.recordings", "console.modes.live"]
)
def test_what_asks_the_gate_loads_nothing_that_only_the_gate_computes_with(module: str) -> None:
    code = f"import sys, gate.cli.console_start, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "soundfile", "phonenumbers"} & set(loaded)


def test_what_opens_recordings_is_loaded_by_the_thread_that_first_uses_it() -> None:
    code = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace
from console.late import Late
view = SimpleNamespace(config=SimpleNamespace(control_socket=Path("none")))
opener = Late("gate.cli.opening:KeyOpener", view, (Path("ann.key"),), "", before={"holder": "", "lock": None})
def loaded(): return "gate.cli.opening" in sys.modules
assert (opener.holder(), opener.lock()) == ("", None) and not loaded()
unlock = opener.unlock
assert not loaded()
def use():
    try:
        unlock(Path("none.key"), "")
    except Exception as error:
        print(error)
user = threading.Thread(target=use)
user.start()
user.join()
assert loaded() and opener.holder() == ""
opener._made._privates = [opener._made]
opener.lock()
assert not opener._made._privates
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "there is no key file none.key\n"), done.stderr


def test_it_ends_when_its_terminal_has_gone_though_nobody_says_so(tmp_path: Path) -> None:
    config = make_example(tmp_path) / "config.toml"
    command = [sys.executable, "-P", "-m", "gate.cli.main", "console", "-c", str(config)]
    with Painted(command, cwd=ROOT) as terminal:
        terminal.until(lambda: "1Live" in terminal.picture.line(0))
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE) == 128 + signal.SIGHUP


def test_an_unexpected_end_prints_no_variables(shared: Served, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    secret = "correct horse"

    class Broken(ConsoleApp):
        def on_mount(self) -> None:
            local = secret
            raise ZeroDivisionError(f"{len(local)}")

    monkeypatch.setattr("console.app.ConsoleApp", Broken)
    monkeypatch.setattr(Broken, "run", lambda self: ConsoleApp.run(self, headless=True))
    with pytest.raises(ZeroDivisionError):
        run(Setup(socket=shared.socket, now=shared.clock.now))
    told = capsys.readouterr()
    assert secret not in told.out + told.err and "Traceback" not in told.out + told.err
