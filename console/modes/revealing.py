"""A number in full: asked for with a reason, which the log keeps, and shown for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.widgets.ask import Ask, Field
from gate.operations.calls.calls import Kind, Reveal

if TYPE_CHECKING:
    from console.modes.base import GateScreen

REVEALED_SECONDS = 30.0
"""How long a number that was asked for is shown in full."""


async def reveal(screen: GateScreen, kind: str, ident: str) -> str | None:
    """Ask why, then ask the gate for a number. None where it was left or refused."""
    told = await screen.app.push_screen_wait(
        Ask(
            "Show this number in full?",
            [Field.from_request(Reveal, "why")],
            said=f"It is shown for {REVEALED_SECONDS:.0f} seconds. The log keeps who asked, and why.",
            act="Show",
        )
    )
    if told is None:
        return None
    revealed = await screen.ask(Reveal(kind=Kind(kind), id=ident, why=told["why"]))
    return revealed.number if revealed else None
