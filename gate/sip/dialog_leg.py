"""What is said inside the dialog of a leg: requests, answers until their ACK, offers both ways, refreshes, credentials.

What the peer asks comes in its order (RFC 3261 12.2.2); its new Contact is followed to its own hosts alone. Line
thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from gate.core.sdp import whole
from gate.sip import dialogs
from gate.sip.auth import answers_to
from gate.sip.dialogs import (
    OFFERS,
    RELIABLE,
    Acknowledged,
    Body,
    Dialog,
    Do,
    Event,
    Offer,
    OfferDo,
    OfferEvent,
    Standing,
    header_lines,
    new_branch,
    read_body,
    reason_line,
    response,
    response_head,
)
from gate.sip.header_fields import host_of, split_list, uri_of
from gate.sip.identity import ALLOW
from gate.sip.message import Address, SipMessage
from gate.sip.peers import DialogPeer, Endpoint
from gate.sip.session_timers import SessionTimer, TimerHeaders, has_option, interval
from gate.sip.sippy_adapter.classes import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventInfo,
    CCEventUpdate,
)
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.transactions import LONG, T1, T2

if TYPE_CHECKING:
    from gate.sip.carrier import Carrier, Running

_log = structlog.get_logger("gate.sip")

RETRY_AFTER = "Retry-After: 5\r\n"
"""When an offer may come again that came too early."""


def made(kind: Any, data: Any = None) -> Any:
    """An event as a bridge reads it: sippy's own makers note the time."""
    event = kind.__new__(kind)
    event.data = data
    return event


def timer_headers(message: SipMessage) -> TimerHeaders:
    """What a message says of session timers."""
    options = message.all("supported") + message.all("require")
    updates = any("UPDATE" in split_list(value) for value in message.all("allow"))
    return TimerHeaders(
        interval(message.get("session-expires")), bool(options) and has_option(options),
        whole((message.get("min-se") or "").strip(), 7) or 0, updates,
    )  # fmt: skip


def _nothing(*_: Any) -> None:
    """Where nobody listens."""


