"""Retention: what goes when, as a calendar; the sweep; what is held, and by whom."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from console import keys, words
from console.modes.listing import ListMode, View
from console.modes.request_forms import filled
from console.modes.retention_calendar import FARTHEST, LEGEND, Calendar, Going
from console.modes.retention_day import DayScreen
from console.modes.retention_holds import MADE, TARGETS, WHAT, WHY, HoldDetail, ask_for_hold
from console.modes.retention_shown import day_line, in_force, kind, plan_of, standing
from console.modes.taking_back import hold_again
from console.modes.waiting import settle
from console.theme import DIM, WARN
from console.widgets.ask import Field
from console.widgets.danger import Danger, Plan, ahead, danger
from console.widgets.pages import Rows
from console.widgets.report import Report, Section
from console.widgets.rows import Column
from gate.core.days import HOW, LONDON, day_of
from gate.core.rows.calls import LiveNow
from gate.core.rows.retention import HoldRow, RetentionNow
from gate.errors import GateError, UsageError
from gate.operations.proposals import ProposalList
from gate.operations.retention.holds import HoldList, HoldRelease, HoldReleased
from gate.operations.retention.schedule import RetentionForecast, RetentionStatus, RetentionSweep
from gate.showing import clean
from gate.types import Progress

CALENDAR, HOLDS, ALL = range(3)
SPARE_DAYS = 62
"""Days asked for beyond those that are shown, so that a step further needs no question."""
CALENDAR_SECONDS = 30.0
"""How often the calendar looks for news at most: the gate goes through all recordings for it."""


VIEWS = (
    View("calendar", RetentionForecast, (), "day", "", items="days"),
    View(
        "holds",
        HoldList,
        (MADE, *WHAT, *WHY),
        "id",
        "Nothing is held.",
        filters=lambda text: {"text": text},
        finds="a reference, a reason, a number or an id",
        kind="hold",
    ),
    View(
        "released too",
        HoldList,
        (MADE, Column("State", 8, in_force), *WHAT, *WHY),
        "id",
        "Nothing was ever held.",
        fields={"released": True},
        filters=lambda text: {"text": text},
        finds="a reference, a reason, a number or an id",
        kind="hold",
    ),
)


class Mode(ListMode):
    """The calendar, the sweep, the holds."""

    MODE = "retention"
    PAGE = "retention"
    VIEWS = VIEWS
    FOUND = HOLDS
    BINDINGS: ClassVar[list[BindingType]] = keys.RETENTION
    HELP_TEXT = (
        "What goes when: each day with how many recordings are erased on it, and how many are held. The bars "
        "compare a day with the busiest one seen. What should have gone before today counts on today. Enter lists a "
        "day. s sweeps now: a dry run first, and what it showed is what goes. Tab goes on to the holds: a adds one, d "
        "releases the one under the cursor. A restriction also keeps recordings from being opened. w shows what "
        "waits for a second person, who confirms it here."
    )
    DEFAULT_CSS = """
    Mode #day { height: 1; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._status: RetentionNow | None = None
        self._days = 0
        """Days ahead that were asked for last."""
        self._looked = 0.0

    def above(self) -> ComposeResult:
        """Retention as it stands."""
        yield Report([Section("", lines=[("Asking the gate…", DIM)])], id="standing")

    def below(self) -> ComposeResult:
        """The calendar, and the day under its cursor."""
        yield Calendar(self._today())
        yield Static("", id="day", markup=False)

    def _today(self) -> date:
        return self.feed.now().astimezone(LONDON).date()

    @property
    def calendar(self) -> Calendar:
        """The calendar."""
        return self.query_one(Calendar)

    def show_view(self, number: int) -> None:
        """The calendar stands in the place of the first list."""
        self.calendar.display = self.query_one("#day").display = number == CALENDAR
        self.query_one("#lists").display = number != CALENDAR
        super().show_view(number)
        if number == CALENDAR:
            self.calendar.focus()
        self._look()

    def _fetch(self, number: int) -> Any:
        if number != CALENDAR:
            return super()._fetch(number)

        async def fetch(after: str | None, before: str | None, limit: int) -> Rows:
            days = min(FARTHEST, max(self._days, (self.calendar.last_shown - self._today()).days + SPARE_DAYS))
            answer = await self.feed.ask(RetentionForecast(days=days), timeout=60.0)
            self._days, self._looked = days, time.monotonic()
            going = {each.day: Going(each.due, each.held) for each in answer.days}
            self.calendar.show(self._today(), going)
            self._show_day()
            return Rows((), None)  # the calendar shows them, not the list behind it

        return fetch

    def show_live(self, said: LiveNow) -> None:
        """The lists follow the log; the calendar more slowly."""
        if self.at != CALENDAR or time.monotonic() - self._looked > CALENDAR_SECONDS:
            super().show_live(said)

    def returned(self) -> None:
        """Load everything again."""
        super().returned()
        self._look()

    def look_at_link(self) -> None:
        """The calendar is greyed too while the gate is away."""
        super().look_at_link()
        self.calendar.old = self.feed.link.up is False
        if self.calendar.old and self._status is None:
            self.query_one("#standing", Report).show([Section("", lines=[(words.AWAY, WARN)])])

    @work(exclusive=True, group="standing", exit_on_error=False)
    async def _look(self) -> None:
        if not self.feed.session.may("retention_status"):
            return
        try:
            self._status = await self.feed.ask(RetentionStatus())
        except GateError as error:
            if self.feed.link.up is not False:
                self.complain(error)
            return
        lines = standing(self._status)
        if waiting := await self._waiting():
            said = f"{words.many(waiting, 'act')} waiting for a second person: w shows and confirms"
            lines.append((said, WARN))
        self.query_one("#standing", Report).show([Section("", lines=lines)])

    async def _waiting(self) -> int:
        """How many acts wait for a second person; 0 where that cannot be told now."""
        if not self.feed.session.may("proposal_list"):
            return 0
        try:
            answer = await self.feed.ask(ProposalList())
        except GateError:
            return 0
        return len(answer.items)

    # --- the calendar ---------------------------------------------------------------------------------------------

    @on(Calendar.Moved)
    def _show_day(self) -> None:
        day = self.calendar.cursor
        if self._days and (self.calendar.last_shown - self._today()).days > self._days < FARTHEST:
            self.table.reload()
        said = day_line(day, self._today(), self.calendar.going(day))
        room = self.size.width - 2 - len(LEGEND)
        self.query_one("#day", Static).update(said.ljust(room) + LEGEND if len(said) < room else said)

    @on(Calendar.Opened)
    def _open_day(self, message: Calendar.Opened) -> None:
        if self.feed.session.may("retention_day"):
            self.app.push_screen(DayScreen(message.day))
        else:
            self.notify("This account sees how many go, not which: that takes an auditor or more.", timeout=5)

    def open_row(self, row: HoldRow) -> None:
        """Open the hold."""
        self.app.push_screen(HoldDetail(row))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this view, and this account, can do."""
        may = self.feed.session.may
        if action == "sweep":
            return may("retention_sweep") or None
        if action == "hold":
            return may("hold_add") or None
        if action == "waiting":
            return may("proposal_list") or None
        if action == "release":
            return self.at != CALENDAR and (may("hold_release") or None)
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Filter; in the calendar, go to a day."""
        if self.at == CALENDAR:
            self._to_day()
        else:
            super().action_filter()

    @work
    async def _to_day(self) -> None:
        async def send(told: Mapping[str, str]) -> date:
            try:
                return day_of(told["day"], self._today(), ahead=True)
            except ValueError:
                raise UsageError(f"{told['day']!r} is not a day", hint=HOW) from None

        field = Field("day", "Day", hint="25/12, 25 Dec 2027, tomorrow")
        day = await filled(self, "Go to which day?", (field,), send, act="Go")
        if day is not None:
            self.calendar.cursor = day

    # --- acts -----------------------------------------------------------------------------------------------------

    @work
    async def action_sweep(self) -> None:
        """A dry run, then what it showed."""
        done = await danger(
            self,
            Danger(
                "Sweep: erase what is due, for good",
                "Keys go first, then files; a receipt is kept for each. It does not come back, from no backup either.",
                "Erase",
                self._dry_run,
                self._sweep,
            ),
        )
        if done is not None:
            self.app.done(done)
            self.returned()

    async def _dry_run(self) -> Plan:
        would = await self.feed.ask(RetentionSweep())
        return replace(plan_of(would), acts=[RetentionSweep(execute=would.digest)])

    async def _sweep(self, digest: str, reason: str, progress: Progress) -> str:
        done = await self.feed.ask(RetentionSweep(execute=digest, reason=reason), progress=progress)
        for fault in (done.fault_list or [])[:3]:
            text = f"Recording {fault.recording_id[:12]}: {fault.fault} ({fault.code})"
            self.notify(clean(text), title="It would not go", severity="error", timeout=15, markup=False)
        faults = f", {done.faults:,} would not go: the next sweep tries again" if done.faults else ""
        gone = words.many((done.erased or 0) + (done.resumed or 0), "recording")
        return f"{gone} erased, {done.held:,} held and kept{faults}"

    @work
    async def action_hold(self) -> None:
        """Keep something from being erased."""
        if await ask_for_hold(self):
            self.returned()

    @work
    async def action_waiting(self) -> None:
        """What waits for a second person."""
        if await settle(self):
            self.returned()

    @work
    async def action_release(self) -> None:
        """Release the hold."""
        row = self.table.row
        if row is None:
            return
        if row.released_at:
            self.notify("It is released already.", timeout=3)
            return
        # whoever asked for a restriction is told before it ends
        told_first = (
            (Field.from_request(HoldRelease, "told_on", hint="today, or: 25/11, RN 1234 5678 9GB", needed=True),)
            if row.kind == "restriction" and "-r" in row.id
            else ()
        )
        next_sweep = f" The next sweep is at {self._status.sweep_at}." if self._status else ""

        async def send(told: Mapping[str, str]) -> HoldReleased:
            on, _, proof = (each.strip() for each in told.get("told_on", "").partition(","))
            try:
                day = day_of(on, self._today()) if on else None
            except ValueError:
                raise UsageError(f"{on!r} is no day", hint=HOW) from None
            return await self.feed.ask(HoldRelease(hold_id=row.id, reason=told["reason"], told_on=day, evidence=proof))

        try:
            rehearsed = await ahead(self.feed, [HoldRelease(hold_id=row.id, reason="-", told_on=self._today())])
            then = "\n".join(f"{what}: {shown[0]}" for each in rehearsed[:1] for what, shown in each.pairs)
        except GateError as error:
            then = f"As it stands it would be refused: {clean(error.message)}."
        answer = await filled(
            self,
            f"Release this {kind(row)[0]}?",
            (Field.from_request(HoldRelease, "reason"), *told_first),
            send,
            said=f"{words.text(row.reference)[0]}: {words.text(row.reason)[0]}\n"
            f"What it kept and whose term is over goes with the next sweep, and does not come back.{next_sweep}\n"
            f"{then}",
            act="Release",
        )
        if answer is not None and (said := words.waits(answer)):
            self.app.done(said)
            self.returned()
        elif answer is not None:
            again = partial(hold_again, self.feed, row, TARGETS[row.target])
            self.app.done("Released; undo puts on a new hold like it", back=again)
            self.returned()
