"""The leaves of a bundle, each proven to be in the signed log, and which of them its facts have met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gate.core.evidence import EvidenceError, days_between, leaf_hash, verify_inclusion
from gate.core.facts.calls import Answered, CallIn, Connected, Decision, Ended
from gate.core.facts.recordings import RecordingClosed, RecordingOpened
from gate.exports import bundle as form
from gate.exports.bundle import BundleError
from gate.exports.bundle_read import Bundle, Findings, proof_of
from gate.types import Progress

_CALLS: Final = tuple(each.kind for each in (Decision, CallIn, Answered, Connected, Ended))
_RECORDINGS: Final = (RecordingOpened.kind, RecordingClosed.kind)
_STRAY: Final = (
    "The gate's clock was set back, or was wrong: these calls are in the bundle of the time that they are dated. "
    "Ask for it."
)
_BESIDE: Final = (
    "The gate's clock was set back, or was wrong: what was kept there, calls too, may be in no bundle but that of the "
    "time that it is dated. Ask for it."
)
SHOWN: Final = 5
"""Places named in a sentence, at most."""


class Faults:
    """Places where one kind of thing does not hold."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, place: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(place)

    def tell(self, findings: Findings, name: str, holds: str, fails: str) -> None:
        """What came of it."""
        if self.count:
            more = " and more" if self.count > len(self.first) else ""
            findings.fails(name, f"{fails}: {', '.join(self.first)}{more}.")
        else:
            findings.holds(name, holds)


class Strays:
    """Leaves that were kept within a period and are dated more than a day before or after it: their facts go with that
    other time, so that a clock that was set back for a while would take calls out of the period.

    What had to wait for room in the store keeps its own time, so a day is let pass.
    """

    def __init__(self, since: str, until: str) -> None:
        self._since, self._until = since, until
        self.count = 0
        self.calls = 0
        """Those of them that tell of calls."""
        self._first = ""
        self.beside = ""
        """The leaf beside the period that is dated on its wrong side, or empty: others like it may lie behind it, where
        this bundle shows nothing, and the one of the next period neither."""

    def border(self, index: int, leaf: str, *, before: bool) -> None:
        """The leaf before the period's first, or after its last. Before it a call alone tells: a log of calls that were
        made before the gate begins with a later day."""
        value = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")
        at, call = str(value["at"]), value.get("kind") in (*_CALLS, *_RECORDINGS)
        if (call and days_between(self._until, at) > 1) if before else days_between(at, self._since) > 1:
            side = "before" if before else "after"
            self.beside = f"The entry {side} those of the period, leaf {index:,}, is dated {at[:10]}"

    def add(self, index: int, leaf: str) -> None:
        """A leaf whose time is not in the period."""
        value = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")
        at, call = str(value["at"]), value.get("kind") in _CALLS
        if max(days_between(at, self._since), days_between(self._until, at)) > 1:
            if call > bool(self.calls) or not self._first:
                self._first = f"leaf {index:,} of {at[:10]}"
            self.count, self.calls = self.count + 1, self.calls + call

    @property
    def told(self) -> str:
        """How many, and one of them."""
        said = "entry is" if self.count == 1 else "entries are"
        return f"{self.count:,} {said} dated outside of the period ({self._first})"


def first_to_last(told: dict[str, Any], index: int) -> bool:
    """Whether a leaf lies within those of the period, and not beside them."""
    first, last = told.get("first"), told.get("last")
    return isinstance(first, int) and isinstance(last, int) and first < index < last


