"""Recording sessions: every way through the table, from the first look to the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gate.core.session_states import TABLE, Do, Event, State, step

GOES_WELL = (Event.FOUND, Event.OPENED, Event.READY, Event.TAPPED, Event.KEY_KEPT, Event.NOTED)


def ways(state: State = State.LOOKING, so_far: tuple[Event, ...] = ()) -> Iterator[tuple[Event, ...]]:
    """Orders in which events can come, each at most twice, to the end."""
    if state is State.OVER:
        yield so_far
        return
    for at, event in TABLE:
        if at is state and so_far.count(event) < 2:
            yield from ways(TABLE[at, event][0], (*so_far, event))


def done(events: tuple[Event, ...]) -> tuple[State, list[Do]]:
    state, commands = State.LOOKING, list[Do]()
    for event in events:
        state, more = step(state, event)
        commands += more
    return state, commands


def test_nothing_is_kept_before_the_log_knows_of_it() -> None:
    state, commands = done(GOES_WELL)
    assert (state, commands) == (State.KEEPING, [Do.OPEN, Do.TAKE, Do.TAP, Do.KEEP_KEY, Do.NOTE, Do.START])
    for events in ways():
        _, commands = done(events)
        assert (Do.START in commands) <= (Event.NOTED in events)


def test_what_is_in_the_log_is_closed_there_once_and_nothing_else_is() -> None:
    found = list(ways())
    assert len(found) > 20
    for events in found:
        _, commands = done(events)
        assert commands.count(Do.LET_GO) == 1
        assert commands[-1] is Do.LET_GO
        assert commands.count(Do.NOTE_CLOSING) == (Event.NOTED in events)
        assert commands.count(Do.CLOSE) == (Do.TAKE in commands)


@pytest.mark.parametrize("answers", [(Event.NOTED, Event.CLOSED), (Event.CLOSED, Event.NOTED)])
def test_one_that_ends_while_its_leaves_are_written_waits_for_both_answers(answers: tuple[Event, ...]) -> None:
    ending = (*GOES_WELL[:-1], Event.END)
    assert done(ending)[1][-1] is Do.CLOSE
    assert done((*ending, answers[0]))[1][-1] is Do.CLOSE
    assert done((*ending, *answers))[1][-2:] == [Do.NOTE_CLOSING, Do.LET_GO]


def test_a_recorder_that_opens_too_late_is_closed() -> None:
    assert done((Event.FOUND, Event.END, Event.OPENED))[1] == [Do.OPEN, Do.LET_GO, Do.CLOSE_UNUSED]
