"""Look-ups by number, counted by account: who goes through numbers one after the other is seen.

A look-up is a question whose answer says something of one number that was asked for: a check, a list narrowed by a
number or the beginning of one, a number shown in full. Phone systems that ask for decisions leave a leaf each and are
not counted here.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from gate.control.work import log
from gate.core.masking import looks_like_number
from gate.operations.operation import Request

SECONDS: Final = 3600.0
OPERATIONS: Final = frozenset(
    {
        *("check", "reveal", "calls_list", "objection_list", "consent_list", "hold_list", "contacts_list"),
        *("request_list", "contacts_show", "contacts_forget"),
    }
)
_MOST: Final = 4096

Unusual = Callable[[str, int, Mapping[str, int]], None]
"""(actor, look-ups of the last hour, by operation): keep a fact; on a thread of its own, and it may raise nothing."""


class Lookups:
    """Counts of the last hour. For the event loop."""

    def __init__(self, usual: int, unusual: Unusual | None = None) -> None:
        """More than ``usual`` in an hour are told, and again whenever they have doubled."""
        self._usual = usual
        self._unusual = unusual
        self._seen: dict[str, deque[tuple[float, str]]] = {}
        self._told: dict[str, int] = {}

    async def note(self, actor: str, op: str, request: Request[Any]) -> None:
        """Count a question that was let in."""
        if op not in OPERATIONS or not _asks_for_one(op, request):
            return
        if actor not in self._seen and len(self._seen) >= _MOST:
            self._forget_idle()
        now, seen = time.monotonic(), self._seen.setdefault(actor, deque())
        seen.append((now, op))
        while seen[0][0] < now - SECONDS:
            seen.popleft()
        if len(seen) <= self._usual:
            self._told.pop(actor, None)
            return
        if len(seen) > self._told.get(actor, self._usual):
            self._told[actor] = 2 * len(seen)
            counts = dict(Counter(name for _, name in seen))
            log.warning("many_lookups", actor=actor, count=len(seen), operations=counts)
            if self._unusual is not None:
                await asyncio.to_thread(self._unusual, actor, len(seen), counts)

    def _forget_idle(self) -> None:
        long_ago = time.monotonic() - SECONDS
        self._seen = {actor: seen for actor, seen in self._seen.items() if seen and seen[-1][0] >= long_ago}


def _asks_for_one(op: str, request: Request[Any]) -> bool:
    if op in ("reveal", "contacts_show"):
        return True
    text = getattr(request, "text", None)
    return bool(getattr(request, "number", None)) or (isinstance(text, str) and looks_like_number(text))
