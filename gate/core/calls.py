"""The life of a call: events in, commands out, one transition table.

``handle(call, event, policy)`` returns the call as it is afterwards and the commands to carry out, in order; it
performs nothing itself. ``TABLE`` is the whole of it: a pair of state and event that is not in it raises
``UnexpectedEvent``, upon which the call manager hangs up. States, events and commands are in ``call_words``.

The order of the commands is the law of the house: what a call is allowed to do next waits for an event which says that
the evidence of it is durable (``Decided``, ``Committed``). An emergency call alone waits for nothing (LAW 3.5): it is
never announced, recorded or ended by the gate, and its evidence follows when there is room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

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


class UnexpectedEvent(ValueError):
    """This event cannot come in this state."""

    def __init__(self, state: State, event: type[object]) -> None:
        super().__init__(f"{event.__name__} cannot come while {state}")
        self.state = state
        self.event = event


HANG_UP_ASKED = "hang_up_asked"
"""Cause of a call's end where an account asked for it."""
C = TypeVar("C", bound=Call)
"""A call out, or one in: these steps are the same for both."""
Step = tuple[Call, list[Do]]
Handler = Callable[[Call, Any, Policy], Step]
"""The table gives each handler the events of its own type only."""


def end(call: C, by: str, cause: str, code: int = 0) -> C:
    """The first cause of an end is the one that counts."""
    if call.ended_by:
        return call
    return replace(call, ended_by=by, cause=cause, code=code)


def close(call: C, commands: list[Do]) -> tuple[C, list[Do]]:
    """Both legs are down or told to be: close what is open, then finish."""
    if call.recorder_open:
        return replace(call, state=State.CLOSING, recording=False), [*commands, Do.CLOSE_RECORDING]
    return replace(call, state=State.ENDED), [*commands, Do.FINISH]


def to_goodbye(call: C, say: Any) -> tuple[C, list[Any]]:
    """``say`` the last words: no audio of them is kept, and keys are heard until they are over."""
    keeping = [Do.KEEP_NO_MORE] if call.recorder_open else []
    return replace(call, state=State.GOODBYE, recording=False), [Do.STOP_PLAYING, *keeping, say]


def _cut(call: Call, by: str, cause: str) -> Step:
    return close(end(call, by, cause), [Do.STOP_PLAYING, Do.HANG_UP])


def _goodbye(call: Call, by: str, cause: str) -> Step:
    """The polite end: nothing is kept of it, and the caller is not heard."""
    return to_goodbye(end(call, by, cause), Do.SAY_GOODBYE)


def _decided(call: Call, event: Decided, _policy: Policy) -> Step:
    if event.allowed:
        return replace(call, state=State.DIALLING), [Do.INVITE]
    return replace(end(call, "gate", "refused"), state=State.ENDED), [Do.REFUSE]


def _emergency(call: Call, _event: Emergency, _policy: Policy) -> Step:
    """LAW 3.5: used at once. The INVITE leaves first, and then it is written down."""
    return replace(call, state=State.DIALLING, emergency=True), [Do.INVITE_EMERGENCY, Do.NOTE_EMERGENCY]


def _undecided(call: Call, event: EvidenceFailed, _policy: Policy) -> Step:
    """No evidence, no call: refused without a durable decision; the refusal itself needs none."""
    return replace(end(call, "gate", event.cause), state=State.ENDED), [Do.REFUSE]


def _withdrawn(call: Call, event: HungUp, _policy: Policy) -> Step:
    return replace(end(call, event.by, event.cause), state=State.ENDED), [Do.FINISH]


def _stopped_early(call: Call, event: Stop, _policy: Policy) -> Step:
    return replace(end(call, "gate", event.cause), state=State.ENDED), [Do.REFUSE, Do.FINISH]


def _ringing(call: Call, _event: Event, _policy: Policy) -> Step:
    return replace(call, state=State.RINGING), []


def _dialling_again(call: Call, _event: Event, _policy: Policy) -> Step:
    """A callee who has objected since is not rung by the next trunk. LAW 3.5: an emergency call waits for nothing."""
    return call, [Do.DIAL_AGAIN if call.emergency else Do.LOOK_AGAIN]


