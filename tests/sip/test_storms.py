"""A party that repeats itself inside its own call: no fault, nothing for ever, and the next call gets through."""

from __future__ import annotations

import pytest

from gate.sip.flood_filter import DIALOG, ENDING, FloodFilter
from tests.support.clocks import Clock
from tests.support.logs import logged
from tests.support.sip_call import Call
from tests.support.sip_peer import Phone, sdp
from tests.support.timers import pass_time
from tests.support.waiting import until

HEADERS = "Call-ID: {id}\r\n", "call-id : {id}\r\n", "i:{id}\r\n", "I\t:  {id}\r\n"


def faults(told: list) -> list:
    return [line for line in told if line["log_level"] in ("error", "critical") or line.get("exc_info")]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_reinvites_of_an_old_cseq_are_refused_and_leave_no_fault(acknowledged: bool) -> None:
    with logged() as told, Call() as call:
        call.set_up()
        for _ in range(10):
            call.phone.send(call.phone.request("INVITE", call.phone.dialog, cseq=1, body=sdp()))
            refused = call.phone.recv(only="500")
            if acknowledged:
                call.phone.ack(refused)
        for _ in range(3):
            pass_time(call.running, 40)
        assert not call.running.call(lambda: call.running.line._engine.transactions.tserver)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")
    assert not faults(told)


def test_a_refused_reinvite_takes_nothing_from_the_one_that_waits_for_its_ack() -> None:
    """The 200 to the offer is sent until its ACK comes; an old CSeq beside it is refused once."""
    with logged() as told, Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        offered = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(offered, 200, "OK", body=sdp(44000)), call.callee.gate)
        answer = call.phone.recv(only="200")
        call.phone.send(call.phone.request("INVITE", call.phone.dialog, body=sdp(45000)))
        assert call.phone.recv(only="500").get("CSeq") == answer.get("CSeq")
        assert call.phone.recv(only="200").data == answer.data, "it is sent again"
        call.phone.ack(answer)
        transactions = call.running.line._engine.transactions
        until(lambda: not call.running.call(lambda: dict(transactions.tserver)))
        pass_time(call.running, 40)
        assert "hung_up" not in call.call_manager.kinds()
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")
    assert not faults(told)


def test_of_a_storm_inside_a_call_a_few_are_read_and_the_call_can_be_ended() -> None:
    storm = 3000
    with Call() as call:
        call.set_up()
        seen: list[bytes] = []
        ingress = call.running.line._engine.ingress
        read = ingress.receive

        def receive(data: bytes, *values: object) -> None:
            seen.append(data)
            read(data, *values)

        call.running.call(lambda: setattr(ingress, "receive", receive))
        call.callee.sock.settimeout(0)
        for _ in range(storm):
            call.phone.send(call.phone.next("OPTIONS"))
        until(lambda: call.running.line.counts()["stormed"] + len(seen) >= storm // 2)
        with Phone(call.running.address) as other:
            other.dial("02079460124")
            assert "+442079460000" in call.callee.fresh("INVITE").start
            call.callee.drain()
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE").get("Call-ID")
        stormed = [data for data in seen if data.startswith(b"OPTIONS ")]
        assert DIALOG.burst / 2 < len(stormed) < DIALOG.burst + 20 * DIALOG.per_second < storm


@pytest.mark.parametrize("written", HEADERS)
def test_a_call_is_known_however_its_id_is_written(written: str) -> None:
    flood_filter, source = FloodFilter(Clock()), ("192.0.2.1", 5060)
    mine, other = (f"INFO sip:x SIP/2.0\r\nVia: x\r\n{written.format(id=id)}\r\n".encode() for id in ("mine", "other"))
    assert sum(flood_filter.heeds(source, mine) for _ in range(1000)) == DIALOG.burst
    assert flood_filter.heeds(source, other)
    assert flood_filter.heeds(("192.0.2.2", 5060), mine), "somebody else's word about the same call"
    ends = mine.replace(b"INFO", b"BYE")
    assert sum(flood_filter.heeds(source, ends) for _ in range(1000)) == ENDING.burst
    assert flood_filter.stormed == 2000 - DIALOG.burst - ENDING.burst


def test_a_call_id_that_is_hidden_makes_no_new_call() -> None:
    flood_filter, source = FloodFilter(Clock()), ("192.0.2.1", 5060)
    odd = (f"INFO sip:x SIP/2.0\r\nCall-ID:\r\n {n}\r\nCall-ID: {n}\r\n\r\nCall-ID: {n}" for n in range(1000))
    assert sum(flood_filter.heeds(source, each.encode()) for each in odd) == DIALOG.burst
    bare = (f"INFO sip:x SIP/2.0\r\nX: y\r\n\r\nCall-ID: {n}" for n in range(1000))
    assert not any(flood_filter.heeds(source, each.encode()) for each in bare)
