"""Somebody who opens recordings, for tests of the console: a curve that was made up, and what it was asked."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gate.client.files import must_be_new
from gate.client.listening import Envelope, Listening
from gate.client.recordings import Stream
from gate.errors import WrongPassphrase
from gate.types import Progress
from tests.support.waiting import PATIENCE

SECONDS = 96.0
PASSPHRASE = "correct horse"


def curve(phase: float) -> bytes:
    """Ten levels a second: somebody talks, somebody listens."""
    talks = [math.sin(place / 40 + phase) > -0.2 for place in range(int(SECONDS * 10))]
    return bytes(int(40 + 60 * abs(math.sin(place / 3.1 + phase))) if on else 6 for place, on in enumerate(talks))


class MadeUpOpener:
    """As ``gate.client.opening.KeyOpener``; ``asked`` keeps what it was asked, never a passphrase."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, ...]] = []
        self.playing = threading.Event()
        self.heard: list[tuple[float, float]] = []
        """From where it was played, and how fast, each time."""
        self._holder = ""
        self.seconds = 900.0

    def keys(self) -> Sequence[Path]:
        return [self.folder / "ann.key"]

    def unlock(self, key: Path, passphrase: str) -> str:
        self.asked.append(("unlock", key.name))
        if passphrase != PASSPHRASE:
            raise WrongPassphrase(f"the passphrase does not open {key.name}", hint="try again")
        self._holder = "Ann Example"
        return self._holder

    def holder(self) -> str:
        return self._holder

    def left(self) -> float:
        return self.seconds if self._holder else 0.0

    def lock(self) -> None:
        self._holder = ""

    def envelope(self, recording_id: str, purpose: str) -> Envelope:
        self.asked.append(("envelope", recording_id, purpose))
        return Envelope(SECONDS, curve(0.0), curve(math.pi), ((30.0, 52.5),), (-8.4, 0.0))

    def examined(self, recording_id: str, purpose: str) -> tuple[Envelope, Mapping[str, Stream]]:
        found = self.envelope(recording_id, purpose)
        return found, {"caller": Stream(4800, 0, 0.4, 2.1), "callee": Stream(4712, 88, 12.6, 31.0)}

    def export(self, recording_id: str, purpose: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        self.asked.append(("export", recording_id, purpose, str(output)))
        must_be_new(output)
        progress(0.5, "opening")
        output.write_bytes(b"RIFF")
        return {"path": str(output), "seconds": SECONDS}

    def pack(self, request: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        self.asked.append(("pack", request, str(output)))
        must_be_new(output)
        progress(0.5, "Call of 2 March")
        output.write_bytes(b"<html>")
        made = {"path": output, "sha256": "ab" * 32, "calls": 5, "recordings": 3, "left_out": 0}
        return made | {"passphrase": "apple-river-stone-cloud-lamp-seven"}

    def play(self, recording_id: str, purpose: str, stop: Listening, progress: Progress) -> str:
        self.asked.append(("play", recording_id, purpose))
        stop.keys = [(70.0, "9")]
        while True:
            self.heard.append((stop.start, stop.speed))
            progress(0.0, "playing")
            self.playing.set()
            if not stop.wait(PATIENCE):
                return "played to its end"
            if not stop.goes_on():
                return "stopped"
