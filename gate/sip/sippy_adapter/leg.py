"""A leg of a call: sippy's user agent. Upstream faults (sippy 2.5.0) that this answers:

- its Contact has the display name Anonymous: ``contact``
- its 487 carries another To tag than its other responses: ``recvRequest``
- requests that a state does not know get no answer: ``recvRequest`` answers 481
- UPDATE and session timers are not known: ``gate.sip.sippy_adapter.refreshing``
- a re-INVITE without SDP is taken for a hold: ``recvRequest`` answers it with our own offer
- CANCEL of a re-INVITE ends the call: ``recvRequest`` takes back the offer alone
- a re-INVITE without an answer ends the call: ``recvResponse`` takes back the offer alone
- a second 401 (stale) is given up: ``processChallenge``
- an INVITE with credentials loses its Max-Forwards: ``genRequest``
- a challenged BYE is given up: ``newTransaction`` sends it again
- a challenge that comes after the CANCEL is answered with a new INVITE: ``processChallenge``
- an INVITE that is given up, or taken back, is sent again and again: ``give_up``, ``end``
- its late 200 gets a BYE before its ACK: ``recvResponse``
- a Contact that changes inside a call is passed over: ``gate.sip.sippy_adapter.refreshing``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventPreConnect,
    CCEventRing,
    CCEventUpdate,
)
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipContentType import SipContentType
from sippy.SipFrom import SipFrom
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipReason import SipReason
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.UaStateDisconnected import UaStateDisconnected

from gate.sip.message import Address
from gate.sip.peers import DialogPeer, Endpoint
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.sippy_adapter.refreshing import (
    AGENT,
    BESIDE,
    REFRESHES,
    RefreshingUA,
    acknowledge,
    follow_contact,
    headers,
    timer_headers,
)
from gate.sip.sippy_adapter.transactions import Acknowledged, Transactions


def contact() -> Any:
    """A plain Contact: sippy's own carries the display name Anonymous, which breaks phones and looks withheld."""
    return SipContact(address=SipAddress(url=SipURL(), hadbrace=True))


def reason(text: str, cause: int = 603) -> Any:
    """A Reason header's body (RFC 3326)."""
    printed = text if text.isprintable() else "".join(filter(str.isprintable, text))
    clean = printed.replace('"', "").replace("\\", "")[:200]
    return SipReason(protocol="SIP", cause=cause, reason=clean)


def _nothing() -> None:
    """Where nobody listens."""


def _seconds(header: str) -> str:
    """The seconds of a Retry-After value; empty where it is malformed."""
    number = header.strip().partition(";")[0].partition("(")[0].strip()
    return number if number.isascii() and number.isdigit() and len(number) < 7 else ""


