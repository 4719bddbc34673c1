"""What cannot be undone: shown first, bound to what is executed, typed, reasoned, with the focus on Cancel."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Button, Static

from console.widgets.danger import Danger, DangerDialog, Plan, Progress
from gate.errors import RefusedError
from tests.console.conftest import Themed, screen_text, shows, typed, until


class Gate:
    """Erases; its plan may change, and something may be held."""

    def __init__(self) -> None:
        self.due = 3
        self.done: list[tuple[str, str]] = []
        self.held: str = ""

    async def dry_run(self) -> Plan:
        return Plan(
            digest=f"digest-{self.due}",
            counts=[("erase", (f"{self.due} recordings", "bad")), ("keep", ("1 held", "warn"))],
            phrase=f"erase {self.due}",
            held=["hold claim 17/2026"],
            nothing="" if self.due else "Nothing is due.",
        )

    async def act(self, digest: str, reason: str, progress: Progress) -> str:
        progress(0.5, "half")
        if self.held:
            raise RefusedError(f"kept by {self.held}", reason="held", hint="release it first")
        if digest != f"digest-{self.due}":
            raise RefusedError("not what was shown", reason="plan_changed")
        self.done.append((digest, reason))
        return f"{self.due} recordings erased"


class Shown(Themed):
    """A screen under the dialog."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.answers: list[Any] = []

    def compose(self) -> ComposeResult:
        yield Static("below")

    def on_mount(self) -> None:
        what = Danger("Erase what is due", "This cannot be undone.", "Erase", self.gate.dry_run, self.gate.act)
        self.push_screen(DangerDialog(what), self.answers.append)


def button(app: App[None]) -> Button:
    return app.screen.query_one("#danger-do", Button)


async def test_the_phrase_has_the_focus_and_enter_alone_does_nothing() -> None:
    app = Shown(Gate())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "3 recordings", "hold claim 17/2026", "Type: erase 3"))
        assert app.focused is app.screen.query_one("#danger-phrase")
        assert button(app).disabled
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "Type: erase 3"))
        assert (app.gate.done, app.answers) == ([], [])
        await pilot.press("escape")
        await until(pilot, lambda: app.answers == [None])


async def test_what_is_typed_in_one_burst_when_it_is_drawn_goes_into_its_fields() -> None:
    app = Shown(Gate())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Type: erase 3"))
        for sign in ("erase 3", "\r", "their year is over", "\r"):
            for letter in sign:
                key = {" ": "space", "\r": "enter"}.get(letter, letter)
                app.post_message(events.Key(key, letter))
        await until(pilot, lambda: app.answers)
        assert app.answers == ["3 recordings erased"]


async def test_it_is_done_as_shown_after_the_phrase_and_a_reason() -> None:
    app = Shown(Gate())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Type: erase 3"))
        app.screen.query_one("#danger-phrase").focus()
        await typed(pilot, "erase 2")
        await typed(pilot, "their year is over")
        assert button(app).disabled, "another phrase than the one shown"
        app.screen.query_one("#danger-phrase").value = "erase 3"  # type: ignore[attr-defined]
        await until(pilot, lambda: not button(app).disabled)
        await pilot.click("#danger-do")
        await until(pilot, lambda: app.answers == ["3 recordings erased"])
        assert app.gate.done == [("digest-3", "their year is over")]


async def test_a_phrase_without_a_reason_is_not_enough() -> None:
    app = Shown(Gate())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Type: erase 3"))
        app.screen.query_one("#danger-phrase").focus()
        await typed(pilot, "erase 3")
        assert button(app).disabled


async def test_where_it_would_be_another_thing_now_it_is_shown_again_and_nothing_is_done() -> None:
    app = Shown(Gate())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Type: erase 3"))
        app.screen.query_one("#danger-phrase").focus()
        await typed(pilot, "erase 3")
        app.gate.due = 4
        await typed(pilot, "over")
        await until(pilot, shows(pilot, "4 recordings", "Type: erase 4", "not what was shown"))
        assert app.gate.done == [] and button(app).disabled


async def test_a_held_thing_is_refused_by_the_holds_name() -> None:
    gate = Gate()
    gate.held = "hold claim 17/2026"
    app = Shown(gate)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Type: erase 3"))
        app.screen.query_one("#danger-phrase").focus()
        await typed(pilot, "erase 3")
        await typed(pilot, "over")
        await until(pilot, shows(pilot, "kept by hold claim 17/2026 (held)", "release it first"))
        assert app.answers == []


async def test_where_there_is_nothing_to_do_nothing_can_be_done() -> None:
    gate = Gate()
    gate.due = 0
    app = Shown(gate)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(pilot, "Nothing is due."))
        assert button(app).disabled and "Type:" not in screen_text(app)
