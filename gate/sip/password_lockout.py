"""Wrong passwords: guessing is slowed, and locked by account and source.

- After ``FREE`` wrong ones for an account from one host, no password of that account is looked at from there for a
  time that doubles with every lock, up to ``LONGEST``.
- After ``FREE_EVERYWHERE`` wrong ones for it from anywhere, none is from hosts at which it has not proven itself:
  guesses from many hosts are one guesser's.
- The very address (with its port) at which the account has proven itself is never locked: nobody locks a phone out by
  guessing from elsewhere, be it from behind the same address of a NAT.

What is locked is answered like a wrong password, so that a guesser does not learn which of them was looked at, nor
which accounts there are.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FREE = 5
FREE_EVERYWHERE = 20
SHORTEST = 10.0
"""Seconds of the first lock."""
LONGEST = 900.0
"""Seconds of the longest; who has not guessed for so long starts anew."""
MAX_KEPT = 4096
"""Entries of a table; the one that was guessed at longest ago is forgotten first."""


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    """Since the last lock."""
    lock: float = SHORTEST
    """How long the next one lasts."""
    locked_until: float = 0.0
    last: float = 0.0


_Table = OrderedDict[Any, _Tries]


class PasswordLockout:
    """By account and host, and by account alone. Accounts that are not there count as one, with an empty name."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hosts: _Table = OrderedDict()
        """By (account, host)."""
        self._accounts: _Table = OrderedDict()
        """As many as there are accounts: guesses from thousands of hosts push no lock out of it."""
        self._nobody: _Table = OrderedDict()
        """By host, of accounts that are not there: apart, for anybody can make as many as they have addresses."""
        self._told = -LONGEST
        self.wrong = 0
        """Wrong passwords that were looked at."""
        self.locked = 0
        """Passwords that were not looked at."""

    def barred(self, account: str, host: str, *, proven: bool) -> bool:
        """No password of ``account`` is looked at from ``host`` now. ``proven``: it has proven itself at this host."""
        now = self._monotonic()
        barred = any(
            key in table and table[key].locked_until > now for table, key, _ in self._parts(account, host, proven)
        )
        self.locked += barred
        return barred

    def note(self, account: str, host: str, *, proven: bool) -> bool:
        """A wrong password. True where it is worth a line in the gate's log: at most one a second is."""
        now = self._monotonic()
        self.wrong += 1
        for table, key, free in self._parts(account, host, proven):
            _count(table, key, free, now)
        tell = now - self._told >= 1.0
        self._told = now if tell else self._told
        return tell

    def right(self, account: str, host: str) -> None:
        """The right password: what was wrong from there before is forgotten."""
        self._hosts.pop((account, host), None)

    def _parts(self, account: str, host: str, proven: bool) -> Iterator[tuple[_Table, Any, int]]:
        """Where a guess is counted, under what, and how many are free."""
        if not account:
            yield self._nobody, host, FREE
            return
        yield self._hosts, (account, host), FREE
        if not proven:
            yield self._accounts, account, FREE_EVERYWHERE


def _count(table: _Table, key: Any, free: int, now: float) -> None:
    tries = table.get(key)
    if tries is None or now - tries.last > LONGEST:
        tries = table[key] = _Tries()
    tries.wrong, tries.last = tries.wrong + 1, now
    if tries.wrong >= free:
        tries.locked_until = now + tries.lock
        tries.wrong, tries.lock = 0, min(2 * tries.lock, LONGEST)
    table.move_to_end(key)
    if len(table) > MAX_KEPT:
        table.popitem(last=False)
