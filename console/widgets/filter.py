"""The line behind ``/``: what is typed is asked of the gate, a moment after the last key."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Label

from console.widgets.dialog import Line

DEBOUNCE = 0.05
"""Seconds: what is typed at once is asked once, and the answer is there before the next key."""


class FilterLine(Horizontal):
    """Hidden until opened; Enter keeps the filter and gives the keys back, Esc takes it away."""

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; background: $panel; padding: 0 1; }
    FilterLine.-open { display: block; }
    FilterLine Label { color: $accent; width: auto; }
    FilterLine Input { padding: 0; background: $panel; width: 1fr; }
    """

    class Changed(Message):
        """Another filter; empty: none."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The keys go back to the table."""

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._hint = hint
        self._timer: Timer | None = None
        self._sent = ""

    def compose(self) -> ComposeResult:
        """A slash and the text."""
        yield Label("/ ", markup=False)
        yield Line(placeholder=self._hint)

    @property
    def text(self) -> str:
        """The filter in force."""
        return self._sent

    def settled(self) -> str:
        """The filter as it is typed by now: nothing of it comes later."""
        self._stop_timer()
        for field in self.query(Input):
            self._sent = field.value.strip()
        return self._sent

    def show(self, text: str) -> None:
        """The filter of another list, which has it already."""
        self._stop_timer()
        self._sent = text
        for field in self.query(Input):
            field.value = text
        self.set_class(bool(text), "-open")

    def open(self, hint: str = "") -> None:
        """Show it, and type into it; ``hint``: what is found by what is typed."""
        self.add_class("-open")
        field = self.query_one(Input)
        field.placeholder = hint
        self.screen.set_focus(field)  # at once: the next key is its

    def clear(self) -> None:
        """No filter any more."""
        self.query_one(Input).value = ""
        self.remove_class("-open")
        self._send()
        self.post_message(self.Left())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Wait for the next key before asking."""
        event.stop()
        self._stop_timer()
        self._timer = self.set_timer(DEBOUNCE, self._send)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep it."""
        event.stop()
        self._send()
        if not self._sent:
            self.remove_class("-open")
        self.post_message(self.Left())

    def key_escape(self) -> None:
        """Take it away."""
        self.clear()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _send(self) -> None:
        self._stop_timer()
        text = self.query_one(Input).value.strip()
        if text != self._sent:
            self._sent = text
            self.post_message(self.Changed(text))
