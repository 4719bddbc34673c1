"""What stands in for a part of the gate that is made later in its start."""

from __future__ import annotations

from typing import Any


class LateMedia:
    """Stands for the media relay until the line thread runs: RTPProxy's client belongs to that thread's loop."""

    def __init__(self) -> None:
        self.room: Any = None

    def late(self) -> float:
        """As ``RtpIoMedia.late``: asked by the line's first sweep already, which may come before the relay is made."""
        return float(self.room.late()) if self.room else 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.room, name)


class NoCallsYet:
    """Takes the recorder's events before there is a call manager: no call exists then."""

    def recorder_digit(self, call_id: str, side: str, digit: str) -> None:
        """Nobody's."""

    def recorder_failed(self, call_id: str, message: str) -> None:
        """Nobody's."""

    def recorder_away(self) -> None:
        """It is started again."""

    def recorder_silent(self) -> None:
        """It is started again where that lasts."""

    def not_kept(self, call_id: str) -> None:
        """Nobody's."""

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        """Nobody's."""
