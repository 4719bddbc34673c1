"""Open files handed to the gate: a second Unix socket, for HTTP cannot carry a descriptor.

    client ──connect, one byte and the descriptor (SCM_RIGHTS)──▶ CONTROL.files
           ◀──{"ticket": "…"} or {"error": …}──
           ──POST /v1/op/register_import {"path": "tps.txt", "file": ticket}──▶ CONTROL

The gate reads what the caller could open, and opens nothing itself. A ticket is good once, for the account that handed
the file over (the kernel names it at both ends), for as long as the connection that brought it stays open, and for
``SECONDS`` at most. ``EACH`` and ``ALL`` bound how many wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from gate.control import sockets
from gate.control.sockets import fault, revived
from gate.control.work import peer_of
from gate.errors import ControlError, GateError, UsageError
from gate.handed_over_file import HandedOverFile, let_go, refusal

SECONDS: Final = 30.0
"""How long a file waits to be asked for."""
HAND_SECONDS: Final = 5.0
"""How long the descriptor may take from the connection on."""
EACH: Final = 8
"""Files of one account that wait at once, connections that bring them included."""
ALL: Final = 64
_MOST: Final = 16
"""Descriptors looked for in one message: more than one is a mistake, and every one of them is closed."""


def files_socket(control: Path) -> Path:
    """Where the gate with this control socket takes files."""
    return control.with_name(f"{control.name}.files")


# --- the gate's side ----------------------------------------------------------------------------------------------


class Files:
    """The files that wait. Lives on the event loop."""

    def __init__(self, listener: socket.socket, may: Callable[[int], Awaitable[bool]], data: Path) -> None:
        """``may(uid)``: may this account hand files over. ``data``: the data folder, whose files are not taken."""
        listener.listen(ALL)
        self._listener = listener
        self._may = may
        self._data = data
        self._waiting: dict[str, tuple[int, int]] = {}
        """Ticket -> account, descriptor."""
        self._tasks: dict[asyncio.Task[None], int] = {}
        """Connections, each with its account."""

    async def run(self) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self._listener)
                except OSError:  # no descriptor is left, or the caller has gone: the next one may have more luck
                    await asyncio.sleep(0.1)
                    continue
                self._begin(connection)
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take(self, ticket: str, uid: int, said: str, largest: int) -> HandedOverFile:
        """The file of a ticket, called as its bringer calls it. Raises ``UsageError``."""
        account, descriptor = self._waiting.get(ticket, (-1, -1))
        if account != uid:
            raise UsageError(
                "the file was not handed over: the gate opens no path that it is told",
                hint="dialgate opens it and hands it over; other clients: see gate/control/files.py",
            )
        del self._waiting[ticket]
        return await asyncio.to_thread(HandedOverFile, descriptor, said, largest)

    def _begin(self, connection: socket.socket) -> None:
        try:
            uid = peer_of(connection)
        except OSError:
            connection.close()
            return
        held = list(self._tasks.values())
        full = len(held) >= ALL or held.count(uid) >= EACH
        if full:
            with contextlib.suppress(OSError):
                connection.send(_line(fault(ControlError("too many files wait already", hint="try again in a moment"))))
            connection.close()
            return
        task = asyncio.ensure_future(self._serve(connection, uid))
        self._tasks[task] = uid
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, connection: socket.socket, uid: int) -> None:
        """One file: taken, and kept until it is asked for, its bringer goes, or its time is over."""
        ticket = ""
        try:
            async with asyncio.timeout(HAND_SECONDS):
                await _readable(connection)
            descriptor = _received(connection)
            if why := await asyncio.to_thread(refusal, descriptor, self._data):
                let_go(descriptor, why)
                raise UsageError(f"the file {why}", hint="hand over a copy of it that lies on a disk of this machine")
            ticket = secrets.token_hex(16)
            self._waiting[ticket] = (uid, descriptor)
            if not await self._may(uid):  # nothing is kept, and whoever asks without it is refused in the usual way
                connection.send(_line({"ticket": ""}))
                return
            connection.send(_line({"ticket": ticket}))
            async with asyncio.timeout(SECONDS):
                await _readable(connection)  # nothing more is said: its end has come
        except GateError as error:
            with contextlib.suppress(OSError):
                connection.send(_line(fault(error)))
        except (OSError, TimeoutError):
            pass
        finally:
            if (left := self._waiting.pop(ticket, None)) is not None:
                let_go(left[1], "")
            connection.close()


async def _readable(connection: socket.socket) -> None:
    """Until something, or its end, has come."""
    loop, come = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, come.set)
    try:
        await come.wait()
    finally:
        loop.remove_reader(connection)


def _received(connection: socket.socket) -> int:
    """The one descriptor that a connection brought. Raises ``UsageError``; then none stays open."""
    _, descriptors, flags, _ = socket.recv_fds(connection, 64, _MOST, socket.MSG_CMSG_CLOEXEC)
    if len(descriptors) == 1 and not flags & socket.MSG_CTRUNC:
        return descriptors[0]
    for each in descriptors:
        let_go(each, refusal(each))
    raise UsageError(f"{len(descriptors)} open files were handed over, and one is taken", hint="hand over one")


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


# --- the caller's side --------------------------------------------------------------------------------------------


@contextmanager
def handed(control: Path, given: HandedOverFile, timeout: float) -> Iterator[str]:
    """The ticket of a file handed to the gate at ``control``, good within the block. Raises what the gate raised, and
    ``ControlError`` where it takes no files."""
    path = files_socket(control)
    try:
        with contextlib.closing(sockets.connect(path, timeout)) as connection:
            with contextlib.suppress(BrokenPipeError):  # refused before the file came: why has been said
                socket.send_fds(connection, [b"\n"], [given.fileno()])
            answer = _whole_answer(connection)
            if "ticket" not in answer:
                raise revived(answer)
            yield str(answer["ticket"])
    except OSError as error:
        raise ControlError(
            f"the file cannot be handed to the gate at {path}: {error.strerror or type(error).__name__}",
            hint="is it running, and of this version? dialgate serve",
        ) from None


def _whole_answer(connection: socket.socket) -> dict[str, Any]:
    raw = b""
    while not raw.endswith(b"\n") and (piece := connection.recv(65536)):
        raw += piece
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        value = None
    return value if isinstance(value, dict) else {}
