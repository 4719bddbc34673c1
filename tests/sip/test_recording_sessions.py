"""Recording sessions (SIPREC) on a running line: what a client sends, answered by a service that a test speaks for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import Siprec
from gate.core.sdp import narrow
from gate.media.proxy import expected
from gate.ports import SessionAsked
from gate.sip import recording_offer
from gate.sip.line import SipLine
from tests.support.sip_line import RunningLine, config_for
from tests.support.sip_peer import Heard, Peer
from tests.support.sip_stream import certificate, trusting
from tests.support.siprec import Client, StreamClient, metadata, offer, ports_of
from tests.support.waiting import PATIENCE, until

AT_AN_ADDRESS = Siprec("sbc1", "the SBC", ("127.0.0.1",))


class Service:
    """Takes every session, or does what a test says; ``seen`` is what the line has told."""

    def __init__(self) -> None:
        self.line: SipLine
        self.asks: list[SessionAsked] = []
        self.seen: list[tuple[Any, ...]] = []
        self.arrived = threading.Condition()
        self.waits = False
        """Nothing is decided."""
        self.why = ""
        """Refused with this."""

    def _see(self, *what: Any) -> None:
        with self.arrived:
            self.seen.append(what)
            self.arrived.notify_all()

    def wait(self, kind: str, count: int = 1) -> tuple[Any, ...]:
        end = time.monotonic() + PATIENCE
        with self.arrived:
            while len(found := [each for each in self.seen if each[0] == kind]) < count:
                assert self.arrived.wait(max(0.0, end - time.monotonic())), f"no {kind}; seen {self.seen}"
        return found[count - 1]

    def asked(self, asked: SessionAsked) -> None:
        self.asks.append(asked)
        if self.why:
            self.line.hang_up(asked.session_id, self.why)
        elif not self.waits:
            self.line.take(asked.session_id, "caller", lambda maps: self.line.accept(asked.session_id))
        self._see("asked", asked.session_id)

    def changed(self, session_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        self._see("changed", {side: dict(types) for side, types in payloads.items()})

    def paused(self, session_id: str, on: bool) -> None:
        self._see("paused", on)

    def one_sided(self, session_id: str, side: str) -> None:
        self._see("one_sided", side)

    def over(self, session_id: str, cause: str) -> None:
        self._see("over", cause)


class Line:
    """A line, its service, and a client."""

    def __init__(self, siprec: Siprec = AT_AN_ADDRESS, **sip: Any) -> None:
        self.service = Service()
        config = msgspec.structs.replace(config_for("127.0.0.1:9", pbx=False, sip=sip), siprec=(siprec,))
        self.running = RunningLine(config, sessions=self.service)
        self.service.line = self.running.line

    def __enter__(self) -> Line:
        self.running.__enter__()
        self.client = Client(self.running.address)
        return self

    def __exit__(self, *what: object) -> None:
        self.running.__exit__(*what)
        self.client.sock.close()
        for party in self.client.parties:
            party.socket.close()

    def up(self) -> Heard:
        """A session that is taken."""
        self.client.invite("call@pbx")
        heard = self.client.final()
        assert heard.code == 200, heard.data
        return heard


@pytest.fixture
def line() -> Iterator[Line]:
    with Line() as line:
        yield line


def test_what_the_service_is_told(line: Line) -> None:
    line.up()
    (asked,) = line.service.asks
    assert replace(asked, session_id="", source="") == SessionAsked(
        session_id="", client="sbc1", source="", call_ids=("call@pbx",), paused=False,
        people=("sip:1001@pbx.invalid", "sip:02079460123@pbx.invalid"),
        streams=asked.streams,
    )  # fmt: skip
    assert [(each.label, each.people) for each in asked.streams] == [
        ("1", ("sip:1001@pbx.invalid",)), ("2", ("sip:02079460123@pbx.invalid",)),
    ]  # fmt: skip


@pytest.mark.parametrize(("talking", "silent"), [("caller", "callee"), ("callee", "caller"), ("", "both")])
def test_a_stream_in_which_nothing_comes_is_told_of(
    monkeypatch: pytest.MonkeyPatch, line: Line, talking: str, silent: str
) -> None:
    monkeypatch.setattr("gate.sip.liveness.ONE_SIDED_SECONDS", 0.3)
    line.running.relay.talking |= {talking} - {""}
    line.up()
    assert line.service.wait("one_sided")[1:] == (silent,)


def test_a_stream_that_is_not_there_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session with one stream that speaks; and one that pauses, in which nothing is to come until it goes on."""
    monkeypatch.setattr("gate.sip.liveness.ONE_SIDED_SECONDS", 0.2)
    with Line(dead_peer_seconds=1) as line:
        relay = line.running.relay
        relay.talking.add("caller")
        line.client.invite("call@pbx", sdp=offer(line.client.ports[:1]))
        assert line.client.final().code == 200
        until(lambda: relay.looks >= 4)
        assert line.client.again(offer(line.client.ports, directions=["inactive", "inactive"], version=2)).code == 200
        until(lambda: relay.looks >= 8)
        assert not [each for each in line.service.seen if each[0] == "one_sided"]


