"""The gate as it is at this moment, for those who watch: calls in hand, the last hour, registers, log.

Everything here runs on one thread (``gate.control.server``), beside the line and the store: the calls are asked for
there in one step, the rest is read beside the store. What has happened is counted once; a look costs what is new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from msgspec import UNSET

from gate.clock import Clock
from gate.core import numbers
from gate.core.days import LONDON
from gate.core.rows.calls import CallInHand, CallWatched, Levels, LiveNow, LogBrief, MinuteCount, TrunkHealth
from gate.core.rows.lists import RegisterState
from gate.core.terms import ALLOWING
from gate.registers.library import RegisterLibrary
from gate.store import figures, search
from gate.store.queries import Source
from gate.store.reader import Reader

MINUTES: Final = 60
SLOW_SECONDS: Final = 1.0
"""How old registers, the log's state and warnings may be; calls and counts are of this moment."""
_ALLOW: Final = frozenset(reason.value for reason in ALLOWING)

T = TypeVar("T")
Counts = dict[tuple[str, str], int]
Up = tuple[bool | None, bool | None, list[TrunkHealth]]


class LiveView:
    """What can be watched. ``begin``, ``look`` and ``end`` are called on one thread, which is its own."""

    def __init__(
        self,
        *,
        calls: Callable[[], list[CallInHand]],
        reader: Callable[[], Reader],
        registers: RegisterLibrary,
        clock: Clock,
        watch_levels: Callable[[bool], None] = lambda on: None,
        up: Callable[[], Up] = lambda: (None, None, []),
        warnings: Callable[[], list[str]] = list,
        not_ready: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """``calls``: those in hand; ``reader``: opens the store; ``up``: whether any trunk and the recorder are
        up, and each trunk; ``warnings``: what somebody must see to, a sentence each; ``not_ready``: why marketing
        calls are refused now, reason codes."""
        self._calls = calls
        self._open = reader
        self._reader: Reader | None = None
        self._registers = registers
        self._clock = clock
        self._watch_levels = watch_levels
        self._up = up
        self._warnings = warnings
        self._not_ready = not_ready
        self._levels: Mapping[str, tuple[int, int]] = {}
        self._last: figures.Reached = {}
        self._counts: Counts = {}
        self._slow: tuple[list[RegisterState], LogBrief, list[str], list[str]] | None = None
        self._slow_at = datetime.min.replace(tzinfo=UTC)
        self._times: list[tuple[str, str]] = []
        """The last sixty minutes."""

    def take_levels(self, levels: Mapping[str, tuple[int, int]]) -> None:
        """Loudness by call, once a second while somebody watches; from any thread."""
        self._levels = levels

    def begin(self) -> None:
        """Start: measure levels and count the last hour."""
        self._watch_levels(True)
        since = _minute(self._clock.now()) - timedelta(minutes=MINUTES - 1)
        self._last, self._counts = self._read(lambda tx: figures.attempts_since(tx, since))
        self._slow = None

    def end(self) -> None:
        """Stop measuring: nobody watches any more."""
        self._watch_levels(False)
        self._levels = {}
        self._counts = {}
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def look(self) -> LiveNow:
        """A snapshot."""
        now = self._clock.now()
        calls = self._calls()
        self._last, new = self._read(lambda tx: figures.attempts_beyond(tx, self._last))
        for key, attempts in new.items():
            self._counts[key] = self._counts.get(key, 0) + attempts
        if self._slow is None or now - self._slow_at >= timedelta(seconds=SLOW_SECONDS):
            self._slow, self._slow_at = self._look_slowly(now), now
        trunk_up, recorder_up, trunks = self._up()
        counts, minutes = self._hour(_minute(now))
        registers, log, warnings, not_ready = self._slow
        return LiveNow(
            at=now.isoformat(),
            calls=[self._shown(call) for call in calls],
            counts=counts,
            minutes=minutes,
            registers=registers,
            log=log,
            warnings=warnings,
            not_ready=not_ready,
            trunk_up=trunk_up,
            recorder_up=recorder_up,
            trunks=trunks,
        )

    def _look_slowly(self, now: datetime) -> tuple[list[RegisterState], LogBrief, list[str], list[str]]:
        log = self._read(search.log_now)
        brief = LogBrief(
            size=log.size,
            verified_at=log.verified.at if log.verified else None,
            verified_ok=None if log.verified is None or log.verified.ok is UNSET else log.verified.ok,
            checkpoint_at=log.checkpoint.at if log.checkpoint else None,
        )
        registers = self._registers.status(now.astimezone(LONDON).date())
        return registers, brief, self._warnings(), list(self._not_ready())

    def _read(self, query: Callable[[Source], T]) -> T:
        """The snapshot of now. The store is opened once for many looks: opening costs more than reading."""
        reader, self._reader = self._reader or self._open(), None
        try:
            found = query(reader)
            reader.rest()
        except BaseException:
            reader.close()
            raise
        self._reader = reader
        return found

    def _shown(self, call: CallInHand) -> CallWatched:
        caller, callee = self._levels.get(call.call_id, (0, 0))
        return CallWatched(
            call_id=call.call_id,
            at=call.at,
            claimed_by=call.claimed_by,
            number=numbers.mask(call.number) if call.number else "",
            purpose=call.purpose,
            topic=call.topic,
            state=call.state,
            announcement=call.announcement,
            recorded=call.recording,
            paused=call.paused,
            paused_by=call.paused_by,
            pause_seconds=call.pause_seconds,
            pause_left=call.pause_left,
            levels=Levels(caller=caller, callee=callee),
            seconds=call.seconds,
        )

    def _hour(self, minute: datetime) -> tuple[dict[str, int], list[MinuteCount]]:
        """Attempts of the sixty minutes up to this one by reason, and by minute; older counts are dropped."""
        if not self._times or self._times[-1][0] != _key(minute):
            times = [minute - timedelta(minutes=back) for back in range(MINUTES - 1, -1, -1)]
            self._times = [(_key(time), time.isoformat()) for time in times]
        first = self._times[0][0]
        self._counts = {key: count for key, count in self._counts.items() if key[0] >= first}
        by_reason: dict[str, int] = defaultdict(int)
        by_minute: dict[tuple[str, bool], int] = defaultdict(int)
        for (at, reason), count in self._counts.items():
            by_reason[reason] += count
            by_minute[at, reason in _ALLOW] += count
        return dict(sorted(by_reason.items())), [
            MinuteCount(at=time, allow=by_minute[key, True], block=by_minute[key, False]) for key, time in self._times
        ]


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _key(minute: datetime) -> str:
    return minute.isoformat()[:16]
