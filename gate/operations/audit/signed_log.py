"""The evidence log of a data folder: signed, verified, compared with every place where its checkpoints lie: the
data folder, the second place, a copy of a mailbox.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gate.audit.checkpoints import Checkpointer, Newest
from gate.audit.heads import Log, Place, Standing, compare, file_name, folder_notes, last_fit
from gate.clock import Clock
from gate.config import Config, Witness
from gate.core.evidence import index_of
from gate.core.facts.audit import ClockAccepted
from gate.core.rows.audit import LogBehind, LogVerified, NewestAt
from gate.errors import GateError, NoteInvalid, VaultError
from gate.store.queries import Source
from gate.store.reader import Reader, place_of
from gate.store.rows import R, Values
from gate.types import Response

if TYPE_CHECKING:
    from gate.outgoing import Answer
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

    @property
    def own(self) -> range:
        """The keys of its leaves."""
        return self._store.own

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        return self._store.call(lambda tx: tx.head())

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves."""
        return self._store.call(lambda tx: tx.root_at(size))

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
    return [*found, *(_witnessed(each, config) for each in config.witness)]


def _folder(path: Path) -> Place:
    return Place(str(path), lambda: folder_notes(path))


def _mailed(path: Path) -> Iterator[tuple[str, str]]:
    from gate.exports.mail import mailed_notes  # with `email`: where there is a mailbox

    return mailed_notes(path)


# --- witnesses -----------------------------------------------------------------------------------------------------

WITNESS_SECONDS: Final = 5.0
"""How long a witness may take to answer."""
MOST_ANSWERED: Final = 16_384
"""Bytes of its answer."""


def name_of(witness: Witness) -> str:
    """Its name, as its key has it."""
    return witness.key.partition("+")[0]


def asked_witness(witness: Witness, config: Config, method: str, prefix: str, place: str, body: bytes = b"") -> Answer:
    """What a witness answers. Raises ``OSError``."""
    from gate.outgoing import request  # with `http.client` and `ssl`: where there is a witness

    trusted = str(config.path(witness.ca_file)) if witness.ca_file else None
    url = f"{prefix.rstrip('/')}/{place}"
    return request(method, url, body, seconds=WITNESS_SECONDS, most=MOST_ANSWERED, ca_file=trusted)


def _witnessed(witness: Witness, config: Config) -> Place:
    """The newest head of this log that a witness has signed, by its monitoring interface, where it has one."""
    where = f"the witness {name_of(witness)}"

    def notes() -> Iterator[tuple[str, str]]:
        place = f"{sha256(origin_of(config).encode()).hexdigest()}/checkpoint"
        answer = asked_witness(witness, config, "GET", witness.monitor or witness.url, place)
        if answer.status == 200 and answer.whole:
            yield where, answer.body.decode()
        elif answer.status != 404:
            raise OSError(f"it answers {answer.status} {answer.reason}"[:200])

    return Place(where, notes)


# --- compared ------------------------------------------------------------------------------------------------------


def standing(config: Config, log: Log) -> Standing:
    """What came of it. Raises ``GateError`` where the store or the signing key cannot be read."""
    vkey = _vkey(config)

    def check_note(note: str) -> str:
        from gate.vault.signing import verify_note  # only for a note that does not fit: a check must not pay for it

        return verify_note(note, vkey)

    return compare(log, places(config), check_note, vkey.partition("+")[0])


def behind(config: Config, log: Log) -> LogBehind | None:
    """What a restore would give up; None where the log is behind nothing."""
    found = standing(config, log)
    if not found.behind:
        return None
    return LogBehind(
        after=max(found.fits, last_fit(log, places(config), _vkey(config).partition("+")[0])),
        to=max(known.size for _, known in found.behind),
        places=[NewestAt(place=where, size=known.size) for where, known in found.behind],
    )


def _vkey(config: Config) -> str:
    path = config.data / "gate.key"
    try:
        return path.read_text("utf-8", "replace").partition("\n")[0]
    except OSError as error:
        raise VaultError(
            f"{path} cannot be read: {error.strerror}", hint="restore it: nobody can tell which log is the newest"
        ) from error


def origin_of(config: Config) -> str:
    """The name of this gate's log, as its checkpoints have it. Raises ``VaultError`` where its key cannot be read."""
    return _vkey(config).partition("+")[0]


def unsigned_since(reader: Source) -> datetime | None:
    """When the oldest entry was kept over which no checkpoint is signed; None where there is none."""
    rows = reader.values(
        datetime,
        "SELECT at FROM facts WHERE leaf_index >= ?1 + (SELECT coalesce(max(size), 0) FROM checkpoints)"
        " AND leaf_index < ?2 ORDER BY leaf_index LIMIT 1",
        [reader.own.start, reader.own.stop],
    )
    return rows[0] if rows else None


_NEWEST: Final = """
SELECT max(at) AS at FROM (
    SELECT at FROM (SELECT at FROM calls WHERE +leaf_index >= :since AND +leaf_index < :end ORDER BY at DESC LIMIT 1)
    UNION ALL SELECT at FROM (SELECT at FROM checkpoints WHERE size > :size ORDER BY size DESC LIMIT 1000)
    UNION ALL SELECT at FROM facts WHERE leaf_index = :since)
"""
"""By indexes alone: a year has half a million checkpoints."""


