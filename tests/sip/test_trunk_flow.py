"""A carrier by TCP and TLS: one connection, opened again when it is lost, and no other way."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import Trunk
from gate.sip import trunk_failover
from tests.sip.test_trunk_failover import no_invite, taken
from tests.support.sip_line import RunningLine, config_for
from tests.support.sip_peer import Callee, Peer, Phone
from tests.support.sip_stream import StreamCallee, certificate, serving
from tests.support.waiting import PATIENCE, until

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


class Carried:
    """A line with a carrier by TCP or TLS, and a phone by UDP."""

    def __init__(self, transport: str, folder: Path, *, callee: StreamCallee | None = None, **options: Any) -> None:
        self.pem, self.key = certificate(folder, "127.0.0.1")
        tls = serving(self.pem, self.key) if transport == "tls" else None
        self.callee = callee or StreamCallee(tls)
        trunk = {"transport": transport} | ({"ca": str(self.pem)} if transport == "tls" else {}) | options
        self.running = RunningLine(config_for(self.callee.address, trunk_options=trunk))
        self.line, self.call_manager = self.running.line, self.running.call_manager

    def __enter__(self) -> Carried:
        self.running.__enter__()
        self.phone = Phone(self.running.address)
        return self

    def __exit__(self, *what: object) -> None:
        self.running.__exit__(*what)
        self.phone.sock.close()
        self.callee.close()

    def up(self) -> None:
        self.callee.accept()
        until(lambda: not self.line.warnings() and self.line.trunk_up)


@TRANSPORTS
def test_a_call_goes_by_the_connection_from_invite_to_bye(transport: str, tmp_path: Path) -> None:
    with Carried(transport, tmp_path) as line:
        line.up()
        line.phone.dial()
        invite = line.callee.ring()
        assert invite.get("Via").startswith(f"SIP/2.0/{transport.upper()} ")
        assert invite.contact.endswith(f";transport={transport}")
        assert line.phone.recv(PATIENCE, only="180")
        line.callee.pick_up()
        answer = line.phone.recv(PATIENCE, only="200")
        line.phone.ack(answer)
        line.callee.send(line.callee.request("BYE", line.callee.dialog()))
        assert line.callee.recv(only="200")
        assert line.phone.recv(PATIENCE, only="BYE")


@TRANSPORTS
def test_a_call_is_cancelled_by_the_connection(transport: str, tmp_path: Path) -> None:
    with Carried(transport, tmp_path) as line:
        line.up()
        line.phone.dial()
        line.callee.ring()
        line.phone.recv(PATIENCE, only="180")
        line.phone.cancel()
        cancel = line.callee.recv(only="CANCEL")
        line.callee.send(line.callee.answer(cancel, 200, "OK"))
        line.callee.say(487, "Request Terminated")
        assert line.callee.recv(only="ACK")
        assert line.phone.recv(PATIENCE, only="487")


@TRANSPORTS
def test_without_a_connection_calls_fail_and_nothing_goes_by_udp(transport: str, tmp_path: Path) -> None:
    with Carried(transport, tmp_path) as line, Peer(port=line.callee.port) as udp:
        line.up()
        line.callee.close()
        until(lambda: line.line.trunk_up is False)
        assert "no connection" in line.line.warnings()[0]
        line.phone.dial()
        assert line.phone.recv(PATIENCE, only="503")
        assert line.call_manager.wait("failed", PATIENCE)[2:] == ("503", "trunk_unreachable")
        assert udp.nothing_from(line.phone.to)
        line.callee.listen()
        line.up()
        line.phone.dial()
        line.callee.ring()


def test_an_invite_is_sent_once(tmp_path: Path) -> None:
    with Carried("tcp", tmp_path) as line:
        line.up()
        line.phone.dial()
        line.callee.recv(only="INVITE")
        assert line.callee.silent(1.2)


def test_an_invite_without_any_answer_fails_when_its_connection_is_lost(tmp_path: Path) -> None:
    with Carried("tcp", tmp_path) as line:
        line.up()
        line.phone.dial()
        line.callee.recv(only="INVITE")
        line.callee.hang_up()
        assert line.phone.recv(PATIENCE, only="503")
        assert line.call_manager.wait("failed", PATIENCE)[2:] == ("408", "trunk_unreachable")  # it may have arrived


def test_a_call_outlives_its_connection_and_is_ended_by_the_next(tmp_path: Path) -> None:
    with Carried("tcp", tmp_path) as line:
        line.up()
        line.phone.dial()
        invite = line.callee.ring()
        line.callee.pick_up()
        line.phone.ack(line.phone.recv(PATIENCE, only="200"))
        line.callee.hang_up()
        line.phone.send(line.phone.next("BYE"))
        assert line.phone.recv(PATIENCE, only="200")
        line.callee.accept()
        assert line.callee.recv(only="BYE").get("Call-ID") == invite.get("Call-ID")


class Set(Carried):
    """A carrier by TCP or TLS before one by UDP, and a call that is being set up at the first."""

    def __init__(self, transport: str, folder: Path, **options: Any) -> None:
        super().__init__(transport, folder, name="a", **options)
        self.second = Callee()
        config = self.line._config
        second = Trunk(self.second.address, "b", options_seconds=0, order=2)
        self.running = RunningLine(msgspec.structs.replace(config, trunk=(*config.trunk, second)))
        self.line, self.call_manager = self.running.line, self.running.call_manager

    def __exit__(self, *what: object) -> None:
        super().__exit__(*what)
        self.second.sock.close()

    def up(self) -> None:
        self.callee.accept()
        until(lambda: not self.line.warnings() and self.line.trunks()[0].up)

    def dial(self, code: int) -> None:
        """The INVITE is at the first carrier, which has said so much."""
        self.up()
        self.phone.dial()
        taken(self.callee)
        if code:
            self.callee.say(code, "Trying" if code == 100 else "Ringing")
            seen = {100: lambda bridge: bridge.progress.heard, 180: lambda bridge: bridge.progress.rung}[code]
            until(lambda: any(seen(each) for each in self.line._engine.bridges.values()))

    def lose(self, how: str) -> None:
        """The connection ends, by the carrier or for what it sends."""
        if how == "garbage":
            self.callee.sock.sendall(b"\x00\xff nothing that is SIP\r\n\r\n")
        elif how == "no length":
            self.callee.sock.sendall(b"SIP/2.0 183 So\r\nVia: SIP/2.0/TCP x\r\n\r\n")
        else:
            self.callee.hang_up()


LOSSES = pytest.mark.parametrize("how", ["closed", "garbage", "no length"])


@TRANSPORTS
@LOSSES
def test_an_invite_without_any_answer_goes_on_at_the_next_trunk(transport: str, how: str, tmp_path: Path) -> None:
    with Set(transport, tmp_path) as line:
        line.dial(0)
        line.lose(how)
        taken(line.second)
        line.up()
        line.second.say(100, "Trying")
        line.callee.say(180, "Ringing")  # after all: nobody is rung twice
        assert line.callee.recv(only="CANCEL")
        assert line.second.recv(PATIENCE, only="CANCEL")


@TRANSPORTS
@LOSSES
@pytest.mark.parametrize("code", [100, 180])
def test_an_invite_goes_again_by_the_next_connection(transport: str, how: str, code: int, tmp_path: Path) -> None:
    with Set(transport, tmp_path) as line:
        line.dial(code)
        first = line.callee.invite
        line.lose(how)
        line.up()
        again = taken(line.callee)
        assert again.data == first.data, "the same transaction"
        line.callee.say(180, "Ringing")
        assert line.phone.recv(PATIENCE, only="180")
        line.callee.pick_up()
        line.phone.ack(line.phone.recv(PATIENCE, only="200"))
        line.phone.send(line.phone.next("BYE"))
        assert line.callee.recv(only="BYE")
        assert ("dialling_again", "a", "connection_lost") in [
            (what[0], *what[2:]) for what in line.call_manager.seen if len(what) == 4
        ]
        assert no_invite(line.second)


@TRANSPORTS
@pytest.mark.parametrize("returns", [True, False])
def test_a_callee_that_rang_and_is_not_heard_of_again_is_taken_back(
    transport: str, returns: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six seconds later, and not after 48: the caller hears it, and the callee is told by the next connection."""
    assert trunk_failover.LOST_SECONDS <= 8
    monkeypatch.setattr(trunk_failover, "LOST_SECONDS", 1.0)
    with Set(transport, tmp_path) as line:
        line.dial(180)
        if not returns:
            line.callee.listener.close()
        line.callee.hang_up()
        if returns:
            line.up()
            taken(line.callee)
        assert line.phone.recv(PATIENCE, only="480")
        if not returns:
            line.callee.listen()
            line.up()
        assert line.callee.recv(only="CANCEL").get("Call-ID") == line.callee.invite.get("Call-ID")
        assert no_invite(line.second)
        assert line.call_manager.wait("failed", PATIENCE)[2:] == ("480", "connection_lost")


