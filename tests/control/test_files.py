"""Open files handed to the gate: a ticket for one file, for the account that brought it, as long as it waits."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gate.config import Config, load
from gate.control import files, sockets
from gate.control.client import ControlClient
from gate.control.files import EACH, files_socket, handed
from gate.errors import ControlError, UsageError
from gate.handed_over_file import open_file
from tests.support.doors import serving
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import write
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write(tmp_path))


@pytest.fixture
def answers() -> ExampleAnswers:
    return ExampleAnswers()


@pytest.fixture
def client(config: Config, answers: ExampleAnswers) -> Iterator[ControlClient]:
    with serving(answers, config):
        yield ControlClient(config.control_socket, timeout=PATIENCE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tps.txt"
    path.write_text("1 2 3")
    return path


def asks(client: ControlClient, ticket: str) -> object:
    """An import with that ticket, as a client of another make would ask for it."""
    from gate.control.exchange import exchange

    fields = {"name": "tps", "path": "tps.txt", "file": ticket}
    return exchange(client.socket, "register_import", fields, timeout=10, streams=True, progress=None)


def open_here(path: Path, wanted: int = 0) -> int:
    """How often this process (the gate's side is a thread of it) has the file open; waits until it is so often."""
    end = time.monotonic() + PATIENCE
    while True:
        found = 0
        for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - what goes meanwhile is passed over
            with contextlib.suppress(OSError):
                found += os.readlink(f"/proc/self/fd/{entry}") == str(path)  # noqa: PTH115
        if found == wanted or time.monotonic() > end:
            return found
        time.sleep(0.01)


def brought(client: ControlClient, *descriptors: int) -> dict[str, object]:
    """What the gate says to a connection that brings these."""
    with sockets.connect(files_socket(client.socket), 10) as connection:
        socket.send_fds(connection, [b"\n"], list(descriptors))
        return dict(msgspec.json.decode(connection.recv(65536)))


def test_a_relative_path_is_the_callers(
    client: ControlClient, answers: ExampleAnswers, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    assert client.call("register_import", name="tps", path="tps.txt")["count"] == 3
    assert answers.asked[-1][1]["said"] == "tps.txt"
    assert open_here(path) == 0


def test_a_ticket_is_good_once(client: ControlClient, path: Path) -> None:
    with open_file(path) as given, handed(client.socket, given, 10) as ticket:
        assert len(ticket) == 32
        asks(client, ticket)
        with pytest.raises(UsageError, match="opens no path"):
            asks(client, ticket)
    assert open_here(path) == 0


def test_a_ticket_ends_with_its_connection(client: ControlClient, path: Path) -> None:
    with open_file(path) as given, handed(client.socket, given, 10) as ticket:
        pass
    assert open_here(path) == 0
    with pytest.raises(UsageError, match="opens no path"):
        asks(client, ticket)


def test_a_ticket_ends_with_its_time(client: ControlClient, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SECONDS", 0.05)
    with open_file(path) as given, sockets.connect(files_socket(client.socket), 10) as connection:
        socket.send_fds(connection, [b"\n"], [given.fileno()])
        ticket = msgspec.json.decode(connection.recv(65536))["ticket"]
        assert connection.recv(1) == b"", "the gate ends it"
        with pytest.raises(UsageError, match="opens no path"):
            asks(client, ticket)
    assert open_here(path) == 0


def test_one_account_has_so_many_that_wait(client: ControlClient, path: Path) -> None:
    with open_file(path) as given:
        waiting = [sockets.connect(files_socket(client.socket), 10) for _ in range(EACH)]
        for connection in waiting:
            socket.send_fds(connection, [b"\n"], [given.fileno()])
            assert b"ticket" in connection.recv(65536)
        with pytest.raises(ControlError, match="too many files"), handed(client.socket, given, 10):
            pass
        for connection in waiting:
            connection.close()
        assert open_here(path, 1) == 1
        client.call("check", number="1")  # by its answer the gate's loop has been round, and has counted them out
        assert client.call("register_import", name="tps", path=str(path))["count"] == 3
    assert open_here(path) == 0


def test_what_is_no_open_file_is_refused_and_closed(client: ControlClient, path: Path) -> None:
    with path.open() as one, path.open() as other:
        assert "2 open files" in str(brought(client, one.fileno(), other.fileno()))
        assert "0 open files" in str(brought(client))
    read, write_end = os.pipe()
    folder = os.open(path.parent, os.O_RDONLY)
    nothing = os.open("/dev/zero", os.O_RDONLY)
    only_write = os.open(path, os.O_WRONLY)
    try:
        for descriptor, words in ((read, "is a pipe"), (folder, "is a folder"), (nothing, "is a device")):
            assert words in str(brought(client, descriptor))
        with sockets.connect(files_socket(client.socket), 10) as connection:
            socket.send_fds(connection, [b"\n"], [only_write])
            ticket = msgspec.json.decode(connection.recv(65536))["ticket"]
            with pytest.raises(UsageError, match="not opened to be read"):
                asks(client, ticket)
    finally:
        for descriptor in (read, write_end, folder, nothing, only_write):
            os.close(descriptor)
    until(lambda: open_here(path) == open_here(path.parent) == open_here(Path("/dev/zero")) == 0)


def test_both_sockets_have_the_same_rights_and_go_with_the_gate(config: Config, answers: ExampleAnswers) -> None:
    with serving(answers, config):
        places = (config.control_socket, files_socket(config.control_socket))
        assert {place.stat().st_mode & 0o777 for place in places} == {0o600}
    assert not any(place.exists() for place in places)
