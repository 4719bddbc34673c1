"""The gate's log: one fault, and one account, write so much and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from gate.config import Log
from gate.daemon.process import ACTOR, FAULT, Bounded, configure_logs
from tests.support.clocks import Clock


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fault(kind: type[Exception] = KeyError) -> None:
    try:
        raise kind("x")
    except kind:
        structlog.get_logger("gate.sip").exception("step failed")


def test_one_fault_is_written_in_full_a_few_times(capsys):
    configure_logs(Log())
    for _ in range(2000):
        fault()
    for _ in range(3):
        fault(ValueError)
    told = lines(capsys)
    assert len(told) == FAULT.burst + 3
    assert all("Traceback" in line["exception"] for line in told)


def test_one_account_writes_no_more_than_its_share_and_another_one_is_told_of(capsys):
    configure_logs(Log())
    log = structlog.get_logger("gate.control")
    for _ in range(5000):
        log.info("operation", op="status", actor="uid:1000")
    log.info("operation", op="status", actor="uid:1001")
    for number in range(500):
        log.info("call_over", call_id=str(number))
    told = lines(capsys)
    mine = [line for line in told if line.get("actor") == "uid:1000"]
    assert ACTOR.burst <= len(mine) < ACTOR.burst + 30 * ACTOR.per_second
    assert [line["actor"] for line in told if line.get("actor") == "uid:1001"]
    assert len([line for line in told if line["event"] == "call_over"]) == 500, "what is nobody's is not counted"


def test_what_was_left_out_is_counted():
    clock = Clock()
    bounded = Bounded(structlog.DropEvent, clock)
    passed = 0
    for _ in range(1000):
        try:
            bounded(None, "info", {"event": "operation", "actor": "uid:1"})
            passed += 1
        except structlog.DropEvent:
            pass
    assert passed == ACTOR.burst
    clock.now += 1
    assert bounded(None, "info", {"event": "operation", "actor": "uid:1"})["left_out"] == 1000 - ACTOR.burst
    assert "left_out" not in bounded(None, "info", {"event": "operation", "actor": "uid:1"})


def test_the_table_of_kinds_is_bounded():
    bounded = Bounded(structlog.DropEvent, Clock())
    for number in range(5000):
        bounded(None, "info", {"event": "operation", "actor": str(number)})
        assert len(bounded._held) <= 1025
