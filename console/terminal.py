"""A console process in a terminal: it ends when its terminal has gone.

A terminal that closes sends SIGHUP, which ends its programs. One that was started to outlive it (``nohup``, a session
of its own) gets none, or ignores it: Textual would then read the end of its input for ever, with keys that may be open.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import Final

from textual.drivers.linux_driver import LinuxDriver

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
