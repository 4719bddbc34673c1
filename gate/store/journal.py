"""The memory journal: a signed, append-only file in a second place, so that a restore forgets nothing.

``memory.journal`` has one entry a line: JSON, a tab, a signature in base64. Each entry names its number, the SHA-256 of
the line before, and acts (``gate.store.acts``); the first one, in their place, whose it is: the gate's verifier key,
and what tells the key of the number hashes again. The signature (Ed25519, by ``gate.key``) is over a word and the JSON;
as each entry commits to all before it, the last one's signature is that of the whole file.

What is wrong is told apart: ``JournalAway`` (the place or the file is not there, or cannot be used now) and
``JournalWrong`` (damaged, cut, or another gate's).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from gate.durable import sync_folder
from gate.errors import GateError, StoreError
from gate.handed_over_file import kind_of
from gate.types import Row

NAME: Final = "memory.journal"
VERSION: Final = 1
CONTEXT: Final = b"dialgate memory journal\n"
"""Goes before what is signed: no signature for anything else fits an entry."""


class JournalAway(StoreError):
    """The second place, or the journal in it, is not there or cannot be used now."""


class JournalWrong(StoreError):
    """The journal is damaged, cut, or another gate's."""


class Head(NamedTuple):
    """How far a journal goes."""

    number: int
    """Of the last entry."""
    digest: bytes
    """SHA-256 of its line."""
    size: int
    """Bytes up to its end."""


class Read(NamedTuple):
    """What a journal holds."""

    head: Head
    known: list[Row]
    """Acts up to where the store knows it."""
    acts: list[Row]
    """Those after that."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The gate's key, as far as the journal needs it."""

    vkey: str
    sign: Callable[[bytes], bytes]
    check: Callable[[bytes, bytes], None]
    """(what was signed, signature). Raises ``GateError``."""


