"""Where output cannot go: the error names what was named, nothing half done stays, and JSON stays JSON."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from datetime import date
from pathlib import Path

import pytest

from gate.cli.terminal import table
from gate.showing import brief
from tests.support.commands import PROGRAM, dialgate
from tests.support.disks import Ballast, small_disk
from tests.support.example import make_example
from tests.support.example_answers import ExampleAnswers
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output") / "gate"
    make_example(folder)
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("disks") / "full", 65536) as disk:
        Ballast(disk).leave(0)
        yield disk


@pytest.fixture(autouse=True)
def configured(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALGATE_CONFIG", str(example / "config.toml"))


@pytest.mark.parametrize(
    "command",
    [
        ("letters", "copy", "{}"),
        ("manual", "--man", "{}"),
        ("receipts", "publish", "{}"),
        ("audit", "checkpoint", "-o", "{}"),
        ("objection", "export", "-o", "{}"),
        ("report", "--article-30", "-o", "{}"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_full_disk_is_told_with_the_name_that_was_given_and_nothing_half_done_stays(
    command: tuple[str, ...], full: Path
) -> None:
    new = full / command[0]
    done = dialgate(*(word.format(new) for word in command))
    assert done.code == 1
    assert str(new) in done.err and "No space left" in done.err and ".part" not in done.err
    assert [path for path in full.rglob("*") if path.is_file() and path.name != "ballast"] == []


def test_a_backup_whose_keys_have_no_room_says_so_and_leaves_none(full: Path, tmp_path: Path) -> None:
    done = dialgate("backup", str(tmp_path / "set"), "--keys", str(full / "keys"))
    assert (done.code, list(tmp_path.glob("set*")), list(full.glob("*keys*"))) == (1, [], [])
    assert (
        f"the wrapped keys could not be copied to {full}: " in done.err and "see that there is room" in done.err.lower()
    )


def test_a_folder_that_is_not_there_is_told_of_the_file_that_was_named(tmp_path: Path) -> None:
    for command in (("audit", "checkpoint"), ("objection", "export"), ("contacts", "changes")):
        target = tmp_path / "nowhere" / "x"
        assert str(target.parent) in (error := dialgate(*command, "-o", str(target)).err)
        assert "No such file or directory" in error or "there is no folder" in error


@pytest.mark.parametrize("shape", [(), ("--json",)])
def test_full_standard_output_is_an_error_of_one_line(shape: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as sink:
        done = subprocess.run(
            [*PROGRAM, "register", "status", *shape], stdout=sink, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr


def test_what_nobody_expected_is_json_too_also_where_its_details_find_no_room(
    gate: ExampleAnswers, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(full))
    monkeypatch.setattr("gate.cli.output.View.data", lambda *_, **__: 1 / 0)
    done = dialgate("status", "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["exit_code"]) == (1, 1)
    assert "ZeroDivisionError" in error["message"] and "told with --debug" in error["message"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"a" * 30_000, "is no recipient: longer than 16384 bytes"),
        ("\ufeffx".encode("utf-16"), "is no recipient: it is no text"),
        (b"{}", "is no recipient: "),
    ],
    ids=["empty", "long", "utf-16", "no recipient"],
)
def test_a_file_that_is_no_recipient_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ico.recipient"
    file.write_bytes(content)
    done = dialgate("key", "add", str(file))
    assert done.code == 2 and f"{file} {said}" in done.err and "$." not in done.err


def drawn(width: int, headings: list[str], rows: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    told = io.StringIO()
    with redirect_stdout(told):
        table(headings, rows)
    return [line.rstrip() for line in told.getvalue().splitlines()]


def test_a_table_shows_the_beginning_of_ids_and_breaks_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ["2a948e348c93fadaecc2ec55dd0138e9", "2a948e3490000000000000000000000f"]
    headings = ["Call", "At", "Number", "Verdict", "Reason", "State", "Seconds", "Recording"]
    rest = ["30 Nov 08:52:02", "020 79** **42", "allow", "not_listed", "ended", "3.0"]
    narrow = drawn(80, headings, [[ids[0], *rest, ids[1]], [ids[1], *rest, "-"]], monkeypatch)
    assert max(map(len, narrow)) <= 80
    assert narrow[1].split()[0] == "2a948e348" and "2a948e349" in "".join(narrow)  # as many as tell them apart
    assert narrow[1].split()[-1] == "2a948e34"
    assert all(f" {word} " in narrow[1] for word in ("allow", "not_listed", "ended", "3.0"))
    alone = drawn(200, headings[:1], [[ids[0]], ["b" * 32], ["-"]], monkeypatch)
    assert alone == ["Call", "2a948e34", "bbbbbbbb", "-"]
    assert drawn(200, ["Text"], [["b" * 31], [ids[0]]], monkeypatch)[2] == ids[0]


@pytest.mark.parametrize(
    ("stamp", "shown"),
    [
        ("2026-11-30", "30 Nov 2026"),
        ("2026-07-02T10:00:05.1Z", "02 Jul 11:00:05"),
        ("2025-12-31T23:59:59+00:00", "31 Dec 2025 23:59"),
        ("2025-12-31T23:30:00-01:00", "01 Jan 00:30:00"),
    ],
)
def test_days_and_times_in_a_column_are_as_people_write_them(stamp: str, shown: str) -> None:
    assert brief(stamp, date(2026, 11, 30)) == shown


def test_a_table_that_is_too_wide_for_its_words_loses_none_of_their_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["verification", "objections-of-2026", "recordings"]
    lines = drawn(24, ["One", "Two", "Three"], [words], monkeypatch)
    assert max(map(len, lines)) <= 24
    signs = "".join("".join(lines[1:]).split())
    assert sorted(signs) == sorted("".join(words))


def test_a_long_line_breaks_between_words_on_a_terminal_alone() -> None:
    for command in (("check", "02079460123"), ("manual", "retentions-and-holds")):  # data, and an error with a hint
        plain = dialgate(*command)
        controller, terminal = pty.openpty()
        environment = {**os.environ, "COLUMNS": "40", "TERM": "dumb"}
        with subprocess.Popen([*PROGRAM, *command], stdout=terminal, stderr=terminal, env=environment) as process:
            os.close(terminal)
            told = told_by(controller)
            process.wait(PATIENCE)
        os.close(controller)
        assert max(map(len, told.splitlines())) <= 40 < max(map(len, (plain.out + plain.err).splitlines()))
        words = {word for word in (plain.out + plain.err).split() if len(word) < 12 and not word.startswith("+")}
        assert words <= set(told.split())


def told_by(controller: int) -> str:
    said = b""
    with suppress(OSError):  # the end of a terminal
        while piece := os.read(controller, 4096):
            said += piece
    return said.decode()
