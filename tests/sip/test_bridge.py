"""A call in every state, peers written byte by byte."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gate.core.sdp import MediaStream, payload_map
from tests.support.sip_call import Call
from tests.support.sip_line import NUMBER, ScriptedCallManager
from tests.support.sip_peer import Heard, sdp
from tests.support.timers import expire
from tests.support.waiting import PATIENCE, until


def answered_and_ended(call: Call) -> Heard:
    """What the caller gets once the callee has picked up, whatever ends the call: 200 without audio, and after the ACK
    a BYE, which is returned."""
    answer = call.phone.recv(only="200")
    assert "a=inactive" in answer.body and "a=sendrecv" not in answer.body
    call.phone.ack(answer)
    bye = call.phone.recv(only="BYE")
    call.phone.send(call.phone.answer(bye, 200, "OK"))
    return bye


def test_identity_is_the_firms_and_nothing_of_the_callers_goes_on():
    with Call() as call:
        call.phone.dial(
            headers=(
                "P-Asserted-Identity: <sip:+15551234@evil.invalid>",
                "Remote-Party-ID: <sip:1@x.invalid>",
                "Subject: secret",
                "Diversion: <sip:9@x.invalid>",
            )
        )
        invite = call.callee.ring()
    assert invite.start == f"INVITE sip:{NUMBER}@{call.callee.address} SIP/2.0"
    assert invite.get("From").startswith('"Example Sales Ltd" <sip:+441632960001@127.0.0.1>')
    assert invite.all("P-Asserted-Identity") == ['"Example Sales Ltd" <sip:+441632960001@127.0.0.1>']
    assert invite.get("Privacy") == "none"
    assert invite.get("Max-Forwards") == "69"
    assert "Anonymous" not in invite.data.decode()
    assert not invite.all("Remote-Party-ID") + invite.all("Subject") + invite.all("Diversion")
    assert "alice" not in invite.data.decode()
    assert invite.get("User-Agent") == ""
    assert invite.body == sdp()


def test_the_caller_hears_ringing_until_connect():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call.phone.dial()
        assert call.phone.recv().code == 100
        call.callee.ring()
        assert call.phone.recv().code == 180
        call.callee.pick_up()  # acknowledged at once
        _, call_id, codec = call_manager.wait("answered")
        assert codec == "PCMU"
        assert call.phone.nothing_from(call.running.address)
        call.running.call(lambda: call.running.line.early_media(call_id))
        early = call.phone.recv()
        assert (early.code, early.body) == (183, sdp(41000))
        call.running.call(lambda: call.running.line.connect(call_id))
        answer = call.phone.recv()
        assert (answer.code, answer.body) == (200, sdp(41000))
        assert answer.to_tag == early.to_tag
        assert answer.get("Contact") == "<sip:{}:{}>".format(*call.running.address)
        call.phone.ack(answer)
        call.phone.send(call.phone.next("BYE"))
        assert call.phone.recv().code == 200
        assert call.callee.recv().method == "BYE"
    assert call_manager.kinds() == ["incoming", "ringing", "answered", "hung_up"]
    assert call_manager.payloads[0]["caller"] == {0: "PCMU/8000", 8: "PCMA/8000", 101: "telephone-event/8000"}


def test_the_payload_types_of_a_body_are_read_once_a_call(monkeypatch):
    read: Counter[MediaStream] = Counter()

    def counted(stream: MediaStream) -> dict[int, str]:
        read[stream] += 1
        return payloads(stream)

    payloads = MediaStream.payloads.fget
    monkeypatch.setattr(MediaStream, "payloads", property(counted))
    payload_map.cache_clear()
    with Call() as call:
        call.set_up()
    assert len(read) == 2 and set(read.values()) == {1}, read


def test_early_media_of_the_trunk_is_ringing_to_the_caller():
    with Call() as call:
        call.phone.dial()
        call.callee.ring(183, sdp(42000))
        ringing = call.phone.recv(only="180")
        assert (ringing.code, ringing.body) == (180, "")
        assert call.running.relay.ways == []


def test_early_media_reaches_the_caller_where_that_is_allowed_and_ends_with_the_answer():
    with Call() as call:
        call.running.call_manager.early, call.running.call_manager.connect_after = True, None
        call.phone.dial()
        call.callee.ring(183, sdp(42000))
        assert call.phone.recv(only="183").body == sdp(42000)
        call.callee.pick_up(sdp(42000))
        (_, call_id, _) = call.running.call_manager.wait("answered")
        assert call.running.relay.ways == [("early", call_id), ("shut", call_id)]


def test_cancel_before_any_answer_of_the_trunk():
    with Call() as call:
        call.phone.dial()
        call.callee.recv(only="INVITE")
        call.phone.recv(only="100")
        call.phone.cancel()
        assert call.phone.recv().get("CSeq").endswith("CANCEL")
        assert call.phone.recv().code == 487
        # the trunk may be cancelled only after it has said something (RFC 3261 9.1)
        call.callee.tag, call.callee.gate = "x", call.callee.last_from
        call.call_manager.wait("hung_up")


def test_cancel_while_it_rings():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        ringing = call.phone.recv(only="180")
        call.phone.cancel()
        assert call.phone.recv().get("CSeq").endswith("CANCEL")
        gone = call.phone.recv()
        assert gone.code == 487
        assert gone.to_tag == ringing.to_tag
        call.phone.ack(gone)
        cancel = call.callee.recv(only="CANCEL")
        call.callee.send(call.callee.answer(cancel, 200, "OK"), call.callee.gate)
        call.callee.say(487, "Request Terminated")
        assert call.callee.recv(only="ACK")
    assert call.call_manager.kinds() == ["incoming", "ringing", "hung_up"]


def test_cancel_while_the_announcement_plays():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        call_manager.wait("answered")
        call.phone.cancel()
        assert call.phone.recv(only="487")
        assert call.callee.recv(only="BYE")
        assert call_manager.wait("hung_up")[2] == "caller"


def test_who_is_being_told_who_calls_is_told_to_the_end_where_the_caller_cancels():
    call_manager = ScriptedCallManager(connect_after=None)
    call_manager.stays = True
    with Call(call_manager) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        call_manager.wait("answered")
        call.phone.cancel()
        assert call.phone.recv(only="487")
        call_id = call_manager.wait("caller_left")[1]
        line = call_manager.line
        line.post(lambda: line.connect(call_id))  # nobody is connected with a caller who has gone
        line.post(lambda: line.hang_up(call_id, "hung_up"))
        assert call.callee.recv(only="BYE")
    assert "hung_up" not in call_manager.kinds()


def test_answer_and_cancel_cross():
    """The callee answers after the caller has gone: it is acknowledged and gets BYE."""
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.phone.recv(only="180")
        call.phone.cancel()
        cancel = call.callee.recv(only="CANCEL")
        call.callee.send(call.callee.answer(cancel, 200, "OK"), call.callee.gate)
        call.callee.say(200, "OK", body=sdp(41000))
        assert [call.callee.recv().method, call.callee.recv().method] == ["ACK", "BYE"]
    assert call.call_manager.kinds() == ["incoming", "ringing", "hung_up", "unattended"]


def test_a_callee_who_picks_up_while_the_relay_is_busy_and_the_caller_goes_was_unattended():
    with Call(refusal=486) as call:
        call.phone.dial()
        call.running.relay.callee_sdp = lambda call_id, body, done: None
        call.callee.ring(183, sdp(41000))
        call.callee.pick_up()
        call.phone.cancel()
        assert call.callee.recv(only="BYE")
    assert call.call_manager.kinds() == ["incoming", "unattended", "hung_up"]


@pytest.mark.parametrize(
    ("trunk", "caller"),
    [
        (486, 486),
        (480, 480),
        (404, 404),
        (408, 408),
        (600, 600),
        (500, 500),
        (503, 503),
        (403, 403),
        (420, 503),
    ],
)
def test_what_the_caller_gets_of_the_trunks_failure(trunk, caller):
    with Call(refusal=486) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.say(trunk, "No")
        call.callee.recv(only="ACK")
        heard = call.phone.recv(only=str(caller))
        assert f"cause={trunk}" in heard.get("Reason")
        assert "Declined" not in heard.start
        assert not heard.all("X-Dialgate-Reason")
        call.phone.ack(heard)
        assert call.call_manager.wait("failed")[2] == str(trunk)


@pytest.mark.parametrize(("refusal", "code"), [(603, 488), (600, 600), (486, 486)])
def test_a_carrier_that_takes_none_of_the_codecs_makes_no_phone_system_dial_its_next_trunk(refusal, code):
    """The gate has cut the offer: another trunk would be asked with the same, or past the gate with more."""
    with Call(refusal=refusal) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.say(488, "Not Acceptable Here")
        heard = call.phone.recv(only=str(code))
        assert "cause=488" in heard.get("Reason")
        call.phone.ack(heard)
        assert call.call_manager.wait("failed")[2:4] == ("488", "Not Acceptable Here")


@pytest.mark.parametrize("code", [601, 603, 604, 606, 607, 608, 699, 700, 799])
def test_a_callee_who_declines_is_not_rung_by_the_next_trunk(code):
    with Call(refusal=486) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.say(code, "Decline")
        heard = call.phone.recv(only="486")
        assert "cause=486" in heard.get("Reason")
        assert call.call_manager.wait("failed")[2] == str(code)


@pytest.mark.parametrize(("said", "passed"), [("120", "120"), ("18 (no lines);duration=60", "18"), ("soon", "")])
def test_the_carriers_retry_after_is_passed_on(said, passed):
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        invite = call.callee.invite
        answer = call.callee.answer(invite, 503, "Service Unavailable")
        call.callee.send(answer.replace("\r\nVia", f"\r\nRetry-After: {said}\r\nVia", 1), call.callee.gate)
        assert call.phone.recv(only="503").get("Retry-After") == passed


@pytest.mark.parametrize("fault", ["no_sdp", "relay"])
def test_an_answer_of_the_callees_that_cannot_be_used_is_no_failure_on_the_callers_side(fault):
    """The caller gets an answer of the gate's own, without audio either way."""
    with Call(refusal=486) as call:
        call.phone.dial()
        call.callee.ring()
        if fault == "relay":
            call.running.relay.callee_sdp = lambda call_id, body, done: done(None, ValueError("no"))
        call.callee.pick_up(**({"body": ""} if fault == "no_sdp" else {}))
        answer = call.phone.recv(only="200")
        assert re.findall(r"m=(\w+) (\d+) RTP/AVP 0 8 101|(a=inactive)", answer.body) == [
            ("audio", "9", ""),
            ("", "", "a=inactive"),
        ]
        call.phone.ack(answer)
        assert call.phone.recv(only="BYE")
        assert call.callee.recv(only="BYE")
    assert call.call_manager.kinds() == ["incoming", "ringing", "unattended", "failed"]


