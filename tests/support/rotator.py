"""A rotation that kills itself: ``rotator CONFIG KEY NEW_KEY [--drop] STEPS``, the passphrase in PASSPHRASE.

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

from gate.client.gate import FolderHere
from gate.client.rotation import prove, rotate
from gate.config import load
from gate.daemon.opening import open_folder
from gate.operations.keys.wraps import KeyDrop
from gate.vault import keystore
from gate.vault.keyfile import load_private


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

    config, *keys = map(Path, sys.argv[1:4])
    private, target = (load_private(key, os.environ["PASSPHRASE"]) for key in keys)
    with ExitStack() as stack:
        data = open_folder(load(config), stack)
        gate = FolderHere(data)
        gate.ask = stepped(gate.ask)
        for name in ("give", "prove", "drop", "_scrub"):
            setattr(keystore, name, stepped(getattr(keystore, name)))
        rotate(gate, private, target.recipient, progress=None)
        if "--drop" in sys.argv:
            prove(gate, target, progress=None)
            gate.ask(KeyDrop(source=private.id, target=target.id))


if __name__ == "__main__":
    main()
