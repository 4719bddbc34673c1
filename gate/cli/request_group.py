"""The group ``dialgate request``, into which the modules beside put their commands."""

from __future__ import annotations

import click


@click.group("request")
def command() -> None:
    """Access, erasure, objection, restriction, complaint: from the day it came to the answer.

    A request is named by its reference, DSR-2026-0007. Each step says what comes next. For access and erasure nothing
    is searched or shown before the identity is proven.
    """
