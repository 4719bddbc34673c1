"""Requests that come by the edge (Kamailio) in front of the gate: whose they are, and the way back.

The edge says in a header what it sees of the phone: ``203.0.113.9:51324;transport=wss;media=dtls``. It takes such a
header away from what comes from outside, and puts its own in; so there is exactly one, and it is believed from the
edge's configured address alone. That address is the source from then on: of guesses, floods, registrations, and of who
may speak in a call. Audio is the edge's own, plain RTP from its address: a body that names another one has not gone
through its media relay, and is refused.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from gate.config import Config
from gate.sip.admission import Fault
from gate.sip.auth import ProvenCaller
from gate.sip.flood_filter import FloodFilter
from gate.sip.message import SDP, Address, BadMessage, SipMessage, body_of, content_type
from gate.sip.peers import DialogPeer, Endpoint, plain
from gate.sip.udp import split_address

CLIENT_HEADER = "x-dialgate-client"
_CLIENT = re.compile(
    r"(\[[0-9a-fA-F:.]{2,45}\]|[0-9.]{7,15}):([0-9]{1,5});transport=(udp|tcp|tls|ws|wss);media=(none|rtp|sdes|dtls)"
).fullmatch
_CONNECTION = re.compile(rb"^c=\S+\s+\S+\s+([^\s/]*)", re.MULTILINE)
ENCRYPTED_ONLY: Fault = (488, "Encrypted Audio Required", [])
_NOWHERE = (b"0.0.0.0", b"::")  # "on hold" in SDP (RFC 2543)


class EdgeEndpoint(Endpoint):
    """The way to one phone, through the edge."""

    def __init__(self, inner: Endpoint, edge: Address, transport: str, media: str) -> None:
        self._inner = inner
        self._edge = edge
        self.address = inner.address
        self._transport = transport
        self.secure = transport in ("tls", "wss")
        self.encrypted = self.secure and media in ("sdes", "dtls")

    by_edge = True

    @property
    def came_by(self) -> str:
        """By the word of the edge."""
        return self._transport

    def send_to(self, data: bytes | str, address: Address, delayed: bool = False) -> None:
        """To the edge: it knows the way on."""
        self._inner.send_to(data, self._edge)

    def hop(self, source: Address) -> Address:
        """The edge's own address."""
        return self._edge


class EdgeDoor:
    """Tells what the edge hands on from what comes by itself."""

    def __init__(self, config: Config, flood_filter: FloodFilter) -> None:
        self._flood_filter = flood_filter
        self._edge: Address | None = None
        if config.edge.address:
            host, port = split_address(config.edge.address)
            self._edge = (plain(host), port)
        flood_filter.edge = self._edge

    def is_edge(self, source: Address, endpoint: Endpoint) -> bool:
        """The edge asks for itself: what it hands on has its client's address by now."""
        return source == self._edge and endpoint.transport == "udp"

    def speaker(
        self, request: SipMessage, source: Address, endpoint: Endpoint, size: int
    ) -> tuple[Address, Endpoint] | None:
        """Who asks, and the way back to them; None where it is one of a flood.

        Raises:
            BadMessage: the edge does not say whose request it is, or its audio is not the edge's.
        """
        if not self.is_edge(source, endpoint):
            return source, endpoint
        values = request.all(CLIENT_HEADER)
        if not values and request.method == "OPTIONS":  # its own question, whether we are there
            return source, endpoint
        read = _CLIENT(values[0]) if len(values) == 1 else None
        client = _address(read[1], int(read[2])) if read else None
        if read is None or client is None:
            raise BadMessage("the edge does not say whose this is", message=request, phrase="Whose Request Is This")
        if not self._flood_filter.lets(client, size, known=read[3] != "udp"):
            return None
        own = source[0].strip("[]").encode()
        if any(host not in (own, *_NOWHERE) for host in _CONNECTION.findall(body_of(request))):
            raise BadMessage("not the edge's audio", message=request, code=488, phrase="Not Through The Media Relay")
        return client, EdgeEndpoint(endpoint, source, read[3], read[4])


def in_clear(caller: ProvenCaller | None, endpoint: Endpoint) -> bool:
    """True for a call of an account whose audio has to be encrypted on its way from the phone, and is not."""
    required = caller is not None and getattr(caller.who, "srtp", "") == "required"
    return required and not endpoint.encrypted


def stays_encrypted_fault(peer: DialogPeer, request: SipMessage, endpoint: Endpoint) -> Fault | None:
    """488 for audio in clear inside a call whose audio came encrypted."""
    in_clear = bool(body_of(request)) and content_type(request.get("content-type")) == SDP and not endpoint.encrypted
    return ENCRYPTED_ONLY if peer.encrypted and in_clear else None


def _address(host: str, port: int) -> Address | None:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return None
    return (plain(host), port) if 0 < port < 65536 else None
