"""What the store has not taken is on the disk: a killed gate loses none of it, and none of it is kept twice."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.calls.retry_queue import SPOOL_SECONDS, replay
from gate.config import load
from gate.core.facts.gate import NotKept
from gate.core.facts.lists import Objection
from gate.daemon.opening import open_data_folder
from gate.errors import StoreError
from gate.operations.audit.signed_log import origin_of
from gate.operations.contacts.bulk_screener import bulk_screener
from gate.ports import Fact
from gate.sqlite_thread import Connection
from gate.store import spool as spools
from gate.store.spool import NAME, Kept, Spool, left_in
from tests.support.example import make_example
from tests.support.playbook import NOW, Play
from tests.support.waiting import until

ORIGIN = "dialgate-test"
NOTE = NotKept(lost="anything", error="OSError").fact("gate", NOW, "gate")
"""A fact that is no objection."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def play(tmp_path: Path, path: Path) -> Iterator[Play]:
    spool = Spool(path, ORIGIN)
    play = Play(tmp_path, spool=spool)
    yield play
    spool.close()
    play.store.close()


@contextmanager
def locked(play: Play, milliseconds: int = 20) -> Iterator[None]:
    """Somebody else holds the evidence, for longer than the store waits."""
    place = play.store.path
    if isinstance(place, Path):
        play.store.alone(lambda connection: connection.execute(f"PRAGMA busy_timeout = {milliseconds}"))
        other: Connection = sqlite3.connect(place, isolation_level=None)
        begin = "BEGIN IMMEDIATE"
    else:
        play.store.alone(lambda connection: connection.execute(f"SET lock_timeout = {milliseconds}"))
        other, begin = place.open_writer(), "LOCK TABLE dialgate.leaves"
        other.execute("BEGIN")
    other.execute(begin)
    try:
        yield
    finally:
        other.close()


def object_and_end(play: Play) -> None:
    """The callee of a talk presses 9 and hangs up; the store takes none of it."""
    play.call_manager.digit("call", "callee", "9")
    play.call_manager.hung_up("call", "callee")
    until(lambda: (play.run(), play.retry_queue.behind and play.retry_queue.settled is False)[1])


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def spooled(play: Play, path: Path, *kinds: str) -> bytes:
    """The file, once it holds facts of these kinds."""

    def holds() -> bytes:
        play.run()
        data = path.read_bytes()
        return data if all(f'"kind":"{kind}"'.encode() in data for kind in kinds) else b""

    return until(holds, path.read_bytes)


def start_again(play: Play, path: Path) -> None:
    """What the next start does before its line opens."""
    replay(path, lambda: ORIGIN, play.store, play.clock)


def test_an_objection_and_the_end_of_a_call_are_in_the_log_once_after_a_kill(play: Play, path: Path) -> None:
    play.talk()
    with locked(play):
        object_and_end(play)
        spooled(play, path, "objection", "ended")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert play.retry_queue.lost == 0
    assert "objection" not in play.kinds()
    start_again(play, path)
    kinds = play.kinds()
    assert (kinds.count("objection"), kinds.count("ended"), kinds.count("recording_closed")) == (1, 1, 1)
    assert kinds.index("objection") < kinds.index("ended")
    assert path.read_bytes() == b""
    row = play.call()
    assert (row["state"], row["ended_by"]) == ("ended", "callee")
    start_again(play, path)
    assert play.kinds() == kinds


def test_the_objections_in_it_come_first_and_are_of_their_own_type(play: Play, path: Path) -> None:
    play.talk()
    with locked(play):
        session = play.call_manager._sessions["call"]
        play.retry_queue.keep(session.fact(session.ending(1.0), NOW))
        spooled(play, path, "ended")
        play.call_manager.digit("call", "callee", "9")
        spooled(play, path, "ended", "objection")
        until(lambda: (play.run(), play.retry_queue.behind == 2)[1])
    left = left_in(path, lambda: ORIGIN).groups
    assert [group[0].fact.kind for group in left][:1] == ["ended"]
    assert any(isinstance(each.fact.body, Objection) for group in left for each in group)
    before = len(play.kinds())
    start_again(play, path)
    assert play.kinds()[before] == "objection"


