"""What the gate believes of an edge in front of it: whose a request is, from the edge's own address alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from gate.config import Account, CallIn, Edge, Pbx
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, config_for
from tests.support.sip_peer import Heard, Peer, Phone, read, sdp

ACCOUNTS = (Account("alice", "x", PRESENTED), Account("bob", "x", PRESENTED, srtp="required"))
PHONE, OTHER = "203.0.113.7:5060", "203.0.113.8:5060"


def client(address: str = PHONE, transport: str = "tls", media: str = "sdes") -> str:
    """The header that the edge puts in."""
    return f"X-Dialgate-Client: {address};transport={transport};media={media}"


class Behind:
    """A line, the edge in front of it, and the carrier behind."""

    def __init__(self, pbx: tuple[Pbx, ...] = ()) -> None:
        self.edge, self.carrier = Phone(("127.0.0.1", 9)), Phone(("127.0.0.1", 9))
        config = config_for(self.carrier.address, pbx=False, accounts=ACCOUNTS)
        config = msgspec.structs.replace(config, pbx=pbx)
        calls = (CallIn(PRESENTED, ("account:alice", "account:bob")),)
        self.running = RunningLine(msgspec.structs.replace(config, edge=Edge(address=self.edge.address), call_in=calls))

    def ask(
        self, method: str, *headers: str, by: Peer | None = None, name: str = "alice", right: bool = True,
        body: str = "",
    ) -> Heard:  # fmt: skip
        """A request and, where it is challenged, the same with credentials; returns the final answer to it."""
        by = by or self.edge
        by.to = self.running.address
        by.drain()
        dialog = by.asked = by.new_dialog("02079460000" if method == "INVITE" else name, name=name)
        if method == "REGISTER":
            dialog.target = "sip:gate.invalid"
        heard = self._final(by, by.request(method, dialog, headers=headers, body=body))
        if heard.code == 401:
            dialog.cseq += 1
            asked = challenge(heard.get("WWW-Authenticate"))
            line = authorization(asked, name, "secret" if right else "wrong", method, dialog.target)
            heard = self._final(by, by.request(method, dialog, headers=(line, *headers), body=body))
        return heard

    @staticmethod
    def _final(by: Peer, request: str) -> Heard:
        by.send(request)
        asked = read(request.encode())
        while (heard := by.recv()).code < 200 or heard.get("Call-ID") != asked.get("Call-ID"):
            pass  # a final answer to an earlier request is sent again until its ACK has come
        return heard

    def let_through(self) -> str:
        """The source of the call that was let through last."""
        self.running.call_manager.wait("incoming", count=len(self.running.call_manager.incomings) or 1)
        return self.running.call_manager.incomings[-1].source


@pytest.fixture(scope="module")
def behind() -> Iterator[Behind]:
    made = Behind()
    made.running.call_manager.refused["*"] = "listed_tps"
    with made.running:
        yield made
    made.edge.sock.close()
    made.carrier.sock.close()


def test_the_edge_says_whose_a_call_is_and_nobody_else_does(behind: Behind) -> None:
    assert behind.ask("INVITE", client(), body=sdp()).code == 603
    assert behind.let_through() == PHONE
    with Phone(behind.running.address) as stranger:
        assert behind.ask("INVITE", client(), by=stranger, body=sdp()).code == 603
        assert behind.let_through() == stranger.address


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (client(), client(OTHER)),
        ("X-Dialgate-Client: 203.0.113.7",),
        ("X-Dialgate-Client: 999.1.1.1:5;transport=tls;media=rtp",),
        ("X-Dialgate-Client: 203.0.113.7:5060;transport=tls;media=sdes;more",),
    ],
)
def test_a_request_that_the_edge_does_not_name_is_refused(behind: Behind, headers: tuple[str, ...]) -> None:
    asked = len(behind.running.call_manager.incomings)
    heard = behind.ask("INVITE", *headers, body=sdp())
    assert (heard.code, heard.start[12:]) == (400, "Whose Request Is This")
    assert len(behind.running.call_manager.incomings) == asked


def test_the_edge_itself_may_ask_whether_the_gate_is_there(behind: Behind) -> None:
    assert behind.ask("OPTIONS").code == 200


def test_a_gate_that_takes_no_calls_says_so_to_the_edge_and_to_nobody_else(behind: Behind) -> None:
    calls = behind.running.call_manager
    calls.takes_calls = False
    try:
        assert behind.ask("OPTIONS").code == 503
        assert behind.ask("OPTIONS", client()).code == 200
        with Phone(behind.running.address) as phone:
            assert behind.ask("OPTIONS", by=phone).code == 200
        behind.ask("INVITE", client(), body=sdp())
        assert calls.incomings[-1].attempt.claimed_by == "account:alice", "what comes all the same is the calls' affair"
    finally:
        calls.takes_calls = True


def test_audio_that_is_not_the_edges_is_refused(behind: Behind) -> None:
    heard = behind.ask("INVITE", client(), body=sdp().replace("c=IN IP4 127.0.0.1", "c=IN IP4 203.0.113.7"))
    assert (heard.code, heard.start[12:]) == (488, "Not Through The Media Relay")


@pytest.mark.parametrize(("transport", "media", "carried"), [
    ("tls", "sdes", True), ("wss", "dtls", True), ("tls", "rtp", False), ("udp", "sdes", False), ("ws", "dtls", False),
])  # fmt: skip
def test_an_account_with_srtp_is_carried_where_its_leg_is_encrypted(
    behind: Behind, transport: str, media: str, carried: bool
) -> None:
    behind.ask("INVITE", client(transport=transport, media=media), name="bob", body=sdp())
    assert behind.running.call_manager.incomings[-1].carried is carried


def test_an_account_with_srtp_is_not_carried_past_the_edge(behind: Behind) -> None:
    with Phone(behind.running.address) as phone:
        behind.running.call_manager.refused["*"] = "media_unavailable"
        heard = behind.ask("INVITE", client(), by=phone, name="bob", body=sdp())
        behind.running.call_manager.refused["*"] = "listed_tps"
    assert behind.running.call_manager.incomings[-1].carried is False
    assert (heard.code, heard.get("X-Dialgate-Reason")) == (488, "media_unavailable")


@pytest.fixture
def encrypted(behind: Behind) -> Iterator[Phone]:
    """Bob's talk, begun with encrypted audio; the edge, as far as he is concerned."""
    edge, carrier = behind.edge, behind.carrier
    edge.drain(), carrier.drain()
    del behind.running.call_manager.refused["*"]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(behind.ask, "INVITE", client(), name="bob", body=sdp())
        invite = carrier.recv(only="INVITE")
        carrier.send(carrier.answer(invite, 200, "OK", tag="far", body=sdp(41000)), carrier.last_from)
        heard = asked.result()
    behind.running.call_manager.refused["*"] = "listed_tps"
    edge.dialog = edge.asked
    edge.ack(heard)
    carrier.recv(only="ACK")
    yield edge
    edge.send(edge.next("BYE", headers=(client(media="none"),)))
    agreed(edge, "BYE")


