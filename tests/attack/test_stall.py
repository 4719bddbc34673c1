"""No datagram keeps the gate from its telephones."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.attack.stall import LONG, SHORT, shapes
from tests.bench.proc import cpu_seconds
from tests.support.running_gate import LISTED, running
from tests.support.sip_peer import Phone
from tests.support.waiting import PATIENCE

ROUNDS = 6


def command(gate, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.attack.stall", "--gate", f"127.0.0.1:{gate.port}", *arguments]


def test_phones_are_answered_while_strangers_send_what_is_hard_to_read(tmp_path):
    with running(tmp_path) as gate, Phone(gate.address) as phone:
        attack = subprocess.Popen(
            command(gate, "--rounds", str(ROUNDS), "--gap", "0.02"), stdout=subprocess.PIPE, text=True
        )
        asked = 0
        while attack.poll() is None:
            phone.dial(LISTED)
            phone.ack(phone.recv(3, only="603"))  # where it takes a while, a 100 comes first
            asked += 1
        did = json.loads(attack.communicate()[0])
        assert did["sent"] == ROUNDS * 2 * len(list(shapes(LONG)))
        assert asked > 10
        assert "Traceback" not in gate.log.read_text()
        assert gate.rows("SELECT count(*) AS n FROM calls")[0]["n"] == asked


def test_a_phone_system_that_sends_them_is_answered_by_name(tmp_path):
    """A PBX is never left without an answer, and all of them together cost less work than one did that could stall."""
    with running(tmp_path) as gate:
        assert gate.process is not None
        before = cpu_seconds(gate.process.pid)
        done = subprocess.run(
            command(gate, "--host", "127.0.0.1"), capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        assert cpu_seconds(gate.process.pid) - before < 5
        codes = json.loads(done.stdout)["codes"]
        nowhere = {"via and spaces", "via, port and spaces", "an answer", "an answer's parameters"}
        for size in (LONG, SHORT):
            silent = {name for name, _ in shapes(size) if codes[f"{name}, {size}"] == 0}
            assert silent <= nowhere, silent
        assert "Traceback" not in gate.log.read_text()
