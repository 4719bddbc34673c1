"""One of a few words, all of them shown: chosen with the arrows, the space bar or a first letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """``[no]  yes``: the one in brackets holds."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,down,space", "choose(1)", show=False),
        Binding("left,up", "choose(-1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--chosen"}
    DEFAULT_CSS = """
    Choice { height: 1; padding: 0 1; background: $panel; }
    Choice:focus { background: $cursor; }
    Choice .choice--chosen { color: $accent; text-style: bold; }
    """

    class Changed(Message):
        """Another one holds."""

    def __init__(self, choices: Sequence[str], value: str = "", **extra: Any) -> None:
        super().__init__(**extra)
        self.choices = tuple(choices)
        self._at = self.choices.index(value) if value in self.choices else 0

    @property
    def value(self) -> str:
        """The one that holds."""
        return self.choices[self._at]

    def render(self) -> Text:
        """All of them, the one that holds in brackets."""
        line = Text(no_wrap=True, overflow="ellipsis")
        chosen = self.get_component_rich_style("choice--chosen", partial=True)
        for at, word in enumerate(self.choices):
            said = word.replace("_", " ")
            line.append(" " if line else "")
            line.append(f"[{said}]" if at == self._at else f" {said} ", chosen if at == self._at else Style.null())
        return line

    def action_choose(self, by: int) -> None:
        """The next one, or the one before."""
        self._choose((self._at + by) % len(self.choices))

    def _choose(self, at: int) -> None:
        self._at = at
        self.refresh()
        self.post_message(self.Changed())

    def on_key(self, event: events.Key) -> None:
        """A letter chooses the next word that begins with it."""
        if not event.is_printable or event.character is None or event.key == "space":
            return
        event.stop()
        order = [(self._at + step) % len(self.choices) for step in range(1, len(self.choices) + 1)]
        for at in order:
            if self.choices[at].startswith(event.character.lower()):
                self._choose(at)
                return
