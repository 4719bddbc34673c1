"""An operation carried out on a desk: the same for the control interface and for a command that opens the folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.control.messages import plain
from gate.core.masking import masked


def perform(desk: Any, op: str, actor: str, fields: Mapping[str, Any]) -> Any:
    """What ``desk.op(actor=…, **fields)`` returns, as JSON values; with ``masked`` its numbers are hidden in part.

    Raises what the desk raises.
    """
    given = dict(fields)
    hide = given.pop("masked", False)
    answer = plain(getattr(desk, op)(actor=actor, **given))
    return masked(answer) if hide else answer
