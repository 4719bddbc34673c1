"""Today, the first mode; Find; and from a call to its recording and back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from console.app import ConsoleApp
from console.attention import Attention, Place, placed
from console.modes.calls import CallDetail
from console.modes.recordings import RecordingDetail
from console.modes.request_detail import RequestDetail
from console.modes.today_shown import BANDS, ORDER, Item, attentions, ordered, sweep, yesterday
from console.setup import Setup
from console.theme import BAD, OK, PLAIN, WARN
from console.widgets.chart import DayCurve
from console.widgets.rows import LocalTable, RowsTable
from gate.control.client import ControlClient
from gate.core.days import LONDON
from gate.core.rows.retention import LastSweep, RetentionNow, RetentionTerms
from gate.operations.calls.calls import ReasonCount
from tests.console.asked import board
from tests.console.conftest import SMALL, answered, app_of, screen_text, shows, typed, until
from tests.console.day import NOW
from tests.console.opener import PASSPHRASE, MadeUpOpener
from tests.console.served import Served
from tests.console.test_told import become


def items(app: Any) -> list[Item]:
    """The rows of the day."""
    table = app.screen.query_one(LocalTable)
    return [table.row_at(place) for place in range(table.total)]


async def test_the_first_picture_is_the_day_of_whoever_looks(served: Served) -> None:
    board(served)
    app = ConsoleApp(Setup(socket=served.socket, now=served.clock.now))
    app.animation_level = "none"
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "Wednesday 15 July 2026", "OVERDUE 1 d", "DSR-2026-0001", "TPS 26 d"))
        assert app.screen.MODE == "today"  # type: ignore[attr-defined]
        kinds = [item.kind for item in items(app)]
        assert {"request", "register", "sweep", "calls"} <= set(kinds)
        become(app, "compliance")
        app.screen.returned()  # type: ignore[attr-defined]
        await until(pilot, lambda: items(app)[0].kind == "request")
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(app.screen, RequestDetail))
        await until(pilot, shows(pilot, "What may be done now"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.MODE == "today")  # type: ignore[attr-defined]
        become(app, "viewer")
        served.asked.clear()
        app.screen.returned()  # type: ignore[attr-defined]
        await until(pilot, shows(pilot, "last hour"))
        assert not served.rows("request_list") and not served.rows("calls_reasons")
        assert "OVERDUE 1 d" not in screen_text(app)


@pytest.mark.parametrize(
    ("hour", "swept", "said"),
    [
        (1, 14, "Goes today: 2 recordings at 02:30"),
        (14, 14, "Goes now: 2 recordings, for the sweep of 02:30 was missed"),
        (14, 15, "Goes tomorrow: 2 recordings at 02:30"),
    ],
)
def test_the_sweep_is_not_said_to_come_at_a_time_that_is_past(hour: int, swept: int, said: str) -> None:
    terms = RetentionTerms(12, {})
    last = LastSweep(day=date(2026, 7, swept), terms=terms, at="", actor="gate")
    now = RetentionNow(
        terms=terms, sweep_at="02:30", backup_days=0, day=date(2026, 7, 15), due=2, held=0, unfinished=0, last=last,
        waits="",
    )  # fmt: skip
    (item,) = sweep(now, NOW.replace(hour=hour - 1))  # London's summer
    assert item.text[0] == said


async def test_what_waits_stands_there_once_and_whole(served: Served) -> None:
    app = app_of(served, mode="today")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: [item for item in items(app) if item.kind == "sweep"])
        table = app.screen.query_one(LocalTable)
        text = "The daily sweep waits: recordings are due, and no sweep was ever made: is the clock right? Look."
        found = attentions([Attention(text, word, Place("retention")) for word in ("sweep waits", "keys")])
        assert [item.label[0] for item in found] == ["keys"], "the sweep has a row of its own"
        table.set_rows(found)
        table.post_message(RowsTable.Moved(table))
        whole = app.screen.query_one(".today-whole", Static)
        await until(pilot, lambda: whole.content == text)


@pytest.mark.parametrize("role", list(ORDER))
def test_a_call_made_against_a_refusal_comes_before_everything_else(role: str) -> None:
    text = "A call was made against the gate's refusal, known since 3 March: dialgate calls show x"
    found = attentions([placed("The log did not hold on 1 March"), placed("Requests overdue: 2"), placed(text)])
    overdue = Item("r", "request", ("overdue", BAD), ("", PLAIN), Place("requests"))
    assert ordered([overdue, *found], role)[0].text[0] == text


async def test_what_was_done_elsewhere_is_seen_without_asking_again(served: Served) -> None:
    app = app_of(served, mode="today")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "No request is open."))
        served.clock.time += timedelta(seconds=10)
        who = {"name": "Nina New", "contact": "nina@example.org", "numbers": ["020 7946 0301"]}
        ControlClient(served.socket).call("request_open", asks="access", channel="post", **who)
        await until(pilot, shows(pilot, "1 request open, not due within 7 days"))


async def test_what_is_refused_today_is_seen_while_it_happens(served: Served) -> None:
    """A day that is refused altogether (a register ran out, a list is wrong) is seen at once, and in red."""
    app = app_of(served, mode="today")
    client = ControlClient(served.socket)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(pilot, "attempts so far", "a week ago by this time: "))
        before = int(screen_text(app).partition(" attempts so far")[0].split()[-1].replace(",", ""))
        refused = int(screen_text(app).partition(" attempts so far, ")[2].split()[0])
        for each in range(12 * (before - refused) + 20):
            client.call("decide", number=f"09{each:09}")
        served.clock.time += timedelta(seconds=10)
        await until(pilot, shows(pilot, "MOSTLY REFUSED", "refused today as destination not allowed, usually 0"))


def test_refusals_that_jumped_are_told_by_reason_and_by_agent() -> None:
    def counts(**by: int) -> list[ReasonCount]:
        return [
            ReasonCount(claimed_by=f"account:{name}", verdict="block", reason="listed_tps", attempts=count)
            for name, count in by.items()
        ]

    usual = counts(alice=14, bilal=70)
    found = yesterday(NOW.date() - timedelta(days=1), counts(alice=30, bilal=11), usual)
    said = {item.ident: item for item in found}
    assert "41 attempts, 41 refused; a day of the week before: 12, 12 refused" in said["yesterday"].text[0]
    assert said["jump yesterday agent account:alice"].find == "14/07/2026 account:alice"
    assert said["jump yesterday reason listed_tps"].find == "14/07/2026 listed tps"
    assert "jump yesterday agent account:bilal" not in said
    assert [ordered(found, role)[1].kind for role in ("auditor", "viewer")] == ["jump", "calls"]
    overdue = Item("request 1", "request", ("OVERDUE 1 d", BAD), ("", ""), Place("requests"))
    assert all(ordered([*found, overdue], role)[0].ident == overdue.ident for role in ORDER)


def test_the_day_is_in_three_bands_each_named_once_and_what_is_wrong_is_of_now() -> None:
    def item(ident: str, kind: str, tone: str, **more: Any) -> Item:
        return Item(ident, kind, (ident, tone), ("", PLAIN), Place("calls"), **more)

    found = ordered(
        [
            item("stale", "register", BAD),
            item("fine", "register", OK),
            item("calls", "calls", OK),
            item("sweep today", "sweep", WARN, today=True),
            item("sweep tomorrow", "sweep", WARN),
            item("jump", "jump", WARN),
            item("keys", "attention", BAD),
            item("due", "request", WARN),
            item("mostly refused", "calls", BAD),
        ],
        "admin",
    )
    bands = [(each.band, each.ident) for each in found]
    assert {ident for band, ident in bands if band == "NOW"} == {"stale", "keys", "due", "mostly refused"}
    assert {ident for band, ident in bands if band == "TODAY"} == {"calls", "sweep today", "jump"}
    assert {ident for band, ident in bands if band == "TOMORROW"} == {"fine", "sweep tomorrow"}
    assert [each.band for each in found if each.first] == ["NOW", "TODAY", "TOMORROW"]
    assert [each.band for each in found] == sorted((each.band for each in found), key=BANDS.index)
    assert ordered([item("calls", "calls", OK)], "viewer")[0].text[0] == "Nothing needs somebody now."


async def test_todays_curve_stands_by_hour_beside_that_of_a_week_ago(served: Served) -> None:
    app = app_of(served, mode="today")
    hours = [0] * 24
    for fact in served.facts("decision"):
        hours[datetime.fromisoformat(fact["at"]).astimezone(LONDON).hour] += 1
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "Attempts by hour: █ today 182; 52 refused", "▒ Wed 08 Jul 0"))
        curve = app.screen.query_one(DayCurve)
        assert list(curve._attempts) == hours
        assert "00 01 02 03" in screen_text(app)
        served.asked.clear()
        served.clock.time += timedelta(seconds=10)
        app.screen.returned()  # type: ignore[attr-defined]
        await until(pilot, lambda: served.rows("calls_trend"))
        await until(pilot, answered(pilot))
        assert len(served.rows("calls_trend")) == len(served.rows("calls_reasons")) == 1, "what is over is asked once"
        served.clock.time += timedelta(days=7)
        app.screen.returned()  # type: ignore[attr-defined]
        await until(pilot, shows(pilot, "█ today 0", "▒ Wed 15 Jul 182"))


async def test_who_may_be_called_tomorrow_is_asked_from_the_day(served: Served) -> None:
    app = app_of(served, mode="today")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, shows(pilot, "Who may be called on Thursday"))
        await pilot.press("G", "enter")
        await until(pilot, shows(pilot, "Who may be called?", "Nothing is kept of it."))


async def test_one_line_finds_by_day_time_agent_and_reason_together(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        await pilot.press("F", *"15/7", "space", *"9:00-14:00", "space", *"alice", "space", *"listed")
        await until(pilot, shows(pilot, "When: Wed 15 Jul 2026 09:00 to 14:00", "alice   asked for by alice: "))
        await until(pilot, shows(pilot, "listed  reason listed tps or listed ctps: "))
        found = int(screen_text(app).partition("All of it fits ")[2].split()[0])
        await pilot.press("space", *"frob")
        await until(pilot, shows(pilot, "frob    not known: it finds nothing", "All of it fits no calls."))
        await pilot.press(*["backspace"] * 5)
        shared.asked.clear()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.MODE == "calls" and app.screen.table.complete)  # type: ignore[attr-defined]
        assert app.screen.table.total == found  # type: ignore[attr-defined]
        (asked, *_) = shared.rows("calls_list", text="alice listed")
        assert (f"{asked['since']:%d/%m %H:%M}", f"{asked['until']:%H:%M}") == ("15/07 09:00", "14:00")
        table = app.screen.table  # type: ignore[attr-defined]
        rows = [table.row_at(place) for place in range(table.total)]
        assert rows and all("alice" in row.claimed_by and "listed" in row.reason for row in rows)
        await pilot.press("F", "up")
        await until(pilot, shows(pilot, "15/7 9:00-14:00 alice listed"))
        await pilot.press("escape")


async def test_from_a_call_to_its_recording_and_back_by_a_key(shared: Served, tmp_path: Path) -> None:
    opener = MadeUpOpener(tmp_path)
    app = app_of(shared, opener=opener)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("5")
        await until(pilot, shows(pilot, "closed", "89 rows"))
        await pilot.press(*"jjjjj", "enter")
        await until(pilot, shows(pilot, "Sealed to", "Notice"))
        recording = app.screen.recording_id  # type: ignore[attr-defined]
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CallDetail))
        await until(pilot, shows(pilot, "Facts, each with its leaf"))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, RecordingDetail))
        assert app.screen.recording_id == recording  # type: ignore[attr-defined]
        await until(pilot, shows(pilot, "Sealed to", "Notice"))
        await pilot.press("p")
        await until(pilot, shows(pilot, "What is it opened for?"))
        await typed(pilot, "complaint 17")
        await typed(pilot, PASSPHRASE)
        await until(pilot, opener.playing.is_set)
        await until(pilot, shows(pilot, "pauses: 1", "1x"))
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: len(opener.heard) == 2)
        await until(pilot, shows(pilot, "1.25x"))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: len(opener.heard) == 3)
        assert opener.heard[2] == (8.4, 1.25), "behind the announcement"
        await until(pilot, shows(pilot, "keys: 9", "◆"))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: len(opener.heard) == 4)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: len(opener.heard) == 5)
        assert [start for start, _ in opener.heard[3:]] == [8.4 + 52.5, 8.4 + 69.0], "a pause's end, before a key"
        assert len([each for each in opener.asked if each[0] == "play"]) == 1, "taken once"
        await pilot.press("p")
        await until(pilot, shows(pilot, "Stopped"))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CallDetail))
        await pilot.press("t")
        await until(pilot, shows(pilot, "Go to", "recording", recording[:12]))
        await pilot.press("escape", "escape")
        assert app.is_running
