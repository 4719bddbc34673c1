"""The pictures of the README, from the recorded day: ``python -m tests.console.pictures [FOLDER] [NAME…]``.

The same on every run: the day, its clock and its keys stand still; numbers are hidden in part, as on every screen.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from gate.client.listening import Envelope
from gate.control.client import ControlClient
from tests.console.asked import board
from tests.console.conftest import Before, app_of, shows, steps, typed, until
from tests.console.day import FILE
from tests.console.opener import PASSPHRASE
from tests.console.served import Served
from tests.console.test_audit import Bundler
from tests.console.test_contacts import Disk, kept
from tests.console.test_retention import year_ago

FOLDER = Path(__file__).parents[2] / ".pictures"
SIZE = (100, 30)
_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def _nothing(served: Served) -> object:
    return served


@dataclass(frozen=True)
class Picture:
    """What is pressed, and what must be there before the picture is taken."""

    before: Before
    day: Callable[[Served], object] = _nothing
    """What the day has besides, put in while the gate is away."""
    asked: Callable[[Served], object] = _nothing
    """Likewise, asked of the gate."""


def _signed(served: Served) -> None:
    ControlClient(served.socket).call("audit_checkpoint")


def _closed(recording: str = "") -> dict[str, Any]:
    """How a recording of the day ended; by default the last one that was paused."""
    facts = [
        each for each in json.loads(FILE.read_text(encoding="utf-8"))["facts"] if each["kind"] == "recording_closed"
    ]
    fit = [each for each in facts if each["subject"] == recording or (not recording and each["body"]["gaps"])]
    found: dict[str, Any] = fit[-1]
    return found


class _Opener(Bundler):
    """Draws a curve that is as long as the recording, paused where that was."""

    def envelope(self, recording_id: str, purpose: str) -> Envelope:
        drawn, told = super().envelope(recording_id, purpose), _closed(recording_id)["body"]
        gaps = tuple((start, end) for start, end in told["gaps"])
        return replace(drawn, seconds=told["seconds"], gaps=gaps)


async def _recording(pilot: Pilot[Any]) -> None:
    await steps("5", "slash", *_closed()["subject"][:8], "enter", then=("1 row",))(pilot)
    await steps("enter", then=("Sealed to",))(pilot)
    await pilot.press("o")
    await until(pilot, shows(pilot, "Passphrase"))
    await typed(pilot, "complaint 17")
    await typed(pilot, PASSPHRASE)
    await until(pilot, shows(pilot, "customer", "pauses: 1"))
    pilot.app.clear_notifications()
    await pilot.pause(0.1)


async def _verification(pilot: Pilot[Any]) -> None:
    await steps("8", "v", then=("Verify the log?",))(pilot)
    await pilot.press("enter")
    await until(pilot, shows(pilot, "The log holds:"))


PICTURES = {
    "live": Picture(steps(then=("4 calls in hand",))),
    "registers": Picture(steps("2", then=("TPS", "14 Jul 2026"))),
    "contacts": Picture(steps("3", then=("rows",)), asked=kept),
    "calls": Picture(steps("4", then=("dialling", "rows"))),
    "call": Picture(steps("4", *"jjjjj", "enter", then=("Registers as they were", "LISTED"))),
    "recording": Picture(_recording),
    "retention": Picture(steps("6", then=("July 2026", "to erase", "Kept 12 months")), day=year_ago),
    "requests": Picture(steps("7", then=("DSR-2026-0001", "OVERDUE")), asked=board),
    "audit": Picture(steps("8", then=("rows", "Verified", "dialgate.example+")), asked=_signed),
    "verification": Picture(_verification, asked=_signed),
}


async def svg(name: str, folder: Path) -> str:
    """One of ``PICTURES``; ``folder`` takes the data of its gate."""
    wanted = PICTURES[name]
    served = Served(folder)
    wanted.day(served)
    served.start()
    try:
        wanted.asked(served)
        app = app_of(served, opener=_Opener(Path("/media/ann")), files=Disk(), exports=Path("/srv/exports"))
        async with app.run_test(size=SIZE) as pilot:
            await wanted.before(pilot)
            await until(pilot, shows(pilot, "data 0 s"))
            return _plain(app.export_screenshot(title=f"dialgate console: {name}"))
    finally:
        served.stop()


def _plain(text: str) -> str:
    """Without fonts from elsewhere: whoever reads the README fetches nothing of anybody's."""
    return _FONT.sub("", text).replace(
        "Fira Code, monospace", "Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace"
    )


def main(folder: Path, names: list[str]) -> None:
    """Make them; what stands in ``folder`` is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or PICTURES:
        with tempfile.TemporaryDirectory(prefix="dialgate-picture-") as data:
            text = asyncio.run(svg(name, Path(data)))
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
        print(f"{folder / name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, sys.argv[2:])
