"""Reads a call from the name of its recording's file, by patterns of the configuration (``ingest.names``).

A pattern is a name with ``*`` for anything, and ``{number}`` (as dialled), ``{date}`` (``20261129``) and ``{time}``
(``162436``) in London's clock, or ``{call_id}`` (the Call-ID of the INVITE).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from gate.core.days import LONDON

_PLACES = {
    "{number}": r"(?P<number>\+?[0-9]{3,20})",
    "{date}": r"(?P<date>[0-9]{8})",
    "{time}": r"(?P<time>[0-9]{6})",
    "{call_id}": r"(?P<call_id>[^/]{1,200}?)",
    "*": r"[^/]*?",
}
WILDCARDS = 3
"""The most wildcards of one pattern: what a name of 255 characters is compared with stays small."""
_PARTS = re.compile(r"(\{number\}|\{date\}|\{time\}|\{call_id\}|\*)")


class CallName(NamedTuple):
    """By which a recording's call is found: the Call-ID of its INVITE, or number and time."""

    call_id: str = ""
    number: str = ""
    at: datetime | None = None


def call_named(name: str, patterns: Sequence[str]) -> CallName | None:
    """Read the name of a file; None where it fits no pattern, or its time does not exist."""
    for pattern in patterns:
        if (found := _compiled(pattern).fullmatch(name)) is None:
            continue
        said = found.groupdict()
        at = _at(said["date"] + said["time"]) if said.get("date") and said.get("time") else None
        if said.get("call_id") or (said.get("number") and at):
            return CallName(said.get("call_id") or "", said.get("number") or "", at)
    return None


def fault_of(pattern: str) -> str:
    """Why no call is found by names of this pattern; empty where one is."""
    parts = _PARTS.findall(pattern)
    if parts.count("*") > WILDCARDS:
        return f"has more than {WILDCARDS} times *"
    if len(set(parts) - {"*"}) != len([each for each in parts if each != "*"]):
        return "names a place twice"
    if "{call_id}" in parts or {"{number}", "{date}", "{time}"} <= set(parts):
        return ""
    return "says neither {call_id} nor {number}, {date} and {time}"


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_PLACES.get(part) or re.escape(part) for part in _PARTS.split(pattern)), re.IGNORECASE)


def _at(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=LONDON).astimezone(UTC)
    except ValueError:
        return None
