"""One HTTP request to another program: no redirect is followed and no proxy taken, and the whole exchange, from the
connection to the last byte, ends in the time that it was given, however slowly bytes come.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """What came back."""

    status: int
    reason: str
    body: bytes
    """Whole, or ``most`` bytes of it."""
    whole: bool


class NoAnswer(OSError):
    """None came, or it was cut off; the message says why."""


def request(
    method: str,
    url: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float,
    most: int,
    ca_file: str | None = None,
) -> Answer:
    """Ask, and wait for the answer for ``seconds`` in all; at most ``most`` bytes of it are read.

    ``ca_file``: certificates (PEM) that are trusted in place of the system's. Raises ``NoAnswer``.
    """
    parts = urlsplit(url)
    place = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    late = threading.Event()
    try:
        with ExitStack() as stack:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
            connection.sock = _connected(parts.scheme, parts.hostname or "", parts.port, ca_file, seconds, late, stack)
            connection.request(method, place, body, dict(headers or {}))
            answer = connection.getresponse()
            read = answer.read(most + 1)
            if late.is_set() or (answer.length and len(read) <= most):
                raise OSError("its answer is cut off")
            return Answer(answer.status, answer.reason, read[:most], len(read) <= most)
    except (OSError, ValueError, http.client.HTTPException) as error:
        slow = late.is_set() or isinstance(error, TimeoutError)
        why = f"its answer does not come in {seconds:.0f} s" if slow else str(error) or type(error).__name__
        raise NoAnswer(why) from None


def _connected(
    scheme: str,
    host: str,
    port: int | None,
    ca_file: str | None,
    seconds: float,
    late: threading.Event,
    stack: ExitStack,
) -> socket.socket:
    """Connected, by TLS where the address says so; cut off after ``seconds``."""
    secure = scheme == "https"
    plain = socket.create_connection((host, port or (443 if secure else 80)), timeout=seconds)
    stack.callback(plain.close)
    held = stack.enter_context(plain.dup())

    def cut() -> None:
        late.set()
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    stack.callback(timer.cancel)
    if not secure:
        return plain
    wrapped = ssl.create_default_context(cafile=ca_file).wrap_socket(plain, server_hostname=host)
    stack.callback(wrapped.close)
    return wrapped
