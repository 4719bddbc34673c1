"""What the command palette offers: what the keys offer here, then what they offer in every other mode, by its word."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.command import Hit, Hits
from textual.screen import Screen
from textual.system_commands import SystemCommandsProvider

from console import keys
from console.attention import Place
from console.jobs import fits, jobs

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
            yield SystemCommand(f"{mode.capitalize()}: {words}", ident, partial(go, app, place))


def go(app: ConsoleApp, place: Place, find: str = "") -> None:
    """To a place, in a worker."""
    app.run_worker(app.go(place, find), group="quit", exclusive=True)


class Offered(SystemCommandsProvider):
    """What fits what was typed, in one order: jobs, actions, and at last where it can be looked for. (Textual keeps the
    cursor on what came first.)"""

    async def search(self, query: str) -> Hits:
        """Each word that was typed begins one of a job, an action, a page."""
        app: Any = self.app
        text = " ".join(query.split())
        enough = len(text) >= 3
        for said, about, place in jobs(text) if enough else ():
            run = partial(go, app, place) if isinstance(place, Place) else partial(app.read, place)
            yield Hit(3.0, said, run, help=about)
        for said, about, run_command, _ in app.get_system_commands(self.screen):
            if fits(text, f"{said} {about}"):
                yield Hit(2.0, said, run_command, help=about)
        for number, (name, place) in enumerate(FOUND_IN.items() if enough else ()):
            yield Hit(
                0.01 - number * 0.001,
                f"Find in {name}: {text}",
                partial(go, app, place, text),
                help="by number, reference, id, day or name",
            )
