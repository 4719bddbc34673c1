"""What a trunk is sent: numbers as it takes them, the firm's own identity in every form, credentials as it is told."""

from __future__ import annotations

import pytest

from gate.sip.routes import OutgoingForm
from tests.sip.test_trunk_failover import TwoTrunks, taken
from tests.support.sip_call import Call
from tests.support.sip_digest import challenge
from tests.support.sip_peer import Heard, sdp
from tests.support.waiting import PATIENCE


def sent(**options: object) -> Heard:
    """The INVITE that a trunk of these options gets."""
    with Call(trunk_options=options) as call:
        call.phone.dial(headers=("P-Asserted-Identity: <sip:+441632960999@evil.invalid>", "Privacy: none"))
        return call.callee.recv(PATIENCE, only="INVITE")


@pytest.mark.parametrize(
    ("number_format", "dialled", "shown"),
    [
        ("+44", "+442079460000", "+441632960001"),
        ("0", "02079460000", "01632960001"),
        ("44", "442079460000", "441632960001"),
        ("0044", "00442079460000", "00441632960001"),
    ],
)
def test_numbers_go_out_as_the_trunk_takes_them(number_format: str, dialled: str, shown: str) -> None:
    invite = sent(number_format=number_format)
    assert invite.start.startswith(f"INVITE sip:{dialled}@")
    assert invite.get("To").startswith(f"<sip:{dialled}@")
    for name in ("From", "P-Asserted-Identity"):
        assert f'"Example Sales Ltd" <sip:{shown}@' in invite.get(name)


@pytest.mark.parametrize(
    ("number_format", "foreign"),
    [("+44", "+33142685300"), ("0", "0033142685300"), ("44", "33142685300"), ("0044", "0033142685300")],
)
def test_numbers_of_other_countries_keep_their_own_code(number_format: str, foreign: str) -> None:
    assert OutgoingForm(number_format).number("+33142685300") == foreign


@pytest.mark.parametrize("number_format", ["+44", "0", "44", "0044"])
def test_law_3_5_a_number_for_help_stays_as_it_is_dialled(number_format: str) -> None:
    with TwoTrunks(emergency=True, first={"number_format": number_format, "order": 1}) as two:
        two.phone.dial("999")
        taken(two.help)
        two.help.say(503, "No")
        taken(two.b)
        two.b.say(503, "No")
        assert taken(two.a).start.startswith("INVITE sip:999@")


def test_the_domain_of_the_firms_identity_is_the_one_that_the_trunk_wants() -> None:
    invite = sent(from_domain="firm.carrier.example", identity=("pai", "ppi", "rpid"))
    who = '"Example Sales Ltd" <sip:+441632960001@firm.carrier.example>'
    assert invite.get("From").startswith(f"{who};tag=")
    assert invite.get("P-Asserted-Identity") == invite.get("P-Preferred-Identity") == who
    assert invite.get("Remote-Party-ID") == f"{who};party=calling;privacy=off;screen=yes"
    assert invite.get("Contact").startswith("<sip:+441632960001@127.0.0.1")


def test_law_3_1_without_identity_headers_the_number_is_still_shown() -> None:
    invite = sent(identity=())
    assert '"Example Sales Ltd" <sip:+441632960001@' in invite.get("From")
    assert invite.get("Privacy") == "none"
    for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"):
        assert invite.all(name) == []


BOTH = tuple(
    f'Proxy-Authenticate: Digest realm="carrier", nonce="n1", algorithm={name}, qop="auth"'
    for name in ("SHA-256", "MD5")
)


@pytest.mark.parametrize(("digest", "answered"), [("both", "SHA-256"), ("sha-256", "SHA-256"), ("md5", "MD5")])
def test_which_challenge_is_answered(digest: str, answered: str) -> None:
    options = {"username": "firm", "password_file": "x", "digest": digest}
    with Call(trunk_options=options) as call:
        call.phone.dial()
        taken(call.callee)
        call.callee.say(407, "Who", headers=BOTH)
        assert challenge(taken(call.callee).get("Proxy-Authorization"))["algorithm"] == answered


