"""What a gate gives out for a backup: the wrapped keys, page by page, and the leaves that say who made it."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.core.evidence import inclusion_proof, index_of
from gate.core.facts import audit as facts
from gate.operations.operation import ADMINS, Caller, Line, Request, Response, about, operation
from gate.store.slices import nodes, of_subject

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

BATCH: Final = 64
"""Wrapped keys in one message: its size is bounded (``gate.control.work.LARGEST_BODY``)."""


class BackupBegun(Response, frozen=True):
    """A backup that may be made now."""

    id: str
    made_at: str
    keys_until: str
    """The day by whose end the set of keys must be destroyed (``retention.backup_days``)."""


class BackupBegin(Request[BackupBegun], frozen=True):
    """Begin a backup."""


@operation(BackupBegin, "backup_begin", roles=ADMINS)
def backup_begin(folder: DataFolder, asked: BackupBegin, caller: Caller) -> BackupBegun:
    """Begin a backup: the log says who takes the wrapped keys out, and until when they may be kept."""
    until = (folder.today() + timedelta(days=folder.config.retention.backup_days)).isoformat()
    name = folder.new_id()
    folder.keep(facts.BackupBegun(keys_until=until), name, caller.actor)
    return BackupBegun(id=name, made_at=folder.clock.now().isoformat(), keys_until=until)


class CopiedKey(Response, frozen=True):
    """A wrapped key, as it is kept."""

    recording_id: str
    recipient_id: str
    key_id: str
    wrap: str
    """Base64."""
    proven: bool


class CopiedKeys(Response, frozen=True):
    """A page of them."""

    items: list[CopiedKey]
    next: int | None


class BackupKeys(Request[CopiedKeys], frozen=True):
    """A page of the wrapped keys of all recordings."""

    after: Annotated[int, about("Go on after a page: the `next` of the one before.")] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=BATCH), about("Wrapped keys of a page.")] = BATCH


@operation(BackupKeys, "backup_keys", roles=ADMINS)
def backup_keys(folder: DataFolder, asked: BackupKeys, caller: Caller) -> CopiedKeys:
    """Read a page of the wrapped keys of all recordings, for a backup of them."""
    rows = folder.keys.page(asked.after, asked.limit)
    items = [
        CopiedKey(recording, recipient, key_id, base64.b64encode(wrap).decode(), bool(proven))
        for _, recording, recipient, key_id, wrap, proven in rows
    ]
    return CopiedKeys(items, rows[-1][0] if len(rows) == asked.limit else None)


class BackupMade(Response, frozen=True):
    """It is in the log: the leaf, and the signed head of the log that it is proven by, to be kept with the sets."""

    id: str
    index: int
    leaf: str
    """Canonical text; it commits to ``body`` with ``salt`` (hexadecimal)."""
    salt: str
    body: str
    """Names the digests of the lists."""
    proof: list[str]
    """Base64, the lowest sibling first (RFC 9162)."""
    checkpoint: str
    """A signed note (C2SP)."""


class BackupDone(Request[BackupMade], frozen=True):
    """Say that a backup is whole."""

    id: Annotated[Line, about("Id of the backup, as backup_begin answered.")]
    files: Annotated[int, about("How many files the set of data has.")]
    data_sha256: Annotated[Line, about("SHA-256 of the list of files in the set of data.")]
    keys_sha256: Annotated[Line, about("SHA-256 of the list of files in the set of keys.")]


@operation(BackupDone, "backup_done", roles=ADMINS)
def backup_done(folder: DataFolder, asked: BackupDone, caller: Caller) -> BackupMade:
    """Keep in the log that a backup is whole, by the digests of its lists of files; sign the log, and prove it."""
    body = facts.BackupMade(files=asked.files, data_sha256=asked.data_sha256, keys_sha256=asked.keys_sha256)
    fact = folder.fact(body, asked.id, caller.actor)
    index = index_of(folder.store.call(lambda tx: tx.append(fact)))
    signed = folder.log.checkpoint()
    folder.trust.signed(signed.missed)
    with folder.reader() as reader:
        (row,) = [each for each in of_subject(reader, asked.id, [body.kind], signed.size) if each.leaf_index == index]
        proof = inclusion_proof(index, signed.size, nodes(reader))
    return BackupMade(
        id=asked.id,
        index=index,
        leaf=row.leaf.decode(),
        salt=(row.salt or b"").hex(),
        body=row.body or "",
        proof=[base64.b64encode(each).decode() for each in proof],
        checkpoint=signed.note,
    )
