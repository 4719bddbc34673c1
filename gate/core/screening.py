"""May this attempt be dialled, and why (not)?

``decide`` is the one function that every way into the gate asks: pure, total, and in the order of LAW 1.7, one small
step per rule. Each step names its source; a step that cannot tell answers with a refusal of its own (fail closed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from gate.core.kinds import BLOCKABLE, named
from gate.core.numbers import Kind, Number, NumberRefused, emergency_number, is_drama
from gate.core.own_lists import (
    covering,
    expired,
    last_consent,
    live_consents,
    standing_objection,
    standing_withdrawal,
    unexpired,
)
from gate.core.rules import Rules, days_left
from gate.core.terms import (
    ALLOWING,
    UNTRIED,
    Attempt,
    Consent,
    Decision,
    Objection,
    Purpose,
    Reason,
    RegisterView,
    Scope,
    Stop,
    Topic,
    Tried,
    Verdict,
)
from gate.core.wording import REGISTER_TITLES, date_text, sentence

_STOPPING: Final = (Reason.REQUEST_PENDING, Reason.RESTRICTED)
_LISTED: Final = {"tps": Reason.LISTED_TPS, "ctps": Reason.LISTED_CTPS}


def decide(
    attempt: Attempt,
    *,
    number: Number | NumberRefused,
    registers: Sequence[RegisterView],
    consents: Sequence[Consent],
    objections: Sequence[Objection],
    stops: Sequence[Stop],
    last_unattended: datetime | None,
    rules: Rules,
    now: datetime,
    tried: Tried = UNTRIED,
) -> Decision:
    """The decision on one attempt.

    ``number`` is what ``numbers.parse`` made of ``attempt.raw_number``; ``registers`` is what each required register
    says of it; ``consents`` and ``objections`` are all that the firm holds of it, withdrawn consents too; ``stops``
    are the requests and restrictions that stop marketing to it now; ``tried`` is how often it was tried; every time is
    aware.
    Never raises: what goes wrong in here is a refusal with ``internal_error``. Order and sources: LAW 1.7.
    """
    e164 = number.e164 if isinstance(number, Number) else ""
    try:
        if not e164 and (routed := emergency(attempt, rules)):
            return routed
        answer = _answer(attempt, number, registers, consents, objections, stops, last_unattended, tried, rules, now)
        verdict = Verdict.ALLOW if answer.reason in ALLOWING else Verdict.BLOCK
        return Decision(
            verdict=verdict,
            reason=answer.reason,
            number=e164,
            explanation=answer.explanation or sentence(answer.reason),
            registers=tuple(registers),
            consent_id=answer.consent_id,
            objection_id=answer.objection_id,
        )
    except Exception:  # noqa: BLE001 - invariant 2: whatever fails here, the call is refused and gets its answer
        return Decision(Verdict.BLOCK, Reason.INTERNAL_ERROR, e164, sentence(Reason.INTERNAL_ERROR))


def emergency(attempt: Attempt, rules: Rules) -> Decision | None:
    """The decision on an attempt at an emergency number that has a route: allowed, before every other rule and with
    nothing looked up (LAW 3.5). None for any other attempt. Never raises."""
    if rules.emergency_numbers and (short := emergency_number(attempt.raw_number, rules.emergency_numbers)):
        return Decision(Verdict.ALLOW, Reason.EMERGENCY_CALL, short, sentence(Reason.EMERGENCY_CALL))
    return None


@dataclass(frozen=True, slots=True)
class _Answer:
    reason: Reason
    explanation: str = ""
    consent_id: str | None = None
    objection_id: str | None = None


def _answer(
    attempt: Attempt,
    number: Number | NumberRefused,
    registers: Sequence[RegisterView],
    consents: Sequence[Consent],
    objections: Sequence[Objection],
    stops: Sequence[Stop],
    last_unattended: datetime | None,
    tried: Tried,
    rules: Rules,
    now: datetime,
) -> _Answer:
    """The steps of LAW 1.7, in its order; the first one that objects is the answer."""
    if now.utcoffset() is None:
        raise ValueError("now must be aware: the machine's own time zone decides nothing")
    local = now.astimezone(rules.timezone)
    blocked = _test(number, rules) or _destination(number, rules) or _identity(attempt, rules)
    if blocked:
        return blocked
    held = covering(live_consents(consents, now), attempt.topic)
    live = unexpired(held, now, rules.consent_months, rules.timezone)
    consent = last_consent(live)
    if attempt.purpose is Purpose.SERVICE:
        # LAW 1.7: no marketing, so registers, consents and hours do not apply; who claimed it is in the evidence.
        # An objection that is lost with the evidence would have stopped it where the firm says so.
        return _service(objections, live, tried, rules, now)
    blocked = (
        _kind(number, rules)
        or _objection(objections, live)
        or _withdrawal(consents, live)
        or _stop(stops)
        or _expiry(held, consent, rules, now)
        or _topic(attempt, consent, rules)
        or (None if consent else _registers(registers, rules, local.date()))
        or _hours(rules, local)
        or _redial(last_unattended, rules, now)
        or _attempts(tried, rules, now)
        or _evidence(rules)
    )
    if blocked:
        return blocked
    if consent:
        return _Answer(Reason.CONSENTED, consent_id=consent.id)
    return _Answer(Reason.NOT_LISTED)


def _test(number: Number | NumberRefused, rules: Rules) -> _Answer | None:
    """The number by which a phone system is tested: refused whoever dials it, for whatever purpose."""
    return _Answer(Reason.TEST_CALL) if isinstance(number, Number) and number.e164 == rules.test_number else None


def _destination(number: Number | NumberRefused, rules: Rules) -> _Answer | None:
    """LAW 3.5, 6.1 to 6.5: what may be dialled at all, by anybody.

    Premium numbers are refused on service calls too: who claims a call to be service cannot open the way to toll fraud.
    """
    if isinstance(number, NumberRefused):
        reason = Reason.NUMBER_INVALID if number.code in ALLOWING else number.code
        return _Answer(reason, number.explanation)
    if number.kind is Kind.PREMIUM:
        return _Answer(Reason.DESTINATION_NOT_ALLOWED, "Premium-rate numbers are never dialled.")
    if number.jurisdiction not in rules.allowed_countries:
        return _Answer(Reason.DESTINATION_NOT_ALLOWED, "Calls to this country are not allowed.")
    if rules.live and is_drama(number.e164):
        return _Answer(
            Reason.DESTINATION_NOT_ALLOWED, "This number is kept for films and tests: nobody can be reached on it."
        )
    return None


def _kind(number: Number | NumberRefused, rules: Rules) -> _Answer | None:
    """``calling.block``: numbers that cost dearly or are kept for help, on marketing calls; consented ones too."""
    name = named(number) if isinstance(number, Number) else ""
    if name not in rules.block:
        return None
    return _Answer(Reason.DESTINATION_NOT_ALLOWED, f"{BLOCKABLE[name]}: no marketing calls to them.")


def _identity(attempt: Attempt, rules: Rules) -> _Answer | None:
    """PECR reg 21(A1), LAW 1.1 and 3.1: the line identity is shown, and it is the firm's own; on every call."""
    if attempt.withheld or not attempt.presentation:
        return _Answer(Reason.IDENTITY_WITHHELD)
    if attempt.presentation not in rules.own_numbers:  # presentable, every one: Rules sees to it
        return _Answer(Reason.CLI_NOT_OWNED)
    return None


