"""The line, the media and the recorder of a running gate, as its other parts reach them.

What others ask of the line is put on its thread, and the answer waited for. What the recorder reports goes to the calls
and to the recording sessions: each knows its own by their ids. Placeholders stand in for parts that are made later in
the start."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from gate.core.allowances import Used
from gate.core.call_words import HangUpAsked, PauseAsked
from gate.core.rows.calls import CallInHand, RunningNow, UsageRow
from gate.core.terms import Decision, Reason
from gate.errors import GateError
from gate.operations.data_folder import RunningGate
from gate.ports import Fact

if TYPE_CHECKING:
    from gate.calls.call_manager import CallManager
    from gate.calls.recording_sessions import RecordingSessions
    from gate.clock import Clock
    from gate.sip.line import SipLine


T = TypeVar("T")

ANSWER_SECONDS = 2.0
EDGE_SECONDS = 6.0
"""An edge asks every two seconds, and passes a gate over after the second answer that is no 200."""


class AtLine:
    """The line as other threads see it. Nothing may be asked before ``bind``."""

    _line: SipLine
    _call_manager: CallManager
    _sessions: RecordingSessions
    _media: LateMedia
    _clock: Clock

    def bind(
        self, line: SipLine, call_manager: CallManager, sessions: RecordingSessions, media: LateMedia, clock: Clock,
        *, behind_edge: bool = False,
    ) -> None:  # fmt: skip
        """The line is there, and who is told what it says."""
        self._edge_seconds = EDGE_SECONDS if behind_edge else 0.0
        self._line, self._call_manager, self._sessions = line, call_manager, sessions
        self._media, self._clock = media, clock

    def gate(self) -> RunningGate:
        """The same for operations."""
        return RunningGate(
            *(self.obstacle, self.keep, self.calls, self.now, self.warnings, self.pause, self.hang_up, self.question),
            unready=self.unready,
            drain=self.drain,
            resume=self.resume,
            drained=lambda: self._call_manager.leaving,
            unkept=lambda: self._line.post(self._call_manager.question_unkept),
            answered=self.answered,
        )

    def ask(self, question: Callable[[], T]) -> T:
        """What is asked on the line thread. Raises ``GateError`` where it does not answer."""
        answer: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._line.post(lambda: answer.put(question()))
        try:
            return answer.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise GateError("the line does not answer", hint="see the gate's log") from None

    def calls(self) -> list[CallInHand]:
        """The calls in hand."""
        return self.ask(lambda: self._call_manager.live(self._clock.now()))

    def usage(self) -> list[UsageRow]:
        """What each account and PBX uses of what it may."""
        return self.ask(lambda: self._call_manager.usage(self._clock.now()))

    def obstacle(self, number: str = "") -> Reason | None:
        """As ``CallManager.obstacle``; a line that does not answer lets nobody be called."""
        try:
            return self.ask(lambda: self._call_manager.obstacle(number))
        except GateError:
            return Reason.EVIDENCE_UNAVAILABLE

    def unready(self) -> list[str]:
        """As ``CallManager.unready``; a line that does not answer takes no call."""
        try:
            return self.ask(lambda: self._call_manager.unready)
        except GateError:
            return [Reason.EVIDENCE_UNAVAILABLE.value]

    def question(self, asked_by: str) -> tuple[Reason | None, bool]:
        """As ``Obstacles.to_question``; a line that does not answer lets nobody be called."""
        try:
            return self.ask(lambda: self._call_manager.question(asked_by))
        except GateError:
            return Reason.EVIDENCE_UNAVAILABLE, True

    def drain(self) -> None:
        """As ``CallManager.leave_to_others``."""
        self.ask(lambda: self._call_manager.leave_to_others(self._edge_seconds))

    def refuses(self) -> bool:
        """New calls are refused by now: the gate was drained, and an edge has had the time to see it."""
        return self.ask(self._call_manager.obstacle) is not None

    def resume(self) -> None:
        """As ``CallManager.take_again``."""
        self.ask(self._call_manager.take_again)

    def used(self) -> tuple[str, dict[str, Used]]:
        """As ``CallManager.used``."""
        return self.ask(lambda: self._call_manager.used(self._clock.now()))

    def used_elsewhere(self, day: str, used: Mapping[str, Used]) -> None:
        """As ``CallManager.used_elsewhere``; nobody waits for that."""
        self._line.post(lambda: self._call_manager.used_elsewhere(day, used))

    def answered(self, asked_by: str, decision: Decision) -> None:
        """Counts an answer to a question; nobody waits for that."""
        self._line.post(lambda: self._call_manager.question_answered(asked_by, decision))

    def pause(self, call_id: str, asked: PauseAsked) -> str:
        """As ``CallManager.pause``."""
        return str(self.ask(lambda: self._call_manager.pause(call_id, asked)))

    def hang_up(self, call_id: str, asked: HangUpAsked) -> str:
        """As ``CallManager.hang_up``."""
        return str(self.ask(lambda: self._call_manager.hang_up(call_id, asked)))

    def keep(self, fact: Fact, help_asked_by: str) -> None:
        """As ``CallManager.keep``."""
        self._call_manager.keep(fact, help_asked_by)

    def now(self) -> RunningNow:
        """What ``status`` reports about a running gate."""
        return RunningNow(
            line=self.passed_over(),
            usage=self.usage(),
            trunks=self._line.trunks(),
            recording_sessions=self._sessions.active,
        )

    def warnings(self) -> list[str]:
        """What is wrong with the line."""
        return list(self._line.warnings())

    def passed_over(self) -> dict[str, int]:
        """What the line and the media relay have dropped or refused since the start, by kind."""
        strangers = self._media.room.strangers if self._media.room else 0
        return {**self._line.counts(), "foreign_audio": strangers}


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
        """Nothing of this call is kept any more."""
        self._calls.not_kept(call_id)
        self._sessions.not_kept(call_id)

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        """A key in a call, which the recorder does not hear."""
        self._calls.key_waits(call_id, side, digit)

    def recorder_away(self) -> None:
        """None can."""
        self._calls.recorder_away()
        self._sessions.recorder_away()
