"""What a bundle is written from: the log, the keys, the recordings, and what is told beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gate.exports import bundle as form

RawFact = tuple[int, str, str, str, str, bytes | None, str | None]
"""The fields of ``bundle_rows.FactRow``."""


class Log(Protocol):
    """The period of the evidence log that goes out (``gate.store.slices.LogSlice``)."""

    @property
    def size(self) -> int:
        """Leaves of the tree that all proofs lead to."""
        ...

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """First and last leaf of the period."""
        ...

    @property
    def gap(self) -> int | None:
        """The first leaf after a period without entries; None for one that has some."""
        ...

    @property
    def run(self) -> range:
        """The leaves that are given whatever they are: the period's, and one on either side."""
        ...

    def count_calls(self) -> int:
        """Calls of the period."""
        ...

    def calls(self) -> Iterator[tuple[str, list[RawFact]]]:
        """Calls of the period with their facts."""
        ...

    def others(self, subject: str) -> Iterator[RawFact]:
        """Facts that belong to none of them."""
        ...

    def leaf(self, index: int) -> bytes:
        """One leaf."""
        ...

    def leaves(self, others: Collection[int]) -> Iterator[tuple[int, bytes, list[bytes]]]:
        """Leaves with proofs."""
        ...

    def heads(self, sizes: Collection[int]) -> Iterator[tuple[int, bytes, str | None, list[bytes]]]:
        """Older heads with proofs."""
        ...


class SealedFile(Protocol):
    """A sealed file that grows (``gate.vault.writer.SealedWriter``)."""

    def write_chunk(self, payload: bytes) -> None:
        """Append."""
        ...

    def close(self, trailer: Mapping[str, Any]) -> Any:
        """The end."""
        ...

    def abandon(self) -> None:
        """Close without an end."""
        ...


class Sealing(Protocol):
    """A fresh key, wrapped to the recipient (``gate.vault.sealer.Seal``)."""

    key_id: str
    wraps: tuple[tuple[str, bytes], ...]

    def create(self, path: Path) -> SealedFile:
        """The file that it seals."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that goes out: its sealed file."""

    recording_id: str
    key_id: str
    path: Path
    sha256: str
    """In the log."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes out, besides the log itself."""

    bundle: str
    made: str
    firm: str
    vkey: str
    pem: bytes
    checkpoint: str
    """The signed note."""
    period: form.Period
    recipient: form.To
    recipients: Sequence[Mapping[str, Any]]
    """The key list: rows with public parts."""
    statuses: Mapping[str, tuple[str, str]]
    """Recording -> (one of ``bundle.STATUSES``, why)."""
    sound: Callable[[str], Path | None] = lambda name: None
    """An announcement's WAV by ``ID@VERSION``; None where it is not kept any more."""
    older: Collection[int] = field(default_factory=tuple)
    """Sizes of older checkpoints that somebody holds."""
