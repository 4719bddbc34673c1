"""The data folder opened: by the gate that runs on it, or by a command when none does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from gate.calls.retry_queue import replay
from gate.clock import Clock
from gate.config import Config
from gate.control.messages import every_operation
from gate.daemon.process import configure_logs
from gate.operations.audit.signed_log import origin_of
from gate.operations.data_folder import NO_GATE, DataFolder, RunningGate
from gate.operations.memory.place import SecondPlace
from gate.store.spool import NAME as SPOOL

OWN_FILES: Final = 0o077
"""The umask of whatever writes into a data folder: its owner's alone, whatever the service manager says. What others
are to read (sockets, pages that are hosted) gets its rights by name."""


@contextmanager
def open_data_folder(config: Config) -> Iterator[DataFolder]:
    """The data folder of a gate that does not run. What was logged is signed at the end.

    Raises ``GateError``, e.g. where a gate does run and holds the lock.
    """
    os.umask(OWN_FILES)
    configure_logs(config.log, quiet=True)
    with ExitStack() as stack:
        folder = open_folder(config, stack)
        stack.callback(folder.log.sign_new_entries)
        yield folder


def open_folder(
    config: Config, stack: ExitStack, clock: Clock | None = None, gate: RunningGate = NO_GATE
) -> DataFolder:
    """The data folder, compared with its memory journal, and its log with what an earlier run had left to be kept
    (``gate.store.spool``): an objection in there is heeded by whatever is asked here. Parameters and errors as those of
    ``DataFolder``."""
    folder = DataFolder(config, stack, clock, gate, operations=every_operation)
    memory = folder.one(SecondPlace)
    folder.trust.memory = lambda: memory.why
    memory.look()
    origin = partial(origin_of, config)
    replay(config.data / SPOOL, origin, folder.store, folder.clock, folder.screener.judge)
    return folder
