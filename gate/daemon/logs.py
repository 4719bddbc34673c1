"""Structured logs on standard error; where that is systemd's journal, each line with its priority (sd-daemon(3)).

Nobody fills the disk with them: a fault is written in full a few times, and what one account does up to a rate. What is
left out is counted, and the next line of its kind says how many (``left_out``).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TextIO

from gate.config import Log
from gate.log import set_up_later

_PRIORITIES: Final = {"critical": 2, "error": 3, "exception": 3, "warning": 4, "info": 6, "debug": 7}
"""Levels as syslog(3) numbers them."""


class Allowed(NamedTuple):
    """So many lines at once, and so many a second for good."""

    burst: float
    per_second: float


FAULT: Final = Allowed(5, 1 / 60)
"""Of one exception from one place, with its traceback."""
ACTOR: Final = Allowed(200, 20)
"""Of one event of one account or token."""
_MOST: Final = 1024
"""Kinds of lines that are told apart; beyond it all are forgotten."""


def configure_logs(section: Log, *, quiet: bool = False) -> None:
    """Structured logs on standard error; ``quiet`` for commands, whose standard error is narration."""
    if quiet:
        set_up_later(partial(_configure, "warning", "console"))
    else:
        _configure(section.level, section.format)


def _configure(level: str, form: str) -> None:
    import structlog  # not at the top: see ``gate.log``

    renderer: Any = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            Bounded(structlog.DropEvent),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _prioritised(renderer) if _to_journal() else renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=False,
    )


class Bounded:
    """A processor that leaves out lines of which there are too many. On any thread."""

    def __init__(self, dropped: type[BaseException], monotonic: Callable[[], float] = time.monotonic) -> None:
        """``dropped``: structlog's, which says that a line is left out."""
        self._dropped = dropped
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: dict[Hashable, tuple[float, float, int]] = {}
        """Kind -> what is left of its bound, since when, lines left out."""

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Raises ``dropped`` for a line that is left out."""
        error = _error_of(event.get("exc_info"))
        if error is None and "actor" not in event:
            return event
        kind: Hashable = (event.get("event"), _place_of(error) if error else event["actor"])
        allowed = FAULT if error else ACTOR
        with self._lock:
            if len(self._held) > _MOST:
                self._held.clear()
            now = self._monotonic()
            left, since, out = self._held.get(kind, (allowed.burst, now, 0))
            left = min(allowed.burst, left + (now - since) * allowed.per_second)
            if left < 1:
                self._held[kind] = left, now, out + 1
                raise self._dropped
            self._held[kind] = left - 1, now, 0
        if out:
            event["left_out"] = out
        return event


def _error_of(given: Any) -> BaseException | None:
    """The exception of a line, in each of the forms that ``logging`` takes it in."""
    if isinstance(given, tuple):
        given = given[1]
    elif given and not isinstance(given, BaseException):
        given = sys.exc_info()[1]
    return given if isinstance(given, BaseException) else None


def _place_of(error: BaseException) -> tuple[str, str, int]:
    """Its kind, and where it was raised."""
    at, place = error.__traceback__, ("", 0)
    while at is not None:
        place = at.tb_frame.f_code.co_filename, at.tb_lineno
        at = at.tb_next
    return type(error).__name__, *place


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
