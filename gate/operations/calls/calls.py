"""Attempts and calls: found, shown with every fact, proven as a ladder. A number in full, which leaves a leaf. The
recording of a call that goes on, paused and resumed by somebody who does not take part in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from gate.core.call_words import HangUpAsked, PauseAsked
from gate.core.days import LONDON, midnight
from gate.core.evidence import Node, log_of, stamp
from gate.core.facts.derived import personal
from gate.core.facts.gate import ManyLookups
from gate.core.facts.retention import NumberShown
from gate.core.ladder import Ladder, rungs
from gate.core.rows.audit import LeafProof, ProvenFact
from gate.core.rows.calls import AgentRow, CallRow, CallShown, ReasonCount, TrendHour
from gate.core.rows.lists import RegisterInForce
from gate.core.terms import Reason, many
from gate.errors import UsageError
from gate.exports import page
from gate.operations.contacts.pages import find_contact
from gate.operations.data_folder import rules_of
from gate.operations.operation import (
    EVERYBODY,
    FLOOR,
    LEADERS,
    READERS,
    AsOf,
    Back,
    Caller,
    Line,
    Masked,
    Moment,
    Note,
    Number,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
    sorted_by,
)
from gate.operations.parsing import number_of
from gate.operations.registers.in_force import RegisterStatus, register_status
from gate.showing import local
from gate.store import figures, past, queries, search, slices
from gate.store.queries import IS_ATTEMPT
from gate.store.reader import Reader

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.queries import Source
    from gate.store.transaction import StoreTransaction


TREND_DAYS: Final = 31
_MANY: Final = """
SELECT actor, max(CAST(json_extract(body, '$.count') AS INTEGER)) AS count, max(at) AS at FROM facts
WHERE kind = ? AND at > ? AND body IS NOT NULL GROUP BY actor ORDER BY actor
"""


class CallsList(Paged[Page[CallRow]], frozen=True, kw_only=True):
    """A page of the calls."""

    before: Back = None
    number: Annotated[
        Number | None, about("Only those to this number. A viewer finds calls by the part of the number that is shown.")
    ] = None
    reason: Annotated[
        Line | None, about("Only those decided for this reason, e.g. listed_tps.", eg=("listed_tps",), metavar="CODE")
    ] = None
    text: Annotated[
        Line | None,
        about(
            "Only those that fit: a number or its beginning, a word of a reason, who called, an id. All words must fit."
        ),
    ] = None
    since: Annotated[Moment | None, about("Asked for at this time or later, e.g. yesterday, 25/11, '25/11 14:00'.")] = (
        None
    )
    until: Annotated[Moment | None, about("Asked for before this time, or before this day began.")] = None
    agent: Annotated[
        Line | None, about("Only those that an account or PBX asked for, e.g. alice.", eg=("alice",), metavar="NAME")
    ] = None
    sort: Annotated[Line | None, sorted_by("at", "agent", "reason", "seconds")] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(CallsList, "calls_list", roles=EVERYBODY)
def calls_list(folder: DataFolder, asked: CallsList, caller: Caller) -> Page[CallRow]:
    """Every attempt, newest first or sorted.

    Read beside the store: whoever scrolls through a million calls keeps no decision waiting.
    """
    number = number_of(asked.number) if asked.number else None
    if asked.since and asked.until and asked.since >= asked.until:
        raise UsageError("the period ends before it begins", hint="the first time is earlier than the second")

    def read(tx: Source) -> Page[CallRow]:
        return search.calls_window(
            tx,
            asked.after,
            asked.before,
            asked.limit,
            number,
            asked.reason,
            asked.text,
            since=asked.since,
            until=asked.until,
            agent=asked.agent,
            sort=asked.sort,
        )

    return folder.read(read)


class CallsShow(Request[CallShown], frozen=True, kw_only=True):
    """One call with all its facts."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    masked: Masked = False
    as_of: AsOf = None


@operation(CallsShow, "calls_show", roles=EVERYBODY)
def calls_show(folder: DataFolder, asked: CallsShow, caller: Caller) -> CallShown:
    """One attempt with its facts, leaves and recordings."""
    shown = folder.store.call(lambda tx: queries.call(tx, asked.call_id))
    if shown is None:
        raise UsageError(f"there is no call {asked.call_id}", hint="See: dialgate calls list")
    emptied = [fact.leaf_index for fact in shown.facts if fact.body is None]
    if not emptied:
        return shown
    with Reader(folder.place) as now:
        return replace(shown, erased=tuple(past.erasures_of(now, emptied)))


# --- with proofs -----------------------------------------------------------------------------------------------------

MOST_LEAVES: Final = 500
"""Leaves of one ladder."""


