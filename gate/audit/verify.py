"""Everything that can be said of an evidence database without trusting it, or the machine it lies on; what that has
shown, and what it cannot show, in sentences.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from gate.audit.heads import (
    RESTORES,
    CheckNote,
    Findings,
    GivenUp,
    Head,
    Report,
    check_heads,
    check_missing,
    read_files,
)
from gate.audit.heads import given_up as given_up_by
from gate.audit.leaves import LeafCheck, Progress, check_derived
from gate.core.evidence import index_of
from gate.core.facts.audit import EvidenceRestored
from gate.core.rows.audit import LogFault, LogVerified
from gate.core.terms import many
from gate.errors import AuditError, StoppedError
from gate.sqlite_thread import Connection
from gate.store.projections import TABLES, Table, number_hash
from gate.store.reader import Place
from gate.store.schema import differences
from gate.store.tree import keys
from gate.vault.signing import CheckpointKey, check_vkey, verify_note


def proven(size: int, settled: int, heads: Sequence[Head], second: Path | None) -> list[str]:
    """What holds, of a log in which no fault was found. ``settled``: the largest size whose checkpoint fits."""
    said = [
        f"The log of {many(size, 'entry')}, its rows and its tree agree, and what the lists show follows from them."
    ]
    if settled:
        first = many(settled, "entry")
        said.append(
            f"Since a checkpoint was signed over {first}, nothing of that was changed, moved, added or taken away."
        )
    said += [
        f"The log has grown from the newest checkpoint of {where}, which is over {many(newest, 'entry')}."
        for where, newest in _outside(heads, second).items()
    ]
    return said


def not_proven(size: int, settled: int, heads: Sequence[Head], second: Path | None, findings: Findings) -> list[str]:
    """What nobody can tell from here."""
    outside = _outside(heads, second)
    known = max(outside.values(), default=0)
    said = []
    if not known:
        said.append(
            "That this is the newest state of the log: there is no checkpoint outside of the data folder "
            "(storage.checkpoints_copy), so an older gate.db put back together with its checkpoints looks the same, "
            "and so does a log made anew by whoever holds gate.key."
        )
    elif known < size:
        said.append(
            f"That nothing was taken away or made anew after the checkpoint over {many(known, 'entry')}: no newer one "
            "lies outside of the data folder."
        )
    if settled < size:
        said.append(f"Who wrote {many(size - settled, 'entry')} at its end: no checkpoint is signed over that yet.")
    if given_up := findings.checked.get("given_up"):
        said.append(
            f"What was in the log and was given up by a restore: {many(given_up, 'checkpoint', 'is')} signed over "
            "entries that are not in it (leaves evidence_restored say who accepted that, and why)."
        )
    if erased := findings.checked.get("erased"):
        said.append(f"What {many(erased, 'erased fact')} said: only when it was kept, by whom, and that it was erased.")
    unverified = sum(number for name, number in findings.checked.items() if name.endswith("_unverified"))
    if unverified:
        said.append(f"What {many(unverified, 'row of erased facts')} held: no receipt of their erasure speaks of that.")
    return said


def clock_not_proven(set_back: tuple[int, str, str] | None) -> list[str]:
    """Times are those of the gate's own clock; that it was set back shows in the order of the entries."""
    if set_back is None:
        return []
    index, at, latest = set_back
    return [
        f"When things happened: entry {index:,} is dated {at[:10]}, and one before it {latest[:10]}. The clock was set "
        "back, or had been ahead: registers may have been older than they looked, and answers later."
    ]


def contacts_not_proven(connection: Connection, there: Collection[str]) -> list[str]:
    """The CRM's contacts are no evidence. ``there``: names of the tables."""
    if "contacts" not in there or connection.execute("SELECT 1 FROM contacts LIMIT 1").fetchone() is None:
        return []
    return [
        "The contacts of the CRM and their verdicts: they are a copy that each screening makes anew, and no evidence."
    ]


def _outside(heads: Sequence[Head], second: Path | None) -> dict[str, int]:
    """The newest checkpoint of the second place and of those given: where, and its size."""
    found: dict[str, int] = {}
    for head in heads:
        if head.given:
            found["what you gave"] = head.checkpoint.size
        elif second is not None and Path(head.place).parent == second:
            found[str(second)] = head.checkpoint.size
    return found


_EVIDENCE_TABLES = ("facts", "leaves", "tiles", "checkpoints", "number_key")
_MOST_DAMAGE = 20


