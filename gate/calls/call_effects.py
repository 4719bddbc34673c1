"""Carries out what the rules of a call command, through ports. Line thread.

Whatever takes time answers later, with an event that is told to the rules again. What the log says of a connection is
there before anybody is heard.

A transfer to a number is a call of its own, with its own decision, announcement and recording; its decision says which
talk it comes from (``transfer_of``), and ``transferred`` is kept with its connection: to whom that talk's callee went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from msgspec import UNSET

from gate.calls.call_session import CallSession
from gate.calls.call_settings import CallSettings
from gate.calls.receipts import Receipts
from gate.calls.reconcile import closing, empty, unheard
from gate.calls.retry_queue import RetryQueue, TakenBack, Unless
from gate.clock import Clock, elapsed
from gate.core.call_words import (
    ENDS,
    AnnouncementOver,
    Committed,
    Do,
    EvidenceFailed,
    Failed,
    GoodbyeOver,
    PauseAsked,
    RecorderFailed,
    RecorderOpened,
    RecordingDone,
    State,
    Stop,
)
from gate.core.calls import to_record
from gate.core.calls_in import DoIn, InEvent
from gate.core.facts import calls as facts
from gate.core.facts import recordings
from gate.core.facts.lists import Objection
from gate.core.screening import decision_fact, refusal
from gate.core.terms import Attempt, Decision, Reason
from gate.ports import Fact, Incoming, Played, RecordingClosed, RecordingOpened
from gate.store.queries import UNDECIDED
from gate.store.transaction import StoreTransaction
from gate.vault.keystore import KeyStoreDb

if TYPE_CHECKING:
    from gate.media.relay import RtpIoMedia
    from gate.recorder.client import RecorderClient
    from gate.sip.line import SipLine

log = structlog.get_logger()

COMMIT_SECONDS = 5.0
"""Longest wait for evidence between the announcement and the bridge."""
GRACE_SECONDS = 5.0
"""How much longer than its length a prompt may take before it counts as failed."""

_NO_DECISION = (Reason.GATE_STOPPING, Reason.EVIDENCE_UNAVAILABLE, Reason.DECISION_LATE, Reason.INTERNAL_ERROR)
_CAUSES: Mapping[str, Reason] = {each.value: each for each in _NO_DECISION}
"""Why a call is refused whose decision does not hold or did not come, by the cause of its end."""


class CallEffects:
    """Carries out commands: one method for each member of ``core.call_words.Do``."""

    def __init__(
        self,
        *,
        line: SipLine,
        media: RtpIoMedia,
        recorder: RecorderClient,
        keys: KeyStoreDb,
        retry_queue: RetryQueue,
        settings: CallSettings,
        clock: Clock,
        new_id: Callable[[], str],
        mend: Callable[[str, float], None],
        tell: Callable[[CallSession, InEvent], None],
        receipts: Receipts,
        let_go: Callable[[CallSession], None],
        taken_back: Callable[[StoreTransaction, Attempt, datetime], str],
        look_again: Callable[[CallSession], None],
    ) -> None:
        """``tell`` feeds an event to the rules, ``let_go`` forgets a call; ``mend`` as in ``CallManager``,
        ``taken_back`` as in ``Screener``; ``look_again`` decides anew, and tells the rules."""
        self._line = line
        self._media = media
        self._recorder = recorder
        self._keys = keys
        self._retry_queue = retry_queue
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._mend = mend
        self._feed = tell
        self._receipts = receipts
        self._let_go = let_go
        self._taken_back = taken_back
        self._methods: Mapping[Do, Callable[[CallSession], None]] = {
            Do.REFUSE: self._refuse,
            Do.INVITE: self._invite,
            Do.LOOK_AGAIN: look_again,
            Do.DIAL_AGAIN: lambda it: line.dial_again(it.id),
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
            Do.OBJECT_OTHER: lambda it: retry_queue.keep(self._objection(it, "caller", it.other_number, "keypad")),
            Do.STOP_PLAYING: self._stop_playing,
            Do.SAY_GOODBYE: self._say_goodbye,
            Do.KEEP_NO_MORE: self._keep_no_more,
            Do.SHUT: lambda it: media.shut(it.id),
            Do.HANG_UP: self._hang_up,
            Do.CLOSE_RECORDING: self._close_recording,
            Do.FINISH: self._finish,
        }

    def carry_out(self, command: Do | DoIn, session: CallSession) -> None:
        """Do it."""
        if isinstance(command, Do):
            self._methods[command](session)

    def end_if_let_through(self, session: CallSession) -> None:
        """Keep the end of a call that was refused without evidence: the log may have it as let through all the same,
        where the answer to the commit was late or lost. Where it has not, the end is passed over (``RetryQueue``)."""
        if session.call.cause in UNDECIDED:  # else its end is kept already
            self._retry_queue.keep(session.fact(session.ending(0.0), session.ended_at or self._clock.now()))

    def _refuse(self, session: CallSession) -> None:
        decision = session.decision
        if decision is None or decision.allowed:
            decision = refusal(_CAUSES.get(session.call.cause, Reason.INTERNAL_ERROR), session.incoming.attempt)
        why, elsewhere = decision.reason, self._retry_queue.may_go_elsewhere(decision.reason)
        self._line.refuse(session.id, why.value, session.id, decision.explanation, elsewhere=elsewhere)
        self._let_go(session)

    def _invite(self, session: CallSession) -> None:
        if session.actor in self._settings.redirected:
            if self._line.redirect(session.id, session.number):
                self._feed(session, Failed(302, "redirected"))
            return
        early = self._settings.hears_early(session.incoming.attempt.purpose)
        self._line.invite(session.id, session.number, session.presentation, session.display_name, early=early)

    def _invite_emergency(self, session: CallSession) -> None:
        self._line.invite_emergency(session.id, session.number, session.presentation, session.display_name)

    def _note_emergency(self, session: CallSession) -> None:
        """Kept when there is room, in the order in which it happened; until then no other call is let through."""
        if session.decision is not None:
            decision = decision_fact(session.decision, session.incoming.attempt, **session.origin)
            self._retry_queue.keep(session.fact(decision, session.asked_at, actor=session.actor))

    def _note_talking(self, session: CallSession) -> None:
        at = session.answered_at or self._clock.now()
        self._retry_queue.keep(
            session.fact(facts.Answered(codec=session.codec, trunk=session.trunk), at),
            session.fact(facts.Connected(recorded=False, trunk=session.trunk), at),
        )

    def _note_answered(self, session: CallSession) -> None:
        at = session.answered_at or self._clock.now()
        fact = session.fact(facts.Answered(codec=session.codec, trunk=session.trunk), at)

        def done(error: Exception | None) -> None:
            if isinstance(error, TakenBack):  # whom we may not call any more hears nothing of us
                self._feed(session, EvidenceFailed(str(error)))
            elif error is not None:  # it is kept later: they have picked up all the same (LAW 3.4)
                self._feed(session, EvidenceFailed())

        self._retry_queue.attempt([fact], done, self._unless(session), happened=True)

    def _unless(self, session: CallSession) -> Unless | None:
        """Decide again: the callee, or whoever is transferred to them, may have objected since."""
        parties = [each for each in (session, session.transfer_of) if each is not None]
        return lambda tx: still_wanted(self._taken_back, tx, self._clock.now(), *parties)

    def _open_recorder(self, session: CallSession) -> None:
        header = {"recording_id": session.recording_id, "call_id": session.id, "opened": self._clock.now().isoformat()}
        payloads = session.payloads

        def recorder_opened(opened: RecordingOpened | None, error: Exception | None) -> None:
            if opened is None:
                self._feed(session, RecorderFailed(str(error)))
                return
            session.opened = opened
            if session.payloads is not payloads:
                self._recorder.media_changed(session.id, session.payloads)
            self._feed(session, RecorderOpened(keeps=not opened.unkept))

        def done(opened: RecordingOpened | None, error: Exception | None) -> None:
            self._line.post(lambda: recorder_opened(opened, error))

        policy = self._settings.policy
        self._recorder.open(
            session.id, session.recording_id, header, done, keep=policy.record, listen=policy.go_on_unrecorded,
            payloads=payloads,
        )  # fmt: skip

    def _tap(self, session: CallSession) -> None:
        if session.opened is None:
            return

        def done(sources: tuple[int, int] | None) -> None:
            if sources is None:
                self._feed(session, RecorderFailed("no_tap"))
            else:
                session.listened(self._clock.now())
                self._recorder.listen(session.id, *sources)

        self._media.copy(session.id, session.opened.caller_port, session.opened.callee_port, done)

    def _announce(self, session: CallSession) -> None:
        def done(played: Played) -> None:
            if session.played is not None:
                return
            session.played, session.announced_to = played, self._clock.now()
            if played.holds:  # what counts is the last time, which was played to its end
                session.announced_from = max(
                    session.announced_from or session.announced_to, session.announced_to - length
                )
            cause = played.cause if played.cause in ENDS else Reason.ANNOUNCEMENT_UNAVAILABLE.value
            self._feed(session, AnnouncementOver(played.completed and played.as_told, cause))

        self._line.early_media(session.id)
        for_whom = session.incoming.attempt.on_behalf_of
        session.announced_from = self._clock.now()
        length = timedelta(seconds=self._media.play_announcement(session.id, session.codec, done, for_whom))

    def _commit(self, session: CallSession) -> None:
        """Wrapped keys first, then the facts: a leaf never speaks of a recording whose key is not safe."""

        def failed(error: Exception) -> None:
            if isinstance(error, TakenBack):
                log.warning("taken_back", call=session.id, reason=str(error))
                self._feed(session, EvidenceFailed(str(error)))
                return
            log.error("no_evidence_no_bridge", call=session.id, error=str(error))
            self._feed(session, EvidenceFailed())

        def facts_kept(kept: Sequence[Fact], error: Exception | None) -> None:
            session.committing = False
            # After an error, too, the log may have its opening; where it has not, its closing is passed over.
            session.recording_noted = any(fact.kind == recordings.RecordingOpened.kind for fact in kept)
            self._note_closing(session)
            if error is not None:
                failed(error)
            else:
                session.announced_noted = True
                self._feed(session, Committed())
            if session.finishing:
                self._finish(session)

        def keys_kept(error: Exception | None) -> None:
            if error is not None:
                failed(error)
            elif session.call.state is State.COMMITTING:
                kept = self._connection_facts(session)
                session.committing = True
                self._retry_queue.attempt(kept, lambda error: facts_kept(kept, error), self._unless(session))

        def late() -> None:
            if session.call.state is State.COMMITTING:
                failed(TimeoutError("evidence took too long"))

        session.timers.append(self._line.after(COMMIT_SECONDS, late))
        if session.opened is None or not self._records(session):
            keys_kept(None)
            return
        self._keys.put(
            session.recording_id,
            session.opened.key_id,
            session.opened.wraps,
            lambda error: self._line.post(lambda: keys_kept(error)),
        )

    def _records(self, session: CallSession) -> bool:
        return session.opened is not None and to_record(session.call, self._settings.policy)

    def _connection_facts(self, session: CallSession) -> list[Fact]:
        purpose = self._settings.recording_purpose
        return connection_facts(
            session,
            self._announcement_fact(session, True),
            self._connection_fact(session),
            self._clock,
            purpose=purpose,
        )

    def _connection_fact(self, session: CallSession) -> facts.Connected:
        return facts.Connected(recorded=self._records(session), trunk=session.trunk)

    def _announcement_fact(self, session: CallSession, completed: bool) -> facts.Announced:
        """The fact of the announcement."""
        return session.announcement(self._settings.announced(session.incoming.attempt), completed, "callee")

    def _start_recording(self, session: CallSession) -> None:
        event = {"event": "announcement", **self._announcement_fact(session, True).values()}
        self._recorder.start(session.id, session.payloads, [event])

    def _connect(self, session: CallSession) -> None:
        """The one step that lets the parties hear each other."""

        def joined(ok: bool) -> None:
            if not ok and not session.call.emergency:
                self._feed(session, Stop("media_failed"))

        session.connected_at, session.joined = self._clock.now(), elapsed(self._clock)
        self._media.join(session.id, joined)
        self._line.connect(session.id)
        if not session.call.emergency:
            seconds = self._settings.max_call_seconds
            session.timers.append(self._line.after(seconds, lambda: self._feed(session, Stop("time_limit"))))

    def _note_unrecorded(self, session: CallSession) -> None:
        why = "recording_disabled" if not self._settings.policy.record else "recorder_unavailable"
        self._retry_queue.keep(session.fact(facts.Unrecorded(why=why), self._clock.now()))

    def _pause(self, session: CallSession) -> None:
        """The recorder has the bound too: it resumes where the gate is gone, or hangs."""
        seconds = session.call.pause_seconds
        self._recorder.pause(session.id, seconds)
        self._end_bound(session)
        if session.paused_at is None:
            session.paused_at = elapsed(self._clock)
        if seconds:
            over = PauseAsked(False, "gate", f"the {seconds} seconds of the pause are over")
            session.bounded_at = self._clock.now()
            session.pause_ends = self._line.after(seconds, lambda: self._feed(session, over))
            session.timers.append(session.pause_ends)
        why = session.call.why if session.call.asked_by else UNSET
        body = recordings.RecordingPaused(call_id=session.id, why=why, seconds=seconds or UNSET)
        self._note_recording(session, body)

    def _resume(self, session: CallSession) -> None:
        self._recorder.resume(session.id)
        self._end_bound(session)
        why = session.call.why if session.call.asked_by else UNSET
        lasted = UNSET if session.paused_at is None else round(elapsed(self._clock) - session.paused_at, 3)
        session.paused_at = None
        self._note_recording(session, recordings.RecordingResumed(call_id=session.id, why=why, paused=lasted))

    @staticmethod
    def _end_bound(session: CallSession) -> None:
        if session.pause_ends is not None:
            session.pause_ends.cancel()
        session.pause_ends = session.bounded_at = None

    def _note_recording(
        self, session: CallSession, body: recordings.RecordingPaused | recordings.RecordingResumed
    ) -> None:
        actor = session.call.asked_by or session.actor
        now = self._clock.now()
        self._retry_queue.keep(session.fact(body, now, subject=session.recording_id, actor=actor))

    def _object(self, session: CallSession) -> None:
        """PECR reg 21(1)(a): the objection holds from now on, while the call is still up."""
        self._retry_queue.keep(self._objection(session, "callee", session.number, "keypad"))

    def _objection(self, session: CallSession, actor: str, number: str, source: str) -> Fact:
        objection = Objection(number=number, source=source, note="", call_id=session.id)
        return session.fact(objection, self._clock.now(), subject=self._new_id(), actor=actor)

    def _stop_playing(self, session: CallSession) -> None:
        if session.answered_at is not None:
            self._media.stop_playing(session.id)

    def _say_goodbye(self, session: CallSession) -> None:
        def over() -> None:
            self._feed(session, GoodbyeOver())

        spoken = False

        def receipt() -> None:
            nonlocal spoken
            if not spoken:
                spoken = True
                self._receipts.speak(session, over)

        self._media.shut(session.id)
        if session.call.ended_by == "caller":  # there is nothing to be sorry for
            receipt()
            return
        seconds = self._media.play_apology(session.id, session.codec, lambda _ok: receipt())
        session.timers.append(self._line.after(seconds + GRACE_SECONDS, receipt))

    def _hang_up(self, session: CallSession) -> None:
        self._line.hang_up(session.id, session.call.cause)

    def _keep_no_more(self, session: CallSession) -> None:
        def done(closed: RecordingClosed | None, error: Exception | None) -> None:
            self._line.post(lambda: self._recording_over(session, closed, error))

        # The recorder hears what either party heard, to the last packet.
        self._media.when_quiet(session.id, lambda: self._recorder.keep_no_more(session.id, done))

    def _close_recording(self, session: CallSession) -> None:
        def closed(closed: RecordingClosed | None, error: Exception | None) -> None:
            self._recording_over(session, closed, error)
            self._feed(session, RecordingDone())

        def done(result: RecordingClosed | None, error: Exception | None) -> None:
            self._line.post(lambda: closed(result, error))

        self._media.when_quiet(session.id, lambda: self._recorder.close(session.id, done))

    def _recording_over(self, session: CallSession, closed: RecordingClosed | None, error: Exception | None) -> None:
        """The first of both answers tells how the recording ended."""
        if not session.recorder_done:
            session.recorder_done, session.closed, session.not_closed = True, closed, error
            self._note_closing(session)

    def _note_closing(self, session: CallSession) -> None:
        """How the recording ended, once the log says that there is one and the recorder is done: in either order."""
        if not (session.recording_noted and session.recorder_done):
            return
        if session.not_closed is None:
            self._retry_queue.keep(self._closing_fact(session, session.closed))
        else:
            error = str(session.not_closed)
            log.error("recording_not_closed", call=session.id, recording=session.recording_id, error=error)
            self._mend(session.recording_id, session.talked(elapsed(self._clock)))

    def _closing_fact(self, session: CallSession, closed: RecordingClosed | None) -> Fact:
        talked = session.talked(elapsed(self._clock))
        done = closed or empty(session.recording_id)
        body = closing(session.id, done, talked=talked, silent=unheard(session.silent, done.packets))
        return session.fact(body, self._clock.now(), subject=session.recording_id)

    def _finish(self, session: CallSession) -> None:
        if session.committing:  # what the log says of the connection comes first: its answer finishes the call
            session.finishing = True
            return
        now = self._clock.now()
        kept = []
        if session.announced_from is not None and not session.announced_noted:
            kept.append(session.fact(self._announcement_fact(session, session.call.announced), now))
        ended, at = session.ending(elapsed(self._clock)), session.ended_at or now
        kept.append(session.fact(ended, at))
        silent = unheard(session.silent, session.closed.packets) if session.closed else session.silent
        settings, attempt = self._settings, session.incoming.attempt
        if found_nobody := session.abandonment(
            ended,
            settings.announced(attempt),
            silent,
            settings.message_lacks.get(attempt.on_behalf_of, ""),
            settings.brief_seconds,
        ):
            kept.append(session.fact(found_nobody, at))
        self._retry_queue.keep(*kept)
        self._line.forget(session.id)
        self._receipts.send(session)
        self._let_go(session)


def connection_facts(
    session: CallSession, announcement: facts.Announced, connected: facts.Connected, clock: Clock, *, purpose: str
) -> list[Fact]:
    """The announcement was heard to its end, the recording was opened for its purpose (where it is), the parties
    are joined."""
    now = clock.now()
    kept = [session.fact(announcement, now)]
    if connected.recorded and session.opened is not None:
        opened = recordings.RecordingOpened(
            call_id=session.id,
            key_id=session.opened.key_id,
            path=session.opened.path,
            recipients=[recipient for recipient, _ in session.opened.wraps],
            commitments=dict(session.opened.commitments),
            purpose=purpose,
        )
        kept.append(session.fact(opened, now, subject=session.recording_id))
    kept += transfer_facts(session, clock)
    kept.append(session.fact(connected, now))
    return kept


# --- transfers -------------------------------------------------------------------------------------------------------


class Transfers:
    """The transfers that are asked for during calls."""

    def __init__(
        self, line: SipLine, recorder: RecorderClient, retry_queue: RetryQueue, clock: Clock,
        taken_back: Callable[[StoreTransaction, Attempt, datetime], str],
    ) -> None:  # fmt: skip
        """``taken_back`` as in ``Screener``."""
        self._line = line
        self._recorder = recorder
        self._retry_queue = retry_queue
        self._clock = clock
        self._taken_back = taken_back

    def attempt(
        self, incoming: Incoming, talk: CallSession, emergency: Callable[[Incoming], Decision | None]
    ) -> Incoming:
        """The attempt at the target: for what the talk is for, under the number and name that it shows. Those for help
        are dialled, never transferred to."""
        was, asked = talk.incoming.attempt, incoming.attempt
        if asked.claimed_through in ("", "configuration"):
            asked = replace(asked, purpose=was.purpose, topic=was.topic, claimed_through=was.claimed_through)
        asked = replace(asked, presentation=was.presentation, on_behalf_of=was.on_behalf_of, campaign=was.campaign)
        attempt = replace(incoming, attempt=asked, display_name=talk.incoming.display_name)
        if emergency(attempt) is not None:
            return replace(attempt, problem=Reason.DESTINATION_NOT_ALLOWED.value)
        return attempt

    def join(self, after: CallSession | None, talk: CallSession | None, call_id: str, from_call: str) -> None:
        """Both callees are announced and recorded: that they are joined is kept first, and whether either has objected
        meanwhile is looked at with it."""
        if after is None or talk is None or {after.call.state, talk.call.state} != {State.TALKING}:
            self._line.take_over(call_id, from_call, why_not=Reason.INTERNAL_ERROR.value)
            return

        def done(error: Exception | None) -> None:
            why_not = ""
            if isinstance(error, TakenBack):
                log.warning("taken_back", call=from_call, reason=str(error))
                why_not = str(error)
            elif error is not None:
                log.error("no_evidence_no_transfer", call=from_call, error=str(error))
                why_not = Reason.EVIDENCE_UNAVAILABLE.value
            elif {after.call.state, talk.call.state} != {State.TALKING}:
                why_not = Reason.INTERNAL_ERROR.value
            else:
                self._joined(after, talk)
            self._line.take_over(call_id, from_call, why_not=why_not)

        now = self._clock.now()
        self._retry_queue.attempt(
            [transferred_fact(talk, after, self._clock)], done,
            lambda tx: still_wanted(self._taken_back, tx, now, talk, after),
        )  # fmt: skip

    def _joined(self, after: CallSession, talk: CallSession) -> None:
        """The agent's keys are nobody's from here on: a pause for card data, which they alone could end, is over."""
        if after.call.paused and not after.call.asked_by:
            self._recorder.resume(after.id)
            resumed = recordings.RecordingResumed(call_id=after.id)
            self._retry_queue.keep(resumed.fact(after.recording_id, self._clock.now(), "gate"))
            after.call, after.paused_at = replace(after.call, paused=False), None
        after.call = replace(after.call, passed_on=True, keys="")
        after.other_number = talk.number


def still_wanted(
    taken_back: Callable[[StoreTransaction, Attempt, datetime], str], tx: StoreTransaction, now: datetime,
    *sessions: CallSession,
) -> str:  # fmt: skip
    """Why one of these callees may not be connected with anybody any more; empty where all may."""
    return next((why for each in sessions if (why := taken_back(tx, each.incoming.attempt, now))), "")


def transfer_facts(after: CallSession, clock: Clock) -> list[Fact]:
    """The fact of a transfer, kept with the connection of the call that follows; empty for any other call."""
    return [transferred_fact(after.transfer_of, after, clock)] if after.transfer_of is not None else []


def transferred_fact(talk: CallSession, after: CallSession, clock: Clock) -> Fact:
    """The fact that the callee of a talk goes over to another call."""
    return talk.fact(facts.Transferred(call_id=talk.id, to=after.id), clock.now(), actor=talk.actor)
