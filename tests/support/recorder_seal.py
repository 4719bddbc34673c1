"""A small seal for the recorder's own tests: AES-256-GCM chunks behind a JSON header line.

It has the shape of ``gate.recorder.seal`` and hands the data key out as the only wrap, so that a test can look inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LENGTH = struct.Struct(">IB")


@dataclass(frozen=True)
class Summary:
    sha256: str
    size: int
    chunks: int


class File:
    def __init__(self, path: Path, header: Mapping[str, Any], key: bytes) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._path = path
        self._aead = AESGCM(key)
        self._count = 0
        os.write(self._fd, json.dumps(dict(header)).encode() + b"\n")

    def _write(self, payload: bytes, last: int) -> None:
        sealed = self._aead.encrypt(self._count.to_bytes(12, "big"), payload, bytes([last]))
        data = _LENGTH.pack(len(sealed), last) + sealed
        before = os.fstat(self._fd).st_size
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError(28, "No space left on device")
        except OSError:
            os.ftruncate(self._fd, before)
            os.lseek(self._fd, before, os.SEEK_SET)
            raise
        self._count += 1

    def write_chunk(self, payload: bytes) -> None:
        self._write(payload, 0)

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self, trailer: Mapping[str, Any]) -> Summary:
        try:
            self._write(json.dumps(dict(trailer)).encode(), 1)
            os.fsync(self._fd)
        finally:
            os.close(self._fd)
        data = self._path.read_bytes()
        return Summary(hashlib.sha256(data).hexdigest(), len(data), self._count)


class Seal:
    def __init__(self, recording_id: str, header: Mapping[str, Any]) -> None:
        self._header = {**header, "recording_id": recording_id}
        self._key = secrets.token_bytes(32)
        self.key_id = secrets.token_hex(8)
        self.wraps = (("test", self._key),)

    def create(self, path: Path) -> File:
        return File(path, self._header, self._key)


def read(path: Path, key: bytes) -> tuple[list[bytes], dict[str, Any] | None]:
    """The clear chunks that are whole, and the trailer where there is one."""
    data = path.read_bytes()
    position = data.index(b"\n") + 1
    aead, chunks, trailer = AESGCM(key), [], None
    while position + _LENGTH.size <= len(data):
        length, last = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        if position + length > len(data):
            break
        count = len(chunks)
        payload = aead.decrypt(count.to_bytes(12, "big"), data[position : position + length], bytes([last]))
        position += length
        if last:
            trailer = json.loads(payload)
        else:
            chunks.append(payload)
    return chunks, trailer
