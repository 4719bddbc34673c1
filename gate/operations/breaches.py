"""The register of breaches of personal data (UK GDPR Art 33(5)): each with its facts, effects and remedial action, the
72 hours for telling the authority, and whether the people were told (Art 34).

In the log a fact stands for each step; a breach is what ``gate.core.breaches`` makes of them. Nobody is named in it:
people are counted, and a text with a telephone number or an e-mail address is not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from gate.core.breaches import Breach, Nature, Part, Risk, Told, counts, replayed
from gate.core.facts import Body, read
from gate.core.facts.gate import (
    BreachAdded,
    BreachAssessed,
    BreachClosed,
    BreachNotified,
    BreachReplayed,
    BreachWords,
)
from gate.core.rows import Row
from gate.core.rows.calls import FactRow
from gate.errors import RefusedError, UsageError
from gate.operations.operation import (
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Line,
    Moment,
    Note,
    Request,
    Response,
    about,
    operation,
)
from gate.operations.requests.steps import Proof, checked_proof
from gate.showing import local, names_somebody
from gate.store.queries import Source, facts_of
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

CLOSED: Final = "breach_is_closed"
_Count = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
People = Annotated[_Count | None, about("About how many people it concerns.", "About how many people")]
Records = Annotated[_Count | None, about("About how many records.", "About how many records")]
Facts = Annotated[Note, about("What happened, and to which kinds of data and of people; nobody is named.", "Facts")]
Effects = Annotated[Note, about("What it means for these people: its likely consequences.", "Effects")]
Measures = Annotated[Note, about("What was done about it, and against its effects.", "Remedial action")]
Named = Annotated[Line, about("The breach, by its reference.", metavar="REFERENCE", eg=("BR-2026-0001",))]


class BreachRow(Row, frozen=True, kw_only=True):
    """A breach as it stands."""

    reference: str
    aware_at: str
    """When the firm became aware of it, as was entered."""
    entered_at: str
    deadline: str
    """The end of the 72 hours."""
    hours_left: int | None
    """Below 0 after the deadline; None where the authority need not be told any more."""
    late: bool
    """The authority was not told in time, by what was entered."""
    nature: list[str]
    people: int | None
    records: int | None
    risk: Risk
    authority_told_at: str | None
    """As was claimed."""
    authority_told_entered: str | None
    persons_told_at: str | None
    persons_told_entered: str | None
    closed_at: str | None
    warning: str
    lacking: list[str]
    """What has to be done or written before it can be closed."""
    texts: dict[str, str]
    """What was written of it, by its part; nothing of what is erased."""
    proofs: dict[str, str]
    """Who was told -> the reference, or file, that proves it."""
    restored: bool = False
    """A restore lost what was written of it since the backup."""


class BreachAdd(Request[BreachRow], frozen=True, kw_only=True):
    """A breach of personal data became known: the 72 hours run."""

    nature: Annotated[
        tuple[Nature, ...],
        msgspec.Meta(min_length=1, max_length=3),
        about("What happened to the data; repeat for more.", "What happened to the data", metavar="NATURE"),
    ]
    aware: Annotated[Moment | None, about("When the firm became aware of it.", "Aware since", absent="now")] = None
    people: People = None
    records: Records = None
    risk: Annotated[Risk, about("What it means for people.", "Risk")] = Risk.NOT_ASSESSED
    facts: Facts = ""
    effects: Effects = ""
    measures: Measures = ""


@operation(BreachAdd, "breach_add", roles=KEEPERS)
def breach_add(folder: DataFolder, asked: BreachAdd, caller: Caller) -> BreachRow:
    """Enter a breach of personal data. When the firm became aware of it is entered once, and never changed."""
    now = folder.clock.now()
    aware = asked.aware.astimezone(UTC) if asked.aware else now
    if aware > now:
        raise UsageError(f"{local(aware.isoformat())} is in the future", hint="Give when the firm became aware of it.")
    texts = {Part.FACTS: asked.facts, Part.EFFECTS: asked.effects, Part.MEASURES: asked.measures}
    _nameless(texts.values())
    breach_id = folder.new_id()

    def work(tx: StoreTransaction) -> BreachRow:
        body = BreachAdded(
            reference=next_reference(tx, folder.today().year),
            aware_at=aware.isoformat(),
            nature=[each.value for each in dict.fromkeys(asked.nature)],
            people=_or_unset(asked.people),
            records=_or_unset(asked.records),
        )
        assessed = BreachAssessed(risk=asked.risk.value) if asked.risk is not Risk.NOT_ASSESSED else None
        return _kept(folder, tx, breach_id, [body, *([assessed] if assessed else []), *_words(texts)], caller.actor)

    return folder.store.call(work)


class BreachUpdate(Request[BreachRow], frozen=True, kw_only=True):
    """More is known of a breach (Art 33(4)): what is given takes the place of what was said before."""

    breach: Named
    risk: Annotated[Risk | None, about("What it means for people.", "Risk")] = None
    people: People = None
    records: Records = None
    facts: Facts = ""
    effects: Effects = ""
    measures: Measures = ""
    unlikely: Annotated[Note, about("Why a risk is unlikely: then the authority need not be notified (Art 33(1)).")] = (
        ""
    )
    late: Annotated[Note, about("Why the authority was not notified within 72 hours (Art 33(1)).")] = ""
    not_told: Annotated[Note, about("Why the people were not informed of a high risk (Art 34(3)).")] = ""


@operation(BreachUpdate, "breach_update", roles=KEEPERS)
def breach_update(folder: DataFolder, asked: BreachUpdate, caller: Caller) -> BreachRow:
    """Enter more of a breach. A risk that is found unlikely after the deadline takes no delay away."""
    texts: dict[Part, str] = {part: str(getattr(asked, part.value)) for part in Part if part is not Part.CLOSE}
    _nameless(texts.values())
    more = BreachAssessed(
        risk=asked.risk.value if asked.risk else UNSET, people=_or_unset(asked.people), records=_or_unset(asked.records)
    )
    bodies: list[Body] = [*([more] if more.values() else []), *_words(texts)]
    if not bodies:
        raise UsageError("nothing is said of it", hint="Give --risk, --people, --facts, --effects, --measures …")

    def work(tx: StoreTransaction) -> BreachRow:
        breach_id, _ = _open(tx, asked.breach)
        return _kept(folder, tx, breach_id, bodies, caller.actor)

    return folder.store.call(work)


class BreachNotify(Request[BreachRow], frozen=True, kw_only=True):
    """The authority, or the people, were told of a breach."""

    breach: Named
    who: Annotated[Told, about("Who was notified.", "Who was told")] = Told.AUTHORITY
    on: Annotated[
        Moment | None,
        about(
            "When they were told. Lateness goes by the moment of entry: an earlier time shortens no delay.",
            "When",
            absent="now",
        ),
    ] = None
    evidence: Annotated[
        Line, about("The reference of a proof: the authority's, a consignment's or a message's.", "Proof, a reference")
    ] = ""
    evidence_sha256: Annotated[
        Line, about("SHA-256 of the file that proves it, whose name is the evidence.", "Or a file that proves it")
    ] = ""
    reasons: Annotated[Note, about("Why it is late; needed of the authority after 72 hours (Art 33(1)).")] = ""


@operation(BreachNotify, "breach_notify", roles=KEEPERS)
def breach_notify(folder: DataFolder, asked: BreachNotify, caller: Caller) -> BreachRow:
    """Enter that the authority, or the people, were told, with the proof; late with the reasons (Art 33(1))."""
    now = folder.clock.now()
    at = asked.on.astimezone(UTC) if asked.on else now
    _nameless((asked.reasons, asked.evidence))
    proof = checked_proof(Proof(asked.evidence, asked.evidence_sha256), None)

    def work(tx: StoreTransaction) -> BreachRow:
        breach_id, breach = _open(tx, asked.breach)
        if at > now or at < breach.aware_at:
            raise UsageError(
                f"{local(at.isoformat())} is {'in the future' if at > now else 'before the firm became aware of it'}",
                hint="Give the time at which they were told.",
            )
        late = asked.who is Told.AUTHORITY and breach.was_late(now) and asked.who not in breach.told
        if late and not asked.reasons.strip() and Part.LATE not in breach.parts:
            raise UsageError(
                "the 72 hours are over: the notification is accompanied by the reasons for the delay (Art 33(1))",
                hint="--reasons 'why it took longer'",
            )
        body = BreachNotified(who=asked.who.value, told_at=at.isoformat(), **proof)
        reasons = {Part.LATE: asked.reasons} if late else {}
        return _kept(folder, tx, breach_id, [body, *_words(reasons)], caller.actor)

    return folder.store.call(work)


class BreachClose(Request[BreachRow], frozen=True, kw_only=True):
    """Nothing is left to do about a breach."""

    breach: Named
    reason: Annotated[Note, about("What came of it.", "What came of it")] = ""


@operation(BreachClose, "breach_close", roles=KEEPERS, final=True)
def breach_close(folder: DataFolder, asked: BreachClose, caller: Caller) -> BreachRow:
    """Close a breach that is documented (Art 33(5)) and of which everybody was told who has to be. It stays in the
    register."""
    _nameless((asked.reason,))

    def work(tx: StoreTransaction) -> BreachRow:
        breach_id, breach = _open(tx, asked.breach)
        if lacking := breach.lacking():
            raise RefusedError(
                f"{asked.breach} cannot be closed yet: missing is {', '.join(lacking)}",
                reason="breach_not_documented",
                hint="dialgate breach update, dialgate breach notify",
            )
        return _kept(folder, tx, breach_id, [BreachClosed(), *_words({Part.CLOSE: asked.reason})], caller.actor)

    return folder.store.call(work)


class Breaches(Response, frozen=True):
    """The register, oldest first."""

    items: list[BreachRow]


class BreachList(Request[Breaches], frozen=True):
    """The register of breaches, oldest first."""

    open: Annotated[bool, about("Only those that are not closed.")] = False
    as_of: AsOf = None


@operation(BreachList, "breach_list", roles=READERS)
def breach_list(folder: DataFolder, asked: BreachList, caller: Caller) -> Breaches:
    """List the breaches with their hours, what was told to whom, and what is missing."""
    rows = folder.read(lambda tx: rows_of(tx, folder.clock.now()))
    return Breaches([each for each in rows if not (asked.open and each.closed_at)])


class BreachShow(Request[BreachRow], frozen=True):
    """One breach, with all that was written about it."""

    breach: Named
    as_of: AsOf = None


@operation(BreachShow, "breach_show", roles=READERS)
def breach_show(folder: DataFolder, asked: BreachShow, caller: Caller) -> BreachRow:
    """Show a breach as it stands."""

    def work(tx: StoreTransaction) -> BreachRow:
        return _row(facts_of(tx, _id_of(tx, asked.breach)), folder.clock.now())

    return folder.store.call(work)


def breach_warnings(folder: DataFolder) -> list[str]:
    """Breaches of which somebody is still to be told, with the hours that are left."""
    rows = folder.read(lambda tx: rows_of(tx, folder.clock.now()))
    lost = [row.reference for row in rows if row.restored and row.closed_at is None and row.lacking]
    return [
        *(
            f"Breach {row.reference}: {row.warning}. dialgate breach show {row.reference}"
            for row in rows
            if row.warning
        ),
        *(
            f"Breach {each}: a restore lost what was written of it, write it again. dialgate breach show {each}"
            for each in lost
        ),
    ]


# --- from the log -------------------------------------------------------------------------------------------------

_BEGINS: Final = f"kind IN ('{BreachAdded.kind}', '{BreachReplayed.kind}')"
"""Facts that name a breach."""


def rows_of(tx: Source, now: datetime) -> list[BreachRow]:
    """Every breach as it stands, oldest first."""
    sql = f"SELECT subject FROM facts WHERE {_BEGINS} GROUP BY subject ORDER BY min(at), min(leaf_index)"  # noqa: S608 - ours
    return [_row(facts_of(tx, each), now) for each in tx.values(str, sql)]


def id_of(tx: Source, reference: str) -> str | None:
    """The breach that a reference was given to."""
    sql = f"SELECT subject FROM facts WHERE {_BEGINS} AND json_extract(body, '$.reference') = ?"  # noqa: S608 - ours
    return next(iter(tx.values(str, sql, [reference.strip().upper()])), None)


def _id_of(tx: Source, reference: str) -> str:
    if (found := id_of(tx, reference)) is None:
        raise UsageError(f"there is no breach {reference}", hint="See: dialgate breach list")
    return found


def next_reference(tx: Source, year: int) -> str:
    """The first of a year that was given to none."""
    (last,) = tx.values(
        int,
        "SELECT coalesce(max(CAST(substr(json_extract(body, '$.reference'), 9) AS INTEGER)), 0) FROM facts"  # noqa: S608
        f" WHERE {_BEGINS} AND json_extract(body, '$.reference') LIKE ?",
        [f"BR-{year}-%"],
    )
    return f"BR-{year}-{last + 1:04}"


def _open(tx: Source, reference: str) -> tuple[str, Breach]:
    breach_id = _id_of(tx, reference)
    breach = replayed(course_of(facts_of(tx, breach_id)))
    if breach.closed_at is not None:
        raise RefusedError(f"{reference} is closed", reason=CLOSED, hint=f"See: dialgate breach show {reference}")
    return breach_id, breach


def course_of(facts: Iterable[FactRow]) -> list[tuple[datetime, Body | None]]:
    """The facts of a breach as the rules read them."""
    return [
        (datetime.fromisoformat(each.at), None if each.body is None else read(each.kind, each.body)) for each in facts
    ]


def _row(facts: Sequence[FactRow], now: datetime) -> BreachRow:
    course = course_of(facts)
    breach, first = replayed(course), course[0][1]
    assert isinstance(first, BreachAdded | BreachReplayed)  # noqa: S101 - ``replayed`` has looked
    people, records = counts(course)
    texts: dict[str, str] = {}
    proofs: dict[str, str] = {}
    for _, body in course:
        if isinstance(body, BreachWords):
            texts[body.part] = body.text
        elif isinstance(body, BreachNotified):
            proofs.setdefault(body.who, body.evidence)
    tellings = {who: breach.told.get(who) for who in Told}
    authority, persons = tellings[Told.AUTHORITY], tellings[Told.PERSONS]
    return BreachRow(
        reference=first.reference,
        aware_at=breach.aware_at.isoformat(),
        entered_at=breach.entered_at.isoformat(),
        deadline=breach.deadline.isoformat(),
        hours_left=breach.hours_left(now),
        late=breach.was_late(now),
        nature=first.nature,
        people=people,
        records=records,
        risk=breach.risk,
        authority_told_at=authority.at.isoformat() if authority else None,
        authority_told_entered=authority.entered.isoformat() if authority else None,
        persons_told_at=persons.at.isoformat() if persons else None,
        persons_told_entered=persons.entered.isoformat() if persons else None,
        closed_at=breach.closed_at.isoformat() if breach.closed_at else None,
        warning=breach.warning(now),
        lacking=[] if breach.closed_at else list(breach.lacking()),
        texts=texts,
        proofs=proofs,
        restored=any(isinstance(body, BreachReplayed) for _, body in course),
    )


def _kept(folder: DataFolder, tx: StoreTransaction, breach_id: str, bodies: Iterable[Body], actor: str) -> BreachRow:
    for each in bodies:
        tx.append(folder.fact(each, breach_id, actor))
    return _row(facts_of(tx, breach_id), folder.clock.now())


def _words(texts: Mapping[Part, str]) -> list[BreachWords]:
    return [BreachWords(part=part.value, text=text.strip()) for part, text in texts.items() if text.strip()]


def _or_unset(count: int | None) -> int | UnsetType:
    return UNSET if count is None else count


def _nameless(texts: Iterable[str]) -> None:
    """Raise ``UsageError`` where a text names somebody: the register counts people."""
    if any(map(names_somebody, texts)):
        raise UsageError(
            "the register names nobody, and in this text is a telephone number or an e-mail address",
            hint="Say how many people, and which kinds of data; keep names where the case is worked.",
        )
