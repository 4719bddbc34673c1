"""Tomorrow's list: what the gate would say of the contacts then, if nothing changes meanwhile."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from gate.core.days import LONDON
from gate.core.rows import Heading
from gate.core.rules import days_left
from gate.errors import UsageError
from gate.operations.contacts.bulk_screener import Outcome, bulk_screener
from gate.operations.contacts.rescreening import WHOSE_LIST, Contacts
from gate.operations.contacts.states import AT_ONCE, States
from gate.operations.data_folder import rules_of
from gate.operations.operation import LEADERS, Caller, Line, Request, Response, about, operation
from gate.operations.registers.in_force import states
from gate.store import contacts as rows

if TYPE_CHECKING:
    from gate.core.hours import Hours
    from gate.operations.data_folder import DataFolder

STEP_MINUTES: Final = 5
"""How close the opening of a day is found."""
NOON: Final = time(12)


class RegisterTomorrow(Response, frozen=True):
    """A register then, if no newer one is imported."""

    name: str
    as_of: Annotated[date | None, Heading("Edition")]
    days_left: int | None
    """0 on the last day on which it supports calls; below that it is stale."""


class ContactsThen(Response, frozen=True, kw_only=True):
    """The contacts on a day to come."""

    day: date
    at: Annotated[str, Heading("Screened for")]
    """The moment that they are screened for: when calling begins, or noon where the day is closed."""
    closed: Annotated[str, Heading("Closed because")]
    """Why nobody may be called on that day; empty where it is open."""
    contacts: int
    may_be_called: int
    reasons: Annotated[dict[str, int], Heading("What they would get")]
    """How many contacts would get each reason."""
    no_longer: Annotated[dict[str, int], Heading("May be called now, and not then")]
    """How many of those that may be called now, calling hours apart, may not be called then, by reason."""
    again: Annotated[int, Heading("May be called then, and not now")]
    """How many may be called then and may not now."""
    registers: list[RegisterTomorrow]


class ContactsForecast(Request[ContactsThen], frozen=True):
    """The contacts on a day to come."""

    day: Annotated[date | None, about("A day to come.", "Day", absent="tomorrow")] = None
    on_behalf_of: Annotated[Line, WHOSE_LIST] = ""


@operation(ContactsForecast, "contacts_forecast", roles=LEADERS)
def contacts_forecast(folder: DataFolder, asked: ContactsForecast, caller: Caller) -> ContactsThen:
    """Who will be closed, stale or listed: all contacts screened as of the moment at which that day's calling begins.
    Nothing is kept of it."""
    today = folder.today()
    day = asked.day or today + timedelta(days=1)
    if not today < day <= today + timedelta(days=366):
        raise UsageError(f"{day} is not a day within a year from now", hint="leave --day out for tomorrow")
    folder.one(Contacts).up_to_date()
    current = folder.one(Contacts).in_force(asked.on_behalf_of)
    if current is None:
        raise UsageError("there are no contacts", hint="first: dialgate contacts import FILE")
    at, closed = _opening(rules_of(folder.config).hours, day)
    known = folder.read(lambda reader: States(rows.states(reader, current.list)))
    screeners = [
        bulk_screener(
            folder.config,
            purpose="marketing",
            topic=current.topic,
            on_behalf_of=current.on_behalf_of,
            now=folder.clock.now(),
            at=moment,
            actor="gate",
            compared=True,
        )
        for moment in (None, at)
    ]
    counts = _Counts()
    for start in range(0, len(known.numbers), AT_ONCE):
        texts = [f"+{number}" for number in known.numbers[start : start + AT_ONCE].tolist()]
        now, then = (each.screen(texts).outcomes.tolist() for each in screeners)
        for before, after, weight in zip(now, then, known.weights[start : start + AT_ONCE].tolist(), strict=True):
            counts.add(screeners[0].outcomes[before], screeners[1].outcomes[after], weight)
    return ContactsThen(
        day=day,
        at=at.isoformat(),
        closed=closed,
        contacts=known.contacts,
        may_be_called=counts.allowed,
        reasons=counts.reasons,
        no_longer=counts.no_longer,
        again=counts.again,
        registers=[
            RegisterTomorrow(row.name, row.as_of, days_left(row.as_of, day) if row.as_of else None)
            for row in states(folder)
        ],
    )


class _Counts:
    """Contacts counted by what is said of them now and then."""

    def __init__(self) -> None:
        self.allowed = self.again = 0
        self.reasons: dict[str, int] = {}
        self.no_longer: dict[str, int] = {}

    def add(self, now: Outcome, then: Outcome, contacts: int) -> None:
        """Count so many contacts with these outcomes."""
        self.reasons[then.reason] = self.reasons.get(then.reason, 0) + contacts
        if then.verdict == "allow":
            self.allowed += contacts
            self.again += contacts * (now.verdict != "allow")
        elif now.verdict == "allow":
            self.no_longer[then.reason] = self.no_longer.get(then.reason, 0) + contacts


def _opening(hours: Hours, day: date) -> tuple[datetime, str]:
    """When calling begins on a day, and why it does not; then noon."""
    midnight = datetime.combine(day, time())
    for minute in range(0, 24 * 60, STEP_MINUTES):
        local = (midnight + timedelta(minutes=minute)).replace(tzinfo=LONDON)
        if hours.open_at(local):
            return local, ""
    noon = datetime.combine(day, NOON, LONDON)
    return noon, hours.why_closed(noon).replace("today is", "it is")
