"""A console process that is served to a browser window: its memory is bounded, and it ends when nobody is there.

Beside what it draws it tells its screen in words, for those who have it read to them (``spoken``).

What it is told comes as packets on standard input, each with its length before it, and is kept until it is whole: the
length alone could ask for four gigabytes. So the process as a whole may have ``MEMORY`` bytes and no more. Beyond that
it ends, and the page can be reloaded.
"""

from __future__ import annotations

import asyncio
import os
import resource
from functools import partial
from threading import Lock
from typing import Any, Final

from textual import messages
from textual.drivers.web_driver import WebDriver

from console.spoken import Speech, text_of

MEMORY: Final = 512 << 20
"""Bytes of data that one may have: some ten times what a console that was worked with for a day has."""

TELLS: Final = 0.25
"""Seconds from a change of the screen until it is told in words."""


def bound() -> None:
    """From here on this process, and what it starts, has no more than ``MEMORY``."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


class ServedDriver(WebDriver):
    """Ends the app with its input: the browser's server is gone, or what came was no packet that fits."""

    def __init__(self, app: Any, **given: Any) -> None:
        super().__init__(app, **given)
        self._writing = Lock()
        self._write = partial(self._whole)
        self._speech = Speech()
        self._text: list[str] = []
        self._telling: asyncio.TimerHandle | None = None

    def _whole(self, packet: bytes) -> int:
        """A packet is written as one: pieces of files come from the thread that reads, what is drawn from the app's."""
        rest = memoryview(packet)
        with self._writing:
            while rest:
                rest = rest[os.write(self.fileno, rest) :]
        return len(packet)

    def write(self, data: str) -> None:
        """As Textual calls it, with each change of the screen."""
        super().write(data)
        if self._telling is None:
            self._telling = self._loop.call_later(TELLS, self._send_text)

    def _send_text(self) -> None:
        """Send the screen in words to the browser, if they have changed."""
        self._telling = None
        if self.exit_event.is_set() or not self._app.screen_stack:
            return
        lines, said = text_of(self._app.screen), self._speech.news(self._app)
        if said or lines != self._text:
            self._text = lines
            self.write_meta({"type": "text", "lines": lines, "said": said})

    def start_application_mode(self) -> None:
        """As Textual calls it."""
        self._loop = asyncio.get_running_loop()
        super().start_application_mode()

    def run_input_thread(self) -> None:
        """As Textual calls it, on the thread that reads."""
        try:
            super().run_input_thread()
        finally:
            if not self.exit_event.is_set():
                asyncio.run_coroutine_threadsafe(self._app._post_message(messages.ExitApp()), self._loop)
