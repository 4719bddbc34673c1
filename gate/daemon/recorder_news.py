"""What the recorder tells goes to the calls and to the recording sessions: each knows its own by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gate.calls.call_manager import CallManager
    from gate.calls.recording_sessions import RecordingSessions


class RecorderNews:
    """Implements ``ports.RecorderEvents``."""

    def __init__(self, calls: CallManager, sessions: RecordingSessions) -> None:
        self._calls, self._sessions = calls, sessions

    def recorder_digit(self, call_id: str, side: str, digit: str) -> None:
        """A key in a call; those of a recording session are nobody's wish to us."""
        self._calls.recorder_digit(call_id, side, digit)

    def recorder_failed(self, call_id: str, message: str) -> None:
        """One recording cannot go on."""
        self._calls.recorder_failed(call_id, message)
        self._sessions.recorder_failed(call_id, message)

    def recorder_silent(self) -> None:
        """Nothing new can be recorded."""
        self._calls.recorder_silent()

    def not_kept(self, call_id: str) -> None:
        """Of one nothing is kept any more."""
        self._calls.not_kept(call_id)
        self._sessions.not_kept(call_id)

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        """A key in a call, which the recorder does not hear."""
        self._calls.key_waits(call_id, side, digit)

    def recorder_away(self) -> None:
        """None can."""
        self._calls.recorder_away()
        self._sessions.recorder_away()
