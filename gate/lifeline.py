"""A process that ends with the one that started it, however that ends, and makes way for it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_NICE = 10
_PR_SET_PDEATHSIG = 1
"""``linux/prctl.h``."""


def end_with(parent: int) -> None:
    """From here on the kernel kills this process when the thread that started it ends; it ends at once where
    ``parent``, the process that started it, is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def aside(memory: int) -> None:
    """From here on this process makes way for others, and has so many bytes of memory at most: beyond it there is a
    ``MemoryError``."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
