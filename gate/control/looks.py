"""Requests of those who look: the console's live view, its pages, a number in full, the evidence log, reports."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from gate.control.request import Line, Note, Page, Request, Showing


class Session(Request, frozen=True):
    """Who am I to the gate, and what may I ask?"""


class Watch(Request, frozen=True):
    """What happens, as it happens: snapshots without end, one a line (``gate.control.watching``)."""


class Reveal(Request, frozen=True):
    """A number in full; logged before the answer."""

    kind: Literal["call", "objection", "consent", "hold", "contact", "request"]
    id: Line
    why: Note


class CallsList(Showing, frozen=True):
    """A page of the calls, newest first."""

    after: Line | None = None
    """``next`` of a page: the one that follows, older."""
    before: Line | None = None
    """``prev`` of a page: the one before it, newer; ``end``: the last page of all, the oldest calls."""
    limit: Page = 50
    number: Line | None = None
    """A viewer's is looked for by the part that is shown of it."""
    reason: Line | None = None
    text: Line | None = None
    """The beginning of a call's id (four signs or more) or of a number in any spelling, a whole number, a word of a
    reason code, or part of who called: what fits one of these."""


class RecordingPiece(Request, frozen=True):
    """A piece of the sealed file of a recording that this account has taken: for whoever may not read the gate's own
    folder. It opens with the key alone, as the whole file does."""

    recording_id: Line
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0


class ReportMonth(Request, frozen=True):
    """Figures of a month: attempts, registers, recordings, requests, evidence; nobody is named."""

    month: Annotated[str, msgspec.Meta(max_length=7)]
    """``YYYY-MM``, in days of London."""


class ReportArticle30(Request, frozen=True):
    """The record of processing activities (UK GDPR Art 30), as the configuration makes it."""
