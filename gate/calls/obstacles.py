"""What on the gate's own side stands in the way of a call, and which of these refusals is worth a leaf. Line thread.

Refusals that cannot each have a leaf: of strangers, of callers over their limit, and where there was no room.

Whoever floods the gate must not be able to fill the log. Of a stranger's source the first refusal of a minute is kept,
of all strangers together ``LEAVES`` a minute; of a caller over its limit the first few of a minute. The rest, and what
strangers asked that was not answered at all, is counted, and each minute the count is kept, with its own leaf. What was
refused while no evidence could be kept is counted too, and that count is kept as soon as there is room: the log says
that it has a gap, and how wide it is.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gate.calls.call_settings import CallSettings
from gate.calls.retry_queue import RetryQueue
from gate.calls.usage import Usage
from gate.clock import Clock
from gate.core.allowances import LIMITS, no_place
from gate.core.facts import Body
from gate.core.facts import gate as facts
from gate.core.terms import UNPROVEN, Reason
from gate.ports import Incoming, Loop

if TYPE_CHECKING:
    from gate.media.relay import RtpIoMedia
    from gate.recorder.client import RecorderClient

SOURCES = 4096
"""Sources remembered; the oldest is forgotten first, which costs a leaf and never a refusal."""
QUIET = timedelta(minutes=1)
LEAVES = 20
"""Refusals of strangers that are kept one by one, a minute, whatever sources they come from."""
LEAVES_OF_A_CALLER = 10
"""The same of one account or PBX that is over its limit."""
LEAVES_OF_HELP = 30
"""Questions for an emergency number, of one token."""


class RefusalCounts:
    """Counts what has no leaf of its own. Line thread."""

    def __init__(self, retry_queue: RetryQueue, clock: Clock, loop: Loop) -> None:
        self._retry_queue = retry_queue
        self._clock = clock
        self._loop = loop
        self._seen: OrderedDict[str, datetime] = OrderedDict()
        self._minute: datetime | None = None
        """When the present minute of leaves began."""
        self._leaves: Counter[str] = Counter()
        """Kept in it: of strangers under the empty name, of callers under theirs."""
        self._strangers = 0
        self._unanswered = 0
        self._over: Counter[str] = Counter()
        self._shed: Counter[tuple[str, Reason]] = Counter()
        self._help: Counter[str] = Counter()
        self._waiting = False
        self._without_evidence = 0
        self._since: datetime | None = None

    def stranger(self, source: str, now: datetime) -> bool:
        """True where this refusal of a stranger is worth a leaf of its own: the first of its source (an address; its
        port does not count) in a minute, while there are not too many of all. Else it is counted."""
        address = source.rsplit(":", 1)[0]
        last = self._seen.get(address)
        if (last is None or now - last >= QUIET) and self._leaf("", LEAVES, now):
            self._seen[address] = now
            self._seen.move_to_end(address)
            if len(self._seen) > SOURCES:
                self._seen.popitem(last=False)
            return True
        self._strangers += 1
        self._flush_later()
        return False

    def over_limit(self, claimed_by: str, now: datetime) -> bool:
        """True where this refusal of a caller over its limit is worth a leaf of its own. Else it is counted."""
        if self._leaf(claimed_by, LEAVES_OF_A_CALLER, now):
            return True
        self._over[claimed_by] += 1
        self._flush_later()
        return False

    def help_asked(self, asked_by: str, now: datetime) -> bool:
        """True where this question of a phone system for an emergency number is worth a leaf of its own. Else it is
        counted; it was answered in any case."""
        if self._leaf(f"help {asked_by}", LEAVES_OF_HELP, now):
            return True
        self._help[asked_by] += 1
        self._flush_later()
        return False

    def shed(self, claimed_by: str, reason: Reason) -> None:
        """Something was late, and this caller's attempt was refused before anything was done for it."""
        self._shed[claimed_by, reason] += 1
        self._flush_later()

    def unanswered(self, count: int) -> None:
        """Strangers asked so often without an answer."""
        self._unanswered += count
        self._flush_later()

    def without_evidence(self, now: datetime) -> None:
        """A call was refused and the refusal could not be kept."""
        if not self._without_evidence:
            self._since = now
        self._without_evidence += 1

    def room_again(self, now: datetime) -> None:
        """Evidence can be kept again: log what could not be kept."""
        if self._without_evidence and self._since is not None:
            count, self._without_evidence = self._without_evidence, 0
            first, until = self._since.isoformat(), now.isoformat()
            self._keep(facts.RefusedWithoutEvidence(count=count, first=first, until=until), now)

    def flush(self) -> None:
        """Keep the counts when the gate stops."""
        self._flush()
        self.room_again(self._clock.now())

    def _leaf(self, name: str, most: int, now: datetime) -> bool:
        if self._minute is None or now - self._minute >= QUIET:
            self._minute = now
            self._leaves.clear()
        self._leaves[name] += 1
        return self._leaves[name] <= most

    def _flush_later(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._loop.after(QUIET.total_seconds(), self._flush)

    def _flush(self) -> None:
        self._waiting = False
        now = self._clock.now()
        if self._strangers or self._unanswered:
            self._keep(facts.RefusedStrangers(count=self._strangers, unanswered=self._unanswered), now)
            self._strangers = self._unanswered = 0
        for name, count in self._over.items():
            self._keep(facts.RefusedOverLimit(claimed_by=name, count=count), now)
        for (name, reason), count in self._shed.items():
            self._keep(facts.RefusedOverload(claimed_by=name, count=count, reason=reason.value), now)
        for name, count in self._help.items():
            self._keep(facts.HelpAskedOften(claimed_by=name, count=count), now)
        self._over.clear()
        self._shed.clear()
        self._help.clear()

    def _keep(self, body: Body, now: datetime) -> None:
        self._retry_queue.keep(body.fact("gate", now, "gate"))


class Obstacles:
    """Looked at for every call that is asked for."""

    def __init__(
        self,
        settings: CallSettings,
        media: RtpIoMedia,
        recorder: RecorderClient,
        retry_queue: RetryQueue,
        refusals: RefusalCounts,
        usage: Usage,
        stalled: Callable[[], bool],
    ) -> None:
        """``stalled``: the disk of the data folder does not answer."""
        self.stopping = False
        """No new calls any more."""
        self.drained = False
        """No new calls until somebody resumes it."""
        self._settings = settings
        self._media = media
        self._recorder = recorder
        self._retry_queue = retry_queue
        self._refusals = refusals
        self._usage = usage
        self._stalled = stalled

    @property
    def to_all(self) -> Reason | None:
        """The reason that forbids every call now, by what the store has reported so far."""
        if self.stopping:
            return Reason.GATE_STOPPING
        if self._retry_queue.behind or self._stalled():
            return Reason.EVIDENCE_UNAVAILABLE
        return None

    @property
    def to_new(self) -> Reason | None:
        """The reason that forbids every new call; what follows from a call in hand is not new."""
        return Reason.GATE_STOPPING if self.drained else self.to_all

    def to_call(self, incoming: Incoming, calls: int, now: datetime, *, new: bool = True) -> Reason | None:
        """The reason that forbids this call, whatever the lists hold; ``calls`` run already; not ``new``: it comes
        of one in hand, whose callee is transferred."""
        if incoming.problem:
            return Reason(incoming.problem)
        if (obstacle := self.to_new if new else self.to_all) is not None:
            return obstacle
        claimed_by = incoming.attempt.claimed_by
        mine, callers = self._usage.in_hand(claimed_by), self._usage.callers
        if no_place(calls, self._settings.max_calls, mine, callers):
            return Reason.TOO_MANY_CALLS
        if claimed_by in self._settings.redirected:  # nothing of it is announced or recorded here
            obstacle = self._usage.ask(claimed_by, now)
        else:
            obstacle = self._unheard(incoming) or self._usage.ask(claimed_by, now)
        return obstacle or (Reason(incoming.late) if incoming.late else None)

    def to_dial_again(self, incoming: Incoming) -> Reason | None:
        """The reason that forbids another INVITE for a running call."""
        return self.to_all or self._unheard(incoming)

    def _unheard(self, incoming: Incoming) -> Reason | None:
        """The reason where a call cannot be announced or recorded."""
        if not incoming.carried:
            return Reason.MEDIA_UNAVAILABLE
        if not self._media.playable(incoming.codecs):
            return Reason.ANNOUNCEMENT_UNAVAILABLE
        return self.unrecorded

    @property
    def unrecorded(self) -> Reason | None:
        """The reason where nobody can be recorded, and calls without a recording are forbidden."""
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
