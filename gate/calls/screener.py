"""A decision, made inside the store's transaction: what it reads is what it commits."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict

from gate.calls.trust import Trust
from gate.core import numbers, screening
from gate.core.abandoned import caller_of, campaign_of
from gate.core.days import LONDON, midnight
from gate.core.evidence import stamp
from gate.core.facts import Fact
from gate.core.facts.calls import Abandoned, LookedAgain
from gate.core.facts.gate import CampaignStopped, ManyAbandoned
from gate.core.numbers import Number, NumberRefused
from gate.core.rules import Rules
from gate.core.screening import decision_fact, refusal
from gate.core.terms import (
    NOBODY_KNOWN,
    UNPROVEN,
    UNTRIED,
    Attempt,
    Consent,
    Decision,
    Objection,
    Reason,
    Stop,
    Subscriber,
)
from gate.errors import StoreError
from gate.log import Logger
from gate.ports import Incoming
from gate.registers.library import RegisterLibrary
from gate.store import figures
from gate.store.queries import ONE_ATTEMPT, question_of
from gate.store.transaction import LookUps, StoreTransaction, attempt_key

log = Logger()

_THEIRS = frozenset({Reason.OBJECTED, Reason.CONSENT_WITHDRAWN, Reason.REQUEST_PENDING, Reason.RESTRICTED})
"""Reasons that come from a person's wish or request."""


