"""Codes of no receipt, counted by account: whoever guesses is stopped."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

from gate.errors import RefusedError

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

HOUR: Final = timedelta(hours=1)
MOST: Final = 20
"""Wrong codes of one account within an hour."""
_ALL: Final = 200
"""Of all accounts together."""


class Guesses:
    """Thread-safe."""

    def __init__(self, _folder: DataFolder) -> None:
        self._wrong: deque[tuple[datetime, str]] = deque()
        self._one = Lock()

    def look(self, actor: str, now: datetime) -> None:
        """Raises ``RefusedError`` (``too_many_codes``) where too many were wrong."""
        with self._one:
            while self._wrong and now - self._wrong[0][0] >= HOUR:
                self._wrong.popleft()
            own = sum(who == actor for _, who in self._wrong)
        if own >= MOST or len(self._wrong) >= _ALL:
            raise RefusedError(
                "too many codes of no receipt were tried within an hour",
                reason="too_many_codes",
                hint="Ask the person to read the code again, and try later.",
            )

    def wrong(self, actor: str, now: datetime) -> None:
        """One more."""
        with self._one:
            self._wrong.append((now, actor))
