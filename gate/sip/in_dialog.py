"""Requests inside a call: which leg each is for, and whether it comes from that side of the call.

By TCP and TLS it comes by a connection that is that side's, for others may share its host:

- of an account: one by which it has proven itself, or does now
- of a PBX or a client for recordings with a certificate: one that has shown this certificate
- of a carrier: the gate's own connection to it; by TLS one that has shown ``trunk.peer_certificate``; by TCP one of
  ``trunk.addresses``; or the one by which its INVITE came

A BYE by another connection of its host may be true all the same: it is refused, and the side itself is asked, by its
own connection, whether the call is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gate.sip.admission import in_dialog_fault
from gate.sip.auth import AuthResult
from gate.sip.edge import stays_encrypted_fault
from gate.sip.endpoint import Endpoint
from gate.sip.message import Address, SipMessage
from gate.sip.peers import DialogPeer
from gate.sip.rate_limit import RequestKind

if TYPE_CHECKING:
    from gate.sip.ingress import Ingress


class InDialog:
    """The part of the ingress that knows calls which are set up."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self.engine = ingress.engine
        self.foreign = 0
        """Requests inside a call from an address that is not that side's."""

    def take(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """A request with a To tag: from that side of a call, or refused."""
        leg = self.engine.transactions.leg_of(request)
        if leg is None:
            if self._ingress.may_answer(source, endpoint):
                self._ingress.reply(request, source, endpoint, 481, "Call/Transaction Does Not Exist")
            return
        if not self.from_peer(leg.peer, leg.may_send_from, request, source, endpoint, leg.flow):
            if request.method == "BYE" and leg.may_send_from(source[0]):
                leg.on_doubt()
            return
        if leg.flow is not None and leg.peer.claimed_by and endpoint.reliable:  # it may have a new connection
            leg.flow = endpoint.belonging_to(leg.peer.claimed_by)
        if request.method == "REFER" and self.engine.transfers.takes(request, leg, source, endpoint):
            return
        self.engine.recordings.strip(request, leg)
        if fault := in_dialog_fault(request) or stays_encrypted_fault(leg.peer, request, endpoint):
            if request.method != "ACK":
                self._ingress.reply(request, source, endpoint, *fault)
        else:
            self.engine.transactions.feed(request, source, endpoint)

    def from_peer(
        self, peer: DialogPeer, has: Callable[[str], bool], request: SipMessage, source: Address, endpoint: Endpoint,
        flow: Endpoint | None,
    ) -> bool:  # fmt: skip
        """The request comes from this side of the call (``has`` knows its hosts, ``flow`` is the connection that it
        has); else it is answered here, and counted."""
        host = source[0]
        if peer.secure and not endpoint.secure:
            return self._is_foreign(request, source, endpoint)
        if flow is not None and flow.pbx and endpoint.reliable:
            return endpoint.pbx == flow.pbx or self._is_foreign(request, source, endpoint)
        if flow is not None and not peer.claimed_by:
            return _of_carrier(peer, flow, host, endpoint) or self._is_foreign(request, source, endpoint)
        if endpoint.reliable and peer.claimed_by.startswith("account:"):
            return self._proves(peer, has(host), request, source, endpoint)
        if has(host) or self._ingress.auth.proven.at(peer.claimed_by, host):
            return True
        pbx = self._ingress.pbx(source, endpoint)
        if pbx is not None and pbx.claimed_by == peer.claimed_by:
            return True
        verdict, caller = self._ingress.check(request, source, endpoint)
        if caller is not None and caller.claimed_by == peer.claimed_by:
            return True
        if verdict is AuthResult.STALE and request.method != "ACK" and peer.claimed_by.startswith("account:"):
            self.foreign += 1
            self._ingress.challenge(request, source, endpoint, stale=True)
            return False
        return self._is_foreign(request, source, endpoint, wrong=verdict is AuthResult.WRONG)

    def _proves(
        self, peer: DialogPeer, here: bool, request: SipMessage, source: Address, endpoint: Endpoint
    ) -> bool:  # fmt: skip
        """By a connection an account is who has proven itself by that one, or does so now: others may share its
        address. An ACK cannot be asked for anything, and without a body it changes nothing."""
        if endpoint.is_of(peer.claimed_by):
            return True
        verdict, caller = self._ingress.check(request, source, endpoint)
        if caller is not None and caller.claimed_by == peer.claimed_by:
            return True
        if here and request.method == "ACK" and not request.body:
            return True
        if verdict is AuthResult.WRONG or caller is not None or request.method in ("ACK", "CANCEL"):
            return self._is_foreign(request, source, endpoint, wrong=verdict is AuthResult.WRONG)
        self.foreign += 1
        self._ingress.challenge(request, source, endpoint, stale=verdict is AuthResult.STALE)
        return False

    def _is_foreign(self, request: SipMessage, source: Address, endpoint: Endpoint, *, wrong: bool = False) -> bool:
        """A request that is not from that side of the call: counted, and refused."""
        self.foreign += 1
        if request.method != "ACK" and self._ingress.rate_limit.allow(
            source, RequestKind.PASSWORD if wrong else RequestKind.OTHER
        ):
            self._ingress.reply(request, source, endpoint, 403, "Forbidden")
        return False


def _of_carrier(peer: DialogPeer, flow: Endpoint, host: str, endpoint: Endpoint) -> bool:
    """True where something came by a connection of this carrier's."""
    by_tcp = flow.transport == endpoint.transport == "tcp" and not endpoint.by_edge
    return flow.same_peer(endpoint) or endpoint is peer.came_by or (by_tcp and peer.configured(host))
