"""One line to type into: what is pasted into it is taken whole, or refused, never cut."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input


class Line(Input):
    """Textual's own takes the first line of what is pasted, and says nothing of the others."""

    virtual_size = Reactive(Size(0, 0))
    """Textual's own lays the whole screen out with each key: what is typed makes the text longer, never the field."""

    def __init__(self, value: str = "", *, join: str = " ", **extra: Any) -> None:
        """``join``: what stands between lines that are pasted; a passphrase of several is refused."""
        super().__init__(value, select_on_focus=False, compact=True, **extra)
        self._join = join

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        lines = [line.strip() for line in event.text.splitlines() if line.strip()]
        if len(lines) > 1 and self.password:
            self.app.notify(
                f"A passphrase is one line, and {len(lines)} were pasted: nothing was taken.",
                severity="warning",
                timeout=6,
                markup=False,
            )
            return
        text = self._join.join(lines) if len(lines) > 1 else event.text.strip("\r\n")
        if text:
            self.replace(text, *self.selection)
