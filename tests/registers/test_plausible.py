"""A live gate judges a file by itself: its size for its coverage, the other register, sample lists (LAW 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.errors import RegisterError
from gate.registers import coverage, importer
from gate.registers.coverage import least
from gate.registers.import_process import ImportReport
from gate.registers.importer import import_file
from gate.registers.library import RegisterLibrary
from tests.support.registers import NOW, TODAY, drama, write

CODE = "0330000"
"""A dialling code of so few numbers that the least count is small: of a TPS 33, of a CTPS 1."""
WHY = "the licence is of this building alone"


def numbers(count: int, start: int = 0) -> list[str]:
    """Numbers under ``CODE``, which are nobody's drama."""
    return [f"{CODE}{number:04d}" for number in range(start, start + count)]


def live(folder: Path, name: str, nationals: Sequence[str], **options: Any) -> ImportReport:
    source = write(folder.parent / f"{name}_ns.txt", nationals)
    told: dict[str, Any] = {"as_of": TODAY, "now": NOW, "coverage": (CODE,), "accept_shrink": True, "live": True}
    return import_file(folder, name, source, **told | options)


def state(folder: Path, name: str = "tps", *, gate: bool = True) -> str:
    return str(RegisterLibrary(folder, (name,), live=gate).status(TODAY)[0].state)


@pytest.mark.parametrize(
    ("name", "coverage", "count"),
    [
        ("tps", ("full",), 10_000_000),
        ("ctps", ("full",), 500_000),
        ("tps", ("01", "02", "07"), 10_000_000),
        ("tps", ("020",), 333_333),
        ("ctps", ("0161", "020"), 18_333),
        ("tps", ("01632", "016329"), 3_333),
        ("ctps", ("0163296",), 1),
        ("other", ("full",), 1),
    ],
)
def test_the_least_count_is_scaled_by_coverage(name: str, coverage: tuple[str, ...], count: int) -> None:
    assert least(name, coverage) == count


@pytest.mark.parametrize("name", ["tps", "ctps"])
def test_a_one_line_file_is_no_register_of_the_country(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegisterError, match=r"holds 1 number of the whole country, and the C?TPS holds [0-9,]+ there"):
        live(tmp_path / "r", name, numbers(1), coverage=("full",))
    assert state(tmp_path / "r", name) == "missing"


def test_a_partial_licence_needs_its_part(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="holds 32 numbers of 0330000, and the TPS holds 33 there at least"):
        live(tmp_path / "r", "tps", numbers(32))
    assert live(tmp_path / "r", "tps", numbers(33)).implausible == ""
    assert state(tmp_path / "r") == "ok"


def test_one_that_is_taken_by_name_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with pytest.raises(RegisterError):
        live(folder, "tps", numbers(5), accept_implausible="  ")
    assert live(folder, "tps", numbers(5), accept_implausible=WHY).accepted == WHY
    status = RegisterLibrary(folder, ("tps",), live=True).status(TODAY)[0]
    assert (status.state, status.accepted) == ("ok", WHY)
    assert "holds 5 numbers" in status.implausible


def test_the_word_holds_for_later_files_of_the_same_coverage_only(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    live(folder, "tps", numbers(5), accept_implausible=WHY)
    assert live(folder, "tps", numbers(6)).accepted == WHY
    with pytest.raises(RegisterError, match="refused as the TPS of a live gate"):
        live(folder, "tps", numbers(6), coverage=(CODE, "03300000"))
    assert live(folder, "tps", numbers(40)).accepted == ""
    with pytest.raises(RegisterError, match="refused as the TPS of a live gate"):
        live(folder, "tps", numbers(6))


def test_the_other_register_is_no_second_one(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    live(folder, "ctps", numbers(100))
    with pytest.raises(RegisterError, match="99 of its 100 numbers are those of the CTPS in force"):
        live(folder, "tps", [*numbers(99), CODE + "9999"])
    assert live(folder, "tps", numbers(1000)).implausible == ""
    live(folder, "ctps", numbers(400))


def test_sample_lists_are_refused_whatever_their_coverage(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with pytest.raises(RegisterError, match="400 of its 400 numbers are kept for films and samples"):
        live(folder, "ctps", drama(400), coverage=("01632960",))
    with pytest.raises(RegisterError, match="1 of its 1 number is kept for films"):
        live(folder, "ctps", drama(1), coverage=("01632960",))
    with pytest.raises(RegisterError, match="it is a sample list"):
        live(folder, "ctps", [*drama(20), *numbers(100)])
    assert live(folder, "ctps", [*drama(2), *numbers(100)]).count == 102


def test_a_register_from_before_the_gate_was_live_supports_no_calls(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    live(folder, "tps", numbers(20), live=False)
    assert state(folder, gate=False) == "ok"
    library = RegisterLibrary(folder, ("tps",), live=True)
    assert library.view("+443300000000")[0].state == "damaged"
    assert "a live gate does not rest on it: it holds 20 numbers" in library.status(TODAY)[0].problem
    live(folder, "tps", numbers(40), as_of=TODAY, now=NOW + timedelta(hours=1))
    assert (state(folder), library.status(TODAY)[0].state) == ("ok", "ok")


def test_full_lists_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "LEAST", {"tps": 100, "ctps": 50})
    everywhere = [code.ljust(11, "0") for code in coverage.MAJOR]
    for name, count in (("ctps", 50), ("tps", 100)):
        listed = [*numbers(count, start=count), *everywhere]
        report = live(tmp_path / "r", name, listed, coverage=("full",))
        assert (report.count, report.implausible, state(tmp_path / "r", name)) == (len(listed), "", "ok")


def test_law_2_4_a_part_of_the_country_is_not_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many numbers as the whole register has, and none of London: it would clear London."""
    monkeypatch.setattr(coverage, "LEAST", {"tps": 100})
    listed = [*numbers(200), *(code.ljust(11, "0") for code in coverage.MAJOR if code not in ("020", "0161"))]
    with pytest.raises(RegisterError, match="no number of 0161, 020: it is not the TPS of the whole country"):
        live(tmp_path / "r", "tps", listed, coverage=("full",))
    live(tmp_path / "r", "tps", listed, coverage=("full",), live=False)
    assert state(tmp_path / "r") == "damaged"


def test_law_2_4_each_code_of_a_coverage_is_counted_by_itself(tmp_path: Path) -> None:
    """A hundred of one street say nothing of the next one, of which the file holds a single number."""
    both = (CODE, "0330001")
    with pytest.raises(RegisterError, match="holds 1 number of 0330001, and the TPS holds 33 there"):
        live(tmp_path / "r", "tps", [*numbers(100), "03300010000"], coverage=both)
    second = [f"0330001{number:04d}" for number in range(33)]
    assert live(tmp_path / "r", "tps", [*numbers(100), *second], coverage=both).implausible == ""
    assert state(tmp_path / "r") == "ok", "counted in the snapshot as in the file"


def test_the_old_numbers_in_other_bytes_become_no_newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank at the end of a line, and a list that is too old would have supported calls for four weeks more."""
    monkeypatch.setattr(importer, "EXCHANGE_GUARD", 50)
    folder, old = tmp_path / "r", TODAY - timedelta(days=27)
    live(folder, "tps", numbers(50), as_of=old)
    with pytest.raises(RegisterError, match=f"of 50 numbers none came or went since {old:%d %b %Y}"):
        live(folder, "tps", [*numbers(50), numbers(1)[0]])
    assert RegisterLibrary(folder, ("tps",), live=True).status(TODAY)[0].as_of == old
    assert live(folder, "tps", numbers(50), as_of=old).added == 0, "of its own day it may come again"
    assert live(folder, "tps", [*numbers(49), CODE + "9999"]).as_of == TODAY, "two came or went: 50 numbers are few"
    assert live(folder, "ctps", numbers(49, start=500), as_of=old).count == 49
    assert live(folder, "ctps", numbers(49, start=500)).as_of == TODAY, "few numbers may well stay as they are"


def test_law_2_4_a_list_that_is_nearly_the_old_one_becomes_no_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number changed, and a list that is too old would have supported calls for four weeks more."""
    monkeypatch.setattr(importer, "EXCHANGE_GUARD", 50)
    monkeypatch.setattr(importer, "UNCHANGED_IN_A_WEEK", 5)
    folder, old = tmp_path / "r", TODAY - timedelta(days=27)
    live(folder, "tps", numbers(70), as_of=old)
    changed = [*numbers(69), CODE + "9999"]
    with pytest.raises(RegisterError, match=f"of 70 numbers 2 came or went since {old:%d %b %Y}, and 14 do at least"):
        live(folder, "tps", changed)
    assert live(folder, "tps", changed, accept_implausible=WHY).accepted == WHY
    live(folder, "tps", numbers(70), as_of=old, accept_older=True)
    assert live(folder, "tps", numbers(84)).implausible == "", "as many came as in a week"
    live(folder, "tps", numbers(70), as_of=TODAY - timedelta(days=2), accept_older=True)
    report = live(folder, "tps", numbers(73))
    assert "of 70 numbers 3 came or went since 08 Feb 2026, and 4 do at least" in report.implausible
    assert (report.accepted, state(folder)) == ("", "ok"), "a quiet day or two is a warning"
    assert live(folder, "tps", numbers(73)).implausible == report.implausible, "imported again it is no better"
    assert live(folder, "tps", numbers(80)).implausible == ""
