"""The registers in force: age, size, coverage, identity, and the file that was refused since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from gate.converting import convert
from gate.core.facts.lists import RegisterImported, RegisterRefused
from gate.core.rows import Row
from gate.operations.operation import EVERYBODY, Caller, Request, Response, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

REMEMBERED: Final = 500
"""Imports looked through, at most: more than those of both registers in eight months."""


class RegisterIdentity(Response, frozen=True):
    """The edition of a register that something rested on."""

    name: str
    state: str
    as_of: date | None
    count: int
    sha256: str


class RefusedFile(Row, frozen=True):
    """A file that was not taken."""

    at: str
    source_name: str
    why: str


class RegisterInForce(Row, frozen=True):
    """One register."""

    name: str
    state: str
    """``ok``, ``stale``, ``missing`` or ``damaged``."""
    problem: str
    """What is wrong with it; empty where nothing is."""
    count: int
    as_of: date | None
    days_left: int | None
    """Days that it still supports calls for: 0 on the last one."""
    coverage: list[str]
    sha256: str
    imported_at: str | None
    source_name: str
    refused: RefusedFile | None
    """The file that was last refused, where none was taken since."""
    implausible: str = ""
    """What a live gate found odd about it, in words that follow "although "; empty where nothing."""
    accepted: str = ""
    """Why it was taken all the same; empty where it is only doubtful."""
    uncovered: tuple[str, ...] = ()
    """Dialling codes of its coverage of which it holds no number: calls to them are refused."""


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
    rows = [row | {"refused": refused.get(row["name"])} for row in states(folder)]
    return RegistersInForce(
        registers=convert(rows, list[RegisterInForce]),
        watch=str(folder.config.path(watched)) if watched else None,
    )


def identity(registers: Iterable[Mapping[str, Any]]) -> Any:
    """What of the registers a verdict depends on."""
    return [(each["name"], each["state"], each["sha256"]) for each in registers]


def states(folder: DataFolder) -> list[dict[str, Any]]:
    """The state of each register today (``RegisterLibrary.status``)."""
    return folder.registers.status(folder.today())


def register_warnings(folder: DataFolder) -> list[str]:
    """Registers that a live gate rests on although they cannot be whole, and codes of which one holds no number."""
    return [warning for row in states(folder) for warning in _warnings(row)]


def _warnings(row: Mapping[str, Any]) -> Iterator[str]:
    name = row["name"].upper()
    if row["implausible"]:
        taken = f" Taken because: {row['accepted'].rstrip('.')}." if row["accepted"] else ""
        yield (
            f"{name} of {row['as_of']} is in force although {row['implausible']}.{taken} Import the licensee's whole "
            "file: dialgate register import"
        )
    if row["uncovered"]:
        yield (
            f"{name} holds no number of {', '.join(row['uncovered'])}, so calls there are refused (outside_coverage). "
            "Import the licensee's whole file, or one with the coverage that the licence has"
        )


def facts_of(tx: StoreTransaction, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Time and body of the newest facts of a kind, newest first."""
    rows = tx.query(
        "SELECT at, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index DESC LIMIT ?",
        (kind, REMEMBERED),
    )
    return [(row["at"], json.loads(row["body"])) for row in rows]


def _refused(tx: StoreTransaction) -> dict[str, dict[str, Any]]:
    """By register the last refusal, where no import came after it."""
    taken = {body["name"]: at for at, body in reversed(facts_of(tx, RegisterImported.kind)) if "name" in body}
    found: dict[str, dict[str, Any]] = {}
    for at, body in reversed(facts_of(tx, RegisterRefused.kind)):
        if "name" in body and at > taken.get(body["name"], ""):
            found[body["name"]] = {"at": at, "source_name": body["source_name"], "why": body["why"]}
    return found
