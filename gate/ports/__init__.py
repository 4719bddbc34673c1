"""What line, media and recorder report to the call path above them, and need of each other; ``gate.daemon`` wires them.

Threads. Three threads carry the gate: the *line* thread (sippy's event loop: SIP, media commands, and every step of
``gate.calls.call_manager``), the *store* thread (owns the SQLite connection; decisions are made on it, so that what
it reads is what it commits) and the *control* thread (asyncio). A callback named ``done`` is called on the thread its
docstring names; everything else is plain and blocking. Recording sessions (SIPREC, RFC 7866) come last: all of them on
the line thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gate.core.calls_in import CallingIn
from gate.core.facts import Fact
from gate.core.terms import Attempt, Reason


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """The recorder is ready for a call: its tap ports and the wrapped key, not yet one byte of audio."""

    recording_id: str
    caller_port: int
    callee_port: int
    key_id: str
    """Random id of the data key; the wraps are kept under it."""
    wraps: tuple[tuple[str, bytes], ...]
    """(recipient id, HPKE ciphertext) for every recipient."""
    path: str
    """The sealed file, relative to the recordings folder."""
    commitments: Mapping[str, str] = field(default_factory=dict)
    """To the key, or its shares: what proves later that a wrap opens (``gate.vault.wrap``)."""
    unkept: str = ""
    """Why nothing can be kept of a call that was to be recorded: there is no key to seal with. Its digits are heard."""


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """A finished recording."""

    recording_id: str
    sha256: str
    """The SHA-256 of the whole sealed file."""
    size: int
    seconds: float
    chunks: int
    packets: Mapping[str, int]
    """caller, callee -> packets sealed."""
    gaps: tuple[tuple[float, float], ...]
    """(start, end) in seconds from the start: pauses."""
    interrupted: bool
    """True where it ended without being closed by the gate."""
    cause: str = ""
    lost: tuple[tuple[float, float], ...] = ()
    """(start, end) in seconds from the start: what one side or both said then arrived and was not kept."""


class RecorderEvents(Protocol):
    """What the recorder tells; every call comes on the recorder client's thread: post it on."""

    def recorder_digit(self, call_id: str, side: str, digit: str) -> None:
        """A key pressed on this side, told by RFC 4733 events in its RTP."""
        ...

    def recorder_failed(self, call_id: str, message: str) -> None:
        """This recording cannot go on (disk full and the like); what was sealed stays, and digits are heard."""
        ...

    def recorder_away(self) -> None:
        """The recorder process is gone; it is being started again. Digits are heard in its place until ``close``."""
        ...

    def recorder_silent(self) -> None:
        """The recorder has said nothing for seconds: nothing new can be recorded."""
        ...

    def not_kept(self, call_id: str) -> None:
        """For seconds nothing has said that what is heard in this call is being kept."""
        ...

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        """A key that the recorder, which does not answer, has not looked at; ``recorder_digit`` may tell it again."""
        ...


__all__ = [
    "Anchored",
    "Fact",
    "Incoming",
    "LineEvents",
    "Loop",
    "MediaRelay",
    "Played",
    "RecorderEvents",
    "RecordingClosed",
    "RecordingOpened",
    "Timer",
]

# --- the line: SIP and media ----------------------------------------------------------------------------------------


class Timer(Protocol):
    """A running timer."""

    def cancel(self) -> None:
        """Stop it; nothing happens where it has fired."""


class Loop(Protocol):
    """The line thread's event loop."""

    def post(self, step: Callable[[], None]) -> None:
        """Run ``step`` soon on the line thread; callable from any thread."""
        ...

    def after(self, seconds: float, step: Callable[[], None]) -> Timer:
        """Run ``step`` on the line thread after ``seconds``; only from the line thread."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """An INVITE from a phone or a PBX that has proven who it is, before any answer has left."""

    call_id: str
    """The gate's own id of the attempt, random (not the SIP Call-ID)."""
    attempt: Attempt
    source: str
    """Address and port it came from."""
    codecs: tuple[str, ...]
    """Names of the audio codecs offered, in order: ``PCMU``, ``PCMA``, ``G722``, ``opus``; where no SDP came, those
    that the gate offers in its place."""
    problem: str = ""
    """A reason code where the line itself already refuses (``not_authenticated``, ``loop_detected``, …)."""
    display_name: str = ""
    """The name that the configuration gives this caller; empty where it gives none."""
    sip_call_id: str = ""
    invite: tuple[str, str, int] = ("", "", 0)
    """Call-ID, From tag and CSeq of its INVITE: a request that another gate has too is one (RFC 3261 8.2.2.2)."""
    carried: bool = True
    """False where SDP came, and offers no audio that the gate can carry (SRTP, or none); or audio in clear where
    an account's has to be encrypted."""
    late: str = ""
    """A reason code where the line has no time to carry the call: it is refused by this, if by nothing else."""


