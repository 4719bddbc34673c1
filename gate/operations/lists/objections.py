"""Objections: who does not want to be called again by this firm (PECR reg 21(1)(a))."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from gate.core.calls_in import BY_KEY, HELD
from gate.core.evidence import stamp
from gate.core.facts.lists import ListExported, Objection
from gate.core.facts.lists import ObjectionRemoved as Removed
from gate.core.rows.lists import ObjectionRow
from gate.core.screening import consents_to, live_consents, objections_to, standing_objection
from gate.core.terms import Scope
from gate.errors import UsageError
from gate.operations.lists.entries import (
    AT_ONCE,
    KEPT_BEFORE,
    BatchKept,
    ObjectionEntry,
    check_entries,
    instigator_of,
    kept_before,
    made_text,
    origin,
    standing,
)
from gate.operations.operation import (
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Limit,
    Line,
    Masked,
    MayWait,
    Moment,
    Note,
    Number,
    Once,
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
from gate.operations.parsing import must_have, number_of, number_or_id
from gate.showing import local, many
from gate.store import queries
from gate.store.transaction import last_word

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

# --- adding one ----------------------------------------------------------------------------------------------------


class ObjectionAdded(Response, frozen=True):
    """An objection in force."""

    id: str
    number: str
    made_at: str
    scope: Scope = Scope.MARKETING
    notice: str = ""
    """What it changes nothing for; empty where calls that could be made before cannot be made now."""


class ObjectionAdd(Request[ObjectionAdded], frozen=True):
    """Somebody does not want calls."""

    number: Number
    source: Annotated[
        Line, about("How it came: told, letter, email, …", "How it came", eg=("told", "letter", "email"))
    ] = "told"
    note: Annotated[Note, about("Anything worth keeping with it.")] = ""
    scope: Annotated[Scope, about("What they do not want: marketing, or all calls, service calls too.", "It stops")] = (
        Scope.MARKETING
    )
    on_behalf_of: Annotated[
        Line,
        about(
            "The one instigator whose calls they do not want, as [[instigator]] names it.",
            "Only to calls on behalf of",
            absent="all calls of the firm, for whomever it calls",
        ),
    ] = ""
    made_at: Annotated[
        Moment | None,
        about(
            "When they objected. Only a consent that is entered later, by name, lifts it.",
            "When they objected",
            absent="now",
        ),
    ] = None
    once: Once = ""


@operation(ObjectionAdd, "objection_add", roles=KEEPERS)
def objection_add(folder: DataFolder, asked: ObjectionAdd, caller: Caller) -> ObjectionAdded:
    """Keep that someone does not want to be called again; it holds from the next call."""
    e164 = number_of(asked.number)
    made_at: str | UnsetType = UNSET
    if asked.made_at:
        made = asked.made_at.astimezone(UTC)
        if made > folder.clock.now():
            raise UsageError(
                f"an objection cannot be made in the future ({local(made.isoformat())})",
                hint="Give the time it was made.",
            )
        made_at = made.isoformat()
    to = instigator_of(folder, asked.on_behalf_of)
    body = Objection(
        number=e164,
        source=asked.source,
        note=asked.note,
        call_id=None,
        scope=asked.scope.value,
        on_behalf_of=to,
        made_at=made_at,
    )

    def work(tx: StoreTransaction) -> ObjectionAdded:
        entry_id = folder.new_id()
        if asked.once:
            same = ("number", "source", "note", "scope", "on_behalf_of")
            entry_id, kept = kept_before(tx, body, caller.actor, asked.once, same)
            if kept is not None:
                return ObjectionAdded(
                    id=entry_id, number=e164, made_at=str(kept.made_at), scope=asked.scope, notice=KEPT_BEFORE
                )
        before = standing(tx, e164, folder.clock.now(), to or "")
        in_force = tx.objections(e164)
        wider = asked.scope is Scope.ALL and not any(each.scope is Scope.ALL for each in in_force)
        wider = wider or (not to and all(each.on_behalf_of for each in in_force))
        fact = last_word(tx, folder.fact(body, entry_id, caller.actor))
        tx.append(fact)
        notice = f"An objection of {made_text(before)} stands already: nothing changes." if before and not wider else ""
        return ObjectionAdded(
            id=fact.subject, number=e164, made_at=fact.values()["made_at"], scope=asked.scope, notice=notice
        )

    return folder.store.call(work)


# --- removing ------------------------------------------------------------------------------------------------------


class ObjectionsRemoved(Response, frozen=True):
    """Their ids."""

    removed: list[str]


class ObjectionRemove(Request[ObjectionsRemoved], frozen=True):
    """An objection was a mistake, or its maker says so; the entry stays in the log."""

    target: Annotated[Line, about("The objection's id, or a number: every objection of it.", metavar="NUMBER|ID")]
    reason: Annotated[Note, about("Why it is taken back; kept in the log.", "Reason, kept in the log")]


@operation(ObjectionRemove, "objection_remove", roles=KEEPERS)
def objection_remove(folder: DataFolder, asked: ObjectionRemove, caller: Caller) -> ObjectionsRemoved:
    """Take an objection back by its id, or all of a number; the reason is kept."""
    if not asked.reason.strip():
        raise UsageError("an objection is removed for a reason only", hint="Say why: --reason 'typing mistake'.")

    def work(tx: StoreTransaction) -> list[str]:
        sql = "SELECT id FROM objections WHERE id = ? AND removed_at IS NULL"
        ids = tx.values(str, sql, (asked.target,)) or [
            each.id for each in tx.objections(number_or_id(asked.target, "objection"))
        ]
        for each in ids:
            tx.append(folder.fact(Removed(reason=asked.reason), each, caller.actor))
        return ids

    removed = folder.store.call(work)
    if not removed:
        raise UsageError(f"no objection in force for {asked.target}", hint="See: dialgate objection list")
    return ObjectionsRemoved(removed=removed)


# --- those that callers made by key, in bulk ---------------------------------------------------------------------

AT_ONCE_UNDONE: Final = 5_000
_BY_KEY: Final = f"""
FROM objections AS made INDEXED BY objections_made JOIN calls AS told ON told.call_id = made.call_id
WHERE made.made_at >= ? AND made.made_at <= ? AND made.source IN ('{BY_KEY}', '{HELD}')
AND made.removed_at IS NULL AND made.number IS NOT NULL"""
_CALLED: Final = """EXISTS (SELECT 1 FROM calls AS before WHERE before.number = made.number AND before.at < made.made_at
AND before.verdict = 'allow' AND before.reason IS NOT 'call_in')"""


class ObjectionsUndone(MayWait, frozen=True):
    """What became of the objections that callers made by key."""

    trunk: str
    undone: int | None
    """How many; None where it waits for a second person."""
    spared: int
    """The objections of numbers that the firm had called before: those stand."""


class ObjectionUndo(Request[ObjectionsUndone], frozen=True, kw_only=True):
    """Callers whose numbers nobody has proven have filled the list: it is taken back what they made by key."""

    trunk: Annotated[Line, about("The trunk by which the callers came.", "The trunk by which the callers came")]
    since: Annotated[Moment, about("When the first of them was made.", "When the first one was made")]
    until: Annotated[
        Moment | None, about("When the last of them was made.", "When the last one was made", absent="now")
    ] = None
    reason: Annotated[Note, about("Why they are taken back; kept in the log.", "Reason, kept in the log")]
    digest: Annotated[
        Line,
        about(
            "The digest of the objections that it takes back: where they have changed, nothing is done (plan_changed)."
        ),
    ] = ""


def _undo_plan(tx: StoreTransaction, asked: ObjectionUndo, now: datetime) -> tuple[list[str], int]:
    """The ids of those to be taken back, and how many are spared."""
    span = [stamp(asked.since.astimezone(UTC)), stamp((asked.until or now).astimezone(UTC)), f"carrier:{asked.trunk}"]
    rows = tx.values(
        tuple[str, int],
        f"SELECT made.id, {_CALLED} {_BY_KEY} AND told.claimed_by = ?"
        f" ORDER BY made.made_at, made.id LIMIT {AT_ONCE_UNDONE}",
        span,
    )
    return [each for each, called in rows if not called], sum(called for _, called in rows)


def _checked_undo(folder: DataFolder, asked: ObjectionUndo) -> ObjectionUndo:
    """With the end of its span. Raises ``UsageError``."""
    must_have("an undo of objections", reason=asked.reason)
    if asked.trunk not in (names := [each.name for each in folder.config.trunk]):
        raise UsageError(f"there is no trunk {asked.trunk!r}", hint=f"known: {', '.join(names)}")
    until = min(asked.until or folder.clock.now(), folder.clock.now())
    if asked.since > until:
        raise UsageError("since is after until", hint="Give the time of the first one, and of the last.")
    return msgspec.structs.replace(asked, until=until)


def _undo_waits(folder: DataFolder, asked: ObjectionUndo, caller: Caller) -> Proposed[ObjectionUndo]:
    """Bound to the objections that there are now."""
    asked = _checked_undo(folder, asked)
    ids, spared = folder.store.call(lambda tx: _undo_plan(tx, asked, folder.clock.now()))
    plan_changed("the undo of these objections", asked.digest, digest := plan_digest(ids))
    response = ObjectionsUndone(trunk=asked.trunk, undone=None, spared=spared)
    bound = msgspec.structs.replace(asked, digest=digest)
    return Proposed(bound, f"carrier:{asked.trunk}", many(len(ids), "objection"), response)


@operation(
    ObjectionUndo,
    "objection_undo",
    roles=KEEPERS,
    final=True,
    second_person=SecondPerson(lambda asked: f"the undo of objections by key of {asked.trunk}", _undo_waits),
)
def objection_undo(folder: DataFolder, asked: ObjectionUndo, caller: Caller) -> ObjectionsUndone:
    """Take back what callers of a trunk made by key in a span of time, but for numbers that the firm had called.

    Raises ``RefusedError``: ``plan_changed``.
    """
    asked = _checked_undo(folder, asked)

    def work(tx: StoreTransaction) -> ObjectionsUndone:
        ids, spared = _undo_plan(tx, asked, folder.clock.now())
        plan_changed("the undo of these objections", asked.digest, plan_digest(ids))
        for each in ids:
            tx.append(folder.fact(Removed(reason=asked.reason), each, caller.actor))
        return ObjectionsUndone(trunk=asked.trunk, undone=len(ids), spared=spared)

    return folder.store.call(work)


def held(folder: DataFolder) -> dict[str, int]:
    """Trunk -> objections by key of the last day that are held for review and stand."""
    now = folder.clock.now()
    span = [stamp(now - timedelta(days=1)), stamp(now + timedelta(days=1))]
    rows = folder.read(
        lambda tx: tx.values(
            tuple[str, int],
            f"SELECT told.claimed_by, count(*) {_BY_KEY} AND made.source = '{HELD}'"
            " GROUP BY told.claimed_by ORDER BY told.claimed_by",
            span,
        )
    )
    return {who.removeprefix("carrier:"): count for who, count in rows}


def held_warnings(folder: DataFolder) -> list[str]:
    """Callers who have made more objections by key than is usual, told for a day: a sentence each."""
    most = folder.config.calls_in.objections_an_hour
    return [
        f"Callers by the trunk {trunk} made more than {most} objections by key in an hour: {many(count, 'number')} "
        "held for review, not called meanwhile. Where the caller IDs were forged: dialgate objection undo"
        for trunk, count in held(folder).items()
    ]


# --- the list ------------------------------------------------------------------------------------------------------


class ObjectionList(Paged[Page[ObjectionRow]], frozen=True):
    """The objections in force."""

    number: Annotated[Number | None, about("Only those of this number.")] = None
    text: Annotated[
        Line | None,
        about(
            "Only entries in which it stands: in the number (its beginning in any spelling), the note, the "
            "source, the id."
        ),
    ] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(ObjectionList, "objection_list", roles=READERS)
def objection_list(folder: DataFolder, asked: ObjectionList, caller: Caller) -> Page[ObjectionRow]:
    """The firm's own do-not-call list, newest first."""
    number = number_of(asked.number) if asked.number else None
    return _page(folder, asked.after, asked.limit, number, asked.text)


