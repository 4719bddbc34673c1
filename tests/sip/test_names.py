"""Display names: what is sent is bounded and escaped, and a call goes through whatever its caller is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gate.showing import LONGEST_NAME
from gate.sip.identity import quotable
from gate.sip.sippy_adapter import patches
from tests.support.sip_call import Call
from tests.support.sip_peer import sdp

HOSTILE = [
    r'"ends with a backslash\\" ', r'"\"" ', r'"\\\"" ', r'"a\\\\\"\\" ', r'"a <sip:b@c>;tag=9 \"x\"" ', r'"a\",b" ',
    r'"<a>\",\\" ', '"Zoë & Söhne" ', '"unescaped "quotes" inside" ', '""', "Bare Words ", "Zoë ", "'~` ", "",
]  # fmt: skip


def test_a_name_is_bounded_and_stays_inside_its_quotes():
    assert quotable('Ex"ample\\ \r\nRoute: <x>\x00\u202e') == 'Ex\\"ample\\\\ Route: <x>'
    assert quotable('"' * 200) == '\\"' * LONGEST_NAME


def test_a_name_is_written_as_a_quoted_string_or_a_token():
    from sippy.SipAddress import SipAddress
    from sippy.SipURL import SipURL

    patches.apply_patches()
    url = SipURL("sip:a@b")
    assert str(SipAddress(name=quotable('A "B" \\'), url=url)) == r'"A \"B\" \\" <sip:a@b>'
    assert str(SipAddress(name="Zoë", url=url)) == '"Zoë" <sip:a@b>'
    assert str(SipAddress(name="Zoe", url=url)) == "Zoe <sip:a@b>"


def test_trap_letters_outside_ascii():
    """A fresh interpreter: here sippy is mended already."""
    code = "from sippy.SipAddress import SipAddress, needquotes as n; print(n('Zoë', SipAddress.transtable))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


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
