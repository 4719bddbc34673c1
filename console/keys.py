"""Every key of the console: an id, the keys that it has unless the configuration gives others, and what it does.

``[console.keys]`` in the configuration names ids of ``all_ids``: ``"list.filter" = "f,slash"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.binding import Binding, BindingType

MODES: Final = ("live", "registers", "contacts", "calls", "recordings", "retention", "requests", "audit")
_MODE_GROUP: Final = Binding.Group("modes", compact=True)


def bind(ident: str, keys: str, action: str, what: str, *, show: bool = False, shown_as: str | None = None) -> Binding:
    """A binding known by ``ident``; ``what`` is its word in the footer and in the help."""
    return Binding(keys, action, what, show=show, id=ident, key_display=shown_as)


APP: Final[list[BindingType]] = [
    *(bind(f"mode.{name}", str(place), f"mode('{name}')", f"Mode {name}") for place, name in enumerate(MODES, start=1)),
    bind("app.help", "question_mark", "help", "help", show=True, shown_as="?"),
    bind("app.palette", "ctrl+p,colon", "command_palette", "actions", show=True, shown_as="^p"),
    bind("app.undo", "z", "undo", "undo"),
    bind("app.theme", "ctrl+t", "next_theme", "next theme"),
    bind("app.quit", "q", "quit", "quit", show=True),
]
SCREEN: Final[list[BindingType]] = [
    bind("screen.back", "escape", "back", "back"),
    bind("screen.copy", "y", "copy", "copy"),
    bind("screen.renew", "r", "renew", "look again"),
    bind("screen.next_view", "tab", "view(1)", "next list"),
    bind("screen.last_view", "shift+tab", "view(-1)", "list before"),
]
TABLE: Final[list[BindingType]] = [
    bind("table.open", "enter", "open", "open", show=True, shown_as="⏎"),
    bind("table.down", "j,down", "move(1)", "down"),
    bind("table.up", "k,up", "move(-1)", "up"),
    bind("table.page_down", "ctrl+f,pagedown,space", "page(1)", "a screen down"),
    bind("table.page_up", "ctrl+b,pageup", "page(-1)", "a screen up"),
    bind("table.first", "g,home", "first", "first"),
    bind("table.last", "G,end", "last", "last"),
]
REVEAL: Final[list[BindingType]] = [bind("list.reveal", "u", "reveal", "unmask", show=True)]
LIST: Final[list[BindingType]] = [
    bind("list.filter", "slash", "filter", "filter", show=True, shown_as="/"),
    bind("list.pause", "p", "pause", "pause, or follow what happens"),
    *REVEAL,
]
REGISTERS: Final[list[BindingType]] = [
    bind("registers.import", "i", "import", "import", show=True),
    bind("registers.look_up", "n", "look_up", "number", show=True),
    bind("registers.add", "a", "add", "add", show=True),
    bind("registers.remove", "d", "remove", "remove", show=True),
]
RECORDING: Final[list[BindingType]] = [
    bind("recording.open", "o", "open_key", "open", show=True),
    bind("recording.play", "p", "play", "play/stop", show=True),
    bind("recording.export", "e", "export", "export", show=True),
    bind("recording.hold", "h", "hold", "hold", show=True),
    bind("recording.another_key", "K", "another_key", "one more key"),
    bind("recording.lock", "L", "lock", "forget the keys"),
]
LIVE: Final[list[BindingType]] = [bind("live.pause", "p", "pause", "pause", show=True)]
DIALOG: Final[list[BindingType]] = [
    bind("dialog.leave", "escape", "leave", "cancel", show=True, shown_as="esc"),
]
REPORT: Final[list[BindingType]] = [
    bind("report.down", "j,down", "scroll_down", "down"),
    bind("report.up", "k,up", "scroll_up", "up"),
    bind("report.page_down", "ctrl+f,pagedown,space", "page_down", "a screen down"),
    bind("report.page_up", "ctrl+b,pageup", "page_up", "a screen up"),
    bind("report.first", "g,home", "scroll_home", "first"),
    bind("report.last", "G,end", "scroll_end", "last"),
]


def all_ids() -> frozenset[str]:
    """The id of every key here."""
    lists = [value for name, value in globals().items() if name.isupper() and isinstance(value, list)]
    return frozenset(each.id for each in (*APP, *(one for some in lists for one in some)) if each.id)


def unknown(keymap: Mapping[str, str]) -> list[str]:
    """Ids of a keymap that no key has."""
    return sorted(set(keymap) - all_ids())
