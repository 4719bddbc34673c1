"""What the console is given from outside: where the gate listens, the clock, and whoever holds private keys.

The console itself opens no file and no key. ``gate.cli.console`` carries out what ``Opener`` promises.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from gate.types import Progress

if TYPE_CHECKING:
    from gate.operations.requests.proving import RequestProof


@dataclass(frozen=True, slots=True)
class Envelope:
    """How loud both sides of a recording were over time; times in seconds from its beginning."""

    seconds: float
    caller: bytes
    """A level (0 to 127, logarithmic: 16 are 6 dB) for each bin; the bins of a side are equally long and cover it."""
    callee: bytes
    gaps: tuple[tuple[float, float], ...] = ()
    """Pauses."""
    announcement: tuple[float, float] | None = None
    """When the announcement played; it is before the recording, so at most zero."""


class Listening(threading.Event):
    """Somebody listens: ``set`` ends it, ``again`` goes on from another place or at another speed."""

    def __init__(self) -> None:
        super().__init__()
        self.start = 0.0
        """So many seconds of what is heard, the announcement first, are passed over."""
        self.speed = 1.0
        self.wanted = False
        """It goes on elsewhere, and does not end."""
        self.keys: Sequence[tuple[float, str]] = ()
        """Keys that were pressed, in seconds from the recording's beginning: known soon after it begins to play."""

    def again(self, start: float, speed: float) -> None:
        """Go on from there."""
        self.start, self.speed, self.wanted = start, speed, True
        self.set()

    def goes_on(self) -> bool:
        """Asked where it was stopped: whether it is played again, as ``start`` and ``speed`` say."""
        wanted, self.wanted = self.wanted, False
        if wanted:
            self.clear()
        return wanted


class Opener(Protocol):
    """Opens recordings with a private key. Every method blocks, so it is called on a worker's thread, and raises
    ``GateError``. What opens a recording has the gate write a leaf first, with ``purpose``."""

    def keys(self) -> Sequence[Path]:
        """Key files that may be tried, the likeliest first."""
        ...

    def unlock(self, key: Path, passphrase: str) -> str:
        """Open a key file and keep the key in memory until ``lock``; returns the name of its holder."""
        ...

    def change_passphrase(self, key: Path, old: str, new: str) -> str:
        """Close a key file with another passphrase, in its place; returns the name of its holder."""
        ...

    def holder(self) -> str:
        """Whose key is open; empty where none is."""
        ...

    def lock(self) -> None:
        """Forget the key."""
        ...

    def envelope(self, recording_id: str, purpose: str) -> Envelope:
        """The envelope that was sealed with the recording."""
        ...

    def export(self, recording_id: str, purpose: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        """Write a WAV, which must not exist; returns the report."""
        ...

    def play(self, recording_id: str, purpose: str, stop: Listening, progress: Progress) -> str:
        """Play through a pipe, nothing in clear on any disk, until the end or ``stop``; returns how it ended.

        ``progress`` comes each time when something is heard from ``stop.start`` on. It is taken once, however often
        it is played from another place."""
        ...

    def pack(self, request: str, output: Path, progress: Progress) -> Mapping[str, Any]:
        """Write the pack of an access request to a file that must not exist, and tell the gate.

        Returns ``path``, ``sha256``, ``calls``, ``recordings``, ``left_out``, and the ``passphrase`` of it: kept
        nowhere.
        """
        ...

    def bundle(
        self,
        since: datetime,
        until: datetime,
        recipient: str,
        purpose: str,
        output: Path,
        stop: threading.Event,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Write the period ``[since, until)`` as a bundle for a recipient (its id) to a file that must not exist.

        Recordings that are not sealed to the recipient are opened with the keys that are open. Returns ``file``,
        ``counts``, ``vkey``, ``checkpoint`` (size of the log) and ``damaged``: recordings that are not as the log says.
        ``stop`` ends it with a ``StoppedError``, and there is no file.
        """
        ...


class Files(Protocol):
    """Writes files for the console, opens what was written, takes the digest of one. Called on a worker's thread."""

    def write(self, path: Path, data: bytes) -> None:
        """Write a file that must not exist, with the folders that it needs; raises ``GateError``."""
        ...

    def open(self, path: Path) -> BinaryIO:
        """A file of this account's that was written here, to be handed to its browser; raises ``GateError``."""
        ...

    def text(self, path: Path, most: int) -> str:
        """A small file of text, of at most so many bytes; raises ``GateError``."""
        ...

    def digest(self, path: Path) -> str:
        """The SHA-256 of a file; raises ``GateError``."""
        ...


class Papers(Protocol):
    """Makes pages of reports, and reads the configuration that the console was started with."""

    def month(self, report: Mapping[str, Any]) -> str:
        """A month's figures as HTML."""
        ...

    def record(self, report: Mapping[str, Any]) -> str:
        """The record of processing as HTML."""
        ...

    def proof(self, made: RequestProof) -> str:
        """The page by which a person checks a letter, as HTML."""
        ...

    def receipts(self, folder: Path) -> Mapping[str, Any]:
        """Write the page by which callees look receipts up into a folder. Returns ``receipts`` (how many), ``gone``,
        ``page_sha256``, and in ``said`` what is to be done with it. Raises ``GateError``."""
        ...

    def configuration(self) -> Sequence[tuple[str, str, str]]:
        """Every value: its key, the value as it is written, where it comes from. Raises ``OSError``, ``ValueError``."""
        ...


class Searches(Protocol):
    """What this person looks for again and again. Called on a worker's thread; raises ``GateError``."""

    def all(self) -> Sequence[tuple[str, str]]:
        """(mode, line), the last kept first."""
        ...

    def keep(self, where: str, find: str) -> None:
        """Keep one."""
        ...

    def drop(self, where: str, find: str) -> None:
        """Keep it no longer."""
        ...


@dataclass(frozen=True)
class Setup:
    """All that the console is started with."""

    socket: Path
    """The gate's control socket."""
    now: Callable[[], datetime]
    """The time, with its zone."""
    opener: Opener | None = None
    """None: recordings are not opened here."""
    files: Files | None = None
    """None: nothing is saved here."""
    papers: Papers | None = None
    """None: no page is made here."""
    searches: Searches | None = None
    """None: no search is kept here."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Binding id -> keys with commas, in place of those of ``console.keys``."""
    theme: str = ""
    """Name of a theme of ``console.theme``; empty: the first."""
    mode: str = ""
    """The mode that it begins with; empty: the first."""
    exports: Path = Path()
    """Where exports are offered to go."""
