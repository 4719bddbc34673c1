"""What the door answers by itself, and what it lets through."""

from __future__ import annotations

import re
import threading

import pytest

from gate.config import Account
from gate.core.numbers import NumberRefused, parse
from gate.sip.pending import GIVE_UP_AFTER
from gate.sip.sippy_adapter.event_loop import BATCH
from tests.support.sip_call import Call
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Peer, Phone, sdp
from tests.support.waiting import PATIENCE, until

ALICE = Account("alice", "x", PRESENTED, purpose="service")
LISTED = "+442079460123"
SPELLINGS = [
    "02079460123", "+442079460123", "00442079460123", "442079460123", "+4402079460123", "020-7946-0123",
    "+44(0)2079460123", "020.7946.0123", "02079460123;phone-context=+44", "%2B442079460123", "0044%20020%207946%200123",
    "+44-20-7946-0123",
]  # fmt: skip


def answers(listen: str = "127.0.0.1:0", **config):
    """A line whose call manager refuses everything."""
    return RunningLine(
        config_for("127.0.0.1:9", listen=listen, **config), ScriptedCallManager(refused={"*": "listed_tps"})
    )


class Screening(ScriptedCallManager):
    """Refuses one number, however it is spelled."""

    def _decide(self, incoming) -> None:
        try:
            self.refused = {"*": "listed_tps"} if parse(incoming.attempt.raw_number).e164 == LISTED else {}
        except NumberRefused:
            self.refused = {"*": "number_invalid"}
        super()._decide(incoming)


def test_a_listed_number_in_every_spelling_is_refused():
    call_manager = Screening()
    with Call(call_manager) as call:
        for spelling in SPELLINGS:
            phone = Phone(call.running.address)
            phone.dial(spelling)
            heard = phone.recv()
            assert (spelling, heard.code) == (spelling, 603)
            assert 'text="listed_tps"' in heard.get("Reason")
            phone.ack(heard)
        tel = Phone(call.running.address)
        dialog = tel.new_dialog()
        dialog.target = "tel:+44-20-7946-0123"
        tel.send(tel.request("INVITE", dialog, body=sdp()))
        assert "listed_tps" in tel.recv().get("Reason")
        assert call.callee.nothing_from(call.running.address)
        call.phone.dial("02079460124")
        assert call.callee.recv(only="INVITE")
    assert len(call_manager.incomings) == len(SPELLINGS) + 2


def test_a_refusal_says_why_once_and_again():
    with answers() as running, Phone(running.address) as phone:
        phone.dial()
        first = phone.recv()
        assert first.start == "SIP/2.0 603 Declined: on the TPS"
        assert first.get("Reason") == 'SIP;cause=603;text="listed_tps"'
        assert first.get("X-Dialgate-Decision") == "d-1"
        assert first.get("X-Dialgate-Reason") == "listed_tps"
        assert first.get("Warning") == '399 dialgate "This number is listed."'
        assert first.to_tag
        for _ in range(3):
            phone.send(phone.invite)
            assert phone.recv().data == first.data
        phone.ack(first)
        assert running.nothing_to(phone, 0.7)  # not sent again by itself: no transaction was made
        assert running.call_manager.kinds() == ["incoming"]


def test_a_slow_decision_is_told_100_and_asked_for_once():
    call_manager = ScriptedCallManager(refused={"*": "listed_tps"}, decide_after=0.6)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        phone.dial()
        assert phone.nothing_from(running.address)
        assert phone.recv(0.4).code == 100
        phone.send(phone.invite)
        assert phone.recv(0.3).code == 100
        assert phone.recv(1).code == 603
        assert call_manager.kinds() == ["incoming"]


@pytest.mark.parametrize("cancelled", [False, True])
def test_who_got_100_is_answered_again_until_the_answer_is_acknowledged(cancelled):
    """They do not ask again (RFC 3261 17.1.1.2): an answer that is lost would leave them waiting (17.2.1)."""
    call_manager = ScriptedCallManager(refused={"*": "listed_tps"}, decide_after=60 if cancelled else 0.3)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        phone.dial()
        phone.recv(PATIENCE, only="100")
        if cancelled:
            phone.cancel()
        code = "487" if cancelled else "603"
        lost = phone.recv(PATIENCE, only=code)
        again = phone.recv(PATIENCE, only=code)
        assert again.data == lost.data
        phone.ack(again)
        responses = running.line._running().ingress.responses
        until(lambda: not responses._awaited)
        assert running.nothing_to(phone, 1.1), "acknowledged, and sent again"


