"""The firm's own command that sends a receipt's code, by SMS or mail.

It gets one line of JSON on its standard input: ``number``, ``code``, ``shown`` and ``hour``. Neither stands in its
arguments, its environment or a log, no shell sees it, and what it writes is thrown away. Commands run one after the
other on a thread of their own, each for ``SECONDS`` at most; where too many wait, the next is not sent, and told so.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from gate.ports import Loop

SECONDS: Final = 20.0
MOST: Final = 200
"""That wait."""
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

Done = Callable[[str], None]
"""Told on the line thread why it was not sent; empty where it was."""


class ReceiptCommand:
    """The thread that runs it; it ends with the gate."""

    def __init__(self, command: Sequence[str], loop: Loop) -> None:
        self._command = list(command)
        self._loop = loop
        self._waiting: queue.Queue[tuple[bytes, Done]] = queue.Queue(MOST)
        threading.Thread(target=self._work, name="receipts", daemon=True).start()

    def run(self, words: bytes, done: Done) -> None:
        """Have it run with these words on its standard input."""
        try:
            self._waiting.put_nowait((words, done))
        except queue.Full:
            self._loop.post(lambda: done("too_many_wait"))

    def _work(self) -> None:
        while True:
            words, done = self._waiting.get()
            self._loop.post(partial(done, self._once(words)))

    def _once(self, words: bytes) -> str:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        nothing = subprocess.DEVNULL
        try:
            with subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=nothing,
                stderr=nothing,
                env=environment,
                start_new_session=True,
            ) as process:
                try:
                    process.communicate(words + b"\n", timeout=SECONDS)
                except subprocess.TimeoutExpired:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
                    return "command_too_slow"
        except OSError:
            return "command_not_started"
        return "" if process.returncode == 0 else "command_failed"
