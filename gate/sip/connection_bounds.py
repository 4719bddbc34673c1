"""How many SIP connections there are, and of whom: strangers leave phones their places and calls their descriptors.

A source (an address, an IPv6 /64) has so many at once, all together have a bound. Where one is met, the oldest of its
connections on which nobody has proven anything makes room; where all have, the new one is not taken. Connections of
PBXs and carriers have no bound of their own source. The highest descriptors are kept back for calls.
"""

from __future__ import annotations

import resource
from ipaddress import ip_address
from typing import Protocol

_KEPT = 256
"""Descriptors kept back for calls; an eighth where there are few."""


class Bounded(Protocol):
    """A connection, as the bounds see it."""

    proven: bool
    source: str


class ConnectionBounds:
    """The connections of all listeners. One thread's alone."""

    def __init__(self, most: int, each: int) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = 1 << 20 if soft == resource.RLIM_INFINITY else soft
        self._most = max(1, min(most, spare // 4))
        self._each = min(each, self._most)
        self._highest = spare - min(_KEPT, spare // 8)
        self._open: dict[Bounded, None] = {}
        """In the order in which they came."""
        self.turned_away = 0
        """Connections not taken, or closed to make room."""

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Bounded, descriptor: int, *, trusted: bool) -> tuple[bool, Bounded | None]:
        """Whether a new connection may stay, and the one that has to go for it."""
        goes: Bounded | None = None
        if descriptor >= self._highest:
            self.turned_away += 1
            return False, None
        mine = [] if trusted else [each for each in self._open if each.source == connection.source]
        crowd = mine if len(mine) >= self._each else list(self._open) if len(self._open) >= self._most else []
        if crowd:
            self.turned_away += 1
            goes = next((each for each in crowd if not each.proven), None)
            if goes is None:
                return False, None
            self.gone(goes)
        self._open[connection] = None
        return True, goes

    def gone(self, connection: Bounded) -> None:
        """It is over."""
        self._open.pop(connection, None)


def source_of(host: str) -> str:
    """Who counts as one: an address of IPv4, a /64 of IPv6."""
    address = ip_address(host.strip("[]").partition("%")[0])
    return address.packed[:8].hex() if address.version == 6 else str(address)
