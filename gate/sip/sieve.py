"""What of a flood reaches the line thread. Asked by the receiving threads, for each datagram, before anything is read.

Hosts of PBXs and carriers pass. A host where an account has proven itself, or that speaks in a call, has a rate of its
own. All other hosts have one each, and one together, far below what the line thread can bear: so a flood costs the gate
a few microseconds a datagram, and neither calls nor registered phones notice it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network

from gate.sip.sides import within
from gate.sip.strangers import Rate

KNOWN = Rate(1000, 500)
"""Datagrams of a host where an account has proven itself: of all phones behind one NAT."""
STRANGER = Rate(200, 100)
"""Of any other host."""
STRANGERS = Rate(1000, 500)
"""Of all those together."""
MAX_HOSTS = 4096
"""Hosts whose rate is kept; beyond it, all are forgotten at once, which costs no time per datagram."""


class Sieve:
    """Lets through, or not. What it knows is told on the line thread, and read on any."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._networks4: tuple[tuple[int, int], ...] = ()
        self._networks6: tuple[IPv6Network, ...] = ()
        self._trusted: frozenset[str] = frozenset()
        self._known: set[str] = set()
        self._hosts: dict[str, tuple[float, float]] = {}
        self._all = (STRANGERS.burst, 0.0)
        self.dropped = 0
        """Datagrams that were not let through."""

    def trust(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        """PBXs and carriers by the configuration; before the sockets are read."""
        networks = tuple(networks)
        self._networks4 = tuple(
            (int(each.network_address), int(each.netmask)) for each in networks if isinstance(each, IPv4Network)
        )
        self._networks6 = tuple(each for each in networks if isinstance(each, IPv6Network))

    def know(self, trusted: frozenset[str], known: set[str]) -> None:
        """Carriers' hosts by their names; hosts of proven accounts and of calls."""
        self._trusted, self._known = trusted, known

    def learn(self, host: str) -> None:
        """Something has proven itself there just now."""
        self._known.add(host)

    def lets(self, host: str) -> bool:
        """One datagram of ``host`` (IPv6 in brackets)."""
        if host in self._trusted or self._in_networks(host):
            return True
        now, known = self._monotonic(), host in self._known
        rate = KNOWN if known else STRANGER
        tokens, since = self._hosts.get(host, (rate.burst, now))
        tokens = min(rate.burst, tokens + (now - since) * rate.per_second)
        allowed = tokens >= 1
        if allowed and not known:
            all_tokens, since = self._all
            all_tokens = min(STRANGERS.burst, all_tokens + (now - since) * STRANGERS.per_second)
            allowed = all_tokens >= 1
            self._all = (all_tokens - allowed, now)
        if len(self._hosts) >= MAX_HOSTS and host not in self._hosts:
            self._hosts.clear()
        self._hosts[host] = (tokens - allowed, now)
        self.dropped += not allowed
        return allowed

    def _in_networks(self, host: str) -> bool:
        if host[0] == "[":
            return bool(self._networks6) and within(host, self._networks6)
        if not self._networks4:
            return False
        address = int.from_bytes(socket.inet_aton(host), "big")
        return any(address & mask == network for network, mask in self._networks4)
