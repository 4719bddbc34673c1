"""May this attempt be dialled, and why (not)?

``decide`` is the one function that every way into the gate asks: pure, total, and in the order of LAW 1.7, one small
step per rule. Each step names its source; a step that cannot tell answers with a refusal of its own (fail closed).

Of the firm's own lists it takes the consents that hold, and the subscriber's last word. The last word is by the order
in which the firm learnt of them (LAW 1.7a), which is that of the log, not by the dates that they bear: a clock that was
off, or a date mistyped, can keep nobody callable.

At the end: refusals made outside the screening, and the fact of a decision, on their way into the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from msgspec import UNSET

from gate.core.abandoned import caller_of
from gate.core.days import LONDON
from gate.core.evidence import log_of
from gate.core.facts import calls as facts
from gate.core.numbers import Kind, Number, NumberRefused, emergency_number, is_drama, parse
from gate.core.retention import add_months
from gate.core.rules import BLOCKABLE, LONGEST_CONSENT, Rules, days_left, named
from gate.core.terms import (
    ALLOWING,
    NOBODY_KNOWN,
    REGISTER_TITLES,
    TOPICS,
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
    Subscriber,
    SubscriberKind,
    Topic,
    Tried,
    Verdict,
    date_text,
    sentence,
    topic_rule,
)


def live_consents(consents: Sequence[Consent], now: datetime) -> list[Consent]:
    """Those that hold at ``now``, newest first: given by then, and never withdrawn (PECR reg 21(4), (5), LAW 1.5).

    A withdrawal that bears a later time counts at once: a clock that is off must not keep a consent alive.
    """
    live = [consent for consent in consents if consent.withdrawn_at is None and consent.given_at <= now]
    return sorted(live, key=lambda consent: (consent.given_at, consent.learnt), reverse=True)


def covering(live: Sequence[Consent], topic: Topic) -> list[Consent]:
    """Those of the consents that hold which speak of marketing calls on this topic and have their evidence (LAW 1.5,
    1.6): a general yes is none to a topic that is opt-in, nor one to that to general calls, nor one to service calls to
    any."""
    marketing = [consent for consent in live if consent.purpose is Purpose.MARKETING]
    return [consent for consent in marketing if topic in consent.topics and consent.proven]


def expired(consent: Consent, now: datetime, months: int, timezone: tzinfo) -> bool:
    """True where a consent is too old (LAW 1.5)."""
    given = consent.given_at.astimezone(timezone).date()
    try:
        last = last_day(given, months, consent.holds_until, longer=consent.longer)
        return now.astimezone(timezone).date() > last
    except (ValueError, OverflowError):
        return True  # at the end of the calendar


def objections_to(objections: Sequence[Objection], on_behalf_of: str) -> list[Objection]:
    """Those of the objections that stop calls on behalf of an instigator; of none: the firm's own calls.

    PECR reg 21(1)(a): a person objects to the caller, who may not call then, whoever instigates it. One that names an
    instigator alone stops that one's calls; every other one stops all (LAW 1.8a).
    """
    return [each for each in objections if each.on_behalf_of in ("", on_behalf_of)]


def consents_to(consents: Sequence[Consent], on_behalf_of: str, since: date | None = None) -> list[Consent]:
    """Those of the consents that count for calls on behalf of an instigator; of none: the firm's own calls. ``since``:
    the day since when the line is its subscriber's, where it was another's before.

    A consent is to one firm's calls, and never another's (LAW 1.5). One to the firm that calls, taken back, forbids
    calls for others too: whoever wants no more calls of a caller says so to it (LAW 1.8a). It is the subscriber who
    consents: what an earlier one of the line agreed to counts no more (LAW 1.5a); that they took it back forbids still.
    """
    return [
        each
        for each in consents
        if (each.on_behalf_of == on_behalf_of or (not each.on_behalf_of and each.withdrawn_at is not None))
        and (since is None or each.withdrawn_at is not None or each.given_at.astimezone(LONDON).date() >= since)
    ]


def unexpired(held: Sequence[Consent], now: datetime, months: int, timezone: tzinfo) -> list[Consent]:
    """Those of these consents that are not too old. One that has ended on the day that it named ends those before it:
    their giver's later word was that it is over then."""
    ended = [each.given_at for each in held if each.holds_until and expired(each, now, months, timezone)]
    live = [each for each in held if not expired(each, now, months, timezone)]
    return [each for each in live if not ended or each.given_at > max(ended)]


