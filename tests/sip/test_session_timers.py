"""Session timers (RFC 4028): agreed on each side by itself, refreshed, and the end of a call that nobody refreshes."""

from __future__ import annotations

import pytest

from gate.sip import session_timers
from gate.sip.session_timers import SessionTimer, TimerHeaders, interval
from tests.support.sip_call import Call
from tests.support.sip_line import ScriptedCallManager
from tests.support.sip_peer import Heard, sdp

TIMER = "Supported: timer, replaces"


@pytest.fixture
def brief(monkeypatch):
    """Timers of seconds; refreshes come long before the end of the time."""
    monkeypatch.setattr(session_timers, "LEAST_SECONDS", 1)
    monkeypatch.setattr(session_timers, "REFRESH_AT", (0.005, 0.3, 0.6))


def answer(call: Call, *headers: str) -> Heard:
    """The callee's 200 with these headers, its ACK, and the caller's 200, acknowledged."""
    call.callee.ring()
    call.callee.pick_up(headers=headers)
    heard = call.phone.recv(only="200")
    call.phone.ack(heard)
    return heard


def bye(call: Call) -> None:
    """The call lives: a BYE of the caller ends it."""
    call.phone.send(call.phone.next("BYE"))
    assert call.callee.recv(only="BYE")
    assert call.call_manager.wait("hung_up")[2] == "caller"


# --- what is agreed -------------------------------------------------------------------------------------------------


def test_the_trunk_is_asked_for_a_timer_and_may_have_none():
    with Call() as call:
        call.phone.dial()
        answer(call)
        invite = call.callee.invite
        assert "timer" in invite.get("Supported")
        assert invite.get("Session-Expires") == "1800"
        assert "UPDATE" in invite.get("Allow")
        assert (
            call.running.call(lambda: next(iter(call.running.line._engine.bridges.values())).callee.session.seconds)
            == 0
        )
        bye(call)


def test_none_is_asked_for_where_the_configuration_says_so():
    with Call(sip={"session_seconds": 0}) as call:
        call.phone.dial(headers=(TIMER,))
        heard = answer(call)
        assert not call.callee.invite.get("Session-Expires")
        assert not heard.get("Session-Expires")
        assert heard.get("Supported") == "timer"


@pytest.mark.parametrize(
    ("headers", "agreed", "required"),
    [
        ((), "", ""),
        ((TIMER,), "1800;refresher=uas", ""),
        ((TIMER, "Session-Expires: 600"), "600;refresher=uas", ""),
        ((TIMER, "x: 600 ; refresher=uac"), "600;refresher=uac", "timer"),
        ((TIMER, "Session-Expires: 90000;refresher=uas"), "1800;refresher=uas", ""),
        ((TIMER, "Session-Expires: 90000", "Min-SE: 3600"), "3600;refresher=uas", ""),
        ((TIMER, "Require: timer", "Session-Expires: 90"), "90;refresher=uas", ""),
        (("Session-Expires: 600;refresher=uac",), "600;refresher=uas", ""),
        (("Session-Expires: 20",), "", ""),
        ((TIMER, "Session-Expires: soon"), "1800;refresher=uas", ""),
    ],
)
def test_what_a_caller_and_the_gate_agree_on(headers, agreed, required):
    with Call() as call:
        call.phone.dial(headers=headers)
        heard = answer(call)
        assert heard.get("Session-Expires") == agreed
        assert heard.get("Require") == required
        assert "timer" in heard.get("Supported")
        assert "UPDATE" in heard.get("Allow")
        bye(call)


def test_too_short_a_timer_gets_422_even_from_a_pbx_that_is_refused_with_another_code():
    """It asks again with more; 600 would tell it that the callee wants no calls."""
    with Call(refusal=600) as call:
        call.phone.dial(headers=(TIMER, "Session-Expires: 60"))
        refused = call.phone.recv(only="422")
        assert refused.get("Min-SE") == "90"
        assert not call.call_manager.incomings
        call.phone.ack(refused)
        call.phone.dial(headers=(TIMER, "Session-Expires: 90", "Min-SE: 90"))
        assert answer(call).get("Session-Expires") == "90;refresher=uas"
        call.phone.send(call.phone.next("INVITE", body=sdp(), headers=(TIMER, "Session-Expires: 60")))
        assert call.phone.recv(only="422").get("Min-SE") == "90"
        bye(call)


