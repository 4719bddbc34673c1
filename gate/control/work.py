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


class Workers:
    """Threads for operations; ``most`` of them waiting or running at once."""

    def __init__(self, name: str, threads: int, most: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._busy = 0

    async def call(self, carry_out: CarryOut, request: Request[Any], caller: Caller) -> Any:
        """The response to a request, as JSON values; raises ``GateError`` and nothing else."""
        if self._busy >= self._most:
            raise Busy("the gate is busy", hint="try again in a moment")
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
