"""A stolen password is worth what its account may use, and a restart gives nothing back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import tomlkit

from tests.attack.wire import Wire, authorization, code_of, header
from tests.support.attacks import attack
from tests.support.gatehouse import UNLISTED, Gatehouse
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


def allow(house: Gatehouse, **limits: int) -> None:
    """Limits of the account alice."""
    document = tomlkit.parse(house.config.read_text())
    document["account"][0].update(limits)
    house.config.write_text(tomlkit.dumps(document))


def dial(house: Gatehouse, calls: int) -> dict[str, int]:
    password = house.folder / "secrets" / "alice.password"
    who = ("--gate", f"127.0.0.1:{house.port}", "--account", "alice", "--password-file", password)
    return attack("dialler", *who, "--calls", calls, "--number", UNLISTED)["reasons"]


def test_a_stolen_password_dials_no_faster_than_its_account_may(tmp_path):
    house = Gatehouse(tmp_path)
    allow(house, calls_a_minute=5)
    house.start()
    try:
        with busy_carrier(house.trunk_port) as came:
            reasons = dial(house, 40)
            assert reasons == {"none": 5, "too_many_calls_a_minute": 35}
            assert len(set(came)) == 5
        usage = house.client.call("status")["usage"]
        assert [(each["claimed_by"], each["refused"]) for each in usage] == [
            ("account:alice", "too_many_calls_a_minute")
        ]
        assert len(house.rows("SELECT call_id FROM calls")) == 5 + 10  # the rest is one count
    finally:
        house.stop()
    assert [json.loads(row["body"])["count"] for row in house.rows(REST)] == [25]
    house.verified()


REST = "SELECT body FROM facts WHERE kind = 'refused_over_limit'"


def test_a_restart_gives_no_new_day(tmp_path):
    house = Gatehouse(tmp_path)
    allow(house, seconds_a_day=1)
    house.start()
    try:
        with Callee(port=house.trunk_port) as callee:
            talk_for(house, callee, 2.0)
        assert dial(house, 3) == {"too_many_seconds_a_day": 3}
        house.stop()
        house.start()
        assert dial(house, 3) == {"too_many_seconds_a_day": 3}
    finally:
        house.stop()


def talk_for(house: Gatehouse, callee: Callee, seconds: float) -> None:
    """Alice talks so long (by the gate's own count)."""
    wire, uri = Wire(), f"sip:{UNLISTED}@gate.invalid"
    call = {"sender": "<sip:alice@gate.invalid>;tag=a", "call_id": "talk"}
    wire.send(wire.request("INVITE", uri, **call), house.address)
    line = authorization(header(wire.final(5), "WWW-Authenticate"), "alice", house.password(), "INVITE", uri)
    wire.send(wire.request("INVITE", uri, **call, cseq=2, headers=(line,)), house.address)
    callee.ring()
    callee.pick_up()
    answer = wire.final(20)
    assert code_of(answer) == 200
    wire.send(wire.request("ACK", uri, **call, cseq=2, to=header(answer, "To")), house.address)
    house.wait(
        lambda: house.client.call("status")["usage"][0]["seconds_today"] >= seconds, PATIENCE, "no seconds are counted"
    )
    wire.send(wire.request("BYE", uri, **call, cseq=3, to=header(answer, "To")), house.address)
    assert code_of(wire.final(5)) == 200
    house.wait(lambda: not house.client.call("status")["calls"], PATIENCE, "the call goes on")
