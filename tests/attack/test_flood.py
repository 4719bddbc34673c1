"""Twenty calls beside a flood of 20,000 datagrams a second from addresses that nobody knows: all of them whole. And
phones that the gate has never heard of: they are challenged while it lasts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gate.config import Account
from tests.support.phones import Phones, Talk, noise
from tests.support.running_gate import running
from tests.support.sip_line import PRESENTED, RunningLine, config_for
from tests.support.sip_peer import Phone
from tests.support.waiting import PATIENCE, until

CALLS = 20
RATE, SECONDS = 20_000, 8


@pytest.mark.load
def test_calls_and_recordings_are_whole_beside_a_flood(tmp_path):
    with running(tmp_path, announcement=0.5) as gate:
        far = Phones(port=gate.trunk_port, audio=lambda number: noise(("far", number[-4:])), keep=True)
        near = Phones(to=gate.address, audio=lambda number: noise(("near", number[-4:])), keep=True)
        with far, near:
            flood = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.attack.flood", "--gate", f"127.0.0.1:{gate.port}"),
                    *("--rate", str(RATE), "--count", str(RATE * SECONDS)),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                gate.wait(lambda: unanswered(gate) > RATE, PATIENCE, "the flood does not come")
                talks = [near.dial(f"0207946{number:04}") for number in range(300, 300 + CALLS)]
                near.wait(talks, "up", PATIENCE)
                before = unanswered(gate)
                said, _ = flood.communicate(timeout=240)
            finally:
                flood.kill()
            told = json.loads(said)
            assert told["sent"] == RATE * SECONDS
            assert unanswered(gate) > before, "no call was up while the flood came"
            assert [talk.state for talk in talks] == ["up"] * CALLS
            heard = {talk.number[-4:]: talk for talk in far.all()}
            for talk in talks:
                near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            passed = [whole(talk, heard[talk.number[-4:]]) for talk in talks]
            for talk in talks:
                whole(heard[talk.number[-4:]], talk)
        recorded = gate.rows("SELECT state, packets, interrupted FROM recordings")
        assert [(row["state"], row["interrupted"]) for row in recorded] == [("closed", 0)] * CALLS
        kept = sorted(json.loads(row["packets"])["caller"] for row in recorded)
        assert all(a - b in range(6) for a, b in zip(kept, sorted(passed), strict=True)), (kept, passed)
        assert gate.stop() == 0
        assert '"level": "error"' not in gate.log.read_text()
        gate.verified()
        rest = [json.loads(row["body"]) for row in gate.rows("SELECT body FROM facts WHERE kind = 'refused_strangers'")]
        assert 1 <= len(rest) <= 10
        assert sum(each["unanswered"] for each in rest) > RATE


@pytest.mark.load
def test_a_flood_that_fills_the_queue_of_the_socket_sends_none_of_a_pbxs_calls_away(tmp_path):
    """More than the gate can even throw away: what waits behind it is not too many calls."""
    with (
        running(tmp_path, announcement=0.5) as gate,
        Phones(port=gate.trunk_port) as far,
        Phones(to=gate.address) as near,
    ):
        command = [sys.executable, "-m", "tests.attack.flood", "--gate", f"127.0.0.1:{gate.port}"]
        command += ["--rate", "100000", "--count", str(100_000 * int(PATIENCE))]
        floods = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
        try:
            gate.wait(lambda: unanswered(gate) > RATE, PATIENCE, "the flood does not come")
            talks = []
            for number in range(300, 300 + CALLS):
                talks.append(near.dial(f"0207946{number:04}"))
                before = unanswered(gate)
                until(lambda before=before: unanswered(gate) > before + RATE // 4)
            near.wait(talks, "up", PATIENCE)
            assert [flood.poll() for flood in floods] == [None] * 3
        finally:
            for flood in floods:
                flood.kill()
                flood.wait()
        assert gate.client.call("status")["line"]["shed"] == 0
        assert len(far.all()) == CALLS


def test_phones_that_nobody_knows_are_challenged_beside_a_flood(tmp_path):
    """Thirty of them, one after the other, each from a host of its own, each asking once; the flood goes on."""
    accounts = (Account("alice", "x", PRESENTED),)
    with RunningLine(config_for("127.0.0.1:9", pbx=False, accounts=accounts)) as running_line:
        host, port = running_line.address
        flood = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.attack.flood", "--gate", f"{host}:{port}"),
                *("--rate", "8000", "--sources", "800", "--count", str(8000 * int(PATIENCE))),
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            until(lambda: running_line.line.counts()["unanswered"] > 4 * 8000)
            challenged = 0
            for number in range(30):
                with Phone(running_line.address, host=f"127.0.1.{number + 1}") as phone:
                    phone.send(phone.request("REGISTER", phone.new_dialog()))
                    challenged += not phone.quiet(1.0)
            assert flood.poll() is None, "there was no flood: the test shows nothing"
        finally:
            flood.kill()
            flood.wait()
    assert challenged >= 25


def unanswered(gate) -> int:
    return int(gate.client.call("status")["line"]["unanswered"])


def whole(speaker: Talk, listener: Talk) -> int:
    """What was heard is what was said, from the first frame heard to the last, without a gap: so many frames."""
    said = [frame for _, frame in speaker.sent]
    heard = [frame for _, frame in listener.heard if frame in set(said)]
    assert len(heard) > 100
    first = said.index(heard[0])
    assert heard == said[first : first + len(heard)]
    return len(heard)
