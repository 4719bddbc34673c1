"""A rotation that kills itself: ``rotator.py CONFIG KEY RECIPIENT [--drop] STEPS``, the passphrase in PASSPHRASE.

A step is the beginning or the end of a question to the desk, or of what it keeps in the key store.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from gate.cli.reach import DeskHere
from gate.cli.rotation import rotate
from gate.config import load
from gate.daemon.house import House
from gate.vault import keystore
from gate.vault.keyfile import load_private
from gate.vault.recipients import parse_recipient


def main() -> None:
    left = int(sys.argv[-1])

    def stepped(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **extra: Any) -> Any:
            nonlocal left
            for result in (None, work):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                answer = result(*args, **extra) if result else None
            return answer

        return run

    config, key, recipient = map(Path, sys.argv[1:4])
    private, target = load_private(key, os.environ["PASSPHRASE"]), parse_recipient(recipient.read_text())
    with ExitStack() as stack:
        house = House(load(config), stack)
        gate = DeskHere(house.desk)
        gate.call = stepped(gate.call)
        keystore.hand_over = stepped(keystore.hand_over)
        keystore._scrub = stepped(keystore._scrub)
        rotate(gate, private, target, drop="--drop" in sys.argv, progress=None)


main()
