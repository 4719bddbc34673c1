"""What the console says and hears while a recording plays."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gate.exports.envelope import Envelope as Envelope


class Listening(threading.Event):
    """Somebody listens: ``set`` ends it, ``again`` goes on from another place or at another speed."""

    def __init__(self) -> None:
        super().__init__()
        self.start = 0.0
        """So many seconds of what is heard, the announcement first, are passed over."""
        self.speed = 1.0
        self.wanted = False
        """It goes on elsewhere, and does not end."""
        self.keys: Sequence[tuple[float, str]] = ()
        """Keys that were pressed, in seconds from the recording's beginning: known soon after it begins to play."""

    def again(self, start: float, speed: float) -> None:
        """Go on from there."""
        self.start, self.speed, self.wanted = start, speed, True
        self.set()

    def goes_on(self) -> bool:
        """Asked where it was stopped: whether it is played again, as ``start`` and ``speed`` say."""
        wanted, self.wanted = self.wanted, False
        if wanted:
            self.clear()
        return wanted
