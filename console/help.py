"""``?``: what this place is for, every key that works here, and the way to its page of the manual."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from console import keys
from console.widgets.dialog import DIALOG_CSS, Dialog
from console.widgets.report import Report, ReportScroll, Section
from console.words import Shown


class HelpScreen(Dialog[bool]):
    """Over the screen that it speaks of. Its answer is true where the manual is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = keys.HELP

    DEFAULT_CSS = f"""
    HelpScreen {{ {DIALOG_CSS} }}
    HelpScreen > Vertical {{ width: 76; max-width: 96%; height: 90%; background: $surface; border: round $primary; }}
    HelpScreen .title {{ margin-bottom: 1; }}
    """

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self._about = about
        self._rows = _rows(about)

    def compose(self) -> ComposeResult:
        """What it is for, then the keys."""
        text = getattr(self._about, "HELP_TEXT", "")
        with Vertical():
            yield Static("Help: esc closes, m opens the manual", classes="title", markup=False)
            with ReportScroll():
                yield Report([Section("", lines=[(text, "")] if text else ()), Section("Keys here", pairs=self._rows)])

    def on_mount(self) -> None:
        """Scroll with the usual keys."""
        self.query_one(ReportScroll).focus()

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(False)

    def action_manual(self) -> None:
        """Close, and open the page of the manual."""
        self.dismiss(True)


def _rows(screen: Screen[Any]) -> list[tuple[str, Shown]]:
    """Keys with commas -> what they do, each action once."""
    found: dict[str, tuple[list[str], str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.id is None or not binding.description:
            continue
        shown, _ = found.setdefault(binding.id, ([], binding.tooltip or binding.description))
        key = screen.app.get_key_display(binding)
        if key not in shown:
            shown.append(key)
    ordered = sorted(found.items(), key=lambda item: _ORDER.get(item[0].partition(".")[0], 0))
    return [(" ".join(shown), (f"{what}  ({ident})", "")) for ident, (shown, what) in ordered]


_ORDER = {"list": 1, "screen": 2, "table": 3, "report": 3, "board": 3, "app": 4, "mode": 5}
"""What is of this place alone comes first."""
