"""What sippy does hundreds of times a call, done in a way that costs less; results are the same.

Measured with py-spy at fifty calls a second (sippy 2.5.0): reading the clock through ctypes was 6 % of the line thread,
quoting the same few user names 3 %, comparing timers 3 %, asking whether an address is private 1 %.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from sippy import SipTransactionManager, SipURL
from sippy.Core import EventDispatcher
from sippy.Time import MonoTime

_REMEMBERED = 4096
"""Texts whose quoted form is known: user parts of the numbers dialled lately."""


def apply_speedups() -> None:
    """Put the cheaper ways in place; on the line thread, after sippy's modules are imported. Harmless twice."""
    vars(MonoTime)["clock_getdtime"] = time.clock_gettime
    EventDispatcher.EventListener.__lt__ = _sooner
    for module, name in ((SipURL, "quote"), (SipTransactionManager, "check1918")):
        known = vars(module)[name]
        if not hasattr(known, "cache_info"):
            vars(module)[name] = lru_cache(_REMEMBERED)(known)


def _sooner(one: Any, other: Any) -> bool:
    """Whether a timer is due before another."""
    return bool(one.etime.monot < other.etime.monot)
