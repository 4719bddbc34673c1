"""Calls in: what is taken, what is kept of it, and its commands. Line thread; the rules are ``core.calls_in``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from gate.calls.call_effects import GRACE_SECONDS, CallEffects
from gate.calls.call_session import CallSession
from gate.calls.call_settings import CallSettings
from gate.core import calls_in
from gate.core.call_words import AnnouncementOver, Decided, Do, EvidenceFailed, GoodbyeOver, State
from gate.core.calls_in import CallIn, CallingIn, DoIn, KeyTimeOver, ObjectionKept
from gate.core.facts import calls as facts
from gate.core.terms import Attempt, Purpose, Reason, Topic
from gate.ports import Incoming, Played

if TYPE_CHECKING:
    from gate.recorder.client import RecorderClient
    from gate.sip.line import SipLine

log = structlog.get_logger()

KEY_SECONDS = 8.0
"""How long the call-back line waits for a key after it has spoken."""
HELP_SECONDS = 3600.0
"""Seconds after an emergency call in which a call back to its number passes the limits."""


class CallInAdmission:
    """Which calls in are taken."""

    def __init__(self, settings: CallSettings, recorder: RecorderClient, line: SipLine) -> None:
        self._settings = settings
        self._recorder = recorder
        self._line = line
        self._helped: dict[str, datetime] = {}
        """Own number that an emergency call has shown -> when."""

    def helped(self, shown: str, now: datetime) -> None:
        """An emergency call has gone out."""
        self._helped[shown] = now

    def session(
        self, calling: CallingIn, sessions: Iterable[CallSession], obstacle: Reason | None, recording_id: str,
        now: datetime,
    ) -> CallSession | None:  # fmt: skip
        """The call, as it begins; None where it is not taken: it has its answer then."""
        if why := self._why_not(calling, sessions, obstacle, now):
            log.info("call_in_not_taken", call=calling.call_id, why=why)
            self._line.refuse(calling.call_id, why, "", "")
            return None
        attempt = Attempt(
            raw_number=calling.raw,
            purpose=Purpose.SERVICE,
            topic=Topic.GENERAL,
            presentation=calling.own,
            withheld=calling.withheld,
            claimed_by=f"carrier:{calling.trunk}",
        )
        incoming = Incoming(calling.call_id, attempt, calling.source, calling.codecs, sip_call_id=calling.sip_call_id)
        session = CallSession(incoming, now, recording_id, presentation=calling.own, calling=calling)
        session.trunk = calling.trunk
        session.call = CallIn(
            line=not calling.reachable,
            fallback=calling.fallback,
            known=bool(calling.number) and not calling.withheld,
        )
        return session

    def _why_not(
        self, calling: CallingIn, sessions: Iterable[CallSession], obstacle: Reason | None, now: datetime
    ) -> str:
        if obstacle is not None:
            return obstacle.value
        if not (calling.reachable or calling.line):
            return "nobody_there"
        if calling.reachable and not (self._settings.policy.go_on_unrecorded or self._recorder.available()):
            return Reason.RECORDER_UNAVAILABLE.value
        helped = self._helped.get(calling.own)
        if helped is not None and now - helped < timedelta(seconds=HELP_SECONDS):
            return ""
        running = list(sessions)
        inside = sum(each.calling is not None for each in running)
        if inside >= self._settings.calls_in_at_once or len(running) >= self._settings.max_calls:
            return Reason.TOO_MANY_CALLS.value
        return ""


class CallInEffects(CallEffects):
    """Carries out the commands of a call in: prompts go to the caller."""

    def __init__(self, **parts: Any) -> None:
        """``parts``: those of ``CallEffects``."""
        super().__init__(**parts)
        self._made: dict[str, deque[datetime]] = {}
        """Trunk -> when callers made objections by key."""

    def carry_out(self, command: Do | DoIn, session: CallSession) -> None:
        """Do it."""
        if isinstance(command, Do):
            super().carry_out(command, session)
        else:
            self._effects_of_calls_in[command](session)

    @property
    def _effects_of_calls_in(self) -> Mapping[DoIn, Callable[[CallSession], None]]:
        return {
            DoIn.NOTE_CALL: self._note_call,
            DoIn.DROP: self._drop,
            DoIn.RING: self._ring,
            DoIn.WAIT_FOR_KEY: self._wait_for_key,
            DoIn.KEEP_OBJECTION: self._keep_objection,
            DoIn.THANK: lambda session: self._last_words(session, "thanks"),
            DoIn.NOT_TAKEN: lambda session: self._last_words(session, "not_taken"),
        }

    def _note_call(self, session: CallSession) -> None:
        calling = session.calling
        if calling is None:
            return
        line = isinstance(session.call, CallIn) and session.call.line
        body = facts.CallIn(
            number=calling.number,
            raw=calling.raw,
            presentation=calling.own,
            claimed_by=session.actor,
            source=calling.source,
            withheld=calling.withheld,
            codecs=list(calling.codecs),
            sip_call_id=calling.sip_call_id,
            verdict="allow",
            reason=Reason.CALL_IN.value,
            to="callback" if line else "phones",
        )

        def done(error: Exception | None) -> None:
            if error is not None:
                log.error("no_evidence_no_call", call=session.id, error=str(error))
            self._feed(session, Decided(True) if error is None else EvidenceFailed())
            if error is not None:
                self.end_if_let_through(session)

        fact = session.fact(body, session.asked_at, actor=session.actor)
        self._retry_queue.attempt([fact], done)

    def _drop(self, session: CallSession) -> None:
        self._line.forget(session.id)
        self._let_go(session)

    def _announcement_fact(self, session: CallSession, completed: bool) -> facts.Announced:
        identity = self._settings.heard_in.get("callback" if self._is_line(session) else "notice", {})
        return session.announcement(identity, completed or session.call.announced, "caller")

    @staticmethod
    def _is_line(session: CallSession) -> bool:
        return isinstance(session.call, CallIn) and session.call.line

    def _unless(self, session: CallSession) -> None:
        """No condition: whoever calls in may be connected."""

    def _connection_fact(self, session: CallSession) -> facts.Connected:
        return msgspec.structs.replace(super()._connection_fact(session), answered_by=session.answered_by)

    def _announce(self, session: CallSession) -> None:
        def done(played: Played) -> None:
            session.played, session.announced_to = played, self._clock.now()
            cause = played.cause or Reason.ANNOUNCEMENT_UNAVAILABLE.value
            self._feed(session, AnnouncementOver(played.completed and played.as_told, cause))

        session.announced_from, session.played = self._clock.now(), None
        name = "callback" if self._is_line(session) else "notice"
        self._media.play_to_caller(session.id, name, session.codec, done)

    def _ring(self, session: CallSession) -> None:
        self._line.ring(session.id)
        self._ring_tone(session)

    def _ring_tone(self, session: CallSession) -> None:
        def done(played: Played) -> None:
            if played.completed and session.call.state is State.RINGING:
                self._ring_tone(session)

        if session.call.state is State.RINGING:
            self._media.play_to_caller(session.id, "ringing", session.codec, done)

    def _wait_for_key(self, session: CallSession) -> None:
        session.timers.append(self._line.after(KEY_SECONDS, lambda: self._feed(session, KeyTimeOver())))

    def _keep_objection(self, session: CallSession) -> None:
        """PECR reg 21(1)(a): durable before it is thanked for. One that finds no room is kept as soon as there is some,
        and until then nobody is called."""
        calling = session.calling
        if calling is None:
            return
        held = self._many_objections(calling.trunk, self._clock.now())
        fact = self._objection(session, "caller", calling.number, calls_in.HELD if held else calls_in.BY_KEY)

        def done(error: Exception | None) -> None:
            if error is not None:
                log.error("objection_not_kept", call=session.id, error=str(error))
            self._feed(session, ObjectionKept(error is None))

        self._retry_queue.attempt([fact], done, happened=True)

    def _many_objections(self, trunk: str, now: datetime) -> bool:
        """Count an objection of a caller; whether callers of this trunk have made more of them in an hour than is
        usual: whoever invents caller IDs fills the list with numbers of others."""
        made = self._made.setdefault(trunk, deque())
        made.append(now)
        while now - made[0] > timedelta(hours=1):
            made.popleft()
        over = len(made) - self._settings.objections_an_hour
        if over == 1:
            log.warning("many_objections_by_key", trunk=trunk, count=len(made))
        return over > 0

    def _say_goodbye(self, session: CallSession) -> None:
        self._last_words(session, "nobody")

    def _last_words(self, session: CallSession, name: str) -> None:
        def over() -> None:
            self._feed(session, GoodbyeOver())

        self._media.shut(session.id)
        seconds = self._media.play_to_caller(session.id, name, session.codec, lambda _: over())
        session.timers.append(self._line.after(seconds + GRACE_SECONDS, over))
