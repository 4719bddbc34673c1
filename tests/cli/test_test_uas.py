"""The test UAS: it must tell the truth, for other tests rest on it."""

from __future__ import annotations

import numpy as np
import pytest

from gate.cli.test_uas import strongest
from tests.media.line_process import ports_of
from tests.support.audio import Party, share, tone
from tests.support.sip_peer import Phone, sdp
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE, until


def answered(phone: Phone) -> tuple[str, int]:
    """Take the 200 and acknowledge it; where to send RTP."""
    heard = phone.recv(only="200")
    phone.ack(heard)
    return ports_of(heard.body)


def test_it_tells_what_it_was_shown_and_what_it_heard_when() -> None:
    shown = ("P-Asserted-Identity: <sip:+441632960001@x>", "Privacy: none")
    with Uas("--tone", "600") as far, Phone(far.where) as phone, Party(440) as voice:
        phone.dial("+442079460000", body=sdp(voice.port), headers=shown)
        assert phone.recv(only="180").code == 180
        voice.talk_to(answered(phone))
        voice.speaks(1.0)
        voice.frequency = 1000
        phone.send(phone.next("BYE"))
        assert phone.recv(only="200").get("CSeq").endswith("BYE")
        told = far.wait("call")
        assert far.wait("invite")["user"] == told["user"] == "+442079460000"
        assert told["from"] == phone.dialog.local
        assert told["pai"] == "<sip:+441632960001@x>"
        assert told["privacy"] == "none"
        assert (told["answered"], told["ended_by"], told["codec"]) == (True, "caller", "PCMU")
        assert 0.9 < told["seconds"] < 1.5
        assert told["packets_in"] == pytest.approx(voice.sent, abs=3)
        assert all(abs(hertz - 440) < 5 and part > 0.9 for _, hertz, part in told["heard"][1:-1])
        assert share(voice.samples(), 600) > 0.95


def test_it_hangs_up_when_it_is_told_to_and_presses_keys() -> None:
    options = ("--hangup-after", "1.2", "--digit", "9@0.3", "--digit", "#@0.7")
    with Uas(*options) as far, Phone(far.where) as phone, Party() as voice:
        phone.dial(body=sdp(voice.port))
        voice.talk_to(answered(phone))  # keys are counted from the first audio
        bye = phone.recv(4, only="BYE")
        phone.send(phone.answer(bye, 200, "OK"))
        told = far.wait("call")
        assert told["ended_by"] == "callee"
        assert told["seconds"] == pytest.approx(1.2, abs=0.2)
        keys = [packet for packet in voice.heard if packet.payload_type == 101]
        assert len({(packet.payload[0], packet.timestamp) for packet in keys}) == 2
        assert {packet.payload[0] for packet in keys} == {9, 11}
        assert sum(packet.payload[1] & 0x80 != 0 for packet in keys) == 6


@pytest.mark.parametrize(("options", "code"), [(("--busy",), 486), (("--refuse", "503"), 503)])
def test_it_refuses(options: tuple[str, ...], code: int) -> None:
    with Uas(*options) as far, Phone(far.where) as phone:
        phone.dial()
        heard = phone.recv(only=str(code))
        phone.ack(heard)
        assert far.wait("call")["answered"] is False


def test_it_rings_for_ever_and_takes_a_cancel() -> None:
    with Uas("--no-answer") as far, Phone(far.where) as phone:
        phone.dial()
        assert phone.recv(only="180")
        assert phone.quiet(0.8)
        phone.cancel()
        phone.ack(phone.recv(only="487"))
        told = far.wait("call")
        assert (told["answered"], told["ended_by"]) == (False, "cancel")


def test_early_media_is_heard_before_the_answer() -> None:
    options = ("--early-media", "--answer-after", "1.0", "--tone", "850")
    with Uas(*options) as far, Phone(far.where) as phone, Party() as voice:
        phone.dial(body=sdp(voice.port))
        assert ports_of(phone.recv(only="183").body)[1] > 0
        until(lambda: len(voice.heard) >= 30)
        assert share(voice.samples(), 850) > 0.95
        answered(phone)


@pytest.mark.parametrize(("offered", "options", "codec"), [("8 0", (), "PCMA"), ("0 8", ("--codec", "PCMA"), "PCMA")])
def test_it_takes_the_codec_that_is_offered_or_wanted(offered: str, options: tuple[str, ...], codec: str) -> None:
    with Uas(*options) as far, Phone(far.where) as phone, Party(440, 8) as voice:
        phone.dial(body=sdp(voice.port).replace("0 8 101", f"{offered} 101"))
        voice.talk_to(answered(phone))
        voice.speaks(0.6)
        phone.send(phone.next("BYE"))
        told = far.wait("call")
        assert told["codec"] == codec
        assert abs(told["heard"][1][1] - 440) < 5
        assert share(voice.samples(), 1000) > 0.9


def test_what_it_cannot_take_is_488() -> None:
    with Uas("--codec", "PCMA") as far, Phone(far.where) as phone:
        phone.dial(body=sdp(4000).replace("0 8 101", "0 101"))
        phone.ack(phone.recv(only="488"))


def test_it_ends_after_so_many_calls_and_what_runs_is_told_at_the_end() -> None:
    with Uas("--calls", "1", "--busy") as far, Phone(far.where) as phone:
        phone.dial()
        phone.ack(phone.recv(only="486"))
        assert far._process.wait(PATIENCE) == 0
    with Uas() as far, Phone(far.where) as phone:
        phone.dial()
        answered(phone)
    assert far.calls[0]["ended_by"] == "callee"


def test_ipv6() -> None:
    with Uas("--listen", "[::1]:0") as far, Phone(far.where, "::1") as phone, Party(440, host="::1") as voice:
        phone.dial(body=sdp(voice.port).replace("IN IP4 127.0.0.1", "IN IP6 ::1"))
        voice.talk_to(answered(phone))
        voice.speaks(0.5)
        phone.send(phone.next("BYE"))
        assert far.wait("call")["packets_in"] > 10


def test_strongest_knows_a_tone_from_speech_and_from_silence() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 1600)
    assert strongest(np.zeros(1600)) == (None, 0.0)
    assert strongest(tone(1000, 0.2).astype(float)) == (1000.0, 1.0)
    assert strongest(noise)[1] < 0.3