def _objection(objections: Sequence[Objection], live: Sequence[Consent]) -> _Answer | None:
    """PECR reg 21(1)(a), LAW 1.2, 1.7a: an objection holds from the next call, unless a consent that was entered after
    it lifts it by name."""
    standing = standing_objection(objections, live)
    return _Answer(Reason.OBJECTED, objection_id=standing.id) if standing else None


def _service(
    objections: Sequence[Objection], live: Sequence[Consent], tried: Tried, rules: Rules, now: datetime
) -> _Answer:
    """LAW 1.7a: who wants no calls at all gets no service call either, whatever they consented to: a consent is to
    marketing. Every objection does so where the firm says so; one that is lost with the evidence would have too. An
    objection to marketing that stands is named with the call, which it does not stop: such calls are counted."""
    stopping = [each for each in objections if rules.objection_stops_service or each.scope is Scope.ALL]
    if stopped := _objection(stopping, ()):
        return stopped
    blocked = (_rolled_back(rules) if rules.objection_stops_service else None) or _attempts(tried, rules, now)
    standing = standing_objection(objections, live)
    return blocked or _Answer(Reason.SERVICE_CALL, objection_id=standing.id if standing else None)


def _withdrawal(consents: Sequence[Consent], live: Sequence[Consent]) -> _Answer | None:
    """PECR reg 21(5), LAW 1.5: a withdrawal stands until a consent is given after it, listed or not."""
    withdrawn = standing_withdrawal(consents, live)
    return _Answer(Reason.CONSENT_WITHDRAWN, consent_id=withdrawn.id) if withdrawn else None


