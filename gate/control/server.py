"""The gate's side of the control interface: HTTP over a Unix socket, and the endpoint for phone systems beside it.

Who asks is not said but known: the kernel names the account of the process at the other end (``SO_PEERCRED``). That
name goes into the evidence log with whatever it does, and its roles decide what it may ask
(``gate.control.authorisation``). The socket file's permissions decide who may speak at all.

One look at the gate serves all who watch, and none of them can hold it up. While somebody watches, the gate is looked
at up to five times a second; a snapshot is encoded once, and goes out where something has changed, or a second has
passed. Each watcher is sent the newest one when it has taken the one before: to a slow reader the ones between never
existed, so that nothing waits in memory but what is under way."""

from __future__ import annotations

import asyncio
import grp
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from gate.config import Config, Control
from gate.control import sockets
from gate.control.authorisation import Authoriser, Lookups, Principal, Refused, Roles, Unusual, masked_for, refusal
from gate.control.bounds import BoundedServer, Bounds, answering, by_account
from gate.control.endpoint import Count, endpoint
from gate.control.files import Files, files_socket
from gate.control.messages import CarryOut, parsed
from gate.control.sockets import fault, status
from gate.control.work import LARGEST_BODY, Busy, Workers, answer, body, log
from gate.errors import ControlError, GateError
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import Caller, Request
from gate.operations.status.session import Watch

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from gate.calls.live import LiveView


LOOK_SECONDS: Final = 0.2
BEAT_SECONDS: Final = 1.0
"""A snapshot goes out after this though nothing has changed: so that silence means trouble."""
REST: Final = 4.0
"""A look that takes long is followed by a rest of so many times as long: watching costs a full gate a fifth at most."""
MOST: Final = 32
"""Watchers at once."""
STUCK_SECONDS: Final = 30.0
"""A watcher that takes nothing for this long is let go."""
ROLES_SECONDS: Final = 10.0


class Watchers:
    """The watchers of one gate. Lives on the event loop."""

    def __init__(self, live: LiveView, authoriser: Authoriser) -> None:
        self._live = live
        self._authoriser = authoriser
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="watch")
        self._count = 0
        self._looking: asyncio.Task[None] | None = None
        self._told = asyncio.Event()
        self._newest, self._number = b"", 0
        self._over = False

    async def serve(self, asked: web.Request, principal: Principal) -> web.StreamResponse:
        """Snapshots, one a line, until the watcher goes, the gate stops, or its role is taken away."""
        if self._over:
            raise ControlError("the gate is stopping")
        if self._count >= MOST:
            raise Busy(f"{MOST} are watching already", hint="close a console that nobody looks at")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        self._count += 1
        if self._looking is None:
            self._number = 0
            self._looking = asyncio.ensure_future(self._look())
        try:
            await response.prepare(asked)
            await self._feed(response, principal)
            await response.write_eof()
        except (ConnectionError, TimeoutError):
            if asked.transport is not None:
                asked.transport.abort()
        finally:
            self._count -= 1
        return response

    async def _feed(self, response: web.StreamResponse, principal: Principal) -> None:
        seen, loop = 0, asyncio.get_running_loop()
        look_at = loop.time() + ROLES_SECONDS
        while not self._over:
            if seen == self._number:
                await self._told.wait()
                continue
            seen = self._number
            async with asyncio.timeout(STUCK_SECONDS):
                await response.write(self._newest)
            if loop.time() > look_at:
                look_at = loop.time() + ROLES_SECONDS
                roles = await self._authoriser.roles_of(principal.uid)
                if not OPERATIONS["watch"].permits(roles):
                    await response.write(_as_line(fault(refusal(principal.actor, roles, "watch"))))
                    return

    async def _look(self) -> None:
        """Send snapshots as long as somebody watches."""
        loop = asyncio.get_running_loop()
        last, sent_at = b"", 0.0
        try:
            await loop.run_in_executor(self._pool, self._live.begin)
            while self._count and not self._over:
                began = loop.time()
                essence, line = await loop.run_in_executor(self._pool, self._seen)
                if essence != last or began - sent_at >= BEAT_SECONDS:
                    last, sent_at = essence, began
                    self._publish(line)
                took = loop.time() - began
                await asyncio.sleep(max(LOOK_SECONDS - took, REST * took))
        finally:
            self._looking = None
            with suppress(RuntimeError):  # the pool is closed: the gate ends
                await loop.run_in_executor(self._pool, self._live.end)
            if self._count and not self._over:  # somebody came while it ended
                self._looking = asyncio.ensure_future(self._look())

    def _seen(self) -> tuple[bytes, bytes]:
        """What counts as a change, and the line; on the thread of looks."""
        try:
            snapshot = self._live.look()
        except GateError as error:
            line = _as_line(fault(error))
            return line, line
        except Exception:  # noqa: BLE001 - the boundary of the view: whoever watches is told, the log gets the traceback
            log.exception("look failed")
            line = _as_line(fault(GateError("the gate cannot be looked at; its log has the details")))
            return line, line
        still = [msgspec.structs.replace(call, seconds=0) for call in snapshot.calls]
        return msgspec.json.encode(msgspec.structs.replace(snapshot, at="", calls=still)), _as_line(snapshot)

    def _publish(self, line: bytes) -> None:
        self._newest = line
        self._number += 1
        waiting, self._told = self._told, asyncio.Event()
        waiting.set()

    async def close(self) -> None:
        """The gate stops: every watcher is let go."""
        self._over = True
        self._told.set()
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=5.0)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _as_line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


