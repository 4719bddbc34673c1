"""Who may speak for one side of a call.

The ids of a dialog cross the network in clear, so whoever knows them has proven nothing (RFC 3261 26.1.2). A request
inside a call, its CANCEL and its ACK, and the answers to what the gate asked are taken from that side's own hosts:

- where its INVITE, or its answers to ours, came from, and where the gate sends to (Contact, Record-Route); any port of
  them, for NAT gives a phone another one
- of a PBX and of the carrier: any address of the configuration
- of an account: any host at which it has lately proven itself, or from which this very request does (digest)

By TCP and TLS the host is not enough, for others may share it: see ``ingress.InDialog``.

The gate's own end of the way by which a message came: what sippy calls a server.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
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
        """The address to send to for ``source``: itself, or the edge that it came by."""
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
        """Whether ``other`` is the peer that this endpoint leads to."""
        return self is other

    def kept(self) -> dict[str, Any]:
        """How this way is found again after a start; nothing where there is nothing to find."""
        return {}

    def hang_up(self) -> None:
        """Close the connection once all is sent."""


MAX_HOSTS = 16
"""Remembered for an account; the one that proved itself longest ago is forgotten first."""
MAX_ADDRESSES = 16_384
"""Remembered of all accounts."""


@dataclass(slots=True)
class DialogPeer:
    """One side of a call."""

    claimed_by: str = ""
    """``account:NAME`` or ``trunk:NAME``; empty for the carrier."""
    hosts: set[str] = field(default_factory=set)
    """Where it has spoken from in this call, as ``plain`` writes them."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where else it may speak from, by the configuration."""
    secure: bool = False
    """It came by TLS: nothing that comes without is its word."""
    encrypted: bool = False
    """Its audio is encrypted as far as the edge: no other is agreed on in this call."""
    came_by: Endpoint | None = None
    """By which its INVITE came; None for a side that was called."""

    def has(self, host: str) -> bool:
        """True for one of its own hosts."""
        return host in self.hosts or self.configured(host)

    def configured(self, host: str) -> bool:
        """True for a host that the configuration names."""
        return bool(self.networks) and within(host, self.networks)


class ProvenAddresses:
    """Where accounts have proven themselves, each for a time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: dict[str, dict[str, float]] = {}
        """Account -> host -> until when."""
        self._addresses: OrderedDict[Address, tuple[str, float]] = OrderedDict()
        """Address -> account, until when; the one that proved itself longest ago first."""

    def note(self, account: str, source: Address, seconds: float) -> None:
        """``account`` has proven itself at ``source``; that holds for ``seconds``, or longer where it did before."""
        now, host = self._monotonic(), source[0]
        self._addresses[source] = (account, now + seconds)
        self._addresses.move_to_end(source)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        hosts = self._until.setdefault(account, {})
        until = max(now + seconds, hosts.pop(host, 0.0))
        for old in [old for old, end in hosts.items() if end <= now]:
            del hosts[old]
        while len(hosts) >= MAX_HOSTS:
            del hosts[next(iter(hosts))]
        hosts[host] = until

    def at(self, account: str, host: str) -> bool:
        """True where it has, and that still holds."""
        return self._until.get(account, {}).get(host, 0.0) > self._monotonic()

    def account_at(self, source: Address) -> str:
        """The account that has proven itself last at this very address; empty for none."""
        account, until = self._addresses.get(source, ("", 0.0))
        return account if until > self._monotonic() else ""

    def addresses(self) -> set[Address]:
        """All addresses where any account has."""
        now = self._monotonic()
        return {source for source, (_, until) in self._addresses.items() if until > now}


def networks(texts: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks of the configuration."""
    return tuple(ip_network(text.strip("[]"), strict=False) for text in texts)


@lru_cache(4096)
def within(host: str, where: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """True for an address in one of these networks."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in where)


@lru_cache(4096)
def plain(host: str) -> str:
    """A host as sockets write it: addresses of IPv6 in brackets and in their shortest form, names in small letters."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host.lower()
    return f"[{address}]" if address.version == 6 else str(address)
