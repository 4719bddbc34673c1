"""What sippy's user agent does not know: UPDATE (RFC 3311) and the headers of session timers (RFC 4028).

Provisional answers that want to be acknowledged (RFC 3262): PRACK. sippy sends none.

The gate asks for them only where a trunk says that it cannot do without (421). What SDP they carry opens nothing: it is
early media as any other (``gate.sip.bridge``).

Where a peer is reached: a Contact that changes inside a call (RFC 3261 12.2, 14). sippy 2.5.0 keeps the first one.

The ids of a dialog are no secret, and a Contact is only somebody's word: it is followed to that side's own hosts
(``gate.sip.peers``), to any port of them, and nowhere else. One that leads elsewhere changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sippy.CCEvents import CCEventInfo, CCEventUpdate
from sippy.MsgBody import MsgBody
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.UA import UA
from sippy.UacStateCancelling import UacStateCancelling
from sippy.UacStateIdle import UacStateIdle
from sippy.UacStateRinging import UacStateRinging
from sippy.UacStateTrying import UacStateTrying
from sippy.UacStateUpdating import UacStateUpdating
from sippy.UasStateIdle import UasStateIdle
from sippy.UasStateRinging import UasStateRinging
from sippy.UasStateTrying import UasStateTrying
from sippy.UasStateUpdating import UasStateUpdating
from sippy.UaStateConnected import UaStateConnected
from sippy.UaStateDead import UaStateDead
from sippy.UaStateDisconnected import UaStateDisconnected
from sippy.UaStateFailed import UaStateFailed

from gate.core.sdp import whole
from gate.ports import Anchored
from gate.sip.header_fields import split_list
from gate.sip.identity import ALLOW
from gate.sip.session_timers import SessionTimer, TimerHeaders, has_option, interval
from gate.sip.sippy_adapter.patches import guarded

_log = structlog.get_logger("gate.sip")


def follow_contact(leg: Any, message: Any) -> None:
    """Follow the Contact that the peer of a ``Leg`` gives in a re-INVITE, an UPDATE, or an answer to one."""
    contacts = message.getHFBodys("contact")
    if len(contacts) != 1 or contacts[0].asterisk or leg.rTarget is None:
        return
    url = contacts[0].getUrl()
    if str(url) == str(leg.rTarget):
        return
    if not all(leg.may_send_from(host) for host in leg.transactions.l4r.hosts_of(str(url.host))):
        _log.warning("a new Contact is not at that side of the call; not followed", contact=str(url))
        contacts[0].address.url = leg.rTarget.getCopy()  # an ACK would go there
        return
    sent_there = not leg.routes and leg.rAddr == leg.rTarget.getTAddr()
    leg.rTarget = url.getCopy()
    if sent_there:
        leg.rAddr = leg.rTarget.getTAddr()


OPTION = "100rel"


def required(message: Any) -> bool:
    """The message requires reliable provisional answers."""
    values = [str(body) for body in message.getHFBodys("require")]
    return any(option.lower() == OPTION for value in values for option in split_list(value))


def acknowledge(leg: Any, resp: Any) -> bool:
    """Send the PRACK of a provisional answer that wants one. True where the answer is not to be looked at: it has been
    before, or others before it have not (RFC 3262 section 4)."""
    numbers = [whole(str(body).strip()) for body in resp.getHFBodys("rseq")]
    if not required(resp) or not numbers or numbers[0] is None:
        return False
    tag, number = resp.getHFBody("to").getTag(), numbers[0]
    last = leg.acknowledged.get(tag)
    if last is not None and number != last + 1:
        return True
    leg.acknowledged[tag] = number
    guarded("PRACK", _send)(leg, resp, tag, number)
    return False


def _send(leg: Any, resp: Any, tag: str, number: int) -> None:
    """In the dialog that the answer has begun (RFC 3261 12.1.2); the call may go on with another one."""
    request = leg.genRequest("PRACK")
    to = leg.rUri.getCopy()
    to.setTag(tag)
    request.replaceHeader(request.getHF("to"), SipHeader(name="to", body=to))
    routes = [each.getCopy() for each in resp.getHFBodys("record-route")][::-1]
    target = resp.getHFBody("contact").getUrl().getCopy() if resp.countHFs("contact") else leg.rTarget.getCopy()
    request.setRURI(target)
    request.setTarget((routes[0] if routes else target).getTAddr())
    request.delHFs("route")
    request.appendHeaders([SipHeader(name="route", body=each) for each in routes])
    cseq, method = resp.getHFBody("cseq").getCSeq()
    request.appendHeader(SipHeader(name="rack", body=SipGenericHF(f"{number} {cseq} {method}", "rack")))
    leg.send_plain(request)


AGENT = None
"""Server and User-Agent stay away: scanners look for names (svmap)."""
REFRESHES = ("INVITE", "UPDATE")
"""Methods that start a session timer anew."""
BESIDE = ("UPDATE", "INFO", "OPTIONS")
"""Methods that may come at any time of a dialog, whatever else is under way in it."""
RETRY_SECONDS = "5"
"""When an offer may come again that came too early."""


def timer_headers(message: Any) -> TimerHeaders:
    """The session timer headers of a message."""
    return TimerHeaders(
        interval(next(iter(_values(message, "session-expires")), None)),
        has_option(_values(message, "supported") + _values(message, "require")),
        _least(message),
        any("UPDATE" in split_list(value) for value in _values(message, "allow")),
    )


def _values(message: Any, name: str) -> list[str]:
    return [str(body) for body in message.getHFBodys(name)]


def headers(values: list[tuple[str, str]]) -> list[Any]:
    """Headers that sippy has no class for."""
    return [SipHeader(name=name, body=SipGenericHF(value, name)) for name, value in values]


def _least(message: Any) -> int:
    return whole((_values(message, "min-se") or [""])[0], 7) or 0


def text_of(body: Any) -> str:
    """The session description that sippy has read; of a body of another type something that is none."""
    return str(body) if body.getType() == "application/sdp" else f"({body.getType()})"


def relayed(put: Callable[[str, str, Anchored], None], call_id: str, body: Any, done: Callable[..., None]) -> None:
    """Have the media relay make a body of sippy's the gate's own; then ``done(body)``, or ``done(None, ex=error)``."""

    def over(text: str | None, ex: Exception | None = None) -> None:
        done(None if text is None else MsgBody(text), ex=ex)

    put(call_id, text_of(body), over)


def settled(body: Any) -> Any:
    """A copy of a body that the media relay has done with."""
    if body is None:
        return None
    copy = body.getCopy()
    copy.needs_update = False
    return copy


_ASKING = (UacStateIdle, UacStateTrying, UacStateRinging, UacStateUpdating, UacStateCancelling)
"""States in which an answer of the peer is waited for."""


class RefreshingUA(UA):  # type: ignore[misc]  # sippy has no types
    """The part of a leg (``gate.sip.sippy_adapter.leg``) that changes and refreshes its session."""

    event_cb: Any = None
    """The receiver of sippy's events."""
    rCSeq: Any = None
    """The peer's last CSeq number (sippy's)."""
    uasResp: Any = None
    """The answer to the request of the peer that is under way (sippy's)."""
    rSDP: Any = None
    """The peer's last SDP (sippy's)."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.session = SessionTimer()
        self.allow = ALLOW
        """Methods that this peer may use in the call."""
        self.reliable = False
        """The peer takes no call whose provisional answers are not acknowledged."""
        self.acknowledged: dict[str | None, int] = {}
        """The last acknowledged provisional answer (RSeq) of each callee."""

    # --- where it stands ----------------------------------------------------------------------------------------------

    @property
    def unanswered_caller(self) -> bool:
        """The peer's INVITE has no final answer yet."""
        return isinstance(self.state, (UasStateIdle, UasStateTrying, UasStateRinging))

    @property
    def offered(self) -> bool:
        """The peer's offer waits for our answer."""
        return isinstance(self.state, UasStateUpdating)

    @property
    def offering(self) -> bool:
        """Our offer waits for the peer's answer."""
        return isinstance(self.state, UacStateUpdating)

    def can_update(self) -> bool:
        """True where an offer can be made to, or taken from, this peer now."""
        return isinstance(self.state, UaStateConnected)

    @property
    def settled(self) -> bool:
        """False where our INVITE was taken back, and has not had its final answer."""
        return not isinstance(self.state, UacStateCancelling)

    @property
    def over(self) -> bool:
        """True where nothing is left to end."""
        return isinstance(self.state, (UaStateDisconnected, UaStateFailed, UaStateDead, UacStateCancelling))

    # --- the peer's ---------------------------------------------------------------------------------------------------

    def isYours(self, req: Any = None, call_id: Any = None, from_tag: Any = None, to_tag: Any = None) -> Any:
        """These are this dialog's before the answer, too."""
        if req is not None and req.getMethod() in BESIDE and self.cId is not None:
            ours = str(req.getHFBody("call-id")) == str(self.cId) and req.getHFBody("to").getTag() == self.lTag
            return self if ours else None
        return super().isYours(req, call_id, from_tag, to_tag)

    def _beside(self, req: Any) -> Any:
        """INFO or OPTIONS while it rings, or while an offer is under way. sippy knows them in a talk alone, and a 481
        ends the call with most peers (RFC 3261 12.2.1.2); the key in an INFO may be an objection, or a pause."""
        number = req.getHFBody("cseq").getCSeqNum()
        if self.rCSeq is not None and self.rCSeq >= number:
            return (req.genResponse(500, "Server Internal Error", server=AGENT), None, None)
        self.rCSeq = number
        self.on_request()
        if req.getMethod() == "INFO":
            self.equeue.append(CCEventInfo(req.getBody(), rtime=req.rtime, origin=self.origin))
        self.transactions.sendResponse(req.genResponse(200, "OK", server=AGENT))
        self.emitPendingEvents()
        return (None, None, None)

    def _updated(self, req: Any) -> Any:
        """UPDATE (RFC 3311): without SDP a sign of life; with it an offer, as a re-INVITE is. Before the answer there
        is nothing to change: the first offer is not answered yet, whatever came early."""
        if self.rCSeq is not None and self.rCSeq >= req.getHFBody("cseq").getCSeqNum():
            return (req.genResponse(500, "Server Internal Error", server=AGENT), None, None)
        self.rCSeq = req.getHFBody("cseq").getCSeqNum()
        self.on_request()
        body = req.getBody()
        if body is not None and not self.can_update():
            return (self._not_now(req), None, None)
        waiting, self.uasResp = self.uasResp, req.genResponse(100, "Trying", server=AGENT)
        if body is None or str(body) == str(self.rSDP):
            mine = None if body is None else self.good_local or self.lSDP
            self.sendUasResponse(200, "OK", mine.getCopy() if mine else None, (self.lContact,))
            self.uasResp = waiting  # an INVITE may yet be answered
        else:
            self.rSDP = body.getCopy()
            self.changeState((self.UasStateUpdating,))
            self.equeue.append(CCEventUpdate(body, rtime=req.rtime, origin=self.origin))
            self.emitPendingEvents()
        return (None, None, None)

    def _not_now(self, req: Any) -> Any:
        """RFC 3311 5.2: 491 where our own offer waits for its answer, 500 where theirs does."""
        if isinstance(self.state, _ASKING):
            return req.genResponse(491, "Request Pending", server=AGENT)
        answer = req.genResponse(500, "Server Internal Error", server=AGENT)
        answer.appendHeader(SipHeader(name="retry-after", body=SipGenericHF(RETRY_SECONDS, "retry-after")))
        return answer

    @property
    def hurried(self) -> bool:
        """The offer that this peer waits for came in an UPDATE, which wants its answer soon (RFC 3261 17.1.2)."""
        return bool(self.uasResp.getHFBody("cseq").getCSeq()[1] == "UPDATE")

    def sendUasResponse(
        self, scode: int, reason: str, body: Any = None, contacts: Any = None, extra_headers: Any = None,
        ack_wait: bool = False,
    ) -> None:  # fmt: skip
        """An answer to the peer's INVITE, re-INVITE or UPDATE; a 2xx carries how long the session holds."""
        if not 200 <= scode < 300:
            super().sendUasResponse(scode, reason, body, contacts, extra_headers, ack_wait)
            return
        more = headers([("allow", self.allow), *self.session.answer_headers()])
        super().sendUasResponse(scode, reason, body, contacts, [*(extra_headers or ()), *more], ack_wait)
        self.session.answered()

    # --- the gate's ---------------------------------------------------------------------------------------------------

    def genRequest(
        self, method: str, body: Any = None, cqop: Any = None, extra_headers: Any = None, max_forwards: Any = None
    ) -> Any:
        """A request of this dialog; one that starts the session timer anew says so."""
        request = super().genRequest(method, body, cqop, extra_headers, max_forwards)
        if method in REFRESHES:
            more = f", {OPTION}" if self.reliable and method == "INVITE" else ""
            timers = self.session.request_headers()
            request.appendHeaders(
                headers([(name, value + (more if name == "supported" else "")) for name, value in timers])
            )
        return request

    def _asks_for_more(self, resp: Any, tr: Any) -> bool:
        """422 to our INVITE (RFC 4028 7.3): the same again, with the time that it wants. Or 421: with the acknowledged
        ringing without which it takes no call (RFC 3262)."""
        if self.over:
            return False
        if resp.getSCode()[0] == 422:
            again = self.session.too_brief(_least(resp))
        else:
            again = required(resp) and not self.reliable
            self.reliable = self.reliable or again
        if not again:
            return False
        self.reqs.pop(resp.getHFBody("cseq").getCSeqNum(), None)
        extra = tr.req_extra_headers

        def send() -> None:
            request = self.genRequest("INVITE", self.lSDP, extra_headers=extra)
            self.newUacTransaction(request, req_extra_headers=extra)

        self.again(resp.getSCode()[0], send)
        return True

    def refresh(self, on_answer: Callable[[int], None]) -> None:
        """Say that the session goes on; ``on_answer(code)`` of an UPDATE. Where the peer is in an offer, that is one,
        too."""
        if self.session.updates:
            request = self.genRequest("UPDATE")
            self._send(request, resp_cb=guarded("session refresh", lambda resp: self._refreshed(resp, on_answer)))
        elif self.can_update() and self.good_local is not None:
            self.lSDP = settled(self.good_local)
            self.newUacTransaction(self.genRequest("INVITE", self.lSDP))
            self.changeState((self.UacStateUpdating,))

    def _refreshed(self, resp: Any, on_answer: Callable[[int], None]) -> None:
        code = resp.getSCode()[0]
        if code < 200 or self.over:
            return
        if code < 300:
            self.session.taken(timer_headers(resp))
            follow_contact(self, resp)
        elif code in (401, 403, 405, 407, 501):  # it takes a re-INVITE, perhaps with credentials
            self.session.updates = False
            self.refresh(on_answer)
        elif code == 422:
            self.session.too_brief(_least(resp))
        on_answer(code)
