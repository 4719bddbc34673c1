"""What the gate is told of a number: an answer in every state, and another snapshot seen in time."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gate.core.terms import RegisterView
from gate.registers import importer, snapshot_store
from gate.registers import library as library_module
from gate.registers.fixed import FixedRegisters
from gate.registers.library import LOOK_EVERY, RegisterLibrary
from tests.support.registers import NOW, TODAY, drama, e164, put
from tests.support.waiting import until, until_later

LISTED, FREE = "+441632960005", "+441632960105"


def _full(folder: Path) -> None:
    put(folder, "tps", drama(100))
    put(folder, "ctps", drama(50, start=200))


def _states(library: RegisterLibrary, number: str = FREE) -> list[str]:
    return [view.state for view in library.view(number)]


def _look(library: RegisterLibrary) -> None:
    """Make the library look at the files on the next question, whatever the time."""
    library._look_at = 0.0


def test_each_register_answers_for_itself(tmp_path: Path) -> None:
    report = put(tmp_path / "r", "tps", drama(100))
    put(tmp_path / "r", "ctps", drama(50, start=200))
    library = RegisterLibrary(tmp_path / "r")
    assert library.view(LISTED) == (
        RegisterView("tps", "ok", TODAY, 100, report.sha256, covered=True, listed=True),
        RegisterView("ctps", "ok", TODAY, 50, library.view(LISTED)[1].sha256, covered=True, listed=False),
    )
    held = {e164(number) for number in drama(100)}
    for number in map(e164, drama(1000)):
        assert library.view(number)[0].listed is (number in held)


def test_only_the_required_registers_are_asked(tmp_path: Path) -> None:
    put(tmp_path / "r", "ctps", drama(10))
    assert [view.name for view in RegisterLibrary(tmp_path / "r", ("ctps",)).view(LISTED)] == ["ctps"]


def test_what_was_never_imported_is_missing(tmp_path: Path) -> None:
    library = RegisterLibrary(tmp_path / "none")
    assert library.view(LISTED) == (
        RegisterView("tps", "missing", covered=False),
        RegisterView("ctps", "missing", covered=False),
    )
    assert msgspec.to_builtins(library.status(TODAY)[0]) == {
        "name": "tps", "state": "missing", "problem": "no list of it is in force", "count": 0, "as_of": None,
        "days_left": None, "coverage": [], "sha256": "", "imported_at": None, "source_name": "",
        "source_sha256": "", "implausible": "", "accepted": "", "uncovered": (),
    }  # fmt: skip


def test_what_was_deleted_is_missing_and_not_called_never_imported(tmp_path: Path) -> None:
    _full(tmp_path / "r")
    library = RegisterLibrary(tmp_path / "r")
    assert library.status(TODAY)[0].state == "ok"
    shutil.rmtree(tmp_path / "r")
    until(lambda: library.view(LISTED)[0].state == "missing")
    assert library.status(TODAY)[0].problem == "no list of it is in force"


@pytest.mark.parametrize("number", ["", "+", "+44", "abc", "+44x", "+" + "9" * 5000, "\ud800", "0", "+0", "-5"])
def test_what_is_no_number_is_covered_by_nothing_and_raises_nothing(tmp_path: Path, number: str) -> None:
    _full(tmp_path / "r")
    for view in RegisterLibrary(tmp_path / "r").view(number):
        assert (view.state, view.listed) == ("ok", False)
    if not number.startswith("+44"):
        assert not view.covered


def test_outside_its_coverage_absence_is_no_clearance(tmp_path: Path) -> None:
    put(tmp_path / "r", "tps", [*drama(100), "02079460000", "01134960001"], coverage=("020", "0113"))
    put(tmp_path / "r", "ctps", drama(10))
    library = RegisterLibrary(tmp_path / "r")
    tps, ctps = library.view(FREE)
    assert (tps.covered, tps.listed, ctps.covered) == (False, False, True)
    assert (library.view(LISTED)[0].covered, library.view(LISTED)[0].listed) == (False, True)
    assert library.view("+442079460500")[0].covered
    assert library.view("+441624960500")[1].covered
    assert not library.view("+33123456789")[1].covered
    assert library.status(TODAY)[0].coverage == ["0113", "020"]


def test_law_2_4_of_a_code_without_a_number_absence_is_no_clearance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a snapshot that an earlier version put in force, which did not count."""
    monkeypatch.setattr(importer, "check_codes", lambda *_: None)
    put(tmp_path / "r", "tps", [*drama(100), "0113496001"], coverage=("020", "0113", "01632"))
    library = RegisterLibrary(tmp_path / "r", ("tps",))
    row = library.status(TODAY)[0]
    assert (row.state, row.coverage, row.uncovered) == ("ok", ["0113", "01632", "020"], ("020",))
    assert not library.view("+442079460500")[0].covered
    assert library.view("+441134960500")[0].covered, "a number of nine digits is one of the code, too"
    assert library.view(LISTED)[0].listed
    fixed = FixedRegisters(tmp_path / "r", ("tps",), TODAY)
    numbers = ["+442079460500", "+441134960500", LISTED]
    many = [fixed.views(code) for code in fixed.look_up(np.array([int(each[1:]) for each in numbers]))]
    assert many == [fixed.view(each) for each in numbers] == [library.view(each) for each in numbers]


