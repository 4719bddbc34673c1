"""Files that are handed over: what is taken, what is named and refused, and what is read of them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gate.errors import UsageError
from gate.handed_over_file import HandedOverFile, open_file, open_within


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """What is no file, each with the words that name it."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "to_zero").symlink_to("/dev/zero")
    (tmp_path / "broken").symlink_to(tmp_path / "none")
    return {
        "is a pipe": tmp_path / "pipe",
        "is a socket": tmp_path / "socket",
        "is a folder": tmp_path,
        "is a device": tmp_path / "to_zero",
        "No such file": tmp_path / "broken",
        "null byte": tmp_path / "a\0b",
        "File name too long": tmp_path / ("x" * 300),
    }


def test_what_is_no_file_is_named_and_nothing_stays_open(places: dict[str, Path]) -> None:
    before = descriptors()
    for words, path in places.items():
        with pytest.raises(UsageError, match=words):
            open_file(path)
    assert descriptors() == before


def test_a_descriptor_that_cannot_be_read_or_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"x" * 10)
    before = descriptors()
    for flags, words in ((os.O_WRONLY, "not opened to be read"), (os.O_PATH, "not opened to be read")):
        with pytest.raises(UsageError, match=words):
            HandedOverFile(os.open(path, flags), "list")
    with pytest.raises(UsageError, match="is too large: 10 bytes, and 9 are read at most"):
        open_file(path, 9)
    read, write = os.pipe()
    os.close(write)
    with pytest.raises(UsageError, match="is a pipe"):
        HandedOverFile(read, "list")
    assert descriptors() == before


def test_it_is_read_from_places_of_its_own_up_to_the_end_it_had(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"abcdef")
    with open_file(path) as given:
        assert given.reader().read() == b"abcdef"
        os.lseek(given.fileno(), 4, os.SEEK_SET)  # whoever holds it too may move the place that is shared
        assert given.reader().read() == b"abcdef"
        assert not given.changed
        with path.open("ab") as file:
            file.write(b"more")
        assert given.reader().read() == b"abcdef"
        assert given.changed
        os.truncate(path, 2)
        assert given.reader().read() == b"ab"


def test_what_it_was_called_is_words(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"x")
    with HandedOverFile(os.open(path, os.O_RDONLY), "/a/b\n\x1b[2J/tps.txt") as given:
        assert (given.said, given.name) == ("/a/b??[2J/tps.txt", "tps.txt")


def test_a_link_in_a_folder_of_others_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("words")
    (tmp_path / "tps.txt").symlink_to(tmp_path / "secret")
    folder = os.open(tmp_path, os.O_PATH)
    try:
        with pytest.raises(UsageError, match="symbolic links"):
            open_within(folder, "tps.txt", "tps.txt")
        with open_within(folder, "secret", "secret") as given:
            assert given.size == 5
    finally:
        os.close(folder)