_SHUTDOWN_SECONDS = 5.0
EACH = 4
"""Operations of one account that run at once, and as many that stream."""


async def serve(
    carry_out: CarryOut,
    config: Config,
    metrics: CollectorRegistry,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
    live: LiveView | None = None,
    refused: Refused | None = None,
    unusual: Unusual | None = None,
    count: Count = lambda _verdict, _reason: None,
) -> None:
    """Answer on the control socket (and on ``control.http`` where set) until ``stop`` is set.

    ``ready`` is called once it answers; ``live`` is what can be watched; ``refused`` keeps note of who asked for
    what is not theirs, ``unusual`` of who looks up many numbers; ``count`` counts what phone systems are answered.
    Raises ``ControlError`` where a socket or port cannot be had. The socket files are removed at the end.
    """
    path = config.control_socket
    workers = Workers("control", threads=8, most=64, each=EACH)
    decisions = Workers("decision", threads=4, most=256)
    servers: list[BoundedServer] = []
    roles = Roles(config)
    authoriser = Authoriser(roles, refused)
    watchers = Watchers(live, authoriser) if live is not None else None
    lookups = Lookups(config.control.lookups_an_hour, unusual)
    listeners: list[tuple[socket.socket, Path, int]] = []
    taking: asyncio.Task[None] | None = None
    try:
        for each in (path, files_socket(path)):
            listener = _claim(each, config.control)
            listeners.append((listener, each, each.stat().st_ino))
        files = Files(listeners[1][0], authoriser.may_hand_over, config.data)
        taking = asyncio.ensure_future(files.run())
        if unknown := await asyncio.to_thread(roles.unknown):
            log.warning("roles_of_nobody", accounts=unknown, hint="this machine does not know them")
        bounds = Bounds("socket", config.control.connections, config.control.connections_each, by_account)
        app = operations_app(carry_out, workers, authoriser, files, lookups, watchers)
        if config.control.http:  # before the socket: who reaches that may ask at either
            servers.append(await endpoint(carry_out, config, metrics, stop, decisions, count, lookups.note))
        servers.append(await BoundedServer.open(app, listeners[0][0], bounds, shutdown_seconds=_SHUTDOWN_SECONDS))
        log.info("control_listening", socket=str(path), http=config.control.http)
        ready()
        await stop.wait()
    finally:
        if watchers is not None:
            await watchers.close()
        for server in servers:
            await server.close()
        if taking is not None:
            taking.cancel()
            await asyncio.wait([taking])
        workers.close()
        decisions.close()
        for listener, each, inode in listeners:
            listener.close()
            _remove(each, inode)


