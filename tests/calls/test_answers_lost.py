"""A commit on PostgreSQL whose answer is lost, while the server cannot be asked what became of it: whoever waits is
answered that nothing was kept. What the log has begun all the same is ended there as soon as the server is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.core.calls_in import CallingIn
from gate.errors import StoreError
from gate.operations.data_folder import RunningGate
from gate.ports import Played
from gate.store.postgresql import Postgresql, PostgresqlStore
from gate.store.queries import open_calls, open_recordings
from tests.calls.test_no_room import asking
from tests.calls.test_recording_sessions import MAPS, Sessions
from tests.support import playbook, postgresql
from tests.support.cut_line import CutLine
from tests.support.playbook import NUMBER, OWN, Play
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")


class Line:
    """Between a store and its server."""

    def __init__(self, folder: Path) -> None:
        server = postgresql.server()
        self.cuts = CutLine(server.folder / f".s.PGSQL.{server.port}")
        name = postgresql.place_of(folder).dsn.split("dbname=")[1]
        self.place = Postgresql(
            f"host=127.0.0.1 port={self.cuts.port} sslmode=disable gssencmode=disable dbname={name}"
        )

    def lose(self, how: str, play: Play, act: Callable[[], Any], seen: Callable[[], bool] = lambda: True) -> None:
        """Do what commits, cut ``how`` (``CutLine``), until its failure is ``seen``; then the server is back."""
        self.cuts.cut(how, Random(0))
        act()
        until(lambda: (play.run(), self.cuts.commits and seen())[1], "no answer comes")
        self.cuts.heal()
        play.pass_time(2)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    line = Line(tmp_path)
    monkeypatch.setattr(playbook, "open_store", lambda _folder, pepper: PostgresqlStore(line.place, pepper=pepper))
    yield line
    line.cuts.close()
    postgresql.drop_all(tmp_path)


@pytest.fixture
def play(tmp_path: Path, line: Line) -> Iterator[Play]:
    play = Sessions(tmp_path)
    play.told()
    yield play
    play.store.close()


lost = pytest.mark.parametrize(("how", "there"), [("before", False), ("after", True)])
"""The commit never came to the server; it did, and its answer was lost."""


def left_open(play: Play) -> list[str]:
    """What has begun in the log, and did not end there."""
    calls = play.store.call(lambda tx: [row.call_id for row in open_calls(tx) if row.call_id != "allowed"])
    return calls + play.store.call(lambda tx: [row.recording_id for row in open_recordings(tx)])


@lost
def test_a_call_out(play: Play, line: Line, how: str, there: bool) -> None:
    line.lose(how, play, play.begin, lambda: bool(play.stage.told))
    assert play.told() == ["refuse evidence_unavailable"]
    assert play.kinds("call") == ["decision", "ended"] * there
    assert left_open(play) == []


@lost
def test_a_call_in(play: Play, line: Line, how: str, there: bool) -> None:
    calling = CallingIn("in", "carrier", "192.0.2.1:5060", OWN, NUMBER, NUMBER, False, ("PCMU",), reachable=True)
    play.call_manager.calling_in(calling)
    line.lose(how, play, lambda: play.call_manager.acknowledged("in", "PCMU"), lambda: "forget" in play.stage.told)
    assert play.told() == ["answer", "hang up evidence_unavailable", "forget"]
    assert play.kinds("in") == ["call_in", "ended"] * there
    assert left_open(play) == []


@lost
def test_a_connection_and_its_recording(play: Play, line: Line, how: str, there: bool) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    heard = Played(True, packets=400, whole=400, as_told=True)
    line.lose(how, play, lambda: play.stage.waiting["announcement"](heard), lambda: "goodbye" in play.stage.told)
    play.over("goodbye")
    assert "connect" not in play.told()
    opened = ["announced", "recording_opened", "connected"] * there
    assert sorted(play.kinds()[2:]) == sorted(
        ["decision", "answered", *opened, "announced", *["recording_closed"] * there, "ended", "abandoned"]
    )
    assert left_open(play) == []


@lost
def test_a_recording_session(play: Sessions, line: Line, how: str, there: bool) -> None:
    play.ask()
    line.lose(how, play, lambda: play.stage.waiting.pop("taken")(MAPS), lambda: "close recording" in play.stage.told)
    assert "hang up evidence_unavailable" in play.told()
    assert [kind for kind, _ in play.facts("s1")] == ["recording_opened", "recording_closed"] * there
    assert left_open(play) == []


@lost
def test_a_question_of_a_phone_system(play: Play, line: Line, how: str, there: bool) -> None:
    ask, answers = asking(play, RunningGate(play.call_manager.obstacle, play.call_manager.keep)), []

    def asked() -> None:
        with suppress(StoreError):
            answers.append(ask(NUMBER))

    line.lose(how, play, asked)
    assert answers == []
    assert play.kinds("asked0") == ["decision", "ended"] * there
    assert ask(NUMBER).verdict == "allow"
