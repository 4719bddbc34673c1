"""The gate's own end of the way by which a message came: what sippy calls a server."""

from __future__ import annotations

from typing import Any

from gate.sip.message import Address


class _Options:
    """What sippy's transaction manager asks of a server's options."""

    def isWildCard(self) -> bool:
        return False


class Endpoint:
    """Where answers leave, and requests to the same peer."""

    transport = "udp"
    secure = False
    """Whoever sends by it does so over TLS."""
    encrypted = False
    """So is the audio (SRTP), by the word of the edge."""
    by_edge = False
    """It was handed on by the edge."""
    reliable = False
    """What is sent arrives, in order, or the peer is gone: nothing is sent twice (RFC 3261 17)."""
    fails_at_once = False
    """Where there is no connection a question is answered for the peer, with a 408, and not sent later."""
    gone = False
    """Whoever asked by it sends nothing more, and has no other way: nobody could take an answer back, or hang up."""
    up = True
    """What is sent leaves now."""
    pbx = ""
    """The PBX whose certificate was shown."""
    uopts = _Options()
    address: Address

    @property
    def came_by(self) -> str:
        """The transport by which the peer sends: ``udp``, ``tcp``, ``tls``, and at the edge ``ws`` and ``wss``."""
        return self.transport

    def getSIPaddr(self) -> tuple[Address, str]:
        """Address and transport for Via and Contact."""
        return (self.address, self.transport)

    def addr2str(self, address: Address) -> str:
        """For sippy's log."""
        return f"{self.transport}:{address[0]}:{address[1]}"

    def send_to(self, data: bytes | str, address: Address, delayed: bool = False) -> None:
        """Send now, or as soon as that can be done."""
        raise NotImplementedError

    def hop(self, source: Address) -> Address:
        """Where something for ``source`` is sent: there, or to the edge that it came by."""
        return source

    def belonging_to(self, claimed_by: str, back: Address | None = None) -> Endpoint:
        """This way to a caller (``account:NAME``, ``trunk:NAME``), who may come by another connection later; ``back``:
        where a PBX can be connected to."""
        return self

    def proven(self, claimed_by: str) -> None:
        """This caller has proven itself here."""

    def is_of(self, claimed_by: str) -> bool:
        """This caller has proven itself by this very connection."""
        return False

    def way(self) -> object:
        """The connection by which something would leave now; None for none."""
        return self

    def same_peer(self, other: Endpoint) -> bool:
        """What comes from ``other`` is said by the one to whom this leads."""
        return self is other

    def kept(self) -> dict[str, Any]:
        """How this way is found again after a start; nothing where there is nothing to find."""
        return {}

    def hang_up(self) -> None:
        """Close the connection once all is sent."""
