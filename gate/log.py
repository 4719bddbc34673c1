"""The loggers of modules that short commands import too.

structlog is imported, and set up as ``gate.daemon`` said, by the first line that is written: importing it takes as long
as the rest of a ``dialgate check``, which has nothing to log. Modules of the running gate alone use structlog directly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()
_waiting: list[Callable[[], None]] = []


def set_up_later(how: Callable[[], None]) -> None:
    """Have structlog set up by ``how`` before the first line."""
    _waiting[:] = [how]


class Logger:
    """Stands for ``structlog.get_logger()``: every method is the logger's."""

    def __getattr__(self, method: str) -> Any:
        import structlog

        with _lock:  # nobody writes before it is set up, whichever thread comes first
            while _waiting:
                _waiting.pop()()
        return getattr(structlog.get_logger(), method)
