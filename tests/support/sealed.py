"""Recordings opened in the test, with the example's first key: by the clear chunks, and by the command line's WAV."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gate.core.rtp import EventFrame, Frame, PacketFrame, decode
from gate.vault.keyfile import PrivateKey, load_private
from gate.vault.reader import Keys, open_recording
from tests.support.running_gate import RunningGate


@dataclass
class Opened:
    """What a recording holds."""

    row: dict[str, Any]
    frames: list[Frame]
    clear: bytes
    """All chunks, as they were before they were sealed."""
    trailer: dict[str, Any] | None
    seconds: float
    """Time of the last thing in it, from its start."""
    packets: dict[str, int] = field(default_factory=dict)
    chunks: int = 0

    @property
    def started(self) -> datetime:
        """The wall clock when it began."""
        first = self.frames[0]
        assert isinstance(first, EventFrame) and first.event == "start"
        return datetime.fromisoformat(first.body["at"])

    def events(self) -> list[str]:
        """Names of its events."""
        return [frame.event for frame in self.frames if isinstance(frame, EventFrame)]

    def payloads(self, side: str, payload_type: int = 0) -> list[tuple[float, bytes]]:
        """(second, payload) of a side's packets of one type."""
        return [
            (frame.offset / 1e6, frame.rtp[12:])
            for frame in self.frames
            if isinstance(frame, PacketFrame) and frame.side == side and frame.rtp[1] & 0x7F == payload_type
        ]


def first_key(gate: RunningGate) -> PrivateKey:
    """The example's own key; opening it takes a moment, so once a test."""
    keys = gate.folder / "keys"
    return load_private(keys / "first.key", (keys / "first.passphrase").read_text().strip())


def opened(gate: RunningGate, recording_id: str, private: Keys) -> Opened:
    """A recording as its key holders see it, through the running gate; fails where it does not open."""
    taken = gate.client.call("recording_take", recording_id=recording_id, purpose="test")
    wraps = [(each["recipient"], base64.b64decode(each["wrap"])) for each in taken["wraps"]]
    row = taken["header"]
    _, chunks = open_recording(
        Path(taken["path"]),
        wraps,
        private,
        recording_id=recording_id,
        allow_interrupted=row["state"] == "interrupted",
    )
    parts = list(chunks)
    frames = [frame for part in parts for frame in decode(part)]
    packets = [frame for frame in frames if isinstance(frame, PacketFrame)]
    return Opened(
        row,
        frames,
        b"".join(parts),
        chunks.trailer,
        max((frame.offset for frame in frames), default=0) / 1e6,
        {side: sum(frame.side == side for frame in packets) for side in ("caller", "callee")},
        len(parts),
    )
