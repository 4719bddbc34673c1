"""A breach of personal data: what the register has of it, and the 72 hours for telling the authority (UK GDPR Art 33).

Two dates (LAW 7.1): the clock starts when the firm became aware, as it was entered with the breach, and that is never
changed. Whether the authority was told in time goes by the moment of entry: an earlier one is claimed, with a proof,
and shortens no delay. Late stays late, whatever risk somebody finds afterwards.

Regulation 5A of PECR is for providers of public communications services: a firm that makes calls is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import UNSET

from gate.core.facts.fact import Body
from gate.core.facts.gate import BreachAdded, BreachAssessed, BreachClosed, BreachNotified, BreachReplayed, BreachWords

HOURS: Final = 72
"""Art 33(1): after having become aware; nights and weekends count."""
WARN_HOURS: Final = 24
"""Hours before the deadline from which the warning is urgent."""


class Risk(StrEnum):
    """What the breach means for people (Art 33(1), 34(1))."""

    NOT_ASSESSED = "not_assessed"
    """Nobody has said yet: it counts as a risk."""
    UNLIKELY = "unlikely"
    """Unlikely to result in a risk: the authority need not be told."""
    RISK = "risk"
    HIGH = "high"
    """The people are told too (Art 34)."""


class Nature(StrEnum):
    """What happened to the data (Art 4(12))."""

    DISCLOSED = "disclosed"
    """Somebody saw or got it who may not: confidentiality."""
    CHANGED = "changed"
    """Integrity."""
    LOST = "lost"
    """Destroyed, lost or out of reach: availability."""


class Told(StrEnum):
    """Who is told of a breach."""

    AUTHORITY = "authority"
    PERSONS = "persons"


class Part(StrEnum):
    """What people write of a breach: Art 33(3) and 33(5), and the reasons for what was not done."""

    FACTS = "facts"
    EFFECTS = "effects"
    MEASURES = "measures"
    """Remedial action."""
    UNLIKELY = "unlikely"
    """Why a risk is unlikely."""
    LATE = "late"
    """Why the authority was not told within 72 hours (Art 33(1))."""
    NOT_TOLD = "not_told"
    """Why the people were not told of a high risk (Art 34(3))."""
    CLOSE = "close"


_DOCUMENTED: Final = (Part.FACTS, Part.EFFECTS, Part.MEASURES)
"""Art 33(5)."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Somebody was told: when, as it was claimed, and when that was entered."""

    at: datetime
    entered: datetime


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach, as far as the rules need to know it. Times are aware."""

    aware_at: datetime
    """When the firm became aware of it."""
    entered_at: datetime
    risk: Risk = Risk.NOT_ASSESSED
    told: Mapping[Told, Telling] = field(default_factory=dict)
    """The first telling of each."""
    parts: frozenset[Part] = frozenset()
    """What was written."""
    late: bool = False
    """The authority was to be told, and was not within 72 hours: no step makes that good."""
    closed_at: datetime | None = None

    @property
    def deadline(self) -> datetime:
        """The end of the 72 hours."""
        return self.aware_at + timedelta(hours=HOURS)

    @property
    def documented(self) -> bool:
        """Its facts, effects and measures stand in the register (Art 33(5))."""
        return self.parts.issuperset(_DOCUMENTED)

    @property
    def to_notify(self) -> bool:
        """The authority is to be told, and has not been."""
        return self.risk is not Risk.UNLIKELY and Told.AUTHORITY not in self.told

    def hours_left(self, now: datetime) -> int | None:
        """Whole hours to the deadline, below 0 after it; None where the authority need not be told any more."""
        if not self.to_notify or self.closed_at is not None:
            return None
        return (self.deadline - now) // timedelta(hours=1)

    def was_late(self, now: datetime) -> bool:
        """Whether the deadline passed while the authority was to be told."""
        return self.late or (self.to_notify and self.closed_at is None and now > self.deadline)

    def lacking(self) -> tuple[str, ...]:
        """What has to be done or written before it can be closed, in words."""
        found = [f"its {part.value}" for part in _DOCUMENTED if part not in self.parts]
        if self.risk is Risk.NOT_ASSESSED:
            found.append("the risk to people")
        if self.risk is Risk.UNLIKELY and Part.UNLIKELY not in self.parts:
            found.append("why a risk is unlikely")
        if self.to_notify and self.risk is not Risk.NOT_ASSESSED:
            found.append("the notification of the authority")
        if self.late and Told.AUTHORITY in self.told and Part.LATE not in self.parts:
            found.append("why the authority was not told within 72 hours")
        if self.risk is Risk.HIGH and Told.PERSONS not in self.told and Part.NOT_TOLD not in self.parts:
            found.append("whether the people were told, or why not")
        return tuple(found)

    def warning(self, now: datetime) -> str:
        """What whoever is responsible is warned of; empty where of nothing."""
        hours = self.hours_left(now)
        if self.closed_at is not None:
            return ""
        if hours is not None and hours < 0:
            return f"the 72 hours are over since {-hours} h: tell the authority, with the reasons for the delay"
        if hours is not None:
            return f"{'only ' if hours < WARN_HOURS else ''}{hours} h left to tell the authority"
        if self.risk is Risk.HIGH and Told.PERSONS not in self.told and Part.NOT_TOLD not in self.parts:
            return "a high risk: the people are to be told without delay"
        return ""


def _passed(breach: Breach, entered: datetime) -> Breach:
    """With what time did until something was entered."""
    return replace(breach, late=breach.was_late(entered))


def assessed(breach: Breach, risk: Risk, entered: datetime) -> Breach:
    """The breach with this risk for people; after the deadline that takes no delay away."""
    return replace(_passed(breach, entered), risk=risk)


def notified(breach: Breach, who: Told, at: datetime, entered: datetime) -> Breach:
    """The breach after somebody was notified. The first time counts; lateness goes by its entry."""
    after = _passed(breach, entered) if who is Told.AUTHORITY else breach
    return replace(after, told={who: Telling(at, entered)} | dict(after.told))


def written(breach: Breach, part: Part) -> Breach:
    """The breach after this part of its record was written."""
    return replace(breach, parts=breach.parts | {part})


def closed(breach: Breach, entered: datetime) -> Breach:
    """The breach after it was closed. Raises nothing: ask ``lacking`` first."""
    return replace(_passed(breach, entered), closed_at=entered)


# --- from its facts ---------------------------------------------------------------------------------------------------

Course = Sequence[tuple[datetime, Body | None]]
"""The facts of a breach in the order of the log: when each was entered, and its body; None where that was erased."""


def replayed(course: Course) -> Breach:
    """A breach as its facts make it."""
    first = course[0][1]
    assert isinstance(first, BreachAdded | BreachReplayed)  # noqa: S101 - no other fact begins one
    breach = Breach(datetime.fromisoformat(first.aware_at), course[0][0])
    for entered, body in course:
        if isinstance(body, BreachAssessed) and body.risk:
            breach = assessed(breach, Risk(body.risk), entered)
        elif isinstance(body, BreachNotified):
            breach = notified(breach, Told(body.who), datetime.fromisoformat(body.told_at), entered)
        elif isinstance(body, BreachWords):
            breach = written(breach, Part(body.part))
        elif isinstance(body, BreachClosed):
            breach = closed(breach, entered)
        elif isinstance(body, BreachReplayed):
            breach = _restored(breach, body)
    return breach


def _restored(breach: Breach, body: BreachReplayed) -> Breach:
    """Make a breach again from the journal."""
    tellings = {Told(who): Telling(*map(datetime.fromisoformat, times)) for who, times in body.told.items()}
    return replace(
        breach,
        entered_at=datetime.fromisoformat(body.entered_at),
        risk=Risk(body.risk),
        told=tellings,
        late=body.late,
        closed_at=datetime.fromisoformat(body.closed_at) if body.closed_at and not body.open_again else None,
    )


def restorable(course: Course) -> BreachReplayed:
    """Return the part of a breach that the memory journal keeps."""
    breach, first = replayed(course), course[0][1]
    assert isinstance(first, BreachAdded | BreachReplayed)  # noqa: S101 - as in ``replayed``
    people, records = counts(course)
    return BreachReplayed(
        reference=first.reference,
        aware_at=breach.aware_at.isoformat(),
        entered_at=breach.entered_at.isoformat(),
        nature=first.nature,
        people=UNSET if people is None else people,
        records=UNSET if records is None else records,
        risk=breach.risk.value,
        told={who.value: [each.at.isoformat(), each.entered.isoformat()] for who, each in sorted(breach.told.items())},
        late=breach.late,
        closed_at=breach.closed_at.isoformat() if breach.closed_at else UNSET,
    )


def together(store: BreachReplayed, journal: BreachReplayed) -> BreachReplayed:
    """A breach of which a store that was put back and the journal know different steps: no step is lost, and late stays
    late."""
    tellings = dict(store.told)
    for who, times in journal.told.items():
        tellings[who] = min(tellings.get(who, times), times, key=lambda each: datetime.fromisoformat(each[1]))
    return BreachReplayed(
        reference=store.reference,
        aware_at=store.aware_at,
        entered_at=store.entered_at,
        nature=store.nature,
        people=store.people if journal.people is UNSET else journal.people,
        records=store.records if journal.records is UNSET else journal.records,
        risk=store.risk if journal.risk == Risk.NOT_ASSESSED.value else journal.risk,
        told=dict(sorted(tellings.items())),
        late=store.late or journal.late,
        closed_at=journal.closed_at or store.closed_at,
    )


def counts(course: Course) -> tuple[int | None, int | None]:
    """About how many people and records it concerns, by the newest word; None: not known."""
    people: int | None = None
    records: int | None = None
    for _, body in course:
        if isinstance(body, BreachAdded | BreachAssessed | BreachReplayed):
            people = people if body.people is UNSET else body.people
            records = records if body.records is UNSET else body.records
    return people, records
