"""What is typed before a dialog can take it: the dialog's in order, or nobody's; never the list's below."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from textual import events, work
from textual.binding import Binding

from console.theme import PLAIN, THEMES
from console.typed_ahead import TypedAhead
from console.widgets.ask import Ask, Field
from console.widgets.danger import Danger, DangerDialog, Plan
from console.widgets.dialog import Line
from console.widgets.pick import Pick
from console.widgets.rows import Column
from tests.console.conftest import until

WHY = (Field("why", "Why"),)


class Below(TypedAhead[None]):
    """A list in which ``o`` opens something, and every other letter acts."""

    BINDINGS = [Binding("o", "open"), *(Binding(key, f"acted('{key}')") for key in "erasxq3")]  # noqa: RUF012

    def __init__(self, asks: Callable[[Below], Awaitable[Any]]) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name
        self.feed = SimpleNamespace(leaves=0)
        self.asks, self.goes_on = asks, asyncio.Event()
        self.acted: list[str] = []
        self.answers: list[Any] = []

    @work
    async def action_open(self) -> None:
        self.answers.append(await self.asks(self))

    def action_acted(self, key: str) -> None:
        self.acted.append(key)

    def type(self, *keys: str) -> None:
        """At once, before the first of them is looked at."""
        for key in keys:
            self.post_message(events.Key(key, key if len(key) == 1 else " " if key == "space" else None))


async def dangerous(app: Below) -> Any:
    """The gate takes its time to say what would be done."""

    async def dry_run() -> Plan:
        await app.goes_on.wait()
        return Plan("digest", [("erase", ("3", "bad"))], "erase 3")

    async def act(_digest: str, reason: str, _progress: Any) -> str:
        return f"done: {reason}"

    return await app.push_screen_wait(DangerDialog(Danger("Erase", "For good.", "Erase", dry_run, act)))


async def late(app: Below) -> Any:
    """The gate is asked something before the form."""
    await app.goes_on.wait()
    return await app.push_screen_wait(Ask("Why?", WHY))


async def none(app: Below) -> Any:
    """What is asked for is not to be had, and no form comes."""
    await app.goes_on.wait()


async def sure(app: Below) -> Any:
    """A question without a field."""
    await app.goes_on.wait()
    return await app.push_screen_wait(Ask("Sure?", (), ready=True))


async def chosen(app: Below) -> Any:
    """A form behind a choice."""
    column = Column("V", 4, lambda row: (str(row["v"]), PLAIN))
    row = await app.push_screen_wait(Pick("Which?", [column], [{"v": "a"}, {"v": "b"}], key_of="v", none="-"))
    await asyncio.sleep(0.02)
    return row, await app.push_screen_wait(Ask("Why?", WHY))


async def test_the_phrase_is_typed_before_the_gate_has_said_what_it_is() -> None:
    app = Below(dangerous)
    async with app.run_test() as pilot:
        app.type("o", *"erase", "space", "3", "enter", *"so", "enter")
        await until(pilot, lambda: isinstance(app.screen, DangerDialog))
        await pilot.pause(0.1)
        assert app.screen.query_one("#danger-phrase", Line).value == ""
        app.goes_on.set()
        await until(pilot, lambda: app.answers)
        assert (app.answers, app.acted) == (["done: so"], [])


async def test_esc_leaves_a_dialog_that_waits_for_the_gate() -> None:
    app = Below(dangerous)
    async with app.run_test() as pilot:
        app.type("o", *"erase")
        await until(pilot, lambda: isinstance(app.screen, DangerDialog) and app.screen.is_mounted)
        await pilot.press("escape")
        await until(pilot, lambda: app.answers)
        assert (app.answers, app.acted) == ([None], [])


@pytest.mark.parametrize(("end", "answer"), [("enter", {"why": "xqs"}), ("escape", None)])
async def test_a_form_that_comes_late_has_what_was_typed(end: str, answer: Any) -> None:
    app = Below(late)
    async with app.run_test() as pilot:
        app.type("o", *"xqs", end)
        await pilot.pause(0.1)
        assert app.acted == []
        app.goes_on.set()
        await until(pilot, lambda: app.answers)
        assert (app.answers, app.acted) == ([answer], [])


async def test_where_no_form_comes_nobody_has_it_and_keys_work_again() -> None:
    app = Below(none)
    async with app.run_test() as pilot:
        app.type("o", *"xqs")
        await pilot.pause(0.1)
        app.goes_on.set()
        await until(pilot, lambda: app.answers)
        await pilot.pause(0.1)
        await pilot.press("e")
        await until(pilot, lambda: app.acted)
        assert app.acted == ["e"]


async def test_a_question_is_not_answered_before_it_is_seen() -> None:
    app = Below(sure)
    async with app.run_test() as pilot:
        app.type("o", "enter", "x")
        await pilot.pause(0.1)
        app.goes_on.set()
        await until(pilot, lambda: isinstance(app.screen, Ask) and app.screen.is_mounted)
        await pilot.pause(0.1)
        assert (app.answers, app.acted) == ([], [])
        await pilot.press("enter")
        await until(pilot, lambda: app.answers)


async def test_what_is_typed_goes_on_from_a_choice_to_its_form() -> None:
    app = Below(chosen)
    async with app.run_test() as pilot:
        app.type("o", "j", "enter", *"xqs", "enter")
        await until(pilot, lambda: app.answers)
        assert (app.answers, app.acted) == ([({"v": "b"}, {"why": "xqs"})], [])
