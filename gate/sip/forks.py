"""A carrier that forks may have two callees answer one INVITE (RFC 3261 13.2.2.4): the call goes on with the first, the
other one is acknowledged and hung up on at once. Nothing of its SDP is looked at, and no audio reaches it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from gate.sip import stored_dialogs
from gate.sip.header_fields import uri_of
from gate.sip.message import Address, SipMessage
from gate.sip.sippy_adapter.classes import SipURL
from gate.sip.sippy_adapter.patches import guarded

if TYPE_CHECKING:
    from gate.sip.endpoint import Endpoint
    from gate.sip.engine import Engine

_log = structlog.get_logger("gate.sip")

KEPT_SECONDS = 64.0
"""How long a callee's 200 may be repeated."""


class Forks:
    """The second and further answers to INVITEs of the gate."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ended: dict[tuple[str, str], tuple[bytes, Address]] = {}
        """SIP Call-ID and the callee's tag -> our ACK."""
        self.ended = 0

    def takes(self, response: SipMessage, source: Address, endpoint: Endpoint) -> bool:
        """True for a 2xx of another callee than the one that the call goes on with."""
        if response.cseq_method != "INVITE" or not 200 <= response.code < 300 or not response.to_tag:
            return False
        leg = self._engine.transactions.leg_by(response.call_id, response.from_tag)
        first = leg.rUri.getTag() if leg is not None and leg.rUri is not None else None
        if first is None or first == response.to_tag:
            return False
        if leg.flow is not None:
            if not leg.flow.same_peer(endpoint):
                return False
        elif not leg.may_send_from(source[0]):
            return False
        key, way = (response.call_id, response.to_tag), leg.flow or endpoint
        again = key in self._ended
        if not again:
            self._ended[key] = self._ack(response, source, way)
            self._engine.after(KEPT_SECONDS, partial(self._forget, key))
        way.send_to(*self._ended[key])
        if not again:
            self.ended += 1
            _log.warning("another callee answered; hung up on", sip_call_id=response.call_id)
            guarded("BYE to another callee", self._bye)(leg, response, source)
        return True

    def _forget(self, key: tuple[str, str]) -> None:
        self._ended.pop(key, None)

    def _bye(self, leg: Any, response: SipMessage, source: Address) -> None:
        kept = stored_dialogs.by_answer(response, response, _next_hop(response, source))
        kept["target"] = _target(response, source)
        user, password = leg.username or "", leg.password or ""
        other, request = stored_dialogs.bye(
            self._engine.transactions, kept, "answered_elsewhere", user, password, leg.flow
        )
        other.send_bye(request, lambda code: None)

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
    """The first proxy that has told to be passed, else the callee."""
    routes = stored_dialogs.by_answer(response, response, source)["routes"]
    address, _ = SipURL(uri_of(routes[0]) if routes else _target(response, source)).getTAddr()
    return (str(address[0]), int(address[1]))
