"""Where output cannot go: the error names what was named, nothing half done stays, and JSON stays JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import PROGRAM, dialgate
from tests.support.desks import SmallDesk
from tests.support.disks import Ballast, small_disk
from tests.support.example import make_example


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
        assert f"dialgate: {target}: No such file or directory" in dialgate(*command, "-o", str(target)).err


@pytest.mark.parametrize("shape", [(), ("--json",)])
def test_full_standard_output_is_an_error_of_one_line(shape: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as sink:
        done = subprocess.run(
            [*PROGRAM, "register", "status", *shape], stdout=sink, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr


def test_what_nobody_expected_is_json_too_also_where_its_details_find_no_room(
    gate: SmallDesk, full: Path, monkeypatch: pytest.MonkeyPatch
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
