r"""The sealed recording, byte by byte (version 1; integers are big-endian).

::

    preamble   8  magic 8A 44 47 52 0D 0A 1A 0A: no text, and a transfer "as text" breaks it
               2  version, 1
               4  length of the header
              16  salt, random
              32  check: tells a wrong key from damage, and commits to the key
    header     n  canonical JSON (``core.evidence.canonical``) with ``recording_id`` and ``key_id``; no personal data
    digest    32  SHA-256 of preamble and header
    proof     16  AES-256-GCM tag over nothing, number 0, associated data: the digest

    then chunks, numbered from 1, each
    frame      4  length of what follows the frame (payload + 16)
               4  number
               1  flags: bit 0 marks the last chunk, whose payload is the trailer, canonical JSON
              16  the digest's first 16 bytes: which file it belongs to
               4  CRC-32 of the 25 bytes before
    sealed         AES-256-GCM of the payload and its tag (16), associated data: digest and frame

Keys. ``HKDF-SHA-256(data key, salt, "dialgate sealed recording 1")`` gives 64 bytes: the file's key and the check. The
salt makes the file's key new even where one data key came to be used twice, and the check (32 bytes, collision
resistant) rules out a file that opens to one recording under one key and to another under a second.

Nonces. Seven zero bytes, the number in four, the flag in one. A file's key is used by one writer, that counts up,
writes each number once (a failed write ends the recording, see ``writer``) and keeps the flag apart: no nonce comes
twice.

What shows a change. The CRC finds an accident in a frame without the key, so that a frame that is whole can be believed
when it tells of another file (spliced) or another number (moved, repeated, missing). All of it is then authenticated:
whoever forges frames and CRCs is caught by the tag of the chunk, as damage. Truncation shows by the missing last flag.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate.core.evidence import EvidenceError, canonical
from gate.errors import ChunkDamaged, HeaderDamaged, VaultError

MAGIC: Final = b"\x8aDGR\r\n\x1a\n"
VERSION: Final = 1
PREAMBLE: Final = struct.Struct(">8sHI16s32s")
FRAME: Final = struct.Struct(">IIB16sI")
_FRAME_BODY: Final = struct.Struct(">IIB16s")
_NONCE: Final = struct.Struct(">7xIB")
DIGEST_BYTES: Final = 32
TAG_BYTES: Final = 16
SALT_BYTES: Final = 16
KEY_BYTES: Final = 32
MAX_HEADER: Final = 64 * 1024
MAX_PAYLOAD: Final = 4 * 1024 * 1024
"""Bytes of one chunk in clear: a second of a call is some 40 KiB."""
MAX_NUMBER: Final = 2**32 - 1
_INFO: Final = b"dialgate sealed recording 1"
_NUMBER_IN_CLEAR: Final = re.compile(r"\+\d{7,15}|0\d{9,10}|(sips?|tel):.*", re.ASCII | re.IGNORECASE)


class Frame(NamedTuple):
    """What stands before a chunk."""

    length: int
    number: int
    last: bool
    tag: bytes


def file_keys(data_key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """The file's cipher and its check value. Raises ``ValueError`` for a data key that has not 32 bytes."""
    if len(data_key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(data_key)}")
    derived = HKDF(algorithm=SHA256(), length=2 * KEY_BYTES, salt=salt, info=_INFO).derive(data_key)
    return AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]


def nonce(number: int, last: bool) -> bytes:
    """Twelve bytes; see the module's word on why none comes twice."""
    return _NONCE.pack(number, last)


def opening_bytes(header: bytes, salt: bytes, cipher: AESGCM, check: bytes) -> tuple[bytes, bytes]:
    """Everything before the first chunk, and the digest in it."""
    start = PREAMBLE.pack(MAGIC, VERSION, len(header), salt, check) + header
    digest = hashlib.sha256(start).digest()
    return start + digest + cipher.encrypt(nonce(0, False), b"", digest), digest


def pack_frame(length: int, number: int, last: bool, digest: bytes) -> bytes:
    """A frame with its CRC."""
    body = _FRAME_BODY.pack(length, number, last, digest[:16])
    return body + zlib.crc32(body).to_bytes(4, "big")


def parse_frame(data: bytes | memoryview) -> Frame:
    """The inverse. Raises ``ChunkDamaged`` for a frame that no writer made."""
    length, number, flags, tag, crc = FRAME.unpack(data)
    if zlib.crc32(data[: _FRAME_BODY.size]) != crc:
        raise ChunkDamaged("a chunk's frame was changed")
    if flags > 1 or not TAG_BYTES <= length <= MAX_PAYLOAD + TAG_BYTES:
        raise ChunkDamaged("a chunk's frame says what no chunk can be")
    return Frame(length, number, bool(flags), tag)


def encode_header(header: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a header. Raises ``VaultError`` for one that has no ids, is too long, or would write a
    telephone number where everybody can read it."""
    for name in ("recording_id", "key_id"):
        if not isinstance(header.get(name), str) or not header[name]:
            raise VaultError(f"a sealed recording's header needs its {name}")
    _refuse_numbers(header)
    try:
        text = canonical(dict(header))
    except EvidenceError as error:
        raise VaultError(f"a sealed recording's header {error}") from error
    if len(text) > MAX_HEADER:
        raise VaultError(f"a sealed recording's header has at most {MAX_HEADER} bytes, not {len(text)}")
    return text


def _refuse_numbers(value: Any) -> None:
    if isinstance(value, str) and _NUMBER_IN_CLEAR.fullmatch(value):
        raise VaultError("a telephone number must not stand in a sealed recording's header, which is in clear")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_numbers(key)
            _refuse_numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_numbers(item)


def decode_header(text: bytes) -> dict[str, Any]:
    """The inverse. Raises ``HeaderDamaged``."""
    header = decode_object(text)
    if header is None or not all(isinstance(header.get(name), str) for name in ("recording_id", "key_id")):
        raise HeaderDamaged("the header is not what a recording's header is")
    return header


def decode_object(text: bytes) -> dict[str, Any] | None:
    """A canonical JSON object, or None where it is anything else."""
    try:
        value = json.loads(text)
        return value if isinstance(value, dict) and canonical(value) == text else None
    except (ValueError, RecursionError):
        return None
