"""What cannot be undone: the gate's own dry run, a phrase to type, a reason; what is done is what was shown.

The dialog asks the gate what the act would do (``dry_run``) and shows its counts. The act is bound to that answer by
its digest, so that the gate refuses where it would not be the same any more; then the dialog asks again. The phrase has
the focus before the plan is drawn, Cancel where there is nothing to do; Enter goes on to the next field, and behind the
last one does it. A thing that is held is refused by the gate with the hold's name, which is shown as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Static

from console import keys
from console.widgets.dialog import DIALOG_CSS, Dialog, Line
from console.widgets.report import Report, Section
from console.words import Shown, trouble
from gate.errors import GateError, RefusedError, UnansweredError
from gate.operations.operation import Request, operation_of
from gate.operations.rehearsal import GONE, TOO_LARGE, rehearsal_of, side_by_side
from gate.showing import clean
from gate.types import Progress

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.feed import Feed
    from console.modes.base import GateScreen

CHANGED = "plan_changed"
"""Reason of the gate's refusal where the act would not be what its dry run showed."""


@dataclass(frozen=True)
class Plan:
    """What the gate says that the act would do."""

    digest: str
    """Binds the act to this plan."""
    counts: Sequence[tuple[str, Shown]]
    """What it would do, in counts."""
    phrase: str
    """What must be typed: it names the act and its size, ``erase 3``."""
    held: Sequence[str] = ()
    """What stays because it is held, by the hold's name."""
    nothing: str = ""
    """Why there is nothing to do; then nothing can be done."""
    acts: Sequence[Request[Any]] = ()
    """What would be asked for: it is rehearsed, and where the gate would refuse it nothing can be done."""


@dataclass(frozen=True)
class Danger:
    """An act that cannot be undone, or touches many things at once."""

    title: str
    warning: str
    button: str
    dry_run: Callable[[], Awaitable[Plan]]
    """Raises ``GateError``."""
    act: Callable[[str, str, Progress], Awaitable[str]]
    """(digest, reason, progress on the screen's thread) -> what was done. Raises ``GateError``."""
    reason: bool = True
    """A reason is asked for."""


REHEARSAL_SECONDS: Final = 30.0
REHEARSED: Final = 3
"""Requests that are rehearsed for one question."""


async def ahead(feed: Feed, acts: Sequence[Request[Any]]) -> list[Section]:
    """What would change, vanish and stay, and what the log would say: each act done on a shadow, and rolled back.
    Raises ``GateError`` as the act would."""
    found: list[Section] = []
    for act in acts[:REHEARSED]:
        try:
            shown = await feed.ask(rehearsal_of(act, operation_of(act).name, masked=True), timeout=REHEARSAL_SECONDS)
        except RefusedError as error:
            if error.reason != TOO_LARGE:
                raise
            found.append(Section("", lines=[(clean(f"Not rehearsed: {error.message}."), "warn")]))
            continue
        pairs = [(what, (f"{now} → {then}", "bad" if then == GONE else "")) for what, now, then in side_by_side(shown)]
        more = [(f"and {shown.more:,} rows more", "dim")] if shown.more else []
        gone = [(f"  {clean(each)}", "dim") for thing in shown.gone for each in thing.of[:5]]
        found.append(Section("Now → then", pairs, [*more, *gone]))
        said = [(clean(each), "") for leaf in shown.leaves for each in leaf.said[:2]]
        rest = sum(leaf.count - len(leaf.said[:2]) for leaf in shown.leaves)
        found.append(Section("The log will say", lines=said + ([(f"and {rest:,} leaves more", "dim")] if rest else [])))
        if shown.stays:
            found.append(Section("Stays, and why", lines=[(each, "warn") for each in shown.stays]))
        if shown.letter:
            to = f"The letter to {clean(shown.to)}" if shown.to else "The letter"
            found.append(Section(to, lines=[(clean(line), "") for line in shown.letter.splitlines()]))
    if len(acts) > REHEARSED:
        found.append(Section("", lines=[(f"and the same for {len(acts) - REHEARSED:,} more", "dim")]))
    return found