def _still_allowed(call: Call, _event: Event, _policy: Policy) -> Step:
    return call, [Do.DIAL_AGAIN]


def _answered(call: Call, _event: Event, _policy: Policy) -> Step:
    """The recorder's taps are needed where nothing is recorded too: they hear the callee object. Whoever is called for
    help is heard at once, and by nobody else."""
    if call.emergency:
        return replace(call, state=State.TALKING, connected=True), [Do.CONNECT, Do.NOTE_TALKING]
    return replace(call, state=State.PREPARING), [Do.NOTE_ANSWERED, Do.OPEN_RECORDER]


_OWN = frozenset({"internal_error", "media_unavailable", "no_codec", "no_sdp", "no_trunk", "answer_not_from_trunk"})
"""Causes for which the gate itself cannot go on: nothing that the trunk has answered."""


def _failed(call: Call, event: Failed, _policy: Policy) -> Step:
    if event.cause in _OWN:
        return close(end(call, "gate", event.cause), [])
    return close(end(call, "trunk", event.cause, event.code), [])


def hung_up(call: C, event: HungUp, _policy: Policy) -> tuple[C, list[Do]]:
    """Whoever hangs up ends the call."""
    return close(end(call, event.by, event.cause), [Do.STOP_PLAYING])


def _caller_left(call: Call, _event: Event, _policy: Policy) -> Step:
    """End the talk. What the callee is told then is a goodbye, too: nothing is kept of it. LAW 3.5: not of an emergency
    call."""
    if call.emergency:
        return _cut(call, "caller", "hung_up")
    return _goodbye(call, "caller", "hung_up")


def _caller_left_early(call: Call, _event: Event, _policy: Policy) -> Step:
    """LAW 7.8: a callee who has answered hears all the same who called, and the call is over then."""
    return end(call, "caller", "hung_up"), []


def _broken(call: Call, event: Failed, _policy: Policy) -> Step:
    """The line could not go on with a call that the callee has answered, and has ended it."""
    return close(end(call, "gate", event.cause), [Do.STOP_PLAYING])


_SPARED = frozenset({"gate_stopping", "time_limit", HANG_UP_ASKED})
"""Causes for which the gate ends calls, and none of them ends one for help."""


def _stop(call: Call, event: Stop, _policy: Policy) -> Step:
    if call.emergency and event.cause in _SPARED:
        return call, []
    return _cut(call, "gate", event.cause)


def _evidence_failed(call: Call, event: EvidenceFailed, _policy: Policy) -> Step:
    if call.emergency:
        return call, []
    return _goodbye(call, "gate", event.cause)


def _recorder_opened(call: Call, event: RecorderOpened, policy: Policy) -> Step:
    opened = replace(call, recorder_open=True, unkept=not event.keeps)
    if opened.unkept and not policy.go_on_unrecorded:
        return _goodbye(opened, "gate", "recorder_unavailable")
    note = [] if to_record(opened, policy) else [Do.NOTE_UNRECORDED]
    return replace(opened, state=State.ANNOUNCING), [Do.TAP, *note, Do.ANNOUNCE]


def to_record(call: Call, policy: Policy) -> bool:
    """Whether audio of this call is to be kept, and can be, once the parties hear each other."""
    return policy.record and call.recorder_open and not call.unkept


def recorder_opened_late(call: C, _event: object, _policy: Policy) -> tuple[C, list[Do]]:
    """The call went on or away in the meantime: the taps are let go of."""
    return call, [Do.CLOSE_RECORDING]


def _recorder_refused(call: Call, event: RecorderFailed, policy: Policy) -> Step:
    if policy.go_on_unrecorded:
        return replace(call, state=State.ANNOUNCING), [Do.NOTE_UNRECORDED, Do.ANNOUNCE]
    return _goodbye(call, "gate", "recorder_unavailable")


def _recorder_lost(call: Call, event: RecorderFailed, policy: Policy) -> Step:
    if not call.recorder_open or call.unkept:
        return call, []
    if policy.go_on_unrecorded:
        return unrecorded(call)
    return _goodbye(call, "gate", "recorder_unavailable")


