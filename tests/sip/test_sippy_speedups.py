"""sippy's cheaper ways give what its own give."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sippy import SipHeader, SipTransactionManager, SipURL
from sippy.Core.EventDispatcher import EventDispatcher2, EventListener
from sippy.ESipHeaderCSV import ESipHeaderCSV
from sippy.SipMsg import SipMsg
from sippy.Time import MonoTime as mono_time
from sippy.Time.clock_dtime import CLOCK_MONOTONIC, CLOCK_REALTIME, clock_getdtime
from sippy.Time.Timeout import Timeout, TimeoutAbsMono

from gate.sip.sippy_adapter.classes import apply_speedups
from gate.sip.sippy_adapter.event_loop import adopt_loop
from tests.support.untouched import untouched

BEFORE = {
    f"{module}.{name}": getattr(getattr(untouched(module), module), name)
    for module, name in (
        *(("SipURL", "localStr"), ("SipURL", "getCopy"), ("SipHeader", "__init__")),
        *(("SipMsg", "getHFBody"), ("SipMsg", "countHFs")),
    )
}
"""sippy's own ways."""


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


URIS = [
    "sip:alice@example.com", "sip:example.com", "sip:example.com:5070", "sip:[2001:db8::10]:5070", "sips:a@b.example",
    "sip:alice@atlanta.com;ttl=15;maddr=239.255.255.1", "sip:alice:secretword@atlanta.com;transport=tcp",
    "sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", "sip:alice;day=tuesday@atlanta.com",
    "sip:user@example.net;tag=9817--94", "sip:1234#5@a.example", "sip:a@b;lr;ob", "sip:caf%C3%A9@a.example",
]  # fmt: skip
HERE = (("192.0.2.9", 5060), "udp"), (("192.0.2.9", 5070), "tls"), (("[2001:db8::1]", 5060), "tcp")


@pytest.mark.parametrize("uri", [*URIS, ""])
@pytest.mark.parametrize("here", [None, *HERE])
def test_uris_are_written_and_copied_as_before(uri: str, here: Any) -> None:
    url = SipURL.SipURL(uri) if uri else SipURL.SipURL(username="me")
    assert url.localStr(here) == BEFORE["SipURL.localStr"](url, here)
    copy, as_before = url.getCopy(), BEFORE["SipURL.getCopy"](url)
    assert {name: getattr(copy, name) for name in vars(as_before)} == vars(as_before)
    copy.other.append("x")
    copy.userparams.append("y=1")
    assert "x" not in url.other and "y=1" not in url.userparams


LINES = ["From: <sip:a@b>;tag=1", "v: SIP/2.0/UDP h;branch=z", "X-Other :  some", "Reason: Q.850;cause=17", "i:abc"]


@pytest.mark.parametrize("line", [*LINES, "Call-ID: a:b", "CSeq: 1 INVITE", "Subject:"])
@pytest.mark.parametrize("fixname", [True, False])
def test_headers_are_made_and_copied_as_before(line: str, fixname: bool) -> None:
    before = SipHeader.SipHeader.__new__(SipHeader.SipHeader)
    BEFORE["SipHeader.__init__"](before, line, fixname=fixname)
    made = SipHeader.SipHeader(line, fixname=fixname)
    for header in (made, made.getCopy()):
        assert (header.name, type(header.body), str(header)) == (before.name, type(before.body), str(before))
    assert made.getCopy().body is not made.body


@pytest.mark.parametrize("line", ["Record-Route: <sip:a>, <sip:b>", "no colon"])
def test_headers_that_are_none_raise_as_before(line: str) -> None:
    kinds = (ESipHeaderCSV, ValueError)
    with pytest.raises(kinds) as before:
        BEFORE["SipHeader.__init__"](SipHeader.SipHeader.__new__(SipHeader.SipHeader), line)
    with pytest.raises(kinds) as now:
        SipHeader.SipHeader(line)
    assert type(now.value) is type(before.value)
    assert getattr(now.value, "bodys", None) == getattr(before.value, "bodys", None)
    assert getattr(now.value, "name", None) == getattr(before.value, "name", None)


def test_headers_are_found_as_before() -> None:
    message = SipMsg()
    message.appendHeaders([SipHeader.SipHeader(line) for line in (*LINES, "From: <sip:c@d>;tag=2")])
    for name in ("from", "v", "reason", "x-other", "nothing"):
        assert message.countHFs(name) == BEFORE["SipMsg.countHFs"](message, name)
        for at in (0, 1):
            try:
                before = BEFORE["SipMsg.getHFBody"](message, name, at)
            except IndexError:
                with pytest.raises(IndexError):
                    message.getHFBody(name, at)
            else:
                assert message.getHFBody(name, at) is before and before.parsed == (name in ("from", "reason", "v"))


def test_timers_fire_when_they_are_due_and_again() -> None:
    loop = adopt_loop()
    fired: list[str] = []
    Timeout(lambda: fired.append("twice"), 0.01, 2)
    Timeout(fired.append, 0.03, 1, "late")
    never = Timeout(fired.append, 0.0, 1, "never")
    never.cancel()
    TimeoutAbsMono(fired.append, mono_time.MonoTime().getOffsetCopy(0.025), "absolute")
    Timeout(loop.breakLoop, 0.2)
    loop.loop()
    assert sorted(fired) == ["absolute", "late", "twice", "twice"]
    assert fired.index("absolute") < fired.index("late")
    assert EventDispatcher2.regTimer(loop, print, 1.0, 0) is None
    first = mono_time.MonoTime()
    copy, later = first.getCopy(), first.getOffsetCopy(1.5)
    assert (copy.monot, copy.realt) == (first.monot, first.realt) and copy is not first
    assert (later.monot - first.monot, later.realt - first.realt) == (pytest.approx(1.5), pytest.approx(1.5))
