"""How long a test waits for what must happen before it gives up.

One value for all: long enough for a machine that is busy with other tests, and below the time limit of a test. It costs
nothing where things happen. What must *not* happen is waited for by what happens after it, or for a short time of its
own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 90.0
"""Seconds."""


def until(true: Callable[[], Any], otherwise: object = "waited in vain", seconds: float = PATIENCE) -> Any:
    """What is returned once that is true; fails the test where it does not come to be. What is said then can be made
    by a call."""
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.02)
    return value


def until_later(path: Path, than_ns: int = 0) -> None:
    """Wait until the file system's clock, which ticks slower than ours, is more than ``than_ns`` nanoseconds past the
    last change of a file."""
    with tempfile.TemporaryFile(dir=path.parent) as probe:

        def later() -> bool:
            probe.write(b"x")
            probe.flush()
            return Path(f"/proc/self/fd/{probe.fileno()}").stat().st_mtime_ns > path.stat().st_ctime_ns + than_ns

        until(later)
