"""Everything that can be said of an evidence database without trusting it, or the machine it lies on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gate.audit.derived import check_derived
from gate.audit.given_up import GivenUp
from gate.audit.given_up import given_up as given_up_by
from gate.audit.heads import CheckNote, Head, check_heads, check_missing, read_files
from gate.audit.leaves import LeafCheck, Progress
from gate.audit.proof import clock_not_proven, contacts_not_proven, not_proven, proven
from gate.audit.report import Findings, Report
from gate.core.facts.audit import EvidenceRestored
from gate.errors import AuditError, StoppedError
from gate.store.fold import Table

_EVIDENCE_TABLES = ("facts", "leaves", "tiles", "checkpoints", "number_key")
_MOST_DAMAGE = 20


def verify(
    path: Path,
    check_note: CheckNote,
    *,
    tables: Sequence[Table],
    folders: Sequence[Path] = (),
    notes: Sequence[tuple[str, str]] = (),
    origin: str | None = None,
    pepper: bytes | None = None,
    shape: Callable[[sqlite3.Connection], Iterable[tuple[str, str]]] = lambda _: (),
    progress: Progress | None = None,
) -> Report:
    """Verify the evidence in the database ``path``, read only, also while a gate writes to it.

    ``check_note`` turns a signed note into its text or raises (``GateError``, ``ValueError``). ``tables`` are the
    derived tables (``gate.store.projections.TABLES``); ``shape`` tells as (what, sentence) where the database itself is
    not made as a gate makes it (``gate.store.shape.differences``); ``folders`` hold checkpoint files: the data folder's
    first, then that of the second place; ``notes`` are checkpoints from anywhere, as (where, signed note): the log must
    have grown from each of them, so that any two are consistent; ``origin`` is the log's name that every checkpoint
    must bear; with ``pepper`` the hashes of numbers are checked as well. Every page of the file is read for damage
    first.

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
    heads: list[Head] = []
    contacts: list[str] = []
    try:
        _check_file(connection, findings)
        for what, message in shape(connection):
            findings.fault(what, message)
        if _is_there(connection, tables, findings):
            given_up = _restores(connection)
            heads = check_heads(connection, files, check_note, origin, findings, notes, given_up)
            leaves = LeafCheck(connection, heads, findings, given_up)
            leaves.run(progress)
            own = folders[0] if folders else None
            check_missing(connection, leaves.size, leaves.settled, heads, own, findings, given_up)
            for table in tables:
                check_derived(connection, table, pepper, findings)
            contacts = contacts_not_proven(connection)
    except StoppedError:  # raised by ``progress``: nothing is said of a log that was not read to its end
        raise
    except Exception as error:  # noqa: BLE001 - a guarded boundary: whatever a damaged file brings about is a finding
        findings.fault("damaged", f"the file cannot be read on: {error}", leaves.size)
    finally:
        connection.close()
    size, settled, second = leaves.size, leaves.settled, folders[1] if len(folders) > 1 else None
    return Report(
        size,
        leaves.frontier.root,
        tuple(findings.faults),
        findings.count,
        findings.checked,
        () if findings.faults else tuple(proven(size, settled, heads, second)),
        (*not_proven(size, settled, heads, second, findings), *clock_not_proven(leaves.set_back), *contacts),
    )


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


def _restores(connection: sqlite3.Connection) -> list[GivenUp]:
    query = "SELECT leaf_index, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index"
    return [given_up_by(leaf, body) for leaf, body in connection.execute(query, [EvidenceRestored.kind])]


def _is_there(connection: sqlite3.Connection, tables: Sequence[Table], findings: Findings) -> bool:
    """Whether there is something to verify."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    missing = [name for name in (*_EVIDENCE_TABLES, *(table.name for table in tables)) if name not in there]
    for name in missing:
        findings.fault("foreign_object", f"the database has no table {name}")
    return not missing
