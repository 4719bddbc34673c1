"""Imports: what is taken, what is refused, what is left behind, and what stays in force whatever happens."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gate.core.terms import many
from gate.errors import RegisterError
from gate.registers import build, importer, snapshot_store
from gate.registers.importer import import_file
from gate.registers.packing import guess_as_of
from gate.registers.snapshot_store import prune
from tests.support.registers import NOW, TODAY, count, drama, e164, files, put, record, write

LISTED = e164(drama(1)[0])


def test_the_report_says_what_changed(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    first = put(folder, "tps", drama(100))
    assert (first.count, first.added, first.removed, first.previous_sha256) == (100, 100, 0, "")
    source = tmp_path / "tps_ns.txt"
    lines = [record(number) for number in [*drama(997, start=3), "01632960500", "01632960500"]]
    source.write_bytes("".join([*lines, "call me\r\n"]).encode())
    source.write_bytes(source.read_bytes() + "".join(map(record, drama(100, start=900))).encode())
    report = import_file(folder, "tps", source, as_of=TODAY, now=NOW, coverage=("01632", "01632"), accept_narrower=True)
    assert json.loads(msgspec.json.encode(report)) == {
        "name": "tps", "as_of": "2026-02-10", "sha256": snapshot_store.read_pointer(folder, "tps").sha256, "count": 997,
        "coverage": ["01632"], "added": 900, "removed": 3, "lines": 1100, "duplicates": 102, "bad": 1,
        "bad_lines": [[1000, "holds 'c', which is neither a digit nor a space"]],
        "source_name": "tps_ns.txt", "source_sha256": report.source_sha256, "accepted_shrink": False,
        "implausible": "", "accepted": "", "previous_sha256": first.sha256,
    }  # fmt: skip
    assert count(folder) == 997


def test_files_are_for_the_gates_account_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "r"
    source = write(tmp_path / "t.txt", drama(10))
    umask = os.umask(0)
    try:
        import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["", "TPS", "t-ps", "../tps", "tps.x", "1"])
def test_a_register_needs_a_plain_name(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "t.txt", drama(1))
    with pytest.raises(RegisterError, match="cannot be the name"):
        import_file(tmp_path / "r", name, source, as_of=TODAY, now=NOW)
    assert not (tmp_path / "r").exists()


def test_a_wrong_coverage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="coverage"):
        put(tmp_path / "r", "tps", drama(1), coverage=("full", "020"))


# --- dates ------------------------------------------------------------------------------------------------------------


def test_a_future_as_of_is_refused_by_londons_calendar(tmp_path: Path) -> None:
    just_before_midnight_in_london = datetime(2026, 7, 1, 22, 59, tzinfo=UTC)
    with pytest.raises(RegisterError, match="lies in the future: today is 01 Jul 2026"):
        put(tmp_path / "r", "tps", drama(1), as_of=date(2026, 7, 2), now=just_before_midnight_in_london)
    later = just_before_midnight_in_london + timedelta(minutes=1)
    assert put(tmp_path / "r", "tps", drama(1), as_of=date(2026, 7, 2), now=later).as_of == date(2026, 7, 2)


def test_an_older_file_than_the_one_in_force_needs_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    source = write(tmp_path / "t.txt", drama(101))
    yesterday = TODAY - timedelta(days=1)
    with pytest.raises(RegisterError, match="older than the one in force, as of 2026-02-10"):
        import_file(folder, "tps", source, as_of=yesterday, now=NOW)
    assert count(folder) == 100
    assert import_file(folder, "tps", source, as_of=TODAY, now=NOW).count == 101
    assert import_file(folder, "tps", source, as_of=yesterday, now=NOW, accept_older=True).as_of == yesterday


@pytest.mark.parametrize(
    ("name", "written", "guess"),
    [
        ("tps_ns.txt", date(2026, 2, 8), date(2026, 2, 8)),
        ("tps_ns.txt", date(2026, 3, 1), date(2026, 2, 10)),
        ("tps_20260205.txt", date(2026, 2, 8), date(2026, 2, 5)),
        ("2026-02-05 tps.txt", date(2026, 2, 8), date(2026, 2, 5)),
        ("tps_2026.02.09.txt", date(2026, 2, 8), date(2026, 2, 8)),
        ("tps_20260230.txt", date(2026, 2, 8), date(2026, 2, 8)),
        ("tps_202602050.txt", date(2026, 2, 8), date(2026, 2, 8)),
        ("tps_2026-0205.txt", date(2026, 2, 8), date(2026, 2, 8)),
        ("20270101.txt", date(2026, 2, 8), date(2026, 2, 8)),
    ],
)
def test_the_as_of_date_is_guessed_early_rather_than_late(
    tmp_path: Path, name: str, written: date, guess: date
) -> None:
    source = write(tmp_path / name, drama(1))
    moment = datetime(written.year, written.month, written.day, 9, tzinfo=UTC).timestamp()
    os.utime(source, (moment, moment))
    assert guess_as_of(source, NOW) == guess


def test_there_is_no_guess_for_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match=r"none\.txt cannot be read"):
        guess_as_of(tmp_path / "none.txt", NOW)


# --- the shrink guard -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "taken"), [(950, True), (949, False), (1, False)])
def test_a_register_may_shrink_by_a_twentieth(tmp_path: Path, left: int, taken: bool) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(1000))
    source = write(tmp_path / "t.txt", drama(left))
    if taken:
        report = import_file(folder, "tps", source, as_of=TODAY, now=NOW)
        assert (report.removed, report.accepted_shrink) == (1000 - left, False)
        return
    with pytest.raises(RegisterError, match=f"would shrink from 1,000 to {many(left, 'number')},") as caught:
        import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    assert "--accept-shrink" in caught.value.hint
    assert count(folder) == 1000
    report = import_file(folder, "tps", source, as_of=TODAY, now=NOW, accept_shrink=True)
    assert (report.count, report.removed, report.accepted_shrink) == (left, 1000 - left, True)


def test_the_other_registers_file_is_seen_by_what_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The TPS file imported as the CTPS: nothing shrinks, and everything in force is gone."""
    monkeypatch.setattr(importer, "EXCHANGE_GUARD", 200)
    folder = tmp_path / "r"
    put(folder, "ctps", drama(200))
    source = write(tmp_path / "tps_ns.txt", drama(1500, start=100))
    with pytest.raises(RegisterError, match="CTPS would shrink by 100 of its 200 numbers"):
        import_file(folder, "ctps", source, as_of=TODAY, now=NOW)
    assert import_file(folder, "ctps", source, as_of=TODAY, now=NOW, accept_shrink=True).accepted_shrink


