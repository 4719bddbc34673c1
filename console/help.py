"""``?``: what this place is for, every key that works here, found and run from here, and the way to the manual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple

from textual.binding import ActiveBinding, BindingType
from textual.screen import Screen

from console import keys
from console.theme import DIM, LOUD, PLAIN
from console.widgets.pick import Pick
from console.widgets.rows import Column


class Key(NamedTuple):
    """An action, and the keys that do it."""

    ident: str
    shown: str
    what: str
    active: ActiveBinding


COLUMNS: Sequence[Column[Key]] = (
    Column("Keys here", 14, lambda row: (row.shown, LOUD if row.active.enabled else DIM)),
    Column("", 30, lambda row: (row.what, PLAIN if row.active.enabled else DIM), grows=True),
    Column("", 18, lambda row: (row.ident, DIM), rank=1),
)


class HelpScreen(Pick):
    """Over the screen that it speaks of. Its answer is the key that is to be pressed, or ``manual``."""

    BINDINGS: ClassVar[list[BindingType]] = keys.HELP
    ENDS = "Enter does it, / finds, Tab: the text above, m: manual, Esc closes."
    DEFAULT_CSS = """
    HelpScreen > Vertical { height: 90%; }
    HelpScreen .said { max-height: 40%; }
    HelpScreen LocalTable { height: 1fr; max-height: 100%; }
    """

    def __init__(self, about: Screen[Any]) -> None:
        text = getattr(about, "HELP_TEXT", "")
        super().__init__("Help", COLUMNS, _rows(about), key_of="ident", said=text, none="No key works here.")

    def _fit(self) -> None:
        self._table.changed()

    def action_manual(self) -> None:
        """Close, and open the page of the manual."""
        self.dismiss("manual")


def _rows(screen: Screen[Any]) -> list[Key]:
    """Each action once, with all its keys."""
    found: dict[str, Key] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.id is None or not binding.description:
            continue
        key = screen.app.get_key_display(binding)
        before = found.get(binding.id)
        if before is None:
            found[binding.id] = Key(binding.id, key, binding.tooltip or binding.description, active)
        elif key not in before.shown.split():
            found[binding.id] = before._replace(shown=f"{before.shown} {key}")
    return sorted(found.values(), key=lambda each: _ORDER.get(each.ident.partition(".")[0], 0))


_ORDER: Final = {"list": 1, "screen": 2, "table": 3, "report": 3, "board": 3, "app": 4, "mode": 5}
"""What is of this place alone comes first."""
