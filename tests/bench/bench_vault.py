"""How fast the vault is: sealing and opening against the bare cipher, wraps, re-wraps, the key store.

``python -m tests.bench.bench_vault`` prints the figures; ``measure()`` returns them. One chunk is what a second of a
call with two G.711 directions gives, about 20 KB, for the bare cipher too.

What sealing costs beside the cipher is shown step by step, each with its part of the bare figure that it is to be
compared with: in memory (frame, associated data, cipher), into a file without the whole file's SHA-256, and with it.
Opening too: in memory, and from a file.
That digest is what anybody can check without a key (``sha256sum``, the log, an auditor's bundle). It alone takes five
times as long as the cipher, and it bounds the whole: no arrangement of the rest could seal faster than it hashes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gate.vault.keyfile import generate
from gate.vault.keystore import KeyStoreDb
from gate.vault.reader import SealedReader
from gate.vault.sealer import SealedWriter
from gate.vault.wrap import open_wrap, rewrapped, wrap

CHUNK = 20_000
CHUNKS = 5_000
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RAW = ("encrypt", "decrypt", "sha256", "encrypt_write", "read_decrypt")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _best(work: Callable[[], object], rounds: int = 3) -> float:
    """Of several times, the one that the machine's other work disturbed least."""
    return min(_seconds(work) for _ in range(rounds))


def measure(folder: Path, *, chunks: int = CHUNKS, rewraps: int = 10_000) -> dict[str, float]:
    """MB/s of clear audio, µs a piece, seconds in all. ``folder`` is for files; memory-backed ones measure the code."""
    figures: dict[str, float] = {}
    payload, key, megabytes = secrets.token_bytes(CHUNK), secrets.token_bytes(32), chunks * CHUNK / 1e6

    figures |= _bare(folder, payload, key, chunks, megabytes)
    figures |= _files(folder, payload, key, chunks, megabytes)
    figures |= _parts(figures)

    private, recipient = generate("Bench", "compliance", "bench bench bench", NOW)
    ids = {"recording_id": "r" * 32, "key_id": "k" * 32}
    count = 500
    wrapped = wrap(key, recipient, **ids)
    figures["wrap_us"] = _seconds(lambda: [wrap(key, recipient, **ids) for _ in range(count)]) / count * 1e6
    figures["unwrap_us"] = _seconds(lambda: [open_wrap(private, wrapped, **ids) for _ in range(count)]) / count * 1e6
    figures |= _store(folder, private, recipient, wrapped, rewraps)
    return figures


def _bare(folder: Path, payload: bytes, key: bytes, chunks: int, megabytes: float) -> dict[str, float]:
    """The cipher and the digest alone, and what they cost at least once the bytes go through a file."""
    cipher, bound, digest, path = AESGCM(key), bytes(61), hashlib.sha256(), folder / "bare"
    sealed = cipher.encrypt(bytes(12), payload, bound)
    many = [sealed[:-1] + sealed[-1:] for _ in range(chunks)]  # a recording is longer than the processor's cache

    def each(work: Callable[[], object]) -> float:
        def run() -> None:
            for _ in range(chunks):
                work()

        return megabytes / _best(run)

    figures = {
        "raw_encrypt_mb_s": each(lambda: cipher.encrypt(bytes(12), payload, bound)),
        "raw_decrypt_mb_s": megabytes / _best(lambda: [cipher.decrypt(bytes(12), one, bound) and None for one in many]),
        "raw_decrypt_one_chunk_again_mb_s": each(lambda: cipher.decrypt(bytes(12), sealed, bound)),
        "raw_sha256_mb_s": each(lambda: digest.update(payload)),
    }

    def through_a_file() -> None:
        path.unlink(missing_ok=True)
        with path.open("wb", buffering=0) as file:
            for _ in range(chunks):
                file.write(cipher.encrypt(bytes(12), payload, bound))
            os.fsync(file.fileno())  # as closing a sealed file does

    def from_a_file() -> None:
        with path.open("rb", buffering=0) as file:
            for _ in range(chunks):
                cipher.decrypt(bytes(12), file.read(len(sealed)), bound)

    figures["raw_encrypt_write_mb_s"] = megabytes / _best(through_a_file)
    figures["raw_read_decrypt_mb_s"] = megabytes / _best(from_a_file)
    return figures


