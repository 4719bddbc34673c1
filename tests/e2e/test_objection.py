"""Keys that matter: the callee's 9 ("do not call me again"), the agent's *5 and *6 (card data); pauses by command."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gate import g711
from gate.errors import UsageError
from tests.support.audio import Samples, read_wav, share, tone
from tests.support.phones import FRAME, Audio, Phones, Talk, hears
from tests.support.running_gate import RunningGate, dialgate, running
from tests.support.sealed import first_key, opened
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

EARLY, LATE, PAUSED, BY_COMMAND, CUT = (f"0113496050{last}" for last in range(5))
"""A number for each test: a call that was answered and not bridged may not be made again for three days."""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    with running(tmp_path_factory.mktemp("objection") / "gate", announcement=2.0) as gate:
        yield gate


@pytest.fixture(autouse=True)
def the_log_holds(gate: RunningGate) -> Iterator[None]:
    yield
    report = gate.client.call("audit_verify")
    assert report["ok"], report


def facts(gate: RunningGate, kind: str) -> list[dict[str, Any]]:
    """Facts about the number's calls, newest last: ``leaf_index``, ``at``, and the body's keys."""
    rows = gate.rows("SELECT leaf_index, at, actor, subject, body FROM facts WHERE kind = ? ORDER BY leaf_index", kind)
    return [{**row, **json.loads(row["body"])} for row in rows]


def assert_refused(near: Phones, number: str) -> None:
    (talk,) = near.wait([near.dial(number)], "over", PATIENCE)
    assert talk.code == 603
    assert "objected" in talk.reasons[0], talk.reasons


def objection(gate: RunningGate, number: str) -> dict[str, Any] | None:
    found = [fact for fact in facts(gate, "objection") if fact["number"] == "+44" + number[1:]]
    return found[-1] if found else None


def assert_before_the_end(gate: RunningGate, found: dict[str, Any]) -> None:
    (ended,) = [fact for fact in facts(gate, "ended") if fact["subject"] == found["call_id"]]
    assert found["leaf_index"] < ended["leaf_index"]
    assert found["at"] < ended["at"]
    assert (found["actor"], found["source"]) == ("callee", "keypad")


def test_nine_during_the_announcement_ends_the_call_politely(gate: RunningGate) -> None:
    with Uas("--digit", "9@0.6", port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        talk = near.dial(EARLY)
        found = gate.wait(lambda: objection(gate, EARLY), PATIENCE, "the objection is not kept")
        assert talk.state in ("calling", "early")
        assert_refused(near, EARLY)  # at once: the first call is still up
        assert talk.state in ("calling", "early")
        near.wait([talk], "over", PATIENCE)
        assert (talk.code, "objected" in talk.reasons[-1]) == (200, True), talk.reasons
        gate.wait(lambda: far.calls, PATIENCE, "the far end is not told")
        (call,) = far.calls
        # The announcement (700 Hz) was cut at the key, and the goodbye, which is speech, was played.
        notice = [second for second, hertz, share in call["heard"] if hertz and abs(hertz - 700) < 10 and share > 0.9]
        assert notice and max(notice) - min(notice) < 1.4, call["heard"]
        goodbye = [second for second, hertz, _ in call["heard"] if hertz and second > max(notice)]
        assert len(goodbye) >= 5, call["heard"]
        assert call["ended_by"] == "caller"
        assert len(far.invites) == 1
    gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
    assert_before_the_end(gate, found)
    (row,) = gate.rows("SELECT * FROM calls WHERE call_id = ?", found["call_id"])
    assert (row["state"], row["cause"], row["ended_by"], row["bridged"], row["announced"]) == (
        *("ended", "objected", "callee", 0, 0),
    )
    assert not gate.rows("SELECT 1 FROM recordings WHERE call_id = ?", found["call_id"])


def test_nine_during_the_talk_is_kept_while_the_call_goes_on(gate: RunningGate) -> None:
    gate.client.call("consent_add", number=LATE, how="test", wording="call me", who="A. Person", evidence="note 1")
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        (talk,) = near.wait([near.dial(LATE)], "up", PATIENCE)
        (other,) = far.all()
        hears(25, talk, other)
        other.press("9")
        found = gate.wait(lambda: objection(gate, LATE), PATIENCE, "the objection is not kept")
        assert_refused(near, LATE)  # the consent is older than the objection
        hears(30, talk, other)
        assert (talk.state, other.state) == ("up", "up")
        near.hang_up(talk)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        assert len(far.all()) == 1
    assert_before_the_end(gate, found)
    (row,) = gate.rows("SELECT * FROM calls WHERE call_id = ?", found["call_id"])
    assert (row["state"], row["ended_by"], row["bridged"], row["objected"]) == ("ended", "caller", 1, 1)


def between(frames: list[tuple[float, bytes]], first: float, last: float) -> list[bytes]:
    return [frame for at, frame in frames if first <= at <= last]


def test_nothing_of_a_pause_is_kept(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port, keep=True) as far, Phones(to=gate.address, keep=True) as near:
        (talk,) = near.wait([near.dial(PAUSED)], "up", PATIENCE)
        (other,) = far.all()
        hears(50, talk, other)
        spoken_before = time.monotonic()
        talk.press("*5")
        paused = gate.wait(lambda: facts(gate, "recording_paused"), PATIENCE, "the pause is not kept")[-1]
        first = time.monotonic()
        other.press("4929")  # a card number has nines in it: none of them is an objection
        talk.press("7")
        hears(80, talk, other)
        talk.press("*")
        hears(15, talk, other)
        last = time.monotonic()
        talk.press("6")
        resumed = gate.wait(lambda: facts(gate, "recording_resumed"), PATIENCE, "the resumption is not kept")[-1]
        spoken_after = time.monotonic()
        other.press("3")
        hears(50, talk, other)
        near.hang_up(talk)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
    assert paused["call_id"] == resumed["call_id"]
    assert objection_of(gate, paused["call_id"]) == 0
    (row,) = gate.rows("SELECT * FROM recordings WHERE call_id = ?", paused["call_id"])
    (gap,) = json.loads(row["gaps"])
    assert gap[1] - gap[0] == pytest.approx(last - first, abs=0.5)
    kept = opened(gate, row["recording_id"], first_key(gate))
    assert kept.trailer and kept.trailer["gaps"] == [gap]
    assert kept.events().count("pause") == kept.events().count("resume") == 1
    for side, phone in (("caller", talk), ("callee", other)):
        assert_silent_in_the_pause(kept, side, phone, gap, first, last)
        # What was said before and after is there: the search finds what is kept.
        for frames in (
            between(phone.sent, talk.up_at + 0.4, spoken_before),
            between(phone.sent, spoken_after + 0.3, talk.over_at - 0.2),
        ):
            assert len(frames) > 15
            assert sum(frame in kept.clear for frame in frames) > 0.9 * len(frames)
    # Of the keys: the agent's code up to the pause, and the callee's after it; nothing in between.
    assert "".join(keys(kept.payloads("callee", 101))) == "3"
    assert "".join(keys(kept.payloads("caller", 101))) == "*5"
    assert not re.search(rb"\b4929\b", gate.log.read_bytes())  # times and ids have such digits inside of them


def assert_silent_in_the_pause(kept: Any, side: str, phone: Talk, gap: list[float], first: float, last: float) -> None:
    said = between(phone.sent, first, last)
    assert len(said) > 50
    assert not [frame for frame in said if frame in kept.clear], side
    for payload_type in (0, 101):
        times = [at for at, _ in kept.payloads(side, payload_type)]
        assert not [at for at in times if gap[0] + 0.001 < at < gap[1] - 0.001], (side, payload_type)


def keys(events: list[tuple[float, bytes]]) -> list[str]:
    """Keys in telephone-event payloads, one for each run of the same."""
    found: list[str] = []
    for _, payload in events:
        key = "0123456789*#"[payload[0]]
        if not found or found[-1] != key:
            found.append(key)
    return found


def objection_of(gate: RunningGate, call_id: str) -> int:
    return len([fact for fact in facts(gate, "objection") if fact["call_id"] == call_id])


def test_nine_is_heard_where_nothing_is_recorded(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=1.5)
    gate.add_pbx()
    gate.set("recording", enabled=False)
    gate.start()
    try:
        with Uas("--digit", "9@0.6", port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(EARLY)], "over", PATIENCE)
            assert talk.code == 200
            found = gate.wait(lambda: objection(gate, EARLY), PATIENCE, "the objection is not kept")
            assert_refused(near, EARLY)
        with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(LATE)], "up", PATIENCE)
            far.all()[0].press("9")
            gate.wait(lambda: objection(gate, LATE), PATIENCE, "the objection is not kept")
            assert talk.state == "up"
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        assert gate.kinds(found["call_id"])[:3] == ["decision", "answered", "unrecorded"]
        assert not gate.rows("SELECT 1 FROM recordings")
        assert not list((gate.data / "recordings").rglob("*.dgr"))
        assert gate.stop() == 0
    finally:
        gate.stop()


def test_in_a_call_that_goes_on_unrecorded_the_nine_is_heard_though_the_recorder_is_gone(tmp_path: Path) -> None:
    """One recorder dies in the talk; another finds too little room to open what it is asked for."""
    gate = RunningGate(tmp_path / "gate", announcement=1.0)
    gate.add_pbx()
    gate.set("recording", on_failure="unrecorded")
    try:
        for number, room_mb in ((LATE, 1), (EARLY, 1 << 40)):
            gate.set("recording", min_free_mb=room_mb)
            gate.start()
            with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
                (talk,) = near.wait([near.dial(number)], "up", PATIENCE)
                (call,) = gate.wait(lambda: in_state(gate, "talking"), PATIENCE, "they do not talk")
                if room_mb == 1:
                    os.kill(gate.recorder_pid(), signal.SIGKILL)
                said = partial(gate.kinds, call["call_id"])
                gate.wait(lambda said=said: "unrecorded" in said(), PATIENCE, "it is recorded")
                far.all()[0].press("9")
                gate.wait(lambda number=number: objection(gate, number), PATIENCE, "the objection is not kept")
                assert talk.state == "up"
                assert_refused(near, number)
                near.hang_up(talk)
                gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
            assert gate.stop() == 0
        gate.verified()
    finally:
        gate.stop()


def test_the_floor_manager_hangs_up_a_call_for_both_and_the_log_says_why(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        talk = near.dial(CUT)
        near.wait([talk], "up", PATIENCE)
        (call,) = gate.wait(lambda: in_state(gate, "talking"), PATIENCE, "they do not talk")
        with pytest.raises(UsageError, match="for a reason only"):
            gate.client.call("calls_hang_up", call_id=call["call_id"], why="  ")
        command = ("calls", "hang-up", call["call_id"], "--reason", "the wrong customer")
        assert dialgate(*command, config=gate.config) == {"call_id": call["call_id"]}
        near.wait([talk], "over", PATIENCE)
        far.wait(far.all()[-1:], "over", PATIENCE)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        with pytest.raises(UsageError, match="not in hand"):
            gate.client.call("calls_hang_up", call_id=call["call_id"], why="again")
    (kept,) = gate.rows("SELECT actor, body FROM facts WHERE kind = 'hang_up_asked'")
    assert kept["actor"].startswith("user:") and json.loads(kept["body"])["why"] == "the wrong customer"
    (row,) = gate.rows("SELECT ended_by, cause FROM calls WHERE call_id = ?", call["call_id"])
    assert (row["ended_by"], row["cause"]) == ("gate", "hang_up_asked")


def tone_of(hertz: float) -> Audio:
    sound = g711.ulaw_encode(tone(hertz, 1.0))
    return lambda number: sound[number % 50 * FRAME :][:FRAME]


def test_the_floor_manager_pauses_a_call_and_silence_stands_in_its_place(gate: RunningGate, tmp_path: Path) -> None:
    agent, customer = 1000.0, 600.0
    far = Phones(port=gate.trunk_port, audio=lambda _: tone_of(customer))
    with far, Phones(to=gate.address, audio=lambda _: tone_of(agent)) as near:
        talk = near.dial(BY_COMMAND)
        (call,) = gate.wait(lambda: in_state(gate, "announcing"), PATIENCE, "nothing is announced")
        with pytest.raises(UsageError, match="nothing of it is recorded now"):
            gate.client.call("calls_pause", call_id=call["call_id"], why="too early")
        near.wait([talk], "up", PATIENCE)
        gate.wait(lambda: in_state(gate, "talking"), PATIENCE, "they do not talk")
        hears(60, talk)
        command = ("calls", "pause", call["call_id"], "--reason", "a bank card")
        assert dialgate(*command, config=gate.config) == {"call_id": call["call_id"], "paused": True}
        (shown,) = in_state(gate, "talking")
        assert shown["paused"] and shown["paused_by"].startswith("user:")
        hears(60, talk)
        gate.client.call("calls_resume", call_id=call["call_id"], why="paid")
        hears(60, talk)
        gate.client.call("calls_pause", call_id=call["call_id"], why="another card")
        gate.wait(lambda: len(facts(gate, "recording_paused")) >= 2, PATIENCE, "the pause is not kept")
        near.hang_up(talk)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
    kept = [fact for kind in ("paused", "resumed") for fact in facts(gate, f"recording_{kind}")]
    kept = [(fact["actor"][:5], fact["why"]) for fact in kept if fact["call_id"] == call["call_id"]]
    assert kept == [("user:", "a bank card"), ("user:", "another card"), ("user:", "paid")]
    (row,) = gate.rows("SELECT * FROM recordings WHERE call_id = ?", call["call_id"])
    (first, last) = json.loads(row["gaps"])
    assert last[1] == pytest.approx(row["seconds"], abs=0.01), "the end of the call ends it"
    report = gate.export(row["recording_id"], tmp_path / "call.wav")
    sound, rate = read_wav(tmp_path / "call.wav")
    begins = sound.shape[0] / rate - row["seconds"]
    for side, hertz in ((0, agent), (1, customer)):
        heard = sound[:, side]

        def part(start: float, end: float, heard: Samples = heard) -> Samples:
            return heard[round((begins + start) * rate) : round((begins + end) * rate)]

        assert not part(first[0] + 0.15, first[1] - 0.15).any(), report
        for start, end in ((0.3, first[0] - 0.1), (first[1] + 0.2, last[0] - 0.1)):
            assert share(part(start, end), hertz, rate) > 0.9


def in_state(gate: RunningGate, state: str) -> list[dict[str, Any]]:
    return [call for call in gate.client.call("status")["calls"] if call["state"] == state]