@pytest.mark.parametrize(
    ("today", "days_left", "state"),
    [
        (date(2026, 2, 10), 27, "ok"),
        (date(2026, 3, 9), 0, "ok"),
        (date(2026, 3, 10), -1, "stale"),
        (date(2027, 2, 10), -338, "stale"),
    ],
)
def test_status_counts_the_days_left(tmp_path: Path, today: date, days_left: int, state: str) -> None:
    report = put(tmp_path / "r", "tps", drama(100))
    put(tmp_path / "r", "ctps", drama(50))
    status = RegisterLibrary(tmp_path / "r").status(today)
    assert {key: value for key, value in msgspec.to_builtins(status[0]).items() if key != "problem"} == {
        "name": "tps", "state": state, "count": 100, "as_of": "2026-02-10", "days_left": days_left,
        "coverage": ["full"], "sha256": report.sha256, "imported_at": "2026-02-10T12:00:00+00:00",
        "source_name": "tps_ns.txt", "source_sha256": report.source_sha256, "implausible": "", "accepted": "",
        "uncovered": (),
    }  # fmt: skip
    assert bool(status[0].problem) is (state == "stale")


def test_another_snapshot_is_seen_within_a_second(tmp_path: Path) -> None:
    _full(tmp_path / "r")
    library = RegisterLibrary(tmp_path / "r")
    assert not library.view(FREE)[0].listed
    put(tmp_path / "r", "tps", drama(200))
    until(lambda: library.view(FREE)[0].listed)
    assert library.view(FREE)[0].count == 200


def test_a_first_import_and_a_lost_pointer_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    library = RegisterLibrary(folder, ("tps",))
    put(folder, "tps", drama(100))
    _look(library)
    assert library.view(LISTED)[0].listed
    (folder / "tps.current").unlink()
    _look(library)
    assert _states(library) == ["missing"]


def test_files_are_looked_at_now_and_then_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _full(tmp_path / "r")
    library = RegisterLibrary(tmp_path / "r")
    looks = []
    seal = library_module._seal
    monkeypatch.setattr(library_module, "_seal", lambda path: looks.append(path) or seal(path))
    end = time.monotonic() + 2.5 * LOOK_EVERY
    asked = 0
    while time.monotonic() < end:
        library.view(FREE)
        asked += 1
    assert len(looks) <= 3 * 4
    assert asked > 1000


@pytest.mark.deep
def test_any_byte_of_the_snapshot_flipped_is_refused(tmp_path: Path) -> None:
    """Whatever the byte, and whatever the number asked for: the register is damaged, not "not listed"."""
    folder = tmp_path / "r"
    put(folder, "tps", drama(50))
    path = next(folder.glob("tps-*.snap"))
    good = path.read_bytes()
    draw = random.Random(1)
    for at in range(len(good)):
        flipped = bytearray(good)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        assert _states(RegisterLibrary(folder, ("tps",))) == ["damaged"], f"byte {at}"
    path.write_bytes(good)
    assert _states(RegisterLibrary(folder, ("tps",))) == ["ok"]


def test_any_byte_of_the_pointer_flipped_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(50))
    path = folder / "tps.current"
    good = path.read_bytes()
    whole = RegisterLibrary(folder, ("tps",)).view(LISTED)
    for at in range(len(good) - 1):  # the last one is a line end, which says nothing
        for bit in range(8):
            flipped = bytearray(good)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            views = RegisterLibrary(folder, ("tps",)).view(LISTED)
            assert views[0].state == "damaged" or views == whole, f"byte {at}, bit {bit}"
            assert views[0].state == "damaged", f"byte {at}, bit {bit}"


def test_a_large_snapshot_is_read_as_a_whole_only_where_its_seal_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_store, "SMALL", 0)
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    path = next(folder.glob("tps-*.snap"))
    reads = []
    sha256 = snapshot_store.Snapshot.sha256
    monkeypatch.setattr(snapshot_store.Snapshot, "sha256", lambda self: reads.append(1) or sha256(self))
    assert _states(RegisterLibrary(folder, ("tps",))) == ["ok"]
    assert not reads
    shutil.copytree(folder, tmp_path / "restored")
    assert _states(RegisterLibrary(tmp_path / "restored", ("tps",))) == ["ok"]
    assert len(reads) == 1
    until_later(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(0, json.loads((folder / "tps.current").read_bytes())["seal"][2]))
    assert _states(RegisterLibrary(folder, ("tps",))) == ["damaged"]