async def danger(screen: GateScreen, what: Danger) -> str | None:
    """Show the dialog; what was done, or None. Call it in a worker."""
    dialog = DangerDialog(what)
    done = await screen.app.push_screen_wait(dialog)
    if dialog.acts:
        screen.app.nothing_to_undo()  # left, and the gate goes on with it
    return done


class DangerDialog(Dialog[str | None]):
    """See the module."""

    app: ConsoleApp
    AUTO_FOCUS = "#dialog-cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.DIALOG,
        Binding("enter", "enter", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]
    DEFAULT_CSS = f"""
    DangerDialog {{ {DIALOG_CSS} }}
    DangerDialog > Vertical {{ width: 74; max-width: 98%; height: auto; max-height: 96%; background: $surface;
        border: heavy $error; padding: 0 1; }}
    DangerDialog .dialog-title {{ color: $error; text-style: bold; }}
    DangerDialog VerticalScroll {{ height: auto; max-height: 9; }}
    DangerDialog.-high VerticalScroll {{ max-height: 16; }}
    DangerDialog Report {{ padding: 0; }}
    DangerDialog Input {{ padding: 0 1; background: $panel; }}
    DangerDialog Input:focus {{ background: $primary 25%; }}
    DangerDialog .dialog-fault {{ color: $error; height: auto; }}
    DangerDialog Horizontal {{ height: 1; align-horizontal: right; }}
    DangerDialog Button {{ margin-left: 2; }}
    """

    def __init__(self, what: Danger) -> None:
        super().__init__()
        self._what = what
        self._plan: Plan | None = None
        self._acting = False
        self._looked = False
        """The gate has said what it would do, or that it cannot."""

    @property
    def takes_keys(self) -> bool:
        """The phrase can be typed: only what was shown is agreed to."""
        return self._looked and super().takes_keys

    @property
    def acts(self) -> bool:
        """The gate was told to do it, and has not refused."""
        return self._acting

    def compose(self) -> ComposeResult:
        """Title, what it would do, phrase, reason, buttons."""
        with Vertical():
            yield Static(self._what.title, classes="dialog-title", markup=False)
            yield Static(self._what.warning, markup=False)
            with VerticalScroll(can_focus=False):
                yield Report([Section("", lines=[("Asking the gate what this would do…", "warn")])])
            yield Label("", id="danger-asks", markup=False)
            yield Line(id="danger-phrase")
            if self._what.reason:
                yield Label("Reason, kept in the log:", markup=False)
                yield Line(id="danger-reason")
            yield Static("", classes="dialog-fault", markup=False)
            with Horizontal():
                yield Button("Cancel", id="dialog-cancel", compact=True)
                yield Button(self._what.button, id="danger-do", variant="error", compact=True, disabled=True)

    def on_mount(self) -> None:
        """Ask the gate."""
        self._look()

    @work(exclusive=True, group="danger")
    async def _look(self, said: str = "") -> None:
        self._plan = None
        self._ready()
        try:
            plan = await self._what.dry_run()
            rehearsed = await ahead(self.app.feed, plan.acts) if plan.acts and not plan.nothing else []
        except GateError as error:
            self._looked = True
            self._fail(error)
            return
        self._plan = plan
        self._ready()
        if not plan.nothing:  # before it is drawn, and before any key is given to it: what is typed goes nowhere else
            self.set_focus(self.query_one("#danger-phrase", Line))
        self._looked = True
        sections = [Section("The gate says that this would", plan.counts)]
        if plan.held:
            sections.append(Section("Held, and stays", lines=[(name, "warn") for name in plan.held]))
        if plan.nothing:
            sections = [Section("", lines=[(plan.nothing, "warn")]), *sections[1:]]
        sections += rehearsed
        self.query_one(Report).show(sections)
        self.query_one("#danger-asks", Label).update(f"Type: {plan.phrase}" if not plan.nothing else "")
        self.query_one("#danger-phrase", Input).value = ""
        self._show_fault(said)
        self._ready()

    def on_input_changed(self, event: Input.Changed) -> None:
        """It can be done when the phrase and a reason are there."""
        event.stop()
        self._ready()

    def action_page(self, way: int) -> None:
        """More of what it would do."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=way * scroll.size.height, animate=False)

    def action_enter(self) -> None:
        """On to the next field, at once: what is typed next is its. Behind the last one it is done, when the letters
        that it was sent are in it."""
        fields = list(self.query(Line))
        if isinstance(self.focused, Button):
            # Behind the letters before it, which come from the button to the dialog.
            self.focused.call_later(self.call_later, self._on_button, self.focused)
        elif self.focused in fields[:-1]:
            self.set_focus(fields[-1])
        elif self.focused is not None:
            self.focused.call_later(self._at_the_end)

    def _on_button(self, button: Button) -> None:
        """Pressed, unless the letters before the Enter have gone into the phrase."""
        if self.focused is button:
            button.press()
        else:
            self.action_enter()

    def _at_the_end(self) -> None:
        """Where the phrase and a reason stand there."""
        self._ready()
        if not self.query_one("#danger-do", Button).disabled:
            self._begin()
        elif self._plan is not None and not self._plan.nothing:
            typed = self.query_one("#danger-phrase", Line).value.strip() == self._plan.phrase
            self._show_fault("A reason is needed." if typed else f"Type: {self._plan.phrase}")
            self.set_focus(self.query(Line)[-1 if typed else 0])

    def on_key(self, event: events.Key) -> None:
        """What is typed while a button has the keys is the phrase; so is what was on its way to the button then."""
        phrase = self.query_one("#danger-phrase", Line)
        buttons = isinstance(self.focused, Button) or self.focused is phrase
        if event.is_printable and event.character and buttons and not phrase.disabled:
            event.stop()
            event.prevent_default()
            self.set_focus(phrase)  # at once: an Enter that comes next is not Cancel's
            phrase.insert_text_at_cursor(event.character)

    def before_typing(self) -> None:
        """Into the phrase: a button would hand letters on one by one, and the Enter behind them press it."""
        self.set_focus(self.query_one("#danger-phrase", Line))

    def _ready(self) -> None:
        plan = self._plan
        typed = self.query_one("#danger-phrase", Input).value.strip()
        reasoned = not self._what.reason or bool(self.query_one("#danger-reason", Input).value.strip())
        ready = plan is not None and not plan.nothing and typed == plan.phrase and reasoned and not self._acting
        self.query_one("#danger-do", Button).disabled = not ready
        for field in self.query(Input):
            field.disabled = plan is None or bool(plan.nothing) or self._acting

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do it, or leave."""
        event.stop()
        if event.button.id == "danger-do":
            self._begin()
        else:
            self.action_leave()

    def _begin(self) -> None:
        if not self._acting:  # a second Enter was there before the button was shut
            self._acting = True
            self._do()

    def action_leave(self) -> None:
        """Nothing is done. What the gate has begun it finishes."""
        if self._acting and not self.answered:
            self.app.notify("The gate goes on with it; the log says how it ended.", timeout=5)
        self.dismiss(None)

    @work(exclusive=True, group="act", exit_on_error=False)
    async def _do(self) -> None:
        plan = self._plan
        if plan is None:
            self._acting = False
            return
        reason = self.query_one("#danger-reason", Input).value.strip() if self._what.reason else ""
        self._ready()
        self._show_fault("The gate is at work…")
        size = self.app.feed.leaves
        try:
            done = await self._what.act(plan.digest, reason, self._progress)
        except RefusedError as error:
            self._acting = False
            if error.reason == CHANGED:
                self._look("It is not what was shown any more. This is what it would do now.")
            else:
                self._fail(error)
            return
        except UnansweredError as error:
            self._show_fault(f"Not known: {error.message}. It may have been done: looking in the log…")
            self._show_fault(await self.app.feed.what_became(size))
            self._acting = False
            self._look("This is what it would do now.")
            return
        except GateError as error:
            self._acting = False
            self._fail(error)
            return
        self.dismiss(done)

    def _progress(self, fraction: float, text: str) -> None:
        self._show_fault(f"{fraction:.0%} {text}")

    def _fail(self, error: GateError) -> None:
        self._show_fault(trouble(error))
        if self._plan is None:
            self.query_one(Report).show([Section("", lines=[("The gate has not said what this would do.", "bad")])])
        self._ready()

    def _show_fault(self, text: str) -> None:
        for line in self.query(".dialog-fault").results(Static):  # none where the dialog was left meanwhile
            line.update(text)
