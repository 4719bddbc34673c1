"""Facts about the gate itself: its runs, what it refused in numbers, and who asked it for what; and those of the
register of breaches (UK GDPR Art 33(5))."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, field

from gate.core.facts.fact import COLUMN, Body, Code, Firm, From, Id, Maybe, Sort, Subject, Term, Time, Words, fact


@fact("gate_started", "The gate started[, version {version}]", Subject.GATE)
class GateStarted(Body, frozen=True, kw_only=True):
    """It runs."""

    version: Code
    pid: Maybe[int] = UNSET
    vkey: Maybe[Firm] = UNSET
    """The verifier key of its log, by which bundles of other gates know it; older logs do not say."""


@fact("gate_stopped", "The gate stopped", Subject.GATE)
class GateStopped(Body, frozen=True, kw_only=True):
    """It has stopped by itself."""


@fact("node_drained", "{actor} drained a gate[: {node}]", Subject.GATE)
class NodeDrained(Body, frozen=True, kw_only=True):
    """The gate takes no new calls until it is resumed or started anew; calls in hand go on."""

    node: int
    """The number of its log."""


@fact("node_resumed", "{actor} let a gate take new calls again[: {node}]", Subject.GATE)
class NodeResumed(Body, frozen=True, kw_only=True):
    """It takes new calls again."""

    node: int


@fact("node_left", "{actor} had a gate leave[: {node}]", Subject.GATE)
class NodeLeft(Body, frozen=True, kw_only=True):
    """The gate stops once its last call is over, and its log ends there until it is started again."""

    node: int


@fact("store_rewritten", "{actor} had the tables of the store written anew", Subject.GATE)
class StoreRewritten(Body, frozen=True, kw_only=True):
    """Somebody had the tables of the store's database written anew: no file of theirs has what was erased before."""

    bytes: int
    """Of the tables and their indexes, as they were before."""


@fact("not_kept", "The gate could not keep a fact[: {kind}]", Subject.GATE)
class NotKept(Body, frozen=True, kw_only=True):
    """A fact could not be written, and never can be."""

    lost: Code = field(name="kind")
    error: Code


@fact("not_permitted", "{actor} asked for what their role does not allow: {subject}", Subject.GATE)
class NotPermitted(Body, frozen=True, kw_only=True):
    """Somebody asked for what their roles do not allow."""

    roles: list[Code]


@fact("many_lookups", "{actor} looked up many numbers within an hour[: {count}]", Subject.GATE)
class ManyLookups(Body, frozen=True, kw_only=True):
    """Somebody looked up many numbers within an hour."""

    count: int
    operations: Annotated[dict[str, int], Sort.CODE]


@fact("webhook_dropped", "{actor} dropped events of a webhook[: {name}, {events:event}]", Subject.GATE)
class WebhookDropped(Body, frozen=True, kw_only=True):
    """Events that a webhook's receiver has not taken are never sent."""

    name: Firm
    events: list[Id]


@fact("refused_strangers", "The gate refused strangers[: {count:request}]", Subject.GATE)
class RefusedStrangers(Body, frozen=True, kw_only=True):
    """The gate refused so many requests of senders that have not proven who they are."""

    count: int
    unanswered: Maybe[int] = UNSET


class _Caller(Body, frozen=True, kw_only=True):
    claimed_by: Firm
    count: int


@fact("refused_over_limit", "An account asked for more calls than it may[: {claimed_by}, {count:call}]", Subject.GATE)
class RefusedOverLimit(_Caller, frozen=True, kw_only=True):
    """An account asked for more calls than it may."""


@fact("refused_overload", "The gate was overloaded and refused calls[: {claimed_by}, {count:call}]", Subject.GATE)
class RefusedOverload(_Caller, frozen=True, kw_only=True):
    """Something was late, and attempts were refused before anything was done for them."""

    reason: Maybe[Code] = UNSET
    """By what was late, the line, decisions or the media relay; a log of an earlier version has none."""


@fact(
    "help_asked_often",
    "A phone system asked very often for emergency numbers[: {claimed_by}, {count:question}]",
    Subject.GATE,
)
class HelpAskedOften(_Caller, frozen=True, kw_only=True):
    """A phone system asked by HTTP for emergency numbers more often than each is kept; all were answered."""


@fact(
    "refused_without_evidence", "The gate refused calls and could not keep the refusals[: {count:call}]", Subject.GATE
)
class RefusedWithoutEvidence(Body, frozen=True, kw_only=True):
    """Calls were refused whose refusal could not be kept."""

    count: int
    first: Time
    until: Maybe[Time] = UNSET


class _Share(Body, frozen=True, kw_only=True):
    claimed_by: Firm
    calls: int
    percent: int


@fact("trunk_tested", "{actor} tested whether a phone system obeys a refusal[: {claimed_by}, {outcome}]", Subject.GATE)
class TrunkTested(Body, frozen=True, kw_only=True):
    """Somebody tested whether a phone system gives up where the gate refuses."""

    claimed_by: Firm
    """Which: ``trunk:office``."""
    outcome: Code
    """``obeyed``, ``not_obeyed``, ``not_known``, ``never_asked``."""
    rung: bool
    """Its second trunk was dialled, by the word of whoever tested."""
    listened_at: Firm
    calls: list[Id]
    """The calls of the test that the gate refused."""


