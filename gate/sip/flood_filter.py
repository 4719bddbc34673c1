"""Which datagrams of a flood reach the line thread. Asked by the receiving threads, for each datagram, before anything
is read.

Hosts of PBXs and carriers pass. An address at which an account has proven itself has a rate of its own. Any other
address has one, its host has one, and all hosts at which nobody has proven anything have one together, far below what
the line thread can bear. A part of that is for first-comers: hosts that have said next to nothing for a while, so that
a phone which comes in a flood is challenged beside those who flood from the same hosts all the time. So a flood costs
the gate a few microseconds a datagram; neither calls nor registered phones notice it, and a phone behind the same NAT
as a flooder with one socket is heard.

Whoever it is, a call has so many messages a second (``heeds``): a party that storms inside its own dialog holds up
nobody else.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from gate.sip.message import Address
from gate.sip.peers import within
from gate.sip.rate_limit import Rate

PROVEN = Rate(400, 200)
"""Datagrams of an address at which an account has proven itself."""
ADDRESS = Rate(100, 50)
"""The rate of any other address."""
KNOWN = Rate(1000, 500)
"""The rate of all other addresses of a host where an account has, or that speaks in a call."""
STRANGER = Rate(200, 100)
"""The rate of all addresses of any other host."""
STRANGERS = Rate(800, 400)
"""The rate of all those hosts together."""
FIRST_COMERS = Rate(200, 100)
"""The rate of those of them that come just now: beside ``STRANGERS``, whose part they take where this is used up."""
FIRST = 8
"""Datagrams with which a host counts as one that comes just now: to be challenged and to answer, some of it twice."""
CONNECTS = Rate(40, 10)
"""Connections that a host opens where nobody has proven anything."""
CONNECTS_KNOWN = Rate(400, 100)
"""And where an account has."""
CONNECTS_STRANGERS = Rate(160, 80)
"""The rate of connections of all strangers together: a TLS handshake costs the gate about a millisecond."""
CONNECTS_FIRST_COMERS = Rate(40, 20)
"""The rate of connections of hosts that come just now."""
FORGOTTEN_SECONDS = 60.0
"""A host that has said nothing for so long, and at most for twice as long, comes anew."""
DIALOG = Rate(100, 40)
"""Messages of one Call-ID from one address: keys told by INFO, refreshes and what is sent again come to a few."""
ENDING = Rate(10, 1)
"""Those of them that end a call, by themselves: a storm keeps nobody from hanging up."""
ONE = 2048
"""Bytes that count as one datagram: more than a phone's INVITE has."""
MAX_DIALOGS = 32_768
"""Calls whose rates are kept, forgotten as addresses are."""
MAX_KEPT = 8192
"""Addresses and hosts whose rates are kept; beyond it, all are forgotten at once, which costs no time a datagram."""

_Held = dict[Any, tuple[float, float]]
_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]{0,64}:[ \t]{0,64}([^\r\n]{0,512})", re.IGNORECASE)