def test_a_decision_that_never_comes():
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        phone.dial()
        heard = phone.recv(PATIENCE, only="603")
        assert 'text="decision_late"' in heard.get("Reason")
        call_id = call_manager.incomings[0].call_id
        assert call_manager.wait("undecided")[1:] == (call_id,)
        # too late: nothing may leave now
        running.call(lambda: running.line.invite(call_id, "+442079460000", PRESENTED, ""))
        assert running.relay.opened == []


def test_a_decision_that_waits_for_the_line_alone_is_not_late():
    """The line was held up for longer than a decision may take: what was decided meanwhile holds."""
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        phone.dial()
        call_id = call_manager.wait("incoming")[1]

        def held_up() -> None:
            running.line.post(lambda: running.line.refuse(call_id, "listed_tps", "d-1", "This number is listed."))
            engine.ingress.pending._by_id[call_id].since -= 2 * GIVE_UP_AFTER
            engine.ingress.sweep()

        engine = running.line._running()
        running.call(held_up)
        assert 'text="listed_tps"' in phone.recv(PATIENCE, only="603").get("Reason")
        assert "undecided" not in call_manager.kinds()


def test_a_timer_comes_after_what_was_posted_before_it_was_due():
    ran: list[str] = []
    done = threading.Event()

    def held_up() -> None:
        for _ in range(2 * BATCH):
            running.line.post(lambda: None)
        running.line.after(0, lambda: (ran.append("timer"), done.set()))
        running.line.post(lambda: ran.append("answer"))

    with RunningLine(config_for("127.0.0.1:9")) as running:
        running.call(held_up)
        assert done.wait(PATIENCE)
    assert ran == ["answer", "timer"]


def test_a_timer_that_is_cancelled_when_it_is_due_does_not_run():
    ran: list[str] = []

    def held_up() -> None:
        for _ in range(2 * BATCH):
            running.line.post(lambda: None)
        timer = running.line.after(0, lambda: ran.append("timer"))
        running.line.post(timer.cancel)

    with RunningLine(config_for("127.0.0.1:9")) as running:
        running.call(held_up)
        running.call(lambda: running.line.after(0.01, lambda: ran.append("last")))
        until(lambda: "last" in ran)
    assert ran == ["last"]


def test_a_call_manager_with_a_fault():
    with (
        RunningLine(config_for("127.0.0.1:9"), ScriptedCallManager(raises=True)) as running,
        Phone(running.address) as phone,
    ):
        phone.dial()
        assert 'text="internal_error"' in phone.recv().get("Reason")


def test_cancel_before_the_decision():
    call_manager = ScriptedCallManager(decide_after=0.3)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        phone.dial()
        call_manager.wait("incoming")
        phone.cancel()
        assert phone.recv().get("CSeq").endswith("CANCEL")
        assert phone.recv().code == 487
        call_manager.wait("withdrawn")
        phone.send(phone.invite)
        assert phone.recv().code == 487
        assert running.nothing_to(phone, 0.4)
        assert running.relay.opened == []


def test_what_the_call_manager_is_told():
    with answers(pbx=True, accounts=(ALICE,)) as running, Phone(running.address) as phone:
        phone.dial("+442079460000", headers=("Privacy: none",))
        phone.recv()
        told = running.call_manager.incomings[-1]
        assert told.attempt.raw_number == "+442079460000"
        assert told.attempt.claimed_by == "trunk:pbx1"
        assert told.attempt.presentation == PRESENTED
        assert not told.attempt.withheld
        assert told.codecs == ("PCMU", "PCMA")
        assert told.source == phone.address
        assert told.sip_call_id == phone.dialog.call_id
        phone.dial("02079460000", headers=("Privacy: id",))
        phone.recv()
        assert running.call_manager.incomings[-1].attempt.withheld


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
def test_an_account_calls(algorithm, qop):
    with answers(pbx=False, accounts=(ALICE,)) as running, Phone(running.address) as phone:
        phone.dial()
        asked = phone.recv()
        assert asked.code == 401
        phone.ack(asked)
        choices = [challenge(value) for value in asked.all("WWW-Authenticate")]
        assert [each["algorithm"] for each in choices] == ["SHA-256", "MD5"]
        line = authorization(
            next(each for each in choices if each["algorithm"] == algorithm),
            "alice",
            "secret",
            "INVITE",
            phone.dialog.target,
            qop=qop,
        )
        phone.dialog.cseq += 1
        phone.dialog.remote = f"<{phone.dialog.target}>"
        again = phone.request("INVITE", phone.dialog, body=sdp(), headers=(line,), branch="z9hG4bKagain")
        phone.send(again)
        assert phone.recv().code == 603
        phone.send(again)
        assert phone.recv().code == 603
        assert len(running.call_manager.incomings) == 1
        assert running.call_manager.incomings[0].attempt.claimed_by == "account:alice"
        assert running.call_manager.incomings[0].attempt.purpose == "service"
        # the same credentials, in another call: used
        other = phone.new_dialog()
        other.target = phone.dialog.target
        phone.send(phone.request("INVITE", other, body=sdp(), headers=(line,)))
        stale = phone.recv()
        assert stale.code == 401
        assert "stale=true" in stale.get("WWW-Authenticate")


