"""Calls in: which INVITE is one, and which phones it may ring.

A call in comes from a carrier: from its own addresses (UDP), or by the connection to it. Over UDP an address can be
forged, so nothing but our answer goes there before it has been acknowledged. It rings phones that have registered, at
the address where they have proven themselves, and PBXs at the address of the configuration: no header of a call in, and
no Contact that a phone has registered, can lead it anywhere else, least of all out by a trunk.

One call in: the caller's leg is answered by the gate itself; the firm's phones are rung when it is told to.

Until the caller has acknowledged our answer nothing else happens: a forged INVITE ends here. The gate chooses one codec
that prompts are prepared for and offers only that to the phones, since the caller's SDP is answered before any of them
is rung. Phones are rung one after the other; what one of them answers late is acknowledged and hung up on.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from gate.config import CallIn, Config
from gate.core import numbers, sdp
from gate.core.bridging import Stage, Step
from gate.core.calls_in import CallingIn
from gate.sip import identity
from gate.sip.bridge import Bridge
from gate.sip.failure_mapping import NOT_ACCEPTABLE
from gate.sip.header_fields import split_list, uri_of, usable_uri, user_of
from gate.sip.identity import ALLOW, LOOP_HEADER
from gate.sip.message import Address, SipMessage, body_of
from gate.sip.peers import DialogPeer, Endpoint
from gate.sip.pending import Pending
from gate.sip.registrar import Registrar
from gate.sip.routes import Route
from gate.sip.sippy_adapter.classes import CCEventTry, MsgBody, SipCallId, SipGenericHF, SipHeader, SipRoute, SipURL
from gate.sip.sippy_adapter.leg import Leg, reason
from gate.sip.sippy_adapter.refreshing import relayed
from gate.sip.udp import split_address

if TYPE_CHECKING:
    from gate.sip.engine import Engine


_log = structlog.get_logger("gate.sip")

REFUSED = 480
"""The answer to a caller whose call is not taken."""
NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Ringable:
    """A phone or a PBX that can be rung."""

    who: str
    """``account:alice``, ``trunk:pbx1``."""
    address: Address
    uri: str
    """The request URI of the INVITE; empty: the own number at the address."""
    flow: Endpoint | None = None
    """The phone's connection; None for UDP."""
    path: str = ""
    """What the INVITE has to pass, where the phone has registered by the edge."""
    secure: bool = False
    """It has registered over TLS."""


