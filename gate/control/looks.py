"""Requests of those who look: the console's live view, its pages, a number in full, the evidence log, reports."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gate.control.request import Request


class Session(Request, frozen=True):
    """Who am I to the gate, and what may I ask?"""


class Watch(Request, frozen=True):
    """What happens, as it happens: snapshots without end, one a line (``gate.control.watching``)."""


class ReportMonth(Request, frozen=True):
    """Figures of a month: attempts, registers, recordings, requests, evidence; nobody is named."""

    month: Annotated[str, msgspec.Meta(max_length=7)]
    """``YYYY-MM``, in days of London."""


class ReportArticle30(Request, frozen=True):
    """The record of processing activities (UK GDPR Art 30), as the configuration makes it."""
