"""What somebody has set up for themselves: columns that are kept, a filter by a column, commands; a console that only
looks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.app import ConsoleApp
from console.feed import LOOKING, Feed
from console.modes import own
from console.modes.calls import Mode
from gate.client.files import MOST_WRITTEN, OutputFiles, OwnSettings
from gate.client.pages import ReportPages
from gate.errors import RefusedError, UsageError
from gate.operations.audit.checkpoints import AuditCheckpoint
from gate.operations.catalogue import OPERATIONS
from gate.operations.lists.objections import ObjectionAdd
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, typed, until
from tests.console.served import Served
from tests.support import waiting


def heading(app: ConsoleApp) -> list[str]:
    found = [line.split() for line in screen_text(app).splitlines()]
    return next(each for each in found if each == ["Reason", "To"] or "Verdict" in each)


# --- columns


async def test_columns_are_chosen_in_an_order_and_kept_for_the_next_console(shared: Served, tmp_path: Path) -> None:
    settings = OwnSettings(tmp_path / "own" / "console.json")
    app = app_of(shared, mode="calls", settings=settings, files=OutputFiles(), exports=tmp_path)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "182 rows"))
        await pilot.press("W")
        await until(pilot, shows(pilot, "Which columns?", "There are"))
        await pilot.press("ctrl+u")
        await typed(pilot, "Colour")
        await until(pilot, shows(pilot, "'Colour' is no column of this list"))
        await pilot.press("ctrl+u")
        await typed(pilot, "reas, To")
        await until(pilot, lambda: "Which columns?" not in screen_text(app))
        assert heading(app) == ["Reason", "To"]
        await pilot.press("E")
        await until(pilot, shows(pilot, "Save this list"))
        await pilot.press("ctrl+u")
        await typed(pilot, str(tmp_path / "calls.csv"))
        await until(pilot, shows(pilot, "Written:"))
    assert (tmp_path / "calls.csv").read_text().splitlines()[0] == "Reason,To"
    assert (tmp_path / "own" / "console.json").stat().st_mode & 0o777 == 0o600
    other = app_of(shared, mode="calls", settings=OwnSettings(settings.path))
    async with other.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "182 rows"))
        assert heading(other) == ["Reason", "To"]
        await pilot.press("W")
        await until(pilot, shows(pilot, "Which columns?"))
        await pilot.press("ctrl+u", "enter")
        await until(pilot, lambda: len(heading(other)) > 2)
    assert settings.columns() == {}


async def test_a_settings_file_that_is_none_hides_no_list(shared: Served, tmp_path: Path) -> None:
    (tmp_path / "console.json").write_text("{[")
    app = app_of(shared, mode="calls", settings=OwnSettings(tmp_path / "console.json"))
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until(pilot, shows(pilot, "182 rows", "cannot be read"))


async def test_a_list_is_filtered_by_one_column(shared: Served) -> None:
    app = app_of(shared, mode="calls")
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, shows(pilot, "182 rows"))
        await pilot.press("slash")
        await typed(pilot, "reason:tps alice")
        await until(pilot, lambda: app.screen.table.filtered and app.screen.table.complete)
        await until(pilot, lambda: 0 < app.screen.table.total < 182)
        rows = [app.screen.table.row_at(index) for index in range(app.screen.table.total)]
        assert {(row.claimed_by, "tps" in row.reason) for row in rows} == {("account:alice", True)}


def test_a_time_and_a_word_that_heads_no_column_are_looked_for_everywhere() -> None:
    own_words, rest = own.by_column(Mode.VIEWS[0].columns, "14:00-14:30 nothing:x reason:tps")
    assert ([(each.heading, word) for each, word in own_words], rest) == (
        [("Reason", "tps")],
        "14:00-14:30 nothing:x",
    )


# --- commands

TOLD = "import json, os, sys; print(json.dumps([sys.argv[1:], sorted(os.environ)]))"


def command(*more: str, key: str = "f7", roles: str = "") -> dict[str, list[str]]:
    return {key: ["Open in the CRM", roles, sys.executable, "-c", TOLD, *more]}


async def test_a_command_gets_what_the_row_shows_no_shell_and_no_secret(
    shared: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALGATE_SECRET", "hunter2")
    commands = command("{call_id}", "--number={number}", "$(id); {reason}")
    app = app_of(shared, mode="calls", commands=commands, files=OutputFiles())
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until(pilot, shows(pilot, "182 rows"))
        row = app.screen.table.row
        await pilot.press("f7")
        await until(pilot, lambda: type(app.screen).__name__ == "TextDetail")
        await until(pilot, shows(pilot, row.call_id))
        await pilot.press("y")
        given, environment = json.loads(app.clipboard)
        assert given[0] == row.call_id and given[2] == f"$(id); {row.reason}"
        assert "*" in given[1] and "DIALGATE_SECRET" not in environment


async def test_a_command_is_for_its_roles_and_takes_no_key_that_means_something(shared: Served) -> None:
    commands = command(roles="auditor") | command(key="S")
    app = app_of(shared, mode="calls", commands=commands, files=OutputFiles())
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until(pilot, shows(pilot, "182 rows", "S has a meaning here already"))
        await pilot.press("f7")
        await until(pilot, shows(pilot, "An account that is admin may not: Open in the CRM."))


def test_no_value_of_a_row_is_an_option_and_what_fails_says_so() -> None:
    class Row:
        reference = "--delete"
        calls = ("a",)

    assert own.arguments(["/bin/x", "--ref={reference}"], Row()) == ["/bin/x", "--ref=--delete"]
    for argument, wrong in (("{reference}", "begins with -"), ("{calls}", "has no calls"), ("{gone}", "has no gone")):
        with pytest.raises(UsageError, match=wrong):
            own.arguments(["/bin/x", argument], Row())
    with pytest.raises(UsageError, match="cannot be started"):
        OutputFiles().run(["/no/such/program"])
    assert OutputFiles().run([sys.executable, "-c", "print('no'); raise SystemExit(3)"]) == (3, "no\n")


def test_a_command_that_writes_without_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    began = f"import os, sys; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    endless = f"{began}; [sys.stdout.write('x' * 1000) for _ in iter(int, 1)]"
    code, text = OutputFiles().run([sys.executable, "-c", endless])
    assert (code, text) == (-signal.SIGKILL, "x" * MOST_WRITTEN + "\n… it wrote more, and was ended\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    exact = f"import sys; sys.stdout.write('x' * {MOST_WRITTEN})"
    assert OutputFiles().run([sys.executable, "-c", exact]) == (0, "x" * MOST_WRITTEN)


def test_what_a_command_leaves_running_is_not_waited_for_and_a_silent_one_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    code, text = OutputFiles().run([sys.executable, "-c", left])
    os.kill(int(text), signal.SIGTERM)
    assert code == 0
    monkeypatch.setattr("gate.client.files.RUN_SECONDS", 0.5)
    for silent in ("import time; time.sleep(600)", "import os, time; os.close(1); os.close(2); time.sleep(600)"):
        with pytest.raises(UsageError, match="is not done in"):
            OutputFiles().run([sys.executable, "-c", silent])


def test_an_endless_command_is_ended_with_its_child_and_with_the_console(tmp_path: Path) -> None:
    """Its child writes without end while it waits, or is left behind; or it is silent, and the console is left."""
    pid = tmp_path / "child"
    writes = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); [print('x' * 1000) for _ in iter(int, 1)]"
    starts = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {writes!r}])"
    code, text = OutputFiles().run([sys.executable, "-c", f"{starts}; child.wait()"])
    assert code == -signal.SIGKILL and text.endswith("it wrote more, and was ended\n")
    assert len(text) < MOST_WRITTEN + 100
    waiting.until(lambda: not alive(int(pid.read_text())))
    says, writes = writes.split("; [")
    later = f"{says}; import time; parent = os.getppid()\nwhile os.getppid() == parent: time.sleep(0.01)\n[{writes}"
    begun = "import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
    begun += f"while not (os.path.exists({str(pid)!r}) and os.path.getsize({str(pid)!r})): pass"
    pid.unlink()
    assert OutputFiles().run([sys.executable, "-c", begun, later])[0] == 0
    waiting.until(lambda: not alive(int(pid.read_text())))
    fifo = tmp_path / "began"
    os.mkfifo(fifo)
    silent = f"import os, time; open({str(fifo)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    console = (
        "import sys, threading; from gate.client.files import OutputFiles; "
        "threading.Thread(target=OutputFiles().run, args=(sys.argv[1:],), daemon=True).start(); sys.stdin.read()"
    )
    line = [sys.executable, "-c", console, sys.executable, "-c", silent]
    with subprocess.Popen(line, stdin=subprocess.PIPE) as left:
        command = int(fifo.read_text())
        assert alive(command)
        left.communicate(b"")
    waiting.until(lambda: not alive(command))


def alive(pid: int) -> bool:
    """It runs, and is no mere entry that nobody has waited for."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# --- read only


