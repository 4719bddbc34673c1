"""Operations carried out from asyncio: blocking work on threads, within bounds, and every failure a ``GateError``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from gate.control.messages import CarryOut
from gate.errors import ControlError, GateError
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