def _page(
    folder: DataFolder, after: str | None, limit: int, number: str | None = None, text: str | None = None
) -> Page[ObjectionRow]:
    return folder.store.call(lambda tx: queries.objections_page(tx, after, limit, number, text=text))


# --- in bulk -------------------------------------------------------------------------------------------------------


class ObjectionImport(Request[BatchKept], frozen=True):
    """A batch of objections, kept as a whole or not at all."""

    entries: Annotated[
        list[ObjectionEntry], msgspec.Meta(max_length=AT_ONCE), about("The objections: all are kept, or none.")
    ]
    source_name: Annotated[Line, about("The file they come from; kept with each.")] = ""
    sha256: Annotated[Line, about("SHA-256 of that file; kept with each.")] = ""


@operation(ObjectionImport, "objection_import", roles=KEEPERS)
def objection_import(folder: DataFolder, asked: ObjectionImport, caller: Caller) -> BatchKept:
    """Keep a batch of objections, each with the time it was made at (now where it has none).

    An objection that is in force already with the same time is not kept twice; one without a time is not where
    one as wide stands already.
    """
    check_entries("objections", asked.entries, folder.clock.now())

    return folder.store.call(
        lambda tx: keep_objections(tx, folder, caller.actor, asked.entries, asked.source_name, asked.sha256)
    )


