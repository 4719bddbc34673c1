"""Facts of the register of breaches (UK GDPR Art 33(5)). Its course holds times, codes and counts, and stays; what
people wrote stands in facts of its own, so that it can be erased and the course still be told."""

from __future__ import annotations

from msgspec import UNSET

from gate.core.facts.fact import Body, Code, Id, Maybe, Subject, Term, Time, Words, fact


@fact("breach_added", Subject.BREACH)
class BreachAdded(Body, frozen=True, kw_only=True):
    """Somebody became aware of a breach."""

    reference: Code
    """``BR-2026-0001``."""
    aware_at: Time
    nature: list[Code]
    """``disclosed``, ``changed``, ``lost``."""
    people: Maybe[int] = UNSET
    """About how many; missing: not known."""
    records: Maybe[int] = UNSET


@fact("breach_assessed", Subject.BREACH)
class BreachAssessed(Body, frozen=True, kw_only=True):
    """What it means for people, and how many they are; what is missing stays as it was."""

    risk: Maybe[Code] = UNSET
    people: Maybe[int] = UNSET
    records: Maybe[int] = UNSET


@fact("breach_words", Subject.BREACH, term=Term.REQUESTS)
class BreachWords(Body, frozen=True, kw_only=True):
    """What was written of it; the newest of a part counts."""

    part: Code
    text: Words


@fact("breach_notified", Subject.BREACH)
class BreachNotified(Body, frozen=True, kw_only=True):
    """The authority, or the people, were told."""

    who: Code
    told_at: Time
    """As it was claimed; the fact's own time is when it was entered."""
    evidence: Code
    evidence_kind: Code
    evidence_sha256: Maybe[Id] = UNSET


@fact("breach_closed", Subject.BREACH)
class BreachClosed(Body, frozen=True, kw_only=True):
    """Nothing is left to do about it."""
