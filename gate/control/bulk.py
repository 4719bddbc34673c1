"""Requests by the hundred: batches of own lists, whole lists on their way out, and files screened beside the gate."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from gate.control.request import Line, Moment, Note, Page, Request
from gate.core.screening import Purpose, Topic


class ObjectionRow(Request, frozen=True):
    """One of ``ObjectionImport``."""

    number: Line
    made_at: Moment | None = None
    source: Line = "import"
    note: Note = ""
    line: int = 0
    """Where it stood in its file."""


class ObjectionImport(Request, frozen=True):
    """A batch of objections, kept as a whole or not at all."""

    entries: Annotated[list[ObjectionRow], msgspec.Meta(max_length=500)]
    source_name: Line = ""
    """The file they come from, and its SHA-256: kept with each."""
    sha256: Line = ""


class ConsentRow(Request, frozen=True):
    """One of ``ConsentImport``: with its own date and evidence."""

    number: Line
    given_at: Moment
    how: Line
    wording: Note
    who: Line
    evidence: Note
    withdrawn_at: Moment | None = None
    withdrawn_why: Note = ""
    line: int = 0


class ConsentImport(Request, frozen=True):
    """A batch of consents, kept as a whole or not at all."""

    entries: Annotated[list[ConsentRow], msgspec.Meta(max_length=500)]
    source_name: Line = ""
    sha256: Line = ""


class ListExport(Request, frozen=True):
    """A page of a whole own list on its way out; the first page is logged."""

    after: Line | None = None
    limit: Page = 1000


class Screened(Request, frozen=True):
    """A list was screened in bulk beside the gate: what it rested on and what came of it, without a number."""

    source_name: Line
    sha256: Line
    output_sha256: Line
    columns: Annotated[list[Line], msgspec.Meta(max_length=100)]
    rows: int
    reasons: dict[Line, dict[Line, int]]
    """By column: how many rows have which reason."""
    bad_rows: int
    registers: list[dict[str, Any]]
    purpose: Purpose
    topic: Topic
    as_of: Moment
    hours_applied: bool