class CallsProve(Request[Ladder], frozen=True, kw_only=True):
    """The leaves of a call, each with its proof, as a ladder between phones, gate and carrier."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[
        Note,
        about(
            "Why the number and what people wrote are to be in it; kept in the log. Left out without one.",
            "Why numbers are to be in it (empty: they are left out)",
            eg=("complaint 17 to the Commissioner",),
        ),
    ] = ""


@operation(CallsProve, "calls_prove", roles=READERS)
def calls_prove(folder: DataFolder, asked: CallsProve, caller: Caller) -> Ladder:
    """Hand out the leaves of a call with proofs that they are in the signed log; the log is signed first where no
    checkpoint is over all of them. Values that may name a person are left out, unless a reason is given: that is kept
    in the log before they are read."""
    shown = folder.read(lambda reader: queries.call(reader, asked.call_id))
    if shown is None:
        raise UsageError(f"there is no call {asked.call_id}", hint="See: dialgate calls list")
    log = log_of(shown.call.leaf_index)
    if log != folder.config.store.log:
        raise UsageError(
            f"call {asked.call_id} is in log {log}, which another gate signs",
            hint=f"Ask the gate with [store] log = {log}",
        )
    if why := asked.why.strip():
        folder.keep(NumberShown(sort=Kind.CALL, why=why, reference=UNSET), asked.call_id, caller.actor)
    facts = shown.facts[:MOST_LEAVES]

    last = facts[-1].leaf_index
    signed = folder.read(lambda reader: slices.signed_over(reader, last)) or folder.log.checkpoint()

    def proven(reader: Reader) -> list[LeafProof]:
        node, found = slices.nodes(reader), slices.of_call(reader, asked.call_id, last)
        return [_leaf(row, signed.size, node, numbers=bool(why)) for row in found]

    return Ladder(
        call_id=asked.call_id,
        firm=folder.config.firm.legal_name,
        rungs=rungs(facts),
        evidence=page.evidence(signed.note, folder.bundles.vkey().vkey, folder.read(proven)),
        numbers=bool(why),
    )


def _leaf(row: ProvenFact, size: int, node: Node, *, numbers: bool) -> LeafProof:
    body = json.loads(row.body) if row.body else {}
    shown = numbers or not any(body.get(name) for name in personal(row.kind))
    return page.leaf(
        row.leaf_index,
        size,
        node,
        leaf=row.leaf,
        salt=row.salt if shown else None,
        body=row.body if shown else None,
    )


# --- counted -------------------------------------------------------------------------------------------------------

_BY_REASON: Final = f"""
SELECT claimed_by, verdict, reason, count(*) AS attempts FROM calls
WHERE at >= ? AND at < ? AND (CAST(? AS TEXT) IS NULL OR claimed_by = ?) AND {IS_ATTEMPT}
GROUP BY claimed_by, verdict, reason ORDER BY attempts DESC, claimed_by NULLS FIRST, reason
"""  # noqa: S608 - the code's own


class ReasonCounts(Response, frozen=True):
    """Attempts by caller and reason, most first."""

    items: list[ReasonCount]


class CallsReasons(Request[ReasonCounts], frozen=True, kw_only=True):
    """Attempts by caller and reason in a period."""

    since: Annotated[Moment, about("From this time on, e.g. today.")]
    until: Annotated[Moment | None, about("Before this time, or before this day began.", absent="now")] = None
    claimed_by: Annotated[
        Line | None,
        about("Only those of one account or PBX, e.g. account:alice.", eg=("account:alice",), metavar="CALLER"),
    ] = None
    as_of: AsOf = None


@operation(CallsReasons, "calls_reasons", roles=LEADERS)
def calls_reasons(folder: DataFolder, asked: CallsReasons, caller: Caller) -> ReasonCounts:
    """Count attempts by caller and reason. No number is shown."""
    since, until = _period(folder, asked.since, asked.until)
    return ReasonCounts(reason_counts(folder, since, until, asked.claimed_by))


def reason_counts(
    folder: DataFolder, since: datetime, until: datetime, claimed_by: str | None = None
) -> list[ReasonCount]:
    """Attempts by caller and reason, most first, in times of UTC."""
    values = [stamp(since), stamp(until), claimed_by, claimed_by]
    return folder.read(lambda tx: tx.rows(ReasonCount, _BY_REASON, values))


class By(StrEnum):
    """What attempts are counted by."""

    AGENT = "agent"
    REASON = "reason"


class Trend(Response, frozen=True):
    """Attempts by hour, the oldest first."""

    items: list[TrendHour]


class CallsTrend(Request[Trend], frozen=True, kw_only=True):
    """Attempts and refusals hour by hour."""

    since: Annotated[Moment, about("From this time on, e.g. monday; 31 days at most.")]
    until: Annotated[Moment | None, about("Before this time, or before this day began.", absent="now")] = None
    by: Annotated[By, about("Count by who asked, or by the reason of the decision.")] = By.AGENT
    as_of: AsOf = None


@operation(CallsTrend, "calls_trend", roles=LEADERS)
def calls_trend(folder: DataFolder, asked: CallsTrend, caller: Caller) -> Trend:
    """Count attempts and refusals by hour of UTC, and by agent or reason. No number is shown."""
    since, until = _period(folder, asked.since, asked.until)
    if until - since > timedelta(days=TREND_DAYS):
        raise UsageError(f"that is more than {TREND_DAYS} days", hint="ask for a month at most")
    of: Literal["claimed_by", "reason"] = "claimed_by" if asked.by is By.AGENT else "reason"
    return Trend(folder.read(lambda tx: figures.trend(tx, of, since, until)))


def _period(folder: DataFolder, since: datetime, until: datetime | None) -> tuple[datetime, datetime]:
    end = until or folder.clock.now()
    if since >= end:
        raise UsageError("the period ends before it begins", hint="--since is earlier than --until")
    return since.astimezone(UTC), end.astimezone(UTC)


# --- agents ----------------------------------------------------------------------------------------------------------


class AgentsNow(Response, frozen=True):
    """Every account and PBX, those that asked most first."""

    items: list[AgentRow]


class CallsAgents(Request[AgentsNow], frozen=True):
    """How each agent is doing today."""


@operation(CallsAgents, "calls_agents", roles=EVERYBODY)
def calls_agents(folder: DataFolder, asked: CallsAgents, caller: Caller) -> AgentsNow:
    """Show who calls today: attempts, refusals, how many in a row and why, and whether the next call may be made."""
    now, config = folder.clock.now(), folder.config
    asking = {row.claimed_by: row for row in folder.read(lambda tx: figures.agents(tx, midnight(folder.today())))}
    used = {each.claimed_by: each for each in folder.gate.counts().usage}
    in_hand = Counter(each.claimed_by for each in folder.gate.calls())
    shut = next(iter(not_ready(folder)), None)
    if shut is None and not rules_of(config).hours.open_at(now.astimezone(LONDON)):
        shut = Reason.OUTSIDE_HOURS.value
    names = [*(f"account:{each.username}" for each in config.account), *(f"trunk:{each.name}" for each in config.pbx)]
    rows = [
        replace(
            asking.get(name) or AgentRow(claimed_by=name),
            calls_now=in_hand[name],
            next=used[name].refused or shut if name in used else shut,
        )
        for name in dict.fromkeys((*names, *asking))
    ]
    return AgentsNow(sorted(rows, key=lambda row: (-row.attempts, row.claimed_by)))


def not_ready(folder: DataFolder, registers: Sequence[RegisterInForce] | None = None) -> tuple[str, ...]:
    """Why marketing calls are refused now, whoever makes them and whatever number it is: reason codes, each once."""
    found = [*folder.gate.unready()]
    if registers is None:
        registers = register_status(folder, RegisterStatus(), Caller("gate")).registers
    if wrong := folder.trust.reason:
        found.append(wrong.value)
    for each in registers:
        if each.state != "ok":
            found.append(f"register_{each.state}")
        elif each.days_left is None or each.days_left < 0:
            found.append(Reason.REGISTER_STALE.value)
    return tuple(dict.fromkeys(found))


# --- a number in full ----------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What has a number."""

    CALL = "call"
    OBJECTION = "objection"
    CONSENT = "consent"
    HOLD = "hold"
    CONTACT = "contact"
    REQUEST = "request"


