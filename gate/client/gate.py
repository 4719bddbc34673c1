"""What is asked: a gate that runs (``gate.control.client``), or a data folder opened in this process.

A copy in clear that is written here is entered in its ledger before the first byte, and once more when it is whole, or
was not written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from gate.control.messages import carry_out, response, sound
from gate.core.rows.audit import CopyKind
from gate.errors import ControlError, GateError, UsageError
from gate.handed_over_file import OWN, HandedOverFile, open_file, refusal
from gate.operations.accounts import user
from gate.operations.operation import Caller, Request, operation_of
from gate.operations.retention.copies import CopiesAdd, CopiesEnded, CopyEntered
from gate.types import Progress

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

R = TypeVar("R")


class HasNext(Protocol):
    """A page of a list."""

    @property
    def next(self) -> Any:
        """Give it as ``after`` for the page that follows; None at the end."""
        ...


P = TypeVar("P", bound=HasNext)


class Gate(Protocol):
    """What both ways offer: the response to a request."""

    def ask(self, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
        """The response to a request; raises ``GateError``."""
        ...


class FolderHere:
    """A data folder opened in this process; the actor is whoever runs the command."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def ask(self, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
        """As ``ControlClient.ask``."""
        operation = operation_of(request)
        asked = sound(request)
        if operation.running:
            raise ControlError(
                f"{operation.name} is asked of a running gate, and none runs here", hint="start it: dialgate serve"
            )
        caller = Caller(user(os.getuid()))
        if progress is not None:
            caller = replace(caller, progress=progress)
        if operation.file:
            file = given or open_file(asked.path, operation.file)  # type: ignore[attr-defined]  # it takes a file
            if refusal(file.fileno(), self._folder.config.data) == OWN:
                raise UsageError(f"{file} {OWN}", hint="name a list as it was sent")
            caller = replace(caller, file=file)
        found: R = response(operation, carry_out(self._folder, asked, caller))
        return found


def pages(gate: Gate, request: Request[P]) -> Iterator[P]:
    """Every page of a list, from the one that ``request`` asks for to the last."""
    while True:
        page = gate.ask(request)
        yield page
        if page.next is None:
            return
        request = msgspec.structs.replace(request, after=page.next)


# --- copies in clear -------------------------------------------------------------------------------------------------


def copy_of(
    what: CopyKind,
    place: Path,
    why: str,
    *,
    of: str = "",
    recordings: Sequence[str] = (),
    until: date | None = None,
) -> CopiesAdd:
    """The request that enters a copy in clear which is about to be written here."""
    where = "standard output" if str(place) == "-" else str(place.absolute())
    return CopiesAdd(what=what, recordings=tuple(recordings), of=of, place=where, why=why, until=until)


@contextmanager
def written(gate: Gate, copy: CopiesAdd) -> Iterator[CopyEntered]:
    """Write a copy in this block. Raises what the block raises, and the gate where the copy cannot be entered."""
    entered = gate.ask(copy)
    try:
        yield entered
    except BaseException as error:
        with suppress(GateError):  # the ledger says that it was begun: it counts as one that is there
            gate.ask(ended(entered, copy, error))
        raise
    gate.ask(ended(entered, copy))


def ended(entered: CopyEntered, copy: CopiesAdd, error: BaseException | None = None) -> CopiesEnded:
    """The request that says how it ended."""
    if error is not None:
        return CopiesEnded(copy_id=entered.id, failed=f"not written: {error or type(error).__name__}"[:1000])
    path = Path(copy.place)
    if not path.is_file():  # standard output, a pipe
        return CopiesEnded(copy_id=entered.id)
    with path.open("rb") as file:
        return CopiesEnded(copy_id=entered.id, sha256=hashlib.file_digest(file, "sha256").hexdigest())
