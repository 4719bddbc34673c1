"""Structured logs on standard error; where that is systemd's journal, each line with its priority (sd-daemon(3))."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, TextIO

from gate.config import Log
from gate.log import set_up_later

_PRIORITIES: Final = {"critical": 2, "error": 3, "exception": 3, "warning": 4, "info": 6, "debug": 7}
"""Levels as syslog(3) numbers them."""


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
            _prioritised(renderer) if _to_journal() else renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Lines on standard error. One that cannot be written (its reader is gone, its disk is full) is lost: the log must
    hold up no call."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            self._file.write(message + "\n")
            self._file.flush()

    debug = info = warning = error = critical = exception = msg


def _to_journal() -> bool:
    """Whether standard error is the journal: systemd names its device and inode (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        here = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{here.st_dev}:{here.st_ino}"


def _prioritised(renderer: Any) -> Any:
    """Each line of the journal is an entry of its own: each begins with the priority."""

    def rendered(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        mark = f"<{_PRIORITIES.get(str(event.get('level')), 6)}>"
        return "\n".join(mark + line for line in str(renderer(logger, name, event)).split("\n"))

    return rendered