def test_a_trunk_that_always_wants_a_longer_timer_is_not_asked_for_ever(monkeypatch):
    monkeypatch.setattr(session_timers, "MOST_RAISED", 2)
    with Call(sip={"session_seconds": 90}) as call:
        call.phone.dial()
        for seconds in (300, 600, 900):
            call.callee.ring(100)
            call.callee.say(422, "Session Interval Too Small", headers=(f"Min-SE: {seconds}",))
        assert call.call_manager.wait("failed")[2] == "422"
        assert call.phone.recv(only="503")


@pytest.mark.parametrize("again", [422, 407])
def test_a_trunk_that_wants_a_longer_timer_gets_it(again):
    with Call(sip={"session_seconds": 90}, trunk_options={"username": "firm", "password_file": "x"}) as call:
        call.phone.dial()
        call.callee.ring(100)
        first = call.callee.invite
        call.callee.say(422, "Session Interval Too Small", headers=("Min-SE: 300",))
        assert call.callee.recv(only="ACK").get("CSeq").split()[0] == first.get("CSeq").split()[0]
        call.callee.ring(100)
        second = call.callee.invite
        assert (second.get("Session-Expires"), second.get("Min-SE")) == ("300", "300")
        assert second.body == first.body
        assert second.get("P-Asserted-Identity") == first.get("P-Asserted-Identity")
        assert second.get("Max-Forwards") == first.get("Max-Forwards")
        if again == 422:  # it never has enough
            call.callee.say(422, "Session Interval Too Small", headers=("Min-SE: 300",))
            assert call.call_manager.wait("failed")[2] == "422"
        else:
            call.callee.say(407, "No", headers=('Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5',))
            answer(call, "Session-Expires: 300;refresher=uac")
            assert call.callee.invite.get("Proxy-Authorization")
            assert call.callee.invite.get("Session-Expires") == "300"
            bye(call)


# --- refreshed by the gate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [("Allow: INVITE, BYE, UPDATE",), ()])
def test_the_gate_refreshes_towards_the_callee(brief, allowed):
    """By UPDATE where the peer has it, else by a re-INVITE with the SDP of before, again and again."""
    with Call(sip={"session_seconds": 200}) as call:
        call.phone.dial()
        answer(call, "Session-Expires: 200;refresher=uac", TIMER, *allowed)
        for _ in range(3):
            request = call.callee.fresh("UPDATE" if allowed else "INVITE")
            assert request.get("Session-Expires") == "200;refresher=uac"
            assert request.contact
            body = "" if allowed else sdp(41000)
            assert request.body == ("" if allowed else call.callee.invite.body)
            said = call.callee.answer(request, 200, "OK", body=body, headers=("Session-Expires: 200;refresher=uac",))
            call.callee.send(said, call.callee.gate)
            if not allowed:
                call.callee.recv(only="ACK")
        assert call.phone.nothing_from(call.running.address)
        bye(call)


def test_the_gate_refreshes_towards_the_caller_with_the_sdp_of_its_answer(brief):
    with Call(sip={"session_seconds": 200}) as call:
        call.phone.dial(headers=(TIMER, "Session-Expires: 200"))
        heard = answer(call)
        for port in (40000, 45000, 45000):  # it may move in its answer
            invite = call.phone.fresh("INVITE")
            assert (invite.body, invite.get("Session-Expires")) == (heard.body, "200;refresher=uac")
            said = call.phone.answer(invite, 200, "OK", body=sdp(port), headers=("Session-Expires: 200;refresher=uac",))
            call.phone.send(said)
            call.phone.recv(only="ACK")
        bodies = call.running.call(lambda: [body for side, body in call.running.relay.bodies if side == "caller"])
        assert bodies == [sdp(), sdp(45000)]
        assert call.callee.nothing_from(call.running.address)
        bye(call)


def test_a_peer_that_takes_no_update_gets_a_reinvite(brief):
    with Call(sip={"session_seconds": 200}) as call:
        call.phone.dial()
        answer(call, "Session-Expires: 200;refresher=uac", TIMER, "Allow: UPDATE")
        update = call.callee.fresh("UPDATE")
        call.callee.send(call.callee.answer(update, 405, "Method Not Allowed"), call.callee.gate)
        invite = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(invite, 200, "OK", body=sdp(41000)), call.callee.gate)
        assert call.callee.recv(only="ACK")
        bye(call)


def test_an_offer_goes_on_after_a_refresh_that_was_refused(brief):
    """sippy forgets our SDP where a re-INVITE fails."""
    with Call(sip={"session_seconds": 200}) as call:
        call.phone.dial()
        answer(call, "Session-Expires: 200;refresher=uac", TIMER)
        invite = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(invite, 500, "No"), call.callee.gate)
        assert call.callee.recv(only="ACK")
        again = call.callee.request("INVITE", call.callee.dialog(), body=sdp(41000), cseq=2)
        call.callee.send(again, call.callee.gate)
        assert call.callee.recv(only="200").body == call.callee.invite.body
        bye(call)


