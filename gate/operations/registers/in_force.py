"""The registers in force: age, size, coverage, identity, and the file that was refused since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec.structs import asdict

from gate.core.facts import Body
from gate.core.facts.lists import RegisterImported, RegisterRefused
from gate.core.rows.calls import FactRow
from gate.core.rows.lists import RefusedFile, RegisterInForce, RegisterState
from gate.core.rules import MAX_AGE_DAYS, days_left
from gate.core.terms import REGISTER_TITLES
from gate.operations.operation import EVERYBODY, AsOf, Caller, Request, Response, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.queries import Source

B = TypeVar("B", bound=Body)
REMEMBERED: Final = 500
"""Imports looked through, at most: more than those of both registers in eight months."""


class RegistersInForce(Response, frozen=True):
    """The registers that calls are screened against."""

    registers: list[RegisterInForce]
    watch: str | None
    """The folder from which a running gate takes new files."""


class RegisterStatus(Request[RegistersInForce], frozen=True):
    """The registers in force."""

    as_of: AsOf = None


@operation(RegisterStatus, "register_status", roles=EVERYBODY)
def register_status(folder: DataFolder, asked: RegisterStatus, caller: Caller) -> RegistersInForce:
    """Age, size, coverage and identity of each register, and the file that was last refused since."""
    refused = folder.read(_refused)
    watched = folder.config.registers.watch
    rows = states(folder) if folder.past is None else _states_then(folder)
    return RegistersInForce(
        registers=[RegisterInForce(**asdict(row), refused=refused.get(row.name)) for row in rows],
        watch=str(folder.config.path(watched)) if watched else None,
    )


def states(folder: DataFolder) -> list[RegisterState]:
    """The state of each register today."""
    return folder.registers.status(folder.today())


def _states_then(folder: DataFolder) -> list[RegisterState]:
    """The same as of a moment, by the imports in the log: of a file that was damaged they say nothing."""
    found = {body.name: (at, body) for at, body in folder.read(lambda tx: newest(tx, RegisterImported))}
    return [_state_then(name, found.get(name), folder.today()) for name in REGISTER_TITLES]


def _state_then(name: str, imported: tuple[str, RegisterImported] | None, today: date) -> RegisterState:
    if imported is None:
        return RegisterState(
            name=name,
            state="missing",
            problem="no import was in the log",
            count=0,
            as_of=None,
            days_left=None,
            coverage=[],
            sha256="",
            imported_at=None,
            source_name="",
            source_sha256="",
        )
    at, body = imported
    day = date.fromisoformat(body.as_of) if body.as_of else None
    left = days_left(day, today) if day else None
    stale = left is not None and left < 0
    return RegisterState(
        name=name,
        state="stale" if stale else "ok",
        problem=f"it was older than {MAX_AGE_DAYS} days" if stale else "",
        count=body.count,
        as_of=day,
        days_left=left,
        coverage=body.coverage,
        sha256=body.sha256,
        imported_at=at,
        source_name=body.source_name,
        source_sha256=body.source_sha256 or "",
        implausible=body.implausible or "",
        accepted=body.accepted or "",
    )


def register_warnings(folder: DataFolder) -> list[str]:
    """Registers that a live gate rests on although they cannot be whole, and codes of which one holds no number."""
    return [warning for row in states(folder) for warning in _warnings(row)]


def _warnings(row: RegisterState) -> Iterator[str]:
    name = row.name.upper()
    if row.implausible:
        taken = f" Taken because: {row.accepted.rstrip('.')}." if row.accepted else ""
        yield (
            f"{name} of {row.as_of} is in force although {row.implausible}.{taken} Import the licensee's whole "
            "file: dialgate register import"
        )
    if row.uncovered:
        yield (
            f"{name} holds no number of {', '.join(row.uncovered)}, so calls there are refused (outside_coverage). "
            "Import the licensee's whole file, or one with the coverage that the licence has"
        )


def newest(tx: Source, kind: type[B]) -> list[tuple[str, B]]:
    """Time and body of the newest facts of a kind, oldest first."""
    rows = tx.rows(
        FactRow,
        "SELECT * FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY at DESC, leaf_index DESC LIMIT ?",
        (kind.kind, REMEMBERED),
    )
    return written(rows[::-1], kind)


def written(rows: Iterable[FactRow], kind: type[B]) -> list[tuple[str, B]]:
    """Time and body of the facts of a kind among these; one that no gate has written is passed over."""
    found = []
    for row in rows:
        if row.kind == kind.kind and row.body is not None:
            with suppress(msgspec.ValidationError):
                found.append((row.at, kind.read(row.body)))
    return found


def _refused(tx: Source) -> dict[str, RefusedFile]:
    """The last refusal of each register, where no import came after it."""
    taken = {body.name: at for at, body in newest(tx, RegisterImported)}
    return {
        body.name: RefusedFile(at=at, source_name=body.source_name, why=body.why)
        for at, body in newest(tx, RegisterRefused)
        if at > taken.get(body.name, "")
    }
