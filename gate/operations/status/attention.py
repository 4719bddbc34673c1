"""What somebody must see to, of the answers to ``status`` and ``audit_status``: a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gate.core.allowances import jumps
from gate.showing import local

Row = Mapping[str, Any]
SOON_DAYS: Final = 5
"""A register that supports calls for no longer needs a new file."""


def attention(answer: Row) -> Iterator[str]:
    """A sentence for each thing that somebody must see to; ``answer`` is that of ``status`` with the ``log``."""
    yield from answer.get("alarms", ())
    for row in answer["registers"]:
        name, left = str(row["name"]).upper(), row.get("days_left")
        if row["state"] != "ok" or left is None or left < 0:
            why = row.get("problem") or ("its days are over" if row["state"] == "ok" else row["state"])
            yield f"{name} supports no calls: {why}. Import a file: dialgate register import"
        elif left <= SOON_DAYS:
            yield f"{name} supports calls for {left} days more. Import a newer file: dialgate register import"
    verified = answer["log"]["verified"]
    if verified and not verified.get("ok"):
        yield f"The log did not hold on {local(verified['at'])}: dialgate audit verify"
    if overdue := answer["requests"].get("overdue"):
        yield f"Requests overdue: {overdue}. dialgate request list"
    for each in answer.get("trunks", ()):
        if each["up"] is False:
            yield f"The trunk {each['name']} is down: it does not answer OPTIONS, or says {each['code']}"
        if each["registered"] is False:
            yield f"The trunk {each['name']} does not take the gate's registration"
    for each in answer.get("usage", ()):
        if each["refused"]:
            yield f"{each['claimed_by']} is refused more calls: {each['refused']}. dialgate calls list"
        if each["many_service_calls"]:
            yield (
                f"{each['claimed_by']}: {each['service_percent_today']} % of today's calls were claimed as service: "
                "dialgate calls list --reason service_call"
            )
    yield from jumps(answer.get("usage", ()))
    yield from answer["warnings"]