def test_an_invite_sent_again_is_one_session_and_gets_the_same_answer(line: Line) -> None:
    client = line.client
    client.invite("call@pbx")
    first = client.recv(only="200")
    client.send(client.sent)
    assert client.recv(only="200").body == first.body, "and without an ACK it is sent again by itself"
    assert client.recv(only="200").body == first.body
    client.ack(first)
    assert len(line.service.asks) == 1


def test_an_answer_that_is_not_acknowledged_ends_the_session(line: Line) -> None:
    line.client.invite("call@pbx")
    line.client.recv(only="200")
    bridge = next(iter(line.running.line._engine.bridges.values()))  # type: ignore[union-attr]
    line.running.call(bridge.caller.on_no_ack)  # what sippy does after 32 seconds
    assert line.service.wait("over") == ("over", "no_ack")
    assert line.client.recv(only="BYE")


def test_withdrawn_before_its_answer(line: Line) -> None:
    line.service.waits = True
    client = line.client
    client.invite("call@pbx")
    line.service.wait("asked")
    client.send(client.request("CANCEL", client.dialog, branch=client.branch))
    codes = {client.recv(only="200").code, client.final().code}
    assert codes == {200, 487}
    assert line.service.wait("over") == ("over", "cancelled")
    assert [each[0] for each in line.service.seen] == ["asked", "over"]


@pytest.mark.parametrize(
    ("why", "code"),
    [("no_such_call", 403), ("recorded_already", 403), ("too_many_sessions", 503), ("evidence_unavailable", 500)],
)
def test_refused_by_the_service(line: Line, why: str, code: int) -> None:
    line.service.why = why
    line.client.invite("call@pbx")
    refused = line.client.final()
    assert (refused.code, f'text="{why}"' in refused.get("Reason")) == (code, True)
    line.client.send(line.client.sent)
    assert line.client.final().code == code
    assert len(line.service.asks) == 1


def test_a_relay_that_cannot(line: Line) -> None:
    line.running.relay.callee_sdp = lambda call_id, body, done: done(None, ValueError("no ports"))  # type: ignore[method-assign]
    line.client.invite("call@pbx")
    assert line.client.final().code == 488
    assert line.service.wait("over") == ("over", "media_unavailable")


def test_a_stream_that_pauses_is_taken_from_nobody_wherever_its_client_is(line: Line) -> None:
    opened: list[str] = []
    line.running.relay.open = lambda call_id, signalled="", *, phone=False: opened.append(signalled)  # type: ignore[method-assign]
    line.up()
    line.client.again(offer([45000, 45002], directions=["inactive", "sendonly"], version=2))
    bodies = [body for side, body in line.running.relay.bodies if side == "caller"]
    for body, address in zip(bodies, ("127.0.0.1", "192.0.0.8"), strict=True):
        (stream,) = recording_offer.read_streams(body)
        assert stream.address == address
        assert expected(narrow(body), opened[0], phone=False) == (address, False)


def test_streams_move_go_and_come(line: Line) -> None:
    client, service = line.client, line.service
    line.up()
    moved = client.again(offer([45000, 45002], version=2, types=[0]))
    assert (moved.code, moved.body.count("a=recvonly")) == (200, 2)
    assert service.wait("changed")[1] == {"caller": {0: "PCMU/8000"}, "callee": {0: "PCMU/8000"}}
    gone = client.again(offer([45000, 0], version=3))
    assert [bool(port) for port in ports_of(gone.body)] == [True, False]
    none = client.again(offer([0, 0], version=4))
    assert [bool(port) for port in ports_of(none.body)] == [False, False]
    assert service.wait("paused") == ("paused", True)
    back = client.again(offer([45000, 45002, 45004], version=5))
    assert [bool(port) for port in ports_of(back.body)] == [True, True, False]
    assert service.wait("paused", 2) == ("paused", False)
    versions = [heard.body.split("\r\n")[1].split()[2] for heard in (moved, gone, none, back)]
    assert versions == ["2", "3", "4", "5"]


