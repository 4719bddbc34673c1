"""What goes when, as a calendar: months as grids of weeks, each day with its counts, a cursor that moves by days."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, NamedTuple

from rich.cells import set_cell_size
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from console import keys
from gate.core.retention import add_months

FARTHEST = 3660
"""Days from today that the gate looks ahead, at most."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HEAT = ("", "▁", "▄", "█")
"""By how much of the busiest day seen goes on a day: none, up to a third, up to two thirds, more."""
LEGEND = " ▁ few ▄ more █ most"


class Going(NamedTuple):
    """How many recordings go on a day, and how many are held."""

    due: int = 0
    held: int = 0


def counts(going: Going, width: int) -> str:
    """``12``, ``12 +3 held``, in as few cells as there are: ``1.2k +3h``."""
    if not going.due and not going.held:
        return ""
    for due, held in (
        (f"{going.due:,}", f"{going.held:,} held"),
        (f"{going.due:,}", f"{going.held:,}h"),
        (_short(going.due), f"{_short(going.held)}h"),
    ):
        text = f"{due} +{held}" if going.held else due
        if len(text) <= width:
            return text
    return text


def _short(value: int) -> str:
    return f"{value / 1000:.1f}k" if value >= 1000 else str(value)


def heat(due: int, most: int) -> int:
    """0 to 3: how much goes, beside the day on which most goes."""
    return 0 if not due or not most else min(3, 1 + 3 * (due - 1) // most)


class Calendar(Widget, can_focus=True):
    """Months from that of the cursor on, as many as there is room for."""

    BINDINGS: ClassVar[list[BindingType]] = keys.CALENDAR
    TONES: ClassVar[tuple[str, ...]] = (
        "month",
        "head",
        "day",
        "past",
        "today",
        "held",
        "one",
        "two",
        "three",
        "cursor",
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"calendar--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    Calendar { height: 1fr; padding: 0 1; }
    Calendar .calendar--month { color: $primary; text-style: bold; }
    Calendar .calendar--head { color: $muted; }
    Calendar .calendar--day { color: $foreground; }
    Calendar .calendar--past { color: $muted; }
    Calendar .calendar--today { color: $accent; text-style: bold; }
    Calendar .calendar--held { color: $warning; }
    Calendar .calendar--one { color: $foreground; }
    Calendar .calendar--two { color: $accent; }
    Calendar .calendar--three { color: $error; text-style: bold; }
    Calendar .calendar--cursor { background: $panel; text-style: underline; }
    Calendar:focus .calendar--cursor { background: $cursor; text-style: bold underline; }
    """

    cursor: reactive[date] = reactive(date.min, repaint=False)
    old: reactive[bool] = reactive(False)
    """What it shows is not known to be true any more: greyed."""

    class Moved(Message):
        """The cursor is on another day."""

        def __init__(self, day: date) -> None:
            super().__init__()
            self.day = day

    class Opened(Moved):
        """Enter, or a second click."""

    def __init__(self, today: date, **extra: Any) -> None:
        super().__init__(**extra)
        self.today = today
        self._days: Mapping[date, Going] = {}
        self.known = False
        """The gate has said what goes."""
        self._cells: list[tuple[int, int, date]] = []
        """Line, column and day of every cell that is drawn."""
        self.set_reactive(Calendar.cursor, today)

    # --- what there is --------------------------------------------------------------------------------------------

    def show(self, today: date, days: Mapping[date, Going]) -> None:
        """Show these days."""
        if self.cursor in (self.today, date.min) or self.cursor < today:
            self.cursor = today
        self.today, self._days, self.known = today, days, True
        self.refresh()

    def going(self, day: date) -> Going:
        """How many recordings go on a day, and how many are held."""
        return self._days.get(day, Going())

    @property
    def spoken(self) -> str:
        """The day under the cursor as it is read aloud."""
        if not self.known:
            return f"{self.cursor:%A %d %B %Y}, not known yet"
        going = self.going(self.cursor)
        return f"{self.cursor:%A %d %B %Y}, {going.due:,} to erase, {going.held:,} held"

    @property
    def last_shown(self) -> date:
        """The last day of the months that are drawn."""
        return add_months(self.cursor.replace(day=1), self._months) - timedelta(days=1)

    @property
    def _tall(self) -> int:
        """Lines of a week: two where a month of six weeks fits so."""
        return 2 if self.size.height >= 14 else 1

    @property
    def _months(self) -> int:
        return max(1, self.size.height // (2 + 6 * self._tall))

    @property
    def cell_width(self) -> int:
        """Cells of a day, the gap behind it among them."""
        return max(5, self.size.width // 7)

    # --- drawing --------------------------------------------------------------------------------------------------

    def render(self) -> Text:
        """Draw the months."""
        whole = Text(no_wrap=True, overflow="crop")
        self._cells = []
        first, most = self.cursor.replace(day=1), max((each.due for each in self._days.values()), default=0)
        line = 0
        for place in range(self._months):
            month = add_months(first, place)
            line = self._month(whole, month, most, line)
        whole.right_crop(1)
        return whole

    def _month(self, whole: Text, month: date, most: int, line: int) -> int:
        last = add_months(month, 1)
        inside = [going for day, going in self._days.items() if month <= day < last]
        due, held = sum(each.due for each in inside), sum(each.held for each in inside)
        told = f"{due:,} to erase" + (f", {held:,} held" if held else "") if due or held else "nothing goes"
        told = told if self.known else "not known yet"
        whole.append(f"{month:%B %Y}", self._part_style("month")).append(f"   {told}\n", self._part_style("head"))
        whole.append("".join(name.ljust(self.cell_width) for name in WEEKDAYS) + "\n", self._part_style("head"))
        weeks = calendar.Calendar().monthdatescalendar(month.year, month.month)
        for number, week in enumerate(weeks):
            days = [day if day.month == month.month else None for day in week]
            top = line + 2 + number * self._tall
            self._cells += [(top, place * self.cell_width, day) for place, day in enumerate(days) if day]
            for row in range(self._tall):
                for day in days:
                    self._cell(whole, day, most, row)
                whole.append("\n")
        return line + 2 + len(weeks) * self._tall

    def _cell(self, whole: Text, day: date | None, most: int, row: int) -> None:
        width = self.cell_width
        if day is None:
            whole.append(" " * width)
            return
        going = self.going(day)
        warm = heat(going.due, most)
        name = f"{day.day:>2}" + (" today" if day == self.today and self._tall > 1 else "*" * (day == self.today))
        tone = "past" if day < self.today else "today" if day == self.today else "day"
        counted = (
            ("held" if going.held and not going.due else ("day", "one", "two", "three")[warm])
            if warm or going.held
            else tone
        )
        if self._tall == 1:
            text, tone = f"{name} {counts(going, width - len(name) - 2)}", counted if going.due or going.held else tone
        elif row == 0:
            text = f"{name} {HEAT[warm]}".rstrip()
        else:
            text, tone = f"   {counts(going, width - 4)}", counted
        style = self._part_style(tone)
        if day == self.cursor:
            style += self.get_component_rich_style("calendar--cursor", partial=True)
        whole.append(set_cell_size(text, width - 1), style).append(" ")

    def _part_style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"calendar--{'past' if self.old else tone}", partial=True)

    # --- moving ---------------------------------------------------------------------------------------------------

    def validate_cursor(self, value: date) -> date:
        """From today on, as far as the gate looks."""
        return max(self.today, min(value, self.today + timedelta(days=FARTHEST)))

    def watch_cursor(self, old: date, new: date) -> None:
        """Draw the calendar again and post ``Moved``."""
        if old != new:
            self.refresh()
            self.post_message(self.Moved(new))

    def watch_old(self, old: bool) -> None:
        """Grey the calendar while its data is stale."""
        self.set_class(old, "-old")
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor by days."""
        self.cursor += timedelta(days=by)

    def action_month(self, by: int) -> None:
        """Move the cursor by months."""
        self.cursor = add_months(self.cursor, by)

    def action_today(self) -> None:
        """Move the cursor to today."""
        self.cursor = self.today

    def action_open(self) -> None:
        """List what goes on the day."""
        self.post_message(self.Opened(self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a second click opens."""
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        for top, left, day in self._cells:
            if top <= y < top + self._tall and left <= x < left + self.cell_width:
                self.cursor = day
                if event.chain == 2 and self.cursor == day:
                    self.action_open()
                return
