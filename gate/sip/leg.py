"""A leg of a call: how its dialog comes about and ends, by the table of ``dialogs``.

It stands in the place of ``sippy_adapter.leg.Leg``: a bridge works with either. Line thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from gate.core.sdp import whole
from gate.sip import dialogs
from gate.sip.dialog_leg import DialogLeg, made, seconds_of, timer_headers
from gate.sip.dialogs import (
    TABLE,
    Dialog,
    Do,
    Event,
    OfferDo,
    OfferEvent,
    Standing,
    header_lines,
    new_branch,
    read_body,
    requires_reliable,
    response,
    response_head,
    tagged,
)
from gate.sip.header_fields import split_list
from gate.sip.identity import ALLOW, LOOP_HEADER
from gate.sip.message import Address, SipMessage
from gate.sip.peers import Endpoint
from gate.sip.sippy_adapter.classes import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventRing,
    CCEventTry,
)
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.transactions import LONG

if TYPE_CHECKING:
    from gate.sip.carrier import Running

_log = structlog.get_logger("gate.sip")

_IDENTITY = {
    "pai": "P-Asserted-Identity: {}\r\n",
    "ppi": "P-Preferred-Identity: {}\r\n",
    "rpid": "Remote-Party-ID: {};party=calling;privacy=off;screen=yes\r\n",
}


class TableLeg(DialogLeg):
    """One leg."""

    # --- by the table -------------------------------------------------------------------------------------------------

    def happen(self, event: Event, message: SipMessage | None = None) -> tuple[Do, ...]:
        """Something has happened to it; what the table says of it is done."""
        step = TABLE.get((self.standing, event))
        if step is None:
            return ()
        self.standing, does = step
        for do in does:
            if (act := _ACTS.get(do)) is not None:
                act(self, message)
        if self._expiry is not None and self.standing is not Standing.ASKED:
            self._expiry.cancel()
            self._expiry = None
        if self.standing is Standing.OVER:
            self.let_go()
        return does

    # --- what the call asks -------------------------------------------------------------------------------------------

    def recvEvent(self, event: Any) -> None:
        """What its call wants of it."""
        if isinstance(event, CCEventTry):
            self._ask(event)

    def ring(self, code: int, phrase: str, body: Any) -> None:
        """A provisional answer to the caller."""
        if self.standing is Standing.ASKED and self._served is not None and code > 100:
            more = f"Contact: {self.contact_line}\r\n"
            self._respond(code, phrase, more, body)

    def connect(self, body: Any) -> None:
        """200: the answer to the caller, or to the peer's offer."""
        if self.offers(OfferEvent.ANSWER):
            self.lSDP = body
            if self._hurried:
                self._respond(200, "OK", self._answer_lines(), body)
                self.session.answered()
            else:
                self._accept(body)
        elif self.standing is Standing.ASKED:
            self.lSDP = body
            self.happen(Event.ANSWER)

    offer_in_answer = connect

    def end(self, code: int, phrase: str, why: Any, retry_after: str = "") -> None:
        """End it, whatever its state: BYE, CANCEL, or ``code`` as the final answer to the caller."""
        if self.over or self.nobody:
            return
        if self.standing is Standing.NEW:
            self.standing = Standing.OVER
            return
        self._ends = code, phrase, f"Reason: {why}\r\n" if str(why) else "", retry_after
        for do in self.offers(OfferEvent.END):
            if do is OfferDo.TERMINATED:
                self._respond(487, "Request Terminated")
            elif do is OfferDo.TAKE_BACK:
                self.carrier.take_back(self.tr)
        if not self._unacknowledged and self.standing is Standing.ANSWERED:
            self.standing = Standing.CONFIRMED
        self.happen(Event.END)

    def answer_and_end(self, body: Callable[[], Any], why: Any) -> None:
        """200 with ``body()`` to a caller who has no final answer yet, and BYE when it is acknowledged, which RFC 3261
        (section 15) has to come first."""
        if self.over or self.nobody:
            return
        self._ends = 200, "OK", f"Reason: {why}\r\n", ""
        self.connect(body())
        self.happen(Event.END)

    def answer(self, body: Any, then: Callable[[], None]) -> None:
        """200 with ``body`` to a caller; ``then()`` once it is acknowledged."""
        if not self.over:
            self._when_acknowledged = then
            self.connect(body)

    def forget_ack(self) -> None:
        """Nothing waits for the ACK any more."""
        self._when_acknowledged = None

    def hurry(self) -> None:
        """The BYE that waits for its ACK, now."""
        if self.standing is Standing.ENDING:
            self._ack_is_late()

    def give_up(self, on_late: Callable[[int], None], why: Any, seconds: float) -> None:
        """Our INVITE shall have no answer: it is not sent again, cancelled at the first sign of life (RFC 3261 9.1
        forbids it before), and hung up on where it is answered. ``on_late(code)`` with each answer that comes within
        ``seconds``; 408 where none does."""
        self.event_cb = None
        self.end(408, "Request Timeout", why)
        self._on_late = guarded("late answer", on_late)
        if self.tr is not None:
            self.carrier.silence(self.tr, seconds)

    # --- our INVITE ---------------------------------------------------------------------------------------------------

    def _ask(self, event: Any) -> None:
        call_id, shown, called, body, _, name = event.getData()
        dialog, (host, port) = self.dialog, self.next_hop or ("", 5060)
        dialog.to = (host, port)
        dialog.call_id = str(call_id)
        here = self.way.getSIPaddr()[0][0]
        form = getattr(event, "form", None)
        sender = form.from_domain if form is not None and form.from_domain else here
        party = dialogs.quoted(name or "")
        dialog.local = f"{party}<sip:{shown}@{sender}>;tag={dialog.tag}"
        dialog.remote = f"<sip:{called}@{host}>"
        by = f";transport={self.flow.transport}" if self.flow is not None else ""
        dialog.target = f"sip:{called}@{host}{f':{port}' if port != 5060 else ''}{by}"
        if uri := getattr(event, "uri", ""):
            dialog.target = uri
        dialog.routes = [each for each in split_list(getattr(event, "path", "")) if each]
        dialog.contact_user = str(shown)
        self._more = "Expires: 300\r\n"
        if form is not None:
            identity = f"{party}<sip:{shown}@{sender}>"
            self._more += "".join([_IDENTITY[each].format(identity) for each in form.identity]) + "Privacy: none\r\n"
        self._more += f"Allow: {ALLOW}\r\n{LOOP_HEADER.title()}: {event.mark}\r\n"
        self.lSDP = self._invite_body = body
        self.carrier.keep(self)
        self.happen(Event.INVITE)

    def _send_invite(self, credentials: str = "") -> None:
        dialog, branch = self.dialog, new_branch()
        dialog.cseq += 1
        offered = [("Supported", value) if name == "supported" else (name, value) for name, value in self._asks()]
        more = f"Contact: {self.contact_line}\r\n{credentials}{self._more}{header_lines(offered)}"
        hops = 70 if self.hops is None else self.hops
        data = dialog.request(self.way, "INVITE", branch, dialog.cseq, more, self._invite_body, hops)
        self.tr = self.carrier.prepare(self, "INVITE", branch, data, self._on_invite)
        if not self.isConnected():
            self.before_invite()
        self.carrier.begin(self.tr)

    def _on_invite(self, message: SipMessage | None) -> None:
        """What comes to it; None: nothing did in time."""
        on_late = self._on_late
        if message is None:
            self.happen(Event.FAILURE)
            if on_late is not None:
                self._on_late = None
                on_late(408)
            return
        code = message.code
        if code >= 300:
            self.retry_after = seconds_of(message.get("retry-after") or "") or self.retry_after
            send = self._otherwise(message)
            if send is not None and self.standing not in dialogs.ENDED:
                self._again(code, send)
                return
        if 100 < code < 200 and not self._acknowledge(message):
            return
        event = Event.PROVISIONAL if code < 200 else Event.SUCCESS if code < 300 else Event.FAILURE
        if event is Event.SUCCESS:
            self.session.taken(timer_headers(message))
        self.happen(event, message)
        if on_late is not None:
            if code < 200 and self.tr is not None and code > 100:
                self.carrier.silence(self.tr, 0.0)
            self._on_late = None if code >= 200 else on_late
            on_late(code)

    def _acknowledge(self, message: SipMessage) -> bool:
        """PRACK, where an answer wants one; False where it is not to be looked at."""
        looks, number = self._reliably.takes(message)
        if number:
            guarded("PRACK", self._send_prack)(message, number)
        return looks

    def _send_prack(self, message: SipMessage, number: int) -> None:
        """In the dialog that the answer has begun (RFC 3261 12.1.2); the call may go on with another one."""
        early = Dialog()
        early.tag, early.call_id, early.local = self.dialog.tag, self.dialog.call_id, self.dialog.local
        early.remote, early.target = self.dialog.remote, self.dialog.target
        early.answered_by(message)
        self.dialog.cseq += 1
        branch = new_branch()
        more = f"RAck: {number} {message.cseq} {message.cseq_method}\r\n"
        data = early.request(self.way, "PRACK", branch, self.dialog.cseq, more)
        self.carrier.begin(self.carrier.prepare(self, "PRACK", branch, data, None, early.to))

    def _otherwise(self, message: SipMessage) -> Callable[[], None] | None:
        """How our INVITE is sent again upon this refusal; None: it is not."""
        code = message.code
        if code == 422:
            least = whole((message.get("min-se") or "").strip(), 7) or 0
            return self._send_invite if self.session.too_brief(least) else None
        if code == 421:
            if not requires_reliable(message) or self.reliable:
                return None
            self.reliable = True
            return self._send_invite
        if code not in (401, 407):
            return None
        credentials = self.credentials(message, "INVITE", tried=self._tried, body=self._invite_body)
        self._tried = True
        return partial(self._send_invite, credentials) if credentials else None

    def _again(self, code: int, send: Callable[[], None]) -> None:
        """The first INVITE of a dialog is asked for."""

        def sends() -> None:
            if not self.over:
                if not self.isConnected():
                    self.standing = Standing.INVITING
                send()

        if self.ask_again is None or self.isConnected():
            sends()
        else:
            self.ask_again(str(code), sends)

    # --- the peer's INVITE --------------------------------------------------------------------------------------------

    def invited(self, request: SipMessage, tx: Running, source: Address, endpoint: Endpoint) -> None:
        """The peer's INVITE makes this leg."""
        at = endpoint.hop(source)
        self._served, self.heard_at, tx.leg = tx, at, self
        self.session.asked(timer_headers(request))
        self.dialog.asked_by(request)
        head, self._back = response_head(request, source, "")
        self._head = tagged(head, request, self.dialog.tag)
        self.carrier.reply(tx, 100, response(head, 100, "Trying"), self._back)
        self.carrier.keep(self)
        seconds = whole((request.get("expires") or "").strip())
        self._expiry = self.carrier.after(float(seconds or 300), self._expired)
        self.happen(Event.INVITED, request)

    def _expired(self) -> None:
        """The time is over that the caller gave its INVITE (13.3.1)."""
        if self.standing is Standing.ASKED and self.may_expire():
            self.happen(Event.CANCEL)

    # --- what the table asks for --------------------------------------------------------------------------------------

    def _do_invite(self, _: SipMessage | None) -> None:
        self._send_invite()

    def _do_asked(self, request: SipMessage | None) -> None:
        if request is None:
            return
        body = read_body(request)
        self.rSDP = str(body) if body is not None else ""
        asked = made(CCEventTry, (self.dialog.call_id, "", "", body, None, None))
        hops = request.get("max-forwards")
        asked.max_forwards = whole(hops.strip()) if hops is not None else None
        self.emit(asked)

    def _do_rings(self, message: SipMessage | None) -> None:
        if message is not None:
            self.emit(made(CCEventRing, (message.code, message.uri, read_body(message))))

    def _do_ack(self, message: SipMessage | None) -> None:
        if message is not None:
            self.dialog.answered_by(message)
            self.send_ack(message)

    def _do_answered(self, message: SipMessage | None) -> None:
        if message is not None:
            body = read_body(message)
            self.rSDP = str(body) if body is not None else ""
            self.emit(made(CCEventConnect, (message.code, message.uri, body)))

    def _do_failed(self, message: SipMessage | None) -> None:
        code, phrase = (408, "Request Timeout") if message is None else (message.code, message.uri)
        self.emit(made(CCEventFail, (code, phrase, None)))

    def _do_cancel(self, _: SipMessage | None) -> None:
        self.carrier.take_back(self.tr)

    def _do_silence(self, _: SipMessage | None) -> None:
        if self.tr is not None:
            self.carrier.silence(self.tr, LONG)

    def _do_bye(self, _: SipMessage | None) -> None:
        self._bye(self._ends[2])

    def _do_late_answer(self, _: SipMessage | None) -> None:
        guarded("late answer", self.on_late_answer)()

    def _do_gone(self, _: SipMessage | None) -> None:
        self._stop_timers()
        self.emit(made(CCEventDisconnect))

    def _do_refuse(self, _: SipMessage | None) -> None:
        code, phrase, why, retry_after = self._ends
        self._respond(code, phrase, why + (f"Retry-After: {retry_after}\r\n" if retry_after else ""))

    def _do_terminated(self, _: SipMessage | None) -> None:
        self._respond(487, "Request Terminated")

    def _do_answer(self, _: SipMessage | None) -> None:
        self._accept(self.lSDP)


_ACTS: Mapping[Do, Callable[[TableLeg, SipMessage | None], None]] = {
    Do.INVITE: TableLeg._do_invite,
    Do.ASKED: TableLeg._do_asked,
    Do.RINGS: TableLeg._do_rings,
    Do.ACK: TableLeg._do_ack,
    Do.ANSWERED: TableLeg._do_answered,
    Do.FAILED: TableLeg._do_failed,
    Do.CANCEL: TableLeg._do_cancel,
    Do.SILENCE: TableLeg._do_silence,
    Do.BYE: TableLeg._do_bye,
    Do.LATE_ANSWER: TableLeg._do_late_answer,
    Do.GONE: TableLeg._do_gone,
    Do.REFUSE: TableLeg._do_refuse,
    Do.TERMINATED: TableLeg._do_terminated,
    Do.ANSWER: TableLeg._do_answer,
}