@pytest.mark.parametrize(
    "wrong",
    [offer([45000, 45002], types=[96], version=2), offer([45000], version=2), "v=0\r\n"],
    ids=["opus", "fewer", "none"],
)
def test_an_offer_that_cannot_be_taken_changes_nothing(line: Line, wrong: str) -> None:
    line.up()
    assert line.client.again(wrong).code == 488
    assert line.client.again(offer([45000, 45002], version=3)).code == 200
    assert line.client.bye().code == 200
    assert line.service.wait("over") == ("over", "hung_up")


def test_inside_a_session_metadata_alone_is_a_sign_of_life(line: Line) -> None:
    line.up()
    xml = metadata("call@pbx", ["sip:1@pbx", "sip:3@pbx"])
    told = line.client.again(xml, "UPDATE", content_type="application/rs-metadata+xml")
    assert told.code == 200 and not told.body
    again = line.client.request("OPTIONS", line.client.dialog, cseq=90, headers=("Require: siprec, unheard-of",))
    line.client.send(again)
    assert line.client.recv(only="420").get("Unsupported") == "unheard-of"
    asked = line.client.again(xml, content_type="application/rs-metadata+xml")
    assert (asked.code, asked.body.count("a=recvonly")) == (200, 2)


def test_nobody_else_ends_or_turns_it(line: Line) -> None:
    line.up()
    client = line.client
    with Peer("127.0.0.9", client.to) as foreign:
        for method in ("BYE", "INVITE", "UPDATE"):
            foreign.send(foreign.request(method, client.dialog, cseq=50, body=offer([1, 2]) if method != "BYE" else ""))
            assert foreign.recv().code in (403, 100)
    client.dialog.cseq += 1
    refer = client.request(
        "REFER",
        client.dialog,
        headers=("Refer-To: <sip:02079460123@gate.invalid>", f"Contact: <sip:src@{client.address}>"),
    )
    client.send(refer)
    assert client.recv(only="403")
    assert line.service.seen == [("asked", line.service.asks[0].session_id)]
    assert client.bye().code == 200


def test_session_timers() -> None:
    with Line(session_seconds=600) as line:
        client = line.client
        client.invite("call@pbx", headers=("Require: siprec", "Supported: timer", "Session-Expires: 60"))
        assert client.final().get("Min-SE") == "90"
        client.invite("call@pbx", headers=("Require: siprec", "Supported: timer", "Session-Expires: 1800"))
        assert client.final().get("Session-Expires") == "600;refresher=uas"
        bridge = next(iter(line.running.line._engine.bridges.values()))  # type: ignore[union-attr]
        line.running.call(lambda: bridge.offer_answer.timers._refresh("caller"))
        refresh = client.recv(only="INVITE")
        assert refresh.body.count("a=recvonly") == 2
        client.send(client.answer(refresh, 200, "OK", body=offer([45000, 45002], version=7)))
        assert client.recv(only="ACK")
        assert line.service.wait("changed")
        line.running.call(lambda: bridge.offer_answer.timers._expired("caller"))
        assert line.service.wait("over") == ("over", "session_expired")
        assert client.recv(only="BYE")


def test_a_silent_client_that_answers_nothing_is_gone() -> None:
    with Line(dead_peer_seconds=1) as line:
        line.up()
        assert line.service.wait("over") == ("over", "media_timeout")


def test_a_client_is_known_by_its_certificate_and_is_no_pbx(tmp_path: Path) -> None:
    own, gate = certificate(tmp_path / "sbc", "sbc.invalid"), certificate(tmp_path, "gate.invalid")
    sip = {"tls": "127.0.0.1:0", "tls_certificate": str(gate[0]), "tls_key": str(gate[1])}
    with Line(siprec=Siprec("sbc2", "the SBC", certificate=str(own[0])), **sip) as line:
        at = line.running.line.listening("tls")[0]
        with StreamClient(at, tls=trusting(gate[0], own=own)) as client:
            client.invite("call@pbx")
            assert client.final().code == 200
            assert line.service.asks[0].client == "sbc2"
            client.invite("call@pbx", headers=())
            assert client.final().code == 404, "it may have calls recorded, and make none"
        with StreamClient(at, tls=trusting(gate[0])) as nobody:
            nobody.invite("call@pbx")
            assert nobody.final().code == 420
