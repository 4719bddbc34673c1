"""Dry run, sweep, daily sweep and forecast."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec import UNSET

from gate.core.retention import Day, Terms
from gate.core.rows.retention import RetentionNow, RetentionTerms
from gate.errors import RefusedError
from gate.operations.retention.sweeper import shorter
from gate.ports import Fact
from gate.store import erasure
from gate.store.erasure import erase_facts
from tests.support.keeping import LONDON, NOW, OLD, YOUNG
from tests.support.waiting import PATIENCE


def test_a_dry_run_changes_nothing_and_names_what_would_go(keeping):
    keeping.record("old")
    keeping.record("held", OLD - timedelta(days=30))
    keeping.record("young", YOUNG)
    keeping.hold("h1", "recording", "held")
    leaves = keeping.store.call(lambda tx: tx.head())
    row = keeping.retention.plan().shown()
    assert (row.day, row.due, row.held, row.due_ids) == (date(2027, 3, 2), 1, 1, ["old"])
    assert [(each.recording_id, each.hold) for each in row.held_by] == [("held", "hold h1/26 (h1)")]
    assert keeping.store.call(lambda tx: tx.head()) == leaves
    assert keeping.opens("old")
    assert keeping.retention.plan().digest == row.digest


def test_what_was_shown_is_what_goes(keeping):
    keeping.record("old")
    shown = keeping.retention.plan()
    late = keeping.record("late", OLD - timedelta(hours=1))
    with pytest.raises(RefusedError) as refused:
        keeping.retention.sweep(actor="user:ann(1)", digest=shown.digest)
    assert refused.value.reason == "plan_changed"
    assert keeping.opens("old")
    assert keeping.opens(late)
    again = keeping.retention.plan()
    assert keeping.retention.sweep(actor="user:ann(1)", digest=again.digest).erased == 2


@pytest.mark.parametrize("change", ["day", "terms", "hold"])
def test_a_digest_binds_day_terms_and_recordings(keeping, change):
    keeping.record("old")
    retention, digest = keeping.retention, keeping.retention.plan().digest
    if change == "day":
        keeping.clock.time += timedelta(days=1)
    elif change == "terms":
        retention = keeping.with_terms(months=11)
    else:
        keeping.hold("h1", "call", "call-old")
    with pytest.raises(RefusedError, match="is not what dry run"):
        retention.sweep(actor="user:ann(1)", digest=digest)
    assert keeping.opens("old")


def test_every_page_is_walked(keeping, monkeypatch):
    monkeypatch.setattr("gate.operations.retention.sweeper.PAGE", 3)
    monkeypatch.setattr("gate.operations.retention.sweeper.BATCH", 2)
    names = [keeping.record(f"old-{n}", OLD - timedelta(minutes=n // 2)) for n in range(8)]
    told = []
    answer = keeping.retention.sweep(actor="gate", progress=lambda done, _: told.append(done))
    assert answer.erased == 8
    assert told == [0.25, 0.5, 0.75, 1.0]
    assert not any(keeping.opens(name) for name in names)


def test_the_day_is_londons(keeping):
    keeping.record("old", datetime(2026, 7, 1, 22, 59, tzinfo=UTC))  # 23:59 in London
    keeping.record("next", datetime(2026, 7, 1, 23, 1, tzinfo=UTC))  # the day after, there
    keeping.clock.time = datetime(2027, 7, 1, 12, tzinfo=UTC)
    assert keeping.retention.plan().due == ["old"]
    keeping.clock.time = datetime(2027, 7, 1, 23, 0, tzinfo=UTC)
    assert keeping.retention.plan().due == ["old", "next"]


def test_the_term_runs_from_the_call_not_from_its_answer(keeping):
    keeping.record("old", datetime(2026, 3, 2, 23, 59, 55, tzinfo=UTC))  # opened nine seconds later
    assert keeping.retention.plan().due == ["old"]


def test_a_day_lists_what_goes_on_it_and_what_holds_it(keeping, monkeypatch):
    monkeypatch.setattr("gate.operations.retention.sweeper.PAGE", 2)
    keeping.record("late", OLD - timedelta(days=300))
    keeping.record("old")
    keeping.record("young", YOUNG)
    keeping.record("held", YOUNG + timedelta(seconds=1))
    keeping.record("later", YOUNG + timedelta(days=60))
    keeping.hold("h1", "recording", "held")
    today = NOW.date()

    def on(day, retention=keeping.retention):
        items, after = [], None
        while True:
            page = retention.on_day(day, after, 1)
            items += [(row.recording_id, row.held) for row in page.items]
            after = page.next
            if after is None:
                return items

    assert on(today) == [("late", None), ("old", None)]
    assert on(today + timedelta(days=1)) == [("young", None), ("held", "hold h1/26 (h1)")]
    assert on(today + timedelta(days=2)) == on(today - timedelta(days=1)) == []


def test_a_day_of_a_class_is_found_years_back(keeping):
    keeping.record("pension", OLD - timedelta(days=4 * 365 - 10), topic="pensions")
    keeping.record("plain", YOUNG)
    retention = keeping.with_terms(years={"topic:pensions": 5})
    tomorrow = NOW.date() + timedelta(days=1)
    days = {day.day: day.due for day in retention.forecast(400)}
    assert sum(days.values()) == 2
    for day, due in days.items():
        assert len(retention.on_day(day, None, 10).items) == due
    assert [row.recording_id for row in retention.on_day(tomorrow, None, 10).items] == ["plain"]


def test_the_reason_of_a_sweep_is_kept(keeping):
    keeping.record("old")
    row = keeping.retention.sweep(actor="user:ann(1)", reason="their year is over")
    assert row.reason == "their year is over"
    assert keeping.retention.status().last.reason == "their year is over"


def test_classes_keep_longer(keeping):
    keeping.record("pension", topic="pensions")
    keeping.record("alice", claimed_by="account:alice")
    keeping.record("bob", claimed_by="account:bob")
    keeping.record("plain", claimed_by="account:carol")
    retention = keeping.with_terms(years={"topic:pensions": 5, "account:alice": 7})
    assert retention.plan().due == ["bob", "plain"]


def test_forecast_and_status(keeping):
    keeping.record("late", OLD - timedelta(days=300))
    keeping.record("old")
    keeping.record("young", YOUNG)
    keeping.record("held", YOUNG)
    keeping.record("later", YOUNG + timedelta(days=60))
    keeping.hold("h1", "recording", "held")
    today = NOW.date()
    assert keeping.retention.forecast(7) == [Day(today, 2, 0), Day(today + timedelta(days=1), 1, 1)]
    status = keeping.retention.status()
    assert status == RetentionNow(
        terms=RetentionTerms(months=12, years={}),
        sweep_at="02:30",
        backup_days=30,
        day=today,
        due=2,
        held=0,
        unfinished=0,
        last=None,
        waits=keeping.retention.waits(),
    )
    keeping.retention.sweep(actor="user:ann(1)")
    last = keeping.retention.status().last
    assert (last.erased, last.complete, last.actor) == (2, True, "user:ann(1)")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


def test_the_daily_sweep_has_its_time_and_is_done_once_a_day(keeping):
    done = []
    for moment in ("2027-03-02 02:29", "2027-03-02 02:30", "2027-03-02 02:31", "2027-03-03 01:00", "2027-03-03 09:00"):
        keeping.clock.time = at(moment)
        if keeping.retention.daily() is not None:
            done.append(moment)
    assert done == ["2027-03-02 02:30", "2027-03-03 09:00"]


def test_a_day_that_was_missed_is_made_up_for_at_once(keeping):
    keeping.clock.time = at("2027-03-02 03:00")
    assert keeping.retention.daily() is not None
    keeping.clock.time = at("2027-03-04 00:10")
    assert keeping.retention.daily() is not None


def swept(day, actor="gate"):
    """A sweep of another day, as the log has it."""
    body = {"day": day, "complete": True, "terms": {"months": 12, "years": {}}}
    return Fact("retention_swept", "retention", NOW, actor, body)


def waits(retention):
    with pytest.raises(RefusedError) as refused:
        retention.daily()
    assert refused.value.reason == "retention_waits"
    assert retention.status().waits == retention.waits() != ""
    return retention.waits()


def test_a_clock_that_is_ahead_erases_nothing(keeping):
    keeping.record("thirty days old", NOW - timedelta(days=30))
    assert keeping.retention.daily() is not None
    keeping.clock.time += timedelta(days=400)
    assert "the last sweep was on 02 Mar 2027, and today is 05 Apr 2028" in waits(keeping.retention)
    assert keeping.opens("thirty days old")
    keeping.clock.time -= timedelta(days=399)
    assert keeping.retention.waits() == ""
    assert keeping.retention.daily().erased == 0


def test_a_gate_that_stood_off_waits_for_somebody_to_look(keeping):
    keeping.record("young", YOUNG)
    assert keeping.retention.daily() is not None
    keeping.clock.time += timedelta(days=14)
    assert keeping.retention.waits() == ""
    keeping.clock.time += timedelta(days=7)
    waits(keeping.retention)
    keeping.retention.sweep(actor="user:ann(1)", digest=keeping.retention.plan().digest)
    assert not keeping.opens("young")
    keeping.clock.time += timedelta(days=1)
    assert keeping.retention.daily() is not None


def test_the_first_sweep_waits_where_anything_is_due(keeping):
    keeping.record("held")
    keeping.hold("h1", "recording", "held")
    assert keeping.retention.waits() == ""
    keeping.record("old")
    assert "no sweep was ever made" in waits(keeping.retention)
    assert keeping.opens("old")
    keeping.retention.sweep(actor="user:ann(1)", digest=keeping.retention.plan().digest)
    assert keeping.retention.waits() == ""


def test_a_sweep_of_a_day_to_come_keeps_nothing(keeping):
    keeping.record("old")
    keeping.put(swept("2028-04-05"))
    assert keeping.retention.daily().erased == 1
    assert keeping.retention.daily() is None, "done, once"


def test_a_clock_that_was_behind_is_no_clock_that_is_ahead(keeping):
    keeping.record("old")
    keeping.put(swept("2027-03-01"), swept("2020-01-01"))
    assert keeping.retention.daily().erased == 1


def test_an_erased_reason_leaves_the_record_of_its_sweep(keeping):
    keeping.put(swept("2027-03-01"))
    keeping.retention.sweep(actor="user:ann(1)", reason="before the answer to 07700 900123")
    found, _ = keeping.store.call(lambda tx: erasure.mentions(tx, ["+447700900123"], 0, 100))
    keeping.store.call(
        lambda tx: erase_facts(
            tx, [leaf for leaf, *_ in found], subject="r", at=NOW, actor="x", basis="request", what="facts"
        )
    )
    last = keeping.retention.status().last
    assert (len(found), last.day, last.reason) == (1, date(2027, 3, 2), UNSET)
    assert keeping.retention.daily() is None
    keeping.verified()


def test_an_erased_sweep_is_passed_over(keeping):
    keeping.put(swept("2027-03-01"), swept("2027-03-02"))
    (head,) = keeping.rows("SELECT max(leaf_index) AS leaf FROM facts")
    keeping.store.call(
        lambda tx: erase_facts(tx, [head["leaf"]], subject="r", at=NOW, actor="x", basis="request", what="facts")
    )
    assert keeping.retention.status().last.day == date(2027, 3, 1)
    assert keeping.retention.daily() is not None


def test_shorter_terms_wait_for_somebody_to_look(keeping):
    keeping.record("old", OLD + timedelta(days=40))
    careless = keeping.with_terms(months=1)
    with pytest.raises(RefusedError) as refused:
        careless.daily()
    assert refused.value.reason == "retention_waits"
    assert "shorter" in careless.status().waits
    assert keeping.opens("old")
    careless.sweep(actor="user:ann(1)", digest=careless.plan().digest)
    assert not keeping.opens("old")
    assert careless.status().waits == ""
    keeping.clock.time += timedelta(days=1)
    assert careless.daily() is not None


@pytest.mark.parametrize(
    ("months", "years", "expected"),
    [
        (12, {"a": 5}, False),
        (12, {"a": 6, "b": 2}, False),
        (60, {}, False),
        (24, {}, True),
        (11, {"a": 5}, True),
        (12, {"a": 4}, True),
    ],
)
def test_what_counts_as_shorter(months, years, expected):
    assert shorter(Terms(LONDON, months, years), RetentionTerms(months=12, years={"a": 5})) is expected


def test_a_sweep_that_is_stopped_goes_on_at_the_next(keeping, monkeypatch):
    monkeypatch.setattr("gate.operations.retention.sweeper.BATCH", 2)
    for n in range(5):
        keeping.record(f"old-{n}")
    retention = keeping.retention
    answer = retention.sweep(actor="gate", progress=lambda *_: retention.stop())
    assert (answer.erased, answer.complete, answer.ok) == (2, False, False)
    assert keeping.with_terms().daily().erased == 3


def test_one_sweep_at_a_time(keeping):
    keeping.record("old")
    inside, go_on = threading.Event(), threading.Event()

    def wait(*_):
        inside.set()
        go_on.wait(PATIENCE)

    thread = threading.Thread(target=lambda: keeping.retention.sweep(actor="gate", progress=wait))
    thread.start()
    assert inside.wait(PATIENCE)
    with pytest.raises(RefusedError) as refused:
        keeping.retention.sweep(actor="user:ann(1)")
    go_on.set()
    thread.join()
    assert refused.value.reason == "sweep_running"
