"""sippy's cheaper ways give what its own give."""

from __future__ import annotations

import time

import pytest
from sippy import SipTransactionManager, SipURL
from sippy.Core.EventDispatcher import EventListener
from sippy.Time import MonoTime as mono_time
from sippy.Time.clock_dtime import CLOCK_MONOTONIC, CLOCK_REALTIME, clock_getdtime

from gate.sip.sippy_adapter.speedups import apply_speedups


@pytest.fixture(autouse=True)
def sped_up() -> None:
    apply_speedups()
    apply_speedups()


@pytest.mark.parametrize("clock", [CLOCK_MONOTONIC, CLOCK_REALTIME])
def test_the_clock_is_the_one_that_sippy_reads(clock: int) -> None:
    before = clock_getdtime(clock)
    now = vars(mono_time)["clock_getdtime"](clock)
    assert before <= now <= clock_getdtime(clock)


def test_times_still_go_forward() -> None:
    assert vars(mono_time)["clock_getdtime"] is not clock_getdtime
    first = mono_time.MonoTime()
    time.sleep(0.01)
    second = mono_time.MonoTime()
    assert 0.009 < second - first < 1.0
    assert abs(second.realt - time.time()) < 1.0


def test_timers_stand_in_order() -> None:
    timers = []
    for seconds in (3.0, 1.0, 2.0):
        timer = EventListener()
        timer.etime = mono_time.MonoTime(monot=seconds)
        timers.append(timer)
    assert [timer.etime.monot for timer in sorted(timers)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("user", ["+442079460123", "alice", "a b", "é", "100%", "x;y=z", 'q"<>', "\u2028", ""])
def test_users_are_quoted_as_before(user: str) -> None:
    quote = vars(SipURL)["quote"]
    assert quote(user, SipURL.USERNAME_SAFE) == quote.__wrapped__(user, SipURL.USERNAME_SAFE)
    assert str(SipURL.SipURL(username=user, host="127.0.0.1")) == f"sip:{quote(user, SipURL.USERNAME_SAFE)}@127.0.0.1"


def test_what_is_remembered_is_bounded() -> None:
    quote = vars(SipURL)["quote"]
    for number in range(6000):
        quote(str(number))
    assert quote.cache_info().currsize <= 4096


@pytest.mark.parametrize(
    ("address", "private"),
    [("10.1.2.3", True), ("192.168.0.1", True), ("172.31.0.1", True), ("172.32.0.1", False), ("192.0.2.1", False),
     ("[::1]", False), ("pbx.example", False), ("", False)],
)  # fmt: skip
def test_private_addresses_are_known_as_before(address: str, private: bool) -> None:
    check = vars(SipTransactionManager)["check1918"]
    assert check(address) is check.__wrapped__(address) is private
