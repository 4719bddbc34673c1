from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.errors import DiskFull, Truncated, VaultError
from gate.vault.layout import MAX_PAYLOAD
from gate.vault.reader import SealedReader, scan
from gate.vault.sealer import SealedWriter
from tests.support.disks import no_file_longer_than
from tests.support.vault import HEADER, TRAILER, files_under, found_in, payloads, sealed

KEY = secrets.token_bytes(32)


def test_what_is_written_is_sealed_private_and_summed_up(tmp_path: Path) -> None:
    path, chunks = tmp_path / "2026" / "01" / "a.dgr", payloads(3, 5000)
    writer = SealedWriter(path, HEADER, KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for chunk in chunks:
        writer.write_chunk(chunk)
        assert found_in(tmp_path, [*chunks, KEY]) == []
    writer.sync()
    summary = writer.close(TRAILER)
    data = path.read_bytes()
    assert summary.sha256 == hashlib.sha256(data).hexdigest()
    assert (summary.size, summary.chunks) == (len(data), 3)
    assert found_in(tmp_path, [*chunks, KEY, b'"seconds":3.5']) == []
    assert list(files_under(tmp_path)) == [path]


def test_each_chunk_is_one_write_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    write = os.write

    def counted(fd: int, data: bytes) -> int:
        writes.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", counted)
    sealed(tmp_path / "a.dgr", KEY, payloads(5, 1000))
    assert len(writes) == 1 + 5 + 1
    assert writes[1:6] == [29 + 1000 + 16] * 5


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.dgr", KEY, payloads(1))
    before = path.read_bytes()
    with pytest.raises(VaultError, match="cannot create"):
        SealedWriter(path, HEADER, KEY)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultError, match="cannot create"):
        SealedWriter(tmp_path / "link", HEADER, KEY)
    assert path.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()


def test_a_header_that_cannot_be_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(VaultError):
        SealedWriter(tmp_path / "a.dgr", {"recording_id": "r"}, KEY)
    with pytest.raises(ValueError, match="32 bytes"):
        SealedWriter(tmp_path / "a.dgr", HEADER, b"short")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_from_the_start_leaves_no_file(tmp_path: Path) -> None:
    with no_file_longer_than(50), pytest.raises(DiskFull) as caught:
        SealedWriter(tmp_path / "a.dgr", HEADER, KEY)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_whole_chunks_and_ends_the_writing(tmp_path: Path) -> None:
    path, chunks = tmp_path / "a.dgr", payloads(3, 1000)
    writer = SealedWriter(path, HEADER, KEY)
    writer.write_chunk(chunks[0])
    writer.write_chunk(chunks[1])
    size = path.stat().st_size
    with no_file_longer_than(size + 500), pytest.raises(DiskFull):
        writer.write_chunk(chunks[2])
    assert path.stat().st_size == size
    with pytest.raises(VaultError, match="takes no more"):
        writer.write_chunk(chunks[2])
    assert scan(path).size_valid == size
    summary = writer.close(TRAILER)
    assert summary.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with SealedReader(path) as reader:
        opened = reader.open(KEY)
        assert list(opened) == chunks[:2]
        assert opened.trailer == TRAILER


def test_a_disk_that_is_still_full_at_the_end_leaves_an_interrupted_file(tmp_path: Path) -> None:
    path, chunks = tmp_path / "a.dgr", payloads(2, 1000)
    writer = SealedWriter(path, HEADER, KEY)
    writer.write_chunk(chunks[0])
    size = path.stat().st_size
    with no_file_longer_than(size + 20):
        for attempt in (lambda: writer.write_chunk(chunks[1]), lambda: writer.close(TRAILER)):
            with pytest.raises(DiskFull):
                attempt()
    with pytest.raises(VaultError, match="closed"):
        writer.close(TRAILER)
    assert path.stat().st_size == size
    with SealedReader(path) as reader:
        assert list(reader.open(KEY, allow_interrupted=True)) == chunks[:1]
        with pytest.raises(Truncated):
            reader.verify(KEY)


def test_a_lost_sync_is_not_forgotten_at_the_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel reports a failed write-back once: no disk here fails on demand, so the call is made to."""
    writer = SealedWriter(tmp_path / "a.dgr", HEADER, KEY)
    writer.write_chunk(b"x")

    def failing(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(VaultError, match="to the disk"):
            writer.sync()
    with pytest.raises(VaultError, match="to the disk"):
        writer.close(TRAILER)


def test_bounds_and_ends(tmp_path: Path) -> None:
    writer = SealedWriter(tmp_path / "a.dgr", HEADER, KEY)
    with pytest.raises(ValueError, match="at most"):
        writer.write_chunk(bytes(MAX_PAYLOAD + 1))
    writer.write_chunk(b"x")
    assert writer.close({"at": datetime(2026, 1, 5, tzinfo=UTC)}).chunks == 1
    for again in (lambda: writer.write_chunk(b"y"), lambda: writer.close({}), writer.sync):
        with pytest.raises(VaultError):
            again()
    writer.abandon()
    other = SealedWriter(tmp_path / "b.dgr", HEADER, KEY)
    with pytest.raises(VaultError, match="trailer"):
        other.close({"x": object()})


KILLED = """
import sys
from pathlib import Path
from gate.vault.sealer import SealedWriter
writer = SealedWriter(Path(sys.argv[1]), {"recording_id": "r", "key_id": "k"}, bytes(range(32)))
print("go", flush=True)
number = 0
while True:
    number += 1
    writer.write_chunk(number.to_bytes(4, "big") * 20000)
"""


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.05])
def test_a_killed_writer_leaves_every_whole_chunk(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "a.dgr"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
    found = scan(path)
    assert (found.complete, type(found.fault)) == (False, Truncated)
    with SealedReader(path) as reader:
        opened = reader.open(bytes(range(32)), allow_interrupted=True)
        count = 0
        for count, chunk in enumerate(opened, 1):
            assert chunk == count.to_bytes(4, "big") * 20000
        assert count == found.chunks
        assert opened.interrupted
        assert opened.trailer is None
