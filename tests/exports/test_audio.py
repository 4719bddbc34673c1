"""Exported audio, measured: the right voice in the right channel, in its place and of its length."""

from __future__ import annotations

import json
import random
import resource
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import G722
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.core.rtp import SIDES, EventFrame, Frame, MapFrame, PacketFrame, encode
from gate.errors import ExportError
from gate.exports.audio import export_wav
from tests.support.examples import examples
from tests.support.recorder_room import key, rtp
from tests.support.recorder_talk import (
    Speaker,
    loudness,
    onset,
    packets_of,
    pitch,
    read_wav,
    recording,
    sine,
)


def test_agent_left_customer_right_announcement_before_both(tmp_path: Path) -> None:
    agent, customer = Speaker(), Speaker(ssrc=2)
    agent.say(packets_of(sine(440, 2)), 0.5)
    customer.say(packets_of(sine(1000, 2)), 1.0)
    notice = {
        "announcement": "notice", "version": "3", "completed": True,
        "started": "2026-01-05T09:59:58.400000+00:00", "ended": "2026-01-05T09:59:59.900000+00:00",
    }  # fmt: skip
    out = tmp_path / "call.wav"
    report = export_wav(
        recording(agent.packets, customer.packets, [(0, "announcement", notice)], end=3.5),
        out,
        announcement=sine(600, 1.5),
        report=tmp_path / "call.json",
    )
    rate, left, right = read_wav(out)
    assert rate == 8000
    assert len(left) / rate == report.seconds == pytest.approx(1.5 + 0.1 + 3.5, abs=0.001)
    assert report.recording_begins == pytest.approx(1.6, abs=0.001), "it ended 100 ms before the recording began"
    assert pitch(right[: rate * 3 // 2], rate) == pytest.approx(600, abs=2)
    assert loudness(left[: rate * 2]) == 0
    assert onset(left, rate) == pytest.approx(1.6 + 0.5, abs=0.003)
    assert onset(right[int(1.6 * rate) :], rate) == pytest.approx(1.0, abs=0.003)
    assert pitch(left[int(2.2 * rate) : int(4.0 * rate)], rate) == pytest.approx(440, abs=2)
    assert pitch(right[int(2.7 * rate) : int(4.5 * rate)], rate) == pytest.approx(1000, abs=2)
    assert out.stat().st_mode & 0o777 == 0o600
    told = json.loads((tmp_path / "call.json").read_text())
    assert told["announcement"] == {
        "announcement": "notice", "version": "3", "completed": True, "seconds": 1.5, "from": 0.0, "to": 1.5,
    }  # fmt: skip
    assert told["sides"]["caller"]["packets"] == 100 and told["sides"]["caller"]["lost"] == 0
    assert told["ended"] and not told["interrupted"] and told["notes"] == []


def test_samples_are_those_that_were_sent(tmp_path: Path) -> None:
    voice = sine(300, 1)
    speaker = Speaker()
    speaker.say(packets_of(voice), 0.0)
    export_wav(recording(speaker.packets, end=1.0), tmp_path / "a.wav")
    _, left, right = read_wav(tmp_path / "a.wav")
    assert len(left) == 8000
    error = left.astype(float) - voice
    assert 20 * np.log10(loudness(voice) / loudness(error)) > 35, "µ-law's own noise and nothing more"
    assert not right.any()


def test_an_announcement_that_was_cut_off_is_as_long_as_it_played(tmp_path: Path) -> None:
    notice = {"announcement": "notice", "completed": False, "started": 10.0, "ended": 10.7}
    report = export_wav(
        recording(events=[(0, "announcement", notice)], end=1.0), tmp_path / "a.wav", announcement=sine(600, 3)
    )
    _, _, right = read_wav(tmp_path / "a.wav")
    assert report.announcement is not None and report.announcement["to"] == pytest.approx(0.7)
    assert np.flatnonzero(right)[-1] / 8000 == pytest.approx(0.7, abs=0.002)


def test_disorder_and_jitter_do_not_change_the_audio(tmp_path: Path) -> None:
    voice = sine(350, 3)
    still, shaken = Speaker(), Speaker()
    still.say(packets_of(voice), 0.2)
    chance = random.Random(5)
    shaken.say(packets_of(voice), 0.2, delays=[0.0] + [chance.choice([0, 0.015, 0.06, 0.11]) for _ in range(149)])
    export_wav(recording(still.packets, end=3.4), tmp_path / "still.wav")
    report = export_wav(recording(shaken.packets, end=3.4), tmp_path / "shaken.wav")
    assert (tmp_path / "still.wav").read_bytes() == (tmp_path / "shaken.wav").read_bytes()
    assert report.sides["caller"].lost == report.sides["caller"].late == 0


def test_the_first_packet_being_late_does_not_shift_the_stream(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.say(packets_of(sine(350, 2)), 0.5, delays=[0.11, 0.09, 0.07, 0.05, 0.03, 0.01])
    export_wav(recording(speaker.packets, end=3), tmp_path / "a.wav")
    rate, left, _ = read_wav(tmp_path / "a.wav")
    assert onset(left, rate) == pytest.approx(0.5, abs=0.003)


def test_duplicates_are_played_once(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.say(packets_of(sine(350, 1)), 0.0)
    export_wav(recording(speaker.packets, end=1), tmp_path / "once.wav")
    twice = sorted(speaker.packets + [(at + 3000, data) for at, data in speaker.packets])
    report = export_wav(recording(twice, end=1), tmp_path / "twice.wav")
    assert (tmp_path / "once.wav").read_bytes() == (tmp_path / "twice.wav").read_bytes()
    assert report.sides["caller"].late == 50


def test_a_short_loss_is_concealed_and_a_long_one_fades_to_silence(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.say(packets_of(sine(350, 3)), 0.0)
    short = [p for i, p in enumerate(speaker.packets) if i not in (50, 51)]
    report = export_wav(recording(short, end=3), tmp_path / "short.wav")
    rate, left, _ = read_wav(tmp_path / "short.wav")
    assert report.sides["caller"].lost == 2
    assert report.sides["caller"].concealed_seconds == pytest.approx(0.04)
    assert loudness(left[8000:8320]) > 2000
    assert loudness(left[8320 : 8320 + 8000]) == pytest.approx(10000 / np.sqrt(2), rel=0.02), "in its place again"

    long = [p for i, p in enumerate(speaker.packets) if not 50 <= i < 100]
    report = export_wav(recording(long, end=3), tmp_path / "long.wav")
    _, left, _ = read_wav(tmp_path / "long.wav")
    assert report.sides["caller"].lost == 50
    assert report.sides["caller"].concealed_seconds == pytest.approx(0.06)
    assert not left[8000 + 481 : 16000].any()
    assert loudness(left[16000:24000]) == pytest.approx(10000 / np.sqrt(2), rel=0.02)
    assert rate == 8000


def test_silence_suppression_is_silence_and_no_loss(tmp_path: Path) -> None:
    speaker = Speaker()
    end = speaker.say(packets_of(sine(350, 1)), 0.0)
    speaker.quiet(2)
    speaker.say(packets_of(sine(350, 1)), end + 2)
    report = export_wav(recording(speaker.packets, end=4), tmp_path / "a.wav")
    _, left, _ = read_wav(tmp_path / "a.wav")
    assert not left[8000:24000].any()
    assert loudness(left[24000:]) > 7000
    side = report.sides["caller"]
    assert (side.lost, side.concealed_seconds, side.resyncs) == (0, 0, 0)


def test_a_frozen_timestamp_after_hold_is_placed_by_arrival(tmp_path: Path) -> None:
    speaker = Speaker()
    end = speaker.say(packets_of(sine(350, 1)), 0.0)
    speaker.say(packets_of(sine(500, 1)), end + 0.8)
    report = export_wav(recording(speaker.packets, end=3), tmp_path / "a.wav")
    _, left, _ = read_wav(tmp_path / "a.wav")
    assert not left[8000:14300].any()
    assert onset(left[8000:], 8000) == pytest.approx(0.8, abs=0.005)
    assert report.sides["caller"].resyncs == 1


def test_a_new_ssrc_and_a_jump_of_timestamps_are_placed_by_arrival(tmp_path: Path) -> None:
    first, second = Speaker(), Speaker(ssrc=99, sequence=7, timestamp=123456)
    first.say(packets_of(sine(350, 1)), 0.0)
    second.say(packets_of(sine(700, 1)), 1.5)
    second.timestamp += 500_000_000
    second.say(packets_of(sine(900, 1)), 3.0)
    report = export_wav(recording(first.packets + second.packets, end=4), tmp_path / "a.wav")
    _, left, _ = read_wav(tmp_path / "a.wav")
    assert not left[8000:11990].any() and not left[20000:23990].any()
    for start, hz in ((0, 350), (12000, 700), (24000, 900)):
        assert pitch(left[start : start + 8000], 8000) == pytest.approx(hz, abs=3)
    assert report.sides["caller"].streams == 2
    assert report.sides["caller"].lost == 0


def test_a_running_clock_stays_with_arrivals(tmp_path: Path) -> None:
    """A sender 200 ppm slow for ten minutes is 120 ms off by its own clock."""
    speaker, other = Speaker(), Speaker(ssrc=2)
    silence, click = b"\xff" * 160, packets_of(sine(800, 0.02))[0]
    speaker.say([click if i % 3000 == 2999 else silence for i in range(30000)], 0.0, drift=0.0002)
    other.say([silence] * 30000, 0.0)
    report = export_wav(recording(speaker.packets, other.packets, end=601), tmp_path / "a.wav")
    rate, left, _ = read_wav(tmp_path / "a.wav")
    loud = np.flatnonzero(np.abs(left.astype(int)) > 3000) / rate
    clicks = loud[np.concatenate(([True], np.diff(loud) > 1))]
    true = [(3000 * n - 1) * 0.02 * 1.0002 for n in range(1, 11)]
    assert len(clicks) == 10
    assert max(abs(np.array(clicks) - true)) < 0.04
    assert 2 <= report.sides["caller"].resyncs <= 6
    assert report.seconds == pytest.approx(601)


def test_pauses_are_marked_and_listed_and_as_long_as_they_were(tmp_path: Path) -> None:
    agent = Speaker()
    agent.say(packets_of(sine(350, 2)), 0.0)
    agent.sequence += 150
    agent.quiet(3)
    agent.say(packets_of(sine(350, 2)), 5.0)
    report = export_wav(
        recording(agent.packets, events=[(2.0, "pause", {}), (5.0, "resume", {})], end=7.0), tmp_path / "a.wav"
    )
    rate, left, right = read_wav(tmp_path / "a.wav")
    assert len(left) == 7 * rate
    assert report.gaps == [(2.0, 5.0)]
    for channel in (left, right):
        assert pitch(channel[16000:16800], rate) == pytest.approx(1000, abs=10)
        assert pitch(channel[39200:40000], rate) == pytest.approx(1400, abs=10)
        assert not channel[16800:39200].any()
    assert pitch(left[40000:56000], rate) == pytest.approx(350, abs=2)
    assert report.sides["caller"].lost == 0, "what was not to be kept is not lost"
    assert report.sides["caller"].concealed_seconds == 0


def test_a_pause_to_the_end_and_a_very_short_one(tmp_path: Path) -> None:
    agent = Speaker()
    agent.say(packets_of(sine(350, 2)), 0.0)
    events = [(2.0, "pause", {}), (2.09, "resume", {}), (3.0, "pause", {})]
    report = export_wav(recording(agent.packets, events=events, end=4.0), tmp_path / "a.wav")
    assert report.gaps == [(2.0, 2.09), (3.0, 4.0)]
    assert report.seconds == 4.0


def test_keys_are_silence_in_their_place(tmp_path: Path) -> None:
    speaker = Speaker()
    end = speaker.say(packets_of(sine(350, 1)), 0.0)
    for index in range(10):
        packet = key(5, speaker.sequence, speaker.timestamp, marker=index == 0, duration=160 * (index + 1), ssrc=1)
        speaker.packets.append((round((end + index * 0.02) * 1e6), packet))
        speaker.sequence += 1
    speaker.quiet(0.2)
    speaker.say(packets_of(sine(350, 1)), end + 0.2)
    report = export_wav(recording(speaker.packets, end=2.2), tmp_path / "a.wav")
    _, left, _ = read_wav(tmp_path / "a.wav")
    assert not left[8000:9600].any()
    assert loudness(left[9600:17600]) > 7000
    side = report.sides["caller"]
    assert (side.key_packets, side.lost, side.streams, side.resyncs) == (10, 0, 1, 0)


def g722(samples: np.ndarray) -> list[bytes]:
    data = bytes(G722.G722(16000, 64000).encode(samples))
    return [data[i : i + 160] for i in range(0, len(data), 160)]


def test_wideband_makes_a_wide_file(tmp_path: Path) -> None:
    agent, customer = Speaker(pt=9), Speaker(ssrc=2)
    agent.say(g722(sine(5500, 2, 16000)), 0.0)
    customer.say(packets_of(sine(1000, 2)), 0.0)
    maps = {"caller": {9: "G722/8000"}, "callee": {0: "PCMU/8000"}}
    report = export_wav(recording(agent.packets, customer.packets, maps=maps, end=2), tmp_path / "a.wav")
    rate, left, right = read_wav(tmp_path / "a.wav")
    assert rate == report.rate == 16000
    assert len(left) == 32000
    assert pitch(left[1000:31000], rate) == pytest.approx(5500, abs=2), "above what narrowband can carry"
    assert pitch(right[1000:31000], rate) == pytest.approx(1000, abs=2)
    assert loudness(right[1000:31000]) == pytest.approx(10000 / np.sqrt(2), rel=0.03)
    assert report.sides["caller"].codecs == {"G722/8000": pytest.approx(2.0)}


def test_wideband_that_may_come_makes_a_wide_file(tmp_path: Path) -> None:
    customer = Speaker(ssrc=2, pt=9)
    customer.say(g722(sine(5500, 2, 16000)), 4.0)
    maps = {"caller": {0: "PCMU/8000"}, "callee": {9: "G722/8000"}}
    export_wav(recording((), customer.packets, maps=maps, end=6), tmp_path / "a.wav")
    rate, _, right = read_wav(tmp_path / "a.wav")
    assert rate == 16000
    assert pitch(right[65000:95000], rate) == pytest.approx(5500, abs=2)


def test_wideband_that_comes_late_is_brought_down_and_told(tmp_path: Path) -> None:
    agent = Speaker()
    end = agent.say(packets_of(sine(400, 4)), 0.0)
    agent.pt = 9
    agent.say(g722(sine(800, 2, 16000)), end)
    extra = [MapFrame(round(end * 1e6) - 1, {"caller": {9: "G722/8000"}})]
    report = export_wav(recording(agent.packets, extra=extra, end=6), tmp_path / "a.wav")
    rate, left, _ = read_wav(tmp_path / "a.wav")
    assert rate == 8000 and len(left) == 48000
    assert pitch(left[33000:47000], rate) == pytest.approx(800, abs=2)
    assert any("brought down" in note for note in report.notes)


@pytest.mark.parametrize("name", ["PCMA/8000", "L16/8000", "L16/16000", "L16/44100", "L16/8000/2"])
def test_other_codecs(tmp_path: Path, name: str) -> None:
    rate = int(name.split("/")[1])
    speaker = Speaker(pt=96, clock=rate)
    samples = sine(440, 1, rate)
    if name.startswith("PCMA"):
        table = {int(v): code for code, v in enumerate(alaw_values())}
        values = np.array(sorted(table))
        nearest = values[np.abs(values[None, :] - samples[:, None].astype(int)).argmin(axis=1)]
        data = bytes(table[int(v)] for v in nearest)
        width = 1
    else:
        channels = 2 if name.endswith("/2") else 1
        data = np.repeat(samples, channels).astype(">i2").tobytes()
        width = 2 * channels
    size = rate // 50 * width
    speaker.say([data[i : i + size] for i in range(0, len(data), size)], 0.0)
    export_wav(recording(speaker.packets, maps={"caller": {96: name}}, end=1), tmp_path / "a.wav")
    out, left, _ = read_wav(tmp_path / "a.wav")
    assert out == (16000 if rate > 8000 else 8000)
    assert abs(len(left) - out) <= 2
    assert pitch(left, out) == pytest.approx(440, abs=2)
    assert loudness(left[1000:-1000]) == pytest.approx(10000 / np.sqrt(2), rel=0.03)


def alaw_values() -> np.ndarray:
    """ITU-T G.711: the quantised values of A-law, scaled to 16 bit, written out from the segments."""
    values = []
    for code in range(256):
        flipped = code ^ 0x55
        segment, step = flipped >> 4 & 7, flipped & 15
        magnitude = (2 * step + 1) * 8 if segment == 0 else (2 * step + 33) * 8 << (segment - 1)
        values.append(magnitude if flipped & 0x80 else -magnitude)
    return np.array(values)


def test_what_cannot_be_decoded_is_silence_with_a_note(tmp_path: Path) -> None:
    agent, customer = Speaker(pt=111), Speaker(pt=77)
    agent.say([b"opus"] * 50, 0.0)
    customer.say([b"????"] * 50, 0.0)
    report = export_wav(
        recording(agent.packets, customer.packets, maps={"caller": {111: "opus/48000/2"}}, end=1), tmp_path / "a.wav"
    )
    _, left, right = read_wav(tmp_path / "a.wav")
    assert not left.any() and not right.any() and len(left) == 8000
    assert report.sides["caller"].undecoded == {"opus/48000/2": 50}
    assert report.sides["callee"].undecoded == {"payload type 77": 50}
    assert len(report.notes) == 2


def test_a_recording_that_was_cut_off_is_exported_up_to_there(tmp_path: Path) -> None:
    agent = Speaker()
    agent.say(packets_of(sine(350, 3)), 0.0)
    report = export_wav(recording(agent.packets, end=None), tmp_path / "a.wav")
    assert report.seconds == pytest.approx(3, abs=0.05)
    assert not report.ended and any("no end" in note for note in report.notes)


def test_an_empty_recording(tmp_path: Path) -> None:
    report = export_wav([], tmp_path / "a.wav")
    assert report.seconds == 0
    assert len(read_wav(tmp_path / "a.wav")[1]) == 0


class Broken(Exception):
    """What a reader of a damaged file raises."""


def test_failures_leave_no_file(tmp_path: Path) -> None:
    agent = Speaker()
    agent.say(packets_of(sine(350, 5)), 0.0)
    good = list(recording(agent.packets, end=5))

    def damaged() -> Iterator[bytes]:
        yield from good[:3]
        raise Broken

    with pytest.raises(Broken):
        export_wav(damaged(), tmp_path / "a.wav")
    with pytest.raises(ExportError, match="something else"):
        export_wav([*good[:3], b"\x09" * 40], tmp_path / "a.wav")
    with pytest.raises(ExportError, match="cannot write"):
        export_wav(good, tmp_path / "missing" / "a.wav")
    with pytest.raises(ExportError, match="cannot write"):
        export_wav(good, tmp_path / "a.wav", report=tmp_path / "missing" / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    agent = Speaker()
    agent.say(packets_of(sine(350, 5)), 0.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ExportError, match="File too large"):
            export_wav(recording(agent.packets, end=5), tmp_path / "a.wav")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_long_call_passes_in_bounded_memory(tmp_path: Path) -> None:
    def long() -> Iterator[bytes]:
        speaker = Speaker()
        for minute in range(4):
            speaker.packets.clear()
            speaker.say([b"\xff" * 160] * 3000, minute * 60.0)
            yield from recording(speaker.packets)

    tracemalloc.start()
    report = export_wav(long(), tmp_path / "a.wav")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.seconds == pytest.approx(240, abs=0.1)
    assert peak < 7_000_000, "four minutes of both sides are 8 MB, and 6 are needed however long the call is"


names = st.sampled_from(["PCMU/8000", "PCMA/8000", "G722/8000", "L16/16000", "L16/1", "opus/48000/2", "CN/8000", "x"])
numbers = st.sampled_from([0, 8, 9, 13, 96, 101])
rtp_packets = st.builds(
    lambda payload, seq, ts, pt, ssrc, marker: rtp(payload, seq, ts, pt=pt, ssrc=ssrc, marker=marker),
    st.binary(max_size=330),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    numbers,
    st.integers(1, 2),
    st.booleans(),
)
offsets = st.integers(0, 20_000_000)
any_frames = st.one_of(
    st.builds(PacketFrame, st.sampled_from(SIDES), offsets, rtp_packets | st.binary(max_size=40)),
    st.builds(MapFrame, offsets, st.dictionaries(st.sampled_from(SIDES), st.dictionaries(numbers, names))),
    st.builds(
        EventFrame,
        offsets,
        st.sampled_from(["start", "announcement", "pause", "resume", "end", "other"]),
        st.dictionaries(st.sampled_from(["at", "started", "ended", "completed"]), st.none() | st.floats(-1e9, 1e9)),
    ),
)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_frames, max_size=40), st.booleans())
def test_any_frames_give_a_file_of_their_length(tmp_path: Path, run: list[Frame], prompt: bool) -> None:
    report = export_wav(
        [encode(frame) for frame in run], tmp_path / "a.wav", announcement=sine(600, 0.5) if prompt else None
    )
    rate, left, right = read_wav(tmp_path / "a.wav")
    assert len(left) == len(right) == round(report.seconds * rate)
    longest = max((frame.offset for frame in run), default=0) / 1e6
    assert longest - 0.01 <= report.seconds - report.recording_begins <= longest + 2.5
    for side in report.sides.values():
        assert min(side.packets, side.lost, side.late, side.broken, side.resyncs) >= 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_recording_longer_than_a_wav_can_be_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="longer"):
        export_wav([encode(EventFrame(10**14, "end", {}))], tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []
