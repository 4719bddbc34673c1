"""What became of a call, in words that the person who was called reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def outcome(call: Mapping[str, Any]) -> str:
    """From a call's row (``reason``, ``state``, ``cause``, ``bridged``, ``answered_at``, ``seconds``, ``recording_id``,
    ``recorded_seconds``): ``answered, 3 min 5 s``; of a call in ``a call to us: answered, …``."""
    said = _outcome(call)
    return f"a call to us: {said}" if call.get("reason") == "call_in" else said


def _outcome(call: Mapping[str, Any]) -> str:
    state = call["state"]
    if state == "called_against_refusal":  # by another way than the gate, which came to know of it by a recording
        length_of_it = f", {length(call['recorded_seconds'])}" if call.get("recorded_seconds") else ""
        refused = "without being checked first" if call.get("reason") == "not_asked" else "although it had been refused"
        return f"called all the same, {refused}{length_of_it}"
    if state == "refused":
        return "not dialled"
    if state == "asked" or call.get("cause") == "redirected":
        return "allowed to the phone system, which dials by itself"
    if state != "ended":
        return "in progress"
    if call["bridged"]:
        return f"answered, {length(call['seconds'] or 0.0)}"
    return "answered, ended before an agent was heard" if call["answered_at"] else "not answered"


def length(seconds: float) -> str:
    """Seconds as they are said: ``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
