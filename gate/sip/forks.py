"""A carrier that forks may have two callees answer one INVITE (RFC 3261 13.2.2.4): the call goes on with the first, the
other one is acknowledged and hung up on at once. Nothing of its SDP is looked at, and no audio reaches it.

So is whoever answers an INVITE that is over: it was busy elsewhere, taken back, or had no answer in time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import structlog

from gate.sip import stored_dialogs
from gate.sip.header_fields import uri_of
from gate.sip.message import Address, SipMessage
from gate.sip.sippy_adapter.patches import guarded

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge
    from gate.sip.engine import Engine
    from gate.sip.peers import DialogPeer, Endpoint
    from gate.sip.routes import Route
    from gate.sip.sippy_adapter.leg import Leg

_log = structlog.get_logger("gate.sip")

KEPT_SECONDS = 64.0
"""How long a callee's 200 may be repeated."""
_PLACE = re.compile(r"(?:[^@]*@)?(\[[0-9a-fA-F:.]+\]|[^:;?>]+)(?::([0-9]{1,5}))?")


@dataclass(slots=True)
class Invited:
    """An INVITE that has left: what is needed of it when somebody answers it after its end, and none of its call, for
    there are many."""

    leg: ref[Leg]
    bridge: ref[Bridge]
    call_id: str
    route: Route
    peer: DialogPeer
    flow: Endpoint | None
    username: str
    password: str
    local: str
    remote: str
    """To, without a tag."""
    first: str = ""
    """Tag of the callee whose answer came first."""
    reported: bool = False
    """Somebody was hung up on, and the call manager knows."""


class Forks:
    """The second and further answers to INVITEs of the gate."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._invited: dict[tuple[str, str], Invited] = {}
        """By SIP Call-ID and our tag."""
        self._ended: dict[tuple[str, str], tuple[bytes, Address]] = {}
        """SIP Call-ID and the callee's tag -> our ACK."""
        self.ended = 0

    def follow(self, bridge: Bridge, leg: Leg, route: Route, *, calls_callee: bool = True) -> None:
        """An INVITE of this leg's is about to leave. ``calls_callee``: it rings somebody who
        is called (LAW 3.4), and not a phone of the firm's own."""
        key = leg.ids
        if key not in self._invited:
            self._invited[key] = Invited(
                ref(leg), ref(bridge), bridge.id, route, leg.peer, leg.flow, leg.username or "", leg.password or "",
                *leg.parties, reported=not calls_callee,
            )  # fmt: skip
            self._engine.after(KEPT_SECONDS, partial(self._look, key))

    def _look(self, key: tuple[str, str], *, last: bool = False) -> None:
        """It is forgotten between one and two such times after its end."""
        if last:
            del self._invited[key]
        else:
            leg = self._invited[key].leg()
            self._engine.after(KEPT_SECONDS, partial(self._look, key, last=leg is None or leg.over))

    def takes(self, response: SipMessage, source: Address, endpoint: Endpoint) -> bool:
        """True for a 2xx of another callee than the one that the call goes on with, and for one that is repeated."""
        if response.cseq_method != "INVITE" or not 200 <= response.code < 300 or not response.to_tag:
            return False
        transactions = self._engine.transactions
        invited = self._invited.get((response.call_id, response.from_tag))
        leg = transactions.leg_by(response.call_id, response.from_tag)
        if not self._is_that_side(invited, leg, source, endpoint):
            return False
        if transactions.waits_for(response):
            if invited is not None:
                invited.first = response.to_tag
            return False
        if leg is not None and leg.remote_tag == response.to_tag:
            return bool(transactions.repeated(leg, response.cseq, endpoint.hop(source)))
        if invited is None or invited.first == response.to_tag:
            return False
        self._end(invited, response, endpoint.hop(source), invited.flow or endpoint)
        return True

    def _is_that_side(self, invited: Invited | None, leg: Any, source: Address, endpoint: Endpoint) -> bool:
        if leg is not None and leg.flow is None and leg.may_send_from(source[0]):
            return True
        if invited is None:
            return leg is not None and leg.flow is not None and bool(leg.flow.same_peer(endpoint))
        if invited.flow is not None:
            return invited.flow.same_peer(endpoint)
        return invited.peer.has(source[0]) or source[0] in self._engine.hosts_of(invited.route.address[0])

    def _end(self, invited: Invited, response: SipMessage, source: Address, way: Endpoint) -> None:
        """ACK and BYE; the ACK again where the answer is repeated, and then to where it comes from, too."""
        key = (response.call_id, response.to_tag)
        again = key in self._ended
        if not again:
            self._ended[key] = self._ack(response, source, way)
            self._engine.after(KEPT_SECONDS, partial(self._forget, key))
        data, to = self._ended[key]
        for each in {to, source} if again else {to}:
            way.send_to(data, each)
        if again:
            return
        self.ended += 1
        _log.warning("another callee answered; hung up on", sip_call_id=response.call_id)
        guarded("BYE to another callee", self._bye)(invited, response, source)
        if not (invited.first or invited.reported):
            invited.reported, bridge = True, invited.bridge()
            if bridge is not None:
                bridge.answered_after_all(invited.route)
            else:
                self._engine.events.unattended(invited.call_id, invited.route.name)

    def _forget(self, key: tuple[str, str]) -> None:
        self._ended.pop(key, None)

    def _bye(self, invited: Invited, response: SipMessage, source: Address) -> None:
        kept = stored_dialogs.by_answer(response, response, _next_hop(response, source))
        remote = f"{invited.remote};tag={response.to_tag}"  # its own To may be anything: the tag alone counts
        kept |= {"target": _target(response, source), "local": invited.local, "remote": remote}
        other = stored_dialogs.restored(
            self._engine.transactions, kept, invited.username, invited.password, invited.flow
        )
        other.say_bye("answered_elsewhere", 200)

    def _ack(self, response: SipMessage, source: Address, way: Endpoint) -> tuple[bytes, Address]:
        (host, port), transport = way.getSIPaddr()
        routes = stored_dialogs.by_answer(response, response, source)["routes"]
        branch = f"z9hG4bK{response.branch[-16:]}{response.to_tag}"
        lines = [
            f"ACK {_target(response, source)} SIP/2.0",
            f"Via: SIP/2.0/{transport.upper()} {host}:{port};branch={branch};rport",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in routes),
            f"From: {response.get('from')}",
            f"To: {response.get('to')}",
            f"Call-ID: {response.call_id}",
            f"CSeq: {response.cseq} ACK",
            "Content-Length: 0\r\n\r\n",
        ]
        return "\r\n".join(lines).encode("latin-1", "replace"), _next_hop(response, source)


def _target(response: SipMessage, source: Address) -> str:
    return uri_of(response.get("contact") or "") or f"sip:{source[0]}:{source[1]}"


def _next_hop(response: SipMessage, source: Address) -> Address:
    """The first proxy of the route set, else the callee."""
    routes = stored_dialogs.by_answer(response, response, source)["routes"]
    return place_of(uri_of(routes[0]) if routes else _target(response, source))


def place_of(uri: str) -> Address:
    """The address that a ``sip:`` URI leads to."""
    scheme, _, rest = uri.partition(":")
    found = _PLACE.match(rest)
    default = 5061 if scheme.lower() == "sips" else 5060
    return (found[1], int(found[2] or default)) if found else ("", default)
