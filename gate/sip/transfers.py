"""Transfers: REFER (RFC 3515) from the caller's side of a talk, carried out by the gate itself (RFC 5589).

A transfer dials. So it is asked for as a call is: an account proves itself anew, the target is a new attempt with a
decision of its own, and a refusal answers the REFER itself, upon which every phone keeps the call (after a 202 many
hang up at once). A permitted one is dialled (``TransferBridge``); the callee stays with the agent until the new
one has heard the announcement and the evidence is kept, and goes over then. Whoever has hung up before that leaves the
callee waiting, not lost. With ``Replaces`` (RFC 3891) the callees of two calls of the same account are joined: both are
screened, announced and recorded already.

Refused, and the call stays up: what comes from the carrier's side, targets elsewhere than here, emergency numbers (they
are dialled, never transferred to), emergency calls, a second transfer while one is under way.

What a REFER asks for: the one number, or the one call, that ``Refer-To`` names (RFC 3515 2.1, RFC 3891).

The callee of one call becomes the caller's side of another: its leg, its SDP, its timers.

Nothing is said to it where it is not on hold and speaks what the other party speaks: its audio is led elsewhere in the
media relay alone. Else it is offered the talk anew (re-INVITE), and then the other party is, one at a time.

The call to whom a talk is transferred: a callee, and no caller until the talk's own callee takes that place.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import structlog

from gate.core import sdp
from gate.core.bridging import Stage, Step
from gate.sip.admission import PurposeClaims, attempt_of, extension_fault, number_of
from gate.sip.auth import AuthResult, ProvenCaller
from gate.sip.bridge import Bridge
from gate.sip.calls_in import CallInBridge
from gate.sip.failure_mapping import NOT_ACCEPTABLE
from gate.sip.header_fields import host_of, parameters, split_address, split_list, uri_of, user_of
from gate.sip.message import Address, SipMessage
from gate.sip.peers import DialogPeer, plain
from gate.sip.pending import Pending
from gate.sip.rate_limit import RequestKind
from gate.sip.recording_sessions import RecordingBridge
from gate.sip.routes import Route
from gate.sip.sippy_adapter.classes import CCEventUpdate, MsgBody
from gate.sip.sippy_adapter.leg import Leg, reason
from gate.sip.sippy_adapter.refreshing import relayed

if TYPE_CHECKING:
    from gate.sip.engine import Engine
    from gate.sip.peers import Endpoint


@dataclass(frozen=True, slots=True)
class ReferTo:
    """A target that can be thought about."""

    uri: str
    """Without the headers that stand in it."""
    host: str
    """Empty for a ``tel:`` URI."""
    replaces: tuple[str, str, str] | None = None
    """Call-ID, the far end's tag and the transferor's own of a call that is to be joined (RFC 3891)."""


def read(request: SipMessage) -> ReferTo | None:
    """What is asked for; None where that is not the call of one number: not one ``Refer-To``, no number, another URI,
    another method than INVITE."""
    values = [each for value in request.all("refer-to") for each in split_list(value)]
    if len(values) != 1:
        return None
    uri, _, headers = split_address(values[0])[1].partition("?")
    scheme = uri.partition(":")[0].lower()
    params = parameters(uri.partition(";")[2])
    if scheme not in ("sip", "sips", "tel") or not user_of(uri) or params.get("method", "INVITE").upper() != "INVITE":
        return None
    named = [(name.lower(), value) for name, _, value in (each.partition("=") for each in headers.split("&"))]
    host = "" if scheme == "tel" else host_of(uri)
    found = [unquote(value) for name, value in named if name == "replaces"]
    if not found:
        return ReferTo(uri, host)
    call_id, _, tags = found[0].partition(";")
    ids = parameters(tags)
    if len(found) > 1 or not call_id or not ids.get("to-tag") or not ids.get("from-tag"):
        return None
    return ReferTo(uri, host, (call_id.strip(), ids["to-tag"], ids["from-tag"]))


_log = structlog.get_logger("gate.sip")

DECLINED = 603
"""What refuses a transfer, whatever refuses the calls of this caller: RFC 3515 2.4.2 has it so, and of the codes of
``refusal`` some end the call in which they are the answer (RFC 5057)."""
FORBIDDEN = 403, "Forbidden"
PENDING = 491, "Request Pending"


@dataclass(slots=True)
class Transfer:
    """A transfer that is under way, from its REFER on."""

    bridge: Bridge
    """The talk whose callee is passed on."""
    call_id: str
    """The gate's id of the call that follows."""
    cseq: int
    """The sequence number of the REFER: the id of its subscription (RFC 3515 2.4.6)."""
    notifies: bool
    """False where the transferor wants no NOTIFY (RFC 4488)."""
    joins: Bridge | None = None
    """The other call, where its callee is the target."""
    after: TransferBridge | None = None
    """The call that was dialled for it."""
    left: bool = False
    """The transferor has hung up."""
    over: bool = False

    def notify(self, code: int, phrase: str, *, last: bool = False) -> None:
        """Tell the transferor how it goes (RFC 3515 2.4.4)."""
        leg = self.bridge.caller
        if self.notifies and not self.left and leg.isConnected():
            state = "terminated;reason=noresource" if last else "active;expires=300"
            leg.notify(f"SIP/2.0 {code} {phrase}\r\n", f"refer;id={self.cseq}", state)

    def failed(self, code: int, phrase: str) -> None:
        """The new callee was not reached, or not kept: the talk goes on, or is over where nobody is left."""
        if self.over:
            return
        self.over, self.after = True, None
        self.notify(code, phrase, last=True)
        if self.left:
            self.bridge.hung_up("caller", "transfer_failed")

    def done(self) -> None:
        """The parties are joined: notify the transferor, and hang up on it."""
        self.over, self.after = True, None
        self.notify(200, "OK", last=True)
        self.bridge.hung_up("caller", "transferred")


