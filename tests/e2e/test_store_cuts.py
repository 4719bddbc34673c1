"""The line to PostgreSQL stalls, breaks and breaks within a commit, under calls and objections from the keypad.

Fifty runs by seed. After each, what was answered is in the log, nobody who has objected was called again, and the log
verifies. Ten are in the ordinary tests. One run alone: ``pytest tests/e2e/test_store_cuts.py -k seed7``.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.cli.setup import SAMPLE_LISTS
from gate.store.spool import NAME as SPOOL
from tests.support import postgresql
from tests.support.cut_line import CUTS, CutLine
from tests.support.phones import Phones, Talk
from tests.support.running_gate import RunningGate, dialgate, free_port
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")
RUNS = 50
ORDINARY = 10
LONGEST_CUT = 1.5
_SAMPLES = "".join(path.read_text() for path in SAMPLE_LISTS.iterdir() if path.suffix in (".txt", ".csv"))
_SAMPLES = _SAMPLES.replace(" ", "")
_fresh = (
    f"0{town}4960{n:03d}" for town in range(113, 119) for n in range(1000) if f"{town}4960{n:03d}" not in _SAMPLES
)
"""Drama numbers that nothing lists, each dialled by one run."""


@dataclass
class Scene:
    """A gate, its phones, and the line to its store."""

    server: postgresql.Server
    line: CutLine
    gate: RunningGate
    near: Phones
    far: Phones
    leaves: list[tuple[Any, ...]] = field(default_factory=list)
    """What the log held after the last run."""
    given: set[str] = field(default_factory=set)
    """Ids of the decisions that were given to who asked."""
    runs: int = 0

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Of the server itself."""
        return self.server.do(sql, "evidence")

    def called(self, number: str) -> list[Talk]:
        """The INVITEs with this number that the far end has seen."""
        return [each for each in self.far.all() if each.number.endswith(number[1:])]

    def objected(self, number: str) -> int:
        """Objections of this number that the log has, and that wait for it."""
        waits = (self.gate.data / SPOOL).read_bytes().count(f'"number":"+44{number[1:]}"'.encode())
        ((kept,),) = self.ask(f"SELECT count(*) FROM dialgate.objections WHERE number = '+44{number[1:]}'")  # noqa: S608
        return waits + int(kept)

    def ready(self) -> bool:
        asked = HTTPConnection(self.gate.http, timeout=PATIENCE)
        try:
            asked.request("GET", "/readyz")
            return asked.getresponse().status == 200
        finally:
            asked.close()

    def decided(self, number: str) -> str:
        """The id of a decision that a phone system has asked for; empty where none is given."""
        asked = HTTPConnection(self.gate.http, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.gate.tokens['dialler']}", "Content-Type": "application/json"}
        with suppress(OSError, HTTPException):
            asked.request("POST", "/v1/decision", json.dumps({"number": number}), headers)
            answer = json.load(asked.getresponse())
            return str(answer.get("decision_id") or "") if answer.get("verdict") else ""
        return ""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all runs."""
    server = postgresql.Server(postgresql.folder_of_server())
    server.do("CREATE DATABASE evidence")
    line = CutLine(server.folder / f".s.PGSQL.{server.port}")
    gate = RunningGate(tmp_path_factory.mktemp("cuts") / "gate", announcement=0.6)
    gate.add_pbx(overflow=True)
    gate.http = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    gate.set("control", http=gate.http)
    gate.add_token("dialler", purposes=["marketing"])
    dialgate("store", "move", "--to", f"postgresql://dialgate@127.0.0.1:{line.port}/evidence", config=gate.config)
    try:
        with Phones(port=gate.trunk_port) as far, Phones(to=gate.start().address) as near:
            yield Scene(server, line, gate, near, far)
        assert gate.stop() == 0
        gate.verified()
    finally:
        gate.kill()
        line.close()
        server.stop()


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, id=f"seed{seed}", marks=pytest.mark.deep if seed >= ORDINARY else ()) for seed in range(RUNS)],
)
def test_whatever_happens_to_the_line_no_leaf_is_missing_and_no_objector_is_called(scene: Scene, seed: int) -> None:
    print(f"seed {seed}")
    random, gate = Random(seed), scene.gate
    talks = scene.near.wait([scene.near.dial(next(_fresh)) for _ in range(4)], "up", PATIENCE)
    objectors: list[Talk] = []
    given: list[str] = []
    healing: list[threading.Timer] = []

    def cut(how: str) -> None:
        scene.line.cut(how, random)
        heal = threading.Timer(random.uniform(0.1, LONGEST_CUT), scene.line.heal)
        heal.start()
        healing.append(heal)

    def press(talk: Talk) -> None:
        if talk.state == "up":
            scene.called(talk.number)[0].press("9")
            gate.wait(lambda: scene.objected(talk.number) or talk.state == "over", PATIENCE, "the 9 is not heard")
            if scene.objected(talk.number):
                objectors.append(talk)

    def call_again() -> None:
        if objectors:
            talks.append(scene.near.dial(random.choice(objectors).number))

    acts = [lambda how=how: cut(how) for how in random.sample(CUTS, 3)]
    acts += [lambda talk=talk: press(talk) for talk in random.sample(talks, 2)]
    acts += [lambda: scene.near.hang_up(random.choice(talks))]
    acts += [lambda: talks.append(scene.near.dial(next(_fresh))) for _ in range(3)]
    acts += [lambda: given.append(scene.decided(next(_fresh))) for _ in range(2)]
    acts += [call_again] * 3
    random.shuffle(acts)
    for act in acts:
        act()
        time.sleep(random.uniform(0, 0.3))
    for each in healing:
        each.join()
    scene.line.heal()
    gate.wait(scene.ready, PATIENCE, "the gate does not take calls again")
    assert_kept(scene, talks, objectors, given)


def assert_kept(scene: Scene, talks: list[Talk], objectors: list[Talk], given: list[str]) -> None:
    """What has been answered is there, once; and who has objected was called once."""
    scene.runs += 1
    gate, number = scene.gate, "+44{}".format
    before, scene.leaves = scene.leaves, scene.ask("SELECT leaf_index, hash FROM dialgate.leaves ORDER BY leaf_index")
    assert scene.leaves[: len(before)] == before
    assert objectors, "nobody has objected"
    for each in objectors:
        (refused,) = scene.near.wait([scene.near.dial(each.number)], "over", PATIENCE)
        assert 'text="objected"' in refused.reasons[0], refused.reasons
        assert len(scene.called(each.number)) == 1, "an objector is called"
    for each in talks:
        scene.near.hang_up(each)
    gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    gate.wait(lambda: (gate.data / SPOOL).read_bytes() == b"", PATIENCE, "something waits")
    kept = Counter(row["number"] for row in gate.rows("SELECT number FROM objections WHERE source = 'keypad'"))
    assert {each: kept[number(each)] for each in {talk.number[1:] for talk in objectors}} == {
        each.number[1:]: 1 for each in objectors
    }
    columns = "call_id, number, verdict, state, source, ended_at"
    calls = {row["call_id"]: row for row in gate.rows(f"SELECT {columns} FROM calls")}  # noqa: S608
    allowed = [row for row in calls.values() if row["verdict"] == "allow"]
    for talk in talks:
        seen, rows = scene.called(talk.number), [row for row in allowed if row["number"] == number(talk.number[1:])]
        ended = [row for row in rows if row["state"] == "ended"]
        assert len(ended) >= len(seen), "an INVITE without its leaf, or without its end"
        assert ended == rows, "the store is back, and a call without INVITE is left open"
    assert set(given) - {""} <= calls.keys()
    asked = {name for name, row in calls.items() if (row["source"], row["verdict"]) == ("ask", "allow")}
    scene.given |= set(given)
    assert {name for name in asked if calls[name]["ended_at"] is None} <= scene.given, "who asked has had no answer"
    ends = Counter(row["call_id"] for row in gate.rows("SELECT call_id FROM facts WHERE kind = 'ended'"))
    assert max(ends.values()) == 1, ends.most_common(3)
    assert gate.client.call("audit_verify")["ok"]


def test_the_line_was_cut_where_it_hurts(scene: Scene) -> None:
    if scene.runs < ORDINARY:
        pytest.skip("one or two runs may pass without")
    assert scene.line.commits, "no commit was cut"
    said = scene.gate.log.read_text()
    print({name: said.count(f'"{name}"') for name in ("not_committed", "commit_not_known", "evidence_waits_for_room")})
    assert '"evidence_waits_for_room"' in said, "nothing had to wait"
