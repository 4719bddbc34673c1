"""From RTP on the wire to a WAV in the auditor's hands: recorder, vault and export together."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.exports.audio import ExportReport, export_wav
from gate.ports import RecordingOpened
from gate.recorder import server
from gate.vault.keyfile import PrivateKey
from gate.vault.reader import open_recording
from tests.support.recorder_room import PAYLOADS, Phone, Room
from tests.support.recorder_talk import packets_of, pitch, read_wav, sine
from tests.support.vault import add_recipient, new_key
from tests.support.waiting import until

NOTICE = {
    "event": "announcement",
    "announcement": "notice",
    "version": "1",
    "completed": True,
    "started": 5,
    "ended": 6,
}


@pytest.fixture
def auditor(tmp_path: Path) -> PrivateKey:
    private, recipient = new_key("Ada", "auditor", "open sesame", datetime(2026, 1, 5, tzinfo=UTC))
    add_recipient(tmp_path / "recipients", recipient.to_text())
    return private


def export(room: Room, opened: RecordingOpened, key: PrivateKey, out: Path, *, cut: bool = False) -> ExportReport:
    _, chunks = open_recording(room.folder / opened.path, opened.wraps, key, allow_interrupted=cut)
    return export_wav(chunks, out, announcement=sine(700, 1))


def talk(opened: RecordingOpened, seconds: float) -> None:
    agent, customer = Phone(opened.caller_port, 1), Phone(opened.callee_port, 2)
    low, high = packets_of(sine(440, seconds)), packets_of(sine(1200, seconds))
    began = time.monotonic()
    for index, (left, right) in enumerate(zip(low, high, strict=True)):
        agent.say(left)
        customer.say(right)
        time.sleep(max(0.0, began + (index + 1) * 0.02 - time.monotonic()))


def test_a_call_from_wire_to_wav(tmp_path: Path, auditor: PrivateKey) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    opened = room.open("a")
    assert [recipient for recipient, _ in opened.wraps] == [auditor.id]
    room.client.start("a", PAYLOADS, [NOTICE])
    room.settle()
    talk(opened, 1.5)
    room.client.pause("a")
    room.settle()
    talk(opened, 0.5)
    room.client.resume("a")
    room.settle()
    talk(opened, 1.5)
    closed = room.close("a")
    room.shut()
    assert closed is not None and not closed.interrupted

    report = export(room, opened, auditor, tmp_path / "a.wav")
    rate, left, right = read_wav(tmp_path / "a.wav")
    assert report.seconds == pytest.approx(1 + closed.seconds, abs=0.01)
    assert report.gaps == [
        (pytest.approx(1 + closed.gaps[0][0], abs=0.01), pytest.approx(1 + closed.gaps[0][1], abs=0.01))
    ]
    assert pitch(right[:rate], rate) == pytest.approx(700, abs=3)
    assert not left[:rate].any()
    pause_start, pause_end = (round(at * rate) for at in report.gaps[0])
    for span in ((rate + 2000, pause_start - 500), (pause_end + 2000, len(left) - 2000)):
        assert pitch(left[slice(*span)], rate) == pytest.approx(440, abs=3)
        assert pitch(right[slice(*span)], rate) == pytest.approx(1200, abs=3)
    assert not left[pause_start + 900 : pause_end - 900].any()
    assert {name: side.lost for name, side in report.sides.items()} == {"caller": 0, "callee": 0}
    assert {name: side.resyncs for name, side in report.sides.items()} == {"caller": 0, "callee": 0}


def test_a_killed_recorders_file_opens_up_to_its_last_second(tmp_path: Path, auditor: PrivateKey) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    opened = room.open("a")
    room.client.start("a", PAYLOADS, [NOTICE])
    room.settle()
    talk(opened, 3)
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not room.events.away.empty())
    report = export(room, opened, auditor, tmp_path / "a.wav", cut=True)
    assert 1 + 2 <= report.seconds <= 1 + 4
    assert not report.ended and "cut off" in report.notes[0]
    rate, left, _ = read_wav(tmp_path / "a.wav")
    assert pitch(left[rate + 1000 : 3 * rate], rate) == pytest.approx(440, abs=3)
    room.shut()


def test_without_recipients_nothing_opens(tmp_path: Path) -> None:
    from gate.errors import RecorderError

    (tmp_path / "recipients").mkdir()
    room = Room(tmp_path / "recordings", forked=True)
    with pytest.raises(RecorderError):
        room.open("a")
    assert room.client.available()
    room.shut()


@pytest.mark.skipif(os.geteuid() != 0, reason="a priority of its own needs root or RLIMIT_NICE")
def test_it_comes_before_other_programs_where_that_is_permitted(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    pid = room.client.pid
    assert pid is not None
    threads = {int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()}
    assert len(threads) == 2, "the loop, and the thread that waits for disks and holds the interpreter at times"
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert {os.getpriority(os.PRIO_PROCESS, each) for each in threads} == {max(-20, own + server.BEFORE_OTHERS)}
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():
        assert session.read_text().split()[-1] == str(server.BEFORE_OTHERS)
    room.shut()


@pytest.mark.skipif(os.geteuid() != 0, reason="locking memory needs root or an unlimited RLIMIT_MEMLOCK")
def test_its_memory_is_locked_where_that_is_permitted(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    status = Path(f"/proc/{room.client.pid}/status").read_text()
    locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck"))
    assert locked > 1000
    room.shut()
