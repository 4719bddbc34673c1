"""What each operation answers: the fields that callers may rely on; an answer may carry more."""

from __future__ import annotations

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
