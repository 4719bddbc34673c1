"""When Python looks for garbage in a running gate.

At a hundred calls a second sippy holds hundreds of thousands of objects for 32 seconds after each call. With Python's
own thresholds the collector walks through them so often that it takes a tenth of the line thread, in pauses that make
phones send again.
"""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 10, 10)
"""New objects until the young are looked at (about one second of such a load), and how often the older ones are."""


def collect_seldom() -> None:
    """Leave what start-up has made out of every later look, and look less often. For the gate's process alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