def last_day(given: date, months: int, own: date | None = None, *, longer: bool = False) -> date:
    """The last day on which a consent holds: the one before the firm's months are over, or ``own``, the day that it
    names itself, where that is earlier, or is ``longer`` by its own words (LAW 1.5). Raises ``ValueError`` or
    ``OverflowError`` at the end of the calendar."""
    term = add_months(given, months) - timedelta(days=1)
    if own is None:
        return term
    return own if longer else min(own, term)


def own_day_fault(given: date, own: date, months: int, wording: str) -> str:
    """Why a consent cannot hold until the day that it is said to; empty where it can.

    A person may give it for less than the firm's term, and for more only in so many words: nothing else shows that they
    still know of it (Art 7(1) UK GDPR).
    """
    if own < given:
        return f"it would end on {own}, before it was given ({given})"
    if own > last_day(given, LONGEST_CONSENT):
        return f"it would hold until {own}: nobody remembers longer than {LONGEST_CONSENT} months what they agreed to"
    if own > last_day(given, months) and str(own.year) not in wording:
        return f"it would hold until {own}, longer than {months} months, and its words say nothing of {own.year}"
    return ""


_SPEAKS_OF: Final = {row.topic: row.spoken for row in TOPICS if row.spoken}
"""What the words of a consent must hold, one of these for each topic (LAW 1.6)."""


def unspoken(wording: str, topics: Collection[Topic]) -> list[Topic]:
    """Those of the topics of which the words agreed to say nothing: nobody agrees to calls about pensions by a general
    yes."""
    said = wording.casefold()
    return [
        topic for topic in Topic if topic in topics and not any(word in said for word in _SPEAKS_OF.get(topic, ("",)))
    ]


_NOT: Final = re.compile(r"\b(?:not|never|no|nothing|except|without|cannot)\b|n[\u2019']t\b")
_CALLED: Final = re.compile(r"\b(?:call|ring|phone|contact)")


def denied(wording: str, topics: Collection[Topic]) -> str:
    """The part of the words of a consent that says no to one of these topics, or to calls at all; empty where none."""
    for part in re.split(r"[.,;:!?]|\b(?:but|and|so)\b", wording.casefold()):
        no = _NOT.search(part)
        about = [topic for topic in Topic if any(word in part for word in _SPEAKS_OF.get(topic, ()))]
        if no and (any(topic in topics for topic in about) or (not about and _CALLED.search(part, no.end()))):
            return " ".join(part.split())
    return ""


def standing_objection(objections: Sequence[Objection], live: Sequence[Consent]) -> Objection | None:
    """The objection that blocks, in the face of the consents that hold; None where there is none.

    PECR reg 21(1)(a), LAW 1.2, 1.7a: it blocks from the moment that the firm learns of it, whatever date it bears. Only
    a consent that was entered after it, and by name, lifts it. A consent is to some calls, so it lifts no objection to
    all of them: that one stands until its maker takes it back.
    """
    if not objections:
        return None
    wide = [each for each in objections if each.scope is Scope.ALL]
    standing = wide or [each for each in objections if not any(_lifts(consent, each) for consent in live)]
    return max(standing, key=lambda objection: (objection.learnt, objection.made_at), default=None)


def _lifts(consent: Consent, objection: Objection) -> bool:
    return consent.after_objection and _entered_after(consent, objection.learnt, objection.noted_at)


def _entered_after(consent: Consent, learnt: int, noted_at: datetime | None) -> bool:
    """By the order of their log; of two gates' logs by the times, and in doubt it was not."""
    if log_of(consent.learnt) == log_of(learnt):
        return consent.learnt > learnt
    return consent.noted_at is not None and noted_at is not None and consent.noted_at > noted_at


def standing_withdrawal(consents: Sequence[Consent], live: Sequence[Consent]) -> Consent | None:
    """The withdrawn consent that blocks, listed or not; None where there is none.

    PECR reg 21(5), LAW 1.5: a withdrawal stands until a consent is given after it. That one must be the later by its
    own time, and entered later too.
    """
    withdrawn = [(consent.withdrawn_at, consent) for consent in consents if consent.withdrawn_at is not None]
    if not withdrawn:
        return None
    at = max(time for time, _ in withdrawn)
    for consent in live:
        if consent.given_at > at and all(
            _entered_after(consent, each.withdrawn_learnt, each.withdrawal_noted_at) for _, each in withdrawn
        ):
            return None
    return max(withdrawn, key=lambda each: (each[0], each[1].id))[1]


