"""A file in, the same file with verdicts out."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest

from gate.errors import UsageError
from gate.operations.contacts.bulk_screener import BulkScreener
from gate.operations.contacts.file_screening import FileScreening, Report, evidence, places_of
from tests.operations.test_bulk_screener import OWN, Registers
from tests.support.screening import ATTEMPT, NOON, RULES

DAYS = "2026-03-03,2026-03-03"


def screen(raw: bytes, **options: Any) -> tuple[bytes, Report]:
    target = io.BytesIO()
    screener = BulkScreener(Registers(), OWN, RULES, ATTEMPT, NOON)  # type: ignore[arg-type]  # stands in for both
    report = FileScreening(io.BytesIO(raw), target, screener, **options).run()
    return target.getvalue(), report


def test_every_byte_stays_and_the_answers_come_behind() -> None:
    raw = '\ufeffid;Phone;"no;te"\r\n1;"020 7946 0101" ;\'x\'\r\n2;02079460100;"a\r\nb"\n3;n/a;Siân'.encode()
    out, report = screen(raw)
    assert out.decode() == (
        '\ufeffid;Phone;"no;te";verdict;reason;number;tps_as_of;ctps_as_of\r\n'
        "1;\"020 7946 0101\" ;'x';block;listed_tps;+442079460101;2026-03-03;2026-03-03\r\n"
        '2;02079460100;"a\r\nb";allow;not_listed;+442079460100;2026-03-03;2026-03-03\n'
        "3;n/a;Siân;block;number_invalid;;;"
    )
    assert (report.rows, report.bad_rows, report.bad_lines) == (3, 1, [5])
    assert report.reasons == {"Phone": {"listed_tps": 1, "not_listed": 1, "number_invalid": 1}}


def test_several_columns_have_their_own_answers() -> None:
    raw = b'"work, phone",mobile\n02079460101,07700 900100\n,02079460001\n'
    out, report = screen(raw, columns=["mobile", "work, phone"])
    rows = list(csv.DictReader(io.StringIO(out.decode())))
    assert rows[0]["work, phone_reason"] == "listed_tps" and rows[0]["mobile_number"] == "+447700900100"
    assert rows[1]["work, phone_verdict"] == "block" and rows[1]["mobile_reason"] == "objected"
    assert out.decode().splitlines()[0].startswith('"work, phone",mobile,mobile_verdict')
    assert report.columns == ["mobile", "work, phone"] and report.bad_rows == 0


def test_rows_of_another_length_stay_in_line_and_are_named() -> None:
    raw = b"phone,name,town\n02079460100\n\n02079460100,a,b,c\n02079460100,a,b\n"
    out, report = screen(raw)
    assert out.decode().splitlines()[1:] == [
        f"02079460100,,,allow,not_listed,+442079460100,{DAYS}",
        "",
        "02079460100,a,b,c,block,number_invalid,,,",
        f"02079460100,a,b,allow,not_listed,+442079460100,{DAYS}",
    ]
    assert (report.rows, report.bad_rows, report.bad_lines) == (3, 2, [2, 4])
    assert report.reasons == {"phone": {"not_listed": 2, "number_invalid": 1}}


def test_without_a_header_columns_are_numbers() -> None:
    out, report = screen(b"1,02079460100\n2,02079460101\n", columns=["2"], header=False)
    assert out.decode().splitlines() == [
        f"1,02079460100,allow,not_listed,+442079460100,{DAYS}",
        f"2,02079460101,block,listed_tps,+442079460101,{DAYS}",
    ]
    assert report.columns == ["2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    text = "name,phone\nJürgen,020 7946 0101\n"
    out, report = screen(text.encode(encoding))
    assert out.decode(encoding) == (
        "name,phone,verdict,reason,number,tps_as_of,ctps_as_of\n"
        f"Jürgen,020 7946 0101,block,listed_tps,+442079460101,{DAYS}\n"
    )
    assert report.not_utf8 == (2 if encoding == "cp1252" else 0)


def test_full_width_digits_are_read_in_every_encoding() -> None:
    for encoding in ("utf-8", "utf-16"):
        out, _ = screen("phone\n０２０７９４６０１０１\n".encode(encoding))
        assert "listed_tps" in out.decode(encoding)


def test_columns_are_found_by_name_and_a_wrong_one_is_named() -> None:
    names = ["id", "Phone Number", "Mobile", "mobile", "Account number", "work_phone"]
    assert places_of([], names, header=True) == [1, 2, 3, 5]
    assert places_of(["Mobile", "mobile", "phone number", "1"], names, header=True) == [2, 3, 1, 0]
    with pytest.raises(UsageError, match='"MOBILE" is there more than once'):
        places_of(["MOBILE"], names, header=True)
    with pytest.raises(UsageError, match='"fax" is not there') as error:
        places_of(["fax"], names, header=True)
    assert "Phone Number" in error.value.hint
    with pytest.raises(UsageError, match="no column looks like"):
        places_of([], ["id", "data number"], header=True)
    with pytest.raises(UsageError, match='"7" is not there'):
        places_of(["7"], names, header=False)


def test_a_file_that_was_screened_before_needs_other_names() -> None:
    once, _ = screen(b"phone\n02079460100\n")
    with pytest.raises(UsageError, match='a column "'):
        screen(once, columns=["phone"])
    twice, _ = screen(once, columns=["phone"], prefix="new_")
    assert twice.splitlines()[0].endswith(b"ctps_as_of,new_verdict,new_reason,new_number,new_tps_as_of,new_ctps_as_of")


def test_an_empty_file_is_refused_and_a_header_alone_is_none() -> None:
    with pytest.raises(UsageError, match="the file is empty"):
        screen(b"")
    assert screen(b"phone\n")[1].rows == 0


def test_the_evidence_holds_counts_and_digests_and_no_number() -> None:
    import hashlib
    import json

    raw = b"phone\n02079460101\n07700900100\n"
    screener = BulkScreener(Registers(), OWN, RULES, ATTEMPT, NOON)  # type: ignore[arg-type]  # stands in for both
    target = io.BytesIO()
    report = FileScreening(io.BytesIO(raw), target, screener).run()
    body = msgspec.to_builtins(evidence(report, screener, source_name="crm.csv", timed=False))
    assert body["sha256"] == hashlib.sha256(raw).hexdigest()
    assert body["output_sha256"] == hashlib.sha256(target.getvalue()).hexdigest()
    assert body["reasons"] == {"phone": {"listed_tps": 1, "not_listed": 1}}
    assert "2079460101" not in json.dumps(body) and "7700900100" not in json.dumps(body)
