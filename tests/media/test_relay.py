"""The relay on real RTPProxy, real UDP: who hears whom, what is copied, and what a prompt does to both."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gate.config import Announcement, Config, Firm, Limits, MediaConfig, Trunk
from gate.media import prompts
from gate.media.party import Session
from tests.media.line_process import Line, ports_of, sdp
from tests.support.audio import Heard, Party, share, tone, windows, write_wav
from tests.support.waiting import PATIENCE, until

NOTICE, SECONDS = 440.0, 2.3


def config(trunk: str = "127.0.0.1:5060", **media: object) -> Config:
    firm = Firm("Webeo Ltd", "Webeo", "1 High St", ("+442079460000",), "1", "2026-01-01")
    chosen = MediaConfig(**{"port_min": 21000, "port_max": 21999, **media})  # type: ignore[arg-type]  # test values
    return Config(firm, (Trunk(trunk),), media=chosen, limits=Limits(max_calls=20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts in a folder whose name has a space in it: the announcement is a tone of 440 Hz, the goodbye of 700 Hz."""
    base = tmp_path_factory.mktemp("with space")
    write_wav(base / "notice.wav", tone(NOTICE, SECONDS))
    write_wav(base / "goodbye.wav", tone(700, 0.8))
    prompts.prepare(base / "prompts", Announcement(wav="notice.wav", goodbye_wav="goodbye.wav"), base)
    return base / "prompts"


@pytest.fixture(scope="module")
def line(folder: Path) -> Iterator[Line]:
    with Line(config(), folder) as running:
        yield running


def bridge(line: Line, call_id: str, caller: Party, callee: Party, *, connected: bool = True) -> None:
    """Both parties' SDP through the relay, and both begin to talk to where it sends them; ``connected``: to each
    other."""
    line.call("open", call_id)
    to_callee = line.sdp("caller", call_id, sdp(caller.host, caller.port))
    to_caller = line.sdp("callee", call_id, sdp(callee.host, callee.port, "0 101"))
    callee.talk_to(ports_of(to_callee))
    caller.talk_to(ports_of(to_caller))
    if connected:
        assert line.done("join", call_id) is True


def digits(party: Party) -> list[Heard]:
    return [packet for packet in party.heard if packet.payload_type == 101]


