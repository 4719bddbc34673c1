"""The drop folder: a file is taken when it has landed, whatever way it came, and once."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.errors import RegisterError, RegisterFailed, StoreError
from gate.handed_over_file import HandedOverFile
from gate.registers.watch import _RENAMED_NS, MOST, DropFolder, FileOutcome
from tests.support.waiting import until_later

NAMES = {"tps": ("tps*.txt",), "ctps": ("CTPS*.txt",)}
SETTLE = 60.0


class Bench:
    """A drop folder, the seconds of a clock, and an importer that keeps what it was given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[tuple[str, str, bytes]] = []
        self.error: Exception | None = None
        self.during: Any = None
        self.drop = DropFolder(folder, NAMES, SETTLE, self.take)
        self.tick = 1000.0

    def take(self, name: str, file: HandedOverFile) -> Mapping[str, Any]:
        self.taken.append((name, file.name, file.reader().read()))
        if self.during:
            self.during(Path(file.said))
        if self.error:
            raise self.error
        return {"count": 1, "as_of": "2026-03-02"}

    def look(self, later: float = 5.0) -> list[FileOutcome]:
        """Look again ``later`` seconds on; files keep the time of this machine."""
        self.tick += later
        return self.drop.look(self.tick, datetime.now(UTC))

    def land(self, name: str, text: str = "x", age: float = 0.0) -> Path:
        """A file written ``age`` seconds ago, and not changed since in any way."""
        path = self.folder / name
        path.write_text(text)
        if age:
            then = time.time() - age
            os.utime(path, (then, then))
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def states(outcomes: list[FileOutcome]) -> list[tuple[str, str, str]]:
    return [(each.name, each.file.name, each.state) for each in outcomes]


def test_a_file_that_grows_is_taken_when_it_has_settled(bench: Bench) -> None:
    path = bench.land("tps_ns.txt", "1")
    assert bench.look() == []
    for _ in range(3):
        with path.open("a") as file:
            file.write("2")
        assert bench.look(SETTLE) == [], "it was written to since the last look"
    assert bench.look(SETTLE / 2) == []
    assert states(bench.look(SETTLE / 2)) == [("tps", "tps_ns.txt", "taken")]
    assert bench.taken == [("tps", "tps_ns.txt", b"1222")]
    assert (bench.folder / "taken" / "tps_ns.txt").read_bytes() == b"1222"
    assert not path.exists()
    assert bench.look(SETTLE) == []


def test_a_file_that_nobody_has_written_to_for_long_is_taken_at_once(bench: Bench) -> None:
    bench.land("tps_ns.txt", age=SETTLE + 5)
    assert states(bench.look()) == [("tps", "tps_ns.txt", "taken")]


@pytest.mark.parametrize("name", [".tps_ns.txt.a8f3", "tps_ns.txt.filepart", "tps_ns.txt.part", "tps_ns.txt~"])
def test_a_file_renamed_into_place_is_taken_at_once(bench: Bench, name: str) -> None:
    part = bench.land(name)
    assert bench.look() == []
    assert bench.look(10 * SETTLE) == [], "not as long as it is called so"
    until_later(part, _RENAMED_NS)
    part.rename(bench.folder / "tps_ns.txt")
    assert states(bench.look()) == [("tps", "tps_ns.txt", "taken")]


def test_a_file_that_grows_in_the_inode_of_another_is_not_taken(bench: Bench) -> None:
    bench.drop._unfinished.add(bench.land("tps_ns.txt").stat().st_ino)
    assert bench.look() == []


def test_a_file_renamed_from_elsewhere_is_taken_at_the_second_look(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / ".elsewhere").mkdir()
    part = bench.land(".elsewhere/x")
    until_later(part, _RENAMED_NS)
    part.rename(bench.folder / "tps_ns.txt")
    assert bench.look() == []
    assert states(bench.look(1)) == [("tps", "tps_ns.txt", "taken")]


def test_only_regular_files_of_these_names_are_touched(bench: Bench) -> None:
    target = bench.land("readme.txt", age=2 * SETTLE)
    (bench.folder / "tps_link.txt").symlink_to(target)
    (bench.folder / "tps_dir.txt").mkdir()
    os.mkfifo(bench.folder / "tps_pipe.txt")
    bench.land("mytps.txt", age=2 * SETTLE)
    bench.land("TPS_NS.TXT", "t", age=3 * SETTLE)
    bench.land("ctps_20260302.txt", "c", age=2 * SETTLE)
    outcomes = bench.look()
    assert [each for each in states(outcomes) if each[2] != "passed"] == [
        ("tps", "TPS_NS.TXT", "taken"),
        ("ctps", "ctps_20260302.txt", "taken"),
    ]
    assert {each.file.name: each.why.partition(" (")[0] for each in outcomes if each.state == "passed"} == {
        "tps_link.txt": "it is a symbolic link, and no file",
        "tps_dir.txt": "it is a folder, and no file",
        "tps_pipe.txt": "it is a pipe, and no file",
        "mytps.txt": "no register's files are called so",
        "readme.txt": "no register's files are called so",
    }
    assert bench.look(SETTLE * 10) == [], "each is told once"
    assert target.exists()


