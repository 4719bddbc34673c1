"""What of a session description passes, and what would have led a call around the gate."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.sdp import Origin, UnusableSdpError, anchor, narrow, read
from tests.support.examples import examples

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
AUDIO = (
    "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
OURS = Origin("7", "8")
VIDEO = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


def through(text: str) -> str:
    return anchor(narrow(text), OURS, "IP4", "198.51.100.1", 30000)


def test_plain_audio_passes_with_its_codecs_and_gets_the_gates_address() -> None:
    body = through(HEAD + AUDIO + "a=ptime:20\r\na=sendrecv\r\na=rtcp:4001\r\n")
    for line in AUDIO.splitlines()[1:]:
        assert line in body
    assert "m=audio 30000 RTP/AVP 0 8 101" in body
    assert "c=IN IP4 198.51.100.1" in body
    assert "a=rtcp:30001 IN IP4 198.51.100.1" in body
    assert "a=ptime:20" in body and "a=sendrecv" in body
    assert "192.0.2.7" not in body
    assert "o=- 7 8 IN IP4 198.51.100.1" in body


@pytest.mark.parametrize(
    ("told", "short"),
    [
        *(("", False), ("ptime:20", False), ("ptime:30", False), ("maxptime:150", False), ("ptime:soon", False)),
        *(("ptime", False), ("ptime:0", False), ("ptime:10", True), ("maxptime:10", True), ("ptime:2.5", True)),
    ],
)
def test_who_asks_for_short_packets_is_known(told: str, short: bool) -> None:
    assert narrow(HEAD + AUDIO + (f"a={told}\r\n" if told else "")).short is short


@pytest.mark.parametrize(
    "way_around",
    [
        "a=candidate:1 1 UDP 2130706431 192.0.2.7 4000 typ host\r\n",
        "a=ice-ufrag:x\r\n",
        "a=ice-pwd:0123456789012345678901\r\n",
        "a=remote-candidates:1 192.0.2.7 4000\r\n",
        "a=altc:1 IP6 2001:db8::7 4000\r\n",
        "a=rtcp-mux\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
        "a=fingerprint:sha-256 00\r\n",
        "a=source-filter: incl IN IP4 * 192.0.2.7\r\n",
        "a=invented-by-somebody:192.0.2.7\r\n",
        "k=clear:x\r\n",
    ],
)
def test_nothing_that_leads_around_the_gate_passes(way_around: str) -> None:
    name = way_around.split(":")[0].strip()
    assert name not in through(HEAD + AUDIO + way_around)
    assert name not in through(HEAD + way_around + AUDIO)


@pytest.mark.parametrize(
    "other",
    [
        VIDEO,
        "m=audio 5000 RTP/SAVP 0\r\n",
        "m=image 5000 udptl t38\r\n",
        "m=message 5000 TCP/MSRP *\r\n",
        "m=application 5000 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    ],
)
def test_every_other_stream_is_declined_and_the_audio_is_found_wherever_it_stands(other: str) -> None:
    for body in (through(HEAD + other + AUDIO), through(HEAD + AUDIO + other)):
        ports = [int(line.split()[1]) for line in body.splitlines() if line.startswith("m=")]
        assert sorted(ports) == [0, 30000]
        plain = [line for line in body.splitlines() if line.startswith("m=") and " 30000 " in line]
        assert plain == ["m=audio 30000 RTP/AVP 0 8 101"]
        assert "192.0.2.7" not in body


def test_of_two_audio_streams_the_first_is_taken() -> None:
    """Prompts and copies work on one stream: a second would be neither announced nor recorded."""
    body = through(HEAD + AUDIO + "m=audio 5000 RTP/AVP 0\r\n")
    assert [line for line in body.splitlines() if line.startswith("m=")] == [
        "m=audio 30000 RTP/AVP 0 8 101",
        "m=audio 0 RTP/AVP 0",
    ]


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + VIDEO,
        HEAD + "m=audio 0 RTP/AVP 0\r\n",
        HEAD + "m=audio 4000 RTP/SAVP 0\r\n",
        HEAD + "m=audio 4000 RTP/SAVPF 0\r\n",
        HEAD + "m=audio 4000 RTP/AVPF 0\r\n",
        HEAD.replace("IP4", "IP9") + AUDIO,
        HEAD + "m=audio 70000 RTP/AVP 0\r\n",
        HEAD + "m=audio -4 RTP/AVP 0\r\n",
        HEAD + "m=audio 4000/2 RTP/AVP 0\r\n",
        HEAD + "m=audio 4000 RTP/AVP zero\r\n",
        HEAD + AUDIO + "m=video\r\n",
        HEAD + AUDIO + "t=0 0\r\n",
        HEAD + AUDIO + "no line\r\n",
        HEAD.replace("c=IN IP4 192.0.2.7\r\n", "") + AUDIO,
        HEAD.replace("s=-\r\n", "") + AUDIO,
        HEAD.replace("o=- 1 1 ", "o=- 1 ") + AUDIO,
        "",
    ],
)
def test_a_body_without_plain_audio_is_refused(text: str) -> None:
    with pytest.raises(UnusableSdpError):
        narrow(text)


@pytest.mark.parametrize(
    ("text", "hears"),
    [
        (HEAD + AUDIO, True),
        (HEAD + AUDIO + "a=sendrecv\r\n", True),
        (HEAD + AUDIO + "a=recvonly\r\n", True),
        (HEAD + AUDIO + "a=sendonly\r\n", False),
        (HEAD + AUDIO + "a=inactive\r\n", False),
        (HEAD + "a=inactive\r\n" + AUDIO, False),
        (HEAD + "a=inactive\r\n" + AUDIO + "a=sendrecv\r\n", True),
        (HEAD.replace("192.0.2.7", "0.0.0.0") + AUDIO, False),  # noqa: S104 - "on hold", not a bind
    ],
)
def test_who_hears(text: str, hears: bool) -> None:
    assert narrow(text).hears == hears


@pytest.mark.parametrize("address", ["224.0.0.1/127", "224.0.0.1", "255.255.255.255", "host.example", "::1", "1.2.3"])
def test_an_address_that_is_not_one_hosts_is_not_sent_to(address: str) -> None:
    with pytest.raises(UnusableSdpError):
        narrow(HEAD.replace("192.0.2.7", address) + AUDIO)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                AUDIO,
                VIDEO,
                "m=audio 0 RTP/AVP 8\r\n",
                "m=audio 7000 RTP/SAVP 0\r\n",
                "a=candidate:1 1 UDP 1 192.0.2.7 1\r\n",
            ]
        ),
        max_size=6,
    )
)
def test_at_most_one_stream_is_open_and_it_is_the_gates(parts: list[str]) -> None:
    try:
        content = through(HEAD + "".join(parts))
    except UnusableSdpError:
        assert AUDIO not in parts
        return
    streams = [line.split() for line in content.splitlines() if line.startswith("m=")]
    assert [stream for stream in streams if stream[1] != "0"] == [["m=audio", "30000", "RTP/AVP", "0", "8", "101"]]
    assert "candidate" not in content


def test_each_line_stands_where_the_rfc_has_it_and_of_two_alike_the_last_counts() -> None:
    """RFC 4566 section 5; the session's c= stands with the only stream's."""
    body = HEAD.replace("t=0 0", "b=AS:64\r\nt=0 0\r\nt=1 1") + "a=tool:x\r\n" + AUDIO + "b=TIAS:1\r\ni=voice\r\n"
    letters = [line[0] for line in through(body).splitlines()]
    assert "".join(letters) == "voscbtam" + "iba" + "aa"
    assert "t=1 1" in through(body) and "t=0 0" not in through(body)


def test_what_has_passed_passes_again_unchanged() -> None:
    for text in (HEAD + AUDIO, HEAD + VIDEO + AUDIO, HEAD + AUDIO + "a=rtcp:4001\r\na=sendonly\r\n"):
        once = through(text)
        assert through(once) == once == str(read(once))


def test_on_hold_without_an_address_is_told_in_todays_words() -> None:
    nowhere = HEAD.replace("192.0.2.7", "0.0.0.0")  # noqa: S104 - "on hold", not a bind
    assert through(nowhere + AUDIO + "a=sendrecv\r\n").endswith("a=sendonly\r\n")
    assert through(nowhere + AUDIO + "a=recvonly\r\n").endswith("a=recvonly\r\n")
