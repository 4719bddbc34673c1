"""sippy's traps: each workaround works, and each trap is still there (where a test of the second kind fails, sippy has
mended it and the workaround can go)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.sip import traps

RESPONSE = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
    b"Call-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:5062;transport=UDP>\r\nContent-Length: 0\r\n\r\n"
)


def test_transport_is_lower_case_in_requests_and_responses():
    assert b";transport=udp>" in traps.tame(RESPONSE)
    assert b";transport=udp>" in traps.tame(RESPONSE.replace(b"transport=UDP", b"Transport = TLS"))
    assert b"transport=UDP" in traps.tame(RESPONSE + b"a ;transport=UDP in a body")


def test_trap_transport_in_capitals():
    from sippy.SipURL import SipURL

    assert SipURL("sip:c@127.0.0.1:5062;transport=UDP").getTAddr()[1] != "udp"


def test_a_rejection_redirects_nobody():
    more = b"Record-Route: <sip:p;lr>\r\nm : <sip:z@y>\r\nContact:"
    moved = RESPONSE.replace(b"200 OK", b"302 Moved").replace(b"Contact:", more)
    tamed = traps.tame(moved)
    assert b"sip:p" not in tamed
    assert b"sip:z" not in tamed
    assert b"5062" not in tamed
    assert b"Content-Length: 0\r\n\r\n" in tamed
    assert traps.tame(RESPONSE).count(b"Contact") == 1


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_what_is_tamed_decodes_and_has_no_stray_line_ends(rubbish):
    text = traps.tame(RESPONSE.replace(b"OK", b"O" + rubbish.replace(b"\r", b"").replace(b"\n", b"") + b"K")).decode()
    head = text.partition("\r\n\r\n")[0]
    assert len([line for line in head.splitlines() if line]) >= 8
    assert not {"\u2028", "\u2029", "\x85"} & set(head)


def test_a_body_is_ascii_and_as_long_as_before():
    request = "INVITE sip:a@b SIP/2.0\r\nContent-Length: 9\r\n\r\ns=Café\r\n".encode()
    tamed = traps.tame(request)
    assert tamed.endswith(b"s=Caf??\r\n")
    assert len(tamed) == len(request)


def test_trap_content_length_counts_characters():
    from sippy.MsgBody import MsgBody
    from sippy.SipResponse import SipResponse

    response = SipResponse(scode=200, reason="OK", sipver="SIP/2.0", body=MsgBody("s=Café\r\n"))
    assert "Content-Length: 8" in str(response)  # bytes: 9


def test_trap_udp_workers():
    from sippy.Udp_server import Udp_server_opts

    assert Udp_server_opts.nworkers == 3


def test_trap_contact_is_named_anonymous():
    from sippy.SipContact import SipContact

    from gate.sip.legs import contact

    assert SipContact().address.name == "Anonymous"
    assert not contact().address.name


def test_trap_log_level_is_evaluated(monkeypatch):
    from sippy.SipLogger import SipLogger

    monkeypatch.setenv("SIPLOG_BEND", "none")
    monkeypatch.setenv("SIPLOG_LVL", "INFO + 1")
    assert SipLogger("x").level == 2


def test_nothing_of_sippys_reaches_standard_output(capsys):
    from sippy import SipTransactionManager, UacStateTrying

    traps.quieten()
    vars(UacStateTrying)["print"]("tag-less 200 OK, disconnecting")
    try:
        raise ValueError("x")
    except ValueError:
        SipTransactionManager.dump_exception("can't parse")
    heard = capsys.readouterr()
    assert "-----" not in heard.out
    assert not [line for line in heard.out.splitlines() if line.startswith("tag-less")]


def test_a_guarded_step_goes_on():
    def boom() -> None:
        raise ValueError("x")

    assert traps.guarded("boom", boom)() is None
    assert traps.guarded("fine", lambda: 1)() == 1


@pytest.mark.parametrize("name", ["SIPLOG_LVL", "SIPLOG_TFORM"])
def test_import_environment(monkeypatch, name):
    monkeypatch.setenv(name, "__import__('os').abort()")
    traps.prepare_import()
    import os

    assert name not in os.environ
    assert os.environ["SIPLOG_BEND"] == "none"
