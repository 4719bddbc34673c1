"""What of a flood reaches the line thread."""

from __future__ import annotations

import pytest

from gate.sip.sides import networks
from gate.sip.sieve import ADDRESS, KNOWN, MAX_KEPT, PROVEN, STRANGER, STRANGERS, Sieve


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sieve(clock):
    return Sieve(clock)


def passed(sieve: Sieve, source: tuple[str, int], tries: int = 5000) -> int:
    return sum(sieve.lets(source) for _ in range(tries))


def test_pbxs_and_carriers_pass(sieve):
    sieve.trust(networks(("192.0.2.0/24", "2001:db8::/32")))
    sieve.know(frozenset({"198.51.100.1"}), set(), set())
    for host in ("192.0.2.77", "198.51.100.1", "[2001:db8::7]"):
        assert passed(sieve, (host, 5060)) == 5000
    for host in ("192.0.3.1", "198.51.100.2", "[2001:db9::7]"):
        assert passed(sieve, (host, 5060)) == ADDRESS.burst
    assert sieve.dropped == 3 * (5000 - ADDRESS.burst)


def test_an_address_a_host_and_all_strangers_have_their_rates(sieve, clock):
    assert passed(sieve, ("10.0.0.1", 1)) == ADDRESS.burst
    assert sum(sieve.lets(("10.0.0.1", port)) for port in range(2, 2000)) == STRANGER.burst - ADDRESS.burst
    rest = sum(sieve.lets((f"10.1.{n >> 8}.{n & 255}", 1)) for n in range(5000))
    assert rest == STRANGERS.burst - STRANGER.burst
    clock.now += 1
    assert sum(sieve.lets((f"10.2.{n >> 8}.{n & 255}", 1)) for n in range(5000)) == STRANGERS.per_second


def test_a_flood_from_its_own_address_or_from_everywhere_takes_nothing_from_a_proven_phone(sieve):
    sieve.learn(("10.0.0.1", 5060))
    assert sum(sieve.lets(("10.0.0.1", port)) for port in range(6000, 9000)) == KNOWN.burst
    assert not any(sieve.lets(("10.0.0.1", port)) for port in range(9000, 9100))
    for n in range(3000):
        sieve.lets((f"10.1.{n >> 8}.{n & 255}", 1))
    assert passed(sieve, ("10.0.0.1", 5060)) == PROVEN.burst


def test_a_phone_behind_the_same_address_as_one_flooding_socket_is_heard(sieve, clock):
    for _ in range(60):
        passed(sieve, ("10.0.0.1", 40000), 2000)
        clock.now += 1
        assert sieve.lets(("10.0.0.1", 5060))


def test_a_long_datagram_counts_as_several(sieve):
    assert sum(sieve.lets(("10.0.0.1", 1), 16384) for _ in range(1000)) == ADDRESS.burst // 9
    sieve.learn(("10.0.0.2", 1))
    assert sum(sieve.lets(("10.0.0.2", 1), 16384) for _ in range(1000)) == PROVEN.burst


def test_what_is_kept_is_bounded(sieve, clock):
    for n in range(3 * MAX_KEPT):
        clock.now += 0.01
        sieve.lets((f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}", 1))
        assert len(sieve._held) <= MAX_KEPT + 2
