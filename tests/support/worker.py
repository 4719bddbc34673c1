"""What pytest-xdist starts in place of an interpreter, for each worker: ``python -m tests.support.worker PLACE …``.

It hands its standard streams, and what it is asked to run, to the process that has collected (``worker_server``), which
forks, and ends as that worker ends. Where there is no such process, or it will not, it is the interpreter that it was
asked to be.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress


def forked(place: str, arguments: list[str]) -> str:
    """The exit code of the worker; empty where none was forked."""
    line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asked = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109 - as it is
    with line, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door, suppress(ConnectionError):
        with theirs:
            door.connect(f"\0{place}")
            socket.send_fds(door, [json.dumps(asked).encode()], [0, 1, 2, theirs.fileno()])
        if line.recv(100):
            for number in range(3):
                os.close(number)  # whoever waits for their end waits for the worker's
            return line.recv(100).decode() or "1"
    return ""


def main() -> None:
    """As above."""
    place, *arguments = sys.argv[1:]
    code = forked(place, arguments)
    if not code:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - the same process
    os._exit(int(code) & 0xFF)


if __name__ == "__main__":
    main()
