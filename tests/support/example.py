"""The example firm's folder, as ``dialgate init --example`` makes it: made once a run of the suite, then copied.

Making it takes seconds (keys, prompts in every codec, registers), and most tests only need to have one. Those that look
at how it is made call the command itself.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TEMPLATE = "DIALGATE_TEST_EXAMPLE"
"""Environment variable: the folder where all processes of a run find it."""
ROOT = Path(__file__).parents[2]


def share() -> None:
    """Choose the folder for this process and those that it starts, where none is chosen yet; removed at the end."""
    if TEMPLATE not in os.environ:
        os.environ[TEMPLATE] = folder = tempfile.mkdtemp(prefix="dialgate-example-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def make_example(folder: Path) -> Path:
    """Make ``folder`` an example folder; returns it."""
    share()
    place = Path(os.environ[TEMPLATE])
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "done").exists():
            made = subprocess.run(
                [sys.executable, "-m", "gate.cli.main", "init", str(place / "example"), "--example"],
                cwd=ROOT, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert made.returncode == 0, made.stderr
            (place / "done").touch()
    shutil.copytree(place / "example", folder, dirs_exist_ok=True)
    return folder
