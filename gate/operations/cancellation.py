"""Work that somebody may cancel while it runs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gate.errors import GateError
from gate.types import Progress

AT_ONCE: Final = 2
"""Work of one name: one runs, one waits for it. Each takes a thread of the control interface, and a file on a share
that does not answer could hold it for long."""


class Cancellations:
    """Which work is to end, by its name. Thread-safe."""

    def __init__(self, busy: Callable[[str], GateError]) -> None:
        """``busy``: name -> what is raised where ``AT_ONCE`` of that name run already."""
        self._busy = busy
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._cancelled: dict[str, str] = {}

    def cancel(self, name: str, actor: str) -> bool:
        """Cancel the work of this name; False where none runs."""
        with self._lock:
            if not self._running.get(name):
                return False
            self._cancelled[name] = actor
            return True

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """While work of this name runs. Raises ``busy`` where ``AT_ONCE`` run already."""
        with self._lock:
            if self._running.get(name, 0) >= AT_ONCE:
                raise self._busy(name)
            self._running[name] = self._running.get(name, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1
                if not self._running[name]:
                    self._cancelled.pop(name, None)

    def checked(
        self, name: str, progress: Progress, error: Callable[[str], GateError], *, until: float = math.inf
    ) -> Progress:
        """``progress`` that raises once the work was cancelled, unless the part ``until`` of it is done.

        ``error``: the actor who cancelled -> what is raised.
        """

        def tell(fraction: float, text: str) -> None:
            actor = self._cancelled.get(name)
            if actor is not None and fraction < until:
                raise error(actor)
            progress(fraction, text)

        return tell
