"""Structured logs on standard error."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from gate.config import Log
from gate.log import set_up_later


def configure_logs(section: Log, *, quiet: bool = False) -> None:
    """Structured logs on standard error; ``quiet`` for commands, whose standard error is narration."""
    if quiet:
        set_up_later(partial(_configure, "warning", "console"))
    else:
        _configure(section.level, section.format)


def _configure(level: str, form: str) -> None:
    import logging

    import structlog  # not at the top: see ``gate.log``

    renderer: Any = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
