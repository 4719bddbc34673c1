"""Holds: recordings that may not be erased, and restrictions, that may not be opened either (LAW 4.7)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET

from gate.core.days import short_day
from gate.core.facts import retention as facts
from gate.core.retention import NAMED, HoldGround, Kind, Target
from gate.core.rows import Page
from gate.core.rows.retention import HoldRow
from gate.errors import RefusedError, UsageError
from gate.operations.erasure.recordings import hold_of
from gate.operations.operation import (
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Line,
    Masked,
    MayWait,
    Note,
    Number,
    Paged,
    Proposed,
    Request,
    Response,
    SecondPerson,
    about,
    operation,
    plan_changed,
    plan_digest,
)
from gate.operations.parsing import must_have, number_of
from gate.operations.requests.steps import OWN_RESTRICTION, Proof, checked_proof
from gate.showing import many
from gate.store import kept, queries
from gate.store import requests as book

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

# --- putting one ---------------------------------------------------------------------------------------------------


class HoldAdded(Response, frozen=True, kw_only=True, omit_defaults=True):
    """A hold, and what it does as things stand."""

    id: str
    kind: str
    target: str
    """``recording``, ``call`` or ``number``: the one of these that is set."""
    recording: str | None = None
    call: str | None = None
    number: str | None = None
    reference: str
    kept: int
    """Recordings that it keeps."""
    gone: int
    """Recordings that it came too late for."""
    ground: HoldGround | None = None
    notice: str = ""
    """What it does not do; empty where it stops every erasure."""


SYSC: Final = "FCA SYSC 10A.1.6R"
_WHY_IN_LAW: Final = (
    "Why it may stop an erasure that a person asks for. A restriction takes none: it is its own ground."
)
_LAW: Final = "The law, or the authority that investigates."
_REVIEW: Final = "The day on which to check whether it is still needed: status reminds."


class HoldAdd(Request[HoldAdded], frozen=True):
    """Keep the recordings of one of these three until the hold is released."""

    reason: Annotated[Note, about("Why; kept in the log.", "Reason")]
    reference: Annotated[
        Line,
        about(
            "Where the matter is kept: a case, a claim, a request.", "Where the matter is kept", eg=("case 17/2026",)
        ),
    ]
    recording_id: Annotated[Line | None, about("Hold this recording.", metavar="ID", ids=("recording",))] = None
    call_id: Annotated[Line | None, about("Hold what belongs to this call.", metavar="ID", ids=("call",))] = None
    number: Annotated[Number | None, about("Hold every recording of calls to this number, future ones too.")] = None
    restriction: Annotated[
        bool, about("They may not be played or exported either.", "Nobody may open them either: a restriction")
    ] = False
    ground: Annotated[HoldGround | None, about(_WHY_IN_LAW, "Why in law")] = None
    law: Annotated[Note, about(_LAW, "Law or authority, of a legal obligation or an investigation", eg=(SYSC,))] = ""
    review_on: Annotated[date | None, about(_REVIEW, "Look at it again on", metavar="DATE")] = None


@operation(HoldAdd, "hold_add", roles=KEEPERS)
def hold_add(folder: DataFolder, asked: HoldAdd, caller: Caller) -> HoldAdded:
    """Keep a recording, or a call's or a number's recordings, those to come too, until the hold is released.

    Raises ``RefusedError`` (``erased``) for a recording that is erased, or whose erasure has begun.
    """
    target, value = _target(asked)
    must_have("a hold", reason=asked.reason, reference=asked.reference)
    kind = Kind.RESTRICTION if asked.restriction else Kind.HOLD
    if asked.restriction and asked.ground:
        raise UsageError("a restriction is its own ground (Article 18)", hint="Leave the ground out.")
    if not asked.restriction:
        _check_ground(asked.ground, asked.law, asked.review_on, folder.today())
    hold_id = folder.new_id()

    def work(tx: StoreTransaction) -> tuple[list[str], int]:
        call = _call_of(tx, target, value)
        body = facts.Hold(
            sort=kind.value,
            target=target.value,
            recording_id=value if target is Target.RECORDING else None,
            call_id=call,
            number=value if target is Target.NUMBER else None,
            reason=asked.reason,
            reference=asked.reference,
            **_grounded(asked.ground, asked.law, asked.review_on),
        )
        tx.append(folder.fact(body, hold_id, caller.actor))
        return kept.covered(tx, target.value, value)

    keeps, gone = folder.store.call(work)
    return HoldAdded(
        id=hold_id,
        kind=kind.value,
        target=target.value,
        reference=asked.reference,
        kept=len(keeps),
        gone=gone,
        ground=asked.ground,
        notice=NO_GROUND if asked.ground is HoldGround.NONE else "",
        **{target.value: value},
    )


NO_GROUND: Final = "It keeps recordings from the daily sweep, and stops no erasure that a person asks for."


def _check_ground(ground: HoldGround | None, law: str, review_on: date | None, today: date) -> None:
    """Raise ``UsageError`` where a hold's ground is not said, or not as the law has it (Article 17(3))."""
    if ground is None:
        raise UsageError(
            "a hold needs its ground: what stops an erasure that a person asks for",
            hint=f"Give one of {', '.join(HoldGround)}; with none it keeps recordings from the daily sweep alone.",
        )
    if ground in NAMED and not law.strip():
        which = "law" if ground is HoldGround.LEGAL_OBLIGATION else "authority"
        raise UsageError(f"which {which}?", hint='The letters to the person name it: --law "FCA SYSC 10A.1.6R".')
    if law.strip() and ground not in NAMED:
        raise UsageError(f"{ground} names no law", hint=f"Give it with {' or '.join(sorted(NAMED))}.")
    if review_on and review_on < today:
        raise UsageError(f"{review_on} is over", hint="Give the day on which the hold is looked at again.")


