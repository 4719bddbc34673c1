"""What is typed before a dialog can take it: held, and given to it in order, or to nobody.

A key may open a dialog that first asks the gate something, and that is there a moment later. What comes in between,
typed fast or by a slow line, is meant for the dialog: none of it may act on the list below.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from textual import events
from textual.app import App
from textual.screen import ModalScreen

from console.widgets.dialog import Dialog

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.await_complete import AwaitComplete
    from textual.dom import DOMNode
    from textual.screen import Screen
    from textual.worker import Worker

T = TypeVar("T")

ASKING: Final = frozenset({"default", "quit", "undo", "take"})
"""Groups of the workers in which actions ask their user something."""
COMES_SECONDS: Final = 2.0
"""A dialog that is not there by then does not get what was typed: nobody does."""
NEXT_SECONDS: Final = 0.5
"""One question may follow another within this; what was typed meanwhile is otherwise for whatever is there."""
LOOK_SECONDS: Final = 0.005


class TypedAhead(App[T]):
    """An app whose keys wait for the dialog that they are meant for."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._held: list[events.Key | events.Paste] = []
        self._asking: list[Worker[Any]] = []
        self._asked_on: Screen[Any] | None = None
        self._held_until = 0.0
        self._asked = False
        """A dialog of theirs was there."""

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Take it; where it goes on in a worker, a question may come of that."""
        before = set(self.workers)
        done = await super().run_action(action, default_namespace, namespaces)
        if asking := [each for each in self.workers if each not in before and each.group in ASKING]:
            self._asking, self._asked_on, self._asked = asking, self.screen, False
            self._held_until = time.monotonic() + COMES_SECONDS
        return done

    def no_question(self) -> None:
        """What an action began goes on without one."""
        self._asking = []

    def pop_screen(self) -> AwaitComplete:
        """After a question the next one may come."""
        if self._asking and isinstance(self.screen, Dialog):
            self._asked, self._held_until = True, time.monotonic() + NEXT_SECONDS
        return super().pop_screen()

    async def on_event(self, event: events.Event) -> None:
        """Keys and what is pasted: on their way to a widget, and back from one that had no use for them."""
        if not isinstance(event, events.Key | events.Paste) or not self.screen_stack:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key == "escape" and self._can_be_left():
            self._held.clear()
            await super().on_event(event)
        elif self._held or self._is_awaited():
            self._hold(event)
        else:
            await super().on_event(event)

    def _is_awaited(self) -> bool:
        """A dialog is on its way, or on the screen and cannot take keys yet."""
        screen = self.screen
        if isinstance(screen, Dialog):
            return not screen.takes_keys
        if isinstance(screen, ModalScreen):  # Textual's own palette
            return screen.focused is None and self.app_focus
        if self._asking and screen is self._asked_on:
            if time.monotonic() < self._held_until and not all(each.is_finished for each in self._asking):
                return True
            self._asking = []
            if not self._asked:
                self._held.clear()  # none came, and the list is not what it was meant for
        return False

    def _can_be_left(self) -> bool:
        """A dialog that is there, and waits for something, is left at once."""
        return isinstance(self.screen, Dialog) and self.screen.is_mounted and not self.screen.takes_keys

    def _hold(self, event: events.Key | events.Paste) -> None:
        again = events.Paste(event.text) if isinstance(event, events.Paste) else event.copy()
        again.time = event.time
        if not self._held:
            self._look_again()
        self._held.append(again)

    def _look_again(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self.call_later, self._give)

    async def _give(self) -> None:
        """What is held, in the order in which it was typed, to whatever can take it now."""
        if self._is_awaited():
            self._look_again()
            return
        held, self._held = sorted(self._held, key=lambda each: each.time), []
        if isinstance(self.screen, Dialog) and not self.screen.takes_typed:
            held = [each for each in held if isinstance(each, events.Key) and each.key == "escape"]
        elif isinstance(self.screen, Dialog) and held and (isinstance(held[0], events.Paste) or held[0].is_printable):
            self.screen.before_typing()
        for event in held:
            await self.on_event(event)
