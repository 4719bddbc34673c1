"""Frames: what goes in comes out, and nothing but ``FrameError`` comes of anything else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.rtp import (
    HEADER,
    MAX_BODY,
    MAX_OFFSET,
    EventFrame,
    Frame,
    FrameError,
    MapFrame,
    PacketFrame,
    decode,
    encode,
    encode_event,
    encode_map,
    encode_packet,
)
from tests.support.examples import examples

offsets = st.integers(0, MAX_OFFSET)
text = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
packet_frames = st.builds(PacketFrame, st.sampled_from(["caller", "callee"]), offsets, st.binary(max_size=400))
map_frames = st.builds(
    MapFrame,
    offsets,
    st.dictionaries(
        st.sampled_from(["caller", "callee"]), st.dictionaries(st.integers(0, 127), text, max_size=4), max_size=2
    ),
)
event_frames = st.builds(
    EventFrame, offsets, text, st.dictionaries(text.filter(lambda key: key != "event"), values, max_size=4)
)
frames = packet_frames | map_frames | event_frames


@pytest.mark.deep
@settings(max_examples=examples(150), deadline=None)
@given(st.lists(frames, max_size=8))
def test_what_goes_in_comes_out(run: list[Frame]) -> None:
    assert list(decode(b"".join(encode(frame) for frame in run))) == run


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_frames_or_the_one_error(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        list(decode(data))


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from([3, 4]), st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_any_body_of_a_map_or_event_gives_a_frame_or_the_one_error(kind: int, body: bytes) -> None:
    try:
        (frame,) = decode(HEADER.pack(kind, len(body), 0) + body)
    except FrameError:
        return
    assert list(decode(encode(frame))) == [frame]


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(frames, min_size=1, max_size=3), st.data())
def test_a_cut_is_found(run: list[Frame], data: st.DataObject) -> None:
    borders = [0]
    for frame in run:
        borders.append(borders[-1] + len(encode(frame)))
    whole = b"".join(encode(frame) for frame in run)
    cut = data.draw(st.integers(0, len(whole)).filter(lambda at: at not in borders))
    with pytest.raises(FrameError, match="cut short"):
        list(decode(whole[:cut]))


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (HEADER.pack(0, 0, 0), "unknown kind"),
        (HEADER.pack(5, 0, 0), "unknown kind"),
        (HEADER.pack(3, 2, 0) + b"[]", "not a JSON object"),
        (HEADER.pack(3, 1, 0) + b"{", "not JSON"),
        (HEADER.pack(3, 14, 0) + b'{"caller":"x"}', "codec map"),
        (HEADER.pack(3, 14, 0) + b'{"someone":{}}', "codec map"),
        (HEADER.pack(3, 25, 0) + b'{"caller":{"128":"PCMU"}}', "payload type"),
        (HEADER.pack(3, 24, 0) + '{"caller":{"²":"PCMU"}}'.encode(), "payload type"),
        (HEADER.pack(4, 2, 0) + b"{}", "no name"),
        (HEADER.pack(4, 11, 0) + b'{"event":1}', "no name"),
        (HEADER.pack(1, 0, MAX_OFFSET + 1), "from the start"),
    ],
)
def test_each_fault_says_what_it_is(bytes_: bytes, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        list(decode(bytes_))


@pytest.mark.parametrize(
    "make",
    [
        lambda: encode_packet("nobody", 0, b""),
        lambda: encode_packet("caller", -1, b""),
        lambda: encode_packet("caller", MAX_OFFSET + 1, b""),
        lambda: encode_packet("caller", 0, bytes(MAX_BODY + 1)),
        lambda: encode_map(0, {"nobody": {}}),
        lambda: encode_map(0, {"caller": {128: "PCMU/8000"}}),
        lambda: encode_map(0, {"caller": {-1: "PCMU/8000"}}),
        lambda: encode_event(0, "x", {"at": object()}),
        lambda: encode_event(0, "x", {"at": float("nan")}),
        lambda: encode_event(0, "x", {"at": "y" * MAX_BODY}),
        lambda: encode_event(0, "\ud800"),
    ],
)
def test_what_has_no_frame_is_refused(make: Any) -> None:
    with pytest.raises(FrameError):
        make()


def test_frames_before_a_fault_are_given_out() -> None:
    run = decode(encode_packet("caller", 1, b"x") + b"\x09")
    assert next(run) == PacketFrame("caller", 1, b"x")
    with pytest.raises(FrameError):
        next(run)


def test_a_packet_costs_eleven_bytes() -> None:
    assert encode_packet("callee", 1_000_000, b"\x80" * 172).hex() == "02" + "00ac" + "00000000000f4240" + "80" * 172
