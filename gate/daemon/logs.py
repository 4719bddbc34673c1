"""Structured logs on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from gate.config import Log


def configure_logs(section: Log, *, quiet: bool = False) -> None:
    """Structured logs on standard error; ``quiet`` for commands, whose standard error is narration."""
    level = logging.WARNING if quiet else getattr(logging, section.level.upper())
    renderer: Any = structlog.processors.JSONRenderer()
    if quiet or section.format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
