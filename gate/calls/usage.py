"""What each account and PBX uses of what it may (``core.allowances``): counted by the call, and by the day of London.

A restart goes on with the day: talk and calls are read from the store. Emergency calls are neither counted nor bounded.

Of gates that share a database each counts its own. What the others use is added as they wrote it seconds ago
(``used_elsewhere``), but for the calls in hand: those a decision counts in its own transaction (``Screener.no_room``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import structlog

from gate.calls.call_session import CallSession
from gate.core.allowances import (
    DAYS_BEFORE,
    ENDLESS,
    Allowance,
    Before,
    Used,
    exceeded,
    listed_service_jumps,
    too_much_service,
)
from gate.core.days import LONDON, midnight
from gate.core.facts import Body
from gate.core.facts.gate import ManyListedServiceCalls, ManyServiceCalls
from gate.core.rows.calls import UsageRow
from gate.core.terms import Decision, Reason
from gate.ports import Fact

log = structlog.get_logger()

NONE = Used()
NOTHING = timedelta(0)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
FEW = 50
"""Calls in hand of one caller that are looked at for every one asked for."""


@dataclass(slots=True)
class _Caller:
    """One account or PBX. Line thread."""

    lately: deque[datetime] = field(default_factory=deque)
    """When it asked for calls, of the last minute; what was over the limit is not among them."""
    sessions: dict[str, CallSession] = field(default_factory=dict)
    running: float = 0.0
    """Seconds that those in hand have talked today, as of ``measured``."""
    measured: datetime | None = None
    seconds: float = 0.0
    calls: int = 0
    service: int = 0
    listed: int = 0
    warned: bool = False
    """Today's warning about its share of service calls was given."""
    warned_listed: bool = False
    """Today's warning about its service calls to listed numbers was given."""
    refused_until: datetime | None = None
    """Too many calls at once, with those at other gates; asked of the database again from then on."""
    days: dict[date, Before] = field(default_factory=dict)
    """The days before today, ``DAYS_BEFORE`` of them at most."""


