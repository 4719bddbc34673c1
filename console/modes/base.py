"""What every mode has: the lines at the top, its lists, a filter, the footer, and the same manners in trouble."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from console import keys
from console.messages import LinkChanged, Snapshot
from console.modes import revealing
from console.widgets.filter import FilterLine
from console.widgets.footer import KeyLine
from console.widgets.pages import PagedTable, Rows
from console.widgets.rows import Column, Row, RowsTable
from console.widgets.status import StatusLine
from console.words import InFull
from gate.errors import GateError
from gate.operations.operation import Request

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.feed import Feed

R = TypeVar("R")

SMALL = (80, 24)
"""Columns and lines below which something is missed."""
FOLLOW_SECONDS = 2.0
"""How often a list looks for news at most."""


class GateScreen(Screen[None]):
    """Base of modes and details: knows the app's feed, asks the gate, says what went wrong."""

    BINDINGS: ClassVar[list[BindingType]] = keys.SCREEN
    AUTO_FOCUS = ""
    MODE: ClassVar[str] = ""
    HELP_TEXT: ClassVar[str] = ""
    """What ``?`` says of where one is."""
    PAGE: ClassVar[str] = ""
    """The page of the manual about it; empty: that of the screen below."""

    app: ConsoleApp

    @property
    def feed(self) -> Feed:
        """The line to the gate."""
        return self.app.feed

    async def ask(self, request: Request[R]) -> R | None:
        """The gate's response, numbers hidden; None where it failed, which has been said on the screen."""
        try:
            return await self.feed.ask(hiding(request))
        except GateError as error:
            self.complain(error)
            return None

    def complain(self, error: GateError) -> None:
        """Say what went wrong and what to do."""
        self.app.complain(error)

    def on_snapshot(self, message: Snapshot) -> None:
        """What the gate does now."""
        for line in self.query(StatusLine):
            line.refresh()
        self.told(message.said)

    def on_link_changed(self, message: LinkChanged) -> None:
        """The gate went or came back."""
        for line in self.query(StatusLine):
            line.refresh()
        for table in self.query(RowsTable):
            table.old = self.feed.link.up is False
        self.refresh_bindings()
        if self.feed.link.up:
            self.returned()

    def told(self, said: Mapping[str, Any]) -> None:
        """Override: a snapshot came (see ``watch`` in ``gate.control.messages``)."""

    def returned(self) -> None:
        """Override: the gate is there (again); look for what was missed."""

    def on_resize(self, event: events.Resize) -> None:
        """A small terminal is told what it misses."""
        self.call_after_refresh(self._say_missed)

    def _say_missed(self) -> None:
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


def hiding(request: Request[R]) -> Request[R]:
    """The request, numbers of its response hidden where they can be."""
    return msgspec.structs.replace(request, masked=True) if "masked" in request.__struct_fields__ else request


def known(request: type[Request[Any]], **fields: Any) -> dict[str, Any]:
    """Those of ``fields`` that the request has."""
    return {name: value for name, value in fields.items() if name in request.__struct_fields__}


# --- lists --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """One list of a mode: an operation that pages, and how its rows are shown."""

    name: str
    request: type[Request[Any]]
    """For a page of it."""
    columns: Sequence[Column]
    key: str
    """The field that a row is known by."""
    none: str
    """What is said where there is no row."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the operation is asked with, always."""
    filters: Callable[[str], Mapping[str, Any]] | None = None
    """What was typed behind ``/`` -> fields of the operation; None: it cannot be filtered."""
    hint: str = "type to filter"
    items: str = "items"
    """Where the answer has the rows."""
    kind: str = ""
    """What ``reveal`` calls a row of this list; empty: it holds no number."""


class ModeScreen(GateScreen):
    """A mode: the frame around its body."""

    TITLE_TEXT: ClassVar[str] = ""

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """The styles of a mode that comes back are as they were: a quarter of what its key would wait for.

        Of another theme the app tells every screen itself (``refresh_css``), of another size ``on_resize``.
        """
        event.refresh_styles = self.stack_updates == 0

    def compose(self) -> ComposeResult:
        """Status, body, footer."""
        yield StatusLine(self.MODE)
        note = Static("", id="small", classes="note", markup=False)
        note.display = False
        yield note
        yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """Override: what is between."""
        yield from ()


