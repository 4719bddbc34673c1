"""The way from a command to the gate: through the one that runs, else the data folder itself, under its lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from gate.cli.output import View
from gate.client.gate import FolderHere, Gate
from gate.config import Config
from gate.control.client import ControlClient
from gate.errors import ControlError
from gate.handed_over_file import HandedOverFile
from gate.operations.operation import Request
from gate.types import Progress

R = TypeVar("R")


@contextmanager
def reach(config: Config) -> Iterator[Gate]:
    """The running gate where one answers on its control socket; else the data folder, locked for as long.

    Raises ``ControlError`` where the socket may not be asked, or no gate answers and this account may not open the
    folder; and what opening the folder raises.
    """
    client = ControlClient(config.control_socket)
    if client.answers():
        yield client
        return
    if config.data.exists() and not os.access(config.data, os.R_OK | os.W_OK | os.X_OK):
        raise ControlError(
            f"the gate is not running: nothing answers at {config.control_socket}",
            hint=f"start it, or ask as its own account: {config.data} is open to that alone",
        )
    from gate.daemon.opening import open_data_folder

    with open_data_folder(config) as folder:
        yield FolderHere(folder)


def ask(view: View, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
    """The gate's response to the one request of a command; raises ``GateError``."""
    with reach(view.config) as gate:
        return gate.ask(request, progress=progress, given=given)
