"""The rows of a bundle's logs, each made from the facts that it rests on: by the writer, and again by the reader.

A column takes its value from the last fact of one kind: a field of its body, or its time, subject or leaf index. Where
there is no such fact, or its body was erased, it is null. ``bundle.txt`` shows these tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from gate.core.cells import csv_text
from gate.core.evidence import commitment, leaf_bytes
from gate.core.facts import Body, calls, recordings
from gate.core.facts.derived import OF_CALL
from gate.core.facts.lists import Objection, RegisterImported
from gate.exports.bundle import BundleError


class FactRow(NamedTuple):
    """A fact as it lies in the store; ``salt`` and ``body`` (canonical JSON) are None where it was erased."""

    leaf: int
    """Index of its leaf."""
    kind: str
    subject: str
    at: str
    actor: str
    salt: bytes | None
    body: str | None


BundleRow = dict[str, Any]
"""A row of a bundle by name of column, as the facts have it. No type is promised: the version that wrote a fact decided
what stands in it, and a bundle that is opened may be forged."""

AT, SUBJECT, INDEX = "(at)", "(subject)", "(leaf_index)"
Source = tuple[type[Body], str]
"""Kind of fact; field of its body, or one of the three above."""

CALL: Final[Mapping[str, Source]] = {
    "at": (calls.Decision, AT),
    "number": (calls.Decision, "number"),
    "raw": (calls.Decision, "raw"),
    "presentation": (calls.Decision, "presentation"),
    "purpose": (calls.Decision, "purpose"),
    "topic": (calls.Decision, "topic"),
    "on_behalf_of": (calls.Decision, "on_behalf_of"),
    "claimed_by": (calls.Decision, "claimed_by"),
    "verdict": (calls.Decision, "verdict"),
    "reason": (calls.Decision, "reason"),
    "answered_at": (calls.Answered, AT),
    "codec": (calls.Answered, "codec"),
    "announced_at": (calls.Announced, AT),
    "announced_to_its_end": (calls.Announced, "completed"),
    "connected_at": (calls.Connected, AT),
    "recorded": (calls.Connected, "recorded"),
    "unrecorded_why": (calls.Unrecorded, "why"),
    "recording_id": (recordings.RecordingOpened, SUBJECT),
    "objected_at": (Objection, AT),
    "ended_at": (calls.Ended, AT),
    "ended_by": (calls.Ended, "by"),
    "cause": (calls.Ended, "cause"),
    "code": (calls.Ended, "code"),
    "seconds": (calls.Ended, "seconds"),
    "decision_leaf": (calls.Decision, INDEX),
    "kept": (recordings.RecordingClosed, "kept"),
    "silent": (recordings.RecordingClosed, "silent"),
    "called_against_refusal_at": (calls.CalledAgainstRefusal, AT),
    "to_be_shown_by": (calls.Decision, "to_be_shown_by"),
}
"""Columns of ``calls``, after ``call_id``."""

DECISION: Final[Mapping[str, Source]] = {
    "leaf_index": (calls.Decision, INDEX),
    "call_id": (calls.Decision, SUBJECT),
    "at": (calls.Decision, AT),
    **{
        name: (calls.Decision, name)
        for name in (
            "number", "verdict", "reason", "explanation", "purpose", "topic", "presentation", "claimed_by", "source",
            "consent_id", "objection_id", "registers", "to_be_shown_by", "on_behalf_of", "topic_rule",
        )
    },
}  # fmt: skip
"""Columns of ``decisions``: one row for each fact."""

RECORDING: Final[Mapping[str, Source]] = {
    "call_id": (recordings.RecordingOpened, "call_id"),
    "opened_at": (recordings.RecordingOpened, AT),
    "key_id": (recordings.RecordingOpened, "key_id"),
    "announcement": (calls.Announced, "announcement"),
    "announcement_version": (calls.Announced, "version"),
    "announcement_sha256": (calls.Announced, "sha256"),
    "closed_at": (recordings.RecordingClosed, AT),
    "sha256": (recordings.RecordingClosed, "sha256"),
    "size": (recordings.RecordingClosed, "size"),
    "seconds": (recordings.RecordingClosed, "seconds"),
    "gaps": (recordings.RecordingClosed, "gaps"),
    "interrupted": (recordings.RecordingClosed, "interrupted"),
    "talked": (recordings.RecordingClosed, "talked"),
    "kept": (recordings.RecordingClosed, "kept"),
    "lost": (recordings.RecordingClosed, "lost"),
    "silent": (recordings.RecordingClosed, "silent"),
    "erasure_decided_at": (recordings.RecordingErasing, AT),
    "erasure_basis": (recordings.RecordingErasing, "basis"),
    "erased_at": (recordings.RecordingErased, AT),
    "receipt_leaf": (recordings.RecordingErased, INDEX),
    "backups_until": (recordings.RecordingErased, "backups_until"),
}
"""Columns of ``recordings``, after ``recording_id`` and before ``status`` and ``why``, which are the gate's word."""

REGISTER: Final[Mapping[str, Source]] = {
    "leaf_index": (RegisterImported, INDEX),
    "imported_at": (RegisterImported, AT),
    **{name: (RegisterImported, name) for name in ("name", "as_of", "sha256", "count", "coverage", "source_name")},
}
"""Columns of ``registers``: snapshots that were in force in the period."""

