"""Those who watch: one look at the gate serves them all, and none of them can hold it up.

While somebody watches, the gate is looked at up to five times a second; a snapshot is encoded once, and goes out where
something has changed, or a second has passed. Each watcher is sent the newest one when it has taken the one before: to
a slow reader the ones between never existed, so that nothing waits in memory but what is under way.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from gate.control.authorisation import Authoriser, Principal
from gate.control.faults import fault
from gate.control.roles import refusal
from gate.control.work import Busy, log
from gate.errors import ControlError, GateError
from gate.operations.catalogue import OPERATIONS

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


class Live(Protocol):
    """What can be watched. Every method is called on one thread, which is its own."""

    def begin(self) -> None:
        """Somebody watches now."""
        ...

    def look(self) -> dict[str, Any]:
        """The gate as it is: JSON values, ``at`` and the ``seconds`` of ``calls`` among them. Raises ``GateError``."""
        ...

    def end(self) -> None:
        """Nobody watches any more."""
        ...


class Watchers:
    """The watchers of one gate. Lives on the event loop."""

    def __init__(self, live: Live, authoriser: Authoriser) -> None:
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
                    await response.write(_line(fault(refusal(principal.actor, roles, "watch"))))
                    return

    async def _look(self) -> None:
        """As long as somebody watches."""
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
            line = _line(fault(error))
            return line, line
        except Exception:  # noqa: BLE001 - the boundary of the view: whoever watches is told, the log gets the traceback
            log.exception("look failed")
            line = _line(fault(GateError("the gate cannot be looked at; its log has the details")))
            return line, line
        still = [{**call, "seconds": 0} for call in snapshot["calls"]]
        return msgspec.json.encode({**snapshot, "at": "", "calls": still}), _line(snapshot)

    def _publish(self, line: bytes) -> None:
        self._newest = line
        self._number += 1
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def close(self) -> None:
        """The gate stops: every watcher is let go."""
        self._over = True
        self._told.set()
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=5.0)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"
