"""A call listens to its own parties alone."""

from __future__ import annotations

import json

import pytest

from tests.support.attacks import attack as program
from tests.support.running_gate import UNLISTED, RunningGate, running
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.waiting import PATIENCE

INTRUDER = "127.0.0.66"


def attack(gate: RunningGate, *arguments: str, seen: object = None):
    """Run the program; what it achieved."""
    to = ("--gate", f"127.0.0.1:{gate.port}", "--host", INTRUDER)
    return program("intruder", *to, *arguments, input=json.dumps(seen))


@pytest.fixture
def gate(tmp_path):
    with running(tmp_path) as gate:
        yield gate


@pytest.fixture
def callee(gate):
    with Callee(port=gate.trunk_port) as callee:
        yield callee


@pytest.fixture
def phone(gate):
    with Phone(gate.address) as phone:
        yield phone


def test_a_stranger_who_knows_the_ids_moves_nothing_and_ends_nothing(gate, callee, phone):
    phone.dial(UNLISTED)
    callee.ring()
    callee.pick_up()
    answer = phone.recv(PATIENCE, only="200")
    phone.ack(answer)
    theirs = callee.dialog()
    seen = [
        {
            "call_id": phone.dialog.call_id,
            "sender": phone.dialog.local,
            "to": answer.get("To"),
            "uri": answer.contact,
            "branch": phone.branch,
        },
        {"call_id": theirs.call_id, "sender": theirs.local, "to": theirs.remote, "uri": theirs.target},
    ]
    codes = attack(gate, seen=seen)["codes"]
    refused = dict.fromkeys(("INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "BYE"), 403)
    assert [{method: code[method] for method in refused} for code in codes] == [refused, refused]
    assert codes[0]["CANCEL"] == 403
    # Nobody heard of it, the call stands, and its own parties still change and end it, from another port too.
    phone.send(phone.next("INVITE", body=sdp(43210, "sendonly")))
    assert "a=sendonly" in callee.recv(only="INVITE").body
    status = gate.client.call("status")
    assert len(status["calls"]) == 1
    assert status["line"]["foreign"] >= len(refused) * 2
    assert gate.rows("SELECT * FROM facts WHERE kind = 'objection' AND actor = 'callee'") == []
    with Phone(gate.address) as elsewhere:  # the same host: a NAT has given the phone another port
        phone.dialog.cseq += 1
        elsewhere.send(elsewhere.request("BYE", phone.dialog))
        assert elsewhere.recv(only="200")
    assert callee.recv(only="BYE")


def test_a_stranger_does_not_answer_for_the_carrier(gate, callee, phone, tmp_path):
    phone.dial(UNLISTED)
    callee.ring()
    seen = tmp_path / "invite.txt"
    seen.write_bytes(callee.invite.data)
    assert attack(gate, "--invite", str(seen)) == {"acked": False}
    assert gate.client.call("status")["line"]["foreign"] == 1
    callee.pick_up()
    phone.ack(phone.recv(PATIENCE, only="200"))
