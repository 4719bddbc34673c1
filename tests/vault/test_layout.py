"""The format is read here by a second program, written from the module's documentation and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import secrets
import struct
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import ChunkDamaged, HeaderDamaged, VaultError
from gate.vault import layout
from tests.support.vault import HEADER, TRAILER, payloads, sealed


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256."""
    secret = hmac.digest(salt, key, "sha256")
    block, out = b"", b""
    for number in range(1, length // 32 + 1):
        block = hmac.digest(secret, block + info + bytes([number]), "sha256")
        out += block
    return out


def read_by_the_book(data: bytes, data_key: bytes) -> tuple[dict, list[bytes], dict]:
    assert data[:8] == bytes.fromhex("8A4447520D0A1A0A")
    version, length = struct.unpack(">HI", data[8:14])
    salt, check = data[14:30], data[30:62]
    header, rest = data[62 : 62 + length], data[62 + length :]
    digest, proof, rest = rest[:32], rest[32:48], rest[48:]
    assert version == 1
    assert digest == hashlib.sha256(data[: 62 + length]).digest()
    derived = hkdf(data_key, salt, b"dialgate sealed recording 1", 64)
    assert derived[32:] == check
    cipher = AESGCM(derived[:32])
    assert cipher.decrypt(bytes(12), proof, digest) == b""
    chunks: list[bytes] = []
    while True:
        frame, rest = rest[:29], rest[29:]
        length, number, flags, tag, crc = struct.unpack(">IIB16sI", frame)
        assert crc == zlib.crc32(frame[:25])
        assert tag == digest[:16]
        assert number == len(chunks) + 1
        nonce = bytes(7) + number.to_bytes(4, "big") + bytes([flags])
        chunks.append(cipher.decrypt(nonce, rest[:length], digest + frame))
        rest = rest[length:]
        if flags == 1:
            assert not rest
            return json.loads(header), chunks[:-1], json.loads(chunks[-1])


def test_another_program_reads_the_format_by_its_documentation(tmp_path: Path) -> None:
    key, chunks = secrets.token_bytes(32), [b"", *payloads(3), b"x"]
    path = sealed(tmp_path / "a.dgr", key, chunks)
    assert read_by_the_book(path.read_bytes(), key) == (HEADER, chunks, TRAILER)


def test_the_format_of_version_1_does_not_change() -> None:
    golden = Path(__file__).parents[1] / "data" / "golden" / "recording-v1.dgr"
    header, chunks, trailer = read_by_the_book(golden.read_bytes(), bytes(range(32)))
    assert header["recording_id"] == "golden"
    assert chunks == [b"first second", b"second second"]
    assert trailer == {"seconds": 2.0}


def test_no_nonce_comes_twice() -> None:
    nonces = {layout.nonce(number, last) for number in range(2000) for last in (False, True)}
    assert len(nonces) == 4000
    assert {len(nonce) for nonce in nonces} == {12}
    assert layout.nonce(layout.MAX_NUMBER, True) == bytes(7) + b"\xff\xff\xff\xff\x01"


def test_the_salt_makes_the_file_key_new_for_the_same_data_key(tmp_path: Path) -> None:
    key, chunk = secrets.token_bytes(32), payloads(1)
    one, two = (sealed(tmp_path / name, key, chunk).read_bytes() for name in ("one", "two"))
    assert one[-300:] != two[-300:]
    assert layout.file_keys(key, b"a" * 16)[1] != layout.file_keys(key, b"b" * 16)[1]
    with pytest.raises(ValueError, match="32 bytes"):
        layout.file_keys(bytes(31), bytes(16))


@given(st.binary(min_size=29, max_size=29))
def test_a_frame_that_no_writer_made_is_damage(data: bytes) -> None:
    with pytest.raises(ChunkDamaged):
        layout.parse_frame(data)
    body = data[:25]
    whole = body + zlib.crc32(body).to_bytes(4, "big")
    length, _, flags = struct.unpack_from(">IIB", body)
    if flags > 1 or not 16 <= length <= layout.MAX_PAYLOAD + 16:
        with pytest.raises(ChunkDamaged):
            layout.parse_frame(whole)
    else:
        assert layout.parse_frame(whole).length == length


@pytest.mark.parametrize(
    "number", ["+442079460000", "+447700900123", "02079460000", "sip:07700900123@example", "tel:1"]
)
def test_a_telephone_number_never_stands_in_a_header(number: str) -> None:
    for header in (
        HEADER | {"number": number},
        HEADER | {number: 1},
        HEADER | {"facts": [{"to": number}]},
        HEADER | {"call_id": number},
    ):
        with pytest.raises(VaultError, match="telephone number"):
            layout.encode_header(header)


@pytest.mark.parametrize(
    "value", ["2026-01-05T09:00:00+00:00", "01234567890123456789012345678901", "0123456789abcdef", 1]
)
def test_times_and_ids_do_stand_in_a_header(value: object) -> None:
    assert layout.decode_header(layout.encode_header(HEADER | {"value": value}))["value"] == value


def test_a_header_has_its_ids_and_a_bound() -> None:
    for header in ({}, {"recording_id": "a"}, HEADER | {"key_id": ""}, HEADER | {"recording_id": 7}):
        with pytest.raises(VaultError, match="needs its"):
            layout.encode_header(header)
    with pytest.raises(VaultError, match="at most"):
        layout.encode_header(HEADER | {"x": "x" * layout.MAX_HEADER})
    with pytest.raises(VaultError, match="JSON"):
        layout.encode_header(HEADER | {"x": float("nan")})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"[" * 60_000,
        b"\xff",
        b'{"key_id":"k","recording_id":1}',
        b'{"key_id":"k", "recording_id":"r"}',
        b'{"recording_id":"r","key_id":"k"}',
    ],
    ids=itertools.count(),
)
def test_what_is_no_canonical_header_is_one_error(text: bytes) -> None:
    with pytest.raises(HeaderDamaged):
        layout.decode_header(text)
