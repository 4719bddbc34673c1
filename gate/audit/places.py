"""The log compared with the newest checkpoint of every place: is this the state that was signed last, or an older one?

An older ``gate.db`` put back holds together by itself; only what lies elsewhere shows that there was more. A state that
somebody has put back knowingly is told apart by the leaf ``evidence_restored``, which names what was given up by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from gate.audit.given_up import GivenUp, restores
from gate.audit.heads import LARGEST, CheckNote, note_text
from gate.core.evidence import Checkpoint, parse_checkpoint
from gate.errors import GateError
from gate.store.queries import Source
from gate.within import read_regular

MOST_TOLD: Final = 3
"""Of what lies in a place and is no note: anybody may write to a mailbox."""


class Log(Source, Protocol):
    """The log, as far as it is compared."""

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        ...

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere checkpoints lie."""

    name: str
    notes: Callable[[], Iterable[tuple[str, str]]]
    """(where, signed note), the newest first. Raises ``OSError``, ``ValueError`` where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of a comparison."""

    behind: tuple[tuple[str, Checkpoint], ...] = ()
    """Where, and what lies there that the log is behind, or forked from."""
    fits: int = 0
    """The largest checkpoint of any place from which the log has grown."""
    unread: tuple[str, ...] = ()
    """What could not be read, or is no checkpoint of this log, as sentences."""

    @property
    def why(self) -> str:
        """A sentence; empty where the log is the one that was signed."""
        if not self.behind:
            return ""
        where, newest = max(self.behind, key=lambda each: each[1].size)
        return (
            f"{where} is signed over {newest.size:,} entries that the log in gate.db does not hold as they were signed"
        )


def folder_notes(folder: Path) -> Iterator[tuple[str, str]]:
    """The checkpoint files of a folder, the newest first; none where there is no folder. Raises ``OSError``,
    ``UnicodeDecodeError``."""
    names = sorted((path.name for path in folder.iterdir() if path.suffix == ".txt"), reverse=True)
    for name in names:
        with suppress(IsADirectoryError):
            yield str(folder / name), read_regular(folder / name, LARGEST).decode()


def compare(log: Log, places: Sequence[Place], check_note: CheckNote, origin: str) -> Standing:
    """Compare the log with the newest checkpoint of each place that holds.

    A note that fits the log needs no look at its signature: whoever wrote it says what is so. One that does not fit
    counts where its signature does; else the next older one of the place is looked at.
    """
    size, _ = log.head()
    given_up = list(restores(log))
    behind: list[tuple[str, Checkpoint]] = []
    unread: list[str] = []
    fits = 0
    for place in places:
        passed_over: list[str] = []
        found = _newest(log, size, place, check_note, origin, given_up, passed_over)
        more = len(passed_over) - MOST_TOLD
        unread += passed_over[:MOST_TOLD] + [f"{place.name}: {more:,} more like these"] * (more > 0)
        if found is None:
            continue
        where, newest, fit = found
        if fit:
            fits = max(fits, newest.size)
        else:
            behind.append((where, newest))
    return Standing(tuple(behind), fits, tuple(unread))


def last_fit(log: Log, places: Sequence[Place], origin: str) -> int:
    """The largest checkpoint of any place from which the log has grown, however far down it lies."""
    size, _ = log.head()
    best = 0
    for place in places:
        with suppress(OSError, ValueError):
            for _, note in place.notes():
                known = _parsed(note, origin)
                if known is not None and known.size <= best:
                    break
                if known is not None and _fits(log, size, known):
                    best = known.size
                    break
    return best


def _newest(
    log: Log,
    size: int,
    place: Place,
    check_note: CheckNote,
    origin: str,
    given_up: Sequence[GivenUp],
    unread: list[str],
) -> tuple[str, Checkpoint, bool] | None:
    try:
        for where, note in place.notes():
            known = _parsed(note, origin)
            if known is None:
                unread.append(f"{where} is no checkpoint of this log")
                continue
            if _fits(log, size, known):
                return where, known, True
            try:
                check_note(note)
            except (GateError, ValueError) as error:
                unread.append(f"{where} does not hold: {error}")
                continue
            if not any(each.covers(known.size) for each in given_up):
                return where, known, False
    except (OSError, ValueError) as error:
        unread.append(f"{place.name} cannot be read: {error}")
    return None


def _fits(log: Log, size: int, known: Checkpoint) -> bool:
    return known.size <= size and log.root_at(known.size) == known.root


def _parsed(note: str, origin: str) -> Checkpoint | None:
    try:
        known = parse_checkpoint(note_text(note))
    except ValueError:
        return None
    return known if known.origin == origin else None
