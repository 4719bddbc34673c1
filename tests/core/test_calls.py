"""The call's table: every pair is in it or one error, and no order of events breaks what the gate promises."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from gate.core.call_words import (
    AnnouncementOver,
    Answered,
    Call,
    CallerLeft,
    Committed,
    Decided,
    DiallingAgain,
    Digit,
    Do,
    Emergency,
    Event,
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
    StillAllowed,
    Stop,
)
from gate.core.calls import HANG_UP_ASKED, TABLE, UnexpectedEvent, handle, why_not_hung_up
from tests.core.call_machine import machine, walk
from tests.core.call_promises import Edge
from tests.support.examples import examples

EVENTS = [
    Decided(True),
    Decided(False),
    Emergency(),
    EvidenceFailed(),
    Ringing(),
    DiallingAgain(),
    StillAllowed(),
    Answered(),
    Failed(486, "busy"),
    HungUp("caller", "bye"),
    HungUp("callee", "bye"),
    CallerLeft(),
    RecorderOpened(),
    RecorderOpened(keeps=False),
    RecorderFailed("gone"),
    NotKept(),
    AnnouncementOver(True),
    AnnouncementOver(False),
    Committed(),
    Digit("callee", "9"),
    Digit("callee", "1"),
    Digit("caller", "*"),
    Digit("caller", "5"),
    Digit("caller", "6"),
    PauseAsked(True, "user:mo(1004)", "card"),
    PauseAsked(False, "user:mo(1004)", "paid"),
    GoodbyeOver(),
    Stop("time_limit"),
    Stop("hang_up_asked"),
    Stop("internal_error"),
    RecordingDone(),
]
POLICIES = [Policy(), Policy(go_on_unrecorded=True), Policy(record=False)]


def converse(*events: Event, policy: Policy = POLICIES[0]) -> tuple[Call, list[Do]]:
    """Tell a call these events; the call afterwards and all that was commanded."""
    call, done = Call(), []
    for event in events:
        call, commands = handle(call, event, policy)
        done += commands
    return call, done


def test_a_recorded_call_from_ring_to_end() -> None:
    call, done = converse(
        Decided(True),
        Ringing(),
        Answered(),
        RecorderOpened(),
        AnnouncementOver(True),
        Committed(),
        HungUp("callee", "bye"),
        RecordingDone(),
    )
    assert call.state is State.ENDED
    assert (call.ended_by, call.connected, call.announced) == ("callee", True, True)
    assert done == [
        Do.INVITE,
        Do.NOTE_ANSWERED,
        Do.OPEN_RECORDER,
        Do.TAP,
        Do.ANNOUNCE,
        Do.COMMIT,
        Do.START_RECORDING,
        Do.CONNECT,
        Do.STOP_PLAYING,
        Do.CLOSE_RECORDING,
        Do.FINISH,
    ]


def test_a_refused_call_is_answered_and_nothing_else() -> None:
    call, done = converse(Decided(False))
    assert (call.state, done) == (State.ENDED, [Do.REFUSE])


def test_no_evidence_no_call() -> None:
    assert converse(EvidenceFailed())[1] == [Do.REFUSE]
    call, done = converse(Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), EvidenceFailed())
    assert call.state is State.GOODBYE
    assert Do.CONNECT not in done and Do.START_RECORDING not in done


def test_law_3_5_an_emergency_call_waits_for_nothing_and_is_not_ended_by_the_gate() -> None:
    call, done = converse(
        Emergency(),
        Ringing(),
        Answered(),
        Digit("callee", "9"),
        *(Digit("caller", key) for key in "*5"),
        RecorderFailed("gone"),
        NotKept(),
        EvidenceFailed(),
        *(Stop(cause) for cause in ("gate_stopping", "time_limit")),
    )
    assert (call.state, call.connected, call.objected, call.recording) == (State.TALKING, True, False, False)
    assert done == [Do.INVITE_EMERGENCY, Do.NOTE_EMERGENCY, Do.CONNECT, Do.NOTE_TALKING]
    call, done = converse(Emergency(), Answered(), HungUp("callee", "bye"))
    assert (call.state, done[-1]) == (State.ENDED, Do.FINISH)
    call, done = converse(Emergency(), Stop("gate_stopping"), Stop("internal_error"))
    assert (call.state, done[2:]) == (State.ENDED, [Do.STOP_PLAYING, Do.HANG_UP, Do.FINISH])


def test_opting_out_during_the_announcement_keeps_the_objection_before_anything_else() -> None:
    call, done = converse(Decided(True), Answered(), RecorderOpened(), Digit("callee", "9"))
    assert call.state is State.GOODBYE
    assert done[5:] == [Do.OBJECT, Do.STOP_PLAYING, Do.KEEP_NO_MORE, Do.SAY_GOODBYE]


def test_opting_out_in_talk_goes_on_and_counts_once() -> None:
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    call, done = converse(*talk, Digit("callee", "9"), Digit("callee", "9"))
    assert call.state is State.TALKING
    assert done.count(Do.OBJECT) == 1


def test_only_the_agents_code_pauses_and_only_resume_or_the_end_ends_it() -> None:
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    assert converse(*talk, Digit("callee", "*"), Digit("callee", "5"))[1].count(Do.PAUSE) == 0
    call, done = converse(*talk, Digit("caller", "*"), Digit("caller", "5"), Digit("caller", "*"), Digit("caller", "5"))
    assert call.paused and done.count(Do.PAUSE) == 1
    call, done = converse(*talk, *(Digit("caller", key) for key in "*51234*6"))
    assert not call.paused and done[-2:] == [Do.PAUSE, Do.RESUME]


PAUSE, RESUME = PauseAsked(True, "user:mo(1004)", "card"), PauseAsked(False, "user:mo(1004)", "paid")


def test_who_does_not_hear_the_call_pauses_it_and_resumes_that_alone() -> None:
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    call, done = converse(*talk, PAUSE, PAUSE, RESUME, RESUME)
    assert not call.paused and done[-2:] == [Do.PAUSE, Do.RESUME]
    call, done = converse(*talk, *(Digit("caller", key) for key in "*5"), RESUME)
    assert call.paused and done[-1] is Do.PAUSE, "the agent's pause may be for card data"
    call, done = converse(*talk, PAUSE, *(Digit("caller", key) for key in "*5"), RESUME)
    assert call.paused and not call.asked_by and Do.RESUME not in done
    call, done = converse(*talk, PAUSE, *(Digit("caller", key) for key in "*6"))
    assert not call.paused and done[-1] is Do.RESUME, "the agent hears what is said"


def test_no_pause_hides_the_announcement() -> None:
    way = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True))
    for steps in range(len(way) + 1):
        call, done = converse(*way[:steps], PAUSE)
        assert not call.paused and Do.PAUSE not in done
    assert Do.START_RECORDING in converse(*way, PAUSE, Committed())[1]


def test_an_account_hangs_up_whatever_goes_on_but_no_call_for_help() -> None:
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    for steps in range(1, len(talk) + 1):
        call, _ = converse(*talk[:steps])
        assert why_not_hung_up(call) == ""
        call, done = converse(*talk[:steps], Stop(HANG_UP_ASKED))
        assert (call.ended_by, call.cause, Do.HANG_UP in done) == ("gate", HANG_UP_ASKED, True)
        assert "over already" in why_not_hung_up(call)
    call, done = converse(Emergency(), Answered(), Stop(HANG_UP_ASKED))
    assert call.state is State.TALKING and Do.HANG_UP not in done
    assert "its parties alone" in why_not_hung_up(call)


def test_another_invite_leaves_once_the_lists_are_looked_at_again() -> None:
    _, done = converse(Decided(True), DiallingAgain())
    assert done == [Do.INVITE, Do.LOOK_AGAIN]
    _, done = converse(Decided(True), DiallingAgain(), StillAllowed())
    assert done == [Do.INVITE, Do.LOOK_AGAIN, Do.DIAL_AGAIN]
    call, done = converse(Decided(True), DiallingAgain(), Stop("objected"))
    assert (call.ended_by, call.cause, Do.HANG_UP in done, Do.DIAL_AGAIN in done) == ("gate", "objected", True, False)


def test_law_3_5_a_call_for_help_is_dialled_again_at_once() -> None:
    assert Do.DIAL_AGAIN in converse(Emergency(), DiallingAgain())[1]


@pytest.mark.parametrize("policy", POLICIES[:2])
def test_a_recorder_that_dies_in_talk(policy: Policy) -> None:
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    call, done = converse(*talk, RecorderFailed("gone"), policy=policy)
    if policy.go_on_unrecorded:
        assert call.state is State.TALKING and done[-1] is Do.NOTE_UNRECORDED
    else:
        assert call.state is State.GOODBYE and done[-1] is Do.SAY_GOODBYE


def test_what_goes_on_unrecorded_is_listened_to_for_an_objection_to_its_end() -> None:
    on = Policy(go_on_unrecorded=True)
    way = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    for steps, lost in itertools.product((3, 4, 5), (RecorderFailed("disk full"), NotKept())):
        call, done = converse(
            *way[:steps], lost, lost, *way[steps:], *(Digit("callee", "9"),) * (steps == 5), policy=on
        )
        assert Do.CLOSE_RECORDING not in done and done.count(Do.NOTE_UNRECORDED) == done.count(Do.KEEP_NO_MORE) == 1
        assert (Do.START_RECORDING in done, Do.OBJECT in done) == (steps == 5, steps == 5)
        assert (call.state, call.recorder_open, call.recording) == (State.TALKING, True, False)
        _, commands = handle(call, HungUp("caller", "bye"), on)
        assert Do.CLOSE_RECORDING in commands, "its taps are let go of"


def test_a_recorder_that_can_keep_nothing_of_a_call_listens_to_it() -> None:
    way = (Decided(True), Answered(), RecorderOpened(keeps=False))
    call, done = converse(*way, AnnouncementOver(True), Committed(), policy=Policy(go_on_unrecorded=True))
    assert (call.state, call.recording, Do.START_RECORDING in done) == (State.TALKING, False, False)
    assert done[3:6] == [Do.TAP, Do.NOTE_UNRECORDED, Do.ANNOUNCE]
    call, done = converse(*way)
    assert (call.state, call.cause, Do.ANNOUNCE in done) == (State.GOODBYE, "recorder_unavailable", False)
    call, done = handle(call, GoodbyeOver(), Policy())
    assert done == [Do.HANG_UP, Do.CLOSE_RECORDING]


def test_a_pause_outlasts_its_recording_until_it_is_resumed() -> None:
    """What the callee types in it may be the number of a card, and no objection."""
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    on, lost = Policy(go_on_unrecorded=True), RecorderFailed("disk full")
    call, _ = converse(*talk, *(Digit("caller", key) for key in "*5"), lost, policy=on)
    assert call.paused
    for resume in ([Digit("caller", key) for key in "*6"], [RESUME]):
        after, commands = call if resume != [RESUME] else replace(call, asked_by="user:mo(1004)"), []
        for event in resume:
            after, more = handle(after, event, on)
            commands += more
        assert not after.paused and commands == [Do.RESUME]
        for event in (PAUSE, *(Digit("caller", key) for key in "*5")):
            after, more = handle(after, event, on)
            assert more == [], "nothing is recorded"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_talk_that_is_not_kept_ends_at_once_for_both(policy: Policy) -> None:
    talk = (Decided(True), Answered(), RecorderOpened(), AnnouncementOver(True), Committed())
    call, done = converse(*talk, NotKept(), policy=policy)
    if policy.go_on_unrecorded:
        assert call.state is State.TALKING and done[-1] is Do.NOTE_UNRECORDED
    elif policy.record:
        assert call.state is State.CLOSING and call.cause == "recorder_unavailable"
        assert done[-4:] == [Do.STOP_PLAYING, Do.SHUT, Do.HANG_UP, Do.CLOSE_RECORDING]
    else:
        assert call.state is State.GOODBYE, "nobody would hear them object"
    for rung in ((Decided(True),), (Decided(True), Ringing())):
        call, done = converse(*rung, NotKept(), policy=policy)
        assert (call.state is State.ENDED) is not policy.go_on_unrecorded


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, EVENTS)), ids=str)
def test_every_pair_is_in_the_table_or_the_one_error(state: State, event: Event) -> None:
    for policy in POLICIES:
        call = Call(state=state)
        if (state, type(event)) in TABLE:
            after, _ = handle(call, event, policy)
            assert after.state in TABLE[state, type(event)].leads_to
        else:
            with pytest.raises(UnexpectedEvent, match=type(event).__name__):
                handle(call, event, policy)


@pytest.mark.deep
def test_no_order_of_events_breaks_the_promises() -> None:
    run_state_machine_as_test(
        machine(), settings=settings(max_examples=examples(60), stateful_step_count=60, deadline=None)
    )


NEVER = {
    *((state, "EvidenceFailed", state) for state in (State.PREPARING, State.ANNOUNCING, State.COMMITTING)),
    *((state, "Stop", state) for state in (State.PREPARING, State.ANNOUNCING, State.COMMITTING)),
    *(
        (state, event, State.CLOSING)
        for state in (State.DIALLING, State.RINGING, State.PREPARING)
        for event in ("HungUp", "Stop", "Failed")
    ),
    (State.CLOSING, "RecorderOpened", State.CLOSING),
}
"""Edges that the table allows and no call takes: only an emergency call stays where others end, and it is never
announced; before the recorder is open there is nothing to close, and afterwards it is not opened again."""


@pytest.mark.deep
def test_every_state_and_edge_of_the_table_is_reached() -> None:
    seen: set[Edge] = set()
    walk(4000, seen=seen.add)
    table = {(source, event.__name__, to) for (source, event), cell in TABLE.items() for to in cell.leads_to}
    assert table - seen == NEVER
    of_calls_in = {State.ANSWERING, State.LISTENING, State.OBJECTING}
    assert {to for _, _, to in seen} == set(State) - of_calls_in


@pytest.mark.deep
@pytest.mark.parametrize("step", ["Committed", "AnnouncementOver", "Decided", "Answered"])
def test_the_state_machine_finds_a_call_that_does_not_wait(step: str) -> None:
    """The same with a table in which the last step is taken without what it waits for: Hypothesis finds it."""
    early = {
        "Committed": (State.COMMITTING, Ringing, State.TALKING, [Do.CONNECT]),
        "AnnouncementOver": (State.ANNOUNCING, Ringing, State.COMMITTING, [Do.COMMIT]),
        "Decided": (State.SCREENING, HungUp, State.DIALLING, [Do.INVITE]),
        "Answered": (State.DIALLING, Ringing, State.PREPARING, [Do.NOTE_ANSWERED, Do.OPEN_RECORDER]),
    }
    source, event, target, commands = early[step]

    def hasty(call: Call, told: Event, policy: Policy) -> tuple[Call, list[Do]]:
        if call.state is source and isinstance(told, event):
            return replace(call, state=target), commands
        return handle(call, told, policy)

    hastened = SimpleNamespace(Call=Call, Policy=Policy, handle=hasty)
    quick = settings(
        max_examples=examples(2000),
        stateful_step_count=20,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,
    )  # a chance that finds it late takes seconds
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(hastened), settings=quick)


@pytest.mark.parametrize("by", ["caller", "callee", "gate"])
@pytest.mark.parametrize("state", [State.PREPARING, State.ANNOUNCING, State.COMMITTING, State.TALKING])
def test_the_cause_of_an_end_is_what_happened_and_no_effect_of_it(state: State, by: str) -> None:
    """What stops playing, or breaks, because a party has gone is told later, and changes nothing."""
    for event in (HungUp(by, "hung_up"), Failed(603, "internal_error")):
        call, done = handle(Call(state=state, recorder_open=True), event, Policy())
        expected = (by, "hung_up") if isinstance(event, HungUp) else ("gate", "internal_error")
        for late in (AnnouncementOver(False), RecorderFailed("gone"), HungUp("caller", "late"), Stop("late")):
            call, more = handle(call, late, Policy())
            done += more
        assert (call.ended_by, call.cause) == expected
        assert Do.SAY_GOODBYE not in done and done.count(Do.CLOSE_RECORDING) == 1
