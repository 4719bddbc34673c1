"""Own lists as CSV files, through the command line."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.client.own_list_files import BATCH, export_list, read_list, send_list
from gate.core.days import LONDON
from gate.errors import UsageError
from gate.operations.lists.entries import BatchKept, ObjectionEntry
from gate.operations.lists.objections import ObjectionExport, ObjectionImport, ObjectionRow
from gate.operations.operation import Page
from tests.support.commands import dialgate
from tests.support.example import make_example

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Kept:
    """A gate that keeps every batch it is sent."""

    def __init__(self) -> None:
        self.batches: list[list[ObjectionEntry]] = []

    def ask(self, request: ObjectionImport, **_: Any) -> Any:
        self.batches.append(request.entries)
        return BatchKept(imported=len(request.entries), held=0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "gate"
    make_example(place)
    monkeypatch.setenv("DIALGATE_CONFIG", str(place / "config.toml"))
    return tmp_path


def test_out_and_in_again_changes_nothing(folder: Path) -> None:
    for name in ("objection", "consent"):
        file = folder / f"{name}.csv"
        assert dialgate(name, "export", "-o", str(file)).code == 0
        assert file.stat().st_mode & 0o777 == 0o600
        report = dialgate(name, "import", str(file), "--json").json
        assert (report["imported"], report["held"], report["skipped"]) == (0, 3, 0)
        again = file.with_suffix(".2.csv")
        assert dialgate(name, "export", "-o", str(again), "--json").json == {"file": str(again)}
        assert dialgate(name, "export").out == file.read_text(encoding="utf-8")
        with file.open(newline="") as opened:
            assert len(list(csv.DictReader(opened))) == 3


def test_a_check_names_kind_cost_and_place(folder: Path) -> None:
    found = dialgate("check", "0845 123 4567", "--json").json
    assert (found["verdict"], found["reason"]) == ("block", "destination_not_allowed")
    assert (found["kind"], found["cost"], found["jurisdiction"]) == ("revenue_share", "service_charge", "GB")
    assert "mobile number of JE, cost: varies" in dialgate("check", "07797 900401").out
    none = dialgate("check", "055 1234 5678", "--json").json
    assert (none["kind"], none["jurisdiction"]) == ("", "")
    assert "055 numbers are corporate numbers" in none["explanation"]


def test_a_file_with_wrong_lines_imports_nothing_unless_they_are_to_be_skipped(folder: Path) -> None:
    file = folder / "old.csv"
    file.write_text("number;note\n07700 900401;a\n999;b\n\nnone;c\n07700 900402;d;e\n", encoding="utf-8")
    refused = dialgate("objection", "import", str(file))
    assert refused.code == 2
    for words in ("3 lines are wrong and nothing was imported", "line 3: number", "line 5: number", "line 6: it has 3"):
        assert words in refused.err
    assert dialgate("check", "07700900401").code == 0
    report = dialgate("objection", "import", str(file), "--skip-bad", "--json").json
    assert (report["imported"], report["skipped"], report["blocked_without"]) == (2, 2, 1)
    assert [(fault["line"], fault["blocked"]) for fault in report["faults"]] == [(3, False), (5, False), (6, True)]
    for number in ("07700900401", "07700900402"):
        assert dialgate("check", number, "--json").json["reason"] == "objected"


def test_nobody_who_objected_is_lost_for_a_date_or_a_word(folder: Path) -> None:
    file = folder / "old.csv"
    lines = [
        "07700900411,30/02/2025,,",
        "07700900412,45000,,",
        f"07700900413,,{'n' * 4001},",
        "07700900414,,,everything",
    ]
    file.write_text("\n".join(["number,made_at,note,scope", *lines, "07700900415,01/12/2025 14:30,told us,all"]))
    assert dialgate("objection", "import", str(file)).code == 2
    done = dialgate("objection", "import", str(file), "--skip-bad")
    assert done.code == 0 and "blocked, but line 2: made_at" in done.err
    held = {row["number"]: row for row in dialgate("objection", "list", "--show-numbers", "--json").json["items"]}
    scopes = {number[-2:]: row["scope"] for number, row in held.items() if number.startswith("+4477009004")}
    assert scopes == {"11": "marketing", "12": "marketing", "13": "marketing", "14": "all", "15": "all"}
    assert held["+447700900415"]["made_at"].startswith("2025-12-01T14:30")
    file.write_text("number\n12\n07700900416\n")
    lost = dialgate("objection", "import", str(file), "--skip-bad")
    assert lost.code == 1 and "Attention: 1 objection blocks nobody" in lost.err


@pytest.mark.parametrize("typed", ["2025-12-01", "01/12/2025", "1 Dec 2025"])
def test_a_bare_day_of_an_objection_is_its_end_however_it_is_typed(folder: Path, typed: str) -> None:
    kept = dialgate("objection", "add", "07700900421", "--made-at", typed, "--json").json
    assert kept["made_at"].startswith("2025-12-01T23:59:59"), kept


def test_the_line_is_where_the_record_begins() -> None:
    found = read_list("objections", b'number,note\n07700900401,"a\nb"\n12,x\n', "x.csv", NOW)
    assert [entry.line for entry in found.entries] == [2]
    assert [line for line, _ in found.faults] == [4]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the file is empty"),
        (b"number,nots\n", '"nots" is not a column of objections'),
        (b"number,number\n", "there twice"),
        (b"note\nx\n", "no column number"),
        (b'number,note\n07700900401,"never closed\n', "x.csv, line 2: the quote that opens there is never closed"),
        (b"\xff\xfe\x00", "the file is no utf-16-le"),
    ],
)
def test_what_is_no_such_list_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_list("objections", raw, "x.csv", NOW)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    found = read_list("objections", "Number\tNote\r\n07700900401\tJürgen\r\n".encode(encoding), "x.csv", NOW)
    assert found.entries[0].note == "Jürgen"
    assert (found.not_utf8 == 2) == (encoding == "cp1252")


def test_batches_are_small_and_progress_is_told() -> None:
    lines = "".join(f"07700900{number:03},{'n' * 900}\n" for number in range(BATCH + 50))
    found = read_list("objections", f"number,note\n{lines}".encode(), "x.csv", NOW)
    gate, seen = Kept(), []
    report = send_list(gate, found, skip_bad=False, progress=lambda done, _: seen.append(done))
    assert report["imported"] == BATCH + 50
    assert len(gate.batches) > 2 and seen[-1] == 1.0
    assert [entry.line for batch in gate.batches for entry in batch] == list(range(2, BATCH + 52))


def test_a_failed_export_leaves_no_file(folder: Path) -> None:
    target = folder / "nowhere" / "x.csv"
    assert dialgate("objection", "export", "-o", str(target)).code == 1
    assert not target.parent.exists()


def test_the_entries_of_erased_persons_are_counted_and_not_written() -> None:
    def row(number: str | None, note: str | None = None) -> ObjectionRow:
        unset = dict.fromkeys(("source", "actor", "call_id", "removed_at", "removed_by", "removed_why"))
        return ObjectionRow(leaf_index=1, id="o-1", number=number, made_at="2026-01-01", note=note, **unset)

    class Erased:
        def ask(self, request: ObjectionExport, **_: Any) -> Any:
            if request.after is None:
                return Page(items=[row(None)], next="1")
            return Page(items=[row("+447700900401", "x"), row(None)])

    told: list[int] = []
    assert b"".join(export_list(Erased(), "objections", told.append)).splitlines()[1:] == [
        b"+447700900401,2026-01-01,,x,,"
    ]
    assert told == [2]


def test_an_objection_of_a_bare_day_stands_against_a_consent_of_that_day(folder: Path) -> None:
    number, day = "020 7946 0877", (datetime.now(LONDON) - timedelta(days=2)).date()
    words = ("--how", "phone", "--wording", "yes", "--who", "Pat", "--evidence", "note 1")
    assert dialgate("consent", "add", number, *words, "--given-at", f"{day} 10:00").code == 0
    assert dialgate("check", number, "--json").json["reason"] != "objected"
    added = dialgate("objection", "add", number, "--made-at", str(day), "--json")
    assert datetime.fromisoformat(added.json["made_at"]).astimezone(LONDON).date() == day
    assert dialgate("check", number, "--json").json["reason"] == "objected"


def test_an_objection_of_today_is_made_now(folder: Path) -> None:
    before = datetime.now(UTC)
    added = dialgate("objection", "add", "020 7946 0877", "--made-at", str(datetime.now(LONDON).date()), "--json")
    assert before <= datetime.fromisoformat(added.json["made_at"]) <= datetime.now(UTC)


def test_an_objector_whose_number_a_spreadsheet_changed_is_blocked(folder: Path) -> None:
    """A lost leading 0, and the person who had objected stayed callable."""
    file = folder / "old.csv"
    file.write_text("number\n7700900421\n2079460422.0\n7.700900423E9\n447700900424\n7.7009E+9\n")
    done = dialgate("objection", "import", str(file), "--skip-bad", "--json")
    assert [fault["blocked"] for fault in done.json["faults"]] == [True, True, True, False]
    for number in ("07700900421", "02079460422", "07700900423", "07700900424"):
        assert dialgate("check", number, "--json").json["reason"] == "objected", number
