"""What is sent at random, and then the time that passes after it: no timer of anything raises."""

from __future__ import annotations

import random

import pytest

from tests.attack.fuzz import OVER_THE_WIRE, changed, inputs
from tests.support.logs import logged
from tests.support.sip_call import Call
from tests.support.sip_peer import Phone, sdp
from tests.support.timers import pass_time

INSIDE = ("INVITE", "INVITE", "INFO", "UPDATE", "OPTIONS", "REFER", "PRACK", "CANCEL", "ACK")


@pytest.mark.parametrize("kind", OVER_THE_WIRE)
@pytest.mark.parametrize("seed", [3, 7])
def test_no_timer_raises_after_whatever_came(kind: str, seed: int) -> None:
    """A PBX sends rubbish outside of its call and inside, the carrier answers at random; then minutes pass."""
    dice = random.Random(seed)
    with logged() as told, Call() as call:
        call.set_up()
        for at, data in enumerate(inputs(kind, seed, 60, own=call.phone.address)):
            call.phone.send(data)
            method, cseq = dice.choice(INSIDE), dice.choice((1, 1, 2, 2, 3, 2**31 - 2))
            body = sdp(43000 + 2 * at) if method in ("INVITE", "UPDATE") else ""
            text = call.phone.request(method, call.phone.dialog, cseq=cseq, body=body)
            call.phone.send(text if dice.random() < 0.6 else changed(text, dice).encode("latin-1", "replace"))
            answer = call.callee.answer(call.callee.invite, dice.choice((180, 200, 486)), "X", tag="r", body=sdp())
            call.callee.send(changed(answer, dice).encode("latin-1", "replace"), call.callee.gate)
        with Phone(call.running.address) as last:
            last.send(last.request("OPTIONS", last.new_dialog()))
            last.recv(only="200")  # what came before it has been read
        for _ in range(4):
            pass_time(call.running, 40)
    assert not [line for line in told if line["log_level"] in ("error", "critical") or line.get("exc_info")]
