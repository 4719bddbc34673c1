"""A carrier by TCP and TLS: one connection, opened again when it is lost, and no other way."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.support.sip_line import RunningLine, config_for
from tests.support.sip_peer import Peer, Phone
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
        assert line.call_manager.wait("failed", PATIENCE)[3] == "trunk_unreachable"
        assert udp.quiet()
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