def unrecorded(call: C) -> tuple[C, list[Do]]:
    """It goes on, and its keys are heard to the end: an objection holds though nothing is kept. A pause stays until it
    is resumed: what is typed in it may be a card's number."""
    return replace(call, unkept=True, recording=False), [Do.KEEP_NO_MORE, Do.NOTE_UNRECORDED]


def not_kept(call: C) -> tuple[C, list[Do]]:
    """Words that are not kept are lost for good: at once nobody hears anybody, and both are hung up on."""
    return close(end(call, "gate", "recorder_unavailable"), [Do.STOP_PLAYING, Do.SHUT, Do.HANG_UP])


def _not_kept(call: Call, _event: NotKept, policy: Policy) -> Step:
    """Where nothing is recorded yet, or the firm goes on unrecorded, the recorder is lost, and no more."""
    if call.recording and not policy.go_on_unrecorded:
        return not_kept(call)
    return _recorder_lost(call, RecorderFailed("not_kept"), policy)


def _not_to_be_kept(call: Call, _event: NotKept, policy: Policy) -> Step:
    """Whoever has not answered yet is rung no longer."""
    if call.emergency or policy.go_on_unrecorded:
        return call, []
    return _cut(call, "gate", "recorder_unavailable")


def _announced(call: Call, event: AnnouncementOver, _policy: Policy) -> Step:
    if event.completed and call.ended_by:
        return close(replace(call, announced=True), [Do.STOP_PLAYING, Do.HANG_UP])
    if event.completed:
        return replace(call, state=State.COMMITTING, announced=True), [Do.COMMIT]
    return _goodbye(call, "gate", event.cause)


def committed(call: C, _event: object, policy: Policy) -> tuple[C, list[Do]]:
    """It is durable that the announcement was heard to its end: the parties may hear each other."""
    recording = to_record(call, policy)
    talking = replace(call, state=State.TALKING, connected=True, recording=recording)
    return talking, [Do.START_RECORDING, Do.CONNECT] if recording else [Do.CONNECT]


def _opted_out(call: Call, event: Digit, policy: Policy) -> bool:
    return event.side == "callee" and event.digit == policy.opt_out_digit and not call.objected


def _digit_while_announcing(call: Call, event: Digit, policy: Policy) -> Step:
    """Whoever opts out before the agent is heard need not hear the agent."""
    if not _opted_out(call, event, policy):
        return call, []
    ended, commands = _goodbye(replace(call, objected=True), "callee", "objected")
    return ended, [Do.OBJECT, *commands]


def _digit(call: Call, event: Digit, policy: Policy) -> Step:
    if call.emergency:
        return call, []
    if _opted_out(call, event, policy):
        return replace(call, objected=True), [Do.OBJECT]
    if event.side != "caller" or (call.state in _OVER and not call.passed_on):
        return call, []
    if call.passed_on:  # no agent: their number is one that can object, and the agent's codes are not theirs
        if event.digit != policy.opt_out_digit or call.caller_objected:
            return call, []
        return replace(call, caller_objected=True), [Do.OBJECT_OTHER]
    return code_typed(call, event.digit, policy)


def goodbye_over(call: C, _event: object, _policy: Policy) -> tuple[C, list[Do]]:
    """The last word is said, or nobody hears it any more."""
    return close(call, [Do.HANG_UP])


def recording_done(call: C, _event: object, _policy: Policy) -> tuple[C, list[Do]]:
    """In CLOSING this was the last thing to wait for."""
    return replace(call, state=State.ENDED, recorder_open=False), [Do.FINISH]


def stay(call: C, _event: object, _policy: Policy) -> tuple[C, list[Do]]:
    """Nothing follows."""
    return call, []


def why_not_hung_up(call: Call) -> str:
    """Why nobody but a party can end this call; empty where an account can."""
    if call.emergency:
        return "an emergency call is ended by its parties alone"
    return f"it is over already (it is {call.state.value})" if call.state in _OVER else ""


_OVER = frozenset({State.GOODBYE, State.CLOSING, State.ENDED})


@dataclass(frozen=True, slots=True)
class Transition:
    """A cell of the table: what is done, and every state that it may lead to."""

    handler: Handler
    leads_to: tuple[State, ...]


