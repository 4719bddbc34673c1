"""What every mode and every detail has: the lines at the top, the footer, and the same manners in trouble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from console import keys, words
from console.feed import LinkChanged, Snapshot
from console.widgets.dialog import as_the_app_is
from console.widgets.footer import KeyLine
from console.widgets.rows import RowsTable
from console.widgets.status import StatusLine
from gate.core.rows.calls import LiveNow
from gate.errors import GateError
from gate.operations.operation import ROLES, Request, knows_past, operation_of

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.feed import Feed
    from gate.operations.audit.leaves import MomentShown

R = TypeVar("R")

SMALL = (80, 24)
"""Columns and lines below which something is missed."""


class GateScreen(Screen[None]):
    """Base of modes and details: knows the app's feed, asks the gate, says what went wrong."""

    BINDINGS: ClassVar[list[BindingType]] = keys.SCREEN
    AUTO_FOCUS = ""
    MODE: ClassVar[str] = ""
    HELP_TEXT: ClassVar[str] = ""
    """What ``?`` shows about this place."""
    PAGE: ClassVar[str] = ""
    """The page of the manual about it; empty: that of the screen below."""

    app: ConsoleApp
    _left = False
    """Something else has been on the screen since."""
    _stood_at: MomentShown | None = None
    """The moment as of which it was drawn last."""

    def __init__(self) -> None:
        super().__init__()
        as_the_app_is(self)

    aside = False
    """It shows nothing as of the moment that is shown, and says why."""

    @property
    def feed(self) -> Feed:
        """The line to the gate."""
        return self.app.feed

    async def ask(self, request: Request[R], *, hidden: bool = True) -> R | None:
        """The gate's response, numbers ``hidden`` unless one is looked for by it; None where it failed, which has been
        said on the screen."""
        try:
            return await self.feed.ask(hiding(request) if hidden else request)
        except GateError as error:
            self.complain(error)
            return None

    def complain(self, error: GateError) -> None:
        """Say what went wrong and what to do."""
        self.app.complain(error)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Back from a dialog, a detail or another mode: whatever was done there is shown as it is now. When it is
        opened it asks by itself; and Textual resumes a new mode twice.

        The styles of what comes are as they are: a quarter of what the key of a mode would wait for. Of another theme
        the app tells those on the screen at once, and a mode when it is come back to; of another size ``on_resize``.
        """
        event.refresh_styles = False
        self.look_at_link()
        if self._stood_at is not self.feed.moment:
            self.on_moment_changed()
        elif self._left and self.feed.link.up and not self.aside:
            self.returned()
        self._left = False

    def on_screen_suspend(self) -> None:
        """Something else is on the screen."""
        self._left = True

    def idle(self, key: str) -> bool:
        """A key of this place that does nothing now says why, before anything is asked or filled in."""
        active = self.active_bindings.get(key)
        shut = active is not None and not active.enabled and active.node is self
        if active is not None and shut:
            self.say_why_not(active.binding)
        return shut

    def say_why_not(self, binding: Binding) -> None:
        """Why a key does nothing now."""
        self.notify(self.why_not(binding), severity="warning", timeout=6, markup=False)

    def why_not(self, binding: Binding) -> str:
        """Override where something else than the account may be in the way."""
        if self.feed.moment is not None:
            return (
                f"As of {words.moment(self.feed.moment.at)[0]} this is off: {binding.description}. @ leads back to now."
            )
        return f"{self.not_for_us()} may not: {binding.tooltip or binding.description}."

    def not_for_us(self) -> str:
        """``An account that is viewer``."""
        if self.feed.read_only:
            return "A console that only looks (--read-only)"
        return f"An account that is {self.feed.session.role or 'not known yet'}"

    def shut(self, request: type[Request[Any]]) -> str:
        """Why this account is not asked for something; empty where it may be."""
        operation = operation_of(request)
        if self.feed.session.may(operation.name):
            return ""
        if self.feed.moment is not None and not knows_past(request):
            at = words.moment(self.feed.moment.at)[0]
            return f"The log does not have this as it stood on {at}. @ leads back to now."
        who = ", ".join(role for role in ROLES if role in operation.roles)
        return f"{self.not_for_us()} may not see this. It is for: {who}."

    def on_snapshot(self, message: Snapshot) -> None:
        """What the gate does now."""
        for line in self.query(StatusLine):
            line.look()
        if self.feed.moment is None:
            self.show_live(message.said)

    def on_moment_changed(self) -> None:
        """Another moment is shown: everything is looked for anew."""
        self._stood_at = self.feed.moment
        self.look_at_link()
        self.moved()

    def moved(self) -> None:
        """Override: show the gate as it stood at the moment that is shown now."""
        self.returned()

    def on_link_changed(self, message: LinkChanged) -> None:
        """The gate went or came back."""
        self.look_at_link()
        if self.feed.link.up and not self.aside:
            self.returned()

    def look_at_link(self) -> None:
        """Show whether the gate is there. Override where more shows it: Textual calls the ``on_link_changed`` of every
        class by itself."""
        for line in self.query(StatusLine):
            line.look()
        for table in self.query(RowsTable):
            table.old = self.feed.link.up is False
        self.refresh_bindings()

    def on_attention_changed(self) -> None:
        """Somebody must see to something else than before: the top line says so."""
        for line in self.query(StatusLine):
            line.look()

    def show_live(self, said: LiveNow) -> None:
        """Override: a snapshot came (see ``watch`` in ``gate.control.messages``)."""

    def returned(self) -> None:
        """Override: the gate is there (again); look for what was missed."""

    def on_resize(self, event: events.Resize) -> None:
        """A small terminal is told what it misses."""
        self.call_after_refresh(self._show_missed)

    def on_rows_table_fitted(self) -> None:
        """A scrollbar came, or went: a column more, or less."""
        self._show_missed()

    def _show_missed(self) -> None:
        missed = [heading for table in self.query(RowsTable) if table.display for heading in table.missed]
        small = self.size.width < SMALL[0] or self.size.height < SMALL[1]
        for note in self.query("#small").results(Static):
            note.display = small
            gone = f" Not shown: {', '.join(missed)}." if missed else ""
            note.update(f"{self.size.width}x{self.size.height} is small: {SMALL[0]}x{SMALL[1]} shows more.{gone}")

    def action_back(self) -> None:
        """Nothing to go back from, unless a detail says otherwise."""

    def leave(self) -> None:
        """To the screen below; a second of two quick Escs finds this one gone, and takes no other."""
        if self.app.screen is self:
            self.app.pop_screen()

    def action_renew(self) -> None:
        """Look again."""
        if not self.aside:
            self.returned()

    def action_copy(self) -> None:
        """Copy what ``copied`` says."""
        text = self.copied()
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {text}", timeout=3, markup=False)

    def copied(self) -> str:
        """Override: what ``y`` copies."""
        return ""

    def action_view(self, by: int) -> None:
        """Another list, where a mode has several."""

    def lead_to(self, view: int, find: str) -> None:
        """Override: show the list of this number, and in it what is looked for, where it has lists."""


def hiding(request: Request[R]) -> Request[R]:
    """The request, numbers of its response hidden where they can be."""
    return msgspec.structs.replace(request, masked=True) if "masked" in request.__struct_fields__ else request


def known(request: type[Request[Any]], **fields: Any) -> dict[str, Any]:
    """Those of ``fields`` that the request has."""
    return {name: value for name, value in fields.items() if name in request.__struct_fields__}


class ModeScreen(GateScreen):
    """A mode: the frame around its body."""

    TITLE_TEXT: ClassVar[str] = ""
    NOT_THEN: ClassVar[str] = ""
    """Why it cannot be shown as of a moment; empty where it can."""
    DEFAULT_CSS = "ModeScreen #then { display: none; padding: 1 2; color: $warning; }"
    _hidden: Sequence[Widget] = ()
    """What it does not show as of a moment."""

    def compose(self) -> ComposeResult:
        """Status, body, footer."""
        yield StatusLine(self.MODE)
        note = Static("", id="small", classes="note", markup=False)
        note.display = False
        yield note
        yield Static("", id="then", markup=False)
        yield from self.body()
        yield KeyLine()

    def on_moment_changed(self) -> None:
        """As any screen; or why this mode cannot."""
        for each in self._hidden:
            each.display = True
        self._hidden, self.aside = (), False
        self.query_one("#then").display = False
        if self.feed.moment is not None and self.NOT_THEN:
            self._stand_aside(words.moment(self.feed.moment.at)[0])
            return
        super().on_moment_changed()

    def _stand_aside(self, at: str) -> None:
        """Say why nothing is shown here."""
        stays = (StatusLine, KeyLine)
        self._hidden = [each for each in self.children if each.display and not isinstance(each, stays)]
        for each in self._hidden:
            each.display = False
        said = self.query_one("#then", Static)
        said.update(f"Not shown as of {at}: {self.NOT_THEN} @ leads back to now.")
        said.display = True
        self._stood_at, self.aside = self.feed.moment, True
        self.look_at_link()

    def body(self) -> ComposeResult:
        """Override: what is between."""
        yield from ()
