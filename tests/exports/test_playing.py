"""A recording played through a pipe: the samples that an export would hold, and an end whenever it is wanted."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gate.client.opening import PlayStopped, play, player
from gate.errors import ExportError
from gate.exports.audio import export_wav
from tests.support.recorder_talk import Speaker, packets_of, read_wav, recording, sine

KEEPS = f"{sys.executable} -c 'import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open(sys.argv[1], \"wb\"))' "
SLOW = f"{sys.executable} -c 'import time; time.sleep(60)'"


def a_call(seconds: float = 2.0) -> list[bytes]:
    agent, customer = Speaker(), Speaker(ssrc=2)
    agent.say(packets_of(sine(440, seconds)), 0.5)
    customer.say(packets_of(sine(1000, seconds)), 1.0)
    return list(recording(agent.packets, customer.packets, [], end=seconds + 1.5))


def test_what_is_played_is_what_is_exported(tmp_path: Path) -> None:
    begun: list[bool] = []
    report = play(
        a_call(), stop=threading.Event(), command=f"{KEEPS} {tmp_path / 'heard'}", begun=lambda: begun.append(True)
    )
    export_wav(a_call(), tmp_path / "call.wav")
    rate, left, right = read_wav(tmp_path / "call.wav")
    heard = np.frombuffer((tmp_path / "heard").read_bytes(), "<i2").reshape(-1, 2)
    assert report.rate == rate and begun == [True]
    assert np.array_equal(heard[:, 0], left) and np.array_equal(heard[:, 1], right)


def test_the_rate_is_told_to_the_player(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'import sys; sys.stdin.buffer.read(); open(sys.argv[1], \"w\").write(sys.argv[2])'"
    play(a_call(), stop=threading.Event(), command=f"{command} {tmp_path / 'rate'} {{rate}}")
    assert (tmp_path / "rate").read_text() == "8000"


def test_it_stops_when_it_is_told_to() -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(PlayStopped):
        play(a_call(), stop=stop, command=SLOW)
    assert time.monotonic() - began < 10


def test_a_player_that_fails_is_told_as_such() -> None:
    with pytest.raises(ExportError, match=r"ended before|failed"):
        play(a_call(30), stop=threading.Event(), command=f"{sys.executable} -c 'import sys; sys.exit(3)'")
    with pytest.raises(ExportError, match="is not installed"):
        play(a_call(), stop=threading.Event(), command="no-such-player -")


def test_the_first_player_that_is_here_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/play" if name == "play" else None)
    assert player().startswith("play ")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ExportError, match="nothing here can play") as caught:
        player()
    assert "by ssh export it" in caught.value.hint


def test_it_is_heard_from_where_one_says_and_as_fast(tmp_path: Path) -> None:
    play(a_call(), stop=threading.Event(), command=f"{KEEPS} {tmp_path / 'whole'}")
    play(a_call(), stop=threading.Event(), command=f"{KEEPS} {tmp_path / 'part'}", start=1.5)
    whole, part = ((tmp_path / name).read_bytes() for name in ("whole", "part"))
    assert part == whole[round(1.5 * 8000) * 4 :]
    command = f"{sys.executable} -c 'import sys; sys.stdin.buffer.read(); open(sys.argv[1], \"w\").write(sys.argv[2])'"
    play(a_call(), stop=threading.Event(), command=f"{command} {tmp_path / 'rate'} {{rate}}", speed=1.5)
    assert (tmp_path / "rate").read_text() == "12000"
