"""What people type, read for what it means: numbers, words, and ids by their first signs, so that whoever types one
need not type all of it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from gate.core import numbers
from gate.core.numbers import NumberRefused
from gate.errors import UsageError
from gate.operations.operation import EVERYBODY, Caller, Line, Request, Response, about, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


def number_of(raw: str) -> str:
    """The E.164 value of a number in any spelling; raises ``UsageError``."""
    try:
        return numbers.parse(raw).e164
    except NumberRefused as refused:
        raise UsageError(
            f"{raw!r} is not a number the gate can keep: {refused.explanation}", hint="Example: 020 7946 0000"
        ) from refused


def number_or_id(target: str, entry: str) -> str:
    """The E.164 value of what is no id of an ``entry`` (``objection``, ``consent``).

    Raises ``UsageError`` where it is no number either.
    """
    try:
        return number_of(target)
    except UsageError as error:
        raise UsageError(
            f"{target!r} is neither the id of {'an' if entry == 'objection' else 'a'} {entry} in force nor a number",
            hint=f"See the ids: dialgate {entry} list",
        ) from error


def must_have(what: str, **given: str) -> None:
    """Raise ``UsageError`` where one of these texts is empty; ``what`` needs them."""
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise UsageError(f"{what} needs {' and '.join(missing)}", hint="Say why, and where the matter is kept.")


_BEGINNING: Final = re.compile(r"[0-9a-f]{4,32}")
MOST: Final = 5
"""Ids that are told at most: whoever gets more than one must say which."""


class Identified(StrEnum):
    """What has an id."""

    CALL = "call"
    RECORDING = "recording"
    HOLD = "hold"
    OBJECTION = "objection"
    CONSENT = "consent"
    PROPOSAL = "proposal"


_WHERE: Final = {
    Identified.CALL: ("call_id", "calls"),
    Identified.RECORDING: ("recording_id", "recordings"),
    Identified.HOLD: ("id", "holds"),
    Identified.OBJECTION: ("id", "objections"),
    Identified.CONSENT: ("id", "consents"),
}


class IdsFound(Response, frozen=True):
    """The ids that begin so."""

    ids: list[str]
    """In their order; five at most."""


class IdFind(Request[IdsFound], frozen=True):
    """Which ids begin with this?"""

    kind: Annotated[Identified, about("Of what it is an id.")]
    beginning: Annotated[Line, about("Four of the signs of an id or more: 0 to 9, a to f.", eg=("5b0d",))]


@operation(IdFind, "id_find", roles=EVERYBODY, polled=True)
def id_find(folder: DataFolder, asked: IdFind, caller: Caller) -> IdsFound:
    """Tell the ids of a kind that begin with four signs or more."""
    if not _BEGINNING.fullmatch(asked.beginning):
        return IdsFound([])
    if asked.kind is Identified.PROPOSAL:
        ids = [row.id for row in folder.proposals.waiting() if row.id.startswith(asked.beginning)]
        return IdsFound(ids[:MOST])
    column, table = _WHERE[asked.kind]
    sql = f"SELECT {column} AS id FROM {table} WHERE {column} >= ? AND {column} < ? LIMIT ?"  # noqa: S608 - names of ours
    span = (asked.beginning, asked.beginning + "g", MOST)  # g follows the last of the signs
    return IdsFound([str(row["id"]) for row in folder.read(lambda tx: tx.query(sql, span))])