def test_a_weaker_challenge_than_the_trunk_may_make_is_not_answered() -> None:
    options = {"username": "firm", "password_file": "x", "digest": "sha-256"}
    with Call(trunk_options=options) as call:
        call.phone.dial()
        taken(call.callee)
        call.callee.say(407, "Who", headers=BOTH[1:])
        assert call.phone.recv(PATIENCE, only="503")
        assert call.call_manager.wait("failed", PATIENCE)[2] == "407"


def test_nothing_that_the_gate_sends_names_the_product() -> None:
    with Call() as call:
        answer = call.set_up()
        call.phone.send(call.phone.next("BYE"))
        bye = call.callee.recv(PATIENCE, only="BYE")
        done = call.phone.recv(PATIENCE, only="200")
        call.phone.send(call.phone.request("OPTIONS", call.phone.new_dialog()))
        there = call.phone.recv(PATIENCE, only="200")
        for heard in (call.callee.invite, answer, bye, done, there):
            assert heard.all("Server") == heard.all("User-Agent") == []
            assert b"sippy" not in heard.data.lower()


def types(invite: Heard) -> list[str]:
    """The payload types that are offered."""
    (line,) = (each for each in invite.body.splitlines() if each.startswith("m=audio"))
    return line.split()[3:]


@pytest.mark.parametrize(
    ("codecs", "offered"),
    [
        ((), ["0", "8", "101"]),
        (("PCMA", "PCMU"), ["8", "0", "101"]),
        (("PCMA",), ["8", "101"]),
        (("G722", "PCMU"), ["0", "101"]),
    ],
)
def test_a_trunk_is_offered_its_codecs_in_its_order(codecs: tuple[str, ...], offered: list[str]) -> None:
    invite = sent(codecs=codecs)
    assert types(invite) == offered
    assert ("PCMU" in invite.body) is ("0" in offered)


MIXED = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP {kinds}\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:121 telephone-event/8000\r\n"
)


@pytest.mark.parametrize(("offered", "left"), [("96 18 9 8 121 13", "9 8 121 13"), ("18 0 96 8", "0 8"), ("8 96", "8")])
def test_the_first_offer_carries_what_can_be_recorded_alone(offered: str, left: str) -> None:
    with Call() as call:
        call.phone.dial(body=MIXED.format(kinds=offered))
        invite = call.callee.ring()
        assert types(invite) == left.split()
        assert not {"G729", "opus", "annexb"} & set(invite.body.replace("/", " ").replace("=", " ").split())
        assert ("telephone-event" in invite.body) is ("121" in left)


@pytest.mark.parametrize("early", [False, True])
def test_what_a_callee_answers_beside_its_offer_does_not_reach_the_caller(early: bool) -> None:
    with Call() as call:
        call.phone.dial(body=MIXED.format(kinds="18 0 8 121"))
        call.callee.ring(183, MIXED.format(kinds="18 0 121")) if early else call.callee.ring()
        call.callee.pick_up("" if early else MIXED.format(kinds="18 0 121"))
        assert call.call_manager.wait("answered")[2] == "PCMU"
        assert types(call.phone.recv(only="200")) == ["0", "121"]


def test_a_call_without_a_codec_of_the_trunks_is_488_and_another_codec_in_it_too() -> None:
    with Call(trunk_options={"codecs": ("G722",)}) as call:
        call.phone.dial()
        assert call.phone.recv(only="488")
        assert call.call_manager.wait("failed")[3] == "no_codec"
        assert call.callee.nothing_from(call.running.address)
    with Call(trunk_options={"codecs": ("PCMA",)}) as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        assert types(call.callee.fresh("INVITE")) == ["8", "101"]


def test_a_trunk_without_a_codec_of_the_call_is_passed_over() -> None:
    with TwoTrunks(first={"codecs": ("G722",)}) as two:
        two.phone.dial()
        assert taken(two.b)
        assert two.a.nothing_from(two.running.address)


@pytest.mark.parametrize(("seconds", "asked"), [(600, "600"), (0, ""), (-1, "1800")])
def test_a_trunk_has_a_session_timer_of_its_own(seconds: int, asked: str) -> None:
    with Call(trunk_options={"session_seconds": seconds}) as call:
        call.phone.dial(headers=("Supported: timer",))
        call.callee.ring()
        assert call.callee.invite.get("Session-Expires") == asked
        call.callee.pick_up()
        assert call.phone.recv(only="200").get("Session-Expires").startswith("1800")
