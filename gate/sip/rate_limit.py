"""How much the gate answers to addresses that have not proven anything.

Three bounds, each a bucket of tokens: of one address with its port, of one host, of all strangers together; apart by
what is asked, so that a flood of one kind takes nothing from the others: a phone is challenged beside somebody who
floods from the same host. Who asks for the first time has a share of the last bound to itself (``FIRST``). Whoever has
proven itself is answered out of a bucket of its own (wrong passwords excepted), and a phone that names an account at a
host where that account has proven itself, out of the account's: strangers have no part in either.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum

from gate.sip.message import Address

MAX_KNOWN = 8192
"""Keys of a table; the one that asked longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many a second for good."""

    burst: float
    per_second: float


class RequestKind(Enum):
    """What is asked, with the bounds of one address, of one host, and of all strangers together."""

    CHALLENGE = "challenge", Rate(40, 10), Rate(60, 20), Rate(300, 150)
    """To be asked for credentials."""
    PASSWORD = "password", Rate(5, 0.5), Rate(10, 1), Rate(45, 15)
    """The answer that a password is wrong: each one answers a guess."""
    OTHER = "other", Rate(40, 10), Rate(60, 20), Rate(300, 150)
    """Anything else: OPTIONS, what belongs to no call, what cannot be read."""

    def __init__(self, name: str, address: Rate, host: Rate, everybody: Rate) -> None:
        self.address, self.host, self.everybody = address, host, everybody


PROVEN = Rate(200, 50)
"""The rate of an address that has proven itself."""
FIRST = {RequestKind.CHALLENGE: Rate(100, 50), RequestKind.PASSWORD: Rate(15, 5), RequestKind.OTHER: Rate(100, 50)}
"""The rates of all hosts that are not remembered, beside the bound of all strangers."""
NAMED = Rate(20, 5)
"""The rate of an account at a host where it has."""


class Buckets:
    """Tokens by key, in a bounded table."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def tokens(self, key: Hashable, rate: Rate, now: float) -> float:
        """How many there are."""
        tokens, since = self._held.get(key, (rate.burst, now))
        return min(rate.burst, tokens + (now - since) * rate.per_second)

    def keep(self, key: Hashable, tokens: float, now: float) -> None:
        """So many are left."""
        self._held[key] = (tokens, now)
        self._held.move_to_end(key)
        if len(self._held) > MAX_KNOWN:
            self._held.popitem(last=False)

    def take(self, key: Hashable, rate: Rate, now: float) -> bool:
        """Take a token; False where there is none."""
        tokens = self.tokens(key, rate, now)
        self.keep(key, max(tokens - 1, 0) if tokens >= 1 else tokens, now)
        return tokens >= 1


class RateLimit:
    """Answers, rationed."""

    def __init__(
        self,
        known: Callable[[Address], bool] = lambda source: False,
        named: Callable[[str, str], bool] = lambda account, host: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``known``: the address has proven itself; ``named``: this account has, at this host."""
        self._known = known
        self._named = named
        self._monotonic = monotonic
        self._own = Buckets()
        self._rest = Buckets()
        self.dropped = 0
        """Requests left unanswered."""

    def allow(self, source: Address, asked: RequestKind = RequestKind.OTHER, account: str = "") -> bool:
        """Answer this request? ``account``: the one that it names, not proven. False: it is dropped."""
        now, host = self._monotonic(), source[0]
        if asked is not RequestKind.PASSWORD and self._known(source):
            allowed = self._own.take(source, PROVEN, now)
        else:
            mine = asked is RequestKind.CHALLENGE and account and self._named(account, host)
            allowed = bool(mine) and self._own.take((account, host), NAMED, now)
            allowed = allowed or self._take_part(source, asked, now)
        self.dropped += not allowed
        return allowed

    def _take_part(self, source: Address, asked: RequestKind, now: float) -> bool:
        """A token of each of the three, or none of any."""
        host = (asked, source[0])
        parts = [((asked, *source), asked.address), (host, asked.host), (asked, asked.everybody)]
        if host not in self._rest and self._rest.tokens((asked, "first"), FIRST[asked], now) >= 1:
            parts[2] = ((asked, "first"), FIRST[asked])
        left = [self._rest.tokens(key, rate, now) for key, rate in parts]
        allowed = min(left) >= 1
        if allowed:
            for (key, _), tokens in zip(parts, left, strict=True):
                self._rest.keep(key, tokens - 1, now)
        else:
            self._rest.keep(host, left[1], now)
        return allowed
