"""Faults of sippy 2.5.0 as they are upstream. Where one of these tests fails, a new version has mended the fault, and
what ``gate.sip.sippy_adapter`` does about it can go. That the workarounds work is in ``test_sippy_faults.py`` and
in the tests of calls."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from sippy.MsgBody import MsgBody
from sippy.Network_server import Remote_address
from sippy.SipFrom import SipFrom
from sippy.SipRegistrationAgent import SipRegistrationAgent
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import RINGING, TRYING, SipTransactionManager
from sippy.UA import UA
from sippy.UacStateUpdating import UacStateUpdating
from sippy.UasStateIdle import UasStateIdle
from sippy.UasStateUpdating import UasStateUpdating
from sippy.UaStateConnected import UaStateConnected

from tests.support.untouched import untouched

HEAD = (
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
    "Call-ID: x\r\nCSeq: 1 INVITE\r\n"
)


def request(method: str, more: str = "") -> Any:
    return SipRequest(f"{method} sip:c@d SIP/2.0\r\n{HEAD.replace('INVITE', method)}{more}Content-Length: 0\r\n\r\n")


def response(code: int, more: str = "") -> Any:
    found = SipResponse(f"SIP/2.0 {code} X\r\n{HEAD}{more}Content-Length: 0\r\n\r\n")
    found.rtime = None
    return found


def printed(code: str) -> str:
    """What a fresh interpreter prints: in this one sippy is patched."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


class Agent:
    """A user agent of sippy's as far as a state needs one; ``sent`` are the methods of its requests."""

    def __init__(self, **values: Any) -> None:
        self.sent: list[str] = []
        self.equeue: list[Any] = []
        self.states: list[Any] = []
        self.branch = self.kaInterval = None
        self.global_config = {"_sip_tm": SimpleNamespace(sendResponse=lambda *_, **__: None)}
        self.__dict__ |= {"kaInterval": 0, "origin": "caller", "local_ua": None, "disc_cbs": (), "lTag": "t"} | values

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("Ua", "Uas", "Uac")):
            return name
        return lambda *_, **__: None

    def genRequest(self, method: str, *_: Any, **__: Any) -> str:
        self.sent.append(method)
        return method

    def changeState(self, state: Any) -> None:
        self.states.append(state[0])


# --- reading messages -----------------------------------------------------------------------------------------------


def manager(**values: Any) -> Any:
    silent = SimpleNamespace(write=lambda *_, **__: None)
    return SimpleNamespace(global_config={"_sip_logger": silent}, l1rcache={}, l2rcache={}, tclient={}, **values)


def handle(tm: Any, data: bytes) -> None:
    SipTransactionManager.handleIncoming(
        tm, data, Remote_address(("192.0.2.1", 5060), "udp"), None, SimpleNamespace(realt=0.0)
    )


def test_a_line_separator_of_unicode_splits_a_header() -> None:
    assert response(200, "Server: x\u2028Record-Route: <sip:evil.invalid;lr>\r\n").countHFs("record-route") == 1


def test_bytes_that_are_not_utf8_raise() -> None:
    with pytest.raises(UnicodeDecodeError):
        handle(manager(), b"SIP/2.0 200 OK\r\nSubject: \xff\r\n" + HEAD.encode())


def test_every_unknown_response_is_remembered() -> None:
    tm = manager()
    for number in range(3):
        handle(tm, str(response(200, f"Contact: <sip:c{number}@d>\r\n")).encode())
    assert len(tm.l1rcache) == 3


def test_a_name_that_ends_with_a_backslash_raises() -> None:
    with pytest.raises(UnboundLocalError):
        SipFrom(r'"\\" <sip:a@b>;tag=1').parse()


def test_an_invite_without_contact_raises() -> None:
    with pytest.raises((IndexError, KeyError)):
        UasStateIdle(Agent()).recvRequest(request("INVITE"))


def test_writing_an_address_calls_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    fresh = untouched("SipURL")
    monkeypatch.setitem(vars(fresh), "dir", lambda value: asked.append(value) or ())
    fresh.SipURL("sip:c@d:5060").localStr((("192.0.2.1", 5060), "udp"))
    assert asked


# --- answering ------------------------------------------------------------------------------------------------------