def test_a_time_that_runs_out_in_the_announcement_ends_nothing():
    """A failure would make a phone system dial its next trunk, and ring again whoever has picked up."""
    with Call(ScriptedCallManager(connect_after=None)) as call:
        call.phone.dial(headers=("Expires: 2",))
        call.callee.ring()
        call.phone.recv(only="180")
        call.callee.pick_up()
        call.call_manager.wait("answered")
        expire(call.running)
        call.running.call(lambda: call.running.line.connect(call.call_manager.incomings[0].call_id))
        answer = call.phone.recv()
        assert answer.code == 200
        call.phone.ack(answer)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_a_time_that_runs_out_while_it_rings_ends_the_call():
    with Call() as call:
        call.phone.dial(headers=("Expires: 2",))
        call.callee.ring()
        call.phone.recv(only="180")
        expire(call.running)
        assert call.phone.recv(only="487")
        assert call.callee.recv(only="CANCEL")


def test_a_line_that_stops_in_an_announcement_answers_and_ends_too():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager, refusal=486) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        call_manager.wait("answered")
        call.running.line.stop()
        answer = call.phone.recv(only="200")
        assert call.phone.recv(only="BYE")  # in the end without its ACK: nobody would be left to send it
        assert "a=inactive" in answer.body


def test_a_redirect_is_neither_followed_nor_passed_on():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.say(302, "Moved", contact="<sip:+441632960999@elsewhere.invalid>")
        heard = call.phone.recv(only="603")
        assert "elsewhere" not in heard.data.decode()
        assert call.call_manager.wait("failed")[2] == "302"


