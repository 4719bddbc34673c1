"""Carries out what the rules of a call command, through ports. Line thread.

Whatever takes time answers later, with an event that is told to the rules again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from gate.clock import Clock
from gate.core import screening
from gate.core.call_words import (
    ENDS,
    AnnouncementOver,
    Committed,
    Do,
    Event,
    EvidenceFailed,
    GoodbyeOver,
    RecorderFailed,
    RecorderOpened,
    RecordingDone,
    State,
    Stop,
)
from gate.core.screening import Reason
from gate.ports import (
    Fact,
    KeyStore,
    Line,
    Loop,
    Media,
    Played,
    Recorder,
    RecordingClosed,
    RecordingOpened,
)
from gate.service.keeper import Keeper
from gate.service.reconcile import closing_body
from gate.service.settings import Settings
from gate.service.talk import Talk

log = structlog.get_logger()

COMMIT_SECONDS = 5.0
"""Longest wait for evidence between the announcement and the bridge."""
GRACE_SECONDS = 5.0
"""How much longer than its length a prompt may take before it counts as failed."""

_CAUSES: Mapping[str, Reason] = {
    each.value: each for each in (Reason.GATE_STOPPING, Reason.EVIDENCE_UNAVAILABLE, Reason.INTERNAL_ERROR)
}


def _without_decision(cause: str) -> Reason:
    """Why a call is refused whose decision does not hold or did not come, by the cause of its end."""
    return _CAUSES.get(cause, Reason.INTERNAL_ERROR)


class Hands:
    """One method a command of ``core.call_words.Do``."""

    def __init__(
        self,
        *,
        line: Line,
        loop: Loop,
        media: Media,
        recorder: Recorder,
        keys: KeyStore,
        keeper: Keeper,
        settings: Settings,
        clock: Clock,
        new_id: Callable[[], str],
        mend: Callable[[str], None],
        tell: Callable[[Talk, Event], None],
        let_go: Callable[[Talk], None],
    ) -> None:
        """``tell`` feeds an event to the rules, ``let_go`` forgets a call; ``mend`` as in ``Conductor``."""
        self._line = line
        self._loop = loop
        self._media = media
        self._recorder = recorder
        self._keys = keys
        self._keeper = keeper
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._mend = mend
        self._tell = tell
        self._let_go = let_go
        self._methods: Mapping[Do, Callable[[Talk], None]] = {
            Do.REFUSE: self._refuse,
            Do.INVITE: self._invite,
            Do.INVITE_EMERGENCY: self._invite_emergency,
            Do.NOTE_EMERGENCY: self._note_emergency,
            Do.NOTE_TALKING: self._note_talking,
            Do.NOTE_ANSWERED: self._note_answered,
            Do.OPEN_RECORDER: self._open_recorder,
            Do.TAP: self._tap,
            Do.ANNOUNCE: self._announce,
            Do.COMMIT: self._commit,
            Do.START_RECORDING: self._start_recording,
            Do.CONNECT: self._connect,
            Do.NOTE_UNRECORDED: self._note_unrecorded,
            Do.PAUSE: self._pause,
            Do.RESUME: self._resume,
            Do.OBJECT: self._object,
            Do.STOP_PLAYING: self._stop_playing,
            Do.SAY_GOODBYE: self._say_goodbye,
            Do.HANG_UP: self._hang_up,
            Do.CLOSE_RECORDING: self._close_recording,
            Do.FINISH: self._finish,
        }

    def carry_out(self, command: Do, talk: Talk) -> None:
        """Do it."""
        self._methods[command](talk)

    def _refuse(self, talk: Talk) -> None:
        decision = talk.decision
        if decision is None or decision.allowed:
            decision = screening.refusal(_without_decision(talk.call.cause), talk.incoming.attempt)
        self._line.refuse(talk.id, decision.reason.value, talk.id, decision.explanation)
        self._let_go(talk)

    def _invite(self, talk: Talk) -> None:
        early = self._settings.hears_early(talk.incoming.attempt.purpose)
        self._line.invite(talk.id, talk.number, talk.presentation, talk.display_name, early=early)

    def _invite_emergency(self, talk: Talk) -> None:
        self._line.invite_emergency(talk.id, talk.number, talk.presentation, talk.display_name)

    def _note_emergency(self, talk: Talk) -> None:
        """Kept when there is room, in the order in which it happened; until then no other call is let through."""
        if talk.decision is not None:
            body = screening.decision_body(talk.decision, talk.incoming.attempt) | talk.origin
            self._keeper.keep(talk.fact("decision", talk.asked_at, actor=talk.actor, **body))

    def _note_talking(self, talk: Talk) -> None:
        at = talk.answered_at or self._clock.now()
        self._keeper.keep(talk.fact("answered", at, codec=talk.codec), talk.fact("connected", at, recorded=False))

    def _note_answered(self, talk: Talk) -> None:
        def done(error: Exception | None) -> None:
            if error is not None:
                self._tell(talk, EvidenceFailed())

        at = talk.answered_at or self._clock.now()
        self._keeper.attempt([talk.fact("answered", at, codec=talk.codec)], done)

    def _open_recorder(self, talk: Talk) -> None:
        header = {"recording_id": talk.recording_id, "call_id": talk.id, "opened": self._clock.now().isoformat()}

        def done(opened: RecordingOpened | None, error: Exception | None) -> None:
            self._loop.post(lambda: self._recorder_opened(talk, opened, error))

        self._recorder.open(talk.id, talk.recording_id, header, done, keep=self._settings.policy.record)

    def _recorder_opened(self, talk: Talk, opened: RecordingOpened | None, error: Exception | None) -> None:
        if opened is None:
            self._tell(talk, RecorderFailed(str(error)))
            return
        talk.opened = opened
        self._tell(talk, RecorderOpened())

    def _tap(self, talk: Talk) -> None:
        if talk.opened is None:
            return

        def done(sources: tuple[int, int] | None) -> None:
            if sources is None:
                self._tell(talk, RecorderFailed("no_tap"))
            else:
                self._recorder.listen(talk.id, *sources)

        if talk.payloads:
            self._recorder.media_changed(talk.id, talk.payloads)
        self._media.copy(talk.id, talk.opened.caller_port, talk.opened.callee_port, done)

    def _announce(self, talk: Talk) -> None:
        def done(played: Played) -> None:
            if talk.played is not None:
                return
            talk.played, talk.announced_to = played, self._clock.now()
            if played.holds:  # what counts is the last time, which was played to its end
                talk.announced_from = max(talk.announced_from or talk.announced_to, talk.announced_to - length)
            cause = played.cause if played.cause in ENDS else Reason.ANNOUNCEMENT_UNAVAILABLE.value
            self._tell(talk, AnnouncementOver(played.completed and played.as_told, cause))

        self._line.early_media(talk.id)
        talk.announced_from = self._clock.now()
        length = timedelta(seconds=self._media.play_announcement(talk.id, talk.codec, done))

    def _commit(self, talk: Talk) -> None:
        """Wrapped keys first, then the facts: a leaf never speaks of a recording whose key is not safe."""

        def failed(error: Exception) -> None:
            log.error("no_evidence_no_bridge", call=talk.id, error=str(error))
            self._tell(talk, EvidenceFailed())

        def facts_kept(facts: Sequence[Fact], error: Exception | None) -> None:
            talk.committing = False
            if error is not None:
                failed(error)
            else:
                talk.announced_noted = True
                talk.recording_noted = any(fact.kind == "recording_opened" for fact in facts)
                self._note_closing(talk)
                self._tell(talk, Committed())
            if talk.finishing:
                self._finish(talk)

        def keys_kept(error: Exception | None) -> None:
            if error is not None:
                failed(error)
            elif talk.call.state is State.COMMITTING:
                facts = self._connection_facts(talk)
                talk.committing = True
                self._keeper.attempt(facts, lambda error: facts_kept(facts, error))

        def late() -> None:
            if talk.call.state is State.COMMITTING:
                failed(TimeoutError("evidence took too long"))

        talk.timers.append(self._loop.after(COMMIT_SECONDS, late))
        if talk.opened is None or not self._records(talk):
            keys_kept(None)
            return
        self._keys.put(
            talk.recording_id,
            talk.opened.key_id,
            talk.opened.wraps,
            lambda error: self._loop.post(lambda: keys_kept(error)),
        )

    def _records(self, talk: Talk) -> bool:
        return talk.opened is not None and talk.call.recorder_open and self._settings.policy.record

    def _connection_facts(self, talk: Talk) -> list[Fact]:
        now = self._clock.now()
        recorded = self._records(talk)
        facts = [talk.fact("announced", now, **talk.announcement(self._settings.announcement, True))]
        if recorded and talk.opened is not None:
            facts.append(
                talk.fact(
                    "recording_opened",
                    now,
                    subject=talk.recording_id,
                    call_id=talk.id,
                    key_id=talk.opened.key_id,
                    path=talk.opened.path,
                    recipients=[recipient for recipient, _ in talk.opened.wraps],
                    commitments=dict(talk.opened.commitments),
                    purpose=self._settings.recording_purpose,
                )
            )
        facts.append(talk.fact("connected", now, recorded=recorded))
        return facts

    def _start_recording(self, talk: Talk) -> None:
        event = {"event": "announcement", **talk.announcement(self._settings.announcement, True)}
        self._recorder.start(talk.id, talk.payloads, [event])

    def _connect(self, talk: Talk) -> None:
        """The one step that lets the parties hear each other."""

        def joined(ok: bool) -> None:
            if not ok and not talk.call.emergency:
                self._tell(talk, Stop("media_failed"))

        talk.connected_at = self._clock.now()
        self._media.join(talk.id, joined)
        self._line.connect(talk.id)
        if talk.call.emergency:
            return
        talk.timers.append(
            self._loop.after(self._settings.max_call_seconds, lambda: self._tell(talk, Stop("time_limit")))
        )

    def _note_unrecorded(self, talk: Talk) -> None:
        why = "recording_disabled" if not self._settings.policy.record else "recorder_unavailable"
        self._keeper.keep(talk.fact("unrecorded", self._clock.now(), why=why))

    def _pause(self, talk: Talk) -> None:
        self._recorder.pause(talk.id)
        self._note_recording(talk, "recording_paused")

    def _resume(self, talk: Talk) -> None:
        self._recorder.resume(talk.id)
        self._note_recording(talk, "recording_resumed")

    def _note_recording(self, talk: Talk, kind: str) -> None:
        now = self._clock.now()
        self._keeper.keep(talk.fact(kind, now, subject=talk.recording_id, actor=talk.actor, call_id=talk.id))

    def _object(self, talk: Talk) -> None:
        """PECR reg 21(1)(a): the objection holds from now on, while the call is still up."""
        self._keeper.keep(
            talk.fact(
                "objection",
                self._clock.now(),
                subject=self._new_id(),
                actor="callee",
                number=talk.number,
                source="keypad",
                note="",
                call_id=talk.id,
            )
        )

    def _stop_playing(self, talk: Talk) -> None:
        if talk.answered_at is not None:
            self._media.stop_playing(talk.id)

    def _say_goodbye(self, talk: Talk) -> None:
        def over() -> None:
            self._tell(talk, GoodbyeOver())

        self._media.shut(talk.id)
        seconds = self._media.play_apology(talk.id, talk.codec, lambda _ok: over())
        talk.timers.append(self._loop.after(seconds + GRACE_SECONDS, over))

    def _hang_up(self, talk: Talk) -> None:
        self._line.hang_up(talk.id, talk.call.cause)

    def _close_recording(self, talk: Talk) -> None:
        def done(closed: RecordingClosed | None, error: Exception | None) -> None:
            self._loop.post(lambda: self._recording_closed(talk, closed, error))

        self._recorder.close(talk.id, done)

    def _recording_closed(self, talk: Talk, closed: RecordingClosed | None, error: Exception | None) -> None:
        talk.recorder_done, talk.closed, talk.not_closed = True, closed, error
        self._note_closing(talk)
        self._tell(talk, RecordingDone())

    def _note_closing(self, talk: Talk) -> None:
        """How the recording ended, once the log says that there is one and the recorder is done with it: either may
        come first, where a party hangs up while the connection is being made durable."""
        if not (talk.recording_noted and talk.recorder_done):
            return
        if talk.not_closed is None:
            self._keeper.keep(self._closing_fact(talk, talk.closed))
        else:
            error = str(talk.not_closed)
            log.error("recording_not_closed", call=talk.id, recording=talk.recording_id, error=error)
            self._mend(talk.recording_id)

    def _closing_fact(self, talk: Talk, closed: RecordingClosed | None) -> Fact:
        now = self._clock.now()
        if closed is None:
            body: dict[str, Any] = {"sha256": "", "size": 0, "seconds": 0.0, "chunks": 0, "packets": {}, "gaps": []}
            body |= {"interrupted": True, "cause": "never_started"}
        else:
            body = closing_body(closed)
        return talk.fact("recording_closed", now, subject=talk.recording_id, call_id=talk.id, **body)

    def _finish(self, talk: Talk) -> None:
        if talk.committing:  # what the log says of the connection comes first: its answer finishes the call
            talk.finishing = True
            return
        now = self._clock.now()
        facts = []
        if talk.announced_from is not None and not talk.announced_noted:
            facts.append(talk.fact("announced", now, **talk.announcement(self._settings.announcement, False)))
        facts.append(talk.fact("ended", now, **talk.ending(now)))
        self._keeper.keep(*facts)
        self._line.forget(talk.id)
        self._let_go(talk)
