"""What the firm's own lists say of a number: which consents hold, and which word of the subscriber is the last.

The last word is by the order in which the firm learnt of them (LAW 1.7a), which is that of the log, not by the dates
that they bear: a clock that was off, or a date mistyped, can keep nobody callable.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, tzinfo
from typing import Final

from gate.core.retention import add_months
from gate.core.terms import Consent, Objection, Topic


def live_consents(consents: Sequence[Consent], now: datetime) -> list[Consent]:
    """Those that hold at ``now``, newest first: given by then, and never withdrawn (PECR reg 21(4), (5), LAW 1.5).

    A withdrawal that bears a later time counts at once: a clock that is off must not keep a consent alive.
    """
    live = [consent for consent in consents if consent.withdrawn_at is None and consent.given_at <= now]
    return sorted(live, key=lambda consent: (consent.given_at, consent.learnt), reverse=True)


def covering(live: Sequence[Consent], topic: Topic) -> list[Consent]:
    """Those of the consents that hold which speak of this topic and have their evidence (LAW 1.5, 1.6): a general yes
    is none to claims or pensions, nor theirs to general calls."""
    return [consent for consent in live if topic in consent.topics and consent.proven]


def expired(consent: Consent, now: datetime, months: int, timezone: tzinfo) -> bool:
    """True where a consent is too old: it holds up to the day before the one that its months come to (LAW 1.5)."""
    given = consent.given_at.astimezone(timezone).date()
    try:
        return now.astimezone(timezone).date() >= add_months(given, months)
    except ValueError:
        return True  # at the end of the calendar


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
    a consent that was entered after it, and by name, lifts it.
    """
    if not objections:
        return None
    newest = max(objections, key=lambda objection: (objection.learnt, objection.made_at))
    return None if any(_lifts(consent, newest) for consent in live) else newest


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
