"""The recorder's control socket, spoken to by hand."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.core.rtp import decode
from gate.ports import RecordingClosed
from gate.recorder import messages as m
from gate.recorder import server
from gate.recorder.client import SEND_BUFFER
from tests.support.recorder_room import PAYLOADS, Phone, packets, source_of, spawner
from tests.support.recorder_seal import Seal, read
from tests.support.waiting import PATIENCE, until


class Wire:
    """One end of the control socket, and the process at the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = spawner(folder, forked=True)(theirs)
        theirs.close()
        self.socket.settimeout(15)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def send(self, message: m.ToRecorder) -> None:
        self.socket.send(m.encode(message))

    def next(self) -> m.ToGate:
        """The next message that is not about being alive."""
        while isinstance(message := self.any(), m.Heartbeat | m.Levels | m.Behind):
            pass
        return message

    def any(self) -> m.ToGate:
        return m.decode_for_gate(self.socket.recv(m.MAX_MESSAGE))

    def send_at_once(self, *messages: m.ToRecorder) -> None:
        """So that the recorder finds them all in its socket when it looks."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            for message in messages:
                self.send(message)
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def in_step(self) -> None:
        """All that was sent before has been done: of a call that it does not know the recorder says so, in its turn."""
        self.send(m.Start("unknown", 0, {}, []))
        while not isinstance(self.any(), m.RecordingFailed):
            pass

    def end(self) -> int:
        self.socket.close()
        return int(self.process.wait(PATIENCE))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path / "recordings")
    assert isinstance(wire.next(), m.Ready)
    yield wire
    assert wire.end() == 0


def test_nonsense_is_passed_over(wire: Wire) -> None:
    for data in (b"\x00", b"nonsense", b"\x81\xa4type\xa4Open", m.encode(m.Pause("x", 0))[:-1], b"\xc1" * 5000):
        wire.socket.send(data)
    wire.send(m.OpenRecording("a", "rec-a", "2026-01-05", {}))
    opened = wire.next()
    assert isinstance(opened, m.Opened) and opened.recording.path == "2026/01/05/rec-a.dgr"


@pytest.mark.parametrize("recording_id", ["", "../x", "a/b", "a" * 65, "é", "a\n"])
def test_an_id_that_is_no_file_name_is_refused(wire: Wire, recording_id: str) -> None:
    wire.send(m.OpenRecording("a", recording_id, "2026-01-05", {}))
    assert isinstance(wire.next(), m.OpenFailed)


def test_a_day_that_is_none_is_refused(wire: Wire) -> None:
    wire.send(m.OpenRecording("a", "rec-a", "../../..", {}))
    assert isinstance(wire.next(), m.OpenFailed)


def test_a_start_that_comes_to_nothing_is_told_and_a_pause_is_not(wire: Wire) -> None:
    wire.send(m.Pause("unknown", 0))
    wire.send(m.MediaChanged("unknown", {}))
    wire.send(m.Start("unknown", 0, {}, []))
    assert wire.next() == m.RecordingFailed("unknown", "the recorder knows no such call")


def test_an_event_that_has_no_frame_fails_its_call_and_no_other(wire: Wire) -> None:
    for call in "ab":
        wire.send(m.OpenRecording(call, f"rec-{call}", "2026-01-05", {}))
        assert isinstance(wire.next(), m.Opened)
    wire.send(m.Start("a", time.monotonic_ns(), PAYLOADS, [{"text": "x" * 70_000}]))
    failed = wire.next()
    assert isinstance(failed, m.RecordingFailed) and failed.call_id == "a"
    wire.send(m.Start("b", time.monotonic_ns(), PAYLOADS, []))
    wire.send(m.Close("b"))
    closed = wire.next()
    assert isinstance(closed, m.Closed) and closed.recording and closed.recording.chunks == 1
    assert not closed.recording.interrupted
    wire.send(m.Close("a"))
    closed = wire.next()
    assert isinstance(closed, m.Closed) and closed.recording and closed.recording.interrupted


def test_what_a_callee_waits_for_comes_before_what_nobody_does(wire: Wire) -> None:
    wire.send_at_once(m.Close("unknown"), m.OpenRecording("a", "rec-a", "2026-01-05", {}), m.Close("a"))
    assert [(type(told), told.call_id) for told in (wire.next(), wire.next(), wire.next())] == [  # type: ignore[union-attr]
        (m.Opened, "a"), (m.Closed, "unknown"), (m.Closed, "a"),
    ]  # fmt: skip


def test_a_closing_that_nobody_read_is_left_as_a_note(tmp_path: Path) -> None:
    wire = Wire(tmp_path / "recordings")
    wire.send(m.OpenRecording("a", "rec-a", "2026-01-05", {}))
    wire.send(m.Start("a", time.monotonic_ns(), PAYLOADS, []))
    wire.send(m.Close("a"))
    assert isinstance(wire.next(), m.Ready)
    assert isinstance(wire.next(), m.Opened)
    closed = wire.next()
    assert wire.end() == 0
    assert isinstance(closed, m.Closed)
    (note,) = m.find_notes(wire.folder)
    assert note.closed == closed.recording and not note.closed.interrupted
    assert note.note.stat().st_mode & 0o777 == 0o600


def test_notes_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "2026/01/05"
    folder.mkdir(parents=True)
    (folder / "rec-a.dgr.closed.json").write_text("{")
    (folder / "rec-b.dgr.closed.json").mkdir()
    closed = RecordingClosed("rec-c", "0" * 64, 0, 0.0, 0, {}, ((1.0, 2.5),), interrupted=False)
    m.leave_note(tmp_path, m.Closed("c", "2026/01/05/rec-c.dgr", closed))
    (note,) = m.find_notes(tmp_path)
    assert note.closed == closed
    note.drop()
    note.drop()
    assert m.find_notes(tmp_path) == []


MORE = [m.MediaChanged("unknown", PAYLOADS)] * (server.MANY_MESSAGES + 36)
"""So many at once that more may wait in the gate."""


def behind(wire: Wire) -> tuple[m.Opened, Phone]:
    """A call that is recorded, in a recorder that waits to hear whether more was asked of it."""
    wire.send(m.OpenRecording("a", "rec-a", "2026-01-05", {}))
    opened = wire.next()
    assert isinstance(opened, m.Opened)
    phone = Phone(opened.recording.caller_port)
    wire.send(m.Listen("a", source_of(opened.recording.caller_port), source_of(opened.recording.callee_port)))
    wire.send(m.Start("a", time.monotonic_ns(), PAYLOADS, []))
    wire.in_step()
    phone.say(b"a" * 160)
    until(lambda: not waiting(opened.recording.caller_port))
    wire.send_at_once(*MORE)
    while not isinstance(wire.any(), m.Behind):
        pass
    return opened, phone


def waiting(port: int) -> int:
    """Bytes of datagrams that have come to a port of this machine, and that nobody has read yet."""
    rows = [line.split() for line in Path("/proc/self/net/udp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if int(row[1].rpartition(":")[2], 16) == port)


def kept(wire: Wire, opened: m.Opened) -> list[bytes]:
    chunks, _ = read(wire.folder / opened.recording.path, opened.recording.wraps[0][1])
    return [p.rtp[12:14] for p in packets([frame for chunk in chunks for frame in decode(chunk)], "caller")]


def test_a_pause_on_its_way_holds_for_packets_that_come_before_it_is_read(wire: Wire) -> None:
    opened, phone = behind(wire)
    phone.say(b"b" * 160)
    until(lambda: waiting(opened.recording.caller_port))
    asked = time.monotonic_ns()
    phone.say(b"secret" * 20)
    beats = 0
    while beats < 2:  # a chunk is sealed each second, of what it may take
        beats += isinstance(wire.any(), m.Heartbeat)
    wire.send(m.Pause("a", asked))
    wire.send(m.InStep(time.monotonic_ns()))
    wire.in_step()
    wire.send(m.Close("a"))
    closed = wire.next()
    assert isinstance(closed, m.Closed) and closed.recording and closed.recording.gaps
    assert kept(wire, opened) == [b"aa", b"bb"]


def test_what_is_asked_between_two_rounds_is_done_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ROUND_SECONDS", 10 * PATIENCE)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(15)
    resting = server.Server(theirs, tmp_path, Seal, SystemClock(), min_free_bytes=1, locked=False)
    thread = threading.Thread(target=resting.run, daemon=True)
    thread.start()
    for name in "abc":
        ours.send(m.encode(m.OpenRecording(name, f"rec-{name}", "2026-01-05", {})))
        while not isinstance(told := m.decode_for_gate(ours.recv(m.MAX_MESSAGE)), m.Opened):
            pass
        assert told.call_id == name
    ours.close()
    thread.join(15)
    assert not thread.is_alive(), "it hears that the gate is gone"


def test_packets_wait_for_a_gate_that_has_more_to_say(wire: Wire) -> None:
    opened, phone = behind(wire)
    phone.say(b"b" * 160)
    until(lambda: waiting(opened.recording.caller_port))
    said = time.monotonic_ns()
    wire.send_at_once(m.InStep(said), *MORE)
    phone.say(b"c" * 160)
    while not isinstance(wire.any(), m.Behind):
        pass
    assert wire.end() == 0, "gone, with what it had yet to say"
    assert kept(wire, opened) == [b"aa", b"bb"], "up to where nothing waited, and no further"
