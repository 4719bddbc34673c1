"""The packet filter in front of a port, with real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from gate.errors import MediaError
from gate.media import packet_filter as kernel
from gate.media.packet_filter import PacketFilter, next_numbers


def bound(host: str, port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, port))
    made.settimeout(0.3)
    return made


def heard(own: socket.socket) -> list[bytes]:
    own.setblocking(False)
    found = []
    try:
        while True:
            found.append(own.recv(100))
    except BlockingIOError:
        return found


def neighbours(host: str) -> tuple[socket.socket, socket.socket]:
    while True:
        first = bound(host)
        try:
            return first, bound(host, first.getsockname()[1] + 1)
        except OSError:
            first.close()


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[str, socket.socket, socket.socket]]:
    """An RTP port and the RTCP port above it."""
    first, second = neighbours(request.param)
    with first, second:
        yield request.param, first, second


def test_nothing_passes_at_first_and_then_the_named_ports_of_the_named_address(
    pair: tuple[str, socket.socket, socket.socket],
) -> None:
    host, rtp, rtcp = pair
    packet_filter = PacketFilter(host, rtp.getsockname()[1])
    packet_filter.shut()
    with bound(host) as friend, bound(host) as other:
        for sender in (friend, other):
            sender.sendto(b"early", rtp.getsockname())
            sender.sendto(b"early", rtcp.getsockname())
        assert heard(rtp) == heard(rtcp) == []
        assert packet_filter.refused() == 2
        packet_filter.only(host, 9, friend.getsockname()[1])
        other.sendto(b"stranger", rtp.getsockname())
        friend.sendto(b"friend", rtp.getsockname())
        friend.sendto(b"not from the port above", rtcp.getsockname())
        assert (heard(rtp), heard(rtcp)) == ([b"friend"], [])
        assert packet_filter.refused() == 3
        packet_filter.only(host)
        for sender in (friend, other):
            sender.sendto(b"of this address", rtp.getsockname())
        assert len(heard(rtp)) == 2
        packet_filter.only("192.0.2.1" if "." in host else "2001:db8::1")
        friend.sendto(b"of another", rtp.getsockname())
        packet_filter.shut()
        friend.sendto(b"of nobody", rtp.getsockname())
        assert heard(rtp) == []
        assert packet_filter.refused() == 5


def test_a_count_of_drops_is_that_ports_own_and_one_that_stands_costs_one_question(
    pair: tuple[str, socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, rtp, _ = pair
    packet_filter = PacketFilter(host, rtp.getsockname()[1])
    packet_filter.shut()
    with bound(host) as stranger, bound(host) as other:
        for _ in range(2):
            stranger.sendto(b"no", rtp.getsockname())
        assert packet_filter.refused() == 2
        looked = []
        with monkeypatch.context() as patched:
            patched.setattr(kernel, "_is_bound", lambda *_: looked.append(True))
            assert packet_filter.refused() == 2
        assert not looked
        stranger.sendto(b"no", rtp.getsockname())
        assert packet_filter.refused() == 3
        os.dup2(other.fileno(), rtp.fileno())  # the number is another socket's now
        assert packet_filter.refused() == 0


def test_several_addresses_are_let_in_and_no_other(pair: tuple[str, socket.socket, socket.socket]) -> None:
    host, rtp, rtcp = pair
    packet_filter = PacketFilter(host, rtp.getsockname()[1])
    elsewhere = ("192.0.2.1", "198.51.100.1") if "." in host else ("2001:db8::1", "::2")
    with bound(host) as friend:
        for place in range(3):
            first, *others = (*elsewhere[:place], host, *elsewhere[place:])
            packet_filter.only(first, also=tuple(others))
            friend.sendto(b"friend", rtp.getsockname())
            friend.sendto(b"its RTCP", rtcp.getsockname())
            assert (heard(rtp), heard(rtcp)) == ([b"friend"], [b"its RTCP"])
            for port, comes in ((friend.getsockname()[1], [b"by port"]), (9, [])):
                packet_filter.only(first, 9 + 1, port, also=tuple(others))
                friend.sendto(b"by port", rtp.getsockname())
                friend.sendto(b"not from the port above", rtcp.getsockname())
                assert (heard(rtp), heard(rtcp)) == (comes, [])
        packet_filter.only(elsewhere[0], also=elsewhere[1:])
        friend.sendto(b"stranger", rtp.getsockname())
        assert heard(rtp) == []
    if host == "127.0.0.1":
        packet_filter.only(host, also=("127.0.0.9",))
        for own, comes in (("127.0.0.8", []), ("127.0.0.9", [b"x"])):
            with bound(own) as sender:
                sender.sendto(b"x", rtp.getsockname())
                assert heard(rtp) == comes


def test_what_came_before_it_is_dropped(pair: tuple[str, socket.socket, socket.socket]) -> None:
    host, rtp, rtcp = pair
    packet_filter = PacketFilter(host, rtp.getsockname()[1])
    with bound(host) as sender:
        for _ in range(3):
            sender.sendto(b"early", rtp.getsockname())
            sender.sendto(b"early", rtcp.getsockname())
        packet_filter.shut()
        packet_filter.drain()
        packet_filter.only(host)
        sender.sendto(b"expected", rtp.getsockname())
        assert (heard(rtp), heard(rtcp)) == ([b"expected"], [])


def test_sockets_are_found_among_many_that_have_filters_whichever_numbers_they_got() -> None:
    """Several calls make theirs at once, and others have closed some of theirs meanwhile."""
    made: list[socket.socket] = []
    try:
        likely = next_numbers()
        for _ in range(100):
            made += neighbours("127.0.0.1")
        filters = [PacketFilter("127.0.0.1", each.getsockname()[1], likely) for each in made[::2]]
        assert [packet_filter.refused() for packet_filter in filters] == [0] * 100
        for each in made[20:24]:  # closed, and not yet released
            each.close()
        made[20:24] = []
        again, above = neighbours("127.0.0.1")
        made += [again, above]
        PacketFilter("127.0.0.1", again.getsockname()[1], likely).shut()
        made[0].sendto(b"stranger", again.getsockname())
        assert heard(again) == []
    finally:
        for each in made:
            each.close()
        for packet_filter in filters:
            packet_filter.release()


def test_a_tcp_socket_of_the_same_name_is_not_taken_for_it(pair: tuple[str, socket.socket, socket.socket]) -> None:
    host, rtp, _ = pair
    with socket.socket(rtp.family, socket.SOCK_STREAM) as taken, bound(host) as other:
        taken.bind(rtp.getsockname()[:2])
        PacketFilter(host, rtp.getsockname()[1]).shut()
        other.sendto(b"stranger", rtp.getsockname())
        assert heard(rtp) == []


def test_an_address_differs_by_any_of_its_bits() -> None:
    with bound("127.0.0.1") as rtp, bound("127.0.0.3") as sender:
        try:
            rtcp = bound("127.0.0.1", rtp.getsockname()[1] + 1)
        except OSError:
            pytest.skip("the port above is somebody else's")
        with rtcp:
            packet_filter = PacketFilter(
                "127.0.0.1", rtp.getsockname()[1], [number + 1000 for number in next_numbers()]
            )
            for near in ("127.0.0.2", "127.0.1.3", "127.1.0.3", "126.0.0.3", "127.0.0.131"):
                packet_filter.only(near)
                sender.sendto(near.encode(), rtp.getsockname())
            assert heard(rtp) == []
            packet_filter.only("127.0.0.3")
            sender.sendto(b"it", rtp.getsockname())
            assert heard(rtp) == [b"it"]


def test_a_socket_that_is_not_here_is_told(pair: tuple[str, socket.socket, socket.socket]) -> None:
    host, rtp, rtcp = pair
    port = rtp.getsockname()[1]
    packet_filter = PacketFilter(host, port)
    rtp.close()
    rtcp.close()
    assert packet_filter.refused() == 0
    with pytest.raises(MediaError):
        packet_filter.only(host)
    with pytest.raises(MediaError, match="not in this process"):
        PacketFilter(host, port)


def test_a_stand_in_gets_what_comes_from_the_address_until_it_is_closed(
    pair: tuple[str, socket.socket, socket.socket],
) -> None:
    host, rtp, _ = pair
    packet_filter = PacketFilter(host, rtp.getsockname()[1])
    with bound(host) as friend, bound(host) as other:
        packet_filter.only(host, friend.getsockname()[1])
        with packet_filter.stand_in(host) as stand_in:
            for sender in (friend, other):
                sender.sendto(b"meanwhile", rtp.getsockname())
            assert (heard(rtp), heard(stand_in)) == ([], [b"meanwhile"] * 2)
            with pytest.raises(OSError, match="in use"), bound(*rtp.getsockname()[:2]):
                pass
        for sender in (friend, other):
            sender.sendto(b"later", rtp.getsockname())
        assert heard(rtp) == [b"later"]
        with packet_filter.stand_in("192.0.2.1" if "." in host else "2001:db8::1") as stand_in:
            friend.sendto(b"of another", rtp.getsockname())
            assert (heard(rtp), heard(stand_in)) == ([], [])
