"""Live: the calls in hand, and the last hour by reason; agents, as a table and as tiles; the trend of day and week."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as day_time
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from console import keys, words
from console.attention import Place
from console.late import open_detail
from console.modes import floor
from console.modes.base import ModeScreen
from console.theme import LOUD, OK, WARN
from console.widgets.ask import Ask, Entered, Field
from console.widgets.chart import Hour, meter
from console.widgets.filter import FilterLine
from console.widgets.pages import fits
from console.widgets.rows import Column, LocalTable, RowsTable, field_of
from console.widgets.wave import PAUSE
from gate.core.days import LONDON
from gate.core.rows.calls import AgentRow, CallWatched, LiveNow
from gate.errors import UsageError
from gate.operations.calls.calls import By, CallsAgents, CallsHangUp, CallsPause, CallsResume, CallsTrend
from gate.showing import clean

CALLS, AGENTS, TILES, TREND = range(4)
FLOOR_SECONDS = {AGENTS: 2.0, TILES: 2.0, TREND: 15.0}
"""How often each list is asked for at most."""
ASKING = "Asking the gate…"
SHIELD = 60
"""Seconds of a pause that are offered."""
HOLE = 4
"""Cells of a pause that is at its end."""
NO_CALL = "No call at the moment."
WARNINGS = 2
"""Warnings that are shown in full."""
_NOTICES = {"playing": ("playing", LOUD), "played": ("played", OK), "cut": ("cut short", WARN)}


def notice(row: CallWatched) -> words.Shown:
    """How far the announcement is."""
    return _NOTICES.get(row.announcement, words.NOTHING)


def recording(row: CallWatched) -> words.Shown:
    """Whether it is recorded, and how loud both sides are."""
    if row.paused and row.pause_seconds:
        return hole(row.pause_seconds - row.pause_left, row.pause_seconds), LOUD
    return meter(row.levels.caller, row.levels.callee, recorded=row.recorded, paused=row.paused)


def hole(lasted: int, most: int) -> str:
    """What a pause leaves out so far, and the seconds until it is recorded again: ``░░   31s``."""
    grown = min(HOLE, 1 + lasted * HOLE // most)
    return f"{PAUSE * grown:<{HOLE}} {most - lasted}s"


_OnCall = type[CallsHangUp] | type[CallsPause] | type[CallsResume]
COLUMNS: Sequence[Column[CallWatched]] = (
    Column("Asked", 8, lambda row: words.clock(row.at), rank=2),
    Column("From", 10, lambda row: words.caller(row.claimed_by), grows=True, most=32),
    Column("To", 16, lambda row: words.number(row.number)),
    Column("Purpose", 9, lambda row: words.text(row.purpose), rank=1),
    Column("State", 10, lambda row: words.state(row.state)),
    Column("Notice", 9, notice, rank=1),
    Column("Recording", 9, recording),
    Column("Time", 6, lambda row: words.length(row.seconds), right=True),
)


def whole(text: str) -> int:
    """Seconds that were typed. Raises ``UsageError``."""
    if not text.strip().isdecimal():
        raise UsageError(f"{text.strip()[:20]!r} is no number of seconds", hint="type a whole number, such as 60")
    return int(text)


class Mode(ModeScreen):
    """Calls in hand, the longest first; below them the last hour."""

    NOT_THEN = "calls in hand are what the gate does now. Calls (4) has those of that time."
    MODE = "live"
    PAGE = "calls"
    VIEWS = ("calls", "agents", "tiles", "trend")
    BINDINGS: ClassVar[list[BindingType]] = keys.LIVE
    HELP_TEXT = (
        "Calls that the gate has in hand now; Tab goes on to each agent today, as a table and as tiles, and to the "
        "trend of day and week. Numbers are hidden in part. The meters show how loud the agent and the customer are "
        "(left, right) while the call is recorded. p holds the display still; calls and recordings go on. "
        "R pauses the recording of a call for so many seconds, after which the gate resumes it by itself; R again "
        "resumes it at once, or gives it more time. H hangs up, for both parties. The log keeps who did so, and "
        "why. Nobody can listen in."
    )
    DEFAULT_CSS = """
    Mode #live-body { height: 1fr; }
    Mode .live-heading, Mode .live-views { height: 1; padding: 0 1; color: $muted; }
    Mode .live-warnings { height: auto; max-height: 4; padding: 0 1; color: $warning; display: none; }
    Mode .live-warnings.-some { display: block; }
    Mode #live-hour { max-height: 9; }
    .-high Mode #live-hour, Mode.-high #live-hour { max-height: 16; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self._drawn_at = ""
        self._warned: list[str] = []
        self._said: LiveNow | None = None
        self._calls: list[CallWatched] = []
        self._in_hand = 0
        """Calls of the picture."""
        self._text = ""
        """Only what shows these words."""
        self.at = CALLS
        self._agents: Sequence[AgentRow] = ()
        self._trends: Sequence[floor.Trend] = ()
        self._known = False
        """The floor was told of."""
        self._looked = 0.0

    def body(self) -> ComposeResult:
        """A line of counts, the calls, the hour."""
        yield Static("", classes="live-views", markup=False)
        yield Static("Waiting for the gate…", classes="live-heading", markup=False)
        yield Static("", classes="live-warnings", markup=False)
        yield LocalTable(COLUMNS, key_of="call_id", none="Not known yet.", id="live-calls")
        yield LocalTable(floor.AGENTS, key_of="ident", none=ASKING, id="live-agents")
        yield floor.Tiles(floor.AGENTS, key_of="ident", none=ASKING, id="live-tiles")
        yield LocalTable(floor.trend_columns(words.today()), key_of="ident", none=ASKING, id="live-trend")
        yield Hour(id="live-hour")
        yield FilterLine("finds by what stands in a row")

    def on_mount(self) -> None:
        """The keys go to the calls."""
        self.show_view(CALLS)
        if self.feed.snapshot:
            self.show_live(self.feed.snapshot)

    def show_live(self, said: LiveNow) -> None:
        """Draw, unless paused."""
        self._said = said
        if not self.paused:
            self._draw()
        else:
            self._show_counts()

    # --- the lists ------------------------------------------------------------------------------------------------

    @property
    def table(self) -> LocalTable:
        """The list that is shown."""
        return self.query_one(f"#live-{self.VIEWS[self.at]}", LocalTable)

    def action_view(self, by: int) -> None:
        """Calls, agents, tiles, trend."""
        self.show_view((self.at + by) % len(self.VIEWS))

    def lead_to(self, view: int, find: str) -> None:
        """One of the lists."""
        if view != self.at:
            self.show_view(view)

    def show_view(self, number: int) -> None:
        """Show one of the lists, and give it the keys."""
        self.at, self._looked = number, 0.0
        for name in self.VIEWS:
            self.query_one(f"#live-{name}", LocalTable).display = name == self.VIEWS[number]
        self.query_one(Hour).display = number == CALLS
        names = (f"[{name}]" if each == number else f" {name} " for each, name in enumerate(self.VIEWS))
        self.query_one(".live-views", Static).update(" ".join(names).strip(), layout=False)
        self.table.focus()
        self.refresh_bindings()
        self._draw()

    def _draw(self) -> None:
        said = self._said
        if said is None:
            return
        self._drawn_at = said.at
        self._calls = said.calls
        self._in_hand = len(said.calls)
        self.query_one(Hour).show(said.counts, said.minutes)
        if self.at == CALLS:
            self._fill(said.calls, NO_CALL)
        elif self.at == TREND:
            self._fill(self._trends, "Nobody has called in the last seven days." if self._known else ASKING)
        else:
            none = "There is no account and no PBX." if self._known else ASKING
            self._fill(floor.on_floor(self._agents, said.calls), none)
        if self.at != CALLS and time.monotonic() - self._looked >= FLOOR_SECONDS[self.at]:
            self._looked = time.monotonic()
            self._look_at_floor()
        self._show_counts()

    def _fill(self, rows: Sequence[Any], none: str) -> None:
        table = self.table
        table.none = f"Nothing fits “{self._text}”: Esc shows all." if self._text and rows else none
        table.set_rows([row for row in rows if fits(row, table.columns, self._text.casefold().split())])
        table.old = self.feed.link.up is False

    @work(exclusive=True, group="floor")
    async def _look_at_floor(self) -> None:
        """What the list that is shown is made of."""
        if self.at == TREND:
            if shut := self.shut(CallsTrend):
                self.table.none = shut
                self.table.refresh()
                return
            today = words.today()
            since = datetime.combine(today - timedelta(days=floor.DAYS - 1), day_time(), LONDON)
            told = [await self.ask(CallsTrend(since=since, by=by)) for by in (By.AGENT, By.REASON)]
            agents, reasons = told
            if agents is None or reasons is None:
                return
            self._trends = floor.trends(agents.items, reasons.items, today)
            self.query_one("#live-trend", LocalTable).set_columns(floor.trend_columns(today))
        elif (now := await self.ask(CallsAgents())) is not None:
            self._agents = now.items
        else:
            return
        self._known = True
        self._draw()

    def _show_counts(self) -> None:
        said = self._said
        if said is None:
            return
        text = f"DISPLAY STANDS STILL since {words.clock(self._drawn_at)[0]} (p: go on) · " if self.paused else ""
        text += f"{words.many(self._in_hand, 'call')} in hand"
        if self._text:
            text += f", {self.table.total} shown: {self._text}"
        for call in self._calls:
            if call.paused:
                text += f" · {words.caller(call.claimed_by)[0]} paused by {words.text(call.paused_by)[0]}"
                text += f", {call.pause_left} s left" if call.pause_seconds else ""
        down = [each.name for each in said.trunks if each.up is False]
        for what, up in (("trunk", said.trunk_up), ("recorder", said.recorder_up)):
            if what == "trunk" and len(said.trunks) > 1 and down:
                text += f" · trunk {', '.join(down)} DOWN"
            elif up is not None:
                text += f" · {what} {'up' if up else 'DOWN'}"
        if self.feed.link.up is False and self._drawn_at:
            text += f"   AS IT WAS at {words.clock(self._drawn_at)[0]}"
        self.query_one(".live-heading", Static).update(text, layout=False)
        self._warn([clean(each) for each in said.warnings])

    def _warn(self, warnings: list[str]) -> None:
        """What somebody must see to, a line each; more than would leave no room for the calls are only counted."""
        if warnings == self._warned:
            return
        self._warned = warnings
        shown, more = warnings[:WARNINGS], len(warnings) - WARNINGS
        lines = [f"ATTENTION: {each}" for each in shown] + ([f"and {more} more: dialgate status"] if more > 0 else [])
        note = self.query_one(".live-warnings", Static)
        note.update("\n".join(lines))
        note.set_class(bool(lines), "-some")

    def look_at_link(self) -> None:
        """While the gate is away, the picture says of when it is."""
        super().look_at_link()
        self._show_counts()

    def returned(self) -> None:
        """What is known is drawn as new again."""
        if self.feed.snapshot and not self.paused:
            self.show_live(self.feed.snapshot)

    def action_filter(self) -> None:
        """Only calls that show these words."""
        self.query_one(FilterLine).open("finds by what stands in a row")

    def action_back(self) -> None:
        """All calls again."""
        line = self.query_one(FilterLine)
        if line.text:
            line.clear()

    @on(FilterLine.Changed)
    def _filtered(self, message: FilterLine.Changed) -> None:
        self._text = message.text
        self._draw()

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self.table.focus()

    def action_pause(self) -> None:
        """Stop the picture, or go on."""
        self.paused = not self.paused
        if self._said is not None:
            self.show_live(self._said)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may."""
        needed = {"keep": "calls_pause", "hang_up": "calls_hang_up"}.get(action)
        if needed and self.at == TREND:
            return False
        return None if needed and not self.feed.session.may(needed) else True

    @work
    async def action_keep(self) -> None:
        """Pause the recording of the call, or resume it."""
        row = self._call()
        if row is None:
            return
        resume, agent = row.paused, row.paused_by == "agent"
        if resume and row.pause_seconds:
            await self._go_on(row)
        elif agent or not row.recorded:
            why = "The agent has paused it, and resumes it." if agent else "Nothing of this call is recorded now."
            self.notify(why, severity="warning", timeout=6, markup=False)
        elif resume:
            await self._act(
                row, CallsResume, "Resume", "the recording of this call", "It is recorded again.", "Resumed"
            )
        else:
            said = "Nothing is kept until then, or until R resumes it. The gate counts: this console may be closed."
            await self._act(row, CallsPause, "Pause", "the recording of this call", said, "Paused", seconds=SHIELD)

    async def _go_on(self, row: CallWatched) -> None:
        """A pause with a bound ends now, or is given another bound."""
        label = "Seconds that it stays paused from now (0: record now)"
        field = Field.from_request(CallsPause, "seconds", "0")

        async def send(told: Entered) -> Any:
            seconds = whole(told["seconds"])
            if seconds:
                return await self.feed.ask(CallsPause(call_id=row.call_id, why=told["why"], seconds=seconds))
            return await self.feed.ask(CallsResume(call_id=row.call_id, why=told["why"]))

        fields = [Field.from_request(CallsResume, "why"), replace(field, label=label)]
        said = f"{words.caller(row.claimed_by)[0]}: {row.pause_left} s of {row.pause_seconds} are left."
        answer = await self.app.push_screen_wait(Ask("Record again?", fields, said=said, act="Do it", send=send))
        if answer is not None:
            self.app.done("Still paused" if answer.paused else "Resumed")

    @work
    async def action_hang_up(self) -> None:
        """End the call, for both parties."""
        row = self._call()
        if row is not None:
            said = "It ends now, for both parties. What is recorded is kept."
            await self._act(row, CallsHangUp, "Hang up", "this call", said, "Hung up")

    def _call(self) -> CallWatched | None:
        """The call under the cursor; of an agent the one that goes on for longest."""
        row = self.table.row
        if not isinstance(row, floor.OnFloor):
            return row
        if not row.calls:
            self.notify(f"{words.caller(row.ident)[0]} has no call in hand.", timeout=4, markup=False)
        return max(row.calls, key=lambda call: call.seconds, default=None)

    async def _act(
        self, row: CallWatched, request: _OnCall, act: str, what: str, follows: str, done: str, seconds: int = 0
    ) -> None:
        """Ask why, and for how long where that is offered, and do it: the log keeps who and why."""

        async def send(told: Entered) -> Any:
            more = {"seconds": whole(told["seconds"])} if seconds else {}
            return await self.feed.ask(request(call_id=row.call_id, why=told["why"], **more))

        who, called = words.caller(row.claimed_by)[0], words.number(row.number)[0]
        fields = [Field.from_request(request, "why")]
        fields += [Field.from_request(request, "seconds", str(seconds))] if seconds else []
        ask = Ask(f"{act} {what}?", fields, said=f"{who} to {called}. {follows}", act=act, send=send)
        if await self.app.push_screen_wait(ask) is not None:
            self.app.done(f"{done}: {who}")

    def on_rows_table_opened(self, message: RowsTable.Opened) -> None:
        """The call's details; an agent's calls of today, or a reason's."""
        row = message.table.row
        if isinstance(row, CallWatched):
            open_detail(self, "call", self.MODE, row.call_id, row)
        elif row is not None:
            found = row.find if isinstance(row, floor.Trend) else words.caller(row.ident)[0]
            self.run_worker(self.app.go(Place("calls"), f"today {found}"))

    def copied(self) -> str:
        """The call's id, or who it is."""
        row = self.table.row
        return str(field_of(row, self.table.key_of)) if row else ""
