"""What is typed in one go with the key that opens a dialog: the dialog's, in order; nothing of it acts on the list.

In a terminal at a real gate, all keys written at once: as a fast typist's come, and those of a slow line.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.commands import PROGRAM
from tests.support.painted import Painted
from tests.support.running_gate import ROOT, RunningGate, running

BURST = "qpds17xz"
"""Each of these letters does something in a list, or leaves it."""
ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    with running(tmp_path_factory.mktemp("typed") / "gate") as gate:
        call = gate.client.call
        call("objection_add", number="020 7946 0123", source="told")
        who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": ["020 7946 0124"]}
        call("request_open", asks="access", channel="post", **who)
        yield gate


@pytest.fixture(scope="module")
def terminal(gate: RunningGate) -> Iterator[Painted]:
    with Painted([*PROGRAM, "console", "-c", str(gate.config)], cwd=ROOT) as screen:
        screen.until(lambda: "Today" in screen.picture.text and "gate up" in screen.picture.text)
        yield screen
        screen.press("q")
        screen.until(lambda: "Leave the console?" in screen.picture.text)
        assert screen.end("\r") == 0


PLACES = {
    "find": ("0", "yesterday", "F", "Find"),
    "palette": ("0", "yesterday", ":", "Find in calls"),
    "receipt": ("4", "[calls]", "c", "A callee's receipt"),
    "number": ("2", "[registers]", "n", "May a number be dialled?"),
    "removal": ("2\t\t", "**23", "d", "Remove this objection?"),  # the objection itself: without one there is no dialog
    "hold": ("6", "[calendar]", "a", "Reason"),
    "request": ("7", "[board]", "n\r\r", "Who asks"),
    "verification": ("8", "[leaves]", "v", "Verify the log?"),
}
"""Dialog -> keys to its place, what stands there, the key that opens it, what stands in it."""


@pytest.mark.parametrize("name", PLACES)
def test_what_is_typed_in_one_go_is_the_dialogs_and_does_nothing_else(
    gate: RunningGate, terminal: Painted, name: str
) -> None:
    place, there, opens, shown = PLACES[name]
    arrive(terminal, place, there)
    leaves = len(gate.rows("SELECT leaf_index FROM facts"))
    terminal.press(opens + BURST)
    terminal.until(lambda: BURST in terminal.picture.text and shown in terminal.picture.text, 30)
    terminal.press(ESCAPE)
    terminal.until(lambda: BURST not in terminal.picture.text and there in terminal.picture.text, 30)
    terminal.press(opens + BURST + ESCAPE)
    to_live(terminal)
    assert len(gate.rows("SELECT leaf_index FROM facts")) == leaves


def to_live(terminal: Painted) -> None:
    """By its key, again and again: a dialog that is still there would take it for its field."""
    for _ in range(60):
        terminal.idle(0.5)  # at once behind an Esc it would be another key, with Alt
        if "calls in hand" in terminal.picture.text:
            return
        terminal.press("1")
    raise AssertionError(terminal.picture.text)


def arrive(terminal: Painted, place: str, there: str) -> None:
    """In a mode, its first list, and on from there."""
    to_live(terminal)
    for key in place:
        terminal.press(key)
        terminal.until(lambda: "calls in hand" not in terminal.picture.text, 30)
    terminal.until(lambda: there in terminal.picture.text, 30)
