"""When Python looks for garbage in a running gate.

At a hundred calls a second sippy holds a million objects, for 32 seconds after each call. With Python's own thresholds
the collector walks through them so often that it takes a tenth of the line thread, in pauses long enough for phones to
send again. Calls leave no cycles behind (``tests/sip/test_cycles.py``), so there is little for it to find.
"""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 5, 100)
"""New objects until the young are looked at (about one second of such a load), and how seldom the older ones are: the
oldest every quarter of an hour of it."""


def collect_seldom() -> None:
    """Leave what start-up has made out of every later look, and look less often. For the gate's process alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
