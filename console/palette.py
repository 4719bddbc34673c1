"""What the command palette offers: every action that the keys offer here, by its word."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.screen import Screen

if TYPE_CHECKING:
    from console.app import ConsoleApp

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
