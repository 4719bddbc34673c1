"""The recorder's control socket, spoken to by hand."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.recorder import leftovers
from gate.recorder import messages as m
from tests.support.recorder_room import PAYLOADS, spawner


class Wire:
    """One end of the control socket, and the process at the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = spawner(folder)(theirs)
        theirs.close()
        self.socket.settimeout(15)

    def send(self, message: m.ToRecorder) -> None:
        self.socket.send(m.encode(message))

    def next(self) -> m.ToGate:
        """The next message that is not about being alive."""
        while isinstance(message := m.decode_for_gate(self.socket.recv(m.MAX_MESSAGE)), m.Alive | m.Levels):
            pass
        return message

    def end(self) -> int:
        self.socket.close()
        return int(self.process.wait(15))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path / "recordings")
    assert isinstance(wire.next(), m.Ready)
    yield wire
    assert wire.end() == 0


def test_nonsense_is_passed_over(wire: Wire) -> None:
    for data in (b"\x00", b"nonsense", b"\x81\xa4type\xa4Open", m.encode(m.Pause("x"))[:-1], b"\xc1" * 5000):
        wire.socket.send(data)
    wire.send(m.Open("a", "rec-a", "2026-01-05", {}))
    opened = wire.next()
    assert isinstance(opened, m.Opened) and opened.path == "2026/01/05/rec-a.dgr"


@pytest.mark.parametrize("recording_id", ["", "../x", "a/b", "a" * 65, "é", "a\n"])
def test_an_id_that_is_no_file_name_is_refused(wire: Wire, recording_id: str) -> None:
    wire.send(m.Open("a", recording_id, "2026-01-05", {}))
    assert isinstance(wire.next(), m.OpenFailed)


def test_a_day_that_is_none_is_refused(wire: Wire) -> None:
    wire.send(m.Open("a", "rec-a", "../../..", {}))
    assert isinstance(wire.next(), m.OpenFailed)


def test_a_start_that_comes_to_nothing_is_told_and_a_pause_is_not(wire: Wire) -> None:
    wire.send(m.Pause("unknown"))
    wire.send(m.MediaChanged("unknown", {}))
    wire.send(m.Start("unknown", {}, []))
    assert wire.next() == m.Failed("unknown", "the recorder knows no such call")


def test_an_event_that_has_no_frame_fails_its_call_and_no_other(wire: Wire) -> None:
    for call in "ab":
        wire.send(m.Open(call, f"rec-{call}", "2026-01-05", {}))
        assert isinstance(wire.next(), m.Opened)
    wire.send(m.Start("a", PAYLOADS, [{"text": "x" * 70_000}]))
    failed = wire.next()
    assert isinstance(failed, m.Failed) and failed.call_id == "a"
    wire.send(m.Start("b", PAYLOADS, []))
    wire.send(m.Close("b"))
    closed = wire.next()
    assert isinstance(closed, m.Closed) and not closed.interrupted and closed.chunks == 1
    wire.send(m.Close("a"))
    closed = wire.next()
    assert isinstance(closed, m.Closed) and closed.interrupted


def test_a_closing_that_nobody_read_is_left_as_a_note(tmp_path: Path) -> None:
    wire = Wire(tmp_path / "recordings")
    wire.send(m.Open("a", "rec-a", "2026-01-05", {}))
    wire.send(m.Start("a", PAYLOADS, []))
    wire.send(m.Close("a"))
    assert isinstance(wire.next(), m.Ready)
    assert isinstance(wire.next(), m.Opened)
    closed = wire.next()
    assert wire.end() == 0
    assert isinstance(closed, m.Closed)
    (note,) = leftovers.find(wire.folder)
    assert note.closed == leftovers.closing(closed) and not note.closed.interrupted
    assert note.note.stat().st_mode & 0o777 == 0o600


def test_notes_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "2026/01/05"
    folder.mkdir(parents=True)
    (folder / "rec-a.dgr.closed.json").write_text("{")
    (folder / "rec-b.dgr.closed.json").mkdir()
    closed = m.Closed("c", "rec-c", path="2026/01/05/rec-c.dgr", sha256="0" * 64, gaps=[(1.0, 2.5)])
    leftovers.leave(tmp_path, closed)
    (note,) = leftovers.find(tmp_path)
    assert note.closed == leftovers.closing(closed)
    assert note.closed.gaps == ((1.0, 2.5),)
    note.drop()
    note.drop()
    assert leftovers.find(tmp_path) == []
