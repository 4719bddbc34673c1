"""Both sides of a recording as a waveform: agent above, customer below; announcement, pauses, keys marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console import words
from gate.client.listening import Envelope

LINES = 3
"""Lines of a side."""
FULL = 127
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LABEL = 9
PAUSE, NOTICE, KEY = "░", "▒", "◆"


def peaks(levels: bytes, start: float, end: float, seconds: float, width: int) -> list[int]:
    """The highest level in each of ``width`` columns between two times; ``levels`` cover 0 to ``seconds``."""
    if not levels or seconds <= 0 or end <= start:
        return [0] * width
    found = []
    for column in range(width):
        first = (start + (end - start) * column / width) / seconds * len(levels)
        last = (start + (end - start) * (column + 1) / width) / seconds * len(levels)
        low, high = max(0, int(first)), min(len(levels), max(int(first) + 1, round(last)))
        found.append(max(levels[low:high], default=0) if last > 0 else 0)
    return found


class Wave(Widget):
    """Draws an ``Envelope``; ``at``: where it plays, in seconds."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "wave--agent",
        "wave--customer",
        "wave--pause",
        "wave--notice",
        "wave--axis",
    }
    DEFAULT_CSS = f"""
    Wave {{ height: {2 * LINES + 3}; padding: 0 1; }}
    Wave .wave--agent {{ color: $primary; }}
    Wave .wave--customer {{ color: $success; }}
    Wave .wave--pause {{ color: $warning; }}
    Wave .wave--notice {{ color: $accent; }}
    Wave .wave--axis {{ color: $muted; }}
    """

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self.envelope: Envelope | None = None
        self.at: float | None = None
        self.speed = 1.0
        self.keys: Sequence[tuple[float, str]] = ()
        """Keys that were pressed: when, and which."""

    def show(self, envelope: Envelope) -> None:
        """Draw this one."""
        self.envelope = envelope
        self.refresh(layout=True)

    def play_at(self, at: float | None, speed: float = 1.0) -> None:
        """Mark where it plays, and how fast."""
        self.at, self.speed = at, speed
        self.refresh()

    @property
    def begins(self) -> float:
        """Where the picture begins: with the announcement, before the recording."""
        envelope = self.envelope
        return min(0.0, envelope.announcement[0]) if envelope and envelope.announcement else 0.0

    def render(self) -> Text:
        """Agent, customer, times, legend."""
        envelope = self.envelope
        whole = Text(no_wrap=True, overflow="crop")
        if envelope is None:
            return whole.append("No waveform yet.", self._part_style("axis"))
        width = max(10, (self.size.width or 80) - 2 - _LABEL)
        begins, ends = self.begins, max(envelope.seconds, 0.1)
        for name, levels, which in (
            ("agent", envelope.caller, "agent"),
            ("customer", envelope.callee, "customer"),
        ):
            drawn = peaks(levels, begins, ends, envelope.seconds, width)
            for line in range(LINES - 1, -1, -1):
                whole.append((name if line == LINES // 2 else "").ljust(_LABEL), self._part_style("axis"))
                self._line(whole, drawn, line, which, width, begins, ends)
                whole.append("\n")
        self._axis(whole, width, begins, ends)
        whole.append("\n")
        whole.append(" " * _LABEL)
        whole.append(f"{NOTICE} announcement  ", self._part_style("notice"))
        whole.append(f"{PAUSE} pause: nothing kept  ", self._part_style("pause"))
        keys = f"{KEY} keys: {''.join(key for _, key in self.keys[:12])}  " if self.keys else ""
        whole.append(keys, self._part_style("notice"))
        whole.append(
            f"pauses: {len(envelope.gaps)}, length: {words.length(envelope.seconds)[0]}", self._part_style("axis")
        )
        if self.at is not None:
            sign = "-" if self.at < 0 else ""
            whole.append(f"  at {sign}{words.length(abs(self.at))[0]}, {self.speed:g}x", self._part_style("notice"))
        return whole

    def _line(
        self, whole: Text, drawn: list[int], line: int, which: str, width: int, begins: float, ends: float
    ) -> None:
        envelope = self.envelope
        assert envelope is not None  # noqa: S101 - asked above
        for column, level in enumerate(drawn):
            at = begins + (ends - begins) * (column + 0.5) / width
            if any(start <= at < end for start, end in envelope.gaps):
                whole.append(PAUSE, self._part_style("pause"))
            elif at < 0 and envelope.announcement:
                heard = which == "customer" and envelope.announcement[0] <= at < envelope.announcement[1]
                whole.append(NOTICE if heard and line == 0 else " ", self._part_style("notice"))
            else:
                eighths = round(level * LINES * 8 / FULL) - line * 8
                block = _BLOCKS[max(0, min(8, max(eighths, 1) if line == 0 else eighths))]
                whole.append(block, self._part_style(which))

    def _axis(self, whole: Text, width: int, begins: float, ends: float) -> None:
        marks = [" "] * width
        for part in range(0, 5):
            at = begins + (ends - begins) * part / 4
            if 0 < part < 4 and ends - begins < 4:
                continue  # in whole seconds they would be the same
            shown = ("-" if at < -0.5 else "") + words.length(abs(at))[0]
            place = min(width - len(shown), max(0, round((width - 1) * part / 4) - (len(shown) if part == 4 else 0)))
            marks[place : place + len(shown)] = shown
        for at, _ in self.keys:
            marks[max(0, min(width - 1, int((at - begins) / (ends - begins) * width)))] = KEY
        if self.at is not None:
            place = int((self.at - begins) / (ends - begins) * width)
            marks[max(0, min(width - 1, place))] = "▲"
        whole.append(" " * _LABEL + "".join(marks), self._part_style("axis"))

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"wave--{name}", partial=True)
