"""WAV headers: what is taken, and what is not."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.operations.ingest.ingesting import HEAD_BYTES, WavError, read
from tests.support.audio import tone
from tests.support.wavs import wav

SOUND = tone(1000, 0.1)


@pytest.mark.parametrize("codec", ["L16", "PCMA", "PCMU"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_phone_systems_write(codec: str, channels: int) -> None:
    data = wav(*[SOUND] * channels, codec=codec)
    found = read(data[:HEAD_BYTES], len(data))
    assert (found.codec, found.rate, found.channels, found.samples) == (codec, 8000, channels, 800)
    assert (found.begin, found.end, found.seconds) == (44, len(data), 0.1)


def test_other_chunks_are_passed_over_and_a_header_that_was_never_finished_is_taken() -> None:
    data = wav(SOUND, extra=struct.pack("<4sI", b"LIST", 5) + b"abcde\0", length=0)
    found = read(data, len(data))
    assert (found.begin, found.samples) == (44 + 14, 800)
    assert read(wav(SOUND, length=0xFFFFFFFF), len(wav(SOUND))).samples == 800


def test_the_format_may_be_named_by_a_guid() -> None:
    guid = struct.pack("<H", 7) + bytes.fromhex("000000001000800000aa00389b71")
    form = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 8000, 1, 8) + struct.pack("<HHI", 22, 8, 0) + guid
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 4) + b"\xff" * 4
    assert read(data, len(data)).codec == "PCMU"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no WAV file"),
        (b"RIFF\0\0\0\0AVI " + bytes(99), "no WAV file"),
        (wav(SOUND)[:40], "no audio in its first"),
        (wav(SOUND)[:-2], "2 bytes of its audio are missing"),
        (wav(SOUND[:0]), "no audio in it"),
        (wav(SOUND, rate=9000), "9000 Hz"),
        (wav(SOUND, SOUND, SOUND), "3 channels"),
        (wav(SOUND).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 2, 1), 1), "format"),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd", "before its format"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0abcd", "cut short"),
    ],
)
def test_what_is_not_taken(data: bytes, why: str) -> None:
    with pytest.raises(WavError, match=why):
        read(data, len(data))


@given(st.binary(max_size=200), st.integers(0, 1 << 40))
def test_any_bytes_give_a_format_or_the_one_error(data: bytes, size: int) -> None:
    for each in (data, b"RIFF\0\0\0\0WAVE" + data, wav(SOUND)[:20] + data):
        try:
            found = read(each, size)
        except WavError:
            continue
        assert found.samples > 0
        assert found.begin < found.end <= max(size, 0)
