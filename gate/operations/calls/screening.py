"""May this number be dialled? Asked by people, and by phone systems that dial by themselves.

A check is what a command asks for cold: nothing here imports more than a decision needs.

The log keeps what was screened beside the gate, too (``dialgate screen``): ``Screened``.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from gate.config.policy import announcement_gaps
from gate.core.abandoned import caller_of, campaign_named
from gate.core.facts import Fact
from gate.core.facts import lists as facts
from gate.core.facts.calls import Ended
from gate.core.numbers import NumberRefused, parse
from gate.core.rows.lists import RegisterIdentity
from gate.core.rules import cost
from gate.core.screening import decision_fact
from gate.core.terms import Attempt, Decision, Purpose, Reason, SubscriberKind, Topic, opt_in
from gate.errors import RefusedError, StoreError, UsageError
from gate.log import Logger
from gate.operations.operation import (
    ADMINS,
    KEEPERS,
    LEADERS,
    Caller,
    Line,
    Moment,
    Number,
    Request,
    Response,
    about,
    operation,
)
from gate.store.queries import ends_nothing

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


log = Logger()

Origin = dict[str, str]
"""Where a question comes from: ``source`` is ``ask``, ``asked_by`` the token and the address, whatever account the call
is for."""


WHAT_ABOUT: Final = f"What a marketing call is about; {opt_in('and')} need the person's own consent."


ON_BEHALF_OF: Final = about(
    "The instigator that it is for, as [[instigator]] names it.", absent="the account's, if any"
)


class RegisterFinding(Response, frozen=True, kw_only=True):
    """What one register says: part of a verdict."""

    name: str
    state: str
    as_of: date | None
    days_left: int | None
    sha256: str
    covered: bool
    """The number is within the coverage of its licence."""


class VerdictThen(Response, frozen=True, kw_only=True):
    """The answer that the gate would give at a time."""

    at: datetime
    verdict: str
    """``allow`` or ``block``."""
    reason: str


class Checked(Response, frozen=True, kw_only=True):
    """The answer that the gate would give."""

    number: str
    """E.164; empty for what is no number."""
    verdict: str
    """``allow`` or ``block``."""
    reason: str
    explanation: str
    kind: str = ""
    """``geographic``, ``mobile``, … (``gate.core.numbers.Kind``); empty for what is no number."""
    cost: str = ""
    """What sort of charge the call is: ``standard``, ``mobile``, ``free``, ``service_charge``, ``premium``, ``varies``,
    ``international``."""
    jurisdiction: str = ""
    """``GB``, ``JE``, ``GG``, ``IM``, or another country's code."""
    registers: list[RegisterFinding]
    consent_id: str | None
    objection_id: str | None
    subscriber: str = ""
    """The kind of subscriber, where that is noted: ``individual`` or ``corporate``."""
    subscriber_since: date | None = None
    """The day since when it is theirs: consents from before do not count."""
    topic_rule: str = ""
    """The row of the table of topics that refuses it, with its law and its day; empty where none does."""
    warnings: list[str] = msgspec.field(default_factory=list)
    """What is wrong with the announcement that whoever is called would hear, on a live gate."""
    then: list[VerdictThen] = msgspec.field(default_factory=list)
    """At each of the ``times`` that were asked for."""


class Check(Request[Checked], frozen=True, kw_only=True):
    """May this number be dialled, now or at a time?"""

    number: Number
    purpose: Annotated[Purpose, about("What the call is for.")] = Purpose.MARKETING
    topic: Annotated[Topic, about(WHAT_ABOUT)] = Topic.GENERAL
    on_behalf_of: Annotated[Line, ON_BEHALF_OF] = ""
    at: Annotated[Moment | None, about("As if it were called then.", absent="now")] = None
    times: Annotated[
        list[Moment],
        msgspec.Meta(max_length=120),
        about("Also give the verdict as if it were called then; may be repeated.", metavar="TIME"),
    ] = msgspec.field(default_factory=list)


@operation(Check, "check", roles=LEADERS)
def check(folder: DataFolder, asked: Check, caller: Caller) -> Checked:
    """May this number be dialled? Nothing is dialled and nothing is logged."""
    now = asked.at.astimezone(UTC) if asked.at else folder.clock.now()
    folder.screener.prepare()
    attempt = _attempt(folder, asked, asked.purpose, asked.topic, "", caller.actor)

    def decision(now: datetime) -> Decision:  # each by itself: no call waits for all of them
        return folder.store.call(lambda tx: folder.screener.check(tx, attempt, now))

    def then(at: datetime) -> VerdictThen:
        found = decision(at.astimezone(UTC))
        return VerdictThen(at=at, verdict=found.verdict, reason=found.reason)

    warnings = announcement_gaps(folder.config) if folder.config.calling.live else []
    checked = _verdict(folder, decision(now), now)
    return replace(checked, warnings=warnings, then=[then(each) for each in asked.times])


class Decided(Checked, frozen=True, kw_only=True):
    """A decision that is in the log."""

    decision_id: str


