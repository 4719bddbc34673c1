"""Forms: what was typed stays, words are people's, choices are choices, a paste is whole, Enter goes on."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from textual import events
from textual.widgets import Button, Input, Label

from console.modes.request_forms import call_time, day
from console.widgets.ask import NO_YES, Ask, Field
from console.widgets.choice import Choice
from console.widgets.danger import Danger, DangerDialog, Plan
from console.words import it_is
from gate.errors import UsageError
from tests.console.conftest import SMALL, Themed, app_of, screen_text, shows, typed, until
from tests.console.day import NOW
from tests.console.served import Served
from tests.support.waiting import PATIENCE


async def test_a_refused_form_keeps_what_was_typed_and_says_why(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("2")
        await until(pilot, shows(pilot, "2 rows"))
        await pilot.press("i")
        await until(pilot, shows(pilot, "Import a register", "[tps]", "ctps", "[no]", "yes"))
        form = app.screen
        path = form.query_one("#path", Input)
        assert app.focused is path
        path.value = "/nowhere/tps.txt"
        form.query_one("#as_of", Input).value = "31/02/2026"
        form.query_one("#accept_shrink").focus()
        await pilot.press("enter")
        await until(pilot, shows(pilot, "'31/02/2026' is not a day", "write 25/11/2026"))
        form.query_one("#as_of", Input).value = "14/7/2026"
        form.query_one("#accept_shrink").focus()
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Not taken:", "/nowhere/tps.txt", "14/7/2026"))
        assert app.screen is form, "the same form, as it was filled in"
        assert "regex" not in screen_text(app) and "str" not in screen_text(app).split()


async def test_what_must_be_filled_in_is_marked_and_what_holds_a_value_is_not() -> None:
    app = Themed()
    fields = [Field("why", "Why"), Field("note", "Note", needed=False), Field("stop", "Stop", choices=NO_YES)]
    async with app.run_test(size=SMALL) as pilot:
        app.push_screen(Ask("Why is that?", fields))
        await until(pilot, shows(pilot, "Why *", "* needed"))
        assert [line.count("*") for line in screen_text(app).splitlines() if "*" in line] == [1, 1]
        label, value = app.screen.query("Label").first(Label), app.screen.query_one("#why", Input)
        assert value.region.x == label.region.x + 2
        assert label.styles.color != value.styles.color


class Asked(Themed):
    """An app that asks one thing."""

    def __init__(self, dialog: Any) -> None:
        super().__init__()
        self.dialog = dialog
        self.told: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.told.append)


async def test_a_choice_is_made_with_arrows_space_or_a_letter_and_enter_goes_on() -> None:
    fields = (Field("sure", "Sure", choices=NO_YES), Field("kind", "Kind", "ctps", choices=("tps", "ctps")))
    app = Asked(Ask("Choose", fields))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "[no]", "[ctps]"))
        await pilot.press("y", "enter", "space", "right", "left")
        assert [each.value for each in app.screen.query(Choice)] == ["yes", "tps"]
        await pilot.press("enter")
        await until(pilot, lambda: app.told == [{"sure": "yes", "kind": "tps"}])


async def test_several_lines_that_are_pasted_are_taken_whole_and_a_passphrase_of_several_is_refused() -> None:
    fields = (
        Field("address", "Address"),
        Field("numbers", "Numbers", join=", "),
        Field("passphrase", "Passphrase", secret=True),
    )
    app = Asked(Ask("Paste", fields))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        for text in ("1 High Street\nLeeds\r\nLS1 1AA\n", "020 7946 0001\n020 7946 0002", "one\ntwo"):
            app.post_message(events.Paste(text))
            await pilot.pause()
            await pilot.press("tab")
        values = {each.id: each.value for each in app.screen.query(Input)}
        assert values == {
            "address": "1 High Street Leeds LS1 1AA",
            "numbers": "020 7946 0001, 020 7946 0002",
            "passphrase": "",
        }


async def test_behind_the_last_field_enter_does_what_cannot_be_undone_and_what_is_typed_is_the_phrase() -> None:
    done: list[str] = []

    async def dry_run() -> Plan:
        return Plan("digest", (), "erase 3")

    async def act(digest: str, reason: str, _progress: Any) -> str:
        done.append(reason)
        return "done"

    app = Asked(DangerDialog(Danger("Sweep", "It is erased.", "Erase", dry_run, act)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Type: erase 3"))
        assert app.focused is app.screen.query_one("#danger-phrase")
        await typed(pilot, "erase 2")
        await typed(pilot, "over")
        await until(pilot, shows(pilot, "Type: erase 3"))
        assert not done
        app.screen.query_one("#danger-phrase", Input).value = ""
        app.screen.query_one("#dialog-cancel").focus()
        await typed(pilot, "erase 3")
        await pilot.press("enter")
        await until(pilot, lambda: app.told == ["done"])
        assert done == ["over"]


def test_days_and_times_are_typed_as_the_british_write_them() -> None:
    it_is(NOW)
    assert day("14/7") == day("14 Jul 2026") == day("yesterday") == date(2026, 7, 14)
    since, until_ = call_time("14/7 14:30 45m")
    assert since is not None and until_ is not None
    assert (f"{since:%d %H:%M}", f"{until_:%d %H:%M}") == ("14 13:45", "14 15:15")
    first, last = call_time("1/7 to 3/7")
    assert first is not None and last is not None and (first.day, last.day) == (1, 4)
    try:
        day("31/2/2026")
    except UsageError as error:
        assert "25/11/2026" in error.hint
    else:
        raise AssertionError("no such day")


async def test_an_answer_that_did_not_come_is_not_a_no(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate takes an objection, and takes longer than the console waits: the log says that it was taken."""
    monkeypatch.setattr("console.feed.ASK_SECONDS", 1.0)
    monkeypatch.setattr("console.feed.LOOK_SECONDS", 0.1)
    begun, go_on = threading.Event(), threading.Event()

    def slow(name: str) -> None:
        if name == "objection_add":
            begun.set()
            go_on.wait(PATIENCE)

    served.slow = slow
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.feed.link.up and app.feed.snapshot)
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        form = app.screen
        form.query_one("#number", Input).value = "020 7946 0999"
        form.query(Button).last().press()
        await until(pilot, begun.is_set)
        await until(pilot, shows(pilot, "It may have been taken: looking in the log"))
        assert "Not taken" not in screen_text(app)
        go_on.set()
        await until(pilot, shows(pilot, "It was taken: objection (leaf ", "Do not send it again"))


async def test_health_on_the_screen_is_that_of_readyz(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, shows(pilot, "gate up"))
        served.not_ready = ("register_stale", "evidence_rolled_back")
        served.clock.time += timedelta(seconds=2)
        await until(pilot, shows(pilot, "gate REFUSES: register stale +1"))
        assert "gate up" not in screen_text(app)
        served.not_ready = ()
        served.clock.time += timedelta(seconds=2)
        await until(pilot, shows(pilot, "gate up"))
