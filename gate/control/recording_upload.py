"""``PUT /v1/recording``: a phone system hands in what it recorded. The body is a WAV file, the query says whose call.

The audio never touches a disk in clear: it comes into memory (a memfd of this process), is sealed from there, and is
gone with the answer. Whoever hands it in may remove its own copy after a 200 or a 201, and not before.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from gate.control.asking import pairs
from gate.control.bounds import answering
from gate.control.faults import fault, status
from gate.control.messages import CarryOut, parsed
from gate.control.wire import answer
from gate.control.work import Busy, Workers
from gate.errors import ControlError, GateError, UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.ingest.ingesting import LARGEST
from gate.operations.operation import Caller

RECORDING: Final = "/v1/recording"
AT_ONCE: Final = 2
"""Files in memory."""
WAITING: Final = 8
"""Hand-ins of one token that wait for the one that is under way."""
SILENT_SECONDS: Final = 10.0
"""How long a body may pause."""
LEAST_RATE: Final = 16_000
"""Bytes a second that a body brings, on the whole, once ``SILENT_SECONDS`` are over: both sides of a call as they
talk."""
WHOLE_SECONDS: Final = 900.0
"""How long a body may take."""


class RecordingUpload:
    """Recordings that are handed in. Lives on the event loop."""

    def __init__(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out
        self._room = asyncio.Semaphore(AT_ONCE)
        self._of: dict[str, asyncio.Semaphore] = {}
        """By token: each has one place, so that none of them keeps the others out."""
        self._waiting: Counter[str] = Counter()
        # Threads of its own: a long recording takes none from the decisions.
        self._workers = Workers("recording", threads=1, most=8)

    def close(self) -> None:
        """Nothing more is taken."""
        self._workers.close()

    @asynccontextmanager
    async def _place(self, token: str) -> AsyncIterator[None]:
        """Room for a file of a token. Raises ``Busy`` where too many of its own wait."""
        if self._waiting[token] > WAITING:
            raise Busy("too many recordings of this token are handed in at once", hint="hand in one after the other")
        self._waiting[token] += 1
        try:
            async with self._of.setdefault(token, asyncio.Semaphore(1)), self._room:
                yield
        finally:
            self._waiting[token] -= 1

    async def take(self, asked: web.Request, token: str, actor: str) -> web.StreamResponse:
        """201 where it is sealed, 200 where it had been before, else why not: then whoever sends it keeps it."""
        try:
            fields = pairs(asked.raw_path.partition("?")[2]) | {"path": "PUT"}
            if (swap := fields.pop("swap", None)) is not None:
                if swap not in ("true", "false"):
                    raise UsageError("swap is true or false", hint="else nobody knows whose voice is on which side")
                fields["swap"] = swap == "true"
            request = parsed("recording_ingest", fields)
            with answering(asked):
                async with self._place(token):
                    file = await _received(asked)
                    with file:
                        sealed: dict[str, Any] = await self._workers.call(
                            self._carry_out, request, Caller(actor, file=file)
                        )
        except GateError as error:
            return answer(fault(error), status(error))
        return answer(sealed, 200 if sealed["already"] else 201)


async def _received(asked: web.Request) -> HandedOverFile:
    """The body, in memory. Raises ``UsageError`` where it is too large or does not come."""
    if (asked.content_length or 0) > LARGEST:
        raise UsageError(f"the recording is larger than {LARGEST:,} bytes", hint="hand it in with the command")
    descriptor, size = os.memfd_create("recording", os.MFD_CLOEXEC), 0
    began = asyncio.get_running_loop().time()
    try:
        while True:
            # By the next piece it has brought what it should by then, or it is not waited for.
            due = min(WHOLE_SECONDS, SILENT_SECONDS + size / LEAST_RATE)
            async with asyncio.timeout_at(min(began + due, asyncio.get_running_loop().time() + SILENT_SECONDS)):
                piece = await asked.content.readany()
            if not piece:
                return HandedOverFile(descriptor, "the recording", LARGEST)
            size += len(piece)
            if size > LARGEST:
                raise UsageError(f"the recording is larger than {LARGEST:,} bytes", hint="hand it in with the command")
            while piece:
                piece = piece[os.write(descriptor, piece) :]
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, TimeoutError):
            raise UsageError("the recording did not arrive, or too slowly", hint="send it at once") from None
        if isinstance(error, ConnectionError | web.RequestPayloadError):
            raise ControlError("the connection is gone before the recording had come") from None
        raise
