"""Many questions at once are answered as each of them alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gate.errors import RegisterError
from gate.registers import snapshot_store
from gate.registers.coverage import Coverage
from gate.registers.fixed import FixedRegisters, contains_many, covers_many
from gate.registers.library import RegisterLibrary
from tests.bench import registers_gen
from tests.support.registers import NOW, TODAY, drama, put

DICE = np.random.default_rng(3)


def _mixed(folder: Path) -> np.ndarray:
    """A register of 30,000 numbers of both lengths, and numbers in it, beside it and far from it."""
    numbers = registers_gen.make(28_000, 5)
    full = np.arange(1632_000_000, 1632_000_000 + 140_000)  # whole blocks of 65,536
    nine = np.array([120420000 + n for n in range(0, 2000, 3)])
    every = np.unique(np.concatenate([numbers, full, nine]))
    put(folder, "tps", [f"0{number}" for number in every.tolist()])
    beside = np.concatenate([every + 1, every - 1, DICE.integers(10**8, 10**10, 5000), every])
    beside = beside[beside >= 10**8]
    return beside + np.where(beside < 10**9, 44 * 10**9, 44 * 10**10)


def test_membership_of_many_is_that_of_each(tmp_path: Path) -> None:
    asked = _mixed(tmp_path / "r")
    found = snapshot_store.open_in_force(tmp_path / "r", "tps")
    assert found is not None
    many = contains_many(found[1], asked)
    assert many.tolist() == [number in found[1] for number in asked.tolist()]
    assert 0 < many.sum() < len(many)
    outside = np.array([0, 1, 44, 441, 999, 10**14])
    assert contains_many(found[1], outside).tolist() == [False] * 6
    assert contains_many(found[1], np.zeros(0, dtype=np.int64)).tolist() == []


def test_a_digit_too_many_behind_a_listed_number_hides_it_from_nobody(tmp_path: Path) -> None:
    """The exchange rings the number of nine digits all the same."""
    short = "0163296012"
    put(tmp_path / "r", "tps", [*drama(10), short])
    fixed, library = FixedRegisters(tmp_path / "r", ("tps",), TODAY), RegisterLibrary(tmp_path / "r", ("tps",))
    asked = ["+44163296012", "+441632960120", "+441632960129", "+441632960130", "+44163296013", "+442079460120"]
    wanted = [True, True, True, False, False, False]
    codes = fixed.look_up(np.array([int(number[1:]) for number in asked])).tolist()
    for view in (library.view, fixed.view, lambda number: fixed.views(codes[asked.index(number)])):
        assert [view(number)[0].listed for number in asked] == wanted


def test_coverage_of_many_is_that_of_each() -> None:
    numbers = [*DICE.integers(10**9, 10**10, 4000).tolist(), 2079460000, 1632960000, 1204200000]
    keys = [44 * 10**10 + number for number in numbers] + [44 * 10**9 + n for n in (163296000, 120420000, 207946000)]
    for parts in (("full",), ("020",), ("01632", "020", "0204"), ("01", "07700"), ("0163",)):
        each = [f"+{key}" in Coverage(parts) for key in keys]
        assert covers_many(Coverage(parts), np.array(keys)).tolist() == each, parts


def test_views_are_those_of_the_library_in_every_state(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100), coverage=("01632",))
    asked = [f"+44{number[1:]}" for number in drama(1100)]
    keys = np.array([int(number[1:]) for number in asked])
    for _ in range(2):  # without the CTPS, then with it
        fixed, library = FixedRegisters(folder, ("tps", "ctps"), TODAY), RegisterLibrary(folder, ("tps", "ctps"))
        codes = fixed.look_up(keys).tolist()
        assert max(codes) < fixed.codes
        for number, code in zip(asked, codes, strict=True):
            assert fixed.views(code) == fixed.view(number) == library.view(number)
        put(folder, "ctps", drama(50, start=1000))


def test_a_run_keeps_its_edition_and_knows_its_identity(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    report = put(folder, "tps", drama(100))
    fixed = FixedRegisters(folder, ("tps",), TODAY)
    put(folder, "tps", drama(200), now=NOW + timedelta(days=1), as_of=TODAY)
    assert fixed.view("+441632960150")[0].listed is False
    assert fixed.identities[0].sha256 == report.sha256
    assert FixedRegisters(folder, ("tps",), TODAY + timedelta(days=28)).identities[0].state == "stale"


def test_damage_is_a_state_at_the_start_and_an_error_later(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    path = next(folder.glob("*.snap"))
    raw = bytearray(path.read_bytes())
    raw[-20] ^= 1
    found = snapshot_store.open_in_force(folder, "tps")
    assert found is not None
    keys = np.array([int(f"44{number[1:]}") for number in drama(1000)])
    with path.open("r+b") as file:
        file.write(raw)
    with pytest.raises(RegisterError, match="numbers in it were changed"):
        contains_many(found[1], keys)
    fixed = FixedRegisters(folder, ("tps",), TODAY)
    assert [view.state for view in fixed.views(int(fixed.look_up(keys[:1])[0]))] == ["damaged"]