class Transfers:
    """All that are under way."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._claims = PurposeClaims(engine.config)
        self._by_call: dict[str, Transfer] = {}
        """By the gate's id of the talk that is passed on."""

    # --- the REFER ----------------------------------------------------------------------------------------------------

    def takes(self, request: SipMessage, leg: Leg, source: Address, endpoint: Endpoint) -> bool:
        """A REFER from the peer of a leg; True: it has its answer, or its way to one."""
        ingress = self._engine.ingress
        if kept := ingress.responses.find(request.key):
            endpoint.send_to(*kept)
            return True
        if ingress.pending.find(request.key) is not None:
            return True
        bridge = next((each for each in self._engine.bridges.values() if leg is each.caller), None)
        if bridge is None or not leg.peer.claimed_by or isinstance(bridge, CallInBridge | RecordingBridge):
            ingress.reply(request, source, endpoint, *FORBIDDEN)
            return True
        caller = self._proven(request, leg, source, endpoint)
        if caller is None:
            return True
        leg.on_request()
        fault = extension_fault(request)
        if fault is None and leg.rCSeq is not None and leg.rCSeq >= request.cseq:
            fault = (500, "Server Internal Error", [])
        if fault is None:
            leg.rCSeq = request.cseq
            target = read(request)
            fault = (*self._fault(target, bridge, request, caller), []) if target else (400, "Bad Refer-To", [])
            if target is not None and not fault[0]:
                self._ask(Pending("", request, source, endpoint, caller.claimed_by, DECLINED), bridge, target, caller)
                return True
        ingress.reply(request, source, endpoint, *fault, keep=True)
        return True

    def _proven(self, request: SipMessage, leg: Leg, source: Address, endpoint: Endpoint) -> ProvenCaller | None:
        """Who asks: an account by its password, as for a call; None where that has its answer."""
        ingress, claimed_by = self._engine.ingress, leg.peer.claimed_by
        if not claimed_by.startswith("account:"):
            return ingress.auth.named(claimed_by)
        verdict, caller = ingress.check(request, source, endpoint)
        if caller is not None and caller.claimed_by == claimed_by:
            return caller
        if verdict is not AuthResult.WRONG and caller is None:
            ingress.challenge(request, source, endpoint, stale=verdict is AuthResult.STALE)
        elif ingress.rate_limit.allow(source, RequestKind.PASSWORD):
            ingress.reply(request, source, endpoint, *FORBIDDEN)
        return None

    def _fault(self, target: ReferTo, bridge: Bridge, request: SipMessage, caller: ProvenCaller) -> tuple[int, str]:
        """Why it is not even asked for; code 0 where it is."""
        engine = self._engine
        if bridge.route.emergency or not (target.replaces or self._is_here(target, bridge)):
            return FORBIDDEN
        if engine.for_help(number_of(_as_invite(request, target), caller)):
            return 403, "Dial emergency numbers"
        if bridge.stage is not Stage.CONNECTED or bridge.delayed_offer.due or self._running(bridge.id):
            return PENDING
        if engine.ingress.away.too_many(caller.claimed_by):
            engine.overload.shed += 1
            return 503, "Service Unavailable"
        if target.replaces is None:
            return 0, ""
        other = self._named(target.replaces)
        if other is None or other is bridge or other.pending.claimed_by != caller.claimed_by or other.route.emergency:
            return FORBIDDEN
        if other.stage is not Stage.CONNECTED or other.delayed_offer.due or self._running(other.id):
            return PENDING
        return (0, "") if can_talk(bridge, other) else (488, "Not Acceptable Here")

    def _is_here(self, target: ReferTo, bridge: Bridge) -> bool:
        """The target is at this gate: by the name that the caller's INVITE had for it, or by its address."""
        invite = bridge.pending.request
        names = {host_of(invite.uri), host_of(uri_of(invite.get("to") or "")), self._engine.config.sip.realm.lower()}
        own = {plain(address[0]) for address in self._engine.transactions.l4r.addresses}
        return (
            not target.host or target.host in names or plain(target.host) in own | {bridge.pending.endpoint.address[0]}
        )

    def _named(self, replaces: tuple[str, str, str]) -> Bridge | None:
        """The call whose caller's dialog this is; some phones have its tags the other way round."""
        call_id, *tags = replaces
        for bridge in self._engine.bridges.values():
            leg = bridge.caller
            if leg.ids[0] == call_id and {leg.ids[1], leg.remote_tag} == set(tags):
                return None if isinstance(bridge, CallInBridge) else bridge
        return None

    def _running(self, call_id: str) -> bool:
        """A transfer of this call, or one into it, is under way."""
        found = [
            self._by_call.get(call_id),
            *(each for each in self._by_call.values() if each.joins is not None and each.joins.id == call_id),
        ]
        return any(each is not None and self._lives(each) for each in found)

    def _lives(self, transfer: Transfer) -> bool:
        return not transfer.over and (transfer.after is not None or transfer.call_id in self._engine.ingress.pending)

    def _ask(self, pending: Pending, bridge: Bridge, target: ReferTo, caller: ProvenCaller) -> None:
        """Have it decided."""
        engine, request = self._engine, pending.request
        pending.call_id = secrets.token_hex(16)
        notifies = (request.get("refer-sub") or "").strip().lower() != "false"
        transfer = self._by_call[bridge.id] = Transfer(bridge, pending.call_id, request.cseq, notifies)
        engine.ingress.pending.add(pending)
        try:
            if target.replaces is not None:
                transfer.joins = self._named(target.replaces)
                assert transfer.joins is not None  # noqa: S101 - ``_fault`` has seen it
                engine.events.joining(transfer.joins.id, bridge.id)
                return
            asked = attempt_of(
                _as_invite(request, target), pending.source, caller, False, pending.call_id, self._claims,
                engine.for_help,
            )  # fmt: skip
            engine.events.transferring(replace(asked, codecs=codecs_of(bridge)), bridge.id)
        except Exception:  # noqa: BLE001 - the call manager's fault must not leave the REFER without an answer
            _log.exception("a transfer failed; refused", call_id=bridge.id)
            if engine.ingress.pending.take(pending.call_id):
                engine.ingress.refuse(pending, "internal_error", "", "The gate failed.")

    # --- the answer ---------------------------------------------------------------------------------------------------

    def begins(
        self, pending: Pending, number: str, presentation: str, display_name: str, routes: Sequence[Route]
    ) -> bool:
        """Dial the target, now that it may be; False where what was let through is no transfer."""
        transfer = next((each for each in self._by_call.values() if each.call_id == pending.call_id), None)
        if transfer is None:
            return False
        engine = self._engine
        first = transfer.bridge
        if first.stage is not Stage.CONNECTED or not engine.relay.transfer(pending.call_id, first.id):
            engine.ingress.refuse(pending, "internal_error", "", "The call is over.")
            engine.events.failed(pending.call_id, DECLINED, "cancelled")
            return True
        self._accept(transfer, pending)
        after = transfer.after = TransferBridge(engine, pending, transfer, number, presentation, display_name, routes)
        engine.bridges[after.id] = after
        after.dial()
        return True

    def _accept(self, transfer: Transfer, pending: Pending) -> None:
        """202, and that it is being tried (RFC 3515 2.4.4)."""
        headers = [
            ("Contact", transfer.bridge.caller.contact_line),
            *([] if transfer.notifies else [("Refer-Sub", "false")]),
        ]
        self._engine.ingress.reply(
            pending.request, pending.source, pending.endpoint, 202, "Accepted", headers, keep=True
        )
        transfer.notify(100, "Trying")

    def take_over(self, call_id: str, from_call: str, why_not: str) -> None:
        """Join the callees of two calls, now that it is durable; or refuse to (``why_not``)."""
        engine, transfer = self._engine, self._by_call.get(from_call)
        pending = engine.ingress.pending.take(transfer.call_id) if transfer is not None else None
        if transfer is None or pending is None:
            return
        first, other = transfer.bridge, transfer.joins
        if (
            why_not
            or other is None
            or other.stage is not Stage.CONNECTED
            or first.stage is not Stage.CONNECTED
            or not can_talk(first, other)
        ):
            transfer.over = True
            engine.ingress.refuse(pending, why_not or "internal_error", "", "")
            return
        self._accept(transfer, pending)

        def joined(ok: bool) -> None:
            if not ok:
                other.hung_up("gate", "media_failed")
            else:
                other.liveness.joined()

        engine.relay.take_over(call_id, from_call, other.safely(joined))
        gone = pass_callee_on(first, other)
        gone.event_cb = None
        gone.end(200, "OK", reason("transferred", 200))
        transfer.done()

    # --- ends ---------------------------------------------------------------------------------------------------------

    def callee_waits(self, bridge: Bridge) -> bool:
        """The caller has hung up: True where the callee waits for whom it is being transferred to."""
        transfer = self._by_call.get(bridge.id)
        if transfer is None or transfer.after is None or not self._lives(transfer) or bridge.stage is Stage.OVER:
            return False
        transfer.left = True
        bridge.move(Step.CALLER_LEFT)
        bridge.offer_answer.timers.left("caller")
        bridge.keep_legs()
        return True

    def ended(self, bridge: Bridge) -> None:
        """A call is over: so is its transfer."""
        transfer = self._by_call.pop(bridge.id, None)
        if transfer is not None and not transfer.over:
            after, transfer.after, transfer.over = transfer.after, None, True
            if after is not None:
                after.hung_up("caller", "cancelled")