class Leg(RefreshingUA):
    """One dialog. ``on_event(event)`` gets sippy's call-control events; exceptions in it end the call, not the
    answer."""

    def __init__(
        self, transactions: Transactions, on_event: Callable[[Any], None], peer: DialogPeer,
        next_hop: Address | None = None, username: str = "", password: str = "",
        flow: Endpoint | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            transactions.global_config,
            event_cb=lambda event, _: on_event(event),
            username=username or None,
            password=password or None,
            nh_address=next_hop,
        )
        self.transactions = transactions
        self.peer = peer
        self.flow = flow
        """The connection that its requests leave by; None for UDP."""
        self.nobody = False
        """It stands for a side where nobody is yet, or any more: there is nothing to end."""
        self.trunk = ""
        """On the caller's side: the trunk that it is at, where it came from another call."""
        self.local_ua = AGENT
        self.lContact = contact()
        self.useRefer = False
        self.on_reinvite_cancelled: Callable[[], None] = _nothing
        self.good_local: Any = None
        """Copy of the SDP that this peer has accepted last; sippy forgets it when a re-INVITE fails."""
        self.hops: int | None = None
        """Max-Forwards of our INVITEs."""
        self.retry_after = ""
        """Retry-After of the peer's last response, in seconds."""
        self.on_request: Callable[[], None] = _nothing
        """Called for each request of the peer inside the dialog."""
        self.on_late_answer: Callable[[], None] = _nothing
        """Called where our INVITE is answered with a 2xx after it was taken back, or given up: BYE is on its way."""
        self.ask_again: Callable[[str, Callable[[], None]], None] | None = None
        """``ask_again(code, send)`` where the INVITE that is to make this dialog has to be sent again, with credentials
        or otherwise than before: ``send()`` does it, then or later. None: at once."""
        self.before_invite: Callable[[], None] = _nothing
        """Called when an INVITE that is to make this dialog is ready, before it leaves."""
        self.may_expire: Callable[[], bool] = lambda: True
        """False where the peer's INVITE goes on though it is not answered in the time that it gives (``Expires``)."""
        self.on_no_ack: Callable[[], None] = self.disconnect
        """Called where the peer never acknowledged our answer, 64 times T1 (RFC 3261 13.3.1.4)."""
        self.on_answer: Callable[[Any], None] | None = None
        """Called with the body of the next ACK, which answers our offer; None where it has none."""
        self.lost = False
        self.unanswered = False
        """The last request had no answer."""
        """The peer has answered that it knows no such call."""
        self.told_from_elsewhere = False
        """Its INVITE had an answer from an address that is not this peer's."""
        self.heard_at: Address | None = None
        """The source of its last message."""
        self.ack: Acknowledged | None = None
        """Our last ACK."""
        self.on_not_heard: Callable[[], None] = _nothing
        """Called where the peer goes on repeating its answer: our ACK does not reach it."""
        self.on_doubt: Callable[[], None] = _nothing
        """Called where a BYE came from the peer's host by a connection that is not the peer's."""
        self._on_late: Callable[[int], None] | None = None
        self._late_seconds = 0.0
        self._when_acknowledged: Callable[[], None] | None = None
        self._stale_tried = False

    @property
    def ids(self) -> tuple[str, str]:
        """Call-ID, and our tag."""
        return str(self.cId), str(self.lTag)

    @property
    def remote_tag(self) -> str:
        """The peer's."""
        return str(self.rUri.getTag() or "") if self.rUri is not None else ""

    @property
    def parties(self) -> tuple[str, str]:
        """From and To of our requests; To without a tag before there is one."""
        here = self._here(self.rAddr[0])
        return self.lUri.localStr(here), self.rUri.localStr(here)

    def _here(self, address: Address) -> Any:
        return (self.flow or self.transactions.l4r.getServer(address)).getSIPaddr()

    def contact_param(self, text: str) -> None:
        """A parameter of its Contact."""
        self.lContact.address.setParam(text)

    def kept(self) -> dict[str, Any]:
        """The state from which its BYE can be made."""
        address = self.rAddr[0]
        here = self._here(address)
        return {
            "call_id": str(self.cId),
            "local": self.lUri.localStr(here),
            "remote": self.rUri.localStr(here),
            "target": self.rTarget.localStr(here),
            "routes": [route.localStr(here) for route in self.routes or ()],
            "cseq": self.lCSeq,
            "to": list(address),
            **(self.flow.kept() if self.flow is not None else {}),
        }

    def invite_kept(self) -> tuple[str, Address]:
        """Our INVITE, and where it went."""
        return str(self.tr.data), self.rAddr[0]

    def restore(self, kept: dict[str, Any], ahead: int) -> None:
        """As it was kept; ``ahead``: requests that may have left since."""
        self.cId = SipCallId(kept["call_id"])
        self.lUri, self.rUri = SipFrom(kept["local"]), SipTo(kept["remote"])
        self.rTarget = SipURL(kept["target"])
        self.routes = [SipRoute(each) for each in kept["routes"]]
        self.rAddr = ((str(kept["to"][0]), int(kept["to"][1])), "udp")
        self.lCSeq = int(kept["cseq"]) + ahead
        for each in (self.lUri, self.rUri, *self.routes):
            each.parse()

    def say_bye(self, why: str, cause: int, on_answer: Callable[[int], None] = lambda code: None) -> None:
        """BYE of a leg that is as it was kept; ``on_answer`` as in ``send_bye``."""
        self.send_bye(self.genRequest("BYE", extra_headers=(SipHeader(body=reason(why, cause)),)), on_answer)

    def inform(self, body: Any) -> None:
        """INFO; its answer changes nothing."""
        self.send_plain(self.genRequest("INFO", body))

    def take_offer_back(self) -> None:
        """CANCEL of our offer."""
        self.transactions.cancelTransaction(self.tr)

    def may_send_from(self, host: str) -> bool:
        """True where this peer's own messages may come from: ``gate.sip.peers``."""
        if self.peer.has(host):
            return True
        hosts = [self.rAddr[0][0]] if self.rAddr and self.rAddr[0] else []
        hosts += [self.rTarget.host] if self.rTarget is not None else []
        return any(host in self.transactions.l4r.hosts_of(str(each)) for each in hosts)

    # --- requests --------------------------------------------------------------------------------------------------

    def recvRequest(self, req: Any, sip_t: Any) -> Any:
        """A request of this dialog; returns what sippy's transaction manager wants: (response, on cancel, on no
        ACK)."""
        method, self.heard_at = req.getMethod(), req.getSource()
        if method in REFRESHES and (self.state is None or self.can_update()):
            self.session.asked(timer_headers(req))
        if method in REFRESHES and self.isConnected() and not self._is_late(req):
            follow_contact(self, req)
        if self.state is not None and method == "INVITE" and req.getBody() is None and self.can_update():
            return self._offer(req)
        if self.state is not None and not self.over and method == "UPDATE":
            return self._updated(req)
        if self.state is not None and method not in self._handled():
            if method in BESIDE and not self.over:
                return self._beside(req)
            return (req.genResponse(481, "Call/Transaction Does Not Exist", server=AGENT), None, None)
        if method == "INVITE" and sip_t.r487 is not None and self.state is None:
            sip_t.r487.getHFBody("to").setTag(self.lTag)
        self.on_request()
        answer = super().recvRequest(req, sip_t)
        vars(req).pop("sendResponse", None)  # sippy's closure over the request: a cycle for the collector to find
        if method != "INVITE" or answer is None or answer[0] is not None:
            return answer
        cancel = guarded("cancelled re-INVITE", self._cancelled) if self.isConnected() else answer[1]
        return (None, cancel, guarded("no ACK", self._no_ack))

    def recvResponse(self, resp: Any, tr: Any) -> None:
        """An answer of the peer."""
        code = resp.getSCode()[0]
        if code >= 300 and resp.countHFs("retry-after"):
            self.retry_after = _seconds(str(resp.getHFBody("retry-after")))
        if code in (421, 422) and self._asks_for_more(resp, tr):
            return
        if 100 < code < 200 and acknowledge(self, resp):
            return
        if 200 <= code < 300:
            self.session.taken(timer_headers(resp))
        if self.isConnected():
            if 200 <= code < 300:
                follow_contact(self, resp)
            self.lost = self.lost or code == 481
            self.unanswered = code == 408
            if code == 408:  # no answer to an offer: it is off, the call is not (sippy would end it)
                resp.setSCode(488, "Request Timeout")
        on_late = self._on_late
        if not self.settled and 200 <= code < 300:
            answered = self.on_late_answer
            with self.transactions.after_this():
                super().recvResponse(resp, tr)
            guarded("late answer", answered)()
        else:
            super().recvResponse(resp, tr)
        if on_late is not None:
            if code < 200:  # cancelled, and waited for no longer than without it
                self.transactions.stop_sending(tr, self._late_seconds)
            on_late(code)

    def cleanup(self) -> None:
        """sippy's last word to a dialog: it holds nothing of the call any more."""
        self.on_reinvite_cancelled = self.on_request = self.on_no_ack = self.before_invite = _nothing
        self.on_late_answer, self.may_expire, self.on_not_heard = _nothing, lambda: True, _nothing
        self.on_doubt = _nothing
        self._on_late = self.on_answer = self.ask_again = None

    def _handled(self) -> tuple[str, ...]:
        """Methods that the present state answers; sippy drops the rest in silence."""
        if isinstance(self.state, UaStateDisconnected):
            return ("BYE",)
        return tuple(self.state.recv_request_handlers)

    def _is_late(self, req: Any) -> bool:
        """A later request of the peer has come before it."""
        return self.rCSeq is not None and bool(self.rCSeq >= req.getHFBody("cseq").getCSeqNum())

    def _offer(self, req: Any) -> Any:
        """A re-INVITE without SDP asks for an offer (RFC 3261 14.2): our last one. sippy takes it for a hold."""
        if self._is_late(req):
            return (req.genResponse(500, "Server Internal Error", server=AGENT), None, None)
        self.rCSeq = req.getHFBody("cseq").getCSeqNum()
        self.uasResp = req.genResponse(100, "Trying", server=AGENT)
        self.transactions.sendResponse(self.uasResp)
        offer = self.good_local or self.lSDP
        self.sendUasResponse(200, "OK", offer.getCopy() if offer else None, (self.lContact,), ack_wait=True)
        return (None, None, guarded("no ACK", self._no_ack))

    def recvACK(self, req: Any) -> None:
        """The ACK that carries the answer to ``_offer``; sippy would lose the peer's SDP where it carries none. Or the
        one that ``answer_and_end`` waits for."""
        if self._when_acknowledged is not None:
            self._no_ack()
        elif self.on_answer is not None:
            (step, self.on_answer), body = (self.on_answer, None), req.getBody()
            self.rSDP = body.getCopy() if body is not None else None
            step(body)
        elif self.isConnected() and req.getBody() is not None and str(req.getBody()) != str(self.rSDP):
            super().recvACK(req)

    def _cancelled(self, rtime: Any, req: Any) -> None:
        """CANCEL of a re-INVITE: it is off, the call is not (RFC 3261 14.2); sippy would end the call."""
        self.changeState((self.UaStateConnected,))
        self.on_reinvite_cancelled()

    # --- our own requests --------------------------------------------------------------------------------------------

    def processChallenge(self, resp: Any, cseq: Any, ch_hfname: str, auth_hfname: str, extra_headers: Any) -> Any:
        """Answer 401 and 407; once more where the trunk says that only the nonce was too old."""
        if self.over:
            return False
        if not self._stale_tried and cseq in self.reqs and self.reqs[cseq].countHFs(auth_hfname):
            stale = any(
                name.lower() == "stale" and str(value).strip('"').lower() == "true"
                for challenge in resp.getHFBodys(ch_hfname)
                for name, value in challenge.otherparams
            )
            if stale:
                self._stale_tried = True
                self.reqs[cseq].delHFs(auth_hfname)
        if not self._has_answer(resp, cseq, ch_hfname, auth_hfname):
            return False
        send = super().processChallenge
        self.again(resp.getSCode()[0], lambda: send(resp, cseq, ch_hfname, auth_hfname, extra_headers))
        return True

    def _has_answer(self, resp: Any, cseq: Any, ch_hfname: str, auth_hfname: str) -> bool:
        """sippy would send credentials upon this challenge."""
        if self.username is None or self.password is None or self.reqs[cseq].countHFs(auth_hfname):
            return False
        taken = (
            each
            for each in resp.getHFBodys(ch_hfname)
            if self.auth_enalgs is None or each.algorithm in self.auth_enalgs
        )
        return any(each.supportedAlgorithm()[0] for each in taken)

    def again(self, code: int, send: Callable[[], object]) -> None:
        """Send an INVITE again, upon an answer with this code. The first one of a dialog is asked for."""

        def sends() -> None:
            if not self.over:
                with self.transactions.after_this():
                    send()

        if self.ask_again is None or self.isConnected():
            sends()
        else:
            self.ask_again(str(code), sends)

    def asks(self, send: Callable[[], None]) -> bool:
        """An INVITE that had no answer is to be sent once more: True where that is asked for; ``send()`` does it."""
        if self.ask_again is None or self.over or self.isConnected():
            return False
        self.ask_again("no_answer", send)
        return True

    def genRequest(
        self, method: str, body: Any = None, cqop: Any = None, extra_headers: Any = None, max_forwards: Any = None
    ) -> Any:
        """A request of this dialog; an INVITE keeps its Max-Forwards when it is sent again with credentials."""
        if method == "INVITE" and max_forwards is None:
            max_forwards = self.hops
        return super().genRequest(method, body, cqop, extra_headers, max_forwards)

    def newTransaction(self, req: Any, req_extra_headers: Any = None, **named: Any) -> Any:
        """Send a request; a BYE that the trunk challenges is sent again with credentials, so that the call really
        ends."""
        if req.getMethod() == "BYE" and "resp_cb" not in named and self.username:
            return self.send_bye(req, lambda code: None)
        return self._send(req, req_extra_headers, **named)

    def newUacTransaction(self, req: Any, **named: Any) -> None:
        """Send an INVITE of this leg's; sippy would send it before anybody can know of it."""
        with self.transactions.at_the_end():
            super().newUacTransaction(req, **named)
            if not self.isConnected():
                self.before_invite()

    def _send(self, req: Any, extra_headers: Any = None, **named: Any) -> Any:
        """A transaction of its own, by this leg's way."""
        if self.flow is not None:
            named.setdefault("userv", self.flow)
        return super().newTransaction(req, extra_headers, **named)

    def send_plain(self, req: Any) -> None:
        """Send a request whose answer changes nothing."""
        self._send(req, resp_cb=lambda resp: None)

    def send_bye(self, req: Any, on_answer: Callable[[int], None]) -> Any:
        """Send a BYE; ``on_answer(code)`` with what became of it in the end, 408 where nothing came in 32 s."""
        answered = guarded("answer to BYE", lambda resp: self._bye_answered(req, resp, on_answer))
        return self._send(req, resp_cb=answered)

    def _bye_answered(self, req: Any, resp: Any, on_answer: Callable[[int], None]) -> None:
        names = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
        code = resp.getSCode()[0]
        found = names.get(code)
        if found is None or req.countHFs(found[1]) or not self.username:
            if code >= 200:
                on_answer(code)
            return
        for challenge in resp.getHFBodys(found[0]):
            supported, qop = challenge.supportedAlgorithm()
            if supported and (self.auth_enalgs is None or challenge.algorithm in self.auth_enalgs):
                again = self.genRequest("BYE")
                uri = str(self.rTarget)
                again.appendHeader(
                    SipHeader(body=challenge.genAuthHF(self.username, self.password, "BYE", uri, None, qop))
                )
                last = guarded("answer to BYE", lambda resp: on_answer(resp.getSCode()[0]))
                self._send(again, resp_cb=last)
                return
        on_answer(code)

    def ask_alive(self, on_answer: Callable[[int], None]) -> None:
        """Send OPTIONS inside the dialog; ``on_answer(code)`` gets 408 where no answer came in 32 s."""
        request = self.genRequest("OPTIONS")
        self._send(request, resp_cb=guarded("OPTIONS", lambda resp: on_answer(resp.getSCode()[0])))

    def notify(self, fragment: str, event: str, state: str) -> None:
        """NOTIFY with a piece of a SIP message (RFC 3420); its answer changes nothing."""
        kind = SipContentType("message/sipfrag;version=2.0")
        kind.parse()
        extra = headers([("event", event), ("subscription-state", state)])
        self.send_plain(self.genRequest("NOTIFY", MsgBody(fragment, kind), extra_headers=extra))

    @property
    def contact_line(self) -> str:
        """Its Contact, as it is written."""
        return str(self.lContact.localStr((self.flow or self.transactions.l4r.getServer(self.rAddr[0])).getSIPaddr()))

    # --- what its call asks -----------------------------------------------------------------------------------------

    def ring(self, code: int, phrase: str, body: Any) -> None:
        """A provisional answer to the caller."""
        self.recvEvent(CCEventRing((code, phrase, body)))

    def connect(self, body: Any) -> None:
        """200: the answer to the caller, or to the peer's offer."""
        self.recvEvent(CCEventConnect((200, "OK", body)))

    def offer_in_answer(self, body: Any) -> None:
        """200 with our offer, which the ACK answers."""
        self.recvEvent(CCEventPreConnect((200, "OK", body)))

    def make_offer(self, body: Any) -> None:
        """A re-INVITE."""
        self.recvEvent(CCEventUpdate(body))

    def refuse_offer(self, code: int, phrase: str) -> None:
        """The peer's offer is not taken."""
        self.recvEvent(CCEventFail((code, phrase)))

    # --- ends -------------------------------------------------------------------------------------------------------

    def end(self, code: int, phrase: str, why: Any, retry_after: str = "") -> None:
        """End it, whatever its state: BYE, CANCEL, or ``code`` as the final answer to the caller."""
        if self.over or self.nobody:
            return
        unanswered = self.unanswered_caller
        event = CCEventFail((code, phrase)) if unanswered else CCEventDisconnect()
        event.reason_rfc3326 = why
        if retry_after and unanswered:
            event.extra_headers = (SipHeader(name="retry-after", body=SipGenericHF(retry_after, "retry-after")),)
        self.recvEvent(event)
        if not self.settled:
            self.transactions.keep_still(self.tr)

    def give_up(self, on_late: Callable[[int], None], why: Any, seconds: float) -> None:
        """Our INVITE has had no answer, and shall have none: it is not sent again, cancelled at the first sign of life
        (RFC 3261 9.1 forbids it before), and hung up on where it is answered. ``on_late(code)`` with each answer that
        comes within ``seconds``; 408 where none does."""
        self.event_cb = None
        self.end(408, "Request Timeout", why)
        self._on_late, self._late_seconds = guarded("late answer", on_late), seconds
        self.transactions.stop_sending(self.tr, seconds)

    @property
    def ending(self) -> bool:
        """True where a BYE waits for the ACK before it."""
        return self._when_acknowledged is not None

    def answer_and_end(self, body: Callable[[], Any], why: Any) -> None:
        """200 with ``body()`` to a caller who has no final answer yet, and BYE when it is acknowledged, which RFC 3261
        (section 15) has to come first."""
        if self.over or self.nobody:
            return
        self._when_acknowledged = lambda: self.end(200, "OK", why)
        self.recvEvent(CCEventPreConnect((200, "OK", body())))

    def answer(self, body: Any, then: Callable[[], None]) -> None:
        """200 with ``body`` to a caller; ``then()`` once it is acknowledged."""
        if not self.over:
            self._when_acknowledged = then
            self.recvEvent(CCEventPreConnect((200, "OK", body)))

    def forget_ack(self) -> None:
        """Stop waiting for the ACK."""
        self._when_acknowledged = None

    def hurry(self) -> None:
        """The BYE that ``answer_and_end`` would send later, now."""
        if self.ending:
            self._no_ack()

    def _no_ack(self) -> None:
        """The ACK has come, or will not come any more."""
        step, self._when_acknowledged = self._when_acknowledged, None
        (step or self.on_no_ack)()