def test_both_hear_each_other_and_each_direction_is_copied_to_its_own_port(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee, Party() as caller_tap, Party() as callee_tap:
        bridge(line, "c1", caller, callee)
        assert line.done("copy", "c1", caller_tap.port, callee_tap.port) is not None
        caller.speaks(0.6)
        line.call("close", "c1")
        assert share(callee.samples(), 1000) > 0.9
        assert share(caller.samples(), 600) > 0.9
        assert share(caller_tap.samples(), 1000) > 0.9
        assert share(callee_tap.samples(), 600) > 0.9
        assert len(caller_tap.heard) > 20


@pytest.mark.parametrize("end", ["close", "shut"])
def test_what_is_ended_is_quiet_when_it_says_so(line: Line, end: str) -> None:
    """What either party hears has been copied by then; nothing is heard after it."""
    with Party(1000) as caller, Party(600) as callee, Party() as caller_tap, Party() as callee_tap:
        bridge(line, "c1", caller, callee)
        assert line.done("copy", "c1", caller_tap.port, callee_tap.port) is not None
        caller.speaks(0.3)
        line.call(end, "c1")
        line.done("when_quiet", "c1")
        last = 1000 + max(caller.sent, callee.sent)
        caller.speaks(0.3)
        line.call("close", "c1")
        assert all(packet.sequence <= last for party in (caller, callee) for packet in party.heard)
        for heard, copied in ((callee, caller_tap), (caller, callee_tap)):
            assert heard.heard[-1].sequence <= copied.heard[-1].sequence


def test_a_call_that_is_not_there_is_quiet(line: Line) -> None:
    assert line.done("when_quiet", "nobody's") is None


def test_nothing_is_sent_to_the_port_beside_a_tap(line: Line) -> None:
    """RTCP copies would go there, and there may be another call's tap."""
    with Party(1000) as caller, Party(600) as callee, Party() as tap, Party() as beside:
        # two neighbouring ports, whichever way round they came
        bridge(line, "c1", caller, callee)
        assert line.done("copy", "c1", beside.port - 1, tap.port) is not None
        rtcp = ports_of(line.sdp("caller", "c1", sdp(caller.host, caller.port)))
        for _ in range(5):
            callee.socket.sendto(b"\x80\xc8\x00\x06" + bytes(24), (rtcp[0], rtcp[1] + 1))
            caller.speaks(0.06)
        line.call("close", "c1")
        assert beside.heard == []


def test_copies_can_be_sent_elsewhere_in_the_middle_of_a_call(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee, Party() as old, Party() as old2, Party() as new, Party() as new2:
        bridge(line, "c1", caller, callee)
        assert line.done("copy", "c1", old.port, old2.port) is not None
        caller.speaks(0.3)
        assert line.done("copy", "c1", new.port, new2.port) is not None
        caller.speaks(0.06)
        until_then = len(old.heard), len(old2.heard)
        caller.speaks(0.4)
        line.call("close", "c1")
        assert (len(old.heard), len(old2.heard)) == until_then
        assert share(new.samples(), 1000) > 0.9
        assert share(new2.samples(), 600) > 0.9


@pytest.mark.parametrize(("codec", "suffix"), [("PCMU", ".0"), ("PCMA", ".8"), ("G722", ".9")])
def test_the_whole_announcement_is_sent_before_done(line: Line, folder: Path, codec: str, suffix: str) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        began = time.monotonic()
        seconds = line.begin("play_announcement", "c1", codec)
        assert line.finished().completed
        took = time.monotonic() - began
        line.call("close", "c1")
        own = [packet for packet in callee.heard if packet.ssrc != 0x1234 + caller.port]
        expected = prompts.PromptSet.load(folder).path("announcement").with_suffix(suffix).read_bytes()
        assert b"".join(packet.payload for packet in own) == expected
        assert {len(packet.payload) for packet in own} == {160}
        assert own[-1].at - began < took
        assert seconds == pytest.approx(len(expected) / 8000)
        assert seconds <= took < seconds + 0.3


@pytest.mark.parametrize("asked", ["ptime:10", "maxptime:10"])
def test_a_callee_that_asks_for_short_packets_gets_the_announcement_in_them(
    line: Line, folder: Path, asked: str
) -> None:
    expected = prompts.PromptSet.load(folder).path("announcement").with_suffix(".0").read_bytes()
    with Party(0) as callee:
        line.call("open", "c1")
        line.sdp("caller", "c1", sdp("127.0.0.1", 4000))
        line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", f"a={asked}\r\n"))
        played = line.done("play_announcement", "c1", "PCMU")
        line.call("close", "c1")
        assert (played.completed, played.packets) == (True, played.whole)
        assert b"".join(packet.payload for packet in callee.heard) == expected
        assert {len(packet.payload) for packet in callee.heard} == {80}


def test_a_prompts_session_serves_the_next_call_unless_it_was_cut_off(line: Line, folder: Path) -> None:
    expected = prompts.PromptSet.load(folder).path("announcement").with_suffix(".8").read_bytes()
    with Party(0) as caller, Party(0) as first, Party(0) as cut, Party(0, 8) as second, Party(0, 8) as third:
        bridge(line, "c1", caller, first, connected=False)
        assert line.done("play_announcement", "c1", "PCMU").completed
        heard = len(first.heard)
        for call_id, callee in (("c2", second), ("c3", third)):
            bridge(line, call_id, caller, callee, connected=False)
            played = line.done("play_announcement", call_id, "PCMA")
            assert (played.completed, played.packets) == (True, played.whole)
            assert b"".join(packet.payload for packet in callee.heard) == expected
            bridge(line, f"{call_id} cut off", caller, cut, connected=False)
            line.begin("play_announcement", f"{call_id} cut off", "PCMU")
            caller.speaks(0.3)
            line.call("stop_playing", f"{call_id} cut off")
            assert not line.finished().completed
        assert len(first.heard) == heard
        assert 0 < len(cut.heard) < 50
        assert len(second.heard) == len(third.heard) == played.whole
        for call_id in ("c1", "c2", "c3", "c2 cut off", "c3 cut off"):
            line.call("close", call_id)


def test_the_agent_is_not_heard_while_the_announcement_plays_and_is_heard_after_it(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        line.begin("play_announcement", "c1", "PCMU")
        caller.speaks(0.1)
        start = len(callee.heard)
        assert line.finished().completed
        end = len(callee.heard)
        caller.speaks(0.4)
        line.call("close", "c1")
        agent = 0x1234 + caller.port
        assert all(packet.ssrc != agent for packet in callee.heard[start : end - 6])
        assert sum(packet.ssrc == agent for packet in callee.heard[end:]) > 10


def test_until_the_parties_are_connected_neither_hears_the_other_and_both_taps_hear_all(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee, Party() as caller_tap, Party() as callee_tap:
        bridge(line, "c1", caller, callee, connected=False)
        line.done("copy", "c1", caller_tap.port, callee_tap.port)
        caller.speaks(0.1)
        taps, sent = [caller_tap, callee_tap], [caller, callee]
        before = [(len(tap.heard), party.sent) for tap, party in zip(taps, sent, strict=True)]
        assert line.done("play_announcement", "c1", "PCMU").completed
        caller.speaks(0.5)
        after = [(len(tap.heard), party.sent) for tap, party in zip(taps, sent, strict=True)]
        assert [packet for packet in callee.heard if packet.ssrc == 0x1234 + caller.port] == []
        assert [packet for packet in caller.heard if packet.ssrc == 0x1234 + callee.port] == []
        for (copied, spoken), (copied_then, spoken_then) in zip(after, before, strict=True):
            assert spoken - spoken_then > 100
            assert abs((copied - copied_then) - (spoken - spoken_then)) <= 2
        assert line.done("join", "c1") is True
        caller.speaks(0.5)
        assert share(callee.samples(0x1234 + caller.port), 1000) > 0.9
        assert share(caller.samples(0x1234 + callee.port), 600) > 0.9
        line.call("shut", "c1")
        caller.speaks(0.1)
        heard = len(caller.heard), len(callee.heard)
        caller.speaks(0.3)
        assert (len(caller.heard), len(callee.heard)) == heard
        line.call("close", "c1")


def test_early_media_goes_from_the_callee_to_the_caller_alone(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee, connected=False)
        line.call("hear_early", "c1")
        caller.speaks(0.4)
        line.call("close", "c1")
        assert share(caller.samples(), 600) > 0.9
        assert callee.heard == []


@pytest.mark.parametrize("milliseconds", [40, 100])
def test_a_digit_of_the_callee_reaches_the_tap_at_any_moment_of_the_announcement(line: Line, milliseconds: int) -> None:
    with Party(1000) as caller, Party(600) as callee, Party() as caller_tap, Party() as callee_tap:
        bridge(line, "c1", caller, callee)
        line.done("copy", "c1", caller_tap.port, callee_tap.port)
        line.begin("play_announcement", "c1", "PCMU")
        began = time.monotonic()
        pressed = 0
        while time.monotonic() - began < SECONDS - 0.2:
            callee.press("9", milliseconds)
            pressed += 1
            callee.speaks((milliseconds + 100) / 1000)
        assert line.finished().completed
        line.call("close", "c1")
        seen = {packet.timestamp for packet in digits(callee_tap)}
        assert len(seen) == pressed
        assert all(packet.payload[0] == 9 for packet in digits(callee_tap))


def test_the_caller_hears_pips_and_a_cue_of_two_pips_at_the_end(line: Line) -> None:
    with Party(0) as caller, Party(0) as callee:
        bridge(line, "c1", caller, callee)
        began = time.monotonic()
        seconds = line.begin("play_announcement", "c1", "PCMU")
        assert line.finished().completed
        line.call("close", "c1")
        silent = 0x1234 + callee.port
        pips: dict[int, list[Heard]] = {}
        for packet in caller.heard:
            if packet.ssrc != silent:
                pips.setdefault(packet.ssrc, []).append(packet)
        starts = sorted((packets[0].at - began, ssrc) for ssrc, packets in pips.items())
        assert [round(at, 1) for at, _ in starts] == pytest.approx([1.0, seconds - 0.4], abs=0.11)
        progress, cue = (caller.samples(ssrc) for _, ssrc in starts)
        assert share(progress, 425) > 0.8
        assert share(cue[:480], 1000) > 0.8
        assert share(cue[-480:], 1000) > 0.8
        assert [len(pips[ssrc]) for _, ssrc in starts] == [6, 26]


def test_a_law_is_announced_in_a_law(line: Line) -> None:
    with Party(1000, 8) as caller, Party(600, 8) as callee:
        bridge(line, "c1", caller, callee)
        assert line.done("play_announcement", "c1", "PCMA").completed
        line.call("close", "c1")
        own = [packet for packet in callee.heard if packet.ssrc != 0x1234 + caller.port]
        assert {packet.payload_type for packet in own} == {8}
        notice = callee.samples(own[0].ssrc)
        assert share(notice[: int(SECONDS * 8000)], NOTICE) > 0.9


def test_the_goodbye_plays_and_stop_playing_ends_it_at_once(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        assert line.done("play_apology", "c1", "PCMU").completed
        own = [packet.ssrc for packet in callee.heard if packet.ssrc != 0x1234 + caller.port]
        assert share(callee.samples(own[0])[:6400], 700) > 0.9
        assert line.begin("play_announcement", "c1", "PCMU") > SECONDS
        caller.speaks(0.3)
        line.call("stop_playing", "c1")
        assert not line.finished(1.0).completed
        caller.speaks(0.1)
        count = sum(packet.ssrc != 0x1234 + caller.port for packet in callee.heard)
        caller.speaks(0.3)
        assert sum(packet.ssrc != 0x1234 + caller.port for packet in callee.heard) == count
        line.call("close", "c1")


def test_an_announcement_in_a_codec_that_is_not_prepared_is_not_done(line: Line) -> None:
    line.call("open", "c1")
    line.sdp("caller", "c1", sdp("127.0.0.1", 4000))
    line.sdp("callee", "c1", sdp("127.0.0.1", 5000, "0 101"))
    assert line.begin("play_announcement", "c1", "opus") == 0.0
    assert line.finished(1.0).cause == "not_playable"
    line.call("close", "c1")


@pytest.mark.parametrize("more", ["a=inactive\r\n", "a=sendonly\r\n"])
def test_an_announcement_waits_for_a_callee_that_takes_no_audio_but_not_for_ever(folder: Path, more: str) -> None:
    with Line(config(), folder, hold_seconds=0.5) as line, Party(600) as callee:
        line.call("open", "c1")
        line.sdp("caller", "c1", sdp("127.0.0.1", 4000))
        line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", more))
        line.begin("play_announcement", "c1", "PCMU")
        played = line.finished(3.0)
        assert (played.completed, played.cause, played.packets) == (False, "callee_on_hold", 0)
        assert callee.heard == []
        line.call("close", "c1")


def test_an_announcement_to_an_unknown_call_or_before_its_answer_is_not_done(line: Line) -> None:
    assert line.done("play_announcement", "nobody", "PCMU", wait=1.0).cause == "not_playable"
    line.call("open", "c1")
    line.sdp("caller", "c1", sdp("127.0.0.1", 4000))
    assert line.done("play_announcement", "c1", "PCMU", wait=1.0).cause == "not_playable"
    assert line.done("copy", "nobody", 4002, 4004, wait=1.0) is None
    line.call("close", "c1")
    line.call("close", "c1")


def test_a_callee_on_hold_during_the_announcement_hears_all_of_it_when_they_are_back(line: Line, folder: Path) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee, connected=False)
        line.begin("play_announcement", "c1", "PCMU")
        caller.speaks(0.5)
        line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", "a=sendonly\r\n", version=2))
        caller.speaks(0.2)
        first = len(callee.heard)
        caller.speaks(0.4)
        assert len(callee.heard) == first
        line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", version=3))
        played = line.finished()
        assert (played.completed, played.holds, played.packets) == (True, 1, played.whole)
        again = callee.heard[first:]
        assert len(again) == played.whole
        expected = prompts.PromptSet.load(folder).path("announcement").with_suffix(".0").read_bytes()
        assert b"".join(packet.payload for packet in again) == expected
        line.call("close", "c1")


def test_a_callee_that_holds_again_and_again_is_not_waited_for_without_end(line: Line) -> None:
    with Party(600) as callee:
        line.call("open", "c1")
        line.sdp("caller", "c1", sdp("127.0.0.1", 4000))
        line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101"))
        line.begin("play_announcement", "c1", "PCMU")
        for turn in range(6):
            line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", "a=sendonly\r\n", version=2 + 2 * turn))
            line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", version=3 + 2 * turn))
        line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101", "a=sendonly\r\n", version=20))
        played = line.finished(3.0)
        assert (played.completed, played.cause) == (False, "callee_on_hold")
        line.call("close", "c1")


def test_closing_a_call_ends_its_prompt_and_frees_its_ports(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        line.begin("play_announcement", "c1", "PCMU")
        line.call("close", "c1")
        assert not line.finished(1.0).completed
        caller.speaks(0.2)
        count = len(callee.heard)
        caller.speaks(0.3)
        assert len(callee.heard) == count
        assert line.done("packets", "c1", wait=1.0) is None


def test_calls_that_are_closed_are_freed_without_the_collector(line: Line) -> None:
    """Five; the worker may hold on to what it did last, which is one call's."""
    kinds = ("Party", "PacketFilter", "Playing")
    line.overlook(*kinds)  # what the tests before left: a timer lets go of it, or the next prompt
    with Party(1000) as caller, Party(600) as callee:

        def call(name: str) -> int:
            bridge(line, name, caller, callee)
            line.begin("play_announcement", name, "PCMU")
            alive = line.alive(*kinds)
            line.call("close", name)
            assert not line.finished().completed
            return alive

        one = call("freed0")
        for number in range(1, 5):
            call(f"freed{number}")
        assert one > 0
        until(lambda: line.alive(*kinds) <= one)


def test_what_plays_is_stopped_before_its_session_is_deleted() -> None:
    """Else RTPProxy locks up: once in thousands of times, which is too seldom to be tried here."""
    session = Session()
    session.made = True
    play = session.play("i", "/prompts/announcement", 0).split()
    assert play[-2:] == ["i", "o"]
    assert session.delete() == [f"S {session.name} i o", f"D {session.name} o i"]
    assert session.delete() == []


def test_packets_are_counted_per_side(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        caller.talk_to(None)
        callee.speaks(0.1)
        quiet = line.done("packets", "c1")
        callee.speaks(0.4)
        later = line.done("packets", "c1")
        line.call("close", "c1")
        assert later[0] == quiet[0]
        assert later[1] - quiet[1] > 10


def test_hold_and_resume_keep_the_ports_and_raise_the_version(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        first = line.sdp("caller", "c1", sdp("127.0.0.1", caller.port, version=1))
        held = line.sdp("caller", "c1", sdp("0.0.0.0", caller.port, version=2))  # noqa: S104 - "on hold", not a bind
        again = line.sdp("caller", "c1", sdp("127.0.0.1", caller.port, version=3))
        assert ports_of(first) == ports_of(held) == ports_of(again)
        assert "a=sendonly" in held
        assert "a=sendonly" not in again
        versions = [int(body.splitlines()[1].split()[2]) for body in (first, held, again)]
        assert versions == [versions[0], versions[0] + 1, versions[0] + 2]
        count = len(callee.heard)
        caller.speaks(0.3)
        line.call("close", "c1")
        assert len(callee.heard) - count > 8


def test_a_late_offer_is_bridged_too(line: Line) -> None:
    """The INVITE had no SDP: the callee's body comes first, the caller's with the ACK."""
    with Party(1000) as caller, Party(600) as callee:
        line.call("open", "c1")
        to_caller = line.sdp("callee", "c1", sdp(callee.host, callee.port))
        to_callee = line.sdp("caller", "c1", sdp(caller.host, caller.port, "0 101"))
        callee.talk_to(ports_of(to_callee))
        caller.talk_to(ports_of(to_caller))
        assert line.done("play_announcement", "c1", "PCMU").completed
        assert line.done("join", "c1") is True
        caller.speaks(0.4)
        line.call("close", "c1")
        assert share(caller.samples(0x1234 + callee.port), 600) > 0.9
        assert NOTICE in [round(frequency or 0, -1) for frequency in windows(callee.samples())]


def test_ipv6_and_both_families_in_one_call(folder: Path) -> None:
    chosen = config("[::1]:5060", address="127.0.0.1", address6="::1")
    with Line(chosen, folder) as line, Party(1000) as caller, Party(600, host="::1") as callee:
        line.call("open", "c1")
        to_callee = line.sdp("caller", "c1", sdp("127.0.0.1", caller.port))
        to_caller = line.sdp("callee", "c1", sdp("::1", callee.port, "0 101"))
        assert ports_of(to_callee)[0] == "::1"
        assert "IN IP6 ::1" in to_callee
        assert ports_of(to_caller)[0] == "127.0.0.1"
        callee.talk_to(ports_of(to_callee))
        caller.talk_to(ports_of(to_caller))
        assert line.done("play_announcement", "c1", "PCMU").completed
        assert line.done("join", "c1") is True
        caller.speaks(0.3)
        line.call("close", "c1")
        assert share(caller.samples(0x1234 + callee.port), 600) > 0.9
        heard = callee.samples()
        assert share(heard[-1600:], 1000) > 0.9
        assert share(heard[8000:16000], NOTICE) > 0.9


def test_ipv6_alone(folder: Path) -> None:
    with Line(config("[::1]:5060", address="::1"), folder) as line:
        with Party(1000, host="::1") as caller, Party(600, host="::1") as callee:
            bridge(line, "c1", caller, callee)
            caller.speaks(0.4)
            assert share(caller.samples(), 600) > 0.9
            assert share(callee.samples(), 1000) > 0.9
        line.call("open", "c2")
        with pytest.raises(ValueError, match="no IPv4 media address") as refused:
            line.sdp("caller", "c2", sdp("127.0.0.1", 4000))
        assert refused.value.args[0] == "UnusableSdpError"


def test_behind_a_nat_sdp_names_the_outer_address(folder: Path) -> None:
    with Line(config(address="203.0.113.9"), folder) as line, Party(1000) as caller, Party(600) as callee:
        line.call("open", "c1")
        to_callee = ports_of(line.sdp("caller", "c1", sdp("127.0.0.1", caller.port)))
        to_caller = ports_of(line.sdp("callee", "c1", sdp("127.0.0.1", callee.port, "0 101")))
        assert to_callee[0] == to_caller[0] == "203.0.113.9"
        callee.talk_to(("127.0.0.1", to_callee[1]))
        caller.talk_to(("127.0.0.1", to_caller[1]))
        assert line.done("join", "c1") is True
        caller.speaks(0.4)
        assert share(caller.samples(), 600) > 0.9


def test_when_the_ports_are_used_up_the_call_gets_an_error_and_a_freed_one_helps(folder: Path) -> None:
    with Line(config(port_min=21000, port_max=21031), folder) as line:
        opened = []
        with pytest.raises(ValueError, match="no media ports") as refused:
            for number in range(8):
                line.call("open", f"c{number}")
                line.sdp("caller", f"c{number}", sdp("127.0.0.1", 4000))
                opened.append(f"c{number}")
                line.sdp("callee", f"c{number}", sdp("127.0.0.1", 5000))
        assert refused.value.args[0] == "MediaError"
        line.call("close", opened[0])
        line.call("close", f"c{len(opened)}")
        freed, end = 0, time.monotonic() + PATIENCE
        while not freed and time.monotonic() < end:  # the sockets are closed by another thread, soon
            line.call("open", "again")
            with contextlib.suppress(ValueError):
                freed = ports_of(line.sdp("caller", "again", sdp("127.0.0.1", 4000)))[1]
        assert freed


def test_no_file_appears_in_the_working_directory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RTPProxy's accounting module would write call ids there."""
    root = Path.cwd()
    before = {path.name for path in root.iterdir()}
    with Line(config(), folder) as line, Party(1000) as caller, Party(600) as callee:
        bridge(line, "c1", caller, callee)
        caller.speaks(0.2)
        line.call("close", "c1")
    assert {path.name for path in root.iterdir() if path.suffix == ".csv"} <= before


def test_playable(line: Line) -> None:
    assert line.call("playable", ("opus", "PCMA")) is True
    assert line.call("playable", ("G722",)) is True
    assert line.call("playable", ("opus", "G729")) is False
    assert line.call("playable", ()) is False


def test_silence_sounds_like_silence() -> None:
    """The measuring tools themselves: nothing is found where nothing is."""
    assert share(np.zeros(100, np.int16), 440) == 0.0
    assert share(tone(440, 1.0), 440) > 0.99
    assert share(tone(440, 1.0), 600) < 0.01


def rtp(number: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 0xBAD) + b"\x55" * 160


@pytest.mark.parametrize("host", ["127.0.0.66", "127.0.0.1"], ids=["another address", "another port of the address"])
def test_whoever_sends_first_or_most_does_not_own_a_leg(line: Line, host: str) -> None:
    """A stranger's packets reach nobody, take no audio away, and are counted."""
    with Party(1000) as caller, Party(600) as callee, Party(0, host=host) as stranger:
        before = line.call("strangers")
        line.call("open", "c1")
        to_callee = ports_of(line.sdp("caller", "c1", sdp(caller.host, caller.port)))
        sent = 0

        def spray(port: int) -> int:
            for number in range(50):
                stranger.socket.sendto(rtp(number), ("127.0.0.1", port))
            return 50

        sent += spray(to_callee[1])
        to_caller = ports_of(line.sdp("callee", "c1", sdp(callee.host, callee.port, "0 101")))
        sent += spray(to_callee[1]) + spray(to_caller[1])
        callee.talk_to(to_callee)
        caller.talk_to(to_caller)
        assert line.done("play_announcement", "c1", "PCMU").completed
        assert line.done("join", "c1") is True
        for _ in range(5):
            sent += spray(to_callee[1]) + spray(to_caller[1])
            caller.speaks(0.1)
        line.call("close", "c1")
        assert 0xBAD not in {packet.ssrc for party in (caller, callee) for packet in party.heard}
        assert stranger.heard == []
        assert share(callee.samples(0x1234 + caller.port), 1000) > 0.9
        assert share(caller.samples(0x1234 + callee.port), 600) > 0.9
        until(lambda: line.call("strangers") - before >= sent)  # told at the call's end, soon
        assert line.call("strangers") - before == sent


def test_a_party_that_sends_from_another_port_of_its_address_is_heard(line: Line) -> None:
    """Not every carrier sends from the port that it is sent to."""
    with Party(1000) as caller, Party(600) as sends, Party() as takes:
        line.call("open", "c1")
        to_callee = ports_of(line.sdp("caller", "c1", sdp(caller.host, caller.port)))
        to_caller = ports_of(line.sdp("callee", "c1", sdp(takes.host, takes.port, "0 101")))
        sends.talk_to(to_callee)
        caller.talk_to(to_caller)
        assert line.done("play_announcement", "c1", "PCMU").completed
        assert line.done("join", "c1") is True
        caller.speaks(0.4)
        line.call("close", "c1")
        assert share(caller.samples(0x1234 + sends.port), 600) > 0.9
        assert share(takes.samples(0x1234 + caller.port), 1000) > 0.9
        assert sends.heard == []


@pytest.mark.parametrize("state", ["talk", "announcement"])
def test_a_callee_whose_audio_moves_to_another_port_of_its_address_is_heard_again(line: Line, state: str) -> None:
    """A NAT binds anew: audio, copies and key presses go on from there, and audio goes there."""
    elsewhere, talk = "127.0.0.66", state == "talk"
    with Party(1000) as caller, Party(600) as callee, Party(600) as later, Party() as tap, Party() as callee_tap:
        bridge(line, "c1", caller, callee, connected=talk)
        line.done("copy", "c1", tap.port, callee_tap.port)
        caller.speaks(0.2)
        if not talk:
            line.begin("play_announcement", "c1", "PCMU")
        where = callee._peer
        with Party(700, host=elsewhere) as stranger:
            stranger.talk_to(where)
            caller.speaks(0.6)
            later.talk_to(where)
            callee.talk_to(None)
            until(lambda: any(packet.ssrc == 0x1234 + later.port for packet in callee_tap.heard))
            later.press("9")
            until(lambda: any(packet.payload_type == 101 for packet in callee_tap.heard))
            if not talk:
                assert line.finished().completed
                line.done("join", "c1")
            caller.speaks(0.3)
            line.call("close", "c1")
        speakers = {0x1234 + callee.port, 0x1234 + later.port}
        assert {packet.ssrc for packet in callee_tap.heard} == speakers
        heard = {packet.ssrc for packet in caller.heard}  # and pips
        assert 0x1234 + later.port in heard
        assert 0x1234 + stranger.port not in heard
        assert share(later.samples(0x1234 + caller.port), 1000) > 0.9
        assert stranger.heard == []


def test_nobody_is_followed_while_a_party_speaks_from_where_it_told(line: Line) -> None:
    """Neither another address nor another port of its own: whatever comes from there, for longer than silence lasts."""
    with Party(1000) as caller, Party(600) as callee, Party(700) as beside, Party(800, host="127.0.0.66") as stranger:
        bridge(line, "c1", caller, callee)
        caller.speaks(0.2)
        for other in (beside, stranger):
            other.talk_to(callee._peer)
        caller.speaks(2.0)
        line.call("close", "c1")
        assert {packet.ssrc for packet in caller.heard} == {0x1234 + callee.port}
        assert beside.heard == stranger.heard == []
        assert len(callee.heard) > 90


def test_a_silent_party_is_followed_neither_to_another_address_nor_to_what_is_no_audio(line: Line) -> None:
    """And it is heard as soon as it speaks again."""
    with Party(1000) as caller, Party(600) as callee, Party(800, host="127.0.0.66") as stranger, Party(0) as beside:
        bridge(line, "c1", caller, callee)
        caller.speaks(0.2)
        where = callee._peer
        assert where is not None
        callee.talk_to(None)
        stranger.talk_to(where)
        for _ in range(20):
            for number in range(20):
                beside.socket.sendto(b"\0" * 40 + bytes([number]), where)
            caller.speaks(0.1)
        before = len(caller.heard)
        callee.talk_to(where)
        callee.speaks(0.4)
        until(lambda: len(caller.heard) >= before + 10)
        line.call("close", "c1")
        assert {packet.ssrc for packet in caller.heard} == {0x1234 + callee.port}
        assert stranger.heard == beside.heard == []


def test_a_party_that_moved_is_heard_from_the_port_it_told_too_and_a_refresh_moves_it_nowhere(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee, Party(600) as later:
        bridge(line, "c1", caller, callee)
        caller.speaks(0.2)
        where = callee._peer
        callee.talk_to(None)
        later.talk_to(where)
        until(lambda: len(later.heard) > 5)
        line.sdp("callee", "c1", sdp(callee.host, callee.port, "0 101"))
        heard, sent = len(callee.heard), len(later.heard)
        caller.speaks(0.4)
        assert len(callee.heard) == heard
        assert len(later.heard) >= sent + 15
        later.talk_to(None)
        caller.speaks(0.1)
        before = len(caller.heard)
        callee.talk_to(where)
        callee.speaks(0.2)
        until(lambda: len(caller.heard) >= before + 8)
        line.call("close", "c1")
        assert caller.heard[-1].ssrc == 0x1234 + callee.port


def test_a_phone_behind_a_nat_that_binds_anew_is_followed_by_the_stream_it_sends(line: Line) -> None:
    with Party(1000, host="127.0.0.7") as phone, Party(0, host="127.0.0.7") as later, Party(600) as callee:
        line.call("open", "c1", "127.0.0.7", phone=True)
        to_callee = ports_of(line.sdp("caller", "c1", sdp("192.168.1.20", 40000)))
        to_caller = ports_of(line.sdp("callee", "c1", sdp(callee.host, callee.port, "0 101")))
        phone.talk_to(to_caller)
        callee.talk_to(to_callee)
        assert line.done("join", "c1") is True
        phone.speaks(0.3)
        phone.talk_to(None)
        for sequence in range(phone._sequence, phone._sequence + 20):
            later.socket.sendto(
                struct.pack("!BBHII", 0x80, 0, sequence, sequence * 160, phone._ssrc) + b"\xff" * 160, to_caller
            )
        until(lambda: len(later.heard) > 5)
        line.call("close", "c1")
        assert callee.heard[-1].sequence >= phone._sequence + 15


def test_a_phone_behind_a_nat_is_known_by_its_signalling_address_and_its_first_packets_port(line: Line) -> None:
    with Party(1000, host="127.0.0.7") as phone, Party(0, host="127.0.0.7") as neighbour, Party(600) as callee:
        line.call("open", "c1", "127.0.0.7", phone=True)
        to_callee = ports_of(line.sdp("caller", "c1", sdp("192.168.1.20", 40000)))
        to_caller = ports_of(line.sdp("callee", "c1", sdp(callee.host, callee.port, "0 101")))
        with Party(0, host="127.0.0.66") as stranger:
            for number in range(20):
                stranger.socket.sendto(rtp(number), ("127.0.0.1", to_caller[1]))
            phone.talk_to(to_caller)
            callee.talk_to(to_callee)
            assert line.done("join", "c1") is True
            phone.speaks(0.3)
            for number in range(20):
                neighbour.socket.sendto(rtp(number), ("127.0.0.1", to_caller[1]))
            phone.speaks(0.3)
            line.call("close", "c1")
            assert stranger.heard == neighbour.heard == []
        assert share(phone.samples(), 600) > 0.9
        assert share(callee.samples(0x1234 + phone.port), 1000) > 0.9
        assert 0xBAD not in {packet.ssrc for packet in callee.heard}


def rung(line: Line, call_id: str, caller: Party, signalled: str, body: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """A call in that the gate has answered itself, and that a phone answers then: where the phone and where the caller
    is to send."""
    line.call("open", call_id, caller.host)
    to_phone = ports_of(line.sdp("caller", call_id, sdp(caller.host, caller.port)))
    to_caller = ports_of(line.sdp("callee", call_id, sdp("127.0.0.1", 9)))
    line.call("rings", call_id, signalled, phone=True)
    line.sdp("callee", call_id, body)
    return to_phone, to_caller


def test_a_phone_that_is_rung_behind_a_nat_is_known_by_its_first_packets_port_too(line: Line) -> None:
    with Party(1000) as caller, Party(600, host="127.0.0.7") as phone:
        to_phone, to_caller = rung(line, "c1", caller, "127.0.0.7", sdp("192.168.1.20", 40000))
        phone.talk_to(to_phone)
        caller.talk_to(to_caller)
        assert line.done("join", "c1") is True
        phone.speaks(0.4)
        line.call("close", "c1")
        assert share(phone.samples(), 1000) > 0.9
        assert share(caller.samples(), 600) > 0.9


def test_a_phone_on_this_machine_that_is_rung_may_send_from_the_gates_address_and_its_own_port_alone(
    line: Line,
) -> None:
    """Its SDP names another address of the machine; strangers on the machine come first, and are nobody."""
    with Party(1000) as caller, Party(600) as phone, Party(0) as neighbour, Party(0, host="127.0.0.9") as stranger:
        to_phone, to_caller = rung(line, "c1", caller, "127.0.0.8", sdp("127.0.0.8", phone.port))
        for number in range(20):
            neighbour.socket.sendto(rtp(number), to_phone)
            stranger.socket.sendto(rtp(number), to_phone)
        phone.talk_to(to_phone)
        caller.talk_to(to_caller)
        assert line.done("join", "c1") is True
        phone.speaks(0.4)
        for number in range(20):
            neighbour.socket.sendto(rtp(number), to_phone)
        phone.speaks(0.2)
        line.call("close", "c1")
        assert stranger.heard == neighbour.heard == []
        assert share(phone.samples(), 1000) > 0.9
        assert share(caller.samples(0x1234 + phone.port), 600) > 0.9
        assert 0xBAD not in {packet.ssrc for packet in caller.heard}


def test_a_carrier_is_believed_unless_it_is_on_this_machine(line: Line) -> None:
    """Where it is, its audio may come from the gate's own address, at the port of its SDP."""
    with Party(1000) as caller, Party(600) as callee:
        for at, heard in (("127.0.0.8", True), ("198.51.100.7", False), ("carrier.example", False)):
            line.call("open", "c1")
            to_callee = ports_of(line.sdp("caller", "c1", sdp(caller.host, caller.port)))
            line.call("rings", "c1", at, phone=False)
            caller.talk_to(ports_of(line.sdp("callee", "c1", sdp("127.0.0.8", callee.port, "0 101"))))
            callee.talk_to(to_callee)
            assert line.done("join", "c1") is True
            before = len(caller.heard)
            callee.speaks(0.3)
            line.call("close", "c1")
            assert (len(caller.heard) > before) == heard, at


@pytest.mark.parametrize("beside", [False, True])
def test_what_is_played_to_the_port_of_an_sdp_counts_and_what_goes_to_another_port_does_not(
    line: Line, beside: bool
) -> None:
    """On this machine at whichever of its addresses; behind a NAT it is anybody's port."""
    with Party(1000) as caller, Party(600) as phone:
        told = sdp("127.0.0.8", phone.port) if beside else sdp("192.168.1.20", phone.port)
        to_phone, _ = rung(line, "c1", caller, "127.0.0.8" if beside else phone.host, told)
        phone.talk_to(to_phone)
        phone.speaks(0.1)
        line.begin("play_announcement", "c1", "PCMU")
        played = line.finished()
        line.call("close", "c1")
        assert (played.completed, played.as_told) == (True, beside)
        assert share(phone.samples(), NOTICE) > 0.9


def test_a_partys_new_address_in_a_reinvite_moves_its_audio_both_ways(line: Line) -> None:
    with Party(1000) as caller, Party(600) as callee, Party(800, host="127.0.0.8") as moved:
        bridge(line, "c1", caller, callee)
        caller.speaks(0.3)
        to_callee = ports_of(line.sdp("caller", "c1", sdp(caller.host, caller.port)))
        line.sdp("callee", "c1", sdp(moved.host, moved.port, "0 101", version=2))
        moved.talk_to(to_callee)
        caller.speaks(0.1)
        until_then = len(callee.heard)
        caller.speaks(0.4)
        line.call("close", "c1")
        assert len(callee.heard) == until_then
        assert share(moved.samples(), 1000) > 0.9
        assert share(caller.samples(0x1234 + moved.port), 800) > 0.9
        assert caller.heard[-1].ssrc == 0x1234 + moved.port


def test_another_program_of_the_machine_cannot_speak_through_an_inner_port(line: Line) -> None:
    """Every port of the relay's range is tried, from loopback."""
    with Party(1000) as caller, Party(600) as callee, Party() as caller_tap, Party() as callee_tap:
        bridge(line, "c1", caller, callee)
        assert line.done("copy", "c1", caller_tap.port, callee_tap.port) is not None
        with Party(0) as other:
            for port in range(21000, 22000):
                for number in range(3):
                    other.socket.sendto(rtp(number), ("127.0.0.1", port))
        caller.speaks(0.3)
        line.call("close", "c1")
        everybody = (caller, callee, caller_tap, callee_tap)
        assert 0xBAD not in {packet.ssrc for party in everybody for packet in party.heard}
        assert all(len(party.heard) > 10 for party in everybody)
