"""A mode of lists: pages from the gate, a filter for each, rows opened, and what stands where there is no row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from console import keys, words
from console.feed import on_thread
from console.modes import own, revealing, sorting
from console.modes.base import ModeScreen, known
from console.modes.row import row_sections
from console.widgets.ask import Ask, Field
from console.widgets.filter import FilterLine
from console.widgets.pages import MarkedTable, PagedTable, Rows, compared
from console.widgets.report import Report, ReportScroll, Section
from console.widgets.rows import Column, Row, RowsTable, field_of
from console.words import InFull, today
from gate.core.cells import csv_text
from gate.core.finding import sought, terms
from gate.core.rows.calls import LiveNow
from gate.errors import RefusedError, UsageError
from gate.operations.operation import Request
from gate.operations.parsing import Findable, FindMeant
from gate.showing import VISIBLE, blunted, grouped

FORMS = ("csv", "json")
MOST_SAVED = 100_000
"""Rows of a list that is saved, at most; ``PAGE`` at a time."""
PAGE = 1000
FOLLOW_SECONDS = 2.0
"""How often a list looks for news at most."""


@dataclass(frozen=True)
class View:
    """One list of a mode: an operation that pages, and how its rows are shown."""

    name: str
    request: type[Request[Any]]
    """For a page of it."""
    columns: Sequence[Column[Any]]
    key: str
    """The field that a row is known by."""
    none: str
    """The text where there is no row at all."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the operation is asked with, always."""
    filters: Callable[[str], Mapping[str, Any]] | None = None
    """What was typed behind ``/`` -> fields of the operation; None: rows are compared here, by what they show."""
    found: str = ""
    """What is looked for by what was typed (``FindMeant``); empty: nothing explains it."""
    finds: str = "what stands in a row"
    """What is found by what is typed behind ``/``."""
    items: str = "items"
    """Where the answer has the rows."""
    kind: str = ""
    """What ``reveal`` calls a row of this list; empty: it holds no number."""
    sorts: sorting.Sorts = field(default_factory=dict)
    """What it may be sorted by, see ``sorting``."""
    marks: bool = False
    """Rows can be marked, to be acted on together."""


def looked_for(text: str) -> Mapping[str, Any]:
    """What was typed to find calls, recordings or contacts, as fields: a period, and words."""
    line = sought(text, today())
    found = {"text": line.text or None, "since": line.since, "until": line.until}
    return {name: value for name, value in found.items() if value is not None}


