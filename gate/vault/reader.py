"""Reading a sealed recording, and finding every change to it. The bytes are in ``layout``.

Wraps and private keys give the data key, the data key the clear chunks.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gate.errors import (
    ChunkDamaged,
    ChunkOutOfOrder,
    ChunkSpliced,
    HeaderDamaged,
    SealedFault,
    TrailingData,
    Truncated,
    VaultError,
    WrongKey,
    WrongRecording,
)
from gate.vault.files import trouble
from gate.vault.keyfile import PrivateKey
from gate.vault.layout import (
    DIGEST_BYTES,
    FRAME,
    MAGIC,
    MAX_HEADER,
    PREAMBLE,
    TAG_BYTES,
    VERSION,
    Frame,
    decode_header,
    decode_object,
    file_keys,
    nonce,
    parse_frame,
)
from gate.vault.wrap import data_key

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file's structure shows without any key: nothing here is authenticated, only found or not found."""

    chunks: int
    """Whole chunks of audio, up to the first fault."""
    complete: bool
    """The chunk marked last is there, and nothing after it."""
    size: int
    """Bytes of the file."""
    size_valid: int
    """Up to the end of the last whole chunk."""
    sha256: str
    """SHA-256 of the whole file as it lies, hexadecimal."""
    fault: SealedFault | None
    """The first one: ``Truncated`` for an interrupted or cut file."""


class _Chunk(NamedTuple):
    number: int
    last: bool
    frame: memoryview
    sealed: memoryview
    end: int


