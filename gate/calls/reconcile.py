"""Closes what a crash left open, and keeps a leaf of it.

A call whose end is not in the log ended when the gate did. A recording whose end is not in the log is whatever of its
file is whole: chunks are sealed one by one, so all but the open one are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog
from msgspec import UNSET

from gate.calls.retry_queue import Judge
from gate.clock import Clock
from gate.core.abandoned import Why
from gate.core.facts import recordings as facts
from gate.core.facts.calls import Abandoned, Ended
from gate.core.rows.calls import RecordingRow
from gate.core.terms import Reason
from gate.errors import GateError
from gate.ports import Fact, RecordingClosed
from gate.recorder.messages import UnreportedClosing, find_notes
from gate.store import queries
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.vault.reader import scan

log = structlog.get_logger()


class Reconciler:
    """Blocking; not for the line thread."""

    def __init__(
        self, store: EvidenceStore, recordings: Path, clock: Clock, judge: Judge = lambda _tx, _fact: None
    ) -> None:
        """``recordings`` is the folder of sealed files."""
        self._judge = judge
        self._store = store
        self._recordings = recordings
        self._clock = clock

    def everything(self) -> dict[str, int]:
        """At start, before the line opens and when no recorder of an earlier run is left. Returns how many
        recordings and calls were closed."""
        recordings = self._store.call(queries.open_recordings)
        heard = {each.closed.recording_id: each for each in find_notes(self._recordings)}
        for row in recordings:
            self._close(row, heard.get(row.recording_id))
        for each in heard.values():
            each.drop()
        now = self._clock.now()

        def end_calls(tx: StoreTransaction) -> int:
            rows = queries.open_calls(tx)
            for row in rows:
                bridged = bool(row.connected_at)
                seconds = None if bridged else 0.0  # nobody saw how long they talked
                ended = Ended(by="gate", cause="gate_interrupted", code=0, bridged=bridged, seconds=seconds)
                tx.append(ended.fact(row.call_id, now, "gate"))
                if row.answered_at and not bridged and row.reason != Reason.CALL_IN:
                    lacks = "cut" if row.announced is None else "not_played"
                    found_nobody = Abandoned(why=Why.GATE.value, informed=False, lacks=lacks).fact(
                        row.call_id, now, "gate"
                    )
                    tx.append(found_nobody)
                    self._judge(tx, found_nobody)
            return len(rows)

        calls = self._store.call(end_calls)
        if recordings or calls:
            log.warning("reconciled_after_crash", recordings=len(recordings), calls=calls)
        return {"recordings": len(recordings), "calls": calls}

    def recording(self, recording_id: str, *, talked: float | None = None, only_whole: bool = False) -> bool:
        """One recording that its recorder could not close; harmless where it is closed already. ``talked``: seconds for
        which the parties have heard each other, where that is known. ``only_whole``: where its file lacks its last
        chunk, which somebody may still write, nothing is done and False returned."""
        for row in self._store.call(queries.open_recordings):
            if row.recording_id == recording_id:
                if only_whole and not self._whole(self._recordings / (row.path or "")):
                    return False
                self._close(row, None, talked)
        return True

    def _whole(self, path: Path) -> bool:
        try:
            return scan(path).complete
        except (GateError, OSError):
            return False

    def _close(self, row: RecordingRow, heard: UnreportedClosing | None, talked: float | None = None) -> None:
        fact = self._closing(row, heard, talked, self._clock.now())

        def work(tx: StoreTransaction) -> None:
            # Looked at again inside the transaction: it may have been closed meanwhile.
            if any(other.recording_id == row.recording_id for other in queries.open_recordings(tx)):
                tx.append(fact)

        self._store.call(work)

    def _closing(self, row: RecordingRow, heard: UnreportedClosing | None, talked: float | None, now: datetime) -> Fact:
        closed = heard.closed if heard is not None else self._from_file(row.recording_id, row.path or "")
        return closing(row.call_id or "", closed, talked=talked).fact(row.recording_id, now, "gate")

    def _from_file(self, recording_id: str, place: str) -> RecordingClosed:
        """The closing, as far as the file shows it without its key."""
        path = self._recordings / place
        try:
            found = scan(path)
        except (GateError, OSError):
            return empty(recording_id, "unreadable" if path.exists() else "never_started")
        # Each chunk holds at most a second: without the key this is as near as one can say.
        cause = "gate_interrupted" if found.complete else "recorder_interrupted"
        return replace(
            empty(recording_id, cause),
            sha256=found.sha256,
            size=found.size,
            seconds=float(found.chunks),
            chunks=found.chunks,
        )


def empty(recording_id: str, cause: str = "never_started") -> RecordingClosed:
    """The closing of a recording that holds nothing."""
    return RecordingClosed(recording_id, "", 0, 0.0, 0, {}, (), interrupted=True, cause=cause)


def unheard(silent: str, packets: Mapping[str, int]) -> str:
    """Which of the sides that sent nothing at first (``both``; empty: none) never sent anything, by how many packets
    of each are recorded."""
    sides = ("caller", "callee") if silent == "both" else (silent,)
    found = [side for side in sides if side and not packets.get(side)]
    return found[0] if len(found) == 1 else "both" if found else ""


def closing(
    call_id: str, closed: RecordingClosed, *, talked: float | None = None, silent: str = "", **more: str
) -> facts.RecordingClosed:
    """What is kept of a closed recording; ``talked``: seconds for which the parties have heard each other, where that
    is known; ``silent``: the side that nothing came from; ``more``: ``ended_by``."""
    without = sum(end - start for start, end in (*closed.gaps, *closed.lost))
    kept = max(0.0, closed.seconds - without)
    return facts.RecordingClosed(
        call_id=call_id,
        sha256=closed.sha256,
        size=closed.size,
        seconds=closed.seconds,
        chunks=closed.chunks,
        packets=dict(closed.packets),
        gaps=[list(gap) for gap in closed.gaps],
        interrupted=closed.interrupted,
        cause=closed.cause,
        kept=round(kept if talked is None else min(kept, talked), 3),
        talked=UNSET if talked is None else talked,
        lost=[list(span) for span in closed.lost] or UNSET,
        silent=silent or UNSET,
        **more,
    )
