"""A control server of one's own, in a thread: for tests that speak to it as another process would."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from gate.config import Config
from gate.control.messages import CarryOut
from gate.control.server import serve
from tests.support.waiting import PATIENCE


@contextmanager
def serving(
    carry_out: CarryOut, config: Config, metrics: CollectorRegistry | None = None, **more: Any
) -> Iterator[asyncio.Event]:
    """``serve`` until the block ends; yields its ``stop`` (set it with the loop's ``call_soon_threadsafe``)."""
    # Logs go to the real standard error: a command that runs in this process has its own standard output.
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.__stderr__))
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            loop.run_until_complete(serve(carry_out, config, metrics or CollectorRegistry(), stop, **more))
        except BaseException as error:  # noqa: BLE001 - told to the test's thread
            failed.append(error)

    thread = threading.Thread(target=run, name="control", daemon=True)
    thread.start()
    try:
        _wait(config, thread)
        if failed:
            raise failed[0]
        yield stop
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
            thread.join(PATIENCE)
        assert not thread.is_alive()
        loop.close()


def _wait(config: Config, thread: threading.Thread) -> None:
    from gate.control import sockets

    for _ in range(500):
        listening = sockets.answers(config.control_socket)
        if listening and (not config.control.http or _open(config.control.http)):
            return
        if not thread.is_alive():
            return
        thread.join(0.02)
    raise AssertionError("the control server did not start")


def _open(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def free_port() -> int:
    """A TCP port on loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
