"""Everything that can be said of an evidence database without trusting it, or the machine it lies on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from gate.audit.derived import DerivedTable, check_derived
from gate.audit.heads import CheckNote, check_heads, read_files
from gate.audit.leaves import LeafCheck, Progress
from gate.audit.report import Findings, Report
from gate.errors import AuditError, StoppedError

_EVIDENCE_TABLES = ("facts", "leaves", "tiles", "checkpoints")
_MOST_DAMAGE = 20


def verify(
    path: Path,
    check_note: CheckNote,
    *,
    tables: Sequence[DerivedTable],
    folders: Sequence[Path] = (),
    notes: Sequence[tuple[str, str]] = (),
    origin: str | None = None,
    pepper: bytes | None = None,
    deep: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Verify the evidence in the database ``path``, read only, also while a gate writes to it.

    ``check_note`` turns a signed note into its text or raises (``GateError``, ``ValueError``). ``tables`` are the
    derived tables (``gate.store.projections.TABLES``); ``folders`` hold checkpoint files, those of the second place
    too; ``notes`` are checkpoints from anywhere, as (where, signed note): the log must have grown from each of them,
    so that any two are consistent; ``origin`` is the log's name that every checkpoint must bear; with ``pepper`` the
    hashes of numbers are checked as well; ``deep`` reads every page of the file for damage first.

    Raises ``AuditError`` where the database or a folder cannot be opened at all, and the ``StoppedError`` of
    ``progress``; all else is in the report.
    """
    for folder in folders:
        if not folder.is_dir():
            raise AuditError(f"there is no folder of checkpoints {folder}")
    files = read_files(folders)  # before the database: what was signed by now is in it
    findings = Findings()
    connection = _open(path)
    leaves = LeafCheck(connection, (), findings)
    try:
        if deep:
            _check_file(connection, findings)
        if _check_schema(connection, tables, findings):
            heads = check_heads(connection, files, check_note, origin, findings, notes)
            leaves = LeafCheck(connection, heads, findings)
            leaves.run(progress)
            for table in tables:
                check_derived(connection, table, pepper, findings)
    except StoppedError:  # raised by ``progress``: nothing is said of a log that was not read to its end
        raise
    except Exception as error:  # noqa: BLE001 - a guarded boundary: whatever a damaged file brings about is a finding
        findings.fault("damaged", f"the file cannot be read on: {error}", leaves.size)
    finally:
        connection.close()
    return Report(leaves.size, leaves.frontier.root, tuple(findings.faults), findings.count, findings.checked)


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY", "cache_size = -65536"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite quotes damaged names in its messages
        raise AuditError(
            f"cannot read {path}: {error}",
            hint="is it an evidence database, and may we read it and write to its folder (SQLite's -shm file)?",
        ) from error
    return connection


def _check_file(connection: sqlite3.Connection, findings: Findings) -> None:
    """SQLite's own look at every page and index."""
    for (message,) in connection.execute(f"PRAGMA integrity_check({_MOST_DAMAGE})"):
        if message != "ok":
            findings.fault("damaged", f"the database file is damaged: {message}")


def _check_schema(connection: sqlite3.Connection, tables: Sequence[DerivedTable], findings: Findings) -> bool:
    """Whether there is something to verify. Nothing may lie in the database that changes what is written or read."""
    found = {}
    for kind, name in connection.execute("SELECT type, name FROM sqlite_schema"):
        found[name] = kind
        if kind in ("trigger", "view"):
            findings.fault("foreign_object", f"the database holds a {kind} that is none of the gate's: {name}")
    wanted = [*_EVIDENCE_TABLES, *(table.name for table in tables)]
    missing = [name for name in wanted if found.get(name) != "table"]
    for name in missing:
        findings.fault("foreign_object", f"the database has no table {name}")
    return not missing
