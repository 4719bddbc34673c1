"""The carrier's far end (``gate.sip.farend``) as tests use it: a process of its own, and what it has told so far."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class FarEnd:
    """``python -m gate.sip.farend`` in a process of its own; ``invites`` and ``calls`` are what it has told so far."""

    def __init__(self, port: int, *options: str) -> None:
        command = [sys.executable, "-m", "gate.sip.farend", "--listen", f"127.0.0.1:{port}", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        self._told: list[dict[str, Any]] = []
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._listening.wait(10), "the far end does not listen"

    def __enter__(self) -> FarEnd:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(5)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._told.append(json.loads(line))
            self._listening.set()

    @property
    def invites(self) -> list[dict[str, Any]]:
        """INVITEs that reached it."""
        return [told for told in self._told if told["event"] == "invite"]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Calls that are over for it."""
        return [told for told in self._told if told["event"] == "call"]
