"""An edge in front of a whole gate: Kamailio 6.0 and rtpengine 12.5, as ``dialgate edge config`` writes them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import tomlkit

from gate.g711 import ulaw_decode
from tests.media.line_process import ports_of
from tests.support import baresip, browser, edge
from tests.support.audio import Heard as Packet
from tests.support.audio import Party, read_wav, share, windows
from tests.support.baresip import Baresip
from tests.support.calls_in import CALLER, OWN, TONES, taking_calls
from tests.support.edge import Edge
from tests.support.phones import Phones, heard, speaking
from tests.support.running_gate import LISTED, ROOT, UNLISTED
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_peer import Callee, Heard, Phone, sdp
from tests.support.sip_stream import StreamPhone, trusting
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

BOBS = "+441632960100"
"""Own number of which Bob's phone is rung."""
CUSTOMER, AGENT, STRANGER = 1700.0, 1000.0, 2300.0


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One edge and one gate for all of these."""
    edge.required()
    gate = taking_calls(tmp_path_factory.mktemp("edge") / "gate", to=["account:alice"])
    gate.set("calling", redial_hours=0)
    document = tomlkit.parse(gate.config.read_text())
    document["call_in"].append({"number": BOBS, "to": ["account:bob"]})
    gate.config.write_text(tomlkit.dumps(document))
    made = Edge(gate)
    gate.start()
    try:
        made.start()
        yield made
    finally:
        made.stop()
        gate.stop()


def dial(front: Edge, phone: Phone, number: str, *headers: str, method: str = "INVITE", contact: str = "") -> Heard:
    """Alice's request through the edge, by UDP; the final answer to it."""
    dialog = phone.new_dialog(number)
    dialog.remote = dialog.local.partition(";")[0] if method == "REGISTER" else dialog.remote
    body = sdp() if method == "INVITE" else ""
    phone.send(phone.request(method, dialog, body=body, headers=headers))
    asked = challenge(phone.recv(only="401").get("WWW-Authenticate"))
    dialog.cseq += 1
    line = authorization(asked, "alice", front.gate.password(), method, dialog.target)
    phone.dialog, phone.branch = dialog, f"z9hG4bK{dialog.call_id}"
    phone.send(phone.request(method, dialog, body=body, headers=(line, *headers), branch=phone.branch, contact=contact))
    while (heard := phone.recv()).code < 200 or heard.get("CSeq") != f"2 {method}":
        pass
    return heard


