"""REGISTER, with real digests over a real socket."""

from __future__ import annotations

import pytest

from gate.config import Account
from gate.sip.message import parse
from gate.sip.registrar import MAX_BINDINGS, Registrar
from tests.support.clocks import Clock
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, config_for
from tests.support.sip_peer import Peer

ALICE = Account("alice", "x", PRESENTED)


@pytest.fixture
def running():
    config = config_for("127.0.0.2:9", pbx=False, accounts=(ALICE,))
    with RunningLine(config) as line:
        yield line


@pytest.fixture
def phone(running):
    with Peer(to=running.address) as peer:
        yield peer


def register(peer, headers=(), contact="", cseq=1, call_id="reg-1", user="alice"):
    dialog = peer.new_dialog(user)
    dialog.call_id = call_id
    dialog.target = "sip:gate.invalid"
    return peer.request("REGISTER", dialog, headers=headers, contact=contact, cseq=cseq)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_phone_registers_renews_and_leaves(running, phone, algorithm):
    phone.send(register(phone))
    asked = phone.recv()
    assert asked.code == 401
    nonce = next(each for each in map(challenge, asked.all("WWW-Authenticate")) if each["algorithm"] == algorithm)

    def proof(nc: int) -> str:
        return authorization(nonce, "alice", "secret", "REGISTER", "sip:gate.invalid", nc=nc)

    first = register(phone, (proof(1), "Expires: 120"), cseq=2)
    phone.send(first)
    heard = phone.recv()
    assert heard.code == 200
    assert heard.get("Contact") == f"<sip:alice@{phone.address}>;expires=120"
    phone.send(first)  # a retransmission is no replay
    assert phone.recv().data == heard.data
    assert running.line._engine.ingress.registrar.registered == ["alice"]
    phone.send(register(phone, (proof(2),), cseq=3))
    assert phone.recv().get("Contact").endswith(";expires=3600")
    phone.send(register(phone, (proof(3), "Expires: 0"), contact="*", cseq=4))
    assert phone.recv().code == 200
    assert running.line._engine.ingress.registrar.registered == []


def test_a_wrong_password(phone):
    phone.send(register(phone))
    asked = challenge(phone.recv().get("WWW-Authenticate"))
    phone.send(register(phone, (authorization(asked, "alice", "guess", "REGISTER", "sip:gate.invalid"),), cseq=2))
    assert phone.recv().code == 403


def test_an_old_nonce_is_asked_again_without_bothering_the_user(running, phone):
    phone.send(register(phone))
    asked = challenge(phone.recv().get("WWW-Authenticate"))
    nonces = running.line._engine.ingress.auth._nonces
    nonces._monotonic = Clock(nonces._monotonic() + nonces._seconds + 1)
    phone.send(register(phone, (authorization(asked, "alice", "secret", "REGISTER", "sip:gate.invalid"),), cseq=2))
    heard = phone.recv()
    assert heard.code == 401
    assert all("stale=true" in value for value in heard.all("WWW-Authenticate"))


def request(contact="<sip:a@1.2.3.4>", expires=None, cseq=1, call_id="c", to="alice"):
    lines = ["REGISTER sip:x SIP/2.0", "Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx", "From: <sip:alice@x>;tag=1"]
    lines += [f"To: <sip:{to}@x>", f"Call-ID: {call_id}", f"CSeq: {cseq} REGISTER"]
    lines += [f"Contact: {contact}"] if contact else []
    lines += [f"Expires: {expires}"] if expires is not None else []
    return parse("\r\n".join([*lines, "", ""]).encode())


@pytest.fixture
def clock():
    return Clock(0.0)


@pytest.fixture
def registrar(clock):
    return Registrar(3600, clock)


def test_bindings_run_out(registrar, clock):
    assert registrar.register("alice", request(expires=60))[0] == 200
    assert registrar.registered == ["alice"]
    clock.now = 61
    assert registrar.registered == []


def test_a_query_lists_and_changes_nothing(registrar, clock):
    registrar.register("alice", request('<sip:a@1.2.3.4>;q=0.5;expires=100;+sip.instance="<urn:uuid:1>"'))
    clock.now = 40
    assert registrar.register("alice", request(None, cseq=2))[2] == [("Contact", "<sip:a@1.2.3.4>;expires=60")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "bob"}, 403),
        ({"contact": "*"}, 400),
        ({"contact": "*, <sip:a@1.2.3.4>", "expires": 0}, 400),
        ({"contact": "<mailto:a@b>"}, 400),
        ({"contact": f"<sip:{'a' * 600}@b>"}, 400),
        ({"expires": 5}, 423),
        ({"expires": 99999999999999}, 200),
        ({"expires": "soon"}, 200),
        ({"contact": ", ".join(f"<sip:a@1.2.3.4:{port}>" for port in range(1000, 1001 + MAX_BINDINGS))}, 403),
    ],
)
def test_what_is_not_accepted(registrar, change, code):
    code_given, _, headers = registrar.register("alice", request(**change))
    assert code_given == code
    if code == 200:
        assert headers[0][1].endswith(";expires=3600")


def test_an_older_request_of_the_same_phone_changes_nothing(registrar):
    registrar.register("alice", request(cseq=5))
    assert registrar.register("alice", request(cseq=5, expires=0))[0] == 500
    assert registrar.register("alice", request("*", cseq=4, expires=0))[0] == 500
    assert registrar.register("alice", request(cseq=1, call_id="d"))[0] == 200
    assert len(registrar.bindings("alice")) == 1
