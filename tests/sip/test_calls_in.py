"""Calls in by SIP: who may call in, the handshake before anything, phones in order, and no way out by a trunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gate.config import Account, CallIn, Pbx
from tests.sip.test_trunk_failover import Watched
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, config_for
from tests.support.sip_peer import Callee, Heard, Peer, Phone, sdp

ACCOUNTS = (Account("alice", "x", PRESENTED), Account("bob", "x", PRESENTED))
DIALLED = "0" + PRESENTED[3:]
CALLER = "<sip:+447700900123@carrier.invalid>"


@contextmanager
def line(
    *to: str, pbx: tuple[Pbx, ...] = (), trunk: dict[str, Any] | None = None, book: Any = None, **values: Any
) -> Iterator[Any]:
    """A running line with one own number that takes calls, and the carrier's socket, which calls in."""
    with Phone(("127.0.0.1", 9)) as carrier:
        config = config_for(carrier.address, pbx=False, accounts=ACCOUNTS, trunk_options=trunk)
        config = replace_config(config, pbx=pbx, call_in=(CallIn(PRESENTED, to, **values),))
        running = RunningLine(config)
        if book is not None:
            running.line._book = book
        with running:
            carrier.to = running.address
            yield running, carrier


def replace_config(config: Any, **values: Any) -> Any:
    """A copy of a configuration with these sections."""
    import msgspec

    return msgspec.structs.replace(config, **values)


def registered(running: RunningLine, account: str, contact: str = "") -> Callee:
    """A phone that has registered, and waits for calls."""
    phone = Callee(to=running.address)
    dialog = phone.new_dialog(account, name=account)
    dialog.target = "sip:gate.invalid"
    where = contact or f"<sip:{account}-phone@{phone.address}>"
    phone.send(phone.request("REGISTER", dialog, contact=where))
    asked = challenge(phone.recv(only="401").get("WWW-Authenticate"))
    dialog.cseq += 1
    line = authorization(asked, account, "secret", "REGISTER", dialog.target)
    phone.send(phone.request("REGISTER", dialog, contact=where, headers=(line,)))
    phone.recv(only="200")
    return phone


def put_through(carrier: Phone) -> Heard:
    """Call in and acknowledge the answer."""
    carrier.dial(DIALLED, sender=CALLER)
    answer = carrier.recv(only="200")
    carrier.ack(answer)
    return answer


def test_a_call_in_that_is_not_acknowledged_rings_nobody_and_ends() -> None:
    with line("account:alice") as (running, carrier), registered(running, "alice") as phone:
        carrier.dial(DIALLED, sender=CALLER)
        answer = carrier.recv(only="200")
        assert "a=sendrecv" in answer.body
        # Whoever has only forged the carrier's address has not seen the answer's tag.
        real, carrier.dialog.remote = carrier.dialog.remote, answer.get("To").replace(answer.to_tag, "guessed")
        carrier.send(carrier.request("ACK", carrier.dialog))
        carrier.dialog.remote = real
        assert carrier.recv(only="BYE").get("Reason")
        assert running.call_manager.wait("hung_up")[2:] == ("gate", "no_ack")
        assert running.call_manager.kinds() == ["calling_in", "hung_up"]
        assert phone.nothing_from(running.address)


def test_the_journal_of_legs_has_the_invite_before_the_phone_has() -> None:
    book = Watched()
    with line("account:alice", book=book) as (running, carrier), registered(running, "alice") as phone:
        book.trunk = phone
        put_through(carrier)
        phone.ring()
        assert book.too_late == [False]


def test_an_acknowledged_call_rings_the_phone_that_has_registered_and_connects() -> None:
    with line("account:alice") as (running, carrier), registered(running, "alice") as phone:
        put_through(carrier)
        invite = phone.ring()
        assert invite.start.split()[1] == f"sip:alice-phone@{phone.address}"
        assert "+447700900123@" in invite.get("From")
        assert [each.split()[3] for each in invite.body.splitlines() if each.startswith("m=audio")] == ["0"]
        phone.pick_up()
        assert running.call_manager.wait("answered")[2] == "PCMU"
        assert running.call_manager.trunks == ["account:alice"]
        assert running.relay.rung == [("127.0.0.1", True)]
        carrier.send(carrier.next("BYE"))
        carrier.recv(only="200")
        phone.recv(only="BYE")
        assert running.call_manager.wait("hung_up")[2:] == ("caller", "hung_up")


