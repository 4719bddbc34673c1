from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gate.errors import VaultError
from gate.vault.files import make_folder, read_bounded, write_whole


def test_files_and_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    old = os.umask(0)
    try:
        write_whole(path, b"text")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")
    with pytest.raises(VaultError, match="exists already"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    write_whole(path, b"two", replace=True)
    assert path.read_bytes() == b"two"


def test_failed_output_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    with pytest.raises(VaultError, match="cannot write"):
        write_whole(tmp_path / "folder", b"text", replace=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "inside"]


def test_small_files_are_read_with_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(VaultError, match="longer than 4 bytes"):
        read_bounded(path, 4)
    with pytest.raises(VaultError, match="cannot read"):
        read_bounded(tmp_path / "none", 4)


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        make_folder(tmp_path / "file" / "below")
