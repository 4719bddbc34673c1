"""What socket and endpoint share: operations carried out from asyncio, and JSON bodies in and out.

Blocking work goes on threads, within bounds, and every failure is a ``GateError``. Bodies are bounded.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import structlog
from aiohttp import web

from gate.control.messages import CarryOut
from gate.errors import ControlError, GateError, RefusedError, UsageError
from gate.operations.operation import Caller, Request, operation_of

log = structlog.get_logger("gate.control")

REST = 3.0
"""Where more waits a place rests so many times as long as it has worked: four places of an account come to one thread
of its own, beside the line's."""
LONGEST_REST = 0.5
"""Seconds that it rests at most."""


class _Turns:
    """The places of one account, in which its operations run; the others of its own wait for one."""

    def __init__(self, places: int) -> None:
        self.free = asyncio.Semaphore(places)
        self.held = 0
        """Operations that run or wait."""


class Workers:
    """Threads for operations; ``most`` of them waiting or running at once.

    With ``each`` an account has so many places to run in, and half of ``most`` to wait in: what one account asks for
    never keeps another one waiting, and takes a bounded part of the processor, for calls come first: while more of it
    waits, a place rests after each operation (``REST``). Operations that stream their progress take long,
    and have places of their own.
    """

    def __init__(self, name: str, threads: int, most: int, each: int = 0) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._each = each
        self._busy = 0
        self._turns: dict[tuple[str, bool], _Turns] = {}

    async def call(self, carry_out: CarryOut, request: Request[Any], caller: Caller) -> Any:
        """The response to a request, as JSON values; raises ``GateError`` and nothing else."""
        if self._busy >= self._most:
            raise Busy("the gate is busy", hint="try again in a moment")
        if not self._each:
            return await self._run(carry_out, request, caller)
        key = (caller.actor, operation_of(request).streams)
        turns = self._turns.setdefault(key, _Turns(self._each))
        if turns.held >= self._most // 2:
            raise Busy("too much is asked for at once by this account", hint="wait for the answers")
        turns.held += 1
        try:
            await turns.free.acquire()
            loop, began = asyncio.get_running_loop(), time.monotonic()
            try:
                return await self._run(carry_out, request, caller)
            finally:
                if turns.held <= self._each:
                    turns.free.release()
                elif not loop.is_closed():
                    loop.call_later(min(LONGEST_REST, REST * (time.monotonic() - began)), turns.free.release)
        finally:
            turns.held -= 1
            if not turns.held:
                self._turns.pop(key, None)

    async def _run(self, carry_out: CarryOut, request: Request[Any], caller: Caller) -> Any:
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _guarded, carry_out, request, caller)
        finally:
            self._busy -= 1

    async def run(self, work: Callable[[], bytes]) -> bytes:
        """What ``work`` returns, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Take no more work; what runs is left to end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Busy(ControlError):
    """More is asked for at once than the gate takes on."""


def _guarded(carry_out: CarryOut, request: Request[Any], caller: Caller) -> Any:
    began, operation, actor = time.monotonic(), operation_of(request), caller.actor
    name = operation.name
    try:
        result = carry_out(request, caller)
    except GateError as error:
        log.info("operation", op=name, actor=actor, outcome=type(error).__name__, seconds=_since(began))
        raise
    except Exception as error:  # the boundary of the interface: whoever asks gets an answer, the log gets the traceback
        log.exception("operation failed", op=name, actor=actor, seconds=_since(began))
        raise GateError("the gate failed inside; its log has the details", hint="report it with the log") from error
    tell = log.debug if operation.polled else log.info
    tell("operation", op=name, actor=actor, outcome="done", seconds=_since(began))
    return result


def _since(began: float) -> float:
    return round(time.monotonic() - began, 4)


LARGEST_BODY = 128 * 1024
_BODY_SECONDS = 10.0
_GONE = "the connection is gone before its request had come"


class Answer(web.Response):
    """A response that does not name the library and its version: an error in a request passes by the signals that an
    application has for it."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


def answer(value: Any, code: int = 200) -> web.Response:
    """A JSON response."""
    return Answer(body=msgspec.json.encode(value), status=code, content_type="application/json")


async def body(asked: web.Request) -> dict[str, Any]:
    """The JSON object of a request; raises ``UsageError`` for anything else, too large or too slow included."""
    return fields_of(await raw_body(asked))


