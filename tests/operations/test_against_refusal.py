"""A call that was made although the gate had refused it is the first thing that everybody is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.calls.metrics import Metrics
from gate.core.rows.audit import LastVerification, LogNow
from gate.daemon import chores
from gate.errors import UsageError
from gate.exports.report import month_page
from gate.operations.calls.calls import CallsList, CallsShow
from gate.operations.calls.recordings import RecordingList
from gate.operations.calls.warnings import DAYS, CallsAcknowledge
from gate.operations.operation import Caller
from gate.operations.status.glance import Status, attention, status
from tests.support.asking import ask
from tests.support.evidence import NUMBER, decision
from tests.support.month import ANN, NOW, Month

SBC = "siprec:sbc"
CALL, RECORDING = "called-all-the-same", "rec-1"


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Month]:
    month = Month(tmp_path)
    at = NOW - timedelta(days=2)
    month.folder.store.call(lambda tx: tx.append(decision(CALL, reason="listed_tps", at=at, source="ask")))
    month.folder.store.call(lambda tx: tx.append(decision("refused", reason="listed_tps", at=at)))
    opened = {"call_id": CALL, "key_id": "k", "path": "p", "recipients": [], "purpose": "quality", "from": "siprec"}
    month.put("recording_opened", RECORDING, at, SBC, **opened)
    against = {"call_id": CALL, "recording_id": RECORDING, "reason": "listed_tps"}
    month.put("called_against_refusal", RECORDING, at, SBC, **against)
    yield month
    month.close()


def told(month: Month) -> dict[str, Any]:
    return dict(msgspec.to_builtins(status(month.folder, Status(), Caller(ANN))))


def test_status_begins_with_it_for_a_week(month: Month) -> None:
    log = LogNow(0, None, LastVerification(at=NOW.isoformat(), actor=ANN, ok=False))
    first, second, *_ = attention(status(month.folder, Status(), Caller(ANN)), log)
    assert first.startswith("A call was made against the gate's refusal") and CALL in first
    assert "listed_tps, account:alice" in first
    assert not second.startswith("A call was made")
    month.clock.time = NOW + timedelta(days=DAYS - 2)
    assert told(month)["alarms"] == []


def test_the_gauge_of_the_alarm_counts_it(month: Month) -> None:
    metrics = Metrics()
    chores.measure(month.folder, metrics, list)
    assert metrics.registry.get_sample_value("dialgate_called_against_refusal") == 1
    month.clock.time = NOW + timedelta(days=DAYS - 2)
    chores.measure(month.folder, metrics, list)
    assert metrics.registry.get_sample_value("dialgate_called_against_refusal") == 0


def test_no_list_says_merely_that_it_was_refused(month: Month) -> None:
    states = {each.call_id: each.state for each in ask(month.folder, CallsList(), ANN).items}
    assert states == {CALL: "called_against_refusal", "refused": "refused"}
    shown = ask(month.folder, CallsShow(call_id=CALL), ANN).call
    assert (shown.state, shown.verdict, shown.reason) == ("called_against_refusal", "block", "listed_tps")
    assert shown.against_at
    for sort in (None, "-at"):
        (recording,) = ask(month.folder, RecordingList(sort=sort), ANN).items
        assert recording.call_state == "called_against_refusal"


def test_the_report_of_the_month_has_a_section_of_it(month: Month) -> None:
    report = month.report("2026-11")
    (row,) = report["against_refusal"]
    assert (row["reason"], row["claimed_by"], row["call_id"]) == ("listed_tps", "account:alice", CALL)
    page = month_page(month.made("2026-11"))
    assert "1 call was made although the gate had refused it" in page.replace('<span class="bad">', "").replace(
        "</span>", ""
    )
    assert CALL in page and NUMBER not in page
    assert month.report("2026-10")["against_refusal"] == []


def test_an_acknowledgement_ends_the_alarm_and_says_who_and_hides_nothing_later(month: Month) -> None:
    with pytest.raises(UsageError, match="was made against a refusal"):
        ask(month.folder, CallsAcknowledge(call_id="refused", why="seen"), ANN)
    with pytest.raises(UsageError, match="for a reason only"):
        ask(month.folder, CallsAcknowledge(call_id=CALL, why=" "), ANN)
    assert told(month)["alarms"] and not told(month)["acknowledged"]
    ask(month.folder, CallsAcknowledge(call_id=CALL, why="trunk 2 is removed"), ANN)
    assert told(month)["alarms"] == []
    (seen,) = told(month)["acknowledged"]
    assert f"acknowledged by {ANN}" in seen and CALL in seen
    facts = ask(month.folder, CallsShow(call_id=CALL), ANN).facts
    assert [fact.body and fact.body["why"] for fact in facts if fact.kind == "against_refusal_acknowledged"] == [
        "trunk 2 is removed"
    ]
    metrics = Metrics()
    chores.measure(month.folder, metrics, list)
    assert metrics.registry.get_sample_value("dialgate_called_against_refusal") == 0

    # Another recording of the same call, by a clock that was set back; then another call.
    again = {"call_id": CALL, "recording_id": "rec-2", "reason": "listed_tps"}
    month.put("called_against_refusal", "rec-2", NOW - timedelta(days=3), SBC, **again)
    (alarm,) = told(month)["alarms"]
    assert alarm.startswith("A call was made") and told(month)["acknowledged"] == []
    ask(month.folder, CallsAcknowledge(call_id=CALL, why="the same one"), ANN)
    assert told(month)["alarms"] == []
    other = {"call_id": "refused", "recording_id": "rec-3", "reason": "listed_tps"}
    month.put("called_against_refusal", "rec-3", NOW - timedelta(days=1), SBC, **other)
    assert "calls show refused" in told(month)["alarms"][0] and len(told(month)["acknowledged"]) == 1
