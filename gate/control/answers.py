"""What each operation answers: the fields that callers may rely on; an answer may carry more."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every response; fields beyond the named ones pass."""


class Items(Response, frozen=True):
    """A page."""

    items: list[dict[str, Any]]
    next: str | None = None
    """Give it as ``after`` for the page that follows; None at the end."""
    prev: str | None = None
    """Give it as ``before`` for the page that comes first, where the list can go back; None at the beginning."""


class Session(Response, frozen=True):
    """The answer to ``session``."""

    actor: str
    """As it is written into the log: ``user:ann(1000)``."""
    role: str
    """The one that may do most."""
    roles: list[str]
    can: list[str]
    """Names of the operations."""


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
