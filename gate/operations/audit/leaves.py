"""The evidence log as it lies: its leaves page by page, one leaf, how it stands, and a moment of it.

Lists are read beside the store: whoever scrolls through a million leaves keeps no decision waiting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec.structs import replace

from gate.core.days import LONDON, short_day
from gate.core.evidence import index_of, stamp
from gate.core.facts import CATALOGUE
from gate.core.facts.audit import BundleExported
from gate.core.facts.calls import CallIn
from gate.core.facts.fact import Subject, filled
from gate.core.facts.gate import BreachAdded
from gate.core.facts.keys import RecipientAdded
from gate.core.numbers import mask
from gate.core.rows.audit import EnteredLate, Erasure, Leaf, LeafShown, LogHead, LogNow
from gate.errors import UsageError
from gate.operations.operation import (
    EVERYBODY,
    READERS,
    AsOf,
    Back,
    Caller,
    Line,
    Masked,
    Moment,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
)
from gate.showing import clean, grouped, local, many
from gate.store import past, search
from gate.store.queries import Source, marks

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.reader import Reader

# --- the list ------------------------------------------------------------------------------------------------------


class AuditLeaves(Paged[Page[Leaf]], frozen=True):
    """A page of the evidence log, newest first."""

    before: Back = None
    kind: Annotated[Line | None, about("Only facts of this kind, e.g. exported.", eg=("exported",))] = None
    text: Annotated[
        Line | None,
        about("Only those that fit: part of a kind or of who did it, the beginning of an id, or a leaf's number."),
    ] = None
    folded: Annotated[bool, about("The recordings of a bundle in one line with it.")] = False
    unfolded: Annotated[
        list[Line], msgspec.Meta(max_length=100), about("Ids of the bundles whose recordings are shown all the same.")
    ] = msgspec.field(default_factory=list)
    as_of: AsOf = None


@operation(AuditLeaves, "audit_leaves", roles=EVERYBODY)
def audit_leaves(folder: DataFolder, asked: AuditLeaves, caller: Caller) -> Page[Leaf]:
    """The log, newest first."""
    unfolded = asked.unfolded if asked.folded else None

    def read(reader: Source) -> Page[Leaf]:
        found = search.leaves_window(
            reader, asked.after, asked.before, asked.limit, asked.kind, asked.text, unfolded=unfolded
        )
        texts = sentences(reader, found.items, whole=_may_read(caller))
        items = [replace(row, said=texts[row.index], folded=_folded(reader, row, unfolded)) for row in found.items]
        return replace(found, items=items)

    return folder.read(read)


def _may_read(caller: Caller) -> bool:
    """Whether the account may see what a leaf commits to; without the socket it is the folder's owner."""
    return not caller.roles or bool(caller.roles & READERS)


def _folded(reader: Source, row: Leaf, unfolded: Sequence[str] | None) -> int:
    if unfolded is None or row.kind != BundleExported.kind or row.subject in unfolded:
        return 0
    return search.in_bundle(reader, row.subject, row.index)


# --- in sentences --------------------------------------------------------------------------------------------------

_NAMED: Final = {
    Subject.OBJECTION: ("the objection of {}", "SELECT id, number FROM objections WHERE id IN ({})"),
    Subject.CONSENT: ("the consent of {}", "SELECT id, number FROM consents WHERE id IN ({})"),
    Subject.SUBSCRIBER: ("{}", "SELECT id, number FROM subscribers WHERE id IN ({})"),
    Subject.HOLD: (
        "the {}",
        "SELECT id, coalesce(kind, 'hold') || ' on ' || coalesce(number, 'a ' || target, 'something') FROM holds"
        " WHERE id IN ({})",
    ),
    Subject.REQUEST: ("request {}", "SELECT id, reference FROM requests WHERE id IN ({})"),
    Subject.COPY: ("the copy in clear of a {}", "SELECT id, what FROM copies WHERE id IN ({})"),
    Subject.REGISTER: (
        "the register {}",
        "SELECT import_id, upper(name) FROM register_imports WHERE import_id IN ({})",
    ),
    Subject.CAMPAIGN: (
        "the campaigns of {}",
        "SELECT id, coalesce(claimed_by, '') || coalesce(' ' || nullif(campaign, ''), '') FROM campaign_stops"
        " WHERE id IN ({})",
    ),
}
"""What a sentence calls the subject of a fact, and the name in it; a number, hidden in part, is found in that."""
_IN_FACT: Final = {
    Subject.BREACH: ("breach {}", BreachAdded.kind, "reference"),
    Subject.RECIPIENT: ("the key of {}", RecipientAdded.kind, "name"),
}
"""Those that no table has: the kind that began one, and the field in which its name stands."""
_PLAIN: Final = {
    Subject.OBJECTION: "an objection",
    Subject.CONSENT: "a consent",
    Subject.SUBSCRIBER: "a line",
    Subject.HOLD: "a hold",
    Subject.REQUEST: "a request",
    Subject.COPY: "a copy in clear",
    Subject.REGISTER: "a register",
    Subject.CAMPAIGN: "a campaign",
    Subject.BREACH: "a breach",
    Subject.RECIPIENT: "a key",
}
"""Where its name was erased, or is not known."""
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CODES: Final = {"allow": "allowed", "block": "refused", "listed_tps": "listed on TPS", "listed_ctps": "listed on CTPS"}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}").fullmatch
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}").match


