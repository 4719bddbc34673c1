"""A process that sweeps a data folder and kills itself after so many steps: ``sweeper.py FOLDER STEPS``.

A step is the beginning or the end of a transaction, of a shredding, of what a shredding does to the write-ahead log, or
of the removal of one file.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from gate.service import erasing, retention
from gate.vault import keystore
from tests.support.keeping import Keeping


def main() -> None:
    left = int(sys.argv[2])

    def step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepped(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **extra: Any) -> Any:
            step()
            result = work(*args, **extra)
            step()
            return result

        return run

    erasing.BATCH = retention.BATCH = 8
    keeping = Keeping(Path(sys.argv[1]))
    keeping.store.call = stepped(keeping.store.call)
    keeping.keys.shred = stepped(keeping.keys.shred)
    keystore._scrub = stepped(keystore._scrub)
    Path.unlink = stepped(Path.unlink)
    keeping.retention.at_start()
    keeping.retention.sweep(actor="gate")
    keeping.close()


main()
