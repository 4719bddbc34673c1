"""The generated register files are what LAW 2.1 says, hold valid numbers, and are the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gate.core.numbers import is_drama, parse
from tests.bench.registers_gen import RECORD, make, next_day, records, write


def test_both_variants_as_the_specification_shows_them() -> None:
    numbers = np.array([1632960123, 2079460000, 1134960001, 7700900123, 163296012, 800111111], dtype=np.int64)
    assert records(numbers, spaces=True).decode().split("\r\n") == [
        "01632 960123",
        "0207 9460000",
        "0113 4960001",
        "07700 900123",
        "01632  96012",
        "0800  111111",
        "",
    ]
    assert records(numbers, spaces=False).decode().split("\r\n") == [
        "01632960123 ",
        "02079460000 ",
        "01134960001 ",
        "07700900123 ",
        "0163296012  ",
        "0800111111  ",
        "",
    ]


@pytest.mark.parametrize("spaces", [False, True])
def test_every_record_is_one_valid_number_and_every_number_one_record(tmp_path: Path, spaces: bool) -> None:
    numbers = make(50_000, seed=7)
    assert len(np.unique(numbers)) == 50_000
    path = tmp_path / "tps.txt"
    write(path, numbers, spaces=spaces, shuffle_seed=3)
    data = path.read_bytes()
    assert len(data) == 50_000 * RECORD
    lines = data.decode("ascii").split("\r\n")[:-1]
    assert {len(line) for line in lines} == {12}
    assert sorted(int(parse(line).e164[3:]) for line in lines) == numbers.tolist()
    assert lines != sorted(lines)


def test_small_files_hold_the_drama_ranges_alone() -> None:
    assert all(is_drama(f"+44{number}") for number in make(5_000, seed=1).tolist())


def test_seeded() -> None:
    assert np.array_equal(make(20_000, seed=1), make(20_000, seed=1))
    assert not np.array_equal(make(20_000, seed=1), make(20_000, seed=2))


def test_next_day() -> None:
    today = make(50_000, seed=1)
    tomorrow = next_day(today, seed=2, added=300, removed=200)
    assert len(np.setdiff1d(tomorrow, today)) == 300
    assert len(np.setdiff1d(today, tomorrow)) == 200
    assert len(np.unique(tomorrow)) == 50_100


def test_too_many() -> None:
    with pytest.raises(ValueError, match="more than"):
        make(10**9, seed=1)
