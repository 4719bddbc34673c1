"""Offers inside a call: hold, resume, codec change, refresh; from both sides."""

from __future__ import annotations

import pytest

from tests.support.sip_call import Call
from tests.support.sip_line import ScriptedCallManager
from tests.support.sip_peer import sdp


def exchange(asker, asked, offer: str, answer: str, *, of_callee: bool, call: Call) -> None:
    """One re-INVITE end to end."""
    if of_callee:
        dialog = call.callee.dialog()
        call.callee_cseq = getattr(call, "callee_cseq", 1) + 1
        asker.send(asker.request("INVITE", dialog, body=offer, cseq=call.callee_cseq), call.callee.gate)
    else:
        asker.send(asker.next("INVITE", body=offer))
    invite = asked.recv(only="INVITE")
    assert invite.body == offer
    asked.send(asked.answer(invite, 200, "OK", body=answer), call.callee.gate)
    asked.recv(only="ACK")
    heard = asker.recv(only="200")
    assert heard.body == answer
    if of_callee:
        asker.send(asker.request("ACK", dialog, cseq=call.callee_cseq), call.callee.gate)
    else:
        asker.ack(heard)


@pytest.mark.parametrize("of_callee", [False, True])
def test_hold_and_resume(of_callee):
    with Call() as call:
        call.set_up()
        asker, asked = (call.callee, call.phone) if of_callee else (call.phone, call.callee)
        exchange(asker, asked, sdp(43000, "sendonly"), sdp(44000, "recvonly"), of_callee=of_callee, call=call)
        exchange(asker, asked, sdp(43000), sdp(44000), of_callee=of_callee, call=call)
        call.call_manager.wait("media_changed", count=3)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_a_changed_codec_is_told():
    with Call() as call:
        call.set_up()
        alaw = sdp(41000).replace(" 0 8 101", " 8 101")
        exchange(call.phone, call.callee, alaw, alaw, of_callee=False, call=call)
        call.call_manager.wait("media_changed", count=2)
        assert call.call_manager.payloads[-1]["callee"] == {8: "PCMA/8000", 101: "telephone-event/8000"}


def test_what_an_answer_in_a_call_names_beside_the_offer_does_not_get_through():
    with Call() as call:
        call.set_up()
        answer = sdp(41000).replace(" 0 8 101", " 8 18 101")
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        call.callee.send(call.callee.answer(call.callee.recv(only="INVITE"), 200, "OK", body=answer), call.callee.gate)
        got = call.phone.recv(only="200")
        call.phone.ack(got)
        assert "RTP/AVP 8 101" in got.body
        call.call_manager.wait("media_changed", count=2)
        assert 18 not in call.call_manager.payloads[-1]["callee"]


def test_a_refresh_with_the_same_sdp_stays_between_us():
    with Call() as call:
        answer = call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp()))
        assert call.phone.recv(only="200").body == answer.body
        assert call.callee.nothing_from(call.running.address)


def test_a_refresh_without_sdp_gets_our_offer():
    with Call() as call:
        answer = call.set_up()
        call.phone.send(call.phone.next("INVITE"))
        heard = call.phone.recv(only="200")
        assert heard.body == answer.body
        call.phone.ack(heard, body=sdp())  # unchanged
        assert call.callee.nothing_from(call.running.address)
        call.phone.send(call.phone.next("INVITE"))
        call.phone.ack(call.phone.recv(only="200"), body=sdp(45000))
        moved = call.callee.recv(only="INVITE")
        assert moved.body == sdp(45000)
        call.callee.send(call.callee.answer(moved, 200, "OK", body=sdp(41000)), call.callee.gate)
        assert call.callee.recv(only="ACK")
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


