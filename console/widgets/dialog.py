"""What every dialog has: it lies over a screen, and is answered once. A new screen is spared styles that it has
already. A line to type into takes what is pasted whole, or refuses it, and never cuts it."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from textual import events
from textual._context import active_app
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from console import keys


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


T = TypeVar("T")

DIALOG_CSS = """
    align: center middle;
    background: $background 60%;
"""


class Dialog(ModalScreen[T]):
    """Base of dialogs. Textual's own ``dismiss`` takes whatever screen is on top, as often as it is called: the second
    of two quick Enters would take the screen below, with its work, or end the console."""

    BINDINGS: ClassVar[list[BindingType]] = keys.DIALOG

    answered = False
    """It has its answer: nothing that comes later counts."""
    takes_typed = True
    """What was typed before it was there is for it. A question of yes or no is seen first: it can only be left."""
    _waiting = False
    _taking = False
    _answer_kept: T | None = None

    def __init__(self) -> None:
        super().__init__()
        as_the_app_is(self)

    def on_mount(self) -> None:
        """What was said before has been seen: it would lie over the buttons."""
        self.app.clear_notifications()

    @property
    def takes_keys(self) -> bool:
        """It is there, and what is to have the keys has them; that it stays so is its own affair."""
        if not self._taking:
            focused = self.focused is not None or self.AUTO_FOCUS == "" or not self.app.app_focus
            self._taking = self.is_mounted and focused
        return self._taking

    def before_typing(self) -> None:
        """Override: a letter comes; where it goes."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Give the answer and close; where another screen lies above, as soon as that is gone."""
        if self.answered:
            return AwaitComplete()
        self.answered = True
        if self.app.screen is self:
            return self._close(result)
        self._waiting, self._answer_kept = True, result
        return AwaitComplete()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """It came, or what lay above is gone. Its styles are as they are."""
        event.refresh_styles = False
        if self._waiting:
            self._waiting = False
            self._close(self._answer_kept)

    def _close(self, result: T | None) -> AwaitComplete:
        closed: AwaitComplete = super().dismiss(result)
        return closed


class Line(Input):
    """Textual's own takes the first line of what is pasted, and says nothing of the others."""

    virtual_size = Reactive(Size(0, 0))
    """Textual's own lays the whole screen out with each key: what is typed makes the text longer, never the field."""

    def __init__(self, value: str = "", *, join: str = " ", **extra: Any) -> None:
        """``join``: what stands between lines that are pasted; a passphrase of several is refused."""
        super().__init__(value, select_on_focus=False, compact=True, **extra)
        self._join = join

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        lines = [line.strip() for line in event.text.splitlines() if line.strip()]
        if len(lines) > 1 and self.password:
            self.app.notify(
                f"A passphrase is one line, and {len(lines)} were pasted: nothing was taken.",
                severity="warning",
                timeout=6,
                markup=False,
            )
            return
        text = self._join.join(lines) if len(lines) > 1 else event.text.strip("\r\n")
        if text:
            self.replace(text, *self.selection)
