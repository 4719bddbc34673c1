"""Leaf by leaf: bytes, hash, row, tile, and the root at every signed size. Streams; holds one tile of hashes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from gate.audit.given_up import GivenUp
from gate.audit.heads import Head, is_given_up
from gate.audit.report import Findings
from gate.core.evidence import EvidenceError, Frontier, commitment, days_between, leaf_bytes
from gate.core.facts.retention import FactsErased

TILE_LEVEL = 8
TILE = 1 << TILE_LEVEL
STEP = 10_000

Progress = Callable[[int, int], None]
"""``progress(done, of)`` in leaves; called every ``STEP`` leaves and at the end."""

_ROWS = """
SELECT leaves.leaf_index, leaf, hash, facts.leaf_index, kind, subject, at, actor, salt, body
FROM leaves LEFT JOIN facts ON facts.leaf_index = leaves.leaf_index ORDER BY leaves.leaf_index
"""
_EXTRA = """
SELECT leaf_index FROM facts WHERE NOT EXISTS (SELECT 1 FROM leaves WHERE leaves.leaf_index = facts.leaf_index)
ORDER BY leaf_index
"""
_FIELDS = ("kind", "subject", "at", "actor")


class LeafCheck:
    """One pass over the log. ``run`` it once; then ``frontier`` is the whole tree."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        heads: Sequence[Head],
        findings: Findings,
        given_up: Sequence[GivenUp] = (),
    ) -> None:
        """``given_up``: checkpoints that the log need not fit, as a restore has said."""
        self._connection = connection
        self._given_up = given_up
        self._findings = findings
        self._heads = list(heads)
        """Those still to be met, by size."""
        self.settled = 0
        """The largest signed size whose root held."""
        self._rewritten: int | None = None
        """The smallest signed size whose root did not hold."""
        self._tiles: Iterator[tuple[int, bytes]] = iter(())
        self._next_tile: tuple[int, bytes] | None = None
        self._hashes: list[bytes] = []
        """Leaf hashes of the tile that is being read."""
        self._above = self._edge = Frontier()
        """The complete tiles before it; and with those of its leaves that a checkpoint has been compared with."""
        self._whole = True
        """No leaf is missing so far: after that no root can be compared any more."""
        self._emptied: set[int] = set()
        self._receipts: set[int] = set()
        self.size = 0
        self._latest = ""
        """The latest time of any entry so far."""
        self._days_back = 0
        self.set_back: tuple[int, str, str] | None = None
        """The entry that is dated the furthest before one that stands before it, its time and that one's."""

    @property
    def frontier(self) -> Frontier:
        """The tree over the leaves read so far, up to the first one that is missing."""
        for digest in self._hashes[self._edge.size - self._above.size :]:
            self._edge = self._edge.push(digest)
        return self._edge

    def run(self, progress: Progress | None) -> None:
        """Read the whole log."""
        (last,) = self._connection.execute("SELECT max(leaf_index) FROM leaves").fetchone()
        total = 0 if last is None else last + 1
        self._tiles = iter(self._connection.execute("SELECT tile, hash FROM tiles ORDER BY tile"))
        self._next_tile = next(self._tiles, None)
        self._meet_heads()
        for row in self._connection.execute(_ROWS):
            self._leaf(*row)
            if progress is not None and self.size % STEP == 0:
                progress(self.size, total)
        for (index,) in self._connection.execute(_EXTRA):
            self._findings.fault("row_extra", f"fact {index} has no leaf", index)
        if progress is not None:
            progress(self.size, total)
        self._finish()

    def _leaf(
        self, index: int, leaf: bytes, digest: bytes, fact: int | None, kind: str, subject: str, at: str, actor: str,
        salt: bytes | None, body: str | None,
    ) -> None:  # fmt: skip
        findings = self._findings
        if index != self.size:
            self._whole = False
            gone = f"leaf {self.size} is" if index == self.size + 1 else f"leaves {self.size} to {index - 1} are"
            findings.fault("leaf_missing", f"{gone} not there", self.size)
        true_digest = sha256(b"\x00" + leaf).digest()
        if true_digest != digest:
            findings.fault("leaf_changed", f"leaf {index} is not what its hash says", index)
        if fact is None:
            findings.fault("row_missing", f"leaf {index} has no fact", index)
        elif salt is None and body is None:
            self._emptied.add(index)
            self._compare(index, leaf, (kind, subject, at, actor), None)
        elif salt is None or body is None:
            findings.fault("row_changed", f"fact {index}: half of what its leaf commits to is gone", index)
        else:
            commit = commitment(salt, body.encode())
            if self._compare(index, leaf, (kind, subject, at, actor), commit) and kind == FactsErased.kind:
                self._receipts.update(_receipt(body))
        if fact is not None:
            self._dated(index, at)
        self.size = index + 1
        if not self._whole:
            return
        self._hashes.append(true_digest)
        if len(self._hashes) == TILE:
            self._tile()
        if self._heads and self._heads[0].checkpoint.size <= self.size:
            self._meet_heads()

    def _dated(self, index: int, at: str) -> None:
        """What waited for room in the store keeps its own time, so a day is let pass."""
        if at >= self._latest:
            self._latest = at
        elif at[:10] < self._latest[:10] and (days := days_between(at, self._latest)) > max(1, self._days_back):
            self._days_back, self.set_back = days, (index, at, self._latest)

    def _compare(self, index: int, leaf: bytes, fields: tuple[str, str, str, str], commit: bytes | None) -> bool:
        """The fact against its leaf; without a commitment (erased) against all the rest of it."""
        try:
            if commit is not None and leaf == leaf_bytes(*fields, commit):
                return True
            said = json.loads(leaf)
            if commit is None and leaf == leaf_bytes(*fields, bytes.fromhex(said["commit"])):
                return True
            changed = [name for name, value in zip(_FIELDS, fields, strict=True) if said.get(name) != value]
            changed += ["body"] if commit is not None and said.get("commit") != commit.hex() else []
        except (EvidenceError, ValueError, KeyError, TypeError, AttributeError):
            changed = []
        names = ", ".join(changed) or "the form of the leaf"
        self._findings.fault("row_changed", f"fact {index} is not the one its leaf commits to: {names}", index)
        return False

    def _tile(self) -> None:
        """A tile is complete: fold it, and compare it with the stored one."""
        tile = Frontier()
        for digest in self._hashes:
            tile = tile.push(digest)
        number = self._above.size >> TILE_LEVEL
        self._above = self._edge = self._above.push(tile.root, TILE_LEVEL)
        # A checkpoint that ends inside of the tile has been met before this: its hashes are no longer needed.
        self._hashes = []
        stored = self._next_tile
        if stored is not None and stored[0] <= number:
            self._next_tile = next(self._tiles, None)
        self._findings.tally("tiles")
        if stored != (number, tile.root):
            first = number << TILE_LEVEL
            self._findings.fault(
                "tile_changed", f"tile {number} is not the one over leaves {first} to {first + TILE - 1}", first
            )

    def _meet_heads(self) -> None:
        """Compare every checkpoint of this size with the tree. What was signed after a root that does not hold cannot
        hold either, unless it was signed over the other leaves: only the first is reported."""
        while self._heads and self._heads[0].checkpoint.size <= self.size:
            head = self._heads.pop(0)
            size = head.checkpoint.size
            if self.frontier.root == head.checkpoint.root:
                self.settled = size
            elif is_given_up(head, self._given_up):
                self._findings.tally("given_up")
            elif self._rewritten is None:
                self._rewritten = size
                self._findings.fault(
                    "log_rewritten",
                    f"{head.place} is signed over other leaves: one from {self.settled} to {size - 1} was changed, "
                    "moved, added or taken away",
                    self.settled,
                )

    def _finish(self) -> None:
        findings = self._findings
        beyond = [head for head in self._heads if head.checkpoint.size > self.size]
        lost = [head for head in beyond if not is_given_up(head, self._given_up)]
        if len(beyond) > len(lost):
            findings.tally("given_up", len(beyond) - len(lost))
        for head in lost[-1:]:
            size = head.checkpoint.size
            gone = f"leaf {self.size} is" if size == self.size + 1 else f"leaves {self.size} to {size - 1} are"
            findings.fault("log_truncated", f"{gone} gone: {head.place} is signed over {size} leaves", self.size)
        if self._whole and self._next_tile is not None:
            tile = self._next_tile[0]
            findings.fault("tile_changed", f"tile {tile} is over leaves that are not there", tile << TILE_LEVEL)
        for index in sorted(self._emptied - self._receipts):
            findings.fault("row_emptied", f"fact {index} is empty, and no fact says that it was erased", index)
        findings.tally("leaves", self.size)
        findings.tally("erased", len(self._emptied))
        findings.tally("unsigned", self.size - self.settled)


def _receipt(body: str) -> list[int]:
    said: Any = json.loads(body)
    leaves = said.get("leaves", []) if isinstance(said, dict) else []
    return [leaf for leaf in leaves if isinstance(leaf, int)] if isinstance(leaves, list) else []
