"""What the command palette offers: what the keys offer here, then what they offer in every other mode, by its word."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.command import Hit, Hits, Provider
from textual.screen import Screen

from console import keys
from console.attention import Place

if TYPE_CHECKING:
    from console.app import ConsoleApp

FOUND_IN = {
    "calls": Place("calls"),
    "recordings": Place("recordings"),
    "requests": Place("requests"),
    "contacts": Place("contacts"),
    "retention": Place("retention"),
    "objections": Place("registers", 2),
    "consents": Place("registers", 3),
    "audit": Place("audit"),
}
"""Where is looked for what was typed, by the name that is shown."""
_SKIPPED = ("table.", "report.", "board.")
"""Moving about needs no palette."""


def commands(app: ConsoleApp, screen: Screen[Any]) -> Iterable[SystemCommand]:
    """One for each binding in force, those of the screen first."""
    seen: set[str] = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        ident = binding.id or ""
        if not ident or ident in seen or ident.startswith(_SKIPPED) or not active.enabled or ident == "app.palette":
            continue
        seen.add(ident)
        said = binding.tooltip or binding.description
        words = said[:1].upper() + said[1:]
        key = app.get_key_display(binding)
        run = partial(app.run_action, binding.action, active.node)
        yield SystemCommand(words, f"key {key} · {ident}", run)
    for mode in keys.MODES:
        for binding in getattr(keys, mode.upper(), ()):
            ident = binding.id or ""
            if not ident.startswith(f"{mode}.") or ident in seen or binding.action.startswith("app."):
                continue
            seen.add(ident)
            words = binding.tooltip or binding.description
            place = Place(mode, action=binding.action)
            yield SystemCommand(f"{mode.capitalize()}: {words}", ident, partial(_go, app, place))


def _go(app: ConsoleApp, place: Place) -> None:
    app.run_worker(app.go(place), group="quit", exclusive=True)


class Objects(Provider):
    """What was typed, as something to look for in each mode that can: a number, a reference, an id, a day, a name."""

    async def search(self, query: str) -> Hits:
        """Below every action that fits."""
        text = " ".join(query.split())
        if len(text) < 3:
            return
        for number, (name, place) in enumerate(FOUND_IN.items()):
            yield Hit(
                0.01 - number * 0.001,
                f"Find in {name}: {text}",
                partial(_find, self.app, place, text),
                help="by number, reference, id, day or name",
            )


def _find(app: Any, place: Place, text: str) -> None:
    app.run_worker(app.go(place, text), group="quit", exclusive=True)
