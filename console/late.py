"""What is loaded when it is first needed: the first picture waits for none of it, and details lead to each other."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.modes.base import GateScreen

DETAILS: Final = {
    "call": "console.modes.calls:CallDetail",
    "recording": "console.modes.recordings:RecordingDetail",
    "hold": "console.modes.retention_holds:HoldDetail",
    "request": "console.modes.request_detail:RequestDetail",
    "contact": "console.modes.contact:ContactDetail",
}
"""What can be opened -> its screen."""


def late(name: str) -> Any:
    """``module:name``, its module imported now."""
    module, _, member = name.partition(":")
    return getattr(import_module(module), member)


class Late:
    """Something whose module is loaded when it is first asked for anything. Made once, whichever thread asks."""

    def __init__(self, name: str, *given: object) -> None:
        """``given``: what it is made of."""
        self._name, self._given = name, given
        self._lock = threading.Lock()
        self._made: Any = None

    def made(self) -> Any:
        """The thing itself."""
        with self._lock:
            if self._made is None:
                self._made = late(self._name)(*self._given)
            return self._made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made(), name)


def open_detail(screen: GateScreen, kind: str, mode: str, ident: str, thing: Mapping[str, Any]) -> None:
    """Show one thing by its id, or by its row where there is one."""
    given: dict[str, tuple[Any, ...]] = {
        "call": (mode, ident),
        "recording": (mode, thing),
        "hold": (thing,),
        "request": (mode, thing),
        "contact": (ident,),
    }
    screen.app.push_screen(late(DETAILS[kind])(*given[kind]))
