"""Keys, sealed files and searches for the tests of the vault."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gate.vault.keyfile import PrivateKey, change_passphrase, generate
from gate.vault.publickey import Recipient
from gate.vault.recipients import put_recipient, read_recipient
from gate.vault.sealer import SealedWriter
from gate.vault.wrap import data_key

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"
HEADER = {"recording_id": "rec-1", "key_id": "key-1", "call_id": "call-1", "opened": "2026-01-05T09:00:00Z"}
WORD = 8
TRAILER = {"seconds": 3.5, "gaps": [[1.0, 2.0]]}


def new_key(name: str, role: str, passphrase: str = PASSPHRASE, now: datetime = NOW) -> tuple[PrivateKey, Recipient]:
    """As ``generate``, at a fixed time."""
    return generate(name, role, passphrase, now)


def close_again(path: Path, passphrase: str) -> None:
    """Close the file of a private key that a program made anew with the same passphrase: it opens at once then."""
    change_passphrase(path, passphrase, passphrase)


@cache
def private_key(name: str = "Ada (compliance)", role: str = "compliance") -> PrivateKey:
    """The same key for the same name, throughout a test run."""
    return new_key(name, role)[0]


def add_recipient(folder: Path, text: str | bytes, role: str = "", **terms: Any) -> Recipient:
    """Put a recipient in force in the register ``folder``, as the gate does in two steps."""
    return put_recipient(folder, read_recipient(folder, text, role, **terms))


def opened(private: PrivateKey, wrapped: bytes, *, recording_id: str, key_id: str) -> bytes:
    """The data key in one wrap of the whole."""
    return data_key([(private.id, wrapped)], [private], recording_id=recording_id, key_id=key_id)


def payloads(count: int = 4, size: int = 200) -> list[bytes]:
    """Random chunks, so that a run of one of them in a file is no accident."""
    return [secrets.token_bytes(size) for _ in range(count)]


def sealed(path: Path, data_key: bytes, chunks: Sequence[bytes], *, header=HEADER, trailer=TRAILER) -> Path:
    """A whole sealed file; with ``trailer=None`` an interrupted one."""
    writer = SealedWriter(path, header, data_key)
    for chunk in chunks:
        writer.write_chunk(chunk)
    if trailer is None:
        writer.abandon()
    else:
        writer.close(trailer)
    return path


def files_under(folder: Path) -> dict[Path, bytes]:
    """Every file's bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def found_in(folder: Path, needles: Iterable[bytes], *, run: int = 16) -> list[bytes]:
    """The needles of which a run of ``run`` bytes, from one of five places in it, lies in a file under ``folder``."""
    haystack = b"\x00".join(files_under(folder).values())
    sought = {needle: _runs(needle, run) for needle in needles}
    words = _words_in(haystack, {part[:WORD] for parts in sought.values() for part in parts if len(part) >= WORD})
    return [
        needle
        for needle, parts in sought.items()
        if any((len(part) < WORD or part[:WORD] in words) and part in haystack for part in parts)
    ]


def _runs(needle: bytes, run: int) -> list[bytes]:
    places = {0, len(needle) // 4, len(needle) // 2, 3 * len(needle) // 4, max(0, len(needle) - run)}
    return [needle[place : place + run] for place in places]


def _words_in(haystack: bytes, words: set[bytes]) -> set[bytes]:
    """Those of these words of eight bytes that lie in the haystack, at whatever offset: one pass for all of them."""
    sought = np.unique(np.frombuffer(b"".join(words), "<u8"))
    found: set[bytes] = set()
    for offset in range(WORD if words else 0):
        seen = np.frombuffer(haystack, "<u8", max(0, (len(haystack) - offset) // WORD), offset)
        places = np.searchsorted(sought, seen).clip(max=len(sought) - 1)
        found |= {word.tobytes() for word in np.unique(seen[sought[places] == seen])}
    return found
