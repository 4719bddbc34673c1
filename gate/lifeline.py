"""A process that ends with the one that started it, however that ends, and makes way for it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
from typing import Any

ENDING_SECONDS = 2.0
"""So long is waited for a process that was killed."""
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


def kill(child: subprocess.Popen[Any]) -> None:
    """End a child process; harmless where it has ended. One that waits for a disk or a share that does not answer
    cannot even be killed: it is waited for by a thread, and ends as soon as it can."""
    child.kill()
    try:
        child.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        threading.Thread(target=child.wait, name="ending", daemon=True).start()
