"""Audio is taken from a call's own parties alone, and sent to them alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.audio import read_wav, share
from tests.support.ends import AGENT, CUSTOMER, both_ends, prepared, sounds_like, ssrc
from tests.support.running_gate import UNLISTED
from tests.support.waiting import PATIENCE, until

PORTS = (20000, 20999)


@pytest.mark.parametrize("host", ["127.0.0.66", "127.0.0.1"], ids=["from another address", "from the parties' own"])
def test_a_blind_spray_over_a_thousand_ports_wins_no_leg_and_changes_nothing(tmp_path: Path, host: str) -> None:
    gate = prepared(tmp_path / "gate", announcement=1.0)
    gate.set("media", port_min=PORTS[0], port_max=PORTS[1])
    gate.set("limits", max_calls=50)
    gate.start()
    command = [sys.executable, "-m", "tests.attack.rtp_spray", "--host", host, "--ports", f"{PORTS[0]}-{PORTS[1]}"]
    spray = subprocess.Popen([*command, "--seconds", "8"], stdout=subprocess.PIPE, text=True)
    try:
        with both_ends(gate) as ends:
            time.sleep(0.5)  # it sprays before there is a call, and on and on
            ends.dial(UNLISTED)
            ends.ring(early=True)
            ends.pick_up()
            ends.listen_to(183)
            ends.listen_to(200)
            with ends.span() as of:
                until(lambda: min(of().leaked) >= 45)
            heard = of()
            assert sounds_like(heard.callee_heard, AGENT) and sounds_like(heard.caller_heard, CUSTOMER)
            assert heard.of_prompts == heard.of_pips == []
            told = ends.announced()
            assert told["completed"] and told["packets"] == told["packets_whole"]
            got = json.loads(spray.communicate(timeout=PATIENCE)[0])
            assert got["sent"] > 20_000
            assert (got["heard"], got["won"]) == (0, [])
            ends.phone.send(ends.phone.next("BYE"))
            gate.wait(lambda: ends.state() == "", PATIENCE, "the call is left")
            prompts = [packet for packet in ends.customer.heard if packet.ssrc != ssrc(ends.agent)]
            assert len(prompts) == told["packets"], "all of the announcement went to the callee"
            assert gate.client.call("status")["line"]["foreign_audio"] > 100
        (row,) = gate.rows("SELECT recording_id FROM recordings WHERE state = 'closed'")
        gate.export(row["recording_id"], tmp_path / "talk.wav")
        sound, rate = read_wav(tmp_path / "talk.wav")
        assert share(sound[-rate:, 0], AGENT, rate) > 0.8
        assert share(sound[-rate:, 1], CUSTOMER, rate) > 0.8
    finally:
        spray.kill()
        gate.stop()
