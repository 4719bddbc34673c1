"""Facts about recipients and their keys, and about proposals, which take two people."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, field

from gate.core.facts.fact import Body, Code, Firm, Id, Maybe, Rests, Sort, Subject, Term, Time, fact


class RecipientTerms(Body, frozen=True, kw_only=True):
    """The terms of a recipient."""

    name: Firm
    role: Code
    purpose: Code
    half: Code
    seals: bool
    fingerprint: Id


@fact("recipient_added", "{actor} put {subject} on the register of recipients", Subject.RECIPIENT, rests=Rests.LOG)
class RecipientAdded(RecipientTerms, frozen=True, kw_only=True):
    """Its owner may open what is recorded from now on, or be given exports."""


@fact("recipient_changed", "{actor} put {subject} on other terms", Subject.RECIPIENT, rests=Rests.LOG)
class RecipientChanged(RecipientTerms, frozen=True, kw_only=True):
    """It is on other terms."""

    before: Annotated[dict[str, str | bool], Sort.FIRM]


@fact("recipient_retired", "{actor} retired {subject}", Subject.RECIPIENT, rests=Rests.LOG)
class RecipientRetired(RecipientTerms, frozen=True, kw_only=True):
    """Nothing more is sealed to it."""


@fact("keys_given_out", "{actor} took out wrapped keys for {subject}[: {recordings:recording}]", Subject.RECIPIENT)
class KeysGivenOut(Body, frozen=True, kw_only=True):
    """Wrapped keys went to whoever holds the private key."""

    to: Id
    recordings: list[Id]


class _Moved(Body, frozen=True, kw_only=True):
    source: Id = field(name="from")
    recordings: list[Id]


@fact("keys_rewrapped", "{actor} gave {subject} what another key opens[: {recordings:recording}]", Subject.RECIPIENT)
class KeysRewrapped(_Moved, frozen=True, kw_only=True):
    """It opens from now on what another one opens."""

    dropped: Maybe[list[Id]] = UNSET
    """What was taken from the other one with it, before that was a fact of its own."""


@fact("keys_dropped", "{actor} took from another key what {subject} opens[: {recordings:recording}]", Subject.RECIPIENT)
class KeysDropped(_Moved, frozen=True, kw_only=True):
    """Another one opens no more what this one is proven to open."""


@fact("keys_proven", "{actor} proved what {subject} opens[: {recordings:recording}]", Subject.RECIPIENT)
class KeysProven(Body, frozen=True, kw_only=True):
    """Its wraps have been shown to open."""

    recordings: list[Id]


@fact("proposed", "{actor} proposed what takes two people[: {op}]", Subject.ANY, term=Term.REQUESTS)
class Proposed(Body, frozen=True, kw_only=True):
    """Somebody asks for what takes two people."""

    id: Id
    op: Code
    arguments: Annotated[dict[str, Any], Sort.WORDS]
    """The fields of the request."""
    takes: Maybe[Firm] = UNSET
    """What that would take, counted; not in older logs."""
    digest: Id
    """The digest of these three."""
    until: Time


@fact("proposal_confirmed", "{actor} confirmed a proposal", Subject.ANY)
class ProposalConfirmed(Body, frozen=True, kw_only=True):
    """A second person's word: it stands before what is done."""

    id: Id
    digest: Id


@fact("proposal_closed", "{actor} closed a proposal[: {how}]", Subject.ANY)
class ProposalClosed(Body, frozen=True, kw_only=True):
    """It waits no more."""

    id: Id
    how: Code
    """``done``, ``withdrawn`` or ``plan_changed``."""
