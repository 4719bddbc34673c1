"""Watching a gate: its snapshots as they come, until whoever watches has enough.

A snapshot is a ``dict``:

- ``at``        when it was taken
- ``calls``     in hand: ``call_id``, ``at``, ``from``, ``to`` (masked), ``purpose``, ``topic``, ``state``,
                ``announcement`` (empty, ``playing``, ``played`` or ``cut``), ``recorded``, ``paused``, ``paused_by``
                (empty, ``agent`` or an account), ``levels`` (``caller``, ``callee``: 0 to 127, 16
                steps are 6 dB), ``seconds``
- ``counts``    attempts of the last sixty minutes by reason
- ``minutes``   these sixty, oldest first: ``at``, ``allow``, ``block``
- ``registers`` as in ``register_status``
- ``log``       ``size``, ``verified_at``, ``verified_ok``, ``checkpoint_at``; None where never
- ``warnings``  of the policy and of service calls: what somebody must see to, a sentence each
- ``trunk_up``, ``recorder_up``  true, false, or None where nobody knows; ``trunk_up``: of any trunk
- ``trunks``    each trunk: ``name``, ``up``, ``registered``, ``code`` (its last answer to OPTIONS)
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gate.control.exchange import Connection, decoded, said
from gate.control.faults import revived
from gate.errors import ControlError

SILENT_SECONDS = 10.0
"""A gate that says nothing for this long, though it has something to say each second, is away."""
_LARGEST = 64 << 20


class Watching(Iterator[dict[str, Any]]):
    """The snapshots, newest as they come: one that is not taken in time is left out by the gate.

    Iterate on one thread; ``close`` from any, which ends the iteration. A gate that goes away raises ``ControlError``,
    an account that may not watch ``RefusedError``.
    """

    def __init__(self, path: Path, *, silent_seconds: float = SILENT_SECONDS) -> None:
        self._closed = False
        self._path = path
        self._connection = Connection(path, silent_seconds)
        self._response: http.client.HTTPResponse | None = None

    def __next__(self) -> dict[str, Any]:
        """The next snapshot, waited for."""
        try:
            if self._closed:
                raise StopIteration
            raw = self._begun().readline(_LARGEST)
        except TimeoutError:
            self._end("the gate is silent")
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The last two: the response was closed by another thread while it was read.
            self._end(f"the gate at {self._path} cannot be reached: {said(error)}")
        if not raw.endswith(b"\n"):
            self._end("the gate has stopped")
        line = decoded(raw)
        if not isinstance(line, dict):
            self._end("the gate's answer is no snapshot")
        if "error" in line:
            self.close()
            raise revived(line)
        snapshot: dict[str, Any] = line
        return snapshot

    def _begun(self) -> http.client.HTTPResponse:
        if self._response is None:
            self._connection.request("POST", "/v1/op/watch", b"{}", {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            if response.status != 200:
                body = decoded(response.read(_LARGEST))
                raise revived(body) if isinstance(body, dict) else ControlError(f"status {response.status}")
            self._response = response
        return self._response

    def _end(self, why: str) -> Any:
        if self._closed:
            raise StopIteration from None
        self.close()
        raise ControlError(why, hint="is it running? dialgate serve") from None

    def close(self) -> None:
        """Watch no more; harmless twice, from any thread."""
        self._closed = True
        connection = self._connection.sock
        if connection is not None:
            with suppress(OSError):  # it was gone already
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._connection.close()