# --- pauses of a recording ----------------------------------------------------------------------------------------
# By the agent's keys, or by somebody who does not take part in the call. There is one pause, whoever asked for it.
# Nothing is recorded before the announcement is over, so none hides it, and the end of the call ends it.


def code_typed(call: C, digit: str, policy: Policy) -> tuple[C, list[Do]]:
    """A key of the agent's, who hears what is said: their codes pause and resume, whoever has paused before. A pause of
    theirs is theirs from then on: it may be for card data (LAW 5.2)."""
    keys = (call.keys + digit)[-max(len(policy.pause_code), len(policy.resume_code)) :]
    if call.recording and (not call.paused or call.asked_by) and keys.endswith(policy.pause_code):
        return replace(call, paused=True, keys="", asked_by="", why="", pause_seconds=0), [Do.PAUSE]
    if call.paused and keys.endswith(policy.resume_code):
        return replace(call, paused=False, keys="", asked_by="", why=""), [Do.RESUME]
    return replace(call, keys=keys), []


def pause_asked(call: C, event: PauseAsked, _policy: Policy) -> tuple[C, list[Do]]:
    """Who does not hear the call pauses it, and resumes what was paused so: never what the agent has paused. A pause
    with a bound may be given another one while it lasts."""
    if why_not_paused(call, pause=event.pause, seconds=event.seconds):
        return call, []
    asked = replace(call, paused=event.pause, keys="", asked_by=event.by, why=event.why, pause_seconds=event.seconds)
    return asked, [Do.PAUSE if event.pause else Do.RESUME]


def why_not_paused(call: Call, *, pause: bool, seconds: int = 0) -> str:
    """Why nobody but the agent can pause, or resume, this call now; empty where they can. ``seconds``: the bound of the
    pause."""
    if not call.recording and (pause or not call.paused):
        return f"nothing of it is recorded now (it is {call.state.value})"
    if pause:
        again = call.paused and not (call.pause_seconds and seconds)
        return "its recording is paused already" if again else ""
    if not call.paused:
        return "its recording is not paused"
    return "" if call.asked_by else "the agent has paused it, who alone knows when it may go on"


