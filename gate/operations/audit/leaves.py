"""The evidence log as it lies: its leaves page by page, one leaf, and how it stands.

Lists are read beside the store: whoever scrolls through a million leaves keeps no decision waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from gate.core.rows.audit import Leaf, LeafShown, LogNow
from gate.errors import UsageError
from gate.operations.operation import (
    EVERYBODY,
    READERS,
    Back,
    Caller,
    Line,
    Masked,
    Page,
    Paged,
    Request,
    about,
    operation,
)
from gate.store import search

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

# --- the list ------------------------------------------------------------------------------------------------------


class AuditLeaves(Paged[Page[Leaf]], frozen=True):
    """A page of the evidence log, newest first."""

    before: Back = None
    kind: Annotated[Line | None, about("Only facts of this kind, e.g. exported.", eg=("exported",))] = None
    text: Annotated[
        Line | None,
        about("Only those that fit: part of a kind or of who did it, the beginning of an id, or a leaf's number."),
    ] = None


@operation(AuditLeaves, "audit_leaves", roles=EVERYBODY)
def audit_leaves(folder: DataFolder, asked: AuditLeaves, caller: Caller) -> Page[Leaf]:
    """The log, newest first."""
    return folder.read(
        lambda reader: search.leaves_window(reader, asked.after, asked.before, asked.limit, asked.kind, asked.text)
    )


# --- one of them ---------------------------------------------------------------------------------------------------


class AuditLeaf(Request[LeafShown], frozen=True):
    """One leaf of the log with what it commits to."""

    index: Annotated[int, msgspec.Meta(ge=0, lt=10**18), about("The leaf's number.", eg=("4211",), metavar="LEAF")]
    masked: Masked = False


@operation(AuditLeaf, "audit_leaf", roles=READERS)
def audit_leaf(folder: DataFolder, asked: AuditLeaf, caller: Caller) -> LeafShown:
    """One leaf with what it commits to."""
    found = folder.read(lambda reader: search.leaf(reader, asked.index))
    if found is None:
        raise UsageError(f"there is no leaf {asked.index}", hint="See: dialgate audit leaves")
    return found


# --- how it stands -------------------------------------------------------------------------------------------------


class AuditStatus(Request[LogNow], frozen=True):
    """How long the log is, when it was signed last, when it was verified last and whether it held."""


@operation(AuditStatus, "audit_status", roles=EVERYBODY, polled=True)
def audit_status(folder: DataFolder, asked: AuditStatus, caller: Caller) -> LogNow:
    """Size of the log, its newest checkpoint, its last verification."""
    return folder.read(search.log_now)
