"""TCP and TLS through a whole gate: phones of other people's making, and a gate that is killed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.support import baresip, pjsip
from tests.support.baresip import Baresip
from tests.support.pjsip import Pjsip
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.sip_stream import OverStream, StreamCallee, StreamPhone, certificate, serving, trusting
from tests.support.sipp import Sipp
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


class StreamingGate(RunningGate):
    """A gate with TCP and TLS beside UDP."""

    def __init__(self, folder: Path, **named: float) -> None:
        super().__init__(folder, **named)
        self.pem, key = certificate(folder / "tls", "127.0.0.1")
        self.ports = {"tcp": free_port(socket.SOCK_STREAM), "tls": free_port(socket.SOCK_STREAM)}
        self.set("sip", tcp=f"127.0.0.1:{self.ports['tcp']}", tls=f"127.0.0.1:{self.ports['tls']}")
        self.set("sip", tls_certificate=str(self.pem), tls_key=str(key))
        self.set("calling", redial_hours=0)

    def at(self, transport: str) -> tuple[str, int]:
        return ("127.0.0.1", self.ports[transport])


@pytest.mark.peer
@TRANSPORTS
def test_pjsip_registers_calls_and_is_refused(transport: str, tmp_path: Path) -> None:
    pjsip.required()
    gate = StreamingGate(tmp_path / "gate")
    gate.start()
    try:
        with (
            Uas("--tone", "600", "--hangup-after", "3", port=gate.trunk_port) as far,
            Pjsip(
                tmp_path / "phone", gate.at(transport), "alice", password=gate.password(), transport=transport,
                trusted=str(gate.pem),
            ) as phone,
        ):  # fmt: skip
            phone.wait("registered", PATIENCE, code=200)
            phone.do("dial", number=LISTED)
            assert phone.wait("state", PATIENCE, state="DISCONNECTED")["code"] == 603
            phone.do("dial", number=UNLISTED)
            phone.wait("state", PATIENCE, state="CONFIRMED")
            phone.wait("state", PATIENCE, state="DISCONNECTED", count=2)
            assert [what["user"] for what in far.told if what["event"] == "invite"] == [f"+44{UNLISTED[1:]}"]
    finally:
        gate.stop()


@pytest.mark.peer
@TRANSPORTS
def test_baresip_registers_and_calls(transport: str, tmp_path: Path) -> None:
    baresip.required()
    gate = StreamingGate(tmp_path / "gate")
    gate.start()
    try:
        with Uas("--tone", "600", "--hangup-after", "3", port=gate.trunk_port) as far:
            phone = Baresip(
                tmp_path / "phone", gate.at(transport), "alice", gate.password(), 1000, transport=transport,
                trusted=gate.pem,
            )  # fmt: skip
            phone.call(UNLISTED, 20)
            phone.wait("200 OK.*binding", PATIENCE)
            phone.wait("Call established", PATIENCE)
            far.wait("call", PATIENCE)
            phone.finish(PATIENCE)
    finally:
        gate.stop()


@pytest.mark.peer
def test_sipp_calls_through_over_tcp(tmp_path: Path) -> None:
    gate = StreamingGate(tmp_path / "gate")
    gate.add_pbx(refusal=600)
    gate.start()
    try:
        far = Sipp("uas", port=gate.trunk_port, calls=10, timeout=PATIENCE, trace=False)
        far.wait_listening()
        near = Sipp("uac", remote=gate.at("tcp"), calls=10, rate=5, service=UNLISTED, timeout=20, extra=("-t", "t1"))
        result = near.result()
        assert (result.successful, result.failed) == (10, 0), result.errors + gate.said()
        refused = Sipp("uac", remote=gate.at("tcp"), calls=2, service=LISTED, timeout=30, extra=("-t", "t1"))
        told = refused.result()
        assert (told.successful, told.failed) == (0, 2)
        assert "SIP/2.0 600 Declined: on the TPS" in told.messages
        far.stop()
    finally:
        gate.stop()


@TRANSPORTS
def test_after_a_kill_a_caller_is_told_when_it_connects_again(transport: str, tmp_path: Path) -> None:
    gate = StreamingGate(tmp_path / "gate", announcement=0.5)
    gate.start()
    try:
        tls = trusting(gate.pem) if transport == "tls" else None
        callee = Callee(port=gate.trunk_port)
        phone = StreamPhone(gate.at(transport), tls, name="127.0.0.1")
        dialog = phone.new_dialog(UNLISTED)
        phone.send(phone.request("INVITE", dialog, body=sdp()))
        asked = challenge(phone.recv(only="401").get("WWW-Authenticate"))
        dialog.cseq += 1
        line = authorization(asked, "alice", gate.password(), "INVITE", dialog.target)
        phone.dialog = dialog
        phone.send(phone.request("INVITE", dialog, body=sdp(), headers=(line,)))
        callee.ring()
        callee.pick_up()
        phone.ack(phone.recv(only="200"))
        gate.wait(lambda: '"dialog"' in (gate.data / "legs.journal").read_text(), PATIENCE, "no leg is kept")
        gate.kill()
        assert phone.closed()
        gate.start()
        over = callee.recv(PATIENCE, only="BYE")
        callee.send(callee.answer(over, 200, "OK"), (callee.last_from[0], callee.last_from[1]))
        phone.connect()
        registration = phone.new_dialog("alice")
        registration.remote = registration.local.partition(";")[0]
        phone.send(phone.request("REGISTER", registration))
        asked = challenge(phone.recv(only="401").get("WWW-Authenticate"))
        registration.cseq += 1
        line = authorization(asked, "alice", gate.password(), "REGISTER", registration.target)
        phone.send(phone.request("REGISTER", registration, headers=(line,)))
        bye = phone.recv(only="BYE")
        assert bye.get("Call-ID") == dialog.call_id
        assert "gate_interrupted" in bye.get("Reason")
        phone.send(phone.answer(bye, 200, "OK"))
        callee.sock.close()
        told = gate.wait(lambda: gate.rows("SELECT body FROM facts WHERE kind = 'legs_ended'"), PATIENCE, "no leaf")
        assert json.loads(told[0]["body"])["caller"] == "BYE 200"
        phone.sock.close()
    finally:
        gate.stop()


@pytest.mark.parametrize("comes", [False, True], ids=["it listens", "it comes by itself"])
@pytest.mark.parametrize(("transport", "certified"), [("tcp", False), ("tls", False), ("tls", True)])
def test_after_a_kill_a_phone_system_is_told_by_a_new_connection(
    transport: str, certified: bool, comes: bool, tmp_path: Path
) -> None:
    """The gate connects to the port that its Via named; where nobody listens there, it waits for the phone system."""
    gate = StreamingGate(tmp_path / "gate", announcement=0.5)
    own = certificate(tmp_path / "pbx", "127.0.0.1")
    proof = {"certificate": str(own[0]), "addresses": []} if certified else {}
    gate.add_pbx(refusal=600, **proof)
    gate.start()
    tls = trusting(gate.pem, own=own) if transport == "tls" else None
    listener = StreamCallee(serving(*own) if transport == "tls" else None)
    if comes:
        listener.close()
    callee = Callee(port=gate.trunk_port)
    phone = StreamPhone(gate.at(transport), tls, name="127.0.0.1")
    phone.port = listener.port
    try:
        dialog = phone.dial(UNLISTED)
        callee.ring()
        callee.pick_up()
        phone.ack(phone.recv(only="200"))
        gate.wait(lambda: '"dialog"' in (gate.data / "legs.journal").read_text(), PATIENCE, "no leg is kept")
        gate.kill()
        assert phone.closed()
        gate.start()
        over = callee.recv(PATIENCE, only="BYE")
        callee.send(callee.answer(over, 200, "OK"), (callee.last_from[0], callee.last_from[1]))
        if comes:
            told: OverStream = phone
            phone.connect()
            phone.send(phone.request("OPTIONS", phone.new_dialog()))
        else:
            told = listener
            listener.accept()
        bye = told.recv(only="BYE")
        assert (bye.get("Call-ID"), "gate_interrupted" in bye.get("Reason")) == (dialog.call_id, True)
        told.send(phone.answer(bye, 200, "OK"))
        found = gate.wait(lambda: gate.rows("SELECT body FROM facts WHERE kind = 'legs_ended'"), PATIENCE, "no leaf")
        assert json.loads(found[0]["body"])["caller"] == "BYE 200"
        assert gate.client.call("status")["line"]["foreign"] == 0, "an answer of the PBX's own is no intruder's"
    finally:
        gate.stop()
        for peer in (callee, phone):
            peer.sock.close()
        listener.close()


def test_after_a_kill_a_carrier_is_told_by_the_next_connection(tmp_path: Path) -> None:
    """One call that talks, one that rings."""
    callee = StreamCallee()
    gate = StreamingGate(tmp_path / "gate", announcement=0.5)
    gate.set("trunk", address=callee.address, transport="tcp")
    gate.add_pbx(refusal=600)
    gate.start()
    phones = [Phone(gate.address), Phone(gate.address)]
    try:
        callee.accept()
        phones[0].dial(UNLISTED)
        talks = callee.ring()
        callee.pick_up()
        phones[0].ack(phones[0].recv(PATIENCE, only="200"))
        phones[1].dial("02079460124")
        rings = callee.ring()
        phones[1].recv(PATIENCE, only="180")
        gate.wait(lambda: '"invite"' in (gate.data / "legs.journal").read_text(), PATIENCE, "no leg is kept")
        gate.kill()
        gate.start()
        callee.accept()
        heard = {}
        while len(heard) < 2:
            asked = callee.recv()
            if asked.method in ("BYE", "CANCEL"):
                heard.setdefault(asked.get("Call-ID"), asked.method)
                callee.send(callee.answer(asked, 200, "OK"))
        assert heard == {talks.get("Call-ID"): "BYE", rings.get("Call-ID"): "CANCEL"}
    finally:
        gate.stop()
        callee.close()
        for phone in phones:
            phone.sock.close()


@pytest.mark.peer
def test_sipp_is_called_over_tcp(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    gate = StreamingGate(tmp_path / "gate")
    gate.set("trunk", address=f"127.0.0.1:{port}", transport="tcp")
    gate.add_pbx(refusal=600)
    far = Sipp("uas", port=port, calls=5, timeout=PATIENCE, trace=False, extra=("-t", "t1"))
    gate.start()
    try:
        gate.wait(lambda: "connected to the trunk" in gate.said(), PATIENCE, "no connection to the carrier")
        near = Sipp("uac", remote=gate.at("tcp"), calls=5, rate=5, service=UNLISTED, timeout=40, extra=("-t", "t1"))
        result = near.result()
        assert (result.successful, result.failed) == (5, 0), result.errors + gate.said()
    finally:
        far.stop()
        gate.stop()
