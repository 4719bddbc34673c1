"""Facts about calls: the decision, what became of the call, and the callee's receipt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET

from gate.core.facts.fact import (
    COLUMN,
    Body,
    Code,
    Column,
    Computed,
    Firm,
    From,
    Id,
    Maybe,
    Number,
    Sort,
    Source,
    Subject,
    Term,
    Time,
    Trace,
    Words,
    fact,
)


def _listed_service(body: Mapping[str, Any]) -> int | None:
    """Whether a service call goes to a number that is on a register, or that has objected to marketing; None of every
    other decision."""
    if body.get("reason") != "service_call":
        return None
    return int(bool(body.get("objection_id") or any(view.get("listed") for view in body.get("registers") or ())))


def _bridged(body: Mapping[str, Any]) -> int | None:
    """Whether the parties were bridged; an old body says only how long they talked."""
    said = body.get("bridged", bool(body["seconds"]) if "seconds" in body else None)
    return None if said is None else int(bool(said))


class _Attempt(Body, frozen=True, kw_only=True):
    """The fields of both kinds that begin a call."""

    number: Annotated[Number, COLUMN]
    """E.164; empty where its spelling was refused."""
    raw: Annotated[Trace, COLUMN]
    """As it was dialled."""
    verdict: Annotated[Code, COLUMN]
    reason: Annotated[Code, COLUMN]
    presentation: Annotated[Firm, COLUMN]
    claimed_by: Annotated[Firm, COLUMN]
    """``account:alice``, ``trunk:pbx``, ``carrier:c``."""
    source: Annotated[Maybe[Firm], COLUMN] = UNSET
    """Address and port that it came from; ``ask``, ``ingest``, ``siprec``."""
    codecs: Maybe[list[Code]] = UNSET
    sip_call_id: Annotated[Maybe[Trace], COLUMN] = UNSET
    """May hold a number or an address, as the phone made it."""


_BEGINS: Mapping[str, Source] = {
    "leaf_index": From.LEAF,
    "at": From.AT,
    "listed_service": Computed(_listed_service, later=True),
}


@fact(
    "decision",
    "{actor} asked to call {number}[: {verdict}][, {reason}]",
    Subject.CALL,
    term=Term.CALLS,
    makes=True,
    sets=_BEGINS,
)
class Decision(_Attempt, frozen=True, kw_only=True):
    """The gate decided an attempt, on these grounds."""

    explanation: Code
    registers: Annotated[list[dict[str, Any]], Sort.CODE]
    """``name``, ``as_of``, ``sha256``, ``count``, ``state``, ``covered``, ``listed`` of each."""
    consent_id: Annotated[Id | None, COLUMN]
    objection_id: Annotated[Id | None, COLUMN]
    purpose: Annotated[Code, COLUMN]
    topic: Annotated[Code, COLUMN]
    claimed_through: Code
    shown_from: Maybe[Code] = UNSET
    """The header that named ``presentation``, of a call that a PBX passed on for somebody else."""
    subscriber: Maybe[Code] = UNSET
    """Whose line it is, where the firm has noted it: ``individual`` or ``corporate``."""
    subscriber_since: Maybe[Time] = UNSET
    """The day since when its subscriber has it: consents from before were not counted."""
    topic_rule: Maybe[Code] = UNSET
    """The row of the table of topics that refused it, with its law and its day."""
    display_name: Maybe[Firm] = UNSET
    transfer_of: Maybe[Id] = UNSET
    """The call whose callee goes over to this one."""
    asked_by: Maybe[Firm] = UNSET
    """Who asked, of a question."""
    began_at: Maybe[Time] = UNSET
    """The beginning of a call that was made without the gate."""
    redirect: Annotated[Maybe[dict[str, str]], Sort.FIRM] = UNSET
    """Who announces and who records a call that the gate hands over: ``announced_by``, ``recorded_by``."""
    to_be_shown_by: Maybe[Firm] = UNSET
    """Who is to show ``presentation``, of a call that the gate does not make: what they showed it has not seen."""
    on_behalf_of: Annotated[Maybe[Firm], Column(later=True)] = UNSET
    """The legal name of the instigator for whom the firm calls; missing where it calls for itself."""
    question: Annotated[Maybe[Id], Column(later=True)] = UNSET
    """The question of a phone system that this call came of."""
    campaign: Annotated[Maybe[Firm], Column(later=True)] = UNSET
    """As the caller named it; without a name it is the caller's calls of this purpose and topic."""
    dedicated_agent: Maybe[bool] = UNSET
    """An agent was at hand for this very call, as the caller said."""


