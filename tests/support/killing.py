"""A process that kills itself after so many steps of its work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any


def stepping(left: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes work whose beginning and end are a step each; the process is killed where ``left`` steps are done."""

    def step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepped(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **extra: Any) -> Any:
            step()
            result = work(*args, **extra)
            step()
            return result

        return run

    return stepped
