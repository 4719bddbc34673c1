"""Pauses of a recording: by the agent's keys, or by somebody who does not take part in the call.

There is one pause, whoever asked for it. Nothing is recorded before the announcement is over, so none hides it, and the
end of the call ends it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from gate.core.call_words import Call, Do, PauseAsked, Policy

C = TypeVar("C", bound=Call)


def code_typed(call: C, digit: str, policy: Policy) -> tuple[C, list[Do]]:
    """A key of the agent's, who hears what is said: their codes pause and resume, whoever has paused before. A pause of
    theirs is theirs from then on: it may be for card data (LAW 5.2)."""
    keys = (call.keys + digit)[-max(len(policy.pause_code), len(policy.resume_code)) :]
    if call.recording and (not call.paused or call.asked_by) and keys.endswith(policy.pause_code):
        return replace(call, paused=True, keys="", asked_by="", why=""), [Do.PAUSE]
    if call.recording and call.paused and keys.endswith(policy.resume_code):
        return replace(call, paused=False, keys="", asked_by="", why=""), [Do.RESUME]
    return replace(call, keys=keys), []


def pause_asked(call: C, event: PauseAsked, _policy: Policy) -> tuple[C, list[Do]]:
    """Who does not hear the call pauses it, and resumes what was paused so: never what the agent has paused."""
    if why_not_paused(call, pause=event.pause):
        return call, []
    asked = replace(call, paused=event.pause, keys="", asked_by=event.by, why=event.why)
    return asked, [Do.PAUSE if event.pause else Do.RESUME]


def why_not_paused(call: Call, *, pause: bool) -> str:
    """Why nobody but the agent can pause, or resume, this call now; empty where they can."""
    if not call.recording:
        return f"nothing of it is recorded now (it is {call.state.value})"
    if pause:
        return "its recording is paused already" if call.paused else ""
    if not call.paused:
        return "its recording is not paused"
    return "" if call.asked_by else "the agent has paused it, who alone knows when it may go on"