_LATER: Final = frozenset({"called_against_refusal_at", "to_be_shown_by", "talked", "kept", "lost", "silent"})
"""Columns that bundles of 0.1 do not have."""

CALL_COLUMNS: Final = ("call_id", *CALL)
DECISION_COLUMNS: Final = tuple(DECISION)
RECORDING_COLUMNS: Final = ("recording_id", *RECORDING, "status", "why")
COLUMNS: Final = {"calls": CALL_COLUMNS, "decisions": DECISION_COLUMNS, "recordings": RECORDING_COLUMNS}
COLUMNS_BEFORE: Final = {name: tuple(each for each in of if each not in _LATER) for name, of in COLUMNS.items()}
"""Those of bundles of 0.1: all of their tables have these."""


def description() -> bytes:
    """``README.txt`` of a bundle: ``bundle.txt`` with the tables above in their place."""
    tables = {"calls": CALL, "decisions": DECISION, "recordings": RECORDING, "registers": REGISTER}
    told = "\n\n".join(f"  {name}\n" + "\n".join(_column_lines(sources)) for name, sources in tables.items())
    return Path(__file__).with_name("bundle.txt").read_text(encoding="utf-8").replace("{rows}", told).encode()


def _column_lines(sources: Mapping[str, Source]) -> Iterable[str]:
    return (f"    {name:<22}{body.kind}: {field}" for name, (body, field) in sources.items())


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


def _row(sources: Mapping[str, Source], facts: Iterable[FactRow]) -> BundleRow:
    last = {fact.kind: fact for fact in facts}
    bodies = {kind: body_of(fact) for kind, fact in last.items()}
    return {name: _value(last.get(of.kind), bodies.get(of.kind, {}), field) for name, (of, field) in sources.items()}


def _value(fact: FactRow | None, body: Mapping[str, Any], field: str) -> Any:
    if fact is None:
        return None
    named = {AT: fact.at, SUBJECT: fact.subject, INDEX: fact.leaf}
    return named[field] if field in named else body.get(field)


def call_of(fact: FactRow) -> str:
    """Id of the call that a fact speaks of: its subject, or the ``call_id`` of its body; empty where it names none."""
    if fact.kind in OF_CALL:
        return fact.subject
    call_id = body_of(fact).get("call_id")
    return call_id if isinstance(call_id, str) else ""


def announcement_of(row: BundleRow) -> str:
    """``ID@VERSION`` of what was played before a recording; empty where that is not known."""
    name, version = row["announcement"], row["announcement_version"]
    return f"{name}@{version}" if isinstance(name, str) and isinstance(version, str) else ""


def call_row(call_id: str, facts: Sequence[FactRow]) -> BundleRow:
    """The row of a call, from all facts that speak of it, in the order of their leaves. A call in begins with a fact of
    its own kind, which says what a decision says of a call out."""
    begun = [fact._replace(kind=calls.Decision.kind) if fact.kind == calls.CallIn.kind else fact for fact in facts]
    return {"call_id": call_id, **_row(CALL, begun)}


def decision_rows(facts: Sequence[FactRow]) -> list[BundleRow]:
    """The decisions among a call's facts."""
    return [_row(DECISION, [fact]) for fact in facts if fact.kind == calls.Decision.kind]


def recording_rows(facts: Sequence[FactRow]) -> list[BundleRow]:
    """The recordings among a call's facts, without ``status`` and ``why``."""
    opened = dict.fromkeys(fact.subject for fact in facts if fact.kind == recordings.RecordingOpened.kind)
    return [
        {
            "recording_id": name,
            **_row(RECORDING, [fact for fact in facts if fact.subject == name or fact.kind == calls.Announced.kind]),
        }
        for name in opened
    ]


def register_row(fact: FactRow) -> BundleRow:
    """The row of an import."""
    return _row(REGISTER, [fact])


# --- facts ---------------------------------------------------------------------------------------------------------


def fact_value(fact: FactRow, leaf: bytes | None = None) -> BundleRow:
    """A fact as it stands in a bundle: with ``salt`` (hex) and ``body`` (text); an erased one with its leaf's
    ``commit`` in place of both."""
    value: BundleRow = {
        "index": fact.leaf,
        "kind": fact.kind,
        "subject": fact.subject,
        "at": fact.at,
        "actor": fact.actor,
    }
    if fact.body is None or fact.salt is None:
        return value | {"commit": json.loads(leaf or b"{}").get("commit", "")}
    return value | {"salt": fact.salt.hex(), "body": fact.body}


def read_fact(value: Any) -> tuple[FactRow, bytes]:
    """A fact of a bundle, and the leaf that it must have. Raises ``BundleError``."""
    try:
        texts = [value[name] for name in ("kind", "subject", "at", "actor")]
        index = value["index"]
        if not all(isinstance(text, str) for text in texts) or type(index) is not int:
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
    return csv_text([_cell(row[name]) for name in columns] for row in rows).encode("utf-8", "replace")


def csv_head(columns: Sequence[str]) -> bytes:
    """The first line."""
    return (",".join(columns) + "\r\n").encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
