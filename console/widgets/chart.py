"""Counts as bars, minutes and hours as columns: what an hour or a day was like, without a colour being needed to read
it; and the levels of a call, a bar for each side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console.theme import DIM, LOUD, OK, TONES
from console.words import ALLOWING, reason
from gate.core.days import LONDON
from gate.core.rows.calls import MinuteCount, TrendHour

_BLOCKS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def columns(values: Sequence[int], height: int = 1) -> list[str]:
    """Lines of columns, the highest value filling ``height`` lines."""
    most = max(values, default=0) or 1
    lines = []
    for line in range(height - 1, -1, -1):
        cells = []
        for value in values:
            eighths = round(value * height * 8 / most) - line * 8
            cells.append(_BLOCKS[max(0, min(8, eighths if eighths > 0 or value == 0 or line else 1))])
        lines.append("".join(cells))
    return lines


def strip(value: int, most: int, width: int) -> str:
    """A bar of at most ``width`` cells."""
    eighths = round(value * width * 8 / (most or 1))
    whole, rest = divmod(max(1 if value else 0, eighths), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


class Hour(Widget):
    """Attempts of the last hour: minute by minute, allowed and refused, then by reason."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"hour--heading", *(f"hour--{tone}" for tone in TONES)}
    DEFAULT_CSS = """
    Hour { height: auto; padding: 0 1; }
    Hour .hour--heading { color: $muted; text-style: bold; }
    Hour .hour--ok { color: $success; }
    Hour .hour--bad { color: $error; }
    Hour .hour--dim { color: $muted; }
    Hour .hour--warn { color: $warning; }
    Hour .hour--loud { color: $accent; }
    """

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self._counts: Mapping[str, int] = {}
        self._minutes: Sequence[MinuteCount] = ()

    def show(self, counts: Mapping[str, int], minutes: Sequence[MinuteCount]) -> None:
        """Draw these; the screen is laid out anew only where there are more lines or fewer."""
        lines = len(self._counts), bool(self._minutes)
        self._counts, self._minutes = counts, minutes
        self.refresh(layout=lines != (len(counts), bool(minutes)))

    def render(self) -> Text:
        """The columns, then the bars."""
        whole = Text(no_wrap=True, overflow="crop")
        total = sum(self._counts.values())
        allowed = sum(count for name, count in self._counts.items() if name in ALLOWING)
        whole.append(
            f"Last hour: {total:,} attempts, {allowed:,} allowed, {total - allowed:,} refused\n",
            self._part_style("heading"),
        )
        width = max(10, (self.size.width or 80) - 2)
        if self._minutes:
            shown = list(self._minutes)[-min(60, width - 8) :]
            for word, tone, counts in (
                ("allow", "ok", [each.allow for each in shown]),
                ("block", "bad", [each.block for each in shown]),
            ):
                drawn = columns(counts)[0]
                whole.append(f"{word:<7}", self._part_style("dim"))
                whole.append(drawn + "\n", self._part_style(tone))
        most = max(self._counts.values(), default=0)
        room = max(5, width - 32)
        for name, count in sorted(self._counts.items(), key=lambda each: -each[1]):
            word, tone = reason(name)
            whole.append(f"{word:<24}{count:>7,} ")
            whole.append(strip(count, most, room) + "\n", self._part_style(tone))
        whole.right_crop(1)
        return whole

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"hour--{name}", partial=True)


def by_hour(rows: Iterable[TrendHour]) -> tuple[Sequence[int], Sequence[int]]:
    """Attempts and refusals in each hour of London's day."""
    attempts, refused = [0] * 24, [0] * 24
    for row in rows:
        hour = datetime.fromisoformat(f"{row.hour}:00+00:00").astimezone(LONDON).hour
        attempts[hour] += row.attempts
        refused[hour] += row.refused
    return attempts, refused


class DayCurve(Widget):
    """A day's attempts by hour beside those of a week ago: two columns for each hour, refusals below in a line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"curve--heading", "curve--today", "curve--before", "curve--refused"}
    DEFAULT_CSS = """
    DayCurve { height: 5; padding: 0 1; }
    .-high DayCurve, Mode.-high DayCurve { height: 9; }
    DayCurve .curve--heading { color: $muted; }
    DayCurve .curve--today { color: $success; }
    DayCurve .curve--before { color: $muted; }
    DayCurve .curve--refused { color: $error; }
    """

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self._attempts: Sequence[int] = [0] * 24
        self._refused: Sequence[int] = [0] * 24
        self._before: Sequence[int] = [0] * 24
        self._day: date | None = None

    def show(self, attempts: Sequence[int], refused: Sequence[int], before: Sequence[int], day: date) -> None:
        """Draw these; ``day``: that of ``before``."""
        self._attempts, self._refused, self._before, self._day = attempts, refused, before, day
        self.refresh()

    def render(self) -> Text:
        """Heading, columns, hours."""
        style = {name: self.get_component_rich_style(f"curve--{name}", partial=True) for name in _CURVE}
        whole = Text(no_wrap=True, overflow="crop")
        refused = f"; {sum(self._refused):,} refused" if sum(self._refused) else ""
        day = f"{self._day:%a %d %b}" if self._day else ""
        whole.append(f"Attempts by hour: █ today {sum(self._attempts):,}{refused}  ", style["heading"])
        whole.append(f"▒ {day} {sum(self._before):,}\n", style["before"])
        height = max(1, self.size.height - 3)
        most = max(*self._attempts, *self._before, 1)
        drawn = columns([*self._attempts, most], height), columns([*self._before, most], height)
        for today, before in zip(*drawn, strict=True):
            for hour in range(24):
                whole.append(today[hour], style["today"])
                whole.append("▒" if before[hour] != " " else " ", style["before"])
                whole.append(" ")
            whole.append("\n")
        marks = (f"{min(count, 99) or '':<3}" for count in self._refused)
        whole.append("".join(marks) + "\n", style["refused"])
        whole.append("".join(f"{hour:02} " for hour in range(24)), style["heading"])
        return whole


_CURVE = ("heading", "today", "before", "refused")
_STEPS = " ▁▂▃▄▅▆▇█"
FULL = 127


def bar(level: Any) -> str:
    """One cell for a level from 0 to 127."""
    part = max(0, min(FULL, int(level or 0)))
    return _STEPS[0 if part == 0 else 1 + part * (len(_STEPS) - 2) // FULL]


def meter(caller: Any, callee: Any, *, recorded: bool, paused: bool = False) -> tuple[str, str]:
    """``rec ▃ ▆``: the agent, the customer; a word where nothing is recorded."""
    if paused:
        return "paused", LOUD
    if not recorded:
        return "not rec.", DIM
    return f"rec {bar(caller)} {bar(callee)}", OK
