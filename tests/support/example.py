"""The example firm's folder, as ``dialgate init --example`` makes it: made once a run of the suite, then copied.

Making it takes seconds (keys, prompts in every codec, registers), and most tests only need to have one. Those that look
at how it is made call the command itself.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from gate.config import load
from gate.config.schema import ATTEMPTS
from gate.config.write import amend
from gate.core.facts.keys import RecipientRetired
from gate.daemon.opening import open_folder
from gate.store.recipients import TERMS

TEMPLATE = "DIALGATE_TEST_EXAMPLE"
"""Environment variable: the folder where all processes of a run find it."""
ROOT = Path(__file__).parents[2]


NOT_DRAMA = ("+443300000000", "+443300000001")
"""Numbers that a live gate may own; nobody is called by them."""


def go_live(config: Path) -> None:
    """Make an example's gate one that dials real people, with numbers of its own that are not kept for drama, and where
    everything is decided that must be."""
    text = config.read_text(encoding="utf-8").replace("live = false", "live = true")
    for drama, own in zip(dict.fromkeys(re.findall(r"\+44[0-9]{10}", text)), NOT_DRAMA, strict=False):
        text = text.replace(drama, own)
    config.write_text(text, encoding="utf-8")
    amend(config, {"emergency": {"elsewhere": True}})


def dial_again(config: Path) -> None:
    """Lift the bounds of attempts at one number: tests dial the same few again and again. Those of these bounds set
    them."""
    amend(config, {"calling": dict.fromkeys((*ATTEMPTS, "abandoned_brief_seconds"), 0)})


def share() -> None:
    """Choose the folder for this process and those that it starts, where none is chosen yet; removed at the end."""
    if TEMPLATE not in os.environ:
        os.environ[TEMPLATE] = folder = tempfile.mkdtemp(prefix="dialgate-example-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def make_example(folder: Path) -> Path:
    """Make ``folder`` an example folder; returns it."""
    from tests.support.vault import close_again  # not for a process that has nothing made

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
            words = (place / "example" / "keys" / "first.passphrase").read_text().strip()
            close_again(place / "example" / "keys" / "first.key", words)
            dial_again(place / "example" / "config.toml")
            (place / "done").touch()
    shutil.copytree(place / "example", folder, dirs_exist_ok=True)
    return folder


def without_recipients(folder: Path) -> Path:
    """Make ``folder`` an example folder with nobody on the register of key holders; returns it."""
    make_example(folder)
    with ExitStack() as stack:
        data = open_folder(load(folder / "config.toml"), stack)
        for row in data.keyring().recipients():
            terms = {name: getattr(row, name) for name in TERMS}
            data.keep(RecipientRetired(**terms), row.id, "user:test(0)")
            (folder / "data" / "recipients" / f"{row.id}.json").unlink()
    return folder
