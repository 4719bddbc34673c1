"""Every operation of the gate: what is asked, what is answered, and who may ask.

Requests are strict: an unknown field or a wrong type is a ``UsageError``. Responses are what the desk returns as JSON
values; their structs name what callers may rely on, and a response may carry more. Times are ISO 8601 with an offset,
dates ``YYYY-MM-DD``, numbers E.164.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from gate.core.screening import Purpose, Topic
from gate.errors import ControlError, UsageError

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Line = Annotated[str, msgspec.Meta(max_length=200)]
"""A short text: an id, a name, a number in any spelling."""
Note = Annotated[str, msgspec.Meta(max_length=4000)]
Page = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every request; its fields are the keyword arguments of the desk's method."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every response; fields beyond the named ones pass."""


# --- screening ----------------------------------------------------------------------------------------------------


class Check(Request, frozen=True):
    """May this number be dialled (now, or at a time)? Nothing is dialled and no decision is logged."""

    number: Line
    purpose: Purpose = Purpose.MARKETING
    topic: Topic = Topic.GENERAL
    at: Moment | None = None


class Decide(Request, frozen=True):
    """A decision for a phone system that dials by itself; logged like that of a call."""

    number: Line
    purpose: Purpose = Purpose.MARKETING
    topic: Topic = Topic.GENERAL
    account: Line = ""
    """The account or PBX whose presentation number the call would show; empty for the firm's first number."""


class RegisterSaid(Response, frozen=True):
    """What one register says: part of a verdict."""

    name: str
    state: str
    as_of: date | None = None
    days_left: int | None = None
    sha256: str = ""


class Verdict(Response, frozen=True, kw_only=True):
    """The answer to ``check``."""

    number: str
    verdict: str
    """``allow`` or ``block``."""
    reason: str
    explanation: str
    registers: list[RegisterSaid]
    consent_id: str | None = None
    objection_id: str | None = None


class Decided(Verdict, frozen=True, kw_only=True):
    """The answer to ``decide``."""

    decision_id: str


# --- registers ----------------------------------------------------------------------------------------------------


class RegisterImport(Request, frozen=True):
    """Put a register file in force. ``path`` is absolute and read by the gate's account."""

    name: Line
    path: Annotated[str, msgspec.Meta(max_length=4096, pattern="^/")]
    as_of: date
    coverage: Note = "full"
    """``full``, or the dialling prefixes that the licence covers, with commas: ``0161,020``."""
    accept_shrink: bool = False


class RegisterStatus(Request, frozen=True):
    """The registers in force."""


class RegisterInForce(Response, frozen=True):
    """One register of ``register_status``."""

    name: str
    state: str
    count: int
    as_of: date | None = None
    days_left: int | None = None
    coverage: Any = None
    sha256: str = ""


class RegistersInForce(Response, frozen=True):
    """The answer to ``register_status``."""

    registers: list[RegisterInForce]


class Imported(Response, frozen=True):
    """The answer to ``register_import``."""

    name: str
    count: int
    sha256: str
    as_of: date


# --- own lists ----------------------------------------------------------------------------------------------------


class ObjectionAdd(Request, frozen=True):
    """Somebody does not want calls: in force from the next attempt."""

    number: Line
    source: Line = "operator"
    note: Note = ""


class ObjectionRemove(Request, frozen=True):
    """An objection was a mistake, or its maker says so; the entry stays in the log."""

    target: Line
    """The objection's id, or a number (every objection of it)."""
    reason: Note


class OwnList(Request, frozen=True):
    """A page of the objections or consents, newest first."""

    after: Line | None = None
    """``next`` of the page before."""
    limit: Page = 50
    number: Line | None = None


class ConsentAdd(Request, frozen=True):
    """A subscriber agreed to calls of this firm on this line (LAW 1.5)."""

    number: Line
    given_at: Moment
    how: Line
    """``phone``, ``web form``, ``paper``, …"""
    wording: Note
    """What they agreed to, word for word."""
    who: Line
    """Who gave it."""
    evidence: Note
    """Where the proof is: a document or recording id."""


class ConsentWithdraw(Request, frozen=True):
    """A consent ends: from the next attempt."""

    target: Line
    """The consent's id, or a number (every consent of it)."""
    reason: Note = ""


class Entry(Response, frozen=True):
    """The answer to adding one."""

    id: str
    number: str


class Items(Response, frozen=True):
    """A page."""

    items: list[dict[str, Any]]
    next: str | None = None


# --- calls and recordings -----------------------------------------------------------------------------------------


class CallsList(Request, frozen=True):
    """A page of the calls, newest first."""

    after: Line | None = None
    limit: Page = 50
    number: Line | None = None
    reason: Line | None = None


class CallsShow(Request, frozen=True):
    """One call with all its facts."""

    call_id: Line


class CallShown(Response, frozen=True):
    """The answer to ``calls_show``."""

    call: dict[str, Any]
    facts: list[dict[str, Any]]
    recordings: list[dict[str, Any]]


class RecordingList(Request, frozen=True):
    """A page of the recordings, newest first."""

    after: Line | None = None
    limit: Page = 50


class RecordingTake(Request, frozen=True):
    """Hand out a sealed recording with its wraps, to be opened by the caller; logged before the answer."""

    recording_id: Line
    purpose: Note
    """Why it is opened, e.g. the number of an access request."""
    recipient: Line
    """Id of the recipient whose private key will open it."""


