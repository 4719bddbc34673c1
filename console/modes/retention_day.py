"""One day of the calendar: the recordings that go on it, and what keeps some of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from console import keys, words
from console.modes.listing import ListMode, View
from console.modes.recordings import RecordingDetail
from console.modes.retention_holds import ask_for_hold
from console.modes.retention_shown import goes
from console.theme import PLAIN, WARN
from console.widgets.rows import Column
from gate.core.rows.retention import DueRecording
from gate.operations.retention.schedule import RetentionDay


class DayScreen(ListMode):
    """What goes on a day."""

    MODE = "retention"
    BINDINGS: ClassVar[list[BindingType]] = keys.DAY
    HELP_TEXT = (
        "The recordings whose term ends on this day; what should have gone before today is with today's. Enter shows "
        "one, h holds it. Esc goes back to the calendar."
    )
    VIEWS = (
        View(
            "goes",
            RetentionDay,
            (
                Column(
                    "Recorded",
                    21,
                    lambda row: (f"{words.day(row.opened_at)[0]} {words.clock(row.opened_at)[0]}", PLAIN),
                ),
                Column("State", 5, goes),
                Column("Held by", 20, lambda row: words.text(row.held, WARN), grows=True),
                Column("Recording", 12, lambda row: words.text(row.recording_id)),
                Column("From", 14, lambda row: words.caller(row.claimed_by), rank=1),
                Column("Purpose", 20, lambda row: words.text(row.purpose), rank=2),
            ),
            "recording_id",
            "Nothing goes on this day.",
        ),
    )

    def __init__(self, day: date) -> None:
        super().__init__()
        self._day = day

    def above(self) -> ComposeResult:
        """Which day."""
        yield Static(f"Goes on {self._day:%A %d %B %Y}", classes="title", markup=False)

    def asked(self, view: View) -> Mapping[str, Any]:
        """This day."""
        return {"day": self._day}

    def open_row(self, row: DueRecording) -> None:
        """The recording."""
        self.app.push_screen(RecordingDetail(self.MODE, row.recording_id, row.call_id))

    def action_back(self) -> None:
        """To the calendar."""
        self.leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may."""
        if action == "hold":
            return self.feed.session.may("hold_add") or None
        return super().check_action(action, parameters)

    @work
    async def action_hold(self) -> None:
        """Keep the recording under the cursor."""
        row = self.table.row
        if row is not None and await ask_for_hold(self, row.recording_id):
            self.returned()
