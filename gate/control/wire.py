"""What socket and endpoint share: JSON bodies in and out, bounded."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import msgspec
from aiohttp import web

from gate.errors import ControlError, UsageError

LARGEST_BODY = 128 * 1024
_BODY_SECONDS = 10.0
_GONE = "the connection is gone before its request had come"


def answer(value: Any, code: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(body=msgspec.json.encode(value), status=code, content_type="application/json")


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