def _as_invite(request: SipMessage, target: ReferTo) -> SipMessage:
    """The INVITE that the transferor would have sent to the target."""
    return replace(request, uri=target.uri, body=b"")


AGAIN_SECONDS = 0.2
TRIES = 100
"""How often it is looked whether a party can be offered the talk: an offer of its own may be under way."""


def nobody(engine: Engine) -> Leg:
    """The leg of a side where nobody is yet, or any more: there is nothing to end."""
    leg: Leg = engine.transactions.leg(lambda _: None, DialogPeer())
    leg.nobody = True
    return leg


def codecs_of(bridge: Bridge) -> tuple[str, ...]:
    """The codec in which the callee talks."""
    return tuple(name for name in sdp.codecs(bridge.callee_sdp) if name in sdp.KEPT)[:1]


def can_talk(first: Bridge, other: Bridge) -> bool:
    """The callees of two calls can talk: they have a codec in common, and nothing is being changed just now."""
    common = set(codecs_of(first)) & set(sdp.codecs(other.callee_sdp))
    return bool(common) and not (first.offer_answer.from_side or other.offer_answer.from_side)


def pass_callee_on(first: Bridge, after: Bridge) -> Leg:
    """Put the callee of ``first`` in the place of the caller of ``after``; the leg that was there before."""
    taken: Leg = first.callee
    before: Leg = after.caller
    taken.trunk = first.route.name
    first.callee = nobody(first.engine)
    after.caller, after.caller_sdp = taken, first.callee_sdp
    taken.event_cb = lambda event, _: after.safely(after.on_caller)(event)
    taken.on_request = lambda: after.liveness.heard("caller")
    wanted = taken.session.wanted  # its trunk's
    after.offer_answer.attend("caller")
    taken.session.wanted = wanted
    after.offer_answer.timers.goes_on("caller")
    if taken.offered:  # its offer went to the other party: it comes again (RFC 3261 14.1)
        taken.refuse_offer(491, "Request Pending")
    after.tell_media()
    _offer(after, frozenset(), TRIES)
    return before


