"""What an account or PBX may use, and what refusals leave in the log: never more than somebody would read."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.calls.obstacles import LEAVES, LEAVES_OF_A_CALLER
from gate.calls.usage import Usage
from gate.config import load
from gate.core.allowances import Allowance, Before, Used, asking, jumps, no_place
from gate.core.days import london_day, midnight
from gate.core.terms import Attempt, Purpose, Reason, Topic
from gate.daemon.opening import open_folder
from gate.daemon.running import used_today
from gate.ports import Fact
from gate.store.queries import used_since
from gate.store.transaction import StoreTransaction
from gate.vault.signing import CheckpointKey
from tests.support.databases import query
from tests.support.evidence import decision
from tests.support.playbook import LISTED, OWN, Clock, Play
from tests.support.settings import write


def bodies(play: Play, kind: str) -> list[dict[str, Any]]:
    rows = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = ? ORDER BY leaf_index", (kind,)))
    return [json.loads(row["body"]) for row in rows]


def test_strangers_cannot_fill_the_log(play: Play) -> None:
    for number in range(50):
        play.attempt(call_id=f"x{number}", problem="not_authenticated")
    assert play.told() == ["refuse not_authenticated"] * 50
    assert play.kinds() == ["decision"]
    play.pass_time(60)
    assert play.kinds() == ["decision", "refused_strangers"]
    play.attempt(call_id="later", problem="not_authenticated")
    assert play.kinds() == ["decision", "refused_strangers", "decision"]
    assert bodies(play, "refused_strangers") == [{"count": 49, "unanswered": 0}]


def test_strangers_of_many_addresses_cannot_either(play: Play) -> None:
    for number in range(500):
        play.attempt(call_id=f"x{number}", problem="not_authenticated", source=f"192.0.2.{number % 250}:5060")
    assert play.told() == ["refuse not_authenticated"] * 500
    assert play.kinds() == ["decision"] * LEAVES
    play.call_manager._refusals.unanswered(7)
    play.pass_time(60)
    assert bodies(play, "refused_strangers") == [{"count": 500 - LEAVES, "unanswered": 7}]
    play.pass_time(600)
    assert len(bodies(play, "refused_strangers")) == 1


def test_nor_can_they_with_calls_that_seem_to_come_back(play: Play) -> None:
    """Somebody who has seen the mark of a call learns nothing of a number by it, and leaves a few leaves at most."""
    for number in range(100):
        source = f"192.0.2.{number}:5060"
        play.attempt(LISTED, call_id=f"x{number}", problem="loop_detected", source=source, claimed_by="unproven")
    assert play.told() == ["refuse loop_detected"] * 100
    assert play.kinds() == ["decision"] * LEAVES


def test_where_the_line_is_late_what_is_listed_has_its_leaf_and_nothing_is_carried(play: Play) -> None:
    for number, raw in enumerate([LISTED, "020 7946 0123"]):
        play.begin(raw, call_id=f"x{number}", late="too_many_calls")
        play.settle()
    assert play.told() == ["refuse listed_tps", "refuse too_many_calls"]
    assert [body["reason"] for body in bodies(play, "decision")] == ["listed_tps", "too_many_calls"]


def test_what_rules_and_registers_refuse_is_known_before_the_store_is_asked(play: Play) -> None:
    def refuses(raw: str, purpose: Purpose) -> bool:
        return play.call_manager.refuses(Attempt(raw, purpose, Topic.GENERAL, OWN, False, "account:alice"))

    assert refuses(LISTED, Purpose.MARKETING) and refuses("no number", Purpose.MARKETING)
    assert not refuses("020 7946 0123", Purpose.MARKETING) and not refuses(LISTED, Purpose.SERVICE)
    assert play.kinds() == []


def limited(tmp_path: Path, **values: int) -> Play:
    """Alice may do so much."""
    allowed = {"calls_a_minute": 1000, "calls_at_once": 1000, "seconds_a_day": 86400, "service_percent": 100} | values
    return Play(tmp_path, max_calls=2000, allowances={"account:alice": Allowance(**allowed)})


def test_calls_of_a_minute_that_a_clock_set_back_has_not_come_to_do_not_count(tmp_path: Path) -> None:
    play = limited(tmp_path, calls_a_minute=3)
    for number in range(3):
        play.attempt(call_id=f"x{number}")
    play.told()
    play.clock.time -= timedelta(minutes=50)
    play.attempt(call_id="later")
    assert [word.split()[0] for word in play.told()] == ["invite"], "else nobody calls for 51 minutes"


def test_calls_a_minute(tmp_path: Path) -> None:
    play = limited(tmp_path, calls_a_minute=3)
    for number in range(4):
        play.attempt(call_id=f"x{number}")
        play.pass_time(1)
    told = [word for word in play.told() if word.startswith(("invite", "refuse"))]
    assert [word.split()[0] for word in told] == ["invite"] * 3 + ["refuse"]
    assert told[-1] == "refuse too_many_calls_a_minute"
    assert play.call("x3")["reason"] == "too_many_calls_a_minute"
    assert play.call_manager.usage(play.clock.now())[0].refused == "too_many_calls_a_minute"
    play.pass_time(57)
    play.attempt(call_id="later")
    assert play.call("later")["reason"] == "not_listed"
    play.store.close()


def test_a_caller_over_its_limit_does_not_fill_the_log(tmp_path: Path) -> None:
    play = limited(tmp_path, calls_a_minute=1)
    for number in range(100):
        play.attempt(call_id=f"x{number}")
    refused = [word for word in play.told() if word.startswith("refuse")]
    assert refused == ["refuse too_many_calls_a_minute"] * 99
    assert play.kinds().count("decision") == 1 + LEAVES_OF_A_CALLER
    play.pass_time(60)
    assert bodies(play, "refused_over_limit") == [{"claimed_by": "account:alice", "count": 99 - LEAVES_OF_A_CALLER}]
    attempts = play.metrics.registry.get_sample_value(
        "dialgate_attempts_total", {"verdict": "block", "reason": "too_many_calls_a_minute"}
    )
    assert attempts == 99
    play.store.close()


def test_a_listed_number_is_refused_as_listed_by_a_caller_over_its_limit_too(tmp_path: Path) -> None:
    play = limited(tmp_path, calls_a_minute=1)
    play.attempt()
    play.attempt(LISTED, call_id="listed")
    assert play.call("listed")["reason"] == "listed_tps"
    play.store.close()


def test_calls_at_once(tmp_path: Path) -> None:
    play = limited(tmp_path, calls_at_once=2)
    for number in range(3):
        play.attempt(call_id=f"x{number}")
    assert [play.call(f"x{number}")["reason"] for number in range(3)] == [
        "not_listed", "not_listed", "too_many_calls_at_once",
    ]  # fmt: skip
    play.call_manager.failed("x0", 486, "Busy")
    play.settle()
    play.attempt(call_id="x4")
    assert play.call("x4")["reason"] == "not_listed"
    play.store.close()


def test_one_caller_alone_does_not_take_the_places_that_others_need(tmp_path: Path) -> None:
    """A phone system that has gone wrong takes every place but a tenth; those who have less than their share get it."""
    much = Allowance(calls_a_minute=1000, calls_at_once=1000, seconds_a_day=86400, service_percent=100)
    callers = ("trunk:pbx", "account:alice", "account:bob")
    play = Play(tmp_path, max_calls=20, allowances=dict.fromkeys(callers, much) | {"http:dialler": asking(9)})

    def taken(claimed_by: str, count: int) -> int:
        first = len(play.call_manager._sessions)
        for number in range(count):
            play.attempt(call_id=f"{claimed_by} {first} {number}", claimed_by=claimed_by)
        return [word.split()[0] for word in play.told()].count("invite")

    assert taken("trunk:pbx", 25) == 18
    assert taken("account:alice", 1) == 1
    assert taken("trunk:pbx", 3) == 0
    assert taken("account:bob", 3) == 1, "all are taken"
    assert play.call("trunk:pbx 19 0")["reason"] == "too_many_calls"
    play.store.close()


@pytest.mark.parametrize(
    ("calls", "most", "mine", "callers", "refused"),
    [
        (9, 10, 9, 1, False),  # who is alone takes all
        (10, 10, 0, 5, True),
        (0, 1, 0, 5, False),
        (1, 2, 1, 2, True),
        (1, 2, 0, 2, False),
        (899, 1000, 899, 3, False),
        (900, 1000, 400, 3, True),
        (900, 1000, 332, 3, False),  # less than its third
        (999, 1000, 332, 3, False),
        (900, 1000, 1, 5000, True),
    ],
)
def test_the_last_tenth_is_for_those_who_have_less_than_their_share(
    calls: int, most: int, mine: int, callers: int, refused: bool
) -> None:
    assert no_place(calls, most, mine, callers) is refused


def test_seconds_a_day_and_the_day_is_londons(tmp_path: Path) -> None:
    play = limited(tmp_path, seconds_a_day=100)
    play.talk()
    play.pass_time(60)
    play.attempt(call_id="second")
    assert play.call("second")["reason"] == "not_listed"
    play.pass_time(40)  # the first one still talks
    play.attempt(call_id="third")
    assert play.call("third")["reason"] == "too_many_seconds_a_day"
    play.call_manager.hung_up("call", "caller")
    play.settle()
    play.attempt(call_id="fourth")
    assert play.call("fourth")["reason"] == "too_many_seconds_a_day"
    used = play.call_manager.usage(play.clock.now())[0]
    assert (used.seconds_today, used.seconds_a_day, used.calls_today) == (100, 100, 2)
    # A gate that starts anew goes on with the day.
    since = midnight(london_day(play.clock.now().isoformat()))
    kept = play.store.call(lambda tx: used_since(tx, since, 3600.0))
    assert kept == {"account:alice": Used(seconds_today=100.0, calls_today=2)}
    again = Usage({"account:alice": Allowance(1000, 1000, 100, 100)}, lambda _: None, kept, play.clock.now())
    assert again.ask("account:alice", play.clock.now()) is Reason.TOO_MANY_SECONDS_A_DAY
    play.clock.time = play.clock.time.replace(hour=23, minute=59)
    assert play.call_manager.usage(play.clock.now())[0].refused == "too_many_seconds_a_day"
    play.pass_time(11 * 3600)
    play.attempt(call_id="tomorrow")
    assert play.call("tomorrow")["reason"] == "not_listed"
    play.store.close()


def test_a_call_that_a_crash_cut_counts_until_the_next_start(tmp_path: Path) -> None:
    play = limited(tmp_path)
    play.talk()

    def cut(tx: StoreTransaction) -> None:
        body = {"by": "gate", "cause": "gate_interrupted", "code": 0, "bridged": True, "seconds": None}
        tx.append(Fact("ended", "call", play.clock.now() + timedelta(seconds=500), "gate", body))

    play.store.call(cut)
    since = midnight(london_day(play.clock.now().isoformat()))
    assert round(play.store.call(lambda tx: used_since(tx, since, 3600.0))["account:alice"].seconds_today) == 500
    assert round(play.store.call(lambda tx: used_since(tx, since, 60.0))["account:alice"].seconds_today) == 60
    play.store.close()


def test_many_service_calls_are_told_once_a_day(tmp_path: Path) -> None:
    play = limited(tmp_path, service_percent=50)
    for number in range(30):
        play.attempt(call_id=f"x{number}", purpose=Purpose.SERVICE if number % 3 else Purpose.MARKETING)
    assert bodies(play, "many_service_calls") == [
        {"claimed_by": "account:alice", "calls": 20, "service": 13, "percent": 65, "alarm_above": 50}
    ]
    used = play.call_manager.usage(play.clock.now())
    assert used[0].many_service_calls
    play.metrics.usage(used)
    assert play.metrics.registry.get_sample_value("dialgate_many_service_calls") == 1
    assert play.metrics.registry.get_sample_value("dialgate_usage_highest", {"limit": "calls_at_once"}) == 0.03
    play.store.close()


def service_day(play: Play, day: int, calls: int, listed: int) -> None:
    """So many calls, of which so many are service calls to a number that is listed."""
    for number in range(calls):
        despite = number < listed
        purpose, raw = (Purpose.SERVICE, LISTED) if despite else (Purpose.MARKETING, "020 7946 0123")
        play.attempt(raw, call_id=f"d{day}-{number}", purpose=purpose)


def test_service_calls_to_listed_numbers_that_jump_are_told_once_a_day(tmp_path: Path) -> None:
    play = limited(tmp_path)
    service_day(play, 0, 100, 20)  # nothing to compare with
    assert bodies(play, "many_listed_service_calls") == []
    play.pass_time(24 * 3600)
    service_day(play, 1, 60, 24)  # while they come first they are all that there is: more than twice the share
    assert bodies(play, "many_listed_service_calls") == [
        {"claimed_by": "account:alice", "calls": 20, "listed": 20, "percent": 100, "percent_before": 20}
    ]
    (row,) = play.call_manager.usage(play.clock.now())
    assert (row.listed_service_today, row.listed_percent_today, row.listed_percent_before) == (24, 40, 20)
    assert not row.many_listed_service_calls, "twice is no jump yet"
    play.attempt(LISTED, call_id="one", purpose=Purpose.SERVICE)
    (row,) = play.call_manager.usage(play.clock.now())
    assert row.many_listed_service_calls
    assert "account:alice: 25 service calls today" in next(jumps([row]))
    play.metrics.usage([row])
    assert play.metrics.registry.get_sample_value("dialgate_many_listed_service_calls") == 1
    assert len(bodies(play, "many_listed_service_calls")) == 1
    play.pass_time(28 * 24 * 3600)
    (row,) = play.call_manager.usage(play.clock.now())
    assert (row.listed_service_today, row.many_listed_service_calls) == (0, False)
    service_day(play, 29, 30, 20)  # the day of the jump is the only one of those before
    assert bodies(play, "many_listed_service_calls")[1:] == [
        {"claimed_by": "account:alice", "calls": 20, "listed": 20, "percent": 100, "percent_before": 40}
    ]
    play.store.close()


def test_an_objection_to_marketing_that_stands_counts_like_a_listing(tmp_path: Path) -> None:
    play = limited(tmp_path)
    body = {"number": "+442079460123", "source": "told", "note": ""}
    play.store.call(lambda tx: tx.append(Fact("objection", "obj-1", play.clock.now(), "user:ann(1000)", body)))
    play.attempt(call_id="service", purpose=Purpose.SERVICE)
    play.attempt("020 7946 0124", call_id="other", purpose=Purpose.SERVICE)
    assert (play.call("service")["reason"], play.call("service")["objection_id"]) == ("service_call", "obj-1")
    assert (play.call("service")["listed_service"], play.call("other")["listed_service"]) == (1, 0)
    assert play.call_manager.usage(play.clock.now())[0].listed_service_today == 1
    play.store.close()


def test_a_restart_knows_the_days_before_by_londons_midnight(tmp_path: Path) -> None:
    with ExitStack() as stack:
        (tmp_path / "data").mkdir()
        CheckpointKey.create(tmp_path / "data" / "gate.key", "dialgate-usage")
        clock = Clock()
        clock.time = datetime(2026, 6, 29, 10, 0, tzinfo=UTC)
        folder = open_folder(load(write(tmp_path)), stack, clock=clock)
        service = {"reason": "service_call", "objection_id": "obj-1"}
        times = {
            "too old": "2026-05-31T22:59:59",
            "first": "2026-05-31T23:00:00",
            "last": "2026-06-28T22:59:59",
            "today": "2026-06-28T23:00:00",
        }
        for call, at in times.items():
            fact = decision(call, at=datetime.fromisoformat(f"{at}+00:00"), **service)
            folder.store.call(lambda tx, fact=fact: tx.append(fact))
        folder.store.call(lambda tx: tx.append(decision("asked", at=clock.time - timedelta(days=1), source="ask")))
        used = used_today(folder)["account:alice"]
    assert (used.calls_today, used.listed_today) == (1, 1)
    assert dict(used.days) == {date(2026, 6, 1): Before(1, 1), date(2026, 6, 28): Before(1, 1)}


def test_emergency_calls_have_no_limit(tmp_path: Path) -> None:
    play = Play(tmp_path, emergency=frozenset({"999"}), allowances={"account:alice": Allowance(1, 1, 1, 1)})
    for number in range(3):
        play.attempt("999", call_id=f"x{number}")
    assert [word.split()[0] for word in play.told() if word.startswith(("invite", "refuse"))] == ["invite"] * 3
    assert play.call_manager.usage(play.clock.now()) == []
    play.store.close()
