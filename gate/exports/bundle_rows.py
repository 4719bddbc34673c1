"""The rows of a bundle's logs, each made from the facts that it rests on: by the writer, and again by the reader.

A column takes its value from the last fact of one kind: a field of its body, or its time, subject or leaf index. Where
there is no such fact, or its body was erased, it is null. ``bundle.txt`` shows these tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, get_type_hints

import msgspec

from gate.core.cells import csv_text
from gate.core.evidence import (
    MOST_LOGS,
    commitment,
    index_of,
    leaf_bytes,
    leaf_key,
    leaf_name,
    leaf_named,
    log_of,
)
from gate.core.facts import Body, calls, recordings
from gate.core.facts.derived import OF_CALL
from gate.core.facts.lists import Objection, RegisterImported
from gate.exports.bundle import BundleError


class FactRow(NamedTuple):
    """A fact as it lies in the store; ``salt`` and ``body`` (canonical JSON) are None where it was erased."""

    leaf: int
    """Index of its leaf; in a bundle over several logs its key (``gate.core.evidence.leaf_key``)."""
    kind: str
    subject: str
    at: str
    actor: str
    salt: bytes | None
    body: str | None


AT, SUBJECT, INDEX = "(at)", "(subject)", "(leaf_index)"
Cell: TypeAlias = Any
"""What a fact has in a field. No type is promised: the version that wrote the fact decided what stands in it, and a
bundle that is opened may be forged."""


class From(NamedTuple):
    """A mark of a column: where its value comes from."""

    body: type[Body]
    """Kind of fact."""
    field: str = ""
    """Field of its body, or one of the three above; empty: the column's own name."""
    later: bool = False
    """Bundles of 0.1 do not have the column."""


