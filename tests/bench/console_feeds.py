"""What a console is put under: decisions at a running gate, and a stream of snapshots faster than any gate's own."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

ASKERS = 4
CALLS = 30


@contextmanager
def decisions(socket: Path, rate: float) -> Iterator[Synchronized[int]]:
    """So many decisions a second at the gate, from a process of its own; yields how many were made."""
    spawn = multiprocessing.get_context("spawn")
    made, over = spawn.Value("q", 0), spawn.Event()
    process = spawn.Process(target=_decide, args=(socket, rate, made, over), daemon=True)
    process.start()
    while made.value == 0 and process.is_alive():
        time.sleep(0.05)
    assert process.is_alive(), "no decision was made"
    try:
        yield made
    finally:
        over.set()
        process.join(20)


def _decide(socket: Path, rate: float, made: Synchronized[int], over: Any) -> None:
    from gate.control.client import ControlClient

    numbers = ("020 7946 0101", "020 7946 0123", "0161 496 0102", "020 7946 0877")

    def ask(place: int) -> None:
        client, due = ControlClient(socket), time.monotonic() + place / rate
        while not over.is_set():
            client.call("decide", number=numbers[place % len(numbers)])
            with made.get_lock():
                made.value += 1
            due = max(due + ASKERS / rate, time.monotonic() - 1.0)  # what the machine held up is made up for
            time.sleep(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def snapshots(socket: Path, rate: float) -> Iterator[Synchronized[int]]:
    """A control socket that tells of calls in hand so many times a second, and answers nothing else; yields how many
    were told. From a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    told, over = spawn.Value("q", 0), spawn.Event()
    process = spawn.Process(target=_serve, args=(socket, rate, told, over), daemon=True)
    process.start()
    try:
        yield told
    finally:
        over.set()
        process.join(20)


def _serve(socket: Path, rate: float, told: Synchronized[int], over: Any) -> None:
    asyncio.run(_answering(socket, rate, told, over))


async def _answering(socket: Path, rate: float, told: Synchronized[int], over: Any) -> None:
    from aiohttp import web

    from gate.operations.catalogue import OPERATIONS

    async def operation(asked: web.Request) -> web.StreamResponse:
        if asked.match_info["name"] == "session":
            session = {"actor": "bench", "role": "admin", "roles": ["admin"], "can": [*OPERATIONS]}
            return web.json_response(session)
        if asked.match_info["name"] != "watch":
            return web.json_response({"error": "ControlError", "message": "a stream and no more"}, status=503)
        response, due, number = web.StreamResponse(), time.monotonic(), 0
        await response.prepare(asked)
        with suppress(ConnectionError):  # whoever listened has gone
            while not over.is_set():
                await response.write(json.dumps(_snapshot(number)).encode() + b"\n")
                told.value += 1
                number, due = number + 1, due + 1 / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        return response

    assert {"session", "watch"} <= OPERATIONS.keys()
    app = web.Application()
    app.router.add_post("/v1/op/{name}", operation)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    await asyncio.to_thread(over.wait)
    await runner.cleanup()


def _snapshot(number: int) -> dict[str, Any]:
    """Calls whose levels, states and lengths are others each time, and an hour that grows."""
    now = datetime.now(UTC)
    calls = [
        {
            "call_id": f"{place:032x}",
            "at": (now - timedelta(seconds=number / 200)).isoformat(),
            "from": f"account:{('alice', 'bob', 'carol')[place % 3]}",
            "to": f"+44 2079 *** *{place:02}",
            "purpose": "marketing",
            "topic": "general",
            "state": "talking" if (number + place) % 400 else "announcing",
            "announcement": "played",
            "recorded": True,
            "paused": False,
            "paused_by": "",
            "levels": {"caller": (number * 7 + place * 13) % 128, "callee": (number * 11 + place * 17) % 128},
            "seconds": number / 200,
        }
        for place in range(CALLS)
    ]
    minutes = [
        {"at": (now - timedelta(minutes=60 - each)).isoformat(), "allow": 3000 + number + each, "block": 9000 + number}
        for each in range(60)
    ]
    return {
        "at": now.isoformat(),
        "calls": calls,
        "counts": {"not_listed": 40_000 + number, "listed_tps": 9_000 + number, "objected": number},
        "minutes": minutes,
        "registers": [],
        "warnings": [],
        "not_ready": [],
        "trunks": [],
        "log": {"size": number, "verified_at": None, "verified_ok": None, "checkpoint_at": None},
        "trunk_up": True,
        "recorder_up": True,
    }
