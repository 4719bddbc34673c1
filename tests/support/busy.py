"""A busy example store: every table of ``gate.db`` holds rows, and every kind of state that a row can be in."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.audit.checkpoints import Checkpointer
from gate.audit.heads import Report
from gate.audit.verify import verify
from gate.ports import Fact
from gate.store import contacts
from gate.store.erasure import erase_facts
from gate.store.memory import Head, keep_head
from gate.store.projections import TABLES, number_hash
from gate.store.schema import differences
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.vault.signing import CheckpointKey, verify_note
from tests.support.databases import query
from tests.support.evidence import PEPPER, START, decision, fill, open_store, put

CALLS = 35
"""So that there is a whole tile, and leaves after it."""
KEY = CheckpointKey("example.co.uk/dialgate", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
_EDITION = {"name": "tps", "as_of": "2026-03-01", "sha256": "ef" * 32}


def busy_store(folder: Path) -> Path:
    """Make it in a folder: ``gate.db``, ``checkpoints`` and ``second``. Returns the folder."""
    (folder / "second").mkdir(parents=True)
    store = open_store(folder)
    pointer = Checkpointer(
        store, KEY.sign_note, origin=KEY.name, folder=folder / "checkpoints", second=folder / "second"
    )
    fill(store, CALLS)
    pointer.write(START + timedelta(days=1))
    at = START + timedelta(days=2)
    put(store, decision("call-refused", at=at, reason="listed_tps"), *_unfinished(), *_matters())
    pointer.write(at)
    _erase(store)
    store.call(_contacts)
    store.alone(lambda connection: keep_head(connection, Head(1, b"d" * 32, 1000), 5))
    pointer.write(at + timedelta(days=1))
    put(store, Fact("gate_stopped", "gate", at + timedelta(days=2), "gate"))
    store.close()
    return folder


@cache
def _verified(note: str) -> str:
    """Whoever changes a thousand cells in turn asks of the same notes each time."""
    return verify_note(note, KEY.vkey)


def verified(folder: Path) -> Report:
    """What ``dialgate audit verify`` says of it."""
    return verify(
        folder / "gate.db",
        _verified,
        tables=TABLES,
        folders=[folder / "checkpoints", folder / "second"],
        origin=KEY.name,
        pepper=PEPPER,
        shape=lambda connection: differences(connection, number_hash(PEPPER, "")),
    )


def _unfinished() -> list[Fact]:
    """A call that objected and went on unrecorded, one that is still up, one asked for, and recordings on their way."""
    at = START + timedelta(days=2)
    gone = {"call_id": "call-000001", "key_id": "key-1", "basis": "term", "backups_until": "2027-05-01"}
    cut = {"call_id": "call-cut", "sha256": "aa" * 32, "size": 10, "seconds": 0.5, "chunks": 1, "gaps": []}
    return [
        decision("call-objected", at=at, reason="consented", consent_id="con-1"),
        Fact("unrecorded", "call-objected", at, "gate", {"why": "recorder_unavailable"}),
        Fact("objection", "obj-key", at, "callee", {"number": "+442079460000", "source": "keypad", "note": "",
                                                   "call_id": "call-objected"}),
        Fact("ended", "call-objected", at, "gate", {"by": "callee", "cause": "objected", "code": 200, "seconds": 0.0,
                                                    "bridged": False}),
        Fact("receipt", "rcp-1", at, "gate", {"call_id": "call-objected", "code": "4K7X2Q9RMR", "decision": 1}),
        Fact("receipt_told", "rcp-1", at, "gate", {"call_id": "call-objected", "how": "spoken", "done": False,
                                                   "why": "hung_up"}),
        decision("call-asked", at=at, source="ask"),
        decision("call-up", at=at),
        Fact("answered", "call-up", at, "gate", {"codec": "PCMA"}),
        decision("call-cut", at=at),
        Fact("recording_opened", "rec-cut", at, "gate", {"call_id": "call-cut", "key_id": "key-cut",
                                                         "path": "cut.dgr", "recipients": ["r1"], "purpose": "qa"}),
        Fact("recording_closed", "rec-cut", at, "gate", {**cut, "packets": {}, "interrupted": True, "cause": "crash"}),
        Fact("recording_erasing", "rec-000001", at, "gate", gone),
        Fact("recording_erased", "rec-000001", at, "gate", gone),
    ]  # fmt: skip


def _matters() -> list[Fact]:
    """Holds, data-subject requests and copies in clear, in several states."""
    at, who = START + timedelta(days=2), "user:root(0)"
    hold = {"kind": "hold", "reason": "a claim", "reference": "1/26", "recording_id": None, "call_id": None}
    asks = {"reference": "DSR-2026-0001", "asks": "access", "channel": "email", "received": "2026-03-03"}
    copy = {"what": "recording", "calls": ["call-000002"], "of": "", "place": "/srv/a.wav", "why": "a claim"}
    person = {"name": "Ann Example", "contact": "ann@example.com", "lines": ["+447700900003"], "about": "all calls"}
    return [
        Fact("hold", "hold-1", at, who, {**hold, "target": "number", "number": "+447700900003"}),
        Fact("hold", "hold-2", at, who, {**hold, "target": "recording", "recording_id": "rec-000002",
                                         "call_id": "call-000002", "kind": "restriction", "number": None}),
        Fact("hold_released", "hold-2", at, who, {"reason": "over"}),
        Fact("request_opened", "req-1", at, who, {**asks, "written": True}),
        Fact("request_person", "req-1", at, who, {**person, "since": "2026-03-01", "until": "2026-03-04"}),
        Fact("request_identity_asked", "req-1", at, who, {"on": "2026-03-03"}),
        Fact("request_identity_proven", "req-1", at, who, {"on": "2026-03-04", "checked": "passport"}),
        Fact("request_searched", "req-1", at, who, {"on": "2026-03-05", "found": 3}),
        Fact("request_granted", "req-1", at, who, {"on": "2026-03-06"}),
        Fact("request_carrying", "req-1", at, who),
        Fact("request_carried", "req-1", at, who, {"held_back": 1}),
        Fact("request_opened", "req-2", at, who, {**asks, "reference": "DSR-2026-0002", "written": False}),
        Fact("copy_made", "copy-1", at, who, {**copy, "until": "2026-06-01"}),
        Fact("copy_made", "copy-2", at, who, {**copy, "until": "2026-06-01"}),
        Fact("copy_written", "copy-1", at, who, {"sha256": "ab" * 32}),
        Fact("copy_made", "copy-3", at, who, {**copy, "until": "2026-06-01"}),
        Fact("copy_failed", "copy-3", at, who, {"why": "not written: no space left"}),
        Fact("copy_destroyed", "copy-2", at, who, {"how": "shredded", "on": "2026-03-04"}),
        Fact("subscriber", "sub-1", at, who, {"number": "+447700900003", "kind": "individual", "since": "2026-03-01",
                                              "source": "told"}),
        Fact("campaign_stopped", "stop-1", at, "gate", {"claimed_by": "account:alice", "campaign": "spring"}),
        Fact("campaign_stopped", "stop-2", at, "gate", {"claimed_by": "account:alice", "campaign": ""}),
        Fact("campaign_released", "stop-2", at, who, {"why": "seen to"}),
        Fact("request_refused", "req-2", at, who, {"on": "2026-03-06", "ground": "excessive"}),
    ]  # fmt: skip


def _erase(store: EvidenceStore) -> None:
    """An objector, a consent and a call are forgotten; a list and its export are told by facts alone."""
    at = START + timedelta(days=2, hours=1)

    def forget(tx: StoreTransaction) -> None:
        rows = query(tx, "SELECT leaf_index FROM facts WHERE subject IN ('obj-1', 'con-2', 'call-000003')")
        erase_facts(
            tx, [row["leaf_index"] for row in rows], subject="req-1", at=at, actor="gate", basis="request", what="facts"
        )

    store.call(forget)
    put(store, Fact("bundle_exported", "bundle-1", at, "user:root(0)", {"from": "2026-03-02", "to": "2026-03-03"}))


def _contacts(tx: StoreTransaction) -> None:
    """A list of contacts in force, a row that could not be one, and another list on its way in."""
    at = "2026-03-04T09:00:00.000000Z"
    wanted = {"at": at, "actor": "user:root(0)", "source_name": "crm.csv", "topic": "general"}
    first = contacts.new_list(tx, **wanted)
    contacts.put_in_force(tx, first, at=at, sha256="ab" * 32, contacts=3, bad_rows=1, leaf=5)
    contacts.screened(tx, first, at=at, registers=[_EDITION], leaf=5)
    blocked, allowed = contacts.outcome_of(tx, "block", "listed_tps"), contacts.outcome_of(tx, "allow", "not_listed")
    rows = [(442079460101, "c-1", blocked, 1772600000, None), (442079460102, "c-2", allowed, 1772600000, "block")]
    contacts.add(tx, first, [*rows, (442079460103, "", allowed, 1772600000, None)])
    contacts.add_faults(tx, first, [(5, "phone", "c-4", "it is empty")])
    contacts.new_list(tx, **wanted)
    contacts.forget_number(tx, "+442079460103")
