"""What must hold after each step of a call.

It is written here a second time, from the events that the call was told and the commands that it gave: of the call's
own fields the state is looked at, and those that others read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from gate.core import calls as real
from gate.core.call_words import (
    AnnouncementOver,
    Answered,
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
    RecorderFailed,
    RecorderOpened,
    RecordingDone,
    State,
    StillAllowed,
    Stop,
)

ANSWERED = (State.PREPARING, State.ANNOUNCING, State.COMMITTING, State.TALKING)
OVER = (State.CLOSING, State.ENDED)
ONCE = {
    *(Do.REFUSE, Do.INVITE, Do.INVITE_EMERGENCY, Do.NOTE_EMERGENCY, Do.NOTE_ANSWERED, Do.NOTE_TALKING),
    *(Do.OPEN_RECORDER, Do.TAP, Do.ANNOUNCE, Do.COMMIT, Do.START_RECORDING, Do.CONNECT, Do.OBJECT, Do.OBJECT_OTHER),
    *(Do.SAY_GOODBYE, Do.FINISH),
}
FOR_HELP = {
    *(Do.INVITE_EMERGENCY, Do.DIAL_AGAIN, Do.NOTE_EMERGENCY, Do.CONNECT, Do.NOTE_TALKING),
    *(Do.STOP_PLAYING, Do.HANG_UP, Do.FINISH),
}
"""All that an emergency call may command."""

ASKED = {
    StillAllowed: Do.LOOK_AGAIN,
    RecorderOpened: Do.OPEN_RECORDER,
    RecorderFailed: Do.OPEN_RECORDER,
    AnnouncementOver: Do.ANNOUNCE,
    Committed: Do.COMMIT,
    GoodbyeOver: Do.SAY_GOODBYE,
    RecordingDone: Do.CLOSE_RECORDING,
}
"""Events that answer a command: none comes before it was given, late they may come at any time, and one command has
one answer; a recorder may fail again and again."""

ASKS = {
    State.PREPARING: Do.OPEN_RECORDER,
    State.ANNOUNCING: Do.ANNOUNCE,
    State.COMMITTING: Do.COMMIT,
    State.GOODBYE: Do.SAY_GOODBYE,
}
"""What a state that waits has asked for."""
JOINED = (State.COMMITTING, State.TALKING, State.GOODBYE, State.CLOSING)
"""Where somebody who was transferred can object by a key."""
Edge = tuple[State, str, State]


def nothing_seen(_edge: Edge) -> None:
    """For those who do not count which edges of the table are reached."""


class Conversation:
    """One call, what it was told and what it commanded; ``tell`` raises ``AssertionError`` where a promise breaks."""

    def __init__(
        self, calls: Any, policy: Any, seen: Callable[[Edge], None] = nothing_seen, *, passed_on: bool = False
    ) -> None:
        """``passed_on``: no agent is on the caller's side, but somebody who was transferred."""
        self._calls = calls
        self._seen = seen
        self.policy = policy
        self.call = calls.Call(passed_on=passed_on)
        self.state: State = self.call.state
        self.told: list[Event] = []
        self._come = Counter[type[Event]]()
        self.done: list[Do] = []
        self._typed = ""
        """The caller's keys since the last code was taken."""
        self._paused = ""
        """By whom: ``agent``, ``desk``."""
        self._open = 0
        """Recorders that were opened and not told to close."""
        self._unkept = False
        """The recorder keeps nothing, or nothing more."""
        self._closing = False
        """The end waits for the recording."""
        self.left = False
        """The caller has gone while the callee was being told who calls."""
        self.announced = False
        """The callee was told to the end."""

    @property
    def emergency(self) -> bool:
        return Do.INVITE_EMERGENCY in self.done

    @property
    def _kept(self) -> bool:
        """The recorder is open, and keeps what it is told to."""
        return self._open > 0 and not self._unkept

    def may_come(self, event: type[Event]) -> bool:
        """Whether the table has an entry for it in this state, and it answers nothing that was never asked."""
        if (self.state, event) not in real.TABLE:
            return False
        asked = ASKED.get(event)
        if asked is None or event is RecorderFailed:
            return asked is None or asked in self.done
        return self._come[event] < self.done.count(asked)

    def tell(self, event: Event) -> None:
        before, did = self.state, list(self.done)
        was_kept = self._kept
        self.call, commands = self._calls.handle(self.call, event, self.policy)
        self.state = self.call.state
        self.left = self.left or (isinstance(event, CallerLeft) and before in (State.PREPARING, State.ANNOUNCING))
        self.announced = self.announced or (event == AnnouncementOver(True) and before is State.ANNOUNCING)
        self.told.append(event)
        self._come[type(event)] += 1
        self.done += commands
        self._open += isinstance(event, RecorderOpened)
        self._open -= commands.count(Do.CLOSE_RECORDING)
        self._unkept = self._unkept or event == RecorderOpened(keeps=False) or Do.KEEP_NO_MORE in commands
        assert self._open >= 0, "nothing is open"
        self._seen((before, type(event).__name__, self.state))
        assert self.state in real.TABLE[before, type(event)].leads_to, "the table leads elsewhere"
        for once in ONCE.intersection(commands):
            assert self.done.count(once) <= 1, f"{once} twice"
        if self.state is not before and self.state in ASKS:
            assert ASKS[self.state] in commands, "what it waits for was not asked for"
        self._check_refusal(before, event, commands)
        if self.emergency:
            self._check_help(before, event, commands)
        else:
            self._check_way(event, commands, did)
            self._check_goodbye(before, event, commands, was_kept=was_kept)
            self._check_digit(before, event, commands)
        self._check_end(before, event, commands)
        self._check_shown()

    def _check_refusal(self, before: State, event: Event, commands: list[Do]) -> None:
        """Nothing leaves for the trunk without a decision, and the caller's INVITE fails only before the answer."""
        if isinstance(event, Decided) and before is State.SCREENING:
            assert commands == [Do.INVITE if event.allowed else Do.REFUSE]
        elif isinstance(event, Emergency):
            assert commands == [Do.INVITE_EMERGENCY, Do.NOTE_EMERGENCY], "the INVITE first, its evidence at once"
        else:
            assert not {Do.INVITE, Do.INVITE_EMERGENCY} & set(commands)
        rings = before in (State.DIALLING, State.RINGING)
        asks, may = rings and isinstance(event, DiallingAgain), rings and isinstance(event, StillAllowed)
        assert (Do.LOOK_AGAIN in commands) is (asks and not self.emergency), "another INVITE without a decision"
        assert (Do.DIAL_AGAIN in commands) is (may or (asks and self.emergency)), "an INVITE that waits for nothing"
        if Do.REFUSE in commands:
            assert before is State.SCREENING
            assert self.state is State.ENDED
        if before is State.SCREENING and isinstance(event, (EvidenceFailed, Stop)):
            assert Do.REFUSE in commands, "the caller is left without an answer"
        if Do.REFUSE in self.done:
            assert set(self.done) <= {Do.REFUSE, Do.FINISH}, "something was done for a refused call"

    def _check_help(self, before: State, event: Event, commands: list[Do]) -> None:
        """LAW 3.5: connected with the answer, never recorded, ended by the gate for an error of its own alone."""
        assert set(self.done) <= FOR_HELP
        if isinstance(event, Answered) and before in (State.DIALLING, State.RINGING):
            assert (self.state, commands) == (State.TALKING, [Do.CONNECT, Do.NOTE_TALKING])
        else:
            assert Do.CONNECT not in commands
        if self.state is State.ENDED and before is not State.ENDED:
            assert isinstance(event, (HungUp, Failed, CallerLeft)) or event == Stop("internal_error")
            assert (Do.HANG_UP in commands) is not isinstance(event, (HungUp, Failed)), "the callee is left alone"

    def _check_way(self, event: Event, commands: list[Do], did: list[Do]) -> None:
        """Each step of the way to the agent waits for the event that says that its evidence is there."""
        policy, last = self.policy, commands[-1:]
        if Do.OPEN_RECORDER in commands or Do.NOTE_ANSWERED in commands:
            assert isinstance(event, Answered)
            assert commands == [Do.NOTE_ANSWERED, Do.OPEN_RECORDER]
        if self.state in ANSWERED:
            assert Do.NOTE_ANSWERED in self.done
            assert Do.OPEN_RECORDER in self.done
        if Do.ANNOUNCE in commands:
            assert last == [Do.ANNOUNCE]
            assert isinstance(event, RecorderOpened) or (isinstance(event, RecorderFailed) and policy.go_on_unrecorded)
            assert (Do.TAP in commands) is isinstance(event, RecorderOpened), "who hears the callee object?"
            assert (Do.NOTE_UNRECORDED in commands) is (event != RecorderOpened() or not policy.record)
            assert policy.go_on_unrecorded or event == RecorderOpened(), "announced, and nothing can be kept"
        else:
            assert Do.TAP not in commands
        if self.left:
            assert not {Do.COMMIT, Do.CONNECT} & set(commands), "connected with a caller who has gone"
        if Do.COMMIT in commands:
            assert event == AnnouncementOver(True)
            assert Do.ANNOUNCE in did
        if Do.CONNECT in commands:
            assert isinstance(event, Committed), "media both ways without evidence"
            assert Do.COMMIT in did
            assert AnnouncementOver(True) in self.told, "the callee has not been told"
            assert last == [Do.CONNECT], "connected before the rest is done"
            recorded = self._kept and policy.record
            assert (Do.START_RECORDING in commands) is recorded
        else:
            assert Do.START_RECORDING not in commands
        if self.state is State.TALKING:
            assert Do.CONNECT in self.done
            assert (self._kept and policy.record) or Do.NOTE_UNRECORDED in self.done, "unrecorded, and no leaf of it"

    def _check_goodbye(self, before: State, event: Event, commands: list[Do], *, was_kept: bool) -> None:
        """What forbids the call to go on ends it politely: nothing more is kept of it, then the callee is told."""
        if before in ANSWERED:
            lost = isinstance(event, RecorderFailed) and (was_kept or before is State.PREPARING)
            lost = lost or event == RecorderOpened(keeps=False)
            # What is recorded and not kept ends at once; where nothing is recorded yet, the recorder is lost.
            unkept = isinstance(event, NotKept) and was_kept
            if unkept and before is State.TALKING and self.policy.record and not self.policy.go_on_unrecorded:
                assert self.state is State.CLOSING, "a talk that is not kept goes on"
                assert commands == [Do.STOP_PLAYING, Do.SHUT, Do.HANG_UP, Do.CLOSE_RECORDING]
            else:
                assert Do.SHUT not in commands
                lost = lost or unkept
            objects = event == Digit("callee", "9") and before in (State.PREPARING, State.ANNOUNCING)
            if (
                isinstance(event, EvidenceFailed)
                or event == AnnouncementOver(False)
                or (lost and not self.policy.go_on_unrecorded)
                or objects
                or (isinstance(event, CallerLeft) and before is State.TALKING)
            ):
                assert self.state is State.GOODBYE
            if isinstance(event, CallerLeft) and before is not State.TALKING:
                assert (self.state, commands) == (before, []), "the callee is not told who called"
            if event == AnnouncementOver(True) and before is State.ANNOUNCING:
                assert (self.state in OVER) is self.left
            if lost and self.policy.go_on_unrecorded:
                assert Do.NOTE_UNRECORDED in commands
                assert (Do.KEEP_NO_MORE in commands) is was_kept
            elif isinstance(event, (RecorderFailed, NotKept)) and before is not State.PREPARING and not was_kept:
                assert commands == [], "it keeps nothing as it is"
            if self.state in ANSWERED and RecorderOpened in self._come:
                assert self._open == 1, "nobody hears the callee object"
        if self.state is State.GOODBYE and before is not State.GOODBYE:
            assert [each for each in commands if each is not Do.OBJECT] == [
                Do.STOP_PLAYING,
                *([Do.KEEP_NO_MORE] if self._open else []),
                Do.SAY_GOODBYE,
            ]
        else:
            assert Do.SAY_GOODBYE not in commands
        if before in (State.GOODBYE, *OVER):
            assert not {Do.CONNECT, Do.ANNOUNCE, Do.COMMIT, Do.START_RECORDING} & set(commands)

    def _check_digit(self, before: State, event: Event, commands: list[Do]) -> None:
        """Either's objection is kept at once, once; the agent's codes hold while audio is kept, and nobody else's;
        nobody else resumes what the agent has paused."""
        heard = before in ANSWERED or before in (State.GOODBYE, State.CLOSING)
        first = event == Digit("callee", "9") and heard and Do.OBJECT not in self.done[: len(self.done) - len(commands)]
        assert (Do.OBJECT in commands) is first
        if first:
            assert commands[0] is Do.OBJECT
        policy, codes = self.policy, list[Do]()
        told = self.done[: len(self.done) - len(commands)]
        other = event == Digit("caller", "9") and self.call.passed_on and before in JOINED
        assert (Do.OBJECT_OTHER in commands) is (other and Do.OBJECT_OTHER not in told)
        typed = isinstance(event, Digit) and event.side == "caller" and before in (State.COMMITTING, State.TALKING)
        if isinstance(event, Digit) and typed and not self.call.passed_on:
            self._typed += event.digit
            kept = Do.START_RECORDING in self.done and self._kept
            if kept and self._paused != "agent" and self._typed.endswith(policy.pause_code):
                codes, self._paused, self._typed = [Do.PAUSE], "agent", ""
            elif self._paused and self._typed.endswith(policy.resume_code):
                codes, self._paused, self._typed = [Do.RESUME], "", ""
        if isinstance(event, PauseAsked) and before is State.TALKING:
            kept = Do.START_RECORDING in self.done and self._kept
            if (kept or not event.pause) and self._paused == ("" if event.pause else "desk"):
                codes = [Do.PAUSE if event.pause else Do.RESUME]
                self._paused, self._typed = "desk" if event.pause else "", ""
        assert [each for each in commands if each in (Do.PAUSE, Do.RESUME)] == codes, f"typed {self._typed}"

    def _check_end(self, before: State, event: Event, commands: list[Do]) -> None:
        """Every end leaves a leaf, with both legs down and nothing open."""
        if before is State.ENDED:
            assert commands == ([Do.CLOSE_RECORDING] if isinstance(event, RecorderOpened) else [])
        if before not in (State.PREPARING, State.ENDED) and isinstance(event, RecorderOpened):
            assert commands == [Do.CLOSE_RECORDING], "opened too late: its taps are let go of"
        if isinstance(event, NotKept) and before in (State.DIALLING, State.RINGING):
            spared = self.emergency or self.policy.go_on_unrecorded
            assert (self.state is State.ENDED) is not spared, "nobody is rung whose call cannot be kept"
        if isinstance(event, Stop) and before not in (State.GOODBYE, *OVER):
            spared = self.emergency and event.cause != "internal_error"
            assert (self.state in OVER) is not spared
        if isinstance(event, (HungUp, Failed)):
            assert self.state in OVER, "it goes on without its parties"
        if self.state in OVER and before not in OVER:
            down = isinstance(event, (HungUp, Failed)) or {Do.HANG_UP, Do.REFUSE} & set(commands)
            assert down, "the legs are up"
            if before not in (State.SCREENING, State.GOODBYE) and not isinstance(event, Failed):
                assert Do.STOP_PLAYING in commands
            if before in ANSWERED and isinstance(event, Failed):
                assert Do.STOP_PLAYING in commands
        if isinstance(event, RecordingDone):
            self._closing = False
        elif Do.CLOSE_RECORDING in commands and self.state is State.CLOSING:
            self._closing = True
        assert not (self._closing and Do.FINISH in commands), "finished before the recording is closed"
        assert self.state is not State.CLOSING or self._closing, "it waits for nothing"
        if self.state in OVER:
            assert self._open == 0, "the recorder goes on after the end"
        elif self.state is State.GOODBYE and before is not State.GOODBYE:
            assert self._unkept or not self._open, "the goodbye is kept"
        if self.state is State.ENDED and before is not State.ENDED:
            assert Do.FINISH in commands or Do.REFUSE in self.done, "no leaf of the end"
            if Do.REFUSE in self.done and not isinstance(event, Stop):
                assert Do.FINISH not in self.done  # the decision is its leaf
        else:
            assert Do.FINISH not in commands
        if self.state is State.ENDED and isinstance(event, Stop) and before is not State.ENDED:
            assert commands[-1] is Do.FINISH

    def finish(self) -> None:
        """However far it came, a stop ends it as soon as goodbye and recorder are over, with the first cause kept."""
        for event in (Stop("internal_error"), GoodbyeOver(), RecordingDone()):
            if self.state is not State.ENDED and self.may_come(type(event)):
                self.tell(event)
        assert self.state is State.ENDED, f"it stays {self.state} for ever"
        assert (self.call.ended_by, self.call.cause, self.call.code) == self._first_cause()

    def _check_shown(self) -> None:
        """What others read of the call is so."""
        call = self.call
        assert call.announced is self.announced
        assert (call.connected, call.objected) == (Do.CONNECT in self.done, Do.OBJECT in self.done)
        assert call.caller_objected is (Do.OBJECT_OTHER in self.done)
        recording = self.state is State.TALKING and Do.START_RECORDING in self.done and self._kept
        assert call.recording is recording
        if self.state is State.TALKING:
            assert call.paused is bool(self._paused)

    def _first_cause(self) -> tuple[str, str, int]:
        """Who ended it, why, and with which code of the trunk's, from the first event that did."""
        talk = real.Call()
        for event in self.told:
            before = talk.state
            talk, _ = real.handle(talk, event, real.Policy(self.policy.record, self.policy.go_on_unrecorded))
            early = isinstance(event, CallerLeft) and before in (State.PREPARING, State.ANNOUNCING)
            if early or talk.state in (State.GOODBYE, *OVER):
                return _cause(event, before)
        raise AssertionError("it has no end")


def _cause(event: Event, before: State) -> tuple[str, str, int]:
    match event:
        case HungUp(by, cause):
            return by, cause, 0
        case Failed(code, cause):
            of_the_trunk = before in (State.DIALLING, State.RINGING) and cause != "media_unavailable"
            return ("trunk", cause, code) if of_the_trunk else ("gate", cause, 0)
        case Stop(cause) | AnnouncementOver(False, cause):
            return "gate", cause, 0
        case Decided():
            return "gate", "refused", 0
        case CallerLeft():
            return "caller", "hung_up", 0
        case EvidenceFailed(cause):
            return "gate", cause, 0
        case RecorderOpened() | RecorderFailed() | NotKept():
            return "gate", "recorder_unavailable", 0
        case Digit():
            return "callee", "objected", 0
    raise AssertionError(f"{event} ends no call")
