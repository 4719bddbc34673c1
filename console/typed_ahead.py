"""Keys go on one by one: each when what the key before it began is done, to what is on the screen then.

A key may give the keys to a line, open a screen, ask the gate for a list, or open a dialog that first asks the gate
something. Textual hands a key at once to what has the focus when it comes: what is typed fast, or comes over a slow
line, would go to what is left a moment later. Here a key waits until the one before has gone all its way, every queue
of the screen is empty, and what was asked for is there. What is meant for a dialog never acts on the list below: where
no dialog comes, nobody gets it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from textual import events
from textual.app import App
from textual.screen import ModalScreen
from textual.widgets import Input

from console.widgets.dialog import Dialog

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.await_complete import AwaitComplete
    from textual.dom import DOMNode
    from textual.message_pump import MessagePump
    from textual.screen import Screen
    from textual.worker import Worker

T = TypeVar("T")
Typed = events.Key | events.Paste

ASKING: Final = frozenset({"default", "quit", "undo", "take"})
"""Groups of the workers in which actions ask their user something."""
BRINGING: Final = frozenset({"default", "pages", "end", "detail", "today", "floor"})
"""Groups of the workers that bring what the keys of a screen act on."""
ANSWERING: Final = frozenset({"send", "act", "--textual-command-palette-gather-commands"})
"""And of those that answer in a dialog."""
LEADING_AWAY: Final = frozenset({"back", "leave", "filter"})
"""Actions that need nothing of what is on its way."""
COMES_SECONDS: Final = 2.0
"""A dialog that is not there by then does not get what was typed: nobody does."""
BROUGHT_SECONDS: Final = 10.0
"""What else a key began is waited for no longer."""
NEXT_SECONDS: Final = 0.5
"""One question may follow another within this; what was typed meanwhile is otherwise for whatever is there."""
LOOK_SECONDS: Final = 0.005


class TypedAhead(App[T]):
    """An app whose keys wait for what they are meant for."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._held: deque[tuple[Typed, Screen[Any] | None]] = deque()
        """What was typed and is to go on, in order, and the screen that could take it then."""
        self._looks = False
        """It is looked again in a moment whether the first of them may go on."""
        self._last: Typed | None = None
        """The last key that went on."""
        self._way: MessagePump | None = None
        """How far it has come on its way from the focus up to the app; None: it has arrived."""
        self._into: Input | None = None
        """The line into which it was typed."""
        self._done_at_most = 0.0
        """Until when what it began is waited for."""
        self._others: set[Worker[Any]] = set()
        """What was at work before it."""
        self._met: Screen[Any] | None = None
        """The dialog that has what was typed before it was there."""
        self._asking: list[Worker[Any]] = []
        self._asked_on: Screen[Any] | None = None
        self._asked_until = 0.0
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
            self._asked_until = time.monotonic() + COMES_SECONDS
        return done

    def no_question(self) -> None:
        """What an action began goes on without one, and brings nothing."""
        self._asking = []
        self._others |= set(self.workers)

    def pop_screen(self) -> AwaitComplete:
        """After a question the next one may come."""
        if self._asking and isinstance(self.screen, Dialog):
            self._asked, self._asked_until = True, time.monotonic() + NEXT_SECONDS
        return super().pop_screen()

    async def on_event(self, event: events.Event) -> None:
        """A key, or what is pasted, waits for its turn; on its way back from a widget it has had that."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded or not self.screen_stack:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key == "escape" and self._can_be_left():
            self._held.clear()
            await super().on_event(event)
        else:
            self._held.append((event, None if self._is_awaited() else self.screen))
            await self._give()

    async def _give(self) -> None:
        """What is held, as far as it may go on."""
        while not self._is_awaited() and self._held and self._may_go_on(self._held[0][0]):
            event, on = self._held.popleft()
            if self._is_meant(event, on):
                await self._go_on(event)
        if self._held and not self._looks:
            self._looks = True
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self.call_later, self._look_again)

    async def _look_again(self) -> None:
        self._looks = False
        await self._give()

    async def _go_on(self, event: Typed) -> None:
        focused = self.focused
        self._into = focused if isinstance(focused, Input) and _is_text(event) else None
        self._others, self._done_at_most = set(self.workers), time.monotonic() + BROUGHT_SECONDS
        self._last, self._way = event, None
        await super().on_event(event)
        if event.is_forwarded:
            self._follow(event, focused or self.screen)

    def _follow(self, event: Typed, way: MessagePump | None) -> None:
        """Behind the key through the same queues, the app's the last."""
        if event is self._last:
            self._way = way if way is not None and way.call_later(self._follow, event, way._parent) else None

    def _is_meant(self, event: Typed, on: Screen[Any] | None) -> bool:
        """Whether a dialog that was not there takes it: a question of yes or no is seen first, and can only be left."""
        dialog = self.screen
        if not isinstance(dialog, Dialog) or on is dialog:
            return True
        if not dialog.takes_typed:
            return isinstance(event, events.Key) and event.key == "escape"
        if self._met is not dialog and _is_text(event):
            dialog.before_typing()
        self._met = dialog
        return True

    # --- what is waited for ---------------------------------------------------------------------------------------

    def _may_go_on(self, event: Typed) -> bool:
        """What the key before began is done, or takes too long."""
        if self._into is not None and self._into is self.focused and _is_text(event):
            return True
        if time.monotonic() >= self._done_at_most:
            return True
        on_its_way = self._way is not None and self._way.is_running
        return not on_its_way and self._is_quiet() and (self._leads_away(event) or not self._is_brought())

    def _is_quiet(self) -> bool:
        """No message and no callback waits anywhere, and the screen is there."""
        screen = self.screen
        if self._next_callbacks or self._pending_message or not screen.is_mounted:
            return False
        return not any(each.message_queue_size for each in (self, screen, *screen.walk_children()))

    def _is_brought(self) -> bool:
        """What was asked for since the key before is not there."""
        groups = ANSWERING if isinstance(self.screen, ModalScreen) else BRINGING
        return any(each.group in groups and not each.is_finished for each in set(self.workers) - self._others)

    def _leads_away(self, event: Typed) -> bool:
        """It needs nothing of what is on its way."""
        active = self.screen.active_bindings.get(event.key) if isinstance(event, events.Key) else None
        return active is not None and (active.node is self or active.binding.action in LEADING_AWAY)

    def _is_awaited(self) -> bool:
        """A dialog is on its way, or on the screen and cannot take keys yet."""
        screen = self.screen
        if isinstance(screen, Dialog):
            return not screen.takes_keys
        if isinstance(screen, ModalScreen):  # Textual's own palette
            return screen.focused is None and self.app_focus
        if self._asking and screen is self._asked_on:
            if time.monotonic() < self._asked_until and not all(each.is_finished for each in self._asking):
                return True
            self._asking = []
            if not self._asked:
                self._held.clear()  # none came, and the list is not what it was meant for
        return False

    def _can_be_left(self) -> bool:
        """A dialog that is there, and waits for something, is left at once."""
        return isinstance(self.screen, Dialog) and self.screen.is_mounted and not self.screen.takes_keys


def _is_text(event: Typed) -> bool:
    return isinstance(event, events.Paste) or event.is_printable
