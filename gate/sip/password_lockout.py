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
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
FREE_EVERYWHERE = 20
SHORTEST = 10.0
"""Seconds of the first lock."""
LONGEST = 900.0
"""Seconds of the longest; who has not guessed for so long starts anew."""
MAX_KEPT = 4096


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    """Since the last lock."""
    lock: float = SHORTEST
    """How long the next one lasts."""
    locked_until: float = 0.0
    last: float = 0.0


class PasswordLockout:
    """By account and host, and by account alone. Accounts that are not there count as one, with an empty name."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._told = -LONGEST
        self.wrong = 0
        """Wrong passwords that were looked at."""
        self.locked = 0
        """Passwords that were not looked at."""

    def barred(self, account: str, host: str, *, proven: bool) -> bool:
        """No password of ``account`` is looked at from ``host`` now. ``proven``: it has proven itself at this host."""
        now = self._monotonic()
        keys = [(account, host)] if proven else [(account, host), (account, "")]
        barred = any(key in self._tries and self._tries[key].locked_until > now for key in keys)
        self.locked += barred
        return barred

    def note(self, account: str, host: str, *, proven: bool) -> bool:
        """A wrong password. True where it is worth a line in the gate's log: at most one a second is."""
        now = self._monotonic()
        self.wrong += 1
        self._count((account, host), FREE, now)
        if account and not proven:
            self._count((account, ""), FREE_EVERYWHERE, now)
        tell = now - self._told >= 1.0
        self._told = now if tell else self._told
        return tell

    def right(self, account: str, host: str) -> None:
        """The right password: what was wrong from there before is forgotten."""
        self._tries.pop((account, host), None)

    def _count(self, key: tuple[str, str], free: int, now: float) -> None:
        tries = self._tries.get(key)
        if tries is None or now - tries.last > LONGEST:
            tries = self._tries[key] = _Tries()
        tries.wrong, tries.last = tries.wrong + 1, now
        if tries.wrong >= free:
            tries.locked_until = now + tries.lock
            tries.wrong, tries.lock = 0, min(2 * tries.lock, LONGEST)
        self._tries.move_to_end(key)
        if len(self._tries) > MAX_KEPT:
            self._tries.popitem(last=False)