class Decide(Request[Decided], frozen=True, kw_only=True):
    """A decision for a phone system that dials by itself."""

    number: Number
    purpose: Annotated[Purpose, about("What the call is for.")] = Purpose.MARKETING
    topic: Annotated[Topic, about(WHAT_ABOUT)] = Topic.GENERAL
    account: Annotated[
        Line,
        about("The account or PBX whose presentation number the call would show.", absent="the firm's first number"),
    ] = ""
    on_behalf_of: Annotated[Line, ON_BEHALF_OF] = ""
    campaign: Annotated[
        Line,
        about(
            "The campaign that the call is of; `NAME;agent=dedicated` where an agent is at hand for this very call.",
            eg=("spring",),
        ),
    ] = ""
    refused_claim: Annotated[
        bool,
        about(
            "What it says that the call is for is not its to say: the strictest is presumed, and the call is refused."
        ),
    ] = False
    again: Annotated[
        Line,
        about(
            "The `decision_id` of an allow that is asked for again within a minute: where it still holds, it stands."
        ),
    ] = ""


@operation(Decide, "decide", roles=ADMINS)
def decide(folder: DataFolder, asked: Decide, caller: Caller) -> Decided:
    """Decide for a phone system that dials by itself. The decision is logged before the answer."""
    try:
        return _decide(folder, asked, caller)
    except StoreError:
        folder.gate.unkept()
        raise


def _decide(folder: DataFolder, asked: Decide, caller: Caller) -> Decided:
    """Raises ``StoreError``, which is a block, where the decision cannot be kept."""
    folder.screener.prepare()
    now = folder.clock.now()
    purpose, topic = asked.purpose, asked.topic
    if asked.refused_claim:
        purpose, topic = Purpose.MARKETING, Topic.GENERAL
    attempt = _attempt(folder, asked, purpose, topic, asked.account, caller.actor)
    decision_id = folder.new_id()
    asked_by = caller_of(caller.actor)
    named = campaign_named(asked.campaign) if asked.campaign else ("", False)
    if named is None:
        raise UsageError("the campaign's name is not understood", hint="letters, digits, . _ and -, at most 40")
    may_claim = not {attempt.claimed_by, asked_by}.isdisjoint(folder.screener.rules.agent_claims)
    attempt = dataclasses.replace(attempt, campaign=named[0], dedicated_agent=named[1] and may_claim)
    origin = {"source": "ask", "asked_by": caller.actor, "to_be_shown_by": attempt.claimed_by}
    if (help_needed := folder.screener.emergency(attempt)) is not None:
        _keep_call_for_help(folder, help_needed, attempt, decision_id, origin, asked_by)
        return Decided(**asdict(_verdict(folder, help_needed, now)), decision_id=decision_id)
    claim = Reason.CLAIM_REFUSED if asked.refused_claim or (named[1] and not may_claim) else None
    limit, leaf = folder.gate.question(asked_by)
    if limit is Reason.EVIDENCE_UNAVAILABLE and not leaf:
        raise StoreError("the disk of the data folder does not answer", hint="see the gate's log")
    if limit is not None and not leaf:  # nobody fills the log: it is counted
        raise RefusedError("too many questions in this minute", reason=limit, hint="see calls_a_minute in [[token]]")
    obstacle = folder.gate.obstacle("") or limit or claim
    if asked.again and obstacle is None:
        stands = folder.store.call(lambda tx: folder.screener.stands(tx, attempt, now, asked.again))
        if stands is not None and not folder.gate.obstacle(stands.number):
            return Decided(**asdict(_verdict(folder, stands, now)), decision_id=asked.again)
    decision = _logged(folder, attempt, now, decision_id, obstacle, origin)
    if decision.allowed and (obstacle := folder.gate.obstacle(decision.number)):
        # It was made without what the line still has to tell: another leaf takes it back.
        allowed, decision_id = decision_id, folder.new_id()
        try:
            decision = _logged(folder, attempt, now, decision_id, obstacle, origin)
        except StoreError:
            _end_if_allowed(folder, attempt, allowed)
            raise
    folder.gate.answered(asked_by, decision)
    return Decided(**asdict(_verdict(folder, decision, now)), decision_id=decision_id)


def _logged(
    folder: DataFolder, attempt: Attempt, now: datetime, decision_id: str, obstacle: Reason | None, origin: Origin
) -> Decision:
    try:
        return folder.store.promptly(
            lambda tx: folder.screener.decide(tx, attempt, now, call_id=decision_id, origin=origin, obstacle=obstacle),
            lambda: folder.screener.asks(attempt, now),
        )
    except StoreError:
        _end_if_allowed(folder, attempt, decision_id)
        raise


def _end_if_allowed(folder: DataFolder, attempt: Attempt, decision_id: str) -> None:
    """Whoever asked is answered that it may not dial, for the decision was not kept, or not in time. The log may have
    it as let through all the same, where the answer to its commit was late or lost: it has an end then, too."""
    ended = Ended(by="gate", cause=Reason.EVIDENCE_UNAVAILABLE.value, code=0, seconds=0.0, bridged=False)
    _keep(folder, ended.fact(decision_id, folder.clock.now(), attempt.claimed_by))


