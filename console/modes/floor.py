"""The floor under Live: each agent today, as a row and as a tile; attempts by hour and day, of agents and reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.strip import Strip

from console import keys, words
from console.theme import BAD, DIM, LOUD, OK, PLAIN, WARN
from console.widgets.chart import columns
from console.widgets.rows import Column, LocalTable, message_line, sized
from gate.core.days import LONDON
from gate.core.rows.calls import AgentRow, CallWatched, TrendHour
from gate.core.terms import Reason

MANY_IN_A_ROW: Final = (3, 5)
"""Refusals in a row from which an agent is noticed, and is an alarm."""
DAYS: Final = 7


class OnFloor(NamedTuple):
    """An agent, and the calls in hand of theirs."""

    ident: str
    agent: AgentRow
    calls: Sequence[CallWatched]


def on_floor(agents: Iterable[AgentRow], calls: Iterable[CallWatched]) -> list[OnFloor]:
    """Who talks is first, the longest talk on top; then who is refused most in a row."""
    of: dict[str, list[CallWatched]] = defaultdict(list)
    for call in calls:
        of[call.claimed_by].append(call)
    rows = [OnFloor(agent.claimed_by, agent, of[agent.claimed_by]) for agent in agents]
    return sorted(rows, key=lambda row: (not row.calls, -row.agent.streak, -row.agent.attempts, row.ident))


def doing(row: OnFloor) -> words.Shown:
    """``talking 1:05``; of several calls the one that goes on for longest, and how many there are."""
    if not row.calls:
        return ("refused", WARN) if row.agent.streak else ("idle", DIM)
    longest = max(row.calls, key=lambda call: call.seconds)
    more = f" +{len(row.calls) - 1}" if len(row.calls) > 1 else ""
    word, tone = words.state(longest.state)
    return f"{word} {words.length(longest.seconds)[0]}{more}", tone


def streak(row: OnFloor) -> words.Shown:
    """Refusals in a row."""
    noticed, alarm = MANY_IN_A_ROW
    count = row.agent.streak
    return (f"{count:,}" if count else "-"), BAD if count >= alarm else WARN if count >= noticed else DIM


def why(row: OnFloor) -> words.Shown:
    """Why the last was refused, where that is not long past."""
    return words.reason(row.agent.reason) if row.agent.streak else words.NOTHING


def follows(row: OnFloor) -> words.Shown:
    """What they may do next: dial, or why not."""
    code = row.agent.next
    if code is None:
        return "may dial", OK
    passes = code in (Reason.OUTSIDE_HOURS, Reason.TOO_MANY_CALLS_AT_ONCE)
    return words.reason(code)[0], WARN if passes else BAD


AGENTS: Sequence[Column[OnFloor]] = (
    Column("Agent", 10, lambda row: words.caller(row.ident), grows=True, most=24),
    Column("Now", 15, doing),
    Column("Calls", 5, lambda row: words.count(row.agent.attempts), right=True),
    Column("Refused", 7, lambda row: words.count(row.agent.refused), right=True),
    Column("In a row", 8, streak, right=True),
    Column("Why", 12, why, grows=True, most=26),
    Column("Next", 15, follows, grows=True),
    Column("Talk", 8, lambda row: words.length(row.agent.seconds), right=True, rank=1),
    Column("Last", 8, lambda row: words.clock(row.agent.at), rank=2),
)


# --- tiles ------------------------------------------------------------------------------------------------------------

WIDE, HIGH = 26, 5
"""Cells and lines of a tile, with the empty ones beside and under it."""


def tile(row: OnFloor) -> Sequence[words.Shown]:
    """The lines of a tile."""
    agent, state = row.agent, doing(row)
    refused = f"{agent.streak} in a row: {why(row)[0]}" if agent.streak else f"{agent.refused:,} refused"
    return (
        (words.caller(row.ident)[0], LOUD if row.calls else PLAIN),
        state,
        (f"{words.many(agent.attempts, 'call')}, {refused}", streak(row)[1] if agent.streak else DIM),
        (f"next: {follows(row)[0]}", follows(row)[1]),
    )


class Tiles(LocalTable):
    """Agents side by side, for a wall: the same rows as the table, several in a line."""

    BINDINGS: ClassVar[list[BindingType]] = keys.TILES

    @property
    def across(self) -> int:
        """Tiles in a line."""
        return max(1, self.scrollable_content_region.width // WIDE)

    def changed(self) -> None:
        """There are other rows than before."""
        super().changed()
        self.virtual_size = Size(1, -(-self.total // self.across) * HIGH)

    def render_line(self, y: int) -> Strip:
        """A line through the tiles that stand there."""
        width = self.scrollable_content_region.width
        plain = self.get_component_rich_style("rows--even")
        if not self.total:
            dim = self.get_component_rich_style("rows--dim")
            return Strip([Segment(sized(message_line(self.saying, y, width), width), dim)], width)
        line, part = divmod(int(self.scroll_offset.y) + y, HIGH)
        segments = []
        for index in range(line * self.across, min(self.total, (line + 1) * self.across)):
            row, here = self.row_at(index), index == self.cursor
            text, tone = tile(row)[part] if row is not None and part < HIGH - 1 else ("", "")
            base = self.get_component_rich_style("rows--cursor") if here and part < HIGH - 1 else plain
            style = base + self._tone(tone, here) if tone else base
            segments += [Segment(sized(f" {text}", WIDE - 1), style), Segment(" ", plain)]
        return Strip(segments).adjust_cell_length(width, plain)

    def _draw_row(self, index: int) -> None:
        """A tile has several lines."""
        self.refresh()

    def _show_cursor(self) -> None:
        top, height = int(self.scroll_offset.y), max(HIGH, self.scrollable_content_region.height)
        line = self.cursor // self.across * HIGH
        if line < top or line + HIGH > top + height:
            self.scroll_to(y=line if line < top else line + HIGH - height, animate=False, force=True)

    def action_move(self, by: int) -> None:
        """A line down, or up."""
        if 0 <= self.cursor + by * self.across < self.total:
            self.cursor += by * self.across

    def action_step(self, by: int) -> None:
        """A tile on, or back."""
        self.cursor += by

    @property
    def _page(self) -> int:
        return self.across * max(1, self.scrollable_content_region.height // HIGH - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a second click opens."""
        line = (int(self.scroll_offset.y) + event.y - self.gutter.top) // HIGH
        place = (event.x - self.gutter.left) // WIDE
        index = line * self.across + place
        if place < self.across and index < self.total:
            self.cursor = index
            if event.chain == 2:
                self.action_open()


