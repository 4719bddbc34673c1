"""The answer to a look-up, with a dial: the verdict on a number at any time of the next six weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from msgspec.structs import replace
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from console import keys, words
from console.modes.check_shown import check_pairs, register_lines
from console.modes.detail import DetailScreen
from console.theme import DIM
from console.widgets.report import Section
from gate.core.days import LONDON
from gate.core.terms import Verdict as Answer
from gate.operations.calls.screening import Check, Checked, VerdictThen

DAYS: Final = 42
"""How many the dial has, from today on: longer than a register may be used."""
STEP: Final = timedelta(minutes=30)
SETTLED: Final = 0.1
"""Seconds after the last key until the gate is asked."""
_ALLOWED, _REFUSED, _UNKNOWN = "█", "·", " "


class Dial(Widget):
    """Two strips: the days to come at the time chosen, and the half hours of the day chosen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"dial--label", "dial--ok", "dial--bad", "dial--cursor"}
    DEFAULT_CSS = """
    Dial { height: 7; padding: 0 1; }
    Dial .dial--label { color: $muted; }
    Dial .dial--ok { color: $success; }
    Dial .dial--bad { color: $error; }
    Dial .dial--cursor { color: $accent; text-style: bold; }
    """
    at: reactive[datetime | None] = reactive(None)

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self._today = now.date()
        self.days: Sequence[VerdictThen] = ()
        self.hours: Sequence[VerdictThen] = ()

    def show(self, days: Sequence[VerdictThen], hours: Sequence[VerdictThen]) -> None:
        """Draw these verdicts."""
        self.days, self.hours = days, hours
        self.refresh()

    def render(self) -> Text:
        """The strips, each with a mark above the place that is chosen."""
        whole = Text(no_wrap=True, overflow="crop")
        if self.at is None:
            return whole
        chosen = (self.at.date() - self._today).days
        self._strip(whole, f"Days, {self.at:%H:%M}", self.days, DAYS, chosen)
        marks = [" "] * DAYS
        for place in range(DAYS - 1):
            day = self._today + timedelta(days=place)
            if day.weekday() == 0 or place == 0:
                marks[place : place + 2] = f"{day.day:<2}"
        whole.append(" " * 12 + "".join(marks) + "\n", self._tone("label"))
        half_hours = 2 * self.at.hour + self.at.minute // 30
        self._strip(whole, f"{self.at:%a} {self.at.day} {self.at:%b}", self.hours, 48, half_hours)
        scale = "".join(f"{hour:<6}" for hour in range(0, 24, 3))
        whole.append(" " * 12 + scale, self._tone("label"))
        return whole

    def _strip(self, whole: Text, label: str, verdicts: Sequence[VerdictThen], length: int, chosen: int) -> None:
        whole.append(" " * (12 + chosen) + "▼\n", self._tone("cursor"))
        whole.append(label.ljust(12), self._tone("label"))
        for place in range(length):
            allowed = verdicts[place].verdict == Answer.ALLOW if place < len(verdicts) else None
            cell = _UNKNOWN if allowed is None else _ALLOWED if allowed else _REFUSED
            whole.append(cell, self._tone("ok" if allowed else "bad"))
        whole.append("\n")

    def _tone(self, name: str) -> Any:
        return self.get_component_rich_style(f"dial--{name}", partial=True)


class Verdict(DetailScreen):
    """The answer to a look-up, now or at the time that the dial is turned to."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.DETAIL, *keys.DIAL]
    HELP_TEXT = (
        "What the gate would answer to an attempt on this number at the time shown, by the lists and registers as they"
        " are now. Nothing was dialled. █ it may be dialled, · it may not."
    )

    def __init__(self, mode: str, asked: Check, checked: Checked, now: datetime) -> None:
        """``now``: where the dial stands first."""
        super().__init__(mode, "May it be dialled?")
        self._asked, self._checked = asked, checked
        local = now.astimezone(LONDON)
        self._now = local.replace(minute=local.minute // 30 * 30, second=0, microsecond=0)
        self._at: datetime | None = None
        self._dial = Dial(self._now)
        self._settles: Timer | None = None
        self._strips: dict[Any, Sequence[VerdictThen]] = {}

    def above(self) -> ComposeResult:
        """The dial."""
        yield self._dial

    def on_mount(self) -> None:
        """Now first."""
        self._turn(self._now, to_now=True)
        super().on_mount()

    # --- turning --------------------------------------------------------------------------------------------------

    def action_turn(self, half_hours: int) -> None:
        """Earlier or later."""
        self._turn((self._at or self._now) + half_hours * STEP)

    def action_turn_days(self, days: int) -> None:
        """The same time of another day."""
        there = (self._at or self._now) + timedelta(days=days)
        self._turn(there)

    def action_turn_back(self) -> None:
        """To now."""
        self._turn(self._now, to_now=True)

    def _turn(self, to: datetime, *, to_now: bool = False) -> None:
        first = self._now.replace(hour=0, minute=0)
        last = (first + timedelta(days=DAYS - 1)).replace(hour=23, minute=30)
        to = min(max(to, first), last)
        self._at, self._dial.at = None if to_now else to, to
        if self._settles is not None:
            self._settles.stop()
        self._settles = self.set_timer(SETTLED, self._load_strips)
        if self.is_mounted:
            self.returned()

    @work(exclusive=True, group="dial")
    async def _load_strips(self) -> None:
        at = self._dial.at
        if at is None:
            return
        midnight = at.replace(hour=0, minute=0)
        first = at - timedelta(days=(at.date() - self._now.date()).days)
        days = await self._strip(first, [first + timedelta(days=each) for each in range(DAYS)])
        hours = await self._strip(midnight, [midnight + each * STEP for each in range(48)])
        self._dial.show(days, hours)

    async def _strip(self, first: datetime, times: list[datetime]) -> Sequence[VerdictThen]:
        key = first, len(times)
        if key not in self._strips:
            found = await self.ask(replace(self._asked, times=times))
            if found is None:
                return ()
            self._strips[key] = found.then
        return self._strips[key]

    # --- shown ----------------------------------------------------------------------------------------------------

    async def sections(self) -> Sequence[Section]:
        """Verdict, then what each register says."""
        checked, at = self._checked, self._at
        if at is not None:
            checked = await self.ask(replace(self._asked, at=at)) or checked
        number = words.number(self._checked.number) if self._checked.number else ("none was read", DIM)
        when = "now" if at is None else f"on {at:%a} {at.day} {at:%b} at {at:%H:%M}"
        pairs = [("Number", number), *check_pairs(checked)]
        lines = register_lines(checked)
        return [
            Section(f"The gate would answer {when}", pairs),
            Section("Registers", lines=lines or [("none asked", DIM)]),
        ]
