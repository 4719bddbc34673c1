from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gate.durable import whole_file


def test_a_file_is_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    with whole_file(path) as file:
        file.write(b"text")
        assert not path.exists()
    assert path.read_bytes() == b"text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with whole_file(path, mode=0o644) as file:
        file.write(b"other")
    assert path.read_bytes() == b"other"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "one.txt"
    path.write_bytes(b"before")
    monkeypatch.setattr("gate.durable.os.fsync", full)
    with pytest.raises(OSError, match="No space"), whole_file(path) as file:
        file.write(b"text")
    with pytest.raises(KeyError), whole_file(path) as file:
        raise KeyError("the block's own")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
