"""How the console starts: not without a terminal, and not by loading what it does not need."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from console.app import ConsoleApp, run
from console.keys import MODES
from console.setup import Setup
from tests.console.served import Served
from tests.support.example import make_example
from tests.support.painted import Painted
from tests.support.running_gate import DIALGATE, ROOT
from tests.support.waiting import PATIENCE

ASKING = ("gate.operations.status.glance", *(f"console.modes.{mode}" for mode in MODES))
"""What is loaded to ask the gate."""


def test_without_a_terminal_the_command_lines_twins_are_named() -> None:
    done = subprocess.run(
        [*DIALGATE, "console", "-c", "no.toml"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr and "dialgate calls list" in done.stderr
    assert done.stdout == ""


def test_the_first_picture_needs_no_crypto_numbers_or_http_server() -> None:
    for heavy in (
        "cryptography",
        "numpy",
        "aiohttp",
        "sqlite3",
        "phonenumbers",
        "soundfile",
        "textual.widgets._markdown",
        "gate.client.opening",
        "gate.client.pages",
        "console.modes.listing",
        "console.served",
        "console.widgets.ask",
        "gate.operations.calls",
    ):
        assert heavy not in loaded()["console.modes.today"], heavy


@pytest.mark.parametrize("module", ASKING)
def test_what_asks_the_gate_loads_nothing_that_only_the_gate_computes_with(module: str) -> None:
    assert not {"numpy", "soundfile", "phonenumbers", "jinja2", "aiosmtplib"} & loaded()[module]


@cache
def loaded() -> dict[str, frozenset[str]]:
    """A module -> every module of a console that has loaded this one, too: each in a process of its own, forked from
    one that has loaded what they share."""
    code = f"""
import gate.cli.console_start
import importlib, os, sys
for module in {ASKING}:
    if not os.fork():
        importlib.import_module(module)
        print(module, *sys.modules, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, module
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {module: frozenset(others) for module, *others in map(str.split, done.stdout.splitlines())}


def test_the_other_modes_are_loaded_behind_the_first_picture() -> None:
    code = f"""
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
import gate.cli.console_start
from console.app import ConsoleApp
from console.keys import MODES
from console.setup import Setup
modes = {{"console.modes." + mode for mode in MODES}}
async def main():
    app = ConsoleApp(Setup(socket=Path("none"), now=lambda: datetime.now(UTC)))
    async with app.run_test():
        print(*modes & set(sys.modules))
        async with asyncio.timeout({PATIENCE}):
            while not modes <= set(sys.modules):
                await asyncio.sleep(0.05)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "console.modes.today\n"), done.stderr


def test_nobody_looks_for_garbage_while_what_stays_is_loaded(tmp_path: Path) -> None:
    config = make_example(tmp_path) / "config.toml"
    code = f"""
import gc, sys
from textual.app import App
from gate.cli import console, main
App.run = lambda self: print(looked, gc.isenabled(), gc.get_freeze_count() > 10_000)
sys.stdin.isatty = sys.stdout.isatty = sys.stderr.isatty = lambda: True
sys.argv = ["dialgate", "console", "-c", {str(config)!r}]
looked = 0
def look(phase, told):
    global looked
    looked += 1
gc.callbacks.append(look)
main.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0 True True\n", done.stderr


def test_what_opens_recordings_is_loaded_by_the_thread_that_first_uses_it() -> None:
    code = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace
from console.late import made_late
def make():
    from gate.client.opening import KeyOpener
    return KeyOpener(SimpleNamespace(control_socket=Path("none")), (Path("ann.key"),))
opener = made_late(make, before={"holder": "", "lock": None})
def loaded(): return "gate.client.opening" in sys.modules
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
