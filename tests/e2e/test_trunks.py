"""Two trunks and a real gate: one is killed in each state of a call, and the gate itself while one was silent.

No listed number is connected, nobody is rung twice, and the evidence says through which trunk they were reached.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.sip.test_trunk_failover import no_invite, taken
from tests.support.phones import Phones, Talk
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, dialgate, free_port
from tests.support.sip_peer import Callee, Heard, Phone
from tests.support.waiting import PATIENCE

BEFORE_100, AFTER_100, AFTER_180, AFTER_200, IN_THE_CALL, AT_BYE, SILENT, AT_CANCEL = (
    f"0113496057{n}" for n in range(8)
)


class Carrier(Phones):
    """A trunk that is killed in the middle of each call, at the point that the number says: from then on it answers
    nothing, and sends no audio."""

    def __init__(self, port: int) -> None:
        self.seen: list[str] = []
        """What it was sent and did not answer: method and number."""
        self.dead: set[str] = set()
        """Calls for which it is killed, by Call-ID."""
        super().__init__(port=port)

    def die(self, talk: Talk) -> None:
        """Now."""
        self.dead.add(talk.call_id)
        talk.held = True

    def _asked(self, heard: Heard, source: tuple[str, int]) -> None:
        number = heard.start.partition("sip:")[2].partition("@")[0]
        point = "0" + number[3:]
        talk = self.talks.get(heard.get("Call-ID"))
        if talk is not None:  # the target of what follows is a Contact without a number
            point = "0" + talk.number[3:]
        if heard.get("Call-ID") in self.dead or (
            heard.method in ("INVITE", "CANCEL") and point in (BEFORE_100, SILENT)
        ):
            self.seen.append(f"{heard.method} {point}")
            return
        if heard.method == "INVITE" and point == AFTER_100:
            self._answer(heard, 100, "Trying", source)
            return
        if heard.method == "INVITE":
            self._answers = point not in (AFTER_180, AT_CANCEL)
        super()._asked(heard, source)

    def _answer(self, heard: Heard, code: int, *more: Any, **named: Any) -> str:
        text = super()._answer(heard, code, *more, **named)
        talk = self.talks.get(heard.get("Call-ID"))
        if talk is not None and (code, "0" + talk.number[3:]) in ((180, AFTER_180), (180, AT_CANCEL), (200, AFTER_200)):
            self.die(talk)
        return text


class TwoTrunks(RunningGate):
    """A gate with the trunks ``a`` and ``b``, tried in this order."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, announcement=0.6)
        self.second_port = free_port()
        self.set("sip", no_answer_seconds=15)
        file = tomlkit.parse(self.config.read_text())
        trunks = tomlkit.aot()
        for order, (name, port) in enumerate((("a", self.trunk_port), ("b", self.second_port)), 1):
            table = tomlkit.table()
            table.update({"name": name, "address": f"127.0.0.1:{port}", "options_seconds": 0, "order": order})
            table.update({"silent_seconds": 1} if name == "a" else {})
            trunks.append(table)
        file["trunk"] = trunks
        self.config.write_text(tomlkit.dumps(file))
        self.add_pbx(refusal=600)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[TwoTrunks]:
    gate = TwoTrunks(tmp_path / "gate")
    try:
        yield gate
    finally:
        gate.kill()


def through(gate: RunningGate, talk: Talk) -> list[str]:
    """The trunk of each fact that a call was answered or connected."""
    rows = gate.rows(
        "SELECT f.body FROM facts f JOIN calls c USING (call_id) WHERE c.number = ? "
        "AND f.kind IN ('answered', 'connected') ORDER BY f.leaf_index",
        "+44" + talk.number[1:],
    )
    return [json.loads(row["body"])["trunk"] for row in rows]


def rung(*carriers: Phones) -> Counter[str]:
    """How often each number was rung, by any trunk."""
    return Counter(talk.number for carrier in carriers for talk in carrier.all())


