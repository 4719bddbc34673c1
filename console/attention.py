"""What somebody must see to, as in ``dialgate status``: a word for the top line, and where it is mended."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Place(NamedTuple):
    """Where something is seen to."""

    mode: str
    view: int = 0
    """Number of the mode's list."""
    action: str = ""
    """What is done there at once: a dialog that asks."""


class Attention(NamedTuple):
    """One sentence of ``status``."""

    text: str
    word: str
    """For the top line."""
    place: Place


CALLED: Final = "CALLED ALL THE SAME"
"""The word of what comes before everything else."""
_KNOWN: Final = (
    (re.compile(r"made against (?:the gate's refusal|refusals)"), CALLED, Place("calls")),
    (re.compile(r"^Breach BR-"), "BREACH", Place("audit", 3)),
    (re.compile(r"^Refusals jump"), "REFUSALS JUMP", Place("calls")),
    (re.compile(r"^One caller jumps: (?:account|trunk|http):([^ @]+)"), r"\1 JUMPS", Place("live", 1)),
    (re.compile(r"^One-sided talks: \d.* in the last hour"), "ONE-SIDED TALKS", Place("calls")),
    (re.compile(r"^One-sided talk"), "one-sided talk", Place("calls")),
    (re.compile(r"^(?:account|trunk):([^ :]++)(?=.*dialgate trunk-test)"), r"\1 2nd trunk", Place("live")),
    (re.compile(r"^(\w+) supports (?:no calls|calls for)"), r"\1", Place("registers", 0)),
    (re.compile(r"^The log did not hold"), "LOG DID NOT HOLD", Place("audit", 0)),
    (re.compile(r"^Requests overdue"), "OVERDUE", Place("requests", 1)),
    (re.compile(r"^Requests that wait"), "requests wait", Place("requests", 1)),
    (re.compile(r"^The trunk (\S+)"), r"trunk \1", Place("live")),
    (re.compile(r"^Trunk (\S+)"), r"trunk \1", Place("live")),
    (re.compile(r"^(?:account|trunk):(\S+) (?:is refused|looked up)"), r"\1", Place("calls")),
    (re.compile(r"^(?:account|trunk):([^ :]+):"), r"\1 service calls", Place("calls")),
    (re.compile(r"looked up [\d,]+ numbers"), "look-ups", Place("audit", 0)),
    (re.compile(r"waits for a second person"), "2nd person", Place("retention", 0, "waiting")),
    (
        re.compile(r"second person|two people|could confirm"),
        "2nd person",
        Place("retention", 0),
    ),
    (re.compile(r"^The daily sweep"), "sweep waits", Place("retention", 0)),
    (re.compile(r"not been signed"), "LOG NOT SIGNED", Place("audit", 1)),
    (re.compile(r"checkpoint|older than what was signed"), "evidence", Place("audit", 1)),
    (re.compile(r"memory journal"), "memory journal", Place("retention", 0)),
    (re.compile(r"\bclock\b"), "clock", Place("audit", 0)),
    (re.compile(r"\bkey\b|\bkeys\b|recipient|on the register on terms|seal"), "keys", Place("audit", 2)),
    (re.compile(r"^(?:\d.* of the|The) webhook"), "webhook", Place("audit", 0, "reports")),
    (re.compile(r"^Letters"), "letters", Place("requests", 0)),
    (re.compile(r"^Policy"), "policy", Place("audit", 2)),
    (re.compile(r"\b(?:TPS|CTPS)\b"), "registers", Place("registers", 0)),
)


def placed(text: str) -> Attention:
    """A sentence with its word and its place; one that nobody foresaw is seen to under Today, where it stands."""
    for pattern, word, place in _KNOWN:
        if found := pattern.search(text):
            return Attention(text, found.expand(word), place)
    return Attention(text, "see to", Place("today"))