def as_file(columns: Sequence[Column[Any]], rows: Sequence[Row], form: str) -> bytes:
    """Rows as they are shown, a column for each heading and nothing where there is none, as CSV or a JSON list."""
    names = [column.heading or "-" for column in columns]
    nothing = words.NOTHING[0]
    cells = ([column.show(row)[0] for column in columns] for row in rows)
    shown = [["" if text == nothing else text for text in each] for each in cells]
    if form == "json":
        found = [dict(zip(names, each, strict=True)) for each in shown]
        return json.dumps(found, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    return csv_text([names, *shown]).encode("utf-8", "replace")


class ListMode(ModeScreen):
    """A mode of one list or several (``VIEWS``): Tab goes from one to the next, ``/`` filters, Enter opens."""

    BINDINGS: ClassVar[list[BindingType]] = keys.LIST
    VIEWS: ClassVar[Sequence[View]] = ()
    FOUND: ClassVar[int] = 0
    """Number of the view in which is looked for what was typed elsewhere."""
    DEFAULT_CSS = """
    ListMode .views { height: 1; padding: 0 1; color: $muted; }
    ListMode #lists { height: 1fr; }
    ListMode #preview { display: none; width: 72; height: 1fr; border-left: solid $panel; }
    ListMode.-vast #preview { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        """Number of the view that is shown."""
        self.paused = False
        self._texts: dict[int, str] = {}
        self._sorts: dict[int, str] = {}
        self._leaves: object = None
        self._renewed = 0.0
        self._arranged: Mapping[str, Sequence[str]] = {}
        """Name of a list here -> the headings that somebody wants, in their order."""
        self._own: Sequence[own.Command] = ()

    def body(self) -> ComposeResult:
        """What stands above, a heading, a table for each view, the filter."""
        yield from self.above()
        yield Static("", classes="views", markup=False)
        with Horizontal(id="lists"):
            with Vertical():
                for number, view in enumerate(self.VIEWS):
                    table = (MarkedTable if view.marks else PagedTable)(
                        view.columns,
                        self._fetch(number),
                        both_ways="before" in known(view.request, before=None),
                        key_of=view.key,
                        none=view.none,
                        id=f"view-{number}",
                    )
                    table.display = number == 0
                    yield table
            with ReportScroll(id="preview", can_focus=False):
                yield Report()
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
        self._own = own.commands(self.app.setup.commands)
        own.bind(self, self._own)
        self._arrange()
        self.show_view(0)

    # --- as somebody has set it up --------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """The columns of each list as they were kept; a file that cannot be read is said once, and goes on."""
        settings = self.app.setup.settings
        if settings is None:
            return
        try:
            self._arranged = settings.columns()
        except UsageError as error:
            self.complain(error)
        for number in range(len(self.VIEWS)):
            self._set_columns(number)

    def columns_of(self, number: int) -> Sequence[Column[Any]]:
        """The columns of a list as somebody wants them."""
        view = self.VIEWS[number]
        return own.arranged(view.columns, self._arranged.get(f"{self.MODE}.{view.name}", ()))

    def _set_columns(self, number: int) -> None:
        view, sort = self.VIEWS[number], self._sorts.get(number)
        columns = self.columns_of(number)
        table = self.query_one(f"#view-{number}", PagedTable)
        table.set_columns(sorting.headed(columns, sorting.named(view.sorts, sort)) if sort else columns)

    @work
    async def action_columns(self) -> None:
        """Choose them; they are kept."""
        number, settings = self.at, self.app.setup.settings
        now = [each.heading for each in self.columns_of(number)]
        chosen = await own.choose_columns(self, self.VIEWS[number].columns, now)
        if chosen is None:
            return
        name = f"{self.MODE}.{self.VIEWS[number].name}"
        self._arranged = {**self._arranged, name: chosen}
        self._set_columns(number)
        if settings is not None:
            try:
                await on_thread(partial(settings.arrange, name, chosen))
            except UsageError as error:
                self.complain(error)

    @work
    async def action_own_command(self, place: int) -> None:
        """A command of somebody's own, on the row under the cursor."""
        command, row = self._own[place], self.table.row
        if row is None:
            self.notify("There is no row here.", timeout=3)
        elif self.feed.read_only or (command.roles and self.feed.session.role not in command.roles):
            self.notify(f"{self.not_for_us()} may not: {command.words}.", severity="warning", timeout=6, markup=False)
        else:
            await own.carry_out(self, command, row)

    def show_view(self, number: int) -> None:
        """Show one of the lists and give it the keys; the filter's line, which they share, has that of this list."""
        line = self.query_one(FilterLine)
        self._filter_by(line.settled())  # what was typed last belongs to the list that is left
        self.at = number
        line.show(self._texts.get(number, ""))
        for each in range(len(self.VIEWS)):
            self.query_one(f"#view-{each}", PagedTable).display = each == number
        self._show_views()
        self.table.focus()
        self._admit()
        self.table.load()
        self.refresh_bindings()
        self._preview()

    def _admit(self) -> None:
        """A list that this account may not see is not asked for, and says so."""
        self.table.shut = self.shut(self.view.request)

    def on_resize(self, event: events.Resize) -> None:
        """The line above is as wide as the window; a wide one has room beside the list."""
        self.call_after_refresh(self._show_views)
        self.call_after_refresh(self._preview)

    def _show_views(self) -> None:
        names = [f"[{view.name}]" if number == self.at else f" {view.name} " for number, view in enumerate(self.VIEWS)]
        text = self._texts.get(self.at, "")
        table = self.table
        rows = words.many(table.total, "row") if table.complete else f"{table.total:,}+ rows"
        rows = rows if table.total else ""
        said = (
            "  ".join(names).strip()
            + (f"   filter: {text}" if text else "")
            + self._list_notes()
            + (f"   DISPLAY STANDS STILL ({self._key_of('pause')}: go on)" if self.paused else "")
        )
        width = max(0, self.size.width - 2)
        self.query_one(".views", Static).update(said.ljust(max(0, width - len(rows))) + rows)

    def _key_of(self, action: str) -> str:
        """The key of an action here, as it is shown."""
        bindings = (each.binding for each in self.active_bindings.values())
        return next((self.app.get_key_display(each) for each in bindings if each.action == action), "")

    # --- sorted, and marked ---------------------------------------------------------------------------------------

    @work
    async def action_sort(self) -> None:
        """Choose the column, in either direction."""
        number = self.at
        sort = await sorting.picked(self, self.view.sorts)
        if sort is not None:
            self.sort_by(number, sort)

    def sort_by(self, number: int, sort: str) -> None:
        """Show a list in another order; its heading says so, and the line above, for a column that has no room."""
        table = self.query_one(f"#view-{number}", PagedTable)
        self._sorts[number] = sort
        self._set_columns(number)
        table.cursor = 0
        table.reload()
        self._show_views()

    def on_rows_table_heading_clicked(self, message: RowsTable.HeadingClicked) -> None:
        """Sort by that column, or the other way round."""
        sort = sorting.clicked(self.view.sorts, message.heading, self._sorts.get(self.at, ""))
        if sort:
            self.sort_by(self.at, sort)
        elif self.view.sorts:
            self.notify(f"It is sorted by {', '.join(self.view.sorts)}.", timeout=4, markup=False)

    @on(events.Click, ".views")
    def _view_clicked(self, event: events.Click) -> None:
        """The name of a list leads to it."""
        end = 1
        for number, view in enumerate(self.VIEWS):
            end += len(view.name) + (3 if number == 0 and self.at else 4)
            if event.x < end:
                self.show_view(number)
                return

    @property
    def chosen(self) -> Sequence[Row]:
        """What is acted on: what is marked, else the row under the cursor."""
        table = self.table
        return table.chosen if isinstance(table, MarkedTable) else [table.row] if table.row else []

    def unmark(self) -> None:
        """What was marked is done."""
        if isinstance(table := self.table, MarkedTable):
            table.unmark()

    def _list_notes(self) -> str:
        marked = len(table.marked) if isinstance(table := self.table, MarkedTable) else 0
        by = sorting.named(self.view.sorts, self._sorts[self.at]) if self.at in self._sorts else ""
        cut = [] if self.feed.session.may("reveal") else [blunted(word) for word in terms(self._texts.get(self.at, ""))]
        begins = ", ".join(grouped(word) for word in cut if word.startswith("+") and len(word) == VISIBLE)
        return (
            (f"   only its beginning is looked for: {begins}" if begins else "")
            + (f"   by {by}" if by else "")
            + (f"   {marked:,} marked" if marked else "")
        )

    @on(MarkedTable.Marked)
    def _marks(self) -> None:
        self._show_views()

    def action_view(self, by: int) -> None:
        """The next list, or the one before."""
        if len(self.VIEWS) > 1:
            self.show_view((self.at + by) % len(self.VIEWS))

    def show_live(self, said: LiveNow) -> None:
        """Whatever a list shows comes from the log: where that has grown, look again, though not all the time."""
        leaves, now = self.feed.leaves, time.monotonic()
        if leaves == self._leaves or self.paused or now - self._renewed < FOLLOW_SECONDS:
            return
        first, self._leaves, self._renewed = self._leaves is None, leaves, now
        if not first:
            self.table.renew()

    # --- beside the list ------------------------------------------------------------------------------------------

    @on(RowsTable.Moved)
    def _moved(self) -> None:
        self._preview()

    def _preview(self) -> None:
        """More of the row under the cursor, where the window is wide enough."""
        if self.VIEWS and self.has_class("-vast"):
            self._show_beside(self.table.row)

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def _show_beside(self, row: Row | None) -> None:
        sections = await self.preview(row) if row is not None else ()
        for report in self.query("#preview Report").results(Report):
            report.show(sections)

    async def preview(self, row: Row) -> Sequence[Section]:
        """Override: what stands beside the list."""
        return row_sections(row)

    # --- saved ----------------------------------------------------------------------------------------------------

    @work
    async def action_save_list(self) -> None:
        """This list with its filter, its order and its columns, as a file."""
        number, setup = self.at, self.app.setup
        if setup.files is None:
            self.notify("Nothing is saved in this console.", timeout=4)
            return

        async def send(told: Mapping[str, str]) -> tuple[Path, int]:
            path = Path(told["output"].strip())
            form = path.suffix.removeprefix(".")
            if form not in FORMS:
                raise UsageError(f"{path}: a list is .{' or .'.join(FORMS)}", hint="name the file so")
            rows = await self._whole(number)
            columns = self.columns_of(number)
            assert setup.files is not None  # noqa: S101 - asked above
            await on_thread(partial(setup.files.write, path, as_file(columns, rows, form)))
            return path, len(rows)

        name = f"{self.MODE}-{self.VIEWS[number].name}.csv".replace(" ", "-")
        field = Field("output", "File: .csv or .json", str(setup.exports / name))
        said = "Its rows as they are shown, with filter and order. Numbers stay hidden in part."
        ask = Ask("Save this list", (field,), said=said, act="Save", send=send)
        if (written := await self.app.push_screen_wait(ask)) is not None:
            path, count = written
            self.app.done(f"Written: {path}, {words.many(count, 'row')}")
            await self.app.saved(path)

    async def _whole(self, number: int) -> list[Row]:
        """Every row of a list. Raises ``UsageError`` where there are more than ``MOST_SAVED``."""
        fetch, rows, after = self._fetch(number), list[Row](), None
        while True:
            page: Rows = await fetch(after, None, PAGE)
            rows += page.items
            after = page.next
            if len(rows) > MOST_SAVED:
                raise UsageError(f"the list has more than {MOST_SAVED:,} rows", hint="filter it first: /")
            if after is None:
                return rows

    # --- following ------------------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Follow what happens, or let the list stand."""
        self.paused = not self.paused
        self._show_views()
        if not self.paused:
            self.table.renew()

    # --- pages ----------------------------------------------------------------------------------------------------

    def _fetch(self, number: int) -> Any:
        view = self.VIEWS[number]

        async def fetch(after: str | None, before: str | None, limit: int) -> Rows:
            columns, text = own.by_column(view.columns, self._texts.get(number, ""))
            here = text if view.filters is None else ""
            if here or columns:
                asked = partial(page, "" if view.filters is None else text)
                return await compared(view.columns, here, asked, after, limit, columns, whole=before is not None)
            return await page(text, after, before, limit)

        async def page(text: str, after: str | None, before: str | None, limit: int) -> Rows:
            fields = dict(self.asked(view)) | (dict(view.filters(text)) if text and view.filters else {})
            fields |= {"sort": self._sorts[number]} if number in self._sorts else {}
            fields |= {name: value for name, value in (("after", after), ("before", before)) if value is not None}
            fields = known(view.request, masked=True, limit=limit) | fields
            answer = await self.feed.ask(view.request(**fields))
            return Rows(getattr(answer, view.items), getattr(answer, "next", None), getattr(answer, "prev", None))

        return fetch

    def asked(self, view: View) -> Mapping[str, Any]:
        """Override: what the list's operation is asked with, where that is not always the same."""
        return view.fields

    @on(PagedTable.Loaded)
    def _loaded(self) -> None:
        self._show_views()
        self._show_missed()
        self._preview()
        if self.view.found and self.table.filtered and not self.table.total:
            self._show_why_none(self.table, self.view, self.table.filtered)

    @work(exclusive=True, group="meant", exit_on_error=False)
    async def _show_why_none(self, table: PagedTable, view: View, text: str) -> None:
        """Nothing fits: the words that are not known are named."""
        line = sought(text, today())
        meant = await self.ask(
            FindMeant(where=Findable(view.found), text=line.text, since=line.since, until=line.until, masked=True)
        )
        if meant is not None and table.filtered == text:
            table.not_known([word.typed for word in meant.words if not word.means])

    @on(PagedTable.Failed)
    def _failed(self, message: PagedTable.Failed) -> None:
        message.table.old = True
        refused = isinstance(message.error, RefusedError) and message.table.total == 0  # the list says it
        if self.feed.link.up is not False and not refused:
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
        if not self.VIEWS:
            return
        self._admit()
        self.table.load()
        self.table.renew()

    def moved(self) -> None:
        """Each list anew, from its beginning."""
        if not self.VIEWS:
            return
        for table in self.query(PagedTable):
            table.cursor = 0
            table.forget()
        self.returned()

    def copied(self) -> str:
        """The row's id."""
        row = self.table.row
        return str(field_of(row, self.view.key)) if row else ""

    # --- the filter -----------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open(f"finds by {self.view.finds}")

    def action_back(self) -> None:
        """No filter any more; then no mark."""
        line = self.query_one(FilterLine)
        if line.text:
            line.clear()
        else:
            self.unmark()

    @on(FilterLine.Changed)
    def _filtered(self, message: FilterLine.Changed) -> None:
        if message.text == self.query_one(FilterLine).text:  # else it was meant for the list before, which has it
            self._filter_by(message.text)

    def _filter_by(self, text: str) -> None:
        if text != self._texts.get(self.at, ""):
            self._texts[self.at] = text
            self.table.filtered = text
            self.table.reload()
            self._show_views()

    def find(self, text: str, view: int = 0) -> None:
        """Filter a list by a text that was typed elsewhere; 0: the one in which is looked."""
        number = view or self.FOUND
        if self.at != number:
            self.show_view(number)
        self.query_one(FilterLine).show(text)
        self._filter_by(text)
        self.table.focus()

    def lead_to(self, view: int, find: str) -> None:
        """One of the lists, and what is found in it."""
        if find:
            self.find(find, view)
        elif view != self.at:
            self.show_view(view)

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self.table.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this list, and this account, can do."""
        if not self.VIEWS:
            return True
        if action == "sort":
            return bool(self.view.sorts)
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
        answer = await revealing.reveal(self, view.kind, str(field_of(row, view.key)))
        if answer is not None:
            key = str(field_of(row, view.key))
            table.amend(key, number=InFull(answer))
            self.set_timer(revealing.REVEALED_SECONDS, lambda: table.restore(key))
