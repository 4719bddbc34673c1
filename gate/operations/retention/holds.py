"""Holds: recordings that may not be erased, and restrictions, that may not be opened either (LAW 4.7)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET

from gate.converting import convert
from gate.core.facts import retention as facts
from gate.core.retention import Kind, Target
from gate.core.showing import many
from gate.errors import RefusedError, UsageError
from gate.operations.operation import (
    KEEPERS,
    READERS,
    Caller,
    Line,
    Masked,
    MayWait,
    Note,
    Number,
    Page,
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
from gate.operations.parsing import number_of, said
from gate.operations.retention.erasing import hold_of
from gate.store import kept, queries

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
    number: Annotated[Number | None, about("Hold every recording of calls to this number, those to come too.")] = None
    restriction: Annotated[
        bool, about("They may not be played or exported either.", "Nobody may open them either: a restriction")
    ] = False


@operation(HoldAdd, "hold_add", roles=KEEPERS)
def hold_add(folder: DataFolder, asked: HoldAdd, caller: Caller) -> HoldAdded:
    """Keep a recording, or a call's or a number's recordings, those to come too, until the hold is released.

    Raises ``RefusedError`` (``erased``) for a recording that is erased, or whose erasure has begun.
    """
    target, value = _target(asked)
    said("a hold", reason=asked.reason, reference=asked.reference)
    kind = Kind.RESTRICTION if asked.restriction else Kind.HOLD
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
        **{target.value: value},
    )


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
    if row["state"] in ("erasing", "erased"):
        raise RefusedError(
            f"recording {value} cannot be held: it is {row['state']}",
            reason="erased",
            hint="What is erased does not come back.",
        )
    call: str | None = row["call_id"]
    return call


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
        about("When the person was told who asked for the restriction.", "Told the person who asked for it, on"),
    ] = None
    digest: Annotated[
        Line, about("Of the hold and the recordings that it keeps: where they have changed it stays (plan_changed).")
    ] = ""


def _release_waits(folder: DataFolder, asked: HoldRelease, caller: Caller) -> Proposed[HoldRelease]:
    """Bound to what the hold keeps now."""
    said("a release", reason=asked.reason)

    def work(tx: StoreTransaction) -> tuple[int, str]:
        row = _in_force(tx, asked.hold_id)
        _told_first(tx, row, asked.told_on, folder.today())
        return _plan(tx, row)

    count, digest = folder.store.call(work)
    plan_changed(f"the release of hold {asked.hold_id}", asked.digest, digest)
    bound = msgspec.structs.replace(asked, digest=digest)
    return Proposed(bound, asked.hold_id, many(count, "recording"), HoldReleased(id=asked.hold_id, released=None))


@operation(
    HoldRelease,
    "hold_release",
    roles=KEEPERS,
    second_person=SecondPerson(lambda asked: f"the release of hold {asked.hold_id}", _release_waits),
)
def hold_release(folder: DataFolder, asked: HoldRelease, caller: Caller) -> HoldReleased:
    """End a hold: what is due goes with the next sweep, and the log keeps the hold and why it ended.

    Raises ``RefusedError``: ``person_not_told`` for a restriction that a person asked for, where they were not told
    before (``told_on``); ``plan_changed``.
    """
    said("a release", reason=asked.reason)

    def work(tx: StoreTransaction) -> str:
        row = _in_force(tx, asked.hold_id)
        _told_first(tx, row, asked.told_on, folder.today())
        plan_changed(f"the release of hold {asked.hold_id}", asked.digest, _plan(tx, row)[1])
        told = asked.told_on.isoformat() if asked.told_on else UNSET
        body = facts.HoldReleased(reason=asked.reason, told_on=told)
        tx.append(folder.fact(body, asked.hold_id, caller.actor))
        return hold_of(row).name

    return HoldReleased(id=asked.hold_id, released=folder.store.call(work))


def _plan(tx: StoreTransaction, row: dict[str, Any]) -> tuple[int, str]:
    """How many recordings a hold keeps, and the digest of it and them."""
    hold = hold_of(row)
    keeps, _ = kept.covered(tx, hold.target.value, hold.value)
    return len(keeps), plan_digest(hold.id, hold.kind.value, hold.target.value, hold.value, keeps)


def _in_force(tx: StoreTransaction, hold_id: str) -> dict[str, Any]:
    row: dict[str, Any] | None = kept.hold(tx, hold_id)
    if row is None or row["released_at"] is not None:
        raise UsageError(f"no hold {hold_id} is in force", hint="See: dialgate hold list")
    return row


def _told_first(tx: StoreTransaction, row: dict[str, Any], told_on: date | None, today: date) -> None:
    """Whoever asked for a restriction is told before it ends (Art 18(3) UK GDPR): the confirmation promises it."""
    if told_on and told_on > today:
        raise UsageError(f"{told_on} is in the future", hint="Give the day on which the person was told.")
    asked_for = tx.query(
        "SELECT reference FROM requests WHERE asks = 'restriction' AND ? LIKE id || '-r%'",
        [row["id"]],
    )
    if row["kind"] == Kind.RESTRICTION and asked_for and told_on is None:
        raise RefusedError(
            f"the person who asked for {asked_for[0]['reference']} is told before this restriction ends",
            reason="person_not_told",
            hint="Tell them, and give the day: dialgate hold release ID --told DATE (Article 18(3) of the UK GDPR).",
        )


# --- the list ------------------------------------------------------------------------------------------------------


class HoldRow(Response, frozen=True):
    """A hold or a restriction; what is personal in it is None where it was erased."""

    id: str
    made_at: str
    actor: str | None
    kind: str
    target: str
    recording_id: str | None
    call_id: str | None
    number: str | None
    reason: str | None
    reference: str | None
    released_at: str | None
    released_by: str | None
    released_why: str | None


class HoldList(Paged[Page[HoldRow]], frozen=True):
    """The holds in force."""

    number: Annotated[Number | None, about("Only those on this number.")] = None
    released: Annotated[bool, about("Those that are over too.")] = False
    text: Annotated[
        Line | None,
        about("Only holds in which it stands: in reference, reason, kind, what is held, or the beginning of a number."),
    ] = None
    masked: Masked = False


@operation(HoldList, "hold_list", roles=READERS)
def hold_list(folder: DataFolder, asked: HoldList, caller: Caller) -> Page[HoldRow]:
    """Holds and restrictions in force, newest first."""
    number = number_of(asked.number) if asked.number else None
    rows, after = folder.store.call(
        lambda tx: kept.holds_page(tx, asked.after, asked.limit, number, released=asked.released, text=asked.text)
    )
    return Page(items=convert(rows, list[HoldRow]), next=after)
