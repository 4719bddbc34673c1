"""A day's work in the console, in tmux, at a real gate with real calls; and by the command line beside it, with the
same in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.commands import PROGRAM
from tests.support.gatehouse import ROOT, Gatehouse, dialgate, running
from tests.support.phones import Phones
from tests.support.tmux import Tmux

WATCHED, BESIDE = "01134960510", "01134960511"
"""Whom the call is to that the console works on, and the one of the command line."""
_ANY = re.compile(r"[0-9a-f]{8,}|\d{4}-\d\d-\d\dT[0-9:.+Z-]+|DSR-\d{4}-\d{4}|(?<=\+44113496051)\d")
"""Ids, times, references and the one digit in which the two numbers differ."""


class Twins:
    """What the console did beside what the command line did, step by step, as the log has it."""

    def __init__(self, gate: Gatehouse) -> None:
        self._gate = gate
        self.done: dict[str, list[list[dict[str, Any]]]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The facts that come in meanwhile, kept under the step's name. What calls leave by themselves is left out."""
        (row,) = self._gate.rows("SELECT coalesce(max(leaf_index), -1) AS last FROM facts")
        yield
        facts = self._gate.rows("SELECT kind, body FROM facts WHERE leaf_index > ? ORDER BY leaf_index", row["last"])
        self.done.setdefault(name, []).append([{"kind": fact["kind"], **_plain(fact["body"])} for fact in facts])

    def agree(self) -> None:
        """Each step was done twice, with the same facts."""
        for name, (by_hand, by_command) in self.done.items():
            assert by_hand, f"{name}: nothing is in the log"
            assert by_hand == by_command, name


def _plain(body: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_ANY.sub("*", body or "{}"))
    return told


def recording_of(gate: Gatehouse, number: str) -> str:
    """The recording of the call to a number."""
    sql = "SELECT recordings.recording_id FROM recordings JOIN calls USING (call_id) WHERE number = ?"
    rows = gate.wait(lambda: gate.rows(sql, f"+44{number[1:]}"), 10, "nothing is recorded")
    return str(rows[0]["recording_id"])


def test_a_days_work_in_the_console_and_by_the_command_line(tmp_path: Path) -> None:
    with (
        running(tmp_path / "gate", announcement=0.6) as gate,
        Phones(port=gate.trunk_port),
        Phones(to=gate.address) as near,
        Tmux([*PROGRAM, "console", "-c", str(gate.config)], PYTHONPATH=str(ROOT)) as screen,
    ):
        twins = Twins(gate)
        near.wait([near.dial(BESIDE), near.dial(WATCHED)], "up", 10)
        screen.wait("2 calls in hand", "talking", "+44 1134 *** *10", "rec ")
        assert WATCHED[1:] not in screen.text.replace(" ", "")
        hold(screen, gate, twins)
        screen.press("q")
        assert screen.ended() == 0
        twins.agree()
        gate.verified()


def hold(screen: Tmux, gate: Gatehouse, twins: Twins) -> None:
    """The recording of the call that is going on, held; and the other one."""
    reason, reference = "claim of a customer", "case 17/2026"
    mine, other = recording_of(gate, WATCHED), recording_of(gate, BESIDE)
    screen.press("5")
    screen.wait(mine[:8], other[:8])
    lines = [line for line in screen.text.splitlines() if mine[:8] in line or other[:8] in line]
    screen.press(*["j"] * (mine[:8] in lines[1]), "Enter")
    screen.wait(f"Recording {mine}", "none on this recording")
    with twins.step("hold"):
        screen.press("h")
        screen.wait("Hold this recording")
        screen.type(reason, "Enter")
        screen.type(reference, "Enter", "Enter")
        screen.wait("Held: case 17/2026", f"hold {reference}: {reason}")
    with twins.step("hold"):
        words = ("--reason", reason, "--reference", reference)
        dialgate("hold", "add", "--recording", other, *words, config=gate.config)
    screen.press("Escape")
    screen.wait("[recordings]")