def test_a_kill_between_the_commit_and_the_emptying_keeps_nothing_twice(play: Play, path: Path) -> None:
    play.talk()
    with locked(play):
        object_and_end(play)
        left = spooled(play, path, "objection", "ended")
    play.pass_time(2)
    until(lambda: (play.run(), path.read_bytes() == b"")[1], "it is not emptied at once")
    kinds = play.kinds()
    assert (kinds.count("objection"), kinds.count("ended")) == (1, 1)
    path.write_bytes(left)
    start_again(play, path)
    assert play.kinds() == kinds
    assert path.read_bytes() == b""
    play.store.call(lambda tx: tx.write("UPDATE facts SET salt = NULL, body = NULL WHERE kind = 'objection'"))
    path.write_bytes(left)
    start_again(play, path)
    assert play.kinds() == kinds, "what was erased meanwhile does not come back"


def cut(data: bytes) -> bytes:
    """The last line was being written."""
    return data[: -len(data.splitlines()[-1]) // 2]


def spoil(data: bytes) -> bytes:
    """A digit of a line is another, and JSON all the same."""
    assert b'"kind":"objection"' in data
    return data.replace(b'"kind":"objection"', b'"kind":"objectiom"')


@pytest.mark.parametrize(
    ("harm", "leaves"), [(cut, []), (spoil, ["not_kept"]), (lambda data: b"\n" + data, ["not_kept"])]
)
def test_a_line_that_was_cut_off_or_spoilt_is_recognised(
    play: Play, path: Path, harm: Callable[[bytes], bytes], leaves: list[str]
) -> None:
    play.talk()
    with locked(play):
        object_and_end(play)
        data = spooled(play, path, "objection", "ended")
    before, whole = len(play.kinds()), len(lines(path))
    path.write_bytes(harm(data))
    start_again(play, path)
    found = play.kinds()[before:]
    assert [kind for kind in found if kind == "not_kept"] == leaves
    assert whole > 1 and path.read_bytes() == b""
    assert len(found) >= whole - 1


def late(play: Play) -> None:
    """What is kept meanwhile comes to be late; nothing else is due."""
    for _ in range(2):
        play.clock.time += timedelta(seconds=SPOOL_SECONDS)
        for timer in [each for each in play.stage.timers if each.live and each.due <= play.clock.time]:
            timer.live = False
            timer.step()


def objections(count: int) -> list[Fact]:
    numbers = [f"+44207946{n:04d}" for n in range(count)]
    return [
        Objection(number=each, source="keypad", note="").fact(f"of {n}", NOW, "callee")
        for n, each in enumerate(numbers)
    ]


def test_what_the_store_neither_takes_nor_refuses_is_on_the_disk_too(play: Play, path: Path) -> None:
    with locked(play, milliseconds=60_000):
        play.retry_queue.keep(NOTE)
        late(play)
        assert play.retry_queue.behind == 0, "the store has not refused it"
        spooled(play, path, NOTE.kind)
        play.retry_queue.keep(NOTE)
        until(lambda: len(lines(path)) == 2, "what comes behind it goes there at once")
    play.settle()
    assert play.kinds() == [NOTE.kind] * 2
    until(lambda: path.read_bytes() == b"", "it is not emptied")


def test_a_spool_that_cannot_be_written_waits_in_memory_and_is_tried_again(
    play: Play, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bytes] = []
    real = os.write

    def full(handle: int, data: bytes) -> int:
        tried.append(data)
        return real(handle, data[:10])

    with locked(play):
        with monkeypatch.context() as room:
            room.setattr(spools.os, "write", full)
            for each in objections(3):
                play.retry_queue.keep(each)
            until(lambda: (play.run(), play.retry_queue.behind == 3)[1])
            until(lambda: tried and not play.retry_queue._spool._asked, "it is not given up for now")
            assert play.retry_queue.lost == 3
            assert play.retry_queue.may_object("+442079460123")
            until(lambda: path.read_bytes() == b"", "half a line stays")
        until(lambda: (late(play), play.retry_queue.lost == 0)[1])
        assert len(lines(path)) == 3
    play.pass_time(2)
    assert play.kinds() == ["objection"] * 3
    until(lambda: path.read_bytes() == b"")


def test_it_is_bounded(play: Play, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "LONGEST", 1000)
    with locked(play):
        for each in objections(20):
            play.retry_queue.keep(each)
        until(lambda: (play.run(), play.retry_queue.behind == 20)[1])
        until(lambda: play.retry_queue.lost < 20)
        assert 0 < path.stat().st_size <= 1000
        assert play.retry_queue.lost
    play.pass_time(2)
    assert play.kinds() == ["objection"] * 20


@pytest.mark.parametrize("at_once", [False, True])
def test_an_objection_is_on_the_disk_before_the_store_has_answered(tmp_path: Path, path: Path, at_once: bool) -> None:
    spool = Spool(path, ORIGIN, at_once=at_once)
    play = Play(tmp_path, spool=spool)
    with locked(play, milliseconds=60_000):
        play.retry_queue.keep(NOTE)
        play.retry_queue.keep(*objections(1))
        until(lambda: len(lines(path)) == (2 if at_once else 1))
        assert b'"kind":"objection"' in lines(path)[-1]
    play.settle()
    until(lambda: path.read_bytes() == b"")
    spool.close()
    play.store.close()


def test_one_of_another_log_is_refused_and_stays_as_it_is(play: Play, path: Path) -> None:
    with locked(play):
        play.retry_queue.keep(*objections(1))
        left = spooled(play, path, "objection")
        until(lambda: (play.run(), play.retry_queue.behind)[1])
    with pytest.raises(StoreError, match=r"of another log, 'dialgate-test'.*'dialgate-other'") as refused:
        replay(path, lambda: "dialgate-other", play.store, play.clock)
    assert "its own gate" in refused.value.hint
    assert path.read_bytes() == left and play.kinds() == []
    with pytest.raises(StoreError, match="was not appended"):
        Spool(path, ORIGIN)
    start_again(play, path)
    assert play.kinds() == ["objection"]


@pytest.mark.engine("sqlite")
def test_a_list_is_not_screened_past_an_objection_that_waits(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    config = load(tmp_path / "gate" / "config.toml")
    path = config.data / NAME
    spool = Spool(path, origin_of(config))
    spool.put(0, [Kept(objections(1)[0], bytes(16))])
    spool.close()

    def outcome(number: str = "+442079460000") -> str:
        screener = bulk_screener(
            config, purpose="marketing", topic="general", now=datetime.now(UTC), at=None, actor="gate", compared=True
        )
        (place,) = screener.screen([number]).outcomes
        return screener.outcomes[place].reason

    left = path.read_bytes()
    assert outcome() == "evidence_unavailable"
    with open_data_folder(config):
        assert path.read_bytes() == b""
    path.write_bytes(left)
    assert outcome() == "objected"
    assert outcome("+441134960599") == "not_listed", "the log has the objection"
    path.write_bytes(left[:-2] + b"\n")
    assert outcome("+441134960599") == "evidence_unavailable", "what cannot be read may be an objection"
    path.write_bytes(b"")
    spool = Spool(path, "dialgate-other")
    spool.put(0, [Kept(objections(1)[0], bytes(16))])
    spool.close()
    with pytest.raises(StoreError, match="another log"):
        outcome()
    with pytest.raises(StoreError, match="another log"), open_data_folder(config):
        pass


def test_where_it_has_grown_what_the_log_has_is_left_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "REWRITE", 2000)
    spool = Spool(path, ORIGIN)
    groups = [[Kept(fact, bytes([n]) * 16)] for n, fact in enumerate(objections(40))]
    for number, group in enumerate(groups[:-1]):
        spool.put(number, group)
    until(lambda: spool.holds(38))
    for number in range(1, 39):
        spool.kept(number)
    assert len(lines(path)) == 39
    spool.put(39, groups[39])
    until(lambda: len(lines(path)) == 2)
    spool.put(40, groups[20])
    until(lambda: spool.holds(40))
    assert left_in(path, lambda: ORIGIN).groups == [groups[0], groups[39], groups[20]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for number in (0, 39, 40):
        spool.kept(number)
    until(lambda: path.read_bytes() == b"")
    spool.close()


def test_one_that_can_be_neither_read_nor_made_ends_the_start_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    for way in (lambda path: Spool(path, ORIGIN), lambda path: left_in(path, lambda: ORIGIN)):
        with pytest.raises(StoreError, match="cannot open") as refused:
            way(tmp_path / NAME)
        assert "0600" in refused.value.hint


def test_in_an_ordinary_call_nothing_is_written(play: Play, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as never:
        never.setattr(Spool, "put", lambda *_: pytest.fail("it is written"))
        play.talk()
        play.call_manager.hung_up("call", "callee")
        play.settle()
        play.pass_time(2)
    assert play.kinds().count("ended") == 1
    assert play.retry_queue._groups == {} and path.read_bytes() == b""
