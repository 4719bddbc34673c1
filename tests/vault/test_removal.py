"""Sealed files removed, and looked for again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gate.errors import VaultError
from gate.vault.files import remove, sealed_files
from tests.support.unprivileged import UNPRIVILEGED
from tests.support.waiting import PATIENCE


@pytest.fixture
def folder(tmp_path):
    day = tmp_path / "recordings" / "2026" / "03" / "02"
    day.mkdir(parents=True)
    for name in ("a.dgr", "a.dgr.closed.json", "b.dgr", "c.dgr.closed.tmp", ".lock", "notes.txt"):
        (day / name).touch()
    return tmp_path / "recordings"


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


def test_a_file_goes_with_what_lies_beside_it(folder):
    (removal,) = remove(folder, ["2026/03/02/a.dgr"])
    assert removal == ("2026/03/02/a.dgr", True, "")
    assert names(folder) == [".lock", "b.dgr", "c.dgr.closed.tmp", "notes.txt"]


def test_nothing_there_is_no_fault(folder):
    assert [
        each[1:] for each in remove(folder, ["2026/03/02/x.dgr", "1999/01/01/x.dgr", "2026/03/02/a.dgr/x.dgr"])
    ] == [(False, "")] * 3


@pytest.mark.parametrize("path", ["", "../x.dgr", "/etc/x.dgr", "2026/../../x.dgr", "2026/03/02/notes.txt", "2026/03"])
def test_a_path_that_leads_elsewhere_is_a_fault(folder, path):
    (removal,) = remove(folder, [path])
    assert "does not lead to a sealed file" in removal.fault
    assert len(names(folder)) == 6


def test_what_cannot_be_removed_is_told(folder):
    stuck = folder / "2026/03/02/d.dgr"
    stuck.mkdir()
    first, second = remove(folder, ["2026/03/02/d.dgr", "2026/03/02/b.dgr"])
    assert "d.dgr is still there" in first.fault
    assert second.fault == ""


def test_what_cannot_be_seen_counts_as_there(folder):
    """In a process without privileges: root may look into every folder."""
    code = (
        "import sys, pathlib; from gate.vault.files import remove;"
        "print(remove(pathlib.Path(sys.argv[1]), ['2026/03/02/b.dgr'])[0].fault)"
    )
    day = folder / "2026/03/02"
    day.chmod(0)
    try:
        told = subprocess.run(
            [*UNPRIVILEGED, sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=PATIENCE
        )
    finally:
        day.chmod(0o700)
    assert "cannot be looked for" in told.stdout, told.stderr


def test_a_link_is_removed_and_not_what_it_leads_to(folder, tmp_path):
    other = tmp_path / "other.dgr"
    other.touch()
    (folder / "2026/03/02/e.dgr").symlink_to(other)
    assert remove(folder, ["2026/03/02/e.dgr"])[0][1:] == (True, "")
    assert other.exists()


def test_every_file_of_a_recording_is_found_under_its_id(folder):
    assert sorted(set(sealed_files(folder))) == [(name, f"2026/03/02/{name}.dgr") for name in ("a", "b", "c")]


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path):
    with pytest.raises(VaultError, match="unmounted"):
        list(sealed_files(tmp_path / "unmounted"))
