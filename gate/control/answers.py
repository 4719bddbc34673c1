"""What each operation answers: the fields that callers may rely on; an answer may carry more."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every response; fields beyond the named ones pass."""


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


class Entry(Response, frozen=True):
    """The answer to adding one."""

    id: str
    number: str


class Kept(Response, frozen=True):
    """Something was put into the log, under this id."""

    id: str


class BatchKept(Response, frozen=True):
    """The answer to a batch of an import."""

    imported: int
    held: int
    """Those that were there already."""


class Items(Response, frozen=True):
    """A page."""

    items: list[dict[str, Any]]
    next: str | None = None
    """Give it as ``after`` for the page that follows; None at the end."""
    prev: str | None = None
    """Give it as ``before`` for the page that comes first, where the list can go back; None at the beginning."""


class CallShown(Response, frozen=True):
    """The answer to ``calls_show``."""

    call: dict[str, Any]
    facts: list[dict[str, Any]]
    recordings: list[dict[str, Any]]


class Wrap(Response, frozen=True):
    """The recording's key, wrapped to one recipient."""

    recipient: str
    wrap: str
    """Base64."""


class Taken(Response, frozen=True):
    """The answer to ``recording_take``."""

    path: str
    """The sealed file, absolute."""
    wraps: list[Wrap]
    header: dict[str, Any]
    """The recording's row."""
    call: dict[str, Any]
    facts: list[dict[str, Any]]


class VerifiedRecording(Response, frozen=True):
    """One of ``recording_verify``."""

    recording_id: str
    ok: bool
    fault: str | None = None


class VerifiedRecordings(Response, frozen=True):
    """The answer to ``recording_verify``."""

    items: list[VerifiedRecording]


class Session(Response, frozen=True):
    """The answer to ``session``."""

    actor: str
    """As it is written into the log: ``user:ann(1000)``."""
    role: str
    """The one that may do most."""
    roles: list[str]
    can: list[str]
    """Names of the operations."""


class Revealed(Response, frozen=True):
    """The answer to ``reveal``."""

    number: str


class Piece(Response, frozen=True):
    """The answer to ``recording_piece``."""

    data: str
    """Base64; empty at the end of the file."""
    size: int
    """Of the whole file, in bytes."""


class MonthReport(Response, frozen=True):
    """The answer to ``report_month``; ``gate.operations.reports.reporting`` says what is in each."""

    month: str
    first: date
    last: date
    whole: bool
    """The month is over."""
    made_at: str
    firm: str
    policy: dict[str, str]
    attempts: dict[str, Any]
    registers: list[dict[str, Any]]
    recordings: dict[str, Any]
    requests: list[dict[str, Any]]
    holds: dict[str, int]
    own_lists: dict[str, int]
    exports: dict[str, int]
    evidence: dict[str, Any]


class ProcessingRecord(Response, frozen=True):
    """The answer to ``report_article30``: the letters of UK GDPR Art 30(1)."""

    made_at: str
    firm: str
    policy: dict[str, str]
    controller: dict[str, str]
    activities: list[dict[str, str]]
    recipients: dict[str, str]
    transfers: dict[str, str]
    terms: dict[str, str]
    security: dict[str, str]