def agreed(phone: Phone, method: str) -> Heard:
    """The 200 to the phone's last request, and not one that is sent again: an INVITE's is until its ACK has come."""
    while (heard := phone.recv(only="200")).get("CSeq") != f"{phone.dialog.cseq} {method}":
        pass
    return heard


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_audio_in_clear_is_not_agreed_on_in_a_call_that_began_encrypted(
    behind: Behind, encrypted: Phone, method: str
) -> None:
    behind.carrier.drain()
    for seen, code in ((client(media="rtp"), "488"), (client(transport="udp"), "403")):
        branch = f"z9hG4bK{method}{code}"
        encrypted.send(encrypted.next(method, headers=(seen,), body=sdp(43000), branch=branch))
        encrypted.recv(only=code)
        if method == "INVITE":
            encrypted.send(encrypted.request("ACK", encrypted.dialog, branch=branch, headers=(seen,)))
    assert behind.carrier.nothing_from(behind.running.address)


def test_what_has_no_audio_in_it_is_taken_in_a_call_that_began_encrypted(encrypted: Phone) -> None:
    digit = encrypted.next(
        "INFO", headers=(client(media="none"),), body="Signal=1\r\n", content_type="application/dtmf-relay"
    )
    encrypted.send(digit)
    agreed(encrypted, "INFO")
    encrypted.send(encrypted.next("INVITE", headers=(client(),), body=sdp()))
    encrypted.ack(agreed(encrypted, "INVITE"))