@pytest.mark.parametrize(("said", "heard"), [(488, 488), (491, 491), (500, 488), (302, 488)])
def test_a_refused_offer_changes_nothing_and_the_next_one_works(said, heard):
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000, "sendonly")))
        invite = call.callee.recv(only="INVITE")
        call.callee.send(call.callee.answer(invite, said, "No"), call.callee.gate)
        refused = call.phone.recv(only=str(heard))
        call.phone.send(call.phone.request("ACK", call.phone.dialog, branch=""))
        del refused
        call.callee.recv(only="ACK")
        exchange(call.phone, call.callee, sdp(43000, "inactive"), sdp(44000, "inactive"), of_callee=False, call=call)
        exchange(call.callee, call.phone, sdp(44002), sdp(43002), of_callee=True, call=call)


def test_an_offer_that_the_relay_refuses_inside_a_call():
    with Call() as call:
        call.set_up()
        through = call.running.relay.caller_sdp
        call.running.relay.caller_sdp = lambda call_id, body, done: done(None, ValueError("no"))
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        assert call.phone.recv(only="488")
        call.running.relay.caller_sdp = through
        exchange(call.phone, call.callee, sdp(43004), sdp(44004), of_callee=False, call=call)


def test_a_dialog_that_the_far_end_has_lost_ends():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        invite = call.callee.recv(only="INVITE")
        call.callee.send(call.callee.answer(invite, 481, "No"), call.callee.gate)
        assert call.phone.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2:] == ("callee", "call_unknown")


def test_an_offer_that_is_never_answered_does_not_end_the_call():
    """Nor one that is told 408: only that the peer did not take it is known."""
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        invite = call.callee.recv(only="INVITE")
        call.callee.send(call.callee.answer(invite, 408, "Request Timeout"), call.callee.gate)
        assert call.phone.recv(only="488")
        call.phone.send(call.phone.request("ACK", call.phone.dialog, branch=""))
        exchange(call.phone, call.callee, sdp(43004), sdp(44004), of_callee=False, call=call)
        assert "hung_up" not in call.call_manager.kinds()


def test_glare_gets_491():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        first = call.callee.recv(only="INVITE")
        dialog = call.callee.dialog()
        call.callee.send(call.callee.request("INVITE", dialog, body=sdp(44000), cseq=2), call.callee.gate)
        assert call.callee.recv(only="491")
        call.callee.send(call.callee.request("ACK", dialog, cseq=2), call.callee.gate)
        call.callee.send(call.callee.answer(first, 200, "OK", body=sdp(44002)), call.callee.gate)
        assert call.phone.recv(only="200").body == sdp(44002)


def test_a_second_offer_of_the_same_side_gets_491():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        call.callee.recv(only="INVITE")
        call.phone.send(call.phone.next("INVITE", body=sdp(43002)))
        assert call.phone.recv(only="491")


def test_a_cancelled_offer_leaves_the_call():
    with Call() as call:
        call.set_up()
        offer = call.phone.next("INVITE", body=sdp(43000), branch="z9hG4bKhold")
        call.phone.send(offer)
        invite = call.callee.recv(only="INVITE")
        call.callee.send(call.callee.answer(invite, 100, "Trying"), call.callee.gate)
        call.phone.recv(only="100")
        call.phone.send(call.phone.request("CANCEL", call.phone.dialog, branch="z9hG4bKhold"))
        assert call.phone.recv(only="487")
        assert call.callee.recv(only="CANCEL")
        call.callee.send(call.callee.answer(invite, 487, "Request Terminated"), call.callee.gate)
        assert call.callee.recv(only="ACK")
        assert "hung_up" not in call.call_manager.kinds()
        exchange(call.phone, call.callee, sdp(43004), sdp(44004), of_callee=False, call=call)


def announcing(call: Call, call_manager: ScriptedCallManager) -> str:
    """A call whose announcement plays; its id."""
    call.phone.dial()
    call.callee.ring()
    call.callee.pick_up()
    return call_manager.wait("answered")[1]


def test_an_offer_while_the_announcement_plays_is_answered_by_the_gate():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call_id = announcing(call, call_manager)
        offer = sdp(46000, "sendonly").replace(" 0 8 101", " 0 101").replace("a=rtpmap:8 PCMA/8000\r\n", "")
        dialog = call.callee.dialog()
        call.callee.send(call.callee.request("INVITE", dialog, body=offer, cseq=2), call.callee.gate)
        heard = call.callee.recv(only="200")
        assert "m=audio 40000 RTP/AVP 0 101" in heard.body
        assert "PCMA" not in heard.body
        assert "a=recvonly" in heard.body
        call.callee.send(call.callee.request("ACK", dialog, cseq=2), call.callee.gate)
        call.running.call(lambda: call.running.line.connect(call_id))
        assert call.phone.recv(only="200").body == offer


