"""How a process of the gate is set: its logs, and Python's interpreter.

Structured logs on standard error; where that is systemd's journal, each line with its priority (sd-daemon(3)). Nobody
fills the disk with them: a fault is written in full a few times, and what one account does up to a rate. What is left
out is counted, and the next line of its kind says how many (``left_out``).

A busy gate holds hundreds of thousands of objects, for sippy keeps each message for 32 seconds. Python's collector
stops every thread while it walks through them: 135 ms for a hundred thousand, in which no phone is answered. Calls and
messages leave no cycles behind (``tests/sip/test_cycles.py``), so there is little for it to find. So only the newest
objects are looked at while calls go on, few at a time; all of them are when the gate has little to do.

One thread runs at a time, and who wants to run may wait 5 ms for it where Python's own value stands. The store asks for
it after each SQL statement, eight times a decision; while the line thread is busy each of them would wait so long.

On which processors they run is the kernel's affair, unless ``limits.one_core`` is set.
"""

from __future__ import annotations

import gc
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
"""How often one exception from one place is logged with its traceback."""
ACTOR: Final = Allowed(200, 20)
"""How often one event of one account or token is logged."""
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


YOUNG = 2_000
"""New objects until those are looked at: one or two milliseconds."""
NEVER = 2**30
LOOK_SECONDS = 60.0
"""How often the gate asks itself whether it has little to do."""
QUIET = 5
"""Looks at the newest objects in ``LOOK_SECONDS``, up to which it has."""
AT_LEAST_EVERY = 86400.0
"""Seconds after which all objects are looked at, however much there is to do."""
MAKES_WAY_SECONDS = 0.001
"""How long a thread runs on while another one waits (``tests/bench/bench_store.py`` measures a decision with both)."""

ON_ONE_CORE = frozenset({"line", "sip-udp", "sip-streams", "store", "keystore", "rtpproxy", "recorder-client"})
"""The threads that a call goes through. The first one is not among them: it says where the gate may run."""


def set_for_calls() -> None:
    """Both of it, for the gate's process alone, once start-up is over."""
    sys.setswitchinterval(MAKES_WAY_SECONDS)
    _collect_seldom()


def _collect_seldom() -> None:
    """Leave what start-up has made out of every later look, and look at the newest objects alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, NEVER, NEVER)


def stay_on_one_core() -> None:
    """Keep the threads of ``ON_ONE_CORE`` that are there now on one processor, another one for each gate.

    One of them runs at a time, for they share Python's lock; what it was at work on is then at hand for the next.
    RTPProxy's own threads have no part in that lock and stay free.
    """
    cores = sorted(os.sched_getaffinity(0))
    for thread in threading.enumerate():
        if thread.name in ON_ONE_CORE and thread.native_id is not None:
            with suppress(ProcessLookupError):  # it has ended since
                os.sched_setaffinity(thread.native_id, {cores[os.getpid() % len(cores)]})


def run_where_the_gate_may(parent: int) -> None:
    """In a process that one of those threads has started, and which would stay beside it: wherever ``parent`` may."""
    with suppress(OSError):  # it is gone: so will this one be
        os.sched_setaffinity(0, os.sched_getaffinity(parent))


class QuietCollector:
    """Looks at all objects when there is little to do: ``look`` is called every ``LOOK_SECONDS``."""

    def __init__(self) -> None:
        self._looks = _looks()
        self._last = time.monotonic()

    def look(self) -> None:
        """Collect, where few objects were made since the last look, or nothing was collected for a day."""
        looks = _looks()
        quiet, self._looks = looks - self._looks <= QUIET, looks
        if quiet or time.monotonic() - self._last > AT_LEAST_EVERY:
            gc.collect()
            self._last = time.monotonic()


def _looks() -> int:
    """How often the newest objects were looked at since the process began."""
    return int(gc.get_stats()[0]["collections"])
