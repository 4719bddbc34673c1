"""The vault's sealed file as the recorder takes it; the data key is handed out as the only wrap, so that a test can
look inside. Wraps to real recipients are tested in ``tests/recorder/test_whole.py``."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gate.vault.reader import SealedReader
from gate.vault.sealer import SealedWriter


class Seal:
    def __init__(self, recording_id: str, header: Mapping[str, Any]) -> None:
        self._key = secrets.token_bytes(32)
        self.key_id = secrets.token_hex(8)
        self.wraps = (("test", self._key),)
        self.commitments: dict[str, str] = {}
        self._header = {**header, "recording_id": recording_id, "key_id": self.key_id}

    def create(self, path: Path) -> SealedWriter:
        return SealedWriter(path, self._header, self._key)


def read(path: Path, key: bytes) -> tuple[list[bytes], dict[str, Any] | None]:
    """The clear chunks that are whole, and the trailer where there is one."""
    with SealedReader(path) as reader:
        chunks = reader.open(key, allow_interrupted=True)
        return list(chunks), chunks.trailer