@fact("looked_again", "The gate decided {subject} again[ before trunk {trunk}][: {verdict}][, {reason}]", Subject.CALL)
class LookedAgain(Body, frozen=True, kw_only=True):
    """The gate decided anew before another INVITE of a call."""

    call_id: Id
    trunk: Code
    """Where the INVITE was to go."""
    after: Code
    """What became of the one before: a SIP code, ``silent``, ``no_codec``."""
    verdict: Code
    reason: Code
    registers: Annotated[list[dict[str, Any]], Sort.CODE]
    consent_id: Id | None
    objection_id: Id | None


_NOT_DECIDED: Mapping[str, Source] = dict.fromkeys(("consent_id", "objection_id", "purpose", "topic", "question"))
"""Columns that a call in sets all the same: receipts of erasures commit to them."""


@fact(
    "call_in",
    "Somebody called one of the firm's numbers: {subject}[, {reason}]",
    Subject.CALL,
    term=Term.CALLS,
    makes=True,
    sets={**_BEGINS, **_NOT_DECIDED},
)
class CallIn(_Attempt, frozen=True, kw_only=True):
    """Somebody calls one of the firm's own numbers: it begins a call as a decision does."""

    withheld: Maybe[bool] = UNSET
    to: Maybe[Code] = UNSET
    """``callback`` or ``phones``."""


@fact("answered", "The callee answered {subject}[ through {trunk}]", Subject.CALL, sets={"answered_at": From.AT})
class Answered(Body, frozen=True, kw_only=True):
    """The callee has picked up."""

    codec: Annotated[Code, COLUMN]
    trunk: Maybe[Code] = UNSET
    unattended: Maybe[bool] = UNSET
    """Nobody was there to be heard."""


@fact("announced", "The announcement {completed|played to its end|was cut short|played} in {subject}", Subject.CALL)
class Announced(Body, frozen=True, kw_only=True):
    """The announcement has played: which one, when, to its end or not, and what was sent of it."""

    completed: Annotated[bool, Column("announced")]
    started: Time | None
    ended: Time | None
    announcement: Maybe[Code] = UNSET
    on_behalf_of: Maybe[Firm] = UNSET
    """The instigator that it names, by its legal name."""
    version: Maybe[Code] = UNSET
    sha256: Maybe[Id] = UNSET
    to: Maybe[Code] = UNSET
    """``callee`` or ``caller``."""
    packets: Maybe[int] = UNSET
    packets_whole: Maybe[int] = UNSET
    as_in_sdp: Maybe[bool] = UNSET
    holds: Maybe[int] = UNSET
    keys_heard_from: Maybe[Time | None] = UNSET


@fact(
    "connected",
    "The parties of {subject} were connected{recorded|, recorded|, not recorded|}",
    Subject.CALL,
    sets={"connected_at": From.AT},
)
class Connected(Body, frozen=True, kw_only=True):
    """The parties hear one another."""

    recorded: Annotated[bool, COLUMN]
    trunk: Maybe[Code] = UNSET
    answered_by: Maybe[Firm] = UNSET
    """The phone that took a call in."""


@fact("unrecorded", "{subject} went on without a recording[: {why}]", Subject.CALL, sets={"recorded": 0})
class Unrecorded(Body, frozen=True, kw_only=True):
    """The call goes on without a recording."""

    why: Annotated[Code, Column("unrecorded_why")]


@fact("one_sided", "One side of {subject} was silent[: {side}]", Subject.CALL)
class OneSided(Body, frozen=True, kw_only=True):
    """Nothing came from one side, or from both, since the parties were joined."""

    side: Code
    """``caller``, ``callee`` or ``both``."""
    seconds: float
    """Seconds of the talk, until it was looked."""


@fact("transferred", "The callee of {subject} was transferred", Subject.CALL)
class Transferred(Body, frozen=True, kw_only=True):
    """The callee of a call goes over to another call."""

    call_id: Id
    to: Annotated[Id, Column("transferred_to")]


@fact("hang_up_asked", "{actor} hung up {subject}", Subject.CALL, term=Term.CALLS)
class HangUp(Body, frozen=True, kw_only=True):
    """An account that takes no part in the call ends it."""

    why: Words


@fact(
    "ended",
    "{subject} ended[ after {seconds:second}][: {cause}]",
    Subject.CALL,
    sets={"ended_at": From.AT, "bridged": Computed(_bridged)},
)
class Ended(Body, frozen=True, kw_only=True):
    """The call is over."""

    by: Annotated[Code, Column("ended_by")]
    cause: Annotated[Code, COLUMN]
    code: Annotated[int, COLUMN]
    """SIP response code; 0 where there is none."""
    seconds: Annotated[float | None, COLUMN]
    """Seconds of talk; None where nobody saw how long."""
    bridged: bool
    """They were bridged, and the caller can have been heard (LAW 3.4)."""