def acknowledged(code: int) -> str:
    """Where the ACK of a final answer goes to whose Contact is elsewhere."""
    to: list[str] = []
    party = SimpleNamespace(setTag=lambda _: None, genBranch=lambda: None)
    ack = SimpleNamespace(
        getHFBody=lambda _: party, setRURI=lambda uri: to.append(str(uri)), setTarget=lambda _: None,
        delHFs=lambda _: None, appendHeaders=lambda _: None, localStr=lambda *_: "",
    )  # fmt: skip
    userv = SimpleNamespace(transport="udp", getSIPaddr=lambda: (("192.0.2.1", 5060), "udp"))
    transaction = SimpleNamespace(
        state=TRYING, teA=None, teB=None, teG=None, resp_cb=None, needack=True, ack=ack, uack=False, userv=userv,
        address=("192.0.2.9", 5060), tid=("x",), compact=False, cleanup=lambda: None,
    )  # fmt: skip
    tm = SimpleNamespace(l1rcache={}, tclient={("x",): transaction}, transmitReq=lambda *_, **__: None)
    SipTransactionManager.incomingResponse(tm, response(code, "Contact: <sip:elsewhere@h>\r\n"), transaction, b"")
    return to[0] if to else ""


def test_the_ack_of_a_rejection_goes_to_its_contact() -> None:
    assert acknowledged(486) == "sip:elsewhere@h"


@pytest.mark.parametrize("method", ["MESSAGE", "UPDATE", "NOTIFY"])
def test_a_request_that_a_state_does_not_know_gets_no_answer(method: str) -> None:
    asked = request(method)
    answers: list[Any] = []
    asked.sendResponse = lambda *answer: answers.append(answer)
    assert UaStateConnected(Agent()).recvRequest(asked) is None
    assert answers == []


def test_refer_is_obeyed() -> None:
    assert "REFER" in UaStateConnected.recv_request_handlers


# --- offers inside a call -------------------------------------------------------------------------------------------


SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def test_a_reinvite_without_sdp_is_taken_for_a_hold() -> None:
    asked = request("INVITE", "Contact: <sip:a@b>\r\n")
    asked.rtime = None
    agent = Agent(rSDP=MsgBody(SDP), on_remote_sdp_change=None)
    UaStateConnected(agent).recvRequest(asked)
    assert "c=IN IP4 0.0.0.0" in str(agent.equeue[0].getData())


def test_cancel_of_a_reinvite_ends_the_call() -> None:
    agent = Agent()
    UasStateUpdating(agent).cancel(None, None)
    assert (agent.sent, agent.states) == (["BYE"], ["UaStateDisconnected"])


def test_a_reinvite_without_an_answer_ends_the_call() -> None:
    agent = Agent(lSDP="ours")
    assert UacStateUpdating(agent).recvResponse(response(408), None)[0] == "UaStateDisconnected"
    assert agent.sent == ["BYE"]


def test_a_request_that_is_taken_back_twice_raises() -> None:
    manager = SipTransactionManager.__new__(SipTransactionManager)
    cancel = request("CANCEL")
    manager.tclient = {cancel.getTId(True, True): None}
    with pytest.raises(ValueError, match="same TID"):
        manager.cancelTransaction(SimpleNamespace(state=RINGING, cancel=cancel, userv=None))