def test_phones_ring_one_after_the_other_and_a_late_answer_is_hung_up_on() -> None:
    with (
        line("account:alice", "account:bob", ring_seconds=5) as (running, carrier),
        registered(running, "alice") as first,
        registered(running, "bob") as second,
    ):
        put_through(carrier)
        first.ring()
        second.ring()
        first.recv(only="CANCEL")
        second.pick_up()
        assert running.call_manager.wait("answered")
        first.say(200, "OK", body=sdp(41002))
        first.recv(only="ACK")
        first.recv(only="BYE")
        assert running.call_manager.trunks == ["account:bob"]
        running.call(lambda: running.line.hang_up(running.call_manager.calling[0].call_id, "over"))
        carrier.recv(only="BYE")
        second.recv(only="BYE")


def test_where_every_phone_declines_the_caller_is_still_there() -> None:
    with (
        line("account:alice", "account:bob") as (running, carrier),
        registered(running, "alice") as first,
        registered(running, "bob") as second,
    ):
        put_through(carrier)
        for phone in (first, second):
            phone.invite = phone.recv(only="INVITE")
            phone.tag, phone.gate = "busy", running.address
            phone.say(486, "Busy Here")
        assert running.call_manager.wait("nobody_answers")[2] == "486"
        assert "hung_up" not in running.call_manager.kinds()
        running.call(lambda: running.line.hang_up(running.call_manager.calling[0].call_id, "no_answer"))
        carrier.recv(only="BYE")


def test_another_phone_behind_one_that_declined_is_hung_up_on_and_the_caller_stays() -> None:
    with (
        line("account:alice", "account:bob") as (running, carrier),
        registered(running, "alice") as alice,
        registered(running, "bob") as bob,
    ):
        put_through(carrier)
        alice.invite, alice.tag = alice.recv(only="INVITE"), "busy"
        alice.gate = running.address
        alice.say(486, "Busy Here")
        bob.invite = bob.recv(only="INVITE")
        alice.tag = "other"
        alice.say(200, "OK", body=sdp(41000))
        assert alice.recv(only="BYE").to_tag == "other"
        running.call(lambda: None)  # what follows from it is done
        assert not {"unattended", "failed", "hung_up"} & set(running.call_manager.kinds())


def test_a_caller_who_hangs_up_stops_the_ringing() -> None:
    with line("account:alice") as (running, carrier), registered(running, "alice") as phone:
        put_through(carrier)
        phone.ring()
        carrier.send(carrier.next("BYE"))
        phone.recv(only="CANCEL")
        assert running.call_manager.wait("hung_up")[2:] == ("caller", "hung_up")


def test_a_contact_that_names_the_carrier_leads_nowhere_but_to_the_phone() -> None:
    with line("account:alice") as (running, carrier):
        contact = f"<sip:09098790123@{carrier.address}>"
        with registered(running, "alice", contact) as phone:
            put_through(carrier)
            invite = phone.ring()
            assert invite.start.split()[1] == contact.strip("<>")
            carrier.send(carrier.next("BYE"))
            assert carrier.recv().code == 200, "the carrier got something else than the answer to its own request"


def test_a_phone_at_the_carriers_own_socket_is_not_rung() -> None:
    with line("account:alice", fallback="callback") as (running, carrier):
        dialog = carrier.new_dialog("alice", name="alice")
        dialog.target = "sip:gate.invalid"
        carrier.send(carrier.request("REGISTER", dialog))
        asked = challenge(carrier.recv(only="401").get("WWW-Authenticate"))
        dialog.cseq += 1
        proof = authorization(asked, "alice", "secret", "REGISTER", dialog.target)
        carrier.send(carrier.request("REGISTER", dialog, headers=(proof,)))
        carrier.recv(only="200")
        put_through(carrier)
        assert running.call_manager.wait("nobody_answers")
        assert not running.call_manager.calling[0].reachable


