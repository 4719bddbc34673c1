"""Rows of the own lists, and of the imports of registers."""

from __future__ import annotations

from datetime import date

from gate.core.rows import Row


class ObjectionRow(Row, frozen=True):
    """An objection; what is personal in it is None where it was erased."""

    leaf_index: int
    id: str
    number: str | None
    made_at: str
    source: str | None
    note: str | None
    actor: str | None
    call_id: str | None
    """The call in which it was told."""
    removed_at: str | None
    removed_by: str | None
    removed_why: str | None
    scope: str | None = None
    """``marketing`` (also None) or ``all``."""


class RegisterImportRow(Row, frozen=True):
    """An import; what is None was not noted."""

    leaf_index: int
    import_id: str
    at: str
    actor: str | None
    name: str | None
    as_of: date | None
    sha256: str | None
    count: int | None
    coverage: str | None
    added: int | None
    removed: int | None
    source_name: str | None
    accepted_shrink: bool | None
