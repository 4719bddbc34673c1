"""Facts of data-subject requests.

Those of its course hold dates, codes and random ids, and stay. What a person said or is called stands in facts of its
own, so that it can be erased and the course still be told: ``Opened`` and the steps are the course, ``AskedBy`` and
``SaidAt`` are the person. The day of a step is ``on``.
"""

from __future__ import annotations

from typing import Annotated

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
    Person,
    Rests,
    Sort,
    Subject,
    Term,
    Time,
    Words,
    fact,
)
from gate.core.rows.requests import Given, Handed

ToTell = Annotated[dict[str, list[Given]], Sort.ID]
"""Recipients who are to be told (Art 19), each with what they were given."""


@fact(
    "request_opened",
    "{actor} opened {subject}[: {asks}]",
    Subject.REQUEST,
    makes=True,
    decides=True,
    sets={"leaf_index": From.LEAF, "opened_at": From.AT, "actor": From.ACTOR},
)
class Opened(Body, frozen=True, kw_only=True):
    """A request came."""

    reference: Annotated[Code, COLUMN]
    """``DSR-2026-0007``."""
    asks: Annotated[Code, COLUMN]
    channel: Annotated[Code, COLUMN]
    received: Annotated[Time, COLUMN]
    written: Annotated[bool, COLUMN]
    scope: Maybe[Code] = UNSET
    """The scope of an objection: ``all`` where they want no calls at all; missing: marketing."""


@fact(
    "request_person",
    "{actor} noted who makes {subject}",
    Subject.REQUEST,
    term=Term.REQUESTS,
    outlives_restore=True,
    decides=True,
)
class AskedBy(Body, frozen=True, kw_only=True):
    """Who asks, how to reach them, which numbers and calls; always complete, the newest counts."""

    name: Annotated[Person | None, COLUMN]
    contact: Annotated[Person | None, COLUMN]
    lines: Annotated[list[Number], Column("numbers")]
    about: Annotated[Person | None, COLUMN]
    since: Annotated[Person | None, COLUMN]
    """The call that it is about was made from here …"""
    until: Annotated[Person | None, COLUMN]
    """… to here."""
    chosen: Maybe[list[Number]] = UNSET
    """Numbers of calls that a search chose."""


@fact("request_words", "{actor} noted words of {subject}[: {step}]", Subject.REQUEST, term=Term.REQUESTS)
class SaidAt(Body, frozen=True, kw_only=True):
    """The words of a step."""

    step: Code
    text: Words


class _Step(Body, frozen=True, kw_only=True):
    """``on``: when it happened, as it was claimed; the fact's own time is when it was entered. An earlier day has a
    proof."""

    evidence: Maybe[Code] = UNSET
    """A reference or the name of a file."""
    evidence_kind: Maybe[Code] = UNSET
    evidence_sha256: Maybe[Id] = UNSET


@fact("request_identity_asked", "{actor} asked who makes {subject}", Subject.REQUEST)
class IdentityAsked(_Step, frozen=True, kw_only=True):
    """There is reasonable doubt who asks."""

    on: Annotated[Time, Column("identity_asked_on")]
    within: Maybe[int] = UNSET
    """Days after the receipt that were time enough."""


@fact("request_identity_proven", "{actor} verified who makes {subject}", Subject.REQUEST)
class IdentityProven(_Step, frozen=True, kw_only=True):
    """Who asks is known."""

    on: Annotated[Time, Column("identified_on")]
    checked: Annotated[Maybe[Code], COLUMN] = UNSET
    """What was looked at, never what stood in it."""


@fact("request_clarification_asked", "{actor} asked what {subject} means", Subject.REQUEST)
class ClarificationAsked(_Step, frozen=True, kw_only=True):
    """The firm asked what is meant: the clock of an access request stands still."""

    on: Annotated[Time, Column("paused_on")]


@fact(
    "request_clarified",
    "{actor} noted the answer that clarifies {subject}",
    Subject.REQUEST,
    sets={"paused_on": None, "searched_on": None},
)
class Clarified(_Step, frozen=True, kw_only=True):
    """The answer came: the clock goes on."""

    on: Annotated[Time, Column("clarified_on")]