def test_an_offer_without_the_announcements_codec_is_refused_while_it_plays():
    """The callee would be told the rest of it in a codec that it has given up, and the log would say that it heard."""
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call_id = announcing(call, call_manager)
        offer = sdp(46000).replace(" 0 8 101", " 8 101").replace("a=rtpmap:0 PCMU/8000\r\n", "")
        dialog = call.callee.dialog()
        call.callee.send(call.callee.request("INVITE", dialog, body=offer, cseq=2), call.callee.gate)
        assert call.callee.recv(only="488")
        call.callee.send(call.callee.request("ACK", dialog, cseq=2), call.callee.gate)
        assert ("callee", offer) not in call.running.relay.bodies
        call.running.call(lambda: call.running.line.connect(call_id))
        assert call.phone.recv(only="200").body == sdp(41000)


@pytest.mark.parametrize("side", ["caller", "callee"])
@pytest.mark.parametrize("how", ["refused", "cancelled"])
def test_an_offer_that_comes_to_nothing_is_taken_back_at_the_relay(side, how):
    """It had moved that side's audio to where nobody listens: neither heard nor recorded any more."""
    with Call() as call:
        call.set_up()
        agreed = {"caller": sdp(), "callee": sdp(41000)}
        offer = sdp(43000)
        asker, asked = (call.phone, call.callee) if side == "caller" else (call.callee, call.phone)
        dialog = call.phone.dialog if side == "caller" else call.callee.dialog()
        request = asker.request("INVITE", dialog, body=offer, cseq=dialog.cseq + 1, branch="z9hG4bKmoved")
        asker.send(request, call.callee.gate)
        invite = asked.recv(only="INVITE")
        if how == "refused":
            asked.send(asked.answer(invite, 488, "Not Acceptable Here"), call.callee.gate)
            assert asker.recv(only="488")
        else:
            asked.send(asked.answer(invite, 100, "Trying"), call.callee.gate)
            cancel = asker.request("CANCEL", dialog, cseq=dialog.cseq + 1, branch="z9hG4bKmoved")
            asker.send(cancel, call.callee.gate)
            assert asker.recv(only="487")
        bodies = call.running.call(lambda: list(call.running.relay.bodies))
        assert [body for of, body in bodies if of == side][-2:] == [offer, agreed[side]]


def test_bye_while_an_offer_is_under_way():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000)))
        call.callee.recv(only="INVITE")
        call.callee.send(call.callee.request("BYE", call.callee.dialog(), cseq=2), call.callee.gate)
        assert call.callee.recv(only="200")
        assert call.phone.recv(only="487")
        assert call.phone.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2] == "callee"


@pytest.mark.parametrize("far", ["callee", "caller"])
def test_a_call_that_ends_while_a_cancelled_offer_is_under_way_ends_on_both_sides(far):
    """sippy raised at the second CANCEL: the far side kept its call, with nobody at the other end."""
    with Call() as call:
        call.set_up()
        asker, asked = (call.phone, call.callee) if far == "callee" else (call.callee, call.phone)
        dialog = call.phone.dialog if far == "callee" else call.callee.dialog()
        asker.send(asker.request("INVITE", dialog, body=sdp(43000), cseq=5, branch="z9hG4bKon"), call.callee.gate)
        invite = asked.recv(only="INVITE")
        asked.send(asked.answer(invite, 100, "Trying"), call.callee.gate)
        asker.send(asker.request("CANCEL", dialog, cseq=5, branch="z9hG4bKon"), call.callee.gate)
        assert asked.recv(only="CANCEL")
        asker.send(asker.request("BYE", dialog, cseq=6), call.callee.gate)
        assert asked.recv(only="BYE")
