"""Facts about holds, sweeps and erasures, and words that stand beside another fact."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, field

from gate.core.facts.fact import (
    COLUMN,
    Body,
    Code,
    Column,
    From,
    Id,
    Maybe,
    Number,
    Rests,
    Sort,
    Subject,
    Term,
    Time,
    Words,
    fact,
)


@fact(
    "hold",
    "{actor} placed {subject}",
    Subject.HOLD,
    term=Term.REQUESTS,
    makes=True,
    outlives_restore=True,
    decides=True,
    sets={"leaf_index": From.LEAF, "made_at": From.AT, "actor": From.ACTOR},
)
class Hold(Body, frozen=True, kw_only=True):
    """A recording, a call or a number is kept from erasure; a restriction keeps it from being opened too."""

    sort: Annotated[Code, COLUMN] = field(name="kind")
    """``hold`` or ``restriction``."""
    target: Annotated[Code, COLUMN]
    recording_id: Annotated[Maybe[Id | None], COLUMN] = UNSET
    call_id: Annotated[Maybe[Id | None], COLUMN] = UNSET
    number: Annotated[Maybe[Number | None], COLUMN] = UNSET
    reason: Annotated[Words, COLUMN]
    reference: Annotated[Words, COLUMN]
    ground: Annotated[Maybe[Code], Column(later=True)] = UNSET
    """``claim``, ``legal_obligation``, ``investigation`` or ``none``; missing of a restriction, and of a hold that was
    put on before grounds were asked for."""
    law: Annotated[Maybe[Words], Column(later=True)] = UNSET
    """The law, or the authority that investigates."""
    review_on: Annotated[Maybe[Time], Column(later=True)] = UNSET
    """When somebody looks whether it is still needed."""


@fact("hold_grounded", "{actor} reviewed {subject}[: {ground}]", Subject.HOLD, term=Term.REQUESTS, replaces=True)
class HoldGrounded(Body, frozen=True, kw_only=True):
    """Somebody has looked at a hold again: its ground, and when it is looked at next."""

    ground: Annotated[Code, COLUMN]
    law: Annotated[Maybe[Words], COLUMN] = UNSET
    review_on: Annotated[Maybe[Time], COLUMN] = UNSET


@fact(
    "hold_released",
    "{actor} released {subject}",
    Subject.HOLD,
    term=Term.REQUESTS,
    outlives_restore=True,
    decides=True,
    sets={"released_at": From.AT, "released_by": From.ACTOR},
)
class HoldReleased(Body, frozen=True, kw_only=True):
    """A hold has ended: what is due goes with the next sweep."""

    reason: Annotated[Words, Column("released_why")]
    told_on: Maybe[Time] = UNSET
    """The day on which whoever asked for the restriction was told, as it was claimed; an earlier one has a proof."""
    evidence: Maybe[Words] = UNSET
    evidence_kind: Maybe[Code] = UNSET
    evidence_sha256: Maybe[Id] = UNSET


@fact("retention_swept", "{actor} erased recordings that were due[: {erased} erased][, {held} held]", Subject.GATE)
class RetentionSwept(Body, frozen=True, kw_only=True):
    """Recordings that were due have gone."""

    day: Time
    digest: Id
    due: int
    erased: int
    resumed: int
    held: int
    faults: int
    unknown_files: int
    complete: bool
    terms: Annotated[dict[str, Any], Sort.CODE]


@fact("retention_reason", "{actor} noted why they swept by hand", Subject.GATE, term=Term.REQUESTS)
class RetentionReason(Body, frozen=True, kw_only=True):
    """Why somebody swept by hand: it follows the sweep. People write numbers into reasons, and an erasure that empties
    them leaves the sweep whole."""

    reason: Words


@fact("terms_swept", "{actor} removed personal data past its term", Subject.GATE)
class TermsSwept(Body, frozen=True, kw_only=True):
    """Personal data past its term was removed; recordings have a sweep of their own."""

    day: Time
    months: Annotated[dict[str, int], Sort.CODE]
    gone: Annotated[dict[str, int], Sort.CODE]
    held: int
    exports: int


@fact("facts_erased", "{actor} emptied facts on purpose[: {leaves:leaf}][, {basis}]", Subject.ANY, rests=Rests.LOG)
class FactsErased(Body, frozen=True, kw_only=True):
    """Facts (``leaves``) were emptied on purpose (``gate.store.erasure``); without this one, that is tampering."""

    basis: Maybe[Code] = UNSET
    what: Maybe[Code] = UNSET
    leaves: list[int]
    """Indexes in the log of the fact itself."""
    elsewhere: Annotated[Maybe[list[str]], Sort.ID] = UNSET
    """Those of other gates' logs in the same database: ``3/1207``."""
    stays: Annotated[Maybe[dict[str, dict[str, str]]], Sort.ID] = UNSET
    """Table -> key -> what the columns that stay came to."""
    filed: Annotated[Maybe[dict[str, str]], Sort.ID] = UNSET
    """Leaf -> the call that its fact speaks of."""


@fact("words", "{actor} noted a reason[: {of}]", Subject.LOG, term=Term.REQUESTS)
class Beside(Body, frozen=True, kw_only=True):
    """A reason or a purpose beside the fact that it is of, of the same subject: emptied, it leaves that fact whole."""

    of: Code
    text: Words


@fact("number_shown", "{actor} saw a number in full[: {kind}]", Subject.ANY, term=Term.RECORD)
class NumberShown(Body, frozen=True, kw_only=True):
    """Somebody saw a number in full, and says why."""

    sort: Code = field(name="kind")
    why: Words
    reference: Maybe[Words] = UNSET
    """The CRM's own id of a contact, which may be anything."""