def test_damage_that_left_no_trace_is_found_where_it_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that lies: the seal holds, and yet a byte in a record is another."""
    monkeypatch.setattr(snapshot_store, "SMALL", 0)
    folder = tmp_path / "r"
    put(folder, "tps", [*drama(100), "02079460500"])
    pointer = snapshot_store.read_pointer(folder, "tps")
    assert pointer is not None
    path = folder / pointer.file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # of the last record, that of 020 7946 0500
    path.write_bytes(data)
    lying = snapshot_store.Pointer(
        pointer.file, pointer.sha256, pointer.as_of, pointer.count, snapshot_store.seal_of(path)
    )
    snapshot_store.put_in_force(folder, "tps", lying)

    library = RegisterLibrary(folder, ("tps",))
    assert library.view(LISTED)[0].listed
    assert _states(library, "+442079460123") == ["damaged"]
    assert _states(library, LISTED) == ["damaged"]
    damaged = library.view(LISTED)[0]
    assert (damaged.sha256, damaged.count, damaged.covered, damaged.listed) == (pointer.sha256, 101, False, False)
    monkeypatch.setattr(library_module, "RETRY_EVERY", 0.0)
    _look(library)
    assert _states(library, LISTED) == ["damaged"]  # it is not forgiven for looking good on opening

    fresh = RegisterLibrary(folder, ("tps",))
    assert _states(fresh, LISTED) == ["ok"]
    status = fresh.status(TODAY)[0]
    assert status.state == "damaged"
    assert "SHA-256" in status.problem
    assert _states(fresh, LISTED) == ["damaged"]


def test_a_change_of_the_file_in_force_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    library = RegisterLibrary(folder, ("tps",))
    assert _states(library) == ["ok"]
    path = next(folder.glob("tps-*.snap"))
    good = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(len(good) - 3)
        file.write(bytes([good[-3] ^ 4]))
    _look(library)
    assert _states(library) == ["damaged"]


def test_a_register_heals_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine failed and not the file, no import is needed."""
    monkeypatch.setattr(library_module, "RETRY_EVERY", 0.05)
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_store, "read_pointer", lambda *_: (_ for _ in ()).throw(MemoryError("none left")))
        library = RegisterLibrary(folder, ("tps",))
        assert _states(library) == ["damaged"]
        assert library.status(TODAY)[0].problem == "none left"
    until(lambda: (_look(library), _states(library))[1] == ["ok"])


@pytest.mark.parametrize(
    "pointer",
    [
        "", "{}", "null", "[]", "\x00" * 40, "{" * 10_000, '{"file": "../../etc/passwd"}',
        '{"file":"tps-1.snap","sha256":"","as_of":"2026-02-10","count":1,"seal":[1,2,3,4],"kept":[],"check":""}',
    ],
)  # fmt: skip
def test_a_pointer_of_rubbish_is_a_damaged_register(tmp_path: Path, pointer: str) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(10))
    (folder / "tps.current").write_text(pointer)
    library = RegisterLibrary(folder, ("tps",))
    assert _states(library) == ["damaged"]
    assert library.status(TODAY)[0].problem


def test_a_pointer_out_of_the_folder_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(10))
    pointer = snapshot_store.read_pointer(folder, "tps")
    assert pointer is not None
    outside = snapshot_store.Pointer("tps-/../x.snap", pointer.sha256, pointer.as_of, 10, pointer.seal).checked()
    snapshot_store.put_in_force(folder, "tps", outside)
    assert _states(RegisterLibrary(folder, ("tps",))) == ["damaged"]


def test_the_other_registers_snapshot_is_not_accepted(tmp_path: Path) -> None:
    """A CTPS snapshot under the TPS's pointer would answer for the wrong people."""
    folder = tmp_path / "r"
    put(folder, "ctps", drama(10))
    pointer = snapshot_store.read_pointer(folder, "ctps")
    assert pointer is not None
    stolen = folder / pointer.file.replace("ctps-", "tps-")
    stolen.write_bytes((folder / pointer.file).read_bytes())
    snapshot_store.put_in_force(
        folder,
        "tps",
        snapshot_store.Pointer(stolen.name, pointer.sha256, pointer.as_of, 10, snapshot_store.seal_of(stolen)),
    )
    assert _states(RegisterLibrary(folder, ("tps",))) == ["damaged"]


@pytest.mark.parametrize("gone", ["file", "folder"])
def test_a_snapshot_that_is_gone_is_damaged_or_missing(tmp_path: Path, gone: str) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(10))
    library = RegisterLibrary(folder, ("tps",))
    if gone == "file":
        next(folder.glob("tps-*.snap")).unlink()
    else:
        shutil.rmtree(folder)
    _look(library)
    assert _states(library) == [{"file": "damaged", "folder": "missing"}[gone]]


def test_one_thread_asks_while_others_see_status_and_imports_go_on(tmp_path: Path) -> None:
    """Every answer belongs to one snapshot as a whole: its count says which, and the number is in both."""
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    library = RegisterLibrary(folder, ("tps",))
    stop = threading.Event()
    wrong: list[object] = []

    def status() -> None:
        while not stop.is_set():
            found = library.status(TODAY)[0]
            if found.state != "ok" or found.count not in (100, 200):
                wrong.append(found)

    threads = [threading.Thread(target=status) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen = set()

    def ask(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            view = library.view(FREE)[0]
            seen.add((view.state, view.count, view.listed))

    for turn in range(4):
        put(folder, "tps", drama(100 + 100 * (turn % 2)), now=NOW + timedelta(minutes=turn))
        ask(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert seen == {("ok", 100, False), ("ok", 200, True)}