def verify(
    place: Place,
    check_note: CheckNote,
    *,
    tables: Sequence[Table],
    folders: Sequence[Path] = (),
    notes: Sequence[tuple[str, str]] = (),
    origin: str | None = None,
    pepper: bytes | None = None,
    shape: Callable[[Connection], Iterable[tuple[str, str]]] = lambda _: (),
    progress: Progress | None = None,
) -> Report:
    """Verify the evidence in a database, read only, also while a gate writes to it.

    ``check_note`` turns a signed note into its text or raises (``GateError``, ``ValueError``). ``tables`` are the
    derived tables (``gate.store.projections.TABLES``); ``shape`` tells as (what, sentence) where the database is not
    made as a gate makes it (``gate.store.schema.differences``); ``folders`` hold checkpoint files: the data folder's
    first, then that of the second place; ``notes`` are checkpoints from anywhere, as (where, signed note): the log must
    have grown from each of them, so that any two are consistent; ``origin`` is the log's name that every checkpoint
    must bear; with ``pepper`` the hashes of numbers are checked as well. Every page of SQLite's file is read for damage
    first; on a server that is its own work (data checksums).

    Raises ``AuditError`` where the database or a folder cannot be opened at all, and the ``StoppedError`` of
    ``progress``; all else is in the report.
    """
    for folder in folders:
        if not folder.is_dir():
            raise AuditError(f"there is no folder of checkpoints {folder}")
    files = read_files(folders)  # before the database: what was signed by now is in it
    findings = Findings()
    connection = _open(place)
    leaves = LeafCheck(connection, (), findings)
    heads: list[Head] = []
    contacts: list[str] = []
    try:
        if isinstance(place, Path):
            _check_file(connection, findings)
        there = _tables(connection) if isinstance(place, Path) else place.tables(connection)
        for what, message in shape(connection):
            findings.fault(what, message)
        if _is_there(there, tables, findings):
            given_up = _restores(connection)
            heads = check_heads(connection, files, check_note, origin, findings, notes, given_up)
            leaves = LeafCheck(connection, heads, findings, given_up)
            leaves.run(progress)
            own = folders[0] if folders else None
            check_missing(connection, leaves.size, leaves.settled, heads, own, findings, given_up)
            for table in tables:
                check_derived(connection, table, pepper, findings)
            contacts = contacts_not_proven(connection, there)
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


def _open(place: Place) -> Connection:
    if isinstance(place, Path):
        return _open_file(place)
    connection = place.open_reader()
    connection.execute("BEGIN")
    return connection


def _open_file(path: Path) -> Connection:
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


def _check_file(connection: Connection, findings: Findings) -> None:
    """SQLite's own look at every page and index."""
    for (message,) in connection.execute(f"PRAGMA integrity_check({_MOST_DAMAGE})"):
        if message != "ok":
            findings.fault("damaged", f"the database file is damaged: {message}")


def _restores(connection: Connection) -> list[GivenUp]:
    own = keys(connection)
    found = connection.execute(RESTORES, [EvidenceRestored.kind, own.start, own.stop])
    return [given_up_by(index_of(leaf), body) for leaf, body in found]


def _tables(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _is_there(there: Collection[str], tables: Sequence[Table], findings: Findings) -> bool:
    """Whether there is something to verify."""
    missing = [name for name in (*_EVIDENCE_TABLES, *(table.name for table in tables)) if name not in there]
    for name in missing:
        findings.fault("foreign_object", f"the database has no table {name}")
    return not missing


def verified_log(
    data: Path,
    place: Place,
    pepper: bytes,
    folders: Sequence[Path],
    vkey: str,
    checkpoints: Sequence[tuple[str, str]],
    progress: Callable[[float, str], None] | None,
) -> LogVerified:
    """The report of ``gate.audit.verify``, with ``vkey`` and where it is from (``vkey_from``).

    ``folders`` hold checkpoints. ``vkey`` (else that of ``gate.key``) and ``checkpoints``, (where, signed note), are
    known from elsewhere. Raises ``GateError``.
    """
    shape = differences if isinstance(place, Path) else place.differences
    trusted = check_vkey(vkey) if vkey else CheckpointKey.load(data / "gate.key").vkey
    report = verify(
        place,
        lambda note: verify_note(note, trusted),
        tables=TABLES,
        folders=folders,
        notes=checkpoints,
        origin=trusted.partition("+")[0],
        pepper=pepper,
        shape=lambda connection: shape(connection, number_hash(pepper, "")),
        progress=None if progress is None else lambda done, of: progress(done / max(of, 1), "leaves"),
    )
    faults = [LogFault(what=each.what, message=each.message, leaf_index=each.leaf_index) for each in report.faults]
    own = "That the key is the gate's: it is the one that lies in gate.key (--vkey gives another)."
    return LogVerified(
        ok=report.ok,
        size=report.size,
        root=base64.b64encode(report.root).decode(),
        first_fault=faults[0] if faults else None,
        faults=faults,
        fault_count=report.fault_count,
        checked=dict(report.checked),
        proven=[*report.proven],
        not_proven=[*report.not_proven, *(() if vkey else (own,))],
        vkey=trusted,
        vkey_from="elsewhere" if vkey else "gate.key",
    )
