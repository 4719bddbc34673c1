"""Sweeps of a data folder that kill themselves: ``sweeper.py FOLDER STEPS…``, one sweep for each number of steps.

A step is the beginning or the end of a transaction, of a shredding, of what a shredding does to the write-ahead log, or
of the removal of one file. Each sweep is a process of its own, forked here so that none imports anything; what ended
them is printed, a line each: ``ended -9``, or ``ended 0`` for one that had fewer steps to do.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gate.operations.erasure import recordings as erasing
from gate.operations.retention import sweeper
from gate.vault import keystore
from tests.support.keeping import Keeping
from tests.support.killing import stepping


def sweep(folder: Path, left: int) -> None:
    """At start what is left of the last one, then the sweep; killed after so many steps."""

    stepped = stepping(left)

    erasing.BATCH = sweeper.BATCH = 8
    keeping = Keeping(folder)
    keeping.store.call = stepped(keeping.store.call)
    keeping.keys.shred = stepped(keeping.keys.shred)
    keystore._scrub = stepped(keystore._scrub)
    Path.unlink = stepped(Path.unlink)
    keeping.retention.at_start()
    keeping.retention.sweep(actor="gate")
    keeping.close()


def main() -> None:
    keeping = Keeping(Path(sys.argv[1]))
    keeping.retention.status()  # so that no sweep finds out again what any does
    keeping.close()
    gc.collect()
    gc.freeze()
    for steps in sys.argv[2:]:
        child = os.fork()
        if child == 0:
            try:
                sweep(Path(sys.argv[1]), int(steps))
            except BaseException:  # noqa: BLE001 - told by its traceback and its exit code
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


main()
