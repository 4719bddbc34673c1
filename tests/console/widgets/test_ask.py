"""Questions in a dialog: typed by somebody who does not look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Button, Input, Static

from console.widgets.ask import Ask, Field, completed
from gate.errors import GateError, UsageError, WrongPassphrase
from tests.console.conftest import Themed, until

KEY = (Field("key", "Key file"), Field("passphrase", "Passphrase", secret=True))


class Asking(Themed):
    """An app that asks for a key file and its passphrase."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Mapping[str, str] | None] = []

    def on_mount(self) -> None:
        self.push_screen(Ask("Open a key", KEY), self.told.append)


def typed_ahead(app: Asking, *keys: str) -> None:
    """Keys that are all there before the first of them is looked at, as from a paste or a machine that was busy."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize("next_field", ["enter", "tab"])
async def test_what_is_typed_ahead_lands_in_its_own_field(next_field: str) -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        typed_ahead(app, *"a.key", next_field, *"s3cret")
        await until(pilot, lambda: app.screen.query_one("#passphrase", Input).value == "s3cret")
        assert app.screen.query_one("#key", Input).value == "a.key"
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        assert app.told == [{"key": "a.key", "passphrase": "s3cret"}]


async def test_enter_waits_for_the_last_letters() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        typed_ahead(app, *"a.key", "enter", *"s3cret", "enter")
        await until(pilot, lambda: app.told)
        assert app.told == [{"key": "a.key", "passphrase": "s3cret"}]


async def test_a_needed_field_is_asked_for_and_cancel_answers_nothing() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"a.key", "enter", "enter")
        assert not app.told
        assert app.focused is app.screen.query_one("#passphrase", Input)
        await pilot.press("s", "tab")
        assert isinstance(app.focused, Button)
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        assert app.told == [None]


async def test_the_keys_go_to_the_field_that_a_fault_names_and_nothing_lies_over_the_buttons() -> None:
    async def send(told: Mapping[str, str]) -> Any:
        raise UsageError(f"{told['number']!r} is not a number")

    app = Themed()
    async with app.run_test(notifications=True) as pilot:
        app.notify("said before", timeout=60)
        await until(pilot, lambda: len(app._notifications))
        app.push_screen(Ask("New", [Field("number", "Number"), Field("note", "Note", needed=False)], send=send))
        await until(pilot, lambda: isinstance(app.focused, Input))
        assert not len(app._notifications)
        await pilot.press(*"020", "enter", "enter")
        await until(pilot, lambda: app.focused is app.screen.query_one("#number"))


FORM = (
    Field("number", "Number", "020 7946 0001"),
    Field("source", "How it came", "told"),
    Field("output", "File", "/nowhere/at all/a.wav"),
    Field("passphrase", "Passphrase", secret=True, needed=False),
)


@pytest.mark.parametrize(
    ("error", "at"),
    [
        (UsageError("objection_add: Expected `str` of length <= 200 - at `$.source`"), "source"),
        (UsageError("there is no folder /nowhere/at all", hint="make it, or name another file"), "output"),
        (UsageError("/nowhere/at all/a.wav exists"), "output"),
        (UsageError("020 7946 0001 is no number of this country"), "number"),
        (UsageError("it is not known", hint="Give --source."), "source"),
        (WrongPassphrase("the passphrase does not open /nowhere/at all/a.wav"), "passphrase"),
        (UsageError("it is not known"), "passphrase"),
    ],
)
async def test_after_a_fault_the_keys_go_to_the_field_that_it_is_about(error: GateError, at: str) -> None:
    async def send(_told: Mapping[str, str]) -> Any:
        raise error

    app = Themed()
    async with app.run_test() as pilot:
        app.push_screen(Ask("New", FORM, send=send))
        await until(pilot, lambda: isinstance(app.focused, Input))
        app.screen.query_one("#dialog-ok", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, Input))
        assert app.focused is app.screen.query_one(f"#{at}")


async def test_a_path_is_completed_by_tab_and_its_tilde_is_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ann.key").touch()
    told: list[Any] = []
    app = Themed()
    async with app.run_test() as pilot:
        app.push_screen(Ask("Open a key", KEY), told.append)
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"~/ke", "tab")
        assert app.screen.query_one("#key", Input).value == "~/keys/"
        await pilot.press("a", "tab")
        assert app.screen.query_one("#key", Input).value == "~/keys/ann.key"
        await pilot.press("tab", *"s3cret", "enter")  # nothing is to be added: on to the passphrase
        await until(pilot, lambda: told)
        assert told == [{"key": f"{tmp_path}/keys/ann.key", "passphrase": "s3cret"}]


async def test_what_is_typed_ahead_of_a_completion_goes_into_the_next_field(tmp_path: Path) -> None:
    (tmp_path / "ann.key").touch()
    app = Asking()
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        typed_ahead(app, *f"{tmp_path}/an", "tab", *"s3cret")
        await until(pilot, lambda: app.screen.query_one("#passphrase", Input).value == "s3cret")
        assert app.screen.query_one("#key", Input).value == f"{tmp_path}/an"


def test_a_completion_goes_as_far_as_the_names_agree(tmp_path: Path) -> None:
    for name in ("june.bundle", "june.txt", "july.txt"):
        (tmp_path / name).touch()
    (tmp_path / "juno").mkdir()
    assert completed(f"{tmp_path}/j") == f"{tmp_path}/ju"
    assert completed(f"{tmp_path}/june.b") == f"{tmp_path}/june.bundle"
    assert completed(f"{tmp_path}/j", folders=True) == f"{tmp_path}/juno/"
    for whole in (f"{tmp_path}/juno", f"{tmp_path}/x", f"{tmp_path}/nowhere/x", "", "~", "~nobody-of-this-name/x"):
        assert completed(whole) == whole


async def test_a_hint_names_the_fields_of_the_form_and_leaves_commands_alone() -> None:
    hints = ["Give one of --as-of (a day) and --file.", "dialgate register import FILE --as-of DAY"]

    async def send(_told: Mapping[str, str]) -> Any:
        raise UsageError("it is not known", hint=hints.pop(0))

    fields = [Field("as_of", "The day it speaks of: 25/11", "x"), Field("file", "A file", "y")]
    app = Themed()
    async with app.run_test() as pilot:
        app.push_screen(Ask("Import", fields, send=send))
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("enter", "enter")
        fault = app.screen.query_one(".dialog-fault", Static)
        await until(pilot, lambda: "Give one of “The day it speaks of” (a day) and “A file”." in str(fault.content))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "dialgate register import FILE --as-of DAY" in str(fault.content))


async def test_a_long_fault_leaves_the_buttons_and_what_to_do_on_a_small_screen() -> None:
    async def refuses(told: Mapping[str, str]) -> None:
        raise UsageError("crm.csv is refused: " + "a line holds no number; " * 60, hint="fetch the file again")

    class Importing(Themed):
        def on_mount(self) -> None:
            fields = [Field(f"field{place}", f"Field {place}", "x") for place in range(5)]
            self.push_screen(Ask("Import", fields, said="It stays as it is.", act="Import", send=refuses))

    app = Importing()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*["enter"] * 5)
        fault = app.screen.query_one(".dialog-fault", Static)
        await until(pilot, lambda: "fetch the file again" in str(fault.content))
        await pilot.pause()
        for shown in (fault, app.screen.query_one("#dialog-ok"), app.screen.query_one("#dialog-cancel")):
            assert shown.region.y > 0 and shown.region.bottom <= 23, (shown, shown.region)
            assert app.screen.find_widget(shown).visible_region == shown.region, shown