def last_consent(live: Sequence[Consent]) -> Consent | None:
    """The one that is relied on: the one last entered of those that lift an objection, else the newest by its time."""
    lifting = [consent for consent in live if consent.after_objection]
    return max(lifting, key=lambda consent: consent.learnt) if lifting else live[0] if live else None


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
    stopped: str = "",
    subscriber: Subscriber = NOBODY_KNOWN,
) -> Decision:
    """The decision on one attempt.

    ``number`` is what ``numbers.parse`` made of ``attempt.raw_number``; ``registers`` is what each required register
    says of it; ``consents`` and ``objections`` are all that the firm holds of it, withdrawn consents too; ``stops``
    are the requests and restrictions that stop marketing to it now; ``tried`` is how often it was tried; ``stopped``
    names the campaign that is stopped, where this attempt is of one; ``subscriber`` is what is noted of who has the
    line; every time is aware.
    Never raises: what goes wrong in here is a refusal with ``internal_error``. Order and sources: LAW 1.7.
    """
    e164 = number.e164 if isinstance(number, Number) else ""
    try:
        if not e164 and (routed := emergency(attempt, rules)):
            return routed
        answer = _stopped(
            _answer(
                attempt, number, registers, consents, objections, stops, last_unattended, tried, rules, now, subscriber
            ),
            stopped,
        )
        verdict = Verdict.ALLOW if answer.reason in ALLOWING else Verdict.BLOCK
        return Decision(
            verdict=verdict,
            reason=answer.reason,
            number=e164,
            explanation=answer.explanation or sentence(answer.reason),
            registers=tuple(registers),
            consent_id=answer.consent_id,
            objection_id=answer.objection_id,
            topic_rule=answer.topic_rule,
            on_behalf_of=rules.instigators.get(attempt.on_behalf_of, ""),
            subscriber=subscriber,
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
    topic_rule: str = ""


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
    subscriber: Subscriber,
) -> _Answer:
    """The steps of LAW 1.7, in its order; the first one that objects is the answer."""
    if now.utcoffset() is None:
        raise ValueError("now must be aware: the machine's own time zone decides nothing")
    local = now.astimezone(rules.timezone)
    blocked = _test(number, rules) or _destination(number, rules) or _identity(attempt, rules)
    if blocked:
        return blocked
    objections = objections_to(objections, attempt.on_behalf_of)
    consents = consents_to(consents, attempt.on_behalf_of, subscriber.since)
    held = covering(live_consents(consents, now), attempt.topic)
    live = unexpired(held, now, rules.consent_months, rules.timezone)
    consent = last_consent(live)
    if attempt.purpose is Purpose.SERVICE:
        # LAW 1.7: no marketing, so registers, consents and hours do not apply; who claimed it is in the evidence.
        # Who names a campaign dials by a machine, and is held back after an abandoned call on service calls too.
        # What is lost with the evidence may have stopped it: an objection where the firm says so, a stop, such a call.
        of_campaign = attempt.campaign and (rules.redial or rules.abandoned.stop_percent)
        lost = _rolled_back(rules) if rules.objection_stops_service or of_campaign else None
        held_back = _redial(attempt, last_unattended, rules, now) if attempt.campaign else None
        return _service(objections, live, tried, rules, now, lost or held_back)
    blocked = (
        _kind(number, rules)
        or _objection(objections, live)
        or _withdrawal(consents, live)
        or _stop(stops)
        or _expiry(held, consent, rules, now)
        or _topic(attempt, consent, rules, local.date())
        or (None if consent else _registers(registers, required(rules.registers, subscriber), rules, local.date()))
        or _hours(rules, local)
        or _redial(attempt, last_unattended, rules, now)
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
    """PECR reg 21(A1) and 24, LAW 1.1, 1.8a and 3.1: the line identity is shown, and it is the firm's own; and for whom
    it calls is known; on every call."""
    if attempt.withheld or not attempt.presentation:
        return _Answer(Reason.IDENTITY_WITHHELD)
    if attempt.presentation not in rules.own_numbers:  # presentable, every one: Rules sees to it
        return _Answer(Reason.CLI_NOT_OWNED)
    if attempt.on_behalf_of and attempt.on_behalf_of not in rules.instigators:
        return _Answer(Reason.INSTIGATOR_UNKNOWN)  # nobody knows which name to give, nor whose lists count
    return None


def _objection(objections: Sequence[Objection], live: Sequence[Consent]) -> _Answer | None:
    """PECR reg 21(1)(a), LAW 1.2, 1.7a: an objection holds from the next call, unless a consent that was entered after
    it lifts it by name."""
    standing = standing_objection(objections, live)
    return _Answer(Reason.OBJECTED, objection_id=standing.id) if standing else None


def _service(
    objections: Sequence[Objection],
    live: Sequence[Consent],
    tried: Tried,
    rules: Rules,
    now: datetime,
    held_back: _Answer | None,
) -> _Answer:
    """LAW 1.7a: who wants no calls at all gets no service call either, whatever they consented to: a consent is to
    marketing. Every objection does so where the firm says so; one that is lost with the evidence would have too, and
    ``held_back`` is what else stands against the call. An objection to marketing that stands is named with the call,
    which it does not stop: such calls are counted."""
    stopping = [each for each in objections if rules.objection_stops_service or each.scope is Scope.ALL]
    if stopped := _objection(stopping, ()):
        return stopped
    blocked = held_back or _attempts(tried, rules, now)
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


def _topic(attempt: Attempt, consent: Consent | None, rules: Rules, today: date) -> _Answer | None:
    """LAW 1.6: the row of ``TOPICS`` that binds on this day. Some topics are opt-in only, on any number, by a consent
    that speaks of them; and some are for an authorised firm alone."""
    row = topic_rule(attempt.topic, today)
    if row is None:
        return _Answer(Reason.TOPIC_NEEDS_CONSENT, "No rule is known for calls about this topic: do not call.")
    by = f"({row.law}, since {date_text(row.since)})"
    if row.consent and not consent:
        why = f"Calls about {row.title} need this person's consent first {by}, and we hold none."
        return _Answer(Reason.TOPIC_NEEDS_CONSENT, why, topic_rule=row.name)
    if row.caller and row.topic not in rules.authorised:
        why = f"Only {row.caller} may call about {row.title} {by}, and our authorisation is not set: do not call."
        return _Answer(row.not_authorised, why, topic_rule=row.name)
    return None


def required(configured: Sequence[str], subscriber: Subscriber) -> tuple[str, ...]:
    """The registers that a call without consent must be looked up in: those of the configuration, and that on which
    such a line may be (PECR reg 26, LAW 1.3); where nobody knows whose it is, both."""
    return tuple(dict.fromkeys([*configured, *subscriber.kind.registers]))


def _registers(views: Sequence[RegisterView], names: Sequence[str], rules: Rules, today: date) -> _Answer | None:
    """PECR reg 21(1)(b), 21(3), LAW 1.3, 1.4, 2.4: each required register is there, sound, fresh and covers the number,
    and then none of them lists it. The 28 days' grace is never applied to a number: listed is blocked."""
    for check in (_missing, _damaged, _later, _stale, _uncovered):
        blocked = check(views, names, rules, today)
        if blocked:
            return blocked
    for view in views:
        if view.listed:
            return _listed(view)
    return None


def _missing(views: Sequence[RegisterView], names: Sequence[str], rules: Rules, today: date) -> _Answer | None:
    present = {view.name for view in views if view.state != "missing"}
    for name in names:
        if name not in present:
            return _Answer(
                Reason.REGISTER_MISSING,
                f"The {REGISTER_TITLES[name]} list is missing: no marketing calls until it is imported.",
            )
    return None


def _damaged(views: Sequence[RegisterView], names: Sequence[str], rules: Rules, today: date) -> _Answer | None:
    for view in views:
        if view.name in names and (view.state != "ok" or view.as_of is None):
            return _Answer(
                Reason.REGISTER_DAMAGED,
                f"The {REGISTER_TITLES[view.name]} list cannot be relied on: "
                "no marketing calls until it is imported anew.",
            )
    return None


def _later(views: Sequence[RegisterView], names: Sequence[str], rules: Rules, today: date) -> _Answer | None:
    """A list of a later day says nothing of this one: who asks means a day before it, or its date or our clock is
    wrong."""
    for view in views:
        if view.name in names and view.as_of and view.as_of > today:
            return _Answer(
                Reason.REGISTER_MISSING,
                f"The {REGISTER_TITLES[view.name]} list is from {date_text(view.as_of)}, and says nothing of "
                f"{date_text(today)}, which is before it: no marketing call of that day can be cleared.",
            )
    return None


def _stale(views: Sequence[RegisterView], names: Sequence[str], rules: Rules, today: date) -> _Answer | None:
    for view in views:
        if view.name in names and view.as_of and days_left(view.as_of, today, rules.max_age_days) < 0:
            return _Answer(
                Reason.REGISTER_STALE,
                f"The {REGISTER_TITLES[view.name]} list is from {date_text(view.as_of)} and too old: "
                "no marketing calls until a new one is imported.",
            )
    return None


def _uncovered(views: Sequence[RegisterView], names: Sequence[str], rules: Rules, today: date) -> _Answer | None:
    for view in views:
        if view.name in names and not view.covered:
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
    lacking = (Reason.EVIDENCE_ROLLED_BACK, Reason.MEMORY_UNAVAILABLE, Reason.EVIDENCE_UNAVAILABLE)
    forgetful = rules.evidence in lacking
    return _evidence(rules) if forgetful else None


def _redial(attempt: Attempt, last_unattended: datetime | None, rules: Rules, now: datetime) -> _Answer | None:
    """LAW 3.4, 7.8: no redial for 72 hours after an answered call that found no agent, on consented calls neither,
    unless an agent is at hand for the next one. Misuse of a network is no matter of what a call is for (Communications
    Act 2003 s.128): on service calls of a campaign neither. By a clock that was set back it is too soon as well."""
    if last_unattended is None or now - last_unattended >= rules.redial:
        return None
    if attempt.dedicated_agent or caller_of(attempt.claimed_by) in rules.dedicated_agents:
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


def _stopped(answer: _Answer, campaign: str) -> _Answer:
    """LAW 7.8: a campaign that was stopped makes no call, for whatever purpose; every other refusal comes first."""
    if not campaign or answer.reason not in ALLOWING:
        return answer
    text = sentence(Reason.CAMPAIGN_STOPPED)
    return replace(answer, reason=Reason.CAMPAIGN_STOPPED, explanation=f"{campaign}: {text[0].lower()}{text[1:]}")


_MAX_TEXT: Final = 256
"""Longest text from outside that is kept, in characters."""


def refusal(reason: Reason, attempt: Attempt, explanation: str = "", *, after: Decision | None = None) -> Decision:
    """A refusal made outside ``decide`` (``recorder_unavailable``, ``gate_stopping``, …).

    ``after`` is the decision that would have let the call through: number, registers and consent stay in evidence.
    Without it the number is read from the attempt, so that the evidence is found under it. Never raises and never
    allows: a reason that would allow becomes ``internal_error``.
    """
    if reason in ALLOWING:
        reason, explanation = Reason.INTERNAL_ERROR, ""
    explanation = explanation or sentence(reason)
    if after is not None:
        return replace(after, verdict=Verdict.BLOCK, reason=reason, explanation=explanation)
    try:
        number = parse(attempt.raw_number).e164
    except NumberRefused:
        number = ""
    return Decision(Verdict.BLOCK, reason, number, explanation)


def decision_fact(decision: Decision, attempt: Attempt, **origin: Any) -> facts.Decision:
    """What is kept of a decision: every text bounded and valid Unicode (LAW 1.11). ``origin``: fields of the fact that
    say where the call came from."""
    known = decision.subscriber
    named = {
        "shown_from": attempt.shown_from,
        "topic_rule": decision.topic_rule,
        "on_behalf_of": _text(decision.on_behalf_of or attempt.on_behalf_of),
        "campaign": attempt.campaign,
        "subscriber": known.kind.value if known.kind is not SubscriberKind.UNKNOWN else "",
        "subscriber_since": known.since.isoformat() if known.since else "",
    }
    return facts.Decision(
        number=decision.number,
        raw=_text(attempt.as_dialled or attempt.raw_number),
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        explanation=_text(decision.explanation),
        registers=[
            {
                "name": view.name,
                "as_of": view.as_of.isoformat() if view.as_of else None,
                "sha256": view.sha256,
                "count": view.count,
                "state": view.state,
                "covered": view.covered,
                "listed": view.listed,
            }
            for view in decision.registers
        ],
        consent_id=decision.consent_id,
        objection_id=decision.objection_id,
        purpose=attempt.purpose.value,
        topic=attempt.topic.value,
        claimed_by=_text(attempt.claimed_by),
        claimed_through=_text(attempt.claimed_through),
        dedicated_agent=attempt.dedicated_agent or UNSET,
        **{"presentation": _text(attempt.presentation), **{key: text for key, text in named.items() if text}, **origin},
    )


def _text(text: str) -> str:
    """Text from outside, fit to be kept: at most 256 characters, no lone surrogates (bytes that were no UTF-8)."""
    if text.isascii() and len(text) <= _MAX_TEXT:
        return text
    cut = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")
