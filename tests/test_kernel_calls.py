"""System calls that keep the interpreter's lock do and raise what Python's own do."""

from __future__ import annotations

import socket

import pytest

from gate.kernel_calls import random_hex, send, send_to


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_datagram_reaches_a_literal_address(family: int, host: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as near, socket.socket(family, socket.SOCK_DGRAM) as far:
        far.bind((host, 0))
        far.settimeout(5)
        assert send_to(near, b"hello\0", host, far.getsockname()[1]) == 6
        data, source = far.recvfrom(100)
        assert (data, source[1]) == (b"hello\0", near.getsockname()[1])


def test_what_cannot_be_sent_raises_what_python_raises() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        with pytest.raises(OSError, match="Message too long"):
            send_to(near, bytes(70_000), "127.0.0.1", 9)
        with pytest.raises(OverflowError):
            send_to(near, b"x", "127.0.0.1", 65_536)
        with pytest.raises(OSError):
            send_to(near, b"x", "::1", 9)


def test_a_full_socket_and_a_gone_peer_are_told_apart() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near:
        with far, pytest.raises(BlockingIOError):
            for _ in range(10_000):
                assert send(near.fileno(), b"x") == 1
        with pytest.raises(ConnectionError):
            send(near.fileno(), b"x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        send(near.fileno(), b"x")


def test_random_names_are_long_and_all_different() -> None:
    drawn = {random_hex(16) for _ in range(1000)}
    assert {len(each) for each in drawn} == {32}
    assert len(drawn) == 1000