def test_nobody_answers():
    with Call(sip={"no_answer_seconds": 1}) as call:
        call.phone.dial()
        call.callee.ring()
        heard = call.phone.recv(only="480")
        assert "no_answer" in heard.get("Reason")
        assert call.callee.recv(only="CANCEL")
        assert call.call_manager.wait("failed")[2:] == ("480", "no_answer")


def test_the_callee_hangs_up_during_the_announcement():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        call_manager.wait("answered")
        call.callee.send(call.callee.request("BYE", call.callee.dialog()), call.callee.gate)
        assert call.callee.recv(only="200")
        bye = answered_and_ended(call)
        assert "callee_hung_up" in bye.get("Reason")
        assert call_manager.wait("hung_up")[2:] == ("callee", "hung_up")


def test_the_callee_hangs_up():
    with Call() as call:
        call.set_up()
        call.callee.send(call.callee.request("BYE", call.callee.dialog()), call.callee.gate)
        assert call.callee.recv(only="200")
        bye = call.phone.recv(only="BYE")
        call.phone.send(call.phone.answer(bye, 200, "OK"))
        assert call.call_manager.wait("hung_up")[2] == "callee"


@pytest.mark.parametrize("when", ["dialling", "ringing", "answered", "connected"])
def test_hang_up_in_every_state(when):
    call_manager = ScriptedCallManager(connect_after=0.0 if when == "connected" else None)
    with Call(call_manager) as call:
        call.phone.dial()
        call_id = call_manager.wait("incoming")[1]
        if when == "dialling":
            call.callee.recv(only="INVITE")
        else:
            call.callee.ring()
            call.phone.recv(only="180")
        if when in ("answered", "connected"):
            call.callee.pick_up()
        if when == "connected":
            call.phone.ack(call.phone.recv(only="200"))
        call.running.call(lambda: call.running.line.hang_up(call_id, "recorder_unavailable"))
        ended = (
            answered_and_ended(call)
            if when == "answered"
            else call.phone.recv(only="BYE" if when == "connected" else "603")
        )
        assert 'text="recorder_unavailable"' in ended.get("Reason")
        if when == "ringing":
            assert call.callee.recv(only="CANCEL")
        elif when != "dialling":
            assert 'text="recorder_unavailable"' in call.callee.recv(only="BYE").get("Reason")
        assert not {"hung_up", "failed"} & set(call_manager.kinds())
        assert call.running.relay.closed == [call_id]