class SealedReader:
    """A sealed file, its header read and found whole (authenticated only by ``open``). A context manager.

    Raises ``VaultError`` where the file cannot be read, ``HeaderDamaged``, and ``Truncated`` where it ends before its
    first chunk could begin.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise trouble(error, f"cannot read {path}") from error
        # Closed with the reader or, where only what ``open`` gave is kept, with the last use of that.
        self._finalizer = weakref.finalize(self, os.close, self._fd)
        try:
            if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                raise HeaderDamaged(f"{path} is not a file")
            self._read_start()
        except BaseException:
            self.close()
            raise

    def _read_start(self) -> None:
        preamble = self._read(0, PREAMBLE.size)
        if preamble[: len(MAGIC)] != MAGIC[: len(preamble)]:
            raise HeaderDamaged(f"{self._path} is not a sealed recording")
        self._need(preamble, PREAMBLE.size)
        _, version, length, self._salt, self._check = PREAMBLE.unpack(preamble)
        if version != VERSION:
            raise HeaderDamaged(f"{self._path} is of version {version}; this program knows version {VERSION}")
        if length > MAX_HEADER:
            raise HeaderDamaged(f"{self._path} says that its header has {length} bytes")
        rest = self._read(PREAMBLE.size, length + DIGEST_BYTES + TAG_BYTES)
        self._need(rest, length + DIGEST_BYTES + TAG_BYTES)
        text, self._digest = rest[:length], rest[length : length + DIGEST_BYTES]
        self._proof = rest[length + DIGEST_BYTES :]
        if hashlib.sha256(preamble + text).digest() != self._digest:
            raise HeaderDamaged(f"the header of {self._path} was changed")
        self.header: dict[str, Any] = decode_header(text)
        self._start = PREAMBLE.size + len(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what ``open`` gave stops working. Harmless twice."""
        self._fd = -1
        self._finalizer()

    def scan(self) -> Scan:
        """Walk the structure without a key, and hash the file. Raises ``VaultError`` only where it cannot be read."""
        chunks, complete, end = 0, False, self._start
        fault: SealedFault | None = None
        try:
            for chunk in self._walk():
                complete, end = chunk.last, chunk.end
                chunks += not chunk.last
        except SealedFault as error:
            # Its traceback, and that of what it came from, would hold this frame, and it the fault.
            fault, complete = error.with_traceback(None), False
            fault.__cause__ = fault.__context__ = None
        sha256, size = hashlib.sha256(), 0
        while block := self._read(size, _BLOCK):
            sha256.update(block)
            size += len(block)
        return Scan(chunks, complete, size, end, sha256.hexdigest(), fault)

    def open(self, data_key: bytes, allow_interrupted: bool = False) -> OpenChunks:
        """The chunks in clear, one after the other, each authenticated before it is given out.

        What was given out is genuine, but only the end shows that nothing is missing: write it to a file that gets its
        name when the iterator is through. ``allow_interrupted`` lets a file without its last chunk end quietly at its
        last whole one. Raises ``WrongKey`` and ``HeaderDamaged`` at once; every other ``SealedFault`` while reading.
        """
        return OpenChunks(self._walk(), self._cipher(data_key), self._digest, allow_interrupted)

    def trailer(self, data_key: bytes) -> dict[str, Any]:
        """What the last chunk says, authenticated, without reading the audio: from frame to frame, some microseconds a
        second of it. Raises as ``open``, and ``Truncated`` for an interrupted file: it has none."""
        cipher = self._cipher(data_key)
        offset, number = self._start, 1
        while True:
            head = memoryview(self._read(offset, FRAME.size))
            frame = self._frame(head, offset, number)
            if frame.last:
                break
            offset, number = offset + FRAME.size + frame.length, number + 1
        sealed = memoryview(self._read(offset + FRAME.size, frame.length + 1))
        if len(sealed) < frame.length:
            raise Truncated(f"chunk {number} of {self._path} is cut off")
        if len(sealed) > frame.length:
            raise TrailingData(f"{self._path} goes on after its last chunk")
        last = iter([_Chunk(number, True, head, sealed, offset + FRAME.size + frame.length)])
        chunks = OpenChunks(last, cipher, self._digest, allow_interrupted=False)
        for _ in chunks:
            pass
        return chunks.trailer or {}

    def _cipher(self, data_key: bytes) -> AESGCM:
        """The file's cipher. Raises ``WrongKey`` and ``HeaderDamaged``."""
        cipher, check = file_keys(data_key, self._salt)
        if not hmac.compare_digest(check, self._check):
            raise WrongKey(f"{self._path} was not sealed with this key")
        try:
            cipher.decrypt(nonce(0, False), self._proof, self._digest)
        except InvalidTag as error:
            raise HeaderDamaged(f"the header of {self._path} was changed") from error
        return cipher

    def verify(self, data_key: bytes) -> int:
        """Open everything, strictly, and keep nothing; returns the number of chunks. Raises ``SealedFault``."""
        return sum(1 for _ in self.open(data_key))

    def _walk(self) -> Iterator[_Chunk]:
        """The chunks in order, as they lie. Raises the first structural fault."""
        offset, expected, last = self._start, 1, False
        head = memoryview(self._read(offset, FRAME.size))
        while not last:
            frame = self._frame(head, offset, expected)
            # The next frame comes with this chunk: one read a chunk.
            body = memoryview(self._read(offset + FRAME.size, frame.length + FRAME.size))
            if len(body) < frame.length:
                raise Truncated(f"chunk {expected} of {self._path} is cut off")
            offset, last = offset + FRAME.size + frame.length, frame.last
            yield _Chunk(expected, last, head, body[: frame.length], offset)
            head, expected = body[frame.length :], expected + 1
        if head:
            raise TrailingData(f"{self._path} goes on after its last chunk")

    def _frame(self, head: memoryview, offset: int, expected: int) -> Frame:
        """The frame that stands at ``offset``. Raises the structural fault that it shows."""
        if not head:
            raise Truncated(f"{self._path} ends after {expected - 1} chunks, before its last one")
        if len(head) < FRAME.size:
            raise Truncated(f"chunk {expected} of {self._path} is cut off")
        try:
            frame = parse_frame(head)
        except ChunkDamaged as error:
            if self._blank_from(offset):
                raise Truncated(f"chunk {expected} of {self._path} was never written: zeros follow") from error
            raise ChunkDamaged(f"chunk {expected} of {self._path} is damaged: {error}") from error
        if frame.tag != self._digest[: len(frame.tag)]:
            raise ChunkSpliced(f"chunk {expected} of {self._path} comes from another file")
        if frame.number != expected:
            raise ChunkOutOfOrder(f"where chunk {expected} of {self._path} must be, number {frame.number} stands")
        return frame

    def _blank_from(self, offset: int) -> bool:
        """True where only zeros follow: a file system made room before a crash, and the bytes never came."""
        while block := self._read(offset, _BLOCK):
            if block.count(0) != len(block):
                return False
            offset += len(block)
        return True

    def _read(self, offset: int, length: int) -> bytes:
        if self._fd < 0:
            raise VaultError(f"{self._path} is closed")
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            raise trouble(error, f"cannot read {self._path}") from error

    def _need(self, data: bytes, length: int) -> None:
        if len(data) < length:
            raise Truncated(f"{self._path} ends before its first chunk")