@fact("abandoned", "The callee of {subject} found nobody[: {why}]", Subject.CALL, outlives_restore=True)
class Abandoned(Body, frozen=True, kw_only=True):
    """A callee had answered, and found nobody (``gate.core.abandoned``): why, and whether they were told who called."""

    why: Annotated[Code, Column("abandoned_why", later=True)]
    """One of ``abandoned.Why``."""
    informed: Annotated[bool, Column(later=True)]
    """They heard, from two seconds after the answer at the latest and to its end, who called and a number to ring."""
    lacks: Code
    """Why they were not: ``not_played``, ``cut``, ``late``, ``no_name``, ``no_number``, ``reported``; else empty."""
    began_after: Maybe[float] = UNSET
    """Seconds from the answer to the announcement."""
    announcement: Maybe[Code] = UNSET
    version: Maybe[Code] = UNSET
    sha256: Maybe[Id] = UNSET
    """The SHA-256 of the recording in force."""
    on_behalf_of: Maybe[Firm] = UNSET
    """For whom the firm called, as the announcement had it."""


def _put_through(body: Mapping[str, Any]) -> int | None:
    return {"live": 1, "abandoned": 0}.get(body.get("outcome", ""))


@fact(
    "outcome_reported",
    "{actor} reported the outcome of {subject}[: {outcome}]",
    Subject.CALL,
    sets={"ended_at": From.AT, "bridged": Computed(_put_through)},
)
class OutcomeReported(Body, frozen=True, kw_only=True):
    """What a phone system that dials by itself reports about its call."""

    outcome: Code
    """``live``, ``abandoned``, ``machine``, ``unanswered``."""
    answered_at: Annotated[Maybe[Time], COLUMN] = UNSET
    """When one that was answered was decided; the gate has not seen more of it."""


@fact("legs_ended", "{actor} ended what a killed gate left of {subject}", Subject.CALL)
class LegsEnded(Body, frozen=True, kw_only=True):
    """What a killed gate left of a call is ended. Each leg stands in the body by its name, ``caller``, ``callee``,
    ``given_up_0``, …, with its outcome."""

    call_id: Id
    outcomes: Annotated[dict[str, str], Sort.CODE]

    def values(self) -> dict[str, Any]:
        """The legs stand beside the call."""
        return {**self.outcomes, "call_id": self.call_id}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> LegsEnded:
        """As it was written."""
        outcomes = {leg: outcome for leg, outcome in values.items() if leg != "call_id"}
        return cls(call_id=values["call_id"], outcomes=outcomes)


@fact(
    "called_against_refusal",
    "A recording shows that {call} was made against the refusal",
    Subject.RECORDING,
    sets={"calls.against_at": From.AT},
)
class CalledAgainstRefusal(Body, frozen=True, kw_only=True):
    """A recording shows that a refused call was made all the same."""

    call_id: Id
    recording_id: Id
    reason: Code


@fact(
    "against_refusal_acknowledged",
    "{actor} acknowledged that {subject} was made against the refusal",
    Subject.CALL,
    term=Term.CALLS,
)
class AgainstRefusalAcknowledged(Body, frozen=True, kw_only=True):
    """Somebody has seen that a call was made against the refusal, as far as the log showed it then."""

    why: Words
    """What was found, and done."""


@fact(
    "receipt",
    "{actor} issued the receipt of {call}",
    Subject.RECEIPT,
    term=Term.CALLS,
    makes=True,
    sets={"leaf_index": From.LEAF, "issued_at": From.AT},
)
class Receipt(Body, frozen=True, kw_only=True):
    """The callee's receipt (``gate.core.receipts``)."""

    call_id: Annotated[Id, COLUMN]
    code: Annotated[Trace, Column("number")]
    """Stands for the number of whoever was called, as the number of an objection does."""
    decision: Annotated[int, COLUMN]
    """Leaf of the decision."""
    hour: Time
    verdict: Code
    reason: Code
    registers: Annotated[list[dict[str, str | None]], Sort.CODE]
    found: Maybe[list[Code]] = UNSET
    """What was found, in sentences: what the firm stated of the call, which registers list the number, an objection."""
    made_by: Annotated[dict[str, str], Sort.FIRM]
    object: Annotated[dict[str, str], Sort.FIRM]
    """How to object: ``address``, ``freephone``, ``email``."""


@fact(
    "receipt_told",
    "The callee of {call} {done|got|did not get|was to get} the code of the receipt[: {how}]",
    Subject.RECEIPT,
)
class ReceiptTold(Body, frozen=True, kw_only=True):
    """What became of telling the code."""

    call_id: Id
    how: Annotated[Code, Column("told_how")]
    """``spoken`` or ``sent``."""
    done: Annotated[bool, Column("told")]
    why: Annotated[Code, COLUMN]
    """Why it was not; empty where it was."""