def sentences(tx: Source, rows: Sequence[Leaf] | Sequence[LeafShown], *, whole: bool) -> dict[int, str]:
    """What happened by each of these leaves, in a sentence; without ``whole`` nothing is said that only the body has.
    A kind that another version has written is said by its name."""
    indexes = [row.index for row in rows]
    found = tx.values(
        tuple[int, str | None, str | None],
        f"SELECT leaf_index, call_id, body FROM facts WHERE leaf_index IN ({marks(indexes)})",  # noqa: S608
        [tx.own[index] for index in indexes],
    )
    facts = {index_of(key): (call_id, body) for key, call_id, body in found}
    calls = _calls(tx, {call_id for call_id, _ in facts.values() if call_id})
    names = _names(tx, rows)
    texts = {}
    for row in rows:
        call_id, body = facts.get(row.index, (None, None))
        call = _call(row, calls.get(call_id or ""))
        number = calls.get(call_id or "", ("", ""))[0]
        texts[row.index] = sentence(
            row.kind, row.actor, _subject(row, call, names), call, (body or "") if whole else "", number=number
        )
    return texts


def sentence(kind: str, actor: str, subject: str, call: str, body: str, *, number: str = "") -> str:
    """A fact of a kind in a sentence. ``subject`` and ``call``: what they are called in it, ``number`` that of the
    call, hidden in part; ``body``: JSON, empty where it was erased, or is not for everybody."""
    values = json.loads(body) if body else {}
    always = {"actor": person(actor), "subject": subject, "call": call, "number": number or "a number"}

    def value(name: str, thing: str) -> str:
        return always[name] if name in always else _shown(values.get(name), thing)

    def chosen(name: str) -> bool | None:
        return bool(values.get(name)) if body else None

    known = CATALOGUE.get(kind)
    text = clean(filled(known.marks.sentence, value, chosen) if known else f"{kind.replace('_', ' ')}: {subject}")
    return text[:1].upper() + text[1:] if text.startswith(("the ", "a ", "an ", "request ", "breach ")) else text


def person(actor: str) -> str:
    """Who did something: of ``user:ann(1000)`` and ``account:ann`` the name."""
    name = re.sub(r"\(\d+\)$", "", actor.partition(":")[2] or actor)
    return f"the {name}" if name in ("gate", "callee", "caller", "agent") else name


def _shown(value: object, thing: str) -> str:
    if value is None or value in ("", []):
        return ""
    if thing and isinstance(value, list | dict):
        return many(len(value), thing)
    if thing and isinstance(value, int | float):
        return many(round(value), thing)
    text = _CODES.get(str(value), str(value).replace("_", " ").removeprefix("account:").removeprefix("trunk:"))
    if _DAY(text):
        return short_day(datetime.fromisoformat(text))
    if not _TIME(text):
        return text
    at = datetime.fromisoformat(str(value)).astimezone(LONDON)
    return f"{short_day(at)} {at:%H:%M}" if at.hour or at.minute else short_day(at)


def _calls(tx: Source, ids: set[str]) -> dict[str, tuple[str, str]]:
    found = tx.values(
        tuple[str, str | None, str],
        f"SELECT call_id, coalesce(nullif(number, ''), raw), at FROM calls WHERE call_id IN ({marks(ids)})",  # noqa: S608
        sorted(ids),
    )
    return {call_id: (_masked(number or ""), at) for call_id, number, at in found}


def _call(row: Leaf | LeafShown, call: tuple[str, str] | None) -> str:
    """``the call to 020 79** **23 at 14:05``: the time where it is another than that of the leaf."""
    if call is None:
        return "a call"
    number, began = call[0], datetime.fromisoformat(call[1]).astimezone(LONDON)
    at = datetime.fromisoformat(row.at).astimezone(LONDON)
    when = f" at {began:%H:%M}" if began.date() == at.date() else f" on {began:%d %b} at {began:%H:%M}"
    way = "from" if row.kind == CallIn.kind else "to"
    return (
        "the call" + (f" {way} {number}" if number else "") + ("" if abs((at - began).total_seconds()) < 60 else when)
    )


def _subject(row: Leaf | LeafShown, call: str, names: Mapping[str, str]) -> str:
    about = CATALOGUE[row.kind].marks.about if row.kind in CATALOGUE else Subject.GATE
    if about is Subject.CALL:
        return call
    if about in (Subject.RECORDING, Subject.RECEIPT):
        return f"the {about.value[:-1]} of {call}"
    if about is Subject.BUNDLE:
        return f"bundle {row.subject[:8]}"
    return names.get(row.subject) or _PLAIN.get(about, row.subject.replace("_", " "))


