"""What leaves the gate is byte for byte what it always was: rows of bundles, and what lists answer, of old logs."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import asdict, replace

from gate.control.messages import carry_out
from gate.exports import bundle_rows as rows
from gate.operations.audit.leaves import AuditLeaf, AuditLeaves, AuditStatus
from gate.operations.calls.calls import CallsList, CallsShow
from gate.operations.calls.recordings import RecordingList
from gate.operations.data_folder import DataFolder
from gate.operations.operation import Caller, Request
from gate.store.reader import Reader
from gate.store.schema import bring_up_to_date
from tests.support.databases import query

DATA = Path(__file__).parents[1] / "data"
WRITTEN = [json.loads(line) for line in (DATA / "facts" / "as_written.jsonl").read_text().splitlines()]
"""Facts of every kind, in every shape."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the first release, its tables as they are now."""
    path = tmp_path_factory.mktemp("same") / "gate.db"
    with tarfile.open(DATA / "upgrade" / "0.1.tar.xz") as archive:
        path.write_bytes(cast(Any, archive.extractfile("./data/gate.db")).read())
    with closing(sqlite3.connect(path)) as connection:
        bring_up_to_date(connection)
        connection.commit()
    return path


def digest(values: Any) -> str:
    return hashlib.sha256(values if isinstance(values, bytes) else json.dumps(values).encode()).hexdigest()[:16]


def exported(facts: list[rows.FactRow]) -> Iterator[bytes]:
    """All rows that a bundle has of the facts of a call, and the facts themselves."""
    registers = [rows.register_row(fact) for fact in facts if fact.kind == "register_imported"]
    sealed = [replace(row, status="sealed", why="") for row in rows.recording_rows(facts)]
    tables: list[tuple[type[rows.BundleRow], Sequence[rows.BundleRow]]] = [
        (rows.CallRow, [rows.call_row("call", facts)]),
        (rows.DecisionRow, rows.decision_rows(facts)),
        (rows.RecordingRow, sealed),
        (rows.RegisterRow, registers),
    ]
    for table, found in tables:
        yield rows.csv_lines(rows.columns(table), found)
        yield json.dumps([asdict(row) for row in found]).encode()
    for fact in facts:
        yield json.dumps(rows.fact_value(fact, b"{}")).encode()


def test_rows_of_a_bundle_of_the_first_release(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        sql = "SELECT leaf_index, kind, subject, at, actor, salt, body FROM facts ORDER BY leaf_index"
        facts = [rows.FactRow(*each) for each in connection.execute(sql)]
    calls: dict[str, list[rows.FactRow]] = {}
    for fact in facts:
        calls.setdefault(rows.call_of(fact), []).append(fact)
    assert len(facts) >= 49 and len(calls) == 4
    assert digest(b"".join(part for each in calls.values() for part in exported(each))) == "0faba658f5820c41"


def test_rows_of_a_bundle_of_facts_of_every_kind_and_shape() -> None:
    facts = [
        rows.FactRow(n, f["kind"], f["subject"], f["at"], f["actor"], bytes.fromhex(f["salt"]), f["body"])
        for n, f in enumerate(WRITTEN)
    ]
    each_alone = b"".join(part for fact in facts for part in exported([fact]))
    assert digest(b"".join(exported(facts)) + each_alone) == "f1221798c74a1014"


ASKED: dict[str, tuple[Request[Any], str]] = {
    "calls": (CallsList(), "068b0074a1e3ac3b"),
    "calls, hidden": (CallsList(masked=True, limit=2), "792dc12fe352fc42"),
    "calls by length": (CallsList(sort="-seconds"), "ae4104fd5b544f21"),
    "recordings": (RecordingList(), "687fe0c4e1dd023b"),
    "recordings by length": (RecordingList(sort="seconds", limit=1), "4d6a5fd03fde34b0"),
    "a call": (CallsShow(call_id="CALL"), "a9c800b704716cb5"),
    "leaves": (AuditLeaves(), "e97d0dc8b2d3179b"),
    "a leaf": (AuditLeaf(index=3), "901ce8c01f4aa794"),
    "how the log stands": (AuditStatus(), "34944ac61d07a9ad"),
}


@pytest.mark.parametrize("name", ASKED)
def test_answers_about_the_first_release(database: Path, name: str) -> None:
    asked, wanted = ASKED[name]
    with Reader(database) as reader:
        if isinstance(asked, CallsShow):
            asked = CallsShow(call_id=query(reader, "SELECT call_id FROM recordings ORDER BY leaf_index")[0]["call_id"])
        store = SimpleNamespace(call=lambda work: work(reader), take_owed=lambda: "")
        folder = SimpleNamespace(read=lambda work: work(reader), store=store)
        answer = carry_out(cast(DataFolder, folder), asked, Caller("user:ann(1)"))
    assert digest(msgspec.json.encode(answer)) == wanted
