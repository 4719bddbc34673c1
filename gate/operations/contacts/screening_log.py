"""What the log keeps of a file that was screened beside the gate (``dialgate screen``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from gate.core.facts import lists as facts
from gate.core.terms import Purpose, Topic
from gate.operations.operation import KEEPERS, Caller, Line, Moment, Request, Response, about, operation
from gate.operations.registers.in_force import RegisterIdentity

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class ScreeningKept(Response, frozen=True):
    """It is in the log, under this id."""

    id: str


class Screened(Request[ScreeningKept], frozen=True):
    """A file was screened: what that rested on and what came of it, without a number."""

    source_name: Annotated[Line, about("Name of the file that was screened.")]
    sha256: Annotated[Line, about("SHA-256 of that file.")]
    output_sha256: Annotated[Line, about("SHA-256 of the file that was written.")]
    columns: Annotated[list[Line], msgspec.Meta(max_length=100), about("Its phone columns.")]
    rows: Annotated[int, about("How many rows it has.")]
    reasons: Annotated[dict[Line, dict[Line, int]], about("By column: how many rows have which reason.")]
    bad_rows: Annotated[int, about("Rows without a valid number, or with too many or too few fields.")]
    registers: Annotated[list[RegisterIdentity], about("The registers that it was compared with.")]
    purpose: Annotated[Purpose, about("What the calls are for.")]
    topic: Annotated[Topic, about("What marketing calls are about.")]
    as_of: Annotated[Moment, about("As if all were called then.")]
    hours_applied: Annotated[bool, about("Calling hours counted.")]


@operation(Screened, "screened", roles=KEEPERS)
def screened(folder: DataFolder, asked: Screened, caller: Caller) -> ScreeningKept:
    """Log that a file was screened in bulk, with what it rested on and what came of it."""
    screening_id = folder.new_id()
    body = facts.Screened(**{**msgspec.to_builtins(asked), "as_of": asked.as_of.isoformat()})
    folder.keep(body, screening_id, caller.actor)
    return ScreeningKept(id=screening_id)
