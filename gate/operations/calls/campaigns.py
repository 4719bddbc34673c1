"""Campaigns and their abandoned calls: the rate of a day, stops and who ends them, and what phone systems report of
calls that they dial by themselves (``gate.core.abandoned``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import UNSET

from gate.core.abandoned import Tally, Why, caller_of
from gate.core.days import london_day, midnight, short_day
from gate.core.facts.calls import Abandoned, OutcomeReported
from gate.core.facts.gate import CampaignReleased
from gate.core.rows.month import CampaignHour, CampaignRate, CampaignStop
from gate.core.rules import AbandonedLimits
from gate.core.terms import many
from gate.errors import UsageError
from gate.operations.operation import (
    ADMINS,
    EVERYBODY,
    KEEPERS,
    AsOf,
    Caller,
    Line,
    Note,
    Request,
    Response,
    about,
    operation,
)
from gate.store import figures

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

REPORT_DAYS: Final = 2
"""Days after its decision within which the outcome of a call may be reported."""


def rates(hours: Iterable[CampaignHour], bounds: AbandonedLimits) -> list[CampaignRate]:
    """The rate of each campaign, and of each caller with several as a whole (``campaign`` is empty), by caller."""
    of: dict[tuple[str, str], list[CampaignHour]] = defaultdict(list)
    for each in hours:
        of[each.claimed_by or "unknown", each.campaign].append(each)
    for caller in {caller for caller, _ in of}:
        several = [rows for (whose, _), rows in of.items() if whose == caller]
        if len(several) > 1:
            of[caller, ""] = [row for rows in several for row in rows]
    return [_rate(*key, rows, bounds) for key, rows in sorted(of.items())]


def _rate(caller: str, campaign: str, rows: Sequence[CampaignHour], bounds: AbandonedLimits) -> CampaignRate:
    days: dict[str, Tally] = defaultdict(Tally)
    for row in rows:
        day = london_day(f"{row.hour}:00Z").isoformat()  # London's clock is ahead by whole hours only
        days[day] = Tally(days[day].abandoned + row.abandoned, days[day].live + row.live)
    high = {day: tally for day, tally in days.items() if tally.reaches(bounds.alarm_percent, bounds.least)}
    worst = max(high, key=lambda day: (high[day].percent or 0.0, day), default=None)
    return CampaignRate(
        claimed_by=caller,
        campaign=campaign,
        abandoned=sum(row.abandoned for row in rows),
        live=sum(row.live for row in rows),
        percent=Tally(sum(row.abandoned for row in rows), sum(row.live for row in rows)).percent,
        informed=sum(row.informed for row in rows),
        left=sum(row.left for row in rows),
        unknown=sum(row.unknown for row in rows),
        worst_day=worst,
        worst_percent=high[worst].percent if worst else None,
    )


def rates_of_day(folder: DataFolder, day: date) -> list[CampaignRate]:
    """Those of a day of London."""
    hours = folder.read(lambda tx: figures.campaigns(tx, midnight(day), midnight(day + timedelta(days=1))))
    return rates(hours, folder.screener.rules.abandoned)


def over_alarm(folder: DataFolder, today: Sequence[CampaignRate]) -> list[CampaignRate]:
    """The campaigns, and callers as a whole, whose rate of today has reached the alarm."""
    bounds = folder.screener.rules.abandoned
    return [row for row in today if Tally(row.abandoned, row.live).reaches(bounds.alarm_percent, bounds.least)]


def standing(folder: DataFolder) -> list[CampaignStop]:
    """The stops that nobody has released."""
    return folder.read(figures.campaign_stops)


def _named(caller: str, campaign: str) -> str:
    return f"{caller}, campaign {campaign}" if campaign else f"{caller}, all campaigns"


def campaign_warnings(folder: DataFolder) -> list[str]:
    """A sentence for each stop that stands, each campaign over the alarm, and each whose rate rests on too little."""
    today, least = rates_of_day(folder, folder.today()), folder.screener.rules.abandoned.least
    stopped = [
        f"{_named(stop.claimed_by or '', stop.campaign or '')}: stopped, {stop.abandoned:,} of "
        f"{stop.abandoned + stop.live:,} who answered on {short_day(date.fromisoformat(stop.day))} found nobody. "
        f"dialgate campaign release {stop.id}"
        for stop in standing(folder)
    ]
    over = [
        f"{_named(row.claimed_by, row.campaign)}: {row.percent:g} % of those who answered today found nobody "
        f"({row.abandoned:,} of {row.abandoned + row.live:,}), and {row.informed:,} of them were told who called. "
        "dialgate campaign list"
        for row in over_alarm(folder, today)
    ]
    unknown = [
        f"{_named(row.claimed_by, row.campaign)}: nothing is reported of {many(row.unknown, 'call')} today, so how "
        "many found nobody is not known: dialgate manual abandoned-calls"
        for row in today
        if row.campaign and row.unknown >= max(row.abandoned + row.live, least)
    ]
    return [*stopped, *over, *unknown]


class Campaigns(Response, frozen=True, kw_only=True):
    """The campaigns of a day."""

    day: date
    items: list[CampaignRate]
    stops: list[CampaignStop]
    """Those that stand now, whatever the day."""


class CampaignsList(Request[Campaigns], frozen=True, kw_only=True):
    """The rates of a day."""

    day: Annotated[date | None, about("The day, of London.", metavar="DAY", absent="today")] = None
    as_of: AsOf = None


@operation(CampaignsList, "campaigns_list", roles=EVERYBODY)
def campaigns_list(folder: DataFolder, asked: CampaignsList, caller: Caller) -> Campaigns:
    """Abandoned and live calls of each campaign on a day, and the campaigns that are stopped. No number is shown."""
    day = asked.day or folder.today()
    return Campaigns(day=day, items=rates_of_day(folder, day), stops=standing(folder))


class Released(Response, frozen=True, kw_only=True):
    """A campaign may go on."""

    id: str
    claimed_by: str
    campaign: str


class CampaignsRelease(Request[Released], frozen=True, kw_only=True):
    """Let a campaign that was stopped go on."""

    id: Annotated[Line, about("Id of the stop, as `dialgate campaign list` shows it.", metavar="ID")]
    why: Annotated[Note, about("What was found and done; kept in the log.", eg=("two more agents sit down",))]


@operation(CampaignsRelease, "campaigns_release", roles=KEEPERS, final=True)
def campaigns_release(folder: DataFolder, asked: CampaignsRelease, caller: Caller) -> Released:
    """End the stop of a campaign: who, when and why is kept. Only its calls from then on count for another one."""
    why = asked.why.strip()
    if not why:
        raise UsageError("a stop ends for a reason only", hint="Say what was found, and what was done.")

    def work(tx: StoreTransaction) -> CampaignStop:
        stop = next((each for each in figures.campaign_stops(tx) if each.id == asked.id), None)
        if stop is None:
            raise UsageError(f"no stop {asked.id} stands", hint="See: dialgate campaign list")
        tx.append(folder.fact(CampaignReleased(why=why), stop.id, caller.actor))
        return stop

    stop = folder.store.call(work)
    return Released(id=stop.id, claimed_by=stop.claimed_by or "", campaign=stop.campaign or "")


class CallOutcome(StrEnum):
    """What became of a call that a phone system has dialled itself."""

    LIVE = "live"
    """A person answered, and an agent took the call."""
    ABANDONED = "abandoned"
    """A person answered, and found nobody: what an answering-machine detector took wrongly for a machine, too."""
    MACHINE = "machine"
    """A machine answered."""
    UNANSWERED = "unanswered"


class OutcomeKept(Response, frozen=True, kw_only=True):
    """It is in the log."""

    decision_id: str
    outcome: str


class CallsOutcome(Request[OutcomeKept], frozen=True, kw_only=True):
    """What became of a call that was asked about and dialled elsewhere."""

    decision_id: Annotated[Line, about("The `decision_id` of the answer that let it through.", metavar="ID")]
    outcome: Annotated[CallOutcome, about("What became of it.")]
    informed: Annotated[
        bool,
        about(
            "For an abandoned call: within two seconds they heard who called and a number to ring, and no marketing."
        ),
    ] = False


@operation(CallsOutcome, "calls_outcome", roles=ADMINS)
def calls_outcome(folder: DataFolder, asked: CallsOutcome, caller: Caller) -> OutcomeKept:
    """Keep what a phone system says of a call that it dialled itself. It counts for its campaign on the day on which it
    was decided, once and for all.

    Raises ``UsageError`` where the gate has seen the call itself, or was told of it, or it is too long ago.
    """
    now = folder.clock.now()

    def work(tx: StoreTransaction) -> None:
        call = figures.reportable(tx, asked.decision_id)
        if call is None or caller_of(call.asked_by or caller.actor) != caller_of(caller.actor):
            raise UsageError(
                f"no call {asked.decision_id} waits for an outcome of yours",
                hint="Report each call once, that was let through and that you dialled yourself.",
            )
        if not timedelta(0) <= now - call.decided < timedelta(days=REPORT_DAYS):
            raise UsageError(
                f"call {asked.decision_id} was decided more than {REPORT_DAYS} days ago", hint="Report the same day."
            )
        answered = asked.outcome in (CallOutcome.LIVE, CallOutcome.ABANDONED)
        body = OutcomeReported(outcome=asked.outcome.value, answered_at=call.decided.isoformat() if answered else UNSET)
        tx.append(folder.fact(body, asked.decision_id, caller.actor))
        if asked.outcome is CallOutcome.ABANDONED:
            lacks = "" if asked.informed else "reported"
            found = Abandoned(why=Why.REPORTED.value, informed=asked.informed, lacks=lacks)
            fact = folder.fact(found, asked.decision_id, caller.actor)
            tx.append(fact)
            folder.screener.judge(tx, fact)

    folder.store.call(work)
    return OutcomeKept(decision_id=asked.decision_id, outcome=asked.outcome.value)