def test_a_wrong_password_is_refused_and_on_record():
    with answers(pbx=False, accounts=(ALICE,)) as running, Phone(running.address) as phone:
        phone.dial()
        asked = challenge(phone.recv().get("WWW-Authenticate"))
        line = authorization(asked, "alice", "guess", "INVITE", phone.dialog.target)
        phone.send(phone.request("INVITE", phone.dialog, body=sdp(), headers=(line,), cseq=2))
        heard = phone.recv()
        assert heard.code == 603
        assert "not_authenticated" in heard.get("Reason")
        told = running.call_manager.incomings[0]
        assert (told.problem, told.attempt.claimed_by, told.attempt.presentation) == (
            "not_authenticated",
            "unproven",
            "",
        )


def test_guessing_passwords_is_slowed_down():
    with answers(pbx=False, accounts=(ALICE,)) as running, Phone(running.address) as phone:
        phone.dial()
        asked = challenge(phone.recv().get("WWW-Authenticate"))
        for _ in range(100):
            dialog = phone.new_dialog()
            line = authorization(asked, "alice", "guess", "INVITE", dialog.target)
            phone.send(phone.request("INVITE", dialog, body=sdp(), headers=(line,)))
        assert phone.nothing_from(running.address) is False
        assert 5 <= len(running.call_manager.incomings) <= 30


def test_strangers_are_challenged_and_slowed_down():
    config = config_for("127.0.0.2:9", pbx=False, accounts=(Account("alice", "x", PRESENTED),))
    with RunningLine(config) as running, Phone(running.address) as phone:
        phone.dial()
        assert phone.recv().code == 401
        for _ in range(300):
            phone.send(phone.request("INVITE", phone.new_dialog(), body=sdp()))
        heard = 0
        came = phone.nothing_from(running.address) is False
        while came:
            heard, came = heard + 1, not phone.quiet(0.0)
        assert heard < 120
        assert running.call_manager.incomings == []