@fact(
    "many_service_calls",
    "An account claims that many of its calls are service calls[: {claimed_by}, {percent} %]",
    Subject.GATE,
)
class ManyServiceCalls(_Share, frozen=True, kw_only=True):
    """Too many calls of an account are claimed to be service."""

    service: int
    alarm_above: int


@fact(
    "many_listed_service_calls",
    "Suddenly many service calls go to listed numbers[: {claimed_by}, {percent} %]",
    Subject.GATE,
)
class ManyListedServiceCalls(_Share, frozen=True, kw_only=True):
    """Suddenly many service calls of an account go to numbers that are listed or have objected."""

    listed: int
    percent_before: int


# --- the register of breaches -----------------------------------------------------------------------------------------
# Its course holds times, codes and counts, and stays; what people wrote stands in facts of its own, so that it can be
# erased and the course still be told.


@fact("breach_added", "{actor} entered {subject}", Subject.BREACH, outlives_restore=True)
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


@fact("breach_assessed", "{actor} assessed {subject}[: risk {risk}]", Subject.BREACH, outlives_restore=True)
class BreachAssessed(Body, frozen=True, kw_only=True):
    """What it means for people, and how many they are; what is missing stays as it was."""

    risk: Maybe[Code] = UNSET
    people: Maybe[int] = UNSET
    records: Maybe[int] = UNSET


@fact("breach_words", "{actor} described {subject}[: {part}]", Subject.BREACH, term=Term.REQUESTS)
class BreachWords(Body, frozen=True, kw_only=True):
    """Something was written about a breach; the newest of a part counts."""

    part: Code
    text: Words


@fact(
    "breach_notified", "{actor} noted the notification of {subject}[: to {who}]", Subject.BREACH, outlives_restore=True
)
class BreachNotified(Body, frozen=True, kw_only=True):
    """The authority, or the people, were told."""

    who: Code
    told_at: Time
    """As it was claimed; the fact's own time is when it was entered."""
    evidence: Code
    evidence_kind: Code
    evidence_sha256: Maybe[Id] = UNSET


@fact("breach_closed", "{actor} closed {subject}", Subject.BREACH, outlives_restore=True)
class BreachClosed(Body, frozen=True, kw_only=True):
    """Nothing is left to do about it."""


@fact("breach_replayed", "The memory journal brought {subject} back", Subject.BREACH)
class BreachReplayed(Body, frozen=True, kw_only=True):
    """The memory journal has more of it than the store that was put back: its course as it was. What people wrote and
    what proves a notification are in no journal."""

    reference: Code
    aware_at: Time
    entered_at: Time
    nature: list[Code]
    people: Maybe[int] = UNSET
    records: Maybe[int] = UNSET
    risk: Code
    told: Annotated[dict[str, list[str]], Sort.CODE]
    """Who was told -> when, as it was claimed, and when that was entered."""
    late: bool
    closed_at: Maybe[Time] = UNSET
    open_again: Maybe[bool] = UNSET
    """What documents it is lost (Art 33(5)): somebody has to write it again, and close it."""


class _Rate(Body, frozen=True, kw_only=True):
    day: Time
    """The day in London."""
    abandoned: int
    live: int
    least: int
    """Answered calls from which on the rate counts as it is."""


@fact("many_abandoned", "Many who answered found nobody[: {claimed_by}, {abandoned:call} on {day}]", Subject.GATE)
class ManyAbandoned(_Rate, frozen=True, kw_only=True):
    """So many calls of a campaign were abandoned on a day that somebody must look; once a day for each."""

    claimed_by: Firm
    campaign: Firm
    """Empty: all campaigns of this caller."""
    alarm_percent: float


@fact(
    "campaign_stopped",
    "The gate stopped {subject}[: {abandoned:abandoned call} on {day}]",
    Subject.CAMPAIGN,
    makes=True,
    outlives_restore=True,
    sets={"leaf_index": From.LEAF, "stopped_at": From.AT},
)
class CampaignStopped(_Rate, frozen=True, kw_only=True):
    """It makes no more calls until somebody releases it."""

    claimed_by: Annotated[Firm, COLUMN]
    campaign: Annotated[Firm, COLUMN]
    """As in ``ManyAbandoned``."""
    stop_percent: float


@fact(
    "campaign_released",
    "{actor} released {subject}",
    Subject.CAMPAIGN,
    term=Term.REQUESTS,
    outlives_restore=True,
    sets={"released_at": From.AT, "released_by": From.ACTOR},
)
class CampaignReleased(Body, frozen=True, kw_only=True):
    """It may go on; only calls decided after this count for another stop."""

    why: Annotated[Words, COLUMN]


@fact("abandoned_replayed", "The memory journal brought an abandoned call back[: {claimed_by}]", Subject.CAMPAIGN)
class AbandonedReplayed(Body, frozen=True, kw_only=True):
    """The memory journal has an abandoned call (the subject) that a store which was put back lacks: its number is left
    alone, and it counts for its campaign."""

    number_hash: Maybe[Id] = UNSET
    answered_at: Time
    claimed_by: Firm
    """As in ``CampaignStopped``."""
    campaign: Firm
    informed: bool
    live: Maybe[int] = UNSET
    """Live calls of its campaign and London day that the store lacks, too, and that no fact before it counts."""
