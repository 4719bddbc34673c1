"""A firm's year: forty-two requests, worked with the command line while the clock moves, with letters to be signed.

``GOLDEN=write`` writes the files of ``tests/data/golden/year`` anew: read them as a lawyer before they are kept.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.operations.erasure.terms import TermSweep
from tests.support.commands import dialgate
from tests.support.databases import query
from tests.support.firm_year import Story, Year
from tests.support.plain import sentences
from tests.support.requesting import spelled_in
from tests.support.year_stories import TELLINGS, past

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "year"
MONTHS = ["2027-12", *(f"2028-{month:02}" for month in range(1, 13))]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Year, list[Story]]]:
    with pytest.MonkeyPatch.context() as patch:
        firm = Year(tmp_path_factory.mktemp("firm"), patch)
        past(firm)
        yield firm, firm.run(TELLINGS)


def kept(name: str, text: str) -> str:
    """The golden file, or what was made of it now."""
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", range(1, len(TELLINGS) + 1), ids=[telling.__name__ for telling in TELLINGS])
def test_every_letter_of_the_year_reads_as_it_was_approved(year: tuple[Year, list[Story]], number: int) -> None:
    story = year[1][number - 1]
    assert story.golden() == kept(f"{number:02}-{story.name}.txt", story.golden())


def test_every_sentence_of_every_letter_of_the_year_is_explained(year: tuple[Year, list[Story]]) -> None:
    firm, stories = year
    with firm.opened() as data:
        rows = data.store.call(lambda tx: query(tx, "SELECT leaf_index, kind, at FROM facts"))
    leaves = {row["leaf_index"]: (row["kind"], row["at"]) for row in rows}
    read = 0
    for letter in (letter for story in stories for letter in story.letters):
        digest = hashlib.sha256(letter.encode()).hexdigest()
        (made,) = dialgate("letters", "explain", digest, "--json").json["letters"]
        read += 1
        of_log = 0
        for sentence in made["sentences"]:
            assert sentence["rests"], (letter, sentence["name"])
            of_log += any(rest["index"] is not None for rest in sentence["rests"])
            for rest in sentence["rests"]:
                told = (rest["kind"], rest["at"])
                assert rest["source"] or leaves[rest["index"]] == told, (letter, sentence["name"])
        assert of_log >= 3, letter
        explained = [_pattern(part) for sentence in made["sentences"] for part in sentences(sentence["text"])]
        body = letter[letter.index("\nDear ") : letter.rindex("\nYours ")]
        for each in sentences(body):
            assert any(pattern.fullmatch(each) for pattern in explained), (letter, each)
    assert read == sum(story.golden().count("    | Yours ") for story in stories) > 80


def _pattern(wording: str) -> re.Pattern[str]:
    """A part of a sentence as it is worded, with anything in its fields."""
    parts = re.split(r"\{\w+\}", wording.replace("**", ""))
    return re.compile(".+".join(map(re.escape, parts)))


def test_the_reports_of_the_year_agree_with_its_requests(year: tuple[Year, list[Story]]) -> None:
    firm, stories = year
    firm.move("2029-01-02")
    last: dict[str, dict[str, Any]] = {}
    for month in MONTHS:
        for row in dialgate("report", "--month", month, "--json").json["requests"]:
            before = last.get(row["reference"], row)
            assert not before["late"] or row["late"], f"{row['reference']}: late stays late"
            last[row["reference"]] = row
    mine = {story.reference: story for story in stories}
    assert set(last) == set(mine)
    rows = [
        f"{story.number:02} {story.name}: {row['asks']}, received {row['received']}, {row['outcome']}"
        f" {row['over_on'] or ''}".rstrip()
        + f", due {row['due'] or 'with the proof'}{', LATE' if row['late'] else ''}"
        for story, row in ((mine[reference], last[reference]) for reference in last)
    ]
    assert "\n".join(sorted(rows)) + "\n" == kept("report.txt", "\n".join(sorted(rows)) + "\n")
    late = {mine[reference].name for reference, row in last.items() if row["late"]}
    assert late == {
        "access_with_identity_asked_too_late",
        "access_of_a_leap_day",
        "erasure_refused_late",
        "objection_confirmed_late",
        "complaint_acknowledged_late",
    }


def test_at_the_end_one_is_left_the_log_holds_and_no_refused_call_is_made(year: tuple[Year, list[Story]]) -> None:
    firm, stories = year
    firm.move("2029-01-03")
    left = dialgate("request", "list", "--json").json["items"]
    assert [(each["reference"], each["state"], each["warning"]) for each in left] == [
        (firm.named(stories, "erasure_of_what_is_locked").reference, "partly_done", "")
    ]
    verified = dialgate("audit", "verify", "--json").json
    assert verified["ok"], verified
    assert dialgate("check", "07700 900130", "--json").json["reason"] == "objected"
    assert dialgate("check", "07700 900119", "--json").json["reason"] == "objected", "erased, and uncallable"
    assert dialgate("check", "07700 900134", "--json").json["reason"] == "restricted"


def test_nothing_of_the_year_is_left_without_a_term(year: tuple[Year, list[Story]]) -> None:
    """Three years after the last is over, a sweep leaves nobody's name but of who still waits for a hold to end."""
    firm, stories = year
    firm.move("2032-01-05")
    waits = firm.named(stories, "erasure_of_what_is_locked")
    assert spelled_in(firm.config.data, "Nora Quill"), "before it"
    with firm.opened() as data:
        data.retention.sweep(actor="user:ann(1000)")
        data.one(TermSweep).sweep("user:ann(1000)")
        data.store.scrub()
    people = [person for story in stories if story is not waits for person in story.people]
    assert len(people) > 70
    assert spelled_in(firm.config.data, *people) == []
    assert spelled_in(firm.config.data, *waits.people), "its request is not over"
    assert dialgate("audit", "verify", "--json").json["ok"]