# --- trend ------------------------------------------------------------------------------------------------------------


class Trend(NamedTuple):
    """An agent or a reason, today and in the last ``DAYS`` days."""

    ident: str
    label: words.Shown
    find: str
    """What finds its calls."""
    attempts: int
    refused: int
    hours: Sequence[int]
    """Refused in each hour of today; of a reason that allows: attempts."""
    week: int
    days: Sequence[int]
    """The same of each day, today last."""


def trends(agents: Iterable[TrendHour], reasons: Iterable[TrendHour], today: date) -> list[Trend]:
    """Agents, those that were refused most in the week first; then reasons, the most frequent first."""
    found = [
        *_trends("agent", _by_name(agents), today, lambda name: (words.caller(name)[0], PLAIN)),
        *_trends("reason", _by_name(reasons), today, words.reason),
    ]
    return sorted(found, key=lambda row: (row.ident.partition(" ")[0], -sum(row.days), row.ident))


def _by_name(hours: Iterable[TrendHour]) -> Mapping[str, list[TrendHour]]:
    of: dict[str, list[TrendHour]] = defaultdict(list)
    for each in hours:
        of[each.name or "erased"].append(each)
    return of


def _trends(what: str, of: Mapping[str, list[TrendHour]], today: date, label: Any) -> Iterable[Trend]:
    first = today - timedelta(days=DAYS - 1)
    for name, rows in of.items():
        allows = what == "reason" and name in words.ALLOWING
        by_hour, by_day, attempts, refused, week = [0] * 24, [0] * DAYS, 0, 0, 0
        for row in rows:
            at = datetime.fromisoformat(f"{row.hour}:00+00:00").astimezone(LONDON)
            counted, place = row.attempts if allows else row.refused, (at.date() - first).days
            if 0 <= place < DAYS:
                by_day[place] += counted
                week += row.attempts
            if at.date() == today:
                by_hour[at.hour] += counted
                attempts, refused = attempts + row.attempts, refused + row.refused
        shown = label(name)
        yield Trend(f"{what} {name}", shown, shown[0], attempts, refused, by_hour, week, by_day)


def trend_columns(today: date) -> Sequence[Column[Trend]]:
    """The hours stand over their columns, and so do the days."""
    initials = "".join(f"{today - timedelta(days=back):%a}"[0] for back in range(DAYS - 1, -1, -1))
    return (
        Column("Agent, then reason", 18, lambda row: row.label, grows=True, most=30),
        Column("Today", 6, lambda row: words.count(row.attempts), right=True),
        Column("Refused", 7, lambda row: words.count(row.refused), right=True),
        Column("0h    6h    12h   18h   ", 24, lambda row: (columns(row.hours)[0], row.label[1])),
        Column("Week", 7, lambda row: words.count(row.week), right=True, rank=1),
        Column(initials, DAYS, lambda row: (columns(row.days)[0], row.label[1])),
    )
