"""Two gates or three, each a process with a log of its own, and one database; three behind one edge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.core.evidence import index_of, keys_of, log_of
from gate.errors import GateError
from gate.store.transaction import NODE_LASTS
from tests.support import edge, postgresql
from tests.support.edge import Edge
from tests.support.gates import gates_on_one_database
from tests.support.phones import Phones
from tests.support.running_gate import UNLISTED, RunningGate, dialgate, free_port
from tests.support.sip_peer import Phone
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")


@pytest.fixture
def gates(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[RunningGate]]:
    """Two that run: of logs 0 and 1, with one key of the number hashes."""
    most = 2 if "at_once" in request.function.__name__ else 1000
    with gates_on_one_database(tmp_path, getattr(request, "param", 2), calls_at_once=most) as made:
        yield [each.start() for each in made]


def decided(door: HTTPConnection, gate: RunningGate, number: str) -> str:
    """The reason of a decision on a marketing call."""
    words = {"Authorization": f"Bearer {gate.tokens['dialler']}"}
    door.request("GET", f"/v1/decision?number={number}&purpose=marketing", headers=words)
    return str(json.load(door.getresponse())["reason"])


def test_an_objection_at_one_gate_is_heeded_by_the_very_next_decision_of_the_other(gates: list[RunningGate]) -> None:
    """A thousand of them, while calls are made through the gate that decides."""
    one, other = gates
    with (
        Phones(port=one.trunk_port),
        Phones(port=other.trunk_port),
        Phones(to=other.address) as near,
    ):
        door = HTTPConnection(other.http, timeout=PATIENCE)
        assert decided(door, other, "01144960999") == "not_listed"
        talks = []
        for n in range(1000):
            number = f"0{1134960000 + n}" if n % 2 else f"0{1144960000 + n // 2}"
            if n % 50 == 0:
                talks.append(near.dial(f"0{1214960000 + n}"))
            one.client.call("objection_add", number=number, source="told")
            assert decided(door, other, number) == "objected", n
        near.wait(talks, "up", PATIENCE)
        for talk in talks:
            near.hang_up(talk)
        for gate in gates:
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    for gate in gates:
        assert gate.stop() == 0
        gate.verified()


def test_the_calls_at_once_of_a_phone_system_are_counted_over_both_gates(gates: list[RunningGate]) -> None:
    """Two, one at each gate; the third is refused at both. A gate that is killed holds its place for a bounded time."""
    with Phones(port=gates[0].trunk_port) as far, Phones(port=gates[1].trunk_port) as far_too:
        with Phones(to=gates[0].address) as one, Phones(to=gates[1].address) as other:
            talks = [near.wait([near.dial(f"0113496070{n}")], "up", PATIENCE)[0] for n, near in enumerate((one, other))]
            for n, near in enumerate((one, other)):
                (third,) = near.wait([near.dial(f"0113496071{n}")], "over", PATIENCE)
                assert 'text="too_many_calls_at_once"' in third.reasons[0], third.reasons
            assert {len(each.all()) for each in (far, far_too)} == {1}
            (usage,) = gates[0].wait(lambda: whole(gates[0], 2), PATIENCE, "the other gate's call is not shown")
            assert usage["calls_at_once"] == 2
            one.hang_up(talks[0])  # its place is free at once, at either gate
            gates[0].wait(lambda: not gates[0].client.call("status")["calls"], PATIENCE, "the call goes on")
            other.wait([other.dial("01134960720")], "up", PATIENCE)
            gates[1].kill()
            one.silent = other.silent = True
        with Phones(to=gates[0].address) as near:
            (held,) = near.wait([near.dial("01134960730")], "over", PATIENCE)
            assert 'text="too_many_calls_at_once"' in held.reasons[0], held.reasons

            def lost() -> list[str]:
                found = dialgate("nodes", "list", config=gates[0].config)["nodes"]
                return [each["state"] for each in found if each["log"] == 1 and each["state"] == "lost"]

            gates[0].wait(lost, 2 * NODE_LASTS.total_seconds(), "the killed gate is not lost")
            warnings = gates[0].client.call("status")["warnings"]
            assert [each for each in warnings if each.startswith("Gate 1 (") and " is lost" in each], warnings
            (free,) = near.wait([near.dial("01134960740")], "up", PATIENCE)
            near.hang_up(free)
    gates[1].start()
    for gate in gates:
        assert gate.stop() == 0
        gate.verified()


def whole(gate: RunningGate, calls: int) -> list[dict[str, Any]]:
    """What is used over all gates, where the phone system has so many calls in hand."""
    return [each for each in gate.client.call("status")["usage"] if each["calls_now"] == calls]


def test_a_gate_is_drained_resumed_and_left_by_the_word_of_another(gates: list[RunningGate]) -> None:
    one, other = gates

    def nodes(*words: str) -> dict[int, str]:
        found = dialgate("nodes", *words, config=one.config)["nodes"]
        return {each["log"]: each["state"] for each in found}

    with Phones(port=other.trunk_port), Phones(to=other.address) as near:
        one.wait(lambda: nodes("list") == {0: "open", 1: "open"}, PATIENCE, "not both are there")
        (talk,) = near.wait([near.dial("01134960750")], "up", PATIENCE)
        nodes("drain", "1")
        one.wait(lambda: nodes("list") == {0: "open", 1: "drained"}, PATIENCE, "it is not drained")
        (refused,) = near.wait([near.dial("01134960751")], "over", PATIENCE)
        assert 'text="gate_stopping"' in refused.reasons[0], refused.reasons
        nodes("resume", "1")
        one.wait(lambda: nodes("list")[1] == "open", PATIENCE, "it is not resumed")
        (second,) = near.wait([near.dial("01134960752")], "up", PATIENCE)
        near.hang_up(second)
        nodes("leave", "1")
        one.wait(lambda: nodes("list")[1] == "leaving", PATIENCE, "it does not leave")
        heard = talk.packets_in
        one.wait(lambda: talk.packets_in > heard + 100, PATIENCE, "the talk is silent")
        assert (talk.state, nodes("list")[1]) == ("up", "leaving")
        near.hang_up(talk)
        assert other.process
        assert other.process.wait(PATIENCE) == 0
    assert nodes("list") == {0: "open", 1: "left"}
    assert not [each for each in one.client.call("status")["warnings"] if "Gate 1" in each]
    other.verified()
    asked = one.rows("SELECT kind, body FROM facts WHERE kind LIKE 'node_%' ORDER BY leaf_index")
    assert [(each["kind"], json.loads(each["body"])["node"]) for each in asked] == [
        ("node_drained", 1),
        ("node_resumed", 1),
        ("node_left", 1),
    ]
    assert one.stop() == 0


def test_an_invite_that_two_gates_get_rings_once_and_the_second_answers_482(gates: list[RunningGate]) -> None:
    numbers = [f"0{1134960100 + n}" for n in range(10)]
    with Phones(port=gates[0].trunk_port) as one, Phones(port=gates[1].trunk_port) as other:
        for number in numbers:
            with Phone(gates[0].address) as phone:
                phone.dial(number)
                branch = phone.branch + "x"
                phone.send(phone.invite.replace(phone.branch, branch), gates[1].address)
                merged = phone.recv(only="482")
                first = gates[0] if branch in merged.get("Via") else gates[1]
                taken = phone.recv(only="200")
                assert (branch in taken.get("Via")) is (first is gates[1])
                phone.to = first.address
                phone.ack(taken)
                phone.send(phone.next("BYE"))
                phone.recv(only="200")
        rung = sorted(talk.number[-10:] for far in (one, other) for talk in far.all())
        for gate in gates:
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    assert rung == [number[-10:] for number in numbers]
    kept = gates[0].rows("SELECT count(*) AS calls FROM calls WHERE verdict = 'allow'")
    assert kept == [{"calls": len(numbers)}]


def test_a_call_is_proven_by_the_gate_that_made_it_and_another_names_its_log(gates: list[RunningGate]) -> None:
    for log, gate in enumerate(gates):
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(f"0113496010{log}")], "up", PATIENCE)
            near.hang_up(talk)
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        (call,) = gate.rows("SELECT call_id FROM calls WHERE number = ?", f"+44113496010{log}")
        made = gate.client.call("calls_prove", call_id=call["call_id"])
        proven = {leaf["index"] for leaf in made["evidence"]["leaves"]}
        assert proven >= {index_of(rung["leaf_index"]) for rung in made["rungs"]} != set()
        with pytest.raises(GateError, match=f"is in log {log}, which another gate signs"):
            gates[1 - log].client.call("calls_prove", call_id=call["call_id"])


@pytest.mark.parametrize("gates", [3], indirect=True)
def test_an_erasure_waits_visibly_for_a_gate_that_is_away(gates: list[RunningGate]) -> None:
    """Each gate has a recording of the person, with keys of its own: the one that is away ends the erasure."""
    number, (away, one, other) = "01134960777", gates
    for gate in gates:
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(number)], "up", PATIENCE)
            near.hang_up(talk)
            closed = "SELECT 1 FROM recordings WHERE closed_at IS NOT NULL AND leaf_index >= ? AND leaf_index < ?"
            own = keys_of(gates.index(gate))
            gate.wait(lambda own=own: gate.rows(closed, own.start, own.stop), PATIENCE, "no recording")  # noqa: B023
            gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    recordings = one.rows("SELECT recording_id, path, leaf_index FROM recordings ORDER BY leaf_index")
    assert [log_of(each["leaf_index"]) for each in recordings] == [0, 1, 2]
    files = [gate.data / "recordings" / each["path"] for gate, each in zip(gates, recordings, strict=True)]
    assert all(file.is_file() for file in files)
    assert away.stop() == 0

    opened = one.client.call("request_open", asks="erasure", channel="post", name="Pat", numbers=[number])
    request = {"request": opened["reference"]}
    one.client.call("request_verify_identity", **request, checked="passport seen")
    assert one.client.call("request_search", **request)["found"] == 3
    one.client.call("request_decide", **request, grant=True)
    with pytest.raises(GateError, match="recordings wait for another gate, which has file and keys"):
        one.client.call("request_carry_out", **request, execute=True)
    other.wait(lambda: not files[2].exists(), PATIENCE, "the gate that runs has not erased its recording")

    says = "1 recording to be erased by the gate of log 0: is it running?"

    def waits() -> bool:
        return bool(one.client.call("request_show", **request)["warning"] == says)

    one.wait(waits, PATIENCE, "the request does not say what it waits for")
    assert [each["warning"] for each in other.client.call("request_list")["items"]] == [says]
    for gate in (one, other):
        assert f"{opened['reference']} is open: {says}" in gate.client.call("status")["warnings"]
    shown = one.client.call("request_show", **request)
    assert (shown["state"], shown["carried_out"]) == ("granted", None)
    with pytest.raises(GateError, match="there is no confirmation letter"):
        one.client.call("request_letter", **request, kind="confirmation")
    assert files[0].exists() and not files[1].exists()

    away.start()
    one.wait(lambda: one.client.call("request_show", **request)["carried_out"], PATIENCE, "it is still open")
    done = one.client.call("request_show", **request)
    assert (done["warning"], done["carried_out"]["recordings"], done["carried_out"]["calls"]) == ("", 3, 3)
    assert not any(file.exists() for file in files)
    erased = one.rows("SELECT leaf_index, subject FROM facts WHERE kind = 'recording_erased' ORDER BY leaf_index")
    assert [log_of(each["leaf_index"]) for each in erased] == [0, 1, 2], "each receipt is its own gate's"
    assert "erased" in one.client.call("request_letter", **request, kind="confirmation")["text"]
    assert not [each for each in one.client.call("status")["warnings"] if opened["reference"] in each]
    for gate in gates:
        assert gate.stop() == 0
        gate.verified()


def test_a_gate_whose_log_another_writes_refuses_calls_and_stops(gates: list[RunningGate]) -> None:
    """Nothing of it is lost: the end of its talk waits in its spool, and is in the log once it has that to itself."""
    one, other = gates
    assert other.stop() == 0
    with Phones(port=one.trunk_port) as far, Phones(to=one.address) as near:
        (talk,) = near.wait([near.dial("01134960001")], "up", PATIENCE)
        other.set("store", log=0)
        shutil.copy(one.data / "gate.key", other.data)
        shutil.rmtree(other.data / "checkpoints")
        shutil.copytree(one.data / "checkpoints", other.data / "checkpoints")
        other.start()
        refused = near.dial("01134960002")
        near.wait([refused], "over", PATIENCE)
        near.hang_up(talk)
        assert one.process
        assert one.process.wait(PATIENCE) == 3
        assert len(far.all()) == 1
    assert "another gate has written to log 0 of" in one.said()
    assert other.stop() == 0
    one.start()
    assert one.rows("SELECT ended_by FROM calls WHERE number = '+441134960001'") == [{"ended_by": "caller"}]
    assert one.stop() == 0
    one.verified()


CARRIED = Path(__file__).parents[1] / "sip/scenarios/uac_carried_or_sent_away.xml"
CALLS, RATE, TALK_MS = 150, 4, 3000


@pytest.mark.peer
@pytest.mark.load
def test_of_three_gates_behind_an_edge_one_is_drained_under_load_and_no_call_is_cut_or_refused(tmp_path: Path) -> None:
    """Then all are drained: a call is refused for that reason, and an emergency call is put through."""
    edge.required()
    help_port = free_port()
    with gates_on_one_database(tmp_path, 3, overflow=True) as made:
        front = Edge(made[0])
        front.gate.set("edge", gates=[f"127.0.0.1:{gate.port}" for gate in made])
        for gate in made:
            gate.set("calling", redial_hours=0)
            gate.set("emergency", trunk=f"127.0.0.1:{help_port}")
            gate.set("edge", address=f"127.0.0.1:{front.inner}", public="127.0.0.1")
        callees = [Sipp("uas", port=gate.trunk_port, calls=10**6, trace=False) for gate in made]
        callees.append(Sipp("uas", port=help_port, calls=10**6, trace=False))
        try:
            for each in made:
                each.start()
            front.start()
            drained_under_load(made, front, callers(tmp_path))
            all_drained(made, front, callers(tmp_path))
            for each in made:
                assert each.stop() == 0
                each.verified()
        finally:
            front.stop()
            for callee in callees:
                callee.stop()


def callers(folder: Path) -> Path:
    """Calls through a proxy, each from a caller of its own, that talk for a while."""
    text = (
        CARRIED.read_text()
        .replace("<sip:sipp@", "<sip:u[call_number]@")
        .replace("branch=z9hG4bK-[pid]", "rport;branch=z9hG4bK-[pid]")
    )
    text = text.replace(
        "      Max-Forwards: 70\n      Content-Length", "      [routes]\n      Max-Forwards: 70\n      Content-Length"
    )
    text = text.replace('<pause milliseconds="200"/>', f'<pause milliseconds="{TALK_MS}"/>')
    (folder / "callers.xml").write_text(text)
    return folder / "callers.xml"


def drained_under_load(made: list[RunningGate], front: Edge, scenario: Path) -> None:
    one, drained, _ = made
    near = Sipp(
        scenario, remote=front.at("tcp"), calls=CALLS, rate=RATE, service=UNLISTED, trace=False,
        extra=("-t", "t1", "-l", str(CALLS)),
    )  # fmt: skip

    def at(gate: RunningGate) -> list[dict[str, Any]]:
        """Its calls in the order of time."""
        log = made.index(gate)
        return one.rows("SELECT at, verdict FROM calls WHERE leaf_index >> 40 = ? ORDER BY at", log)

    one.wait(lambda: all(map(at, made)), PATIENCE, "not every gate has a call")
    asked = dialgate("nodes", "drain", "1", config=one.config)["nodes"][1]
    assert asked["state"] in ("open", "drained")
    one.wait(lambda: "gate_stopping" in drained.client.call("status")["not_ready"], PATIENCE, "it is not drained")
    begun = [len(at(gate)) for gate in made]
    one.wait(lambda: not drained.client.call("status")["calls"], PATIENCE, "its calls do not end")
    one.wait(lambda: len(at(one)) > begun[0] + 5, PATIENCE, "the others have no calls")
    assert len(at(drained)) == begun[1], "the edge sends calls to a gate that is drained"
    dialgate("nodes", "resume", "1", config=one.config)
    one.wait(lambda: len(at(drained)) > begun[1], PATIENCE, "it has no calls after it was resumed")
    done = near.result()
    assert (done.successful, done.failed) == (CALLS, 0), done.errors[-2000:]
    one.wait(lambda: not any(gate.client.call("status")["calls"] for gate in made), PATIENCE, "calls are left")
    ends = one.rows("SELECT verdict, state, ended_by, cause, count(*) AS n FROM calls GROUP BY 1, 2, 3, 4")
    assert ends == [{"verdict": "allow", "state": "ended", "ended_by": "caller", "cause": "hung_up", "n": CALLS}]


def all_drained(made: list[RunningGate], front: Edge, scenario: Path) -> None:
    for gate in made:
        dialgate("nodes", "drain", config=gate.config)
    for gate in made:
        gate.wait(lambda gate=gate: "gate_stopping" in gate.client.call("status")["not_ready"], PATIENCE, "not drained")
    warnings = made[0].client.call("status")["warnings"]
    assert [each for each in warnings if each.startswith("No gate takes new calls: 3 gates drained")], warnings
    for number, reason in ((UNLISTED, "gate_stopping"), ("999", "emergency_call")):
        near = Sipp(scenario, remote=front.at("tcp"), service=number, extra=("-t", "t1"))
        done = near.result()
        assert (done.successful, done.failed) == (1, 0), done.errors[-2000:]
        assert ("SIP/2.0 200" in done.messages.split("BYE sip")[0]) == (number == "999"), done.messages
        (row,) = made[0].rows("SELECT count(*) AS n FROM calls WHERE reason = ?", reason)
        assert row["n"] == 1