def _table() -> dict[tuple[State, type[Event]], Transition]:
    s = State
    ends = (s.CLOSING, s.ENDED)
    table: dict[tuple[State, type[Event]], Transition] = {
        (s.SCREENING, Decided): Transition(_decided, (s.DIALLING, s.ENDED)),
        (s.SCREENING, Emergency): Transition(_emergency, (s.DIALLING,)),
        (s.SCREENING, EvidenceFailed): Transition(_undecided, (s.ENDED,)),
        (s.SCREENING, HungUp): Transition(_withdrawn, (s.ENDED,)),
        (s.SCREENING, Stop): Transition(_stopped_early, (s.ENDED,)),
        (s.DIALLING, Ringing): Transition(_ringing, (s.RINGING,)),
        (s.RINGING, Ringing): Transition(stay, (s.RINGING,)),
        (s.PREPARING, RecorderOpened): Transition(_recorder_opened, (s.ANNOUNCING, s.GOODBYE)),
        (s.PREPARING, RecorderFailed): Transition(_recorder_refused, (s.ANNOUNCING, s.GOODBYE)),
        (s.PREPARING, Digit): Transition(_digit_while_announcing, (s.PREPARING, s.GOODBYE)),
        (s.PREPARING, CallerLeft): Transition(_caller_left_early, (s.PREPARING,)),
        (s.ANNOUNCING, CallerLeft): Transition(_caller_left_early, (s.ANNOUNCING,)),
        (s.ANNOUNCING, AnnouncementOver): Transition(_announced, (s.COMMITTING, s.GOODBYE, *ends)),
        (s.ANNOUNCING, Digit): Transition(_digit_while_announcing, (s.ANNOUNCING, s.GOODBYE)),
        (s.ANNOUNCING, RecorderFailed): Transition(_recorder_lost, (s.ANNOUNCING, s.GOODBYE)),
        (s.COMMITTING, Committed): Transition(committed, (s.TALKING,)),
        (s.COMMITTING, Digit): Transition(_digit, (s.COMMITTING,)),
        (s.COMMITTING, RecorderFailed): Transition(_recorder_lost, (s.COMMITTING, s.GOODBYE)),
        (s.TALKING, Digit): Transition(_digit, (s.TALKING,)),
        (s.TALKING, PauseAsked): Transition(pause_asked, (s.TALKING,)),
        (s.TALKING, RecorderFailed): Transition(_recorder_lost, (s.TALKING, s.GOODBYE)),
        (s.TALKING, CallerLeft): Transition(_caller_left, (s.GOODBYE, s.ENDED)),
        (s.GOODBYE, Digit): Transition(_digit, (s.GOODBYE,)),
        (s.GOODBYE, GoodbyeOver): Transition(goodbye_over, ends),
        (s.GOODBYE, HungUp): Transition(goodbye_over, ends),
        (s.GOODBYE, Stop): Transition(goodbye_over, ends),
        (s.GOODBYE, Failed): Transition(goodbye_over, ends),
        # Pressed before the end, and heard after it: the audio's way is longer than the BYE's.
        (s.CLOSING, Digit): Transition(_digit, (s.CLOSING,)),
        (s.CLOSING, RecordingDone): Transition(recording_done, (s.ENDED,)),
    }
    for state in (s.ANNOUNCING, s.COMMITTING):
        table[state, NotKept] = Transition(_not_kept, (state, s.GOODBYE))
    table[s.TALKING, NotKept] = Transition(_not_kept, (s.TALKING, s.GOODBYE, s.CLOSING))
    for state in (s.DIALLING, s.RINGING):
        table[state, DiallingAgain] = Transition(_dialling_again, (state,))
        table[state, StillAllowed] = Transition(_still_allowed, (state,))
        table[state, NotKept] = Transition(_not_to_be_kept, (state, s.ENDED))
        table[state, Answered] = Transition(_answered, (s.PREPARING, s.TALKING))
        table[state, Failed] = Transition(_failed, ends)
    for state in (s.DIALLING, s.RINGING, s.PREPARING, s.ANNOUNCING, s.COMMITTING, s.TALKING):
        table[state, HungUp] = Transition(hung_up, ends)
        table[state, Stop] = Transition(_stop, (state, *ends))
    for state in (s.PREPARING, s.ANNOUNCING, s.COMMITTING, s.TALKING):
        table[state, Failed] = Transition(_broken, ends)
        table[state, EvidenceFailed] = Transition(_evidence_failed, (state, s.GOODBYE))
    late: tuple[tuple[tuple[State, ...], tuple[type[Event], ...]], ...] = (
        # What was asked of the recorder is answered by itself.
        ((s.SCREENING, s.PREPARING, s.GOODBYE, *ends), (NotKept,)),
        # No pause hides the announcement.
        ((s.SCREENING, s.DIALLING, s.RINGING, s.PREPARING, s.ANNOUNCING, s.COMMITTING), (PauseAsked,)),
        ((s.DIALLING, s.RINGING), (Digit,)),
        ((s.PREPARING, s.ANNOUNCING, s.COMMITTING, s.TALKING), (Ringing,)),
        ((s.GOODBYE,), (RecordingDone,)),
        ((s.GOODBYE, *ends), (RecorderFailed, AnnouncementOver, Committed, EvidenceFailed, CallerLeft, PauseAsked)),
        (ends, (HungUp, Stop, GoodbyeOver, Failed, Ringing, Answered, DiallingAgain, StillAllowed)),
        ((s.ENDED,), (Decided, RecordingDone, Digit)),
    )
    # What was asked of other rooms may be answered after the call has moved on: nothing is left open or done twice.
    for states, events in late:
        for state in states:
            for event in events:
                table[state, event] = Transition(stay, (state,))
    for state in (s.GOODBYE, *ends):
        table[state, RecorderOpened] = Transition(recorder_opened_late, (state,))
    return table


TABLE = _table()


def handle(call: Call, event: Event, policy: Policy) -> Step:
    """One step in the life of a call.

    Returns the call afterwards and the commands to carry out, in order. Raises ``UnexpectedEvent`` where the
    table has no entry for the pair.
    """
    transition = TABLE.get((call.state, type(event)))
    if transition is None:
        raise UnexpectedEvent(call.state, type(event))
    return transition.handler(call, event, policy)
