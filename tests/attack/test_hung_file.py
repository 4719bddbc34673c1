"""Who attacks: an account that may hand lists over, with a file of a file system that does not answer, or of the gate
itself. What they want: that the gate stops deciding, or loses the locks on its own databases."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.control.files import files_socket
from gate.errors import GateError, RegisterFailed, UsageError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.contacts.list_reading import Into, Job, Read, in_child
from gate.registers.import_process import import_in_process
from tests.support.example import make_example
from tests.support.frozen_fs import NEEDS_FUSE, frozen_fs
from tests.support.registers import NOW, TODAY, drama, files, put
from tests.support.running_gate import RunningGate


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate")
    gate.start()
    yield gate
    gate.stop()


def answers(gate: RunningGate) -> bool:
    return str(gate.client.call("check", number="02079460123")["verdict"]) == "allow"


@NEEDS_FUSE
def test_a_file_that_does_not_answer_is_refused_and_holds_up_nobody(gate: RunningGate, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    with frozen_fs(tmp_path / "share") as share:
        held = [os.open(share.path, os.O_RDONLY) for _ in range(3)]
        share.freeze()
        for descriptor in held:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(60)
                connection.connect(str(files_socket(gate.socket)))
                socket.send_fds(connection, [b"\n"], [descriptor])
                said = connection.recv(65536).decode()
                assert "no local file system" in said, said
            assert answers(gate)
        assert answers(gate)


def test_no_file_of_the_data_folder_is_taken_and_its_locks_stay(gate: RunningGate) -> None:
    """SQLite holds its locks by fcntl(2): with the first ``close`` of any descriptor a process loses all of a file."""
    path = gate.data / "gate.db"
    before = locks_on(path)
    assert before, "the gate holds the write-ahead log's file open, with locks"
    for name in ("gate.db-shm", "gate.db", "gate.db-wal", "keys.db"):
        with pytest.raises(UsageError, match="is a file of the data folder"):
            gate.client.call("contacts_import", path=str(gate.data / name))
    gate.client.call("objection_add", number="02079460123")
    assert locks_on(path) == before


LASTING = "128"


def locks_on(path: Path) -> list[tuple[str, ...]]:
    """What ``/proc/locks`` says of the lock that every connection keeps on a database's shared memory, on byte 128
    (https://sqlite.org/walformat.html): (mode, process, begin, end). Those of readers come and go."""
    inode = f":{(path.parent / 'gate.db-shm').stat().st_ino}"
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return sorted(
        (each[3], each[4], each[6], each[7]) for each in lines if each[5].endswith(inode) and each[6] == LASTING
    )


@pytest.mark.parametrize("kind", ["proc", "pipe"])
def test_what_is_no_file_of_a_disk_is_refused(gate: RunningGate, kind: str) -> None:
    if kind == "pipe":
        descriptor, _ = os.pipe()
    else:
        descriptor = os.open("/proc/self/status", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(files_socket(gate.socket)))
        socket.send_fds(connection, [b"\n"], [descriptor])
        said = connection.recv(65536).decode()
    assert ("no local file system" if kind == "proc" else "is a pipe") in said
    assert answers(gate)


@NEEDS_FUSE
@pytest.mark.parametrize("list_of", ["contacts", "register"])
def test_an_import_whose_file_stops_answering_is_ended_and_what_was_there_stays(list_of: str, tmp_path: Path) -> None:
    """The file was opened while its file system answered; the process that reads it waits for ever."""
    (tmp_path / "share").mkdir()
    make_example(tmp_path / "gate")
    put(tmp_path / "registers", "tps", drama(100))
    before = files(tmp_path / "registers")
    with frozen_fs(tmp_path / "share") as share:
        given = open_file(str(share.path))
        share.freeze()
        if list_of == "contacts":
            with pytest.raises(GateError, match="nothing was read of the list for 1 s"):
                read_in_child(tmp_path, given, stalled=1.0)
        else:
            with pytest.raises(RegisterFailed, match="reported nothing for 1 s"):
                import_in_process(tmp_path / "registers", "tps", given, as_of=TODAY, now=NOW, stalled=1.0)
    with suppress(OSError):  # its file system is gone
        given.close()
    assert files(tmp_path / "registers") == before


def test_a_list_that_needs_more_memory_than_an_import_may_have_is_refused(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    given = tmp_path / "list.csv"
    for rows, fits in ((2_000, True), (400_000, False)):
        given.write_text("id,telephone\n" + "".join(f"{row},0{7700000000 + row}\n" for row in range(rows)))
        if fits:
            assert read_in_child(tmp_path, open_file(str(given)), memory=300 << 20).contacts == rows
        else:
            with pytest.raises(UsageError, match="too large to be read at once"):
                read_in_child(tmp_path, open_file(str(given)), memory=300 << 20)


def read_in_child(tmp_path: Path, given: HandedOverFile, **bounds: Any) -> Read:
    """The list, read as a running gate has it read."""
    job = Job(
        config=load(tmp_path / "gate" / "config.toml"), said="list.csv", topic="general", now=NOW, columns=(),
        on_behalf_of="", subscriber=("", ""),
        reference="", delimiter="", header=True,
    )  # fmt: skip
    with ExitStack() as stack:
        into = Into(*(stack.enter_context(tempfile.TemporaryFile()) for _ in Into._fields))
        return in_child(job, given, into, lambda part: None, **bounds)
