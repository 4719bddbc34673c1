"""What the tables say, derived from the facts: one small function a kind, and the table of them.

A function takes a fact and gives the columns that this kind of fact sets, always the same ones, whatever its body
holds: where the body is empty (erased), those that rest on it are None. The kinds that a table names in ``creates``
and ``or_creates`` make the row; the others change it, and change nothing where it is not there. So a row is the fold of
its facts, in the order of their leaves, and ``gate.audit`` can make it again from them.

A kind without an entry here is kept too: its row in ``facts`` and its leaf are all there is of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.store.fold import Columns, Derive, LogEntry, Table
from gate.store.receipt_table import RECEIPTS
from gate.store.request_table import REQUESTS
from gate.store.values import flag, number, real, text, texts, when

CALL_KINDS = frozenset({"decision", "call_in", "answered", "announced", "connected", "unrecorded", "ended"})
"""Kinds whose subject is the call; others may name one in their body, as ``call_id``."""


def call_of(kind: str, subject: str, body: Mapping[str, Any]) -> str | None:
    """Id of the call that a fact speaks of."""
    if kind in CALL_KINDS:
        return subject
    call_id = body.get("call_id")
    return call_id if isinstance(call_id, str) and call_id else None


# --- calls --------------------------------------------------------------------------------------------------------

_DECISION = ("number", "raw", "presentation", "purpose", "topic", "claimed_by", "source")
_GROUNDS = ("verdict", "reason", "consent_id", "objection_id")
_SAME = ("question", "sip_call_id")


def _decision(fact: LogEntry) -> Columns:
    told = texts(fact.body, *_DECISION, *_GROUNDS, *_SAME)
    return {"leaf_index": fact.leaf_index, "at": fact.at, **told, "listed_service": _listed_service(fact.body)}


def _listed_service(body: Mapping[str, Any]) -> int | None:
    """Whether a service call goes to a number that is on a register, or that has objected to marketing; None of every
    other decision."""
    if body.get("reason") != "service_call":
        return None
    return flag(body.get("objection_id") or any(view.get("listed") for view in body.get("registers") or ()))


def _answered(fact: LogEntry) -> Columns:
    return {"answered_at": fact.at, "codec": text(fact.body.get("codec"))}


def _announced(fact: LogEntry) -> Columns:
    return {"announced": flag(fact.body.get("completed"))}


def _connected(fact: LogEntry) -> Columns:
    return {"connected_at": fact.at, "recorded": flag(fact.body.get("recorded"))}


def _unrecorded(fact: LogEntry) -> Columns:
    return {"recorded": 0, "unrecorded_why": text(fact.body.get("why"))}


def _call_recording(fact: LogEntry) -> Columns:
    return {"recording_id": fact.subject}


def _call_objection(_fact: LogEntry) -> Columns:
    return {"objected": 1}


def _transferred(fact: LogEntry) -> Columns:
    return {"transferred_to": text(fact.body.get("to"))}


def _ended(fact: LogEntry) -> Columns:
    body = fact.body
    bridged = body.get("bridged", bool(body["seconds"]) if "seconds" in body else None)
    return {
        "ended_at": fact.at,
        "ended_by": text(body.get("by")),
        "cause": text(body.get("cause")),
        "code": number(body.get("code")),
        "seconds": real(body.get("seconds")),
        "bridged": flag(bridged),
    }


CALLS = Table(
    name="calls",
    key="call_id",
    creates="decision",
    or_creates="call_in",
    derive={
        "decision": _decision,
        "call_in": _decision,
        "answered": _answered,
        "announced": _announced,
        "connected": _connected,
        "unrecorded": _unrecorded,
        "recording_opened": _call_recording,
        "objection": _call_objection,
        "transferred": _transferred,
        "ended": _ended,
    },
    own=CALL_KINDS,
    by_call=True,
    personal=("number", "raw", "sip_call_id"),
    later=frozenset({"listed_service", "question"}),
)


# --- recordings ---------------------------------------------------------------------------------------------------


def _recording_opened(fact: LogEntry) -> Columns:
    names = ("call_id", "path", "key_id", "recipients", "purpose", "source_sha256", "bound_by")
    # One from elsewhere began before it was handed in: its months count from then.
    return {"leaf_index": fact.leaf_index, "opened_at": when(fact, "began_at"), **texts(fact.body, *names)}


def _recording_closed(fact: LogEntry) -> Columns:
    body = fact.body
    return {
        "closed_at": fact.at,
        "size": number(body.get("size")),
        "seconds": real(body.get("seconds")),
        "chunks": number(body.get("chunks")),
        "interrupted": flag(body.get("interrupted")),
        **texts(body, "sha256", "packets", "gaps", "cause"),
    }


def _recording_erasing(fact: LogEntry) -> Columns:
    return {"erasing_at": fact.at, "erasing_basis": text(fact.body.get("basis"))}


def _recording_erased(fact: LogEntry) -> Columns:
    return {"erased_at": fact.at}


RECORDINGS = Table(
    name="recordings",
    key="recording_id",
    creates="recording_opened",
    derive={
        "recording_opened": _recording_opened,
        "recording_closed": _recording_closed,
        "recording_erasing": _recording_erasing,
        "recording_erased": _recording_erased,
    },
    later=frozenset({"source_sha256", "bound_by"}),
)


# --- own lists ----------------------------------------------------------------------------------------------------


def _objection(fact: LogEntry) -> Columns:
    names = ("number", "source", "note", "call_id", "scope")
    made_at = when(fact, "made_at")  # said at an earlier time than it was noted, where the body says so
    return {"leaf_index": fact.leaf_index, "made_at": made_at, "actor": fact.actor, **texts(fact.body, *names)}


def _objection_removed(fact: LogEntry) -> Columns:
    return {"removed_at": fact.at, "removed_by": fact.actor, "removed_why": text(fact.body.get("reason"))}


OBJECTIONS = Table(
    name="objections",
    key="id",
    creates="objection",
    derive={"objection": _objection, "objection_removed": _objection_removed},
    hashed=True,
    first_stands=True,
    personal=("number", "note", "removed_why"),
    later=frozenset({"scope"}),
)


_SCOPE = ("evidence", "evidence_kind", "evidence_sha256", "topics", "caller", "purpose", "holds_until")


def _consent(fact: LogEntry) -> Columns:
    return {
        "leaf_index": fact.leaf_index,
        "noted_at": fact.at,
        "given_at": when(fact, "given_at"),
        "actor": fact.actor,
        "after_objection": flag(fact.body.get("after_objection")),
        "holds_longer": flag(fact.body.get("holds_longer")),
        **texts(fact.body, "number", "how", "wording", "who", *_SCOPE),
    }


def _consent_withdrawn(fact: LogEntry) -> Columns:
    return {
        "withdrawn_at": when(fact, "at"),
        "withdrawn_leaf": fact.leaf_index,
        "withdrawn_by": fact.actor,
        "withdrawn_why": text(fact.body.get("reason")),
    }


CONSENTS = Table(
    name="consents",
    key="id",
    creates="consent",
    derive={"consent": _consent, "consent_withdrawn": _consent_withdrawn},
    hashed=True,
    first_stands=True,
    personal=(
        "number",
        "number_hash",
        "how",
        "wording",
        "who",
        "withdrawn_why",
        "after_objection",
        "holds_longer",
        *_SCOPE,
    ),
)


# --- holds --------------------------------------------------------------------------------------------------------


def _hold(fact: LogEntry) -> Columns:
    names = ("kind", "target", "recording_id", "call_id", "number", "reason", "reference")
    return {"leaf_index": fact.leaf_index, "made_at": fact.at, "actor": fact.actor, **texts(fact.body, *names)}


def _hold_released(fact: LogEntry) -> Columns:
    return {"released_at": fact.at, "released_by": fact.actor, "released_why": text(fact.body.get("reason"))}


HOLDS = Table(
    name="holds",
    key="id",
    creates="hold",
    derive={"hold": _hold, "hold_released": _hold_released},
    first_stands=True,
    personal=("number", "reason", "reference", "released_why"),
)


# --- registers ----------------------------------------------------------------------------------------------------


def _register_imported(fact: LogEntry) -> Columns:
    body = fact.body
    return {
        "leaf_index": fact.leaf_index,
        "at": fact.at,
        "actor": fact.actor,
        "count": number(body.get("count")),
        "added": number(body.get("added")),
        "removed": number(body.get("removed")),
        "accepted_shrink": flag(body.get("accepted_shrink")),
        **texts(body, "name", "as_of", "sha256", "coverage", "source_name"),
    }


REGISTER_IMPORTS = Table(
    name="register_imports",
    key="import_id",
    creates="register_imported",
    derive={"register_imported": _register_imported},
)

TABLES: tuple[Table, ...] = (CALLS, RECORDINGS, OBJECTIONS, CONSENTS, HOLDS, REGISTER_IMPORTS, REQUESTS, RECEIPTS)


def _by_kind() -> dict[str, tuple[tuple[Table, Derive], ...]]:
    touched: dict[str, tuple[tuple[Table, Derive], ...]] = {}
    for table in TABLES:
        for kind, derive in table.derive.items():
            touched[kind] = (*touched.get(kind, ()), (table, derive))
    return touched


TOUCHED = _by_kind()
"""For each kind of fact the tables it touches, each with its function."""
