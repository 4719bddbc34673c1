"""The small rooms of the line, each by itself: fields, identity, SDP, keys, outcomes, answers, pending."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core import sdp
from gate.sip import failure_mapping, header_fields, identity, pending, recording_offer, response_cache
from gate.sip.bridge import digits_of
from gate.sip.message import BadMessage, answer, destination, parse
from tests.support.clocks import Clock
from tests.support.examples import examples


def invite(
    *headers: str,
    uri: str = "sip:02079460000@gate.invalid",
    sender: str = "<sip:alice@10.0.0.1>;tag=f",
    branch: str = "z9hG4bKx",
):
    lines = [f"INVITE {uri} SIP/2.0", f"Via: SIP/2.0/UDP 10.0.0.1:5062;branch={branch};rport", f"From: {sender}"]
    lines += ["To: <sip:x@y>", "Call-ID: c", "CSeq: 7 INVITE", *headers]
    return parse("\r\n".join([*lines, "", ""]).encode())


# --- fields -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "tag", "uri", "display"),
    [
        ('"A, B" <sip:a@b;tag=no>;tag=yes', "yes", "sip:a@b;tag=no", "A, B"),
        ("sip:a@b;tag=t;x=y", "t", "sip:a@b", ""),
        ('"\\"<sip:evil@x>;tag=z" <sip:a@b> ; TAG = t', "t", "sip:a@b", '"<sip:evil@x>;tag=z'),
        ("Bob <sip:a@b>", "", "sip:a@b", "Bob"),
        ("", "", "", ""),
        ("<", "", "", ""),
    ],
)
def test_from_and_to_values(value, tag, uri, display):
    name = header_fields.text_of(header_fields.split_address(value)[0])
    assert (header_fields.tag_of(value), header_fields.uri_of(value), name) == (
        tag, uri, display,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        ("sip:02079460000@gate.invalid", "02079460000", "gate.invalid"),
        ("sip:%2B442079460000;phone-context=x@[::1]:5060;user=phone", "+442079460000;phone-context=x", "[::1]"),
        ("tel:+44-20-7946-0000", "+44-20-7946-0000", "+44-20-7946-0000"),
        ("sip:gate.invalid", "", "gate.invalid"),
        ("mailto:a@b", "", "b"),
        ("", "", ""),
    ],
)
def test_users_and_hosts(uri, user, host):
    assert (header_fields.user_of(uri), header_fields.host_of(uri)) == (user, host)


@given(st.text(max_size=80))
@settings(max_examples=examples(200), deadline=None)
def test_fields_never_raise(text):
    latin = text.encode("utf-8").decode("latin-1")
    for read in (
        header_fields.tag_of,
        header_fields.uri_of,
        header_fields.split_address,
        header_fields.user_of,
        header_fields.host_of,
        header_fields.split_list,
    ):
        read(latin)
    header_fields.parameters(latin)


def test_lists_part_at_commas_outside_of_quotes_and_brackets():
    assert header_fields.split_list('"a,b" <sip:x,y@z>, <sip:c>,, d') == ['"a,b" <sip:x,y@z>', "<sip:c>", "d"]
    assert header_fields.split_list('"a\\",b" <sip:x>, c') == ['"a\\",b" <sip:x>', "c"]


# --- identity -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "hidden"),
    [
        (invite(), False),
        (invite("Privacy: none"), False),
        (invite("Privacy: session"), False),
        (invite("Privacy: id"), True),
        (invite("Privacy: none;  ID"), True),
        (invite("Privacy: user;critical"), True),
        (invite("Privacy: header"), True),
        (invite(sender='"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'), True),
        (invite(sender="<sip:x@anonymous.invalid>;tag=1"), True),
        (invite(sender='"Anonymous" <sip:alice@10.0.0.1>;tag=1'), False),
        (invite("P-Asserted-Identity: <sip:anonymous@10.0.0.1>"), True),
        (invite("Remote-Party-ID: <sip:a@b>;privacy=full"), True),
        (invite("Remote-Party-ID: <sip:a@b>;privacy=off"), False),
        (invite(uri="sip:14102079460000@gate"), True),
        (invite(uri="sip:147002079460000@gate"), False),
        (invite(uri="sip:%2331%2302079460000@gate"), True),
        (invite(uri="sip:01414960000@gate"), False),
    ],
)
def test_who_hides(request_, hidden):
    assert identity.withheld(request_) is hidden


# --- SDP and keys ---------------------------------------------------------------------------------------------------

BODY = (
    "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n"
    "m=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "m=audio 4000 RTP/AVP 9 111 0 97 101 13\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=sendonly\r\nm=audio 5000 RTP/AVP 8\r\n"
)


def test_codecs_in_order():
    assert sdp.codecs(BODY) == ("G722", "opus", "PCMU")
    assert sdp.payload_map(BODY) == {
        9: "G722/8000", 111: "opus/48000", 0: "PCMU/8000", 101: "telephone-event/8000", 13: "CN/8000",
    }  # fmt: skip
    assert sdp.codecs("") == ()


def test_a_codec_under_another_number_than_its_own_has_no_announcement():
    offer = "m=audio 1 RTP/AVP 97 98 0 8\r\na=rtpmap:97 PCMU/8000\r\na=rtpmap:98 opus/48000\r\na=rtpmap:0 PCMA/8000\r\n"
    assert sdp.codecs(offer) == ("opus", "PCMA")
    assert sdp.codecs("m=audio 1 RTP/AVP 9\r\na=rtpmap:9 G722/16000\r\n") == ("G722",)  # as some phones spell it


SPOKEN = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}


@pytest.mark.parametrize("event", [97, 101, 127])
@pytest.mark.parametrize("others", [("18 G729/8000", "96 opus/48000/2"), ("3 GSM/8000", "98 PCMU/8000", "99 red/8000")])
def test_an_offer_is_cut_to_what_can_be_announced_and_recorded_whatever_its_order(event: int, others: tuple[str, ...]):
    """All orders of the codecs, with and without their names; a payload type without a name goes, too."""
    named = {int(each.split()[0]): each.split()[1] for each in others}
    named |= SPOKEN | {event: "telephone-event/8000", 13: "CN/8000", 110: ""}
    for order in permutations([*SPOKEN, *(int(each.split()[0]) for each in others)]):
        kinds = [*order, event, 13, 110]
        lines = [f"a=rtpmap:{kind} {named[kind]}" for kind in kinds if named[kind]]
        lines += [f"a=fmtp:{event} 0-16", "a=fmtp:18 annexb=no", "a=ptime:20"]
        offer = "\r\n".join([f"m=audio 4000 RTP/AVP {' '.join(map(str, kinds))}", *lines, ""])
        left = [*(kind for kind in order if kind in SPOKEN), event, 13]
        cut = sdp.cut(offer)
        assert cut.splitlines()[0] == f"m=audio 4000 RTP/AVP {' '.join(map(str, left))}"
        assert cut.splitlines()[1:] == [*(f"a=rtpmap:{kind} {named[kind]}" for kind in left), lines[-3], lines[-1]]
        assert sdp.cut(cut) == cut
        assert sdp.codecs(cut) == tuple(SPOKEN[kind].partition("/")[0] for kind in left[:-2])


@pytest.mark.parametrize("kinds", ["18", "96", "98", "101", "13 101", "99 13"])
def test_an_offer_without_a_codec_of_ours_is_cut_to_nothing(kinds: str):
    lines = ["a=rtpmap:96 opus/48000/2", "a=rtpmap:98 PCMA/8000", "a=rtpmap:99 red/8000"]
    offer = "\r\n".join([f"m=audio 4000 RTP/AVP {kinds}", *lines, "a=rtpmap:101 telephone-event/8000", ""])
    assert sdp.cut(offer) == ""


@pytest.mark.parametrize(
    ("streams", "plain"),
    [
        (["audio 4000 RTP/AVP 0"], True),
        (["audio 4000 RTP/SAVP 0", "audio 4002 RTP/AVP 0"], True),
        (["audio 4000 rtp/avp 0"], True),
        (["audio 4000 RTP/SAVP 0"], False),
        (["audio 4000 RTP/AVPF 0"], False),
        (["audio 4000 UDP/TLS/RTP/SAVPF 0"], False),
        (["audio 0 RTP/AVP 0", "video 4000 RTP/AVP 96"], False),
        (["image 4000 udptl t38"], False),
    ],
)
def test_an_offer_of_encrypted_audio_alone_is_none_that_can_be_carried(streams: list[str], plain: bool):
    body = "".join(f"m={each}\r\n" for each in streams)
    assert sdp.has_plain_audio(body) is plain
    assert bool(sdp.codecs(body)) is plain


def test_an_answer_of_ours_takes_the_plain_stream_and_declines_what_stands_before_it():
    offer = (
        "v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 18 97 8\r\n"
        "a=rtpmap:97 PCMA/8000\r\na=rtpmap:18 G729/8000\r\n"
    )
    for body in (sdp.own_answer(offer, "PCMA", "9.9.9.9"), sdp.silent_answer(offer, "9.9.9.9")):
        encrypted, plain = (line for line in body.splitlines() if line.startswith("m="))
        assert encrypted.startswith("m=audio 0 RTP/SAVP")
        assert plain.startswith("m=audio 9 RTP/AVP ")
    assert "m=audio 9 RTP/AVP 8\r\n" in sdp.own_answer(offer, "PCMA", "9.9.9.9")


def test_a_stream_that_has_not_the_codec_is_declined_and_its_line_stays_a_line_of_sdp():
    """An ``m=`` line has a payload type always (RFC 8866 section 9), also where its port is 0 (RFC 3264 section 6)."""
    offer = "v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/AVP 18 97\r\na=rtpmap:97 opus/48000/2\r\na=sendonly\r\n"
    assert "m=audio 0 RTP/AVP 18 97\r\n" in sdp.own_answer(offer, "PCMA", "9.9.9.9")
    second = offer + "m=audio 4002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    assert sdp.only(second, "opus").endswith("m=audio 0 RTP/AVP 0\r\n")
    assert sdp.answer_to(offer, second).endswith("m=audio 0 RTP/AVP 0\r\na=recvonly\r\n")


def test_of_a_recorded_stream_no_redundant_audio_is_taken():
    """Speech inside it (RFC 2198) could not be heard again."""
    body = (
        "v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/AVP 121 8 101 13\r\na=rtpmap:121 red/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
    )
    (stream,) = recording_offer.read_streams(body)
    assert list(stream.payloads) == [8, 101, 13]


def test_packets_carry_the_numbers_that_the_other_side_gave():
    mine = "m=audio 1 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    theirs = "m=audio 1 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
    maps = sdp.maps_in_packets(mine, theirs)
    assert maps["caller"][96] == "telephone-event/8000"
    assert maps["callee"][101] == "telephone-event/8000"


def test_an_answer_holds_what_was_offered():
    cut = sdp.answer_to("m=audio 1 RTP/AVP 0\r\na=sendonly\r\n", BODY)
    assert "m=audio 4000 RTP/AVP 0\r\n" in cut
    assert cut.endswith("a=recvonly\r\n")
    assert "opus" not in cut
    assert sdp.answer_to("m=audio 1 RTP/AVP 18\r\n", BODY) == ""


@pytest.mark.parametrize(
    ("kind", "body", "keys"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", ["5"]),
        ("application/dtmf-relay", "Signal= 11\nDuration=160", ["#"]),
        ("application/dtmf-relay", "Signal=*\r\n", ["*"]),
        ("application/dtmf-relay", "Signal=16\r\n", []),
        ("application/dtmf-relay", "Duration=1", []),
        ("application/dtmf", "9\r\n", ["9"]),
        ("application/dtmf", "99999", []),
        ("text/plain", "5", []),
    ],
)
def test_keys_in_info(kind, body, keys):
    assert digits_of(kind, body) == keys


# --- what the caller gets -------------------------------------------------------------------------------------------


def test_what_the_carrier_says_leaves_as_itself_and_a_no_is_a_no():
    for code in range(300, 1000):
        given_ = failure_mapping.for_caller(code, "x")
        if code < 400 or code > 600:
            assert given_ is None
        elif given_ != (code, "x"):
            assert given_ == (503, "Service Unavailable") and code not in range(500, 600)
    assert failure_mapping.for_caller(486, "Busy") == (486, "Busy")
    assert failure_mapping.for_caller(600, "Busy Everywhere") == (600, "Busy Everywhere")
    for code in (302, 799):
        assert failure_mapping.as_it_is(code, "x") == (503, "Service Unavailable")
    assert failure_mapping.as_it_is(603, "No") == (603, "No")


# --- answers --------------------------------------------------------------------------------------------------------


def test_an_answer_echoes_byte_for_byte():
    raw = invite("Record-Route: <sip:p;lr>", sender='"Caf\u00e9" <sip:alice@10.0.0.1>;tag=f')
    made = answer(raw, 486, "Busy Here", ("10.0.0.9", 999), [("X", "y")], "tt")
    text = made.decode()
    assert "Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKx;rport=999;received=10.0.0.9" in text
    assert 'From: "Café" <sip:alice@10.0.0.1>;tag=f' in text
    assert "To: <sip:x@y>;tag=tt" in text
    assert "Record-Route: <sip:p;lr>" in text
    assert destination(raw, ("10.0.0.9", 999)) == ("10.0.0.9", 999)
    assert b";tag=tt" not in answer(raw, 100, "Trying", ("10.0.0.9", 999), (), "tt")


def test_a_refusal_cannot_be_broken_out_of():
    why = 'No "calls"\\\r\nContact: <x> Café'
    made = response_cache.refusal(invite(), ("10.0.0.1", 5062), "t", 603, "listed_tps", "d\r\nX: y", why)
    lines = made.decode().split("\r\n")
    warning = next(line for line in lines if line.startswith("Warning:"))
    assert warning.startswith('Warning: 399 dialgate "No  calls ')
    assert warning.endswith('Contact: <x> Café"')
    assert warning.count('"') == 2
    assert not [line for line in lines if line.startswith(("X: y", "Contact"))]


def test_answers_are_kept_for_a_while_and_not_without_bound(monkeypatch):
    clock = Clock(100.0)
    kept = response_cache.ResponseCache(clock)
    request = invite()
    kept.keep(request.key, b"603", ("a", 1))
    assert kept.find(request.key) == (b"603", ("a", 1))
    assert kept.find(invite(branch="z9hG4bKy").key) is None
    clock.now += response_cache.KEPT_SECONDS
    assert kept.find(request.key) is None
    kept.trim()
    assert len(kept) == 0
    monkeypatch.setattr(response_cache, "MAX_KEPT", 10)
    for number in range(50):
        kept.keep(invite(branch=f"z9hG4bK{number}").key, b"603", ("a", 1))
    assert len(kept) == 10
    monkeypatch.setattr(response_cache, "MAX_BYTES", 5000)
    for number in range(50):
        kept.keep(invite(branch=f"z9hG4bKl{number}").key, b"x" * 1000, ("a", 1))
        kept.keep(invite(branch=f"z9hG4bKl{number}").key, b"x" * 1000, ("a", 1))  # again: counted once
    assert len(kept) == 4
    kept.keep(invite(branch="z9hG4bKk").key, b"603", ("a", 1))
    assert kept.tag(request) == kept.tag(invite()) != kept.tag(invite(branch="z9hG4bKy"))


def test_the_ack_of_an_answer_that_is_kept_is_known_by_its_tag():
    clock = Clock(100.0)
    kept = response_cache.ResponseCache(clock)
    tag = kept.tag(invite())
    ack = f"ACK sip:1@gate SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag={tag}\r\n".encode()
    assert not kept.acknowledged_by(ack)
    kept.keep(invite().key, b"603", ("a", 1), tag)
    assert kept.acknowledged_by(ack)
    assert not kept.acknowledged_by(ack.replace(b"ACK", b"BYE", 1))
    for other in (f"{tag}0", tag[1:], tag.upper(), "0" * 20):
        assert not kept.acknowledged_by(ack.replace(tag.encode(), other.encode())), other
    clock.now += response_cache.KEPT_SECONDS
    kept.trim()
    assert not kept.acknowledged_by(ack)


def test_pending_calls():
    clock = Clock(100.0)
    waiting = pending.PendingCalls(2, clock)
    first = pending.Pending("1", invite(), ("a", 1), None)  # type: ignore[arg-type]
    waiting.add(first)
    clock.now += 0.1
    waiting.add(pending.Pending("2", invite(branch="z9hG4bKy"), ("a", 1), None))  # type: ignore[arg-type]
    assert waiting.full
    assert waiting.find(first.request.key) is first
    clock.now += 0.1
    assert waiting.due() == ([first], [])
    assert waiting.due() == ([], [])
    clock.now += pending.GIVE_UP_AFTER
    assert [each.call_id for each in waiting.due()[1]] == ["1", "2"]
    assert waiting.take("1") is first
    assert waiting.take("1") is None
    assert waiting.find(first.request.key) is None
    assert len(waiting.take_all()) == 1


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nVia: x\r\n\r\n", b"INVITE sip:a SIP/2.0\r\nTo: x\r\n\r\n"])
def test_what_cannot_be_answered(data):
    with pytest.raises(BadMessage) as caught:
        parse(data)
    assert caught.value.message is None