def _grounded(ground: HoldGround | None, law: str, review_on: date | None) -> dict[str, str]:
    """These as the fields of a fact."""
    given = {"ground": ground and ground.value, "law": law.strip(), "review_on": review_on and review_on.isoformat()}
    return {name: value for name, value in given.items() if value}


# --- looking at one again ------------------------------------------------------------------------------------------


class HoldGrounded(Response, frozen=True):
    """What a hold rests on now."""

    id: str
    ground: HoldGround
    review_on: date | None
    notice: str


class HoldGroundSet(Request[HoldGrounded], frozen=True):
    """A hold was looked at: its ground, and when it is looked at next."""

    hold_id: Annotated[Line, about("Id of the hold, or its beginning.", ids=("hold",))]
    ground: Annotated[HoldGround, about(_WHY_IN_LAW, "Why in law")]
    law: Annotated[Note, about(_LAW, "Law or authority", eg=(SYSC,))] = ""
    review_on: Annotated[date | None, about(_REVIEW, "Look at it again on", metavar="DATE")] = None


@operation(HoldGroundSet, "hold_ground", roles=KEEPERS)
def hold_ground(folder: DataFolder, asked: HoldGroundSet, caller: Caller) -> HoldGrounded:
    """Say the ground of a hold: of one that was put on before grounds were asked for, or one that is reviewed."""
    _check_ground(asked.ground, asked.law, asked.review_on, folder.today())

    def work(tx: StoreTransaction) -> None:
        row = _in_force(tx, asked.hold_id)
        if row.kind == Kind.RESTRICTION:
            raise UsageError(f"{asked.hold_id} is a restriction, which is its own ground (Article 18)")
        body = facts.HoldGrounded(**_grounded(asked.ground, asked.law, asked.review_on))
        tx.append(folder.fact(body, asked.hold_id, caller.actor))

    folder.store.call(work)
    notice = NO_GROUND if asked.ground is HoldGround.NONE else ""
    return HoldGrounded(id=asked.hold_id, ground=asked.ground, review_on=asked.review_on, notice=notice)


