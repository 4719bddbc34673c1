"""Counts as bars, minutes as columns: what an hour was like, without a colour being needed to read it;
and the levels of a call, a bar for each side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console.theme import DIM, LOUD, OK, TONES
from console.words import ALLOWING, reason
from gate.core.rows.calls import MinuteCount

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
