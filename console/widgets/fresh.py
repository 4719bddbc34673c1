"""What a new screen is spared: styles that it has already."""

from __future__ import annotations

from typing import Any

from textual._context import active_app
from textual.screen import Screen


def as_the_app_is(screen: Screen[Any]) -> None:
    """Call it when a screen is made: what is mounted is styled as the app is now, and as wide.

    Textual knows that of no new screen: it would parse every style sheet anew, twice when a mode is opened first and
    once when it is come back to, and style all that is in it once more when it is told its size.
    """
    app = active_app.get(None)
    if app is not None:
        screen._css_update_count = app._css_update_count
        width, height = app.size
        screen._classes |= screen._get_breakpoint_classes(width, app.HORIZONTAL_BREAKPOINTS or [])
        screen._classes |= screen._get_breakpoint_classes(height, app.VERTICAL_BREAKPOINTS or [])
