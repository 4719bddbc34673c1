"""Requests: what people asked the firm to do with what it holds of them, by state on a board, or as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType

from console import keys, words
from console.late import open_detail
from console.modes import request_doing as doing
from console.modes import request_shown as shown
from console.modes.listing import ListMode, View
from console.modes.objecting import STOPS
from console.modes.request_forms import OPEN, filled, opening
from console.modes.requests_board import Board
from console.widgets.filter import FilterLine
from console.widgets.pages import PagedTable, Rows
from console.widgets.report import Section
from console.widgets.rows import Column
from console.words import today
from gate.core.finding import sought
from gate.core.request_words import Asks, State
from gate.errors import RefusedError
from gate.operations.parsing import day_before, day_from
from gate.operations.requests.course import Open
from gate.operations.requests.listing import ListOf
from gate.operations.requests.standing import Standing

BOARD = 0
FINDS = "days, what is asked for, state, reference, name or number: last month erasure not done"
OVER = 100
"""Requests that are over, of either kind, on the board; the list has all."""
ASKS = {
    Asks.ACCESS: "what is held of them",
    Asks.ERASURE: "that it is erased",
    Asks.OBJECTION: "not to be called: granted at once",
    Asks.RESTRICTION: "that nobody uses it for the time being",
    Asks.RECTIFICATION: "that something wrong is put right",
    Asks.COMPLAINT: "about what the firm did",
}
CHANNELS = {"phone": "", "email": "", "post": "", "in_person": "", "web": ""}


COLUMNS: Sequence[Column[Standing]] = (
    Column("Request", 13, lambda row: words.text(row.reference)),
    Column("Asks for", 11, shown.asks),
    Column("State", 14, shown.state),
    Column("Left", 15, shown.left),
    Column("Due", 11, lambda row: words.day(row.due)),
    Column("From", 8, shown.name, grows=True),
    Column("Received", 11, lambda row: words.day(row.received), rank=1),
    Column("Regulator", 11, lambda row: words.day(row.ico_due), rank=2),
)


def by_text(text: str) -> Mapping[str, Any]:
    """What was typed, as fields of ``ListOf``: days on which it was received, and words."""
    line = sought(text, today())
    return {"text": line.text or None, "since": day_from(line.since), "until": day_before(line.until)}


class Mode(ListMode):
    """The board, those that are not over, all of them."""

    MODE = "requests"
    PAGE = "requests"
    BINDINGS: ClassVar[list[BindingType]] = keys.REQUESTS
    HELP_TEXT = (
        "Requests of people about what the firm holds of them, each with the days that are left: due, soon (20 days "
        "have passed), OVERDUE, or paused while the firm waits for an answer. On the board h and l go from column to "
        "column, j and k from card to card, the one due first at the top; Tab goes on to the lists. / finds by "
        "reference, kind, state, name or number. n notes a new one; Enter opens one: its steps, its letters, and what "
        "may be done."
    )
    FOUND = 2
    VIEWS = (
        View("board", ListOf, COLUMNS, "id", "There is no request.", filters=by_text, found="requests", finds=FINDS),
        View("open", ListOf, COLUMNS, "id", "No request is open.", filters=by_text, found="requests", finds=FINDS),
        View(
            "all",
            ListOf,
            COLUMNS,
            "id",
            "There is no request.",
            fields={"everything": True},
            filters=by_text,
            found="requests",
            finds=FINDS,
        ),
    )

    async def preview(self, row: Standing) -> Sequence[Section]:
        """The request; who asks is hidden in part, as everywhere until it is asked for."""
        return shown.sections(row)

    # --- the board ------------------------------------------------------------------------------------------------

    def below(self) -> ComposeResult:
        """The board; the lists are hidden while it is shown."""
        yield Board()

    @property
    def board(self) -> Board:
        """The board."""
        return self.query_one(Board)

    def show_view(self, number: int) -> None:
        """The board, or a list; the board's rows come through its own table, which is not shown."""
        super().show_view(number)
        board = self.board
        board.display = number == BOARD
        self.query_one("#lists").display = number != BOARD
        if number == BOARD:
            board.focus()
            self._show_shut()

    def _show_shut(self) -> None:
        """A board that this account may not see says so."""
        table = self.query_one(f"#view-{BOARD}", PagedTable)
        if table.shut:
            self.board.show([], table.shut, told=False)

    def returned(self) -> None:
        """Look for news; who may not see them is told so."""
        super().returned()
        self._show_shut()

    def _fetch(self, number: int) -> Any:
        """For the board: what is not over, and the newest of what is."""
        fetch = super()._fetch(number)
        if number != BOARD:
            return fetch

        async def cards(after: str | None, before: str | None, limit: int) -> Rows:
            rows = list((await fetch(after, before, limit)).items)
            text = self._texts.get(BOARD, "")
            fields = dict(by_text(text)) if text else {}
            for over in (State.DONE, State.CLOSED):
                page = await self.feed.ask(ListOf(masked=True, state=over, limit=OVER, **fields))
                rows += page.items
            return Rows(rows, None)

        return cards

    @on(PagedTable.Loaded)
    def _cards(self, message: PagedTable.Loaded) -> None:
        if message.table.id == f"view-{BOARD}":
            self._show_cards(message.table)

    def _show_cards(self, table: PagedTable) -> None:
        rows = [row for index in range(table.total) if (row := table.row_at(index)) is not None]
        self.board.show(rows, table.saying)
        self.board.set_class(table.old, "-old")

    @on(PagedTable.Failed)
    def _no_cards(self, message: PagedTable.Failed) -> None:
        board = self.board
        board.add_class("-old")
        if isinstance(message.error, RefusedError):
            board.show([], message.error.message, told=False)

    @on(Board.Moved)
    def _card(self) -> None:
        """The board's row is the row of its table: copied and opened as in any list."""
        row, table = self.board.row, self.query_one(f"#view-{BOARD}", PagedTable)
        if row is not None:
            places = range(table.total)
            table.cursor = next((at for at in places if getattr(table.row_at(at), "id", "") == row.id), 0)

    @on(Board.Opened)
    def _open_card(self) -> None:
        if self.board.row is not None:
            self.open_row(self.board.row)

    @on(FilterLine.Left)
    def _to_the_board(self) -> None:
        if self.at == BOARD:
            self.board.focus()

    def look_at_link(self) -> None:
        """The board is greyed too while the gate is away."""
        super().look_at_link()
        away = self.feed.link.up is False
        self.board.set_class(away, "-old")
        if away and not self.board.known:
            self.board.saying = words.AWAY
            self.board.refresh()

    # --- acts -----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether this account may note one."""
        if action == "new":
            return self.feed.session.may("request_open") or None
        return super().check_action(action, parameters)

    def open_row(self, row: Standing) -> None:
        """Open the request."""
        open_detail(self, "request", self.MODE, "", row)

    def copied(self) -> str:
        """The reference of the request."""
        row = self.table.row
        return str(row.reference) if row else ""

    @work
    async def action_new(self) -> None:
        """Note a request that came."""
        asks = await doing.choose(self, "A request came", "Asks for", list(ASKS.items()))
        channel = await doing.choose(self, "A request came", "How", list(CHANNELS.items())) if asks else None
        if asks is None or channel is None:
            return

        async def send(told: Mapping[str, str]) -> Any:
            given = {"asks": asks, "channel": channel} | ({"scope": told["scope"]} if objects else {})
            return await self.feed.ask(msgspec.convert(given | opening(told), Open))

        objects = asks == Asks.OBJECTION
        said = "A name, a number, or both." + (" It holds from the next call." if objects else "")
        fields = (*OPEN, STOPS) if objects else OPEN
        answer = await filled(self, f"A request for {asks}", fields, send, said=said, act="Note it")
        if answer is not None:
            self.app.done(f"{answer.reference}: {answer.asks}, {shown.left(answer)[0]}")
            self.open_row(answer)