def test_what_a_console_that_only_looks_makes_pages_of_signs_nothing(served: Served, tmp_path: Path) -> None:
    """The page of receipts is asked for by a way of its own, and its first question signs the log."""
    assert served.config.control_socket == served.socket
    papers = ReportPages(served.config, tmp_path / "config.toml", LOOKING)
    with pytest.raises(RefusedError, match="only looks"):
        papers.receipts(tmp_path / "receipts")
    assert not served.asked


def test_a_console_that_only_looks_may_nothing_else_before_the_gate_has_said_who_asks(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "no.sock", lambda: datetime.now(UTC), lambda message: None, read_only=True)
    assert not feed.session.may("objection_add") and feed.session.may("calls_list")


def test_what_only_looks_is_an_operation_that_takes_nothing_along() -> None:
    assert OPERATIONS.keys() >= LOOKING
    assert not [each for each in LOOKING if OPERATIONS[each].second_person or OPERATIONS[each].file]
    taking = {"key_unproven", "key_wraps", "recording_piece", "audit_export_part", "request_contents", "backup_keys"}
    assert taking <= OPERATIONS.keys() and not LOOKING & taking  # wraps and pieces: some write no row, and go out


async def test_a_console_that_only_looks_asks_for_nothing_else(served: Served) -> None:
    feed = Feed(served.socket, served.clock.now, lambda message: None, read_only=True)
    for request in (ObjectionAdd(number="+442079460123"), AuditCheckpoint()):
        with pytest.raises(RefusedError, match="only looks"):
            await feed.ask(request)
    app = app_of(served, read_only=True, mode="calls")
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until(pilot, shows(pilot, "182 rows"))
        await pilot.press("a")
        await until(pilot, shows(pilot, "A console that only looks (--read-only) may not"))
        for mode, keys in (("2", "iadX"), ("3", "isex"), ("6", "sad"), ("7", "n"), ("8", "vce")):
            await pilot.press(mode, *keys, "enter", "escape")
    asked = {name for name, _ in served.asked}
    assert asked <= LOOKING, asked - LOOKING
