"""Digest: vectors of RFC 7616, nonces, replays; PBX addresses."""

from __future__ import annotations

import hashlib

import pytest

from gate.config import Account, Pbx, kept_password
from gate.errors import ConfigError
from gate.sip.auth import MAX_NONCES, Authenticator, AuthResult, Nonces, _hex, answers_to, credentials, digest
from gate.sip.message import parse
from tests.support.clocks import Clock
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, config_for

# RFC 7616 section 3.9.1
MUFASA = {
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616(algorithm, expected):
    half = _hex(algorithm, "Mufasa:http-auth@example.org:Circle of Life")
    assert digest(algorithm, half, "GET", MUFASA) == expected


HERE, THERE = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def door(clock):
    config = config_for("127.0.0.1:9", accounts=(Account("alice", "x", PRESENTED),))
    return Authenticator(config, lambda _: "open sesame", clock)


def register(header: str, uri: str = "sip:gate.invalid", method: str = "REGISTER"):
    return parse(
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:alice@x>;tag=1\r\n"
        f"To: <sip:alice@x>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n{header}\r\n\r\n".encode()
    )


def asked(door, algorithm="MD5", stale=False):
    found = [challenge(value) for _, value in door.challenges(register("X: y"), HERE, stale)]
    return next(each for each in found if each["algorithm"] == algorithm)


def test_sha_256_is_offered_first(door):
    assert offered(door, "X: y") == ["SHA-256", "MD5"]
    assert offered(door, "User-Agent: Linphone/5.0") == ["SHA-256", "MD5"]


def test_a_phone_that_stumbles_over_sha_256_is_offered_md5(door):
    assert offered(door, "User-Agent: baresip v1.1.0 (x86_64/linux)") == ["MD5"]


@pytest.mark.parametrize(("chosen", "other"), [("md5", "SHA-256"), ("sha-256", "MD5")])
def test_an_account_may_prove_itself_by_one_digest_alone(clock, chosen, other):
    accounts = (Account("alice", "x", PRESENTED, digest=chosen), Account("bob", "x", PRESENTED))
    door = Authenticator(config_for("127.0.0.1:9", accounts=accounts), lambda _: "open sesame", clock)
    assert offered(door, "X: y") == [chosen.upper()]
    given = asked(door, chosen.upper())
    for algorithm, verdict in ((other, AuthResult.CHALLENGE), (chosen.upper(), AuthResult.PROVEN)):
        told = {**given, "algorithm": algorithm}
        right = authorization(told, "alice", "open sesame", "REGISTER", "sip:gate.invalid")
        assert door.check(register(right), HERE)[0] is verdict


def offered(door, header):
    return [challenge(value)["algorithm"] for _, value in door.challenges(register(header), HERE)]


@pytest.mark.parametrize(
    "kept", ["open sesame", kept_password("alice", "dialgate", "open sesame")], ids=["clear", "hash"]
)
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization"])
def test_the_right_password(clock, kept, algorithm, qop, header):
    door = Authenticator(config_for("127.0.0.1:9", accounts=(Account("alice", "x", PRESENTED),)), lambda _: kept, clock)
    line = authorization(
        asked(door, algorithm), "alice", "open sesame", "REGISTER", "sip:gate.invalid", qop=qop, header=header
    )
    verdict, caller = door.check(register(line), HERE)
    assert verdict is AuthResult.PROVEN
    assert caller.claimed_by == "account:alice"


def test_what_is_not_right(door):
    good = authorization(asked(door), "alice", "open sesame", "REGISTER", "sip:gate.invalid")
    assert door.check(register("X: y"), HERE)[0] is AuthResult.CHALLENGE
    for wrong in (
        authorization(asked(door), "alice", "wrong", "REGISTER", "sip:gate.invalid"),
        authorization(asked(door), "mallory", "open sesame", "REGISTER", "sip:gate.invalid"),
        authorization(asked(door), "alice", "open sesame", "INVITE", "sip:gate.invalid"),
        good.replace("0a4f113b", "0a4f113c"),
        good.replace('response="', 'response="é'),
    ):
        assert door.check(register(wrong), HERE) == (AuthResult.WRONG, None)
    for unusable in (
        good.replace("algorithm=MD5", "algorithm=SHA-1"),
        good.replace("qop=auth", "qop=auth-int"),
        good.replace(', cnonce="0a4f113b"', ""),
        good.replace('realm="dialgate"', 'realm="other"'),
        good.replace("Digest", "Basic"),
        "Authorization:",
        "Authorization: Digest",
        'Authorization: Digest =,=,"',
    ):
        assert door.check(register(unusable), HERE) == (AuthResult.CHALLENGE, None)


def test_a_nonce_belongs_to_the_host_that_asked_for_it(door):
    line = authorization(asked(door), "alice", "open sesame", "REGISTER", "sip:gate.invalid")
    for nonce in (line, line.replace('nonce="', 'nonce="AAAA')):
        assert door.check(register(nonce), THERE) == (AuthResult.STALE, None)
    assert door.check(register(line), (HERE[0], 40000))[0] is AuthResult.PROVEN


def test_an_answer_for_one_number_does_not_serve_for_another(door):
    for_one = authorization(asked(door), "alice", "open sesame", "INVITE", "sip:1000@gate.invalid")
    assert door.check(register(for_one, "sip:09012345678@gate.invalid", "INVITE"), HERE)[0] is AuthResult.WRONG
    for_server = authorization(
        asked(door), "alice", "open sesame", "INVITE", "sip:gate.invalid;transport=UDP", qop=False
    )
    assert door.check(register(for_server, "sip:1000@gate.invalid", "INVITE"), HERE)[0] is AuthResult.PROVEN
    assert door.check(register(for_server, "sip:1001@gate.invalid", "INVITE"), HERE)[0] is AuthResult.STALE


def test_an_answer_serves_once_and_counts_rise(door):
    nonce = asked(door)
    first, second = (authorization(nonce, "alice", "open sesame", "REGISTER", "sip:gate.invalid", nc=n) for n in (1, 2))
    assert door.check(register(first), HERE)[0] is AuthResult.PROVEN
    assert door.check(register(first), HERE)[0] is AuthResult.STALE
    assert door.check(register(second), HERE)[0] is AuthResult.PROVEN
    assert door.check(register(first), HERE)[0] is AuthResult.STALE


def test_a_nonce_grows_old_and_says_so(door, clock):
    line = authorization(asked(door), "alice", "open sesame", "REGISTER", "sip:gate.invalid")
    clock.now += 61
    assert door.check(register(line), HERE)[0] is AuthResult.STALE
    assert "stale=true" in door.challenges(register("X: y"), HERE, stale=True)[0][1]
    wrong = authorization(asked(door), "alice", "wrong", "REGISTER", "sip:gate.invalid")
    clock.now += 61  # of an old nonce, nothing tells whether the password is right
    assert door.check(register(wrong), HERE)[0] is AuthResult.STALE


def test_nonces_are_known_by_their_seal(clock):
    ours, others = Nonces(10, clock), Nonces(10, clock)
    nonce = ours.make("h")
    assert ours.fresh(nonce, "h")
    assert ours.age(nonce, "i") is None
    assert others.age(nonce, "h") is None
    for index in range(len(nonce)):
        if nonce[index] != "=":
            assert ours.age(nonce[:index] + ("A" if nonce[index] != "A" else "B") + nonce[index + 1 :], "h") is None
    assert ours.age("", "h") is None
    assert ours.age("é", "h") is None
    assert ours.make("h") != ours.make("h")


def test_the_table_of_used_nonces_is_bounded(clock):
    nonces = Nonces(10, clock)
    for number in range(MAX_NONCES + 10):
        nonces.use(str(number), 1)
    assert len(nonces._used) == MAX_NONCES


def test_credentials_are_read_as_written():
    read = credentials(r'Digest username="a\"b", realm = "x, y", nc=00000001,qop=auth')
    assert read == {"username": 'a"b', "realm": "x, y", "nc": "00000001", "qop": "auth"}


def test_a_pbx_is_known_by_address():
    config = config_for("127.0.0.1:9")
    pbx = (Pbx("a", ("192.0.2.0/28", "2001:db8::/32"), PRESENTED), Pbx("b", ("192.0.2.99",), PRESENTED))
    import msgspec

    door = Authenticator(msgspec.structs.replace(config, pbx=pbx), lambda _: "")
    assert door.pbx_at(("192.0.2.5", 1)).claimed_by == "trunk:a"
    assert door.pbx_at(("192.0.2.99", 1)).claimed_by == "trunk:b"
    assert door.pbx_at(("[2001:db8::7]", 1)).claimed_by == "trunk:a"
    assert door.pbx_at(("192.0.2.16", 1)) is None
    with pytest.raises(ConfigError, match="nonsense"):
        Authenticator(msgspec.structs.replace(config, pbx=(Pbx("a", ("nonsense",), PRESENTED),)), lambda _: "")


def md5(text):
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(("offered", "chosen"), [("auth-int", "auth-int"), ("auth-int,auth", "auth")])
def test_a_carrier_that_wants_the_body_protected_is_answered_where_there_is_none(offered, chosen):
    asks = (
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:u@c>;tag=a\r\n"
        "To: <sip:u@c>;tag=b\r\n"
        "Call-ID: c\r\nCSeq: 1 REGISTER\r\n"
        f'WWW-Authenticate: Digest realm="c", nonce="n", qop="{offered}"\r\nContent-Length: 0\r\n\r\n'
    )
    message = parse(asks.encode())
    header, _ = answers_to(message, "u", "p", "REGISTER", "sip:c", body="")
    given = credentials(header.partition(": ")[2])
    behind = f":{md5('')}" if chosen == "auth-int" else ""  # RFC 7616 section 3.4.3
    target = md5(f"REGISTER:sip:c{behind}")
    assert given["qop"] == chosen
    assert given["response"] == md5(f"{md5('u:c:p')}:n:{given['nc']}:{given['cnonce']}:{chosen}:{target}")
    assert answers_to(message, "u", "p", "INVITE", "sip:c")[0] == "" or chosen == "auth"
