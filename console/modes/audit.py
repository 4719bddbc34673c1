"""Audit: the evidence log, its signed heads."""

from __future__ import annotations

from console import words
from console.modes.base import ListMode, View
from console.modes.row import RowDetail
from console.widgets.rows import Column, Row


class Mode(ListMode):
    """The log."""

    MODE = "audit"
    HELP_TEXT = "Every leaf of the evidence log, newest first; / takes a kind of fact. Tab: the signed heads."
    VIEWS = (
        View(
            "leaves",
            "audit_leaves",
            (
                Column("Leaf", 10, lambda row: words.count(row.get("index")), right=True),
                Column("At", 15, lambda row: words.moment(row.get("at"))),
                Column("Kind", 19, lambda row: words.text(row.get("kind"))),
                Column("By", 14, lambda row: words.text(row.get("actor")), grows=True),
                Column("Hash", 16, lambda row: words.text(row.get("hash"))),
            ),
            "index",
            "The log is empty.",
            filters=lambda text: {"kind": text},
        ),
        View(
            "checkpoints",
            "checkpoints_list",
            (
                Column("Size", 10, lambda row: words.count(row.get("size")), right=True),
                Column("Signed", 15, lambda row: words.moment(row.get("at"))),
                Column("Root", 44, lambda row: words.text(row.get("root")), grows=True),
            ),
            "size",
            "The log was not signed yet.",
        ),
    )

    def open_row(self, row: Row) -> None:
        """Every field of it."""
        self.app.push_screen(RowDetail(self.MODE, f"{self.view.name} {words.text(row.get(self.view.key))[0]}", row))