def newest_entry(reader: Source) -> datetime | None:
    """The latest time that an entry of the log bears, since the clock was accepted last; None where there is none."""
    own = reader.own
    sql = "SELECT coalesce(max(leaf_index), ?1) FROM facts WHERE kind = ?3 AND leaf_index >= ?1 AND leaf_index < ?2"
    (accepted,) = reader.values(int, sql, [own.start, own.stop, ClockAccepted.kind])
    since = {"since": accepted, "size": index_of(accepted), "end": own.stop}
    return reader.values(tuple[datetime | None], _NEWEST, since)[0][0]


class SignedCheckpoint(Response, frozen=True):
    """A checkpoint that was just signed."""

    size: int
    root: str
    """Base64."""
    note: str
    """C2SP signed note."""
    missed: list[str]
    """Why a copy could not be put into the second place; it is tried again with the next checkpoint."""


class SignedLog:
    """Blocking and thread-safe; not for the line thread, nor for the store's."""

    def __init__(self, config: Config, clock: Clock, store: EvidenceStore, pepper: bytes) -> None:
        self._config = config
        self._clock = clock
        self._store = store
        self._pepper = pepper
        self._newest: dict[Path, Newest] = {}
        self._opened_with: int = store.call(lambda tx: tx.head()[0])
        """Entries when the data folder was opened."""

    @property
    def _second_folder(self) -> Path | None:
        name = self._config.storage.checkpoints_copy
        return self._config.path(name) if name else None

    # --- signing ---------------------------------------------------------------------------------------------------

    def check_signer(self) -> None:
        """Raises ``VaultError`` where the key that signs the log is missing, or is not the one that has signed it."""
        path = self._config.data / "gate.key"
        hint = "restore it: what it has signed holds under no other key"
        if not path.exists():
            raise VaultError(f"{path} is missing", hint=hint)
        key = signing_key(path)
        sql = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
        for note in self._store.call(lambda tx: tx.values(str, sql)):
            try:
                key.verify_note(note)
            except NoteInvalid as error:
                raise VaultError(f"{path} is not the key that has signed this log: {error}", hint=hint) from error

    def checkpoint(self) -> SignedCheckpoint:
        """Sign the log as it stands. Raises ``GateError``."""
        data = self._config.data
        key = signing_key(data / "gate.key")
        written = Checkpointer(
            self._store,
            key.sign_note,
            origin=key.name,
            folder=data / "checkpoints",
            second=self._second_folder,
            newest=self._newest,
        ).write(self._clock.now())
        root = base64.b64encode(written.root).decode()
        return SignedCheckpoint(size=written.size, root=root, note=written.note, missed=list(written.missed))

    def sign_new_entries(self) -> None:
        """Sign what was kept since the data folder was opened. What cannot be signed is signed by the next gate."""
        with suppress(GateError):
            if self._store.call(lambda tx: tx.head()[0]) > self._opened_with:
                self.checkpoint()

    def copies(self, size: int, note: str) -> list[str]:
        """Where the file of a checkpoint lies as it was signed: ``folder``, ``second place``."""
        found = []
        for place, folder in (("folder", self._config.data / "checkpoints"), ("second place", self._second_folder)):
            with suppress(OSError):
                files = [folder / file_name(size), folder / file_name(size, note)] if folder else []
                if any(file.is_file() and file.read_bytes() == note.encode() for file in files):
                    found.append(place)
        return found

    # --- comparing -------------------------------------------------------------------------------------------------

    def standing(self) -> Standing:
        """The store compared with every place where checkpoints lie. Raises ``GateError``."""
        return standing(self._config, StoreLog(self._store))

    def behind(self) -> LogBehind | None:
        """What a restore would give up (``gate.operations.audit.signed_log.behind``). Raises ``GateError``."""
        return behind(self._config, StoreLog(self._store))

    def unsigned_since(self) -> datetime | None:
        """When the oldest entry was kept over which no checkpoint is signed. Raises ``GateError``."""
        with Reader(place_of(self._config)) as reader:
            return unsigned_since(reader)

    def newest_entry(self) -> datetime | None:
        """The latest time that an entry bears, since the clock was accepted last. Raises ``GateError``."""
        with Reader(place_of(self._config)) as reader:
            return newest_entry(reader)

    # --- verifying -------------------------------------------------------------------------------------------------

    def verify(
        self,
        progress: Callable[[float, str], None] | None = None,
        vkey: str = "",
        checkpoints: Sequence[tuple[str, str]] = (),
    ) -> LogVerified:
        """Verify rows, leaves, root and checkpoints, reading beside whatever is written.

        ``vkey`` (else that of ``gate.key``) and ``checkpoints``, (where, signed note), are known from elsewhere: what
        lies here cannot have been made to fit them. Raises ``GateError``.
        """
        from gate.audit.verify import verified_log  # ciphers and more: not to sign or compare

        folders = [self._config.data / "checkpoints", *([self._second_folder] if self._second_folder else [])]
        place = place_of(self._config)
        return verified_log(self._config.data, place, self._pepper, folders, vkey, checkpoints, progress)
