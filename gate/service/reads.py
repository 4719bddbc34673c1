"""What the use cases read from the store."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from gate.store.queries import Source
from gate.store.transaction import StoreTransaction
from gate.types import Row


class Reads(Protocol):
    """Rows of the projections, paged by key: newest first, ``after`` is the last page's ``next``."""

    def call(self, tx: StoreTransaction, call_id: str) -> Row | None:
        """One attempt: ``call``, ``facts`` and ``recordings``; None where there is none."""
        ...

    def recordings_page(
        self, tx: StoreTransaction, after: str | None, limit: int, *, text: str | None = None
    ) -> tuple[list[Row], str | None]:
        """Recordings."""
        ...

    def recording(self, tx: StoreTransaction, recording_id: str) -> Row | None:
        """One recording."""
        ...

    def objections_page(
        self, tx: StoreTransaction, after: str | None, limit: int, number: str | None = None, *, text: str | None = None
    ) -> tuple[list[Row], str | None]:
        """Objections in force."""
        ...

    def consents_page(
        self, tx: StoreTransaction, after: str | None, limit: int, number: str | None = None, *, text: str | None = None
    ) -> tuple[list[Row], str | None]:
        """Consents, the withdrawn ones too."""
        ...

    def register_imports_page(
        self, tx: StoreTransaction, after: str | None, limit: int
    ) -> tuple[list[Row], str | None]:
        """Imports of registers."""
        ...

    def open_recordings(self, tx: StoreTransaction) -> list[Row]:
        """Recordings without their closing fact."""
        ...

    def open_calls(self, tx: StoreTransaction) -> list[Row]:
        """Allowed calls without their end."""
        ...

    def counts_by_reason(self, tx: StoreTransaction, since: datetime) -> dict[str, int]:
        """Attempts since a time, by reason."""
        ...


Window = tuple[list[Row], str | None, str | None]
"""Rows of a page, newest first; ``after`` for the older ones, ``before`` for the newer ones, None where there are
none."""


class Looks(Protocol):
    """Pages that can be turned both ways, and what is asked of the log (``gate.store.search``)."""

    def calls_window(
        self,
        tx: Source,
        after: str | None,
        before: str | None,
        limit: int,
        number: str | None,
        reason: str | None,
        text: str | None,
    ) -> Window:
        """Attempts; ``text`` as it was typed."""
        ...

    def taken_by(self, tx: Source, recording_id: str, actor: str) -> bool:
        """This account has taken the recording."""
        ...

    def number_of(self, tx: Source, kind: str, key: str) -> str | None:
        """A number in full; empty where it was erased, None where there is no such row."""
        ...


class Scan(Protocol):
    """What can be said of a sealed file without its key."""

    @property
    def chunks(self) -> int:
        """Whole chunks, each of at most one second."""
        ...

    @property
    def complete(self) -> bool:
        """The chunk marked last is there."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    @property
    def sha256(self) -> str:
        """Of the whole file, hex."""
        ...


class ScanFile(Protocol):
    """Reads a sealed file's structure; raises ``VaultError`` where it has none."""

    def __call__(self, path: Path) -> Scan:
        """``path`` is absolute."""
        ...