def test_calls_from_the_trunk_do_not_come_in():
    with Peer() as trunk, RunningLine(config_for(trunk.address, pbx=False)) as running:
        trunk.to = running.address
        trunk.send(trunk.request("INVITE", trunk.new_dialog(), body=sdp()))
        assert trunk.recv().code == 404
        assert running.call_manager.incomings == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        (lambda text: text.replace("Max-Forwards: 70", "Max-Forwards: many"), 400),
        (lambda text: text.replace("Max-Forwards: 70\r\n", ""), 603),
        (lambda text: text.replace("Subject: x", "Require: 100rel, foo"), 420),
        (lambda text: text.replace("Subject: x", "Supported: 100rel"), 603),
        (lambda text: text.replace("application/sdp", "text/plain"), 415),
        (lambda text: text.replace("Subject: x", "Content-Encoding: gzip"), 415),
        (lambda text: text.replace("INVITE sip:", "INVITE sips:"), 416),
        (lambda text: text.replace("INVITE sip:", "INVITE urn:service:"), 416),
        (lambda text: text.replace("Contact", "X-Contact"), 400),
        (lambda text: text.replace("Contact: <sip:", "Contact: <mailto:"), 400),
        (lambda text: text.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505),
        (lambda text: text.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), 400),
        (lambda text: text.replace("CSeq: 1 INVITE", "CSeq: 4294967297 INVITE"), 400),
        (lambda text: text.replace("Subject: x", "Call-ID: second"), 400),
        (lambda text: text.replace("Call-ID", "X-Call-ID"), 400),
        (lambda text: text.replace("Subject: x", "no colon here"), 400),
        (lambda text: text.replace("Content-Length: ", "Content-Length: 9"), 400),
        (lambda text: text.replace("Content-Length: ", "Content-Length: -"), 400),
        (lambda text: text.replace("Subject: x", "Subject: " + "x" * 20000), 513),
        (lambda text: text.replace("Subject: x", "Subject:\r\n\tfolded"), 603),
        (lambda text: text.replace("Subject: x", "s : short"), 603),
        (lambda text: text.partition("\r\n\r\n")[0].replace("\r\n", "\n") + "\n\n" + sdp(), 603),
        (lambda text: text.replace("sip:02079460000@gate.invalid SIP", "sip:020 7946 0000@gate.invalid SIP"), 400),
        (lambda text: text.replace("Subject: x", "Subject: caf\xe9"), 603),
        (lambda text: "\r\n\r\n" + text, 603),
        (lambda text: text.replace("Via: SIP/2.0/UDP", "Via: sip/2.0/udp"), 603),
    ],
)
def test_every_invite_gets_an_answer(change, code):
    with answers() as running, Phone(running.address) as phone:
        text = change(phone.request("INVITE", phone.new_dialog(), body=sdp(), headers=("Subject: x",)))
        phone.send(text.encode("latin-1"))
        heard = phone.recv()
        assert heard.code == code
        if code == 420:
            assert heard.get("Unsupported") == "100rel, foo"