def operations_app(
    carry_out: CarryOut,
    workers: Workers,
    authoriser: Authoriser,
    files: Files,
    lookups: Lookups,
    watchers: Watchers | None = None,
) -> web.Application:
    """The application on the Unix socket: ``POST /v1/op/{name}``."""

    async def operation(asked: web.Request) -> web.StreamResponse:
        try:
            name = asked.match_info["name"]
            request: Any = parsed(name, await body(asked))
            principal = await authoriser.authorise(asked, name)
            if isinstance(request, Watch) and watchers is not None:
                with answering(asked):
                    return await watchers.serve(asked, principal)
            await lookups.note(principal.actor, name, request)
            request, caller = masked_for(principal.roles, request), Caller(principal.actor, roles=principal.roles)
            if largest := OPERATIONS[name].file:
                caller = replace(caller, file=await files.take(request.file, principal.uid, request.path, largest))
            with answering(asked):
                if OPERATIONS[name].streams:
                    return await _stream(asked, carry_out, request, caller, workers)
                return answer(await workers.call(carry_out, request, caller))
        except GateError as error:
            return answer(fault(error), status(error))

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_post("/v1/op/{name}", operation)
    return app


async def _stream(
    asked: web.Request, carry_out: CarryOut, request: Request[Any], caller: Caller, workers: Workers
) -> web.StreamResponse:
    """Progress as lines while the work goes on (the newest only, for a slow reader), then the result or the error.

    Where the reader goes away the work goes on: an import half done would be worse than one nobody watches.
    """
    loop = asyncio.get_running_loop()
    newest: list[tuple[float, str]] = []
    moved = asyncio.Event()

    def keep_newest(fraction: float, text: str) -> None:
        newest[:] = [(fraction, text)]
        moved.set()

    def progress(fraction: float, text: str = "") -> None:
        loop.call_soon_threadsafe(keep_newest, fraction, text)

    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(asked)
    work = asyncio.ensure_future(workers.call(carry_out, request, replace(caller, progress=progress)))
    work.add_done_callback(lambda _: moved.set())
    reading = True
    while True:
        await moved.wait()
        moved.clear()
        if newest and not work.done():
            fraction, text = newest.pop()
            reading = reading and await _line(response, {"progress": fraction, "text": text})
        if work.done():
            break
    try:
        last = {"result": work.result()}
    except GateError as error:
        last = fault(error)
    if reading and await _line(response, last):
        await response.write_eof()
    return response


async def _line(response: web.StreamResponse, value: Any) -> bool:
    try:
        await response.write(msgspec.json.encode(value) + b"\n")
    except ConnectionError:
        return False
    return True


def _claim(path: Path, control: Control) -> socket.socket:
    """Bind the socket; a file that a dead gate left is replaced, a living one's is not."""
    gid = _group(control.group)
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
            if gid is not None:
                _give(path.parent, gid, 0o710)
        if path.is_socket():
            if sockets.answers(path):
                raise ControlError(f"another gate listens at {path}", hint="stop it first, or set control.socket")
            path.unlink()
        listener = sockets.listen(path, 0o660 if control.socket and gid is None else 0o600)
        if gid is not None:
            _give(path, gid, 0o660)
        return listener
    except OSError as error:
        raise ControlError(
            f"cannot listen at {path}: {error.strerror}", hint="check the folder, or set control.socket"
        ) from None


def _group(name: str) -> int | None:
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ControlError(f"there is no group {name!r}", hint="make it (groupadd), or set control.group") from None


def _give(path: Path, gid: int, mode: int) -> None:
    """Give a file to a group; raises ``ControlError`` where this account is not in it."""
    try:
        os.chown(path, -1, gid)
    except PermissionError:
        raise ControlError(
            f"{path} cannot be given to control.group", hint="the gate's own account must be in that group"
        ) from None
    path.chmod(mode)


def _remove(path: Path, inode: int) -> None:
    try:
        if path.stat().st_ino == inode:
            os.unlink(path)  # noqa: PTH108 (one call for a file that may be gone)
    except FileNotFoundError:
        pass
