"""PJSIP as a phone or a PBX in tests: ``pjsip_phone`` in a process of its own, and what it told."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.audio import read_wav
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


def required() -> None:
    """Skip where pjsua2 has no wheel for this Python; fail where the suite must be whole."""
    if importlib.util.find_spec("pjsua2") is None:
        if os.environ.get("CI") and sys.version_info < (3, 12):
            pytest.fail("pjsua2-python must be installed")
        pytest.skip("pjsua2-python has no wheel for this Python")


class Pjsip:
    """``with Pjsip(folder, gate.address, "alice", password=…) as phone:``; without a password it does not register."""

    def __init__(self, folder: Path, server: tuple[str, int], user: str, tone: int = 1000, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.wav = folder / "heard.wav"
        self.errors = folder / "stderr"
        self.settings = {"registrar": f"{server[0]}:{server[1]}", "user": user, "tone": tone, "heard": str(self.wav)}
        self.settings |= settings
        self.told: list[dict[str, Any]] = []
        self._news = threading.Condition()

    def __enter__(self) -> Pjsip:
        required()
        with self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.pjsip_phone", json.dumps(self.settings)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait("ready")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.do("quit")
        assert self._process.wait(PATIENCE) == 0, self.errors.read_text()
        self._reader.join(PATIENCE)

    def do(self, what: str, **values: Any) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **values}) + "\n")
        self._process.stdin.flush()

    def wait(self, event: str, seconds: float = PATIENCE, count: int = 1, **values: Any) -> dict[str, Any]:
        """The ``count``-th thing that it told of a kind and with these values."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                found = [t for t in self.told if t["event"] == event and values.items() <= t.items()]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                assert self._news.wait(max(0.0, left)), f"no {event} {values}: {self.told} {self.errors.read_text()}"

    def heard(self) -> np.ndarray:
        """What it heard, once it has quit: mono, 8,000 a second; empty where it was never connected to any sound."""
        if self.wav.stat().st_size <= 44:  # no more than a header
            return np.zeros(0, np.int16)
        samples, rate = read_wav(self.wav)
        step = rate // 8000
        return (samples[:, 0] if samples.ndim > 1 else samples)[::step]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # what PJSIP prints before its log is off is no event
                with self._news:
                    self.told.append(json.loads(line))
                    self._news.notify_all()
