"""The far end in a process of its own, as a test sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Far:
    """``with Far("--tone", "600") as far:`` runs ``python -m gate.sip.farend``; ``far.address`` is where it listens."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gate.sip.farend", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self.told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Far:
        self._reader.start()
        self.address: str = self.wait("listening")["address"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(10) == 0
        self._reader.join(5)

    @property
    def where(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    def wait(self, event: str, seconds: float = 10.0, count: int = 1) -> dict[str, Any]:
        """The ``count``-th thing of a kind that it told: ``listening``, ``invite`` or ``call``."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                found = [what for what in self.told if what["event"] == event]
                if len(found) >= count:
                    return found[count - 1]
                assert self._news.wait(max(0.0, end - time.monotonic())), f"no {event} in {seconds} s; {self.told}"

    def calls(self) -> list[dict[str, Any]]:
        """What was told of ended calls."""
        return [what for what in self.told if what["event"] == "call"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.told.append(json.loads(line))
                self._news.notify_all()