class Revealed(Response, frozen=True):
    """The number, in E.164."""

    number: str


class Reveal(Request[Revealed], frozen=True, kw_only=True):
    """A number in full."""

    kind: Annotated[Kind, about("What holds the number.")]
    id: Annotated[Line, about("Its id.", metavar="ID")]
    why: Annotated[
        Note,
        about(
            "The reason; it is kept in the log before the number is shown.",
            "Why, kept in the log",
            eg=("complaint 17",),
        ),
    ]


@operation(Reveal, "reveal", roles=READERS)
def reveal(folder: DataFolder, asked: Reveal, caller: Caller) -> Revealed:
    """Show the number of a call, an objection, … in full. Who saw it, and why, is logged before the answer."""
    kind = asked.kind
    if not asked.why.strip():
        raise UsageError("a number is shown for a reason only", hint="Say why: a callback, complaint 17, …")

    def look(tx: Source) -> str:
        found = search.number_of(tx, kind, asked.id)
        if found is None:
            raise UsageError(f"there is no {kind} {asked.id}", hint="Look it up in its list.")
        if not found:
            raise UsageError(f"{kind} {asked.id} has no number: it was erased, or never was one")
        return found

    # A contact is found by walking its list, which no decision may wait for; and its id is the CRM's own, which may be
    # anything: it is logged in the body, where it can be erased.
    contact = kind is Kind.CONTACT
    named = find_contact(folder, asked.id) if contact else None
    reference = named.reference if named else asked.id
    found: str = named.number if named else folder.read(look) if contact else ""

    def work(tx: StoreTransaction) -> str:
        number = found if contact else look(tx)
        body = NumberShown(sort=kind, why=asked.why, reference=reference if contact else UNSET)
        tx.append(folder.fact(body, kind if contact else asked.id, caller.actor))
        return number

    return Revealed(folder.store.call(work))