def _names(tx: Source, rows: Sequence[Leaf] | Sequence[LeafShown]) -> dict[str, str]:
    """Return the names of the subjects of these leaves, where a table or a fact has one."""
    by: dict[Subject, set[str]] = {}
    for row in rows:
        if row.kind in CATALOGUE:
            by.setdefault(CATALOGUE[row.kind].marks.about, set()).add(row.subject)
    names: dict[str, str] = {}
    for subject, ids in by.items():
        found: list[tuple[str, str | None]] = []
        if subject in _NAMED:
            form, sql = _NAMED[subject]
            found = tx.values(tuple[str, str | None], sql.format(marks(ids)), sorted(ids))
        elif subject in _IN_FACT:
            form, kind, field = _IN_FACT[subject]
            sql = f"SELECT subject, body FROM facts WHERE kind = ? AND subject IN ({marks(ids)})"  # noqa: S608
            found = [
                (key, json.loads(body).get(field) if body else None)
                for key, body in tx.values(tuple[str, str | None], sql, [kind, *sorted(ids)])
            ]
        names |= {key: form.format(_NUMBER.sub(lambda at: _masked(at[0]), name)) for key, name in found if name}
    return names


def _masked(number: str) -> str:
    return grouped(mask(number)) if number else ""


# --- one of them ---------------------------------------------------------------------------------------------------


class AuditLeaf(Request[LeafShown], frozen=True):
    """One leaf of the log with what it commits to."""

    index: Annotated[int, msgspec.Meta(ge=0, lt=10**18), about("The leaf's number.", eg=("4211",), metavar="LEAF")]
    masked: Masked = False
    as_of: AsOf = None


@operation(AuditLeaf, "audit_leaf", roles=READERS)
def audit_leaf(folder: DataFolder, asked: AuditLeaf, caller: Caller) -> LeafShown:
    """One leaf with what it commits to."""

    def read(reader: Source) -> LeafShown | None:
        found = search.leaf(reader, asked.index)
        return found and replace(found, said=sentences(reader, [found], whole=True)[found.index])

    if (found := folder.read(read)) is None:
        raise UsageError(f"there is no leaf {asked.index}", hint="See: dialgate audit leaves")
    return found


# --- how it stands -------------------------------------------------------------------------------------------------


class AuditStatus(Request[LogNow], frozen=True):
    """How long the log is, when it was signed last, when it was verified last and whether it held."""

    as_of: AsOf = None


@operation(AuditStatus, "audit_status", roles=EVERYBODY, polled=True)
def audit_status(folder: DataFolder, asked: AuditStatus, caller: Caller) -> LogNow:
    """Size of the log, its newest checkpoint, its last verification."""
    return folder.read(search.log_now)


# --- a moment of it ------------------------------------------------------------------------------------------------


class MomentShown(Response, frozen=True, kw_only=True):
    """The log as of a moment, and what has become since of what it held."""

    at: str
    size: int
    """Leaves that it had."""
    checkpoint: LogHead | None
    """The first signed head over all of them: none of them was changed since. None: none is signed yet."""
    twice: bool
    """The gate's clock was set back, and passed this moment twice: it is the second time."""
    erased: list[Erasure]
    """What was erased since of what was held then, oldest first."""
    late: list[EnteredLate]
    """Objections and consents that are dated before it and were entered since: they were not known then."""


def moment_in_words(shown: MomentShown) -> list[str]:
    """The same in sentences: what proves it, what was erased since, what was entered since and dated before."""
    head = shown.checkpoint
    signed = f"proven by the checkpoint over {head.size:,} of {local(head.at)}" if head else "not signed yet"
    return [
        f"As of {local(shown.at)}: {many(shown.size, 'leaf')} of the log, {signed}.",
        *(["The gate's clock was set back and passed this moment twice: this is the second time."] * shown.twice),
        *(
            f"Erased since: {' and '.join(filter(None, parts))}, on {local(each.at)}, for {each.why}, by {each.actor}."
            for each in shown.erased
            for parts in [
                (
                    many(each.facts, "fact") if each.facts else "",
                    many(each.recordings, "recording") if each.recordings else "",
                )
            ]
        ),
        *(
            f"Not known then: the {each.kind} {each.id}, dated {local(each.dated)} and entered {local(each.entered)}."
            for each in shown.late
        ),
    ]


class MomentShow(Request[MomentShown], frozen=True):
    """A moment of the log."""

    moment: Annotated[Moment, about("The moment, e.g. '25/11 14:00'.", eg=("25/11 14:00",), metavar="MOMENT")]


@operation(MomentShow, "moment_show", roles=EVERYBODY)
def moment_show(folder: DataFolder, asked: MomentShow, caller: Caller) -> MomentShown:
    """Show how long the log was at a moment, the checkpoint that proves it, and what was erased or entered since.

    Raises ``UsageError`` for a moment before the log began, or ahead.
    """
    now = folder.clock.now()

    def read(reader: Reader) -> MomentShown:
        then = past.find(reader, asked.moment, now)
        return MomentShown(
            at=stamp(asked.moment),
            size=then.size,
            checkpoint=search.head_over(reader, then.size),
            twice=then.twice,
            erased=past.erased_since(reader, then),
            late=past.entered_since(reader, then),
        )

    return folder.read(read)
