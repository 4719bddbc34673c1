"""RTP headers and key presses, against packets written out by hand from RFC 3550 and RFC 4733."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.rtp import Codec, KeyPress, Packet, codec, is_key_press, key_press, parse
from tests.support.examples import examples

PLAIN = bytes.fromhex("8000 0102 00000a0b 0c0d0e0f".replace(" ", ""))


def test_a_plain_packet() -> None:
    assert parse(PLAIN + b"voice") == Packet(0, False, 0x0102, 0x0A0B, 0x0C0D0E0F, b"voice")
    assert parse(bytes([0x80, 0x80 | 101]) + PLAIN[2:] + b"k") == Packet(101, True, 0x0102, 0x0A0B, 0x0C0D0E0F, b"k")


def test_contributors_extension_and_padding_are_not_payload() -> None:
    rest = PLAIN[1:]
    assert parse(b"\x82" + rest + bytes(8) + b"v") == Packet(0, False, 0x0102, 0x0A0B, 0x0C0D0E0F, b"v")
    extended = b"\x90" + rest + b"\xbe\xde\x00\x02" + bytes(8) + b"v"
    assert parse(extended) == Packet(0, False, 0x0102, 0x0A0B, 0x0C0D0E0F, b"v")
    assert parse(b"\xa0" + rest + b"v" + b"\x00\x00\x03") == Packet(0, False, 0x0102, 0x0A0B, 0x0C0D0E0F, b"v")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        b"\x40" + PLAIN[1:],
        b"\x80\xc8" + bytes(26),
        b"\x80\xc9" + bytes(26),
        b"\x81" + PLAIN[1:],
        b"\x90" + PLAIN[1:] + b"\xbe\xde",
        b"\x90" + PLAIN[1:] + b"\xbe\xde\x00\x02" + bytes(4),
        b"\xa0" + PLAIN[1:] + b"v\x00",
        b"\xa0" + PLAIN[1:] + b"v\x09",
    ],
    ids=["empty", "short", "version 1", "SR", "RR", "csrc", "ext head", "ext body", "padding 0", "padding long"],
)
def test_what_is_not_rtp(data: bytes) -> None:
    assert parse(data) is None


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=60))
def test_parse_is_total(data: bytes) -> None:
    packet = parse(data)
    assert packet is None or (0 <= packet.payload_type <= 127 and len(packet.payload) <= len(data) - 12)
    key_press(data)


def test_keys() -> None:
    assert [key_press(bytes([event, 0x0A, 1, 0x40])) for event in range(16)] == [
        KeyPress(digit, False, 320) for digit in "0123456789*#ABCD"
    ]
    assert key_press(b"\x09\x8a\x03\x20") == KeyPress("9", True, 800)
    assert key_press(b"\x10\x0a\x00\xa0") is None, "a flash is not a key"
    assert key_press(b"\x09\x0a\x00") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PCMU/8000", Codec("PCMU", 8000, 1)),
        ("pcma", Codec("PCMA", 8000, 1)),
        ("opus/48000/2", Codec("OPUS", 48000, 2)),
        ("L16/44100/x", Codec("L16", 44100, 1)),
        ("x/0/0", Codec("X", 8000, 1)),
        ("x/²", Codec("X", 8000, 1)),
        ("", Codec("", 8000, 1)),
    ],
)
def test_codec_names(text: str, expected: Codec) -> None:
    assert codec(text) == expected


def test_key_press_names() -> None:
    assert is_key_press("telephone-event/8000")
    assert is_key_press("Telephone-Event")
    assert not is_key_press("PCMU/8000")