class Wrap(Response, frozen=True):
    """The recording's key, wrapped to one recipient."""

    recipient: str
    wrap: str
    """Base64."""


class Taken(Response, frozen=True):
    """The answer to ``recording_take``."""

    path: str
    header: dict[str, Any]
    wraps: list[Wrap]
    call: dict[str, Any]


class RecordingVerify(Request, frozen=True):
    """Compare sealed files with the digests in the log."""

    recording_id: Line | None = None
    """``None``: all of them."""


class VerifiedRecording(Response, frozen=True):
    """One of ``recording_verify``."""

    recording_id: str
    ok: bool
    fault: str | None = None


class VerifiedRecordings(Response, frozen=True):
    """The answer to ``recording_verify``."""

    items: list[VerifiedRecording]


# --- keys, evidence, state ----------------------------------------------------------------------------------------


class KeyList(Request, frozen=True):
    """The recipients that recordings are sealed to."""


class Recipients(Response, frozen=True):
    """The answer to ``key_list``."""

    recipients: list[dict[str, Any]]


class KeyAdd(Request, frozen=True):
    """Seal every recording from now on to one more public key."""

    text: Annotated[str, msgspec.Meta(max_length=20_000)]
    """The recipient text that ``dialgate key new`` printed."""
    role: Line = ""
    """In place of the role that the text names; empty to keep it."""


class Added(Response, frozen=True):
    """The answer to ``key_add``."""

    id: str


class AuditVerify(Request, frozen=True):
    """Recompute the whole evidence log from its rows."""


class Audited(Response, frozen=True):
    """The answer to ``audit_verify``."""

    ok: bool
    size: int
    root: str
    first_fault: Any = None


class AuditCheckpoint(Request, frozen=True):
    """Sign the log as it is now."""


class Checkpoint(Response, frozen=True):
    """The answer to ``audit_checkpoint``."""

    note: str
    """C2SP signed note."""
    size: int


class Status(Request, frozen=True):
    """How the gate is."""


# --- the table ----------------------------------------------------------------------------------------------------

ADMIN, COMPLIANCE, AUDITOR, VIEWER = "admin", "compliance", "auditor", "viewer"
_ALL = frozenset({ADMIN, COMPLIANCE, AUDITOR, VIEWER})
_READERS = frozenset({ADMIN, COMPLIANCE, AUDITOR})
_KEEPERS = frozenset({ADMIN, COMPLIANCE})
_ADMIN = frozenset({ADMIN})


class Operation(NamedTuple):
    """One operation."""

    request: type[Request]
    response: type[Response] | None
    roles: frozenset[str]
    """Who may call it."""
    streams: bool = False
    """It takes long: its method has ``progress``."""


OPERATIONS: Mapping[str, Operation] = {
    "check": Operation(Check, Verdict, _ALL),
    "decide": Operation(Decide, Decided, _ADMIN),
    "register_import": Operation(RegisterImport, Imported, _KEEPERS, streams=True),
    "register_status": Operation(RegisterStatus, RegistersInForce, _ALL),
    "objection_add": Operation(ObjectionAdd, Entry, _KEEPERS),
    "objection_remove": Operation(ObjectionRemove, None, _KEEPERS),
    "objection_list": Operation(OwnList, Items, _READERS),
    "consent_add": Operation(ConsentAdd, Entry, _KEEPERS),
    "consent_withdraw": Operation(ConsentWithdraw, None, _KEEPERS),
    "consent_list": Operation(OwnList, Items, _READERS),
    "calls_list": Operation(CallsList, Items, _READERS),
    "calls_show": Operation(CallsShow, CallShown, _READERS),
    "recording_list": Operation(RecordingList, Items, _READERS),
    "recording_take": Operation(RecordingTake, Taken, _READERS),
    "recording_verify": Operation(RecordingVerify, VerifiedRecordings, _READERS),
    "key_list": Operation(KeyList, Recipients, _ALL),
    "key_add": Operation(KeyAdd, Added, _ADMIN),
    "audit_verify": Operation(AuditVerify, Audited, _READERS),
    "audit_checkpoint": Operation(AuditCheckpoint, Checkpoint, _READERS),
    "status": Operation(Status, None, _ALL),
}


def arguments(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the desk's method ``name``, checked and with defaults.

    Raises ``UsageError`` for an operation or a field that does not exist, or a value that is wrong.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise UsageError(f"{name} is not an operation of the gate", hint=f"one of: {', '.join(OPERATIONS)}")
    try:
        checked = msgspec.convert(dict(fields), operation.request, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name}: {error}", hint=f"fields: {', '.join(operation.request.__struct_fields__)}") from None
    return {field: getattr(checked, field) for field in checked.__struct_fields__}


def conforms(name: str, value: Any) -> None:
    """Raise ``ControlError`` where a desk's (or a gate's) answer lacks what ``OPERATIONS`` promises."""
    operation = OPERATIONS[name]
    if operation.response is None:
        return
    try:
        msgspec.convert(value, operation.response, strict=True)
    except msgspec.ValidationError as error:
        raise ControlError(f"{name} answered something else than it promises: {error}") from None