@fact("request_extended", "{actor} extended {subject} to three months", Subject.REQUEST)
class Extended(_Step, frozen=True, kw_only=True):
    """Three months in total."""

    on: Annotated[Time, Column("extended_on")]


@fact("request_line", "{actor} noted since when the lines of {subject} are the person's", Subject.REQUEST)
class LineHeld(Body, frozen=True, kw_only=True):
    """Since when, and until when, the lines of a request are the person's: what is before and after is another's."""

    since: Time | None
    until: Time | None
    """The last day."""


@fact("request_looked", "{actor} looked at calls for {subject}[: {shown:call}]", Subject.REQUEST)
class Looked(Body, frozen=True, kw_only=True):
    """Somebody looked at the calls of a span, whoever was called."""

    since: Time | None
    until: Time | None
    shown: int


@fact("request_searched", "{actor} searched for {subject}[: {found} found]", Subject.REQUEST)
class Searched(Body, frozen=True, kw_only=True):
    """The firm searched for what it holds."""

    on: Annotated[Time, Column("searched_on")]
    found: Annotated[int, COLUMN]
    entries: Maybe[int] = UNSET
    outside: Maybe[int] = UNSET
    whole: Maybe[bool] = UNSET
    calls: Maybe[list[Id]] = UNSET


@fact("request_acknowledged", "{actor} acknowledged {subject}", Subject.REQUEST)
class Acknowledged(_Step, frozen=True, kw_only=True):
    """The acknowledgement of a complaint was sent."""

    on: Annotated[Time, Column("acknowledged_on")]


@fact("request_granted", "{actor} granted {subject}", Subject.REQUEST)
class Granted(_Step, frozen=True, kw_only=True):
    """It is done as asked."""

    on: Annotated[Time, Column("granted_on")]
    tell: Maybe[ToTell] = UNSET
    calls: Maybe[Code] = UNSET
    """What a complaint with a number comes to: marketing to it is to ``stop``, or may go on (``resume``)."""


@fact(
    "request_refused",
    "{actor} refused {subject}[: {ground}]",
    Subject.REQUEST,
    outlives_restore=True,
    decides=True,
    sets={"paused_on": None},
)
class Refused(_Step, frozen=True, kw_only=True):
    """It is refused."""

    on: Annotated[Time, Column("refused_on")]
    ground: Annotated[Code, COLUMN]
    calls: Maybe[Code] = UNSET


@fact(
    "request_carrying",
    "{actor} began the erasure of {subject}[: {calls:call}]",
    Subject.REQUEST,
    sets={"carrying_at": From.AT, "carried_at": None},
)
class Carrying(Body, frozen=True, kw_only=True):
    """Its erasure is decided: whoever finds it without its receipt carries it out again. Once more, where a hold had
    kept a part: it has no receipt again."""

    calls: list[Id]
    recipients: Annotated[Maybe[list[Handed]], Sort.ID] = UNSET
    """What went to whom, while it is still known."""
    copies: Maybe[list[Id]] = UNSET
    """Copies in clear of what goes, that are not destroyed."""


@fact(
    "request_carried",
    "{actor} carried out the erasure of {subject}[: {calls:call}, {recordings:recording}]{whole||, in part|}",
    Subject.REQUEST,
    outlives_restore=True,
    sets={"carried_at": From.AT},
)
class Carried(Body, frozen=True, kw_only=True):
    """The receipt of an erasure: what went, and what is held by which hold."""

    calls: int
    recordings: int
    shared: Maybe[int] = UNSET
    facts: int
    whole: bool
    held_back: Annotated[int, COLUMN]
    held_calls: int
    held_by: list[Code]
    held: Annotated[Maybe[int], COLUMN] = UNSET
    open_requests: list[Code]
    mentions: Maybe[list[Code]] = UNSET
    """What else of others a number stands in."""
    backups_until: Time
    tell: Maybe[ToTell] = UNSET
    copies: Maybe[list[Id]] = UNSET
    """Copies in clear of what went, that were not destroyed by then."""


@fact("request_rectified", "{actor} put right what {subject} names", Subject.REQUEST)
class Rectified(_Step, frozen=True, kw_only=True):
    """A statement of what is right was kept beside what is wrong."""

    on: Time
    records: list[Code]
    tell: Maybe[ToTell] = UNSET