def _stop(stops: Sequence[Stop]) -> _Answer | None:
    """LAW 1.7a: an open erasure or objection request, or a restriction, stops marketing at once, consent or not."""
    if not stops:
        return None
    first = min(stops, key=lambda stop: (stop.reason is not Reason.REQUEST_PENDING, stop.reference))
    if first.reason not in _STOPPING:
        raise ValueError(f"{first.reason} stops nothing")
    named = f" ({first.reference})" if first.reference else ""
    return _Answer(first.reason, sentence(first.reason).replace(":", f"{named}:", 1))


def _expiry(held: Sequence[Consent], consent: Consent | None, rules: Rules, now: datetime) -> _Answer | None:
    """LAW 1.5: where all consents of this topic are too old, somebody asks again before anybody calls."""
    if consent or not held:
        return None
    newest = held[0]
    given = date_text(newest.given_at.astimezone(rules.timezone))
    if newest.holds_until and not expired(replace(newest, holds_until=None), now, rules.consent_months, rules.timezone):
        until = date_text(newest.holds_until)
        why = f"Their consent of {given} was given until {until}: ask for a new one before calling."
        return _Answer(Reason.CONSENT_EXPIRED, why, consent_id=newest.id)
    return _Answer(
        Reason.CONSENT_EXPIRED,
        f"Their consent of {given} is {rules.consent_months} months old or more: ask for a new one before calling.",
        consent_id=newest.id,
    )


def _topic(attempt: Attempt, consent: Consent | None, rules: Rules) -> _Answer | None:
    """PECR reg 21A and 21B, LAW 1.6: claims and pensions are opt-in only, on any number, by a consent that speaks of
    them; and only an authorised firm calls about pensions."""
    if attempt.topic is Topic.GENERAL:
        return None
    if not consent:
        return _Answer(Reason.TOPIC_NEEDS_CONSENT)
    if attempt.topic is Topic.PENSIONS and not rules.pensions_authorised:
        return _Answer(Reason.PENSIONS_NOT_AUTHORISED)
    return None


def _registers(views: Sequence[RegisterView], rules: Rules, today: date) -> _Answer | None:
    """PECR reg 21(1)(b), 21(3), LAW 1.3, 1.4, 2.4: each required register is there, sound, fresh and covers the number,
    and then none of them lists it. The 28 days' grace is never applied to a number: listed is blocked."""
    for check in (_missing, _damaged, _later, _stale, _uncovered):
        blocked = check(views, rules, today)
        if blocked:
            return blocked
    for view in views:
        if view.listed:
            return _listed(view)
    return None


def _missing(views: Sequence[RegisterView], rules: Rules, today: date) -> _Answer | None:
    present = {view.name for view in views if view.state != "missing"}
    for name in rules.registers:
        if name not in present:
            return _Answer(
                Reason.REGISTER_MISSING,
                f"The {REGISTER_TITLES[name]} list is missing: no marketing calls until it is imported.",
            )
    return None


def _damaged(views: Sequence[RegisterView], rules: Rules, today: date) -> _Answer | None:
    for view in views:
        if view.name in rules.registers and (view.state != "ok" or view.as_of is None):
            return _Answer(
                Reason.REGISTER_DAMAGED,
                f"The {REGISTER_TITLES[view.name]} list cannot be relied on: "
                "no marketing calls until it is imported anew.",
            )
    return None


