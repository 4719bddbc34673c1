"""Calls in through a whole gate: told, put through to a phone, recorded; the call-back line takes an objection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support import baresip
from tests.support.audio import read_wav, share
from tests.support.baresip import Baresip
from tests.support.calls_in import CALLER, OWN, TONES, register, taking_calls
from tests.support.phones import Phones, heard, is_tone, speaking
from tests.support.running_gate import UNLISTED, RunningGate, dialgate, free_port
from tests.support.sip_peer import Callee, Phone
from tests.support.waiting import PATIENCE

CUSTOMER, AGENT = 1700.0, 2100.0


def until(gate: RunningGate, true: object, what: str) -> None:
    gate.wait(true, PATIENCE, what)  # type: ignore[arg-type]


@contextmanager
def started(gate: RunningGate) -> Iterator[RunningGate]:
    try:
        yield gate.start()
    finally:
        if gate.process is not None:
            gate.stop()


def carrier(gate: RunningGate, caller: str = CALLER) -> Phones:
    """The carrier, from whose address somebody calls."""
    return Phones(to=gate.address, port=gate.trunk_port, audio=lambda _: speaking(CUSTOMER), keep=True, name=caller)


def ended(gate: RunningGate) -> dict[str, object]:
    """The one call, once it is over."""
    until(gate, lambda: gate.rows("SELECT 1 FROM calls WHERE ended_at IS NOT NULL"), "the call has not ended")
    (row,) = gate.rows("SELECT * FROM calls")
    return row


def objections(gate: RunningGate) -> list[dict[str, object]]:
    return gate.rows("SELECT number, source, actor, call_id FROM objections WHERE source = 'callback'")


def test_a_caller_is_told_and_put_through_to_a_phone_and_both_are_recorded(tmp_path: Path) -> None:
    gate, port = taking_calls(tmp_path / "gate", to=["account:alice"]), free_port()
    with started(gate):
        register(gate, port)
        with (
            Phones(port=port, audio=lambda _: speaking(AGENT), keep=True, answer_after=1.0) as pbx_phone,
            carrier(gate) as trunk,
        ):
            talk = trunk.dial("02079460000")
            until(gate, lambda: pbx_phone.all() and pbx_phone.all()[0].state == "up", "the phone was not rung")
            (agent,) = pbx_phone.all()
            until(gate, lambda: heard(talk, AGENT) > 1 and heard(agent, CUSTOMER) > 1, "they do not hear each other")
            begins = min(at for at, data in agent.heard)
            assert heard(talk, TONES["notice"]) > 0.8
            notice_over = max(at for at, data in talk.heard if is_tone(data, TONES["notice"]))
            assert notice_over < begins, "the agent heard the caller before the notice was over"
            assert f"<sip:{CALLER}@" in agent.headers["from"] and "dialgate" not in agent.headers["from"]
            trunk.hang_up(talk)
            row = ended(gate)
            pbx_phone.wait([agent], "over", PATIENCE)
        assert row["reason"] == "call_in" and row["presentation"] == OWN and row["number"] == CALLER
        assert row["recorded"] == 1 and row["bridged"] == 1 and row["announced"] == 1
        kinds = gate.kinds(str(row["call_id"]))
        assert kinds[0] == "call_in" and kinds.index("announced") < kinds.index("connected"), kinds
        until(gate, lambda: "recording_closed" in gate.kinds(str(row["call_id"])), "the recording is not closed")
        gate.export(str(row["recording_id"]), tmp_path / "call.wav")
        samples, rate = read_wav(tmp_path / "call.wav")
        assert max(share(samples[:, side], tone, rate) for side in (0, 1) for tone in (CUSTOMER,)) > 0.5
        assert max(share(samples[:, side], tone, rate) for side in (0, 1) for tone in (AGENT,)) > 0.5
        assert (
            sum(dialgate("calls", "reasons", "--since", "2020-01-01", config=gate.config)["items"] != [] for _ in [0])
            == 0
        )
        gate.stop()
        gate.verified()


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_of_other_peoples_making_is_called(tmp_path: Path, transport: str) -> None:
    baresip.registering()
    gate = taking_calls(tmp_path / "gate", to=["account:alice"])
    gate.set("sip", tcp=f"127.0.0.1:{gate.port}")
    with started(gate), carrier(gate) as trunk:
        phone = Baresip(
            tmp_path / "phone", gate.address, "alice", gate.password(), AGENT, transport=transport, answers=True
        )
        phone.serve(300)
        try:
            phone.wait("200 OK.*binding")
            talk = trunk.dial("02079460000")
            until(gate, lambda: heard(talk, AGENT) > 1, "the phone is not heard")
            trunk.hang_up(talk)
            row = ended(gate)
            phone.wait("session closed|terminated")
        finally:
            phone.end()
        assert row["recorded"] == 1 and row["bridged"] == 1


def test_the_line_takes_an_objection_by_key_and_thanks_for_it(tmp_path: Path) -> None:
    gate = taking_calls(tmp_path / "gate")
    gate.add_pbx(addresses=["127.0.0.2"])
    with started(gate), carrier(gate) as trunk:
        talk = trunk.dial("02079460000")
        until(gate, lambda: heard(talk, TONES["callback"]) > 0.4, "the line says nothing")
        talk.press("9")
        row = ended(gate)
        assert heard(talk, TONES["thanks"]) > 0.8
        (objection,) = objections(gate)
        assert objection == {"number": CALLER, "source": "callback", "actor": "caller", "call_id": row["call_id"]}
        assert row["cause"] == "objected" and row["recording_id"] is None
        checked = dialgate("check", CALLER, config=gate.config, check=False)
        assert checked["reason"] == "objected"


@pytest.mark.engine("sqlite")
def test_an_objection_that_cannot_be_written_is_not_thanked_for(tmp_path: Path) -> None:
    gate = taking_calls(tmp_path / "gate", seconds=2.0)
    with started(gate), carrier(gate) as trunk:
        talk = trunk.dial("02079460000")
        until(gate, lambda: heard(talk, TONES["callback"]) > 0.2, "the line says nothing")
        with closing(sqlite3.connect(gate.data / "gate.db", isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            talk.press("9")
            until(gate, lambda: heard(talk, TONES["not_taken"]) > 0.4, "it is not told that it was not taken")
            other.execute("ROLLBACK")
        row = ended(gate)
        assert heard(talk, TONES["thanks"]) == 0.0
        assert row["cause"] == "objection_not_taken"
        # It was heard all the same: it holds as soon as there is room.
        until(gate, lambda: objections(gate), "the objection is lost")


def test_a_number_that_is_hidden_is_told_where_to_object(tmp_path: Path) -> None:
    gate = taking_calls(tmp_path / "gate")
    with started(gate), carrier(gate, "anonymous") as trunk:
        talk = trunk.dial("02079460000")
        until(gate, lambda: heard(talk, TONES["callback"]) > 0.4, "the line says nothing")
        talk.press("9")
        ended(gate)
        assert heard(talk, TONES["not_taken"]) > 0.8 and heard(talk, TONES["thanks"]) == 0.0
        assert objections(gate) == []


def test_where_nobody_answers_the_line_does(tmp_path: Path) -> None:
    gate, port = (
        taking_calls(tmp_path / "gate", to=["account:alice"], fallback="callback", ring_seconds=5),
        free_port(),
    )
    with started(gate):
        register(gate, port)
        with Phones(port=port, answers=False, keep=True) as pbx_phone, carrier(gate) as trunk:
            talk = trunk.dial("02079460000")
            until(gate, lambda: heard(talk, TONES["callback"]) > 0.4, "the line does not answer")
            pbx_phone.wait(pbx_phone.all(), "over", PATIENCE)
            talk.press("9")
            row = ended(gate)
            assert heard(talk, TONES["notice"]) > 0.8 and heard(talk, TONES["thanks"]) > 0.8
            assert [each["number"] for each in objections(gate)] == [CALLER]
            assert row["bridged"] == 0


def test_who_rings_back_after_a_call_for_help_is_let_past_the_limits(tmp_path: Path) -> None:
    gate = taking_calls(tmp_path / "gate", seconds=3.0)
    gate.set("calls_in", at_once=1)
    gate.add_pbx(addresses=["127.0.0.2"])
    with Callee() as services, Phone(gate.address, host="127.0.0.2") as pbx_phone:
        gate.set("emergency", trunk=services.address, presentation=OWN)
        with started(gate), carrier(gate) as trunk:
            first = trunk.dial("02079460000")
            trunk.wait([first], "up", PATIENCE)
            second = trunk.dial("02079460000")
            trunk.wait([second], "over", PATIENCE)
            assert second.code == 480
            pbx_phone.dial("999")
            services.ring()
            back = trunk.dial("02079460000")
            until(gate, lambda: heard(back, TONES["callback"]) > 0.4, "whoever rings back is not let in")


@pytest.mark.engine("sqlite")
def test_without_evidence_nothing_is_heard_and_nobody_is_rung(tmp_path: Path) -> None:
    gate, port = taking_calls(tmp_path / "gate", to=["account:alice"]), free_port()
    with started(gate):
        register(gate, port)
        with Phones(port=port, keep=True) as pbx_phone, carrier(gate) as trunk:
            with closing(sqlite3.connect(gate.data / "gate.db", isolation_level=None, timeout=30)) as other:
                other.execute("BEGIN IMMEDIATE")
                talk = trunk.dial("02079460000")
                trunk.wait([talk], "over", PATIENCE)
                other.execute("ROLLBACK")
            assert heard(talk, TONES["notice"]) == 0.0 and pbx_phone.all() == []
            again = [trunk.dial("02079460000")]

            def taken() -> bool:
                if again[-1].state == "over":  # the store has not heard yet that it may go on
                    again.append(trunk.dial("02079460000"))
                return bool(pbx_phone.all()) and pbx_phone.all()[0].state == "up"

            until(gate, taken, "the next call is not taken")
            trunk.hang_up(again[-1])


def test_nobody_is_there_and_a_number_is_not_ours(tmp_path: Path) -> None:
    gate = taking_calls(tmp_path / "gate", to=["account:alice"])
    with started(gate), carrier(gate) as trunk:
        nobody, foreign, out = trunk.dial("02079460000"), trunk.dial("02079460001"), trunk.dial(UNLISTED)
        trunk.wait([nobody, foreign, out], "over", PATIENCE)
        assert (nobody.code, foreign.code, out.code) == (480, 404, 404)
        assert not [each for each in trunk.all() if each.asked is not None], "a call in left by the trunk"
        assert gate.rows("SELECT 1 FROM calls") == []


def test_a_killed_gate_leaves_no_leg_of_a_call_in(tmp_path: Path) -> None:
    gate, port = taking_calls(tmp_path / "gate", to=["account:alice"]), free_port()
    with started(gate):
        register(gate, port)
        with Phones(port=port, keep=True) as pbx_phone, carrier(gate) as trunk:
            talk = trunk.dial("02079460000")
            until(gate, lambda: gate.rows("SELECT 1 FROM calls WHERE connected_at IS NOT NULL"), "no connection")
            gate.kill()
            gate.start()
            trunk.wait([talk], "over", PATIENCE)
            pbx_phone.wait(pbx_phone.all(), "over", PATIENCE)
            row = ended(gate)
            assert row["recording_id"]
            until(gate, lambda: "recording_closed" in gate.kinds(str(row["call_id"])), "the recording is open")
        gate.stop()
        gate.verified()
