"""The ids that begin with a few signs: whoever types one need not type all of it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from gate.operations.operation import EVERYBODY, Caller, Line, Request, Response, about, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

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
