"""How Python's interpreter is set for a running gate: when it looks for garbage, and how soon a thread makes way.

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
from contextlib import suppress

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