class Screener:
    """Gathers what ``core.screening.decide`` needs and asks it. Lives on the store thread."""

    def __init__(self, registers: RegisterLibrary, rules: Rules, trust: Trust | None = None) -> None:
        """``trust`` knows what is wrong with the evidence just now (``Rules.evidence``); None: nothing is."""
        self._registers = registers
        self._rules = rules
        self._trust = trust

    def prepare(self) -> None:
        """Look at the evidence that is not known yet. Not on the store thread."""
        if self._trust is not None:
            self._trust.look_once()

    @property
    def rules(self) -> Rules:
        """The rules in force now."""
        wrong = self._trust.reason if self._trust is not None else None
        return self._rules if wrong is None else replace(self._rules, evidence=wrong)

    def emergency(self, attempt: Attempt) -> Decision | None:
        """The decision on an attempt at an emergency number that has a route; None for every other. Any thread."""
        return screening.emergency(attempt, self._rules)

    def check(self, tx: StoreTransaction, attempt: Attempt, now: datetime) -> Decision:
        """The decision for an attempt at ``now``; nothing is kept."""
        return self._check(tx, attempt, _read(attempt.raw_number), now, None)

    def refuses(self, attempt: Attempt, now: datetime) -> bool:
        """Whether rules and registers alone refuse it. Nothing is read of the store, where a consent may be. Any
        thread."""
        number = _read(attempt.raw_number)
        decision = screening.decide(
            attempt, number=number, registers=self._registers.view(number.e164) if isinstance(number, Number) else (),
            consents=(), objections=(), stops=(), last_unattended=None, rules=self.rules, now=now,
        )  # fmt: skip
        return not decision.allowed

    def _check(
        self,
        tx: StoreTransaction,
        attempt: Attempt,
        number: Number | NumberRefused,
        now: datetime,
        question: str | None,
        *,
        in_hand: bool = False,
    ) -> Decision:
        """``question``: the one that this attempt comes of; ``in_hand``: it is let through already, and among those
        that are counted."""
        rules, known = self.rules, isinstance(number, Number)
        e164 = number.e164 if isinstance(number, Number) else ""
        if known:
            tx.look_up(lambda: self._look_ups(attempt, e164, now))
        return screening.decide(
            attempt,
            number=number,
            registers=self._registers.view(e164) if known else (),
            **_theirs(tx, e164),
            last_unattended=tx.last_unattended(e164) if known else None,
            tried=tx.tried(e164, now - rules.attempts.longest, question)
            if known and rules.attempts.any and not in_hand
            else UNTRIED,
            rules=rules,
            now=now,
            stopped=tx.stopped(caller_of(attempt.claimed_by), campaign_of(attempt)) if known else "",
        )

    def asks(
        self, attempt: Attempt, now: datetime, invite: tuple[str, str, int] = ("", "", 0), *, limited: bool = False
    ) -> LookUps:
        """The look-ups that ``decide`` needs, and ``merged`` and ``no_room`` before it. On the store thread."""
        number = _read(attempt.raw_number)
        asked = self._look_ups(attempt, number.e164 if isinstance(number, Number) else "", now)
        return asked._replace(attempt=attempt_key(invite), limited=attempt.claimed_by if limited else "", now=now)

    def no_room(self, tx: StoreTransaction, attempt: Attempt, now: datetime, room: int) -> Reason | None:
        """Why it may have no more calls, where it may have this many in hand at the other gates of the database."""
        full = tx.in_hand_elsewhere(attempt.claimed_by, now) > room
        return Reason.TOO_MANY_CALLS_AT_ONCE if full else None

    def merged(self, tx: StoreTransaction, incoming: Incoming, now: datetime) -> Decision | None:
        """The refusal of an INVITE that another gate of this database has: it would ring somebody twice. Nothing is
        kept. None for one that is this gate's from now on."""
        key = attempt_key(incoming.invite)
        return refusal(Reason.MERGED_REQUEST, incoming.attempt) if key and not tx.claim(key, now) else None

    def _look_ups(self, attempt: Attempt, e164: str, now: datetime) -> LookUps:
        caller, campaign = caller_of(attempt.claimed_by), campaign_of(attempt)
        since = now - self._rules.attempts.longest
        return LookUps(e164, since, attempt.claimed_by, now - ONE_ATTEMPT, caller, campaign)

    def judge(self, tx: StoreTransaction, fact: Fact) -> None:
        """Where the fact says that a callee found nobody, and so makes too many of its campaign or of its caller on the
        London day of the answer, that is kept with it: an alarm once a day, and a stop where the firm has set one. The
        caller as a whole is judged besides: whoever gives each hour of a campaign another name gains nothing. A fault
        in here loses no evidence of the call. Raises ``StoreError``."""
        try:
            self._judge(tx, fact)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a guarded boundary
            log.error("campaign_not_judged", call=fact.subject, error=repr(error))

    def _judge(self, tx: StoreTransaction, fact: Fact) -> None:
        bounds = self._rules.abandoned
        call = figures.campaign_of_call(tx, fact.subject) if isinstance(fact.body, Abandoned) else None
        if call is None:
            return
        day = call.answered.astimezone(LONDON).date()
        span = midnight(day), midnight(day + timedelta(days=1))
        for campaign in (call.campaign, ""):
            tally = figures.tally(tx, call.caller, campaign, *span)
            of = {"claimed_by": call.caller, "campaign": campaign}
            rate: dict[str, Any] = {"day": day.isoformat(), "least": bounds.least, **asdict(tally), **of}
            if tally.reaches(bounds.alarm_percent, bounds.least) and not figures.alarmed(tx, day, **of):
                many = ManyAbandoned(**rate, alarm_percent=bounds.alarm_percent)
                tx.append(many.fact("gate", fact.at, "gate"))
            if tally.reaches(bounds.stop_percent, bounds.least) and not tx.stopped(call.caller, campaign):
                stop = CampaignStopped(**rate, stop_percent=bounds.stop_percent)
                tx.append(stop.fact(secrets.token_hex(16), fact.at, "gate"))

    def stands(self, tx: StoreTransaction, attempt: Attempt, now: datetime, decision_id: str) -> Decision | None:
        """What a question is answered that was let through as ``decision_id`` within ``ONE_ATTEMPT``; None where it was
        not, or would not be now. Nothing is kept."""
        decision = self._check(tx, attempt, _read(attempt.raw_number), now, None, in_hand=True)
        asked_by = tx.values(
            str,
            "SELECT claimed_by FROM calls WHERE call_id = ? AND number = ? AND at > ?"
            " AND source = 'ask' AND verdict = 'allow'",
            (decision_id, decision.number, stamp(now - ONE_ATTEMPT)),
        )
        own = caller_of(attempt.claimed_by) in map(caller_of, asked_by)
        return decision if own and decision.allowed else None

    def taken_back(self, tx: StoreTransaction, attempt: Attempt, now: datetime) -> str:
        """Why an attempt that was allowed may not be connected any more: what the person has said since, on another
        call or to the firm (LAW 1.7a); empty where it may. Hours and registers stay as they were at the decision, and
        so does all else of which no reason of theirs can come."""
        number = _read(attempt.raw_number)
        e164 = number.e164 if isinstance(number, Number) else ""
        if e164:
            tx.look_up(lambda: self._look_ups(attempt, e164, now))
        theirs = _theirs(tx, e164)
        decision = screening.decide(
            attempt, number=number, registers=(), **theirs, last_unattended=None, rules=self.rules, now=now
        )
        return decision.reason.value if decision.reason in _THEIRS else ""

    def look_again(
        self,
        tx: StoreTransaction,
        attempt: Attempt,
        now: datetime,
        *,
        call_id: str,
        trunk: str,
        after: str,
        obstacle: Reason | None = None,
    ) -> Decision:
        """The decision for an attempt that was allowed, anew and as a whole, before another INVITE leaves for it; kept
        with its leaf. ``after``: what became of the INVITE before. ``obstacle`` as in ``decide``."""
        decision = self._check(tx, attempt, _read(attempt.raw_number), now, None, in_hand=True)
        if obstacle is not None and decision.allowed:
            decision = refusal(obstacle, attempt, after=decision)
        decided = decision_fact(decision, attempt)
        body = LookedAgain(
            call_id=call_id,
            trunk=trunk,
            after=after,
            verdict=decided.verdict,
            reason=decided.reason,
            registers=decided.registers,
            consent_id=decided.consent_id,
            objection_id=decided.objection_id,
        )
        tx.append(body.fact(call_id, now, "gate"))
        return decision

    def decide(
        self,
        tx: StoreTransaction,
        attempt: Attempt,
        now: datetime,
        *,
        call_id: str,
        origin: Mapping[str, object],
        obstacle: Reason | None = None,
        asked_before: Callable[[], None] | None = None,
    ) -> Decision:
        """The decision for an attempt, kept with its leaf.

        Where a phone system has asked about this call before it dialled, the decision is made anew, and names the
        question: both are one attempt. ``asked_before`` is then called; None: this is the question itself.

        ``origin`` (``source``, ``codecs``, …) is kept with it. ``obstacle`` is what stands in the way on the gate's own
        side (recorder away, stopping, …): it turns an allowed call into a refused one, and never the other way round. A
        caller who has not proven who it is learns nothing about the number: there the obstacle comes first.
        """
        number = _read(attempt.raw_number)
        e164 = number.e164 if isinstance(number, Number) else ""
        if e164:
            tx.look_up(lambda: self._look_ups(attempt, e164, now))
        question = question_of(tx, e164, attempt.claimed_by, now) if asked_before is not None else None
        if obstacle is Reason.NOT_AUTHENTICATED or (obstacle is not None and attempt.claimed_by == UNPROVEN):
            decision = refusal(obstacle, attempt)
        else:
            decision = self._check(tx, attempt, number, now, question)
            if obstacle is not None and decision.allowed:
                decision = refusal(obstacle, attempt, after=decision)
        if asked_before is not None and question:
            origin = {**origin, "question": question}
            asked_before()
        tx.append(decision_fact(decision, attempt, **origin).fact(call_id, now, attempt.claimed_by))
        return decision


class _Theirs(TypedDict):
    """What the person who has a number wants, by the firm's own lists; names as in ``screening.decide``."""

    consents: Sequence[Consent]
    subscriber: Subscriber
    objections: Sequence[Objection]
    stops: Sequence[Stop]


def _theirs(tx: StoreTransaction, number: str) -> _Theirs:
    """For an E.164 number; nothing where it is empty."""
    reached = [each for each in (number, numbers.begins_with(number)) if each]
    return {
        "consents": tx.consents(number) if number else (),
        "subscriber": tx.subscriber(number) if number else NOBODY_KNOWN,
        "objections": [objection for each in reached for objection in tx.objections(each)],
        "stops": [stop for each in reached for stop in tx.stops(each)],
    }


def _read(raw: str) -> Number | NumberRefused:
    try:
        return numbers.parse(raw)
    except NumberRefused as refused:
        return refused.with_traceback(None)  # which would hold the frames, and all that was in hand in them
