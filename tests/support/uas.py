"""The test UAS (``gate.cli.test_uas``) as tests use it: a process of its own, and what it has told so far."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import programs
from tests.support.waiting import PATIENCE


class Uas:
    """``with Uas("--tone", "600") as far:`` runs ``python -m gate.cli.test_uas``, listening when it is made; on
    ``port`` of 127.0.0.1 where one is named."""

    def __init__(self, *options: str, port: int = 0) -> None:
        listen = () if "--listen" in options else ("--listen", f"127.0.0.1:{port}")
        self._process = programs.told("gate.cli.test_uas", *listen, *options)
        self.told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address: str = self.wait("listening")["address"]

    def __enter__(self) -> Uas:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            assert self._process.wait(PATIENCE) == 0
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(PATIENCE)

    @contextmanager
    def held(self) -> Iterator[None]:
        """It stands still meanwhile."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @property
    def where(self) -> tuple[str, int]:
        """Where it listens."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    def wait(self, event: str, seconds: float = PATIENCE, count: int = 1) -> dict[str, Any]:
        """The ``count``-th thing of a kind that it told: ``listening``, ``invite`` or ``call``."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                found = [what for what in self.told if what["event"] == event]
                if len(found) >= count:
                    return found[count - 1]
                assert self._news.wait(max(0.0, end - time.monotonic())), f"no {event} in {seconds} s; {self.told}"

    @property
    def invites(self) -> list[dict[str, Any]]:
        """INVITEs that reached it."""
        return [told for told in self.told if told["event"] == "invite"]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Calls that are over for it."""
        return [told for told in self.told if told["event"] == "call"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.told.append(json.loads(line))
                self._news.notify_all()