def test_a_small_register_may_be_exchanged(tmp_path: Path) -> None:
    put(tmp_path / "r", "tps", drama(100))
    report = put(tmp_path / "r", "tps", drama(100, start=500), accept_shrink=False)
    assert (report.added, report.removed) == (100, 100)


@pytest.mark.parametrize("damage", ["record", "index", "pointer", "gone"])
def test_damage_can_be_mended_by_an_import_under_the_same_guard(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(1000))
    path, pointer = next(folder.glob("tps-*.snap")), folder / "tps.current"
    if damage == "gone":
        path.unlink()
    else:
        broken = pointer if damage == "pointer" else path
        data = bytearray(broken.read_bytes())
        data[{"record": -1, "index": 300, "pointer": 20}[damage]] ^= 1
        broken.write_bytes(data)
    source = write(tmp_path / "t.txt", drama(10))
    with pytest.raises(RegisterError, match="would shrink from 1,000 to 10"):
        import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    with pytest.raises(RegisterError, match="older"):
        import_file(folder, "tps", source, as_of=date(2026, 2, 1), now=NOW)
    report = import_file(folder, "tps", write(tmp_path / "t.txt", drama(1010)), as_of=TODAY, now=NOW)
    assert (report.added, report.removed, report.previous_sha256) == (1010, 0, "")
    assert count(folder) == 1010
    assert len(list(folder.glob("*.snap"))) == 1


