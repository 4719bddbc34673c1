"""What the recorder needs of the vault. ``gate.daemon`` gives the concrete thing; the rooms do not know each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from gate.errors import RecorderError


class Summary(Protocol):
    """A finished sealed file."""

    @property
    def sha256(self) -> str:
        """Of the whole file, hexadecimal."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def chunks(self) -> int:
        """Sealed chunks of audio."""
        ...


class SealedFile(Protocol):
    """A sealed file that grows. ``write_chunk`` and ``close`` are never called at the same time; ``sync`` may run on
    another thread beside ``write_chunk``."""

    def write_chunk(self, payload: bytes) -> None:
        """Seal and write. Raises ``OSError`` or ``VaultError``; what was written before stays valid."""
        ...

    def sync(self) -> None:
        """Bring what was written to the disk. Raises ``OSError``."""
        ...

    def close(self, trailer: Mapping[str, Any]) -> Summary:
        """Seal the last chunk with the trailer (JSON), sync, close. Raises ``OSError`` or ``VaultError``."""
        ...


class Seal(Protocol):
    """A fresh data key, already wrapped for every recipient."""

    @property
    def key_id(self) -> str:
        """Random id that the wraps are kept under."""
        ...

    @property
    def wraps(self) -> tuple[tuple[str, bytes], ...]:
        """(recipient id, wrapped key)."""
        ...

    @property
    def commitments(self) -> dict[str, str]:
        """What proves later that a wrap of this key opens; no secret."""
        ...

    def create(self, path: Path) -> SealedFile:
        """Create the file, which must not exist, with its header, and the folders above it, durably. Raises ``OSError``
        or ``VaultError``."""
        ...


class NoSeal:
    """Stands where a call is only listened to for keys: there is nothing to keep its audio in."""

    key_id = ""
    wraps: tuple[tuple[str, bytes], ...] = ()

    @property
    def commitments(self) -> dict[str, str]:
        """None."""
        return {}

    def create(self, path: Path) -> SealedFile:
        """Never."""
        raise RecorderError(f"the call of {path.name} is only listened to")


SealFactory = Callable[[str, Mapping[str, Any]], Seal]
"""``(recording_id, header) -> Seal``: makes the key and its wraps. ``header`` is JSON without personal data."""