class Journal:
    """The file. Not thread-safe: one thread at a time. Blocks as long as the disk does."""

    def __init__(self, place: Path, signer: Signer, proof: bytes) -> None:
        """``proof``: the hash of no number, to know the key of the hashes again."""
        self.place = place
        self.path = place / NAME
        self._signer = signer
        self._proof = proof

    def create(self) -> Head:
        """A new journal. Raises ``JournalAway``; ``JournalWrong`` where there is one."""
        if not self.place.is_dir():
            raise JournalAway(f"{self.place} is not there", hint="is the disk mounted? the gate does not make it")
        whose = {"journal": VERSION, "n": 0, "prev": "", "proof": self._proof.hex(), "vkey": self._signer.vkey}
        line = self._line(whose)
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _write(file, line)
            finally:
                os.close(file)
            sync_folder(self.place)
        except FileExistsError:
            raise JournalWrong(f"{self.path} exists already") from None
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be written: {error.strerror}") from error
        return Head(0, hashlib.sha256(line).digest(), len(line))

    def append(self, acts: Sequence[Row], after: Head) -> Head:
        """Add an entry, durably; ``after`` is where the journal ends. Raises ``JournalAway`` or ``JournalWrong``."""
        line = self._line({"acts": list(acts), "n": after.number + 1, "prev": after.digest.hex()})
        try:
            file = self._open(os.O_RDWR)
            try:
                self._ready(file, after)
                os.lseek(file, after.size, os.SEEK_SET)
                _write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be written: {error.strerror}") from error
        return Head(after.number + 1, hashlib.sha256(line).digest(), after.size + len(line))

    def read(self, since: Head | None = None) -> Read:
        """All of it, every entry checked.

        ``since`` is what the store knows of it. Raises ``JournalAway`` or ``JournalWrong``.
        """
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                data = file.read(os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be read: {error.strerror}", hint="is the disk mounted?") from error
        whole = data.rfind(b"\n") + 1
        if since is not None and whole < since.size:
            raise JournalWrong(f"{self.path} was cut: the store knows {since.size:,} bytes of it, and it has {whole:,}")
        if whole < len(data) and (since is None or whole > since.size):
            # Half an entry at the end is what a crash leaves where the store has all of it; else something is lost.
            raise JournalWrong(f"{self.path} was cut within its last entry")
        head, signed = Head(-1, b"", 0), (b"", b"")
        known: list[Row] = []
        acts: list[Row] = []
        for line in data[:whole].splitlines(keepends=True):
            entry, signed = self._entry(line, head)
            size = head.size + len(line)
            head = Head(head.number + 1, hashlib.sha256(line).digest(), size)
            if since is not None and size == since.size and head != since:
                raise JournalWrong(f"{self.path} is not the journal that the store knows: entry {head.number} differs")
            (known if since is not None and size <= since.size else acts).extend(entry.get("acts", []))
        if head.number < 0:
            raise JournalWrong(f"{self.path} is empty")
        self._signed(*signed, head.number)
        return Read(head, known, acts)

    def ends_at(self, known: Head) -> bool:
        """Whether it ends where the store knows it to end: looks at its last bytes alone. Raises as ``read``."""
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != known.size:
                    return False
                reach = min(size, 1 << 16)
                while True:
                    file.seek(size - reach)
                    lines = file.read(reach).splitlines(keepends=True)
                    if len(lines) > 1 or reach == size:
                        return hashlib.sha256(lines[-1] if lines else b"").digest() == known.digest
                    reach = min(size, reach * 16)
        except OSError as error:
            raise JournalAway(f"{self.path} cannot be read: {error.strerror}", hint="is the disk mounted?") from error

    # --- steps

    def _open(self, flags: int) -> int:
        """Never waits, and follows no link. Raises ``OSError``; ``JournalWrong`` where it is no regular file."""
        if self.path.is_symlink():
            raise JournalWrong(f"{self.path} is a symbolic link, and no file")
        file = os.open(self.path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode):
            os.close(file)
            raise JournalWrong(f"{self.path} is {kind_of(seen)}, and no file")
        return file

    def _ready(self, file: int, after: Head) -> None:
        """Cut what a crash has left of half an entry. Raises ``JournalWrong`` where something else lies there."""
        size = os.fstat(file).st_size
        if size < after.size:
            raise JournalWrong(f"{self.path} was cut: it had {after.size:,} bytes and has {size:,}")
        if size > after.size:
            if b"\n" in os.pread(file, size - after.size, after.size):
                raise JournalWrong(f"{self.path} was written to by somebody else")
            os.ftruncate(file, after.size)

    def _line(self, entry: Row) -> bytes:
        text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        return text + b"\t" + base64.b64encode(self._signer.sign(CONTEXT + text)) + b"\n"

    def _entry(self, line: bytes, before: Head) -> tuple[dict[str, Any], tuple[bytes, bytes]]:
        text, tab, signature = line.rstrip(b"\n").partition(b"\t")
        number = before.number + 1
        try:
            entry: Any = json.loads(text)
            signed = base64.b64decode(signature, validate=True)
        except ValueError:
            entry, signed = None, b""
        if not tab or not isinstance(entry, dict) or not signed:
            raise JournalWrong(f"{self.path} is damaged: entry {number} cannot be read")
        if number == 0:
            self._own(entry)
        if entry.get("n") != number or entry.get("prev") != before.digest.hex():
            raise JournalWrong(f"{self.path} is damaged: entry {number} does not follow the one before it")
        return entry, (text, signed)

    def _own(self, whose: dict[str, Any]) -> None:
        if whose.get("journal") != VERSION:
            raise JournalWrong(f"{self.path} is no memory journal of this version of Dialgate")
        if whose.get("vkey") != self._signer.vkey:
            raise JournalWrong(f"{self.path} is the journal of another gate", hint="name the place of this one")
        if whose.get("proof") != self._proof.hex():
            raise JournalWrong(
                f"{self.path} was made with another number.key: its hashes name nobody here",
                hint="put the number.key back that belongs to it",
            )

    def _signed(self, text: bytes, signature: bytes, number: int) -> None:
        try:
            self._signer.check(CONTEXT + text, signature)
        except GateError as error:
            raise JournalWrong(f"{self.path} is damaged: the signature of entry {number} does not hold") from error


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)
