"""Levels of a call as bars: one for each side."""

from __future__ import annotations

from typing import Any

from console.theme import DIM, LOUD, OK

_STEPS = " ▁▂▃▄▅▆▇█"
FULL = 127


def bar(level: Any) -> str:
    """One cell for a level from 0 to 127."""
    part = max(0, min(FULL, int(level or 0)))
    return _STEPS[0 if part == 0 else 1 + part * (len(_STEPS) - 2) // FULL]


def meter(caller: Any, callee: Any, *, recorded: bool, paused: bool = False) -> tuple[str, str]:
    """``rec ▃ ▆``: the agent, the customer; a word where nothing is recorded."""
    if paused:
        return "paused", LOUD
    if not recorded:
        return "not rec.", DIM
    return f"rec {bar(caller)} {bar(callee)}", OK
