"""Today: the day of whoever looks, at a glance; Enter leads to where each thing is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import date, datetime, timedelta
from datetime import time as day_time
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from rich.cells import cell_len
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from console import keys, words
from console.feed import late_on_thread, on_thread
from console.late import late, open_detail
from console.modes import today_shown as shown
from console.modes.base import ModeScreen
from console.modes.today_shown import Item
from console.theme import LOUD
from console.widgets.chart import DayCurve, by_hour
from console.widgets.rows import GAP, Column, LocalTable, RowsTable
from gate.core.days import LONDON
from gate.core.rows.calls import LiveNow
from gate.errors import GateError
from gate.operations.operation import Request, operation_of

if TYPE_CHECKING:
    from gate.core.rows.calls import ReasonCount
    from gate.core.rows.retention import RetentionNow
    from gate.operations.calls.calls import CallsReasons
    from gate.operations.requests.standing import Standing

R = TypeVar("R")
FOLLOW_SECONDS = 5.0
"""How often the day is looked at anew at most, while the log grows."""
PAST_MINUTES = 5
"""What was until now a week ago is asked for anew so often; days that are over are asked for once."""
COLUMNS: Sequence[Column[Item]] = (
    Column("", 8, lambda row: (row.band if row.first else "", LOUD)),
    Column("", 14, lambda row: row.label),
    Column("", 40, lambda row: row.text, grows=True),
)


class _Asked(NamedTuple):
    """What the day is made of: loaded after the first picture."""

    requests: Request[Any]
    waiting: Request[Any]
    sweep: Request[RetentionNow]
    reasons: type[CallsReasons]


def _asked_for() -> _Asked:
    return _Asked(
        late("gate.operations.requests.listing:ListOf")(masked=True, limit=1000),
        late("gate.operations.proposals:ProposalList")(),
        late("gate.operations.retention.schedule:RetentionStatus")(),
        late("gate.operations.calls.calls:CallsReasons"),
    )


class Mode(ModeScreen):
    """The day."""

    NOT_THEN = "it is what needs somebody now. Calls (4) and Audit (8) have that day."
    MODE = "today"
    PAGE = "console"
    BINDINGS: ClassVar[list[BindingType]] = keys.TODAY
    HELP_TEXT = (
        "Your day at a glance, in three bands. NOW: what is overdue, due or wrong, what waits for a second person. "
        "TODAY: attempts and refusals beside a week ago, what jumps, the curve by hour. TOMORROW: what the sweep "
        "takes, how long each register lasts, who may be called. What your role does comes first. Enter leads to where "
        "it is done; F or / finds calls by day, time, agent, reason and number."
    )
    DEFAULT_CSS = """
    Mode #today-curve { display: none; }
    Mode .today-heading { height: 1; padding: 0 1; color: $muted; }
    Mode .today-whole { height: auto; padding: 0 1; color: $muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._leaves: object = None
        self._looked = 0.0
        self._past: dict[tuple[datetime, datetime], Sequence[ReasonCount]] = {}
        """What was counted of times that are over."""
        self._week_ago: tuple[date, Sequence[int]] | None = None
        """Attempts by hour of the same day a week ago."""
        self._open: Sequence[Standing] = ()
        """Requests."""

    def body(self) -> ComposeResult:
        """The day it is, and its rows."""
        yield Static("", classes="today-heading", markup=False)
        yield LocalTable(COLUMNS, key_of="ident", none="Asking the gate…", id="today-items")
        yield DayCurve(id="today-curve")
        yield Static("", classes="today-whole", markup=False)

    def on_mount(self) -> None:
        """The keys go to the rows."""
        self.query_one(LocalTable).focus()
        self.returned()

    def show_live(self, said: LiveNow) -> None:
        """Look again where the log has grown, though not all the time."""
        leaves, now = self.feed.leaves, time.monotonic()
        if leaves != self._leaves and now - self._looked >= FOLLOW_SECONDS:
            self._leaves = leaves
            self.returned()

    def on_attention_changed(self) -> None:
        """It is part of the day."""
        self.returned()

    def returned(self) -> None:
        """Look at the day."""
        if self.feed.link.up:
            self._looked = time.monotonic()
            self._look()

    def look_at_link(self) -> None:
        """Where nothing was told yet, nothing is known."""
        super().look_at_link()
        if self.feed.link.up is False:
            self._show_message(words.AWAY)

    def _show_message(self, text: str) -> None:
        table = self.query_one(LocalTable)
        table.none = text
        table.refresh()

    @work(exclusive=True, group="today")
    async def _look(self) -> None:
        today = self.feed.now().astimezone(LONDON).date()
        found, complete = await self._found()
        name = self.feed.session.actor.partition(":")[2].partition("(")[0]
        who = f"{name}, {self.feed.session.role}" if name else self.feed.session.role
        note = "" if complete else "   not all of it is known: the gate did not answer everything"
        self.query_one(".today-heading", Static).update(f"{today:%A %d %B %Y}   {who}{note}")
        self._show_message("Nothing is due, and nothing waits." if complete else "Not known: the gate did not answer.")
        table = self.query_one(LocalTable)
        table.set_rows(shown.ordered(found, self.feed.session.role))
        table.old = False
        self._show_whole()

    async def _found(self) -> tuple[list[Item], bool]:
        """The rows, and whether everything that this account may see was told."""
        ask = await on_thread(_asked_for)
        asked: list[Awaitable[list[Item] | None]] = [
            self._items_from(ask.requests, self._due),
            self._items_from(ask.waiting, lambda told: shown.waiting(told.items)),
            self._items_from(ask.sweep, lambda told: shown.sweep(told, self.feed.now())),
            self._days(ask.reasons),
        ]
        told = await asyncio.gather(*asked)
        registers = self.feed.snapshot.registers if self.feed.snapshot else ()
        items = shown.attentions(self.app.attention) + shown.registers(registers)
        if self.feed.session.may("contacts_forecast"):
            items += shown.tomorrow(words.today() + timedelta(days=1), registers, self._open)
        for each in told:
            items += each or []
        return items, all(each is not None for each in told)

    def _due(self, told: Any) -> list[Item]:
        self._open = told.items
        return shown.due(told.items)

    async def _items_from(self, request: Request[R], made: Any) -> list[Item] | None:
        """Nothing where this account may not see it; None where it is not known."""
        if not self.feed.session.may(operation_of(request).name):
            return []
        try:
            items: list[Item] = made(await self.feed.ask(request))
        except GateError:
            return None
        return items

    async def _days(self, reasons: type[CallsReasons]) -> list[Item] | None:
        """Today beside a week ago, yesterday beside the week before it; the last hour for whoever may not see them."""
        if not self.feed.session.may(operation_of(reasons).name):
            return shown.hour(self.feed.snapshot.counts if self.feed.snapshot else {})
        now = self.feed.now().astimezone(LONDON)
        midnight = datetime.combine(now.date(), day_time(), LONDON)
        begins = [midnight - timedelta(days=1), midnight - timedelta(days=1 + shown.DAYS_BEFORE)]
        week = timedelta(days=7)
        lately = now.replace(minute=now.minute // PAST_MINUTES * PAST_MINUTES, second=0, microsecond=0)
        past = ((midnight - week, lately - week), (begins[0], midnight), (begins[1], begins[0]))
        try:
            today = (await self.feed.ask(reasons(since=midnight, until=now))).items if midnight < now else ()
            for span in past:
                if span not in self._past:
                    self._past[span] = (await self.feed.ask(reasons(since=span[0], until=span[1]))).items
            await self._draw_curve(midnight)
        except GateError:
            return None
        self._past = {span: self._past[span] for span in past}
        week_ago, day, days = (self._past[span] for span in past)
        return [*shown.so_far(midnight.date(), today, week_ago), *shown.yesterday(begins[0].date(), day, days)]

    async def _draw_curve(self, midnight: datetime) -> None:
        """Attempts of today by hour, beside those of the same day a week ago. Raises ``GateError``."""
        trend = await on_thread(lambda: late("gate.operations.calls.calls:CallsTrend"))
        if not self.feed.session.may(operation_of(trend).name):
            return
        before = midnight - timedelta(days=7)
        if self._week_ago is None or self._week_ago[0] != before.date():
            told = await self.feed.ask(trend(since=before, until=before + timedelta(days=1), by="reason"))
            self._week_ago = before.date(), by_hour(told.items)[0]
        told = await self.feed.ask(trend(since=midnight, by="reason"))
        attempts, refused = by_hour(told.items)
        curve = self.query_one(DayCurve)
        curve.show(attempts, refused, self._week_ago[1], before.date())
        curve.display = bool(sum(attempts) or sum(self._week_ago[1]))

    @on(RowsTable.Moved)
    def _show_whole(self) -> None:
        """Below the rows, that under the cursor where there was no room for all of it."""
        table = self.query_one(LocalTable)
        text = str(table.row.text[0]) if table.row else ""
        room = table.content_size.width - sum(column.width + GAP for column in COLUMNS[:-1])
        self.query_one(".today-whole", Static).update(text if cell_len(text) > room else "")

    def on_resize(self, event: events.Resize) -> None:
        """There is more room, or less."""
        self.call_after_refresh(self._show_whole)

    @on(RowsTable.Opened)
    def _opened(self) -> None:
        row = self.query_one(LocalTable).row
        if row is not None:
            self._go(row)

    @work
    async def _go(self, item: Item) -> None:
        """To where it is done."""
        if item.kind == "request" and item.more:
            open_detail(self, "request", self.MODE, "", item.more)
            return
        if item.place.action == "forecast":
            await self.action_forecast()
            return
        if item.place.mode == self.MODE:
            self.notify(words.text(item.text[0])[0], timeout=10, markup=False)
            return
        await self.app.go(item.place, item.find)

    async def action_forecast(self) -> None:
        """Who may be called tomorrow, or on another day."""
        await (await late_on_thread("console.modes.reports:forecast"))(self)

    def copied(self) -> str:
        """What the row says."""
        row = self.query_one(LocalTable).row
        return str(row.text[0]) if row else ""
