"""The store compared with every place where checkpoints lie: the data folder, the second place, a copy of a mailbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gate.audit.heads import Log, Place, Standing, compare, folder_notes, last_fit
from gate.config import Config
from gate.core.facts.audit import ClockAccepted
from gate.errors import VaultError
from gate.store.rows import R, Values

if TYPE_CHECKING:
    from gate.store.store import EvidenceStore
    from gate.vault.signing import CheckpointKey


def signing_key(path: Path) -> CheckpointKey:
    """The key that signs the log, from ``gate.key``. Raises ``VaultError``."""
    from gate.vault.signing import CheckpointKey  # with cryptography: a check must not pay for it

    return CheckpointKey.load(path)


class StoreLog:
    """The log through the store; each question by itself, so that no place that is slow keeps a decision waiting."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        return self._store.call(lambda tx: tx.head())

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves."""
        return self._store.call(lambda tx: tx.root_at(size))

    def query(self, sql: str, parameters: Values = ()) -> list[dict[str, Any]]:
        """Rows of a SELECT."""
        return self._store.call(lambda tx: tx.query(sql, parameters))

    def rows(self, kind: type[R], sql: str, parameters: Values = ()) -> list[R]:
        """Rows of a SELECT as Structs."""
        return self._store.call(lambda tx: tx.rows(kind, sql, parameters))


def places(config: Config) -> list[Place]:
    """Where checkpoints of this gate lie."""
    data, storage = config.data, config.storage
    found = [_folder(data / "checkpoints")]
    if storage.checkpoints_copy:
        found.append(_folder(config.path(storage.checkpoints_copy)))
    if storage.checkpoints_mailbox:
        path = config.path(storage.checkpoints_mailbox)
        found.append(Place(str(path), lambda: _mailed(path)))
    return found


def _folder(path: Path) -> Place:
    return Place(str(path), lambda: folder_notes(path))


def _mailed(path: Path) -> Any:
    from gate.exports.checkpoint_mail import mailed_notes  # with `email`: where there is a mailbox

    return mailed_notes(path)


def standing(config: Config, log: Log) -> Standing:
    """What came of it. Raises ``GateError`` where the store or the signing key cannot be read."""
    vkey = _vkey(config)

    def check_note(note: str) -> str:
        from gate.vault.signing import verify_note  # only for a note that does not fit: a check must not pay for it

        return verify_note(note, vkey)

    return compare(log, places(config), check_note, vkey.partition("+")[0])


def behind(config: Config, log: Log) -> dict[str, Any]:
    """What a restore would give up: checkpoints ``after`` a size up to another (``to``), and the ``places`` of the
    newest; empty where the log is behind nothing."""
    found = standing(config, log)
    if not found.behind:
        return {}
    after = max(found.fits, last_fit(log, places(config), _vkey(config).partition("+")[0]))
    return {
        "after": after,
        "to": max(known.size for _, known in found.behind),
        "places": [{"place": where, "size": known.size} for where, known in found.behind],
    }


def _vkey(config: Config) -> str:
    path = config.data / "gate.key"
    try:
        return path.read_text("utf-8", "replace").partition("\n")[0]
    except OSError as error:
        raise VaultError(
            f"{path} cannot be read: {error.strerror}", hint="restore it: nobody can tell which log is the newest"
        ) from error


def unsigned_since(query: Callable[[str], list[dict[str, Any]]]) -> datetime | None:
    """When the oldest entry was kept over which no checkpoint is signed; None where there is none."""
    rows = query(
        "SELECT at FROM facts WHERE leaf_index >= (SELECT coalesce(max(size), 0) FROM checkpoints)"
        " ORDER BY leaf_index LIMIT 1"
    )
    return datetime.fromisoformat(rows[0]["at"]) if rows else None


_NEWEST: Final = """
SELECT max(at) AS at FROM (
    SELECT at FROM (SELECT at FROM calls WHERE +leaf_index >= :since ORDER BY at DESC LIMIT 1)
    UNION ALL SELECT at FROM (SELECT at FROM checkpoints WHERE size > :since ORDER BY size DESC LIMIT 1000)
    UNION ALL SELECT at FROM facts WHERE leaf_index = :since)
"""
"""By indexes alone: a year has half a million checkpoints."""


def newest_entry(query: Callable[..., list[dict[str, Any]]]) -> datetime | None:
    """The latest time that an entry of the log bears, since the clock was accepted last; None where there is none."""
    (accepted,) = query("SELECT coalesce(max(leaf_index), 0) AS leaf FROM facts WHERE kind = ?", [ClockAccepted.kind])
    (row,) = query(_NEWEST, {"since": accepted["leaf"]})
    return datetime.fromisoformat(row["at"]) if row["at"] else None
