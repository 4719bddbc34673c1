"""Dialogs under keys that come twice: answered once, and what is below stays; work done here is not lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import Button, Static

from console.help import HelpScreen
from console.modes.recordings import RecordingDetail
from console.modes.request_doing import Passphrase
from console.widgets.ask import Ask, Field
from console.widgets.danger import Danger, DangerDialog, Plan
from console.widgets.dialog import Dialog, Line
from console.widgets.pick import Pick
from console.widgets.rows import Column
from console.widgets.working import Working
from gate.control.client import ControlClient
from gate.types import Progress
from tests.console.asked import CALLED
from tests.console.conftest import Themed, app_of, screen_text, shows, typed, until
from tests.console.opener import PASSPHRASE, MadeUpOpener
from tests.console.served import Served
from tests.support.waiting import PATIENCE


def at_once(app: Any, *keys: str) -> None:
    """Keys that are there together, as from a key that repeats or a line that stalled."""
    for key in keys:
        signs = {"enter": "\r", "space": " "}
        app.post_message(events.Key(key, signs.get(key, key if len(key) == 1 else None)))


async def test_two_enters_in_a_question_ask_once_and_leave_the_mode(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(110, 34)) as pilot:
        await pilot.press("2")
        await until(pilot, shows(pilot, "2 rows"))
        shared.asked.clear()
        await pilot.press("n", "0", "2", "enter")
        at_once(app, "enter", "enter")
        await until(pilot, lambda: shared.rows("check"))
        await pilot.pause(0.2)
        assert len(shared.rows("check", times=[])) == 1
        assert app.screen_stack[0].MODE == "registers"  # type: ignore[attr-defined]


async def test_two_enters_over_a_detail_hold_once_and_leave_the_detail(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("5")
        await until(pilot, shows(pilot, "closed", "rows"))
        await pilot.press(*"jjjjj", "enter")
        await until(pilot, shows(pilot, "Sealed to", "Holds"))
        await pilot.press("h")
        await until(pilot, shows(pilot, "Hold this recording"))
        await typed(pilot, "a claim")
        await typed(pilot, "case 99/2026")
        await pilot.press("c", "enter")
        at_once(app, "enter", "enter")
        await until(pilot, shows(pilot, "hold case 99/2026: a claim"))
        assert len(served.rows("hold_add")) == 1
        assert isinstance(app.screen, RecordingDetail)


async def test_two_escs_leave_one_detail_and_not_the_console(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("5")
        await until(pilot, shows(pilot, "closed", "rows"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Holds"))
        at_once(app, "escape", "escape", "escape")
        await pilot.pause(0.2)
        assert len(app.screen_stack) == 1


class Below(Screen[None]):
    """What must stay."""

    def compose(self) -> Any:
        yield Static("below")


class Over(Themed):
    """A dialog over a screen over another."""

    def __init__(self, made: Callable[[], Dialog[Any]]) -> None:
        super().__init__()
        self.made = made
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(Below())
        self.dialog = self.made()
        self.push_screen(self.dialog, self.answers.append)


async def nothing(*_given: Any) -> Any:
    """A plan where there is nothing to do."""
    return Plan("digest", (), "go")


COLUMNS = (Column("Value", 8, lambda row: (row["v"], "")),)
DIALOGS: Mapping[str, Callable[[], Dialog[Any]]] = {
    "ask": lambda: Ask("Ask", [Field("a", "A", "x")]),
    "pick": lambda: Pick("Pick", COLUMNS, [{"v": "a"}], key_of="v", none="-"),
    "danger": lambda: DangerDialog(Danger("Do", "It is done.", "Do", nothing, nothing, reason=False)),
    "help": lambda: HelpScreen(Below()),
}


@pytest.mark.parametrize("key", ["enter", "escape"])
@pytest.mark.parametrize("name", DIALOGS)
async def test_each_dialog_is_answered_once(name: str, key: str) -> None:
    app = Over(DIALOGS[name])
    async with app.run_test() as pilot:
        await pilot.pause(0.05)
        at_once(app, key, key, key)
        await pilot.pause(0.1)
        if (name, key) in (("help", "enter"), ("danger", "enter")):
            assert app.screen is app.dialog
            return
        assert len(app.answers) == 1 and isinstance(app.screen, Below)


async def test_a_second_enter_on_what_cannot_be_undone_does_it_once() -> None:
    done: list[str] = []

    async def act(digest: str, _reason: str, _progress: Any) -> str:
        done.append(digest)
        return "done"

    app = Over(lambda: DangerDialog(Danger("Do", "It is done.", "Do", nothing, act, reason=False)))
    async with app.run_test() as pilot:
        await until(pilot, shows(pilot, "Type: go"))
        app.screen.query_one("#danger-phrase").focus()
        await pilot.press("g", "o", "tab", "tab")
        await until(pilot, lambda: app.focused is app.screen.query_one("#danger-do", Button))
        at_once(app, "enter", "enter")
        await until(pilot, lambda: app.answers)
        assert done == ["digest"] and app.answers == ["done"] and isinstance(app.screen, Below)


async def test_an_answer_that_comes_under_another_screen_waits_for_its_turn() -> None:
    app = Over(lambda: Pick("Pick", COLUMNS, [{"v": "a"}], key_of="v", none="-"))
    async with app.run_test() as pilot:
        lies_above = Below()
        app.push_screen(lies_above)
        app.dialog.dismiss("first")
        app.dialog.dismiss("second")
        await pilot.pause(0.05)
        assert app.answers == [] and app.screen is lies_above
        app.pop_screen()
        await until(pilot, lambda: app.answers)
        assert app.answers == ["first"] and isinstance(app.screen, Below)


# --- work that is done here ---------------------------------------------------------------------------------------


class Slow(MadeUpOpener):
    """Makes a pack, and writes a WAV, when it is told to; keeps what went wrong on its thread."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.goes_on = threading.Event()
        self.faults: list[BaseException] = []

    def pack(self, request: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        try:
            progress(0.2, "Call of 1 March")
            self.goes_on.wait(PATIENCE)
            return super().pack(request, output, progress)
        except BaseException as error:
            self.faults.append(error)
            raise


def granted(served: Served) -> str:
    """The reference of an access request that was granted."""
    call = ControlClient(served.socket).call
    who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": [CALLED]}
    reference = str(call("request_open", asks="access", channel="post", **who)["reference"])
    call("request_verify_identity", request=reference, checked="passport seen")
    call("request_search", request=reference)
    call("request_decide", request=reference, grant=True)
    return reference


async def test_a_passphrase_in_the_burst_that_makes_a_pack_lands_in_its_own_field(
    served: Served, tmp_path: Path
) -> None:
    reference, opener = granted(served), MadeUpOpener(tmp_path)
    app = app_of(served, opener=opener, exports=tmp_path)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("7")
        await until(pilot, shows(pilot, reference))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "What may be done now"))
        at_once(app, "f", *({" ": "space"}.get(letter, letter) for letter in PASSPHRASE), "enter", "enter")
        await until(pilot, shows(pilot, "The pack is written", "apple-river"))
        assert [each[0] for each in opener.asked] == ["unlock", "pack"]
        assert PASSPHRASE not in str(opener.asked) + screen_text(app)


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_a_pack_cannot_be_left_and_its_passphrase_is_shown(served: Served, tmp_path: Path, key: str) -> None:
    reference = granted(served)
    opener = Slow(tmp_path)
    opener.unlock(tmp_path / "ann.key", PASSPHRASE)
    app = app_of(served, opener=opener, exports=tmp_path)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await pilot.press("7")
        await until(pilot, shows(pilot, reference))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "What may be done now"))
        await pilot.press("f")
        await until(pilot, shows(pilot, "Pack of DSR-"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Making", "Call of 1 March"))
        at_once(app, key, key)
        await pilot.pause(0.2)
        opener.goes_on.set()
        await until(pilot, shows(pilot, "The pack is written", "apple-river"))
        at_once(app, key, key)
        await pilot.pause(0.2)
        assert isinstance(app.screen, Passphrase), "not gone by a key that was meant for what was before"
        await pilot.press("tab", "enter")
        await until(pilot, shows(pilot, "What may be done now"))
        assert opener.faults == []


@pytest.mark.parametrize("what", ["pack", "wav", "wavs"])
async def test_a_file_that_cannot_be_written_leaves_the_form_as_it_was_filled_in(
    served: Served, tmp_path: Path, what: str
) -> None:
    opener = MadeUpOpener(tmp_path)
    opener.unlock(tmp_path / "ann.key", PASSPHRASE)
    app = app_of(served, opener=opener, exports=tmp_path)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        if what == "pack":
            reference = granted(served)
            await pilot.press("7")
            await until(pilot, shows(pilot, reference))
            await pilot.press("enter")
            await until(pilot, shows(pilot, "What may be done now"))
            await pilot.press("f")
            await until(pilot, shows(pilot, "Pack of DSR-"))
        else:
            await pilot.press("5")
            await until(pilot, shows(pilot, "closed", "rows"))
            await pilot.press(*"jjjjj", *(["enter"] if what == "wav" else []))
            if what == "wav":
                await until(pilot, shows(pilot, "Sealed to", "Holds"))
            await pilot.press("e")
            await until(pilot, shows(pilot, "opened for" if what == "wav" else "Export 1 recording"))
            if what == "wav":
                await typed(pilot, "complaint 17")
                await until(pilot, shows(pilot, "Export as a WAV"))
        form = app.screen
        field = form.query_one(Line)
        good, wrong = field.value, str(tmp_path / "nowhere" / "a.file")
        field.value = wrong
        for again in (wrong, good):
            assert field.value == wrong
            field.value = again
            await pilot.press("enter")
            if what == "wavs":
                await until(pilot, shows(pilot, "What is it opened for?"))
                await typed(pilot, "complaint 17")
            if again == wrong:
                await until(pilot, shows(pilot, "Not taken: there is no folder"))
                assert app.screen is form and app.focused is field
        await until(pilot, shows(pilot, "The pack is written" if what == "pack" else "Written:"))


async def test_progress_after_the_dialog_was_closed_hurts_nobody() -> None:
    tell: list[Any] = []

    async def act(progress: Any) -> None:
        tell.append(progress)
        await asyncio.sleep(10)

    app = Over(lambda: Working("Working", act))
    async with app.run_test() as pilot:
        await until(pilot, lambda: tell)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Below))
        tell[0](0.5, "half")
