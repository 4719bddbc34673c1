"""The recording of a call that goes on, paused and resumed by somebody who does not take part in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from gate.core.call_words import PauseAsked
from gate.errors import UsageError
from gate.operations.operation import FLOOR, Caller, Line, Note, Request, Response, about, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class Kept(Response, frozen=True, kw_only=True):
    """What is so from now on."""

    call_id: str
    paused: bool


class CallsPause(Request[Kept], frozen=True, kw_only=True):
    """Keep nothing of a call that goes on, until it is resumed or over."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[Note, about("Why; kept in the log.", "Why, kept in the log", eg=("a bank card is read out",))]


class CallsResume(Request[Kept], frozen=True, kw_only=True):
    """Record again what was paused so."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[Note, about("Why; kept in the log.", "Why, kept in the log", eg=("the bank card is read out",))]


@operation(CallsPause, "calls_pause", roles=FLOOR, running=True)
def calls_pause(folder: DataFolder, asked: CallsPause, caller: Caller) -> Kept:
    """Pause the recording of a call in hand: silence in its place, and a leaf that says who and why."""
    return _asked(folder, asked.call_id, PauseAsked(True, caller.actor, asked.why.strip()))


@operation(CallsResume, "calls_resume", roles=FLOOR, running=True)
def calls_resume(folder: DataFolder, asked: CallsResume, caller: Caller) -> Kept:
    """Resume a recording that was paused so. What the agent has paused by keys, the agent alone resumes."""
    return _asked(folder, asked.call_id, PauseAsked(False, caller.actor, asked.why.strip()))


def _asked(folder: DataFolder, call_id: str, asked: PauseAsked) -> Kept:
    if not asked.why:
        raise UsageError("a recording is paused and resumed for a reason only", hint="Say why: the log keeps it.")
    if why_not := folder.gate.pause(call_id, asked):
        word = "paused" if asked.pause else "resumed"
        raise UsageError(
            f"call {call_id} is not {word}: {why_not}",
            hint="See the calls in hand: dialgate status --json, or Live in the console",
        )
    return Kept(call_id=call_id, paused=asked.pause)
