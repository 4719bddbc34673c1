"""Two gates, each a process with a log of its own, and one database."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.core.evidence import index_of
from gate.errors import GateError
from tests.support import postgresql
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, dialgate, free_port
from tests.support.sip_peer import Phone
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[list[RunningGate]]:
    """Two that run: of logs 0 and 1, with one key of the number hashes."""
    server = postgresql.Server(postgresql.folder_of_server())
    server.do("CREATE DATABASE evidence")
    dsn = f"postgresql://dialgate@/evidence?host={server.folder}"
    made: list[RunningGate] = []
    try:
        for log in range(2):
            gate = RunningGate(tmp_path / f"gate{log}", announcement=0.6)
            gate.add_pbx()
            gate.http = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
            gate.set("control", http=gate.http)
            gate.add_token("dialler", purposes=["marketing"])
            made.append(gate)
        dialgate("store", "move", "--to", dsn, config=made[0].config)
        own = (made[1].data / "gate.key").read_bytes()
        shutil.rmtree(made[1].data)
        shutil.copytree(
            made[0].data, made[1].data, ignore=shutil.ignore_patterns("gate.db*", "gate.key", "checkpoints")
        )
        (made[1].data / "gate.key").write_bytes(own)
        made[1].set("store", dsn=dsn, log=1)
        yield [each.start() for each in made]
    finally:
        for each in made:
            each.kill()
        server.stop()


def decided(door: HTTPConnection, gate: RunningGate, number: str) -> str:
    """The reason of a decision on a marketing call."""
    words = {"Authorization": f"Bearer {gate.tokens['dialler']}"}
    door.request("GET", f"/v1/decision?number={number}&purpose=marketing", headers=words)
    return str(json.load(door.getresponse())["reason"])


def test_an_objection_at_one_gate_is_heeded_by_the_very_next_decision_of_the_other(gates: list[RunningGate]) -> None:
    """A thousand of them, while calls are made through the gate that decides."""
    one, other = gates
    with (
        Phones(port=one.trunk_port),
        Phones(port=other.trunk_port),
        Phones(to=other.address) as near,
    ):
        door = HTTPConnection(other.http, timeout=PATIENCE)
        assert decided(door, other, "01144960999") == "not_listed"
        talks = []
        for n in range(1000):
            number = f"0{1134960000 + n}" if n % 2 else f"0{1144960000 + n // 2}"
            if n % 50 == 0:
                talks.append(near.dial(f"0{1214960000 + n}"))
            one.client.call("objection_add", number=number, source="told")
            assert decided(door, other, number) == "objected", n
        near.wait(talks, "up", PATIENCE)
        for talk in talks:
            near.hang_up(talk)
        for gate in gates:
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    for gate in gates:
        assert gate.stop() == 0
        gate.verified()


def test_an_invite_that_two_gates_get_rings_once_and_the_second_answers_482(gates: list[RunningGate]) -> None:
    numbers = [f"0{1134960100 + n}" for n in range(10)]
    with Phones(port=gates[0].trunk_port) as one, Phones(port=gates[1].trunk_port) as other:
        for number in numbers:
            with Phone(gates[0].address) as phone:
                phone.dial(number)
                branch = phone.branch + "x"
                phone.send(phone.invite.replace(phone.branch, branch), gates[1].address)
                merged = phone.recv(only="482")
                first = gates[0] if branch in merged.get("Via") else gates[1]
                taken = phone.recv(only="200")
                assert (branch in taken.get("Via")) is (first is gates[1])
                phone.to = first.address
                phone.ack(taken)
                phone.send(phone.next("BYE"))
                phone.recv(only="200")
        rung = sorted(talk.number[-10:] for far in (one, other) for talk in far.all())
        for gate in gates:
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    assert rung == [number[-10:] for number in numbers]
    kept = gates[0].rows("SELECT count(*) AS calls FROM calls WHERE verdict = 'allow'")
    assert kept == [{"calls": len(numbers)}]


def test_a_call_is_proven_by_the_gate_that_made_it_and_another_names_its_log(gates: list[RunningGate]) -> None:
    for log, gate in enumerate(gates):
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(f"0113496010{log}")], "up", PATIENCE)
            near.hang_up(talk)
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        (call,) = gate.rows("SELECT call_id FROM calls WHERE number = ?", f"+44113496010{log}")
        made = gate.client.call("calls_prove", call_id=call["call_id"])
        proven = {leaf["index"] for leaf in made["evidence"]["leaves"]}
        assert proven >= {index_of(rung["leaf_index"]) for rung in made["rungs"]} != set()
        with pytest.raises(GateError, match=f"is in log {log}, which another gate signs"):
            gates[1 - log].client.call("calls_prove", call_id=call["call_id"])


def test_a_gate_whose_log_another_writes_refuses_calls_and_stops(gates: list[RunningGate]) -> None:
    """Nothing of it is lost: the end of its talk waits in its spool, and is in the log once it has that to itself."""
    one, other = gates
    assert other.stop() == 0
    with Phones(port=one.trunk_port) as far, Phones(to=one.address) as near:
        (talk,) = near.wait([near.dial("01134960001")], "up", PATIENCE)
        other.set("store", log=0)
        shutil.copy(one.data / "gate.key", other.data)
        shutil.rmtree(other.data / "checkpoints")
        shutil.copytree(one.data / "checkpoints", other.data / "checkpoints")
        other.start()
        refused = near.dial("01134960002")
        near.wait([refused], "over", PATIENCE)
        near.hang_up(talk)
        assert one.process
        assert one.process.wait(PATIENCE) == 3
        assert len(far.all()) == 1
    assert "another gate has written to log 0 of" in one.said()
    assert other.stop() == 0
    one.start()
    assert one.rows("SELECT ended_by FROM calls WHERE number = '+441134960001'") == [{"ended_by": "caller"}]
    assert one.stop() == 0
    one.verified()
