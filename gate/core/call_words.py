"""The words in which a call's life is told: its states, the events that reach it, the commands it gives, what is known
of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a call is."""

    SCREENING = "screening"
    """Asked for; the decision is being made and made durable."""
    ANSWERING = "answering"
    """A call in: the caller is answered, and has not acknowledged it yet."""
    DIALLING = "dialling"
    """Allowed; the INVITE has left for the trunk."""
    RINGING = "ringing"
    """The far end rings."""
    PREPARING = "preparing"
    """The callee has answered; the recorder is being opened."""
    ANNOUNCING = "announcing"
    """The announcement plays to the callee; the caller is not heard yet."""
    LISTENING = "listening"
    """A call in, on the call-back line: a key is waited for."""
    OBJECTING = "objecting"
    """A call in: the caller has objected, and that is being made durable."""
    COMMITTING = "committing"
    """The announcement is over; its leaf, the connection's and the recording's are being made durable."""
    TALKING = "talking"
    """The parties are bridged."""
    GOODBYE = "goodbye"
    """The call cannot go on; the callee is told so before the line is cut."""
    CLOSING = "closing"
    """Both legs are down; the recording is being closed."""
    ENDED = "ended"
    """Nothing is left to do."""


ENDS = {
    "hung_up": "a party hung up",
    "cancelled": "the caller gave up before the callee answered",
    "call_unknown": "a peer said that it knows no such call",
    "media_timeout": "no audio came from either side, and a peer answered nothing",
    "peer_silent": "no audio came from a peer any more, and it answered nothing",
    "no_ack": "the caller's phone never acknowledged the answer and sent no audio, or the carrier never got our ACK",
    "no_sdp": "the caller asked for an offer, and acknowledged it without an answer",
    "no_codec": "no codec was common that can be announced and recorded",
    "session_expired": "the session timer that a peer had agreed on ran out without a refresh",
    "callee_on_hold": "the callee held for longer than the announcement waits",
    "redirected": "the PBX keeps its media, and was sent to the carrier",
    "transferred": "the caller has transferred the callee to another number",
    "transfer_failed": "the caller had hung up, and the number that the callee was transferred to was not reached",
    "media_failed": "the media relay did not do what it was told",
    "trunk_unreachable": "no carrier answered, or all that may take the call are known to be down",
}
"""Causes of an end that line (``HungUp.cause``, ``Failed.cause``) and media tell, and what happened."""


# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision is durable."""

    allowed: bool


@dataclass(frozen=True, slots=True)
class Emergency:
    """The number is one of those for help, and has a route of its own: nothing is waited for."""


@dataclass(frozen=True, slots=True)
class EvidenceFailed:
    """What had to be made durable could not be, or may not be any more."""

    cause: str = "evidence_unavailable"


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end rings."""


@dataclass(frozen=True, slots=True)
class DiallingAgain:
    """Another INVITE is about to leave for the same call, and waits: to the next trunk, or to the same one that wants
    credentials or a longer session."""


@dataclass(frozen=True, slots=True)
class StillAllowed:
    """The lists were looked at again, the call is still allowed, and that is durable."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The callee picked up."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The trunk refused, or nobody answered; or the line could not go on. Both legs are down."""

    code: int
    cause: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """A party went away, or nobody is there any more; both legs are down."""

    by: str
    """``caller``, ``callee``, or ``gate`` where it was the gate that took it so."""
    cause: str
    """One of ``ENDS``."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller has hung up; the callee is still there, and is told the code of a receipt after a talk, or before it
    who has called."""


@dataclass(frozen=True, slots=True)
class RecorderOpened:
    """Taps are bound and the key is wrapped; nothing is kept yet."""

    keeps: bool = True
    """False: nothing of the call can be kept; keys are heard all the same."""


@dataclass(frozen=True, slots=True)
class RecorderFailed:
    """The recorder could not be opened, or keeps nothing more; of one that was opened, keys are heard all the same."""

    cause: str


@dataclass(frozen=True, slots=True)
class NotKept:
    """For seconds nothing has said that audio is kept: the recorder does not answer, or its disk does not."""


@dataclass(frozen=True, slots=True)
class AnnouncementOver:
    """The announcement has been sent to the callee to its end (``completed``), or could not be."""

    completed: bool
    cause: str = "announcement_unavailable"
    """Why it was not."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Announcement, connection and recording are in the log, the wrapped keys in the key store: durably."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    side: str
    """``caller`` (the agent) or ``callee``."""
    digit: str


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """Somebody who does not take part in the call has asked: nothing is kept from now on, or it is again."""

    pause: bool
    by: str
    """The account, as the log has it: ``user:mo(1004)``; ``gate`` where the time of a pause is over."""
    why: str
    seconds: int = 0
    """A pause is over after so many, whatever becomes of who asked; 0: when somebody resumes, or the call ends."""


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    """Somebody who does not take part in the call ends it: kept first, then the call is told to ``Stop``."""

    by: str
    """The account, as the log has it: ``user:mo(1004)``."""
    why: str


