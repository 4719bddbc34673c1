"""Text forms of bytes and times, each with one spelling only: what is written another way is not what was written."""

from __future__ import annotations

import base64
from datetime import UTC, datetime


def to_base64(data: bytes) -> str:
    """Standard base64 (RFC 4648 section 4), padded."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """The inverse. Raises ``ValueError`` for anything that ``to_base64`` does not write (stray padding or bits)."""
    data = base64.b64decode(text, validate=True)
    if to_base64(data) != text:
        raise ValueError("base64 with stray padding")
    return data


def stamp(when: datetime) -> str:
    """UTC to the second, ``2026-01-05T09:00:00Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str) -> datetime:
    """The inverse. Raises ``ValueError``."""
    when = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if stamp(when) != text:
        raise ValueError(f"a time is written {stamp(when)}")
    return when
