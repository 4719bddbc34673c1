"""The registers in force: age, size, coverage, identity, and the file that was refused since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec.structs import asdict

from gate.core.facts import Body
from gate.core.facts.lists import RegisterImported, RegisterRefused
from gate.core.rows.calls import FactRow
from gate.core.rows.lists import RefusedFile, RegisterInForce, RegisterState
from gate.operations.operation import EVERYBODY, Caller, Request, Response, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

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


@operation(RegisterStatus, "register_status", roles=EVERYBODY)
def register_status(folder: DataFolder, asked: RegisterStatus, caller: Caller) -> RegistersInForce:
    """Age, size, coverage and identity of each register, and the file that was last refused since."""
    refused = folder.store.call(_refused)
    watched = folder.config.registers.watch
    return RegistersInForce(
        registers=[RegisterInForce(**asdict(row), refused=refused.get(row.name)) for row in states(folder)],
        watch=str(folder.config.path(watched)) if watched else None,
    )


def states(folder: DataFolder) -> list[RegisterState]:
    """The state of each register today."""
    return folder.registers.status(folder.today())


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


def newest(tx: StoreTransaction, kind: type[B]) -> list[tuple[str, B]]:
    """Time and body of the newest facts of a kind, oldest first."""
    rows = tx.rows(
        FactRow,
        "SELECT * FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index DESC LIMIT ?",
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


def _refused(tx: StoreTransaction) -> dict[str, RefusedFile]:
    """The last refusal of each register, where no import came after it."""
    taken = {body.name: at for at, body in newest(tx, RegisterImported)}
    return {
        body.name: RefusedFile(at=at, source_name=body.source_name, why=body.why)
        for at, body in newest(tx, RegisterRefused)
        if at > taken.get(body.name, "")
    }
