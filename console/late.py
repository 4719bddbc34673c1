"""What is loaded when it is first needed: the first picture waits for none of it, and details lead to each other."""

from __future__ import annotations

import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.screen import Screen

T = TypeVar("T")
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


class _Late:
    def __init__(self, make: Callable[[], object], before: Mapping[str, object]) -> None:
        self._make, self._before = make, before
        self._lock = threading.Lock()
        self._made: Any = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        if self._made is None and name in self._before:
            return self._before[name]
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)(*arguments, **named)


def made_late(make: Callable[[], T], before: Mapping[str, object] | None = None) -> T:
    """What ``make`` makes, which is called when a method of it first is: on the thread of that call, so that a screen
    that asks on another thread never waits for what has to be loaded. ``before``: method -> its answer until then, for
    which nothing is made."""
    return cast("T", _Late(make, before or {}))


def open_detail(screen: Screen[Any], kind: str, mode: str, ident: str, thing: Any) -> None:
    """Show one thing by its id, or by its row where there is one."""
    given: dict[str, tuple[Any, ...]] = {
        "call": (mode, ident),
        "recording": (mode, ident, getattr(thing, "call_id", None), thing),
        "hold": (thing,),
        "request": (mode, thing),
        "contact": (ident,),
    }
    screen.app.push_screen(late(DETAILS[kind])(*given[kind]))
