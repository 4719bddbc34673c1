"""A stolen password is worth what its account may use, and a restart gives nothing back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import tomlkit

from tests.attack.wire import Wire, authorization, code_of, header
from tests.support.attacks import attack
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.sip_peer import Callee
from tests.support.waiting import PATIENCE


@contextmanager
def busy_carrier(port: int) -> Iterator[list[str]]:
    """A carrier that says 486 to every INVITE; those that came."""
    wire, came, over = Wire(port=port), [], threading.Event()

    def serve() -> None:
        while not over.is_set():
            if invite := wire.receive(0.2, "INVITE"):
                came.append(header(invite, "Call-ID"))
                wire.send(wire.answer(invite, 486, "Busy Here", tag="far"), wire.source)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield came
    finally:
        over.set()
        thread.join()
        wire.socket.close()


def allow(gate: RunningGate, **limits: int) -> None:
    """Limits of the account alice."""
    document = tomlkit.parse(gate.config.read_text())
    document["account"][0].update(limits)
    gate.config.write_text(tomlkit.dumps(document))


def dial(gate: RunningGate, calls: int) -> dict[str, int]:
    password = gate.folder / "secrets" / "alice.password"
    who = ("--gate", f"127.0.0.1:{gate.port}", "--account", "alice", "--password-file", password)
    return attack("dialler", *who, "--calls", calls, "--number", UNLISTED)["reasons"]


def test_a_stolen_password_dials_no_faster_than_its_account_may(tmp_path):
    gate = RunningGate(tmp_path)
    allow(gate, calls_a_minute=5)
    gate.start()
    try:
        with busy_carrier(gate.trunk_port) as came:
            reasons = dial(gate, 40)
            assert reasons == {"none": 5, "too_many_calls_a_minute": 35}
            assert len(set(came)) == 5
        usage = gate.client.call("status")["usage"]
        assert [(each["claimed_by"], each["refused"]) for each in usage] == [
            ("account:alice", "too_many_calls_a_minute")
        ]
        assert len(gate.rows("SELECT call_id FROM calls")) == 5 + 10  # the rest is one count
    finally:
        gate.stop()
    assert [json.loads(row["body"])["count"] for row in gate.rows(REST)] == [25]
    gate.verified()


REST = "SELECT body FROM facts WHERE kind = 'refused_over_limit'"


def test_a_restart_gives_no_new_day(tmp_path):
    gate = RunningGate(tmp_path)
    allow(gate, seconds_a_day=1)
    gate.start()
    try:
        with Callee(port=gate.trunk_port) as callee:
            talk_for(gate, callee, 2.0)
        assert dial(gate, 3) == {"too_many_seconds_a_day": 3}
        gate.stop()
        gate.start()
        assert dial(gate, 3) == {"too_many_seconds_a_day": 3}
    finally:
        gate.stop()


def talk_for(gate: RunningGate, callee: Callee, seconds: float) -> None:
    """Alice talks so long (by the gate's own count)."""
    wire, uri = Wire(), f"sip:{UNLISTED}@gate.invalid"
    call = {"sender": "<sip:alice@gate.invalid>;tag=a", "call_id": "talk"}
    wire.send(wire.request("INVITE", uri, **call), gate.address)
    line = authorization(header(wire.final(5), "WWW-Authenticate"), "alice", gate.password(), "INVITE", uri)
    wire.send(wire.request("INVITE", uri, **call, cseq=2, headers=(line,)), gate.address)
    callee.ring()
    callee.pick_up()
    answer = wire.final(20)
    assert code_of(answer) == 200
    wire.send(wire.request("ACK", uri, **call, cseq=2, to=header(answer, "To")), gate.address)
    gate.wait(
        lambda: gate.client.call("status")["usage"][0]["seconds_today"] >= seconds, PATIENCE, "no seconds are counted"
    )
    wire.send(wire.request("BYE", uri, **call, cseq=3, to=header(answer, "To")), gate.address)
    assert code_of(wire.final(5)) == 200
    gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call goes on")
