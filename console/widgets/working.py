"""Something that takes the gate long: how far it is, and a way to stop it where the gate has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, ProgressBar, Static

from console.widgets.dialog import DIALOG_CSS, Dialog
from gate.errors import GateError
from gate.types import Progress

if TYPE_CHECKING:
    from console.app import ConsoleApp

Result = Any


class Working(Dialog[Result | GateError | None]):
    """Its answer is what ``act`` returned, or the error; None where the dialog was closed and the work goes on."""

    AUTO_FOCUS = ""
    """No button: the Enter that began it may come twice."""
    DEFAULT_CSS = f"""
    Working {{ {DIALOG_CSS} }}
    Working > Vertical {{ width: 66; max-width: 96%; height: auto; background: $surface; border: round $primary;
        padding: 0 1; }}
    Working .dialog-title {{ text-style: bold; color: $primary; }}
    Working ProgressBar {{ width: 1fr; }}
    Working Bar {{ width: 1fr; }}
    Working Horizontal {{ height: 1; align-horizontal: right; }}
    """

    def __init__(
        self,
        title: str,
        act: Callable[[Progress], Awaitable[Result]],
        stop: Callable[[], Awaitable[Any]] | None = None,
        *,
        local: bool = False,
    ) -> None:
        """``stop`` asks for its end; ``act`` then raises. Without it, Esc closes the dialog and the work goes on in the
        gate; with ``local`` it is done in this console, and its answer must not be lost: it cannot be left."""
        super().__init__()
        self._title = title
        self._act = act
        self._stop = stop
        self._local = local

    def compose(self) -> ComposeResult:
        """Title, bar, words, button."""
        with Vertical():
            yield Static(self._title, classes="dialog-title", markup=False)
            yield ProgressBar(total=1.0, show_eta=False)
            yield Static("Begun…", classes="dialog-said", markup=False)
            with Horizontal():
                if self._stop or not self._local:
                    yield Button("Stop" if self._stop else "Close", compact=True)

    def on_mount(self) -> None:
        """Begin."""
        self._work()

    @work
    async def _work(self) -> None:
        try:
            answer = await self._act(self._progress)
        except GateError as error:
            self.dismiss(error)
            return
        self.dismiss(answer)

    def _progress(self, fraction: float, text: str) -> None:
        """May come when the dialog is gone already: whoever works must not be hurt by that."""
        for bar in self.query(ProgressBar):
            bar.update(progress=fraction)
        self._show_text(text)

    def _show_text(self, text: str) -> None:
        for line in self.query(".dialog-said").results(Static):
            line.update(text)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The same as Esc."""
        event.stop()
        self.action_leave()

    def action_leave(self) -> None:
        """Ask for its end, or close."""
        if self.answered:
            return
        if self._local and self._stop is None:
            self.app.notify("It is done here, in this console: wait for its end.", timeout=4)
            return
        if self._stop is None:
            self.app.notify("It goes on in the gate.", timeout=4)
            self.dismiss(None)
            return
        self._show_text("Stopping…")
        self.query_one(Button).disabled = True
        self._ask_for_its_end()

    @work(exit_on_error=False)
    async def _ask_for_its_end(self) -> None:
        if self._stop is None:
            return
        try:
            await self._stop()
        except GateError as error:
            self._show_text(error.message)
            for button in self.query(Button):
                button.disabled = False


async def worked(
    app: ConsoleApp,
    title: str,
    act: Callable[[Progress], Awaitable[Result]],
    stop: Callable[[], Awaitable[Any]] | None = None,
    *,
    local: bool = False,
) -> Result:
    """What ``act`` returned, for the ``send`` of a form, which lies below and stays where it fails; None where the work
    goes on in the gate. Raises ``GateError``."""
    answer = await app.push_screen_wait(Working(title, act, stop, local=local))
    if isinstance(answer, GateError):
        raise answer
    return answer
