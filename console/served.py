"""A console process that is served to a browser window: its memory is bounded, and it ends when nobody is there.

What it is told comes as packets on standard input, each with its length before it, and is kept until it is whole: the
length alone could ask for four gigabytes. So the process as a whole may have ``MEMORY`` bytes and no more. Beyond that
it ends, and the page can be reloaded.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Final

from textual import messages
from textual.drivers.web_driver import WebDriver

MEMORY: Final = 512 << 20
"""Bytes of data that one may have: some ten times what a console that was worked with for a day has."""


def bound() -> None:
    """From here on this process, and what it starts, has no more than ``MEMORY``."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


class ServedDriver(WebDriver):
    """Ends the app with its input: the browser's server is gone, or what came was no packet that fits."""

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
