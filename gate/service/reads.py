"""What the use cases read from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from gate.ports import Transaction
from gate.types import Row


class Reads(Protocol):
    """Rows of the projections, paged by key: newest first, ``after`` is the last page's ``next``."""

    def call(self, tx: Transaction, call_id: str) -> Row | None:
        """One attempt: ``call``, ``facts`` and ``recordings``; None where there is none."""
        ...

    def recordings_page(
        self, tx: Transaction, after: str | None, limit: int, *, text: str | None = None
    ) -> tuple[list[Row], str | None]:
        """Recordings."""
        ...

    def recording(self, tx: Transaction, recording_id: str) -> Row | None:
        """One recording."""
        ...

    def objections_page(
        self, tx: Transaction, after: str | None, limit: int, number: str | None = None, *, text: str | None = None
    ) -> tuple[list[Row], str | None]:
        """Objections in force."""
        ...

    def consents_page(
        self, tx: Transaction, after: str | None, limit: int, number: str | None = None, *, text: str | None = None
    ) -> tuple[list[Row], str | None]:
        """Consents, the withdrawn ones too."""
        ...

    def register_imports_page(self, tx: Transaction, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        """Imports of registers."""
        ...

    def open_recordings(self, tx: Transaction) -> list[Row]:
        """Recordings without their closing fact."""
        ...

    def open_calls(self, tx: Transaction) -> list[Row]:
        """Allowed calls without their end."""
        ...

    def counts_by_reason(self, tx: Transaction, since: datetime) -> dict[str, int]:
        """Attempts since a time, by reason."""
        ...


class Source(Protocol):
    """What can be asked: a transaction, or the store as it was a moment ago, read beside it."""

    def query(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
        """Rows of a SELECT as dictionaries."""
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
