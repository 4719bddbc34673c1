"""Somebody at the carrier's own host who knows the ids of a call: another connection of it moves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.sip_line import RunningLine, config_for
from tests.support.sip_peer import Phone, sdp
from tests.support.sip_stream import StreamCallee, StreamPhone, certificate, serving, trusting
from tests.support.waiting import PATIENCE, until

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


class Shared:
    """A call to a carrier by TCP or TLS, at whose host somebody else may connect to the gate, too."""

    def __init__(self, transport: str, folder: Path, **options: Any) -> None:
        self.transport = transport
        self.pem, key = certificate(folder, "127.0.0.1")
        self.carrier = StreamCallee(serving(self.pem, key) if transport == "tls" else None)
        trunk = {"transport": transport} | ({"ca": str(self.pem)} if transport == "tls" else {}) | options
        sip = {"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0", "tls_certificate": str(self.pem), "tls_key": str(key)}
        self.running = RunningLine(config_for(self.carrier.address, trunk_options=trunk, sip=sip))
        self.call_manager = self.running.call_manager

    def up(self) -> None:
        """The carrier takes the gate's connection."""
        self.carrier.accept()
        until(lambda: self.running.line.trunk_up)

    def connected(self) -> None:
        """The callee has answered."""
        self.up()
        self.phone = Phone(self.running.address)
        self.phone.dial()
        self.carrier.ring()
        self.carrier.pick_up()
        self.phone.ack(self.phone.recv(PATIENCE, only="200"))

    def another(self, own: tuple[Path, Path] | None = None) -> StreamPhone:
        """Another connection of the carrier's host to the gate's listener."""
        tls = trusting(self.pem, own=own) if self.transport == "tls" else None
        to = self.running.call(lambda: self.running.line._engine.streams.addresses(self.transport)[0])
        return StreamPhone(to, tls, name="127.0.0.1")

    def says(self, method: str, body: str = "", cseq: int = 90) -> str:
        """A request of the carrier's inside the call."""
        return self.carrier.request(method, self.carrier.dialog(), cseq=cseq, body=body)


@contextmanager
def shared(transport: str, folder: Path, **options: Any) -> Iterator[Shared]:
    """A call that is up."""
    line = Shared(transport, folder, **options)
    with line.running:
        try:
            line.connected()
            yield line
        finally:
            line.carrier.close()
            line.phone.sock.close()


@TRANSPORTS
def test_another_connection_of_the_carriers_host_moves_nothing_and_ends_nothing(transport: str, tmp_path: Path) -> None:
    with shared(transport, tmp_path) as line:
        before = line.running.call(lambda: list(line.running.relay.bodies))
        enemy = line.another()
        for cseq, method in enumerate(("INVITE", "UPDATE", "INFO", "OPTIONS", "BYE"), 90):
            body = sdp(4711) if method in ("INVITE", "UPDATE") else ""
            enemy.send(line.says(method, body, cseq))
            assert enemy.recv().code == 403, method
        enemy.send(line.says("ACK", sdp(4711), 1))
        asked = line.carrier.recv(only="OPTIONS")  # whether the BYE was true
        line.carrier.send(line.carrier.answer(asked, 200, "OK"))
        assert line.running.call(lambda: list(line.running.relay.bodies)) == before
        assert not {"hung_up", "digit"} & set(line.call_manager.kinds())
        line.carrier.send(line.says("BYE", cseq=99))
        assert line.carrier.recv(only="200")
        assert line.phone.recv(PATIENCE, only="BYE")


@TRANSPORTS
def test_a_true_bye_by_another_connection_ends_the_call_when_the_carrier_is_asked(
    transport: str, tmp_path: Path
) -> None:
    with shared(transport, tmp_path) as line:
        other = line.another()
        other.send(line.says("BYE"))
        assert other.recv().code == 403
        asked = line.carrier.recv(only="OPTIONS")
        line.carrier.send(line.carrier.answer(asked, 481, "Call/Transaction Does Not Exist"))
        assert line.phone.recv(PATIENCE, only="BYE")
        assert line.call_manager.wait("hung_up")[2:] == ("callee", "call_unknown")


@TRANSPORTS
def test_a_carrier_whose_connection_was_lost_ends_the_call_by_the_next(transport: str, tmp_path: Path) -> None:
    with shared(transport, tmp_path) as line:
        line.carrier.hang_up()
        line.up()
        line.carrier.send(line.says("BYE"))
        assert line.carrier.recv(only="200")
        assert line.phone.recv(PATIENCE, only="BYE")


def test_a_carrier_shows_its_certificate_by_a_connection_of_its_own(tmp_path: Path) -> None:
    own, strange = (
        certificate(tmp_path / "carrier", "carrier.invalid"),
        certificate(tmp_path / "other", "other.invalid"),
    )
    with shared("tls", tmp_path, peer_certificate=str(own[0])) as line:
        nobody = line.another()
        nobody.send(line.says("BYE"))
        assert nobody.recv().code == 403
        with pytest.raises((OSError, AssertionError)):  # its handshake fails
            forger = line.another(strange)
            forger.send(line.says("BYE"))
            forger.recv()
        assert "hung_up" not in line.call_manager.kinds()
        carrier = line.another(own)
        carrier.send(line.says("BYE"))
        assert carrier.recv(only="200")
        assert line.phone.recv(PATIENCE, only="BYE")


def test_a_carrier_by_tcp_connects_from_the_addresses_of_the_configuration(tmp_path: Path) -> None:
    with shared("tcp", tmp_path, addresses=("127.0.0.0/8",)) as line:
        carrier = line.another()
        carrier.send(line.says("BYE"))
        assert carrier.recv(only="200")
        assert line.phone.recv(PATIENCE, only="BYE")


@pytest.mark.parametrize(("options", "listener"), [({}, False), ({"addresses": ("127.0.0.0/8",)}, True)])
def test_its_requests_are_sent_to_where_they_are_heard(options: Any, listener: bool, tmp_path: Path) -> None:
    """Contact is the gate's listener where the carrier's own connections are known, else the connection there is."""
    with shared("tcp", tmp_path, **options) as line:
        port = line.another().to[1] if listener else line.carrier.last_from[1]
        assert f":{port};transport=tcp" in line.carrier.invite.contact
