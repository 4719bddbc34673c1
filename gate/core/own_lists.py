"""What the firm's own lists say of a number: which consents hold, and which word of the subscriber is the last.

The last word is by the order in which the firm learnt of them (LAW 1.7a), which is that of the log, not by the dates
that they bear: a clock that was off, or a date mistyped, can keep nobody callable.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from gate.core.retention import add_months
from gate.core.rules import LONGEST_CONSENT
from gate.core.terms import Consent, Objection, Purpose, Scope, Topic


def live_consents(consents: Sequence[Consent], now: datetime) -> list[Consent]:
    """Those that hold at ``now``, newest first: given by then, and never withdrawn (PECR reg 21(4), (5), LAW 1.5).

    A withdrawal that bears a later time counts at once: a clock that is off must not keep a consent alive.
    """
    live = [consent for consent in consents if consent.withdrawn_at is None and consent.given_at <= now]
    return sorted(live, key=lambda consent: (consent.given_at, consent.learnt), reverse=True)


def covering(live: Sequence[Consent], topic: Topic) -> list[Consent]:
    """Those of the consents that hold which speak of marketing calls on this topic and have their evidence (LAW 1.5,
    1.6): a general yes is none to claims or pensions, nor theirs to general calls, nor one to service calls to any."""
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


_SPEAKS_OF: Final = {Topic.CLAIMS: ("claim", "compensation"), Topic.PENSIONS: ("pension",)}
"""What the words of a consent must hold, one of these for each topic (LAW 1.6)."""


def unspoken(wording: str, topics: Collection[Topic]) -> list[Topic]:
    """Those of the topics of which the words agreed to say nothing: nobody agrees to calls about pensions by a general
    yes."""
    said = wording.casefold()
    return [
        topic for topic in Topic if topic in topics and not any(word in said for word in _SPEAKS_OF.get(topic, ("",)))
    ]


def standing_objection(objections: Sequence[Objection], live: Sequence[Consent]) -> Objection | None:
    """The objection that blocks, in the face of the consents that hold; None where there is none.

    PECR reg 21(1)(a), LAW 1.2, 1.7a: it blocks from the moment that the firm learns of it, whatever date it bears. Only
    a consent that was entered after it, and by name, lifts it. A consent is to some calls, so it lifts no objection to
    all of them: that one stands until its maker takes it back.
    """
    if not objections:
        return None
    wide = [each for each in objections if each.scope is Scope.ALL]
    newest = max(wide or objections, key=lambda objection: (objection.learnt, objection.made_at))
    return None if not wide and any(_lifts(consent, newest) for consent in live) else newest


def _lifts(consent: Consent, objection: Objection) -> bool:
    return consent.after_objection and consent.learnt > objection.learnt


def standing_withdrawal(consents: Sequence[Consent], live: Sequence[Consent]) -> Consent | None:
    """The withdrawn consent that blocks, listed or not; None where there is none.

    PECR reg 21(5), LAW 1.5: a withdrawal stands until a consent is given after it. That one must be the later by its
    own time, and entered later too.
    """
    withdrawn = [(consent.withdrawn_at, consent) for consent in consents if consent.withdrawn_at is not None]
    if not withdrawn:
        return None
    at = max(time for time, _ in withdrawn)
    learnt = max(consent.withdrawn_learnt for _, consent in withdrawn)
    if any(consent.given_at > at and consent.learnt > learnt for consent in live):
        return None
    return max(withdrawn, key=lambda each: (each[0], each[1].id))[1]


def last_consent(live: Sequence[Consent]) -> Consent | None:
    """The one that is relied on: the one last entered of those that lift an objection, else the newest by its time."""
    lifting = [consent for consent in live if consent.after_objection]
    return max(lifting, key=lambda consent: consent.learnt) if lifting else live[0] if live else None
