"""How far the line has brought a call: every state that can be reached, step by step."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gate.core.bridging import TABLE, Progress, Stage, Step

ORDER = list(Stage)


def reachable() -> dict[Progress, dict[Step, Progress]]:
    """Every state, with what each step makes of it; a step that cannot come is left out."""
    found: dict[Progress, dict[Step, Progress]] = {}
    todo = [Progress()]
    while todo:
        at = todo.pop()
        if at in found:
            continue
        found[at] = {step: at.after(step) for step in Step if (at.stage, step) in TABLE}
        todo += found[at].values()
    return found


def test_a_talk_from_the_invite_to_the_end() -> None:
    at = Progress()
    for step, stage in (
        (Step.INVITED, Stage.DIALLING),
        (Step.HEARD, Stage.DIALLING),
        (Step.RANG, Stage.DIALLING),
        (Step.PICKED_UP, Stage.DIALLING),
        (Step.ANSWER, Stage.ANSWERED),
        (Step.CONNECT, Stage.CONNECTED),
        (Step.CALLER_LEFT, Stage.ALONE),
        (Step.END, Stage.OVER),
    ):
        at = at.after(step)
        assert at.stage is stage
    assert at == Progress(Stage.OVER, invited=True, heard=True, rung=True, picked_up=True, reported=True)


def test_nobody_is_connected_who_has_not_answered_and_no_stage_comes_again() -> None:
    states = reachable()
    assert {at.stage for at in states} == set(Stage)
    for at, steps in states.items():
        if at.stage in (Stage.ANSWERED, Stage.CONNECTED, Stage.ALONE):
            assert at.picked_up
            assert at.reported
        for after in steps.values():
            assert ORDER.index(after.stage) >= ORDER.index(at.stage)
            assert (after.rung, after.picked_up, after.reported) >= (at.rung, at.picked_up, at.reported)
    for before, after in pairwise(ORDER[:3]):
        assert {at.stage for at, steps in states.items() if any(to.stage is after for to in steps.values())} == {
            before,
            after,
        }


def test_the_next_trunk_has_not_been_heard_of_and_whoever_was_rung_stays_so() -> None:
    at = Progress().after(Step.RANG).after(Step.NEXT)
    assert (at.heard, at.rung) == (False, True)


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ((), Step.CONNECT),
        ((Step.PICKED_UP,), Step.CONNECT),
        ((Step.ANSWER,), Step.NEXT),
        ((Step.PICKED_UP,), Step.CALLER_LEFT),
        ((Step.ANSWER, Step.CALLER_LEFT), Step.CONNECT),
        ((Step.END,), Step.ANSWER),
        ((Step.END,), Step.NEXT),
    ],
)
def test_what_cannot_come_is_refused(steps: tuple[Step, ...], last: Step) -> None:
    at = Progress()
    for step in steps:
        at = at.after(step)
    with pytest.raises(ValueError, match="cannot come"):
        at.after(last)
