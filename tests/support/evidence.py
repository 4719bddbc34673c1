"""A store with evidence in it, and facts to put there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.core.evidence import Frontier
from gate.core.rows.calls import LiveNow, LogBrief
from gate.ports import Fact
from gate.store.reader import Place
from gate.store.store import EvidenceStore

PEPPER = b"p" * 32
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NUMBER = "+442079460000"
PICTURE = LiveNow(
    at="", calls=[], counts={}, minutes=[], registers=[], warnings=[], not_ready=[],
    trunk_up=None, recorder_up=None, trunks=[],
    log=LogBrief(size=0, verified_at=None, verified_ok=None, checkpoint_at=None),
)  # fmt: skip
"""A snapshot of a gate in which nothing happens."""


def rows(place: Place, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What another connection reads of a store."""
    with closing(sqlite3.connect(place) if isinstance(place, Path) else place.open_reader()) as connection:
        return connection.execute(sql, parameters).fetchall()


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root of the tree over these leaf hashes (RFC 9162 section 2.1.1)."""
    frontier = Frontier()
    for digest in leaf_hashes:
        frontier = frontier.push(digest)
    return frontier.root


class Engine:
    """On what the tests' stores are: ``sqlite`` or ``postgresql``."""

    name = "sqlite"


def open_store(folder: Path, pepper: bytes = PEPPER) -> EvidenceStore:
    """The store of a folder; the database beside it stands for the folder where the engine is PostgreSQL."""
    if Engine.name == "postgresql":
        from tests.support import postgresql  # psycopg is an extra

        return postgresql.open_store(folder, pepper)
    return EvidenceStore(folder / "gate.db", pepper=pepper)


def decision(
    call_id: str, number: str = NUMBER, *, at: datetime = START, reason: str = "not_listed", **body: Any
) -> Fact:
    """The fact of a decision, allowed unless the reason says otherwise."""
    allowed = reason in ("not_listed", "consented", "service_call")
    snapshot = {"as_of": "2026-03-01", "sha256": "ab" * 32, "count": 18_000_000, "state": "ok", "covered": True}
    fields = {
        "number": number,
        "raw": number,
        "verdict": "allow" if allowed else "block",
        "reason": reason,
        "explanation": "Neither TPS nor CTPS lists this number.",
        "registers": [{"name": name, "listed": False, **snapshot} for name in ("tps", "ctps")],
        "consent_id": None,
        "objection_id": None,
        "purpose": "marketing",
        "topic": "general",
        "presentation": "+442079460999",
        "claimed_by": "account:alice",
        "source": "127.0.0.1:5062",
        "codecs": ["PCMU"],
    }
    return Fact("decision", call_id, at, "account:alice", fields | body)


def a_call(n: int, number: str = NUMBER) -> Iterator[Fact]:
    """Every fact of an ordinary recorded call: ten minutes after the one before."""
    call, recording, at = f"call-{n:06}", f"rec-{n:06}", START + timedelta(minutes=10 * n)

    def later(seconds: float) -> datetime:
        return at + timedelta(seconds=seconds)

    yield decision(call, number, at=at)
    yield Fact("answered", call, later(5), "gate", {"codec": "PCMU"})
    yield Fact("announced", call, later(9), "gate", {"announcement": "notice", "version": "1", "completed": True})
    opened = {"call_id": call, "key_id": f"key-{n}", "path": f"2026/03/02/{recording}.dgr", "recipients": ["r1"]}
    yield Fact("recording_opened", recording, later(9), "gate", opened)
    yield Fact("connected", call, later(9), "gate", {"recorded": True})
    closed = {"call_id": call, "sha256": "cd" * 32, "size": 1000, "seconds": 30.5, "chunks": 31, "gaps": [[1.0, 2.5]]}
    closed |= {"packets": {"caller": 10, "callee": 12}, "interrupted": False, "cause": ""}
    yield Fact("recording_closed", recording, later(41), "gate", closed)
    ended = {"by": "callee", "cause": "hung_up", "code": 200, "seconds": 30.5, "bridged": True}
    yield Fact("ended", call, later(41), "gate", ended)


def own_lists() -> Iterator[Fact]:
    """An objection, one taken back, a consent and one withdrawn, and an import."""
    yield Fact(
        "objection", "obj-1", START, "user:root(0)", {"number": "+447700900001", "source": "told", "note": "angry"}
    )
    yield Fact("objection", "obj-2", START, "user:root(0)", {"number": "+447700900002", "source": "told", "note": ""})
    yield Fact("objection_removed", "obj-2", START, "user:root(0)", {"reason": "typing mistake"})
    given = {"given_at": "2026-01-05T10:00:00+00:00", "how": "phone", "wording": "you may call", "evidence": "rec-1"}
    yield Fact("consent", "con-1", START, "user:root(0)", {"number": "+447700900003", "who": "Ann Example", **given})
    yield Fact("consent", "con-2", START, "user:root(0)", {"number": "+447700900004", "who": "Bob Example", **given})
    yield Fact(
        "consent_withdrawn", "con-2", START, "user:root(0)", {"at": "2026-02-01T00:00:00Z", "reason": "by letter"}
    )
    body = {"name": "tps", "as_of": "2026-03-01", "sha256": "ef" * 32, "count": 18_000_000, "added": 10, "removed": 3}
    body |= {"coverage": "full", "source_name": "tps_ns.txt", "accepted_shrink": False}
    yield Fact("register_imported", "imp-1", START, "user:root(0)", body)


def put(store: EvidenceStore, *facts: Fact) -> list[int]:
    """Append facts in one transaction; their leaves."""
    return store.call(lambda tx: [tx.append(fact) for fact in facts])


def fill(store: EvidenceStore, calls: int) -> None:
    """The own lists, an unknown kind, and so many calls."""
    put(store, *own_lists(), Fact("gate_started", "gate", START, "gate", {"version": "0.1.0"}))
    for n in range(calls):
        put(store, *a_call(n, f"+44207946{n % 1000:04}"))