class OpenChunks(Iterator[bytes]):
    """Clear chunks of audio. At the end ``trailer`` is there, or None for an interrupted file that may be read."""

    def __init__(self, chunks: Iterator[_Chunk], cipher: AESGCM, digest: bytes, allow_interrupted: bool) -> None:
        self.trailer: dict[str, Any] | None = None
        self.interrupted = False
        """The file has no last chunk, and that was allowed."""
        self._chunks = chunks
        self._cipher = cipher
        self._digest = digest
        self._allow_interrupted = allow_interrupted

    def __next__(self) -> bytes:
        try:
            return self._payload()
        except SealedFault as error:
            self._chunks = iter(())  # nothing is given out after a fault
            if not (self._allow_interrupted and isinstance(error, Truncated)):
                raise
            self.interrupted = True
            raise StopIteration from None

    def _payload(self) -> bytes:
        trailer: dict[str, Any] | None = None
        for number, last, frame, sealed, _ in self._chunks:
            try:
                payload = self._cipher.decrypt(nonce(number, last), sealed, self._digest + frame)
            except InvalidTag as error:
                raise ChunkDamaged(f"chunk {number} was changed") from error
            if not last:
                return payload
            trailer = decode_object(payload)
            if trailer is None:
                raise ChunkDamaged(f"chunk {number} is marked last and holds no trailer")
        self.trailer = trailer or self.trailer
        raise StopIteration


def scan(path: Path) -> Scan:
    """``SealedReader(path).scan()``: what can be said without the key. Raises ``VaultError``, as ``SealedReader``."""
    with SealedReader(path) as reader:
        return reader.scan()


Keys = PrivateKey | Sequence[PrivateKey]
"""One private key, or all that are at hand: a recording that takes two people needs one of each half."""


def open_recording(
    path: Path,
    wraps: Sequence[tuple[str, bytes]],
    private: Keys,
    *,
    recording_id: str = "",
    allow_interrupted: bool = False,
) -> tuple[dict[str, Any], OpenChunks]:
    """The header, and the clear chunks with ``trailer`` and ``interrupted`` at their end (see ``SealedReader.open``).

    ``recording_id``, where given, must be the file's: a file put under another one's name is found before anything is
    decrypted. Raises ``KeyShredded``, ``NoWrapForKey``, ``HalfMissing``, ``WrapDamaged``, ``WrongRecording`` and every
    ``SealedFault``.
    """
    reader = SealedReader(path)
    try:
        key = data_key_for(reader.header, wraps, private, recording_id=recording_id)
        return reader.header, reader.open(key, allow_interrupted)
    except BaseException:
        reader.close()
        raise


def open_trailer(
    path: Path, wraps: Sequence[tuple[str, bytes]], private: Keys, *, recording_id: str = ""
) -> dict[str, Any]:
    """What was sealed at the recording's end (seconds, packets, gaps, cause, levels), without reading its audio.

    ``gate.client.listening`` makes a waveform of it. Raises as ``open_recording``, ``Truncated`` for an interrupted
    one, which has no end.
    """
    with SealedReader(path) as reader:
        return reader.trailer(data_key_for(reader.header, wraps, private, recording_id=recording_id))


def data_key_for(
    header: dict[str, Any], wraps: Sequence[tuple[str, bytes]], private: Keys, *, recording_id: str = ""
) -> bytes:
    """The data key of the file with this header. Raises as ``open_recording``, before anything is decrypted."""
    found = header["recording_id"]
    if recording_id and found != recording_id:
        raise WrongRecording(f"the file holds recording {found}, not {recording_id}")
    privates = [private] if isinstance(private, PrivateKey) else private
    return data_key(wraps, privates, recording_id=found, key_id=header["key_id"])