def test_kamailio_takes_the_configuration(front: Edge) -> None:
    done = subprocess.run(["kamailio", "-c", "-f", front.write()], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr


def test_a_phone_over_tls_registers_and_calls_with_srtp(front: Edge, tmp_path: Path) -> None:
    baresip.required()
    gate = front.gate
    with Uas("--tone", "600", "--hangup-after", "3", port=gate.trunk_port) as far:
        phone = Baresip(
            tmp_path / "phone", front.at("tls"), "alice", gate.password(), 1000, transport="tls", trusted=front.pem,
            srtp=True,
        )  # fmt: skip
        phone.call(UNLISTED, 20)
        phone.wait("200 OK.*binding", PATIENCE)
        phone.wait("Call established", PATIENCE)
        shown = far.wait("call", PATIENCE)
        phone.wait("session closed", PATIENCE)
        assert phone.process
        phone.process.terminate()  # it writes what it has heard
        phone.process.wait(PATIENCE)
    assert "SRTP is Enabled" in phone.said
    assert [hertz for _, hertz, share in shown["heard"] if hertz == 1000 and share > 0.9][4:], shown
    assert [hertz for hertz in windows(phone.heard()) if hertz and abs(hertz - 600) < 15][4:]


def test_a_listed_number_is_refused_with_the_gates_own_code(front: Edge) -> None:
    with Phone(front.at("udp")) as phone:
        heard = dial(front, phone, LISTED)
        assert heard.start == "SIP/2.0 603 Declined: on the TPS"
        assert heard.get("X-Dialgate-Reason") == "listed_tps"
        phone.ack(heard)
        (row,) = front.gate.rows("SELECT source FROM calls WHERE verdict = 'block' ORDER BY leaf_index DESC LIMIT 1")
        assert row["source"] == phone.address


@pytest.mark.parametrize("name", ["X-Dialgate-Client", "x-dialgate-client ", "X-DIALGATE-CLIENT"])
def test_whose_a_request_is_cannot_be_said_from_outside(front: Edge, name: str) -> None:
    with Phone(front.at("udp")) as phone:
        forged = f"{name}: 203.0.113.77:5060;transport=wss;media=dtls"
        phone.ack(dial(front, phone, LISTED, forged, "Route: <sip:192.0.2.66;lr>"))
        (row,) = front.gate.rows("SELECT source FROM calls WHERE verdict = 'block' ORDER BY leaf_index DESC LIMIT 1")
        assert row["source"] == phone.address


def test_a_path_of_the_phones_own_is_taken_away(front: Edge) -> None:
    with Phone(front.at("udp")) as phone:
        heard = dial(front, phone, "alice", "Path: <sip:192.0.2.66;lr>", method="REGISTER")
        assert heard.code == 200
        assert "192.0.2.66" not in heard.get("Path")
        assert f"received=sip:{phone.address}" in heard.get("Path")


def test_a_phone_over_tls_is_rung_with_srtp(front: Edge) -> None:
    phone = StreamPhone(front.at("tls"), trusting(front.pem), name="127.0.0.1")
    assert dial(front, phone, "alice", method="REGISTER").code == 200
    with Phones(to=front.gate.address, port=front.gate.trunk_port, name=CALLER) as trunk:
        trunk.dial("0" + OWN[3:])
        rung = phone.recv(only="INVITE")
        phone.send(phone.answer(rung, 486, "Busy Here", tag="busy"))
        phone.recv(only="ACK")
    phone.sock.close()
    assert " RTP/SAVP " in rung.body and "AES_CM_128_HMAC_SHA1_80" in rung.body
    assert "NULL_" not in rung.body, "no encryption, under its name"


def test_a_call_in_is_answered_over_tls_with_srtp_heard_both_ways_and_recorded(front: Edge, tmp_path: Path) -> None:
    """Then the phone's connection is gone: it cannot be rung until it registers anew."""
    baresip.required()
    gate = front.gate
    phone = Baresip(
        tmp_path / "phone", front.at("tls"), "bob", gate.password("bob"), AGENT, transport="tls", trusted=front.pem,
        srtp=True, answers=True,
    )  # fmt: skip
    trunk = Phones(
        to=gate.address, port=gate.trunk_port, audio=lambda _: speaking(CUSTOMER), keep=True, name=CALLER
    )  # fmt: skip
    phone.serve(300)
    try:
        with trunk:
            phone.wait("200 OK.*binding")
            talk = trunk.dial("0" + BOBS[3:])
            gate.wait(lambda: heard(talk, AGENT) > 1, PATIENCE, "the agent is not heard")
            bob = tmp_path / "phone" / "heard.wav"
            gate.wait(lambda: bob.exists() and bob.stat().st_size > 20_000, PATIENCE, "the agent hears nothing")
            trunk.hang_up(talk)
            phone.wait("session closed|terminated")
            assert "SRTP is Enabled" in phone.said
            phone.end()  # it does not sign off
            gone = trunk.dial("0" + BOBS[3:])
            trunk.wait([gone], "over", PATIENCE)
            assert heard(gone, TONES["nobody"]) > 0.5
    finally:
        phone.end()
    call = (
        "SELECT c.* FROM calls c JOIN recordings r USING (call_id) WHERE presentation = ? AND r.closed_at IS NOT NULL"
    )
    (row,) = gate.wait(lambda: gate.rows(call, BOBS), PATIENCE, "the recording is not closed")
    assert (row["number"], row["reason"], row["bridged"], row["recorded"]) == (CALLER, "call_in", 1, 1)
    gate.export(row["recording_id"], tmp_path / "call.wav")
    samples, rate = read_wav(tmp_path / "call.wav")
    tones = [(side, tone) for side in (0, 1) for tone in (CUSTOMER, AGENT) if share(samples[:, side], tone, rate) > 0.3]
    assert tones == [(0, CUSTOMER), (1, AGENT)]
    assert len(samples) / rate > row["seconds"] - 0.3, "the recording is not whole"


def test_flows_are_kept_alive_and_nothing_more_of_rfc_5626_is_promised(front: Edge) -> None:
    """No flow token, no ``;ob``: a phone that asks for them gets a plain registration (RFC 5626, 4.2.1 and 6)."""
    phone = StreamPhone(front.at("tls"), trusting(front.pem), name="127.0.0.1")
    phone.send("\r\n\r\n")
    phone.pong()
    contact = f'<sip:alice@{phone.address};ob>;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>"'
    answer = dial(front, phone, "alice", "Supported: path, outbound", method="REGISTER", contact=contact)
    phone.sock.close()
    assert answer.code == 200
    assert "outbound" not in answer.get("Require") and "ob" not in answer.get("Path").split(";")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun:
        stun.settimeout(PATIENCE)
        mark = os.urandom(12)
        stun.sendto(struct.pack("!HHI", 0x0001, 0, 0x2112A442) + mark, front.at("udp"))
        told = stun.recv(2048)
    assert told[:2] == b"\x01\x01" and told[8:20] == mark


def test_a_browser_with_opus_alone_calls_over_wss_with_dtls(front: Edge) -> None:
    flags = ("--ignore-certificate-errors", "--allow-loopback-in-peer-connection")
    with (
        Uas("--tone", "600", "--hangup-after", "3", port=front.gate.trunk_port) as far,
        browser.chromium(more=flags) as page,
    ):
        page.get((ROOT / "tests/support/webphone.html").as_uri())
        settings = {"url": f"wss://127.0.0.1:{front.ports['wss']}", "user": "alice", "number": UNLISTED}
        page.execute_script("begin(arguments[0])", settings | {"password": front.gate.password()})
        try:
            shown = far.wait("call", PATIENCE)
        finally:
            found = page.execute_async_script("measured().then(arguments[0])")
            print(found)
    assert "PCMA/" not in found["offered"] and "PCMU/" not in found["offered"]
    assert (found["dtls"], found["codec"]) == ("connected", "audio/opus")
    assert found["packets"] > 50 and found["energy"] > 0.01
    assert shown["codec"] == "PCMA"
    assert [hertz for _, hertz, share in shown["heard"] if hertz and abs(hertz - 1000) < 15 and share > 0.9][4:], shown


def test_a_strangers_rtp_to_the_edges_ports_is_heard_by_nobody(front: Edge) -> None:
    """From another address, and from another port of the phone's own, from before the phone sends anything."""
    with (
        Phone(front.at("udp")) as phone,
        Callee(port=front.gate.trunk_port) as callee,
        Party(AGENT) as agent,
        Party(CUSTOMER) as customer,
        Party(STRANGER, host="127.0.0.66") as stranger,
        Party(STRANGER) as neighbour,
    ):
        at_the_edge, routes = taken_call(front, phone, callee, customer, sdp(agent.port))
        for party in (stranger, neighbour):
            party.talk_to(at_the_edge)
            party.speaks(4.0)  # longer than rtpengine waits for a better sender
        agent.talk_to(at_the_edge)
        front.gate.wait(lambda: sounding(customer.heard[-50:], AGENT), PATIENCE, "the agent is not heard")
        assert not sounding(customer.heard, STRANGER, 0.02)
        agent.talk_to(None)  # it is silent, and they are not
        for party in (agent, customer, stranger, neighbour):
            party.heard.clear()
        stranger.speaks(1.0)
        agent.talk_to(at_the_edge)
        front.gate.wait(lambda: sounding(customer.heard[-50:], AGENT), PATIENCE, "the agent is not heard again")
        assert not sounding(customer.heard, STRANGER, 0.02)
        assert not stranger.heard and not neighbour.heard
        assert sounding(agent.heard, CUSTOMER)
        phone.send(phone.next("BYE", headers=routes))
        phone.recv(only="200")


def test_a_phone_behind_nat_is_heard_and_then_nobody_else(front: Edge) -> None:
    """Its SDP names an address of its own network: it is known by its first packet."""
    with (
        Phone(front.at("udp")) as phone,
        Callee(port=front.gate.trunk_port) as callee,
        Party(AGENT) as agent,
        Party(CUSTOMER) as customer,
        Party(STRANGER, host="127.0.0.66") as stranger,
    ):
        hidden = sdp(agent.port).replace("127.0.0.1", "10.9.8.7")
        at_the_edge, routes = taken_call(front, phone, callee, customer, hidden)
        agent.talk_to(at_the_edge)
        front.gate.wait(lambda: sounding(customer.heard[-50:], AGENT), PATIENCE, "the agent is not heard")
        stranger.talk_to(at_the_edge)
        stranger.speaks(4.0)
        front.gate.wait(lambda: sounding(agent.heard[-50:], CUSTOMER), PATIENCE, "the customer is not heard")
        assert not sounding(customer.heard, STRANGER, 0.02)
        assert not stranger.heard
        phone.send(phone.next("BYE", headers=routes))
        phone.recv(only="200")


def taken_call(
    front: Edge, phone: Phone, callee: Callee, customer: Party, body: str
) -> tuple[tuple[str, int], tuple[str, ...]]:
    """Alice's call that the customer has taken: where the edge takes her audio, and the routes of what follows."""
    dialog = phone.new_dialog(UNLISTED)
    phone.send(phone.request("INVITE", dialog, body=body))
    asked = challenge(phone.recv(only="401").get("WWW-Authenticate"))
    dialog.cseq += 1
    phone.dialog, phone.branch = dialog, f"z9hG4bK{dialog.call_id}"
    line = authorization(asked, "alice", front.gate.password(), "INVITE", dialog.target)
    phone.send(phone.request("INVITE", dialog, body=body, headers=(line,), branch=phone.branch))
    customer.talk_to(ports_of(callee.ring().body))
    callee.pick_up(sdp(customer.port))
    taken = phone.recv(only="200")
    routes = tuple(f"Route: {each}" for each in reversed(taken.all("Record-Route")))
    dialog.remote, dialog.target = taken.get("To"), taken.contact
    phone.send(phone.request("ACK", dialog, headers=routes))
    return ports_of(taken.body), routes


def sounding(packets: Sequence[Packet], hertz: float, least: float = 0.9) -> bool:
    """Is so much of what was heard this tone?"""
    return len(packets) >= 50 and share(ulaw_decode(b"".join(each.payload for each in packets)), hertz) > least


def test_a_gate_that_is_killed_among_set_ups_sets_no_call_up_twice(front: Edge) -> None:
    gate = front.gate
    numbers = [f"0113496{n:04d}" for n in range(300, 312)]
    phones = [Phone(front.at("udp")) for _ in numbers]
    with Uas("--no-answer", port=gate.trunk_port) as far:
        for phone, number in zip(phones, numbers, strict=True):
            phone.dial(number)
            refused = phone.recv(only="401")
            phone.ack(refused)
            dialog, asked = phone.dialog, challenge(refused.get("WWW-Authenticate"))
            dialog.remote, dialog.cseq = f"<{dialog.target}>", 2
            line = authorization(asked, "alice", gate.password(), "INVITE", dialog.target)
            phone.send(phone.request("INVITE", dialog, body=sdp(), headers=(line,)))
            if number == numbers[7]:
                far.wait("invite", PATIENCE, count=5)
                break
        gate.kill()
        for phone, number in list(zip(phones, numbers, strict=True))[8:]:
            phone.dial(number)
        gate.start()
        codes = [_final(phone) for phone in phones]
        rung = Counter(invite["user"] for invite in far.invites)
    for phone in phones:
        phone.sock.close()
    assert rung and set(rung.values()) == {1}, (rung, codes)
    assert set(codes) <= {401, 480, 503, 603}, codes

    with Phone(front.at("udp")) as phone:  # and the edge has found it again

        def answered() -> bool:
            phone.drain()
            phone.send(phone.request("INVITE", phone.new_dialog(LISTED), body=sdp()))
            while (heard := phone.recv()).code < 200:
                pass
            return heard.code == 401

        gate.wait(answered, PATIENCE, "the edge does not find the gate")


def _final(phone: Phone) -> int:
    while (heard := phone.recv()).code < 200 or (heard.get("CSeq").startswith("1 ") and phone.dialog.cseq == 2):
        pass
    return heard.code