def test_a_trunk_that_dies_in_each_state_of_a_call_rings_nobody_twice(gate: TwoTrunks) -> None:
    gate.start()
    with (
        Carrier(gate.trunk_port) as a,
        Phones(port=gate.second_port) as b,
        Phones(to=gate.address) as pbx,
    ):
        listed = pbx.dial(LISTED)
        pbx.wait([listed], "over", PATIENCE)
        assert listed.code == 600

        unheard, rings, given_up = (pbx.dial(number) for number in (AFTER_100, AFTER_180, AT_CANCEL))
        over_b, cut, talks, leaves = (pbx.dial(number) for number in (BEFORE_100, AFTER_200, IN_THE_CALL, AT_BYE))
        pbx.wait([over_b, cut, talks, leaves], "up", PATIENCE)
        at_a = {"0" + talk.number[3:]: talk for talk in a.all()}
        pbx.hang_up(given_up)
        gate.wait(lambda: talks.packets_in > 25 and at_a[IN_THE_CALL].packets_in > 25, PATIENCE, "no audio")
        a.die(at_a[IN_THE_CALL])
        gate.wait(lambda: at_a[AT_BYE].packets_in > 25, PATIENCE, "no audio")
        a.die(at_a[AT_BYE])
        for talk in (over_b, cut, talks, leaves):
            pbx.hang_up(talk)
        pbx.wait([unheard, rings], "over", PATIENCE)
        assert (unheard.code, rings.code) == (480, 480), "a phone system gives up upon it"
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "a call does not end")
        unanswered = [f"CANCEL {AT_CANCEL}", *(f"BYE {point}" for point in (AFTER_200, IN_THE_CALL, AT_BYE))]
        gate.wait(lambda: set(unanswered) <= set(a.seen), PATIENCE, f"not each was tried: {a.seen}")
        counted = rung(a, b)
        assert max(counted.values()) == 1, counted
        assert not any(number.endswith(LISTED[1:]) for number in counted)
        assert {number[-10:] for number in (t.number for t in b.all())} == {BEFORE_100[1:]}
    assert through(gate, over_b) == ["b", "b"]
    for talk in (cut, talks, leaves):
        assert through(gate, talk) == ["a", "a"], talk.number
    ended = [row["call_id"] for row in gate.rows("SELECT call_id FROM facts WHERE kind = 'ended'")]
    assert len(ended) == len(set(ended)) == 7, "each call that was let through has its end"
    kept = gate.rows("SELECT state, packets FROM recordings")
    assert [row["state"] for row in kept] == ["closed"] * 4, "each call that was connected has its recording"
    assert all(json.loads(row["packets"]) for row in kept)
    assert gate.client.call("status")["trunks"] == [
        {"name": name, "up": None, "registered": None, "code": 0} for name in ("a", "b")
    ]
    assert gate.stop() == 0
    gate.verified()


def test_a_gate_that_is_killed_after_a_trunk_was_silent_cancels_there_too(gate: TwoTrunks) -> None:
    gate.start()
    with (
        Carrier(gate.trunk_port) as a,
        Phones(port=gate.second_port, answers=False) as b,
        Phones(to=gate.address) as pbx,
    ):
        talk = pbx.dial(SILENT)
        gate.wait(b.all, PATIENCE, "the second trunk is not asked")
        gate.wait(lambda: b"given_up_1" in (gate.data / "legs.journal").read_bytes(), PATIENCE, "not in the journal")
        gate.kill()
        gate.start()
        pbx.wait([talk], "over", PATIENCE)
        b.wait(b.all(), "over", PATIENCE)
        gate.wait(lambda: f"CANCEL {SILENT}" in a.seen, PATIENCE, "the silent trunk is not told")
        gate.wait(
            lambda: gate.rows("SELECT 1 FROM facts WHERE kind = 'legs_ended'"), PATIENCE, "no leaf of what was left"
        )
    (left,) = gate.rows("SELECT body FROM facts WHERE kind = 'legs_ended'")
    body = json.loads(left["body"])
    assert (body["callee"], body["caller"], body["given_up_1"]) == ("CANCEL 487", "INVITE 600", "no answer")
    assert gate.stop() == 0
    gate.verified()


def looks(gate: RunningGate) -> list[tuple[str, str, str]]:
    """Trunk, what became of the one before, and reason of each further look at the lists."""
    rows = gate.rows("SELECT body FROM facts WHERE kind = 'looked_again' ORDER BY leaf_index")
    return [(each["trunk"], each["after"], each["reason"]) for each in (json.loads(row["body"]) for row in rows)]


def test_who_objects_while_the_first_trunk_is_asked_is_not_rung_by_the_second(gate: TwoTrunks) -> None:
    gate.start()
    with Callee(port=gate.trunk_port) as a, Callee(port=gate.second_port) as b, Phone(gate.address) as pbx:
        pbx.dial(UNLISTED)
        taken(a)
        a.say(503, "Busy")
        taken(b)
        b.say(100, "Trying")
        pbx.cancel()
        pbx.recv(PATIENCE, only="487")
        b.recv(PATIENCE, only="CANCEL")
        b.say(487, "Request Terminated")
        b.recv(PATIENCE, only="ACK")
    with Callee(port=gate.trunk_port) as a, Callee(port=gate.second_port) as b, Phone(gate.address) as pbx:
        pbx.dial(UNLISTED)
        taken(a)
        dialgate("objection", "add", UNLISTED, "--source", "post", config=gate.config)
        a.say(503, "Busy")
        assert pbx.recv(PATIENCE, only="600").start.startswith("SIP/2.0 600")
        assert no_invite(b)
    assert looks(gate) == [("b", "503", "not_listed"), ("b", "503", "objected")]
    sql = "SELECT ended_by, cause FROM calls WHERE ended_at IS NOT NULL ORDER BY at"
    ends = gate.wait(lambda: len(rows := gate.rows(sql)) == 2 and rows, PATIENCE, "the end is not in the log")
    assert ends[1] == {"ended_by": "gate", "cause": "objected"}
    assert gate.stop() == 0
    gate.verified()
