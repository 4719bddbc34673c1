"""How far the line has brought a call: one table for every bridge (a call out or in, a transfer, a recording session).

What may happen to a call is decided by its rules (``calls``, ``calls_in``). This says what has happened to its two
legs, and in which order it can: nobody is connected whose answer is not there, and what is over stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """The stages of the legs of one call."""

    DIALLING = "dialling"
    """The INVITE is at a trunk; nothing of its answer reaches the caller."""
    ANSWERED = "answered"
    """The callee is acknowledged and hears the announcement; the caller still hears ringing."""
    CONNECTED = "connected"
    """Both are answered."""
    ALONE = "alone"
    """The caller has gone; the callee is still there."""
    OVER = "over"


class Step(StrEnum):
    """What has happened."""

    INVITED = "invited"
    """An INVITE has left, or may have."""
    HEARD = "heard"
    """The trunk has said anything at all."""
    RANG = "rang"
    """It has said more than 100: the callee may have been rung."""
    PICKED_UP = "picked up"
    """The callee has answered, whatever becomes of it."""
    UNATTENDED = "unattended"
    """The same, and the call manager knows that they are hung up on."""
    NEXT = "next"
    """Another trunk is asked."""
    ANSWER = "answer"
    """The media relay has taken the callee's answer; the call manager knows of it."""
    CONNECT = "connect"
    CALLER_LEFT = "caller left"
    END = "end"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call stands."""

    stage: Stage = Stage.DIALLING
    invited: bool = False
    """An INVITE has left, or may have."""
    heard: bool = False
    """The trunk of the moment has said anything at all."""
    rung: bool = False
    """The callee may have been rung."""
    picked_up: bool = False
    reported: bool = False
    """The call manager knows that they have picked up."""

    def after(self, step: Step) -> Progress:
        """Return the progress after a step. Raises ``ValueError`` where the step cannot come at this stage."""
        stage = TABLE.get((self.stage, step))
        if stage is None:
            raise ValueError(f"{step} cannot come while {self.stage}")
        return Progress(
            stage,
            self.invited or step is Step.INVITED,
            step is not Step.NEXT and (self.heard or step in _HEARD),
            self.rung or step is Step.RANG,
            self.picked_up or step in _PICKED_UP,
            self.reported or step in _REPORTED,
        )


_HEARD: Final = frozenset({Step.HEARD, Step.RANG})
_PICKED_UP: Final = frozenset({Step.PICKED_UP, Step.UNATTENDED, Step.ANSWER})
_REPORTED: Final = frozenset({Step.UNATTENDED, Step.ANSWER})
TABLE: Final[Mapping[tuple[Stage, Step], Stage]] = {
    (Stage.DIALLING, Step.NEXT): Stage.DIALLING,
    (Stage.DIALLING, Step.ANSWER): Stage.ANSWERED,
    (Stage.ANSWERED, Step.CONNECT): Stage.CONNECTED,
    (Stage.ANSWERED, Step.CALLER_LEFT): Stage.ALONE,
    (Stage.CONNECTED, Step.CALLER_LEFT): Stage.ALONE,
    (Stage.ALONE, Step.CALLER_LEFT): Stage.ALONE,
    **{(stage, Step.END): Stage.OVER for stage in Stage},
    # A trunk that was silent, or one that is given up, may be heard of at any time.
    **{(stage, step): stage for stage in Stage for step in (*_HEARD, Step.INVITED, Step.PICKED_UP, Step.UNATTENDED)},
}
"""What the stage is after a step; a pair that is not in it cannot come."""