def test_a_pbx_is_rung_at_its_own_address_by_the_number_called() -> None:
    with Callee(host="127.0.0.3") as pbx:
        section = Pbx("office", ("127.0.0.3",), PRESENTED, calls_to=pbx.address)
        with line("trunk:office", pbx=(section,)) as (running, carrier):
            put_through(carrier)
            invite = pbx.ring()
            assert invite.start.split()[1].startswith(f"sip:{PRESENTED}@127.0.0.3")
            pbx.pick_up()
            assert running.call_manager.wait("answered")
            assert running.call_manager.trunks == ["trunk:office"]
            assert running.relay.rung == [("127.0.0.3", False)]


@pytest.mark.parametrize(
    ("host", "sender", "number", "code"),
    [
        ("127.0.0.9", CALLER, DIALLED, "401"),
        ("127.0.0.1", "<sip:alice@gate.invalid>", DIALLED, "401"),
        ("127.0.0.1", CALLER, "02079460123", "404"),
        ("127.0.0.1", CALLER, "999", "404"),
        ("127.0.0.1", CALLER, "alice", "404"),
    ],
    ids=["a stranger", "a phone of ours", "another number", "a short number", "an account"],
)
def test_what_is_no_call_in(host: str, sender: str, number: str, code: str) -> None:
    with line("account:alice") as (running, _carrier), Phone(running.address, host=host) as caller:
        caller.dial(number, sender=sender)
        assert str(caller.recv().code) == code
        assert running.call_manager.calling == []


@pytest.mark.parametrize(
    ("dialled", "to", "options"),
    [
        (PRESENTED, "", {}),
        (PRESENTED[1:], "", {"number_format": "44"}),
        ("00" + PRESENTED[1:], "", {"number_format": "0044"}),
        ("firm", PRESENTED, {"username": "firm", "password_file": "x"}),
    ],
    ids=["+44", "44", "0044", "in To alone"],
)
def test_a_number_in_the_carriers_spelling(dialled: str, to: str, options: dict[str, Any]) -> None:
    with line("account:alice", fallback="callback", trunk=options) as (running, carrier):
        dialog = carrier.new_dialog(dialled)
        if to:
            dialog.remote = f"<sip:{to}@gate.invalid>"
        dialog.local = f"{CALLER};tag={dialog.local.partition(';tag=')[2]}"
        carrier.dialog = dialog
        carrier.send(carrier.request("INVITE", dialog, body=sdp()))
        carrier.ack(carrier.recv(only="200"))
        running.call_manager.wait("acknowledged")
        calling = running.call_manager.calling[0]
        assert (calling.own, calling.number, calling.trunk) == (PRESENTED, "+447700900123", "carrier")
        assert calling.line and not calling.reachable


def test_a_caller_without_a_codec_of_ours_gets_488() -> None:
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 18\r\n"
    with line("account:alice") as (running, carrier), registered(running, "alice"):
        carrier.dial(DIALLED, sender=CALLER, body=body)
        carrier.recv(only="488")
        assert running.call_manager.wait("failed")


def test_the_same_call_by_two_ways_is_one() -> None:
    with line("account:alice") as (running, carrier), registered(running, "alice"):
        carrier.dial(DIALLED, sender=CALLER)
        carrier.recv(only="200")
        carrier.send(carrier.invite.replace(carrier.branch, "z9hG4bKother"))
        carrier.recv(only="482")
        assert len(running.call_manager.calling) == 1


def test_a_callers_hold_passes_to_the_phone_and_back() -> None:
    with line("account:alice") as (running, carrier), registered(running, "alice") as phone:
        put_through(carrier)
        phone.ring()
        phone.pick_up()
        running.call_manager.wait("answered")
        carrier.send(carrier.next("INVITE", body=sdp(40000, "sendonly")))
        phone.invite = phone.recv(only="INVITE")
        assert "a=sendonly" in phone.invite.body
        phone.say(200, "OK", body=sdp(41000, "recvonly"))
        held = carrier.recv(only="200")
        assert "a=recvonly" in held.body
        carrier.ack(held)
        assert isinstance(phone, Peer)
