"""What the log keeps of a file that was screened beside the gate (``dialgate screen``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from gate.core.facts import contacts as facts
from gate.core.terms import Purpose, Topic
from gate.operations.operation import KEEPERS, Caller, Line, Moment, Request, Response, operation
from gate.operations.registers.in_force import RegisterIdentity

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class ScreeningKept(Response, frozen=True):
    """It is in the log, under this id."""

    id: str


class Screened(Request[ScreeningKept], frozen=True):
    """A file was screened: what that rested on and what came of it, without a number."""

    source_name: Line
    sha256: Line
    output_sha256: Line
    columns: Annotated[list[Line], msgspec.Meta(max_length=100)]
    rows: int
    reasons: dict[Line, dict[Line, int]]
    """By column: how many rows have which reason."""
    bad_rows: int
    registers: list[RegisterIdentity]
    purpose: Purpose
    topic: Topic
    as_of: Moment
    hours_applied: bool


@operation(Screened, "screened", roles=KEEPERS)
def screened(folder: DataFolder, asked: Screened, caller: Caller) -> ScreeningKept:
    """Log that a file was screened in bulk, with what it rested on and what came of it."""
    screening_id = folder.new_id()
    body = facts.Screened(**{**msgspec.to_builtins(asked), "as_of": asked.as_of.isoformat()})
    folder.keep(body, screening_id, caller.actor)
    return ScreeningKept(id=screening_id)
