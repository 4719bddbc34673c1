"""A firm's folder worked through the command line, with the clock moved."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.core.days import LONDON
from tests.support.commands import Done, dialgate
from tests.support.example import make_example

WHO = ("--name", "Pat Person", "--contact", "pat@example.org", "--number", "07700 900123")


class Moved:
    """An example folder, and the machine's clock, which stands where the test puts it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = make_example(folder)
        self.config = folder / "config.toml"
        self.time = datetime.now(UTC)
        patch.setattr(SystemClock, "now", lambda _: self.time)
        patch.setenv("DIALGATE_CONFIG", str(self.config))

    def on(self, day: str, hour: int = 12) -> None:
        """It is this day in London, at this hour. A day before the folder was made is refused by the log."""
        self.time = datetime.fromisoformat(f"{day}T{hour:02}:00:00").replace(tzinfo=LONDON)

    def __call__(self, *arguments: str, code: int | None = 0, stdin: str | None = None) -> Done:
        """Runs ``dialgate``; fails the test where that fails, unless another exit code (None: any) is expected."""
        done = dialgate(*arguments, stdin=stdin)
        assert code in (None, done.code), f"{arguments}: exit code {done.code}\n{done.out}{done.err}"
        return done

    def open(self, asks: str, *more: str) -> str:
        """A request of Pat's comes by mail; its reference."""
        done = self("request", "open", asks, "--by", "email", *WHO, *more)
        return re.findall(r"DSR-\d{4}-\d{4}", done.out)[0]
