"""One line of an own list, objection or consent, as it comes in bulk: what it must hold, and how its text is read.

The command line reads a file with these functions before it sends anything, and the operations check the entries with
them again before they keep anything: what the one refuses does not get in through the other.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from gate.core import numbers
from gate.core.days import LONDON, time_of_day
from gate.core.facts import Body
from gate.core.facts.lists import File
from gate.core.numbers import NumberRefused, likely
from gate.core.rows.calls import FactRow
from gate.core.screening import (
    consents_to,
    denied,
    last_day,
    live_consents,
    objections_to,
    own_day_fault,
    standing_objection,
    unspoken,
)
from gate.core.terms import TOPICS, Objection, Purpose, Scope, Topic, date_text, many
from gate.errors import RefusedError, UsageError
from gate.operations.operation import Line, Moment, Note, Response
from gate.operations.parsing import number_of

if TYPE_CHECKING:
    from gate.config import Firm, Instigator
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "objections": ("number", "made_at", "source", "note", "scope", "on_behalf_of"),
    "consents": (
        *("number", "given_at", "how", "wording", "who", "evidence", "evidence_kind", "evidence_sha256"),
        *("purpose", "topics", "caller", "on_behalf_of", "holds_until", "withdrawn_at", "withdrawn_why"),
    ),
}
"""Columns of each list's file, in the order in which they are exported."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "objections": ("number",),
    "consents": ("number", "given_at", "how", "wording", "who", "evidence"),
}
"""Columns that a file to be imported must have; those of a consent must be filled in, on every line.

PECR reg 21(4): it is for the caller to prove a consent. A consent that came in bulk without its own date and proof
could otherwise outlive an objection by nothing but the moment of its import.
"""

MOST: Final = {
    **dict.fromkeys(("number", "source", "how", "who", "caller", "topics", "on_behalf_of"), 200),
    **{"evidence_kind": 20, "evidence_sha256": 64, "purpose": 20},
}
"""Longest text of a column, in characters; ``NOTE`` for the others."""
NOTE: Final = 4000
_TIMES: Final = ("made_at", "given_at", "withdrawn_at")
_BRITISH = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: +(\d{1,2}:\d{2}(?::\d{2})?))?").fullmatch


AT_ONCE: Final = 500
"""Entries of a batch, at most."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of both."""

    number: Line
    line: int = 0
    """Where it stood in its file."""


class ObjectionEntry(Entry, frozen=True, kw_only=True):
    """An objection to be kept."""

    made_at: Moment | None = None
    """None: now."""
    source: Line = "import"
    note: Note = ""
    scope: Line = ""
    """``marketing`` (also where it is empty) or ``all``."""
    on_behalf_of: Line = ""
    """The one instigator whose calls it is to; empty: every call of the firm."""


class ConsentEntry(Entry, frozen=True, kw_only=True):
    """A consent to be kept, with its own date and evidence, withdrawn or not."""

    given_at: Moment
    how: Line
    wording: Note
    who: Line
    evidence: Note
    evidence_kind: Line = ""
    evidence_sha256: Line = ""
    purpose: Line = ""
    topics: Line = ""
    caller: Line = ""
    on_behalf_of: Line = ""
    holds_until: date | None = None
    withdrawn_at: Moment | None = None
    withdrawn_why: Note = ""


class BadLine(Response, frozen=True):
    """A line that is not kept."""

    line: int
    fault: str


class BatchKept(Response, frozen=True):
    """What became of a batch."""

    imported: int
    held: int
    """Those that were there already."""
    without_effect: int = 0
    """Imported consents that an objection stands against, and objections to numbers that are blocked already."""
    faults: list[BadLine] | UnsetType = UNSET
    """What firm and store say against a batch that was only checked."""


def standing(tx: StoreTransaction, e164: str, now: datetime, on_behalf_of: str = "") -> Objection | None:
    """The objection that blocks calls to a number now, those on behalf of an instigator or the firm's own, by what is
    kept; None where there is none."""
    since = tx.subscriber(e164).since
    live = live_consents(consents_to(tx.consents(e164), on_behalf_of, since), now)
    return standing_objection(objections_to(tx.objections(e164), on_behalf_of), live)


def instigator_of(folder: DataFolder, name: str) -> str | UnsetType:
    """The name of an instigator, as it is kept; UNSET where none is named. Raises ``UsageError`` for an unknown one."""
    known = sorted(each.name for each in folder.config.instigator)
    if not (name := name.strip().lower()):
        return UNSET
    if name not in known:
        raise UsageError(f'"{name}" is no firm that this one calls for', hint=f"known: {', '.join(known) or 'none'}")
    return name


def made_text(objection: Objection) -> str:
    """The day of an objection in words: ``3 March 2026``."""
    return date_text(objection.made_at.astimezone(LONDON))