class Leaves:
    """The leaves of a bundle: hash by index, and which of them the facts have met."""

    def __init__(self, bundle: Bundle) -> None:
        self._head = bundle.checkpoint
        self._period = bundle.manifest.period
        first, last = (bundle.manifest.leaves.get(name) for name in ("first", "last"))
        self._told = bundle.manifest.leaves
        self._run = range(0)
        if first is not None and last is not None and 0 <= first <= last < self._head.size:
            self._run = range(max(first - 1, 0), min(last + 2, self._head.size))
        self._gap = bundle.manifest.leaves.get("gap") if first is None and last is None else None
        """The first leaf after a period that is said to have none."""
        self._gap_shown = self._gap is not None and 0 <= self._gap <= self._head.size
        if self._gap is not None and self._gap_shown:
            self._run = range(max(self._gap - 1, 0), min(self._gap + 1, self._head.size))
        self._hashes = bytearray()
        self._due = bytearray()
        """For each leaf of the run: 1 while it lies in the period and no fact has met it."""
        self._outside: dict[int, bytes] = {}
        self._strays = Strays(self._period.since, self._period.until)

    def read(self, lines: Iterator[bytes], findings: Findings, progress: Progress) -> None:
        """All leaves with their proofs. Raises ``BundleError``."""
        head, faults, count, before, expected = self._head, Faults(), 0, -1, self._run.start
        total = max(self._told.get("count") or 1, 1)
        for line in lines:
            value = form.from_line(line, "leaves.jsonl")
            index, leaf = value.get("index"), value.get("leaf")
            if type(index) is not int or not isinstance(leaf, str) or index <= before:
                raise BundleError("leaves.jsonl holds a line that is no leaf, or one out of order")
            digest = leaf_hash(leaf.encode("utf-8", "surrogatepass"))
            proof = proof_of(value.get("proof"), f"leaf {index}")
            if not verify_inclusion(digest, index, head.size, proof, head.root):
                faults.add(f"leaf {index}")
            if index in self._run and index == expected:
                expected += 1
                self._hashes += digest
                self._due.append(self._in_period(leaf))
                if not self._due[-1] and first_to_last(self._told, index):
                    self._strays.add(index, leaf)
                elif not self._due[-1] and self._gap is None:
                    self._strays.border(index, leaf, before=index == self._run.start)
                self._gap_shown = self._gap_shown and self._beside_gap(index, leaf)
            else:
                self._outside[index] = digest
            before, count = index, count + 1
            if count % 2000 == 0:
                progress(0.4 * count / total, f"{count:,} leaves")
        faults.tell(
            findings, "leaves", f"{count:,} leaves, each proven to be in the signed log.",
            "Leaves are not in the signed log",
        )  # fmt: skip
        if count != self._told.get("count") or expected != self._run.stop:
            findings.fails("complete", "Leaves of the period are missing from the bundle: the run is broken.")

    def _beside_gap(self, index: int, leaf: str) -> bool:
        """Whether a leaf beside an empty period stands on its side of it."""
        at = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")["at"]
        return self._gap is None or (at < self._period.since if index < self._gap else at >= self._period.until)

    def _in_period(self, leaf: str) -> bool:
        try:
            at = form.from_line(leaf.encode("utf-8", "surrogatepass"), "leaves.jsonl")["at"]
            return self.in_period(at)
        except (KeyError, TypeError, EvidenceError) as error:
            raise BundleError("leaves.jsonl holds a leaf without a time") from error

    def in_period(self, at: str) -> bool:
        """Whether a stamp lies in the period."""
        return self._period.since <= at < self._period.until

    def meet(self, index: int, leaf: bytes) -> bool:
        """A fact with this leaf; whether that is the one in the log."""
        digest = leaf_hash(leaf)
        place = index - self._run.start
        if index in self._run and (place + 1) * 32 <= len(self._hashes):
            self._due[place] = 0
            return self._hashes[place * 32 : place * 32 + 32] == digest
        return self._outside.get(index) == digest

    def tell(self, findings: Findings) -> None:
        """Is anything of the period left out?"""
        missing = self._due.count(1)
        if missing:
            at = self._run.start + self._due.index(1)
            findings.fails(
                "complete", f"{form.many(missing, 'fact')} of the period left out; the first is that of leaf {at:,}."
            )
        elif self._gap is not None and self._gap_shown:
            where = "the leaf before it and the leaf after it follow each other"
            if not self._gap or self._gap == self._head.size:
                where = "the log ends before it" if self._gap else "the log begins after it"
            findings.holds("complete", f"No entry lies in the period: {where} (leaf {self._gap:,}).")
        elif self._gap is not None or not self._run:
            findings.fails("complete", "It is said that no entry lies in the period, and the leaves do not show it.")
        else:
            run = f"between leaf {self._run.start:,} and leaf {self._run.stop - 1:,}"
            if self._strays.beside and not self._strays.calls:
                findings.fails("complete", f"{self._strays.beside}. {_BESIDE}")
            elif self._strays.calls:
                findings.fails("complete", f"{self._strays.told} {run}. {_STRAY}")
            else:
                also = f" {self._strays.told} there: no calls." if self._strays.count else ""
                findings.holds("complete", f"No entry {run} is left out: the period is whole.{also}")
