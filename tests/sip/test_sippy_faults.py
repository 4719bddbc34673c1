"""The workarounds for sippy's faults work; that the faults are still there is in ``test_sippy_upstream.py``."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sippy.SipConf import SipConf
from sippy.SipResponse import SipResponse

from gate.sip.message import parse
from gate.sip.sippy_adapter import patches, rewriting
from tests.support.examples import examples

RESPONSE = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
    b"Call-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:5062;transport=UDP>\r\nContent-Length: 0\r\n\r\n"
)


def tamed(data: bytes) -> bytes:
    return rewriting.rewrite(parse(data))


def test_transport_is_lower_case_in_requests_and_responses():
    assert b";transport=udp>" in tamed(RESPONSE)
    assert b";transport=udp>" in tamed(RESPONSE.replace(b"transport=UDP", b"Transport = TLS"))
    body = RESPONSE.replace(b"Content-Length: 0", b"Content-Length: 27") + b"a ;transport=UDP in a body."
    assert b"transport=UDP" in tamed(body)


def test_a_rejection_redirects_nobody():
    more = b"Record-Route: <sip:p;lr>\r\nm : <sip:z@y>\r\nContact:"
    moved = tamed(RESPONSE.replace(b"200 OK", b"302 Moved").replace(b"Contact:", more))
    assert b"sip:p" not in moved
    assert b"sip:z" not in moved
    assert b"5062" not in moved
    assert b"content-length: 0\r\n\r\n" in moved
    assert tamed(RESPONSE).count(b"contact") == 1


@given(st.binary(max_size=300))
@settings(max_examples=examples(200), deadline=None)
def test_what_is_tamed_decodes_and_has_no_stray_line_ends(rubbish):
    """Where it stands among the headers, in a name, in a parameter: sippy sees as many lines as were written."""
    rubbish = rubbish.replace(b"\r", b"").replace(b"\n", b"")
    for old, new in ((b"OK", b"O%sK"), (b"<sip:a@b>", b'"%s" <sip:a@b>'), (b"tag=2", b"tag=2;x=%s")):
        head = tamed(RESPONSE.replace(old, new.replace(b"%s", rubbish))).decode().partition("\r\n\r\n")[0]
        assert [line.partition(":")[0].lower() for line in head.splitlines()][1:] == [
            "via", "from", "to", "call-id", "cseq", "contact", "content-length",
        ]  # fmt: skip


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_a_header_cannot_hold_another(end):
    """What Python's ``splitlines`` takes for a line end is none in SIP."""
    data = RESPONSE.replace(b"Contact:", f"Server: x{end}Record-Route: <sip:evil.invalid;lr>\r\nContact:".encode())
    assert not any(line.startswith("Record-Route") for line in tamed(data).decode().splitlines())


def test_sippy_is_shown_what_it_needs_alone():
    more = (
        b"Also: <sip:x@y>\r\nRefer-To: <sip:x@y>\r\nReplaces: x\r\nAuthorization: Digest\r\nExpires: soon\r\nContact:"
    )
    names = [line.partition(b":")[0] for line in tamed(RESPONSE.replace(b"Contact:", more)).split(b"\r\n")]
    assert not {b"also", b"refer-to", b"replaces", b"authorization", b"expires"} & set(names)


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ('"A, B" <sip:a@b>;tag=1', '"A, B" <sip:a@b>;tag=1'),
        ("Bob Jones <sip:a@b>;tag=1", '"Bob Jones" <sip:a@b>;tag=1'),
        ("sip:a@b;tag=1", "<sip:a@b>;tag=1"),
        (r'"a \"b\" c\\" <sip:a@b>;tag=1', '"a b c" <sip:a@b>;tag=1'),
        (r'"\"<sip:evil@x>;tag=z" <sip:a@b>;tag=1', '"<sip:evil@x>;tag=z" <sip:a@b>;tag=1'),
        ('"no end <sip:a@b>;tag=1', '"no end" <sip:a@b>;tag=1'),
        ("<sip:a@b>;tag=1, <sip:c@d>;tag=2", "<sip:a@b>;tag=1"),
        ("<sip:a@b>;x=y ; TAG = 1 ;tag=2;;z", "<sip:a@b>;tag=1;x=y;z"),
        ('"A" <sip:a@b>;q="B" <sip:c@d>;tag=1', '"A" <sip:a@b>;tag=1'),
    ],
)
def test_an_address_means_to_sippy_what_it_means_to_the_door(written, understood):
    from sippy.SipFrom import SipFrom

    data = tamed(RESPONSE.replace(b"<sip:a@b>;tag=1", written.encode()))
    line = next(line for line in data.decode().split("\r\n") if line.startswith("from: "))
    assert line == f"from: {understood}"
    header = SipFrom(line.removeprefix("from: "))
    header.parse()
    assert (header.getTag(), str(header.getUrl())) == ("1", "sip:a@b")


def test_a_body_is_ascii_and_as_long_as_before():
    data = RESPONSE.replace(b"Content-Length: 0", b"Content-Length: 9") + "s=Café\r\n".encode()
    assert tamed(data).endswith(b"\r\ncontent-length: 9\r\n\r\ns=Caf??\r\n")
    assert len(tamed(data.replace(b"Length: 9", b"Length: 7"))) == len(tamed(data)) - 2


def test_nothing_of_sippys_reaches_standard_output(capsys):
    from sippy import SipTransactionManager, UacStateTrying

    patches.apply_patches()
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

    assert patches.guarded("boom", boom)() is None
    assert patches.guarded("fine", lambda: 1)() == 1


@pytest.mark.parametrize("name", ["SIPLOG_LVL", "SIPLOG_TFORM"])
def test_import_environment(monkeypatch, name):
    monkeypatch.setenv(name, "__import__('os').abort()")
    patches.prepare_environment()
    import os

    assert name not in os.environ
    assert os.environ["SIPLOG_BEND"] == "none"


@given(st.data())
@settings(max_examples=examples(400), deadline=None)
def test_sippy_reads_every_address_that_is_called_readable(data):
    """Wherever odd characters stand: what sippy is shown must be what was looked at."""
    uri = data.draw(st.sampled_from([b"<sip:a@b>", b"sip:c@d:5062", b"<sips:e@[::1]:5061;x=1>;y", b"<tel:+4420;z=1>"]))
    odd = bytes(data.draw(st.lists(st.sampled_from(b'\x00\x0b\x1f\x7f\x85\xa0\xad\xc2\xff :;<>@"\\=%'), max_size=3)))
    at = data.draw(st.integers(0, len(uri)))
    where = data.draw(st.sampled_from([b"<sip:a@b>", b"<sip:c@d>", b"<sip:c@127.0.0.1:5062;transport=UDP>"]))
    message = parse(RESPONSE.replace(where, uri[:at] + odd + uri[at:]))
    if rewriting.parsable(message):
        SipConf.autoconvert_tel_url = True  # as the line has it
        read = SipResponse(rewriting.rewrite(message).decode())
        for name in ("from", "to", "contact"):
            read.getHFBody(name).getUrl()


@pytest.mark.parametrize("odd", ["\x1f", "\x85", "\xa0"])
def test_what_python_strips_and_sip_does_not_is_no_address(odd):
    data = RESPONSE.replace(b"<sip:c@127", f"<{odd}sip:c@127".encode("latin-1"))
    assert not rewriting.parsable(parse(data))
