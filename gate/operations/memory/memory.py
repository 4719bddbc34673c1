"""What people ask of the second place: how it is, and a new journal where the old one is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from gate.errors import UsageError
from gate.operations.memory.place import SecondPlace
from gate.operations.operation import ADMINS, EVERYBODY, Caller, Note, Request, Response, about, operation
from gate.store.memory import kept

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class MemoryStanding(Response, frozen=True, kw_only=True):
    """How the second place is."""

    configured: bool
    """``storage.memory`` names one."""
    path: str
    """Of the journal."""
    compared: bool
    """The store was compared with it, and holds all that it does."""
    entries: int
    """As the store knows it."""
    waits: str
    """Why acts wait to be written into it; empty where none does."""
    refused: str
    """Why marketing calls are refused; empty where they are not."""
    warnings: list[str]


class MemoryStatus(Request[MemoryStanding], frozen=True):
    """How the second place is that remembers objections and erasures."""


@operation(MemoryStatus, "memory_status", roles=EVERYBODY)
def memory_status(folder: DataFolder, asked: MemoryStatus, caller: Caller) -> MemoryStanding:
    """Show whether the second place holds what the store does, and what waits for it."""
    memory = folder.one(SecondPlace)
    memory.tend()
    known = folder.read(lambda reader: kept(reader.connection))
    return MemoryStanding(
        configured=memory.configured,
        path=str(memory.path or ""),
        compared=memory.compared,
        entries=known.head.number if known is not None else 0,
        waits=memory.debt,
        refused=memory.why,
        warnings=list(memory.warnings()),
    )


class MemoryRenewed(Response, frozen=True, kw_only=True):
    """A new journal was begun."""

    path: str
    aside: str
    """Where the old one lies now; empty where there was none."""
    waits: str


class MemoryRenew(Request[MemoryRenewed], frozen=True):
    """Begin a new journal where the old one is lost or damaged, from what the store holds."""

    reason: Annotated[Note, about("Why; kept in the log.")]


@operation(MemoryRenew, "memory_renew", roles=ADMINS)
def memory_renew(folder: DataFolder, asked: MemoryRenew, caller: Caller) -> MemoryRenewed:
    """Begin a new journal in the second place: the log says who and why.

    What only the lost one held is lost with it. Raises ``UsageError`` where there is no reason, or the journal is in
    order.
    """
    if not asked.reason.strip():
        raise UsageError("a new journal is begun for a reason only", hint="Say it: --reason 'the disk died'")
    aside = folder.one(SecondPlace).renew(caller.actor, asked.reason.strip())
    return MemoryRenewed(path=str(folder.one(SecondPlace).path or ""), aside=aside, waits=folder.one(SecondPlace).debt)