def test_a_partial_file_is_not_taken_for_the_whole_country(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    leeds = "01134960001"
    put(folder, "tps", [*drama(100), leeds], coverage=("01632", "0113"))
    source = write(tmp_path / "t.txt", [*drama(120), leeds])
    with pytest.raises(RegisterError, match="all of its numbers lie in 0113,01632") as caught:
        import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    assert "--coverage 0113,01632" in caught.value.hint
    import_file(folder, "tps", source, as_of=TODAY, now=NOW, coverage=("01632", "0113"))
    wider = write(tmp_path / "t.txt", [*drama(120), "02079460001"])
    assert import_file(folder, "tps", wider, as_of=TODAY, now=NOW).coverage == ("full",)


def test_law_2_4_a_code_without_a_number_is_not_covered(tmp_path: Path) -> None:
    """600 numbers, none of them of London, and a coverage of London would clear all of it."""
    folder, source = tmp_path / "r", write(tmp_path / "t.txt", drama(600))
    with pytest.raises(RegisterError, match="it holds no number of 0113, 020, so it does not cover") as caught:
        import_file(folder, "tps", source, as_of=TODAY, now=NOW, coverage=("020", "0113", "01632"))
    assert "outside_coverage" in caught.value.hint
    assert files(folder) == set()
    import_file(folder, "tps", source, as_of=TODAY, now=NOW, coverage=("01632",))


# --- what is kept and what is deleted ---------------------------------------------------------------------------------


def test_the_last_three_snapshots_are_kept_and_none_for_more_than_35_days(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    shas = []
    for day in range(6):
        now = NOW + timedelta(days=day)
        shas.append(put(folder, "tps", drama(100 + day), as_of=now.date(), now=now).sha256[:16])
        kept = {path.name[-21:-5] for path in folder.glob("*.snap")}
        assert kept == set(shas[-3:])
    put(folder, "ctps", drama(10))
    now = NOW + timedelta(days=39)
    prune(folder, "tps", now)
    assert {path.name[-21:-5] for path in folder.glob("tps-*.snap")} == set(shas[-2:])
    prune(folder, "tps", now + timedelta(days=10))
    assert {path.name[-21:-5] for path in folder.glob("tps-*.snap")} == set(shas[-1:])
    assert len(list(folder.glob("ctps-*.snap"))) == 1
    assert count(folder) == 105
    prune(tmp_path / "none", "tps", now)


def test_files_left_by_killed_imports_are_deleted_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    put(folder, "ctps", drama(100))
    kept = files(folder)
    (folder / ".tps-0123.part").write_bytes(b"half")
    (folder / "tps-20260211-ffffffffffffffff.snap").write_bytes(b"never in force")
    (folder / ".ctps-0123.part").write_bytes(b"another import's")
    with pytest.raises(RegisterError):
        import_file(folder, "tps", write(tmp_path / "t.txt", []), as_of=TODAY, now=NOW)
    assert files(folder) == {*kept, ".ctps-0123.part"}


def test_importing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    first = put(folder, "tps", drama(100))
    kept = files(folder)
    again = put(folder, "tps", drama(100))
    assert (again.sha256, again.added, again.removed) == (first.sha256, 0, 0)
    assert files(folder) == kept
    assert count(folder) == 100


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["write_snapshot", "create", "replace", "sync_folder", "read_back", "put_in_force"])
def test_a_failure_at_any_step_leaves_the_old_register(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    before = files(folder)
    source = write(tmp_path / "t.txt", drama(200))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    where = {
        "write_snapshot": (build, "write_snapshot"),
        "replace": (Path, "replace"),
        "read_back": (importer._Import, "_read_back"),
        "sync_folder": (importer, "sync_folder"),
    }.get(step, (snapshot_store, step))
    with monkeypatch.context() as patch:
        patch.setattr(*where, fail)
        with pytest.raises(RegisterError, match="No space left on device"):
            import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    assert files(folder) - before <= (
        {f for f in files(folder) if f.endswith(".snap")} if step == "sync_folder" else set()
    )
    assert count(folder) == 100
    import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    assert count(folder) == 200


def test_a_disk_that_keeps_something_else_is_found_before_the_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    written = build.write_snapshot

    def lying(out, keys, metadata):  # type: ignore[no-untyped-def]
        sha256 = written(out, keys, metadata)
        out.seek(-1, os.SEEK_END)
        out.write(b"\x7f")
        return sha256

    monkeypatch.setattr(build, "write_snapshot", lying)
    with pytest.raises(RegisterError, match="damaged"):
        import_file(folder, "tps", write(tmp_path / "t.txt", drama(200)), as_of=TODAY, now=NOW)
    assert count(folder) == 100
    assert len(list(folder.glob("*.snap"))) == 1


def test_a_writer_that_loses_a_number_is_found_before_the_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = build.write_snapshot
    monkeypatch.setattr(build, "write_snapshot", lambda out, keys, metadata: written(out, np.delete(keys, 7), metadata))
    with pytest.raises(RegisterError, match="does not hold what was written"):
        put(tmp_path / "r", "tps", drama(100))
    assert not files(tmp_path / "r")


def test_missing_and_unreadable_sources_are_the_one_error(tmp_path: Path) -> None:
    for source, why in ((tmp_path / "none.txt", "cannot be read"), (tmp_path, "is a folder")):
        with pytest.raises(RegisterError, match=why):
            import_file(tmp_path / "r", "tps", source, as_of=TODAY, now=NOW)
    (tmp_path / "file").write_text("")
    with pytest.raises(RegisterError, match="could not be imported"):
        import_file(tmp_path / "file", "tps", write(tmp_path / "t.txt", drama(1)), as_of=TODAY, now=NOW)


def _events_until_death(folder: Path, source: Path, fatal: int) -> int:
    """Import in a fork that dies, as by SIGKILL, at its ``fatal``-th touch of the file system; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        left = fatal
        counted = ("open", "os.rename", "os.remove", "os.mkdir", "os.scandir", "fcntl.flock", "mmap.__new__")

        def hook(event: str, _arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in counted:
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.addaudithook(hook)
        import_file(folder, "tps", source, as_of=TODAY, now=NOW, accept_shrink=True)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the fork must never come back into the test run
        os._exit(1)


@pytest.mark.deep
def test_death_at_any_touch_of_the_file_system_leaves_a_whole_register(tmp_path: Path) -> None:
    """At every step in turn: the old or the new register is in force, whole, and the next import works."""
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    source = write(tmp_path / "t.txt", drama(200))
    outcomes = []
    for fatal in range(200):
        code = _events_until_death(folder, source, fatal)
        assert code in (9, 0)
        outcomes.append(count(folder))
        if code == 0:
            break
        put(folder, "tps", drama(100), now=NOW + timedelta(seconds=fatal))
        assert count(folder) == 100
        assert not list(folder.glob(".*.part"))
        assert len(list(folder.glob("*.snap"))) <= 3
    else:
        pytest.fail("the import never came to its end")
    assert len(outcomes) > 12
    assert outcomes == sorted(outcomes), "once the new register is in force, it stays"
    assert set(outcomes) == {100, 200}
