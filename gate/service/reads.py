"""What the use cases read from the store, and the other rooms' offers to the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gate.ports import Transaction

if TYPE_CHECKING:  # they work with rows of this module
    from gate.core.letter_words import Letter, LetterFacts
    from gate.given import Given
    from gate.service.contacts import Contacts
    from gate.service.exporting import Bundles
    from gate.service.keys import Keyring
    from gate.service.reporting import Figures
    from gate.service.request_erasing import RequestEraser
    from gate.service.request_reads import RequestReads
    from gate.service.retention import Retention
    from gate.service.trust import Trust

Row = dict[str, Any]
Progress = Callable[[float, str], None]
"""Called with the part done (0.0 to 1.0) and what is being done."""


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

    def leaves_window(
        self,
        tx: Source,
        after: str | None,
        before: str | None,
        limit: int,
        kind: str | None,
        text: str | None,
    ) -> Window:
        """The log; ``text`` as it was typed."""
        ...

    def leaf(self, tx: Source, index: int) -> Row | None:
        """One leaf with what it commits to; None where there is none."""
        ...

    def checkpoints_window(self, tx: Source, after: str | None, before: str | None, limit: int) -> Window:
        """Signed heads."""
        ...

    def log_now(self, tx: Source) -> Row:
        """``size``, ``checkpoint``, ``verified``."""
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


@dataclass(frozen=True, slots=True)
class Offers:
    """What the rooms offer to the desk, as plain functions; ``gate.daemon`` fills them in."""

    import_register: Callable[[str, Given, date | None, Sequence[str], bool, bool, Progress | None], Mapping[str, Any]]
    """(name, file, as-of day or None to guess, coverage, accept a shrink, accept an older day, progress) -> report;
    RegisterError."""
    recipients: Callable[[], list[Row]]
    """The register of recipients; see ``Keyring.recipients``."""
    two_people: Callable[[], bool]
    """Whether what destroys or frees evidence takes two people (``roles.dual_control``)."""
    keyring: Callable[[], Keyring]
    """The register of recipients and the wrapped keys; loaded when it is asked for."""
    wraps: Callable[[str], list[tuple[str, bytes]]]
    """Recording id -> wrapped keys."""
    scan: ScanFile
    verify_log: Callable[[Progress | None, str, Sequence[tuple[str, str]]], Mapping[str, Any]]
    """(progress, verifier key from elsewhere or empty, checkpoints from elsewhere as (where, note)) -> ``ok``,
    ``size``, ``root``, ``first_fault`` …"""
    checkpoint: Callable[[], Mapping[str, Any]]
    """Sign the log as it stands: ``size``, ``root``, ``note``."""
    trust: Trust
    behind: Callable[[], dict[str, Any]]
    """What a restore would give up: checkpoints ``after`` a size up to another (``to``), and the ``places`` of the
    newest; empty where the log is behind nothing."""
    copies: Callable[[int, str], list[str]]
    """(size, note) of a checkpoint -> where its file lies: ``folder``, ``second place``."""
    bundles: Bundles
    retention: Retention
    contacts: Contacts
    live: Callable[[], list[Row]]
    """Calls in hand; empty without a running line."""
    gate_now: Callable[[], Row]
    """What a running gate counts, for ``status``: ``line`` and ``usage``; empty without one."""
    looks: Looks
    figures: Figures
    beside: Callable[[Callable[[Source], Any]], Any]
    """What a function reads from the store as it is now, without keeping anybody waiting who writes."""
    requests: RequestReads
    request_eraser: RequestEraser
    render_letter: Callable[[LetterFacts], Letter]
    """Raises ``GateError`` where a template is at fault."""
    send_letter: Callable[[Letter], str]
    """By mail: what the server said; raises ``GateError`` where the server did not take it."""
    scrub: Callable[[], bool]
    """Cut the write-ahead log, so that nothing erased stays in it; False where somebody reads an older state: then it
    is cut when they are done."""