def test_requests_outside_any_call():
    with answers(pbx=False) as running, Phone(running.address) as phone:
        for method, code in [
            ("OPTIONS", 200), ("BYE", 481), ("INFO", 481), ("UPDATE", 481), ("PRACK", 481), ("CANCEL", 481),
            ("REFER", 481), ("MESSAGE", 405), ("SUBSCRIBE", 405), ("NOTIFY", 405), ("PUBLISH", 405), ("FROB", 501),
        ]:  # fmt: skip
            phone.send(phone.request(method, phone.new_dialog()))
            heard = phone.recv()
            assert (method, heard.code) == (method, code)
        assert "INVITE" in heard.get("Allow")
        dialog = phone.new_dialog()
        dialog.remote += ";tag=nobody"
        for method in ("INVITE", "BYE", "OPTIONS"):
            phone.send(phone.request(method, dialog))
            assert phone.recv().code == 481
        phone.send(phone.request("ACK", dialog))
        phone.send(b"\r\n\r\n")
        phone.send(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\n\r\n")
        phone.send(bytes(range(256)))
        assert phone.nothing_from(running.address)
        assert running.thread.is_alive()


def test_an_answer_goes_where_rfc_3261_says():
    with answers() as running, Phone(running.address) as phone, Peer() as elsewhere:
        text = phone.request("INVITE", phone.new_dialog(), body=sdp())
        via = f"Via: SIP/2.0/UDP {phone.address};"
        # without rport: to the port of the Via, at the source address
        phone.send(text.replace(via, f"Via: SIP/2.0/UDP nowhere.invalid:{elsewhere.port};").replace(";rport", ""))
        heard = elsewhere.recv()
        assert ";received=127.0.0.1" in heard.get("Via")
        # with rport: back to where it came from
        phone.send(
            text.replace(via, f"Via: SIP/2.0/UDP nowhere.invalid:{elsewhere.port};").replace("branch=", "branch=a")
        )
        heard = phone.recv()
        assert f";rport={phone.port}" in heard.get("Via")
        assert ";received=127.0.0.1" in heard.get("Via")


def test_a_loop_is_seen():
    """The trunk sends our own INVITE back: through a B2BUA (our header), through proxies (our Via, our Call-ID)."""
    with Call() as call:
        call.phone.dial()
        ours = call.callee.recv(only="INVITE")
        gate = call.callee.last_from
        hop = ours.get("X-dialgate-hop")
        assert len(hop) == 32
        call.callee.send(
            call.callee.request("INVITE", call.callee.new_dialog(), body=sdp(), headers=(f"X-Dialgate-Hop: {hop}",)),
            gate,
        )
        assert "loop_detected" in call.callee.recv(only="603").get("Reason")
        via = f"Via: {ours.get('Via')}"
        call.callee.send(call.callee.request("INVITE", call.callee.new_dialog(), body=sdp(), headers=(via,)), gate)
        assert "loop_detected" in call.callee.recv(only="603").get("Reason")
        through_a_proxy = call.callee.request("INVITE", call.callee.new_dialog(), body=sdp())
        through_a_proxy = re.sub(r"Call-ID: [^\r]*", f"Call-ID: {ours.get('Call-ID')}", through_a_proxy)
        call.callee.send(through_a_proxy, gate)
        assert "loop_detected" in call.callee.recv(only="603").get("Reason")
        assert [told.problem for told in call.call_manager.incomings] == ["", *["loop_detected"] * 3]


def test_the_mark_of_a_loop_is_one_calls_and_ends_with_it():
    marks = []
    with Call() as call:
        for _ in range(2):
            call.phone.dial()
            ours = call.callee.recv(only="INVITE")
            gate = call.callee.last_from
            mark = ours.get("X-dialgate-hop")
            assert not set(marks) & {value for _, value in ours.headers}
            call.callee.send(call.callee.answer(ours, 486, "Busy Here", tag="busy"), gate)
            call.callee.recv(only="ACK")
            assert call.phone.recv(only="486").code == 486
            marks.append(mark)
        for mark in marks:
            dialog = call.callee.new_dialog()
            call.callee.send(
                call.callee.request("INVITE", dialog, body=sdp(), headers=(f"X-Dialgate-Hop: {mark}",)), gate
            )
            assert call.callee.recv(only="INVITE").get("Call-ID") != dialog.call_id
        assert [told.problem for told in call.call_manager.incomings] == [""] * 4


def test_ipv6():
    with answers("[::1]:0") as running, Phone(running.address, host="::1") as phone:
        phone.dial()
        assert phone.recv().code == 603
        assert running.call_manager.incomings[0].source == phone.address


def test_two_addresses_and_a_call_between_them():
    """A phone on IPv6, a trunk on IPv4."""
    with Call(listen="127.0.0.1:0,[::1]:0") as call:
        host, port = call.running.line.addresses[1]
        phone = Phone((host.strip("[]"), port), host="::1")
        phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        answer = phone.recv(only="200")
        assert answer.get("Contact") == f"<sip:{host}:{port}>"
        phone.ack(answer)
        phone.send(phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_listening_everywhere_still_names_an_address():
    with Call(listen="0.0.0.0:0") as call:
        call.set_up()
        port = call.running.line.addresses[0][1]
        assert call.callee.invite.contact.endswith(f"@127.0.0.1:{port}")


@pytest.mark.parametrize("decided", [True, False])
def test_a_request_that_came_by_another_way_before_rings_nobody_twice(decided: bool) -> None:
    """RFC 3261 8.2.2.2: a proxy on the way has sent it on to two of the gate's addresses."""
    with Call(ScriptedCallManager(silent=not decided)) as call:
        call.phone.dial()
        if decided:
            first = call.callee.recv(only="INVITE")
            assert first
        else:
            call.call_manager.wait("incoming")
        call.phone.send(call.phone.invite.replace(call.phone.branch, "z9hG4bKanother"))
        heard = call.phone.recv(only="482")
        assert heard.get("Via").count("z9hG4bKanother") == 1
        assert call.callee.nothing_from(call.running.address)
        assert call.call_manager.kinds().count("incoming") == 1


@pytest.mark.parametrize("said", [";received=192.0.2.9", ";rport=9;received=192.0.2.9", ';note="a;b,c"'])
def test_answers_of_a_call_go_back_to_where_it_came_from_whatever_its_via_says(said):
    """The ingress's own, and those of the call itself."""
    with Call() as call:
        text = call.phone.request("INVITE", call.phone.new_dialog(), body=sdp()).replace(";rport", f";rport{said}", 1)
        call.phone.send(text.replace(";rport;rport=9", ";rport=9"))
        call.callee.ring()
        assert call.phone.recv(only="180")
        call.callee.say(486, "Busy Here")
        heard = call.phone.recv(only="486")
        assert f";rport={call.phone.port}" in heard.get("Via")
        assert "192.0.2.9" not in heard.get("Via")
