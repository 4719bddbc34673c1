"""What is typed before a dialog can take it: the dialog's in order, or nobody's; never the list's below."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from textual import events, work
from textual.app import App
from textual.binding import Binding

from console.modes.calls import CallDetail
from console.modes.detail import DetailScreen
from console.modes.recordings import RecordingDetail
from console.modes.request_detail import RequestDetail
from console.modes.retention_day import DayScreen
from console.theme import PLAIN, THEMES
from console.typed_ahead import TypedAhead
from console.widgets.ask import Ask, Field
from console.widgets.danger import Danger, DangerDialog, Plan
from console.widgets.dialog import Line
from console.widgets.pick import Pick
from console.widgets.rows import Column
from gate.control.client import ControlClient
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, until
from tests.console.served import Served

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
        type_at_once(self, *keys)


def type_at_once(app: App[Any], *keys: str) -> None:
    """As a fast hand, or a slow line, gives them."""
    signs = {"space": " ", "slash": "/", "question_mark": "?", "colon": ":", "exclamation_mark": "!"}
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else signs.get(key)))


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


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The recorded day, and somebody who asks what is held."""
    served = Served(tmp_path_factory.mktemp("asked")).start()
    who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": ["020 7946 0124"]}
    ControlClient(served.socket).call("request_open", asks="access", channel="post", **who)
    yield served
    served.stop()


async def test_a_burst_goes_through_a_mode_its_filter_a_call_and_its_recording(shared: Served) -> None:
    app, recordings = app_of(shared), ControlClient(shared.socket).call("recording_list", limit=1)["items"]
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        type_at_once(app, "4", "slash", *recordings[0]["call_id"][:10], "enter", "enter", "o")
        await until(pilot, lambda: isinstance(app.screen, RecordingDetail))
        assert app.screen_stack[-2].call_id == app.screen._call_id


async def test_a_burst_through_lists_and_back_loses_none_of_it(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        type_at_once(app, "2", "tab", "tab", "slash", *"zzz", "escape", "4", "j", "j", "enter", "escape", "j")
        await until(pilot, lambda: app.screen.MODE == "calls" and not app._held)
        await until(pilot, lambda: app.screen.table.cursor == 3)


def filled(**values: str) -> Callable[[Any], bool]:
    """A form has these texts in its fields."""

    def there(app: Any) -> bool:
        return all(
            [line.value for line in app.screen.query(Line) if line.id == name] == [text]
            for name, text in values.items()
        )

    return there


def opened(kind: type[Any]) -> Callable[[Any], bool]:
    return lambda app: isinstance(app.screen, kind)


BURSTS: dict[str, tuple[tuple[str, ...], Callable[[Any], bool]]] = {
    "live": (("1", "tab", "tab", "j", "escape", "4", "G"), lambda app: app.screen.table.cursor == 181),
    "number": (("2", "n", *"07700 900123"), filled(number="07700 900123")),
    "objection": (("2", "tab", "tab", "a", *"020 7946 0018", "enter", *"qps"), filled(number="020 7946 0018")),
    "contacts": (("3", "tab", "slash", *"zz", "enter", "5", "j"), lambda app: app.screen.table.cursor == 1),
    "sorted": (("4", "S", "j", "enter", "enter"), opened(CallDetail)),
    "leaf": (("8", "j", "enter"), opened(DetailScreen)),
    "keys": (("8", "tab", "tab", "shift+tab"), lambda app: "[checkpoints]" in screen_text(app)),
    "report": (("8", "R", "slash", *"month", "enter", "enter"), lambda app: isinstance(app.screen, Ask)),
    "hold": (("6", "tab", "a", *"qpds17"), filled(which="qpds17")),
    "day": (("6", "enter"), opened(DayScreen)),
    "board": (("7", "enter"), opened(RequestDetail)),
    "request": (("7", "n", "enter", "enter", *"Sam"), filled(name="Sam")),
    "grounds": (("7", "enter", "minus"), lambda app: "refuse on which ground" in screen_text(app)),
    "today": (("0", "G", "4", "j", "j"), lambda app: app.screen.MODE == "calls" and app.screen.table.cursor == 2),
    "find": (("F", *"carys", "enter", "j"), lambda app: app.screen.MODE == "calls" and app.screen.table.cursor == 1),
    "palette": (("4", "colon", *"sort by a", "enter", "j", "enter", "enter"), opened(CallDetail)),
    "help": (("4", "question_mark", "slash", *"sort col", "enter", "enter", "j", "enter", "enter"), opened(CallDetail)),
    "attention": (("exclamation_mark", "escape", "4", "j"), lambda app: app.screen.table.cursor == 1),
    "manual": (("question_mark", "m", "escape", "5", "j"), lambda app: app.screen.table.cursor == 1),
}
"""Place -> keys that are typed at once, and what comes of them all."""


@pytest.mark.parametrize("place", BURSTS)
async def test_a_burst_loses_nothing_at_any_place(asked: Served, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMES_SECONDS", "NEXT_SECONDS", "BROUGHT_SECONDS"):  # of a machine that is never too busy
        monkeypatch.setattr(f"console.typed_ahead.{name}", 3600.0)
    burst, there = BURSTS[place]
    app = app_of(asked)
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        type_at_once(app, *burst)
        await until(pilot, lambda: not app._held and there(app))


async def test_what_never_comes_holds_no_key_for_long(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.typed_ahead.BROUGHT_SECONDS", 0.1)
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        monkeypatch.setattr(app.feed, "ask", never)
        type_at_once(app, "4", "S")
        await until(pilot, lambda: isinstance(app.screen, Pick))


async def test_a_mode_that_waits_for_its_list_is_left_at_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        monkeypatch.setattr(app.feed, "ask", never)
        monkeypatch.setattr("console.typed_ahead.BROUGHT_SECONDS", 3600.0)
        type_at_once(app, "4", "5", "7")
        await until(pilot, lambda: app.screen.MODE == "requests")


async def never(*_: Any, **__: Any) -> None:
    """The gate takes a question, and does not answer."""
    await asyncio.Event().wait()