class ListMode(ModeScreen):
    """A mode of one list or several (``VIEWS``): Tab goes from one to the next, ``/`` filters, Enter opens."""

    BINDINGS: ClassVar[list[BindingType]] = keys.LIST
    VIEWS: ClassVar[Sequence[View]] = ()
    DEFAULT_CSS = """
    ListMode .views { height: 1; padding: 0 1; color: $muted; }
    ListMode #lists { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        """Number of the view that is shown."""
        self.paused = False
        self._texts: dict[int, str] = {}
        self._leaves: object = None
        self._renewed = 0.0

    def body(self) -> ComposeResult:
        """What stands above, a heading, a table for each view, the filter."""
        yield from self.above()
        yield Static("", classes="views", markup=False)
        with Vertical(id="lists"):
            for number, view in enumerate(self.VIEWS):
                table = PagedTable(
                    view.columns,
                    self._fetch(number),
                    both_ways="before" in known(view.request, before=None),
                    key_of=view.key,
                    none=view.none,
                    id=f"view-{number}",
                )
                table.display = number == 0
                yield table
        yield from self.below()
        yield FilterLine("")

    def above(self) -> ComposeResult:
        """Override: what stands above the lists."""
        yield from ()

    def below(self) -> ComposeResult:
        """Override: what stands below the lists."""
        yield from ()

    @property
    def view(self) -> View:
        """The list that is shown."""
        return self.VIEWS[self.at]

    @property
    def table(self) -> PagedTable:
        """Its table."""
        return self.query_one(f"#view-{self.at}", PagedTable)

    def on_mount(self) -> None:
        """The first list."""
        self.show_view(0)

    def show_view(self, number: int) -> None:
        """Show one of the lists and give it the keys; the filter's line, which they share, has that of this list."""
        line = self.query_one(FilterLine)
        self._filter_by(line.settled())  # what was typed last belongs to the list that is left
        self.at = number
        line.show(self._texts.get(number, ""))
        for each in range(len(self.VIEWS)):
            self.query_one(f"#view-{each}", PagedTable).display = each == number
        self._say_views()
        self.table.focus()
        self.table.load()
        self.refresh_bindings()

    def _say_views(self) -> None:
        names = [f"[{view.name}]" if number == self.at else f" {view.name} " for number, view in enumerate(self.VIEWS)]
        text = self._texts.get(self.at, "")
        table = self.table
        rows = f"{table.total:,}" + ("" if table.complete else "+") + " rows" if table.total else ""
        said = "  ".join(names).strip() + (f"   filter: {text}" if text else "") + ("   PAUSED" if self.paused else "")
        width = max(0, self.size.width - 2)
        self.query_one(".views", Static).update(said.ljust(max(0, width - len(rows))) + rows)

    def action_view(self, by: int) -> None:
        """The next list, or the one before."""
        if len(self.VIEWS) > 1:
            self.show_view((self.at + by) % len(self.VIEWS))

    def told(self, said: Mapping[str, Any]) -> None:
        """Whatever a list shows comes from the log: where that has grown, look again, though not all the time."""
        leaves, now = (said.get("log") or {}).get("size"), time.monotonic()
        if leaves == self._leaves or self.paused or now - self._renewed < FOLLOW_SECONDS:
            return
        first, self._leaves, self._renewed = self._leaves is None, leaves, now
        if not first:
            self.table.renew()

    def action_pause(self) -> None:
        """Follow what happens, or let the list stand."""
        self.paused = not self.paused
        self._say_views()
        if not self.paused:
            self.table.renew()

    # --- pages ----------------------------------------------------------------------------------------------------

    def _fetch(self, number: int) -> Any:
        view = self.VIEWS[number]

        async def fetch(after: str | None, before: str | None, limit: int) -> Rows:
            text = self._texts.get(number, "")
            fields = dict(self.asked(view)) | (dict(view.filters(text)) if text and view.filters else {})
            fields |= {name: value for name, value in (("after", after), ("before", before)) if value is not None}
            fields = known(view.request, masked=True, limit=limit) | fields
            answer = msgspec.to_builtins(await self.feed.ask(view.request(**fields)))
            return Rows(answer[view.items], answer.get("next"), answer.get("prev"))

        return fetch

    def asked(self, view: View) -> Mapping[str, Any]:
        """Override: what the list's operation is asked with, where that is not always the same."""
        return view.fields

    @on(PagedTable.Loaded)
    def _loaded(self) -> None:
        self._say_views()
        self._say_missed()

    @on(PagedTable.Failed)
    def _failed(self, message: PagedTable.Failed) -> None:
        message.table.old = True
        if self.feed.link.up is not False:
            self.complain(message.error)

    @on(RowsTable.Opened)
    def _opened(self, message: RowsTable.Opened) -> None:
        row = message.table.row
        if row is not None:
            self.open_row(row)

    def open_row(self, row: Row) -> None:
        """Override: Enter on a row."""

    def returned(self) -> None:
        """Look for news in the list that is shown."""
        self.table.renew()

    def copied(self) -> str:
        """The row's id."""
        row = self.table.row
        return str(row.get(self.view.key, "")) if row else ""

    # --- the filter -----------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()

    def action_back(self) -> None:
        """No filter any more."""
        line = self.query_one(FilterLine)
        if line.text:
            line.clear()

    @on(FilterLine.Changed)
    def _filtered(self, message: FilterLine.Changed) -> None:
        if message.text == self.query_one(FilterLine).text:  # else it was meant for the list before, which has it
            self._filter_by(message.text)

    def _filter_by(self, text: str) -> None:
        if text != self._texts.get(self.at, ""):
            self._texts[self.at] = text
            self.table.reload()
            self._say_views()

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self.table.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this list, and this account, can do."""
        if not self.VIEWS:
            return True
        if action == "filter":
            return self.view.filters is not None
        if action == "reveal":
            return bool(self.view.kind) and (self.feed.session.may("reveal") or None)
        return True

    # --- numbers --------------------------------------------------------------------------------------------------

    @work
    async def action_reveal(self) -> None:
        """Show the row's number in full for a while; the gate logs who asked, and why."""
        row, table, view = self.table.row, self.table, self.view
        if row is None:
            return
        answer = await revealing.reveal(self, view.kind, str(row[view.key]))
        if answer is not None:
            key = str(row[view.key])
            table.amend(key, number=InFull(answer))
            self.set_timer(revealing.REVEALED_SECONDS, lambda: table.restore(key))
