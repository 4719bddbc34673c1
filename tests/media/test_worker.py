"""The thread between the line and RTPProxy, with a socket that a test answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sippy.Core.EventDispatcher import ED2

from gate.media.worker import Worker
from gate.sip.sippy_adapter.event_loop import adopt_loop


@pytest.fixture
def ends() -> Iterator[tuple[SimpleNamespace, socket.socket, Worker]]:
    adopt_loop()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    client = SimpleNamespace(address=ours, wi=None)
    worker = Worker(client)
    with ours, theirs:
        yield client, theirs, worker
        client.wi.put(None)
        theirs.close()
        worker.join(5)
        assert not worker.is_alive()


def until(condition: object, told: list[object], count: int) -> None:
    for _ in range(100):
        if len(told) >= count:
            return
        ED2.elp.procrastinate()
    raise AssertionError(f"{condition}: {told}")


def test_answers_come_in_order_on_the_loops_thread(ends: tuple[SimpleNamespace, socket.socket, Worker]) -> None:
    client, theirs, _ = ends
    told: list[object] = []
    for number in range(3):
        client.wi.put(
            (f"Q {number}\n", lambda answer, *more: told.append((answer, *more, threading.get_ident())), (number,))
        )
    client.wi.put(("D 9\n", None, ()))
    for number in range(3):
        assert theirs.recv(100) == f"Q {number}\n".encode()
        theirs.send(f" {number}0 \n".encode())
    assert theirs.recv(100) == b"D 9\n"
    theirs.send(b"0\n")
    until("answers", told, 3)
    me = threading.get_ident()
    assert told == [("00", 0, me), ("10", 1, me), ("20", 2, me)]


def test_a_proxy_that_is_gone_is_an_answer_of_none(ends: tuple[SimpleNamespace, socket.socket, Worker]) -> None:
    client, theirs, _ = ends
    theirs.close()
    told: list[object] = []
    for _ in range(2):
        client.wi.put(("Q\n", told.append, ()))
    until("answers", told, 2)
    assert told == [None, None]
