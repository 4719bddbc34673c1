"""A phone system asks by HTTP and then dials: two decisions, one attempt; and how much a token may ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.calls.obstacles import LEAVES_OF_A_CALLER
from gate.config import load
from gate.control.messages import carry_out
from gate.core.allowances import asking
from gate.core.terms import Attempt, Purpose, Reason, Topic
from gate.daemon.opening import open_folder
from gate.errors import RefusedError
from gate.operations.calls.screening import Decide
from gate.operations.data_folder import RunningGate
from gate.operations.operation import Caller
from gate.ports import Fact
from gate.store import figures, queries
from tests.support.databases import query
from tests.support.example import make_example
from tests.support.playbook import LISTED, NUMBER, OWN, Play


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    play = Play(tmp_path, allowances={"http:dialler": asking(3)})
    yield play
    play.store.close()


def ask(play: Play, call_id: str, number: str = NUMBER, claimed_by: str = "account:alice") -> None:
    """A question, as ``decide`` keeps it."""
    attempt = Attempt(number, Purpose.MARKETING, Topic.GENERAL, OWN, False, claimed_by)
    screener, now = play.call_manager._screener, play.clock.now()
    play.store.call(lambda tx: screener.decide(tx, attempt, now, call_id=call_id, origin={"source": "ask"}))


def counted(play: Play) -> dict[str, int]:
    """Attempts by reason, which is the same wherever they are counted."""
    first, until = play.clock.now() - timedelta(hours=1), play.clock.now() + timedelta(hours=1)
    found = play.store.call(lambda tx: queries.counts_by_reason(tx, first))
    for rows in (
        play.store.call(lambda tx: figures.attempts_since(tx, first))[1],
        play.store.call(lambda tx: figures.attempts_beyond(tx, {}))[1],
        {(row.hour, row.reason): row.attempts for row in play.store.call(
            lambda tx: figures.attempts(tx, first, until))},
    ):  # fmt: skip
        sums: dict[str, int] = {}
        for (_, reason), count in rows.items():
            sums[reason] = sums.get(reason, 0) + count
        assert {reason: count for reason, count in sums.items() if count} == found
    return found


def metric(play: Play) -> Any:
    return play.metrics.registry.get_sample_value("dialgate_attempts_asked_before_total")


def test_a_question_and_its_call_count_once(play: Play) -> None:
    ask(play, "q")
    assert counted(play) == {"not_listed": 1}
    play.pass_time(5)
    play.attempt(call_id="c")
    assert play.call("c")["question"] == "q"
    assert counted(play) == {"not_listed": 1}
    assert metric(play) == 1
    play.attempt(call_id="again")
    assert play.call("again")["question"] is None
    assert counted(play) == {"not_listed": 2}


def test_the_live_tally_takes_the_question_off_when_its_call_comes(play: Play) -> None:
    ask(play, "q")
    last, before = play.store.call(lambda tx: figures.attempts_since(tx, play.clock.now() - timedelta(minutes=1)))
    play.pass_time(59)
    play.attempt(call_id="c")
    _, new = play.store.call(lambda tx: figures.attempts_beyond(tx, last))
    assert sum(before.values()) == 1
    assert sum(new.values()) == 0


def test_an_objection_between_question_and_call_refuses_the_call(play: Play) -> None:
    ask(play, "q")
    body = {"number": NUMBER, "source": "test", "note": ""}
    play.store.call(lambda tx: tx.append(Fact("objection", "o", play.clock.now(), "uid:0", body)))
    play.attempt(call_id="c")
    assert play.told() == ["refuse objected"]
    assert play.call("c")["question"] == "q"
    assert counted(play) == {"objected": 1}


def test_an_emergency_call_and_its_question_count_once(tmp_path: Path) -> None:
    play = Play(tmp_path, emergency=frozenset({"999", "112"}))
    ask(play, "q", "999")
    ask(play, "of another number", "112")
    play.pass_time(5)
    play.attempt("999", call_id="c")
    play.settle()
    assert play.call("c")["question"] == "q"
    assert counted(play) == {"emergency_call": 2}
    assert metric(play) == 1
    play.attempt("999", call_id="again")
    play.settle()
    assert play.call("again")["question"] is None
    assert counted(play) == {"emergency_call": 3}
    play.store.close()


def test_what_is_another_attempt_counts_by_itself(play: Play) -> None:
    ask(play, "of another account", claimed_by="trunk:pbx1")
    ask(play, "of another number", LISTED)
    play.attempt(call_id="c1")
    ask(play, "too long ago")
    play.pass_time(61)
    play.attempt(call_id="c2")
    assert [play.call(each)["question"] for each in ("c1", "c2")] == [None, None]
    assert counted(play) == {"not_listed": 4, "listed_tps": 1}
    assert metric(play) == 0


def test_a_token_may_ask_so_often_a_minute(play: Play, tmp_path: Path) -> None:
    manager = play.call_manager
    assert [manager.question("http:dialler") for _ in range(3)] == [(None, True)] * 3
    over = [manager.question("http:dialler") for _ in range(LEAVES_OF_A_CALLER + 5)]
    assert {reason for reason, _ in over} == {Reason.TOO_MANY_CALLS_A_MINUTE}
    assert [leaf for _, leaf in over] == [True] * LEAVES_OF_A_CALLER + [False] * 5
    assert manager.question("http:another") == (None, True)
    row = manager.usage(play.clock.now())[0]
    assert (row.claimed_by, row.calls_last_minute, row.calls_a_minute) == ("http:dialler", 3, 3)
    play.pass_time(60)
    assert "refused_over_limit" in play.kinds()
    assert manager.question("http:dialler") == (None, True)


def test_an_allow_that_is_asked_for_again_stands_for_a_minute_and_for_who_asked(play: Play) -> None:
    def stands(call_id: str = "q", number: str = NUMBER, claimed_by: str = "http:dialler@127.0.0.1") -> bool:
        attempt = Attempt(number, Purpose.MARKETING, Topic.GENERAL, OWN, False, claimed_by)
        screener, now = play.call_manager._screener, play.clock.now()
        return play.store.call(lambda tx: screener.stands(tx, attempt, now, call_id)) is not None

    ask(play, "q", claimed_by="http:dialler@127.0.0.1")
    ask(play, "listed", LISTED, claimed_by="http:dialler@127.0.0.1")
    assert stands() and stands(claimed_by="http:dialler@127.0.0.2")
    assert not stands(claimed_by="http:other@127.0.0.1") and not stands(claimed_by="account:alice")
    assert not stands("listed", LISTED) and not stands("nobody's") and not stands(number="020 7946 0777")
    play.pass_time(59)
    assert stands()
    play.pass_time(1)
    assert not stands()
    assert play.kinds().count("decision") == 2


def test_over_its_limit_it_is_refused_by_name(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    answers = iter([(Reason.TOO_MANY_CALLS_A_MINUTE, True), (Reason.TOO_MANY_CALLS_A_MINUTE, False)])
    asked_by: list[str] = []

    def question(name: str) -> tuple[Reason | None, bool]:
        asked_by.append(name)
        return next(answers)

    with ExitStack() as stack:
        folder = open_folder(load(tmp_path / "gate" / "config.toml"), stack, gate=RunningGate(question=question))
        caller = Caller("http:dialler@127.0.0.1")
        first = carry_out(folder, Decide(number="020 7946 0123", account="alice"), caller)
        assert (first["verdict"], first["reason"]) == ("block", "too_many_calls_a_minute")
        with pytest.raises(RefusedError) as refused:
            carry_out(folder, Decide(number="020 7946 0123"), caller)
        assert refused.value.reason == "too_many_calls_a_minute"
        rows = folder.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'decision'"))
        assert len(rows) == 1
        assert '"asked_by":"http:dialler@127.0.0.1"' in rows[0]["body"]
    assert asked_by == ["http:dialler"] * 2
