"""Calls, recordings and proof."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from functools import partial

from gate.core.retention import Kind
from gate.errors import RefusedError, UsageError, VaultError
from gate.operations.desk_base import DeskBase
from gate.operations.retention.erasing import hold_of
from gate.ports import Transaction
from gate.service.reads import Row

PIECE = 1 << 20
"""Bytes of a sealed file in one answer."""


class Records(DeskBase):
    """What the gate has kept. Whoever takes a recording leaves a leaf before the first byte."""

    def calls_show(self, *, call_id: str, actor: str) -> Row:
        """One attempt with its facts, leaves and recordings."""
        row = self._store.call(lambda tx: self._reads.call(tx, call_id))
        if row is None:
            raise UsageError(f"there is no call {call_id}", hint="See: dialgate calls list")
        return dict(row)

    def recording_list(self, *, after: str | None = None, limit: int = 100, text: str | None = None, actor: str) -> Row:
        """Recordings, newest first; ``text``: only those in whose ids or state it stands."""
        return self._page(lambda tx: self._reads.recordings_page(tx, after, limit, text=text))

    def recording_take(self, *, recording_id: str, purpose: str, recipient: str = "", actor: str) -> Row:
        """What is needed to open a recording, given out only after the leaf that says who takes it, and for what.

        The private key never comes to the gate: whoever asks opens the file with it.
        """
        if not purpose.strip():
            raise UsageError("a recording is taken for a purpose only", hint="Say it: --purpose 'complaint 17'.")
        self._recording(recording_id)
        wraps = self._offers.wraps(recording_id)

        def take(tx: Transaction) -> Row:
            row = self._openable(tx, recording_id, there=bool(wraps))
            body = {"call_id": row["call_id"], "purpose": purpose, "recipient": recipient}
            tx.append(self._fact("exported", actor, body, recording_id))
            return row

        row = self._store.call(take)
        shown = self._store.call(lambda tx: self._reads.call(tx, row["call_id"]))
        return {
            "path": str(self._config.data / "recordings" / row["path"]),
            "header": row,
            "wraps": [{"recipient": who, "wrap": base64.b64encode(wrap).decode()} for who, wrap in wraps],
            "call": shown["call"] if shown else {},
            "facts": shown["facts"] if shown else [],
        }

    def _openable(self, tx: Transaction, recording_id: str, *, there: bool = True) -> Row:
        """The recording's row. Raises ``RefusedError`` where it may not be opened; ``there``: its key is."""
        row = self._reads.recording(tx, recording_id)
        if not there or row is None or row["state"] in ("erasing", "erased"):
            raise RefusedError(
                f"recording {recording_id} cannot be opened: its key is gone",
                reason="erased",
                hint="Erased recordings stay closed; that is what erasing means.",
            )
        for hold in map(hold_of, self._kept.holds_on(tx, [recording_id])):
            if hold.kind is Kind.RESTRICTION:
                raise RefusedError(
                    f"recording {recording_id} may not be opened: {hold.name}",
                    reason="restricted",
                    hint="When the matter is settled: dialgate hold release",
                )
        return row

    def recording_piece(self, *, recording_id: str, offset: int = 0, actor: str) -> Row:
        """A piece of the sealed file, for an account that took the recording and may not read the gate's folder."""

        def look(tx: Transaction) -> Row:
            if not self._offers.looks.taken_by(tx, recording_id, actor):
                raise RefusedError(
                    f"recording {recording_id} was not taken by {actor}",
                    reason="not_taken",
                    hint="Take it first, with its purpose: dialgate recording export",
                )
            return self._openable(tx, recording_id)

        self._recording(recording_id)
        row = self._store.call(look)
        try:
            with (self._config.data / "recordings" / row["path"]).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(offset)
                piece = file.read(PIECE)
        except OSError as error:
            raise VaultError(f"the file of recording {recording_id} cannot be read: {error.strerror}") from error
        return {"data": base64.b64encode(piece).decode(), "size": size}

    def recording_verify(self, *, recording_id: str | None = None, actor: str) -> Row:
        """Each recording's file against the digest in the log; no key is needed."""
        rows: Iterable[Row] = [self._recording(recording_id)] if recording_id else self._all_recordings()
        return {"items": [self._verify(row) for row in rows]}

    def _verify(self, row: Row) -> Row:
        item = {"recording_id": row["recording_id"], "ok": False, "fault": None}
        if row["state"] in ("erasing", "erased"):
            there = (self._config.data / "recordings" / row["path"]).exists()
            return item | {"ok": not there, "fault": "erased, but its file is still there" if there else "erased"}
        if row["state"] == "open":
            return item | {"ok": True, "fault": "still being recorded"}
        if not row["size"]:
            return item | {"ok": True, "fault": "nothing was recorded"}
        try:
            scan = self._offers.scan(self._config.data / "recordings" / row["path"])
        except FileNotFoundError:
            return item | {"fault": "the file is missing"}
        except Exception as error:  # noqa: BLE001 - each file's fault is a row of the report, whatever it is
            return item | {"fault": str(error)}
        if scan.sha256 != row["sha256"]:
            return item | {"fault": "the file is not the one whose digest is in the log"}
        return item | {"ok": True}

    def _recording(self, recording_id: str) -> Row:
        row = self._store.call(lambda tx: self._reads.recording(tx, recording_id))
        if row is None:
            raise UsageError(f"there is no recording {recording_id}", hint="See: dialgate recording list")
        return dict(row)

    def _all_recordings(self) -> Iterator[Row]:
        after: str | None = None
        while True:
            page, after = self._store.call(partial(self._reads.recordings_page, after=after, limit=1000))
            yield from page
            if after is None:
                return
