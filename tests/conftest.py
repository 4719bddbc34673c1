"""What holds for the whole suite: the example folder that its processes share, and a network for each worker."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess

from tests.support import example

_CLONE_NEWNET = 0x40000000


def pytest_configure() -> None:
    example.share()
    if "PYTEST_XDIST_WORKER" in os.environ:
        _own_network()


def _own_network() -> None:
    """Where this worker may make one: then no two workers find the same free port."""
    if os.geteuid() == 0 and shutil.which("ip") and ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
