"""Values of a fact's body as columns hold them: None for what is not there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gate.core.evidence import canonical, stamp
from gate.store.fold import LogEntry


def utf8(value: str) -> str:
    """Text that a database can hold: lone surrogates (bytes of a SIP header that were not UTF-8) become ``?``."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def text(value: Any) -> str | None:
    """Text as it is; anything else as its canonical JSON."""
    if value is None:
        return None
    return utf8(value) if isinstance(value, str) else canonical(value).decode()


def number(value: Any) -> int | None:
    """A whole number."""
    return int(value) if isinstance(value, (int, float)) else None


def real(value: Any) -> float | None:
    """Any number."""
    return float(value) if isinstance(value, (int, float)) else None


def flag(value: Any) -> int | None:
    """Yes or no, as 1 or 0."""
    return None if value is None else int(bool(value))


def when(fact: LogEntry, name: str) -> str | None:
    """A time in a body as a stamp, the fact's own where it names none; one without a zone counts as UTC.

    Raises ``ValueError`` for what is no time.
    """
    value = fact.body.get(name)
    if not value:
        return None if fact.erased else fact.at
    at = datetime.fromisoformat(str(value))
    return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))
