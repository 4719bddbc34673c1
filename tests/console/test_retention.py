"""Retention in the console: the calendar, a day, the sweep bound to its dry run, holds put on and released."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widgets import Button, Input

from console.modes.retention import Mode
from console.modes.retention_calendar import Calendar, Going, counts, heat
from console.modes.retention_shown import day_line, standing
from console.widgets.choice import Choice
from console.widgets.danger import Danger, DangerDialog, Plan
from console.widgets.report import Report
from gate.core.evidence import canonical, stamp
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.core.rows.retention import LastSweep, RetentionNow, RetentionTerms
from gate.errors import RefusedError
from gate.operations.audit.leaves import AuditLeaves, AuditStatus
from gate.operations.operation import plan_digest
from gate.operations.proposals import ProposalConfirm, ProposalList
from gate.operations.requests.course import Decide, Open, VerifyIdentity
from gate.operations.retention.holds import HoldAdd, HoldRelease
from gate.ports import Fact
from gate.showing import grouped
from gate.store.store import EvidenceStore
from gate.vault.keystore import KeyStoreDb
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, steps, undone, until
from tests.console.served import PEPPER, Served
from tests.support.keeping import plant
from tests.support.vault import private_key
from tests.support.waiting import PATIENCE

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
TODAY = date(2026, 7, 15)
"""Of the recorded day."""
A_YEAR_AGO = datetime(2025, 7, 15, 10, tzinfo=UTC)
NUMBER = "+442079460123"


def recorded(place: int, at: datetime) -> list[Fact]:
    """A call a year ago, and its recording."""
    call, recording = f"{place:08x}" * 4, f"{0xE0000000 + place:08x}" * 4
    made = {"number": NUMBER, "raw": NUMBER, "verdict": "allow", "reason": "not_listed", "purpose": "marketing"}
    made |= {"explanation": "", "registers": [], "consent_id": None, "objection_id": None, "topic": "general"}
    made |= {"presentation": "+442079460000", "claimed_by": "account:alice", "source": "", "codecs": []}
    opened = {"call_id": call, "key_id": f"{place:032x}", "path": f"{recording}.dgr", "recipients": []}
    return [
        Fact("decision", call, at, "account:alice", made),
        Fact("recording_opened", recording, at + timedelta(seconds=9), "gate", opened | {"purpose": "quality"}),
    ]


def swept() -> Fact:
    """The sweep of the day before."""
    body = {"day": "2026-07-14", "due": 0, "erased": 0, "resumed": 0, "held": 0, "faults": 0, "complete": True}
    body |= {"terms": {"months": 12, "years": {}}}
    return Fact("retention_swept", "retention", datetime(2026, 7, 14, 1, 30, tzinfo=UTC), "gate", body)


def year_ago(served: Served) -> None:
    """A sweep, and what goes in July, August and September; some of it is held, some is late."""
    facts: list[Fact] = []
    days = [day for day in range(-2, 75) if day % 7 not in (4, 5)]
    for day in days:
        for _ in range(1 + (day * day) % 9 + (10 if day == 13 else 0)):
            facts += recorded(len(facts) // 2, A_YEAR_AGO + timedelta(days=day, minutes=len(facts) % 60))
    held = [fact for fact in facts if fact.kind == "recording_opened"][::7]
    for place, fact in enumerate(held):
        body = {"kind": ("hold", "restriction")[place % 2], "target": "recording", "recording_id": fact.subject}
        body |= {"call_id": fact.body["call_id"], "number": None, "reason": "a customer's claim"}
        body |= {"reference": f"claim {place + 1}/2026"} | ({} if place % 2 else {"ground": "claim"})
        facts.append(Fact("hold", f"{place:08x}beef" * 2, served.clock.now(), "user:ann(1001)", body))
    store = EvidenceStore(served.config.data / "gate.db", pepper=PEPPER)
    store.call(lambda tx: [tx.append(fact) for fact in (swept(), *facts)])
    store.close()


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The recorded day of a gate that is a year old, for tests that change nothing."""
    served = Served(tmp_path_factory.mktemp("aged"))
    year_ago(served)
    yield served.start()
    served.stop()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Served]:
    """A gate that swept yesterday, with three sealed recordings that are due today, and one that is due tomorrow."""
    served = Served(tmp_path)
    data = served.config.data
    store, keys = EvidenceStore(data / "gate.db", pepper=PEPPER), KeyStoreDb(data / "keys.db")
    store.call(lambda tx: tx.append(swept()))
    for name, at in (("one", 0), ("two", 0), ("three", 0), ("next", 1)):
        plant(store, keys, data / "recordings", private_key().recipient, name, A_YEAR_AGO + timedelta(days=at))
    keys.close()
    store.close()
    yield served.start()
    served.stop()


