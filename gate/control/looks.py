"""Requests that the control interface of a running gate answers itself."""

from __future__ import annotations

from gate.control.request import Request


class Session(Request, frozen=True):
    """Who am I to the gate, and what may I ask?"""


class Watch(Request, frozen=True):
    """What happens, as it happens: snapshots without end, one a line (``gate.control.watching``)."""
