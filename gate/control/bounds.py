"""How many connections a listener takes, from whom, and for how long: so that slow ones leave calls their descriptors.

A connection has so many seconds for the headers of each request, the first included, and as many to take its answer;
``wire.body`` bounds the body. A source (an address, the whole of loopback, an IPv6 /64; on the Unix socket an account)
has so many connections at once, and all sources together have a bound. Where one is met, the oldest of its connections
without a whole request under way makes room, so that whoever fills a listener with open connections holds up nobody
else; where all have one, the new one is closed. The highest descriptors are kept back for calls: a connection that
would have one of them is closed at once.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from gate.control.sockets import fault
from gate.control.work import answer, log
from gate.errors import ControlError

HEADER_SECONDS: Final = 10.0
"""Seconds from the connection, or the last answer, to the end of a request's headers."""
TAKE_SECONDS: Final = 10.0
"""A peer that takes nothing of what is written to it for so long is let go."""
LINGER_SECONDS: Final = 2.0
"""Seconds for the rest of a body that nobody wants."""
AT_A_GO: Final = 32
"""Connections taken at one go: as many descriptors may be open for a moment beyond the bounds."""
BACKLOG: Final = 256
"""Connections that wait in the kernel, where they cost no descriptor."""
_KEPT: Final = 256
_TOLD_SECONDS: Final = 60.0


class Bounds:
    """The connections of one listener. On the event loop."""

    def __init__(
        self, listener: str, most: int, each: int, source: Callable[[asyncio.BaseTransport], Hashable]
    ) -> None:
        """``most`` connections, ``each`` of a source."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = 1 << 30 if soft == resource.RLIM_INFINITY else soft
        self._listener = listener
        self._most = min(most, max(8, spare // 8))
        self._each = min(each, self._most)
        self._highest = spare - min(_KEPT, spare // 8)
        self._source = source
        self._open: dict[Connection, Hashable] = {}
        """In the order in which they came."""
        self._told = 0.0
        self._unread, self._unread_told = 0, 0.0

    def admit(self, connection: Connection, transport: asyncio.BaseTransport) -> bool:
        """Whether a new connection may stay; one that idles may have to go for it."""
        sock = transport.get_extra_info("socket")
        if sock is None or sock.fileno() >= self._highest:
            self._warn_full("descriptors")
            return False
        source = self._source(transport)
        mine = [each for each, of in self._open.items() if of == source]
        for full, crowd in ((len(mine) >= self._each, mine), (len(self._open) >= self._most, list(self._open))):
            if full and not self._make_room(crowd):
                self._warn_full("connections")
                return False
        self._open[connection] = source
        return True

    def gone(self, connection: Connection) -> None:
        """A connection is over."""
        self._open.pop(connection, None)

    def unread(self) -> None:
        """Somebody said what is no HTTP: told once in a while, with how often it was."""
        self._unread += 1
        now = asyncio.get_running_loop().time()
        if now >= self._unread_told:
            log.warning("not_http", door=self._listener, times=self._unread)
            self._unread, self._unread_told = 0, now + _TOLD_SECONDS

    def _make_room(self, crowd: list[Connection]) -> bool:
        for each in crowd:
            if not each.asking and each in self._open:
                self._warn_full("connections")
                self.gone(each)
                each.abort()
                return True
        return False

    def _warn_full(self, what: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._told:
            self._told = now + _TOLD_SECONDS
            log.warning("door_full", door=self._listener, of=what, connections=len(self._open))


class Connection(RequestHandler):
    """One connection of a bounded listener."""

    __slots__ = ("_bounds", "_late", "_refused", "asking")

    def __init__(self, bounds: Bounds, manager: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        options: dict[str, Any] = {"access_log": None, "keepalive_timeout": HEADER_SECONDS}
        super().__init__(manager, loop=loop, lingering_time=LINGER_SECONDS, **options)
        self._bounds = bounds
        self._refused = False
        self._late: asyncio.TimerHandle | None = None
        self.asking = 0
        """Requests of it that are being answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in, or closed at once."""
        if not self._bounds.admit(self, transport):
            self._refused = True
            if isinstance(transport, asyncio.WriteTransport):  # a socket's is one
                transport.abort()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the connection was refused."""
        if not self._refused:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Its descriptor is free."""
        self._bounds.gone(self)
        self._in_time()
        if not self._refused:
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not take what is written: it has a while to."""
        super().pause_writing()
        if self._late is None:
            self._late = self._loop.call_later(TAKE_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._in_time()
        super().resume_writing()

    def _in_time(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            late.cancel()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What strangers write is no failure of the gate's, and fills no log."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._bounds.unread()
        else:
            log.error("http_failed", what=str(args[0]) if args else "", exc_info=error)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A block, in place of the library's page: it would show what was sent, and say no verdict."""
        self.log_exception("a request was not answered", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way")
        what = "the request is not understood" if status < 500 else "the gate failed inside; its log has the details"
        response = answer(fault(ControlError(what)) | {"verdict": "block", "reason": "internal_error"}, status)
        response.force_close()
        return response

    def force_close(self) -> None:
        """What is left to be written has a while to be taken."""
        transport = self.transport
        super().force_close()
        if transport is not None and transport.get_write_buffer_size():
            self._loop.call_later(TAKE_SECONDS, transport.abort)

    def abort(self) -> None:
        """Close it now, whatever is left to be written."""
        transport = self.transport
        if transport is not None:
            transport.abort()


@contextmanager
def answering(request: web.Request) -> Iterator[None]:
    """A connection whose request has come whole is not closed to make room until it is answered."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        yield
        return
    connection.asking += 1
    try:
        yield
    finally:
        connection.asking -= 1


class BoundedServer:
    """An application that answers on a socket, within bounds."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server) -> None:
        self._runner = runner
        self._server = server

    @classmethod
    async def open(
        cls,
        app: web.Application,
        sock: socket.socket,
        bounds: Bounds,
        *,
        shutdown_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> BoundedServer:
        """Listen on a bound socket."""
        runner = web.AppRunner(app, shutdown_timeout=shutdown_seconds)
        await runner.setup()
        manager, loop = runner.server, asyncio.get_running_loop()
        assert manager is not None  # noqa: S101 - set up a line ago

        def connection() -> Connection:
            return Connection(bounds, manager, loop)

        make: Any = loop.create_unix_server if sock.family == socket.AF_UNIX else loop.create_server
        # Since Python 3.13 asyncio would look for the socket's file, to take it away at the end. It is not where the
        # socket says (``sockets``), and a gate that starts when this one ends may have made it anew.
        kept: Any = {"cleanup_socket": False} if sock.family == socket.AF_UNIX and sys.version_info >= (3, 13) else {}
        server = await make(connection, sock=sock, backlog=AT_A_GO, ssl=tls, **kept)
        sock.listen(BACKLOG)  # asyncio takes the one number for both
        return cls(runner, server)

    async def close(self) -> None:
        """Take nobody more; what is being answered has its time."""
        self._server.close()
        await self._runner.cleanup()


def by_address(transport: asyncio.BaseTransport) -> Hashable:
    """Who is at the other end of a TCP connection: all of loopback is one machine, an IPv6 /64 one customer."""
    peer = transport.get_extra_info("peername")
    try:
        address = ip_address(peer[0].partition("%")[0])
    except (IndexError, TypeError, ValueError):
        return "unknown"
    if address.is_loopback:
        return "loopback"
    return address.packed[:8] if address.version == 6 else address.packed


def by_account(transport: asyncio.BaseTransport) -> Hashable:
    """The uid at the other end of a Unix socket, told by the kernel."""
    sock = transport.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)
