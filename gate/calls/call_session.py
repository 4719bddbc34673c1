"""One call in the call manager: its state by the rules, and what its effects need."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gate.core.abandoned import Ending, Why, uninformed, why_abandoned
from gate.core.call_words import Call, State
from gate.core.calls_in import CallingIn, InEvent
from gate.core.facts import Body
from gate.core.facts.calls import Abandoned, Announced, Answered, Ended
from gate.core.rows.calls import CallInHand
from gate.core.terms import Decision
from gate.ports import Fact, Incoming, Played, RecordingClosed, RecordingOpened, Timer

log = structlog.get_logger()

UNHEARD = timedelta(seconds=0.5)
"""A callee who was not listened to for longer than this after the answer may have pressed a key: it is told."""


NOBODY = frozenset({"no_ack", "no_sdp"})
"""Causes of an end by which no agent can have been heard."""


@dataclass(slots=True)
class CallSession:
    """A call in hand. Lives on the line thread."""

    incoming: Incoming
    asked_at: datetime
    recording_id: str
    presentation: str = ""
    """The number that the callee is shown."""
    display_name: str = ""
    """The name that the callee is shown."""
    calling: CallingIn | None = None
    """The caller of a call in; None for a call out."""
    answered_by: str = ""
    """The account whose phone answered a call in."""
    call: Call = field(default_factory=Call)
    decision: Decision | None = None
    codec: str = ""
    trunk: str = ""
    """The carrier through which the callee answered."""
    decided_at: datetime | None = None
    tried: list[tuple[datetime, str, str]] = field(default_factory=list)
    """Each further INVITE: when, to which trunk, and what became of the one before."""
    dials: tuple[str, str] = ("", "")
    """The trunk of the INVITE that waits to leave, and what became of the one before."""
    opened: RecordingOpened | None = None
    recording_noted: bool = False
    """The log says that a recording was opened: it must also say how it ended."""
    committing: bool = False
    """Announcement, recording and connection are being made durable."""
    finishing: bool = False
    """The call is over and waits for that alone."""
    recorder_done: bool = False
    """It answered that it is: ``closed`` says how (None where it never started), ``not_closed`` why it could not."""
    closed: RecordingClosed | None = None
    not_closed: Exception | None = None
    payloads: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    decision_leaf: int | None = None
    """Index of the decision's leaf."""
    transfer_of: CallSession | None = None
    """The talk whose callee is the caller of this call, once it is connected."""
    other_number: str = ""
    """The caller's number, where the gate called them too."""
    receipt_made: bool = False
    joined: float | None = None
    """When the parties were joined (``gate.clock.elapsed``)."""
    silent: str = ""
    """The side that nothing came from in the first seconds of the talk."""
    parted: float | None = None
    """When they were parted, likewise: a goodbye, the code of a receipt or a slow disk may follow."""
    ended_at: datetime | None = None
    """When the call was hung up on, or let go of."""
    answered_at: datetime | None = None
    announced_from: datetime | None = None
    announced_to: datetime | None = None
    played: Played | None = None
    """How the announcement went, once it is over."""
    announced_noted: bool = False
    keys_heard_from: datetime | None = None
    """Since when the recorder listens for the callee's keys; None: it does not."""
    connected_at: datetime | None = None
    paused_at: float | None = None
    """When the recording was paused (``gate.clock.elapsed``); None: it is not."""
    bounded_at: datetime | None = None
    """When the bound of the pause was set; ``pause_ends`` resumes at its end."""
    pause_ends: Timer | None = None
    timers: list[Timer] = field(default_factory=list)
    pending: deque[InEvent] = field(default_factory=deque)
    busy: bool = False
    """Events that come while one is being carried out wait their turn."""

    @property
    def id(self) -> str:
        """The gate's id of the call."""
        return self.incoming.call_id

    @property
    def actor(self) -> str:
        """The account or PBX that asked for the call."""
        return self.incoming.attempt.claimed_by

    @property
    def number(self) -> str:
        """The dialled number, E.164; empty before the decision. In a call in, the caller's where it is known."""
        if self.calling is not None:
            return self.calling.number
        return self.decision.number if self.decision else ""

    @property
    def announcing(self) -> str:
        """State of the announcement: empty before it, ``playing``, ``played`` to its end, or ``cut``."""
        if self.announced_from is None:
            return ""
        if self.call.announced:
            return "played"
        return "playing" if self.call.state is State.ANNOUNCING else "cut"

    @property
    def origin(self) -> dict[str, Any]:
        """The call's source and presentation, as the decision's fact has them."""
        incoming = self.incoming
        return {
            "source": incoming.source,
            "codecs": list(incoming.codecs),
            "sip_call_id": incoming.sip_call_id,
            "presentation": self.presentation,
            "display_name": self.display_name,
            **({"transfer_of": self.transfer_of.id} if self.transfer_of else {}),
        }

    def passed_on_from(self, talk: CallSession | None) -> None:
        """This call is a transfer of ``talk``."""
        if talk is not None:
            self.transfer_of, self.other_number = talk, talk.number
            self.call = replace(self.call, passed_on=True)

    def picked_up(self, codec: str, trunk: str, now: datetime) -> None:
        """The callee has answered; of a call in, the phone of ``trunk``: an account's or a PBX's."""
        if self.calling is not None:
            self.answered_by = trunk
        else:
            self.codec, self.trunk, self.answered_at = codec, trunk, now

    def live(self, now: datetime) -> CallInHand:
        """The row that shows the call while it runs."""
        attempt = self.incoming.attempt
        return CallInHand(
            call_id=self.id,
            number=self.number,
            at=self.asked_at.isoformat(),
            claimed_by=self.actor,
            purpose="" if self.calling else attempt.purpose.value,
            topic="" if self.calling else attempt.topic.value,
            announcement=self.announcing,
            state=self.call.state.value,
            recording=self.call.recording,
            paused=self.call.paused,
            paused_by=(self.call.asked_by or "agent") if self.call.paused else "",
            pause_seconds=self.call.pause_seconds if self.call.paused else 0,
            pause_left=self._pause_left(now),
            seconds=round((now - self.asked_at) / timedelta(seconds=1), 1),
        )

    def _pause_left(self, now: datetime) -> int:
        if not self.call.paused or not self.call.pause_seconds or self.bounded_at is None:
            return 0
        return max(0, math.ceil(self.call.pause_seconds - (now - self.bounded_at) / timedelta(seconds=1)))

    def listened(self, now: datetime) -> None:
        """The recorder hears the callee's keys from now on; those that were pressed since the answer are not known."""
        if self.keys_heard_from is None:
            self.keys_heard_from = now
            late = now - (self.answered_at or now)
            if late > UNHEARD:
                hint = "the recorder was late: what the callee pressed in this time is not known"
                log.warning("callee_not_heard", call=self.id, seconds=round(late / timedelta(seconds=1), 3), hint=hint)

    def fact(self, body: Body, at: datetime, *, subject: str = "", actor: str = "gate") -> Fact:
        """A fact about this call (or about ``subject``)."""
        return body.fact(subject or self.id, at, actor)

    def announcement(self, identity: Mapping[str, str], completed: bool, to: str) -> Announced:
        """What is kept of the announcement: which one, when it played, to its end or not; how many of its packets were
        sent to whom, whether to the address that the callee's SDP named, how often it waited for a hold; and from when
        on the callee's keys were heard."""
        return Announced(
            **identity,
            started=self.announced_from.isoformat() if self.announced_from else None,
            ended=self.announced_to.isoformat() if self.announced_to else None,
            completed=completed,
            to=to,
            packets=self.played.packets if self.played else 0,
            packets_whole=self.played.whole if self.played else 0,
            as_in_sdp=self.played.as_told if self.played else False,
            holds=self.played.holds if self.played else 0,
            keys_heard_from=self.keys_heard_from.isoformat() if self.keys_heard_from else None,
        )

    def ending(self, now: float) -> Ended:
        """What is kept of the end: by whom, why, SIP code, seconds of talk, and whether the parties were bridged: a
        caller of whom nothing can have been heard was nobody to the callee (LAW 3.4)."""
        return Ended(
            by=self.call.ended_by,
            cause=self.call.cause,
            code=self.call.code,
            seconds=self.talked(now),
            bridged=self.connected_at is not None and self.call.cause not in NOBODY,
        )

    def abandonment(
        self, ended: Ended, identity: Mapping[str, str], silent: str, lacks: str, brief_seconds: float
    ) -> Abandoned | None:
        """What is kept where the callee of a call out had answered and found nobody. ``identity`` of the announcement;
        ``silent`` as in ``Ending``; ``lacks`` as ``message_lacks``."""
        if self.answered_at is None or self.calling is not None or self.call.emergency:
            return None
        why = why_abandoned(Ending(ended.by, ended.bridged, ended.seconds, self.call.objected, silent), brief_seconds)
        if why is None:
            return None
        began = self.announced_from
        lacking = uninformed(self.answered_at, began, whole=self.call.announced, lacks=lacks)
        played: dict[str, Any] = {}
        if began is not None:
            played = {"began_after": round((began - self.answered_at).total_seconds(), 3), **identity}
        return Abandoned(why=why.value, informed=not lacking, lacks=lacking, **played)

    def talked(self, now: float) -> float:
        """Seconds for which the parties have heard each other."""
        return round((now if self.parted is None else self.parted) - self.joined, 3) if self.joined is not None else 0.0

    def stepped(self, before: State, now: datetime, clock: float) -> None:
        """The rules have taken the call on from this state."""
        state = self.call.state
        if before is State.TALKING and state is not before:
            self.parted = clock
        if self.ended_at is None and state in (State.CLOSING, State.ENDED):
            self.ended_at = now


def answered_unattended(call_id: str, trunk: str, now: datetime, session: CallSession | None) -> list[Fact]:
    """The callee has picked up what is hung up on; the call may be forgotten already (``session`` is None). Where
    another phone of theirs was put through, they found somebody."""
    log.warning("answered_unattended", call=call_id, trunk=trunk)
    bodies: list[Body] = [Answered(codec="", trunk=trunk, unattended=True)]
    if session is None or (session.answered_at is None and not session.call.emergency):
        bodies.append(Abandoned(why=Why.ANSWERED_LATE.value, informed=False, lacks="not_played"))
    return [body.fact(call_id, now, "gate") for body in bodies]