class LineEvents(Protocol):
    """What the line tells the call manager; every call comes on the line thread."""

    @property
    def takes_calls(self) -> bool:
        """False where an edge is to send new calls to another gate."""
        ...

    def incoming(self, incoming: Incoming) -> None:
        """A new attempt. Answer with ``SipLine.refuse`` or ``SipLine.invite``, later too: retransmissions are
        absorbed."""
        ...

    def calling_in(self, calling: CallingIn) -> None:
        """A call in. Answer with ``SipLine.refuse`` or ``SipLine.answer``."""
        ...

    def acknowledged(self, call_id: str, codec: str) -> None:
        """A call in: the caller has acknowledged our answer, and is heard in ``codec``."""
        ...

    def nobody_answers(self, call_id: str, code: int) -> None:
        """A call in: no phone is left to ring; the caller is still there."""
        ...

    def transferring(self, incoming: Incoming, from_call: str) -> None:
        """The caller of a talk asks to connect its callee with another number. Answer as for ``incoming``: what follows
        is a call of its own, whose caller is the callee of ``from_call`` once it is connected; that call then ends
        (``hung_up``, ``transferred``)."""
        ...

    def joining(self, call_id: str, from_call: str) -> None:
        """The caller of two talks asks to connect the callee of ``from_call`` with that of ``call_id``. Answer with
        ``SipLine.take_over``."""
        ...

    def shed(self, claimed_by: str, reason: Reason) -> None:
        """The line has refused an attempt of this caller (empty: nobody known) before anything was done for it;
        ``reason``: by what is late, the line itself, decisions, the recorder or the media relay."""
        ...

    def refuses(self, attempt: Attempt) -> bool:
        """Whether rules and registers alone refuse it, whatever else is so; nothing is kept. Quick."""
        ...

    def oldest_opening(self) -> float:
        """Seconds that the first call has waited for its recording to open; 0 where calls go on without one."""
        ...

    def undecided(self, call_id: str) -> None:
        """The decision on an attempt takes too long: it is to be refused."""

    def withdrawn(self, call_id: str) -> None:
        """The caller cancelled before the decision; the line has answered 487 itself."""
        ...

    def ringing(self, call_id: str) -> None:
        """The far end rings (18x); the line has passed it on to the caller."""
        ...

    def dialling_again(self, call_id: str, trunk: str, after: str) -> None:
        """Another INVITE of this call is ready to leave, to ``trunk``; ``after``: what became of the one before, a code
        or a word (``silent``, ``no_codec``). Answer with ``SipLine.dial_again`` or ``SipLine.hang_up``. Not told of a
        call for help, which waits for nothing."""
        ...

    def answered(self, call_id: str, codec: str, trunk: str = "") -> None:
        """The callee answered and was acknowledged; ``codec`` is what it chose, ``trunk`` the name of the trunk. The
        caller still hears ringing."""
        ...

    def unattended(self, call_id: str, trunk: str) -> None:
        """The callee has answered a call that the line hangs up on: it was taken back when the answer came, or cannot
        go on. Told once, and not where ``answered`` was told before; the call may be forgotten already."""
        ...

    def failed(self, call_id: str, code: int, reason: str) -> None:
        """The trunk refused or did not answer; the line has passed it on (or refused the call)."""
        ...

    def hung_up(self, call_id: str, side: str, cause: str = "hung_up") -> None:
        """``side`` is ``caller`` or ``callee``: a party went away (``hung_up``, ``cancelled``), or its peer says that
        it knows no such call (``call_unknown``). Or ``gate``: it takes it that nobody is there (``media_timeout``,
        ``peer_silent``, ``no_ack``, ``no_sdp``, ``session_expired``). The line has ended what was left of both legs."""
        ...

    def caller_left(self, call_id: str) -> bool:
        """The caller has hung up before the parties were connected, or on a talk where receipts are spoken, and the
        callee is still there. True: keep the callee's leg until ``SipLine.hang_up``. False: the line ends it, and tells
        ``hung_up``."""

    def one_sided(self, call_id: str, side: str) -> None:
        """Nothing has come from this side (``caller``, ``callee``, or ``both``) in the first seconds of a talk."""

    def unanswered(self, count: int) -> None:
        """So many more messages of strangers were left without an answer."""

    def digit(self, call_id: str, side: str, digit: str) -> None:
        """A key pressed, told by SIP INFO (those in RTP come from the recorder's taps)."""

    def legs_ended(self, call_id: str, outcomes: Mapping[str, str], kept: Callable[[], None]) -> None:
        """What an earlier run of the gate left of a call is ended: side -> how, ``BYE 200`` and the like. ``kept`` is
        called on the line thread once that is durable; the journal of legs has the call until then."""

    def media_changed(self, call_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        """Codec maps after an offer and answer: side -> payload type -> ``name/rate``."""


Anchored = Callable[[str | None, Exception | None], None]
"""Is told what the relay makes of an SDP body; or None, and why not."""


class MediaRelay(Protocol):
    """What the line needs of the media room to set up a call's ports. Line thread only."""

    def open(self, call_id: str, signalled: str = "", *, phone: bool = False) -> None:
        """Make room for a call. ``signalled``: the address that its INVITE came from, from which its audio is taken
        where its SDP was written behind a NAT; ``phone``: it is a phone's own, not a phone system's."""
        ...

    def rings(self, call_id: str, signalled: str, *, phone: bool) -> None:
        """The callee is reached at this address now; ``phone`` as in ``open``."""
        ...

    def caller_sdp(self, call_id: str, body: str, done: Anchored) -> None:
        """An SDP body from the caller on its way to the callee: ports and addresses are made the gate's own, then
        ``done(body, None)``, or ``done(None, error)``."""
        ...

    def callee_sdp(self, call_id: str, body: str, done: Anchored) -> None:
        """The same for one from the callee on its way to the caller."""
        ...

    def hear_early(self, call_id: str) -> None:
        """Let the caller hear the callee before it has answered; never the other way."""
        ...

    def join(self, call_id: str, done: Callable[[bool], None]) -> None:
        """Let the parties hear each other; ``done(False)`` where that could not be."""
        ...

    def transfer(self, call_id: str, from_call: str) -> bool:
        """Make room for a call whose caller will be the callee of another one, from ``join`` on; until then nothing is
        changed there. False where that one is not there. The new call ends first where it does not come to that."""
        ...

    def take_over(self, call_id: str, from_call: str, done: Callable[[bool], None]) -> None:
        """Put the callee of ``from_call`` in the place of this call's caller, and let the parties hear each other."""
        ...

    def shut(self, call_id: str) -> None:
        """Let neither party hear the other."""

    def close(self, call_id: str) -> None:
        """Free the ports; harmless where there are none."""

    def late(self) -> float:
        """Seconds that the oldest command has waited to be carried out; 0.0 where none waits."""

    def packets(self, call_id: str, done: Callable[[tuple[int, int] | None], None]) -> None:
        """``done((from the caller, from the callee))``: RTP packets received so far; None where there is no session."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a prompt to the callee."""

    completed: bool
    """All of it was sent to the callee, without a break, while they were not on hold."""
    packets: int = 0
    """How many of its packets were sent to the callee; as last counted, where it was cut off."""
    whole: int = 0
    """How many it has."""
    as_told: bool = False
    """They went to the address that the callee's SDP named."""
    holds: int = 0
    """How often it waited for a callee on hold; it began anew each time."""
    cause: str = ""
    """Why it is not completed: ``callee_on_hold`` (for longer than it waits), ``stopped``, ``media_failed``,
    ``not_playable``."""


@dataclass(frozen=True, slots=True)
class HeardIn:
    """A stream that is offered, and whose voices its sender says are in it."""

    label: str
    people: tuple[str, ...]
    """Addresses of record; empty where it is not said."""


@dataclass(frozen=True, slots=True)
class SessionAsked:
    """Another system wants to have a call recorded; nothing has been answered yet."""

    session_id: str
    """Random; the recording has the same id."""
    client: str
    """The name of its section, ``[[siprec]]``."""
    source: str
    """Address and port it came from."""
    call_ids: tuple[str, ...]
    """That the recorded call may have, the likeliest first."""
    people: tuple[str, ...]
    """Addresses of record of everybody in the call, in the order in which they are named."""
    streams: tuple[HeardIn, ...]
    """Those that can be taken, two at most."""
    paused: bool
    """None of them sends yet."""


class SessionEvents(Protocol):
    """What the line tells of recording sessions."""

    def asked(self, asked: SessionAsked) -> None:
        """A new one. Answer with ``SipLine.take`` and ``accept``, or with ``hang_up``."""
        ...

    def changed(self, session_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        """The codec maps (as ``LineEvents.media_changed``), before a new offer is answered."""
        ...

    def paused(self, session_id: str, on: bool) -> None:
        """Its client pauses, or goes on; told before that is answered."""
        ...

    def one_sided(self, session_id: str, side: str) -> None:
        """As ``LineEvents.one_sided``: of the streams that there are."""
        ...

    def over(self, session_id: str, cause: str) -> None:
        """It has ended, or did not come about, but not by ``hang_up``."""
        ...