def test_keys_told_by_info_are_heard_and_passed_on():
    with Call() as call:
        call.set_up()
        dialog = call.callee.dialog()
        key = call.callee.request(
            "INFO", dialog, body="Signal=9\r\nDuration=160\r\n", content_type="application/dtmf-relay"
        )
        call.callee.send(key, call.callee.gate)
        assert call.callee.recv(only="200")
        assert call.call_manager.wait("digit")[2:] == ("callee", "9")
        passed = call.phone.recv(only="INFO")
        assert passed.get("Content-Type") == "application/dtmf-relay"
        assert passed.body == "Signal=9\r\nDuration=160\r\n"
        call.phone.send(call.phone.answer(passed, 200, "OK"))
        call.phone.send(call.phone.next("INFO", body="*", content_type="application/dtmf"))
        assert call.call_manager.wait("digit", count=2)[2:] == ("caller", "*")


def test_other_requests_inside_a_call():
    with Call() as call:
        call.set_up()
        call.phone.drain()
        for method, code in [("OPTIONS", 200), ("UPDATE", 200), ("MESSAGE", 405), ("FROB", 501)]:
            call.phone.send(call.phone.next(method, headers=("Refer-To: <sip:09012345678@gate.invalid>",)))
            heard = call.phone.recv()
            assert (method, heard.code) == (method, code)
        assert call.callee.nothing_from(call.running.address)


