"""Imports of registers: what they changed, one after another, and stopping one that is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gate.errors import GateError, RegisterFailed, UsageError
from gate.operations.desk_base import LONDON, DeskBase
from gate.service.reads import Progress, Row

LAST_STOP = 0.9
"""Beyond this part the new snapshot is about to be put in force: it is let through."""
AT_ONCE = 2
"""Imports of one register: one works, one waits for it. Each takes a thread of the control interface, and a file of a
share that does not answer would take it for long."""


class Stopped(RegisterFailed):
    """Somebody stopped the import."""


def _import_stopped(name: str, actor: str) -> Stopped:
    return Stopped(
        f"the import of {name.upper()} was stopped by {actor}", hint="the register in force has stayed as it was"
    )


class Stops:
    """Who wants what to end: an import by its register's name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._asked: dict[str, str] = {}

    def ask(self, name: str, actor: str) -> bool:
        """End the import of a register; False where none runs."""
        with self._lock:
            if not self._running.get(name):
                return False
            self._asked[name] = actor
            return True

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """While an import runs; raises ``RegisterFailed`` where ``AT_ONCE`` of this name do."""
        with self._lock:
            if self._running.get(name, 0) >= AT_ONCE:
                raise RegisterFailed(f"{AT_ONCE} imports of {name.upper()} are under way already", hint="wait for them")
            self._running[name] = self._running.get(name, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1
                if not self._running[name]:
                    self._asked.pop(name, None)

    def heeding(
        self, name: str, progress: Progress | None, stopped: Callable[[str, str], GateError] = _import_stopped
    ) -> Progress:
        """``progress`` that raises once somebody has asked for it, by default ``Stopped``: the importer's process ends
        by that."""

        def tell(fraction: float, text: str) -> None:
            asked = self._asked.get(name)
            if asked is not None and fraction < LAST_STOP:
                raise stopped(name, asked)
            if progress is not None:
                progress(fraction, text)

        return tell


class ImportDesk(DeskBase):
    """What was imported, and the end of what is being imported."""

    def __init__(self, **rooms: Any) -> None:
        super().__init__(**rooms)
        self._stops = Stops()

    def register_imports(self, *, after: str | None = None, limit: int = 50, actor: str) -> Row:
        """Imports, newest first: day, count, how many were added and removed, who, from which file."""
        return self._page(lambda tx: self._reads.register_imports_page(tx, after, limit))

    def _register_now(self, name: str) -> Row:
        """State of one register."""
        rows = self._registers.status(self._clock.now().astimezone(LONDON).date())
        return next((row for row in rows if row["name"] == name), {})

    def register_cancel(self, *, name: str, actor: str) -> Row:
        """End an import that is under way; the register in force stays. One that is nearly done is let through."""
        if not self._stops.ask(name, actor):
            raise UsageError(f"no import of {name.upper()} is under way", hint="See: dialgate register status")
        return {"name": name}
