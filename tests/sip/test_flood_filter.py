"""What of a flood reaches the line thread."""

from __future__ import annotations

import pytest

from gate.sip.flood_filter import (
    ADDRESS,
    CONNECTS_FIRST_COMERS,
    FIRST,
    FIRST_COMERS,
    KNOWN,
    MAX_KEPT,
    PROVEN,
    STRANGER,
    STRANGERS,
    FloodFilter,
)
from gate.sip.peers import networks
from gate.sip.rate_limit import Rate
from tests.support.clocks import Clock

ALL = Rate(STRANGERS.burst + FIRST_COMERS.burst, STRANGERS.per_second + FIRST_COMERS.per_second)
"""Of all strangers, those that come just now among them."""


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def flood_filter(clock):
    return FloodFilter(clock)


def passed(flood_filter: FloodFilter, source: tuple[str, int], tries: int = 5000) -> int:
    return sum(flood_filter.lets(source) for _ in range(tries))


def test_pbxs_and_carriers_pass(flood_filter):
    flood_filter.trust(networks(("192.0.2.0/24", "2001:db8::/32")))
    flood_filter.know(frozenset({"198.51.100.1"}), set(), set())
    for host in ("192.0.2.77", "198.51.100.1", "[2001:db8::7]"):
        assert passed(flood_filter, (host, 5060)) == 5000
    for host in ("192.0.3.1", "198.51.100.2", "[2001:db9::7]"):
        assert passed(flood_filter, (host, 5060)) == ADDRESS.burst
    assert flood_filter.dropped == 3 * (5000 - ADDRESS.burst)


def test_an_address_a_host_and_all_strangers_have_their_rates(flood_filter, clock):
    assert passed(flood_filter, ("10.0.0.1", 1)) == ADDRESS.burst
    assert sum(flood_filter.lets(("10.0.0.1", port)) for port in range(2, 2000)) == STRANGER.burst - ADDRESS.burst
    rest = sum(flood_filter.lets((f"10.1.{n >> 8}.{n & 255}", 1)) for n in range(5000))
    assert rest == ALL.burst - STRANGER.burst
    clock.now += 1
    assert sum(flood_filter.lets((f"10.2.{n >> 8}.{n & 255}", 1)) for n in range(5000)) == ALL.per_second


def test_a_flood_from_its_own_address_or_from_everywhere_takes_nothing_from_a_proven_phone(flood_filter):
    flood_filter.learn(("10.0.0.1", 5060))
    assert sum(flood_filter.lets(("10.0.0.1", port)) for port in range(6000, 9000)) == KNOWN.burst
    assert not any(flood_filter.lets(("10.0.0.1", port)) for port in range(9000, 9100))
    for n in range(3000):
        flood_filter.lets((f"10.1.{n >> 8}.{n & 255}", 1))
    assert passed(flood_filter, ("10.0.0.1", 5060)) == PROVEN.burst


def test_a_phone_behind_the_same_address_as_one_flooding_socket_is_heard(flood_filter, clock):
    for _ in range(60):
        passed(flood_filter, ("10.0.0.1", 40000), 2000)
        clock.now += 1
        assert flood_filter.lets(("10.0.0.1", 5060))


def test_a_host_that_comes_just_now_is_heard_beside_a_flood_of_others(flood_filter, clock):
    """Twenty thousand a second from two thousand hosts; a phone that nobody knows asks, asks again, and answers."""
    for tenth in range(300):
        for n in range(2000):
            flood_filter.lets((f"10.1.{n >> 8}.{n & 255}", 1))
        clock.now += 0.1
        if tenth >= 100 and tenth % 10 < FIRST:
            assert flood_filter.lets((f"192.0.2.{tenth // 10}", 5060), 1200)


def test_a_host_that_comes_just_now_may_connect_beside_others_that_always_do(flood_filter, clock):
    for second in range(60):
        for n in range(1000):
            flood_filter.connects(f"10.1.{n >> 8}.{n & 255}")
        clock.now += 1
        if second >= 10:
            assert flood_filter.connects(f"192.0.2.{second}")
    assert sum(flood_filter.connects(f"198.51.100.{n}") for n in range(250)) >= CONNECTS_FIRST_COMERS.per_second


def test_hosts_that_are_remembered_are_bounded_and_come_anew_after_a_while(flood_filter, clock):
    for n in range(5 * MAX_KEPT):
        flood_filter.lets((f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}", 1))
        assert len(flood_filter._first) <= 2 * MAX_KEPT
    for _ in range(200):
        for n in range(2000):
            flood_filter.lets((f"10.1.{n >> 8}.{n & 255}", 1))
        clock.now += 1
    assert flood_filter.lets(("10.9.9.9", 1)), "long silent"


def test_a_long_datagram_counts_as_several(flood_filter):
    assert sum(flood_filter.lets(("10.0.0.1", 1), 16384) for _ in range(1000)) == ADDRESS.burst // 9
    flood_filter.learn(("10.0.0.2", 1))
    assert sum(flood_filter.lets(("10.0.0.2", 1), 16384) for _ in range(1000)) == PROVEN.burst


def test_what_is_kept_is_bounded(flood_filter, clock):
    for n in range(3 * MAX_KEPT):
        clock.now += 0.01
        flood_filter.lets((f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}", 1))
        assert len(flood_filter._held) <= MAX_KEPT + 2
