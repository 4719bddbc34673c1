"""Every mode as it looks at three sizes in three themes: ``python -m tests.console.tour FOLDER [SCENE…]`` has it drawn.

One gate for all of it: the recorded day of a gate that is a year old, with contacts, requests and a checkpoint. What
``faults`` finds in a picture, a test holds to be nothing; the rest is for eyes.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.command import CommandPalette
from textual.filter import dim_color
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Static

from console.theme import CONTRAST, THEMES
from console.widgets.footer import KeyLine
from console.widgets.rows import RowsTable
from gate.control.client import ControlClient
from tests.console.asked import board
from tests.console.conftest import app_of, screen_text, shows, steps, until
from tests.console.look import page
from tests.console.served import Served
from tests.console.test_audit import Bundler
from tests.console.test_contacts import Disk, kept
from tests.console.test_retention import year_ago

SIZES = ((80, 24), (120, 40), (200, 50))
LEAST = {theme.name: 7.0 if theme is CONTRAST else 4.5 for theme in THEMES}
"""Contrast of text with what is behind it: WCAG 2.2, 1.4.3 (AA), and for high contrast 1.4.6 (AAA)."""


@dataclass(frozen=True)
class Scene:
    """A place in the console: how one gets there from anywhere, and what stands there."""

    name: str
    keys: Sequence[str]
    then: Sequence[str]


SCENES = (
    Scene("today", ("0",), ("sweep",)),
    Scene("attention", ("0", "!"), ("What somebody must see to",)),
    Scene("find", ("0", "F"), ("Find",)),
    Scene("live", ("1",), ("calls in hand",)),
    Scene("registers", ("2",), ("tps_ns.txt",)),
    Scene("imports", ("tab",), ("[imports]", "2 rows")),
    Scene("objections", ("tab",), ("[objections]", "rows")),
    Scene("consents", ("tab",), ("[consents]", "rows")),
    Scene("consent", ("a",), ("Who gave it",)),
    Scene("contacts", ("3",), ("59 rows",)),
    Scene("contact", ("enter",), ("As it was screened", "A check now", "Verdict")),
    Scene("changes", ("3", "tab"), ("[changes]", "rows")),
    Scene("bad rows", ("tab",), ("[bad rows]", "rows")),
    Scene("calls", ("4",), ("dialling", "rows")),
    Scene("call", (*"jjjjj", "enter"), ("Registers as they were",)),
    Scene("ladder", ("l",), ("phones", "carrier", "INVITE")),
    Scene("sort", ("4", "S"), ("Sort by",)),
    Scene("recordings", ("5",), ("closed", "rows")),
    Scene("recording", ("enter",), ("Sealed to",)),
    Scene("retention", ("6",), ("July 2026",)),
    Scene("holds", ("tab",), ("[holds]", "rows")),
    Scene("sweep", ("s",), ("sweep",)),
    Scene("requests", ("7",), ("DSR-2026-0001",)),
    Scene("request", ("enter",), ("What may be done now",)),
    Scene("letters", ("l",), ("which letter?",)),
    Scene("letter", ("enter",), ("DSR-2026-0001: acknowledgement", "Subject")),
    Scene("requests listed", ("7", "tab"), ("[",)),
    Scene("audit", ("8",), ("rows", "dialgate.example+")),
    Scene("leaf", ("enter",), ("Leaf",)),
    Scene("checkpoints", ("8", "tab"), ("[checkpoints]",)),
    Scene("keys", ("tab",), ("[keys]",)),
    Scene("verification", ("v",), ("Verify the log?",)),
    Scene("reports", ("8", "R"), ("Reports, and how",)),
    Scene("month", ("8", "R", "enter"), ("The figures of a month",)),
    Scene("moment", ("0", "at"), ("Show the gate as it stood",)),
    Scene("help", ("8", "question_mark"), ("Keys here",)),
    Scene("palette", ("8", "ctrl+p"), ("Search for commands",)),
)


@contextmanager
def old_gate(folder: Path) -> Iterator[Served]:
    """A gate that has something to show in every mode."""
    served = Served(folder)
    year_ago(served)
    served.start()
    try:
        kept(served)
        board(served)
        ControlClient(served.socket).call("audit_checkpoint")
        yield served
    finally:
        served.stop()


@asynccontextmanager
async def console(served: Served) -> AsyncIterator[Pilot[Any]]:
    """The console at it."""
    app = app_of(served, opener=Bundler(Path("/media/ann")), files=Disk(), exports=Path("/srv/exports"))
    async with app.run_test(size=SIZES[0]) as pilot:
        await steps()(pilot)
        yield pilot


async def walk(pilot: Pilot[Any], scene: Scene) -> None:
    """To a scene: a mode is begun anew, with its first list; anything else goes on from where the scene before was."""
    if scene.keys[0].isdigit():
        while len(pilot.app.screen_stack) > 1:
            below = len(pilot.app.screen_stack)
            await pilot.press("escape")
            await until(pilot, lambda: len(pilot.app.screen_stack) < below)  # noqa: B023 - called before it changes
    for place, key in enumerate(scene.keys):
        await steps(key)(pilot)
        if place == 0 and key.isdigit() and hasattr(pilot.app.screen, "show_view"):
            pilot.app.screen.show_view(0)
            await steps()(pilot)
    await until(pilot, shows(pilot, *scene.then))
    pilot.app.clear_notifications()


async def resize(pilot: Pilot[Any], size: tuple[int, int]) -> None:
    """The terminal has another size, and the screen is laid out for it."""
    await pilot.resize_terminal(*size)
    await until(pilot, lambda: pilot.app.screen.size == size)


async def looks(pilot: Pilot[Any]) -> AsyncIterator[str]:
    """``80x24-dialgate`` and so on: the scene that is there, at every size in every theme."""
    for width, height in SIZES:
        await resize(pilot, (width, height))
        for theme in THEMES:
            pilot.app.theme = theme.name
            if isinstance(pilot.app.screen, CommandPalette):  # it keeps the colours that it was opened with
                await steps("escape", "ctrl+p")(pilot)
            await steps()(pilot)
            yield f"{width}x{height}-{theme.name}"


# --- what a program can see -----------------------------------------------------------------------------------------

_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_DRAWN = frozenset("│─┌┐└┘├┤┬┴┼╭╮╰╯━▌▐▁▂▃▄▅▆▇█▏▎▍▋▊▉▔░▒▓╸╺▖▗▘▝▀·…┃")


def faults(app: Any) -> list[str]:
    """What is wrong with a screen: text that is hard to read, or cut, or outside."""
    return [*_faint(app), *_outside(app), *_cut(app), *_names(app), *_empty(app), *_beside_weekdays(app), *_days(app)]


def _days(app: Any) -> Iterator[str]:
    """A person reads a day as ``19 Jul 2026``, everywhere."""
    yield from (f"a day that is no day to read: {found}" for found in _DAY.findall(screen_text(app)))


def _faint(app: Any) -> Iterator[str]:
    """What is behind a dialog is faint on purpose; so is a button that cannot be pressed yet (WCAG 2.2, 1.4.3)."""
    least, seen = LEAST[app.theme], set[str]()
    modal = isinstance(app.screen, ModalScreen)
    frames = [each.region for each in app.screen.children] if modal else [app.screen.region]
    idle = [each.region for each in app.screen.query("*:disabled")]
    for style, text, at in segments(app):
        inside = any(frame.contains(*at) for frame in frames) and not any(each.contains(*at) for each in idle)
        if inside and set(text) - _DRAWN - {" "} and style.color is not None and style.bgcolor is not None:
            behind, colour = style.bgcolor, style.color
            if style.dim:
                colour = dim_color(behind, colour)
            if style.reverse:
                behind, colour = colour, behind
            one, two = (Color.from_rich_color(each, app.ansi_theme) for each in (behind, colour))
            found = ratio(one, two)
            if found < least and (said := f"{two.hex} on {one.hex} is {found:.1f}: {text.strip()[:30]!r}") not in seen:
                seen.add(said)
                yield said


def segments(app: Any) -> Iterator[tuple[Style, str, tuple[int, int]]]:
    """Style, text, and column and line of all that is on the screen."""
    for y, strip in enumerate(app.screen._compositor.render_strips()[: app.size.height]):
        x = 0
        for segment in strip:
            yield segment.style or Style.null(), segment.text, (x, y)
            x += cell_len(segment.text)


def _outside(app: Any) -> Iterator[str]:
    """Dialogs and their fields, and the frame of every screen: what is in a list or a report may scroll."""
    for widget in app.screen.query("Dialog > *, StatusLine, KeyLine, FilterLine"):
        if widget.display and not app.screen.region.contains_region(widget.region):
            yield f"{widget!r} is outside: {widget.region}"
    for strip in app.screen._compositor.render_strips():
        if strip.cell_length != app.size.width:
            yield f"a line is {strip.cell_length} wide"


def _cut(app: Any) -> Iterator[str]:
    for line in app.screen.query(KeyLine):
        if cell_len(line.text) > app.size.width:
            yield f"the keys are cut: {line.text!r}"
    for table in app.screen.query(RowsTable):
        for column, size in table._sized if table.display and table.size else ():
            if cell_len(column.heading) > size:
                yield f"a heading is cut: {column.heading!r}"
    for static in app.screen.query(Static):
        said = str(static.content)
        if static.size.height == 1 and (over := cell_len(said) - static.content_size.width) > 0:
            yield f"{over} cells are cut: {said!r}"


def _names(app: Any) -> Iterator[str]:
    """Words as JSON has them. Files and actions have such names; below ``Proof`` are the bytes that the log hashes."""
    text = re.sub(r"\w+\.\w+", " ", screen_text(app).partition("\n Proof\n")[0])
    yield from (f"a field's name: {name!r}" for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text))
    yield from (f"JSON: {part!r}" for part in re.findall(r'[{\[]".*|": .*', text))


def _empty(app: Any) -> Iterator[str]:
    """The lower two thirds above the keys are empty, and something must be scrolled to be seen."""
    lines = screen_text(app).splitlines()
    if not any(line.strip() for line in lines[len(lines) // 3 : -1]):
        yield from (f"{each!r} is hidden below" for each in app.screen.query("*") if each.display and each.max_scroll_y)


def _beside_weekdays(app: Any) -> Iterator[str]:
    """The last digit of each day of a month's first week is below the middle letter of its weekday."""
    lines = screen_text(app).splitlines()
    for heads, days in pairwise(lines):
        if heads.split()[:7] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]:
            middles = [found.start() + 1 for found in re.finditer(r"[A-Z]", heads)]
            digits = [found.start() for found in re.finditer(r"\d\b", days)]
            if not digits or digits != middles[-len(digits) :]:
                yield f"not below their weekdays: {days!r}"