class CallInIngress:
    """The own numbers that take calls in."""

    def __init__(self, config: Config, engine: Engine, registrar: Registrar) -> None:
        self._engine = engine
        self._registrar = registrar
        self._of = {each.number: each for each in config.call_in}
        self._pbxs = {pbx.name: pbx for pbx in config.pbx}
        self._accounts = {account.username for account in config.account}
        self._encrypted = {account.username for account in config.account if account.srtp == "required"}
        self._trunks = {trunk.name: trunk for trunk in config.trunk}

    def carrier(self, source: Address, endpoint: Endpoint) -> Route | None:
        """The carrier that something came from: by UDP at one of its addresses, else by its connection."""
        for route in self._engine.trunks.routes:
            flow = self._engine.flow_of(route)
            if flow is not None and flow.same_peer(endpoint):
                return route
            plain = route.transport == endpoint.transport and route.transport != "tls" and not endpoint.by_edge
            if plain and self._engine.is_at(route, source[0]):
                return route
        return None

    def takes(self, request: SipMessage, source: Address, endpoint: Endpoint) -> CallingIn | str:
        """The call in that this is; ``NOT_FOUND`` for a carrier's call to a number that takes none; empty where it is
        none at all: whoever asks has to prove who they are."""
        if not self._of or user_of(uri_of(request.get("from") or "")) in self._accounts:
            return ""
        route = self.carrier(source, endpoint)
        if route is None:
            return ""
        own = self._called(request, route)
        wanted = self._of.get(own)
        if wanted is None:
            return NOT_FOUND
        withheld = identity.withheld(request)
        raw = "" if withheld else (identity.asked_numbers(request) or [""])[0][:128]
        body = body_of(request)
        reachable = bool(self.ringable(own))
        return CallingIn(
            call_id=secrets.token_hex(16),
            trunk=route.name,
            source=f"{source[0]}:{source[1]}",
            own=own,
            raw=raw,
            number=_e164(raw, route),
            withheld=withheld,
            codecs=sdp.codecs(body.decode("utf-8", "replace")) if body else (),
            reachable=reachable,
            line=not wanted.to or wanted.fallback == "callback",
            fallback=wanted.fallback == "callback",
            sip_call_id=request.call_id[:256],
        )

    def took(self, request: SipMessage, source: Address, endpoint: Endpoint) -> bool:
        """True for an INVITE of a carrier's, which has its answer, or its way, then."""
        engine, ingress = self._engine, self._engine.ingress
        calling = self.takes(request, source, endpoint)
        if calling == "" and not self._accounts and engine.is_trunk_host(source[0]):
            calling = NOT_FOUND
        if calling == "":
            return False
        if isinstance(calling, str):
            if ingress.rate_limit.allow(source):
                ingress.reply(request, source, endpoint, 404, "Not Found", keep=True)
            return True
        route = self.carrier(source, endpoint)
        pending = Pending(
            calling.call_id, request, source, engine.flow_of(route) or endpoint, "", REFUSED, calling=calling,
            came_by=endpoint,
        )  # fmt: skip
        if ingress.pending.merged(request.key) or engine.merged(request.key):
            ingress.reply(request, source, endpoint, 482, "Loop Detected", keep=True)
        elif ingress.away.too_many(f"carrier:{route.name if route else ''}"):
            engine.overload.shed += 1
            ingress.refuse(pending, ingress.away.why[0], "", "", elsewhere=True)
        else:
            ingress.pending.add(pending)
            self._report(pending, calling)
        return True

    def _report(self, pending: Pending, calling: CallingIn) -> None:
        ingress = self._engine.ingress
        try:
            self._engine.events.calling_in(calling)
        except Exception:  # noqa: BLE001 - the call manager's fault must not leave the caller without an answer
            _log.exception("a call in failed; refused", call_id=calling.call_id)
            if ingress.pending.take(calling.call_id):
                ingress.refuse(pending, "internal_error", "", "The gate failed.")

    def _called(self, request: SipMessage, route: Route) -> str:
        """The own number that is called: a carrier with which the gate registers may name it in To alone."""
        user = identity.raw_number(request)
        if route.username and user == route.username:
            user = user_of(uri_of(request.get("to") or ""))
        return _e164(user[:128], route)

    def wanted(self, own: str) -> CallIn:
        """The section of an own number."""
        return self._of[own]

    def ringable(self, own: str) -> list[Ringable]:
        """Whom a call to this number rings, in order: as it is now."""
        found: list[Ringable] = []
        for who in self._of[own].to:
            kind, _, name = who.partition(":")
            if kind == "trunk":
                found.append(Ringable(who, split_address(self._pbxs[name].calls_to), ""))
                continue
            for binding in reversed(self._registrar.bindings(name)):
                way = binding.endpoint or Endpoint()
                flow = way if way.reliable else None
                by_edge = way.hop(binding.source) != binding.source
                if name in self._encrypted and not (by_edge and way.secure):
                    continue  # nothing but the edge encrypts its audio
                if flow is None or flow.way() is not None:
                    at = way.hop(binding.source)
                    found.append(Ringable(who, at, binding.contact, flow, binding.path, way.secure))
        carriers = {route.address for route in self._engine.trunks.routes + self._engine.trunks.emergency}
        return [each for each in found if each.flow is not None or (each.address not in carriers and each.address[1])]


def _e164(raw: str, route: Route) -> str:
    """A number as a carrier writes it, in its one form; empty where it is none."""
    try:
        return numbers.parse(raw).e164
    except numbers.NumberRefused:
        pass
    if raw.isascii() and raw.isdigit() and route.form.number_format in ("44", "+44"):
        try:
            return numbers.parse("+" + raw).e164
        except numbers.NumberRefused:
            return ""
    return ""


ACK_SECONDS = 2.0
"""How long our answer may go unacknowledged; it is sent three times in that."""
QUEUED_SECONDS = 0.25
"""Added to it: what has come while the line thread was held up is looked at first."""
LATE_SECONDS = 32.0
_EVERYWHERE = ("PCMA", "PCMU")
"""Codecs of prompts that every phone has."""
_NOBODY = Route(("127.0.0.1", 9), "", "")
"""The callee's, before a phone is rung: nothing is sent there."""


