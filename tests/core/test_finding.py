"""One line to find calls by."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

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
        ("this year 02 Mar 14:03", Sought(datetime(2026, 1, 1, tzinfo=LONDON), at(30), "02 Mar 14:03")),
        # a day with its time is one moment
        ("before 25/11 14:00", Sought(None, at(25, 14), "")),
        ("until 25/11 14:00 tps", Sought(None, at(25, 14), "tps")),
        ("after 25/11 14:00", Sought(at(25, 14), None, "")),
        ("since yesterday 14:00", Sought(at(28, 14), None, "")),
        ("since 25/11 at 2.30 pm", Sought(at(25, 14, 30), None, "")),
        ("25/11 14:00 to 26/11 09:00", Sought(at(25, 14), at(26, 9), "")),
        ("between 25/11 14:00 and 26/11 9:00", Sought(at(25, 14), at(26, 9), "")),
        ("since 25/11 before 27/11 9:00", Sought(at(25), at(27, 9), "")),
        ("25/11 14:00 to 24/11 09:00", Sought(at(25, 13, 45), at(25, 14, 15), "to 24/11 09:00")),
        # days as the screens and letters show them
        ("Wed 25 Nov 2026 14:00 to 14:30", Sought(at(25, 14), at(25, 14, 30), "")),
        ("from Wed 25 Nov 2026 14:00", Sought(at(25, 14), None, "")),
        ("before Wed 25 Nov 2026 14:00", Sought(None, at(25, 14), "")),
        ("Wednesday 25 November 2026 alice", Sought(at(25), at(26), "alice")),
        ("Tuesday 25 November 2026", Sought(at(24), at(25), "25 November 2026")),
        ("Wed, 25 Nov", Sought(at(25), at(26), "")),
        ("Nov 25th", Sought(at(25), at(26), "")),
        ("25/11 - 27/11", Sought(at(25), at(28), "")),
        ("25/11–27/11 tps", Sought(at(25), at(28), "tps")),
        ("14:00 – 14:30", Sought(at(29, 14), at(29, 14, 30), "")),
        ("2.30 pm alice", Sought(at(29, 14, 15), at(29, 14, 45), "alice")),
        ("calls at 14:30 alice", Sought(at(29, 14, 15), at(29, 14, 45), "calls alice")),
        ("calls in the last week", Sought(at(16), at(23), "calls")),
        ("calls in 25/11", Sought(at(25), at(26), "calls in")),
        # to the end of the day
        ("23:59", Sought(at(29, 23, 44), at(30), "")),
        ("yesterday evening", Sought(at(28, 18), at(29), "")),
        ("02 Nov 23:59:30", Sought(at(2, 23, 44), at(3), "")),
        ("since this morning", Sought(at(29), at(30), "")),
        ("before this evening", Sought(at(29), at(29, 18), "")),
        # what makes no period is left, and is not known
        ("not yesterday alice", Sought(None, None, "not yesterday alice")),
        ("allowed not 25/11 14:00", Sought(None, None, "allowed not 25/11 14:00")),
        ("not before 25/11", Sought(None, None, "not before 25/11")),
        ("alice or yesterday mark", Sought(None, None, "alice or yesterday mark")),
        ("alice yesterday or mark", Sought(None, None, "alice yesterday or mark")),
        ("by today", Sought(None, None, "by today")),
        ("monday and wednesday", Sought(at(23), at(24), "and wednesday")),
        ("last week 14:00-15:00", Sought(at(16), at(23), "last week 14:00-15:00")),
        ("last week morning", Sought(at(16), at(23), "last week morning")),
        ("since yesterday until 14:00", Sought(at(28), None, "until 14:00")),
        ("9999-12-31", Sought(None, None, "9999-12-31")),
        ("december 9999", Sought(None, None, "december 9999")),
    ],
)
def test_days_and_times_make_a_period_and_the_rest_is_words(line: str, found: Sought) -> None:
    assert sought(line, TODAY) == found


def test_it_is_said_how_a_line_was_understood() -> None:
    assert sought("25/11 14:00-14:30 alice", TODAY).in_words == "Wed 25 Nov 2026 14:00 to 14:30, alice"
    assert sought("25/11", TODAY).in_words == "Wed 25 Nov 2026"
    assert sought("last week", TODAY).in_words == "Mon 16 Nov 2026 to Sun 22 Nov 2026"
    assert sought("25/11-", TODAY).in_words == "from Wed 25 Nov 2026 00:00"


@pytest.mark.parametrize(
    ("line", "since", "until", "period"),
    [
        ("25/10 01:30", (0, 15), (1, 45), "Sun 25 Oct 2026 01:15 BST to 01:45 GMT"),
        ("25/10 01:00-01:30", (0, 0), (1, 30), "Sun 25 Oct 2026 01:00 BST to 01:30 GMT"),
        ("25/10 00:30-02:30", (-1, 30), (2, 30), "Sun 25 Oct 2026 00:30 to 02:30"),
        ("before 25/10 01:30", None, (1, 30), "before Sun 25 Oct 2026 01:30 GMT"),
        ("since 25/10 01:30", (0, 30), None, "from Sun 25 Oct 2026 01:30 BST"),
        ("25/10", (-1, 0), (24, 0), "Sun 25 Oct 2026"),
    ],
)
def test_an_hour_that_the_clocks_make_twice_is_both(
    line: str, since: tuple[int, int] | None, until: tuple[int, int] | None, period: str
) -> None:
    found = sought(line, TODAY)
    midnight = datetime(2026, 10, 25, tzinfo=UTC)
    for end, expected in ((found.since, since), (found.until, until)):
        assert (end and end.astimezone(UTC) - midnight) == (
            expected and timedelta(hours=expected[0], minutes=expected[1])
        )
    assert found.period == period


def test_an_hour_that_the_clocks_leave_out_is_what_either_makes_of_it() -> None:
    found = sought("29/3 01:30", TODAY)
    assert [end and f"{end.astimezone(UTC):%H:%M}" for end in found[:2]] == ["00:15", "01:45"]


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
    # "not", "or" and the ends of reasons
    ("pensions not alice", ["topic pensions", "not asked for by alice"]),
    ("destination not alice", ["reason destination not allowed", "not asked for by alice"]),
    ("cli not mark", ["reason cli not owned", "not asked for by mark"]),
    ("calls at alice", ["asked for by alice"]),
    ("alice or not mark", [""]),
    ("not alice or not mark", [""]),
    ("not not alice", [""]),
    ("not without alice", [""]),
    ("alice or the", ["asked for by alice", ""]),
    ("not 020 79** **23", ["not a number that is shown as 020 79** **23"]),
    ("not yesterday alice", ["", "asked for by alice"]),
    ("0161 26/11", ["a number that begins with 0161 or an id that begins with 0161", ""]),
    ("14.00 0161", ["", "a number that begins with 0161 or an id that begins with 0161"]),
    ("unanswered not recorded", ["not answered by the callee", "not recorded"]),
    ("too many calls at once not alice", ["reason too many calls at once", "not asked for by alice"]),
    ("destination not allowed", ["reason destination not allowed"]),
    ("not too many attempts", ["not reason too many attempts"]),
]


@pytest.mark.parametrize(("line", "means"), PHRASES)
def test_a_word_that_the_rows_show_means_just_that(line: str, means: list[str]) -> None:
    assert [term.in_words for term in meant(line, CALLS, CALLERS)] == means


def test_a_caller_that_is_called_as_a_word_is_found_by_it_too() -> None:
    (term,) = meant("refused", CALLS, ["account:refused"])
    assert term.in_words == "verdict block or asked for by refused"


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("by allowed", ["asked for by allowed"]),
        ("allowed by allowed", ["verdict allow or asked for by allowed", "asked for by allowed"]),
        ("by today", ["asked for by today"]),
        ("not today", ["not asked for by today"]),
        ("account:today", ["asked for by today"]),
        ("by not", ["asked for by not"]),
        ("not simon", ["not asked for by simon"]),
        ("calls on the simon", ["asked for by simon"]),
        ("all of the calls", []),
        ("hallam", ["asked for by hallam"]),
        ("theo", ["asked for by theo"]),
    ],
)
def test_a_caller_that_is_called_as_a_word_of_the_line_turns_no_other_round(line: str, means: list[str]) -> None:
    callers = [f"account:{name}" for name in ("allowed", "today", "not", "simon", "hallam", "theo")]
    assert [term.in_words for term in meant(line, CALLS, callers)] == means


@pytest.mark.parametrize(
    ("vocabulary", "free", "line", "means"),
    [
        (RECORDINGS, "", "erasing alice", ["state erasing", "asked for by alice"]),
        (CONTACTS, "reference", "blocked c-17", ["verdict block", "a reference with c-17"]),
        (REQUESTS, "name", "erasure identity asked", ["asks for erasure", "state identity asked"]),
        (REQUESTS, "name", "s****", ["a name, number or reference with s"]),
        (REQUESTS, "name", "smith", ["a name, number or reference with smith"]),
        (REQUESTS, "name", "not done", ["not state done"]),
        (REQUESTS, "name", "not yesterday smith", ["", "a name, number or reference with smith"]),
        (REQUESTS, "name", "10 Nov smith", ["", "a name, number or reference with smith"]),
        (REQUESTS, "name", "not overdue", [""]),
        (REQUESTS, "name", "paused erasure", ["", "asks for erasure"]),
        (CONTACTS, "reference", "not yesterday", [""]),
        (CONTACTS, "reference", "blocked not 14:30", ["verdict block", ""]),
        (REQUESTS, "name", "DSR-2026-0007", ["a name, number or reference with DSR-2026-0007"]),
    ],
)
def test_each_list_has_its_own_words(vocabulary: Vocabulary, free: str, line: str, means: list[str]) -> None:
    assert [term.in_words for term in meant(line, vocabulary, CALLERS, free=free)] == means
