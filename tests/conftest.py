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
    """Where this worker may make one: then no two workers find the same free port. baresip wants an address beside the
    loopback's."""
    if os.geteuid() == 0 and shutil.which("ip") and ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0:
        for command in (
            "link set lo up",
            "link add here type veth peer name there",
            "addr add 192.0.2.1/24 dev here",
            "link set here up",
            "link set there up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
