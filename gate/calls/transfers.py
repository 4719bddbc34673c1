"""Transfers, as the call manager sees them: what is asked, and what is kept of it. Line thread.

A transfer to a number is a call of its own, with its own decision, announcement and recording; its decision says which
talk it comes from (``transfer_of``), and ``transferred`` is kept with its connection: to whom that talk's callee went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from gate.calls.call_session import CallSession
from gate.calls.retry_queue import RetryQueue, TakenBack
from gate.clock import Clock
from gate.core.call_words import State
from gate.core.facts.calls import Transferred
from gate.core.facts.recordings import RecordingResumed
from gate.core.terms import Attempt, Decision, Reason
from gate.ports import Fact, Incoming, Line, Recorder
from gate.store.transaction import StoreTransaction

log = structlog.get_logger()


class Transfers:
    """What is asked for talks that run."""

    def __init__(
        self, line: Line, recorder: Recorder, retry_queue: RetryQueue, clock: Clock,
        taken_back: Callable[[StoreTransaction, Attempt, datetime], str],
    ) -> None:  # fmt: skip
        """``taken_back`` as in ``Screener``."""
        self._line = line
        self._recorder = recorder
        self._retry_queue = retry_queue
        self._clock = clock
        self._taken_back = taken_back

    def attempt(
        self, incoming: Incoming, talk: CallSession, emergency: Callable[[Incoming], Decision | None]
    ) -> Incoming:
        """The attempt at the target: for what the talk is for, under the number and name that it shows. Those for help
        are dialled, never transferred to."""
        was, asked = talk.incoming.attempt, incoming.attempt
        if asked.claimed_through in ("", "configuration"):
            asked = replace(asked, purpose=was.purpose, topic=was.topic, claimed_through=was.claimed_through)
        asked = replace(asked, presentation=was.presentation, on_behalf_of=was.on_behalf_of, campaign=was.campaign)
        attempt = replace(incoming, attempt=asked, display_name=talk.incoming.display_name)
        if emergency(attempt) is not None:
            return replace(attempt, problem=Reason.DESTINATION_NOT_ALLOWED.value)
        return attempt

    def join(self, after: CallSession | None, talk: CallSession | None, call_id: str, from_call: str) -> None:
        """Both callees are announced and recorded: that they are joined is kept first, and whether either has objected
        meanwhile is looked at with it."""
        if after is None or talk is None or {after.call.state, talk.call.state} != {State.TALKING}:
            self._line.take_over(call_id, from_call, why_not=Reason.INTERNAL_ERROR.value)
            return

        def done(error: Exception | None) -> None:
            why_not = ""
            if isinstance(error, TakenBack):
                log.warning("taken_back", call=from_call, reason=str(error))
                why_not = str(error)
            elif error is not None:
                log.error("no_evidence_no_transfer", call=from_call, error=str(error))
                why_not = Reason.EVIDENCE_UNAVAILABLE.value
            elif {after.call.state, talk.call.state} != {State.TALKING}:
                why_not = Reason.INTERNAL_ERROR.value
            else:
                self._joined(after, talk)
            self._line.take_over(call_id, from_call, why_not=why_not)

        now = self._clock.now()
        self._retry_queue.attempt(
            [passed_on(talk, after, self._clock)], done,
            lambda tx: still_wanted(self._taken_back, tx, now, talk, after),
        )  # fmt: skip

    def _joined(self, after: CallSession, talk: CallSession) -> None:
        """The agent's keys are nobody's from here on: a pause for card data, which they alone could end, is over."""
        if after.call.paused and not after.call.asked_by:
            self._recorder.resume(after.id)
            resumed = RecordingResumed(call_id=after.id)
            self._retry_queue.keep(resumed.fact(after.recording_id, self._clock.now(), "gate"))
            after.call = replace(after.call, paused=False)
        after.call = replace(after.call, passed_on=True, keys="")
        after.other_number = talk.number


def still_wanted(
    taken_back: Callable[[StoreTransaction, Attempt, datetime], str], tx: StoreTransaction, now: datetime,
    *sessions: CallSession,
) -> str:  # fmt: skip
    """Why one of these callees may not be connected with anybody any more; empty where all may."""
    return next((why for each in sessions if (why := taken_back(tx, each.incoming.attempt, now))), "")


def came_from(after: CallSession, clock: Clock) -> list[Fact]:
    """What is kept with the connection of a transfer; nothing of another call."""
    return [passed_on(after.transfer_of, after, clock)] if after.transfer_of is not None else []


def passed_on(talk: CallSession, after: CallSession, clock: Clock) -> Fact:
    """The callee of a talk goes over to another call."""
    return talk.fact(Transferred(call_id=talk.id, to=after.id), clock.now(), actor=talk.actor)
