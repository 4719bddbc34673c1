"""A question before what one letter would do at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.widgets.ask import Ask

if TYPE_CHECKING:
    from textual.screen import Screen

    from console.modes.base import GateScreen


async def sure(screen: GateScreen | Screen[None], title: str, said: str, act: str) -> bool:
    """True where it is wanted: Enter does it, Esc leaves. Call it in a worker."""
    return await screen.app.push_screen_wait(Ask(title, (), said=said, act=act, ready=True)) is not None