def test_refusals_of_one_cseq_take_each_others_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two INVITEs of one CSeq inside a dialog: the table has one of them, and the timer of the other raises."""
    monkeypatch.setattr("sippy.SipTransactionManager.Timeout", lambda *_: None)
    tm = SimpleNamespace(tserver={}, transmitData=lambda *_: None, timerA=None, timerD=None)
    both = []
    userv = SimpleNamespace(getSIPaddr=lambda: (("192.0.2.1", 5060), "udp"))
    for branch in ("one", "other"):
        t = SimpleNamespace(
            tid=("x", "1", branch), state=TRYING, userv=userv,
            checksum=b"", compact=False, res_out_cb=None, teA=None, teD=None, teE=None, teF=None, needack=True,
            noack_cb=None, cleanup=lambda: None,
        )  # fmt: skip
        tm.tserver[t.tid] = t
        SipTransactionManager.sendResponse(tm, response(500), t)
        both.append(t)
    SipTransactionManager.timerD(tm, both[0])
    with pytest.raises(KeyError):
        SipTransactionManager.timerD(tm, both[1])


def test_a_failed_reinvite_forgets_our_sdp() -> None:
    agent = Agent(lSDP="ours")
    UacStateUpdating(agent).recvResponse(response(488), None)
    assert agent.lSDP is None


# --- credentials ----------------------------------------------------------------------------------------------------


def test_a_stale_nonce_is_not_answered_a_second_time() -> None:
    stale = response(401, 'WWW-Authenticate: Digest realm="r", nonce="n", stale=true\r\n')
    tried = SimpleNamespace(countHFs=lambda _: 1)
    agent = SimpleNamespace(username="u", password="p", reqs={1: tried}, auth_enalgs=None)
    assert UA.processChallenge(agent, stale, 1, "www-authenticate", "authorization", None) is False


def test_an_invite_with_credentials_leaves_before_the_ack() -> None:
    """The callback that sends it is called before the ACK is made."""
    order: list[str] = []
    transaction = SimpleNamespace(
        state=TRYING, teA=None, teB=None, needack=True, cb_ifver=1, uack=False, cleanup=lambda: None, tid=("x",),
        address=("192.0.2.9", 5060), resp_cb=lambda _: order.append("callback"),
        ack=SimpleNamespace(
            getHFBody=lambda _: SimpleNamespace(setTag=lambda _: order.append("ACK")), setRURI=lambda _: None,
            setTarget=lambda _: None, delHFs=lambda _: None, appendHeaders=lambda _: None,
        ),
    )  # fmt: skip
    transaction.userv = SimpleNamespace(transport="udp")
    tm = SimpleNamespace(l1rcache={}, tclient={("x",): transaction}, transmitReq=lambda *_, **__: order.append("sent"))
    SipTransactionManager.incomingResponse(tm, response(407), transaction, b"")
    assert order == ["callback", "ACK", "sent"]


def test_a_407_to_a_registration_is_answered_in_the_wrong_header() -> None:
    headers: list[Any] = []
    message = SimpleNamespace(ruri="sip:h", getHFs=lambda _: [], appendHeader=headers.append)
    agent = SimpleNamespace(
        user="u",
        passw="p",
        atries=0,
        rmsg=message,
        doregister=lambda: None,
        rfail_cb=None,
        exp=180,
        rok_cb=None,
        dead=False,
    )
    asked = response(407, 'Proxy-Authenticate: Digest realm="r", nonce="n"\r\n')
    SipRegistrationAgent.gotreply(agent, asked)
    assert [header.name for header in headers] == ["authorization"]


# --- values and the process
# ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "heard"),
    [
        ("from sippy.Core.Exceptions import dump_exception\ntry: 1 / 0\nexcept Exception: dump_exception('x')", "----"),
        (
            "import threading\n"
            "def first():\n    import sippy.Core.EventDispatcher\n"
            "thread = threading.Thread(target=first); thread.start(); thread.join()\n"
            "from sippy.Core.EventDispatcher import ED2\n"
            "print(ED2.my_ident == threading.get_ident())",
            "False",
        ),
    ],
)
def test_what_importing_it_does(code: str, heard: str) -> None:
    """Exceptions are dumped on standard output; the loop belongs to the thread that imported it first."""
    assert heard in printed(code)


def test_transport_in_capitals():
    from sippy.SipURL import SipURL

    assert SipURL("sip:c@127.0.0.1:5062;transport=UDP").getTAddr()[1] != "udp"


def test_content_length_counts_characters():
    from sippy.MsgBody import MsgBody
    from sippy.SipResponse import SipResponse

    response = SipResponse(scode=200, reason="OK", sipver="SIP/2.0", body=MsgBody("s=Café\r\n"))
    assert "Content-Length: 8" in str(response)  # bytes: 9


def test_udp_workers():
    from sippy.Udp_server import Udp_server_opts

    assert Udp_server_opts.nworkers == 3


def test_contact_is_named_anonymous():
    from sippy.SipContact import SipContact

    from gate.sip.sippy_adapter.leg import contact

    assert SipContact().address.name == "Anonymous"
    assert not contact().address.name


def test_log_level_is_evaluated(monkeypatch):
    from sippy.SipLogger import SipLogger

    monkeypatch.setenv("SIPLOG_BEND", "none")
    monkeypatch.setenv("SIPLOG_LVL", "INFO + 1")
    assert SipLogger("x").level == 2
