"""Signed heads of the log, kept where a rewritten database cannot reach all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gate.audit.heads import LARGEST, GivenUp, Kept, earlier, file_name, note_text, restores
from gate.core.evidence import Checkpoint, format_checkpoint, parse_checkpoint
from gate.core.facts.audit import LogSigned
from gate.durable import read_regular, whole_file
from gate.errors import AuditError, StoreError
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction

SignNote = Callable[[str], str]
"""A checkpoint's text to the signed note that holds it (C2SP signed-note)."""


Newest = tuple[str, Checkpoint]
"""The file of the largest size in a folder: its path, and what it says."""


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint that was signed and kept."""

    size: int
    root: bytes
    note: str
    missed: tuple[str, ...] = ()
    """Why a copy could not be put into the second place; it is tried again with the next checkpoint."""


class Checkpointer:
    """Signs the head of the log, on a schedule and on demand. Not from the store thread; one call at a time.

    A checkpoint is kept in one transaction with the leaf that speaks of it (``gate.audit.heads``), which is signed
    with the rest: ``sign_note`` is called on the store thread, and takes no longer than a hash.
    """

    def __init__(
        self,
        store: EvidenceStore,
        sign_note: SignNote,
        *,
        origin: str,
        folder: Path,
        second: Path | None = None,
        newest: dict[Path, Newest] | None = None,
    ) -> None:
        """``origin`` names the log in every checkpoint; ``folder`` and ``second`` get one file for each. ``newest``
        remembers the newest in each from one time to the next: a gate has half a million of them in a year.

        ``second`` is a place of the firm's choice that this machine cannot rewrite unseen: a mounted share, a
        synchronised folder. It is never made: an unmounted share is not there.
        """
        self._store = store
        self._sign_note = sign_note
        self._origin = origin
        self._folder = folder
        self._second = second
        self._remembered = {} if newest is None else newest
        self._given_up: list[GivenUp] = []

    def write(self, now: datetime) -> Written:
        """Sign the log as it stands. Where nothing was added since the last checkpoint, that one is given again.

        Before it signs, it compares the log with the newest checkpoint files: a log that was cut or rewritten never
        gets another signature of ours. Raises ``AuditError`` then, ``StoreError`` where it cannot be kept (it may be in
        the database already: the next call writes the file), and whatever the signer raises.
        """
        self._given_up = self._store.call(lambda tx: list(restores(tx)))
        newest = [known for known in (self._newest(), self._newest_in_second()) if known is not None]

        def sign(tx: StoreTransaction) -> tuple[int, bytes, str]:
            size, root = tx.head()
            for place, known in newest:
                _require_extended(tx, size, place, known)
            sql = "SELECT root, note FROM checkpoints WHERE size = ?"
            for known_root, known_note in tx.values(tuple[bytes, str], sql, (size,)):
                if known_root == root:
                    return size, root, known_note
            tx.append(_first(tx).fact("log", now, "gate"))
            size, root = tx.head()
            note = self._sign_note(format_checkpoint(self._origin, size, root))
            tx.keep_checkpoint(size, root, note, now)
            return size, root, note

        size, root, note = self._store.call(sign)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fill(self._folder)
        except OSError as error:
            raise StoreError(f"cannot write to {self._folder}: {error.strerror or error}") from error
        return Written(size, root, note, self._fill_second())

    def _newest(self) -> Newest | None:
        try:
            return self._newest_in(self._folder)
        except OSError as error:
            raise StoreError(f"cannot read {self._folder}: {error.strerror or error}") from error

    def _newest_in_second(self) -> Newest | None:
        """Not there is no reason to stop signing: it is told as ``missed`` when it cannot be written either."""
        with suppress(OSError):
            return self._newest_in(self._second) if self._second is not None else None
        return None

    def _newest_in(self, folder: Path) -> Newest | None:
        known = self._remembered.get(folder)
        if known is not None and Path(known[0]).exists():
            return known
        self._remembered.pop(folder, None)  # another folder is there by now: a share that came or went
        return newest_file(folder, self._is_given_up)

    def _is_given_up(self, known: Checkpoint) -> bool:
        """A restore has given it up: it is not one that the log must have grown from."""
        if not any(each.covers(known.size) for each in self._given_up):
            return False
        fits = self._store.call(lambda tx: tx.head()[0] >= known.size and tx.root_at(known.size) == known.root)
        return not fits

    def _fill(self, folder: Path) -> None:
        """Write the file of every kept checkpoint that has none there: the newest one, and those a crash left out."""
        known = self._remembered.pop(folder, None)
        there = {path.name for path in folder.iterdir()} if known is None else set()
        beyond = -1 if known is None else known[1].size
        sql = "SELECT size FROM checkpoints WHERE size > ? ORDER BY size"
        sizes = self._store.call(lambda tx: tx.values(int, sql, (beyond,)))
        for size in sizes:
            if file_name(size) not in there:
                note = self._kept(size)
                with whole_file(folder / free_name(folder, size, note)) as file:
                    file.write(note.encode())
        if sizes:
            last = sizes[-1]
            note = self._kept(last)
            known = str(folder / free_name(folder, last, note)), parse_checkpoint(note_text(note))
        if known is not None:
            self._remembered[folder] = known

    def _kept(self, size: int) -> str:
        return self._store.call(lambda tx: tx.values(str, "SELECT note FROM checkpoints WHERE size = ?", (size,)))[0]

    def _fill_second(self) -> tuple[str, ...]:
        try:
            if self._second is not None:
                self._fill(self._second)
        except OSError as error:
            return (f"{self._second}: {error.strerror or error}",)
        return ()


def _first(tx: StoreTransaction) -> LogSigned:
    """The body of the leaf: empty, but where checkpoints were kept before there was one."""
    if tx.values(int, "SELECT 1 FROM facts WHERE kind = ? LIMIT 1", [LogSigned.kind]):
        return LogSigned()
    rows = tx.values(Kept, "SELECT size, root, note, at FROM checkpoints ORDER BY size")
    return LogSigned(earlier=earlier(rows)) if rows else LogSigned()


def newest_file(folder: Path, passed_over: Callable[[Checkpoint], bool] = lambda _: False) -> Newest | None:
    """The checkpoint file of the largest size in a folder, as (path, checkpoint); None where there is none.

    Those that are ``passed_over`` do not count. Its signature is not looked at here (``verify`` does). Raises
    ``AuditError`` (not well formed) or ``OSError``.
    """
    for path in sorted(folder.glob("*.txt"), reverse=True) if folder.is_dir() else []:
        try:
            known = parse_checkpoint(note_text(read_regular(path, LARGEST).decode()))
        except ValueError as error:
            raise AuditError(
                f"the checkpoint {path} cannot be read: {error}", hint="run `dialgate audit verify`; restore the file"
            ) from error
        if not passed_over(known):
            return str(path), known
    return None


def free_name(folder: Path, size: int, note: str) -> str:
    """The name of a checkpoint's file; another one where that is taken by what a restore has given up."""
    try:
        if read_regular(folder / file_name(size), LARGEST) != note.encode():
            return file_name(size, note)
    except FileNotFoundError:
        pass
    return file_name(size)


def _require_extended(tx: StoreTransaction, size: int, place: str, known: Checkpoint) -> None:
    if known.size > size:
        raise AuditError(
            f"the evidence log has {size} leaves, but {place} is signed over {known.size}: "
            f"leaves {size} to {known.size - 1} are gone",
            hint="nothing was signed; run `dialgate audit verify`",
        )
    if tx.root_at(known.size) != known.root:
        raise AuditError(
            f"the first {known.size} leaves of the evidence log are not those that {place} is signed over",
            hint="nothing was signed; run `dialgate audit verify`",
        )