def lookup_warnings(folder: DataFolder) -> list[str]:
    """Who looked up many numbers within an hour, told for a day after: a sentence each."""
    since = stamp(folder.clock.now() - timedelta(days=1))
    return [
        f"{actor} looked up {many(count, 'number')} within an hour, at {local(at)}. Ask why."
        for actor, count, at in folder.read(
            lambda tx: tx.values(tuple[str, int, str], _MANY, [ManyLookups.kind, since])
        )
    ]


class Kept(Response, frozen=True, kw_only=True):
    """Whether the call is recorded from now on."""

    call_id: str
    paused: bool


MOST_PAUSED: Final = 900
"""Seconds of a pause that has a bound."""


class CallsPause(Request[Kept], frozen=True, kw_only=True):
    """Keep nothing of a call that goes on, until it is resumed or over."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[Note, about("Why; kept in the log.", "Why, kept in the log", eg=("a bank card is read out",))]
    seconds: Annotated[
        int,
        msgspec.Meta(ge=0, le=MOST_PAUSED),
        about(
            "Record again by itself after so many seconds, whatever becomes of who asked; 0: when somebody resumes, "
            "or the call ends. A pause with a bound can be given another one while it lasts.",
            "Seconds, then it is recorded again (0: no bound)",
            eg=("90",),
            metavar="SECONDS",
        ),
    ] = 0


class CallsResume(Request[Kept], frozen=True, kw_only=True):
    """Record again what was paused so."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[Note, about("Why; kept in the log.", "Why, kept in the log", eg=("the bank card is read out",))]


@operation(CallsPause, "calls_pause", roles=FLOOR, running=True)
def calls_pause(folder: DataFolder, asked: CallsPause, caller: Caller) -> Kept:
    """Pause the recording of a call in hand: silence in its place, and a leaf that says who, why and how long."""
    return _asked(folder, asked.call_id, True, caller, asked.why, asked.seconds)


@operation(CallsResume, "calls_resume", roles=FLOOR, running=True)
def calls_resume(folder: DataFolder, asked: CallsResume, caller: Caller) -> Kept:
    """Resume a recording that was paused so. What the agent has paused by keys, the agent alone resumes."""
    return _asked(folder, asked.call_id, False, caller, asked.why)


class HungUp(Response, frozen=True, kw_only=True):
    """The call that was asked to end."""

    call_id: str


class CallsHangUp(Request[HungUp], frozen=True, kw_only=True):
    """End a call that goes on."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[Note, about("Why; kept in the log.", "Why, kept in the log", eg=("the customer is shouted at",))]


@operation(CallsHangUp, "calls_hang_up", roles=FLOOR, running=True)
def calls_hang_up(folder: DataFolder, asked: CallsHangUp, caller: Caller) -> HungUp:
    """Hang up a call in hand, for both parties; a leaf keeps who and why. Never an emergency call."""
    why = _reason(asked.why, "a call is hung up")
    _done(asked.call_id, "hung up", folder.gate.hang_up(asked.call_id, HangUpAsked(caller.actor, why)))
    return HungUp(call_id=asked.call_id)


def _asked(folder: DataFolder, call_id: str, pause: bool, caller: Caller, why: str, seconds: int = 0) -> Kept:
    asked = PauseAsked(pause, caller.actor, _reason(why, "a recording is paused and resumed"), seconds)
    _done(call_id, "paused" if pause else "resumed", folder.gate.pause(call_id, asked))
    return Kept(call_id=call_id, paused=pause)


def _reason(why: str, act: str) -> str:
    if not why.strip():
        raise UsageError(f"{act} for a reason only", hint="Say why: the log keeps it.")
    return why.strip()


def _done(call_id: str, word: str, why_not: str) -> None:
    if why_not:
        raise UsageError(
            f"call {call_id} is not {word}: {why_not}",
            hint="See the calls in hand: dialgate status --json, or Live in the console",
        )