class _Ring(CCEventTry):  # type: ignore[misc]  # sippy has no types
    """The INVITE to a phone: its own Contact in the Request-URI, where the phone has registered one."""

    uri = ""
    path = ""
    mark = ""

    def onUacSetupComplete(self, uac: Any) -> None:
        if self.uri:
            uac.rTarget = SipURL(self.uri)
        uac.routes = [SipRoute(each) for each in split_list(self.path) if each]
        for each in uac.routes:
            each.parse()
        self.extra_headers = [
            SipHeader(name="allow", body=SipGenericHF(ALLOW, "allow")),
            SipHeader(name=LOOP_HEADER, body=SipGenericHF(self.mark, LOOP_HEADER)),
        ]


class CallInBridge(Bridge):
    """A call in from our answer to its end."""

    def __init__(self, engine: Engine, pending: Pending, calling: CallingIn) -> None:
        self._phone: Ringable | None = None
        super().__init__(engine, pending, calling.own, "", "", [_NOBODY])
        self.calling = calling
        self.codec = ""
        self._offer: Any = None
        self._left: list[Ringable] = []
        self._hops = 70
        self._ack: Any = None
        self._acknowledged = False

    def _callee_at(self, route: Route) -> Leg:
        phone = self._phone
        who, flow = (phone.who, phone.flow) if phone else ("", None)
        peer = DialogPeer(who, {route.address[0]}, networks=route.networks, secure=phone is not None and phone.secure)
        leg: Leg = self.engine.transactions.leg(self.safely(self.on_callee), peer, route.address, flow=flow)
        return leg

    def unattended(self, route: Route) -> None:
        """Nothing: it is a phone of the firm's own."""

    def invite_leaves(self, leg: Leg, route: Route) -> None:
        """As ``Bridge.invited``; a phone that is hung up on was rung for somebody else."""
        self.keep_legs()
        self.engine.forks.follow(self, leg, route, calls_callee=False)

    def session_seconds(self, side: str) -> int:
        """The carrier is the caller here."""
        calling = self.pending.calling
        route = self.engine.trunks.named(calling.trunk) if calling is not None and side == "caller" else None
        own = route.form.session_seconds if route is not None else -1
        return self.engine.config.sip.session_seconds if own < 0 else own

    # --- the caller is answered ---------------------------------------------------------------------------------------

    def _dial(self, event: Any) -> None:
        body = event.getData()[3]
        self.caller_sdp = str(body) if body is not None else ""
        offered = sdp.codecs(self.caller_sdp)
        self.codec = next((each for each in offered if each in _EVERYWHERE), "G722" if "G722" in offered else "")
        if not self.codec:
            self.give_up(488, "no_codec", passed=NOT_ACCEPTABLE)
            return
        self._hops = event.max_forwards if event.max_forwards is not None else 70
        relayed(self.engine.relay.caller_sdp, self.id, body, self.safely(self._taken))

    def _taken(self, body: Any, ex: Any = None) -> None:
        """The relay has taken the caller's offer."""
        if self.stage is not Stage.DIALLING or self.caller.over:
            return
        if body is None or ex is not None:
            _log.warning("the media relay refuses the offer", call_id=self.id, error=str(ex))
            self.give_up(488, "media_unavailable", passed=NOT_ACCEPTABLE)
            return
        self._offer = MsgBody(sdp.only(str(body), self.codec))
        media = self.engine.config.media
        own = sdp.own_answer(self.caller_sdp, self.codec, media.address, media.address6)
        self.callee_sdp = own
        relayed(self.engine.relay.callee_sdp, self.id, MsgBody(own), self.safely(self._answer_caller))

    def _answer_caller(self, body: Any, ex: Any = None) -> None:
        if self.stage is not Stage.DIALLING or self.caller.over:
            return
        if body is None or ex is not None:
            self.give_up(488, "media_unavailable", passed=NOT_ACCEPTABLE)
            return
        body.needs_update = False
        self.answer = body
        self.caller.good_local = body.getCopy()
        self._ack = self.engine.after(ACK_SECONDS, self.safely(self._overdue))
        self.caller.answer(body.getCopy(), self.safely(self._is_acknowledged))

    def _is_acknowledged(self) -> None:
        if self._acknowledged or self.stage is Stage.OVER:
            return
        self._acknowledged = True
        self._ack.cancel()
        self.engine.flood_filter.learn(self.pending.source)
        self.tell_media()
        self.engine.events.acknowledged(self.id, self.codec)

    def _overdue(self) -> None:
        self._ack = self.engine.after(QUEUED_SECONDS, self.safely(self._unacknowledged))

    def _unacknowledged(self) -> None:
        if self._acknowledged or self.stage is Stage.OVER:
            return
        _log.warning("call_in_not_acknowledged", call_id=self.id, source=self.pending.source[0])
        self.caller.forget_ack()
        self.hung_up("gate", "no_ack")

    def hung_up(self, side: str, cause: str = "hung_up") -> None:
        """As a bridge's; a caller that we have answered does not cancel."""
        super().hung_up(side, "hung_up" if cause == "cancelled" and self.caller_answered else cause)

    @property
    def caller_answered(self) -> bool:
        """Our answer has left."""
        return self._ack is not None

    # --- the phones ---------------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Ring the first phone."""
        if self.stage is Stage.DIALLING and self._acknowledged:
            self._left = self.engine.calls_in.ringable(self.calling.own)
            self._ring_next(480)

    def _ring_next(self, code: int) -> None:
        """``code``: what the phone before has said."""
        while self._left:
            phone = self._left.pop(0)
            if phone.uri and not usable_uri(phone.uri):
                continue
            self._ring_at(phone)
            return
        self._phone = None
        self.callee = self._callee_at(_NOBODY)
        self.engine.events.nobody_answers(self.id, code)

    def _ring_at(self, phone: Ringable) -> None:
        self._phone = phone
        transport = phone.flow.transport if phone.flow is not None else "udp"
        self.take(Route(phone.address, "", "", name=phone.who, transport=transport))
        self.engine.relay.rings(self.id, phone.address[0], phone=phone.who.startswith("account:"))
        leg, sip_call_id, body = self.callee, SipCallId(), self._offer.getCopy()
        body.needs_update = False
        known = self.calling.number and not self.calling.withheld
        shown, name = (self.calling.number, None) if known else ("anonymous", "Anonymous")
        invite = _Ring((sip_call_id, shown, user_of(phone.uri) or self.calling.own, body, None, name))
        invite.uri, invite.path = phone.uri, phone.path
        invite.mark = self.engine.loops.mark(self.id, str(sip_call_id))
        leg.hops = invite.max_forwards = max(0, self._hops - 1)
        leg.good_local = body.getCopy()
        leg.before_invite = partial(self.invite_leaves, leg, self.route)
        leg.recvEvent(invite)
        self.later(self.engine.calls_in.wanted(self.calling.own).ring_seconds, partial(self._no_answer_at, leg))

    def _no_answer_at(self, leg: Leg) -> None:
        if self.stage is Stage.DIALLING and self.callee is leg and not self._busy:
            self._leave(leg)
            self._ring_next(480)

    def _leave(self, leg: Leg) -> None:
        """CANCEL, and BYE where it is answered after all."""
        leg.give_up(lambda code: None, reason("no_answer", 480), LATE_SECONDS)

    def _ringing(self, event: Any) -> None:
        code = event.getData()[0]
        self.move(Step.RANG)
        if code > 100 and self.stage is Stage.DIALLING:
            self.engine.events.ringing(self.id)

    def _answered(self, event: Any) -> None:
        body = event.getData()[2]
        if body is None or self.codec not in sdp.codecs(str(body)):
            _log.warning("a phone answers without the codec that was offered", call_id=self.id)
            self._hang_up_phone()
            return
        self.callee_sdp = str(body)
        self._busy = True

        def ready(body: Any, ex: Any = None) -> None:
            if body is None or ex is not None:
                _log.warning("the media relay refuses the answer", call_id=self.id, error=str(ex))
                self._busy = False
                self._hang_up_phone()
            else:
                self._answer_ready(body)
            self._next()

        relayed(self.engine.relay.callee_sdp, self.id, body, self.safely(ready))

    def _hang_up_phone(self) -> None:
        leg = self.callee
        leg.event_cb = None
        leg.end(488, "Not Acceptable Here", reason("no_codec", 488))
        self._ring_next(488)

    def _failed(self, event: Any) -> None:
        self.callee.event_cb = None
        self._ring_next(event.getData()[0])

    # --- commands -----------------------------------------------------------------------------------------------------

    def early_media(self) -> None:
        """None: the caller is answered already."""

    def connect(self) -> None:
        """The parties are bridged: both are answered already."""
        if self.stage is Stage.ANSWERED and not self.caller.over:
            self.move(Step.CONNECT)
            self.keep_legs()
            self.liveness.joined()