class Usage:
    """What each account (``account:NAME``) and PBX (``trunk:NAME``) of the configuration uses of its limits, and each
    token (``http:NAME``) for its questions. Line thread."""

    def __init__(
        self, allowances: Mapping[str, Allowance], keep: Callable[[Fact], None], used: Mapping[str, Used], now: datetime
    ) -> None:
        """``used``: today's of the store, and the days before. ``keep`` keeps a fact as soon as there is room."""
        self._allowances = allowances
        self._keep = keep
        self._callers = {name: _Caller() for name in allowances}
        self._day = _day(now)
        self._elsewhere: Mapping[str, Used] = {}
        for name in self._callers.keys() & used.keys():
            self._callers[name].seconds = used[name].seconds_today
            self._callers[name].calls = used[name].calls_today
            self._callers[name].service = used[name].service_today
            self._callers[name].listed = used[name].listed_today
            self._callers[name].days = dict(used[name].days)

    def ask(self, claimed_by: str, now: datetime) -> Reason | None:
        """``claimed_by`` asks for one more call: why it may not have it, or None. It counts among the calls of the
        minute, unless those are what is too many."""
        caller = self._caller(claimed_by, now)
        if caller is None:
            return None
        reason = exceeded(self._allowances[claimed_by], self._used(caller, now, self._others(claimed_by, now)))
        if reason is not Reason.TOO_MANY_CALLS_A_MINUTE:
            caller.lately.append(now)
        return reason

    def _others(self, claimed_by: str, now: datetime) -> Used:
        """What counts of the other gates before a decision."""
        others, until = self._elsewhere.get(claimed_by, NONE), self._callers[claimed_by].refused_until
        full = until is not None and now < until <= now + SECOND
        return replace(others, calls_at_once=ENDLESS if full else 0) if full or others.calls_at_once else others

    def room(self, claimed_by: str) -> int | None:
        """How many calls it may have in hand at other gates for one more here; None where nothing bounds it."""
        caller = self._callers.get(claimed_by)
        if caller is None or self._allowances[claimed_by].calls_at_once >= ENDLESS:
            return None
        return max(0, self._allowances[claimed_by].calls_at_once - len(caller.sessions) - 1)

    def no_room(self, claimed_by: str, now: datetime) -> None:
        """It has no such room: for a second it is refused here, so that whoever floods the gate does not flood the log
        (``RefusalCounts.over_limit``)."""
        if caller := self._callers.get(claimed_by):
            caller.refused_until = now + SECOND

    def used(self, now: datetime) -> tuple[str, dict[str, Used]]:
        """The day, and what each caller uses at this gate; those without any use are left out."""
        found: dict[str, Used] = {}
        for name in self._callers:
            if (caller := self._caller(name, now)) and (used := self._used(caller, now)) != NONE:
                found[name] = used
        return self._day.isoformat(), found

    def used_elsewhere(self, day: str, used: Mapping[str, Used]) -> None:
        """What each uses at the other gates, on a day."""
        self._elsewhere = used if day == self._day.isoformat() else {}

    @property
    def callers(self) -> int:
        """How many accounts and PBXs there are."""
        return sum(not name.startswith("http:") for name in self._callers)

    def in_hand(self, claimed_by: str) -> int:
        """Calls of this caller."""
        caller = self._callers.get(claimed_by)
        return len(caller.sessions) if caller else 0

    def began(self, session: CallSession) -> None:
        """A call is in hand."""
        if caller := self._callers.get(session.actor):
            caller.sessions[session.id] = session

    def decided(self, claimed_by: str, decision: Decision, now: datetime) -> None:
        """Counts allowed calls, and answers by HTTP that allow one; warns where too many of them are claimed to be
        service, or where suddenly many of those go to numbers that are listed or have objected."""
        caller = self._caller(claimed_by, now)
        if caller is None or not decision.allowed:
            return
        caller.calls += 1
        caller.service += decision.reason is Reason.SERVICE_CALL
        caller.listed += decision.listed_service
        used = Used(calls_today=caller.calls, service_today=caller.service, listed_today=caller.listed)
        if others := self._elsewhere.get(claimed_by):
            used = used.beside(others)
        allowance = self._allowances[claimed_by]
        if not caller.warned and too_much_service(allowance, used):
            caller.warned = True
            many = ManyServiceCalls(
                claimed_by=claimed_by,
                calls=used.calls_today,
                service=used.service_today,
                percent=used.service_percent,
                alarm_above=allowance.service_percent,
            )
            self._report(many, now)
        if not caller.warned_listed and listed_service_jumps(used, before := _sum(caller.days)):
            caller.warned_listed = True
            jump = ManyListedServiceCalls(
                claimed_by=claimed_by,
                calls=used.calls_today,
                listed=used.listed_today,
                percent=used.listed_percent,
                percent_before=before.listed_percent,
            )
            self._report(jump, now)

    def _report(self, body: Body, now: datetime) -> None:
        log.warning(body.kind, **body.values())
        self._keep(body.fact("gate", now, "gate"))

    def over(self, session: CallSession, now: datetime) -> None:
        """A call is not in hand any more."""
        caller = self._caller(session.actor, now)
        if caller is not None and caller.sessions.pop(session.id, None) is not None:
            seconds = _talked(session, now, midnight(_day(now)))
            caller.seconds += seconds
            caller.running = max(0.0, caller.running - seconds)

    def rows(self, now: datetime) -> list[UsageRow]:
        """Usage and limits of each caller, for ``status``; callers without any use are left out."""
        rows = []
        for name, allowance in self._allowances.items():
            caller = self._caller(name, now)
            used = self._used(caller, now, self._elsewhere.get(name)) if caller else NONE
            if caller is None or used == NONE:
                continue
            before = _sum(caller.days)
            rows.append(
                UsageRow(
                    claimed_by=name,
                    calls_last_minute=used.calls_last_minute,
                    calls_a_minute=allowance.calls_a_minute,
                    calls_now=used.calls_at_once,
                    calls_at_once=allowance.calls_at_once,
                    seconds_today=round(used.seconds_today),
                    seconds_a_day=allowance.seconds_a_day,
                    calls_today=used.calls_today,
                    service_percent_today=used.service_percent,
                    service_percent=allowance.service_percent,
                    refused=(reason := exceeded(allowance, used)) and reason.value,
                    many_service_calls=too_much_service(allowance, used),
                    listed_service_today=used.listed_today,
                    listed_percent_today=used.listed_percent,
                    listed_percent_before=before.listed_percent,
                    many_listed_service_calls=listed_service_jumps(used, before),
                )
            )
        return rows

    def _caller(self, claimed_by: str, now: datetime) -> _Caller | None:
        if (today := _day(now)) != self._day:
            first = today - timedelta(days=DAYS_BEFORE)
            for each in self._callers.values():
                each.days[self._day] = Before(each.calls, each.listed)
                each.days = {day: counts for day, counts in each.days.items() if first <= day < today}
                each.seconds, each.calls, each.service, each.listed = 0.0, 0, 0, 0
                each.warned = each.warned_listed = False
            self._day, self._elsewhere = today, {}
        return self._callers.get(claimed_by)

    def _used(self, caller: _Caller, now: datetime, others: Used | None = None) -> Used:
        while caller.lately and not NOTHING <= now - caller.lately[0] < MINUTE:  # a clock may be set back
            caller.lately.popleft()
        used = Used(
            len(caller.lately),
            len(caller.sessions),
            caller.seconds + self._running(caller, now),
            caller.calls,
            caller.service,
            caller.listed,
        )
        return used.beside(others) if others else used

    def _running(self, caller: _Caller, now: datetime) -> float:
        """Seconds that the calls in hand have talked today; of many, as they were a second ago at most."""
        if len(caller.sessions) <= FEW or caller.measured is None or now - caller.measured >= SECOND:
            since = midnight(_day(now))
            caller.running = sum(_talked(session, now, since) for session in caller.sessions.values())
            caller.measured = now
        return caller.running


def _talked(session: CallSession, now: datetime, since: datetime) -> float:
    """Seconds of talk, from ``since`` on."""
    if session.connected_at is None:
        return 0.0
    return max(0.0, (now - max(session.connected_at, since)).total_seconds())


def _sum(days: Mapping[date, Before]) -> Before:
    return Before(sum(each.calls for each in days.values()), sum(each.listed for each in days.values()))


def _day(now: datetime) -> date:
    return now.astimezone(LONDON).date()
