"""The tables of a leg and of the offers in it, without a socket; the ids, routes and text of a dialog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.sip import dialogs
from gate.sip.dialogs import (
    CONNECTED,
    ENDED,
    OFFER_ROWS,
    OFFERS,
    ROWS,
    TABLE,
    Acknowledged,
    Body,
    Dialog,
    Do,
    Event,
    Offer,
    OfferDo,
    OfferEvent,
    Standing,
    like_invite,
    place_of,
    quoted,
    read_body,
    reason_line,
    response,
    response_head,
)
from gate.sip.message import parse
from gate.sip.peers import Endpoint

S, E, D = Standing, Event, Do
O, OE, OD = Offer, OfferEvent, OfferDo  # noqa: E741
_ASK = (E.INVITE, (D.INVITE,))
_HANG_UP = (D.ACK, D.BYE, D.LATE_ANSWER)
PLAYS: dict[str, Sequence[tuple[Event, tuple[Do, ...]]]] = {
    "a callee rings, answers, and hangs up": [
        _ASK,
        (E.PROVISIONAL, (D.RINGS,)),
        (E.PROVISIONAL, (D.RINGS,)),
        (E.SUCCESS, (D.ACK, D.ANSWERED)),
        (E.SUCCESS, ()),
        (E.BYE, (D.OK, D.GONE)),
        (E.BYE, (D.OK,)),
        (E.END, ()),
    ],
    "a callee answers at once, and is hung up on": [
        _ASK,
        (E.SUCCESS, (D.ACK, D.ANSWERED)),
        (E.END, (D.BYE,)),
        (E.BYE, (D.OK,)),
        (E.END, ()),
    ],
    "a callee refuses": [_ASK, (E.FAILURE, (D.FAILED,)), (E.END, ()), (E.SUCCESS, ()), (E.BYE, (D.OK,))],
    "a callee refuses when it has rung": [
        _ASK,
        (E.PROVISIONAL, (D.RINGS,)),
        (E.FAILURE, (D.FAILED,)),
        (E.PROVISIONAL, ()),
        (E.BYE, (D.OK,)),
    ],
    "a trunk wants credentials, and more time, and rings": [
        _ASK,
        (E.AGAIN, (D.INVITE_AGAIN,)),
        (E.END, (D.SILENCE,)),
        (E.AGAIN, ()),
        (E.PROVISIONAL, ()),
        (E.BYE, (D.OK,)),
    ],
    "a trunk wants credentials when it has rung": [
        _ASK,
        (E.PROVISIONAL, (D.RINGS,)),
        (E.AGAIN, (D.INVITE_AGAIN,)),
        (E.END, (D.SILENCE,)),
    ],
    "it is taken back before anything has come": [
        _ASK,
        (E.END, (D.SILENCE,)),
        (E.PROVISIONAL, (D.CANCEL,)),
        (E.PROVISIONAL, ()),
        (E.END, ()),
        (E.FAILURE, ()),
        (E.BYE, (D.OK,)),
    ],
    "it is taken back while it rings, and is answered all the same": [
        _ASK,
        (E.PROVISIONAL, (D.RINGS,)),
        (E.END, (D.CANCEL,)),
        (E.SUCCESS, _HANG_UP),
        (E.SUCCESS, ()),
        (E.BYE, (D.OK,)),
    ],
    "it is taken back while it rings, and is challenged": [
        _ASK,
        (E.PROVISIONAL, (D.RINGS,)),
        (E.END, (D.CANCEL,)),
        (E.AGAIN, ()),
        (E.BYE, (D.OK,)),
    ],
    "it is taken back unheard, and refused": [_ASK, (E.END, (D.SILENCE,)), (E.FAILURE, ()), (E.BYE, (D.OK,))],
    "it is taken back unheard, and answered": [_ASK, (E.END, (D.SILENCE,)), (E.SUCCESS, _HANG_UP), (E.BYE, (D.OK,))],
    "a caller is answered, and hangs up": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.ACK, (D.ACKNOWLEDGED,)),
        (E.ACK, ()),
        (E.BYE, (D.OK, D.GONE)),
    ],
    "a caller hangs up before its ACK has come": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.BYE, (D.OK, D.GONE)),
        (E.BYE, (D.OK,)),
    ],
    "a caller's ACK does not come": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.LATE, (D.NOT_ACKNOWLEDGED,)),
        (E.END, (D.BYE,)),
    ],
    "a caller is hung up on before its ACK has come": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.END, ()),
        (E.END, ()),
        (E.ACK, (D.BYE,)),
        (E.ACK, ()),
        (E.BYE, (D.OK,)),
    ],
    "a caller is hung up on, and its ACK does not come": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.END, ()),
        (E.LATE, (D.BYE,)),
        (E.LATE, ()),
        (E.BYE, (D.OK,)),
    ],
    "both hang up at once, before the ACK": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.END, ()),
        (E.BYE, (D.OK,)),
        (E.ACK, ()),
    ],
    "a caller is refused": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.END, (D.REFUSE,)),
        (E.CANCEL, ()),
        (E.BYE, (D.OK,)),
    ],
    "a caller takes its INVITE back": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.CANCEL, (D.TERMINATED, D.GONE)),
        (E.ANSWER, ()),
        (E.BYE, (D.OK,)),
    ],
    "a caller's CANCEL comes too late": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.ANSWER, (D.ANSWER,)),
        (E.CANCEL, ()),
        (E.ACK, (D.ACKNOWLEDGED,)),
    ],
    "a caller hangs up in place of a CANCEL": [
        (E.INVITED, (D.TRYING, D.ASKED)),
        (E.BYE, (D.OK, D.TERMINATED, D.GONE)),
        (E.BYE, (D.OK,)),
    ],
}
OFFER_PLAYS: dict[str, Sequence[tuple[OfferEvent, tuple[OfferDo, ...]]]] = {
    "the peer offers, and is answered": [
        (OE.OFFERED, (OD.TELL,)),
        (OE.OFFERED, (OD.PENDING,)),
        (OE.OFFER, ()),
        (OE.ANSWER, (OD.ANSWER,)),
        (OE.ANSWER, ()),
        (OE.OFFER, (OD.SEND,)),
    ],
    "the peer offers, and is refused": [
        (OE.OFFERED, (OD.TELL,)),
        (OE.REFUSE, (OD.REFUSE,)),
        (OE.OFFERED, (OD.TELL,)),
    ],
    "the peer takes its offer back": [
        (OE.OFFERED, (OD.TELL,)),
        (OE.CANCEL, (OD.TERMINATED, OD.TELL)),
        (OE.ANSWER, ()),
        (OE.OFFERED, (OD.TELL,)),
    ],
    "the call ends under the peer's offer": [(OE.OFFERED, (OD.TELL,)), (OE.END, (OD.TERMINATED,)), (OE.END, ())],
    "we offer, and are answered": [
        (OE.OFFER, (OD.SEND,)),
        (OE.OFFERED, (OD.PENDING,)),
        (OE.SUCCESS, (OD.ACK, OD.TELL)),
        (OE.OFFERED, (OD.TELL,)),
    ],
    "we offer, and are refused": [(OE.OFFER, (OD.SEND,)), (OE.FAILURE, (OD.TELL,)), (OE.OFFER, (OD.SEND,))],
    "the call ends under our offer": [(OE.OFFER, (OD.SEND,)), (OE.END, (OD.TAKE_BACK,)), (OE.SUCCESS, ())],
}


def play(table: Mapping[Any, Any], state: StrEnum, steps: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """What follows each event."""
    found = []
    for event, _ in steps:
        state, does = table.get((state, event), (state, ()))
        found.append((event, does))
    return found


@pytest.mark.parametrize("name", PLAYS)
def test_a_leg_goes_as_the_rfc_has_it(name: str) -> None:
    assert play(TABLE, S.NEW, PLAYS[name]) == list(PLAYS[name])


@pytest.mark.parametrize("name", OFFER_PLAYS)
def test_an_offer_goes_as_the_rfc_has_it(name: str) -> None:
    assert play(OFFERS, O.NONE, OFFER_PLAYS[name]) == list(OFFER_PLAYS[name])


def _mutants(table: Mapping[Any, Any], key: Any) -> list[dict[Any, Any]]:
    """Tables without this transition, with one command less, and with it ending where it began."""
    after, does = table[key]
    without = {other: step for other, step in table.items() if other != key}
    found = [without] if does or after is not key[0] else []
    found += [{**without, key: (after, does[1:])}] if does else []
    return found + ([{**without, key: (key[0], does)}] if after is not key[0] else [])


@pytest.mark.parametrize(
    ("table", "first", "plays"), [(TABLE, S.NEW, PLAYS), (OFFERS, O.NONE, OFFER_PLAYS)], ids=["legs", "offers"]
)
def test_a_mutant_of_each_transition_is_found(table: Any, first: Any, plays: Any) -> None:
    for key in table:
        for mutant in _mutants(table, key):
            assert any(play(mutant, first, steps) != list(steps) for steps in plays.values()), (key, mutant.get(key))


def test_each_transition_names_its_section() -> None:
    assert all(row.section for row in (*ROWS, *OFFER_ROWS))
    assert len(TABLE) == sum(len(row.states) for row in ROWS) and len(OFFERS) == len(OFFER_ROWS)


@settings(max_examples=500, deadline=None)
@given(st.booleans(), st.lists(st.sampled_from(Event), max_size=30))
def test_whatever_happens_a_leg_ends_once_and_no_bye_comes_before_an_ack(ours: bool, events: list[Event]) -> None:
    """RFC 3261 15: no BYE before the ACK of a 2xx; 9.1: no CANCEL before a sign of life; 13.2.2.4: each 2xx that made
    the dialog is acknowledged."""
    standing, does = TABLE[S.NEW, E.INVITE if ours else E.INVITED]
    said, heard, acked = list(does), False, False
    for event in events:
        before = standing
        standing, does = TABLE.get((standing, event), (standing, ()))
        assert not (before is S.OVER and standing is not S.OVER)
        heard = heard or event is E.PROVISIONAL
        acked = acked or event in (E.ACK, E.LATE) or D.ACK in does
        assert D.CANCEL not in does or heard
        assert D.BYE not in does or acked
        assert D.BYE not in does or before in (*CONNECTED, *ENDED)
        said += does
    ends = [said.count(each) for each in (D.GONE, D.FAILED, D.REFUSE)]
    assert max(ends) <= 1 and said.count(D.BYE) <= 1 and said.count(D.ANSWERED) <= 1
    assert said.count(D.CANCEL) <= 1 and said.count(D.TERMINATED) <= 1


# --- ids, routes, text ----------------------------------------------------------------------------------------------


class Way(Endpoint):
    """By UDP from here, or by a connection."""

    def __init__(self, transport: str = "udp") -> None:
        self.transport, self.address = transport, ("192.0.2.1", 5060)


def message(start: str, *lines: str, body: str = "") -> Any:
    head = [start, "Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKx;rport", "Call-ID: c1", "CSeq: 7 INVITE"]
    return parse("\r\n".join([*head, *lines, f"Content-Length: {len(body)}", "", body]).encode())


def invite(*lines: str, body: str = "") -> Any:
    return message("INVITE sip:1@gate SIP/2.0", "From: <sip:a@x>;tag=f", "To: <sip:1@gate>", *lines, body=body)


def answered(*lines: str) -> Any:
    return message("SIP/2.0 200 OK", "From: <sip:gate>;tag=us", "To: <sip:1@trunk>;tag=t", *lines)


def test_a_caller_makes_a_dialog_with_its_routes_in_their_order() -> None:
    dialog = Dialog()
    dialog.asked_by(
        invite("Contact: <sip:a@192.0.2.7:5070>", "Record-Route: <sip:p1;lr>, <sip:p2;lr>", "Record-Route: <sip:p3;lr>")
    )
    assert dialog.routes == ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]
    assert (dialog.to, dialog.target) == (("p1", 5060), "sip:a@192.0.2.7:5070")
    text = dialog.request(Way(), "BYE", "z9hG4bKy", 101).decode()
    assert text.startswith("BYE sip:a@192.0.2.7:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKy;rport")
    assert f"From: <sip:1@gate>;tag={dialog.tag}\r\nTo: <sip:a@x>;tag=f\r\n" in text
    assert "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nRoute: <sip:p3;lr>\r\n" in text
    assert dialog.remote_tag == "f"


@pytest.mark.parametrize(
    "routes", [["Record-Route: <sip:p1;lr>, <sip:p2;lr>"], ["Record-Route: <sip:p1;lr>", "Record-Route: <sip:p2;lr>"]]
)
def test_a_callee_makes_one_with_its_routes_the_other_way_round(routes: list[str]) -> None:
    dialog = Dialog()
    dialog.remote = "<sip:1@trunk>"
    dialog.answered_by(answered("Contact: <sip:b@192.0.2.8>", *routes))
    assert dialog.routes == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert (dialog.to, dialog.target, dialog.remote) == (("p2", 5060), "sip:b@192.0.2.8", "<sip:1@trunk>;tag=t")


def test_a_strict_router_is_asked_as_it_wants() -> None:
    """RFC 3261 12.2.1.1: it stands in the Request-URI, and the target at the end of the routes."""
    dialog = Dialog()
    dialog.asked_by(invite("Contact: <sip:a@192.0.2.7>", "Record-Route: <sip:p1:5070>", "Record-Route: <sip:p2;lr>"))
    assert (dialog.target, dialog.to) == ("sip:p1:5070", ("p1", 5070))
    assert dialog.routes == ["<sip:p2;lr>", "<sip:a@192.0.2.7>"]


def test_who_moves_is_followed_unless_a_proxy_stands_between() -> None:
    straight, behind = Dialog(), Dialog()
    straight.asked_by(invite("Contact: <sip:a@192.0.2.7>"))
    behind.asked_by(invite("Contact: <sip:a@192.0.2.7>", "Record-Route: <sip:p1;lr>"))
    for dialog in (straight, behind):
        dialog.follows("sip:a@192.0.2.7:5090")
    assert straight.to == ("192.0.2.7", 5090) and behind.to == ("p1", 5060)
    assert straight.target == behind.target == "sip:a@192.0.2.7:5090"


def test_what_is_kept_is_restored_with_a_higher_number() -> None:
    dialog, after = Dialog(), Dialog()
    dialog.asked_by(invite("Contact: <sip:a@192.0.2.7>", "Record-Route: <sip:p1;lr>"))
    after.restore(dialog.kept(), 1000)
    assert after.kept() == dialog.kept() | {"cseq": dialog.cseq + 1000}


def test_a_connection_stands_in_via_and_contact() -> None:
    dialog = Dialog()
    dialog.contact_user, dialog.contact_more = "44", ";+sip.srs"
    assert dialog.contact(Way("tls")) == "<sip:44@192.0.2.1:5060;transport=tls>;+sip.srs"
    assert dialog.contact(Way()) == "<sip:44@192.0.2.1:5060>;+sip.srs"
    assert b"Via: SIP/2.0/TLS 192.0.2.1:5060" in dialog.request(Way("tls"), "BYE", "b", 1)


def test_cancel_and_ack_of_a_failure_are_of_their_invite() -> None:
    dialog = Dialog()
    dialog.call_id, dialog.local, dialog.remote, dialog.target = "c", "<sip:u@g>;tag=u", "<sip:1@t>", "sip:1@t"
    dialog.routes = ["<sip:p;lr>"]
    sent = dialog.request(Way(), "INVITE", "z9hG4bKb", 5, "Contact: <sip:u@g>\r\n", Body("v=0\r\n"))
    assert parse(sent).body == b"v=0\r\n"
    cancel, ack = parse(like_invite(sent, "CANCEL")), parse(like_invite(sent, "ACK", "<sip:1@t>;tag=z"))
    for request, method in ((cancel, "CANCEL"), (ack, "ACK")):
        assert (request.method, request.uri, request.branch) == (method, "sip:1@t", "z9hG4bKb")
        assert (request.cseq, request.cseq_method, request.get("route")) == (5, method, "<sip:p;lr>")
        assert request.get("contact") is None and request.body == b""
    assert (cancel.to_tag, ack.to_tag) == ("", "z")


def test_an_answer_has_what_its_request_had() -> None:
    request = invite("Record-Route: <sip:p1;lr>", "Contact: <sip:a@x>")
    head, to = response_head(request, ("192.0.2.9", 5099), "mine")
    got = parse(response(head, 180, "Ringing", "Contact: <sip:g>\r\n", "v=0\r\n"))
    assert (got.code, got.to_tag, got.from_tag, got.cseq, got.body) == (180, "mine", "f", 7, b"v=0\r\n")
    assert "rport=5099" in got.vias[0] and got.get("record-route") == "<sip:p1;lr>"
    assert to == ("192.0.2.9", 5099)


def test_each_provisional_answer_is_acknowledged_once_and_in_order() -> None:
    """RFC 3262 section 4; each callee counts by itself."""

    def rings(number: str, tag: str = "t", require: str = "100rel") -> Any:
        lines = [f"RSeq: {number}"] * bool(number) + [f"Require: {require}"] * bool(require)
        return message("SIP/2.0 180 Ringing", "From: <sip:g>;tag=us", f"To: <sip:1@t>;tag={tag}", *lines)

    acknowledged = Acknowledged()
    assert acknowledged.takes(rings("5")) == (True, 5)
    assert acknowledged.takes(rings("5")) == (False, 0)
    assert acknowledged.takes(rings("7")) == (False, 0)
    assert acknowledged.takes(rings("6")) == (True, 6)
    assert acknowledged.takes(rings("9", tag="other")) == (True, 9)
    assert acknowledged.takes(rings("7", require="")) == (True, 0)
    assert acknowledged.takes(rings("")) == (True, 0)
    assert acknowledged.takes(rings("0")) == (True, 0)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:a@192.0.2.7:5070;lr", ("192.0.2.7", 5070)),
        ("sip:192.0.2.7", ("192.0.2.7", 5060)),
        ("sip:a@[2001:db8::1]:5070", ("[2001:db8::1]", 5070)),
        ("sips:a@host.example", ("host.example", 5061)),
        ("sip:a:b@host.example;transport=tcp", ("host.example", 5060)),
    ],
)
def test_where_a_uri_leads(uri: str, place: tuple[str, int]) -> None:
    assert place_of(uri) == place


def test_words_in_headers() -> None:
    assert quoted("Bob") == "Bob " and quoted("") == "" and quoted("Bob X") == '"Bob X" '
    assert quoted("Zoë").encode("latin-1") == '"Zoë" '.encode()
    assert reason_line('a "b"\\\r\n', 200) == 'Reason: SIP; cause=200; text="a b"\r\n'
    body = read_body(invite("Content-Type: application/dtmf", body="5"))
    assert body is not None and (str(body), body.getType()) == ("5", "application/dtmf")
    assert read_body(invite()) is None
    assert dialogs.private("10.0.0.1") and not dialogs.private("192.0.2.1x") and not dialogs.private("127.0.0.1")
