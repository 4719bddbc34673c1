"""``dialgate request``: what people ask of the firm under data protection law, and how far it has got."""

from __future__ import annotations

import click

from gate.cli.command import Group


@click.group(
    "request",
    cls=Group,
    later={
        "gate.cli.request_course": (
            *("open", "ask-identity", "verify-identity", "clarify", "clarified", "extend", "acknowledge", "search"),
            *("decide", "told", "rectify", "withdraw", "list", "show"),
        ),
        "gate.cli.request_letters": ("letter", "proof"),
        "gate.cli.request_fulfil": ("fulfil",),
    },
)
def command() -> None:
    """Access, erasure, objection, restriction, complaint: from the day it came to the answer.

    A request is named by its reference, DSR-2026-0007. Each step says what comes next. For access and erasure nothing
    is searched or shown before the identity is proven.
    """
