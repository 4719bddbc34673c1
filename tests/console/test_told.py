"""What the console says of what it does not show: not there, not for this account, not known; and no letter acts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from console import keys
from console.app import ConsoleApp
from console.attention import placed
from console.feed import Session
from console.late import late
from console.modes.finding import FindDialog
from console.modes.listing import ListMode
from console.modes.retention import Mode as Retention
from console.palette import FOUND_IN, JOBS, PAGES, jobs
from console.theme import BAD
from console.widgets.ask import Ask
from console.widgets.filter import FilterLine
from console.widgets.rows import LocalTable
from console.widgets.status import pieces
from gate import manual
from gate.control.client import ControlClient
from gate.core.request_words import Asks
from gate.errors import UsageError
from gate.operations.catalogue import OPERATIONS
from gate.operations.requests.course import Open
from tests.console.conftest import SMALL, app_of, screen_text, shows, until
from tests.console.served import Served


def become(app: ConsoleApp, role: str) -> None:
    """The gate says that we are of another role."""
    can = frozenset(name for name, each in OPERATIONS.items() if role in each.roles)
    app.feed.session = Session(f"user:vic({role})", role, can)


def call_of_last_year() -> dict[str, Any]:
    body = {"number": "+442079460999", "raw": "020 7946 0999", "verdict": "allow", "reason": "not_listed"}
    body |= {"claimed_by": "account:alice", "purpose": "marketing", "topic": "general"}
    at = datetime(2025, 11, 14, 10, 0, 5, tzinfo=UTC).isoformat()
    return {"kind": "decision", "subject": "0123abcd" * 4, "at": at, "actor": "account:alice", "body": body}


async def test_a_date_of_another_year_shows_its_year(tmp_path: Path) -> None:
    served = Served(tmp_path, [call_of_last_year()]).start()
    try:
        app = app_of(served)
        async with app.run_test(size=SMALL) as pilot:
            await pilot.press("4", "slash", *"0123abcd", "enter")
            await until(pilot, shows(pilot, "1 row", "14 Nov 2025 10:00"))
            await pilot.press("enter")
            await until(pilot, shows(pilot, "Asked", "14 Nov 2025 10:00"))
    finally:
        served.stop()


async def test_nothing_fits_is_not_nothing_there(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        for key in "45":
            await pilot.press(key, "slash", *"zzzz", "enter")
            await until(pilot, shows(pilot, "Nothing is found by “zzzz”, which no row shows: Esc shows all."))
            await pilot.press("escape")
            await until(pilot, shows(pilot, "rows"))
        row = app.screen.table.row  # type: ignore[attr-defined]
        assert row.claimed_by and row.number
        await pilot.press("slash", *row.number[:7].replace(" ", ""), "enter")
        await until(pilot, shows(pilot, "To", "rows", "filter:"))
        assert "There is no recording" not in screen_text(app)


async def test_a_list_that_is_not_for_this_account_says_so_and_nothing_is_asked(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await until(pilot, lambda: app.feed.link.up and app.feed.snapshot)
        become(app, "viewer")
        shared.asked.clear()
        for key, op in (("3", "contacts_list"), ("7", "request_list")):
            await pilot.press(key)
            await until(pilot, shows(pilot, "viewer may not see this. It is for: admin, compliance, auditor."))
            assert not shared.rows(op)
            assert "did not answer" not in screen_text(app)
            await until(pilot, lambda: "Asking the gate" not in screen_text(app))
        assert "Received" in screen_text(app) and "Received 0" not in screen_text(app), "how many is not known"
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "[objections]", "viewer may not see this"))
        assert not shared.rows("objection_list")
        await pilot.press("n")
        await until(pilot, shows(pilot, "viewer may not: look a number up"))
        assert not isinstance(app.screen, Ask), "said before the form"


async def test_a_column_that_a_scrollbar_takes_is_said_to_be_missed(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press("4")
        await until(pilot, shows(pilot, "rows", "Not shown"))
        await until(pilot, shows(pilot, "Asked", "Verdict", "Talk", "Leaf"))


async def test_what_the_log_is_like_is_not_known_before_the_gate_has_said_it(shared: Served) -> None:
    feed = app_of(shared).feed
    said = [text for text, _ in pieces(feed.link, Session(), {}, None, feed.now(), short=False)]
    assert "log not known" in said and "log never verified" not in said


async def test_a_slash_filters_in_every_list_and_switches_no_mode(shared: Served) -> None:
    """What is typed behind it is never taken for keys of modes."""
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        for key, views in (("2", 4), ("3", 3), ("4", 1), ("5", 1), ("7", 3), ("8", 4)):
            await pilot.press(key)
            mode = app.screen
            assert isinstance(mode, ListMode)
            for _ in range(views):
                await pilot.press("slash", "4", "2")
                await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "42")
                await pilot.press("escape", "tab")
            assert app.screen is mode
        await pilot.press("1", "slash", *"alice", "enter")
        await until(pilot, shows(pilot, "4 calls in hand, 1 shown: alice"))
        await pilot.press("escape", "6", "slash", *"25/12/2026", "enter")
        calendar = app.screen
        assert isinstance(calendar, Retention)
        await until(pilot, lambda: calendar.calendar.cursor.isoformat() == "2026-12-25")
        await pilot.press("4")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Decision"))
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, FindDialog))


async def test_a_list_that_the_gate_cannot_look_through_is_filtered_here(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("2")
        await until(pilot, shows(pilot, "2 rows"))
        await pilot.press("slash", *"ctps", "enter")
        await until(pilot, shows(pilot, "1 row", "filter: ctps"))
        line = app.screen.query_one(FilterLine)
        await pilot.press("escape")
        await until(pilot, shows(pilot, "2 rows"))
        assert line.text == ""


async def test_no_letter_quits_signs_or_screens_without_asking(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        for mode, key, title, op in (
            ("8", "c", "Sign the log as it is now?", "audit_checkpoint"),
            ("3", "s", "Screen all contacts now?", "contacts_rescreen"),
        ):
            await pilot.press(mode)
            await until(pilot, lambda op=op: app.screen.MODE in op)  # type: ignore[attr-defined]
            await pilot.press(key)
            await until(pilot, shows(pilot, title))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Ask))
            assert not served.rows(op)
        await pilot.press("q")
        await until(pilot, shows(pilot, "Leave the console?"))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Ask))
        assert app.is_running
        await pilot.press("q")
        await until(pilot, shows(pilot, "Leave the console?"))
        await pilot.press("enter")
        await until(pilot, lambda: app._exit)


async def test_the_top_line_says_what_must_be_seen_to_and_a_key_leads_there(served: Served) -> None:
    call, day = ControlClient(served.socket).call, served.clock.time
    served.clock.time = datetime(2026, 5, 1, 9, tzinfo=UTC)
    who = {"name": "Olga Overdue", "contact": "olga@example.org", "numbers": ["020 7946 0301"]}
    call("request_open", asks="access", channel="post", **who)
    served.clock.time = day
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "! OVERDUE"))
        await pilot.press("exclamation_mark")
        await until(pilot, shows(pilot, "What somebody must see to", "Requests overdue: 1"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "[open]", "OVERDUE", "DSR-2026-0001"))


async def test_each_sentence_of_status_has_its_word_and_place() -> None:
    for text, word, mode in (
        ("TPS supports calls for 3 days more. Import a newer file: dialgate register import", "TPS", "registers"),
        ("The log did not hold on 2026-03-02 10:00:05 GMT: dialgate audit verify", "LOG DID NOT HOLD", "audit"),
        ("trunk:office: that it obeys, was never tested: dialgate trunk-test office", "office 2nd trunk", "live"),
        ("2 calls were made against refusals: dialgate calls show x", "CALLED ALL THE SAME", "calls"),
        ("Requests overdue: 2. dialgate request list", "OVERDUE", "requests"),
        ("Breach BR-2026-0001: only 3 h left to tell the authority. dialgate breach show x", "BREACH", "audit"),
        ("The trunk first is down: it does not answer OPTIONS, or says 503", "trunk first", "live"),
        ("The log has not been signed since 2026-03-02 10:00 UTC: disk full. After an hour", "LOG NOT SIGNED", "audit"),
        ("Refusals jump: 96% of 340 attempts in 5 minutes: dialgate calls reasons", "REFUSALS JUMP", "calls"),
        ("One caller jumps: account:bob makes 92% of 50 attempts: dialgate calls agents", "bob JUMPS", "live"),
        ("One-sided talks: 5 in 24 hours, 4 in the last hour: no audio", "ONE-SIDED TALKS", "calls"),
        ("The daily sweep waits: the clock is far from that of any sweep before", "sweep waits", "retention"),
        ("recordings can be opened with the key of Ann (ab12) alone: if that key is lost, they are", "keys", "audit"),
        ("the release of hold 6f2c waits for a second person: asked for by user:ann(1)", "2nd person", "retention"),
    ):
        found = placed(text)
        assert (found.word, found.place.mode) == (word, mode), text


async def test_the_line_above_a_list_is_as_wide_as_the_window_and_a_wide_one_shows_more(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, shows(pilot, "182 rows"))
        await pilot.resize_terminal(200, 50)
        row = app.screen.table.row  # type: ignore[attr-defined]
        await until(pilot, shows(pilot, row.call_id, "Registers as they were", "Leaf"))
        await until(
            pilot,
            lambda: len(screen_text(app).splitlines()[2]) >= 195,
        )
        assert screen_text(app).splitlines()[2].endswith("182 rows")


async def test_g_goes_to_the_oldest_of_every_list_that_may_be_long(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        for key in "458":
            await pilot.press(key)
            await until(pilot, shows(pilot, "rows"))
            await pilot.press("G")
            table = app.screen.table  # type: ignore[attr-defined]
            await until(pilot, lambda table=table: table.row and table.cursor == table.total - 1)
            assert table._both_ways


async def test_overdue_is_marked_without_colour(served: Served) -> None:
    """By its word, and by its weight."""
    app = app_of(served, mode="today")
    async with app.run_test(size=SMALL) as pilot:
        table = app.screen.query_one(LocalTable)
        await until(pilot, lambda: table.total)
        assert table.get_component_rich_style(f"rows--{BAD}").bold


async def test_what_is_typed_in_the_palette_is_looked_for_among_objections_and_consents_too(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(80, 40)) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        for name, kind in (("objections", "objection"), ("consents", "consent")):
            number = shared.facts(kind)[-1]["body"]["number"]
            await pilot.press("ctrl+p", *number)
            await until(pilot, shows(pilot, f"Find in {name}: {number}"))
            await pilot.press("escape")
            app.run_worker(app.go(FOUND_IN[name], number))
            await until(pilot, shows(pilot, f"[{name}]", "1 row"))


async def test_the_palette_opens_what_a_reference_an_id_or_a_number_names(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        asked = Open(asks=Asks.ACCESS, channel="post", name="Pat Person", numbers=("020 7946 0123",))
        reference = (await app.feed.ask(asked)).reference
        call = served.facts("decision")[-1]["subject"]
        for typed_in, offered, screen in (
            (reference.lower(), f"Open {reference}", "RequestDetail"), (call[:10], f"Open call {call}", "CallDetail"),
        ):  # fmt: skip
            await pilot.press("ctrl+p", *typed_in)
            await until(pilot, shows(pilot, offered))
            await pilot.press("enter")
            await until(pilot, lambda screen=screen: type(app.screen).__name__ == screen)
            await pilot.press("escape")
        await pilot.press("ctrl+p", *"0113 496")
        await until(pilot, shows(pilot, "Calls to 0113 496"))
        await pilot.press("escape")


@pytest.mark.parametrize("words", ["forecast", "trend", "hang up", "add user"])
def test_everyday_words_find_their_action(words: str) -> None:
    assert list(jobs(words))


async def test_what_must_be_seen_to_is_not_nothing_where_it_was_not_told(served: Served) -> None:
    def fails(op: str) -> None:
        if op == "status":
            raise UsageError("status is not told today")

    served.slow = fails
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        await pilot.press("exclamation_mark")
        await until(pilot, shows(pilot, "Not known: the gate did not tell it."))


@pytest.mark.parametrize(
    ("typed", "said", "shown"),
    [
        ("block", JOBS[0].said, "Somebody does not want calls"),
        ("do not call", JOBS[0].said, "Somebody does not want calls"),
        ("court", JOBS[7].said, "Hold recordings"),
        ("erase", JOBS[8].said, "A request came"),
        ("rotate", "Who can open recordings: the keys", "[keys]"),
        ("hours", "Manual: Configuration", "Configuration"),
        ("bank holiday", "Manual: Configuration", "Configuration"),
        ("999", "Manual: Emergency calls", "Emergency calls"),
    ],
)
async def test_a_job_is_found_by_what_people_call_it(shared: Served, typed: str, said: str, shown: str) -> None:
    app = app_of(shared)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        await pilot.press("ctrl+p")
        await pilot.press(*(" " if key == " " else key for key in typed))
        await until(pilot, shows(pilot, said))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, CommandPalette) and shows(pilot, shown)())


def test_every_job_leads_to_a_list_and_an_action_that_are_there() -> None:
    for job in JOBS:
        mode = late(f"console.modes.{job.place.mode}:Mode")
        assert job.place.view == 0 or job.place.view < len(mode.VIEWS), job
        actions = {binding.action for binding in getattr(keys, job.place.mode.upper())}
        assert not job.place.action or job.place.action in actions, job
    assert set(PAGES) <= {page.name for page in manual.pages()}
    assert not list(jobs("zebra"))


async def test_a_gate_that_does_not_answer_is_told_with_what_to_do(served: Served) -> None:
    served.stop()
    app = app_of(served, mode="today")
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "gate AWAY", "Not known: the gate is away."))
        await until(pilot, shows(pilot, "The gate does not answer", "systemctl status"))
        await pilot.press("exclamation_mark")
        await until(pilot, shows(pilot, "What somebody must see to", "systemctl status dialgate"))


async def test_what_a_gate_that_is_away_never_told_is_not_known_in_any_mode(served: Served) -> None:
    served.stop()
    app = app_of(served, mode="today")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up is False)
        for key, mode in (("3", "contacts"), ("6", "retention"), ("7", "requests")):
            await pilot.press(key)
            await until(
                pilot, lambda mode=mode: mode == app.screen.MODE and "Not known: the gate is away." in screen_text(app)
            )
            assert "Asking" not in screen_text(app) and "Loading" not in screen_text(app), mode
            assert "nothing goes" not in screen_text(app), mode