async def raw_body(asked: web.Request) -> bytes:
    """The bytes of a request; raises ``UsageError`` where they are too many or come too slowly."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await asked.read()
    except web.HTTPRequestEntityTooLarge:
        raise UsageError(f"the request is larger than {LARGEST_BODY} bytes", hint="send less") from None
    except (ConnectionError, web.RequestPayloadError):
        raise ControlError(_GONE) from None
    except RuntimeError:  # aiohttp's word for a connection that was closed before anybody read from it
        if asked.transport is not None and not asked.transport.is_closing():
            raise
        raise ControlError(_GONE) from None
    except TimeoutError:
        raise UsageError("the request did not arrive in time", hint="send it at once") from None


def fields_of(raw: bytes) -> dict[str, Any]:
    """The JSON object that these bytes are; nothing stands for an empty one. Raises ``UsageError`` for anything
    else."""
    try:
        value = msgspec.json.decode(raw or b"{}")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: text that is no UTF-8
        raise UsageError(f"the request is not JSON: {error}", hint="send a JSON object") from None
    if not isinstance(value, dict):
        raise UsageError("the request is not a JSON object", hint='send {"number": "…"} and the like')
    return value


KEY: Final = "Idempotency-Key"
LONGEST_KEY: Final = 200
KEY_SECONDS: Final = 60.0
"""How long a key that is kept in memory stands for its request."""
MOST_KEYS: Final = 10_000


class Sent:
    """A request under its key."""

    def __init__(self, digest: bytes, until: float) -> None:
        self.digest = digest
        """SHA-256 of its fields."""
        self.until = until
        self.lock = asyncio.Lock()
        """Held while it is answered: the same one that comes meanwhile waits for what comes of it."""
        self.works: dict[int, asyncio.Future[Any]] = {}
        """What was done for it, by its place in a batch."""


class Keys:
    """Requests with an ``Idempotency-Key``: within ``KEY_SECONDS`` one that is sent again is done once. In memory:
    after a restart it is done anew. Lives on the event loop."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, str, str], Sent] = {}

    def claim(self, asked: web.Request, token: str, fields: object) -> Sent:
        """The request of a token, as it came before where it did. Raises ``RefusedError`` (``key_used``) where another
        one came with its key."""
        until = asyncio.get_running_loop().time() + KEY_SECONDS
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).digest()
        key = asked.headers.get(KEY, "").strip()
        if not key:
            return Sent(digest, until)
        if len(key) > LONGEST_KEY:
            raise UsageError(f"the {KEY} is longer than {LONGEST_KEY} characters", hint="send a shorter one")
        while self._sent and self._sent[oldest := next(iter(self._sent))].until <= until - KEY_SECONDS:
            del self._sent[oldest]
        name = token, asked.path, key
        if name not in self._sent and len(self._sent) >= MOST_KEYS:
            raise Busy("too many keys are in use", hint="try again in a minute, or send no key")
        sent = self._sent.setdefault(name, Sent(digest, until))
        if sent.digest != digest:
            raise RefusedError(
                "another request was sent with this key", reason="key_used", hint="take a new key for each request"
            )
        return sent


MOST_FIELDS: Final = 16
"""Most fields of a query string or a form."""


def pairs(text: str) -> dict[str, Any]:
    """The fields of a query string or a form. A number's ``+`` may come as it is: where it stands, a space cannot be
    meant."""
    if not text:
        return {}
    if ";" in text:  # some part fields by it, others take it for a part of the value
        raise UsageError("the fields have a semicolon in them", hint="part them by &, and write %3B for a semicolon")
    text = re.sub(r"(^|&)number=\+", r"\1number=%2B", text)
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise UsageError("the fields are not understood", hint="write number=… and the like, percent-encoded") from None
    return once(pairs)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two numbers was screened is not to be guessed at."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UsageError("a field is said twice", hint="say it once")
    return fields


def uid_of(asked: web.Request) -> int:
    """The account of the process at the other end, told by the kernel."""
    connection = asked.transport.get_extra_info("socket") if asked.transport else None
    if connection is None:
        raise ControlError("the connection is gone")
    return peer_of(connection)


def peer_of(connection: socket.socket) -> int:
    """The account of the process that connected this Unix socket, told by the kernel; raises ``OSError``."""
    uid: int
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid
