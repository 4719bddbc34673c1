"""The sample lists: what the documentation, the demo and other tests count on."""

from __future__ import annotations

import csv
import re

import pytest

from gate.core.numbers import NumberRefused, parse
from gate.registers.source import parse_line
from tests.registers.make_samples import FOLDER, FREE, RANGES, files

DRAMA = tuple("44" + head[1:] for head, _ in RANGES)


def _register(name: str) -> set[int]:
    return {parse_line(line) for line in (FOLDER / name).read_bytes().splitlines()}


def test_the_files_are_what_their_generator_makes() -> None:
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir() if not path.name.startswith(".")} == files()


@pytest.mark.parametrize(
    ("name", "layout"), [("tps_ns.txt", r"0\d{10} "), ("ctps_ns.txt", r"0\d{3}  ?\d{6,7}|0\d{4} \d{6}")]
)
def test_registers_are_in_the_licensees_format(name: str, layout: str) -> None:
    records = (FOLDER / name).read_bytes().split(b"\r\n")
    assert records.pop() == b""
    assert len(records) > 200
    assert all(len(record) == 12 and re.fullmatch(layout, record.decode()) for record in records)


def test_registers_hold_drama_numbers_only() -> None:
    for number in _register("tps_ns.txt") | _register("ctps_ns.txt"):
        assert str(number).startswith(DRAMA)
        assert len(str(number)) == 12


def test_the_numbers_that_are_told_of() -> None:
    tps, ctps = _register("tps_ns.txt"), _register("ctps_ns.txt")
    assert {442079460101, 441632960202} <= tps
    assert 442079460150 in ctps
    assert not {int("44" + number[1:]) for number in FREE} & (tps | ctps)
    with (FOLDER / "consents.csv").open(encoding="utf-8", newline="") as file:
        assert "+441632960202" in {row["number"] for row in csv.DictReader(file)}
    with (FOLDER / "objections.csv").open(encoding="utf-8", newline="") as file:
        assert "+447700900200" in {row["number"] for row in csv.DictReader(file)}


def test_the_crm_holds_every_kind_of_number() -> None:
    with (FOLDER / "crm.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows) > 20
    listed = _register("tps_ns.txt") | _register("ctps_ns.txt")
    kinds = {"listed": 0, "free": 0, "refused": 0}
    for row in rows:
        try:
            kinds["listed" if int(parse(row["phone"]).e164[1:]) in listed else "free"] += 1
        except NumberRefused:
            kinds["refused"] += 1
    assert min(kinds.values()) >= 4
