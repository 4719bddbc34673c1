"""A data folder with real evidence, keys and sealed recordings, and the retention that works on it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from gate.audit.verify import verify
from gate.core.retention import Terms
from gate.errors import VaultError
from gate.operations.retention.sweeper import Retention
from gate.ports import Fact
from gate.store.projections import TABLES
from gate.store.reader import Reader
from gate.store.store import EvidenceStore
from gate.vault.keystore import KeyStoreDb
from gate.vault.publickey import Recipient
from gate.vault.reader import open_recording
from gate.vault.sealed_files import SealedFiles
from gate.vault.sealer import Seal
from tests.support.databases import query
from tests.support.evidence import PEPPER, decision, open_store
from tests.support.vault import private_key

T = TypeVar("T")

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2027, 3, 2, 12, tzinfo=UTC)
OLD = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""Due on the day of ``NOW``."""
YOUNG = datetime(2026, 3, 3, 9, tzinfo=UTC)
"""Due the day after."""
SOUND = b"the sound of a call " * 20


class SetClock:
    """The clock of a test."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def plant(
    store: EvidenceStore,
    keys: KeyStoreDb,
    recordings: Path,
    recipient: Recipient | Sequence[Recipient],
    name: str,
    at: datetime = OLD,
    number: str = "+442079460123",
    two_person: bool = False,
    sound: Iterable[bytes] = (SOUND,),
    committed: bool = True,
    **said: Any,
) -> None:
    """A call at this time, recorded and sealed as the gate does it, under the recording id ``name``; ``sound``: its
    chunks; ``committed``: as by a version that keeps commitments to the key."""
    call, path = f"call-{name}", f"{at:%Y/%m/%d}/{name}.dgr"
    recipients = (recipient,) if isinstance(recipient, Recipient) else tuple(recipient)
    seal = Seal(name, {"call_id": call, "opened": at.isoformat()}, recipients, two_person=two_person)
    failed: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    keys.put(name, seal.key_id, seal.wraps, failed.put)
    assert failed.get() is None
    writer = seal.create(recordings / path)
    for chunk in sound:
        writer.write_chunk(chunk)
    summary = writer.close({"seconds": 1.0})
    opened = {"call_id": call, "key_id": seal.key_id, "path": path, "recipients": [one.id for one in recipients]}
    opened |= {"commitments": seal.commitments} if committed else {}
    closed = {"call_id": call, "sha256": summary.sha256, "size": summary.size, "seconds": 1.0, "chunks": 1}
    facts = [
        decision(call, number, at=at, **said),
        Fact("recording_opened", name, at + timedelta(seconds=9), "gate", opened),
        Fact("recording_closed", name, at + timedelta(seconds=10), "gate", closed | {"interrupted": False}),
        Fact("ended", call, at + timedelta(seconds=10), "gate", {"by": "callee", "seconds": 1.0, "bridged": True}),
    ]
    store.call(lambda tx: [tx.append(fact) for fact in facts])


class Keeping:
    """Evidence store, key store, recordings, and the retention on top."""

    def __init__(self, folder: Path, now: datetime = NOW, **options: Any) -> None:
        self.folder = folder
        self.recordings = folder / "recordings"
        self.recordings.mkdir(exist_ok=True)
        self.clock = SetClock(now)
        self.store = open_store(folder)
        self.keys = KeyStoreDb(folder / "keys.db")
        self.retention = self.with_terms(**options)

    def read(self, query: Callable[[Reader], T]) -> T:
        """As ``DataFolder.read``."""
        with Reader(self.store.path) as reader:
            return query(reader)

    def with_terms(self, months: int = 12, years: Mapping[str, int] | None = None) -> Retention:
        """Another retention on the same folder."""
        return Retention(
            store=self.store,
            read=self.read,
            keys=self.keys,
            files=SealedFiles(self.recordings),
            terms=Terms(LONDON, months, years or {}),
            backup_days=30,
            sweep_at=time(2, 30),
            clock=self.clock,
        )

    def close(self) -> None:
        self.keys.close()
        self.store.close()

    def record(self, name: str, at: datetime = OLD, *, number: str = "+442079460123", **said: Any) -> str:
        """As ``plant``, opened by ``private_key()``."""
        plant(self.store, self.keys, self.recordings, private_key().recipient, name, at, number, **said)
        return name

    def put(self, *facts: Fact) -> None:
        self.store.call(lambda tx: [tx.append(fact) for fact in facts])

    def hold(self, name: str, target: str, value: str, kind: str = "hold") -> None:
        """A hold, as the gate keeps it."""
        body = {"recording_id": None, "call_id": None, "number": None} | {
            "recording": {"recording_id": value, "call_id": f"call-{value}"},
            "call": {"call_id": value},
            "number": {"number": value},
        }[target]
        body |= {"kind": kind, "target": target, "reason": "a claim", "reference": f"{name}/26"}
        self.put(Fact("hold", name, self.clock.now(), "user:ann(1)", body))

    def wraps(self, name: str) -> list[tuple[str, bytes]]:
        return self.keys.wraps(name)

    def path(self, name: str) -> Path:
        (row,) = self.rows("SELECT path FROM recordings WHERE recording_id = ?", name)
        return self.recordings / row["path"]

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        return self.store.call(lambda tx: query(tx, sql, parameters))

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return self.rows("SELECT subject, at, actor, body FROM facts WHERE kind = ? ORDER BY leaf_index", kind)

    def state(self, name: str) -> str:
        (row,) = self.rows("SELECT state FROM recordings WHERE recording_id = ?", name)
        return str(row["state"])

    def opens(self, name: str) -> bool:
        """Whether its owner's key opens the recording."""
        try:
            _, chunks = open_recording(self.path(name), self.wraps(name), private_key(), recording_id=name)
            return b"".join(chunks) == SOUND
        except VaultError:
            return False

    def verified(self) -> None:
        """The log holds."""
        report = verify(self.folder / "gate.db", str, tables=TABLES, pepper=PEPPER)
        assert report.ok, report.first_fault
