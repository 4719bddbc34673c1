"""The life of a call in: somebody calls one of the firm's own numbers.

The same words as for calls out (``call_words``), and a table of its own. Nothing is heard and nobody is rung before the
caller has acknowledged our answer: whoever has only forged a carrier's address never can. Then the caller is told that
the call is recorded, the firm's phones ring, and the parties hear each other once that is durable. Or the call-back
line answers: it says who has called, and takes an objection by a key, which is thanked for when it is durable.

``caller`` is the one who has called in, ``callee`` the firm's phone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gate.core import calls
from gate.core.call_words import (
    AnnouncementOver,
    Answered,
    Call,
    Committed,
    Decided,
    Digit,
    Do,
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
    Stop,
)
from gate.core.calls import (
    UnexpectedEvent,
    close,
    code_typed,
    committed,
    end,
    goodbye_over,
    hung_up,
    not_kept,
    pause_asked,
    recorder_opened_late,
    recording_done,
    stay,
    to_goodbye,
    to_record,
    unrecorded,
)

BY_KEY = "callback"
"""Source of an objection that a caller made by key: that the number shown is theirs is not proven."""
HELD = "callback_held"
"""The same, and there were more than are usual: it stops calls, and is to be looked at."""


@dataclass(frozen=True, slots=True)
class CallingIn:
    """An INVITE from a carrier to one of the firm's own numbers, before any answer has left. Who it is from is not
    proven: over UDP an address can be forged, and a caller ID anywhere."""

    call_id: str
    """The gate's own id, random."""
    trunk: str
    """Name of the carrier."""
    source: str
    own: str
    """The own number that is called, E.164."""
    raw: str
    """Who calls, as it came; empty where that is withheld, though the carrier may know."""
    number: str
    """The same in E.164; empty where it is no number."""
    withheld: bool
    codecs: tuple[str, ...]
    reachable: bool = False
    """A phone or a PBX can be rung."""
    line: bool = False
    """The call-back line may answer where none can."""
    fallback: bool = False
    """The call-back line answers where none does."""
    sip_call_id: str = ""


@dataclass(frozen=True, slots=True)
class CallIn(Call):
    """A call in, as far as the rules need to know it."""

    state: State = State.ANSWERING
    line: bool = False
    """The call-back line answers; nobody is rung."""
    fallback: bool = False
    """The call-back line answers where nobody else does."""
    known: bool = True
    """The caller's number is one that can object."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The caller has acknowledged our answer: whoever it is, it is where its INVITE came from."""


@dataclass(frozen=True, slots=True)
class ObjectionKept:
    """The objection is durable, or could not be made so."""

    kept: bool


@dataclass(frozen=True, slots=True)
class KeyTimeOver:
    """No key was pressed on the call-back line."""


InEvent = Event | Acknowledged | ObjectionKept | KeyTimeOver


class DoIn(StrEnum):
    """A command of a call in, beside those of ``call_words.Do``."""

    NOTE_CALL = "note call"
    """Make it durable that there is this call."""
    DROP = "drop"
    """Let go of a call of which nothing was kept."""
    RING = "ring"
    """Ring the firm's phones, one after the other; the caller hears it ring."""
    WAIT_FOR_KEY = "wait for key"
    KEEP_OBJECTION = "keep objection"
    """Make the caller's objection durable."""
    THANK = "thank"
    """Say that the objection holds."""
    NOT_TAKEN = "not taken"
    """Say that no objection was taken by key, and where to object."""


Commands = Sequence[Do | DoIn]
Step = tuple[CallIn, Commands]
Handler = Callable[[CallIn, Any, Policy], Step]


def _goodbye(call: CallIn, by: str, cause: str, say: Do | DoIn = Do.SAY_GOODBYE) -> Step:
    """The last words to the caller; nothing is kept of them."""
    return to_goodbye(end(call, by, cause), say)


def _acknowledged(call: CallIn, _event: Acknowledged, _policy: Policy) -> Step:
    return replace(call, state=State.SCREENING), [DoIn.NOTE_CALL]


def _dropped(call: CallIn, event: Any, _policy: Policy) -> Step:
    """Not acknowledged: nobody has heard anything, and nothing of it is kept."""
    by = event.by if isinstance(event, HungUp) else "gate"
    return replace(end(call, by, event.cause), state=State.ENDED), [Do.HANG_UP, DoIn.DROP]


