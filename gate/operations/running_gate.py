"""What a running gate's line knows before the store does, for the operations that ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gate.core.call_words import PauseAsked
from gate.core.rows.calls import CallInHand
from gate.core.terms import Decision, Reason
from gate.ports import Fact


def _no_obstacle(_number: str = "") -> None:
    return None


def _no_call(_call_id: str, _asked: PauseAsked) -> str:
    return "no gate runs"


def _nothing(_asked_by: str, _decision: Decision) -> None:
    return None


def _no_limit(_asked_by: str) -> tuple[None, bool]:
    return None, True


@dataclass(frozen=True, slots=True)
class RunningGate:
    """As it stands: no gate runs, and the data folder is opened by a command."""

    obstacle: Callable[[str], Reason | None] = _no_obstacle
    """What forbids a call to this number now (E.164; empty: every call): the gate stops, or an objection of it may be
    on its way to the store."""
    keep: Callable[[Fact, str], None] | None = None
    """Keeps a question of ``http:NAME`` for an emergency number, as ``CallManager.keep``."""
    calls: Callable[[], list[CallInHand]] = list
    """The calls in hand."""
    counts: Callable[[], dict[str, Any]] = dict
    """What it counts, for ``status``: ``line``, ``usage``, ``trunks`` and ``recording_sessions``."""
    warnings: Callable[[], list[str]] = list
    """What somebody must see to on the line and in the watched folder, a sentence each."""
    pause: Callable[[str, PauseAsked], str] = _no_call
    """Pauses or resumes the recording of a call in hand; says why it cannot be, nothing where it is done."""
    question: Callable[[str], tuple[Reason | None, bool]] = _no_limit
    """Why ``http:NAME`` may ask no more in this minute, and whether that refusal has a leaf; asked once
    for each question, for it counts them."""
    unready: Callable[[], list[str]] = list
    """What forbids every call, or lets nobody be recorded: reason codes."""
    unkept: Callable[[], None] = lambda: None
    """A question was refused, and the refusal could not be kept: it is counted."""
    answered: Callable[[str, Decision], None] = _nothing
    """What ``http:NAME`` was told: it counts among that token's calls."""


NO_GATE: Final = RunningGate()
