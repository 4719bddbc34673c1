"""The screen for those who do not see it: its text, and what is new in a few words, for a browser's screen reader.

Said is what its user has done or is told: another screen, another field, another row, a notification. What changes by
itself (ages, levels, counts) stands in the text and is said by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from console.modes.listing import ListMode
from console.widgets.choice import Choice
from console.widgets.rows import RowsTable, field_of

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen
    from textual.widget import Widget

_DRAWN: Final = re.compile("[\u2500-\u259f\u2800-\u28ff]+")
"""Frames, bars and curves: read aloud they are noise."""
_WIDE: Final = re.compile(" {3,}")


def text_of(screen: Screen[Any]) -> list[str]:
    """The lines of the screen from its top, without what is only drawn; columns are two spaces apart. Of a dialog its
    own lines, not what lies behind it."""
    strips = screen._compositor.render_strips()
    own = [each for each in screen.children if not each.has_class("-textual-system")]
    if isinstance(screen, ModalScreen) and own:
        box = own[0].region
        strips = [strip.crop(box.x, box.right) for strip in strips[box.y : box.bottom]]
    lines = ("".join(segment.text for segment in strip) for strip in strips)
    return [_WIDE.sub("  ", _DRAWN.sub(" ", line)).strip() for line in lines]


class Speech:
    """What is new since it was asked last."""

    def __init__(self) -> None:
        self._place: object = None
        self._at: object = None
        self._told: object = None

    def news(self, app: App[Any]) -> str:
        """In a sentence or a few; empty where nothing is new."""
        screen, said = app.screen, []
        place = screen, getattr(screen, "at", None)
        if place != self._place and (heading := _heading(screen)):  # none: it is not drawn yet
            self._place, self._at = place, None
            said.append(heading)
        at, text = _focus(screen)
        if at != self._at:
            self._at = at
            said.append(text)
        told = list(app._notifications)
        newest = told[-1] if told else None
        if newest is not None and newest.identity != self._told:
            said.append(f"{newest.title}: {newest.message}" if newest.title else newest.message)
        self._told = newest.identity if newest is not None else self._told
        return _sentences(said)


def _sentences(texts: Iterable[str]) -> str:
    return ". ".join(filter(None, (" ".join(text.split()).rstrip(".") for text in texts)))


def _heading(screen: Screen[Any]) -> str:
    """A dialog's title and what it says, a detail's title, the name of a mode and of its list."""
    titles = screen.query(".dialog-title, .title").results(Static)
    lines = [str(each.content) for each in titles if each.display]
    if isinstance(screen, ModalScreen):
        lines += [str(each.content) for each in screen.query("Dialog > Vertical > Static").results(Static)]
    lines = list(dict.fromkeys(lines))
    if lines:
        return _sentences(lines)
    name = str(getattr(screen, "MODE", "")).capitalize()
    return f"{name}: {screen.view.name}" if isinstance(screen, ListMode) and screen.VIEWS else name


def _focus(screen: Screen[Any]) -> tuple[object, str]:
    """What has the keys: by what it is known to be another, and in words."""
    widget = screen.focused
    if widget is None:
        return None, ""
    if isinstance(widget, RowsTable):
        row = widget.row
        known = (str(field_of(row, widget.key_of)), widget.beside(row)) if row else widget.saying
        return (widget, known), widget.spoken
    if isinstance(widget, Input):
        return widget, f"{_label(widget)} {'hidden' if widget.password else widget.value or widget.placeholder}".strip()
    if isinstance(widget, Choice):
        return (widget, widget.value), f"{_label(widget)} {widget.value.replace('_', ' ')}".strip()
    if isinstance(widget, Button):
        return widget, f"{widget.label}, button"
    spoken = getattr(widget, "spoken", "")
    return (widget, spoken), spoken


def _label(widget: Widget) -> str:
    """The label that stands before a field."""
    beside = list(widget.parent.children) if widget.parent is not None else []
    before = beside[beside.index(widget) - 1] if widget in beside[1:] else None
    return f"{str(before.content).replace(' *', ', needed')}:" if isinstance(before, Label) else ""
