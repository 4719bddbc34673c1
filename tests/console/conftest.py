from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import textual.app
import textual.pilot
from textual._context import visible_screen_stack
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

from console.app import ConsoleApp
from console.feed import MOST
from console.setup import Setup
from console.theme import THEMES
from tests.console.served import Served
from tests.console.stillness import handled, still
from tests.support.waiting import PATIENCE

SMALL, LARGE = (80, 24), (120, 40)
DRAW_AT_ONCE = Screen._compositor_refresh
SEEN = WeakKeyDictionary[App[Any], tuple[Screen[Any], str]]()
"""What was last looked at, and is still on the screen."""


@pytest.fixture(scope="package", autouse=True)
def parsed_once() -> Iterator[None]:
    """Style sheets are parsed once for all apps of a process, and not twice for each: the same text with the same
    variables gives the same rules, which an app's own style sheet keeps and shares, too."""
    parse, known = Stylesheet._parse_rules, dict[Any, dict[Any, list[RuleSet]]]()
    of = WeakKeyDictionary[Stylesheet, tuple[Any, dict[Any, list[RuleSet]]]]()

    def parsed(self: Stylesheet, css: str, read_from: Any, *rest: Any, **more: Any) -> list[RuleSet]:
        variables, rules = of.get(self, (None, {}))
        if variables is not self._variables:  # which is another one with each theme
            rules = known.setdefault(tuple(self._variables.items()), {})
            of[self] = self._variables, rules
        key = (css, read_from, rest, tuple(more.items()))
        if key not in rules:
            rules[key] = parse(self, css, read_from, *rest, **more)
        return rules[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed)
        patch.setattr(RuleSet, "__hash__", object.__hash__)  # the same, and a tenth of styling without a call of Python
        yield


@pytest.fixture(scope="package", autouse=True)
def drawn_when_looked_at() -> Iterator[None]:
    """What no terminal shows is drawn when a test looks at it (``screen_text``, a picture) and at the end of each app,
    where an error in drawing still fails the test; not at each change, which was a third of the time."""
    shut_down = App._shutdown

    def put_off(self: Screen[Any]) -> None:
        SEEN.pop(self.app, None)
        if self.app.is_inline or self is not self.app.screen:
            DRAW_AT_ONCE(self)
            return
        self._dirty_widgets.clear()
        self.app._update_mouse_over(self)

    async def drawn_once_more(self: App[Any]) -> None:
        try:
            if self._exception is None and self.screen_stack and SEEN.get(self, (None,))[0] is not self.screen:
                self.screen._compositor.render_update(full=True, screen_stack=self._background_screens)
        finally:
            await shut_down(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "_compositor_refresh", put_off)
        patch.setattr(App, "_shutdown", drawn_once_more)
        yield


@pytest.fixture(scope="package", autouse=True)
def waited_for_no_longer() -> Iterator[None]:
    """A key is pressed, and a pause is over, as soon as the console is still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pilot, "_wait_for_screen", handled)
        for module in (textual.app, textual.pilot):
            patch.setattr(module, "wait_for_idle", still)
        yield


@pytest.fixture(scope="package", autouse=True)
def garbage_as_ever() -> Iterator[None]:
    """What ``settle`` keeps to the end of a console would be kept to the end of the process, each console of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("console.app.settle", lambda: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def asked_by_root() -> Iterator[None]:
    """The account that runs the tests has the name that is in the pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gate.control.authorisation.user", lambda _: "user:root(0)")
        yield


@pytest.fixture
def drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each change, as in a terminal."""
    monkeypatch.setattr(Screen, "_compositor_refresh", DRAW_AT_ONCE)


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The recorded day, for tests that change nothing."""
    served = Served(tmp_path_factory.mktemp("day")).start()
    yield served
    served.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The recorded day, for a test that changes something."""
    served = Served(tmp_path).start()
    yield served
    served.stop()


def app_of(served: Served, **setup: Any) -> ConsoleApp:
    """The console at the day's gate, begun with Live; its clock stands, nothing moves by itself."""
    app = ConsoleApp(Setup(**{"socket": served.socket, "now": served.clock.now, "mode": "live"} | setup))
    app.animation_level = "none"
    return app


class Themed(App[None]):
    """An app of a test's own with the console's colours: for one widget alone, and no gate."""

    feed = SimpleNamespace(leaves=0)

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name
        self.animation_level = "none"


async def until(pilot: Pilot[Any], true: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Until something is so."""
    end = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < end, f"not within {seconds} s\n{screen_text(pilot.app)}"
        await pilot.pause(0.02)
    await pilot.pause()


def screen_text(app: Any) -> str:
    """What is on the screen, as text: drawn where a terminal would have been drawn on since it was last looked at."""
    screen, text = SEEN.get(app, (None, ""))
    if screen is not app.screen:
        visible_screen_stack.set(app._background_screens)  # what shows through
        lines = app.screen._compositor.render_strips()[: app.size.height]
        text = "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)
        SEEN[app] = app.screen, text
    return text


def shows(pilot: Pilot[Any], *texts: str) -> Callable[[], bool]:
    """For ``until``: all of these are on the screen, or in what a dialog says is wrong: how the lines of that are
    wrapped depends on how long the path of a file is."""

    def there() -> bool:
        faults = [str(line.content) for line in pilot.app.screen.query(".dialog-fault").results(Static)]
        seen = "\n".join([screen_text(pilot.app), *faults])
        return all(text in seen for text in texts)

    return there


def answered(pilot: Pilot[Any]) -> Callable[[], bool]:
    """For ``until``: nothing is asked of the gate that it has not answered."""
    return lambda: pilot.app.feed._room._value == MOST


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type a text, and Enter."""
    await pilot.press(*("space" if sign == " " else sign for sign in text), "enter")
    await pilot.pause()


async def undone(pilot: Pilot[Any]) -> None:
    """Take the last act back: it is asked first."""
    await pilot.press("z")
    await until(pilot, shows(pilot, "Undo this?"))
    await pilot.press("enter")


Before = Callable[[Pilot[Any]], Awaitable[None]]


def steps(*keys: str, then: tuple[str, ...] = ()) -> Before:
    """For ``snap_compare``: the gate has been heard, these keys are pressed, these texts are there; no blinking.

    After each key what it asked of the gate is answered: Enter on a row that is not there yet opens nothing. ``~text``
    among the keys waits until the text is on the screen.
    """

    async def before(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: pilot.app.feed.snapshot and pilot.app.feed.link.up and pilot.app.attended)
        for key in keys:
            if key.startswith("~"):
                await until(pilot, shows(pilot, key[1:]))
                continue
            await pilot.press(key)
            await pilot.pause(0.05)
            await until(pilot, answered(pilot))
        if then:
            await until(pilot, shows(pilot, *then))
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause()

    return before