def _offer(bridge: Bridge, asked: frozenset[str], tries: int) -> None:
    """Offer the talk to whoever was told to be silent, or something else; each once."""
    side = next((each for each in ("caller", "callee") if each not in asked and _waits(bridge, each)), "")
    if not side or bridge.stage is not Stage.CONNECTED:
        return
    if not tries:
        _log.warning("a party could not be taken off hold", call_id=bridge.id, side=side)
        return
    to = bridge.caller if side == "caller" else bridge.callee
    if to.can_update() and not bridge.offer_answer.from_side:
        latest = bridge.callee_sdp if side == "caller" else bridge.caller_sdp
        body = MsgBody(sdp.only(sdp.resumed(latest), codecs_of(bridge)[0]))
        bridge.offer_answer.offered("callee" if side == "caller" else "caller", CCEventUpdate(body), wants_answer=False)
        asked |= {side}
    bridge.engine.after(AGAIN_SECONDS, bridge.safely(partial(_offer, bridge, asked, tries - 1)))


def _waits(bridge: Bridge, side: str) -> bool:
    """Whether this party's last SDP differs from the talk as it is now."""
    to = bridge.caller if side == "caller" else bridge.callee
    theirs = bridge.caller_sdp if side == "caller" else bridge.callee_sdp
    spoken = sdp.codecs(theirs)[:1] == codecs_of(bridge)
    return not spoken or (to.good_local is not None and sdp.held(str(to.good_local)))


