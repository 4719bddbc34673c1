"""What keeping the CRM's contacts works with: the store's side of it, screening, and one clock for all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from gate.clock import Clock
from gate.handed_over_file import HandedOverFile
from gate.operations.contacts.ids import ContactIds
from gate.registers.library import RegisterLibrary
from gate.service.screener import Screener
from gate.store.store import EvidenceStore
from gate.types import Row

if TYPE_CHECKING:  # they work with numpy, which whoever only checks a number does not pay for
    from gate.operations.contacts.bulk_screener import BulkScreener
    from gate.operations.contacts.number_reader import Integers

Key = tuple[int, str]
"""Where a page of a list ends."""


class ContactRows(Protocol):
    """The store's side (``gate.store.contacts``): what begins with ``tx`` runs in a transaction or beside it."""

    def in_force(self, tx: Any) -> Row | None:
        """The list in force."""
        ...

    def head(self, tx: Any) -> int:
        """How many leaves the log has."""
        ...

    def new_list(self, tx: Any, *, at: str, actor: str, source_name: str, topic: str) -> int:
        """Begin one beside it."""
        ...

    def put_in_force(
        self, tx: Any, list_id: int, *, at: str, sha256: str, contacts: int, bad_rows: int, leaf: int
    ) -> int:
        """Let it take its place; returns how many contacts it has."""
        ...

    def screened(self, tx: Any, list_id: int, *, at: str, registers: Sequence[Mapping[str, Any]], leaf: int) -> None:
        """All of it was screened."""
        ...

    def followed(self, tx: Any, list_id: int, leaf: int) -> None:
        """Own lists are taken into account up to this leaf."""
        ...

    def leftovers(self, tx: Any) -> list[int]:
        """Lists that are not in force."""
        ...

    def drop_some(self, tx: Any, list_id: int, limit: int) -> bool:
        """Delete a piece of one; True where there is more."""
        ...

    def outcome_of(self, tx: Any, verdict: str, reason: str) -> int:
        """The number of an outcome."""
        ...

    def outcomes(self, tx: Any) -> dict[int, tuple[str, str]]:
        """All of them."""
        ...

    def add(self, tx: Any, list_id: int, rows: Iterable[tuple[int, str, int, int, str | None]]) -> int:
        """Add contacts; returns how many were not there."""
        ...

    def add_faults(self, tx: Any, list_id: int, faults: Iterable[tuple[int, str, str, str]]) -> None:
        """Keep what was none."""
        ...

    def carry_over(
        self, tx: Any, old: int, new: int, after: Key, limit: int, without: Collection[str]
    ) -> tuple[int, Key | None]:
        """Copy a piece of one list into another."""
        ...

    def change(self, tx: Any, list_id: int, rows: Iterable[tuple[int, int, int, str | None]]) -> None:
        """New outcomes."""
        ...

    def forget_number(self, tx: Any, number: str) -> int:
        """Delete a number's contacts."""
        ...

    def of_number(self, tx: Any, list_id: int, number: int) -> Row | None:
        """A number's outcome."""
        ...

    def states(self, reader: Any, list_id: int) -> Iterator[tuple[int, int, int, int]]:
        """Every contact's number, outcome, since, verdict before."""
        ...

    def touched(self, tx: Any, leaf: int, limit: int) -> tuple[list[str], int, bool]:
        """Numbers whose own entries changed."""
        ...

    def counts(self, tx: Any, list_id: int) -> list[Row]:
        """Contacts by verdict and reason."""
        ...

    def changes_since(self, tx: Any, list_id: int, since: int) -> dict[str, int]:
        """Contacts by change."""
        ...

    def page(
        self,
        tx: Any,
        list_id: int,
        after: Key | None,
        limit: int,
        where: Mapping[str, Any],
        *,
        changed_since: int | None,
        text: str | None = None,
    ) -> tuple[list[Row], Key | None]:
        """Contacts by number."""
        ...

    def faults_page(self, tx: Any, list_id: int, after: Key | None, limit: int) -> tuple[list[Row], Key | None]:
        """What was none."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """The parts."""

    store: EvidenceStore
    rows: ContactRows
    beside: Callable[[], AbstractContextManager[Any]]
    """Opens the database to read beside the store thread: a million rows must not keep a call waiting."""
    scrub: Callable[[], bool]
    """Let nothing deleted stay in the write-ahead log."""
    registers: RegisterLibrary
    screener: Callable[[str, datetime], BulkScreener]
    """(topic, now) -> screening in bulk of marketing calls, hours and redial pause left out."""
    single: Screener
    """The same rules for one number, inside a transaction."""
    presentation: str
    ids: ContactIds
    listing: Callable[[str], Callable[[Integers], Any] | None]
    """Register -> which of many numbers are on the edition in force; None where it has none that is sound."""
    clock: Clock


@dataclass(frozen=True, slots=True)
class Wish:
    """The import of a list, as it is asked for."""

    file: HandedOverFile
    columns: Sequence[str]
    """Phone columns; those that look like some where empty."""
    reference: str
    """The column of the CRM's own id; empty: none."""
    delimiter: str
    header: bool
    add: bool
    """Merge with the list in force in place of replacing it."""
    topic: str
    """What the calls are about."""
    accept_shrink: bool
    actor: str
    dry_run: bool = False
    """Only say what would come of it."""
    only: str = ""
    """SHA-256 that the file must have; empty: any."""