def _later(views: Sequence[RegisterView], rules: Rules, today: date) -> _Answer | None:
    """A list of a later day says nothing of this one: who asks means a day before it, or its date or our clock is
    wrong."""
    for view in views:
        if view.name in rules.registers and view.as_of and view.as_of > today:
            return _Answer(
                Reason.REGISTER_MISSING,
                f"The {REGISTER_TITLES[view.name]} list is from {date_text(view.as_of)}, and says nothing of "
                f"{date_text(today)}, which is before it: no marketing call of that day can be cleared.",
            )
    return None


def _stale(views: Sequence[RegisterView], rules: Rules, today: date) -> _Answer | None:
    for view in views:
        if view.name in rules.registers and view.as_of and days_left(view.as_of, today, rules.max_age_days) < 0:
            return _Answer(
                Reason.REGISTER_STALE,
                f"The {REGISTER_TITLES[view.name]} list is from {date_text(view.as_of)} and too old: "
                "no marketing calls until a new one is imported.",
            )
    return None


def _uncovered(views: Sequence[RegisterView], rules: Rules, today: date) -> _Answer | None:
    for view in views:
        if view.name in rules.registers and not view.covered:
            return _Answer(Reason.OUTSIDE_COVERAGE)
    return None


def _listed(view: RegisterView) -> _Answer:
    reason = _LISTED.get(view.name, Reason.REGISTER_DAMAGED)
    if view.as_of is None or view.name not in REGISTER_TITLES:
        return _Answer(reason)
    return _Answer(
        reason,
        f"This number is on the {REGISTER_TITLES[view.name]} (list of {date_text(view.as_of)}) and we hold no consent: "
        "do not call it.",
    )


def _hours(rules: Rules, local: datetime) -> _Answer | None:
    """LAW 3.3, guidance: calls at decent hours only, consented ones too."""
    why = rules.hours.why_closed(local)
    if not why:
        return None
    again = rules.hours.next_opening(local)
    return _Answer(
        Reason.OUTSIDE_HOURS,
        f"Marketing calls wait because {why}: call from {again}." if again else f"No marketing calls because {why}.",
    )


def _evidence(rules: Rules) -> _Answer | None:
    """PECR reg 21(1)(a): whose objection may have been lost, with an older state of the evidence put in the place of
    the newest, cannot be told from others; what is not signed for long is no evidence; and by a clock that is behind,
    a register is younger than it is (reg 21(3))."""
    return _Answer(rules.evidence) if rules.evidence else None


def _rolled_back(rules: Rules) -> _Answer | None:
    forgetful = rules.evidence in (Reason.EVIDENCE_ROLLED_BACK, Reason.MEMORY_UNAVAILABLE)
    return _evidence(rules) if forgetful else None


def _redial(last_unattended: datetime | None, rules: Rules, now: datetime) -> _Answer | None:
    """LAW 3.4: no redial for 72 hours after an answered call that found no agent; on consented calls too."""
    if last_unattended is None or now - last_unattended >= rules.redial:
        return None
    again = (last_unattended + rules.redial).astimezone(rules.timezone)
    return _Answer(
        Reason.REDIAL_TOO_SOON,
        f"They lately answered a call of ours and found nobody there: call after {date_text(again)} {again:%H:%M}.",
    )


def _attempts(tried: Tried, rules: Rules, now: datetime) -> _Answer | None:
    """LAW 3.6: nobody is rung again and again, nor by two agents at once; on service calls neither. What was cancelled,
    busy or not answered counts as well: it rang."""
    limits = rules.attempts
    if limits.at_once and tried.in_hand >= limits.at_once:
        return _Answer(Reason.BUSY_WITH_CALL)
    for most, span, name in limits.windows:
        if len(tried.times) >= most and now - tried.times[most - 1] < span:
            again = (tried.times[most - 1] + span).astimezone(rules.timezone)
            return _Answer(
                Reason.TOO_MANY_ATTEMPTS,
                f"This number was tried {most} times in {name}, as often as may be: "
                f"call after {date_text(again)} {again:%H:%M}.",
            )
    return None