class FirstComers:
    """How often hosts have come lately, in two generations: bounded, and no time is spent on forgetting."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._times) + len(self._before)

    def may_come(self, host: str, most: int, now: float) -> bool:
        """Note that a host comes; whether it has come fewer than ``most`` times."""
        if now - self._since >= FORGOTTEN_SECONDS or len(self._times) >= MAX_KEPT:
            self._times, self._before, self._since = {}, self._times, now
        times = self._times.get(host) or self._before.get(host, 0)
        self._times[host] = times + 1
        return times < most


class FloodFilter:
    """Passes or drops datagrams. Its knowledge is set on the line thread and read on any."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._networks4: tuple[tuple[int, int], ...] = ()
        self._networks6: tuple[IPv6Network, ...] = ()
        self._trusted: frozenset[str] = frozenset()
        self._proven: set[Address] = set()
        self._known: set[str] = set()
        self._held: _Held = {}
        self._all: _Held = {}
        self._connects: _Held = {}
        self._first, self._first_connects = FirstComers(), FirstComers()
        self._dialogs: _Held = {}
        self.edge: Address | None = None
        """The edge in front of the gate: what it hands on is judged by whose it is, once that is read."""
        self.dropped = 0
        """Datagrams that were not let through."""
        self.stormed = 0
        """Messages that were too many of one call."""

    def trust(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        """PBXs and carriers by the configuration; before the sockets are read."""
        networks = tuple(networks)
        self._networks4 = tuple(
            (int(each.network_address), int(each.netmask)) for each in networks if isinstance(each, IPv4Network)
        )
        self._networks6 = tuple(each for each in networks if isinstance(each, IPv6Network))

    def know(self, trusted: frozenset[str], proven: set[Address], known: set[str]) -> None:
        """Carriers' hosts by their names; where accounts have proven themselves; hosts of those and of calls."""
        self._trusted, self._proven, self._known = trusted, proven, known

    def learn(self, source: Address) -> None:
        """An account has proven itself there just now."""
        self._proven.add(source)
        self._known.add(source[0])

    def lets(self, source: Address, size: int = 0, *, known: bool = True) -> bool:
        """One datagram of so many bytes from ``source`` (host of IPv6 in brackets). A long one of somebody who has not
        proven anything counts as several: reading it takes as long. ``known``: a PBX or carrier would be known by this
        address."""
        host = source[0]
        if known and (source == self.edge or self.trusts(host)):
            return True
        now = self._monotonic()
        if len(self._held) > MAX_KEPT:
            self._held.clear()
        if source in self._proven:
            allowed = _take(self._held, source, PROVEN, now)
        elif host in self._known:
            cost = 1 + size // ONE
            allowed = _take(self._held, source, ADDRESS, now, cost) and _take(self._held, host, KNOWN, now, cost)
        else:
            cost, first = 1 + size // ONE, self._first.may_come(host, FIRST, now)
            allowed = (
                _take(self._held, source, ADDRESS, now, cost)
                and _take(self._held, host, STRANGER, now, cost)
                and (
                    (first and _take(self._all, "first", FIRST_COMERS, now, cost))
                    or _take(self._all, "", STRANGERS, now, cost)
                )
            )
        self.dropped += not allowed
        return allowed

    def heeds(self, source: Address, data: bytes) -> bool:
        """One message, as a part of its call: before it is read, whoever sends it. Those whose Call-ID stands in an odd
        way count as one call of their sender."""
        now = self._monotonic()
        if len(self._dialogs) > MAX_DIALOGS:
            self._dialogs.clear()
        end = data.find(b"\r\n\r\n")
        found = _CALL_ID.search(data, 0, end if end >= 0 else len(data))
        ends = data.startswith((b"BYE ", b"CANCEL "))
        heeded = _take(self._dialogs, (source, found[1] if found else b"", ends), ENDING if ends else DIALOG, now)
        self.stormed += not heeded
        return heeded

    def trusts(self, host: str) -> bool:
        """A PBX's or a carrier's host."""
        return host in self._trusted or self._in_networks(host)

    def is_peer(self, source: Address) -> bool:
        """A PBX, a carrier, or where an account has proven itself."""
        return source in self._proven or source == self.edge or self.trusts(source[0])

    def connects(self, host: str) -> bool:
        """Whether a host may open another connection."""
        if self.trusts(host):
            return True
        now = self._monotonic()
        if len(self._connects) > MAX_KEPT:
            self._connects.clear()
        if host in self._known:
            allowed = _take(self._connects, host, CONNECTS_KNOWN, now)
        else:
            first = self._first_connects.may_come(host, FIRST, now)
            allowed = _take(self._connects, host, CONNECTS, now) and (
                (first and _take(self._connects, "first", CONNECTS_FIRST_COMERS, now))
                or _take(self._connects, "", CONNECTS_STRANGERS, now)
            )
        self.dropped += not allowed
        return allowed

    def _in_networks(self, host: str) -> bool:
        if host[0] == "[":
            return bool(self._networks6) and within(host, self._networks6)
        if not self._networks4:
            return False
        address = int.from_bytes(socket.inet_aton(host), "big")
        return any(address & mask == network for network, mask in self._networks4)


def _take(held: _Held, key: Any, rate: Rate, now: float, cost: int = 1) -> bool:
    tokens, since = held.get(key, (rate.burst, now))
    tokens = min(rate.burst, tokens + (now - since) * rate.per_second)
    held[key] = (tokens - cost, now) if tokens >= cost else (tokens, now)
    return tokens >= cost
