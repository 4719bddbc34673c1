"""The app: modes, keys, themes, undo, and the feed that all screens read.

A console process ends when its terminal has gone. A terminal that closes sends SIGHUP, which ends its programs. One
that was started to outlive it (``nohup``, a session of its own) gets none, or ignores it: Textual would then read the
end of its input for ever, with keys that may be open."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.screen import ModalScreen

from console import keys, words
from console.attention import Attention, Place, placed
from console.feed import AttentionChanged, Feed, LinkChanged, Snapshot, on_thread
from console.late import late
from console.modes import load, screens
from console.modes.base import GateScreen
from console.palette import Offered, commands
from console.theme import BAD, CSS, PLAIN, THEMES, without_colour
from console.typed_ahead import TypedAhead
from console.widgets.rows import Column, RowsTable, field_of
from console.words import it_is, trouble
from gate.errors import GateError, RefusedError
from gate.manual import INDEX

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.driver import Driver
    from textual.screen import Screen
    from textual.widget import AwaitMount

    from console.setup import Setup
    from gate.operations.operation import Request


LOOKS: Final = 1.0
"""Seconds after which it is looked whether the driver has stopped."""


class TerminalDriver(LinuxDriver):
    """Ends the process with its terminal."""

    def run_input_thread(self) -> None:
        """As Textual calls it, on the thread that reads."""
        threading.Thread(target=self._end_with_terminal, name="terminal", daemon=True).start()
        super().run_input_thread()

    def _end_with_terminal(self) -> None:
        """As SIGHUP would. The app cannot be asked: what draws waits for a terminal that takes nothing more."""
        terminal = select.poll()
        terminal.register(self.fileno, 0)  # that it has gone is told unasked
        while not self.exit_event.is_set():
            if terminal.poll(LOOKS * 1000):
                os._exit(128 + signal.SIGHUP)


UNDO_SECONDS = 30.0
COMPLAINT_SECONDS = 10.0
ATTENTION_SECONDS, ATTENTION_AT_MOST = 3.0, 20.0
"""How often is asked what somebody must see to: where the log has grown, and in any case."""
AWAY_SECONDS = 3.0
"""So long the gate may be away, to start again, before it is said what to do."""
AWAY = "No call can be made. On its machine: systemctl status dialgate; by hand: dialgate serve"
FINDS = 20
"""Lines that were looked for are kept so many."""
REST_SECONDS = 0.5
"""So long after the start the first picture is there, and what other modes need is loaded."""
SETTLED_SECONDS = 0.3
"""So long after a mode was opened first, it is there."""


@dataclass(frozen=True)
class Undo:
    """How the last act is taken back."""

    what: str
    back: Callable[[], Awaitable[Any]]
    until: float


class ConsoleApp(TypedAhead[None]):
    """Dialgate's console."""

    TITLE = "Dialgate"
    CSS = CSS
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {**screens()}
    BINDINGS: ClassVar[list[BindingType]] = keys.APP
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMAND_PALETTE_DISPLAY = "^p"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {Offered}  # noqa: RUF012 - Textual's own annotation
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-vast")]  # noqa: RUF012 - Textual's own annotation
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]  # noqa: RUF012

    def __init__(self, setup: Setup, driver: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver)
        self.setup = setup
        it_is(setup.now())
        self.feed = Feed(setup.socket, setup.now, self._broadcast, read_only=setup.read_only)
        self._undo: Undo | None = None
        self._complained = ("", 0.0)
        self._opened: set[str] = set()
        self.attention: Sequence[Attention] = ()
        """What somebody must see to by ``dialgate status``, as last reported."""
        self._finds: list[str] = []
        """What was looked for, the last first."""
        self.attended = False
        """The gate has told it."""
        self._attention_of: object = None
        self._attention_at = 0.0
        self._away_told = False
        self._key_held = False
        for theme in THEMES:
            self.register_theme(without_colour(theme) if self.no_color else theme)
        self.theme = setup.theme if setup.theme in {theme.name for theme in THEMES} else THEMES[0].name

    def on_mount(self) -> None:
        """Keys of the configuration; listen to the gate."""
        self.set_keymap(dict(self.setup.keys))
        if wrong := keys.unknown(self.setup.keys):
            text = f"console.keys names what no key does: {', '.join(wrong)}. The ids are in the help (?)."
            self.notify(text, severity="warning", timeout=10, markup=False)
        if self.setup.training:
            self.notify(self.setup.training, title="Training: all of it is made up", timeout=20, markup=False)
        self.feed.start()
        # Not by DEFAULT_MODE: with Python 3.12 its Input runs, and looks for the screen, before that is on the stack.
        self.switch_mode(self.setup.mode if self.setup.mode in keys.MODES else keys.MODES[0])
        self.set_timer(REST_SECONDS, self._load_rest)
        self.set_interval(1.0, self.look_at_keys)

    @work(group="rest")
    async def _load_rest(self) -> None:
        """The other modes, on a thread, so that a key that leads to one need not wait for what it is made of."""
        before = len(sys.modules)
        for mode in keys.MODES:
            await on_thread(partial(load, mode))
        if len(sys.modules) > before:
            settle()

    def look_at_keys(self) -> None:
        """Private keys that were not used for a while are forgotten, and it is said."""
        held, opener = self._key_held, self.setup.opener
        self._key_held = opener is not None and opener.left() > 0
        if held and not self._key_held:
            self.notify("No private key is open any more.", timeout=6)

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

    def _broadcast(self, message: Message) -> None:
        self._look_after(message)
        for screen in self.screen_stack:
            screen.post_message(Snapshot(message.said) if isinstance(message, Snapshot) else type(message)())

    def _look_after(self, message: Message) -> None:
        """Ask what somebody must see to: when the gate is there, when the log has grown, and now and then."""
        if self.feed.moment is not None:
            return  # what must be seen to is of now
        if isinstance(message, LinkChanged):
            self._attention_at = 0.0
            if self.feed.link.up:
                self._away_told = False
            elif not self._away_told:
                self._away_told = True
                self.run_worker(self._notify_away(), exclusive=True, group="away")
        now, leaves = time.monotonic(), self.feed.leaves
        since = now - self._attention_at
        grown = leaves != self._attention_of and since >= ATTENTION_SECONDS
        if self.feed.link.up and (self._attention_at == 0.0 or grown or since >= ATTENTION_AT_MOST):
            self._attention_at, self._attention_of = now, leaves
            self.run_worker(self._attend(), exclusive=True, group="attention")

    async def _notify_away(self) -> None:
        """Once for each time that it goes, and not while it only starts again."""
        await asyncio.sleep(AWAY_SECONDS)
        if self.feed.link.up is False:
            self.notify(AWAY, title="The gate does not answer", severity="error", timeout=30, markup=False)

    async def _attend(self) -> None:
        status, log_status, attention = await on_thread(_asked_of_status)
        try:
            answer = await self.feed.ask(status)
            log = await self.feed.ask(log_status)
        except GateError:
            return  # the top line says that the gate is away, or how old its data are
        self.attended = True
        found = [placed(text) for text in attention(answer, log)]
        if found != list(self.attention):
            self.attention = found
            for screen in self.screen_stack:
                screen.post_message(AttentionChanged())

    # --- for the screens ------------------------------------------------------------------------------------------

    def complain(self, error: GateError) -> None:
        """Say what went wrong, and what to do about it."""
        text = trouble(error)
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

    async def saved(self, path: Path) -> None:
        """A file was written here: where the console is in a browser, that is offered it, too."""
        files = self.setup.files
        if not self.is_web or files is None:
            return
        try:
            file = await on_thread(partial(files.open, path))
        except GateError as error:
            self.complain(error)
            return
        size = file.seek(0, io.SEEK_END)
        self.deliver_binary(file, save_directory=path.parent, save_filename=path.name, name=str(size))

    def nothing_to_undo(self) -> None:
        """Something else was done: what was done before it is not the last act any more, which alone is taken back."""
        self._undo = None

    async def action_undo(self) -> None:
        """Take back the last act that can be, after a question: it is an act too."""
        undo = self._undo
        if undo is None or time.monotonic() > undo.until:
            self._undo = None
            self.notify("There is nothing to undo.", timeout=3)
            return
        self.run_worker(self._ask_to_take_back(undo), group="undo", exclusive=True)

    async def _ask_to_take_back(self, undo: Undo) -> None:
        said = f"{undo.what}\nTaking it back is kept in the log too."
        if not await late("console.modes.sure:sure")(self.screen, "Undo this?", said, "Undo"):
            return
        if self._undo is undo:
            self._undo = None
            await self._take_back(undo)

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

    async def action_quit(self) -> None:
        """Leave the console, after a question: a letter that went astray ends no work."""
        self.run_worker(self._ask_to_quit(), group="quit", exclusive=True)

    async def _ask_to_quit(self) -> None:
        said = "The gate goes on without it. Keys that are open here are forgotten."
        if self.setup.training:
            said = "The training gate and all that is in it are thrown away."
        if await late("console.modes.sure:sure")(self.screen, "Leave the console?", said, "Leave"):
            self.exit()

    def action_attention(self) -> None:
        """What somebody must see to, and where."""
        self.run_worker(self._show_attention(), group="quit", exclusive=True)

    async def _show_attention(self) -> None:
        columns: Sequence[Column[Any]] = (
            Column("What", 16, lambda row: (row.word, BAD)),
            Column("", 40, lambda row: (row.text, PLAIN), grows=True),
        )
        none = "Nothing, as far as is known." if self.attended else "Not known: the gate did not tell it."
        pick = late("console.widgets.pick:Pick")(
            "What somebody must see to",
            columns,
            self.attention,
            key_of="text",
            said="As dialgate status says it. Enter leads to where it is mended." if self.feed.link.up else AWAY,
            none=none if self.feed.link.up else words.AWAY,
        )
        row = await self.push_screen_wait(pick)
        if row is not None:
            self.notify(row.text, timeout=10, markup=False)
            await self.go(row.place)

    async def go(self, place: Place, find: str = "") -> None:
        """To a place: its mode, its list, what is found there, and what is done there. Call it in a worker."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if place.mode != self.current_mode:
            await self._to_mode(place.mode)
        screen = self.screen
        if isinstance(screen, GateScreen):
            screen.lead_to(place.view, find)
        if place.action:
            await self.run_action(place.action, screen)

    def action_moment(self) -> None:
        """Show the gate as it stood at a moment, or as it is."""
        self.run_worker(self._ask_for_moment(), group="quit", exclusive=True)

    async def _ask_for_moment(self) -> None:
        if await late("console.modes.moment:asked_for")(self):
            self.nothing_to_undo()
            while len(self.screen_stack) > 1:
                await self.pop_screen()

    def action_find(self) -> None:
        """Find calls by day, time, agent, reason, number: one line."""
        if not isinstance(self.screen, ModalScreen):
            self.run_worker(self._ask_to_find(), group="quit", exclusive=True)

    async def _ask_to_find(self) -> None:
        dialog = late("console.modes.finding:FindDialog")(self.feed, self._finds, self.setup.searches, self._callers())
        found = await self.push_screen_wait(dialog)
        if found is None:
            return
        mode, text = found
        self._finds = [text, *(each for each in self._finds if each != text)][:FINDS]
        await self.go(Place(mode), text)

    def _callers(self) -> set[str]:
        """Agents and PBXs whose calls are on the screen, by their names."""
        rows = [table.row_at(at) for table in self.screen.query(RowsTable) for at in table.visible_rows()]
        names = (str(field_of(row, "claimed_by") or "") for row in rows if row)
        return {name.partition(":")[2] for name in names} - {""}

    def action_mode(self, name: str) -> None:
        """Go to a mode."""
        if name != self.current_mode:
            self._to_mode(name)

    def _to_mode(self, name: str) -> AwaitMount:
        switched = self.switch_mode(name)
        if name not in self._opened:
            self._opened.add(name)
            self.set_timer(SETTLED_SECONDS, settle)
        return switched

    def action_help(self) -> None:
        """What can be done here, and from there the page of the manual."""
        shown = late("console.help:HelpScreen")
        if not isinstance(self.screen, shown):
            self.push_screen(shown(self.screen), self._helped)

    def _helped(self, wanted: Any) -> None:
        """What a key does, as if that were pressed; the manual, where that was asked for."""
        if wanted == "manual":
            pages = (getattr(screen, "PAGE", "") for screen in reversed(self.screen_stack))
            self.read(next(filter(None, pages), INDEX))
        elif wanted is not None and wanted.active.enabled:
            self.call_later(self.run_action, wanted.active.binding.action, wanted.active.node)
        elif wanted is not None and isinstance(self.screen, GateScreen):
            self.screen.say_why_not(wanted.active.binding)

    def read(self, page: str) -> None:
        """Open a page of the manual."""
        manual = late("console.manual:ManualScreen")  # with Textual's Markdown: not for the first picture
        if not isinstance(self.screen, manual):
            self.push_screen(manual(page))

    def action_next_theme(self) -> None:
        """The other theme."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.notify(f"Theme {self.theme}", timeout=3)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that can be taken here, by its word."""
        yield from commands(self, screen)

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing here says why."""
        if isinstance(self.screen, GateScreen) and self.screen.idle(event.key):
            event.prevent_default()

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """A keymap that gives one key to two things: said once."""
        names = ", ".join(sorted(binding.id or binding.action for binding in clashed_bindings))
        if not getattr(self, "_clash_told", False):
            self._clash_told = True
            self.notify(f"One key for several actions: {names}", severity="warning", timeout=10, markup=False)


def _asked_of_status() -> tuple[Request[Any], Request[Any], Callable[[Any, Any], Iterator[str]]]:
    """What is asked, and how it is read: loaded after the first picture."""
    status = late("gate.operations.status.glance:Status")(masked=True)
    log_status = late("gate.operations.audit.leaves:AuditStatus")()
    return status, log_status, late("gate.operations.status.glance:attention")


def settle() -> None:
    """What is there by now stays to the end: to look for garbage among it again and again takes longer than a key may.

    Done for what is loaded, and once for each mode: of what comes and goes later, garbage is collected as ever.
    """
    gc.collect()
    gc.freeze()


def run(setup: Setup, *, served: bool = False) -> None:
    """The console in this terminal, or ``served`` to a browser window, until it is left. Raises what ended it, where
    that was not its user."""
    app = ConsoleApp(setup, late("console.served:ServedDriver") if served else TerminalDriver)
    gc.freeze()  # nothing of what was loaded goes; what little garbage is among it stays, too
    gc.enable()
    app.run()
    if app._exception is not None:
        raise app._exception