KINDS: Final = ("reference", "file", "recording")
"""What the evidence of a consent is: where it stands in the firm's own records, a file's name beside its SHA-256, or
the id of a recording."""


class ConsentScope(msgspec.Struct, frozen=True, kw_only=True):
    """Kind of evidence, topics and the rest of a consent's scope, as they are kept: in one spelling."""

    purpose: str
    holds_until: str
    evidence_kind: str
    evidence_sha256: str
    topics: str
    """With commas."""
    caller: str
    holds_longer: bool = False
    """Its own day is later than the firm's term."""
    on_behalf_of: str | UnsetType = UNSET
    """The instigator that it is for; UNSET: the firm itself."""


def scope_of(entry: ConsentEntry) -> ConsentScope:
    """The scope of a consent by itself."""
    return ConsentScope(
        purpose=(entry.purpose or Purpose.MARKETING).strip().lower(),
        holds_until=entry.holds_until.isoformat() if entry.holds_until else "",
        evidence_kind=(entry.evidence_kind or KINDS[0]).strip().lower(),
        evidence_sha256=entry.evidence_sha256.strip().lower(),
        topics=",".join(re.split(r"[\s,;]+", (entry.topics or Topic.GENERAL).strip().lower())),
        caller=" ".join(entry.caller.split()),
    )


def scope_faults(entry: ConsentEntry) -> Iterator[str]:
    """Find what is wrong with a consent's scope by itself, a sentence each."""
    scope = scope_of(entry)
    if scope.evidence_kind not in KINDS:
        yield f'evidence_kind: "{scope.evidence_kind}" is none of {", ".join(KINDS)}'
    if (scope.evidence_kind == "file") != bool(scope.evidence_sha256):
        yield "evidence_sha256 goes with the kind file, and with no other"
    elif scope.evidence_sha256 and not re.fullmatch(r"[0-9a-f]{64}", scope.evidence_sha256):
        yield "evidence_sha256 is no SHA-256: 64 hexadecimal digits"
    elif scope.evidence_sha256 == _EMPTY:
        yield "evidence_sha256: the file is empty, and proves nothing"
    for name in ("wording", "who", "evidence"):
        text = getattr(entry, name).strip()
        if text and (text.casefold().strip(".") in _NOTHING or not any(sign.isalnum() for sign in text)):
            yield f'{name}: "{text}" says nothing'
    if scope.purpose not in set(Purpose):
        yield f'purpose: "{scope.purpose}" is none of {", ".join(Purpose)}'
    topics = scope.topics.split(",")
    if wrong := [topic for topic in topics if topic not in set(Topic)]:
        yield f'topics: "{wrong[0]}" is none of {", ".join(Topic)}'
    elif silent := unspoken(entry.wording, [Topic(topic) for topic in topics]):
        yield f"wording says nothing of {silent[0]}: calls about it need a yes in words of their own"
    elif denies := denied(entry.wording, [Topic(topic) for topic in topics]):
        yield f"wording denies it: {denies}"


def checked_scope(folder: DataFolder, tx: StoreTransaction, entry: ConsentEntry) -> ConsentScope:
    """A consent's scope against firm and store, as it is kept. Raises ``UsageError``."""
    scope, firm, months = scope_of(entry), folder.config.firm, folder.config.consent.months
    to = instigator_of(folder, entry.on_behalf_of)
    named: Firm | Instigator = next((each for each in folder.config.instigator if each.name == to), firm)
    day, own = entry.given_at.astimezone(LONDON).date(), entry.holds_until
    if own and (fault := own_day_fault(day, own, months, entry.wording)):
        raise UsageError(
            f"this consent cannot hold so: {fault}",
            hint=f"Without a day of its own it holds for {months} months (consent.months).",
        )
    names = {_plain(named.legal_name), _plain(named.trading_name)}
    its_own = f"this firm is {firm.trading_name} ({firm.legal_name})"
    if named is not firm:
        its_own = f"{to} is {named.trading_name} ({named.legal_name})"
        if not any(name in _plain(entry.wording) for name in names):
            raise UsageError(
                f"these words do not name {named.trading_name}, on whose behalf the calls are made",
                hint="A consent to the calls of one firm does not cover another's: keep the words that name it.",
            )
    if scope.caller and _plain(scope.caller) not in names:
        raise UsageError(
            f"this consent was given to {scope.caller}, and {its_own}",
            hint="A consent to another firm's calls does not cover this firm's: ask for one of its own.",
        )
    if other := next((each for each in _firms_in(entry.wording) if not _is_of(_plain(each), names)), ""):
        raise UsageError(
            f"these words name {other}, and {its_own}",
            hint="A consent to another firm's calls does not cover this firm's: ask for one of its own.",
        )
    for row in (each for each in TOPICS if each.key and each.topic in scope.topics.split(",")):
        if not getattr(firm, row.key).strip():
            raise UsageError(
                f"only {row.caller} may call about {row.title} ({row.law})",
                hint=f"Say what authorises it in firm.{row.key}, or leave the topic out.",
            )
    if scope.evidence_kind == "recording":
        calls = tx.values(
            tuple[str | None],
            "SELECT c.number FROM recordings AS r LEFT JOIN calls AS c ON c.call_id = r.call_id"
            " WHERE r.recording_id = ? AND r.erased_at IS NULL",
            (entry.evidence.strip(),),
        )
        if not calls:
            raise UsageError(
                f"there is no recording {entry.evidence}",
                hint="Give the id of one that is kept: dialgate recording list",
            )
        if calls[0][0] != number_of(entry.number):
            raise UsageError(
                f"recording {entry.evidence} is of a call with another number",
                hint="Give the recording in which this line's subscriber agreed.",
            )
    longer = bool(own and own > last_day(day, months))
    return msgspec.structs.replace(scope, holds_longer=longer, on_behalf_of=to)


