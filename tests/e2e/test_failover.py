"""Three gates on a PostgreSQL that Patroni keeps, with a synchronous standby: keypad objections under load, and
primaries that are killed and promoted, by seed. ``make test-failover``; one run: ``-k seed7``."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from psycopg import OperationalError

from gate.cli.setup import SAMPLE_LISTS
from gate.errors import GateError
from gate.store.spool import NAME as SPOOL
from tests.support import patroni
from tests.support.gates import gates_on_one_database
from tests.support.phones import Phones, Talk
from tests.support.running_gate import RunningGate
from tests.support.waiting import PATIENCE, until

pytestmark = [
    pytest.mark.failover,
    pytest.mark.skipif(bool(patroni.MISSING), reason="apt-get install patroni etcd-server"),
]
RUNS = 10
WAYS = ("machine", "server", "switch")
"""The primary and its Patroni are killed; the server alone is, which its Patroni starts again; the standby takes over
as it is told to."""
_SAMPLES = "".join(path.read_text() for path in SAMPLE_LISTS.iterdir() if path.suffix in (".txt", ".csv"))
_SAMPLES = _SAMPLES.replace(" ", "")
_TOWNS = (113, 114, 115, 116, 117, 118, 121, 131, 141, 151)
_fresh = (f"0{town}4960{n:03d}" for town in _TOWNS for n in range(1000) if f"{town}4960{n:03d}" not in _SAMPLES)
"""Drama numbers that nothing lists, each dialled by one run."""


@dataclass
class Place:
    """A gate, and the phones on both sides of it."""

    gate: RunningGate
    near: Phones
    far: Phones

    def called(self, number: str) -> list[Talk]:
        """The INVITEs with this number that its trunk has seen."""
        return [each for each in self.far.all() if each.number.endswith(number[1:])]

    def decided(self, number: str) -> tuple[str, str]:
        """Verdict and id of a decision that a phone system asks for; empty where none is given."""
        asked = HTTPConnection(self.gate.http, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.gate.tokens['dialler']}", "Content-Type": "application/json"}
        with suppress(OSError, HTTPException):
            asked.request("POST", "/v1/decision", json.dumps({"number": number}), headers)
            answer = json.load(asked.getresponse())
            return str(answer["verdict"]), str(answer.get("decision_id") or "")
        return "", ""

    def ready(self) -> bool:
        asked = HTTPConnection(self.gate.http, timeout=PATIENCE)
        with suppress(OSError, HTTPException):
            asked.request("GET", "/readyz")
            return asked.getresponse().status == 200
        return False


@dataclass
class Scene:
    """All of it, and what was seen over all runs."""

    cluster: patroni.Cluster
    places: list[Place]
    leaves: list[tuple[Any, ...]] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    """Ids of the decisions that were answered."""
    objected: list[str] = field(default_factory=list)
    """Numbers of the objections that are committed, or were answered."""

    def committed(self, number: str) -> bool:
        """False, too, while there is no primary to be asked."""
        sql = f"SELECT 1 FROM dialgate.objections WHERE number = '+44{number[1:]}'"  # noqa: S608
        with suppress(OperationalError):
            return bool(self.cluster.do(sql))
        return False

    def waits(self, number: str) -> bool:
        """An objection is in a gate's spool, or may be committed: nobody can be asked."""
        key = f'"number":"+44{number[1:]}"'.encode()
        return self.cluster.primary() is None or any(key in (of.gate.data / SPOOL).read_bytes() for of in self.places)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all runs."""
    cluster = patroni.Cluster()
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        gates = stack.enter_context(gates_on_one_database(tmp_path_factory.mktemp("failover"), 3, cluster.dsn))
        places = []
        for gate in gates:
            far = stack.enter_context(Phones(port=gate.trunk_port))
            places.append(Place(gate, stack.enter_context(Phones(to=gate.start().address)), far))
        yield Scene(cluster, places)
        for gate in gates:
            assert gate.stop(seconds=60) == 0
            gate.verified()


@dataclass
class Askers:
    """Phone systems that ask each gate all the time, for numbers that are new and for those that have objected."""

    scene: Scene
    seed: int
    wrong: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    count: int = 0

    def __enter__(self) -> Askers:
        self._threads = [threading.Thread(target=self._ask, args=(each, n)) for n, each in enumerate(self.scene.places)]
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for each in self._threads:
            each.join()

    def _ask(self, place: Place, n: int) -> None:
        random = Random(self.seed * 10 + n)
        while not self.over.is_set():
            theirs = random.random() < 0.5 and len(self.scene.objected)
            number = self.scene.objected[random.randrange(theirs)] if theirs else f"0161496{random.randrange(1000):04d}"
            verdict, decision = place.decided(number)
            if theirs and verdict == "allow":
                self.wrong.append(number)
            if verdict:
                self.scene.given.add(decision)
            self.count += bool(verdict)
            time.sleep(random.uniform(0, 0.05))


def press(scene: Scene, place: Place, talks: list[Talk]) -> None:
    """The callees of these press 9: each is an objection from its commit on, and none where the talk is over first."""
    up = [each for each in talks if each.state == "up"]
    for each in up:
        place.called(each.number)[0].press("9")
    for each in up:

        def known(each: Talk = each) -> bool:
            return scene.committed(each.number) or (each.state == "over" and not scene.waits(each.number))

        until(known, "the 9 is not heard", 3 * PATIENCE)
        if scene.committed(each.number):
            scene.objected.append(each.number)


@pytest.mark.timeout(900)
def test_a_thousand_keypad_objections_hold_at_every_gate_from_their_commit_on(scene: Scene) -> None:
    """Twenty at a time, in turn at each gate, while all three are asked for those that are committed."""
    with Askers(scene, 1000) as askers:
        while len(scene.objected) < 1000:
            for place in scene.places:
                talks = [place.near.dial(next(_fresh)) for _ in range(20)]
                press(scene, place, place.near.wait(talks, "up", PATIENCE))
                for each in talks:
                    place.near.hang_up(each)
            assert not askers.wrong
    assert askers.count > 1000
    assert not askers.wrong
    print(f"{len(scene.objected)} objections, {askers.count} answers")
    assert_kept(scene)


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed{seed}") for seed in range(RUNS)])
def test_no_primary_that_dies_takes_evidence_with_it_and_no_objector_is_called(scene: Scene, seed: int) -> None:
    random = Random(seed)
    how = random.choice(WAYS)
    talks = [(place, place.near.dial(next(_fresh))) for place in scene.places for _ in range(4)]
    for place in scene.places:
        place.near.wait([talk for of, talk in talks if of is place], "up", PATIENCE)
    with Askers(scene, seed) as askers:
        time.sleep(random.uniform(0, 0.5))
        primary = scene.cluster.primary()
        assert primary is not None
        pressing = threading.Thread(target=lambda: [press(scene, place, [talk]) for place, talk in talks[::2]])
        pressing.start()
        time.sleep(random.uniform(0, 0.3))
        began = time.monotonic()
        if how == "switch":
            scene.cluster.switch()
        else:
            primary.kill(server_alone=how == "server")
        for place in scene.places:
            number = next(_fresh)
            with suppress(GateError):
                place.gate.client.call("objection_add", number=number, source="told")
                scene.objected.append(number)
        if how == "machine":
            until(lambda: scene.cluster.primary() not in (None, primary), "nobody is promoted", 3 * PATIENCE)
            primary.start()
        scene.cluster.whole()
        for place in scene.places:
            until(place.ready, "a gate takes no calls", 3 * PATIENCE)
        print(f"seed {seed}: {how} of {primary.name}, {time.monotonic() - began:.1f} s until all gates took calls")
        pressing.join()
        count = askers.count
        until(lambda: askers.count > count + 30, "nobody is answered")
    assert not askers.wrong, "an objector was let through"
    for place, talk in talks:
        place.near.hang_up(talk)
    assert_kept(scene)


def assert_kept(scene: Scene) -> None:
    """What was answered is there, once; who has objected was called once, and is refused at each gate; every log
    verifies."""
    for place in scene.places:
        place.gate.wait(lambda place=place: not place.gate.client.call("status")["calls"], PATIENCE, "calls are left")
        place.gate.wait(lambda place=place: (place.gate.data / SPOOL).read_bytes() == b"", PATIENCE, "something waits")
    before, scene.leaves = scene.leaves, scene.cluster.do("SELECT log, leaf_index, hash FROM dialgate.leaves")
    assert set(before) <= set(scene.leaves), "a leaf is missing"
    for number in scene.objected[-6:]:
        for place in scene.places:
            (refused,) = place.near.wait([place.near.dial(number)], "over", PATIENCE)
            assert 'text="objected"' in refused.reasons[0], refused.reasons
    rung = Counter(each.number for place in scene.places for each in place.far.all())
    assert max(rung.values()) == 1, [each for each in rung.items() if each[1] > 1]
    rows = scene.cluster.do("SELECT call_id, number, verdict, state, source, ended_at FROM dialgate.calls")
    assert scene.given - {""} <= {call_id for call_id, *_ in rows}, "an answer without its leaf"
    allowed = [row for row in rows if row[2] == "allow"]
    assert not [row for row in allowed if row[4] != "ask" and row[3] != "ended"], "a call is left open"
    assert not [row for row in allowed if row[4] == "ask" and row[5] is None and row[0] not in scene.given]
    theirs = {f"+44{number[1:]}" for number in scene.objected}
    kept = {number for (number,) in scene.cluster.do("SELECT number FROM dialgate.objections")}
    assert theirs <= kept, "an objection is lost"
    dialled = {f"+44{number[-10:]}" for number in rung}
    assert dialled <= {number for _, number, *_ in allowed}, "an INVITE without its leaf"
    for place in scene.places:
        assert place.gate.client.call("audit_verify")["ok"]
