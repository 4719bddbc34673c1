"""How the recorder's process is started."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence

Spawn = Callable[[socket.socket], "subprocess.Popen[bytes]"]
"""Start the recorder with this socket as its control; the caller closes its own copy afterwards."""


def spawn_command(command: Sequence[str]) -> Spawn:
    """A ``Spawn`` that runs ``command`` with the descriptor's number as one more argument."""

    def spawn(control: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = control.fileno()
        return subprocess.Popen(
            [*command, str(descriptor)], pass_fds=[descriptor], stdin=subprocess.DEVNULL, start_new_session=True
        )

    return spawn
