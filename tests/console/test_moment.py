"""The console as of a moment: each mode shows the gate as it stood, or says why not; nothing is done meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from console.feed import NOW
from console.keys import MODES
from gate.control.client import ControlClient
from gate.errors import RefusedError
from gate.operations.calls.calls import CallsList
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import knows_past
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, typed, until
from tests.console.served import Served
from tests.support.example_values import example

MORNING = "15/07/2026 10:00"
AT = datetime(2026, 7, 15, 9, tzinfo=UTC)


async def stands_at(pilot: Any, moment: str = MORNING, *said: str) -> None:
    """Type a moment."""
    await pilot.press("at")
    await until(pilot, shows(pilot, "Show the gate as it stood"))
    await typed(pilot, moment)
    await until(pilot, shows(pilot, *(said or ("AS OF 15 Jul 10:00:00",))))


async def test_a_list_shows_what_the_log_held_then_and_what_proves_it(served: Served) -> None:
    client = ControlClient(served.socket)
    now, then = client.ask(CallsList(limit=1000)), client.ask(CallsList(limit=1000, as_of=AT))
    assert 0 < len(then.items) < len(now.items)
    app = app_of(served)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("4")
        await until(pilot, shows(pilot, f"{len(now.items)} rows"))
        await stands_at(pilot)
        await until(pilot, shows(pilot, f"{len(then.items)} rows", "read only", "no checkpoint over it yet"))
        await pilot.press("at")
        await until(pilot, shows(pilot, "Show the gate as it stood", "As of 2026-07-15 10:00:00 BST: 252 leaves"))
        await typed(pilot, "")
        await until(pilot, shows(pilot, f"{len(now.items)} rows", "gate up"))


async def test_each_mode_shows_that_moment_or_says_why_not(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await stands_at(pilot)
        for place, mode in enumerate(MODES):
            await pilot.press(str(place))
            why = {"today": "it is what needs somebody", "live": "calls in hand are", "contacts": "contacts are a copy"}
            await until(pilot, shows(pilot, "AS OF 15 Jul 10:00:00", *([why[mode]] if mode in why else [])))
            assert ("Not shown as of" in screen_text(pilot.app)) is (mode in why), mode


async def test_a_key_that_would_do_something_says_why_it_is_off(served: Served) -> None:
    app = app_of(served)
    leaves = len(served.facts())
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("4")
        await stands_at(pilot)
        for mode, key, word in (
            ("4", "a", "never again"),
            ("6", "s", "sweep"),
            ("7", "n", "new request"),
            ("8", "c", "sign"),
        ):
            await pilot.press(mode, key)
            await until(pilot, shows(pilot, f"this is off: {word}"))
    assert len(served.facts()) == leaves


async def test_no_operation_is_asked_but_as_of_the_moment(served: Served) -> None:
    app = app_of(served)
    async with app.run_test() as pilot:
        await until(pilot, shows(pilot, "gate up"))
        await app.feed.show(AT)
        for name, each in OPERATIONS.items():
            if knows_past(each.request):
                assert app.feed.session.may(name)
            elif name not in NOW:
                assert not app.feed.session.may(name)
                with pytest.raises(RefusedError, match=f"{name} is of now"):
                    await app.feed.ask(msgspec.convert(example(each.request), each.request))
        assert app.feed.now() == AT


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("25/10/2025 25:00", "is not a moment"),
        ("26/10/2025 01:30", "01:30 comes twice on Sunday 26 October 2025"),
        ("2026-01-01", "the log knows nothing of"),
        ("16/07/2026 10:00", "is in the future"),
    ],
)
async def test_a_moment_that_is_none_stays_in_the_dialog(served: Served, moment: str, said: str) -> None:
    app = app_of(served)
    async with app.run_test(size=LARGE) as pilot:
        await stands_at(pilot, moment, said)
        assert app.feed.moment is None


async def test_words_of_time_are_those_of_the_moment(served: Served) -> None:
    """The calendar's today is the day that is shown."""
    app = app_of(served)
    async with app.run_test(size=LARGE) as pilot:
        await stands_at(pilot, "02/06/2026 12:00", "AS OF 02 Jun 12:00:00")
        await pilot.press("6")
        await until(pilot, shows(pilot, "June 2026", "2 today"))
