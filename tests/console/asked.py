"""Requests for the console's tests: a board of them on the recorded day, and a person with sealed recordings."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.control.client import ControlClient
from tests.console.served import Served, SetClock

CALLED = "+447700900279"
"""A number that was called on the recorded day: once it was answered, once not."""
PEOPLE = (
    # asks, days ago, name, channel, how far it went
    ("access", 31, "Olga Overdue", "post", ()),
    ("complaint", 26, "Carl Complaint", "email", ()),
    ("access", 22, "Sue Soon", "email", ("verify", "search")),
    ("erasure", 12, "Ian Identity", "phone", ("ask_identity",)),
    ("access", 9, "Paul Pause", "web", ("verify", "clarify")),
    ("access", 8, "Hana Hand", "post", ("verify",)),
    ("erasure", 7, "Gita Granted", "post", ("verify", "search", "grant")),
    ("restriction", 6, "Rita Restrict", "email", ("grant",)),
    ("access", 5, "Fred Refused", "email", ("verify", "refuse")),
    ("access", 20, "Dora Done", "post", ("verify", "search", "grant", "told")),
    ("complaint", 4, "Wim Withdrawn", "phone", ("withdraw",)),
    ("objection", 2, "Otto Object", "phone", ()),
    ("access", 1, "Nina New", "web", ()),
)
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "verify": ("request_verify_identity", {"checked": "passport seen in person"}),
    "ask_identity": ("request_ask_identity", {"note": "a bill with the number on it"}),
    "search": ("request_search", {}),
    "clarify": ("request_clarify", {"question": "Which of our calls do you mean?"}),
    "grant": ("request_decide", {"grant": True}),
    "refuse": ("request_decide", {"grant": False, "ground": "legal_claims", "reasons": "your claim of 3 March"}),
    "told": ("request_told", {}),
    "withdraw": ("request_withdraw", {"reason": "settled"}),
}


def board(served: Served) -> None:
    """Every state of a request, each with its days left, worked over the socket on the days on which it happened."""
    ask, now = ControlClient(served.socket).call, served.clock.time
    for place, (asks, ago, name, channel, steps) in enumerate(PEOPLE):
        served.clock.time = now - timedelta(days=ago)
        contact = f"{name.split()[0].lower()}@example.org"
        made = ask(
            "request_open",
            asks=asks,
            channel=channel,
            name=name,
            contact=contact,
            numbers=[CALLED if name == "Hana Hand" else f"020 7946 03{place:02}"],
            about="the call about solar panels" if place % 2 else "",
        )
        for step in steps:
            op, fields = STEPS[step]
            ask(op, request=made["reference"], **fields)
    served.clock.time = now


class Worked(Served):
    """A gate with a person's sealed recordings (``tests.support.requesting.prepared``), at the time that it is."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.clock = SetClock(datetime.now(UTC))
        self.calls = []
        self.folder = folder
        self.config = load(folder / "config.toml", secrets=False)
        self.slow = lambda op: None
        self.asked = []
        self.not_ready = ()
        self._patch = patch
        self._stack = ExitStack()
        self._thread: threading.Thread | None = None

    @property
    def key(self) -> tuple[Path, str]:
        """The private key's file, and its passphrase."""
        keys = self.folder / "keys"
        return keys / "first.key", (keys / "first.passphrase").read_text().strip()


def copied(original: Path, to: Path) -> Path:
    """A copy of a prepared folder."""
    shutil.copytree(original, to)
    return to
