"""Nobody else on the machine puts anything into a recording, or into a call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.audio import read_wav, share
from tests.support.ends import AGENT, CUSTOMER, both_ends, prepared
from tests.support.running_gate import UNLISTED
from tests.support.unprivileged import UNPRIVILEGED
from tests.support.waiting import PATIENCE, until

PORTS = (20000, 20999)


def test_another_account_forges_no_audio_no_pause_and_no_objection(tmp_path: Path) -> None:
    gate = prepared(tmp_path / "gate", announcement=1.5)
    gate.set("media", port_min=PORTS[0], port_max=PORTS[1])
    gate.set("limits", max_calls=50)
    gate.start()
    command = [*UNPRIVILEGED, sys.executable, "-m", "tests.attack.tap_forger", "--relay", f"{PORTS[0]}-{PORTS[1]}"]
    try:
        with both_ends(gate) as ends:
            command += ["--spare", str(ends.agent.port), str(ends.customer.port)]
            ends.dial(UNLISTED)
            ends.ring(early=False)
            ends.pick_up()
            ends.listen_to(183)
            ends.reaches("announcing")
            in_notice = subprocess.run([*command, "--seconds", "0.8"], capture_output=True, text=True, check=True)
            ends.listen_to(200)
            in_talk = subprocess.run([*command, "--seconds", "2"], capture_output=True, text=True, check=True)
            for done in (in_notice, in_talk):
                got = json.loads(done.stdout)
                assert got["ports"] >= 10 and got["sent"] > 500 and got["taken"] == 0, got
            with ends.span() as of:
                until(lambda: min(of().leaked) >= 50)
            assert ends.state() == "talking"
            ends.phone.send(ends.phone.next("BYE"))
            gate.wait(lambda: ends.state() == "", PATIENCE, "the call is left")
            rate_limit = [
                packet.ssrc
                for party in (ends.agent, ends.customer)
                for packet in party.heard
                if packet.ssrc == 0xBAD0BAD
            ]
            assert rate_limit == []
            sent = {"caller": ends.agent.sent, "callee": ends.customer.sent}
        (call,) = gate.rows("SELECT call_id, objected, bridged FROM calls")
        assert (call["objected"], call["bridged"]) == (None, 1)
        assert "recording_paused" not in [row["kind"] for row in gate.rows("SELECT kind FROM facts")]
        (row,) = gate.rows("SELECT recording_id, packets FROM recordings WHERE state = 'closed'")
        kept = json.loads(row["packets"])
        assert all(60 < kept[side] <= sent[side] for side in sent), (kept, sent)
        gate.export(row["recording_id"], tmp_path / "talk.wav")
        sound, rate = read_wav(tmp_path / "talk.wav")
        for channel, own in ((0, AGENT), (1, CUSTOMER)):
            talk = sound[-2 * rate :, channel]
            assert share(talk, own, rate) > 0.8 and share(talk, 2000.0, rate) < 0.01
    finally:
        gate.stop()