def hold_warnings(folder: DataFolder) -> list[str]:
    """Holds whose ground nobody has said, and those whose review is due."""
    rows = folder.read(
        lambda tx: tx.rows(
            HoldRow,
            "SELECT * FROM holds WHERE released_at IS NULL AND kind = ?"
            " AND (ground IS NULL OR review_on <= ?) ORDER BY made_at",
            [Kind.HOLD.value, folder.today().isoformat()],
        )
    )
    unsaid, due = [row for row in rows if not row.ground], [row for row in rows if row.ground]
    texts = []
    if unsaid:
        of = f"{many(len(unsaid), 'hold')}, the first of {unsaid[0].reference}"
        texts.append(f"Nobody has said the ground of {of}: dialgate hold ground {unsaid[0].id} --ground …")
    texts += [
        f"The hold {row.reference} was to be looked at on {short_day(date.fromisoformat(row.review_on or ''))}: "
        f"dialgate hold ground {row.id} --ground {row.ground} --review DATE, or dialgate hold release {row.id}"
        for row in due[:5]
    ]
    return texts


def _target(asked: HoldAdd) -> tuple[Target, str]:
    given = [
        (target, value)
        for target, value in (
            (Target.RECORDING, asked.recording_id),
            (Target.CALL, asked.call_id),
            (Target.NUMBER, asked.number),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise UsageError(
            "a hold is put on one thing: a recording, a call or a number",
            hint="Give one of --recording ID, --call ID, --number NUMBER.",
        )
    target, value = given[0]
    return target, number_of(value) if target is Target.NUMBER else value


def _call_of(tx: StoreTransaction, target: Target, value: str) -> str | None:
    """The call that the target belongs to, where it is one call's. Raises where there is no such target."""
    if target is Target.NUMBER:
        return None
    if target is Target.CALL:
        if queries.call(tx, value) is None:
            raise UsageError(f"there is no call {value}", hint="See: dialgate calls list")
        return value
    row = queries.recording(tx, value)
    if row is None:
        raise UsageError(f"there is no recording {value}", hint="See: dialgate recording list")
    if row.state in ("erasing", "erased"):
        raise RefusedError(
            f"recording {value} cannot be held: it is {row.state}",
            reason="erased",
            hint="What is erased does not come back.",
        )
    return row.call_id


# --- releasing one -------------------------------------------------------------------------------------------------


class HoldReleased(MayWait, frozen=True):
    """What became of a hold."""

    id: str
    released: str | None
    """Its name; None where the release waits for a second person."""


class HoldRelease(Request[HoldReleased], frozen=True):
    """A hold ends; the log keeps it."""

    hold_id: Annotated[Line, about("Id of the hold, or its beginning.", ids=("hold",))]
    reason: Annotated[Note, about("Why it ends; kept in the log.", "Reason, kept in the log")]
    told_on: Annotated[
        date | None,
        about(
            "When the person who asked for the restriction heard of it; an earlier day needs a proof.",
            "Told the person who asked for it, on",
        ),
    ] = None
    evidence: Annotated[
        Line,
        about(
            "The reference of a proof of that day: a consignment's or a message's.",
            metavar="REFERENCE",
            eg=("RN 1234 5678 9GB",),
        ),
    ] = ""
    evidence_sha256: Annotated[Line, about("SHA-256 of the file that proves it, whose name is the evidence.")] = ""
    digest: Annotated[
        Line, about("The digest of the hold and its recordings: where they have changed it stays (plan_changed).")
    ] = ""


def _release_waits(folder: DataFolder, asked: HoldRelease, caller: Caller) -> Proposed[HoldRelease]:
    """Bound to what the hold keeps now."""
    must_have("a release", reason=asked.reason)

    def work(tx: StoreTransaction) -> tuple[int, str]:
        row = _in_force(tx, asked.hold_id)
        _proof_of_notice(tx, row, asked, folder.today())
        return _plan(tx, row)

    count, digest = folder.store.call(work)
    plan_changed(f"the release of hold {asked.hold_id}", asked.digest, digest)
    bound = msgspec.structs.replace(asked, digest=digest)
    return Proposed(bound, asked.hold_id, many(count, "recording"), HoldReleased(id=asked.hold_id, released=None))


@operation(
    HoldRelease,
    "hold_release",
    roles=KEEPERS,
    final=True,
    second_person=SecondPerson(lambda asked: f"the release of hold {asked.hold_id}", _release_waits),
)
def hold_release(folder: DataFolder, asked: HoldRelease, caller: Caller) -> HoldReleased:
    """End a hold: what is due goes with the next sweep, and the log keeps the hold and why it ended.

    Raises ``RefusedError``: ``person_not_told`` for a restriction that a person asked for, where they were not told
    before (``told_on``); ``plan_changed``.
    """
    must_have("a release", reason=asked.reason)

    def work(tx: StoreTransaction) -> str:
        row = _in_force(tx, asked.hold_id)
        proven = _proof_of_notice(tx, row, asked, folder.today())
        plan_changed(f"the release of hold {asked.hold_id}", asked.digest, _plan(tx, row)[1])
        told = asked.told_on.isoformat() if asked.told_on else UNSET
        body = facts.HoldReleased(reason=asked.reason, told_on=told, **proven)
        tx.append(folder.fact(body, asked.hold_id, caller.actor))
        return hold_of(row).name

    return HoldReleased(id=asked.hold_id, released=folder.store.call(work))


def _plan(tx: StoreTransaction, row: HoldRow) -> tuple[int, str]:
    """How many recordings a hold keeps, and the digest of it and them."""
    hold = hold_of(row)
    keeps, _ = kept.covered(tx, hold.target.value, hold.value)
    return len(keeps), plan_digest(hold.id, hold.kind.value, hold.target.value, hold.value, keeps)


def _in_force(tx: StoreTransaction, hold_id: str) -> HoldRow:
    row = kept.hold(tx, hold_id)
    if row is None or row.released_at is not None:
        raise UsageError(f"no hold {hold_id} is in force", hint="See: dialgate hold list")
    return row


def _proof_of_notice(tx: StoreTransaction, row: HoldRow, asked: HoldRelease, today: date) -> dict[str, str]:
    """The proof that whoever asked for a restriction was told before it ends, as it goes into the fact (Art 18(3) UK
    GDPR; the confirmation promises it). A day before today needs one (LAW 7.1)."""
    told_on, given = asked.told_on, Proof(asked.evidence, asked.evidence_sha256)
    if told_on and told_on > today:
        raise UsageError(f"{short_day(told_on)} is in the future", hint="Give the day on which the person was told.")
    request = book.find(tx, row.id.rpartition(OWN_RESTRICTION)[0]) if row.kind == Kind.RESTRICTION else None
    if request and told_on is None:
        raise RefusedError(
            f"the person who asked for {request.reference} is told before this restriction ends",
            reason="person_not_told",
            hint="Tell them, and give the day: dialgate hold release ID --told DATE (Article 18(3) of the UK GDPR).",
        )
    if given == Proof() and (told_on is None or told_on == today):
        return {}
    if told_on is None:
        raise UsageError("a proof is of the day on which the person was told", hint="Give that day: --told DATE.")
    if given == Proof():
        raise UsageError(
            f"{told_on} is before today, and nothing proves it",
            hint="Give a proof with --reference or --file; a person who was told today needs none.",
        )
    return checked_proof(given, request)


# --- the list ------------------------------------------------------------------------------------------------------


class HoldList(Paged[Page[HoldRow]], frozen=True):
    """The holds in force."""

    number: Annotated[Number | None, about("Only those on this number.")] = None
    released: Annotated[bool, about("Those that are over too.")] = False
    text: Annotated[
        Line | None,
        about("Only holds in which it stands: in reference, reason, kind, what is held, or the beginning of a number."),
    ] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(HoldList, "hold_list", roles=READERS)
def hold_list(folder: DataFolder, asked: HoldList, caller: Caller) -> Page[HoldRow]:
    """Holds and restrictions in force, newest first."""
    number = number_of(asked.number) if asked.number else None
    return folder.store.call(
        lambda tx: kept.holds_page(tx, asked.after, asked.limit, number, released=asked.released, text=asked.text)
    )