_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_NOTHING: Final = frozenset({"none", "no", "n/a", "na", "nil", "null", "tbc", "tba", "unknown", "x", "xxx", "test"})
_NAMING: Final = (
    re.compile(r"\bfor ((?:[A-Z][\w&'-]{0,40} ){0,3}[A-Z][\w&'-]{0,40}) to (?:call|ring|phone|contact)\b"),
    re.compile(r"\bcalls? from ((?:[A-Z][\w&'-]{0,40} ){0,3}[A-Z][\w&'-]{0,40})"),
    re.compile(r"\b((?:[A-Z][\w&'-]{0,40} ){0,3}[A-Z][\w&'-]{0,40}) (?:may|can|could) (?:call|ring|phone|contact)\b"),
    re.compile(r"\b((?:[A-Z][\w&'-]{0,40} ){0,3}[A-Z][\w&'-]{0,40}) (?:Ltd|Limited|PLC|Plc|plc|LLP)\b"),
)
"""How the words of a consent name a caller: up to four words with capitals."""
_NOBODY: Final = frozenset({"i", "you", "they", "we", "he", "she", "yes", "your company", "your firm", "yes you"})

_TIMES_OF_YEAR: Final = frozenset(
    {*map(str.casefold, (*calendar.day_name, *calendar.month_name)), "christmas", "easter"}
)


def _firms_in(wording: str) -> Iterator[str]:
    """Names of callers in the words of a consent."""
    for naming in _NAMING:
        yield from (found[1] for found in naming.finditer(" ".join(wording.split())))


def _is_of(name: str, names: Collection[str]) -> bool:
    """Whether a plain name is one of these, a part of one, or nobody's."""
    return name in _NOBODY or name in _TIMES_OF_YEAR or any(name in each or each in name for each in names if each)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", re.sub(r"\b(ltd|limited|plc|llp)\b\.?", "", name.casefold())).strip()


def check_entries(name: str, entries: Sequence[Entry], now: datetime) -> None:
    """Raises ``UsageError`` that names every line that is wrong."""
    faults = []
    for entry in entries:
        faults += [f"line {entry.line}: {fault}" for fault in faults_of(name, entry, now)]
    if faults:
        raise UsageError("\n".join([f"nothing of this batch of {name} was kept", *faults]))


def origin(entry: Entry, source_name: str, sha256: str) -> File | UnsetType:
    """The file and line that an entry comes from, as they stand in its fact; nothing where no file was named."""
    return {"name": source_name, "sha256": sha256, "line": entry.line} if source_name or sha256 else UNSET


def read_row(name: str, row: Mapping[str, str], now: datetime, line: int = 0) -> tuple[Entry | None, list[str]]:
    """The entry that a line's texts spell, or everything that is wrong with them.

    Times are ISO 8601 or British; without an offset they are London's. A bare day is the end of it for an objection and
    for a withdrawal, and the beginning of it for a consent: of two on one day the one that forbids the call stands.
    """
    fields: dict[str, Any] = {}
    faults: list[str] = []
    for column in COLUMNS[name]:
        text = row.get(column) or ""
        if column in ("number", *_TIMES) or text.isspace():
            text = text.strip()
        if column in _TIMES:
            try:
                fields[column] = time_of(text, now, end=column != "given_at") if text else None
            except ValueError:
                faults.append(f'{column}: "{text[:40]}" is not a time; write 02/03/2026 10:00 or 2026-03-02')
        elif column == "holds_until":
            try:
                fields[column] = (
                    time_of(text.strip(), now, end=False).astimezone(LONDON).date() if text.strip() else None
                )
            except ValueError:
                faults.append(f'{column}: "{text[:40]}" is not a day; write 2027-03-02')
        else:
            fields[column] = text
    if name == "objections" and not fields["source"]:
        fields["source"] = "import"
    if not faults:
        kind = ObjectionEntry if name == "objections" else ConsentEntry
        entry: Entry = kind(**fields, line=line)
        faults = faults_of(name, entry, now)
    return None if faults else entry, faults


