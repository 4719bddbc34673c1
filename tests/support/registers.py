"""Register files and folders for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from gate.registers.import_process import ImportReport
from gate.registers.importer import import_file
from gate.registers.library import RegisterLibrary

NOW = datetime(2026, 2, 10, 12, 0, tzinfo=UTC)
TODAY = date(2026, 2, 10)


def drama(count: int, start: int = 0) -> list[str]:
    """National drama numbers ``01632 960000`` and on; there are a thousand of each hundred thousand's kind."""
    return [
        f"01632960{number:03d}" if number < 1000 else f"0207946{number - 1000:04d}"
        for number in range(start, start + count)
    ]


def record(national: str, *, spaces: bool = False, ending: str = "\r\n") -> str:
    """One record of 12 characters and its line end (LAW 2.1)."""
    text = national[:5].ljust(5) + national[5:].rjust(7) if spaces else national.ljust(12)
    return text + ending


def write(path: Path, nationals: Iterable[str], *, spaces: bool = False, ending: str = "\r\n") -> Path:
    """A register file of these numbers."""
    path.write_bytes("".join(record(number, spaces=spaces, ending=ending) for number in nationals).encode())
    return path


def put(
    folder: Path, name: str, nationals: Iterable[str], *, as_of: date = TODAY, now: datetime = NOW,
    coverage: tuple[str, ...] = ("full",), accept_shrink: bool = True,
) -> ImportReport:  # fmt: skip
    """Put a register of these numbers in force."""
    source = write(folder.parent / f"{name}_ns.txt", nationals)
    return import_file(folder, name, source, as_of=as_of, now=now, coverage=coverage, accept_shrink=accept_shrink)


def e164(national: str) -> str:
    """``+441632…`` of ``01632…``."""
    return "+44" + national[1:]


def files(folder: Path) -> set[str]:
    """What lies in a folder, the lock left out."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def count(folder: Path) -> int:
    """How many numbers the register in force holds; it must be whole."""
    status = RegisterLibrary(folder, ("tps",)).status(TODAY)[0]
    assert status.state == "ok", status
    return status.count
