"""The line at the bottom: the keys that matter here, as one text rather than a widget for each: it costs nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.screen import Screen
from textual.widget import Widget

_KNOWN = frozenset({"question_mark", "ctrl+p", "q"})
"""Keys whose word can be spared."""


class KeyLine(Widget):
    """The bindings in force that are to be shown; what this account may not do is struck through. A click presses."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keyline--key", "keyline--word", "keyline--shut"}
    DEFAULT_CSS = """
    KeyLine { height: 1; dock: bottom; background: $footer-background; color: $footer-description-foreground; }
    KeyLine .keyline--key { color: $footer-key-foreground; text-style: bold; }
    KeyLine .keyline--word { color: $footer-description-foreground; }
    KeyLine .keyline--shut { color: $muted; text-style: strike; }
    """

    def on_mount(self) -> None:
        """Drawn anew when the bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, self._updated)

    def _updated(self, _screen: Screen[Any]) -> None:
        self.refresh()

    def keys(self) -> list[tuple[str, str, str, bool]]:
        """Key as shown, its word, the key, whether it can be pressed; each action once.

        Where there is no room for all words those of the keys that are the same everywhere go first.
        """
        found: dict[str, tuple[str, str, str, bool]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.action not in found:
                shown = self.app.get_key_display(binding)
                found[binding.action] = (shown, binding.description, binding.key, active.enabled)
        line = list(found.values())
        room = self.size.width or self.app.size.width
        for place in sorted(range(len(line)), key=lambda at: (line[at][2] not in _KNOWN, -at)):
            if sum(cell_len(f"{key} {word}".strip()) + 1 for key, word, _, _ in line) - 1 <= room:
                break
            line[place] = (line[place][0], "", line[place][2], line[place][3])
        return line

    @property
    def text(self) -> str:
        """What it says."""
        return self.render().plain

    def render(self) -> Text:
        """``⏎ open / filter …``."""
        line = Text(no_wrap=True, overflow="ellipsis")
        key_style = self.get_component_rich_style("keyline--key", partial=True)
        word_style = self.get_component_rich_style("keyline--word", partial=True)
        shut_style = self.get_component_rich_style("keyline--shut", partial=True)
        for shown, word, _, enabled in self.keys():
            line.append(" " if line else "")
            line.append(shown, key_style if enabled else shut_style)
            line.append(f" {word}" if word else "", word_style if enabled else shut_style)
        return line

    async def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked on."""
        at = 0
        for shown, word, key, _ in self.keys():
            end = at + cell_len(f"{shown} {word}".strip())
            if at <= event.x < end:
                await self.run_action(f"app.simulate_key({key!r})")
                return
            at = end + 1
