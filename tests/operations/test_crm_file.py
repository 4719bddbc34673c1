"""A CRM file as contacts: numbers, references, and what is kept apart."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest

from gate.errors import UsageError
from gate.operations.contacts.bulk_screener import BulkScreener
from gate.operations.contacts.list_reading import CrmFile
from tests.operations.test_bulk_screener import OWN, Registers
from tests.support.screening import ATTEMPT, NOON, RULES

Contact = tuple[int, str, str]


def read(raw: bytes, **options: Any) -> tuple[list[Contact], list[tuple[int, str, str, str]], CrmFile]:
    """(number, reference, reason) of each contact, the faults, and the file."""
    file = CrmFile(io.BytesIO(raw), **options)
    screener = BulkScreener(Registers(), OWN, RULES, ATTEMPT, NOON)  # type: ignore[arg-type]  # stands in for both
    contacts, faults = [], []
    for part in file.parts(screener):
        reasons = [screener.outcomes[outcome].reason for outcome in part.outcomes]
        contacts += list(zip(part.numbers, part.references, reasons, strict=True))
        faults += part.faults
    return contacts, faults, file


def test_numbers_with_their_references() -> None:
    raw = b'Key;Phone\r\nA-1;020 7946 0101\r\n"B;\r\n2";+44 20 7946 0100\r\nC-3;020 7946 0001'
    contacts, faults, file = read(raw, reference="key")
    assert contacts == [
        (442079460101, "A-1", "listed_tps"),
        (442079460100, "B;\n2", "not_listed"),
        (442079460001, "C-3", "objected"),
    ]
    assert (faults, file.rows, file.bad_rows, file.columns) == ([], 3, 0, ["Phone"])
    assert file.sha256 == hashlib.sha256(raw).hexdigest()


def test_what_is_no_contact_is_kept_apart_with_its_line() -> None:
    raw = b"id,phone,town\n1,020 7946 0100,x\n2,none,x\n3,,x\n4,999,x\n5,1\n\n6,020 7946 0100,x,y\n"
    contacts, faults, file = read(raw, reference="id")
    assert [reference for _, reference, _ in contacts] == ["1"]
    assert sorted(faults) == [
        (3, "phone", "2", "it is no telephone number"),
        (4, "phone", "3", "it is empty"),
        (5, "phone", "4", "it is an emergency or short number"),
        (6, "", "", "it has 2 fields and the header 3"),
        (8, "", "", "it has 4 fields and the header 3"),
    ]
    assert (file.rows, file.bad_rows) == (6, 5)


def test_a_decimal_of_a_spreadsheet_is_a_fault_and_never_another_number() -> None:
    """Read with its dot as a separator, ``44163296012.0`` is the ten digits of a stranger."""
    raw = b"id,phone\n1,44163296012.0\n2,2079460123.0\n3,+442079460100.0\n4,020.7946.0100\n"
    contacts, faults, _ = read(raw, reference="id")
    assert [(number, reference) for number, reference, _ in contacts] == [(442079460100, "4")]
    assert [reference for _, _, reference, _ in faults] == ["1", "2", "3"]
    assert all("made a decimal of it: take the .0 off" in fault for _, _, _, fault in faults), faults


def test_of_several_columns_empty_ones_say_nothing() -> None:
    raw = b"id,phone,mobile\n1,020 7946 0100,\n2,,\n3,020 7946 0101,junk\n4,,020 7946 0001\n"
    contacts, faults, file = read(raw, reference="id")
    assert contacts == [
        (442079460100, "1", "not_listed"),
        (442079460101, "3", "listed_tps"),
        (442079460001, "4", "objected"),
    ]
    assert faults == [(4, "mobile", "3", "it is no telephone number")]
    assert (file.rows, file.bad_rows) == (4, 1)


@pytest.mark.parametrize(
    ("raw", "reference"),
    [
        ("id,phone\nSiân,02079460100\n".encode(), "Siân"),
        ("id,phone\nSiân,02079460100\n".encode("cp1252"), "Siân"),
        ("\ufeffid,phone\nSiân,02079460100\n".encode("utf-16-le"), "Siân"),
        (b"id,phone\n" + b"x" * 300 + b",02079460100\n", "x" * 180),
        (b"id,phone\n,02079460100\n", ""),
    ],
)
def test_references_are_text(raw: bytes, reference: str) -> None:
    contacts, _, file = read(raw, reference="id")
    assert [each for _, each, _ in contacts] == [reference]
    assert file.not_utf8 == (2 if raw.endswith(b"\n") and b"\xe2n" in raw else 0)


def test_without_a_header_and_without_references() -> None:
    contacts, _, file = read(b"1,02079460100\n2,02079460101\n", columns=["2"], header=False)
    assert [(number, reference) for number, reference, _ in contacts] == [(442079460100, ""), (442079460101, "")]
    assert file.columns == ["2"]


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        (b"", {}, "the file is empty"),
        (b"id,name\n1,x\n", {}, "looks like a telephone number"),
        (b"id,phone\n1,02079460100\n", {"reference": "key"}, '"key" is not there'),
        (b'id,phone\n1,"02079460100\n', {}, "never closed"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(raw: bytes, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(raw, **options)
