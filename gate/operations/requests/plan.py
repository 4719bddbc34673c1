"""What an erasure takes and what it leaves, as far as it is known; an erasure under way notes what it passes over."""

from __future__ import annotations

from dataclasses import dataclass, field

from gate.operations.operation import plan_digest
from gate.operations.requests.proofs import same_name
from gate.types import Row

ELSEWHERE = " on another matter ("
"""In the name of a hold that is about somebody else and mentions the person."""
GONE = (None, "erased")
"""States of the recording of a call that has none to open."""


@dataclass(slots=True)
class Plan:
    """What goes and what stays."""

    request_id: str
    reference: str
    lines: list[str]
    whole: bool
    """All of the person, not only some calls."""
    calls: list[Row]
    others: set[str] = field(default_factory=set)
    """Calls of them to somebody else, to which the person was transferred: their recordings go, and of what the log
    says what is about the person."""
    shared: set[str] = field(default_factory=set)
    """Calls in whose recordings another person is heard."""
    held: dict[str, str] = field(default_factory=dict)
    """Call -> name of the hold that keeps it."""
    held_lines: dict[str, str] = field(default_factory=dict)
    """Number -> name of the hold on it."""
    holds_elsewhere: set[str] = field(default_factory=set)
    """Names of holds in force on others in which a number stands; their words are others', so they are not in it."""
    open_requests: set[str] = field(default_factory=set)
    """References of the person's requests that are not over, as they were passed."""
    name: str = ""
    """Who asks, where it is known."""
    undecided: list[str] = field(default_factory=list)
    """Names of holds that keep something, and nobody has said on what ground."""
    mentions: set[str] = field(default_factory=set)
    """What else of others a number stands in: ``consent <id>``, ``request <reference>``."""

    @property
    def going(self) -> list[str]:
        """Calls that nothing holds."""
        return [each["call_id"] for each in self.calls if each["call_id"] not in self.held]

    @property
    def recordings(self) -> list[str]:
        """Recordings that are not erased yet, held ones too: what holds them is judged when they go."""
        return [each["recording_id"] for each in self.calls if each["recording"] not in GONE]

    @property
    def standing(self) -> list[str]:
        """Those of them that nothing holds."""
        return [each["recording_id"] for each in self.calls if self._stands(each)]

    @property
    def free_lines(self) -> list[str]:
        """Numbers of which everything goes."""
        return [line for line in self.lines if line not in self.held_lines] if self.whole else []

    @property
    def held_by(self) -> list[str]:
        """Names of all holds that keep something."""
        return sorted({*self.held.values(), *self.held_lines.values(), *self.holds_elsewhere})

    @property
    def held_count(self) -> int:
        """Calls and numbers of theirs of which a hold keeps something."""
        return len(self.held) + (len(self.held_lines) if self.whole else 0)

    def as_row(self) -> Row:
        """For an answer: a dry run."""
        return {
            "calls": len(self.going),
            "recordings": len(self.standing),
            "shared": sum(each["call_id"] in self.shared and self._stands(each) for each in self.calls),
            "whole": self.whole,
            "held_calls": len(self.held),
            "held_by": self.held_by,
            "digest": self.digest,
        }

    @property
    def digest(self) -> str:
        """Stands for what would go and what stays: another plan has another one."""
        what = [
            self.request_id,
            sorted(self.going),
            sorted(self.recordings),
            self.free_lines,
            sorted(self.held.items()),
        ]
        return plan_digest(what)

    def spares(self, record: Row) -> bool:
        """True where this record (``gate.store.requests.record_of``), in which a free number stands, is left as it is.

        That is a hold in force, a request that is not over, and whatever is about somebody else, who would lose it by a
        mention. What stays so is noted for the receipt.
        """
        if record["call_id"] in self.held or self.held_lines.keys() & set(record["numbers"] or ()):
            return True  # and what keeps it is named already
        if record["in_force"] and record["record"] == "hold":
            self.holds_elsewhere.add(f"{record['kind']}{ELSEWHERE}{record['id']})")
            return True
        if not self._theirs(record):
            self.mentions.add(f"{record['record']} {record['name']}")
            return True
        if record["in_force"] and record["record"] == "request":
            self.open_requests.add(record["name"])
            return True
        return False

    def _theirs(self, record: Row) -> bool:
        if record["numbers"] is None:
            return True  # erased before: nothing is left in it that somebody else could lose
        if not same_name(record["person"], self.name):
            return False  # a request of another person on the same line
        if record["numbers"]:
            return not set(self.free_lines).isdisjoint(record["numbers"])
        if record["record"] == "request":
            return True  # its words alone say whose it is
        return record["call_id"] in {each["call_id"] for each in self.calls}

    def _stands(self, call: Row) -> bool:
        return call["recording"] not in GONE and call["call_id"] not in self.held