def _noted(call: CallIn, _event: Decided, _policy: Policy) -> Step:
    return replace(call, state=State.PREPARING), [Do.NOTE_ANSWERED, Do.OPEN_RECORDER]


def _unkept(call: CallIn, _event: EvidenceFailed, _policy: Policy) -> Step:
    """No evidence, no call."""
    return replace(end(call, "gate", "evidence_unavailable"), state=State.ENDED), [Do.HANG_UP, DoIn.DROP]


def _recorder_opened(call: CallIn, event: RecorderOpened, policy: Policy) -> Step:
    """The call-back line is never recorded: it needs the keys alone."""
    opened = replace(call, recorder_open=True, unkept=not event.keeps)
    if opened.unkept and not policy.go_on_unrecorded:
        return _recorder_refused(opened, RecorderFailed("not_kept"), policy)
    note = [] if call.line or to_record(opened, policy) else [Do.NOTE_UNRECORDED]
    return replace(opened, state=State.ANNOUNCING), [Do.TAP, *note, Do.ANNOUNCE]


def _recorder_refused(call: CallIn, _event: RecorderFailed, policy: Policy) -> Step:
    """Without it nobody hears a key, so the call-back line takes none."""
    if call.line:
        return _goodbye(call, "gate", "recorder_unavailable", DoIn.NOT_TAKEN)
    if policy.go_on_unrecorded:
        return replace(call, state=State.ANNOUNCING), [Do.NOTE_UNRECORDED, Do.ANNOUNCE]
    return _goodbye(call, "gate", "recorder_unavailable")


def _recorder_lost(call: CallIn, event: RecorderFailed, policy: Policy) -> Step:
    if not call.recorder_open or call.unkept:
        return call, []
    if call.line:
        return _goodbye(call, "gate", "recorder_unavailable", DoIn.NOT_TAKEN)
    if policy.go_on_unrecorded:
        return unrecorded(call)
    return _goodbye(call, "gate", "recorder_unavailable")


def _not_kept(call: CallIn, _event: NotKept, policy: Policy) -> Step:
    if call.recording and not policy.go_on_unrecorded:
        return not_kept(call)
    return _recorder_lost(call, RecorderFailed("not_kept"), policy)


def _announced(call: CallIn, event: AnnouncementOver, _policy: Policy) -> Step:
    if not event.completed:
        return _goodbye(call, "gate", event.cause)
    if call.line:
        return replace(call, state=State.LISTENING, announced=True), [DoIn.WAIT_FOR_KEY]
    return replace(call, state=State.RINGING, announced=True), [DoIn.RING]


def _nobody(call: CallIn, event: Failed, _policy: Policy) -> Step:
    """None of the phones answers; the caller is still there."""
    if call.fallback:
        return replace(call, state=State.ANNOUNCING, line=True), [Do.STOP_PLAYING, Do.ANNOUNCE]
    return _goodbye(end(call, "callee", event.cause, event.code), "callee", event.cause)


def _answered(call: CallIn, _event: Answered, _policy: Policy) -> Step:
    return replace(call, state=State.COMMITTING), [Do.STOP_PLAYING, Do.COMMIT]


def _key_on_line(call: CallIn, event: Digit, policy: Policy) -> Step:
    """The call-back line: whoever objects needs no agent. Of a call that rings phones no key was told."""
    if not call.line or event.side != "caller" or event.digit != policy.opt_out_digit:
        return call, []
    if not call.known:
        return _goodbye(call, "gate", "objection_not_taken", DoIn.NOT_TAKEN)
    return replace(call, state=State.OBJECTING, objected=True), [Do.STOP_PLAYING, DoIn.KEEP_OBJECTION]


def _objection_kept(call: CallIn, event: ObjectionKept, _policy: Policy) -> Step:
    if event.kept:
        return _goodbye(call, "caller", "objected", DoIn.THANK)
    return _goodbye(replace(call, objected=False), "gate", "objection_not_taken", DoIn.NOT_TAKEN)


def _key_time_over(call: CallIn, _event: KeyTimeOver, _policy: Policy) -> Step:
    return close(end(call, "gate", "line_over"), [Do.HANG_UP])


def _code(call: CallIn, event: Digit, policy: Policy) -> Step:
    """The agent's keys: pause and resume."""
    if event.side != "callee":
        return call, []
    return code_typed(call, event.digit, policy)


def _broken(call: CallIn, event: Failed, _policy: Policy) -> Step:
    return close(end(call, "gate", event.cause, event.code), [Do.STOP_PLAYING])