def test_bye_with_also_transfers_nobody():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("BYE", headers=("Also: <sip:09012345678@x.invalid>",)))
        bye = call.callee.recv()
        assert bye.method == "BYE"
        assert "09012345678" not in bye.data.decode()


def test_a_call_without_audio_whose_callee_answers_nothing_is_ended():
    with Call(sip={"dead_peer_seconds": 2}) as call:
        call.set_up()
        asked = call.phone.recv(only="OPTIONS")
        call.phone.send(call.phone.answer(asked, 405, "No"))  # any answer is a sign of life
        assert call.callee.recv(only="OPTIONS")
        assert call.call_manager.wait("hung_up", PATIENCE)[2:] == ("gate", "media_timeout")
        assert "media_timeout" in call.phone.recv(only="BYE").get("Reason")
        assert "media_timeout" in call.callee.recv(only="BYE").get("Reason")


def test_a_call_without_audio_whose_peers_answer_goes_on():
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.set_up()
        for _ in range(3):
            for peer in (call.phone, call.callee):
                asked = peer.recv(only="OPTIONS")
                peer.send(peer.answer(asked, 200, "OK"), call.callee.gate if peer is call.callee else None)
        assert "hung_up" not in call.call_manager.kinds()


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_peer_that_talks_is_not_even_asked(side):
    """The other may be a phone on mute: it is asked, and not given up for what it does not answer to OPTIONS."""
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.running.relay.talking.add(side)
        call.set_up()
        talks, silent = (call.phone, call.callee) if side == "caller" else (call.callee, call.phone)
        assert silent.recv(only="OPTIONS")
        until(lambda: call.running.relay.heard[side] >= 12)  # three times the time after which silence ends a call
        assert talks.nothing_from(call.running.address)
        assert "hung_up" not in call.call_manager.kinds()


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_silent_peer_that_was_killed_is_known_by_what_it_says_to_options(side):
    """A phone system that has begun anew, while the other side talks on."""
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.running.relay.talking.add("callee" if side == "caller" else "caller")
        call.set_up()
        talks, silent = (call.callee, call.phone) if side == "caller" else (call.phone, call.callee)
        asked = silent.recv(only="OPTIONS")
        silent.send(silent.answer(asked, 481, "No"), call.callee.gate if silent is call.callee else None)
        assert call.call_manager.wait("hung_up", PATIENCE)[2:] == (side, "call_unknown")
        assert talks.recv(only="BYE")


def test_a_silent_peer_that_answers_neither_options_nor_a_refresh_is_gone():
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.running.relay.talking.add("callee")
        call.set_up()
        assert call.phone.recv(only="OPTIONS")
        assert "a=sendrecv" in call.phone.recv(PATIENCE, only="INVITE").body
        assert call.call_manager.wait("hung_up", PATIENCE)[2:] == ("gate", "peer_silent")
        assert "peer_silent" in call.callee.recv(only="BYE").get("Reason")


def test_a_phone_on_mute_that_answers_no_options_and_takes_a_refresh_goes_on():
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.running.relay.talking.add("callee")
        call.set_up()
        for _ in range(2):  # and it is asked again, for it may be killed later
            asked = call.phone.fresh("INVITE")
            call.phone.send(call.phone.answer(asked, 200, "OK", body=sdp(40000)))
            assert call.phone.recv(only="ACK")
        assert "hung_up" not in call.call_manager.kinds()
        assert call.callee.nothing_from(call.running.address)


