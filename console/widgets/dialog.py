"""What every dialog has: it lies over a screen, and is answered once."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import events
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.screen import ModalScreen

from console import keys
from console.widgets.fresh import as_the_app_is

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
