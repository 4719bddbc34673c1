"""The table of a call in: total but for what cannot come, and what it promises whatever the order of events."""

from __future__ import annotations

import random
from itertools import product
from types import SimpleNamespace

import pytest

from gate.core.call_words import (
    AnnouncementOver,
    Answered,
    Committed,
    Decided,
    Digit,
    Do,
    EvidenceFailed,
    Failed,
    GoodbyeOver,
    HungUp,
    NotKept,
    PauseAsked,
    Policy,
    RecorderFailed,
    RecorderOpened,
    RecordingDone,
    Ringing,
    State,
    Stop,
)
from gate.core.calls import UnexpectedEvent
from gate.core.calls_in import TABLE, Acknowledged, CallIn, DoIn, InEvent, KeyTimeOver, ObjectionKept, handle

EVENTS: list[InEvent] = [
    *(Acknowledged(), ObjectionKept(True), ObjectionKept(False), KeyTimeOver(), Decided(True), EvidenceFailed()),
    *(Ringing(), Answered(), Failed(486, "busy"), HungUp("caller", "hung_up"), HungUp("callee", "hung_up")),
    *(
        RecorderOpened(),
        RecorderOpened(keeps=False),
        RecorderFailed("gone"),
        NotKept(),
        AnnouncementOver(True),
        AnnouncementOver(False),
        Committed(),
    ),
    *(Digit("caller", "9"), Digit("caller", "1"), Digit("callee", "*"), Digit("callee", "5"), Digit("callee", "6")),
    *(GoodbyeOver(), Stop("time_limit"), RecordingDone()),
]
ON: dict[State, list[InEvent]] = {
    State.ANSWERING: [Acknowledged()],
    State.SCREENING: [Decided(True)],
    State.PREPARING: [RecorderOpened(), RecorderFailed("gone"), Digit("caller", "9")],
    State.ANNOUNCING: [AnnouncementOver(True), Digit("caller", "9")],
    State.LISTENING: [Digit("caller", "9"), KeyTimeOver()],
    State.OBJECTING: [ObjectionKept(True), ObjectionKept(False)],
    State.RINGING: [Answered(), Failed(486, "busy")],
    State.COMMITTING: [Committed()],
}
"""What usually comes next."""
STATES = sorted({state for state, _ in TABLE})
CALLS = [CallIn(line=line, fallback=fall, known=known) for line, fall, known in product((False, True), repeat=3)]
POLICIES = [Policy(), Policy(record=False), Policy(go_on_unrecorded=True)]


def test_an_end_is_never_unexpected() -> None:
    for state in STATES:
        for event in (HungUp("caller", "hung_up"), Stop("gate_stopping"), Failed(408, "gone")):
            assert (state, type(event)) in TABLE, (state, event)


@pytest.mark.parametrize("policy", POLICIES, ids=["records", "never", "goes on"])
def test_promises_hold_in_every_order_of_events(policy: Policy) -> None:
    dice = random.Random(7)
    ended, happened = 0, set[object]()
    for _ in range(3000):
        call, seen, done = dice.choice(CALLS), SimpleNamespace(acknowledged=False, noted=False, committed=False), []
        for _ in range(dice.randrange(4, 40)):
            event = dice.choice(ON.get(call.state, EVENTS) if dice.random() < 0.8 else EVENTS)
            before = call
            try:
                call, commands = handle(call, event, policy)
            except UnexpectedEvent:
                continue
            seen.acknowledged |= before.state is State.ANSWERING and isinstance(event, Acknowledged)
            seen.noted |= before.state is State.SCREENING and isinstance(event, Decided)
            seen.committed |= before.state is State.COMMITTING and isinstance(event, Committed)
            for command in commands:
                if command in (Do.ANNOUNCE, DoIn.RING, Do.CONNECT, DoIn.THANK, Do.OPEN_RECORDER):
                    assert seen.acknowledged and seen.noted, (before, event, command)
                if command in (Do.CONNECT, Do.START_RECORDING):
                    assert seen.committed, (before, event)
                if command is DoIn.RING:
                    assert call.announced
                if command is DoIn.THANK:
                    assert event == ObjectionKept(True) and before.state is State.OBJECTING
                if command is DoIn.KEEP_OBJECTION:
                    assert before.known and before.line
                assert command not in (Do.INVITE, Do.INVITE_EMERGENCY), "a call in goes out by no trunk"
            if call.state is State.ENDED and before.state is not State.ENDED:
                assert call.ended_by and call.cause
                last = commands[-1]
                assert last is (Do.FINISH if seen.noted or before.state is not State.ANSWERING else DoIn.DROP) or (
                    last is DoIn.DROP and not seen.noted
                )
                ended += 1
            assert not (call.state is State.TALKING and call.recording and not policy.record)
            done += commands
            happened.update(commands)
        assert done.count(Do.FINISH) + done.count(DoIn.DROP) <= 1
        assert done.count(Do.CONNECT) <= 1 and done.count(DoIn.RING) <= 1
        if call.state is State.ENDED:
            assert done.count(Do.OPEN_RECORDER) <= 1
    assert ended > 500
    assert {Do.CONNECT, DoIn.RING, DoIn.THANK, DoIn.NOT_TAKEN, DoIn.KEEP_OBJECTION, DoIn.DROP} <= happened


def test_a_number_that_is_hidden_cannot_object_by_key() -> None:
    call = CallIn(state=State.LISTENING, line=True, known=False)
    after, commands = handle(call, Digit("caller", "9"), Policy())
    assert DoIn.NOT_TAKEN in commands and DoIn.KEEP_OBJECTION not in commands
    assert after.state is State.GOODBYE


def test_a_phones_key_takes_no_objection_and_pauses_the_recording() -> None:
    call = CallIn(state=State.TALKING, line=False, recorder_open=True, recording=True)
    call, none = handle(call, Digit("caller", "9"), Policy())
    assert none == []
    call, _ = handle(call, Digit("callee", "*"), Policy())
    call, commands = handle(call, Digit("callee", "5"), Policy())
    assert commands == [Do.PAUSE] and call.paused
    call, none = handle(call, PauseAsked(False, "user:mo(1004)", "paid"), Policy())
    assert none == [] and call.paused