def test_what_had_not_rung_and_is_not_heard_of_again_goes_on_at_the_next_trunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk_failover, "LOST_SECONDS", 1.0)
    with Set("tcp", tmp_path) as line:
        line.dial(100)
        line.callee.hang_up()
        line.up()
        taken(line.callee)
        taken(line.second)
        assert line.callee.recv(only="CANCEL")
        line.second.say(180, "Ringing")
        assert line.phone.recv(PATIENCE, only="180")


def test_who_has_objected_while_the_connection_was_lost_is_taken_back(tmp_path: Path) -> None:
    with Set("tcp", tmp_path) as line:
        line.dial(180)
        line.call_manager.not_again = "objected"
        line.callee.hang_up()
        line.up()
        assert line.callee.recv().method == "CANCEL", "no INVITE by the new connection"
        assert line.phone.recv(PATIENCE, only="603")
        assert no_invite(line.second)


@pytest.mark.parametrize("fault", ["another name", "another authority"])
def test_a_carrier_that_is_not_who_it_should_be_is_told_nothing(fault: str, tmp_path: Path) -> None:
    name = "elsewhere.invalid" if fault == "another name" else "127.0.0.1"
    pem, key = certificate(tmp_path / "false", name, literal=fault != "another name")
    false = StreamCallee(serving(pem, key))
    ca = {"ca": str(pem)} if fault == "another name" else {}
    with Carried("tls", tmp_path, callee=false, **ca) as line:
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            false.accept()
            false.recv(only="nothing")
        until(lambda: "certificate" in " ".join(line.line.warnings()))
        line.phone.dial()
        assert line.phone.recv(PATIENCE, only="503")


def test_the_gate_shows_its_certificate_to_a_carrier_that_asks(tmp_path: Path) -> None:
    own = certificate(tmp_path / "own", "gate.invalid")
    pem, key = certificate(tmp_path, "127.0.0.1")
    asking = serving(pem, key)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(own[0])
    options = {"certificate": str(own[0]), "key": str(own[1]), "ca": str(pem)}
    with Carried("tls", tmp_path / "other", callee=StreamCallee(asking), **options) as line:
        line.up()
        line.phone.dial()
        line.callee.ring()


def test_what_is_asked_by_options_and_register_goes_by_the_connection_and_again_by_the_next(tmp_path: Path) -> None:
    options = {"options_seconds": 60, "username": "gate", "password_file": "x", "register": True}
    with Carried("tcp", tmp_path, **options) as line:
        for _ in range(2):
            line.callee.accept()
            for _ in range(2):
                asked = line.callee.recv()
                line.callee.send(line.callee.answer(asked, 200, "OK"))
            until(lambda: line.line.trunk_up)
            line.callee.hang_up()
            until(lambda: not line.line.trunk_up)