def keep_objections(
    tx: StoreTransaction,
    folder: DataFolder,
    actor: str,
    entries: Sequence[ObjectionEntry],
    source_name: str,
    sha256: str,
) -> BatchKept:
    """A batch of objections from a file, as ``objection_import`` keeps them. Store thread."""
    idle = 0

    def keep(entry: ObjectionEntry) -> bool:
        nonlocal idle
        e164 = number_of(entry.number)
        in_force = tx.objections(e164)
        made = entry.made_at.astimezone(UTC) if entry.made_at else None
        scope = Scope((entry.scope or Scope.MARKETING).strip().lower())
        known = {each.name for each in folder.config.instigator}
        named = entry.on_behalf_of.strip().lower()
        to = named if named in known else UNSET  # to an unknown one: it stops every call, which harms nobody
        as_wide = objections_to(
            [each for each in in_force if scope is Scope.MARKETING or each.scope is Scope.ALL], to or ""
        )
        since = tx.subscriber(e164).since
        live = live_consents(consents_to(tx.consents(e164), to or "", since), folder.clock.now())
        if made is None and standing_objection(as_wide, live):
            return False
        if made is not None and any(each.made_at == made for each in as_wide):
            return False
        body = Objection(
            number=e164,
            source=entry.source,
            note=entry.note,
            call_id=None,
            scope=scope.value,
            on_behalf_of=to,
            file=origin(entry, source_name, sha256),
            made_at=made.isoformat() if made is not None else UNSET,
        )
        idle += standing(tx, e164, folder.clock.now(), to or "") is not None
        tx.append(last_word(tx, folder.fact(body, folder.new_id(), actor)))
        return True

    kept = sum(map(keep, entries))
    return BatchKept(imported=kept, held=len(entries) - kept, without_effect=idle)


class ObjectionExport(Paged[Page[ObjectionRow]], frozen=True):
    """The whole list on its way out."""

    limit: Limit = 1000


@operation(ObjectionExport, "objection_export", roles=READERS)
def objection_export(folder: DataFolder, asked: ObjectionExport, caller: Caller) -> Page[ObjectionRow]:
    """A page of the objections in force, numbers in full; the first one logs who takes the list out."""
    if asked.after is None:
        folder.keep(ListExported(list="objections"), folder.new_id(), caller.actor)
    return _page(folder, asked.after, asked.limit)
