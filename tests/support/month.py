"""A month of a firm's calls in a store: October 2026, in which the clocks go back and a register grows too old."""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gate.config import load
from gate.core.request_words import Asks
from gate.core.rows.month import MonthReport
from gate.core.terms import ALLOWING, Reason
from gate.daemon.opening import open_folder
from gate.operations.operation import Caller
from gate.operations.reports.article30 import ProcessingRecord, ReportArticle30, report_article30
from gate.operations.reports.month import ReportMonth, report_month
from gate.operations.requests.course import Open, Withdraw
from gate.ports import Fact
from gate.vault.signing import CheckpointKey
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.evidence import decision
from tests.support.playbook import Clock
from tests.support.settings import write
from tests.support.vault import add_recipient, private_key

ANN = "user:ann(1000)"
BEGINS = datetime(2026, 9, 24, 8, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
REASONS = [Reason.NOT_LISTED] * 12 + [Reason.LISTED_TPS] * 5 + [Reason.LISTED_CTPS, Reason.OBJECTED, Reason.CONSENTED]


class Month:
    """A data folder with a clock that is moved by hand, two auditors and a compliance officer."""

    def __init__(self, folder: Path) -> None:
        config = load(write(folder))
        config.data.mkdir(exist_ok=True)
        CheckpointKey.create(config.data / "gate.key", "dialgate-month")
        for name, role in (("One", "auditor"), ("Two", "auditor"), ("Three", "compliance")):
            add_recipient(config.data / "recipients", private_key(name, role).recipient.to_text())
        self.clock = Clock()
        self.clock.time = NOW
        self._stack = ExitStack()
        self.folder = open_folder(config, self._stack, clock=self.clock)

    def close(self) -> None:
        self._stack.close()

    def put(self, kind: str, subject: str, at: datetime, actor: str = ANN, /, **body: Any) -> None:
        self.folder.store.call(lambda tx: tx.append(Fact(kind, subject, at, actor, body)))

    def report(self, month: str = "2026-10") -> dict[str, Any]:
        """The figures of a month, as JSON values."""
        report: dict[str, Any] = msgspec.to_builtins(self.made(month))
        return report

    def made(self, month: str = "2026-10") -> MonthReport:
        """The figures of a month."""
        self.clock.time = NOW
        return report_month(self.folder, ReportMonth(month=month), Caller(ANN))

    def record(self) -> dict[str, Any]:
        """The record of processing, as JSON values."""
        record: dict[str, Any] = msgspec.to_builtins(self.recorded())
        return record

    def recorded(self) -> ProcessingRecord:
        """The record of processing."""
        return report_article30(self.folder, ReportArticle30(), Caller(ANN))


def filled(folder: Path) -> Month:
    """The whole of it."""
    month = Month(folder)
    month.put("gate_started", "gate", BEGINS, version="0.1.0")
    _registers(month)
    _calls(month)
    _service_calls(month)
    _rest(month)
    _requests(month)
    return month


def _registers(month: Month) -> None:
    """TPS each week until it is forgotten for a month; CTPS each week."""
    days = {"tps": ["09-24", "10-01", "10-30"], "ctps": ["09-24", "10-02", "10-09", "10-16", "10-23", "10-30"]}
    for name, dates in days.items():
        for n, day in enumerate(dates):
            as_of = date.fromisoformat(f"2026-{day}")
            if name == "tps" and day == "10-01":
                as_of -= timedelta(days=2)
            body = {"name": name, "as_of": as_of.isoformat(), "sha256": "ab" * 32, "count": 16_900_000 + n}
            body |= {"added": 4000 + n, "removed": 1200, "coverage": "full", "source_name": f"{name}_ns.txt"}
            at = datetime.fromisoformat(f"2026-{day}T09:30:00+00:00")
            month.put("register_imported", f"imp-{name}-{n}", at, **body, accepted_shrink=False)


def _calls(month: Month) -> None:
    chance = random.Random(10)
    facts: list[Fact] = []
    at = datetime(2026, 9, 29, 7, 0, tzinfo=UTC)
    for n in range(900):
        at += timedelta(minutes=chance.randrange(20, 90))
        reason, call = chance.choice(REASONS), f"call-{n:04}"
        facts.append(decision(call, f"+4420794600{n % 100:02}", at=at, reason=reason.value))
        if reason not in ALLOWING or chance.random() < 0.3:
            continue
        later = at + timedelta(seconds=20)
        recorded = chance.random() < 0.9
        facts.append(Fact("connected", call, later, "gate", {"recorded": recorded}))
        if recorded:
            opened = {"call_id": call, "key_id": "k", "path": f"{call}.dgr", "recipients": ["r"], "purpose": "quality"}
            facts.append(Fact("recording_opened", f"rec-{n:04}", later, "gate", opened))
            closed = {"sha256": "cd" * 32, "size": 300_000 + n, "seconds": 40.0 + n % 60, "chunks": 41}
            closed |= {"packets": {}, "gaps": [], "interrupted": n % 97 == 0, "cause": ""}
            facts.append(Fact("recording_closed", f"rec-{n:04}", at + timedelta(minutes=2), "gate", closed))
        else:
            facts.append(Fact("unrecorded", call, later, "gate", {"why": "recorder_away"}))
        ended = {"by": "callee", "cause": "hung_up", "code": 200, "seconds": 60.0, "bridged": True}
        facts.append(Fact("ended", call, at + timedelta(minutes=2), "gate", ended))
    month.folder.store.call(lambda tx: [tx.append(fact) for fact in facts])


def _service_calls(month: Month) -> None:
    """Of an account, a PBX and a dialler that asks from two addresses."""
    listed = {"registers": [{"name": "tps", "listed": False}, {"name": "ctps", "listed": True}]}
    claims = ["account:alice"] * 5 + ["trunk:pbx1"] * 8 + ["http:crm@192.0.2.1", "http:crm@192.0.2.2"]
    at = datetime(2026, 9, 30, 22, 30, tzinfo=UTC)  # in London it is September still
    for n, claimed_by in enumerate(claims):
        more: Any = {1: listed, 2: {"objection_id": "obj-0"}}.get(n % 4, {})
        fields = {"purpose": "service", "claimed_by": claimed_by, **more}
        fact = decision(f"service-{n}", "+442079460077", at=at, reason="service_call", **fields)
        month.folder.store.call(lambda tx, fact=fact: tx.append(fact))
        at += timedelta(hours=20)


def _rest(month: Month) -> None:
    """Erasures, holds, exports, lists, and what became of the log."""
    kept = month.folder.read(lambda tx: query(tx, "SELECT recording_id FROM recordings ORDER BY opened_at LIMIT 40"))
    for n, row in enumerate(kept):
        at = datetime(2026, 10, 20 + n % 9, 1, 30, tzinfo=UTC)
        basis = "retention, swept 2026-10-20" if n % 8 else "request DSR-2026-0001"
        month.put("recording_erasing", row["recording_id"], at, "gate", basis=basis, call_id=None)
        month.put("recording_erased", row["recording_id"], at + timedelta(seconds=2), "gate", basis=basis)
    october = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
    for n, kind in enumerate(("hold", "hold", "restriction")):
        body = {"kind": kind, "target": "number", "number": "+447700900001", "reason": "a claim", "reference": "17"}
        month.put("hold", f"hold-{n}", october - timedelta(days=20 * n), **body)
    month.put("hold_released", "hold-1", october, reason="settled")
    number = {"number": "+447700900002", "source": "told", "note": ""}
    for n in range(5):
        month.put("objection", f"obj-{n}", october + timedelta(days=n), **number)
    month.put("objection_removed", "obj-0", october + timedelta(days=9), reason="mistake")
    given = {"given_at": "2026-10-01T10:00:00+00:00", "how": "phone", "wording": "yes", "who": "A", "evidence": "e"}
    month.put("consent", "con-0", october, number="+447700900003", **given)
    month.put("exported", "rec-0001", october, call_id="call-0001", purpose="complaint", recipient="r")
    month.put("list_exported", "list-1", october, list="objections")
    for n in range(3):
        month.put("number_shown", f"call-000{n}", october, kind="call", why="callback")
    month.put("not_permitted", "hold_add", october, roles=["viewer"])
    month.put("refused_without_evidence", "gate", october, "gate", count=4, first=october.isoformat())
    month.put("refused_strangers", "gate", october, "gate", count=31)
    month.put("log_verified", "log", october, ok=True, size=100, root="r", first_fault=None)
    month.put("log_verified", "log", datetime(2026, 10, 31, 9, 0, tzinfo=UTC), ok=True, size=1000, root="r")

    def sign(tx: Any) -> None:
        for day in range(1, 32):
            at = datetime(2026, 10, day, 12, 0, tzinfo=UTC)
            tx.keep_checkpoint(100 + day * 60, bytes(32), "note", at)

    month.folder.store.call(sign)


def _requests(month: Month) -> None:
    """One fulfilled, one that is late, one that came at the end of the month."""
    for n, (asks, came) in enumerate(((Asks.ACCESS, "10-05"), (Asks.ACCESS, "09-25"), (Asks.ERASURE, "10-28"))):
        day = date.fromisoformat(f"2026-{came}")
        month.clock.time = datetime(2026, day.month, day.day, 10, 0, tzinfo=UTC)
        opened = ask(
            month.folder,
            Open(asks=asks, channel="email", name="A. Person", contact=f"person{n}@example.com", written=True),
            ANN,
        )
        if n == 0:
            month.clock.time += timedelta(days=6)
            ask(month.folder, Withdraw(request=opened.reference), ANN)
    month.clock.time = NOW
