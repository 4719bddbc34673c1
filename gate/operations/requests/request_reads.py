"""What data-subject requests ask of the store: the contract that ``gate.store.requests`` keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from gate.types import Row

Tx = Any
"""The store's own transaction: these functions hash numbers and erase, which the port does not offer."""


class RequestReads(Protocol):
    """What requests ask of the store (``gate.store.requests``)."""

    def find(self, tx: Tx, name: str) -> Row | None:
        """A request by its reference or its id."""
        ...

    def course(self, tx: Tx, request_id: str) -> list[Row]:
        """Every fact of a request."""
        ...

    def next_reference(self, tx: Tx, year: int) -> str:
        """The next reference."""
        ...

    def open_ones(self, tx: Tx, text: str = "") -> list[Row]:
        """Requests that are not over, and fit ``text``."""
        ...

    def page(
        self, tx: Tx, after: str | None = None, limit: int = 50, state: str | None = None, text: str = ""
    ) -> tuple[list[Row], str | None]:
        """Requests that fit ``text``, newest first."""
        ...

    def unfinished(self, tx: Tx) -> list[str]:
        """Requests whose erasure has begun and not ended."""
        ...

    def outlived(self, tx: Tx, reference: str) -> bool:
        """True where an erasure of the person was carried out while this request was open."""
        ...

    def of_numbers(self, tx: Tx, numbers: Sequence[str]) -> list[Row]:
        """Requests about these numbers."""
        ...

    def calls_of(
        self,
        tx: Tx,
        numbers: Sequence[str] | None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> list[Row]:
        """Attempts to these numbers within a span, with their recordings."""
        ...

    def calls(self, tx: Tx, call_ids: Collection[str]) -> list[Row]:
        """The same rows of these calls."""
        ...

    def objections_of(self, tx: Tx, numbers: Sequence[str]) -> list[Row]:
        """Objections of these numbers."""
        ...

    def consents_of(self, tx: Tx, numbers: Sequence[str]) -> list[Row]:
        """Consents of these numbers."""
        ...

    def contacts_of(self, tx: Tx, numbers: Sequence[str]) -> list[Row]:
        """Contacts with these numbers."""
        ...

    def holds_of(self, tx: Tx, numbers: Sequence[str], call_ids: Collection[str]) -> list[Row]:
        """Holds in force on these numbers and calls."""
        ...

    def erase_calls(
        self, tx: Tx, call_ids: Sequence[str], numbers: Sequence[str], *, request: str, at: datetime, actor: str
    ) -> int:
        """Empty what these calls' facts say of the person."""
        ...

    def mentions(
        self, tx: Tx, numbers: Sequence[str], first: int, count: int
    ) -> tuple[list[tuple[int, str, str, str | None]], int]:
        """Facts that hold one of these numbers: (leaf, kind, subject, call), and where to go on."""
        ...

    def record_of(self, tx: Tx, kind: str, subject: str) -> Row | None:
        """What a fact of this kind about this subject is part of, where that is a hold, an objection, a consent or a
        request: ``record`` (which), ``id``, ``name`` (what people look it up by), ``numbers`` it is about (None: they
        were erased), ``call_id`` it belongs to, ``in_force``, and of a hold its ``kind``."""
        ...

    def leaves_of(self, tx: Tx, subjects: Collection[str]) -> list[int]:
        """Leaves of the facts about these."""
        ...

    def personal_leaves(self, tx: Tx, request_id: str) -> list[int]:
        """Leaves of a request that hold personal data."""
        ...

    def erase_leaves(
        self, tx: Tx, leaves: Collection[int], *, request: str, what: str, at: datetime, actor: str
    ) -> int:
        """Empty these facts."""
        ...

    def forget_contacts(self, tx: Tx, numbers: Sequence[str]) -> int:
        """Delete contacts."""
        ...