def test_a_refresh_of_a_call_that_the_peer_has_lost_ends_it(brief):
    with Call(sip={"session_seconds": 200}) as call:
        call.phone.dial()
        answer(call, "Session-Expires: 200;refresher=uac", TIMER, "Allow: UPDATE")
        update = call.callee.fresh("UPDATE")
        call.callee.send(call.callee.answer(update, 481, "No"), call.callee.gate)
        assert call.phone.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2:] == ("callee", "call_unknown")


def test_the_gate_refreshes_while_the_announcement_plays(brief):
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager, sip={"session_seconds": 200}) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up(headers=("Session-Expires: 200;refresher=uac", TIMER, "Allow: UPDATE"))
        call_manager.wait("answered")
        update = call.callee.fresh("UPDATE")
        said = call.callee.answer(update, 200, "OK", headers=("Session-Expires: 200;refresher=uac",))
        call.callee.send(said, call.callee.gate)
        assert call.callee.fresh("UPDATE")
        assert call.running.call(lambda: call.running.relay.ways) == []


# --- refreshed by the peer, or by nobody ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_peer_that_refreshes_keeps_its_call(method):
    with Call(sip={"session_seconds": 600}) as call:
        call.phone.dial(headers=(TIMER, "Session-Expires: 600;refresher=uac"))
        assert answer(call).get("Session-Expires") == "600;refresher=uac"
        session = call.running.call(lambda: next(iter(call.running.line._engine.bridges.values())).caller.session)
        begun = []
        call.running.call(lambda: setattr(session, "on_begin", lambda: begun.append(session.seconds)) or begun)
        for more in ("600;refresher=uac", "500;refresher=uac"):
            body = sdp() if method == "INVITE" else ""
            call.phone.send(call.phone.next(method, body=body, headers=(TIMER, f"Session-Expires: {more}")))
            heard = call.phone.recv(only="200")
            assert heard.get("Session-Expires") == more
            assert heard.get("Require") == "timer"
            if method == "INVITE":
                call.phone.ack(heard)
        assert call.callee.nothing_from(call.running.address)
        assert begun == [600, 500]


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_session_that_its_peer_does_not_refresh_is_ended_and_the_log_says_so(brief, side):
    """RTP or not: the peer takes it for ended, too."""
    with Call(sip={"session_seconds": 3, "dead_peer_seconds": 300}) as call:
        call.running.relay.talking = {"caller", "callee"}
        call.phone.dial(headers=(TIMER, "Session-Expires: 3;refresher=uac") if side == "caller" else ())
        answer(call, *(("Session-Expires: 3;refresher=uas", TIMER) if side == "callee" else ()))
        assert "session_expired" in call.phone.recv(only="BYE").get("Reason")
        assert call.callee.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2:] == ("gate", "session_expired")


@pytest.mark.parametrize("talking", [False, True])
def test_a_session_whose_refreshes_nobody_answers_ends_unless_somebody_talks(brief, talking):
    with Call(sip={"session_seconds": 3, "dead_peer_seconds": 1 if talking else 300}) as call:
        if talking:
            call.running.relay.talking = {"caller"}
        call.phone.dial()
        answer(call, "Session-Expires: 3;refresher=uac", TIMER, "Allow: UPDATE")
        if talking:
            seen = {call.callee.recv(only="UPDATE").get("CSeq") for _ in range(20)}
            assert len(seen) > 3  # more than belong to one time
            bye(call)
        else:
            assert call.callee.recv(only="BYE")
            assert call.call_manager.wait("hung_up")[2:] == ("gate", "session_expired")


# --- the rules alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1800", (1800, "")),
        (" 90 ; refresher=UAC", (90, "uac")),
        ("90;x=1;refresher=uas", (90, "uas")),
        ("", None),
        (None, None),
        ("²", None),
        ("-5", None),
        ("99999999", None),
    ],
)
def test_reading_session_expires(value, expected):
    assert interval(value) == expected


def test_a_peer_cannot_ask_for_a_storm_of_refreshes():
    timer = SessionTimer()
    timer.taken(TimerHeaders((1, "uac"), True, 0, False))
    assert timer.seconds == 90
    assert not timer.too_brief(90)
    assert not timer.too_brief(10**8)
    assert timer.too_brief(91)
    assert not timer.too_brief(91)