def test_what_is_packed_or_has_another_name_is_passed_over_with_the_reason(bench: Bench, tmp_path: Path) -> None:
    bench.land("tps_ns.txt.bz2", age=2 * SETTLE)
    (tmp_path / "elsewhere").mkdir()
    os.link(bench.land("elsewhere/tps_ns.txt", age=2 * SETTLE), bench.folder / "tps_ns.txt")
    outcomes = {each.file.name: (each.state, each.why) for each in bench.look()}
    assert outcomes["tps_ns.txt.bz2"] == ("passed", "it is packed: unpack it before it is put here")
    assert outcomes["tps_ns.txt"] == ("passed", "it has a name elsewhere too (a hard link): copy it here")
    assert outcomes["elsewhere"][0] == "passed"
    (tmp_path / "elsewhere" / "tps_ns.txt").unlink()
    assert states(bench.look(SETTLE)) == [("tps", "tps_ns.txt", "taken")]


@pytest.mark.parametrize("name", ["tps_ns.txt.gz", "TPS_ns.zip", "tps.txt.ZIP"])
def test_one_packed_list_is_taken(bench: Bench, name: str) -> None:
    bench.land(name, age=2 * SETTLE)
    assert states(bench.look()) == [("tps", name, "taken")]


def test_a_link_that_takes_a_files_place_is_not_followed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the import: what was looked at is what is read, or nothing is."""
    secret = bench.folder.parent / "secret"
    secret.write_text("words")
    path = bench.land("tps_ns.txt", age=2 * SETTLE)
    opened = bench.drop._open

    def swapped(place: Path) -> HandedOverFile:
        path.unlink()
        path.symlink_to(secret)
        return opened(place)

    monkeypatch.setattr(bench.drop, "_open", swapped)
    assert [(each.state, "symbolic" in each.why or "links" in each.why) for each in bench.look()] == [("waits", True)]
    assert bench.taken == []
    monkeypatch.setattr(bench.drop, "_open", opened)
    assert [(each.state, each.why) for each in bench.look()] == [("passed", "it is a symbolic link, and no file")]


def test_a_refused_file_lies_beside_the_reason(bench: Bench) -> None:
    bench.error = RegisterError("it is cut in the middle", hint="fetch it again")
    bench.land("tps_ns.txt", age=2 * SETTLE)
    (outcome,) = bench.look()
    assert (outcome.state, outcome.why) == ("refused", "it is cut in the middle")
    refused = bench.folder / "refused"
    assert (refused / "tps_ns.txt").exists()
    why = (refused / "tps_ns.txt.why").read_text()
    assert "it is cut in the middle\nfetch it again\n" in why
    assert (refused / "tps_ns.txt.why").stat().st_mode & 0o077 == 0
    bench.land("tps_ns.txt", age=2 * SETTLE)
    bench.look()
    assert len(list(refused.glob("*tps_ns.txt"))) == 2, "a file of the same name takes no other's place"
    assert len(list(refused.glob("*.why"))) == 2


@pytest.mark.parametrize("error", [RegisterFailed("the disk is full"), StoreError("no room")])
def test_a_failure_that_is_not_the_files_is_tried_again(bench: Bench, error: Exception) -> None:
    bench.error = error
    path = bench.land("tps_ns.txt", age=2 * SETTLE)
    assert states(bench.look()) == [("tps", "tps_ns.txt", "waits")]
    assert bench.look(30) == []
    assert path.exists()
    bench.error = None
    assert states(bench.look(31)) == [("tps", "tps_ns.txt", "taken")]
    assert len(bench.taken) == 2


def test_a_file_that_is_written_to_while_it_is_imported_is_taken_again(bench: Bench) -> None:
    path = bench.land("tps_ns.txt", "part", age=2 * SETTLE)

    def grow(file: Path) -> None:
        with file.open("a") as more:
            more.write(", all")

    bench.during = grow
    assert states(bench.look()) == [("tps", "tps_ns.txt", "waits")]
    bench.during = None
    assert path.exists()
    assert bench.look() == []
    assert states(bench.look(SETTLE)) == [("tps", "tps_ns.txt", "taken")]
    assert bench.taken[-1][2] == b"part, all"


def test_a_file_whose_upload_had_only_paused_is_taken_again(bench: Bench) -> None:
    """SFTP goes on writing into the file wherever it was moved to."""
    path = bench.land("tps_ns.txt", "1\n")
    with path.open("a") as upload:
        bench.look()
        assert states(bench.look(SETTLE)) == [("tps", "tps_ns.txt", "taken")]
        assert bench.look() == []
        upload.write("2\n")
    assert states(bench.look()) == [("tps", "tps_ns.txt", "waits")]
    assert path.read_text() == "1\n2\n"
    bench.look(SETTLE)
    bench.look(SETTLE)
    assert [each[2] for each in bench.taken] == [b"1\n", b"1\n2\n"]
    assert (bench.folder / "taken" / "tps_ns.txt").read_text() == "1\n2\n"
    assert bench.look(SETTLE) == []


def test_a_newer_file_is_not_put_aside_for_one_that_grew(bench: Bench) -> None:
    path = bench.land("tps_ns.txt", "1\n")
    with path.open("a") as upload:
        bench.look()
        bench.look(SETTLE)
        bench.land("tps_ns.txt", "new\n")
        upload.write("2\n")
    bench.look()
    assert path.read_text() == "new\n"
    assert (bench.folder / "taken" / "tps_ns.txt").read_text() == "1\n2\n"


def test_a_file_that_somebody_else_took_is_nothing(bench: Bench) -> None:
    bench.land("tps_ns.txt", age=2 * SETTLE)
    bench.error = RegisterFailed("it cannot be read")
    bench.during = lambda path: path.unlink()
    assert bench.look() == []


def test_a_file_that_cannot_be_moved_is_left_alone(bench: Bench) -> None:
    (bench.folder / "taken").write_text("a file where the folder should be")
    path = bench.land("tps_ns.txt", age=2 * SETTLE)
    (outcome,) = bench.look()
    assert outcome.state == "stuck"
    assert "cannot be moved" in outcome.why
    assert bench.look(10 * SETTLE) == []
    assert len(bench.taken) == 1
    (bench.folder / "taken").unlink()
    path.write_text("new")
    bench.look()
    assert states(bench.look(SETTLE)) == [("tps", "tps_ns.txt", "taken")]


def test_whoever_may_upload_cannot_say_where_things_are_written(bench: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / ".elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("evidence")
    (bench.folder / "refused").symlink_to(elsewhere)
    bench.error = RegisterError("rubbish")
    bench.land("tps_ns.txt", age=2 * SETTLE)
    (outcome,) = bench.look()
    assert (outcome.state, "rubbish; it cannot be moved" in outcome.why) == ("stuck", True)
    assert "no folder of the gate's own account" in outcome.why
    (bench.folder / "refused").unlink()
    (bench.folder / "refused").mkdir()
    (bench.folder / "refused" / "tps_2.txt.why").symlink_to(elsewhere / "precious")
    bench.land("tps_2.txt", age=2 * SETTLE)
    (outcome,) = bench.look()
    assert outcome.state == "refused"
    assert sorted(path.name for path in elsewhere.iterdir()) == ["precious"]
    assert (elsewhere / "precious").read_text() == "evidence"


def test_old_copies_are_deleted(bench: Bench) -> None:
    for day in range(5):
        landed = bench.land(f"tps_{day}.txt", age=2 * SETTLE)
        bench.look()
        until_later(bench.folder / "taken" / landed.name)
    bench.land("ctps_1.txt", age=2 * SETTLE)
    bench.look()
    taken = sorted(path.name for path in (bench.folder / "taken").iterdir())
    assert taken == ["ctps_1.txt", "tps_2.txt", "tps_3.txt", "tps_4.txt"]
    bench.drop.look(bench.tick + 5, datetime.now(UTC) + timedelta(days=36))  # whether or not new ones come
    assert list((bench.folder / "taken").iterdir()) == []


def test_a_folder_that_is_gone_says_so(bench: Bench) -> None:
    with pytest.raises(RegisterError, match="cannot be read"):
        DropFolder(bench.folder / "gone", NAMES, SETTLE, bench.take).look(1.0, datetime.now(UTC))


def test_what_has_come_is_bounded_in_one_look(bench: Bench) -> None:
    for number in range(40):
        bench.land(f"tps_{number}.txt", age=2 * SETTLE)
    assert len(bench.look()) == 32
    assert len(bench.look()) == 8


def test_junk_waits_behind_a_real_list(bench: Bench) -> None:
    """A hundred small files of the right name, all of them older, and the licensee's list of the day."""
    bench.land("tps_monday.txt", "x" * 1000, age=2 * SETTLE)
    assert states(bench.look()) == [("tps", "tps_monday.txt", "taken")]
    for number in range(100):
        bench.land(f"tps_junk{number:03}.txt", "x" * 10, age=10 * SETTLE)
    bench.land("tps_tuesday.txt", "y" * 900, age=2 * SETTLE)
    bench.error = RegisterError("no register")
    bench.taken.clear()
    told = states(bench.look())
    assert bench.taken[0][1] == "tps_tuesday.txt"
    assert len(told) == MOST
    bench.look()
    assert len({name for _, name, _ in bench.taken}) == 2 * MOST, "junk has its turn, too"