@dataclass(frozen=True, slots=True)
class GoodbyeOver:
    """The goodbye has played, or there was none to play."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The gate ends the call: time limit, the end of draining, or somebody who watches (``hang_up_asked``)."""

    cause: str


@dataclass(frozen=True, slots=True)
class RecordingDone:
    """The recording is closed, or nothing more can be learnt of it now."""


Event = (
    Decided
    | Emergency
    | EvidenceFailed
    | Ringing
    | DiallingAgain
    | StillAllowed
    | Answered
    | Failed
    | HungUp
    | CallerLeft
    | RecorderOpened
    | RecorderFailed
    | NotKept
    | AnnouncementOver
    | Committed
    | Digit
    | PauseAsked
    | GoodbyeOver
    | Stop
    | RecordingDone
)


# --- commands -------------------------------------------------------------------------------------------------------


class Do(StrEnum):
    """A command that the call manager carries out."""

    REFUSE = "refuse"
    """Refuse, with the decision's reason: the caller's INVITE ends in a failure."""
    INVITE = "invite"
    """Let the INVITE leave."""
    LOOK_AGAIN = "look again"
    """Decide anew, and keep that, before another INVITE leaves for this call."""
    DIAL_AGAIN = "dial again"
    """Let that INVITE leave."""
    INVITE_EMERGENCY = "invite emergency"
    """Let the INVITE leave, to the emergency route."""
    NOTE_EMERGENCY = "note emergency"
    """Keep the decision as a fact, as soon as there is room for it."""
    NOTE_TALKING = "note talking"
    """Keep answer and connection as facts, as soon as there is room for them."""
    NOTE_ANSWERED = "note answered"
    """Keep the answer as a fact."""
    OPEN_RECORDER = "open recorder"
    """Ask for taps, and for a key to seal with where calls are recorded."""
    TAP = "tap"
    """Copy both directions to the recorder, which keeps nothing yet but sees digits."""
    ANNOUNCE = "announce"
    COMMIT = "commit"
    """Make announcement, connection and recording durable."""
    START_RECORDING = "start recording"
    CONNECT = "connect"
    """Answer the caller: the parties are bridged."""
    NOTE_UNRECORDED = "note unrecorded"
    PAUSE = "pause"
    RESUME = "resume"
    OBJECT = "object"
    """Keep the callee's objection."""
    OBJECT_OTHER = "object other"
    """In a transfer: keep the objection of whoever was called before."""
    STOP_PLAYING = "stop playing"
    SAY_GOODBYE = "say goodbye"
    KEEP_NO_MORE = "keep no more"
    """Keep no more audio; keys are heard until the recording is closed."""
    SHUT = "shut"
    """Let neither party hear the other."""
    HANG_UP = "hang up"
    """End both legs; a caller whose callee has answered gets no failure (``sip.bridge``)."""
    CLOSE_RECORDING = "close recording"
    FINISH = "finish"
    """Keep how it ended and let go of everything."""


# --- the call ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration of calls."""

    record: bool = True
    go_on_unrecorded: bool = False
    """The recorder fails: go on with a leaf that says so, instead of hanging up politely."""
    opt_out_digit: str = "9"
    pause_code: str = "*5"
    resume_code: str = "*6"


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as far as the rules need to know it."""

    state: State = State.SCREENING
    emergency: bool = False
    """It goes the emergency route (LAW 3.5)."""
    recorder_open: bool = False
    """The recorder holds taps for this call: it must be closed."""
    unkept: bool = False
    """The recorder keeps nothing of this call, and hears its keys all the same."""
    recording: bool = False
    """Audio is being kept."""
    paused: bool = False
    asked_by: str = ""
    """Who has paused it, or resumed it last, where that was not the agent; ``why`` they said."""
    pause_seconds: int = 0
    """How long that pause lasts at most; 0: no bound."""
    why: str = ""
    announced: bool = False
    """The announcement has played to its end."""
    connected: bool = False
    objected: bool = False
    passed_on: bool = False
    """A transfer: the caller has been called, too, by the call before."""
    caller_objected: bool = False
    keys: str = ""
    """The caller's last keys, as many as the longest code has."""
    ended_by: str = ""
    cause: str = ""
    code: int = 0