def calendar(app: Any) -> Calendar:
    assert isinstance(app.screen, Mode)
    return app.screen.calendar


def opens(served: Served, name: str) -> bool:
    """Whether the recording's keys and file are there."""
    data = served.config.data
    keys = sqlite3.connect(f"file:{data / 'keys.db'}?mode=ro", uri=True)
    try:
        (wraps,) = keys.execute("SELECT count(*) FROM wraps WHERE recording_id = ?", (name,)).fetchone()
    finally:
        keys.close()
    assert bool(wraps) == bool(list((data / "recordings").rglob(f"{name}.dgr")))
    return bool(wraps)


async def fill(pilot: Any, **values: str) -> None:
    """Fill in the dialog's fields and answer."""
    for name, value in values.items():
        field = pilot.app.screen.query_one(f"#{name}")
        if isinstance(field, Choice):
            field.focus()
            await pilot.press(value[0])
        else:
            field.value = value
    await pilot.pause()
    pilot.app.screen.query_one("#dialog-ok", Button).press()


# --- pictures -----------------------------------------------------------------------------------------------------


@SIZES
def test_picture_of_the_calendar(aged: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("6", "right", "right", "down", then=("July 2026", "to erase", "Kept 12 months"))
    assert snap_compare(app_of(aged), terminal_size=size, run_before=before)


def test_picture_without_colour(aged: Served, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    before = steps("6", "right_square_bracket", then=("August 2026", "to erase", "Kept 12 months"))
    assert snap_compare(app_of(aged), terminal_size=SMALL, run_before=before)


@SIZES
def test_picture_of_a_day(aged: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("6", "enter", then=("Goes on Wednesday 15 July 2026", "goes", "held"))
    assert snap_compare(app_of(aged), terminal_size=size, run_before=before)


@SIZES
def test_picture_of_the_holds(aged: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("6", "tab", then=("[holds]", "claim 29/2026", "restriction"))
    assert snap_compare(app_of(aged), terminal_size=size, run_before=before)


@SIZES
def test_picture_of_a_sweep(aged: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("6", "s", then=("Erase for good", "Held, and stays", "Type: erase"))
    assert snap_compare(app_of(aged), terminal_size=size, run_before=before)


# --- the calendar -------------------------------------------------------------------------------------------------


async def test_the_arrows_move_by_days_and_enter_lists_a_day(aged: Served) -> None:
    app = app_of(aged)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: calendar(app).going(TODAY).due)
        assert calendar(app).cursor == TODAY
        await pilot.press("left")
        assert calendar(app).cursor == TODAY, "nothing goes before today"
        await pilot.press("right", "down", "k", "l")
        assert calendar(app).cursor == TODAY + timedelta(days=2)
        day = date(2026, 7, 28)
        await pilot.press(*["right"] * 11)
        going = calendar(app).going(day)
        assert calendar(app).cursor == day and going.due > 9
        await until(pilot, shows(pilot, f"Tue 28 Jul 2026, in 13 days: {going.due} to erase; {going.held} more would"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Goes on Tuesday 28 July 2026", f"{sum(going)} rows"))
        assert aged.rows("retention_day")[-1]["day"] == day
        await pilot.press("escape")
        await until(pilot, shows(pilot, "July 2026"))
        assert app.focused is calendar(app)


async def test_further_months_are_asked_for_when_one_gets_there(aged: Served) -> None:
    app = app_of(aged)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: calendar(app).going(TODAY).due)
        asked = aged.rows("retention_forecast")[-1]["days"]
        assert asked < 100
        await pilot.press(*["right_square_bracket"] * 12)
        await until(pilot, lambda: aged.rows("retention_forecast")[-1]["days"] > 365)
        await until(pilot, lambda: calendar(app).going(TODAY.replace(year=2027)).due)
        await pilot.press("t")
        assert calendar(app).cursor == TODAY


async def test_the_mouse_picks_a_day(aged: Served) -> None:
    app = app_of(aged)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: calendar(app).going(TODAY).due)
        assert calendar(app).cell_width == 11
        await pilot.click(Calendar, offset=(1 + 4 * 11 + 2, 2 + 2 * 3))
        assert calendar(app).cursor == date(2026, 7, 24)


async def test_a_calendar_of_a_gate_that_is_away_is_grey(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: calendar(app).going(TODAY).due == 3)
        old.stop()
        await until(pilot, lambda: calendar(app).old)
        assert "3" in screen_text(app)


# --- the sweep ----------------------------------------------------------------------------------------------------


async def sweep(pilot: Any, phrase: str) -> None:
    await pilot.press("s")
    await until(pilot, shows(pilot, "Erase for good", "Type: erase"))
    assert pilot.app.focused.id == "danger-phrase"
    pilot.app.screen.query_one("#danger-phrase", Input).value = phrase
    pilot.app.screen.query_one("#danger-reason", Input).value = "their year is over"
    await until(pilot, lambda: not pilot.app.screen.query_one("#danger-do", Button).disabled)


async def test_a_sweep_erases_what_its_dry_run_showed(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("6")
        await until(pilot, shows(pilot, "Due now 3"))
        await sweep(pilot, "erase 3")
        await pilot.click("#danger-do")
        await until(pilot, shows(pilot, "3 recordings erased, 0 held", "Due now 0", "Last sweep"), seconds=PATIENCE)
        assert calendar(app).going(TODAY).due == 0
    old.stop()
    _, done = old.facts("retention_swept")
    (said,) = old.facts("retention_reason")
    assert (done["body"]["erased"], said["body"]) == (3, {"reason": "their year is over"})
    assert old.rows("retention_sweep")[-1]["execute"] == done["body"]["digest"]
    assert [opens(old, name) for name in ("one", "two", "three", "next")] == [False, False, False, True]


async def test_the_question_before_a_sweep_shows_what_the_log_will_say_and_what_vanishes(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, lambda: app.feed.leaves)
        await pilot.press("6")
        await until(pilot, shows(pilot, "Due now 3"))
        await pilot.press("s")
        await until(pilot, shows(pilot, "Type: erase 3"))
        shown = app.screen.query_one(Report).plain
        assert re.search(r"3 sealed recordings, [0-9,]+ bytes → gone", " ".join(shown.split()))
        said = shown.partition("The log will say\n")[2].splitlines()
        await pilot.press("pagedown", "pagedown")
        await until(pilot, shows(pilot, "The log will say"))
        await pilot.press("escape")
        size = (await app.feed.ask(AuditStatus())).size
        await sweep(pilot, "erase 3")
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "3 recordings erased, 0 held"), seconds=PATIENCE)
        leaves = [leaf.said for leaf in (await app.feed.ask(AuditLeaves(limit=1000))).items if leaf.index >= size]
        assert set(said[:2]) <= set(leaves)
    assert "rehearse" in {name for name, _ in old.asked}


async def test_what_the_gate_would_refuse_is_not_offered(old: Served) -> None:
    async def dry_run() -> Plan:
        return Plan("", (("Release", ("1 hold", "")),), "release", acts=[HoldRelease(hold_id="none", reason="over")])

    async def act(_digest: str, _reason: str, _progress: Any) -> str:
        raise AssertionError("it was offered")

    app = app_of(old)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        app.push_screen(DangerDialog(Danger("Release", "It ends.", "Release", dry_run, act, reason=False)))
        await until(pilot, shows(pilot, "no hold none is in force"))
        await pilot.press(*"release")
        assert app.screen.query_one("#danger-do", Button).disabled
        assert app.screen.query_one("#danger-phrase", Input).disabled


async def test_the_release_of_a_hold_shows_what_will_be(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        hold = HoldAdd(reason="a claim", reference="claim 17/2026", recording_id="two", ground=HoldGround.CLAIM)
        await app.feed.ask(hold)
        await pilot.press("6", "tab")
        await until(pilot, shows(pilot, "claim 17/2026"))
        await pilot.press("d")
        await until(pilot, shows(pilot, "Release this hold?", "released at: - →"))


async def test_what_was_held_meanwhile_is_shown_and_stays(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 36), notifications=True) as pilot:
        await pilot.press("6")
        await until(pilot, shows(pilot, "Due now 3"))
        await sweep(pilot, "erase 3")
        await app.feed.ask(
            HoldAdd(reason="a claim", reference="claim 17/2026", recording_id="two", ground=HoldGround.CLAIM)
        )
        await pilot.click("#danger-do")
        await until(pilot, shows(pilot, "hold claim 17/2026", "Type: erase 2", "It is not what was shown"))
        assert app.screen.query_one("#danger-do", Button).disabled
        await pilot.press("escape")
        await until(pilot, shows(pilot, "July 2026"))
    old.stop()
    assert len(old.facts("retention_swept")) == 1
    assert all(opens(old, name) for name in ("one", "two", "three"))


async def test_escape_erases_nothing(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("6", "s")
        await until(pilot, shows(pilot, "Type: erase 3"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "July 2026"))
    assert [row["execute"] for row in old.rows("retention_sweep")] == [None]


# --- holds --------------------------------------------------------------------------------------------------------


async def test_a_number_is_held_and_that_is_undone(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("6", "a")
        await until(pilot, shows(pilot, "Hold recordings"))
        await fill(pilot, which="020 7946 0123", reason="a claim", reference="claim 17/2026", ground="claim")
        await until(pilot, shows(pilot, "Held: claim 17/2026, 4 recordings as things stand", "held 3"))
        assert calendar(app).going(TODAY) == Going(0, 3)
        await undone(pilot)
        await until(pilot, shows(pilot, "Undone", "Due now 3"))
    assert [fact["body"]["reason"] for fact in old.facts("hold_released")] == ["held by mistake: undone"]


async def test_a_hold_is_released_and_undo_puts_on_another_like_it(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("6")
        await until(pilot, shows(pilot, "Due now 3"))
        held = await app.feed.ask(
            HoldAdd(number="020 7946 0123", reason="a claim", reference="claim 17/2026", restriction=True)
        )
        await pilot.press("tab")
        await until(pilot, shows(pilot, "restriction", "claim 17/2026", "020 79"))
        assert grouped(NUMBER) not in screen_text(app)
        await pilot.press("d")
        await until(pilot, shows(pilot, "Release this", "goes with the next sweep"))
        await fill(pilot, reason="settled")
        await until(pilot, shows(pilot, "Released; undo puts on a new hold like it"))
        await undone(pilot)
        await until(pilot, lambda: len(old.facts("hold")) == 4)
    first, again = old.facts("hold")[-2:]
    assert first["subject"] == held.id != again["subject"]
    assert first["body"] == again["body"]
    assert old.facts("number_shown")[-1]["body"]["why"] == "to undo the release of this hold"


async def test_whoever_asked_for_a_restriction_is_told_before_it_is_released(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        opened = await app.feed.ask(Open(asks=Asks.RESTRICTION, channel="post", numbers=("020 7946 0123",)))
        await app.feed.ask(VerifyIdentity(request=opened.reference, checked="passport seen"))
        await app.feed.ask(Decide(request=opened.reference, grant=True))
        await pilot.press("6")
        await until(pilot, shows(pilot, "held 3"))
        await pilot.press("tab")
        await until(pilot, shows(pilot, "restriction", opened.reference))
        await pilot.press("d")
        await until(pilot, shows(pilot, "Release this", "Told the person who asked for it"))
        await fill(pilot, reason="settled")
        await until(pilot, shows(pilot, "Told the person who asked for it, on: is needed"))
        await fill(pilot, told_on="today")
        await until(pilot, shows(pilot, "Released; undo puts on a new hold like it"))
    assert "told_on" in old.facts("hold_released")[-1]["body"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Served]:
    """A gate that needs two people, at which Ann has asked for the release of a hold an hour ago."""
    served = Served(tmp_path)
    roles = msgspec.structs.replace(served.config.roles, dual_control="on")
    served.config = msgspec.structs.replace(served.config, roles=roles)
    held = {"kind": "hold", "target": "number", "recording_id": None, "call_id": None, "number": NUMBER}
    plan = plan_digest("hold-of-ann", "hold", "number", NUMBER, [])
    asked: dict[str, Any] = {"op": "hold_release", "takes": "0 recordings"}
    asked["arguments"] = {"hold_id": "hold-of-ann", "reason": "settled with them", "digest": plan}
    at = served.clock.now() - timedelta(hours=1)
    asked |= {"digest": sha256(canonical(asked)).hexdigest(), "id": "asked-by-ann"}
    asked |= {"until": stamp(at + timedelta(hours=24))}
    store = EvidenceStore(served.config.data / "gate.db", pepper=PEPPER)
    for fact in (
        swept(),
        Fact(
            "hold",
            "hold-of-ann",
            at,
            "user:ann(1001)",
            held | {"reason": "a claim", "reference": "claim 1/2026", "ground": "claim"},
        ),
        Fact("proposed", "hold-of-ann", at, "user:ann(1001)", asked),
    ):
        store.call(lambda tx, fact=fact: tx.append(fact))
    store.close()
    yield served.start()
    served.stop()


async def test_what_another_has_asked_for_is_shown_and_confirmed(office: Served) -> None:
    app = app_of(office)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("6")
        await until(pilot, shows(pilot, "1 act waiting for a second person"))
        await pilot.press("w")
        await until(pilot, shows(pilot, "the release of hold hold-of-ann", "user:ann(1001)"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Confirm this?", "settled", "0 recordings"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Confirmed: the release of hold hold-of-ann"))
    assert [fact["actor"] for fact in office.facts("hold_released")] == ["user:ann(1001)"]
    assert office.facts("proposal_confirmed")[-1]["actor"] == "user:root(0)"


async def test_what_one_has_asked_for_is_not_ones_own_to_confirm(office: Served) -> None:
    app = app_of(office)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("6")
        held = await app.feed.ask(
            HoldAdd(ground=HoldGround.CLAIM, number="020 7946 0124", reason="a claim", reference="claim 2/2026")
        )
        await pilot.press("tab")
        await until(pilot, shows(pilot, "claim 2/2026"))
        await pilot.press("d")
        await until(pilot, shows(pilot, "Release this"))
        await fill(pilot, reason="settled")
        await until(pilot, shows(pilot, "Not done yet: another person confirms it"))
        (mine,) = [each for each in (await app.feed.ask(ProposalList())).items if each.subject == held.id]
        with pytest.raises(RefusedError, match="another person confirms"):
            await app.feed.ask(ProposalConfirm(proposal_id=mine.id))
        await pilot.press("w")
        await until(pilot, shows(pilot, "What waits", held.id[:12]))
        await pilot.press("down", "enter")
        await until(pilot, shows(pilot, "Confirm this?"))
        await pilot.press("down", "enter")
        await until(pilot, shows(pilot, "Withdrawn: the release of hold"))
    assert office.facts("hold_released") == []


async def test_a_recording_of_a_day_is_held_from_its_list(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: calendar(app).going(TODAY).due)
        await pilot.press("enter")
        await until(pilot, shows(pilot, "3 rows"))
        await pilot.press("h")
        await until(pilot, shows(pilot, "Hold this recording"))
        await fill(pilot, reason="a claim", reference="claim 17/2026", ground="claim")
        await until(pilot, shows(pilot, "held", "hold claim 17/2026"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Recording", "Holds"))


async def test_an_account_that_may_not_is_shown_that(old: Served) -> None:
    app = app_of(old)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: app.feed.session.can)
        object.__setattr__(app.feed.session, "can", frozenset({"retention_status", "retention_forecast", "hold_list"}))
        screen = app.screen
        assert [screen.check_action(name, ()) for name in ("sweep", "hold")] == [None, None]
        await pilot.press("s", "a")
        await pilot.pause()
        assert app.screen is screen
        await pilot.press("tab")
        assert screen.check_action("release", ()) is None


# --- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("going", "width", "text"),
    [
        (Going(), 8, ""),
        (Going(12), 8, "12"),
        (Going(0, 3), 10, "0 +3 held"),
        (Going(12, 3), 10, "12 +3 held"),
        (Going(12, 3), 8, "12 +3h"),
        (Going(12345, 1200), 9, "12.3k +1.2kh"),
        (Going(12345), 10, "12,345"),
    ],
)
def test_counts_in_few_cells(going: Going, width: int, text: str) -> None:
    assert counts(going, width) == text


def test_heat_is_beside_the_busiest_day() -> None:
    assert [heat(due, 9) for due in (0, 1, 3, 4, 6, 7, 9)] == [0, 1, 1, 2, 2, 3, 3]
    assert heat(0, 0) == 0


def test_the_day_in_words() -> None:
    assert day_line(TODAY, TODAY, Going()) == "Wed 15 Jul 2026, today: nothing goes"
    assert day_line(TODAY + timedelta(days=1), TODAY, Going(2, 1)).endswith(
        "tomorrow: 2 to erase; 1 more would, but is held"
    )


def test_what_keeps_the_sweep_waiting_is_told() -> None:
    terms = RetentionTerms(months=6, years={"topic:pensions": 5})
    last = LastSweep(
        day=TODAY, terms=terms, at="2026-07-15T01:30:00Z", actor="gate", erased=2, resumed=1, held=0, faults=1
    )
    now = RetentionNow(
        terms=terms,
        sweep_at="02:30",
        backup_days=30,
        day=TODAY,
        due=1,
        held=0,
        unfinished=1,
        last=last,
        waits="the terms have become shorter",
    )
    lines = standing(now)
    text, tones = "\n".join(line for line, _ in lines), [tone for _, tone in lines]
    assert "topic:pensions 5 years" in text
    assert "3 erased, 0 held, 1 fault" in text
    assert "WAITS: the terms have become shorter" in text
    assert tones[-2:] == ["bad", "bad"]
    assert standing(msgspec.structs.replace(now, unfinished=0, last=None, waits=""))[-1][0] == "Never swept."
    told = {"terms_wait": "never swept", "memory_waits": "no answer"}
    assert [tone for _, tone in standing(msgspec.structs.replace(now, **told))[-3:]] == ["bad", "bad", "warn"]
    refused = standing(msgspec.structs.replace(now, memory_refused="it was cut", memory_waits="no answer"))[-1]
    assert refused == ("Marketing is REFUSED for the memory journal: it was cut", "bad")
