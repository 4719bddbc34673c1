"""Every mode, at three sizes and in three themes: nothing is hard to read, cut, or outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from console.modes.listing import ListMode
from console.theme import THEMES
from console.widgets.report import Report
from tests.console.conftest import screen_text, shows, steps, until
from tests.console.tour import LEAST, SCENES, SIZES, console, faults, old_gate, ratio, resize, segments, walk

LOOKS = [(size, theme) for size in SIZES for theme in THEMES]


async def test_each_scene_at_one_size_in_one_theme(tmp_path: Path) -> None:
    """Not each in all of them, which is a minute: each size and theme has four. ``tour`` draws all."""
    found = {}
    with old_gate(tmp_path) as served:
        async with console(served) as pilot:
            for place, scene in enumerate(SCENES):
                size, theme = LOOKS[place * len(LOOKS) // len(SCENES)]
                if pilot.app.size != size:
                    await pilot.resize_terminal(*size)
                pilot.app.theme = theme.name
                await walk(pilot, scene)
                if wrong := faults(pilot.app):
                    found[f"{scene.name} {size} {theme.name}"] = wrong
    assert found == {}


async def test_every_mode_and_row_at_every_size_reads_the_same_in_every_theme(tmp_path: Path) -> None:
    """Nothing is cut, no field has its name in JSON, nothing hides below an empty screen, days are below weekdays."""
    found = dict[str, object]()
    rows = ("contact", "call", "recording", "request", "leaf")
    modes_and_rows = [each for each in SCENES if each.name in rows or (len(each.keys) == 1 and each.keys[0].isdigit())]
    with old_gate(tmp_path) as served:
        async with console(served) as pilot:
            for size in SIZES:
                await resize(pilot, size)
                for scene in modes_and_rows:
                    await walk(pilot, scene)
                    await steps()(pilot)
                    text = screen_text(pilot.app)
                    if wrong := faults(pilot.app):
                        found[f"{scene.name} {size}"] = wrong
                    for theme in (*THEMES[1:], THEMES[0]) if scene.keys[0].isdigit() else ():
                        pilot.app.theme = theme.name
                        await steps()(pilot)
                        if screen_text(pilot.app) != text:
                            found[f"{scene.name} {size} {theme.name}"] = "another text"
    assert found == {}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_tone_stands_out_from_whatever_is_behind_it(theme: Theme) -> None:
    tones = {name: getattr(theme, name) for name in ("primary", "accent", "foreground", "success", "warning", "error")}
    tones["muted"] = theme.variables["muted"]
    behind = {name: getattr(theme, name) for name in ("background", "surface", "panel")}
    behind["cursor"] = theme.variables["cursor"]
    faint = {
        (tone, back): round(found, 1)
        for tone, colour in tones.items()
        for back, other in behind.items()
        if (found := ratio(Color.parse(colour), Color.parse(other))) < LEAST[theme.name]
    }
    assert faint == {}


async def test_without_colours_every_state_is_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    said = {
        "today": ("OVERDUE 1 d", "! OVERDUE", "TPS 26 d", "soon: 4 d"),
        "live": ("talking", "announcing", "ringing", "playing", "not rec."),
        "registers": ("ok",),
        "calls": ("block", "allow", "refused", "dialling"),
        "retention": ("15 today", "+1h"),
        "requests": ("OVERDUE 1 d", "paused, 30 d", "waits for proof"),
    }
    with old_gate(tmp_path) as served:
        async with console(served) as pilot:
            for scene in (each for each in SCENES if each.name in said):
                await walk(pilot, scene)
                await until(pilot, shows(pilot, *said[scene.name]))
                colours = {
                    each.triplet for style, *_ in segments(pilot.app) for each in (style.color, style.bgcolor) if each
                }
                assert all(len({*colour}) == 1 for colour in colours if colour), scene.name


async def test_the_row_stands_beside_its_list_and_opens(tmp_path: Path) -> None:
    with old_gate(tmp_path) as served:
        async with console(served) as pilot:
            app = pilot.app
            await pilot.resize_terminal(*SIZES[-1])
            for scene in (each for each in SCENES if all(key.isdigit() or key == "tab" for key in each.keys)):
                await walk(pilot, scene)
                if not isinstance(app.screen, ListMode) or not app.screen.VIEWS or app.screen.table.row is None:
                    continue
                beside, here = app.screen.query_one("#preview Report", Report), app.screen
                await until(pilot, lambda: len(beside.plain.splitlines()) > 2)  # noqa: B023
                await pilot.press("enter")
                await until(pilot, lambda: app.screen is not here)  # noqa: B023
                await steps()(pilot)
                assert len(screen_text(app).split()) > 30, scene.name
                await pilot.press("escape")
                await until(pilot, lambda: app.screen is here)  # noqa: B023
