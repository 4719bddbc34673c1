"""What a watcher sees: counted from the store, as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from gate.calls.live import MINUTES, LiveView
from gate.core.rows.calls import CallInHand, Levels, LogBrief, MinuteCount
from gate.errors import StoreError
from gate.ports import Fact
from gate.store import figures
from gate.store.reader import Reader
from gate.store.store import EvidenceStore
from tests.support.evidence import decision, open_store, put
from tests.support.playbook import NOW, Clock, Registers

CALL = CallInHand(
    call_id="k-1",
    at=NOW.isoformat(),
    number="+442079460123",
    claimed_by="account:alice",
    purpose="marketing",
    topic="general",
    state="talking",
    announcement="played",
    recording=True,
    paused=False,
    paused_by="",
    seconds=12.5,
)


class Watched:
    """A view on a store of one's own."""

    def __init__(self, folder: Path) -> None:
        self.store: EvidenceStore = open_store(folder)
        self.clock = Clock()
        self.calls: list[CallInHand] = []
        self.levels_on: list[bool] = []
        self.view = LiveView(
            calls=lambda: self.calls,
            reader=lambda: Reader(self.store.path),
            registers=Registers(),
            clock=self.clock,
            watch_levels=self.levels_on.append,
            up=lambda: (True, False, []),
        )

    def decide(self, minutes_ago: float, reason: str = "not_listed") -> None:
        at = self.clock.now() - timedelta(minutes=minutes_ago)
        put(self.store, decision(f"c{self.store.call(lambda tx: tx.head())[0]}", at=at, reason=reason))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.store.close()


def test_a_call_is_shown_with_its_number_hidden_and_its_levels(watched: Watched) -> None:
    watched.calls = [CALL, replace(CALL, call_id="k-2", number="")]
    watched.view.begin()
    watched.view.take_levels({"k-1": (70, 3)})
    first, second = watched.view.look().calls
    assert msgspec.to_builtins(first) == {
        "call_id": "k-1",
        "at": NOW.isoformat(),
        "from": "account:alice",
        "to": "+44 20 79** **23",
        "purpose": "marketing",
        "topic": "general",
        "state": "talking",
        "announcement": "played",
        "recorded": True,
        "paused": False,
        "paused_by": "",
        "pause_seconds": 0,
        "pause_left": 0,
        "levels": {"caller": 70, "callee": 3},
        "seconds": 12.5,
    }
    assert (second.number, second.levels) == ("", Levels())


def test_the_hour_is_counted_by_reason_and_by_minute(watched: Watched) -> None:
    for ago, reason in [(0, "not_listed"), (0, "listed_tps"), (30, "service_call"), (59, "objected"), (61, "objected")]:
        watched.decide(ago, reason)
    watched.view.begin()
    seen = watched.view.look()
    assert seen.counts == {"listed_tps": 1, "not_listed": 1, "objected": 1, "service_call": 1}
    assert len(seen.minutes) == MINUTES
    assert [(each.allow, each.block) for each in seen.minutes if each.allow or each.block] == [
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert seen.minutes[-1] == MinuteCount(at="2026-03-03T11:00:00+00:00", allow=1, block=1)


def test_what_is_decided_while_one_looks_is_counted_once_and_let_go_after_an_hour(watched: Watched) -> None:
    watched.decide(0)
    watched.view.begin()
    watched.view.look()
    watched.decide(0)
    watched.decide(0, "listed_tps")
    for _ in range(3):
        assert watched.view.look().counts == {"listed_tps": 1, "not_listed": 2}
    watched.clock.time += timedelta(minutes=MINUTES - 1)
    assert watched.view.look().counts == {"listed_tps": 1, "not_listed": 2}
    watched.clock.time += timedelta(minutes=1)
    seen = watched.view.look()
    assert seen.counts == {}
    assert sum(each.allow + each.block for each in seen.minutes) == 0


def test_whoever_comes_later_sees_what_happened_meanwhile(watched: Watched) -> None:
    watched.view.begin()
    watched.decide(0)
    assert watched.view.look().counts == {"not_listed": 1}
    watched.view.end()
    watched.decide(0)
    watched.view.begin()
    assert watched.view.look().counts == {"not_listed": 2}
    assert watched.levels_on == [True, False, True]


def test_the_logs_state_is_there_and_what_is_up(watched: Watched) -> None:
    put(watched.store, Fact("log_verified", "log", NOW, "user:ann(1)", {"ok": True}))
    watched.view.begin()
    seen = watched.view.look()
    assert seen.log == LogBrief(size=1, verified_at="2026-03-03T11:00:00.000000Z", verified_ok=True, checkpoint_at=None)
    assert (seen.trunk_up, seen.recorder_up, seen.registers) == (True, False, [])
    watched.decide(0)
    assert watched.view.look().log.size == 1  # not asked more often than once a second
    watched.clock.time += timedelta(seconds=1)
    assert watched.view.look().log.size == 2


@pytest.mark.engine("sqlite")
def test_between_looks_the_write_ahead_log_can_be_cut_and_a_look_that_fails_is_no_end(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.decide(0)
    watched.view.begin()
    watched.view.look()
    beside = sqlite3.connect(watched.store.path)
    assert beside.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    beside.close()
    with monkeypatch.context() as patch:
        patch.setattr(figures, "attempts_beyond", lambda tx, leaf: tx.values(int, "SELECT nothing FROM calls"))
        with pytest.raises(StoreError, match="nothing"):
            watched.view.look()
    watched.decide(0)
    assert watched.view.look().counts == {"not_listed": 2}