@fact(
    "rectification",
    "{actor} noted what is right beside a record[: {record}]",
    Subject.ANY,
    term=Term.CALLS,
    rests=Rests.RECORD,
)
class Rectification(Body, frozen=True, kw_only=True):
    """A statement beside a record: what is right."""

    request: Code
    record: Code
    """``call``, ``recording``, ``consent``, ``objection``."""
    statement: Words
    call_id: Maybe[Id] = UNSET
    talk: Maybe[Id] = UNSET
    """The call of theirs, where they were transferred to this one."""


@fact(
    "request_pack_made", "{actor} made the pack of {subject}[: {calls:call}, {recordings:recording}]", Subject.REQUEST
)
class PackMade(Body, frozen=True, kw_only=True):
    """A pack of all that is held was made."""

    calls: int
    recordings: int
    left_out: int
    sha256: Id


class _Letter(Body, frozen=True, kw_only=True):
    letter: Code = field(name="kind")
    sha256: Maybe[Id] = UNSET
    text_sha256: Maybe[Id] = UNSET
    html_sha256: Maybe[Id] = UNSET
    recipient: Maybe[Id] = UNSET


@fact("letter_made", "{actor} made a letter of {subject}[: {kind}]", Subject.REQUEST)
class LetterMade(_Letter, frozen=True, kw_only=True):
    """A letter was made."""

    rests: Annotated[Maybe[dict[str, list[int | str]]], Sort.CODE] = UNSET
    """Name of a sentence -> what it rests on: indexes of leaves, and sources that are none."""


@fact("letter_sent", "{actor} mailed a letter of {subject}[: {kind}]", Subject.REQUEST, term=Term.REQUESTS)
class LetterSent(_Letter, frozen=True, kw_only=True):
    """It went out by mail."""

    server: Person
    """What the mail server said, which may name whom it would write to."""


class _Told(_Step, frozen=True, kw_only=True):
    how: Maybe[Code] = UNSET


@fact(
    "request_person_told",
    "{actor} noted that the refusal of {subject} went to the person",
    Subject.REQUEST,
    outlives_restore=True,
    decides=True,
)
class PersonTold(_Told, frozen=True, kw_only=True):
    """The refusal went to the person."""

    on: Annotated[Time, Column("person_told_on")]


@fact(
    "request_authority_told",
    "{actor} noted that the refusal of {subject} went to the authority",
    Subject.REQUEST,
    outlives_restore=True,
    decides=True,
)
class AuthorityTold(_Told, frozen=True, kw_only=True):
    """The refusal went to the supervisory authority."""

    on: Annotated[Time, Column("authority_told_on")]


@fact("request_part_told", "{actor} noted who knows what a hold keeps of {subject}[: {who}]", Subject.REQUEST)
class PartTold(_Told, frozen=True, kw_only=True):
    """What a hold keeps, and why, went to the person or the authority."""

    on: Time
    who: Code


@fact("request_recipient_told", "{actor} noted that a recipient knows the outcome of {subject}", Subject.REQUEST)
class RecipientTold(_Told, frozen=True, kw_only=True):
    """The firm told somebody who had been given it that it is erased, restricted or put right (Art 19)."""

    on: Time
    recipient: Id


@fact("request_fulfilled", "{actor} fulfilled {subject}", Subject.REQUEST, outlives_restore=True, decides=True)
class Fulfilled(_Told, frozen=True, kw_only=True):
    """All that was granted is done, and the person was told."""

    on: Annotated[Time, Column("fulfilled_on")]


@fact(
    "request_withdrawn",
    "{actor} noted the withdrawal of {subject}",
    Subject.REQUEST,
    outlives_restore=True,
    decides=True,
    sets={"paused_on": None},
)
class Withdrawn(_Step, frozen=True, kw_only=True):
    """The person takes it back."""

    on: Annotated[Time, Column("withdrawn_on")]


@fact("request_replayed", "The gate carried {subject} out again after a restore", Subject.REQUEST)
class RequestReplayed(Body, frozen=True, kw_only=True):
    """Its erasure was carried out once more, from the memory journal."""

    carried_at: Time
    whole: bool
