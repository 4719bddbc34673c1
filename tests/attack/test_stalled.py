"""A disk that does not answer, or a recorder that hangs: nobody goes on talking unkept, no objection is lost, nobody
new is rung, and the log says what there is."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks import FreezableDisk, freezable_disk
from tests.support.phones import Phones, Talk
from tests.support.running_gate import RunningGate, free_port
from tests.support.waiting import PATIENCE, until

CUSTOMER, OTHER = "01134960500", "01134960501"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGate, FreezableDisk]]:
    folder = tmp_path_factory.mktemp("stalled")
    with freezable_disk(folder / "disk") as disk:
        gate = RunningGate(folder / "gate", announcement=2.0, data=disk.folder / "data")
        gate.add_pbx()
        gate.http = f"127.0.0.1:{free_port()}"
        gate.set("control", http=gate.http)
        gate.add_token("dialler", purposes=["marketing"])
        gate.start()
        try:
            yield gate, disk
        finally:
            disk.thaw()
            gate.stop()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate", announcement=2.0)
    gate.add_pbx()
    gate.start()
    yield gate
    gate.stop()


@contextmanager
def stopped(gate: RunningGate) -> Iterator[None]:
    """The recorder hangs meanwhile."""
    pid = gate.recorder_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def facts(gate: RunningGate, kind: str, number: str = "") -> list[dict[str, Any]]:
    rows = gate.rows("SELECT subject, call_id, body FROM facts WHERE kind = ? ORDER BY leaf_index", kind)
    bodies = [{"subject": row["subject"], "call": row["call_id"]} | json.loads(row["body"]) for row in rows]
    return [body for body in bodies if not number or body.get("number") == "+44" + number[1:]]


def settled(gate: RunningGate) -> None:
    gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")


def refused(near: Phones, number: str, why: str) -> None:
    talk = near.wait([near.dial(number)], "over", PATIENCE)[0]
    while any(each in talk.reasons[0] for each in ("too_many_calls", "decision_late")):  # the machine is busy
        talk = near.wait([near.dial(number)], "over", PATIENCE)[0]
    assert talk.code >= 300 and why in talk.reasons[0], (talk.code, talk.reasons)


def let_through(near: Phones, far: Phones) -> Talk:
    """A call that comes about, as soon as any does again."""
    for number in range(600, 700):
        talk = near.dial(f"01134960{number}")
        until(lambda talk=talk: talk.state in ("up", "over"))
        if talk.state == "up":
            return talk
    raise AssertionError(f"no call is let through any more: {talk.reasons}")


def heard_until_then(gate: RunningGate, number: str) -> None:
    """What the log says of a talk that was cut: how long it was, and how much of it there is."""
    (decision, *_) = facts(gate, "decision", number)
    (ended,) = [fact for fact in facts(gate, "ended") if fact["subject"] == decision["subject"]]
    assert (ended["by"], ended["cause"]) == ("gate", "recorder_unavailable")
    closed = gate.wait(
        lambda: [fact for fact in facts(gate, "recording_closed") if fact["call"] == decision["subject"]],
        PATIENCE,
        "the recording is not closed",
    )[0]
    assert abs(closed["talked"] - ended["seconds"]) < 0.5
    assert closed["kept"] <= closed["seconds"] + 0.01 and closed["kept"] <= closed["talked"] + 0.1
    (call,) = [row for row in gate.client.call("calls_list")["items"] if row["call_id"] == decision["subject"]]
    assert (call["seconds"], call["kept"]) == (ended["seconds"], closed["kept"])


def test_a_frozen_disk_ends_a_talk_while_it_is_frozen_and_loses_no_key(
    frozen: tuple[RunningGate, FreezableDisk],
) -> None:
    gate, disk = frozen
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        (talk,) = near.wait([near.dial(CUSTOMER)], "up", PATIENCE)
        (other,) = far.all()
        until(lambda: other.packets_in > 50)
        disk.freeze()
        try:
            other.press("9")
            near.wait([talk], "over", PATIENCE)
            far.wait([other], "over", PATIENCE)
            assert (talk.ended_by, other.ended_by) == ("them", "them")
            refused(near, OTHER, "evidence_unavailable")
            refused(near, OTHER, "evidence_unavailable")
            assert len(far.all()) == 1, "nobody is rung who could not be recorded"
        finally:
            disk.thaw()
        settled(gate)
        refused(near, CUSTOMER, "objected")
        heard_until_then(gate, CUSTOMER)
        assert len(facts(gate, "objection", CUSTOMER)) == 1
        near.hang_up(let_through(near, far))  # and everything goes on
        settled(gate)
    (closed,) = [fact for fact in facts(gate, "recording_closed") if fact["cause"] == "" and "lost" not in fact][-1:]
    assert abs(closed["kept"] - closed["talked"]) < 0.5
    gate.verified()


def asked(gate: RunningGate, number: str) -> tuple[int, str, str]:
    """Status, verdict and reason of a question by HTTP. Fails where there is no answer while the disk is frozen."""
    with closing(http.client.HTTPConnection(gate.http, timeout=PATIENCE / 2)) as connection:
        token = {"Authorization": f"Bearer {gate.tokens['dialler']}"}
        connection.request("GET", f"/v1/decision?number={number}", headers=token)
        response = connection.getresponse()
        code, body = response.status, json.load(response)
    return code, body["verdict"], body["reason"]


def test_a_question_by_http_has_its_answer_while_the_disk_is_frozen(
    frozen: tuple[RunningGate, FreezableDisk],
) -> None:
    """More at once than there are threads for; and what is committed after all is no allow that nobody was given."""
    gate, disk = frozen
    numbers = [f"011349605{number}" for number in range(30, 42)]
    gate.wait(lambda: asked(gate, CUSTOMER)[0] == 200, PATIENCE, "no decision comes")
    disk.freeze()
    try:
        with ThreadPoolExecutor(len(numbers)) as pool:
            answers = list(pool.map(partial(asked, gate), numbers))
    finally:
        disk.thaw()
    assert answers == [(503, "block", "evidence_unavailable")] * len(numbers)
    gate.wait(lambda: asked(gate, "01134960543")[1] == "allow", PATIENCE, "no number is allowed any more")
    for number in numbers:
        kept = [decision["verdict"] for decision in facts(gate, "decision", number)]
        assert not kept or kept[-1] == "block", kept
    gate.wait(
        lambda: any(fact["count"] >= len(numbers) for fact in facts(gate, "refused_without_evidence")),
        PATIENCE,
        "the gap is not in the log",
    )
    gate.verified()


def test_who_rings_while_the_disk_is_frozen_is_let_go_of(frozen: tuple[RunningGate, FreezableDisk]) -> None:
    gate, disk = frozen
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        near.hang_up(let_through(near, far))
        settled(gate)
    with Phones(port=gate.trunk_port, answers=False) as far, Phones(to=gate.address) as near:
        talk = near.dial("01134960520")
        until(lambda: len(far.all()) == 1)
        disk.freeze()
        try:
            near.wait([talk], "over", PATIENCE / 2)
            assert talk.code >= 300 and "recorder_unavailable" in talk.reasons[0], (talk.code, talk.reasons)
            far.wait(far.all(), "over", PATIENCE / 2)
        finally:
            disk.thaw()
        settled(gate)
    gate.verified()


def test_a_frozen_disk_during_the_announcement(frozen: tuple[RunningGate, FreezableDisk]) -> None:
    gate, disk = frozen
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        near.hang_up(let_through(near, far))
        settled(gate)
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        talk = near.dial("01134960510")
        until(lambda: far.all() and far.all()[0].packets_in > 5)
        disk.freeze()
        try:
            far.wait(far.all(), "over", PATIENCE)
            near.wait([talk], "over", PATIENCE)
        finally:
            disk.thaw()
        settled(gate)
    (decision,) = facts(gate, "decision", "01134960510")
    (ended,) = [fact for fact in facts(gate, "ended") if fact["subject"] == decision["subject"]]
    assert not ended["bridged"]
    gate.verified()


def test_a_hung_recorder_ends_a_talk_and_the_nine_pressed_meanwhile_holds(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        (talk,) = near.wait([near.dial(CUSTOMER)], "up", PATIENCE)
        (other,) = far.all()
        until(lambda: other.packets_in > 50)
        with stopped(gate):
            other.press("9")
            near.wait([talk], "over", PATIENCE)
            far.wait([other], "over", PATIENCE)
            assert (talk.ended_by, other.ended_by) == ("them", "them")
            refused(near, CUSTOMER, "objected")
            refused(near, OTHER, "recorder_unavailable")
            assert len(far.all()) == 1
        settled(gate)
        assert len(facts(gate, "objection", CUSTOMER)) == 1
        heard_until_then(gate, CUSTOMER)
    gate.verified()


def test_a_hung_recorder_during_the_announcement_hears_a_nine_all_the_same(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        talk = near.dial(CUSTOMER)
        until(lambda: far.all() and far.all()[0].packets_in > 5)
        with stopped(gate):
            far.all()[0].press("9")
            gate.wait(lambda: facts(gate, "objection", CUSTOMER), PATIENCE, "the objection is not kept")
            near.wait([talk], "over", PATIENCE)
            refused(near, CUSTOMER, "objected")
            assert len(far.all()) == 1
        settled(gate)
    gate.verified()


def test_who_rings_while_the_recorder_hangs_is_let_go_of(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port, answers=False) as far, Phones(to=gate.address) as near:
        talk = near.dial(CUSTOMER)
        until(lambda: len(far.all()) == 1)
        with stopped(gate):
            near.wait([talk], "over", PATIENCE)
            assert talk.code >= 300 and "recorder_unavailable" in talk.reasons[0], (talk.code, talk.reasons)
            far.wait(far.all(), "over", PATIENCE)
            refused(near, OTHER, "recorder_unavailable")
            assert len(far.all()) == 1
        settled(gate)
    gate.verified()


def test_where_the_store_is_slow_no_refusal_blames_the_line(gate: RunningGate) -> None:
    """Somebody holds the database's lock: calls wait for their decisions, and new ones are sent away by that name."""
    talks: list[Talk] = []
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        with closing(sqlite3.connect(gate.data / "gate.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            def sent_away() -> bool:
                talks.append(near.dial(f"0113496{500 + len(talks):04}"))
                return any(talk.state == "over" for talk in talks)

            until(sent_away)
            near.wait(talks, "over", PATIENCE)
            other.execute("ROLLBACK")
        assert not far.all()
    reasons = {reason for talk in talks for reason in talk.reasons}
    assert all("decision_late" in each or "evidence_unavailable" in each for each in reasons), reasons
    assert gate.stop() == 0
    shed = facts(gate, "refused_overload")
    assert {fact["reason"] for fact in shed} == {"decision_late"}
    assert 0 < sum(fact["count"] for fact in shed) < len(talks)
    gate.verified()