def objection_in_part(row: Mapping[str, str], *, shifted: bool = False, line: int = 0) -> ObjectionEntry | None:
    """What of a wrong line blocks all the same: an objection holds from when the firm learns of it, whatever date or
    words it bears (LAW 1.7a). A number that a spreadsheet has changed is blocked as what it was: that harms nobody.
    None where it cannot be read. A scope that is not known is the wider one.

    ``shifted``: the line has too many fields or too few, and all but the number may stand under another name.
    """
    number, scope = (row.get("number") or "").strip(), (row.get("scope") or "").strip().lower()
    try:
        numbers.parse(number)
    except NumberRefused:
        if not (number := likely(number)):
            return None
    wide = Scope.ALL if scope or (shifted and "scope" in row) else ""
    return ObjectionEntry(
        number=number[: MOST["number"]],
        source="import" if shifted else (row.get("source") or "").strip()[: MOST["source"]] or "import",
        note="" if shifted else (row.get("note") or "")[:NOTE],
        scope=scope if scope in set(Scope) and not shifted else wide,
        line=line,
    )


def faults_of(name: str, entry: Entry, now: datetime) -> list[str]:
    """Find what is wrong with an entry of this list; empty where it may be kept."""
    fields = {column: getattr(entry, column) for column in COLUMNS[name]}
    faults = [f"{column} is empty" for column in REQUIRED[name] if not fields[column]]
    faults += [
        f"{column} is longer than {many(MOST.get(column, NOTE), 'character')}"
        for column, value in fields.items()
        if isinstance(value, str) and len(value) > MOST.get(column, NOTE)
    ]
    try:
        if fields["number"]:
            numbers.parse(fields["number"])
    except NumberRefused as refused:
        faults.append(f"number: {refused.explanation}")
    if isinstance(entry, ObjectionEntry) and entry.scope and entry.scope.strip().lower() not in set(Scope):
        faults.append(f'scope: "{entry.scope}" is none of {", ".join(Scope)}')
    if isinstance(entry, ConsentEntry):
        faults += scope_faults(entry)
    faults += [f"{column} is in the future" for column in _TIMES if fields.get(column) and fields[column] > now]
    if (
        isinstance(entry, ConsentEntry)
        and entry.withdrawn_at
        and entry.given_at
        and entry.withdrawn_at < entry.given_at
    ):
        faults.append("withdrawn_at is before given_at")
    return faults


def time_of(text: str, now: datetime, *, end: bool) -> datetime:
    """A time as UTC: ISO 8601, or ``25/11/2026`` and ``25/11/2026 14:30`` as British spreadsheets write them; a bare
    day is its beginning, or its ``end`` (today: now). Raises ``ValueError``."""
    british = _BRITISH(text)
    try:
        day = date(int(british[3]), int(british[2]), int(british[1])) if british else date.fromisoformat(text)
    except ValueError:
        if british:
            raise
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=LONDON)).astimezone(UTC)
    if british and british[4]:
        return datetime.combine(day, time_of_day(british[4]), LONDON).astimezone(UTC)
    first = datetime.combine(day, time(), LONDON).astimezone(UTC)
    if not end:
        return first
    last = datetime.combine(day + timedelta(days=1), time(), LONDON).astimezone(UTC) - timedelta(microseconds=1)
    return now if first <= now < last else last


# --- asked for again -----------------------------------------------------------------------------------------------


B = TypeVar("B", bound=Body)
KEPT_BEFORE: Final = "It was kept before: nothing changes."


def kept_before(tx: StoreTransaction, body: B, actor: str, key: str, alike: Sequence[str]) -> tuple[str, B | None]:
    """The id of the entry that an asker calls ``key``, and what was kept under it before; None where nothing was.

    The id names nobody: it comes of the key by the secret that numbers are hashed with. Raises ``RefusedError`` where
    another entry was kept (its fields ``alike`` differ), or the one that was has been erased.
    """
    asker = actor.partition("@")[0]
    entry_id = tx.hash_of("\0".join((body.kind, asker, key))).hex()[:32]
    rows = tx.rows(FactRow, "SELECT * FROM facts WHERE subject = ? AND kind = ?", (entry_id, body.kind))
    if not rows:
        return entry_id, None
    before = body.read(rows[0].body) if rows[0].body else None
    if before is None or any(getattr(before, name) != getattr(body, name) for name in alike):
        raise RefusedError(
            "another entry was kept with this key", reason="key_used", hint="take a new key for each entry"
        )
    return entry_id, before