@pytest.mark.parametrize(("talking", "silent"), [("caller", "callee"), ("callee", "caller"), ("", "both")])
def test_a_side_of_which_nothing_comes_in_a_talk_is_told_of(monkeypatch, talking, silent):
    monkeypatch.setattr("gate.sip.liveness.ONE_SIDED_SECONDS", 0.5)
    with Call(sip={"dead_peer_seconds": 300}) as call:
        call.running.relay.talking |= {talking} - {""}
        call.set_up()
        assert call.call_manager.wait("one_sided", PATIENCE)[2:] == (silent,)
        assert "hung_up" not in call.call_manager.kinds()


def test_a_talk_of_both_is_not_one_sided(monkeypatch):
    monkeypatch.setattr("gate.sip.liveness.ONE_SIDED_SECONDS", 0.2)
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.running.relay.talking |= {"caller", "callee"}
        call.set_up()
        until(lambda: call.running.relay.looks >= 6)
        assert call.phone.nothing_from(call.running.address)
        assert "one_sided" not in call.call_manager.kinds()


def test_on_hold_a_peer_that_never_answered_options_is_not_taken_for_dead():
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000, "inactive")))
        offer = call.callee.recv(only="INVITE")
        call.callee.send(call.callee.answer(offer, 200, "OK", body=sdp(44000, "inactive")), call.callee.gate)
        call.phone.ack(call.phone.recv(only="200"))
        assert call.phone.recv(only="OPTIONS") and call.callee.recv(only="OPTIONS")
        looked = call.running.relay.looks
        until(lambda: call.running.relay.looks >= looked + 12)
        assert "hung_up" not in call.call_manager.kinds()


def test_a_peer_that_answered_before_and_is_silent_on_hold_is_gone_in_the_end():
    with Call(sip={"dead_peer_seconds": 1}) as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000, "inactive")))
        offer = call.callee.recv(only="INVITE")
        call.callee.send(call.callee.answer(offer, 200, "OK", body=sdp(44000, "inactive")), call.callee.gate)
        call.phone.ack(call.phone.recv(only="200"))
        call.phone.send(call.phone.answer(call.phone.recv(only="OPTIONS"), 200, "OK"))
        assert call.call_manager.wait("hung_up")[2:] == ("gate", "peer_silent")


def test_a_peer_that_knows_no_such_call_is_gone():
    with Call(sip={"dead_peer_seconds": 2}) as call:
        call.set_up()
        asked = call.phone.recv(only="OPTIONS")
        call.phone.send(call.phone.answer(asked, 481, "No"))
        assert call.call_manager.wait("hung_up", PATIENCE)[2:] == ("caller", "call_unknown")
        assert call.callee.recv(only="BYE")


def test_a_fault_in_the_call_manager_ends_the_call_with_an_answer():
    def boom(*_: object) -> None:
        raise RuntimeError("fault")

    call_manager = ScriptedCallManager(on_answered=boom)
    with Call(call_manager) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        assert "internal_error" in answered_and_ended(call).get("Reason")
        assert call.callee.recv(only="BYE")
        assert call_manager.wait("failed")[3] == "internal_error"


def test_an_offer_that_the_relay_refuses():
    with Call() as call:
        call.running.relay.caller_sdp = lambda call_id, body, done: done(None, ValueError("no"))
        call.phone.dial()
        assert call.phone.recv(only="488")
        assert call.callee.nothing_from(call.running.address)
        assert call.call_manager.wait("failed")


def test_transport_in_capitals_does_not_lose_the_bye():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up(contact=f"<sip:bob@{call.callee.address};transport=UDP>")
        call.phone.ack(call.phone.recv(only="200"))
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_a_phone_behind_nat_hears_the_bye():
    with Call() as call:
        call.phone.dialog = call.phone.new_dialog()
        call.phone.send(call.phone.request("INVITE", call.phone.dialog, body=sdp(), contact="<sip:alice@10.1.2.3>"))
        call.callee.ring()
        call.callee.pick_up()
        call.phone.ack(call.phone.recv(only="200"))
        call.callee.send(call.callee.request("BYE", call.callee.dialog()), call.callee.gate)
        assert call.phone.recv(only="BYE")