def _stop(call: CallIn, event: Stop, _policy: Policy) -> Step:
    return close(end(call, "gate", event.cause), [Do.STOP_PLAYING, Do.HANG_UP])


def _evidence_failed(call: CallIn, _event: EvidenceFailed, _policy: Policy) -> Step:
    return _goodbye(call, "gate", "evidence_unavailable", DoIn.NOT_TAKEN if call.line else Do.SAY_GOODBYE)


def _table() -> dict[tuple[State, type[InEvent]], Handler]:
    s = State
    answered = (s.PREPARING, s.ANNOUNCING, s.LISTENING, s.OBJECTING, s.RINGING, s.COMMITTING, s.TALKING)
    """The caller has acknowledged."""
    ends = (s.CLOSING, s.ENDED)
    table: dict[tuple[State, type[InEvent]], Handler] = {
        (s.ANSWERING, Acknowledged): _acknowledged,
        (s.ANSWERING, HungUp): _dropped,
        (s.ANSWERING, Stop): _dropped,
        (s.ANSWERING, Failed): _dropped,
        (s.ANSWERING, EvidenceFailed): _dropped,
        (s.SCREENING, Decided): _noted,
        (s.SCREENING, EvidenceFailed): _unkept,
        (s.PREPARING, RecorderOpened): _recorder_opened,
        (s.PREPARING, RecorderFailed): _recorder_refused,
        (s.ANNOUNCING, AnnouncementOver): _announced,
        (s.LISTENING, KeyTimeOver): _key_time_over,
        (s.OBJECTING, ObjectionKept): _objection_kept,
        (s.RINGING, Answered): _answered,
        (s.RINGING, Failed): _nobody,
        (s.COMMITTING, Committed): committed,
        (s.TALKING, Digit): _code,
        (s.TALKING, PauseAsked): pause_asked,
        (s.CLOSING, RecordingDone): recording_done,
    }
    for state in (s.PREPARING, s.ANNOUNCING, s.LISTENING):
        table[state, Digit] = _key_on_line
    for state in (s.SCREENING, *answered):
        table[state, HungUp] = hung_up
        table[state, Stop] = _stop
        table.setdefault((state, Failed), _broken)
    for state in answered:
        table[state, EvidenceFailed] = _evidence_failed
        table.setdefault((state, RecorderFailed), _recorder_lost)
        table[state, NotKept] = _not_kept
    for over in (GoodbyeOver, HungUp, Stop, Failed):
        table[s.GOODBYE, over] = goodbye_over
    for state in (s.GOODBYE, *ends):
        table[state, RecorderOpened] = recorder_opened_late
    late: tuple[type[InEvent], ...] = (
        *(
            Acknowledged,
            ObjectionKept,
            KeyTimeOver,
            AnnouncementOver,
            Committed,
            Answered,
            Ringing,
            Digit,
            PauseAsked,
            Decided,
        ),
        *(EvidenceFailed, RecorderFailed, NotKept, RecordingDone, GoodbyeOver, Failed, HungUp, Stop),
    )
    # What was asked of other rooms may be answered after the call has moved on.
    for state in (s.GOODBYE, *ends):
        for event in late:
            table.setdefault((state, event), stay)
    early: tuple[type[InEvent], ...] = (
        Digit,
        PauseAsked,
        Ringing,
        RecordingDone,
        AnnouncementOver,
        KeyTimeOver,
        Acknowledged,
        ObjectionKept,
        NotKept,
    )
    for state in (s.ANSWERING, s.SCREENING, *answered):
        for event in early:
            table.setdefault((state, event), stay)
    return table


TABLE = _table()


def handle(call: CallIn, event: InEvent, policy: Policy) -> Step:
    """One step in the life of a call in: the call afterwards, and the commands to carry out, in order.

    Raises ``UnexpectedEvent`` where the table has no entry for the pair.
    """
    handler = TABLE.get((call.state, type(event)))
    if handler is None:
        raise UnexpectedEvent(call.state, type(event))
    return handler(call, event, policy)


def step(call: Call, event: InEvent, policy: Policy) -> tuple[Call, Commands]:
    """Handle an event as ``handle`` does, for a call in either direction, by the table that the call has."""
    if isinstance(call, CallIn):
        return handle(call, event, policy)
    if isinstance(event, Acknowledged | KeyTimeOver | ObjectionKept):
        raise UnexpectedEvent(call.state, type(event))
    return calls.handle(call, event, policy)
