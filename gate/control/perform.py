"""An operation carried out on a desk: the same for the control interface and for a command that opens the folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.control.messages import plain
from gate.core.masking import masked
from gate.given import Given


def perform(desk: Any, op: str, actor: str, fields: Mapping[str, Any]) -> Any:
    """What ``desk.op(actor=…, **fields)`` returns, as JSON values; with ``masked`` its numbers are hidden in part.

    A file that was handed over is closed at the end. Raises what the desk raises.
    """
    given = dict(fields)
    hide, file = given.pop("masked", False), given.get("file")
    try:
        answer = plain(getattr(desk, op)(actor=actor, **given))
    finally:
        if isinstance(file, Given):
            file.close()
    return masked(answer) if hide else answer
