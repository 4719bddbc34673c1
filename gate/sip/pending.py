"""INVITEs that wait for the call manager's decision: nothing of them has left the gate yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gate.core.calls_in import CallingIn
from gate.sip.message import Address, Attempted, SipMessage, TransactionKey
from gate.sip.peers import DialogPeer, Endpoint

TRYING_AFTER = 0.15
"""Seconds until the caller gets 100 Trying (it retransmits after 0.5)."""
GIVE_UP_AFTER = 3.0
"""Seconds until an undecided INVITE is refused."""
BUSY = 0.06
"""Seconds that the oldest has waited at least where decisions wait for each other."""
SLOWEST = 10.0
"""So many a second any machine makes."""
NEWEST = 0.2
"""What the last look counts for in their rate: at 50 ms a look, a quarter of a second is remembered."""


class Backlog:
    """How long what is asked for now will wait. Line thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._done, self._rate, self._looked = 0, 0.0, monotonic()

    def look(self, oldest: float, waiting: int, done: int) -> float:
        """Now and then: seconds that the oldest has waited; or, where they wait for each other, that one will wait that
        comes now, if that is more (Little's law: how many there are, by how many are done a second). By the age of
        the oldest alone one would know too late how many have been let in. ``done``: how many, in all."""
        now = self._monotonic()
        rate = (done - self._done) / max(now - self._looked, 0.001)
        self._done, self._looked = done, now
        if oldest < BUSY:
            return oldest
        self._rate = self._rate + NEWEST * (rate - self._rate) if self._rate else rate
        return max(oldest, (waiting - 1) / max(self._rate, SLOWEST))


@dataclass(slots=True)
class Pending:
    """An INVITE that waits for its decision."""

    call_id: str
    request: SipMessage
    source: Address
    endpoint: Endpoint
    claimed_by: str = ""
    """``account:NAME`` or ``trunk:NAME``; empty where nobody has proven anything."""
    refusal: int = 603
    """The code that refuses a call of this caller."""
    overflow: bool = False
    """Where there is no room it may route elsewhere: that leads to a gate, too."""
    calling: CallingIn | None = None
    """It is a call in, from a carrier."""
    came_by: Endpoint | None = None
    """By which it came, where ``endpoint`` is another way to the same side."""
    since: float = field(default=0.0)
    trying: bool = False

    def peer(self) -> DialogPeer:
        """The caller, as a side of the call."""
        endpoint = self.endpoint
        return DialogPeer(
            self.claimed_by, {self.source[0]}, secure=endpoint.secure, encrypted=endpoint.encrypted,
            came_by=self.came_by or endpoint,
        )  # fmt: skip


class PendingCalls:
    """By call id and by transaction, oldest first."""

    def __init__(self, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._monotonic = monotonic
        self._by_id: dict[str, Pending] = {}
        self._by_key: dict[TransactionKey, Pending] = {}
        self._attempts: dict[Attempted, Pending] = {}
        self._taken, self._backlog = 0, Backlog(monotonic)

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def oldest(self) -> float:
        """Seconds that the oldest has waited; 0.0 where none waits."""
        first = next(iter(self._by_id.values()), None)
        return self._monotonic() - first.since if first else 0.0

    def look(self) -> float:
        """Now and then: as ``Backlog.look``."""
        return self._backlog.look(self.oldest, len(self), self._taken)

    @property
    def full(self) -> bool:
        """No room for another."""
        return len(self._by_id) >= self.limit

    def add(self, pending: Pending) -> None:
        """Keep it, from now."""
        pending.since = self._monotonic()
        self._by_id[pending.call_id] = pending
        self._by_key[pending.request.key] = pending
        self._attempts[pending.request.key[:3]] = pending

    def find(self, key: TransactionKey) -> Pending | None:
        """The one that this transaction opened."""
        return self._by_key.get(key)

    def merged(self, key: TransactionKey) -> bool:
        """True where a copy of this request waits that came by another way."""
        return key[:3] in self._attempts

    def take(self, call_id: str) -> Pending | None:
        """Remove and return it."""
        pending = self._by_id.pop(call_id, None)
        if pending is not None:
            self._taken += 1
            self._by_key.pop(pending.request.key, None)
            self._attempts.pop(pending.request.key[:3], None)
        return pending

    def take_all(self) -> list[Pending]:
        """Remove and return all."""
        waiting = list(self._by_id.values())
        self._by_id.clear()
        self._by_key.clear()
        self._attempts.clear()
        return waiting

    def due(self) -> tuple[list[Pending], list[Pending]]:
        """The INVITEs due for a 100 (each once), and those that have waited too long."""
        now = self._monotonic()
        slow, lost = [], []
        for pending in self._by_id.values():
            age = now - pending.since
            if age < TRYING_AFTER:
                break
            if age >= GIVE_UP_AFTER:
                lost.append(pending)
            elif not pending.trying:
                pending.trying = True
                slow.append(pending)
        return slow, lost
