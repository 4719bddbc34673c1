"""Display names: what is sent is bounded and escaped, and what comes back or in is read as RFC 3261 writes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.showing import LONGEST_NAME
from gate.sip.names import mend, quotable, quoted
from tests.support.sip_call import Call
from tests.support.sip_peer import sdp

HOSTILE = [
    r'"ends with a backslash\\" ', r'"\"" ', r'"\\\"" ', r'"a\\\\\"\\" ', r'"a <sip:b@c>;tag=9 \"x\"" ', r'"a\",b" ',
    r'"<a>\",\\" ', '"Zoë & Söhne" ', '"unescaped "quotes" inside" ', '""', "Bare Words ", "Zoë ", "'~` ", "",
]  # fmt: skip


def test_a_name_is_bounded_and_stays_inside_its_quotes():
    assert quotable('Ex"ample\\ \r\nRoute: <x>\x00\u202e') == 'Ex\\"ample\\\\ Route: <x>'
    assert quotable('"' * 200) == '\\"' * LONGEST_NAME


@given(st.text(max_size=100))
@settings(max_examples=200, deadline=None)
def test_what_is_escaped_is_read_back(name):
    assert quoted(f'"{quotable(name)}" <sip:a@b>;tag=1') == (quotable(name), "<sip:a@b>;tag=1")


@pytest.mark.parametrize("text", ["", "a", '"', '"abc', '"abc\\"', '"abc\\'])
def test_what_is_no_quoted_name(text):
    with pytest.raises(ValueError, match="quote"):
        quoted(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_sippy_reads_and_writes_names(name):
    from sippy.SipFrom import SipFrom

    mend()
    mend()
    read = SipFrom(f"{name}<sip:alice@127.0.0.1>;tag=1")
    read.parse()
    assert (read.getTag(), read.getUrl().username, read.getUrl().host) == ("1", "alice", "127.0.0.1")
    again = SipFrom(str(read.getCopy()))
    again.parse()
    assert (str(again), again.address.name) == (str(read), read.address.name)
    assert str(read).isascii() or str(read).startswith('"')


def test_trap_escaped_backslashes_and_letters():
    """A fresh interpreter: here sippy is mended already."""
    import subprocess
    import sys

    code = (
        "from sippy.SipAddress import SipAddress, needquotes\n"
        "assert not needquotes('Zoë', SipAddress.transtable)\n"
        "try: SipAddress(r'\"a\\\\\" <sip:b@c>')\n"
        "except Exception: print('raises')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "raises\n"


@pytest.fixture(scope="module")
def call():
    with Call() as call:
        yield call


@pytest.mark.parametrize("name", HOSTILE)
def test_a_call_goes_through_whatever_its_caller_is_named(call, name, capfd):
    phone, callee = call.phone, call.callee
    dialog = phone.new_dialog()
    dialog.local = name + dialog.local
    phone.dialog, phone.branch = dialog, f"z9hG4bK{dialog.call_id}"
    phone.send(phone.request("INVITE", dialog, body=sdp(), branch=phone.branch))
    callee.ring()
    for header in ("From", "P-Asserted-Identity"):
        assert callee.invite.get(header).startswith('"Example Sales Ltd" <sip:+441632960001@')
    callee.pick_up()
    answer = phone.recv(only="200")
    assert answer.get("From").endswith(dialog.local[len(name) :])
    phone.ack(answer)
    phone.send(phone.next("BYE"))
    assert callee.recv(only="BYE")
    assert phone.recv(only="200")
    assert "Traceback" not in capfd.readouterr().err
