"""Calls drawn from their transition table: ``call_promises`` says what must hold after each step.

``machine(calls)`` makes a state machine of Hypothesis for one edition of ``gate.core.calls``: the real module, or one
with a fault put in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import groupby
from types import ModuleType
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gate.core import calls as real
from gate.core.call_words import (
    AnnouncementOver,
    Answered,
    CallerLeft,
    Committed,
    Decided,
    DiallingAgain,
    Digit,
    Emergency,
    Event,
    EvidenceFailed,
    Failed,
    GoodbyeOver,
    HungUp,
    NotKept,
    PauseAsked,
    RecorderFailed,
    RecorderOpened,
    RecordingDone,
    Ringing,
    State,
    StillAllowed,
    Stop,
)
from tests.core.call_promises import ANSWERED, ASKED, Conversation, Edge, nothing_seen

EVENTS: tuple[Event, ...] = (
    Decided(True),
    Decided(False),
    Emergency(),
    EvidenceFailed(),
    EvidenceFailed("objected"),
    Ringing(),
    DiallingAgain(),
    StillAllowed(),
    Answered(),
    Failed(486, "busy"),
    Failed(488, "media_unavailable"),
    *(HungUp(by, "hung_up") for by in ("caller", "callee")),
    CallerLeft(),
    RecorderOpened(),
    RecorderOpened(keeps=False),
    RecorderFailed("gone"),
    NotKept(),
    AnnouncementOver(True),
    AnnouncementOver(False),
    Committed(),
    *(Digit("callee", key) for key in "95"),
    *(Digit("caller", key) for key in "*569"),
    *(PauseAsked(pause, "user:mo(1004)", "card") for pause in (True, False)),
    GoodbyeOver(),
    *(Stop(cause) for cause in ("gate_stopping", "time_limit", "hang_up_asked", "internal_error")),
    RecordingDone(),
)
POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"pause_code": "**", "resume_code": "**"},
    {"go_on_unrecorded": True},
    {"record": False},
    {"record": False, "go_on_unrecorded": True},
)
ROWS: dict[State, list[tuple[type[Event], State | None, list[Event]]]] = {
    state: [
        (kind, cell.leads_to[0] if len(cell.leads_to) == 1 else None, list(events))
        for kind, events in groupby(EVENTS, type)
        if (cell := real.TABLE.get((state, kind)))
    ]
    for state in State
}
"""The table by its rows: which events may come in a state, and where they lead where that is one place."""
ANSWERS = {state: [kind for kind, _, _ in row if kind in ASKED] for state, row in ROWS.items()}
"""Of these, what comes only where it was asked for."""
WAY = (State.SCREENING, State.DIALLING, State.RINGING, *ANSWERED)
CODES = (("caller", "*5"), ("caller", "*6"), ("caller", "***"), ("callee", "*5"))
"""Keys that somebody presses one after the other."""
LONGEST = 18
"""Events before a call may end, at most."""


@lru_cache(1 << 15)
def _sorted(call: Any, state: State, policy: Any, without: frozenset[type[Event]]) -> tuple[list[Event], ...]:
    """The events that may come, but for some kinds, by where they lead a call: on, nowhere else, out."""
    on: list[Event] = []
    aside: list[Event] = []
    out: list[Event] = []
    for kind, to, events in ROWS[state]:
        if kind in without:
            continue
        for event in events:
            target = to or real.handle(call, event, policy)[0].state
            (aside if target is state else on if target in WAY else out).append(event)
    return on, aside, out


class Steps:
    """What a call may be told next: drawn from the row of the table that it is in, sorted by where it leads. No end is
    offered before the call's patience is over, so that the whole way is gone often."""

    def __init__(
        self, calls: Any, policy: Mapping[str, Any], patience: int, seen: Callable[[Edge], None], *, passed_on: bool
    ) -> None:
        self.talk = Conversation(calls, calls.Policy(**policy), seen, passed_on=passed_on)
        self._patience = patience
        self._sort()

    def tell(self, event: Event) -> None:
        self.talk.tell(event)
        self._sort()

    def press(self, side: str, keys: str) -> None:
        for key in keys:
            if self.talk.may_come(Digit):
                self.talk.tell(Digit(side, key))
        self._sort()

    def _sort(self) -> None:
        talk = self.talk
        not_asked = frozenset(kind for kind in ANSWERS[talk.state] if not talk.may_come(kind))
        self.on, self.aside, out = _sorted(talk.call, talk.state, talk.policy, not_asked)
        self.out = out if len(talk.told) >= self._patience else []


_POLICY, _PATIENCE = st.sampled_from(POLICIES), st.integers(0, LONGEST)


class CallMachine(RuleBasedStateMachine):
    """Calls of one edition of the rules, one after the other."""

    calls: Any = real
    seen: Callable[[Edge], None] = staticmethod(nothing_seen)

    @initialize(policy=_POLICY, patience=_PATIENCE, passed_on=st.booleans())
    def first(self, policy: dict[str, Any], patience: int, passed_on: bool) -> None:
        self.steps = Steps(self.calls, policy, patience, self.seen, passed_on=passed_on)

    @precondition(lambda self: self.steps.on)
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        self.steps.tell(data.draw(st.sampled_from(self.steps.on)))

    @precondition(lambda self: self.steps.aside)
    @rule(data=st.data())
    def meanwhile(self, data: st.DataObject) -> None:
        self.steps.tell(data.draw(st.sampled_from(self.steps.aside)))

    @precondition(lambda self: self.steps.talk.may_come(Digit))
    @rule(code=st.sampled_from(CODES))
    def press(self, code: tuple[str, str]) -> None:
        self.steps.press(*code)

    @precondition(lambda self: self.steps.out)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        self.steps.tell(data.draw(st.sampled_from(self.steps.out)))

    @precondition(lambda self: self.steps.talk.state is State.ENDED)
    @rule(policy=_POLICY, patience=_PATIENCE, passed_on=st.booleans())
    def another(self, policy: dict[str, Any], patience: int, passed_on: bool) -> None:
        self.steps.talk.finish()
        self.first(policy, patience, passed_on)

    def teardown(self) -> None:
        if hasattr(self, "steps"):
            self.steps.talk.finish()


def machine(calls: ModuleType | Any = real, seen: Callable[[Edge], None] = nothing_seen) -> type[CallMachine]:
    """The state machine for one edition of the rules; ``seen`` is told each edge of the table that is gone."""
    return type("CallMachineOf", (CallMachine,), {"calls": calls, "seen": staticmethod(seen)})


def walk(number: int, calls: ModuleType | Any = real, seen: Callable[[Edge], None] = nothing_seen) -> None:
    """So many calls of the same steps, drawn by a generator with a fixed seed: no failure is made smaller, and it is
    forty times as fast."""
    chance = random.Random(number)
    for call in range(number):
        passed_on = call % 5 == 0
        steps = Steps(calls, chance.choice(POLICIES), chance.randint(0, LONGEST), seen, passed_on=passed_on)
        for _ in range(chance.randint(LONGEST, LONGEST + 6)):
            if chance.random() < 0.3:
                steps.press(*chance.choice(CODES))
            row = chance.choice([each for each in (steps.on, steps.on, steps.aside, steps.out) if each])
            kind = chance.choice(list(dict.fromkeys(map(type, row))))
            steps.tell(chance.choice([event for event in row if type(event) is kind]))
        steps.talk.finish()
