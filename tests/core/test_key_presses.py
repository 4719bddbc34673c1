"""One press gives one digit, as real and not so real phones send it."""

from __future__ import annotations

import struct

from gate.core.rtp import KeyListener, parse

MS = 1_000_000


class Wire:
    """Sends telephone-event packets to a listener and notes what it told."""

    def __init__(self) -> None:
        self.listener = KeyListener()
        self.now = 0
        self.told = ""
        self.kept: list[bool] = []

    def send(
        self, event: int, ts: int, *, end: bool = False, marker: bool = False, duration: int = 160, ssrc: int = 1,
        after: int = 20, muted: bool = False,
    ) -> None:  # fmt: skip
        self.now += after * MS
        header = struct.pack(">BBHII", 0x80, 101 | (marker << 7), 1, ts, ssrc)
        packet = parse(header + struct.pack(">BBH", event, end << 7, duration))
        assert packet is not None
        digit, keepable = self.listener.hear(packet, self.now, muted=muted)
        self.told += digit
        self.kept.append(keepable)


def test_a_press_of_the_book() -> None:
    wire = Wire()
    for index in range(5):
        wire.send(9, 1000, marker=index == 0, duration=160 * (index + 1))
    for _ in range(3):
        wire.send(9, 1000, end=True, duration=960, after=0)
    assert wire.told == "9"


def test_the_same_key_twice_is_two_digits() -> None:
    wire = Wire()
    for ts in (1000, 3000):
        wire.send(9, ts, marker=True)
        wire.send(9, ts, end=True)
    assert wire.told == "99"


def test_a_lost_beginning_still_gives_the_digit() -> None:
    wire = Wire()
    wire.send(5, 1000)
    wire.send(5, 1000, end=True)
    wire.send(5, 5000, end=True, after=400)
    assert wire.told == "55"


def test_lost_ends_do_not_swallow_the_next_press() -> None:
    wire = Wire()
    wire.send(5, 1000, marker=True)
    wire.send(5, 9000, after=900)
    assert wire.told == "55", "too long after the other to be the same press"
    wire.send(5, 17000, marker=True, after=60)
    assert wire.told == "555", "a marker always begins a press"


def test_a_repeated_end_that_comes_after_the_next_key_is_not_a_third() -> None:
    wire = Wire()
    wire.send(1, 1000, marker=True)
    wire.send(1, 1000, end=True)
    wire.send(2, 3000, marker=True)
    wire.send(1, 1000, end=True)
    wire.send(2, 3000, end=True)
    assert wire.told == "12"


def test_a_key_held_for_ten_seconds_is_one_digit() -> None:
    wire = Wire()
    ts = 1000
    for segment in range(2):
        for step in range(1, 200):
            wire.send(0, ts, marker=segment == 0 and step == 1, duration=min(0xFFFF, step * 400), after=50)
        ts += 0xFFFF
    wire.send(0, ts - 0xFFFF, end=True)
    assert wire.told == "0"


def test_a_phone_that_counts_the_timestamp_up_in_every_packet() -> None:
    wire = Wire()
    for index in range(6):
        wire.send(7, 1000 + 160 * index, marker=index == 0, end=index == 5)
    assert wire.told == "7"


def test_another_stream_may_use_the_same_timestamp() -> None:
    wire = Wire()
    wire.send(3, 1000, marker=True, end=True)
    wire.send(3, 1000, marker=True, end=True, ssrc=2)
    assert wire.told == "33"


def test_what_is_no_key_is_told_to_nobody() -> None:
    wire = Wire()
    wire.send(16, 1000, marker=True)
    wire.send(255, 2000)
    assert wire.told == ""


def test_a_press_that_began_muted_is_unkept_to_its_end() -> None:
    wire = Wire()
    wire.send(4, 1000, marker=True, muted=True)
    wire.send(4, 1000)
    wire.send(4, 1000, end=True)
    wire.send(5, 3000, marker=True)
    assert wire.kept == [False, False, False, True]
    wire = Wire()
    wire.send(4, 1000, marker=True, muted=True)
    wire.send(4, 1160)
    wire.send(4, 1320, end=True)
    assert wire.kept == [False, False, False], "nor for a phone that counts up"