HOPS = 69


class TransferBridge(Bridge):
    """From the INVITE to the new callee on. Who waits for them is the business of the talk's own bridge."""

    def __init__(
        self, engine: Engine, pending: Pending, transfer: Transfer, number: str, presentation: str, display_name: str,
        routes: Sequence[Route],
    ) -> None:  # fmt: skip
        super().__init__(engine, pending, number, presentation, display_name, routes)
        self.caller = nobody(engine)
        self._transfer = transfer
        self._first = transfer.bridge
        self._codec = (*codecs_of(self._first), "")[0]
        self._told = 0

    @property
    def caller_gone(self) -> bool:
        """The target has answered; the transferor may go."""
        return False

    def dial(self) -> None:
        """Ask the carrier: in the codec that the one who waits speaks, for nothing is said to them before."""
        self.caller_sdp = self._first.callee_sdp
        body = MsgBody(sdp.only(sdp.resumed(self.caller_sdp), self._codec))
        self.later(self.engine.config.sip.no_answer_seconds, self._no_answer)
        ready = self.safely(lambda body, ex=None: self._offer_ready(body, HOPS, ex, None))
        relayed(self.engine.relay.caller_sdp, self.id, body, ready)

    def _ring(self, code: int, phrase: str, body: Any) -> None:
        """Notify the transferor."""
        if code != self._told:
            self._told = code
            self._transfer.notify(code, phrase)

    def _answered(self, event: Any) -> None:
        body = event.getData()[2]
        if body is not None and self._codec not in sdp.codecs(str(body)):
            self.move(Step.PICKED_UP)
            self.give_up(488, "no_codec", passed=NOT_ACCEPTABLE)
        else:
            super()._answered(event)

    def connect(self) -> None:
        """The one who waits comes over; the transferor goes."""
        if self.stage is Stage.ANSWERED and self._first.stage is not Stage.OVER:
            self.move(Step.CONNECT)
            pass_callee_on(self._first, self)
            self._transfer.done()
            self.liveness.joined()

    def _finish(
        self, answer: tuple[int, str], why: str, tell: Callable[[], None] | None = None, *, cause: int = 0,
        retry_after: str = "",
    ) -> None:  # fmt: skip
        super()._finish(answer, why, tell, cause=cause, retry_after=retry_after)
        self._transfer.failed(*answer)
