"""What a call leaves to Python's collector: nothing, for at a hundred calls a second its pauses would be long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
PROGRAM = """
import gc, time
from collections import Counter
from sippy.UA import UA
from tests.support.sip_line import ScriptedCallManager, RunningLine, config_for
from tests.support.sip_peer import Callee, Phone

UA.godead_timeout = 0.3  # 32 s in life
CALLS = 5


class Forgetting(ScriptedCallManager):
    def hung_up(self, call_id, side, cause="hung_up"):
        super().hung_up(call_id, side, cause)
        self.line.after(0.05, lambda: self.line.forget(call_id))


def alive():
    return any(type(each).__name__ == "Bridge" for each in gc.get_objects())


callee = Callee()
with RunningLine(config_for(f"127.0.0.1:{callee.port}"), Forgetting()) as running:
    phones = [Phone(running.address) for _ in range(CALLS)]
    gc.collect()
    gc.disable()
    for phone in phones:
        phone.dial()
        callee.ring()
        callee.pick_up()
        phone.ack(phone.recv(only="200"))
        phone.send(phone.next("BYE"))
        phone.recv(only="200")
        bye = callee.recv(only="BYE")
        callee.send(callee.answer(bye, 200, "OK"), callee.last_from)
    end = time.monotonic() + 20
    while alive() and time.monotonic() < end:  # what is in a cycle stays, and is found below
        time.sleep(0.02)
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    left = Counter(type(each).__name__ for each in gc.garbage)
    for name in ("Bridge", "Leg", "OfferAnswer", "LivenessCheck", "SipRequest", "SipHeader", "Pending"):
        assert left[name] < CALLS, f"{name}: {left}"
"""


def test_calls_that_are_over_are_freed_without_the_collector() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