class DialogLeg:
    """One dialog. ``on_event(event)`` gets what happens in it; ``gate.sip.leg`` has how it comes about and ends."""

    def __init__(
        self, carrier: Carrier, on_event: Callable[[Any], None], peer: DialogPeer, next_hop: Address | None = None,
        username: str = "", password: str = "", flow: Endpoint | None = None,
    ) -> None:  # fmt: skip
        self.carrier, self.peer, self.flow, self.next_hop = carrier, peer, flow, next_hop
        self.transactions = carrier
        self.event_cb: Callable[[Any, Any], None] | None = lambda event, _: on_event(event)
        self.username, self.password = username, password
        self.dialog, self.standing, self.offer = Dialog(), Standing.NEW, Offer.NONE
        self.session = SessionTimer()
        self.allow = ALLOW
        self.auth_enalgs: Sequence[str | None] | None = None
        self.nobody = False
        self.trunk = ""
        self.hops: int | None = None
        self.retry_after = ""
        self.good_local: Any = None
        self.lSDP: Any = None
        self.rSDP = ""
        self.lost = self.unanswered = self.told_from_elsewhere = self.reliable = False
        self.heard_at: Address | None = None
        self.tr: Running | None = None
        """The transaction of our INVITE."""
        self.ack: tuple[int, Endpoint, bytes, Address, float] | None = None
        self._served: Running | None = None
        """That of the peer's INVITE, or of the offer that is under way."""
        self._head, self._back = "", ("", 0)
        self._hurried = False
        self._more, self._invite_body = "", None
        """The headers and body that go with our INVITE when it is sent again."""
        self._tried = self._stale_tried = False
        self._reliably = Acknowledged()
        self._unacknowledged: bytes = b""
        self._timers: list[Any] = []
        self._when_acknowledged: Callable[[], None] | None = None
        self._on_late: Callable[[int], None] | None = None
        self._expiry: Any = None
        self._ends: tuple[int, str, str, str] = (200, "OK", "", "")
        self.listen_no_more()

    def listen_no_more(self) -> None:
        """Nobody is told anything."""
        self.on_reinvite_cancelled: Callable[[], None] = _nothing
        self.on_request: Callable[[], None] = _nothing
        self.on_late_answer: Callable[[], None] = _nothing
        self.on_not_heard: Callable[[], None] = _nothing
        self.on_doubt: Callable[[], None] = _nothing
        self.before_invite: Callable[[], None] = _nothing
        self.on_no_ack: Callable[[], None] = self._no_ack_default
        self.may_expire: Callable[[], bool] = lambda: True
        self.ask_again: Callable[[str, Callable[[], None]], None] | None = None
        self.on_answer: Callable[[Any], None] | None = None

    def let_go(self) -> None:
        """It is over, and its call with it: it holds nothing of it for as long as it absorbs what is repeated."""
        self.listen_no_more()
        self.event_cb = None

    # --- where it stands ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> Standing | None:
        """None before anything has happened to it."""
        return None if self.standing is Standing.NEW else self.standing

    def isConnected(self) -> bool:
        """The dialog is there."""
        return self.standing in dialogs.CONNECTED

    @property
    def unanswered_caller(self) -> bool:
        """The peer's INVITE has no final answer yet."""
        return self.standing is Standing.ASKED

    @property
    def offered(self) -> bool:
        """The peer's offer waits for our answer."""
        return self.offer is Offer.THEIRS

    @property
    def offering(self) -> bool:
        """Our offer waits for the peer's answer."""
        return self.offer is Offer.OURS

    def can_update(self) -> bool:
        """True where an offer can be made to, or taken from, this peer now."""
        return self.standing in (Standing.ANSWERED, Standing.CONFIRMED) and self.offer is Offer.NONE

    @property
    def settled(self) -> bool:
        """False where our INVITE was taken back, and has not had its final answer."""
        return self.standing not in (Standing.UNHEARD, Standing.CANCELLING)

    @property
    def over(self) -> bool:
        """True where nothing is left to end."""
        return self.standing in dialogs.ENDED

    @property
    def ending(self) -> bool:
        """True where a BYE waits for the ACK before it."""
        return self.standing is Standing.ENDING or (
            self._when_acknowledged is not None and self.standing is Standing.ANSWERED
        )

    @property
    def hurried(self) -> bool:
        """The offer that this peer waits for came in an UPDATE, which wants its answer soon (RFC 3261 17.1.2)."""
        return self._hurried

    @property
    def way(self) -> Endpoint:
        """By which its requests leave."""
        return self.flow or self.carrier.only or self.carrier.l4r.getServer(self.dialog.to)

    @property
    def ids(self) -> tuple[str, str]:
        """Call-ID, and our tag."""
        return self.dialog.call_id, self.dialog.tag

    @property
    def remote_tag(self) -> str:
        """The peer's."""
        return self.dialog.remote_tag

    @property
    def parties(self) -> tuple[str, str]:
        """From and To of our requests; To without a tag before there is one."""
        return self.dialog.local, self.dialog.remote

    @property
    def rCSeq(self) -> int | None:
        """The peer's last CSeq number."""
        return self.dialog.remote_cseq

    @rCSeq.setter
    def rCSeq(self, number: int) -> None:
        """A later one has come."""
        self.dialog.remote_cseq = number

    @property
    def contact_line(self) -> str:
        """Its Contact, as it is written."""
        return self.dialog.contact(self.way)

    @property
    def acknowledged(self) -> Mapping[str, int]:
        """The last acknowledged provisional answer (RSeq) of each callee."""
        return self._reliably.last

    def contact_param(self, text: str) -> None:
        """A parameter of it."""
        self.dialog.contact_more += f";{text}"

    def may_send_from(self, host: str) -> bool:
        """True where this peer's own messages may come from: ``gate.sip.peers``."""
        if self.peer.has(host):
            return True
        hosts = [self.dialog.to[0], host_of(self.dialog.target)] if self.dialog.target else [self.dialog.to[0]]
        return any(host in self.carrier.l4r.hosts_of(each) for each in hosts if each)

    def kept(self) -> dict[str, Any]:
        """What a BYE of it is made of."""
        return self.dialog.kept() | (self.flow.kept() if self.flow is not None else {})

    def invite_kept(self) -> tuple[str, Address]:
        """Our INVITE, and where it went."""
        return (self.tr.data.decode("latin-1") if self.tr is not None else ""), self.dialog.to

    # --- by the tables ------------------------------------------------------------------------------------------------

    def happen(self, event: Event, message: SipMessage | None = None) -> tuple[Do, ...]:
        """Something has happened to it; what the table says of it is done."""
        raise NotImplementedError

    def end(self, code: int, phrase: str, why: Any, retry_after: str = "") -> None:
        """End it."""
        raise NotImplementedError

    def offers(self, event: OfferEvent) -> tuple[OfferDo, ...]:
        """The same for offers inside the dialog."""
        step = OFFERS.get((self.offer, event))
        if step is None:
            return ()
        self.offer, does = step
        return does

    def emit(self, event: Any) -> None:
        """Tell the call."""
        if self.event_cb is not None:
            self.event_cb(event, self)

    # --- what is said -------------------------------------------------------------------------------------------------

    def _answer_lines(self) -> str:
        headers = [("Allow", self.allow), *self.session.answer_headers()]
        return f"Contact: {self.contact_line}\r\n{header_lines(headers)}"

    def _respond(self, code: int, phrase: str, more: str = "", body: Any = None) -> bytes:
        """Answer the peer's INVITE, or its offer."""
        if self._served is None:
            return b""
        data = response(self._head, code, phrase, more, str(body) if body is not None else "")
        self.carrier.reply(self._served, code, data, self._back)
        return data

    def _accept(self, body: Any) -> None:
        """200, until its ACK comes (13.3.1.4)."""
        self._stop_timers()
        self._unacknowledged = self._respond(200, "OK", self._answer_lines(), body)
        self.session.answered()
        self._timers = [
            self.carrier.after(LONG, self._ack_is_late),
            self.carrier.after(T1, partial(self._respond_again, T1)),
        ]

    def _respond_again(self, seconds: float) -> None:
        if self._unacknowledged and self._served is not None:
            self._served.way.send_to(self._unacknowledged, self._back)
            seconds = min(T2, 2 * seconds)
            self._timers[1:] = [self.carrier.after(seconds, partial(self._respond_again, seconds))]

    def _stop_timers(self) -> None:
        self._unacknowledged = b""
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _asks(self) -> list[tuple[str, str]]:
        """Headers of our INVITE, re-INVITE or UPDATE."""
        headers = self.session.request_headers()
        if self.reliable:
            headers = [(name, f"{value}, {RELIABLE}" if name == "supported" else value) for name, value in headers]
        return headers

    def credentials(self, message: SipMessage, method: str, *, tried: bool, body: Any = None) -> str:
        """The header that answers a challenge; empty where there is none, or where it was answered before and is not
        stale."""
        stale = not self._stale_tried
        found, is_stale = answers_to(
            message,
            self.username,
            self.password,
            method,
            self.dialog.target,
            self.auth_enalgs,
            body=str(body) if body is not None else "",
        )
        if not found or (tried and not (is_stale and stale)):
            return ""
        self._stale_tried = self._stale_tried or (tried and is_stale)
        return found

    def asks(self, send: Callable[[], None]) -> bool:
        """An INVITE that had no answer is to be sent once more: True where that is asked for; ``send()`` does it."""
        if self.ask_again is None or self.over or self.isConnected():
            return False
        self.ask_again("no_answer", send)
        return True

    def send_ack(self, message: SipMessage) -> None:
        """Acknowledge a 2xx, in the dialog that it has made or confirmed."""
        data = self.dialog.request(self.way, "ACK", new_branch(), message.cseq)
        self.ack = (message.cseq, self.way, data, self.dialog.to, self.carrier.now())
        self.way.send_to(data, self.dialog.to)

    def restore(self, kept: Mapping[str, Any], ahead: int) -> None:
        """As it was kept, for its BYE."""
        self.dialog.restore(kept, ahead)
        self.standing = Standing.CONFIRMED

    def say_bye(self, why: str, cause: int, on_answer: Callable[[int], None] = _nothing) -> None:
        """BYE; ``on_answer(code)`` with what became of it in the end, 408 where nothing came in 32 s."""
        self._bye(reason_line(why, cause), guarded("answer to BYE", on_answer))

    def _bye(self, more: str, on_answer: Callable[[int], None] = _nothing, *, tried: bool = False) -> None:
        def answered(message: SipMessage | None) -> None:
            code = 408 if message is None else message.code
            challenged = message is not None and code in (401, 407) and not tried
            if message is not None and challenged and (found := self.credentials(message, "BYE", tried=False)):
                self._bye(more + found, on_answer, tried=True)
                return
            if code >= 200:
                on_answer(code)

        self._request("BYE", answered, more)

    # --- requests inside it -------------------------------------------------------------------------------------------

    def _request(self, method: str, told: Callable[[SipMessage | None], None] | None, more: str = "",
                 body: Body | None = None) -> None:  # fmt: skip
        self.dialog.cseq += 1
        branch = new_branch()
        data = self.dialog.request(self.way, method, branch, self.dialog.cseq, more, body)
        self.carrier.begin(self.carrier.prepare(self, method, branch, data, told))

    def inform(self, body: Any) -> None:
        """INFO; its answer changes nothing."""
        self._request("INFO", None, f"Contact: {self.contact_line}\r\n", Body(str(body), body.getType()))

    def notify(self, fragment: str, event: str, state: str) -> None:
        """NOTIFY with a piece of a SIP message (RFC 3420); its answer changes nothing."""
        more = f"Contact: {self.contact_line}\r\nEvent: {event}\r\nSubscription-State: {state}\r\n"
        self._request("NOTIFY", None, more, Body(fragment, "message/sipfrag;version=2.0"))

    def ask_alive(self, on_answer: Callable[[int], None]) -> None:
        """OPTIONS inside the dialog; ``on_answer(code)``, 408 where nothing came in 32 s."""
        self._request("OPTIONS", _code(guarded("OPTIONS", on_answer)), f"Contact: {self.contact_line}\r\n")

    def refresh(self, on_answer: Callable[[int], None]) -> None:
        """Say that the session goes on; ``on_answer(code)`` of an UPDATE. Where the peer is in an offer, that is one,
        too."""
        if self.session.updates:
            more = f"Contact: {self.contact_line}\r\n{header_lines(self._asks())}"
            self._request("UPDATE", guarded("session refresh", partial(self._refreshed, on_answer)), more)
        elif self.can_update() and self.good_local is not None:
            self._offer_out(self.good_local.getCopy())

    def _refreshed(self, on_answer: Callable[[int], None], message: SipMessage | None) -> None:
        code = 408 if message is None else message.code
        if code < 200 or self.over:
            return
        if message is not None and code < 300:
            self.session.taken(timer_headers(message))
            self.follow_contact(message)
        elif code in (401, 403, 405, 407, 501):  # it takes a re-INVITE, perhaps with credentials
            self.session.updates = False
            self.refresh(on_answer)
        elif message is not None and code == 422:
            self.session.too_brief(whole((message.get("min-se") or "").strip(), 7) or 0)
        on_answer(code)

    # --- our offers ---------------------------------------------------------------------------------------------------

    def make_offer(self, body: Any) -> None:
        """A re-INVITE."""
        if not self.can_update():
            return
        if self.lSDP is not None and str(self.lSDP) == str(body):
            answer = Body(self.rSDP) if self.rSDP else None
            self.emit(made(CCEventConnect, (200, "OK", answer)))
            return
        self._offer_out(body)

    def _offer_out(self, body: Any) -> None:
        if OfferDo.SEND in self.offers(OfferEvent.OFFER):
            self.lSDP = body
            self._send_offer()

    def _send_offer(self, credentials: str = "") -> None:
        dialog, branch = self.dialog, new_branch()
        dialog.cseq += 1
        more = f"Contact: {self.contact_line}\r\n{credentials}Allow: {self.allow}\r\n{header_lines(self._asks())}"
        data = dialog.request(self.way, "INVITE", branch, dialog.cseq, more, Body(str(self.lSDP)))
        self.tr = self.carrier.prepare(self, "INVITE", branch, data, partial(self._on_offer, bool(credentials)))
        self.carrier.begin(self.tr)

    def _on_offer(self, tried: bool, message: SipMessage | None) -> None:
        code = 408 if message is None else message.code
        if code < 200:
            return
        if message is not None and self.offering and (again := self._offered_otherwise(message, tried=tried)):
            again()
            return
        if message is not None and code < 300:
            self.session.taken(timer_headers(message))
            self.follow_contact(message)
            self.send_ack(message)
            if self.offers(OfferEvent.SUCCESS):
                body = read_body(message)
                self.rSDP = str(body) if body is not None else ""
                self.unanswered = False
                self.emit(made(CCEventConnect, (code, message.uri, body)))
            return
        if OfferDo.TELL not in self.offers(OfferEvent.FAILURE):
            return
        self.lSDP, self.unanswered = None, code == 408
        self.lost = self.lost or code == 481
        self.emit(
            made(CCEventFail, (488 if code == 408 else code, message.uri if message else "Request Timeout", None))
        )
        if code == 481:
            self._is_gone(481, "Call/Transaction Does Not Exist")

    def _offered_otherwise(self, message: SipMessage, *, tried: bool) -> Callable[[], None] | None:
        """How our offer is sent again upon this refusal; None: it is not."""
        if message.code in (401, 407) and (found := self.credentials(message, "INVITE", tried=tried, body=self.lSDP)):
            return partial(self._send_offer, found)
        if message.code == 422 and self.session.too_brief(whole((message.get("min-se") or "").strip(), 7) or 0):
            return self._send_offer
        return None

    def take_offer_back(self) -> None:
        """CANCEL of our offer."""
        if self.offering:
            self.carrier.take_back(self.tr)

    def follow_contact(self, message: SipMessage) -> None:
        """Follow the Contact that the peer gives in a re-INVITE, an UPDATE, or an answer to one: to that side's own
        hosts, to any port of them, and nowhere else (RFC 3261 12.2, 14)."""
        values = [each for value in message.all("contact") for each in split_list(value)]
        target = uri_of(values[0]) if len(values) == 1 and values[0].strip() != "*" else ""
        if not target or target == self.dialog.target:
            return
        if not all(self.may_send_from(host) for host in self.carrier.l4r.hosts_of(host_of(target))):
            _log.warning("a new Contact is not at that side of the call; not followed", contact=target)
            return
        self.dialog.follows(target)

    # --- what the peer asks -------------------------------------------------------------------------------------------

    def cancelled(self) -> None:
        """The peer takes its INVITE back, or its offer."""
        for do in self.offers(OfferEvent.CANCEL):
            if do is OfferDo.TERMINATED:
                self._respond(487, "Request Terminated")
            elif do is OfferDo.TELL:
                self.on_reinvite_cancelled()
        self.happen(Event.CANCEL)

    def asked(self, tx: Running, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """A request of the peer inside the dialog, in its order."""
        respond = partial(self.carrier.respond, tx, request, source)
        late = self.dialog.remote_cseq is not None and request.cseq <= self.dialog.remote_cseq
        self.heard_at = endpoint.hop(source)
        method = request.method
        if method in ("INVITE", "UPDATE") and self.can_update():
            self.session.asked(timer_headers(request))
        if method in ("INVITE", "UPDATE") and self.isConnected() and not late:
            self.follow_contact(request)
        act = _REQUESTS.get(method)
        if act is None or (self.over and method != "BYE") or (method == "INVITE" and not self.isConnected()):
            respond(481, "Call/Transaction Does Not Exist")
            return
        if late:
            respond(500, "Server Internal Error")
            return
        self.dialog.remote_cseq = request.cseq
        self.on_request()
        act(self, tx, request, source)

    def _asked_bye(self, tx: Running, request: SipMessage, source: Address) -> None:
        for do in self.offers(OfferEvent.END):
            if do is OfferDo.TERMINATED:
                self._respond(487, "Request Terminated")
        does = self.happen(Event.BYE)
        code, phrase = (200, "OK") if Do.OK in does else (481, "Call/Transaction Does Not Exist")
        self.carrier.respond(tx, request, source, code, phrase)

    def _asked_options(self, tx: Running, request: SipMessage, source: Address) -> None:
        self.carrier.respond(tx, request, source, 200, "OK")

    def _asked_info(self, tx: Running, request: SipMessage, source: Address) -> None:
        self.carrier.respond(tx, request, source, 200, "OK")
        self.emit(made(CCEventInfo, read_body(request)))

    def _asked_update(self, tx: Running, request: SipMessage, source: Address) -> None:
        """UPDATE (RFC 3311): without SDP a sign of life; with it an offer, as a re-INVITE is. Before the answer there
        is nothing to change: the first offer is not answered yet, whatever came early."""
        body = read_body(request)
        respond = partial(self.carrier.respond, tx, request, source)
        if body is not None and not self.can_update():
            if self.offering or self.standing in (Standing.INVITING, Standing.RINGING):
                respond(491, "Request Pending")
            else:
                respond(500, "Server Internal Error", RETRY_AFTER)
        elif body is None or str(body) == self.rSDP:
            mine = None if body is None else self.good_local or self.lSDP
            respond(200, "OK", self._answer_lines(), str(mine) if mine is not None else "")
            self.session.answered()
        else:
            self._take_offer(tx, request, source, body, hurried=True)

    def _asked_invite(self, tx: Running, request: SipMessage, source: Address) -> None:
        body = read_body(request)
        head, back = response_head(request, source, "")
        if not self.can_update():
            self.carrier.respond(tx, request, source, 491, "Request Pending")
            return
        self.carrier.reply(tx, 100, response(head, 100, "Trying"), back)
        if body is None or str(body) == self.rSDP:  # it asks for our offer (14.2), or nothing changes
            mine = (self.good_local or self.lSDP) if body is None else self.lSDP
            self._served, self._head, self._back, self._hurried = tx, head, back, False
            self._accept(mine)
        else:
            self._take_offer(tx, request, source, body, hurried=False)

    def _take_offer(self, tx: Running, request: SipMessage, source: Address, body: Body, *, hurried: bool) -> None:
        self._served, self._hurried, self.rSDP = tx, hurried, str(body)
        self._head, self._back = response_head(request, source, "")
        if OfferDo.TELL in self.offers(OfferEvent.OFFERED):
            self.emit(made(CCEventUpdate, body))

    def refuse_offer(self, code: int, phrase: str) -> None:
        """The peer's offer is not taken."""
        if self.offers(OfferEvent.REFUSE):
            self.rSDP = ""
            self._respond(code, phrase)

    def ack_came(self, request: SipMessage) -> None:
        """An ACK of the peer."""
        if self._unacknowledged and self._served is not None and request.cseq != self._served.cseq:
            return
        body = read_body(request)
        self._stop_timers()
        self.happen(Event.ACK, request)
        if self._when_acknowledged is not None:
            step, self._when_acknowledged = self._when_acknowledged, None
            step()
        elif self.on_answer is not None:
            (answer, self.on_answer) = (self.on_answer, None)
            self.rSDP = str(body) if body is not None else ""
            answer(body)
        elif self.isConnected() and body is not None and str(body) != self.rSDP:
            self.rSDP = str(body)
            self.emit(made(CCEventConnect, ("ACK", "ACK", body)))

    def _ack_is_late(self) -> None:
        """Our answer was not acknowledged in time."""
        self._stop_timers()
        before = self.standing
        self.happen(Event.LATE)
        step, self._when_acknowledged = self._when_acknowledged, None
        if before is not Standing.ENDING:
            (step or guarded("no ACK", self.on_no_ack))()

    def _no_ack_default(self) -> None:
        self._is_gone(408, "Request Timeout")

    def _is_gone(self, code: int, phrase: str) -> None:
        """Nobody is there: its call ends both legs; where it has none any more, this one ends."""
        self.emit(made(CCEventDisconnect))
        self.end(code, phrase, "")


_REQUESTS: Mapping[str, Callable[[DialogLeg, Any, SipMessage, Address], None]] = {
    "BYE": DialogLeg._asked_bye,
    "OPTIONS": DialogLeg._asked_options,
    "INFO": DialogLeg._asked_info,
    "UPDATE": DialogLeg._asked_update,
    "INVITE": DialogLeg._asked_invite,
}


def _code(told: Callable[[int], None]) -> Callable[[SipMessage | None], None]:
    """Who asked wants the code alone."""

    def answered(message: SipMessage | None) -> None:
        code = 408 if message is None else message.code
        if code >= 200:
            told(code)

    return answered


def seconds_of(header: str) -> str:
    """The seconds of a Retry-After value; empty where it is malformed."""
    number = header.strip().partition(";")[0].partition("(")[0].strip()
    return number if number.isascii() and number.isdigit() and len(number) < 7 else ""
