"""What the recorder is given: for each recording a fresh key, wrapped to every recipient, and its sealed file.

The wraps are made before the file: a recording that could not be opened is never begun.

It is written a chunk at a time; the bytes are in ``layout``. Nothing in clear is ever written, and nothing is written
twice: the file only grows, one ``write`` a chunk. A crash loses the chunk that was open, and leaves a file that opens
up to its last whole chunk and says that it was interrupted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate.core.evidence import EvidenceError, canonical
from gate.durable import sync_folder
from gate.errors import VaultError
from gate.vault.files import make_folder, trouble
from gate.vault.layout import (
    FRAME,
    KEY_BYTES,
    MAX_NUMBER,
    MAX_PAYLOAD,
    SALT_BYTES,
    TAG_BYTES,
    encode_header,
    file_keys,
    nonce,
    opening_bytes,
    pack_frame,
)
from gate.vault.publickey import Recipient
from gate.vault.recipients import recipient_source
from gate.vault.wrap import close_all, commitments, split


@dataclass(frozen=True, slots=True)
class SealedSummary:
    """A finished file."""

    sha256: str
    """SHA-256 of the whole file, hexadecimal."""
    size: int
    chunks: int
    """Chunks of audio; the one with the trailer is not counted."""


class SealedWriter:
    """A sealed file that grows. One thread writes; ``sync`` may run on another one beside ``write_chunk``.

    ``data_key`` is fresh, 32 bytes, and used for this file only. Creates the file (0600; it must not exist) and the
    folders above it (0700). Raises ``VaultError`` where the header cannot be or the file cannot be made (``DiskFull``
    where there is no room); then there is no file.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], data_key: bytes) -> None:
        text = encode_header(header)
        salt = secrets.token_bytes(SALT_BYTES)
        self._cipher, check = file_keys(data_key, salt)
        start, self._digest = opening_bytes(text, salt, self._cipher, check)
        self._path = path
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._chunks = 0
        self._failed: VaultError | None = None
        self._unsafe: VaultError | None = None
        self._named = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            make_folder(path.parent)
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise trouble(error, f"cannot create {path}") from error
        try:
            self._append(start)
        except VaultError:
            self.abandon()
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def write_chunk(self, payload: bytes) -> None:
        """Seal and append one chunk, at most 4 MiB.

        Raises ``DiskFull`` or ``VaultError``: the file then ends with the last whole chunk, and takes no chunk more.
        """
        if self._failed is not None:
            # This number's chunk may lie on the disk in part: another payload under its nonce would betray both.
            raise VaultError(f"{self._path} takes no more: {self._failed}")
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"a chunk has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
        self._append(self._sealed(payload, last=False))
        self._chunks += 1

    def sync(self) -> None:
        """Bring what was written to the disk, the file's name included. Raises ``DiskFull`` or ``VaultError``: what was
        not yet on the disk may then be lost, and ``close`` will say so too."""
        if self._fd < 0:
            raise VaultError(f"{self._path} is closed")
        try:
            os.fdatasync(self._fd)
            if not self._named:
                sync_folder(self._path.parent)
                self._named = True
        except OSError as error:
            # The kernel tells of a lost page once, and calls the next sync a success.
            self._unsafe = trouble(error, f"cannot bring {self._path} to the disk")
            raise self._unsafe from error

    def close(self, trailer: Mapping[str, Any]) -> SealedSummary:
        """Seal the trailer as the last chunk, sync, close. Works once after a failed chunk too, if there is room again.

        Raises ``DiskFull`` or ``VaultError``: the file is closed all the same, and reads as an interrupted one.
        """
        try:
            # Its nonce is its own even after a failed chunk of the same number: the flag is part of it.
            self._append(self._sealed(_trailer(trailer), last=True))
            if self._unsafe is not None:
                raise self._unsafe
            self.sync()
        finally:
            self.abandon()
        return SealedSummary(self._sha256.hexdigest(), self._size, self._chunks)

    def abandon(self) -> None:
        """Close without a last chunk: the file stays, interrupted. Harmless where it is closed."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _sealed(self, payload: bytes, *, last: bool) -> memoryview:
        number, length = self._chunks + 1, len(payload) + TAG_BYTES
        if number > MAX_NUMBER or len(payload) > MAX_PAYLOAD:
            raise VaultError(f"{self._path} is full")
        frame = pack_frame(length, number, last, self._digest)
        data = memoryview(bytearray(FRAME.size + length))
        data[: FRAME.size] = frame
        self._cipher.encrypt_into(nonce(number, last), payload, self._digest + frame, data[FRAME.size :])
        return data

    def _append(self, data: bytes | memoryview) -> None:
        if self._fd < 0:
            raise VaultError(f"{self._path} is closed")
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            self._failed = trouble(error, f"cannot write {self._path}")
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise self._failed from error
        self._sha256.update(data)
        self._size += len(data)


def _trailer(trailer: Mapping[str, Any]) -> bytes:
    try:
        return canonical(dict(trailer))
    except EvidenceError as error:
        raise VaultError(f"a sealed recording's trailer {error}") from error


class Seal:
    """One recording's key, already wrapped. ``create`` makes the file, once; the key is forgotten with that."""

    def __init__(
        self,
        recording_id: str,
        header: Mapping[str, Any],
        recipients: tuple[Recipient, ...],
        *,
        two_person: bool = False,
    ) -> None:
        # From the system's generator: used for this one file, so that its nonces may simply count (see ``layout``).
        self._data_key: bytes | None = secrets.token_bytes(KEY_BYTES)
        self.key_id = secrets.token_hex(16)
        """Random; names the key, tells nothing about it."""
        ids = {"recording_id": recording_id, "key_id": self.key_id}
        inner = split(self._data_key, two_person=two_person)
        self.wraps: tuple[tuple[str, bytes], ...] = close_all(inner, recipients, **ids)
        """(recipient id, wrap) for every recipient in force."""
        self.commitments: dict[str, str] = commitments(inner, **ids)
        """What proves later that a wrap of this key opens (see ``wrap``); no secret."""
        self._header = {**header, **ids, "commitments": self.commitments}

    def create(self, path: Path) -> SealedWriter:
        """The file, ready for chunks; ``path`` must not exist. Raises what ``SealedWriter`` raises.

        A second call raises ``VaultError``: one key, one file.
        """
        data_key, self._data_key = self._data_key, None
        if data_key is None:
            raise VaultError("this key has sealed a file already")
        return SealedWriter(path, self._header, data_key)


SealFactory = Callable[[str, Mapping[str, Any]], Seal]
"""``(recording_id, header) -> Seal``: makes the key and its wraps. ``header`` is JSON without personal data."""


Admitted = Callable[[tuple[Recipient, ...]], tuple[Recipient, ...]]
"""Those of these recipients that the log has: nothing is sealed to anybody else, whatever lies in the register."""


def sealer(recipients_folder: Path, *, two_person: bool = False, admitted: Admitted = tuple) -> SealFactory:
    """``(recording_id, header) -> Seal`` for the recipients in force at that moment; for one thread.

    ``two_person``: it takes one of each half to open what is sealed. ``header`` stands in clear: no personal data.
    Raises ``NoRecipients``, ``OtherHalf``, ``RecipientInvalid``, ``VaultError``: then there is no key, and the rule for
    a recorder that cannot start decides.
    """
    recipients = recipient_source(recipients_folder)

    def seal(recording_id: str, header: Mapping[str, Any]) -> Seal:
        return Seal(recording_id, header, admitted(recipients()), two_person=two_person)

    return seal
