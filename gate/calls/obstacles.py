"""What on the gate's own side stands in the way of a call, and which of these refusals is worth a leaf. Line thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gate.calls.call_settings import CallSettings
from gate.calls.refusal_counts import RefusalCounts
from gate.calls.retry_queue import RetryQueue
from gate.calls.usage import Usage
from gate.core.allowances import LIMITS, no_place
from gate.core.terms import UNPROVEN, Reason
from gate.ports import Incoming, Media, Recorder


class Obstacles:
    """Looked at for every call that is asked for."""

    def __init__(
        self,
        settings: CallSettings,
        media: Media,
        recorder: Recorder,
        retry_queue: RetryQueue,
        refusals: RefusalCounts,
        usage: Usage,
        stalled: Callable[[], bool],
    ) -> None:
        """``stalled``: the disk of the data folder does not answer."""
        self.stopping = False
        """No new calls any more."""
        self._settings = settings
        self._media = media
        self._recorder = recorder
        self._retry_queue = retry_queue
        self._refusals = refusals
        self._usage = usage
        self._stalled = stalled

    @property
    def to_all(self) -> Reason | None:
        """What forbids every call now, whoever dials it: what the store said so far is known here."""
        if self.stopping:
            return Reason.GATE_STOPPING
        if self._retry_queue.behind or self._stalled():
            return Reason.EVIDENCE_UNAVAILABLE
        return None

    def to_call(self, incoming: Incoming, calls: int, now: datetime) -> Reason | None:
        """What forbids this call, whatever the lists say; ``calls`` are in hand."""
        if incoming.problem:
            return Reason(incoming.problem)
        if (obstacle := self.to_all) is not None:
            return obstacle
        claimed_by = incoming.attempt.claimed_by
        mine, callers = self._usage.in_hand(claimed_by), self._usage.callers
        if no_place(calls, self._settings.max_calls, mine, callers):
            return Reason.TOO_MANY_CALLS
        if claimed_by in self._settings.redirected:  # nothing of it is announced or recorded here
            return self._usage.ask(claimed_by, now)
        return self._unheard(incoming) or self._usage.ask(claimed_by, now)

    def to_dial_again(self, incoming: Incoming) -> Reason | None:
        """What forbids another INVITE for a call that is in hand."""
        return self.to_all or self._unheard(incoming)

    def _unheard(self, incoming: Incoming) -> Reason | None:
        """It could not be announced, or recorded."""
        if not incoming.carried:
            return Reason.MEDIA_UNAVAILABLE
        if not self._media.playable(incoming.codecs):
            return Reason.ANNOUNCEMENT_UNAVAILABLE
        return self.unrecorded

    @property
    def unrecorded(self) -> Reason | None:
        """Nobody can be recorded, and nobody may be called so."""
        if not self._settings.policy.go_on_unrecorded and not self._recorder.available():
            return Reason.RECORDER_UNAVAILABLE
        return None

    def to_question(self, asked_by: str, now: datetime) -> tuple[Reason | None, bool]:
        """Why a phone system may ask no more by HTTP (``http:NAME``), and whether that refusal has a leaf. Questions
        count among those of the token alone: the call that comes of one is its account's. A disk that does not answer
        is not waited for."""
        if self._stalled():
            return Reason.EVIDENCE_UNAVAILABLE, False
        reason = self._usage.ask(asked_by, now)
        return reason, reason is None or self._refusals.over_limit(asked_by, now)

    def worth_a_leaf(self, incoming: Incoming, obstacle: Reason, now: datetime) -> bool:
        """False for a refusal that is counted instead: nobody fills the log with them."""
        if self._stalled():
            self._refusals.without_evidence(now)
            return False
        if obstacle is Reason.NOT_AUTHENTICATED or incoming.attempt.claimed_by == UNPROVEN:
            return self._refusals.stranger(incoming.source, now)
        return obstacle not in LIMITS or self._refusals.over_limit(incoming.attempt.claimed_by, now)
