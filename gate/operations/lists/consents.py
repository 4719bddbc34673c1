"""Consents: subscribers who told this firm that it may call this line (PECR reg 21(4)), withdrawable (21(5))."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec.structs import asdict

from gate.core.facts.lists import Consent, ListExported
from gate.core.facts.lists import ConsentWithdrawn as Withdrawn
from gate.core.rows import Row
from gate.core.rows.lists import ConsentRow
from gate.core.screening import last_day
from gate.core.terms import Objection, Purpose, Scope, Topic, opt_in
from gate.errors import UsageError
from gate.operations.lists.entries import (
    AT_ONCE,
    KEPT_BEFORE,
    BadLine,
    BatchKept,
    ConsentEntry,
    check_entries,
    checked_scope,
    kept_before,
    made_text,
    origin,
    scope_faults,
    scope_of,
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
    Moment,
    Note,
    Number,
    Once,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
)
from gate.operations.parsing import number_of, number_or_id
from gate.showing import local
from gate.store import queries

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

# --- adding one ----------------------------------------------------------------------------------------------------


class ConsentAdded(Response, frozen=True):
    """A consent that is kept."""

    id: str
    number: str
    given_at: str
    holds_until: date | None = None
    """The last day on which it holds."""
    notice: str = ""
    """Why it changes nothing; empty where it counts."""


class ConsentAdd(Request[ConsentAdded], frozen=True):
    """A subscriber agreed to calls of this firm on this line (LAW 1.5)."""

    number: Number
    how: Annotated[Line, about("How it was given: phone, web form, paper, …", eg=("phone", "web form", "paper"))]
    wording: Annotated[Note, about("What they agreed to, word for word.", "What they agreed to, word for word")]
    who: Annotated[Line, about("Who gave it.", "Who gave it")]
    evidence: Annotated[Note, about("Where the proof is in the firm's own records.", "Where the proof is")] = ""
    evidence_kind: Annotated[
        Line,
        about(
            "What the evidence is: a reference, the name of a file, or the id of a recording.",
            "That is",
            choices=("reference", "file", "recording"),
        ),
    ] = "reference"
    evidence_sha256: Annotated[
        Line, about("SHA-256 of the file that is the proof.", "Or a file that proves it: name and SHA-256 are kept")
    ] = ""
    purpose: Annotated[
        Line,
        about(
            "What calls it is for: one to service calls does not cover marketing.",
            "It is to calls for",
            choices=tuple(Purpose),
        ),
    ] = Purpose.MARKETING
    topics: Annotated[
        Line,
        about(
            "What calls they agreed to, several if need be (default: general). A general yes does not cover "
            f"{opt_in()}.",
            "Calls about",
            eg=tuple(Topic),
        ),
    ] = "general"
    caller: Annotated[
        Line,
        about(
            "The firm that the consent names, if any; a consent that names another firm is refused.",
            "The firm that it names, where it names one",
        ),
    ] = ""
    on_behalf_of: Annotated[
        Line,
        about(
            "The instigator whose calls it is to, as [[instigator]] names it.", "On behalf of", absent="the firm's own"
        ),
    ] = ""
    given_at: Annotated[Moment | None, about("When it was given.", "The day it was given", absent="now")] = None
    holds_until: Annotated[
        date | None,
        about(
            "The last day that the consent itself names; beyond consent.months only if its words name the year.",
            "The last day, where it names one",
            metavar="DAY",
        ),
    ] = None
    after_objection: Annotated[
        bool, about("They objected and agreed since: it lifts their objection.", "Given after their objection")
    ] = False
    once: Once = ""


_TEXTS = ("how", "wording", "who", "evidence")
_SCOPE = ("evidence_kind", "evidence_sha256", "purpose", "topics", "caller", "on_behalf_of", "holds_until")


@operation(ConsentAdd, "consent_add", roles=KEEPERS)
def consent_add(folder: DataFolder, asked: ConsentAdd, caller: Caller) -> ConsentAdded:
    """Keep that a subscriber agreed to calls of this firm on this line, with the evidence."""
    e164, now = number_of(asked.number), folder.clock.now()
    given = asked.given_at.astimezone(UTC) if asked.given_at else now
    if given > now:
        raise UsageError(
            f"a consent cannot be given in the future ({local(given.isoformat())})", hint="Give the time it was given."
        )
    if missing := [name for name in _TEXTS if not getattr(asked, name).strip()]:
        raise UsageError(
            f"a consent without {', '.join(missing)} proves nothing",
            hint="Say how, in which words, by whom, and where the proof is.",
        )
    entry = ConsentEntry(
        number=asked.number,
        given_at=given,
        **{name: getattr(asked, name) for name in (*_TEXTS, *_SCOPE)},
    )
    if faults := list(scope_faults(entry)):
        raise UsageError("; ".join(faults), hint="See: dialgate manual registers-and-lists")
    consent_id = folder.new_id()

    def work(tx: StoreTransaction) -> ConsentAdded:
        scope = checked_scope(folder, tx, entry)
        objection = standing(tx, e164, now, scope.on_behalf_of or "")
        body = Consent(
            number=e164,
            given_at=given.isoformat(),
            how=asked.how,
            wording=asked.wording,
            who=asked.who,
            evidence=asked.evidence,
            after_objection=True if asked.after_objection else msgspec.UNSET,
            **asdict(scope),
        )
        kept, entry_id = None, consent_id
        if asked.once:
            entry_id, kept = kept_before(tx, body, caller.actor, asked.once, ("number", "on_behalf_of", *_TEXTS))
        at = datetime.fromisoformat(kept.given_at) if kept else given
        until = _ends(folder, at, asked.holds_until, longer=scope.holds_longer)
        notice = KEPT_BEFORE
        if kept is None:
            if asked.after_objection:
                _check_after(objection, given)
            tx.append(folder.fact(body, entry_id, caller.actor))
            notice = "" if asked.after_objection or not objection else _blocked_by(objection)
        return ConsentAdded(id=entry_id, number=e164, given_at=at.isoformat(), holds_until=until, notice=notice)

    return folder.store.call(work)


def _ends(folder: DataFolder, given: datetime, own: date | None, *, longer: bool) -> date | None:
    """The last day on which a consent holds; None at the end of the calendar."""
    try:
        return last_day(folder.london(given), folder.config.consent.months, own, longer=longer)
    except (ValueError, OverflowError):
        return None


def _check_after(objection: Objection | None, given: datetime) -> None:
    """A consent that is to lift an objection must be able to. Raises ``UsageError``."""
    if objection is None:
        raise UsageError("no objection stands against this number", hint="Add the consent without --after-objection.")
    if objection.scope is Scope.ALL:
        raise UsageError(
            f"they said on {made_text(objection)} that they want no calls at all: a consent to some does not lift that",
            hint="Where they want calls again, take their objection back first, with what they said: "
            f"dialgate objection remove {objection.id} --reason '…'",
        )
    if given <= objection.made_at:
        raise UsageError(
            f"they objected on {made_text(objection)}, after this consent was given",
            hint="Only a consent that was given since lifts an objection: say when, with --given-at.",
        )


def _blocked_by(objection: Objection) -> str:
    if objection.scope is Scope.ALL:
        return f"An objection of {made_text(objection)} to all calls stands: they stay refused until it is taken back."
    return (
        f"An objection of {made_text(objection)} stands: marketing calls stay refused. If they agreed since, add the "
        "consent again with --after-objection."
    )


# --- withdrawing ---------------------------------------------------------------------------------------------------


class ConsentsWithdrawn(Response, frozen=True):
    """Their ids."""

    withdrawn: list[str]


class ConsentWithdraw(Request[ConsentsWithdrawn], frozen=True):
    """A consent ends."""

    target: Annotated[Line, about("The consent's id, or a number: every live consent of it.", metavar="NUMBER|ID")]
    reason: Annotated[Note, about("Their words; kept in the log.")] = ""


@operation(ConsentWithdraw, "consent_withdraw", roles=KEEPERS)
def consent_withdraw(folder: DataFolder, asked: ConsentWithdraw, caller: Caller) -> ConsentsWithdrawn:
    """End a consent by its id, or every live one of a number; it holds from the next call."""

    def work(tx: StoreTransaction) -> list[str]:
        sql = "SELECT id FROM consents WHERE id = ? AND withdrawn_at IS NULL"
        ids = tx.values(str, sql, (asked.target,)) or [
            each.id for each in tx.consents(number_or_id(asked.target, "consent")) if each.withdrawn_at is None
        ]
        now = folder.clock.now().isoformat()
        for each in ids:
            tx.append(folder.fact(Withdrawn(at=now, reason=asked.reason), each, caller.actor))
        return ids

    withdrawn = folder.store.call(work)
    if not withdrawn:
        raise UsageError(
            f"no live consent for {asked.target}",
            hint="If they want no calls: dialgate objection add. What is held: dialgate consent list",
        )
    return ConsentsWithdrawn(withdrawn=withdrawn)


# --- the list ------------------------------------------------------------------------------------------------------


class ConsentList(Paged[Page[ConsentRow]], frozen=True):
    """The consents, the withdrawn ones too."""

    number: Annotated[Number | None, about("Only those of this number.")] = None
    text: Annotated[
        Line | None,
        about(
            "Only entries in which it stands: in the number (its beginning in any spelling), who, how, evidence, id."
        ),
    ] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(ConsentList, "consent_list", roles=READERS)
def consent_list(folder: DataFolder, asked: ConsentList, caller: Caller) -> Page[ConsentRow]:
    """Consents with their evidence, newest first, the withdrawn ones too."""
    number = number_of(asked.number) if asked.number else None
    return _page(folder, asked.after, asked.limit, number, asked.text)


def _page(
    folder: DataFolder, after: str | None, limit: int, number: str | None = None, text: str | None = None
) -> Page[ConsentRow]:
    page = folder.store.call(lambda tx: queries.consents_page(tx, after, limit, number, text=text))
    return msgspec.structs.replace(page, items=[_with_end(folder, row) for row in page.items])


def _with_end(folder: DataFolder, kept: ConsentRow) -> ConsentRow:
    given = datetime.fromisoformat(kept.given_at)
    ends = _ends(folder, given, kept.holds_until, longer=bool(kept.holds_longer))
    return msgspec.structs.replace(kept, ends=ends)


# --- in bulk -------------------------------------------------------------------------------------------------------


class ConsentImport(Request[BatchKept], frozen=True):
    """A batch of consents, kept as a whole or not at all."""

    entries: Annotated[
        list[ConsentEntry], msgspec.Meta(max_length=AT_ONCE), about("The consents: all are kept, or none.")
    ]
    source_name: Annotated[Line, about("The file they come from; kept with each.")] = ""
    sha256: Annotated[Line, about("SHA-256 of that file; kept with each.")] = ""
    check: Annotated[bool, about("Keep nothing, only say what firm and store have against each.")] = False


@operation(ConsentImport, "consent_import", roles=KEEPERS)
def consent_import(folder: DataFolder, asked: ConsentImport, caller: Caller) -> BatchKept:
    """Keep a batch of consents, each with its own date and evidence, the withdrawn ones with their withdrawal.

    A consent that is held already stays as it is: a withdrawal that is held stands, and one in the file is added. None
    of a batch lifts an objection.
    """
    idle = 0
    check_entries("consents", asked.entries, folder.clock.now())
    if asked.check:
        return BatchKept(imported=0, held=0, faults=folder.store.call(partial(_faults, folder=folder, asked=asked)))

    def keep(tx: StoreTransaction, entry: ConsentEntry) -> bool:
        nonlocal idle
        e164 = number_of(entry.number)
        file = origin(entry, asked.source_name, asked.sha256)
        held = _held(tx, entry, e164)
        consent_id = held.id if held else folder.new_id()
        if held is None:
            scope = checked_scope(folder, tx, entry)
            body = Consent(
                number=e164,
                given_at=entry.given_at.astimezone(UTC).isoformat(),
                how=entry.how,
                wording=entry.wording,
                who=entry.who,
                evidence=entry.evidence,
                file=file,
                **asdict(scope),
            )
            idle += standing(tx, e164, folder.clock.now(), scope.on_behalf_of or "") is not None
            tx.append(folder.fact(body, consent_id, caller.actor))
        else:
            _check_same(held, entry)
        if entry.withdrawn_at and (held is None or held.withdrawn_at is None):
            at = entry.withdrawn_at.astimezone(UTC).isoformat()
            tx.append(folder.fact(Withdrawn(at=at, reason=entry.withdrawn_why, file=file), consent_id, caller.actor))
            return True
        return held is None

    kept = folder.store.call(lambda tx: sum(keep(tx, entry) for entry in asked.entries))
    return BatchKept(imported=kept, held=len(asked.entries) - kept, without_effect=idle)


def _faults(tx: StoreTransaction, *, folder: DataFolder, asked: ConsentImport) -> list[BadLine]:
    """What speaks against consents that are not held already."""
    found = []
    for entry in asked.entries:
        try:
            held = _held(tx, entry, number_of(entry.number))
            if held is None:
                checked_scope(folder, tx, entry)
            else:
                _check_same(held, entry)
        except UsageError as error:
            found.append(BadLine(entry.line, error.message))
    return found


class _Held(Row, frozen=True):
    """A consent that is held, as an entry may be the same."""

    id: str
    how: str | None
    wording: str | None
    who: str | None
    evidence: str
    holds_until: str
    purpose: str
    topics: str
    on_behalf_of: str
    withdrawn_at: str | None


def _check_same(held: _Held, entry: ConsentEntry) -> None:
    """Raises ``UsageError`` where a consent that is held stands in a file with less: it would go on as it is."""
    scope = scope_of(entry)
    for name, kept, said in (
        ("purpose", held.purpose, scope.purpose),
        ("holds_until", held.holds_until, scope.holds_until or held.holds_until),
    ):
        if said != kept:
            raise UsageError(
                f"this consent is held already, with {name} {kept or 'none'}",
                hint="Withdraw that one, then import again; or take the line out.",
            )


def _held(tx: StoreTransaction, entry: ConsentEntry, e164: str) -> _Held | None:
    """The same consent where it is held: same time, way, words, person, evidence and topics."""
    topics, to = scope_of(entry).topics, entry.on_behalf_of.strip().lower()
    same = (entry.how, entry.wording, entry.who, entry.evidence, topics, to)
    for each in tx.consents(e164):
        if each.given_at == entry.given_at:
            found = tx.rows(
                _Held,
                "SELECT id, how, wording, who, coalesce(evidence, '') AS evidence, coalesce(holds_until, '') AS"
                " holds_until, coalesce(nullif(purpose, ''), 'marketing') AS purpose,"
                " coalesce(topics, 'general') AS topics, coalesce(on_behalf_of, '') AS on_behalf_of, withdrawn_at"
                " FROM consents WHERE id = ?",
                (each.id,),
            )[0]
            if (found.how, found.wording, found.who, found.evidence, found.topics, found.on_behalf_of) == same:
                return found
    return None


class ConsentExport(Paged[Page[ConsentRow]], frozen=True):
    """The whole list on its way out."""

    limit: Limit = 1000


@operation(ConsentExport, "consent_export", roles=READERS)
def consent_export(folder: DataFolder, asked: ConsentExport, caller: Caller) -> Page[ConsentRow]:
    """A page of the consents, numbers in full, the withdrawn ones too; the first one logs who takes the list out."""
    if asked.after is None:
        folder.keep(ListExported(list="consents"), folder.new_id(), caller.actor)
    return _page(folder, asked.after, asked.limit)