class BundleRow(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the rows. Their fields are the columns, in this order."""


class CallRow(BundleRow, frozen=True, kw_only=True):
    """A row of ``calls``."""

    call_id: str
    at: Annotated[Cell, From(calls.Decision, AT)]
    number: Annotated[Cell, From(calls.Decision)]
    raw: Annotated[Cell, From(calls.Decision)]
    presentation: Annotated[Cell, From(calls.Decision)]
    purpose: Annotated[Cell, From(calls.Decision)]
    topic: Annotated[Cell, From(calls.Decision)]
    on_behalf_of: Annotated[Cell, From(calls.Decision)]
    claimed_by: Annotated[Cell, From(calls.Decision)]
    verdict: Annotated[Cell, From(calls.Decision)]
    reason: Annotated[Cell, From(calls.Decision)]
    answered_at: Annotated[Cell, From(calls.Answered, AT)]
    codec: Annotated[Cell, From(calls.Answered)]
    announced_at: Annotated[Cell, From(calls.Announced, AT)]
    announced_to_its_end: Annotated[Cell, From(calls.Announced, "completed")]
    connected_at: Annotated[Cell, From(calls.Connected, AT)]
    recorded: Annotated[Cell, From(calls.Connected)]
    unrecorded_why: Annotated[Cell, From(calls.Unrecorded, "why")]
    recording_id: Annotated[Cell, From(recordings.RecordingOpened, SUBJECT)]
    objected_at: Annotated[Cell, From(Objection, AT)]
    ended_at: Annotated[Cell, From(calls.Ended, AT)]
    ended_by: Annotated[Cell, From(calls.Ended, "by")]
    cause: Annotated[Cell, From(calls.Ended)]
    code: Annotated[Cell, From(calls.Ended)]
    seconds: Annotated[Cell, From(calls.Ended)]
    decision_leaf: Annotated[Cell, From(calls.Decision, INDEX)]
    kept: Annotated[Cell, From(recordings.RecordingClosed, later=True)]
    silent: Annotated[Cell, From(recordings.RecordingClosed, later=True)]
    called_against_refusal_at: Annotated[Cell, From(calls.CalledAgainstRefusal, AT, later=True)]
    to_be_shown_by: Annotated[Cell, From(calls.Decision, later=True)]


class DecisionRow(BundleRow, frozen=True, kw_only=True):
    """A row of ``decisions``: one for each fact."""

    leaf_index: Annotated[Cell, From(calls.Decision, INDEX)]
    call_id: Annotated[Cell, From(calls.Decision, SUBJECT)]
    at: Annotated[Cell, From(calls.Decision, AT)]
    number: Annotated[Cell, From(calls.Decision)]
    verdict: Annotated[Cell, From(calls.Decision)]
    reason: Annotated[Cell, From(calls.Decision)]
    explanation: Annotated[Cell, From(calls.Decision)]
    purpose: Annotated[Cell, From(calls.Decision)]
    topic: Annotated[Cell, From(calls.Decision)]
    presentation: Annotated[Cell, From(calls.Decision)]
    claimed_by: Annotated[Cell, From(calls.Decision)]
    source: Annotated[Cell, From(calls.Decision)]
    consent_id: Annotated[Cell, From(calls.Decision)]
    objection_id: Annotated[Cell, From(calls.Decision)]
    registers: Annotated[Cell, From(calls.Decision)]
    to_be_shown_by: Annotated[Cell, From(calls.Decision, later=True)]
    on_behalf_of: Annotated[Cell, From(calls.Decision)]
    topic_rule: Annotated[Cell, From(calls.Decision)]


class RecordingRow(BundleRow, frozen=True, kw_only=True):
    """A row of ``recordings``."""

    recording_id: str
    call_id: Annotated[Cell, From(recordings.RecordingOpened)]
    opened_at: Annotated[Cell, From(recordings.RecordingOpened, AT)]
    key_id: Annotated[Cell, From(recordings.RecordingOpened)]
    announcement: Annotated[Cell, From(calls.Announced)]
    announcement_version: Annotated[Cell, From(calls.Announced, "version")]
    announcement_sha256: Annotated[Cell, From(calls.Announced, "sha256")]
    closed_at: Annotated[Cell, From(recordings.RecordingClosed, AT)]
    sha256: Annotated[Cell, From(recordings.RecordingClosed)]
    size: Annotated[Cell, From(recordings.RecordingClosed)]
    seconds: Annotated[Cell, From(recordings.RecordingClosed)]
    gaps: Annotated[Cell, From(recordings.RecordingClosed)]
    interrupted: Annotated[Cell, From(recordings.RecordingClosed)]
    talked: Annotated[Cell, From(recordings.RecordingClosed, later=True)]
    kept: Annotated[Cell, From(recordings.RecordingClosed, later=True)]
    lost: Annotated[Cell, From(recordings.RecordingClosed, later=True)]
    silent: Annotated[Cell, From(recordings.RecordingClosed, later=True)]
    erasure_decided_at: Annotated[Cell, From(recordings.RecordingErasing, AT)]
    erasure_basis: Annotated[Cell, From(recordings.RecordingErasing, "basis")]
    erased_at: Annotated[Cell, From(recordings.RecordingErased, AT)]
    receipt_leaf: Annotated[Cell, From(recordings.RecordingErased, INDEX)]
    backups_until: Annotated[Cell, From(recordings.RecordingErased)]
    status: Cell = None
    """The gate's word, as ``why``."""
    why: Cell = None


class RegisterRow(BundleRow, frozen=True, kw_only=True):
    """A row of ``registers``: a snapshot that was in force in the period."""

    leaf_index: Annotated[Cell, From(RegisterImported, INDEX)]
    imported_at: Annotated[Cell, From(RegisterImported, AT)]
    name: Annotated[Cell, From(RegisterImported)]
    as_of: Annotated[Cell, From(RegisterImported)]
    sha256: Annotated[Cell, From(RegisterImported)]
    count: Annotated[Cell, From(RegisterImported)]
    coverage: Annotated[Cell, From(RegisterImported)]
    source_name: Annotated[Cell, From(RegisterImported)]


@lru_cache
def sources(row: type[BundleRow]) -> dict[str, From]:
    """The columns that come from facts."""
    hints = get_type_hints(row, include_extras=True)
    marks = {name: getattr(hints[name], "__metadata__", (None,))[0] for name in row.__struct_fields__}
    return {name: mark._replace(field=mark.field or name) for name, mark in marks.items() if isinstance(mark, From)}


def columns(row: type[BundleRow], *, before: bool = False) -> tuple[str, ...]:
    """All columns; ``before``: those of bundles of 0.1."""
    later = {name for name, of in sources(row).items() if before and of.later}
    return tuple(name for name in row.__struct_fields__ if name not in later)


TABLES: Final[Mapping[str, type[BundleRow]]] = {"calls": CallRow, "decisions": DecisionRow, "recordings": RecordingRow}
COLUMNS: Final = {name: columns(row) for name, row in TABLES.items()}
COLUMNS_BEFORE: Final = {name: columns(row, before=True) for name, row in TABLES.items()}
"""Those of bundles of 0.1: all of their tables have these."""


def description() -> bytes:
    """``README.txt`` of a bundle: ``bundle.txt`` with the tables above in their place."""
    tables = {**TABLES, "registers": RegisterRow}
    told = "\n\n".join(f"  {name}\n" + "\n".join(_column_lines(sources(row))) for name, row in tables.items())
    return Path(__file__).with_name("bundle.txt").read_text(encoding="utf-8").replace("{rows}", told).encode()


def _column_lines(found: Mapping[str, From]) -> Iterable[str]:
    return (f"    {name:<22}{of.body.kind}: {of.field}" for name, of in found.items())


def body_of(fact: FactRow) -> Mapping[str, Any]:
    """The body; empty where it was erased. Raises ``BundleError`` where it is no object."""
    if fact.body is None:
        return {}
    try:
        body = json.loads(fact.body)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the body of fact {fact.leaf} is not JSON") from error
    if not isinstance(body, dict):
        raise BundleError(f"the body of fact {fact.leaf} is no object")
    return body


def _cells(row: type[BundleRow], facts: Iterable[FactRow]) -> dict[str, Cell]:
    last = {fact.kind: fact for fact in facts}
    bodies = {kind: body_of(fact) for kind, fact in last.items()}
    return {
        name: _value(last.get(of.body.kind), bodies.get(of.body.kind, {}), of.field)
        for name, of in sources(row).items()
    }


def _value(fact: FactRow | None, body: Mapping[str, Any], field: str) -> Any:
    if fact is None:
        return None
    named = {AT: fact.at, SUBJECT: fact.subject, INDEX: leaf_name(fact.leaf) if log_of(fact.leaf) else fact.leaf}
    return named[field] if field in named else body.get(field)


def call_of(fact: FactRow) -> str:
    """Id of the call that a fact speaks of: its subject, or the ``call_id`` of its body; empty where it names none."""
    if fact.kind in OF_CALL:
        return fact.subject
    call_id = body_of(fact).get("call_id")
    return call_id if isinstance(call_id, str) else ""


def announcement_of(name: Cell, version: Cell) -> str:
    """``ID@VERSION`` of what was played before a recording; empty where that is not known."""
    return f"{name}@{version}" if isinstance(name, str) and isinstance(version, str) else ""


def call_row(call_id: str, facts: Sequence[FactRow]) -> CallRow:
    """The row of a call, from all facts that speak of it, in the order of their leaves. A call in begins with a fact of
    its own kind, which says what a decision says of a call out."""
    begun = [fact._replace(kind=calls.Decision.kind) if fact.kind == calls.CallIn.kind else fact for fact in facts]
    return CallRow(call_id=call_id, **_cells(CallRow, begun))


def decision_rows(facts: Sequence[FactRow]) -> list[DecisionRow]:
    """The decisions among a call's facts."""
    return [DecisionRow(**_cells(DecisionRow, [fact])) for fact in facts if fact.kind == calls.Decision.kind]


def recording_rows(facts: Sequence[FactRow]) -> list[RecordingRow]:
    """The recordings among a call's facts, without ``status`` and ``why``."""
    opened = dict.fromkeys(fact.subject for fact in facts if fact.kind == recordings.RecordingOpened.kind)
    about = {
        name: [each for each in facts if each.subject == name or each.kind == calls.Announced.kind] for name in opened
    }
    return [RecordingRow(recording_id=name, **_cells(RecordingRow, about[name])) for name in opened]


def register_row(fact: FactRow) -> RegisterRow:
    """The row of an import."""
    return RegisterRow(**_cells(RegisterRow, [fact]))


# --- facts ---------------------------------------------------------------------------------------------------------


def fact_value(fact: FactRow, leaf: bytes | None = None) -> dict[str, Any]:
    """A fact as it stands in a bundle: with ``salt`` (hex) and ``body`` (text); an erased one with its leaf's
    ``commit`` in place of both."""
    value = leaf_value(fact.leaf) | {
        "kind": fact.kind,
        "subject": fact.subject,
        "at": fact.at,
        "actor": fact.actor,
    }
    if fact.body is None or fact.salt is None:
        return value | {"commit": json.loads(leaf or b"{}").get("commit", "")}
    return value | {"salt": fact.salt.hex(), "body": fact.body}


def leaf_value(leaf: int) -> dict[str, Any]:
    """A leaf as it is named in a bundle: its index, and the number of its log where that is not 0."""
    return {"index": index_of(leaf)} | ({"log": log_of(leaf)} if log_of(leaf) else {})


def read_leaf(value: Mapping[str, Any]) -> int:
    """The inverse. Raises ``BundleError``."""
    index, log = value.get("index"), value.get("log", 0)
    if type(index) is int and type(log) is int and 0 <= log < MOST_LOGS:
        leaf = leaf_key(log, index)
        if leaf >= 0 and leaf_value(leaf) == {name: value[name] for name in ("index", "log") if name in value}:
            return leaf
    raise BundleError(f"no leaf: {index!r} of log {log!r}"[:200])


def emptied_by(fact: FactRow) -> set[int]:
    """The leaves that an erasure has emptied, those of other logs too. Raises ``BundleError`` for what names none."""
    body = body_of(fact)
    try:
        named = (*body.get("leaves", ()), *body.get("elsewhere", ()))
        return {leaf_named(each, log_of(fact.leaf)) for each in named}
    except (ValueError, TypeError) as error:
        raise BundleError(f"the receipt of fact {leaf_name(fact.leaf)} names what is no leaf") from error


def read_fact(value: Any) -> tuple[FactRow, bytes]:
    """A fact of a bundle, and the leaf that it must have. Raises ``BundleError``."""
    try:
        texts = [value[name] for name in ("kind", "subject", "at", "actor")]
        index = read_leaf(value)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a field of another type")
        kind, subject, at, actor = texts
        salt: bytes | None = None
        body: str | None = None
        if "commit" in value:
            commit = bytes.fromhex(value["commit"])
        else:
            salt, body = bytes.fromhex(value["salt"]), str(value["body"])
            commit = commitment(salt, body.encode())
        return FactRow(index, kind, subject, at, actor, salt, body), leaf_bytes(kind, subject, at, actor, commit)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(f"a fact is not written as facts are: {error}") from error


# --- CSV -----------------------------------------------------------------------------------------------------------


def csv_lines(columns: Sequence[str], rows: Iterable[BundleRow]) -> bytes:
    """Rows as CSV (RFC 4180, UTF-8): null is empty, yes and no are ``true`` and ``false``, lists are JSON.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (``gate.core.cells``): numbers and
    names come from phones.
    """
    return csv_text([_cell(getattr(row, name)) for name in columns] for row in rows).encode("utf-8", "replace")


def csv_head(columns: Sequence[str]) -> bytes:
    """The first line."""
    return (",".join(columns) + "\r\n").encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
