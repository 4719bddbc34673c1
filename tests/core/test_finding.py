"""One line to find calls by."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from gate.core.days import LONDON
from gate.core.finding import CALLS, CONTACTS, RECORDINGS, REQUESTS, Sought, Vocabulary, meant, sought, terms

TODAY = date(2026, 11, 29)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("25/11 14:00-14:30 alice listed", Sought(at(25, 14), at(25, 14, 30), "alice listed")),
        ("alice 25/11", Sought(at(25), at(26), "alice")),
        ("yesterday", Sought(at(28), at(29), "")),
        ("14:30", Sought(at(29, 14, 15), at(29, 14, 45), "")),
        ("25/11-27/11 tps", Sought(at(25), at(28), "tps")),
        ("2026-11-25 23:50-00:10", Sought(at(25, 23, 50), at(26, 0, 10), "")),
        ("25/11-", Sought(at(25), None, "")),
        ("020 7946 0123", Sought(None, None, "020 7946 0123")),
        ("sat alice may", Sought(None, None, "sat alice may")),
        ("last week alice", Sought(at(16), at(23), "alice")),
        ("This Week", Sought(at(23), at(30), "")),
        ("this month tps", Sought(at(1), at(30), "tps")),
        ("last month", Sought(datetime(2026, 10, 1, tzinfo=LONDON), at(1), "")),
        ("the last weekend", Sought(None, None, "the last weekend")),
        ("", Sought(None, None, "")),
        ("last tuesday", Sought(at(24), at(25), "")),
        ("last sunday", Sought(at(22), at(23), "")),
        ("sunday", Sought(at(29), at(30), "")),
        ("last sat alice", Sought(at(28), at(29), "alice")),
        ("10 Nov 0161", Sought(at(10), at(11), "0161")),
        ("10/11 0161", Sought(at(10), at(11), "0161")),
        ("10th of November 2026 blocked", Sought(at(10), at(11), "blocked")),
        ("Nov 10 alice", Sought(at(10), at(11), "alice")),
        ("020 7946 0123 10 Nov", Sought(at(10), at(11), "020 7946 0123")),
        ("november 2026", Sought(at(1), datetime(2026, 12, 1, tzinfo=LONDON), "")),
        ("in october", Sought(datetime(2026, 10, 1, tzinfo=LONDON), at(1), "")),
        ("since 25/11", Sought(at(25), None, "")),
        ("after 25/11 tps", Sought(at(26), None, "tps")),
        ("before 25/11", Sought(None, at(25), "")),
        ("until 25/11", Sought(None, at(26), "")),
        ("from 20/11 to 22/11", Sought(at(20), at(23), "")),
        ("between 20/11 and 22/11 alice", Sought(at(20), at(23), "alice")),
        ("20/11 until 22/11", Sought(at(20), at(23), "")),
        ("on 20/11", Sought(at(20), at(21), "")),
        ("last 7 days", Sought(at(23), at(30), "")),
        ("this morning", Sought(at(29), at(29, 12), "")),
        ("yesterday afternoon listed", Sought(at(28, 12), at(28, 18), "listed")),
        ("yesterday after 14:00", Sought(at(28, 14), at(29), "")),
        ("before 9:00 today", Sought(at(29), at(29, 9), "")),
        ("from 14:00 to 15:30 yesterday", Sought(at(28, 14), at(28, 15, 30), "")),
        ("25/11 26/11", Sought(at(25), at(26), "26/11")),
        ("25/11-23/11", Sought(None, None, "25/11-23/11")),
        ("from alice", Sought(None, None, "from alice")),
        ("to 0161", Sought(None, None, "to 0161")),
        ("this year 02 Mar 14:03", Sought(datetime(2026, 1, 1, 13, 48, tzinfo=LONDON), at(29, 14, 18), "02 Mar")),
    ],
)
def test_days_and_times_make_a_period_and_the_rest_is_words(line: str, found: Sought) -> None:
    assert sought(line, TODAY) == found


def test_it_is_said_how_a_line_was_understood() -> None:
    assert sought("25/11 14:00-14:30 alice", TODAY).in_words == "Wed 25 Nov 2026 14:00 to 14:30, alice"
    assert sought("25/11", TODAY).in_words == "Wed 25 Nov 2026"
    assert sought("last week", TODAY).in_words == "Mon 16 Nov 2026 to Sun 22 Nov 2026"
    assert sought("25/11-", TODAY).in_words == "from Wed 25 Nov 2026 00:00"


def test_a_number_with_spaces_is_one_word() -> None:
    assert terms("alice 020 7946 0123 listed") == ["alice", "020 7946 0123", "listed"]


CALLERS = ["account:alice", "account:mark", "trunk:pbx1", "user:ann(1000)"]
PHRASES = [
    # line, what each word means
    ("allowed", ["verdict allow"]),
    ("blocked", ["verdict block"]),
    ("block", ["verdict block"]),
    ("refused", ["verdict block"]),
    ("not allowed", ["not verdict allow"]),
    ("listed", ["reason listed tps or listed ctps"]),
    ("not listed", ["reason not listed"]),
    ("listed tps", ["reason listed tps"]),
    ("listed_tps", ["reason listed tps"]),
    ("tps", ["reason listed tps"]),
    ("ctps", ["reason listed ctps"]),
    ("tps or ctps", ["reason listed tps or listed ctps"]),
    ("alice", ["asked for by alice"]),
    ("ALICE", ["asked for by alice"]),
    ("not alice", ["not asked for by alice"]),
    ("-alice", ["not asked for by alice"]),
    ("without alice", ["not asked for by alice"]),
    ("not alice or mark", ["not (asked for by alice or mark)"]),
    ("by alice", ["asked for by alice"]),
    ("calls to 0161 by alice", ["a number that begins with 0161 or an id that begins with 0161", "asked for by alice"]),
    ("mark", ["asked for by mark"]),
    ("marketing", ["purpose marketing"]),
    ("market", ["purpose marketing"]),
    ("service", ["purpose service"]),
    ("pensions", ["topic pensions"]),
    ("answered", ["answered by the callee"]),
    ("unanswered", ["not answered by the callee"]),
    ("no answer", ["not answered by the callee"]),
    ("recorded", ["recorded"]),
    ("not recorded", ["not recorded"]),
    ("one-sided", ["one-sided"]),
    ("objected", ["reason objected or the callee objected"]),
    ("call in", ["reason call in"]),
    ("calls in", ["reason call in"]),
    ("inbound", ["reason call in"]),
    ("outside hours", ["reason outside hours"]),
    ("recorder unavailable", ["reason recorder unavailable"]),
    ("erased", ["number erased"]),
    ("ended", ["state ended"]),
    ("CALLED", ["state called against refusal"]),
    ("pbx", ["asked for by pbx1"]),
    ("ann(1000)", ["asked for by ann(1000)"]),
    ("account:alice", ["asked for by alice"]),
    ("020 7946 0123", ["a number that begins with 020 7946 0123"]),
    ("020 79** **23", ["a number that is shown as 020 79** **23"]),
    ("+44 7700 *** *23 listed", ["a number that is shown as +44 7700 *** *23", "reason listed tps or listed ctps"]),
    ("02079****", [""]),
    ("****23", [""]),
    ("deadbeef", ["an id that begins with deadbeef"]),
    ("frobnicate", [""]),
    ("frobnicate or tps", [""]),
    ("tps alice frob", ["reason listed tps", "asked for by alice", ""]),
    ("not", [""]),
    ("alice not", ["asked for by alice", ""]),
    ("or", [""]),
    ("the calls", []),
    ("", []),
]


@pytest.mark.parametrize(("line", "means"), PHRASES)
def test_a_word_that_the_rows_show_means_just_that(line: str, means: list[str]) -> None:
    assert [term.in_words for term in meant(line, CALLS, CALLERS)] == means


def test_a_caller_that_is_called_as_a_word_is_found_by_it_too() -> None:
    (term,) = meant("refused", CALLS, ["account:refused"])
    assert term.in_words == "verdict block or asked for by refused"


@pytest.mark.parametrize(
    ("vocabulary", "free", "line", "means"),
    [
        (RECORDINGS, "", "erasing alice", ["state erasing", "asked for by alice"]),
        (CONTACTS, "reference", "blocked c-17", ["verdict block", "a reference with c-17"]),
        (REQUESTS, "name", "erasure identity asked", ["asks for erasure", "state identity asked"]),
        (REQUESTS, "name", "s****", ["a name, number or reference with s"]),
        (REQUESTS, "name", "smith", ["a name, number or reference with smith"]),
        (REQUESTS, "name", "not done", ["not state done"]),
        (REQUESTS, "name", "DSR-2026-0007", ["a name, number or reference with DSR-2026-0007"]),
    ],
)
def test_each_list_has_its_own_words(vocabulary: Vocabulary, free: str, line: str, means: list[str]) -> None:
    assert [term.in_words for term in meant(line, vocabulary, CALLERS, free=free)] == means