def _keep_call_for_help(
    folder: DataFolder, decision: Decision, attempt: Attempt, decision_id: str, origin: Origin, asked_by: str
) -> None:
    """LAW 3.5: an emergency number waits for no evidence: it is kept when there is room, and counted where the same one
    asks for too many."""
    fact = decision_fact(decision, attempt, **origin).fact(decision_id, folder.clock.now(), attempt.claimed_by)
    _keep(folder, fact, asked_by)


def _keep(folder: DataFolder, fact: Fact, help_asked_by: str = "") -> None:
    """Keep a fact as ``CallManager.keep`` does. Without a line to wait for room, the gate's own log names what cannot
    be kept."""
    if folder.gate.keep is not None:
        folder.gate.keep(fact, help_asked_by)
        return

    def kept(_index: object, error: Exception | None) -> None:
        if error is not None:
            log.error("question_not_kept", decision=fact.subject, kind=fact.kind, error=str(error))

    folder.store.submit(lambda tx: None if ends_nothing(tx, fact) else tx.append(fact), kept)


def _attempt(
    folder: DataFolder, asked: Check | Decide, purpose: Purpose, topic: Topic, account: str, actor: str
) -> Attempt:
    config = folder.config
    presentation, claimed_by, own = config.firm.numbers[0], actor, ""
    if account:
        known = {
            each.username: (each.presentation, f"account:{each.username}", each.on_behalf_of) for each in config.account
        }
        known |= {each.name: (each.presentation, f"trunk:{each.name}", each.on_behalf_of) for each in config.pbx}
        if account not in known:
            raise UsageError(
                f"there is no account or PBX {account!r}", hint=f"known: {', '.join(sorted(known)) or 'none'}"
            )
        presentation, claimed_by, own = known[account]
    instigator = asked.on_behalf_of.strip() or own
    return Attempt(asked.number, purpose, topic, presentation, False, claimed_by, "request", on_behalf_of=instigator)


def _kind_price_place(e164: str) -> tuple[str, str, str]:
    """Kind, price and jurisdiction of a number; empty where it is none."""
    try:
        number = parse(e164)
    except NumberRefused:
        return "", "", ""
    return number.kind.value, cost(number).value, number.jurisdiction


def _verdict(folder: DataFolder, decision: Decision, now: datetime) -> Checked:
    """Make the answer of a decision."""
    today, known = folder.london(now), decision.subscriber
    days = {row.name: row.days_left for row in folder.registers.status(today)}
    kind, price, jurisdiction = _kind_price_place(decision.number)
    return Checked(
        number=decision.number,
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        explanation=decision.explanation,
        kind=kind,
        cost=price,
        jurisdiction=jurisdiction,
        registers=[
            RegisterFinding(
                name=view.name,
                state=view.state,
                as_of=view.as_of,
                days_left=None if view.as_of and view.as_of > today else days.get(view.name),
                sha256=view.sha256,
                covered=view.covered,
            )
            for view in decision.registers
        ],
        consent_id=decision.consent_id,
        objection_id=decision.objection_id,
        subscriber="" if known.kind is SubscriberKind.UNKNOWN else known.kind.value,
        subscriber_since=known.since,
        topic_rule=decision.topic_rule,
    )


class ScreeningKept(Response, frozen=True):
    """It is in the log, under this id."""

    id: str


class Screened(Request[ScreeningKept], frozen=True):
    """A file was screened: what that rested on and what came of it, without a number."""

    source_name: Annotated[Line, about("Name of the file that was screened.")]
    sha256: Annotated[Line, about("SHA-256 of that file.")]
    output_sha256: Annotated[Line, about("SHA-256 of the file that was written.")]
    columns: Annotated[list[Line], msgspec.Meta(max_length=100), about("Its phone columns.")]
    rows: Annotated[int, about("How many rows it has.")]
    reasons: Annotated[dict[Line, dict[Line, int]], about("By column: how many rows have which reason.")]
    bad_rows: Annotated[int, about("Rows without a valid number, or with too many or too few fields.")]
    registers: Annotated[list[RegisterIdentity], about("The registers that it was compared with.")]
    purpose: Annotated[Purpose, about("What the calls are for.")]
    topic: Annotated[Topic, about("What marketing calls are about.")]
    as_of: Annotated[Moment, about("As if all were called then.")]
    hours_applied: Annotated[bool, about("Calling hours counted.")]
    on_behalf_of: Annotated[
        Line, about("The instigator that the calls are for, as [[instigator]] names it.", absent="the firm itself")
    ] = ""


@operation(Screened, "screened", roles=KEEPERS)
def screened(folder: DataFolder, asked: Screened, caller: Caller) -> ScreeningKept:
    """Log that a file was screened in bulk, with what it rested on and what came of it."""
    screening_id = folder.new_id()
    for_whom = {"on_behalf_of": asked.on_behalf_of or UNSET}
    body = facts.Screened(**asdict(asked) | {"as_of": asked.as_of.isoformat()} | for_whom)
    folder.keep(body, screening_id, caller.actor)
    return ScreeningKept(id=screening_id)