class _NoDigest:
    """In place of the whole file's SHA-256."""

    def update(self, data: bytes) -> None:
        """Nothing."""

    def hexdigest(self) -> str:
        """Nothing."""
        return ""


def _files(folder: Path, payload: bytes, key: bytes, chunks: int, megabytes: float) -> dict[str, float]:
    path = folder / "bench.dgr"

    def writer(*, digest: bool = True) -> SealedWriter:
        path.unlink(missing_ok=True)
        made = SealedWriter(path, {"recording_id": "r", "key_id": "k"}, key)
        if not digest:
            made._sha256 = _NoDigest()  # type: ignore[assignment]
        return made

    def in_memory() -> None:
        made = writer()
        for number in range(chunks):
            made._chunks = number
            made._sealed(payload, last=False)
        made.abandon()

    def seal(digest: bool) -> None:
        made = writer(digest=digest)
        for _ in range(chunks):
            made.write_chunk(payload)
        made.close({})

    def read() -> None:
        with SealedReader(path) as reader:
            reader.verify(key)

    def read_in_memory() -> None:
        with SealedReader(path) as reader:
            reader._read = lambda offset, length: whole[offset : offset + length]  # type: ignore[assignment,return-value]
            reader.verify(key)

    def scan() -> None:
        with SealedReader(path) as reader:
            reader.scan()

    figures = {
        "seal_in_memory_mb_s": megabytes / _best(in_memory),
        "seal_without_digest_mb_s": megabytes / _best(lambda: seal(False)),
        "seal_mb_s": megabytes / (sealing := _best(lambda: seal(True))),
    }
    whole = memoryview(path.read_bytes())
    return figures | {
        "seal_chunk_us": sealing / chunks * 1e6,
        "open_in_memory_mb_s": megabytes / _best(read_in_memory),
        "open_mb_s": megabytes / _best(read),
        "scan_mb_s": megabytes / _best(scan),
    }


def _parts(figures: dict[str, float]) -> dict[str, float]:
    """Each step in parts of the bare one that does the same to the same bytes: 1.0 would cost nothing."""
    raw = {name: 1 / figures[f"raw_{name}_mb_s"] for name in RAW}
    return {
        "seal_in_memory_of_raw_encrypt": figures["seal_in_memory_mb_s"] * raw["encrypt"],
        "seal_without_digest_of_raw_encrypt_write": figures["seal_without_digest_mb_s"] * raw["encrypt_write"],
        "seal_of_raw_encrypt_write_and_sha256": figures["seal_mb_s"] * (raw["encrypt_write"] + raw["sha256"]),
        "open_in_memory_of_raw_decrypt": figures["open_in_memory_mb_s"] * raw["decrypt"],
        "open_of_raw_decrypt": figures["open_mb_s"] * raw["decrypt"],
        "open_of_raw_read_decrypt": figures["open_mb_s"] * raw["read_decrypt"],
    }


def _store(folder: Path, private, recipient, wrapped: bytes, count: int) -> dict[str, float]:
    store = KeyStoreDb(folder / "keys.db")
    names = [f"{number:032x}" for number in range(count)]
    wraps = {
        name: wrap(private_key, recipient, recording_id=name, key_id="k")
        for name, private_key in ((name, secrets.token_bytes(32)) for name in names)
    }
    left = threading.Semaphore(0)

    def put() -> None:
        for name in names:
            store.put(name, "k", [(recipient.id, wraps[name])], lambda _error: left.release())
        for _ in names:
            left.acquire()

    def renew() -> None:
        new = {}
        for name in names:
            new[name], _ = rewrapped(private, wraps[name], recipient, recording_id=name, key_id="k")
        assert store.give(recipient.id, "another", new) == count
        assert store.prove("another", new) == count
        assert store.drop(recipient.id, "another", names) == count

    figures = {
        f"put_{count}_s": _seconds(put),
        f"rewrap_{count}_s": _seconds(renew),
        "shred_one_ms": _seconds(lambda: store.shred(names[:1])) * 1e3,
        f"shred_{count}_s": _seconds(lambda: store.shred(names)),
    }
    store.close()
    return figures


def main() -> None:
    """Print the figures, on a disk and in memory."""
    for where in (None, "/dev/shm"):
        folder = Path(tempfile.mkdtemp(dir=where))
        try:
            for name, value in measure(folder).items():
                print(f"{where or 'disk':9} {name:44} {value:12,.2f}")
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
