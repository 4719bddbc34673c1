"""Waiting until a console that is tested has done all that it has to do now.

Textual's own wait looks whether the process has used little of the processor for a fiftieth of a second. That is twice
for each key, and up to a second where the gate of the same process works too; meanwhile both do what comes with time.
The event loop says at once whether anything is left to do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from textual._context import active_app
from textual.app import App
from textual.screen import Screen

LONGEST = 1.0
"""Seconds; so long waits Textual, too."""
_MOMENT, _IDLE = 0.02, 0.001
"""What waits on a thread and has used no more than this of the processor meanwhile waits for something else."""


async def handled(*_: Any) -> None:
    """Until all that came is handled and laid out, whatever is still done on a thread."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST
    await _round(loop)
    while _draw(active_app.get()) and loop.time() < end:
        await _round(loop)


async def still(*_: Any) -> None:
    """Until nothing is left to do but wait: for time to pass, for a key, or for a gate that is held up."""
    loop = asyncio.get_running_loop()
    end, look_at, used = loop.time() + LONGEST, loop.time() + _MOMENT, time.process_time()
    while loop.time() < end:
        waits = _waits()
        await handled()
        if not waits:
            return
        await asyncio.sleep(0.005)
        if loop.time() >= look_at:
            before, used, look_at = used, time.process_time(), loop.time() + _MOMENT
            if used - before < _IDLE:
                return


async def _round(loop: Any) -> None:
    """Until no task, callback or socket is ready."""
    rounds, end = 0, loop.time() + LONGEST
    while rounds < 2 and loop.time() < end:
        await asyncio.sleep(0)
        rounds = 0 if loop._ready else rounds + 1


def _waits() -> bool:
    """Something is done on a thread, a key waits for its dialog, or another size for the next picture."""
    app = active_app.get()
    held = app._resize_timer is not None or bool(getattr(app, "_held", ()))
    return held or any(each.name == "console-work" for each in threading.enumerate())


def _draw(app: App[Any]) -> bool:
    """What Textual puts off until its next picture, of which there are sixty a second; False where there is nothing."""
    if not app.screen_stack or app._batch_count:
        return False
    screen: Screen[Any] = app.screen
    if not screen._running or not (
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    ):
        return False
    screen._on_timer_update()
    return True
