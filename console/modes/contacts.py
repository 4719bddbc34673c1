"""Contacts: the CRM's numbers as they were screened."""

from __future__ import annotations

from console import words
from console.modes.base import ListMode, View
from console.modes.row import RowDetail
from console.widgets.rows import Column, Row


class Mode(ListMode):
    """The contacts."""

    MODE = "contacts"
    HELP_TEXT = "The CRM's contacts with what the last screening said of each. Tab: what in the file was no contact."
    VIEWS = (
        View(
            "contacts",
            "contacts_list",
            (
                Column("Number", 17, lambda row: words.number(row.get("number"))),
                Column("Reference", 14, lambda row: words.text(row.get("reference")), grows=True),
                Column("Verdict", 7, words.verdict),
                Column("Reason", 22, lambda row: words.reason(row.get("reason"))),
            ),
            "reference",
            "No contacts were imported: dialgate contacts import FILE.",
        ),
        View(
            "faults",
            "contacts_faults",
            (
                Column("Line", 8, lambda row: words.count(row.get("line")), right=True),
                Column("Column", 16, lambda row: words.text(row.get("column"))),
                Column("Reference", 14, lambda row: words.text(row.get("reference"))),
                Column("Fault", 20, lambda row: words.text(row.get("fault")), grows=True),
            ),
            "line",
            "Every row of the CRM's file was a contact.",
        ),
    )

    def open_row(self, row: Row) -> None:
        """Every field of it."""
        self.app.push_screen(RowDetail(self.MODE, f"{self.view.name} {words.text(row.get(self.view.key))[0]}", row))
