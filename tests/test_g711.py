"""The tables, against what G.711 says of them and against the standard library's own, sample by sample."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from gate import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

EVERY = np.arange(-32768, 32768).astype(np.int16)
CODES = bytes(range(256))


def test_every_sample_is_encoded_as_audioop_does() -> None:
    assert g711.ulaw_encode(EVERY) == audioop.lin2ulaw(EVERY.tobytes(), 2)
    assert g711.alaw_encode(EVERY) == audioop.lin2alaw(EVERY.tobytes(), 2)


def test_every_code_is_decoded_as_audioop_does() -> None:
    assert g711.ulaw_decode(CODES).tobytes() == audioop.ulaw2lin(CODES, 2)
    assert g711.alaw_decode(CODES).tobytes() == audioop.alaw2lin(CODES, 2)


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.ulaw_encode, g711.ulaw_decode), (g711.alaw_encode, g711.alaw_decode)]
)
def test_what_is_decoded_encodes_to_the_same_value_again(encode: object, decode: object) -> None:
    values = decode(CODES)  # type: ignore[operator]  # one of the two pairs above
    assert np.array_equal(decode(encode(values)), values)  # type: ignore[operator]  # the same


def test_silence_and_known_points() -> None:
    assert g711.ulaw_encode(np.zeros(3, np.int16)) == b"\xff\xff\xff"
    assert g711.alaw_encode(np.zeros(3, np.int16)) == b"\xd5\xd5\xd5"
    assert g711.ulaw_decode(b"\x00\x80").tolist() == [-32124, 32124]
    assert g711.ulaw_encode(np.zeros(0, np.int16)) == b""
