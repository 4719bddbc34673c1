"""Requests: what people asked the firm to do with what it holds of them."""

from __future__ import annotations

from console import words
from console.modes.base import ListMode, View
from console.modes.row import RowDetail
from console.theme import BAD, OK, WARN
from console.widgets.rows import Column, Row


def _left(row: Row) -> words.Shown:
    days = row.get("days_left")
    return (f"{days} d", BAD if days < 0 else WARN if days <= 5 else OK) if days is not None else words.NOTHING


class Mode(ListMode):
    """The requests."""

    MODE = "requests"
    HELP_TEXT = "Requests that are not over, the one due first at the top. Tab: all of them."
    VIEWS = (
        View(
            "open",
            "request_list",
            (
                Column("Reference", 12, lambda row: words.text(row.get("reference"))),
                Column("Asks", 12, lambda row: words.text(row.get("asks"))),
                Column("State", 16, lambda row: words.state(row.get("state"))),
                Column("Received", 12, lambda row: words.day(row.get("received"))),
                Column("Due", 12, lambda row: words.day(row.get("due"))),
                Column("Left", 5, _left, right=True),
            ),
            "id",
            "No request is open.",
        ),
        View(
            "all",
            "request_list",
            (
                Column("Reference", 12, lambda row: words.text(row.get("reference"))),
                Column("Asks", 12, lambda row: words.text(row.get("asks"))),
                Column("State", 16, lambda row: words.state(row.get("state"))),
                Column("Received", 12, lambda row: words.day(row.get("received"))),
            ),
            "id",
            "There is no request.",
            fields={"everything": True},
        ),
    )

    def open_row(self, row: Row) -> None:
        """Every field of it."""
        self.app.push_screen(RowDetail(self.MODE, f"{self.view.name} {words.text(row.get(self.view.key))[0]}", row))
