"""The composition: the one package that puts the others together.

- ``serve(config)``      the gate: line thread, store thread, recorder process, control interface in the main thread
- ``open_data_folder(config)``  for commands when no gate runs; holds the data lock as long as it is open
- ``running``    a running gate, and what its start takes from the store: today's use, who proved itself lately
- ``recording``  the recorder process (``python -m gate.daemon.recording``), and waiting for an earlier one
- ``chores``     what is done beside the calls, again and again: one loop for all; the registers' drop folder,
                 recordings from elsewhere, the log signed, compared and mailed
- ``at_line``    what others ask of the line, and what the recorder reports
- ``logs``       structured logs
- ``interpreter``  when Python looks for garbage, and how soon a thread makes way

Some imports stand inside the functions that need them: a command that only looks something up must not pay for SIP.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from gate.config import Config
from gate.daemon.logs import configure_logs

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


OWN_FILES: Final = 0o077
"""The umask of whatever writes into a data folder: its owner's alone, whatever the service manager says. What others
are to read (sockets, pages that are hosted) gets its rights by name."""


@contextmanager
def open_data_folder(config: Config) -> Iterator[DataFolder]:
    """The data folder of a gate that does not run. What was logged is signed at the end.

    Raises ``GateError``, e.g. where a gate does run and holds the lock.
    """
    from gate.operations.data_folder import DataFolder

    os.umask(OWN_FILES)
    configure_logs(config.log, quiet=True)
    with ExitStack() as stack:
        folder = DataFolder(config, stack)
        stack.callback(folder.log.sign_new_entries)
        yield folder


def serve(config: Config) -> int:
    """Run the gate until TERM or INT; returns the exit code. Raises ``GateError`` where it cannot start."""
    from gate.daemon.interpreter import set_for_calls
    from gate.daemon.running import GateProcess

    os.umask(OWN_FILES)
    configure_logs(config.log)
    with ExitStack() as stack:
        gate = GateProcess(config, stack)
        set_for_calls()
        return gate.run()
