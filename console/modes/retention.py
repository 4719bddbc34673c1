"""Retention: what goes when, and what is held."""

from __future__ import annotations

from console import words
from console.modes.base import ListMode, View
from console.modes.row import RowDetail
from console.widgets.rows import Column, Row


class Mode(ListMode):
    """What goes when; holds."""

    MODE = "retention"
    HELP_TEXT = "How many recordings go on which day, and how many of them are held. Tab: the holds in force."
    VIEWS = (
        View(
            "forecast",
            "retention_forecast",
            (
                Column("Day", 12, lambda row: words.day(row.get("day"))),
                Column("Goes", 9, lambda row: words.count(row.get("due")), right=True),
                Column("Held", 9, lambda row: words.count(row.get("held")), right=True),
            ),
            "day",
            "Nothing goes in the next year.",
            fields={"days": 366},
            items="days",
        ),
        View(
            "holds",
            "hold_list",
            (
                Column("Made", 15, lambda row: words.moment(row.get("made_at"))),
                Column("Kind", 11, lambda row: words.text(row.get("kind"))),
                Column("On", 9, lambda row: words.text(row.get("target"))),
                Column("Reference", 16, lambda row: words.text(row.get("reference"))),
                Column("Reason", 16, lambda row: words.text(row.get("reason")), grows=True),
                Column("By", 16, lambda row: words.text(row.get("actor")), rank=1),
            ),
            "id",
            "Nothing is held.",
            kind="hold",
        ),
    )

    def open_row(self, row: Row) -> None:
        """Every field of it."""
        self.app.push_screen(RowDetail(self.MODE, f"{self.view.name} {words.text(row.get(self.view.key))[0]}", row))
