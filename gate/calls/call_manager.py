"""Carries a call from INVITE to its last leaf.

Everything here runs on the line thread. The rules of a call are ``core.calls``: the call manager turns what the line,
the recorder and the store say into its events, and its commands into calls on ports. It decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import structlog

from gate.calls.call_effects import CallEffects, Transfers
from gate.calls.call_session import CallSession, answered_unattended
from gate.calls.call_settings import CallSettings
from gate.calls.calls_in import CallInAdmission, CallInEffects
from gate.calls.metrics import Metrics
from gate.calls.obstacles import Obstacles, RefusalCounts
from gate.calls.receipts import Receipts
from gate.calls.retry_queue import RetryQueue
from gate.calls.screener import Screener
from gate.calls.usage import Usage
from gate.clock import Clock, elapsed
from gate.core import calls
from gate.core.allowances import Used
from gate.core.call_words import (
    Answered,
    CallerLeft,
    Decided,
    DiallingAgain,
    Digit,
    Emergency,
    EvidenceFailed,
    Failed,
    HangUpAsked,
    HungUp,
    NotKept,
    PauseAsked,
    RecorderFailed,
    Ringing,
    State,
    StillAllowed,
    Stop,
)
from gate.core.calls import why_not_paused
from gate.core.calls_in import Acknowledged, CallingIn, InEvent, ObjectionKept, step
from gate.core.facts.calls import HangUp, LegsEnded, OneSided
from gate.core.rows.calls import CallInHand, UsageRow
from gate.core.screening import refusal
from gate.core.terms import Attempt, Decision, Reason, Verdict
from gate.ports import Fact, Incoming, Timer
from gate.store.queries import UNDECIDED
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.vault.keystore import KeyStoreDb

if TYPE_CHECKING:
    from gate.media.relay import RtpIoMedia
    from gate.recorder.client import RecorderClient
    from gate.sip.line import SipLine

E = TypeVar("E", bound=CallEffects)

log = structlog.get_logger()

WATCH_SECONDS = 1.0
"""How often it is looked whether store and recorder answer."""
LOOKS_AWAY = 3
"""Looks in a row without an answer after which nobody is rung any longer."""


class CallManager:
    """Implements ``ports.LineEvents`` and ``ports.RecorderEvents``."""

    def __init__(
        self,
        *,
        line: SipLine,
        media: RtpIoMedia,
        recorder: RecorderClient,
        store: EvidenceStore,
        keys: KeyStoreDb,
        retry_queue: RetryQueue,
        screener: Screener,
        settings: CallSettings,
        clock: Clock,
        new_id: Callable[[], str],
        metrics: Metrics,
        mend: Callable[[str, float], None],
        used: Mapping[str, Used] | None = None,
        stalled: Callable[[], bool] | None = None,
    ) -> None:
        """``mend(recording_id, talked)`` closes in the log what the recorder could not; ``used``: today, of their
        limits; ``stalled``: the disk of the data folder does not answer (None: the store's word is taken for it)."""
        self._line = line
        self._media = media
        self._recorder = recorder
        self._store = store
        self._screener = screener
        self._settings = settings
        self._clock, self._new_id = clock, new_id
        self._metrics = metrics
        self._retry_queue = retry_queue
        retry_queue.on_settled.append(self._check_drained)
        self._refusals = RefusalCounts(self._retry_queue, clock, line)
        self._usage = Usage(settings.allowances, self._retry_queue.keep, used or {}, clock.now())
        self._stalled = stalled or (lambda: store.stalled)
        self._obstacles = Obstacles(
            settings, media, recorder, self._retry_queue, self._refusals, self._usage, self._stalled
        )
        self._watching, self._looks_away = False, 0
        self.leaving = False
        """It takes no new calls (``leave_to_others``)."""
        self._refusing: Timer | None = None
        self.traced: Callable[[CallSession, datetime], None] | None = None
        """Told of each call that is over, where calls are traced."""
        self._sessions: dict[str, CallSession] = {}
        self._drained: Callable[[], None] | None = None
        self._receipts = Receipts(settings.receipts, line, media, self._retry_queue, clock, new_id)
        self._calls_in = CallInAdmission(settings, recorder, line)
        self._transfers = Transfers(line, recorder, self._retry_queue, clock, screener.taken_back)

        def effects(kind: type[E]) -> E:
            return kind(
                line=line, media=media, recorder=recorder, keys=keys, retry_queue=self._retry_queue,
                settings=settings, clock=clock, new_id=new_id, mend=mend, tell=self._feed, receipts=self._receipts,
                let_go=self._let_go, taken_back=screener.taken_back, look_again=self._look_again,
            )  # fmt: skip

        self._effects = effects(CallEffects)
        self._effects_in = effects(CallInEffects)

    # --- what the line says (ports.LineEvents) ----------------------------------------------------------------------

    def incoming(self, incoming: Incoming, transfer_of: CallSession | None = None) -> None:
        """A new attempt: screened and made durable on the store thread, then refused or let through."""
        now = self._clock.now()
        emergency = self._emergency(incoming) if transfer_of is None else None
        number, name = self._settings.shown(incoming, emergency=emergency is not None)
        session = CallSession(incoming, now, self._new_id(), presentation=number, display_name=name)
        session.passed_on_from(transfer_of)
        if emergency is not None:
            self._help(session, emergency)
            return
        obstacle = self._obstacles.to_call(incoming, len(self._sessions), now, new=transfer_of is None)
        if obstacle is not None and not self._obstacles.worth_a_leaf(incoming, obstacle, now):
            decision = refusal(obstacle, incoming.attempt)
            self._metrics.decided(incoming.attempt.claimed_by, decision.verdict.value, decision.reason.value)
            elsewhere = self._retry_queue.may_go_elsewhere(decision.reason)
            self._line.refuse(session.id, decision.reason.value, session.id, decision.explanation, elsewhere=elsewhere)
            return
        room = self._usage.room(session.actor) if self._store.shared and obstacle is None else None
        self._sessions[session.id] = session
        self._watch()
        self._usage.began(session)
        self._metrics.calls.set(len(self._sessions))

        def work(tx: StoreTransaction) -> Decision:
            if self._store.shared and (decision := self._screener.merged(tx, incoming, now)):
                return decision
            full = None if room is None else self._screener.no_room(tx, incoming.attempt, now, room)
            decision = self._screener.decide(
                tx, incoming.attempt, now, call_id=session.id, obstacle=obstacle or full,
                origin=session.origin | self._settings.redirects(session.actor),
                asked_before=self._metrics.asked_before.inc,
            )  # fmt: skip
            session.decision_leaf = tx.frontier.size - 1
            return decision

        def done(decision: Decision | None, error: Exception | None) -> None:
            self._line.post(lambda: self._decided(session, decision, error))
            if room is not None and decision is not None and decision.reason is Reason.TOO_MANY_CALLS_AT_ONCE:
                self._line.post(lambda: self._usage.no_room(session.actor, self._clock.now()))

        limited = room is not None
        self._store.submit(
            work, done, lambda: self._screener.asks(incoming.attempt, now, incoming.invite, limited=limited)
        )

    def transferring(self, incoming: Incoming, from_call: str) -> None:
        """The callee of a talk is to be connected with another number: a new attempt of the same caller's."""
        talk = self._sessions.get(from_call)
        if talk is None:
            self._line.refuse(incoming.call_id, Reason.INTERNAL_ERROR.value, "", "The call is over.")
            return
        now = self._clock.now()

        def looked(why_not: str | None, error: Exception | None) -> None:
            if error is not None:
                self._line.refuse(incoming.call_id, Reason.EVIDENCE_UNAVAILABLE.value, "", "")
            elif why_not:  # nobody is rung for whom they could not be connected with
                log.warning("taken_back", call=from_call, reason=why_not)
                self._line.refuse(incoming.call_id, why_not, "", "Who would be passed on wants no calls.")
            else:
                self.incoming(self._transfers.attempt(incoming, talk, self._emergency), talk)

        self._store.submit(
            lambda tx: self._screener.taken_back(tx, talk.incoming.attempt, now),
            lambda why_not, error: self._line.post(lambda: looked(why_not, error)),
        )

    def joining(self, call_id: str, from_call: str) -> None:
        """Connect the callees of two talks of one caller."""
        self._transfers.join(self._sessions.get(call_id), self._sessions.get(from_call), call_id, from_call)

    def calling_in(self, calling: CallingIn) -> None:
        """Answer a call to one of our numbers; nothing more happens before the ACK."""
        ids, now = (self.obstacle(), self._new_id()), self._clock.now()
        if session := self._calls_in.session(calling, self._sessions.values(), *ids, now):
            self._sessions[session.id] = session
            self._watch()
            self._metrics.calls.set(len(self._sessions))
            self._line.answer(session.id)

    def acknowledged(self, call_id: str, codec: str) -> None:
        """The caller of a call in has acknowledged our answer."""
        if session := self._sessions.get(call_id):
            session.codec, session.answered_at = codec, self._clock.now()
            self._feed(session, Acknowledged())

    def nobody_answers(self, call_id: str, code: int) -> None:
        """None of the phones that a call in has rung; its caller is still there."""
        self._feed_id(call_id, Failed(code, "no_answer"))

    def shed(self, claimed_by: str, reason: Reason) -> None:
        """The line could not carry another call in time, and has refused it: counted, for a leaf each would make it
        later still."""
        self._metrics.decided(claimed_by, Verdict.BLOCK.value, reason.value)
        self._refusals.shed(claimed_by, reason)

    def refuses(self, attempt: Attempt) -> bool:
        """As ``ports.LineEvents.refuses``."""
        return self._screener.refuses(attempt, self._clock.now())

    def oldest_opening(self) -> float:
        """As ``ports.LineEvents.oldest_opening``."""
        return 0.0 if self._settings.policy.go_on_unrecorded else self._recorder.oldest_opening

    def _emergency(self, incoming: Incoming) -> Decision | None:
        """The decision of an emergency call, None for any other call. A claim that was refused does not stop it."""
        proven = incoming.problem in ("", Reason.CLAIM_REFUSED)
        return self._screener.emergency(incoming.attempt) if proven else None

    def _help(self, session: CallSession, decision: Decision) -> None:
        """LAW 3.5: past every limit, and out before anything is written."""
        session.decision = decision
        self._sessions[session.id] = session
        self._calls_in.helped(session.presentation, session.asked_at)
        self._feed(session, Emergency())
        self._metrics.calls.set(len(self._sessions))
        self._metrics.decided(session.actor, decision.verdict.value, decision.reason.value)
        log.warning("emergency_call", call=session.id, by=session.actor)

    def withdrawn(self, call_id: str) -> None:
        """The caller cancelled before the decision."""
        self._feed_id(call_id, HungUp("caller", "cancelled"))

    def ringing(self, call_id: str) -> None:
        """The far end rings."""
        self._feed_id(call_id, Ringing())

    def dialling_again(self, call_id: str, trunk: str, after: str) -> None:
        """Decide again, because another INVITE of the call waits to be sent."""
        if session := self._sessions.get(call_id):
            session.dials = trunk, after
            session.tried.append((self._clock.now(), trunk, after))
            self._feed(session, DiallingAgain())

    def answered(self, call_id: str, codec: str, trunk: str = "") -> None:
        """The callee picked up."""
        if session := self._sessions.get(call_id):
            session.picked_up(codec, trunk, self._clock.now())
            self._feed(session, Answered())

    def unattended(self, call_id: str, trunk: str) -> None:
        """The callee has picked up what is hung up on: they found nobody, as LAW 3.4 counts it."""
        self._retry_queue.keep(*answered_unattended(call_id, trunk, self._clock.now(), self._sessions.get(call_id)))

    def failed(self, call_id: str, code: int, reason: str) -> None:
        """The trunk refused or nobody answered."""
        self._feed_id(call_id, Failed(code, reason))

    def hung_up(self, call_id: str, side: str, cause: str = "hung_up") -> None:
        """A party went away, or nobody is there any more."""
        self._feed_id(call_id, HungUp(side, cause))

    def caller_left(self, call_id: str) -> bool:
        """The caller has hung up, and the callee is still there: True where they are told something first."""
        session = self._sessions.get(call_id)
        early = session is not None and session.call.state in (State.PREPARING, State.ANNOUNCING)
        if session is None or not (early or self._receipts.follows(session)):
            return False
        self._usage.over(session, self._clock.now())  # the account may dial again
        self._feed(session, CallerLeft())
        return True

    def one_sided(self, call_id: str, side: str) -> None:
        """A party sends no audio: it is neither heard nor recorded."""
        if session := self._sessions.get(call_id):
            session.silent, seconds = side, session.talked(elapsed(self._clock))
            log.warning("one_sided", call=call_id, side=side, by=session.actor)
            self._retry_queue.keep(session.fact(OneSided(side=side, seconds=seconds), self._clock.now()))

    def unanswered(self, count: int) -> None:
        """Strangers were left without an answer."""
        self._refusals.unanswered(count)

    def digit(self, call_id: str, side: str, digit: str) -> None:
        """A key, sent by SIP INFO."""
        self._feed_id(call_id, Digit(side, digit))

    def legs_ended(self, call_id: str, outcomes: Mapping[str, str], kept: Callable[[], None]) -> None:
        """Legs that a killed gate left have been ended."""
        log.warning("legs_ended", call=call_id, **outcomes)
        ended = LegsEnded(call_id=call_id, outcomes=dict(outcomes))
        self._retry_queue.keep(ended.fact(call_id, self._clock.now(), "gate"), then=kept)

    def media_changed(self, call_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        """The codec map after an offer and answer."""
        if session := self._sessions.get(call_id):
            session.payloads = payloads
            if session.opened is not None:
                self._recorder.media_changed(call_id, payloads)

    # --- what the recorder says (ports.RecorderEvents, from its own thread) -----------------------------------------

    def recorder_digit(self, call_id: str, side: str, digit: str) -> None:
        """A key, seen in RTP."""
        self._line.post(lambda: self.digit(call_id, side, digit))

    def recorder_failed(self, call_id: str, message: str) -> None:
        """A recording has failed."""
        self._line.post(lambda: self._feed_id(call_id, RecorderFailed(message)))

    def recorder_away(self) -> None:
        """The recorder process is gone."""
        self._line.post(self._recorder_away)

    def _recorder_away(self) -> None:
        log.error("recorder_away", calls=len(self._sessions))
        for session in [each for each in self._sessions.values() if each.call.recorder_open]:
            self._feed(session, RecorderFailed("recorder_away"))

    def recorder_silent(self) -> None:
        """The recorder does not answer: nobody more is to be rung, announced to or talked with."""
        self._line.post(self._recorder_silent)

    def _recorder_silent(self) -> None:
        for session in list(self._sessions.values()):
            if session.call.recorder_open or session.call.state in (State.DIALLING, State.RINGING):
                self._feed(session, NotKept())

    def not_kept(self, call_id: str) -> None:
        """The recorder keeps nothing of a call any more."""
        self._line.post(lambda: self._feed_id(call_id, NotKept()))

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        """A key that the recorder has not heard: an objection holds all the same. It may be told again, so no other key
        is taken, nor is any while it may be a card's."""

        def heard() -> None:
            session = self._sessions.get(call_id)
            if session is None or session.call.paused or digit != self._settings.policy.opt_out_digit:
                return
            if side == "callee" or session.calling or session.call.passed_on:
                self._feed(session, Digit(side, digit))

        self._line.post(heard)

    # --- a disk that does not answer ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """While there are calls, look each second whether the store answers those that wait for it."""
        if not self._watching:
            self._watching = True
            self._line.after(WATCH_SECONDS, self._look)

    def _look(self) -> None:
        self._watching = False
        away = self._stalled() or not (self._settings.policy.go_on_unrecorded or self._recorder.available())
        self._looks_away = self._looks_away + 1 if away else 0
        if self._looks_away >= LOOKS_AWAY:  # whoever picked up now would hear the goodbye
            for session in list(self._sessions.values()):
                if session.call.state in (State.DIALLING, State.RINGING):
                    self._feed(session, NotKept())
        if self._stalled():
            for session in list(self._sessions.values()):
                if session.call.state is State.SCREENING:
                    self._without_evidence(session, "the disk of the data folder does not answer")
                elif session.call.state is State.OBJECTING:
                    self._feed(session, ObjectionKept(False))
        if self._sessions:
            self._watch()

    def undecided(self, call_id: str) -> None:
        """The decision takes too long: the caller waits for no more of it."""
        if session := self._sessions.get(call_id):
            late = Reason.EVIDENCE_UNAVAILABLE if self._stalled() else Reason.DECISION_LATE
            self._without_evidence(session, "the decision is late", late)

    def _without_evidence(self, session: CallSession, why: str, cause: Reason = Reason.EVIDENCE_UNAVAILABLE) -> None:
        log.error("no_evidence_no_call", call=session.id, error=why)
        self._metrics.without_evidence.inc()
        self._refusals.without_evidence(self._clock.now())
        self._feed(session, EvidenceFailed(cause.value))

    # --- stopping ---------------------------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        """How many calls are not over yet."""
        return len(self._sessions)

    def drain(self, drained: Callable[[], None], seconds: float) -> None:
        """No new calls; running ones go on for ``seconds`` at most and then get their BYE.

        ``drained`` is called when the last one is over and its facts are kept: while there is no room for them, never.
        """
        self._drained = drained
        self._obstacles.stopping = True
        self._line.after(seconds, lambda: self.stop_all("gate_stopping"))
        self._check_drained()

    @property
    def takes_calls(self) -> bool:
        """False where an edge is to send new calls to another gate."""
        return not self.leaving and self._obstacles.to_new is None

    def leave_to_others(self, seconds: float) -> None:
        """Take no new calls, so that an edge sends them to other gates: its OPTIONS get 503 from now on, and calls are
        refused after ``seconds``, by when it has acted upon that. Calls in hand go on. Line thread only."""

        def begin() -> None:
            self._obstacles.drained = True

        if not self.leaving:
            self.leaving = True
            self._refusing = self._line.after(seconds, begin)

    def take_again(self) -> None:
        """Take new calls again. Line thread only."""
        if self._refusing is not None:
            self._refusing.cancel()
        self.leaving = self._obstacles.drained = False

    def stop_all(self, cause: str) -> None:
        """End every call now."""
        for session in list(self._sessions.values()):
            self._feed(session, Stop(cause))

    def _check_drained(self) -> None:
        if self._drained is None or self._sessions:
            return
        self._refusals.flush()
        if self._retry_queue.settled:  # it asks again when it is
            drained, self._drained = self._drained, lambda: None
            drained()

    # --- feeding the rules ------------------------------------------------------------------------------------------

    def obstacle(self, number: str = "", *, new: bool = True) -> Reason | None:
        """What forbids a call to this number now (E.164; empty: every call), whoever dials it; not ``new``: one that is
        in hand. Line thread only: there, what the store has answered so far is known."""
        objects = self._retry_queue.may_object(number)
        return (self._obstacles.to_new if new else self._obstacles.to_all) or (
            Reason.EVIDENCE_UNAVAILABLE if objects else None
        )

    @property
    def unready(self) -> list[str]:
        """What forbids every call now, the recorder's absence too: reason codes. Line thread only."""
        found = [self._obstacles.to_new, self._obstacles.unrecorded]
        return [each.value for each in found if each]

    def question(self, asked_by: str) -> tuple[Reason | None, bool]:
        """``Obstacles.to_question`` at this moment. Line thread only."""
        return self._obstacles.to_question(asked_by, self._clock.now())

    def question_answered(self, asked_by: str, decision: Decision) -> None:
        """A question of ``http:NAME`` was decided. Line thread only."""
        self._refusals.room_again(self._clock.now())
        self._usage.decided(asked_by, decision, self._clock.now())

    def question_unkept(self) -> None:
        """A question was refused without evidence. Line thread only."""
        self._metrics.without_evidence.inc()
        self._refusals.without_evidence(self._clock.now())

    def keep(self, fact: Fact, help_asked_by: str = "") -> None:
        """Keep a fact as soon as there is room; from any thread. ``help_asked_by``: it is a question for an emergency
        number, and is counted in place of that where ``http:NAME`` asks for too many."""

        def kept() -> None:
            if not help_asked_by or self._refusals.help_asked(help_asked_by, self._clock.now()):
                self._retry_queue.keep(fact)

        self._line.post(kept)

    def _decided(self, session: CallSession, decision: Decision | None, error: Exception | None) -> None:
        session.decided_at = self._clock.now()
        self._metrics.decision_seconds.observe((session.decided_at - session.asked_at).total_seconds())
        if session.call.cause in UNDECIDED:  # it took too long: refused
            if decision is None or decision.allowed:
                self._effects.end_if_let_through(session)
            return
        if decision is None or error is not None:
            self._without_evidence(session, str(error))
            self._effects.end_if_let_through(session)
            return
        session.decision = decision
        # Perhaps an objection waits, of which the decision knew nothing.
        if decision.allowed and self._retry_queue.may_object(decision.number):
            self._feed(session, Stop(Reason.EVIDENCE_UNAVAILABLE.value))
            return
        self._refusals.room_again(self._clock.now())
        self._usage.decided(session.actor, decision, self._clock.now())
        verdict, reason = decision.verdict.value, decision.reason.value
        self._metrics.decided(session.actor, verdict, reason)
        log.info("decided", call=session.id, by=session.actor, verdict=verdict, reason=reason)
        self._feed(session, Decided(decision.allowed))

    def _look_again(self, session: CallSession) -> None:
        """Decide as for a new attempt, and as durably: an objection or another register may have come."""
        attempt, now, (trunk, after) = session.incoming.attempt, self._clock.now(), session.dials
        obstacle = self._obstacles.to_dial_again(session.incoming)

        def work(tx: StoreTransaction) -> Decision:
            return self._screener.look_again(
                tx, attempt, now, call_id=session.id, trunk=trunk, after=after, obstacle=obstacle
            )

        def done(decision: Decision | None, error: Exception | None) -> None:
            self._line.post(lambda: self._looked_again(session, decision, error))

        self._store.submit(work, done)

    def _looked_again(self, session: CallSession, decision: Decision | None, error: Exception | None) -> None:
        if decision is None or error is not None:
            log.error("no_evidence_no_call", call=session.id, error=str(error))
            self._feed(session, Stop(Reason.EVIDENCE_UNAVAILABLE.value))
        elif obstacle := self.obstacle(session.number, new=False) if decision.allowed else decision.reason:
            log.warning("not_dialled_again", call=session.id, trunk=session.dials[0], reason=obstacle.value)
            self._feed(session, Stop(obstacle.value))
        else:
            self._feed(session, StillAllowed())

    def _feed_id(self, call_id: str, event: InEvent) -> None:
        if session := self._sessions.get(call_id):
            self._feed(session, event)

    def _feed(self, session: CallSession, event: InEvent) -> None:
        """Feed an event; those that its commands cause wait until they are carried out."""
        session.pending.append(event)
        if session.busy:
            return
        session.busy = True
        try:
            while session.pending:
                self._step(session, session.pending.popleft())
        finally:
            session.busy = False

    def _step(self, session: CallSession, event: InEvent) -> None:
        before = session.call.state
        try:
            session.call, commands = step(session.call, event, self._settings.policy)
        except calls.UnexpectedEvent as unexpected:
            log.error("unexpected_event", call=session.id, error=str(unexpected))
            if not isinstance(event, Stop):
                session.pending.append(Stop("internal_error"))
            return
        session.stepped(before, self._clock.now(), elapsed(self._clock))
        effects = self._effects_in if session.calling else self._effects
        for command in commands:
            try:
                effects.carry_out(command, session)
            except Exception as error:  # noqa: BLE001 - whatever fails here, the call must not hang half-way
                log.error("command_failed", call=session.id, command=command.value, error=repr(error))
                session.pending.append(Stop("internal_error"))

    def _let_go(self, session: CallSession) -> None:
        if self._sessions.pop(session.id, None) is None:
            return
        for timer in session.timers:
            timer.cancel()
        self._usage.over(session, self._clock.now())
        self._metrics.ended.labels(session.call.ended_by, session.call.cause).inc()
        if self.traced is not None:
            self.traced(session, self._clock.now())
        if session.decision is not None and session.decision.allowed:
            call = session.call
            log.info("ended", call=session.id, by=call.ended_by, cause=call.cause, bridged=call.connected)
        self._metrics.calls.set(len(self._sessions))
        self._metrics.evidence_behind.set(self._retry_queue.behind)
        self._check_drained()

    # --- for the console and the command line -----------------------------------------------------------------------

    def pause(self, call_id: str, asked: PauseAsked) -> str:
        """Pause or resume a recording. Why that cannot be; empty where it is done. Line thread only."""
        if (session := self._sessions.get(call_id)) is None:
            return "it is not in hand"
        why_not = why_not_paused(session.call, pause=asked.pause, seconds=asked.seconds)
        self._feed(session, asked)
        return why_not

    def hang_up(self, call_id: str, asked: HangUpAsked) -> str:
        """End a call; who and why is kept. Why that cannot be; empty where it is done. Line thread only."""
        if (session := self._sessions.get(call_id)) is None:
            return "it is not in hand"
        if why_not := calls.why_not_hung_up(session.call):
            return why_not
        body = HangUp(why=asked.why)
        self._retry_queue.keep(session.fact(body, self._clock.now(), actor=asked.by))
        self._feed(session, Stop(calls.HANG_UP_ASKED))
        return ""

    def used(self, now: datetime) -> tuple[str, dict[str, Used]]:
        """As ``Usage.used``. Line thread only."""
        return self._usage.used(now)

    def used_elsewhere(self, day: str, used: Mapping[str, Used]) -> None:
        """As ``Usage.used_elsewhere``. Line thread only."""
        self._usage.used_elsewhere(day, used)

    def usage(self, now: datetime) -> list[UsageRow]:
        """The usage of each account and PBX against its limits. Line thread only."""
        return self._usage.rows(now)

    def live(self, now: datetime) -> list[CallInHand]:
        """The calls in hand. Line thread only."""
        return [session.live(now) for session in self._sessions.values()]