def test_guesses_lock_the_phone_that_guesses_and_no_other(behind: Behind) -> None:
    for port in range(5001, 5006):  # so many answers has one port
        assert behind.ask("REGISTER", client(f"203.0.113.66:{port}"), right=False).code == 403
    assert behind.ask("REGISTER", client("203.0.113.66:5006")).code == 403
    assert behind.ask("REGISTER", client(OTHER)).code == 200


def test_a_phone_is_rung_by_the_path_that_it_has_registered_by(behind: Behind) -> None:
    path = f"<sip:{behind.edge.address};lr;received=sip:{PHONE}>"
    heard = behind.ask("REGISTER", client(), f"Path: {path}")
    assert (heard.code, heard.get("Path")) == (200, path)
    assert behind.ask("REGISTER", client(OTHER, "udp", "none"), f"Path: {path}", name="bob").code == 200
    # Bob's audio has to be encrypted, and his phone has no TLS: he is not rung.
    ringable = behind.running.call(lambda: behind.running.line._running().calls_in.ringable(PRESENTED))
    assert {each.who for each in ringable} == {"account:alice"}
    behind.carrier.to = behind.running.address
    behind.carrier.dial("0" + PRESENTED[3:], sender="<sip:+447700900123@carrier.invalid>")
    behind.carrier.ack(behind.carrier.recv(only="200"))
    rung = behind.edge.recv(only="INVITE")
    assert sorted(rung.get("Route").strip("<>").split(";")) == sorted(path.strip("<>").split(";"))
    assert rung.start.split()[1].startswith("sip:alice@")


def test_a_path_is_believed_from_the_edge_alone(behind: Behind) -> None:
    with Phone(behind.running.address) as phone:
        assert not behind.ask("REGISTER", "Path: <sip:192.0.2.66;lr>", by=phone).get("Path")


OFFICE, LEFT_OPEN = "198.51.100.5", "127.0.0.9"


@pytest.fixture(scope="module")
def offices() -> Iterator[Behind]:
    """PBXs that are known by their address: one by way of the edge, one that is not believed by UDP."""
    made = Behind(
        pbx=(
            Pbx("office", (OFFICE,), PRESENTED),
            Pbx("by-tcp", ("127.0.0.77",), PRESENTED, udp=False),
            Pbx("open", (LEFT_OPEN,), PRESENTED),
        )
    )
    made.running.call_manager.refused["*"] = "listed_tps"
    with made.running:
        yield made
    made.edge.sock.close()
    made.carrier.sock.close()


@pytest.mark.parametrize(("transport", "believed"), [("udp", False), ("tcp", True), ("tls", True), ("wss", True)])
def test_a_pbxs_address_is_its_word_at_the_edge_where_nobody_can_forge_it(
    offices: Behind, transport: str, believed: bool
) -> None:
    """Refused as its calls are, all the same: it gives up."""
    asked = len(offices.running.call_manager.incomings)
    heard = offices.ask("INVITE", client(f"{OFFICE}:5060", transport, "rtp"), body=sdp())
    said = "Declined: on the TPS" if believed else "By TCP Or TLS Alone"
    assert (heard.code, heard.start.partition(" 600 ")[2]) == (600, said)
    assert len(offices.running.call_manager.incomings) == asked + believed


@pytest.mark.parametrize(("host", "believed"), [("127.0.0.77", False), (LEFT_OPEN, True)])
def test_a_datagram_with_the_address_of_a_pbx_is_that_pbx_where_the_configuration_says_so(
    offices: Behind, host: str, believed: bool
) -> None:
    asked = len(offices.running.call_manager.incomings)
    with Phone(offices.running.address, host=host) as forger:
        heard = offices.ask("INVITE", by=forger, body=sdp())
    assert heard.code == 600
    assert len(offices.running.call_manager.incomings) == asked + believed


def test_the_address_of_a_carrier_is_not_its_word_by_way_of_the_edge(behind: Behind) -> None:
    """It would be taken for a call in."""
    heard = behind.ask("INVITE", client("127.0.0.1:5060", "udp", "rtp"), body=sdp(), name="nobody", right=False)
    assert heard.code == 603
    assert behind.running.call_manager.incomings[-1].problem == "not_authenticated"