def ratio(one: Color, two: Color) -> float:
    """WCAG 2.2: of the relative luminances."""
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


async def draw(folder: Path, names: Sequence[str]) -> None:
    """Pictures, what each shows as text, and pages of PNG on which those of a size and a theme stand together."""
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, list[Path]] = {}
    with tempfile.TemporaryDirectory(prefix="dialgate-tour-") as data, old_gate(Path(data)) as served:
        async with console(served) as pilot:
            for scene in SCENES:
                pilot.app.theme = THEMES[0].name
                await walk(pilot, scene)
                async for look in looks(pilot) if not names or scene.name in names else _none():
                    path = folder / f"{scene.name.replace(' ', '-')}-{look}.svg"
                    path.write_text(pilot.app.export_screenshot(title=path.stem), encoding="utf-8")
                    path.with_suffix(".txt").write_text(screen_text(pilot.app) + "\n", encoding="utf-8")
                    made.setdefault(look, []).append(path)
                    for fault in faults(pilot.app):
                        print(f"{scene.name} {look}: {fault}")
                await resize(pilot, SIZES[0])
    for look, pictures in made.items():
        columns, on_page = (1, 2) if look.startswith("200") else (2, 4)
        for at in range(0, len(pictures), on_page):
            page(pictures[at : at + on_page], columns, folder / f"page-{look}-{at // on_page}.png")


async def _none() -> AsyncIterator[str]:
    return
    yield ""


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]), sys.argv[2:]))
