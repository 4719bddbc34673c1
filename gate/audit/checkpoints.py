"""Signed heads of the log, kept where a rewritten database cannot reach all of them; the log as files that any reader
of C2SP tlog-tiles understands (https://c2sp.org/tlog-tiles)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gate.audit.heads import LARGEST, GivenUp, Kept, earlier, file_name, note_text, restores
from gate.core.evidence import Checkpoint, format_checkpoint, parse_checkpoint
from gate.core.facts.audit import LogSigned
from gate.core.rows.audit import TilesWritten
from gate.durable import read_regular, whole_file
from gate.errors import AuditError, StoreError
from gate.sqlite_thread import Connection
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.store.tree import VERIFY_HINT, load_frontier, node_provider

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
    sql = "SELECT 1 FROM facts WHERE kind = ? AND leaf_index >= ? AND leaf_index < ? LIMIT 1"
    if tx.values(int, sql, [LogSigned.kind, tx.own.start, tx.own.stop]):
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


# --- the log as tiles -----------------------------------------------------------------------------------------------

TILE_WIDTH: Final = 256
"""Hashes, or entries, of a full tile."""
LONGEST_ENTRY: Final = 0xFFFF
"""Bytes; the length of an entry is written in two."""


def write_tiles(connection: Connection, folder: Path) -> TilesWritten:
    """Write the log up to its newest checkpoint into ``folder``: ``tile/…``, ``tile/entries/…`` and, when they are
    there, ``checkpoint``. What is there already is neither read nor written again.

    ``connection`` sees one state. Raises ``AuditError`` where the log is not what was signed, there is no checkpoint,
    or the folder holds another log; ``OSError``.
    """
    found = connection.execute("SELECT size, root, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    if found is None:
        raise AuditError("nothing of the log is signed yet", hint="sign it with: dialgate audit checkpoint")
    size, root, note = found
    if load_frontier(connection, size).root != root:
        raise AuditError(f"the first {size} entries of the log are not those that were signed", hint=VERIFY_HINT)
    before = _tiles_there(connection, folder, note)
    node, files = node_provider(connection), 0
    for level in range(9):  # 256**8 entries are more than there can be
        count, had = size >> 8 * level, before >> 8 * level
        if not count:
            break
        for tile in range(had // TILE_WIDTH, -(-count // TILE_WIDTH)):
            first, last = tile * TILE_WIDTH, min((tile + 1) * TILE_WIDTH, count)
            if last <= had:
                continue
            _write_tile(
                folder, str(level), tile, b"".join(node(8 * level, n) for n in range(first, last)), last - first
            )
            files += 1
            if not level:
                _write_tile(folder, "entries", tile, _entries(connection, first, last), last - first)
                files += 1
    with whole_file(folder / "checkpoint", mode=0o644) as file:
        file.write(note.encode())
    return TilesWritten(size=size, root=root.hex(), files=files)


def _tiles_there(connection: Connection, folder: Path, note: str) -> int:
    """How many entries the folder has, by its checkpoint. Raises ``AuditError`` where the log has not grown from it."""
    try:
        there = parse_checkpoint(note_text((folder / "checkpoint").read_text()))
    except FileNotFoundError:
        return 0
    except ValueError as error:
        raise AuditError(f"{folder / 'checkpoint'} is no checkpoint: {error}", hint="name another folder") from error
    now = parse_checkpoint(note_text(note))
    same = there.origin == now.origin and there.size <= now.size
    if not same or load_frontier(connection, there.size).root != there.root:
        raise AuditError(f"{folder} holds another log, or more of this one", hint="name another folder")
    return there.size


def _entries(connection: Connection, first: int, last: int) -> bytes:
    bundle = bytearray()
    for (leaf,) in connection.execute(
        "SELECT leaf FROM leaves WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index", (first, last)
    ):
        if len(leaf) > LONGEST_ENTRY:
            raise AuditError(f"an entry from {first} to {last - 1} is too long for a tile", hint=VERIFY_HINT)
        bundle += len(leaf).to_bytes(2, "big") + leaf
    return bytes(bundle)


def _write_tile(folder: Path, kind: str, number: int, content: bytes, width: int) -> None:
    """``number`` in groups of three digits, all but the last behind an ``x``. A full tile takes the place of those that
    were partial."""
    groups = [f"x{int(each):03}" for each in f"{number:,}".split(",")]
    full = folder.joinpath("tile", kind, *groups[:-1], groups[-1][1:])
    partial = full.with_name(f"{full.name}.p")
    path = full if width == TILE_WIDTH else partial / str(width)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with whole_file(path, mode=0o644) as file:
        file.write(content)
    if path is full and partial.exists():
        shutil.rmtree(partial)
