"""Calls in: which INVITE is one, and which phones it may ring.

A call in comes from a carrier: from its own addresses (UDP), or by the connection to it. Over UDP an address can be
forged, so nothing but our answer goes there before it has been acknowledged. It rings phones that have registered, at
the address where they have proven themselves, and PBXs at the address of the configuration: no header of a call in, and
no Contact that a phone has registered, can lead it anywhere else, least of all out by a trunk.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gate.config import CallIn, Config
from gate.core import numbers
from gate.core.calls_in import CallingIn
from gate.sip import identity, sdp
from gate.sip.endpoint import Endpoint
from gate.sip.header_fields import uri_of, user_of
from gate.sip.message import Address, SipMessage, body_of
from gate.sip.pending import Pending
from gate.sip.registrar import Registrar
from gate.sip.routes import Route
from gate.sip.udp import split_address

if TYPE_CHECKING:
    from gate.sip.engine import Engine

_log = structlog.get_logger("gate.sip")

REFUSED = 480
"""What a caller gets whose call is not taken."""
NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Ringable:
    """A phone or a PBX that can be rung."""

    who: str
    """``account:alice``, ``trunk:pbx1``."""
    address: Address
    uri: str
    """Of the INVITE; empty: the own number at the address."""
    flow: Endpoint | None = None
    """The phone's connection; None for UDP."""
    path: str = ""
    """What the INVITE has to pass, where the phone has registered by the edge."""
    secure: bool = False
    """It has registered over TLS."""


class CallsIn:
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
        if calling == "" and not self._accounts and engine.of_the_trunk(source[0]):
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
            ingress.refuse(pending, "too_many_calls", "", "")
        else:
            ingress.pending.add(pending)
            self._tell(pending, calling)
        return True

    def _tell(self, pending: Pending, calling: CallingIn) -> None:
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
