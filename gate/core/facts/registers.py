"""Facts about the preference service registers."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET

from gate.core.facts.fact import (
    COLUMN,
    Body,
    Code,
    Firm,
    From,
    Id,
    Maybe,
    Rests,
    Sort,
    Subject,
    Term,
    Time,
    Words,
    fact,
)


@fact(
    "register_imported",
    Subject.REGISTER,
    term=Term.REQUESTS,
    rests=Rests.LOG,
    makes=True,
    sets={"leaf_index": From.LEAF, "at": From.AT, "actor": From.ACTOR},
)
class RegisterImported(Body, frozen=True, kw_only=True):
    """A licensee's file is in force; of a snapshot whose import was never told, only what the snapshot says."""

    name: Annotated[Code, COLUMN]
    count: Annotated[int, COLUMN]
    as_of: Annotated[Time | None, COLUMN]
    sha256: Annotated[Id, COLUMN]
    coverage: Annotated[list[Code], COLUMN]
    source_name: Annotated[Firm, COLUMN]
    source_sha256: Maybe[Id] = UNSET
    previous_sha256: Maybe[Id] = UNSET
    lines: Maybe[int] = UNSET
    duplicates: Maybe[int] = UNSET
    bad: Maybe[int] = UNSET
    bad_lines: Annotated[Maybe[list[Any]], Sort.CODE] = UNSET
    added: Annotated[Maybe[int], COLUMN] = UNSET
    removed: Annotated[Maybe[int], COLUMN] = UNSET
    accepted_shrink: Annotated[Maybe[bool], COLUMN] = UNSET
    accepted: Maybe[Words] = UNSET
    """Why a file was taken that cannot be the whole register."""
    implausible: Maybe[Code] = UNSET
    first_seen: Maybe[Time | None] = UNSET
    contacts: Maybe[dict[Code, int] | None] = UNSET
    path_said: Maybe[Firm] = UNSET
    noted_late: Maybe[bool] = UNSET


@fact("register_refused", Subject.REGISTER)
class RegisterRefused(Body, frozen=True, kw_only=True):
    """A file was refused: the register in force has stayed."""

    name: Code
    source_name: Firm
    why: Firm
    watched: bool
    source_sha256: Id
    path_said: Maybe[Firm] = UNSET
