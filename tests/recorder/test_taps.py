"""The ports: real sockets, and the kernel's own stamps and counts."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from gate.recorder.taps import BATCH, Instant, Tap, instant


@pytest.fixture(scope="module", autouse=True)
def stamping() -> Iterator[None]:
    """The kernel begins to stamp a moment after the first socket that asks for it, and stops with the last."""
    first = Tap()
    time.sleep(0.1)
    yield
    first.close()


@pytest.fixture
def out() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        yield made


def tap_of(out: socket.socket) -> Tap:
    """A tap that takes from this socket."""
    tap = Tap()
    tap.take_from(out.getsockname()[1])
    return tap


def test_stamps_are_of_the_arrival_and_not_of_the_reading(out: socket.socket) -> None:
    tap = tap_of(out)
    out.sendto(b"first", ("127.0.0.1", tap.port))
    sent = time.monotonic_ns()
    time.sleep(0.1)
    ((arrival, data, _),) = tap.packets(instant())
    assert data == b"first"
    assert abs(arrival - sent) < 10_000_000
    tap.close()


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_step_of_the_wall_clock_moves_nothing(out: socket.socket, step: int) -> None:
    tap = tap_of(out)
    out.sendto(b"x", ("127.0.0.1", tap.port))
    now = instant()
    ((arrival, _, _),) = tap.packets(Instant(now.monotonic, now.wall + step * 1_000_000_000))
    assert arrival == now.monotonic
    tap.close()


def test_what_came_later_is_left_for_later(out: socket.socket) -> None:
    tap = tap_of(out)
    out.sendto(b"first", ("127.0.0.1", tap.port))
    time.sleep(0.02)
    at = instant()
    time.sleep(0.02)
    for data in (b"second", b"third"):
        out.sendto(data, ("127.0.0.1", tap.port))
    time.sleep(0.02)
    got = [data for _ in range(3) for _, data, _ in tap.packets(at)]
    assert got == [b"first"]
    later = instant()
    taken = [each for _ in range(3) for each in tap.packets(later)]
    assert [data for _, data, _ in taken] == [b"second", b"third"]
    assert all(at.monotonic < arrival < later.monotonic for arrival, _, _ in taken)
    tap.close()


def test_a_backlog_is_taken_in_batches(out: socket.socket) -> None:
    tap = tap_of(out)
    for number in range(200):
        out.sendto(bytes([number]), ("127.0.0.1", tap.port))
    at = instant()
    bursts = []
    got: list[int] = []
    while burst := [data[0] for _, data, _ in tap.packets(at)]:
        bursts.append(len(burst))
        got += burst
    assert got == list(range(200))
    assert bursts == [BATCH, BATCH, BATCH, 200 - 3 * BATCH]
    tap.close()


def test_what_the_kernel_had_no_room_for_is_counted(out: socket.socket) -> None:
    tap = tap_of(out)
    for _ in range(5000):
        out.sendto(bytes(200), ("127.0.0.1", tap.port))
    taken = 0
    while burst := list(tap.packets(instant())):
        taken += len(burst)
    out.sendto(b"one more", ("127.0.0.1", tap.port))
    taken += len(list(tap.packets(instant())))
    assert 100 < taken < 5001
    assert tap.dropped == 5001 - taken
    tap.close()


def test_a_tap_takes_from_its_source_alone_and_from_nobody_before_that_is_known(out: socket.socket) -> None:
    tap = Tap()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger, socket.socket(type=socket.SOCK_DGRAM) as other:
        stranger.sendto(b"forged before", ("127.0.0.1", tap.port))
        out.sendto(b"early", ("127.0.0.1", tap.port))
        assert list(tap.packets(instant())) == []
        tap.take_from(out.getsockname()[1])
        stranger.sendto(b"forged after", ("127.0.0.1", tap.port))
        out.sendto(b"true", ("127.0.0.1", tap.port))
        later = instant()
        assert [data for _ in range(3) for _, data, _ in tap.packets(later)] == [b"early", b"true"]
        with pytest.raises(OSError, match="in use"):
            other.bind(out.getsockname())
    tap.close()


def test_what_waits_of_one_source_is_taken_though_another_follows_it(out: socket.socket) -> None:
    tap = tap_of(out)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as following:
        following.bind(("127.0.0.1", 0))
        out.sendto(b"before", ("127.0.0.1", tap.port))
        tap.take_from(following.getsockname()[1])
        out.sendto(b"late", ("127.0.0.1", tap.port))
        following.sendto(b"after", ("127.0.0.1", tap.port))
        at = instant()
        assert [data for _ in range(3) for _, data, _ in tap.packets(at)] == [b"before", b"after"]
    tap.close()


def test_strangers_who_fill_a_batch_hide_nothing(out: socket.socket) -> None:
    tap = Tap()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(2 * BATCH):
            stranger.sendto(b"forged", ("127.0.0.1", tap.port))
        out.sendto(b"true", ("127.0.0.1", tap.port))
        tap.take_from(out.getsockname()[1])
        assert [data for _, data, _ in tap.packets(instant())] == [b"true"]
    tap.close()


def test_it_listens_on_loopback_alone() -> None:
    tap = Tap()
    assert tap.socket.getsockname() == ("127.0.0.1", tap.port)
    tap.close()
    assert list(tap.packets(instant())) == []
