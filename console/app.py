"""The app: modes, keys, themes, undo, and the feed that all screens read."""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message

from console import keys
from console.feed import Feed
from console.messages import LinkChanged, Snapshot
from console.modes import screens
from console.palette import commands
from console.served import ServedDriver
from console.theme import CSS, THEMES
from gate.errors import GateError, RefusedError
from gate.manual import INDEX

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.driver import Driver
    from textual.screen import Screen

    from console.ports import Setup

UNDO_SECONDS = 30.0
COMPLAINT_SECONDS = 10.0
SETTLED_SECONDS = 0.3
"""So long after a mode was opened first, it is there."""


@dataclass(frozen=True)
class Undo:
    """How the last act is taken back."""

    what: str
    back: Callable[[], Awaitable[Any]]
    until: float


class ConsoleApp(App[None]):
    """Dialgate's console."""

    TITLE = "Dialgate"
    CSS = CSS
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {**screens()}
    DEFAULT_MODE = keys.MODES[0]
    BINDINGS: ClassVar[list[BindingType]] = keys.APP
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMAND_PALETTE_DISPLAY = "^p"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual's own annotation
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012

    def __init__(self, setup: Setup, driver: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver)
        self.setup = setup
        self.feed = Feed(setup.socket, setup.now, self._tell)
        self._undo: Undo | None = None
        self._complained = ("", 0.0)
        self._opened: set[str] = set()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = setup.theme if setup.theme in {theme.name for theme in THEMES} else THEMES[0].name

    def on_mount(self) -> None:
        """Keys of the configuration; listen to the gate."""
        self.set_keymap(dict(self.setup.keys))
        if wrong := keys.unknown(self.setup.keys):
            text = f"console.keys names what no key does: {', '.join(wrong)}. The ids are in the help (?)."
            self.notify(text, severity="warning", timeout=10, markup=False)
        self.feed.start()

    def on_unmount(self) -> None:
        """Wait for nobody; forget the key."""
        self.feed.stop()
        if self.setup.opener is not None:
            self.setup.opener.lock()

    def _fatal_error(self) -> None:
        """An error that nobody expected ends the console.

        Textual would print it with the values of all variables, a number or a passphrase among them: ``run`` raises it
        instead, and it is told as that of every other command.
        """
        self.bell()
        self._close_messages_no_wait()

    def _tell(self, message: Message) -> None:
        for screen in self.screen_stack:
            screen.post_message(Snapshot(message.said) if isinstance(message, Snapshot) else LinkChanged())

    # --- for the screens ------------------------------------------------------------------------------------------

    def complain(self, error: GateError) -> None:
        """Say what went wrong, and what to do about it."""
        reason = f" ({error.reason})" if isinstance(error, RefusedError) and error.reason else ""
        text = f"{error.message}{reason}" + (f"\n{error.hint}" if error.hint else "")
        title = "Refused" if isinstance(error, RefusedError) else "It did not work"
        said, now = self._complained, time.monotonic()
        self._complained = (text, now + COMPLAINT_SECONDS)
        if said[0] == text and now < said[1]:
            return  # it stands on the screen already
        self.notify(text, title=title, severity="error", timeout=COMPLAINT_SECONDS, markup=False)

    def done(self, what: str, back: Callable[[], Awaitable[Any]] | None = None) -> None:
        """Say that something was done; ``back`` takes it back while it is offered."""
        self.nothing_to_undo()
        if back is None:
            self.notify(what, timeout=5, markup=False)
            return
        self._undo = Undo(what, back, time.monotonic() + UNDO_SECONDS)
        self.notify(f"{what}\nz: undo", timeout=10, markup=False)

    def nothing_to_undo(self) -> None:
        """Something else was done: what was done before it is not the last act any more, which alone is taken back."""
        self._undo = None

    async def action_undo(self) -> None:
        """Take back the last act that can be."""
        undo, self._undo = self._undo, None
        if undo is None or time.monotonic() > undo.until:
            self.notify("There is nothing to undo.", timeout=3)
            return
        self.run_worker(self._take_back(undo), group="undo")

    async def _take_back(self, undo: Undo) -> None:
        try:
            await undo.back()
        except GateError as error:
            self.complain(error)
            return
        self.notify(f"Undone: {undo.what}", timeout=5, markup=False)
        for screen in self.screen_stack:
            screen.post_message(LinkChanged())

    # --- actions --------------------------------------------------------------------------------------------------

    def delay_update(self, delay: float = 0.0) -> None:
        """Nothing is held back: Textual's delay is as long as a key may take, and its timer can miss its only tick."""

    def action_mode(self, name: str) -> None:
        """Go to a mode."""
        if name != self.current_mode:
            self.switch_mode(name)
            self.screen.post_message(LinkChanged())
            if name not in self._opened:
                self._opened.add(name)
                self.set_timer(SETTLED_SECONDS, settle)

    def action_help(self) -> None:
        """What can be done here, and from there the page of the manual."""
        from console.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen), self._to_manual)

    def _to_manual(self, wanted: bool | None) -> None:
        from console.manual import ManualScreen  # with Textual's Markdown: not for the first picture

        if wanted and not isinstance(self.screen, ManualScreen):
            pages = (getattr(screen, "PAGE", "") for screen in reversed(self.screen_stack))
            self.push_screen(ManualScreen(next(filter(None, pages), INDEX)))

    def action_next_theme(self) -> None:
        """The other theme."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.notify(f"Theme {self.theme}", timeout=3)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that can be taken here, by its word."""
        yield from commands(self, screen)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """A keymap that gives one key to two things: said once."""
        names = ", ".join(sorted(binding.id or binding.action for binding in clashed_bindings))
        if not getattr(self, "_clash_told", False):
            self._clash_told = True
            self.notify(f"One key for several actions: {names}", severity="warning", timeout=10, markup=False)


def settle() -> None:
    """What is there by now stays to the end: to look for garbage among it again and again takes longer than a key may.

    Done for what is loaded, and once for each mode: of what comes and goes later, garbage is collected as ever.
    """
    gc.collect()
    gc.freeze()


def run(setup: Setup, *, served: bool = False) -> None:
    """The console in this terminal, or ``served`` to a browser window, until it is left. Raises what ended it, where
    that was not its user."""
    driver: type[Driver] | None = None
    if served:
        driver = ServedDriver
    app = ConsoleApp(setup, driver)
    settle()
    app.run()
    if app._exception is not None:
        raise app._exception
