"""Recordings that another system sends us while the call goes on (SIPREC): bound, sealed as they arrive, in the log.

Its rules are ``core.session_states``; each step is asked from the line thread, and durable before the next.
So no audio is kept of which the log does not know. A gate that is killed leaves a sealed part, which the next start
closes in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from gate.calls.binding import Found, first_side, is_mixed, look, note_against_refusal, note_not_asked
from gate.calls.reconcile import closing, empty, unheard
from gate.calls.retry_queue import RetryQueue
from gate.clock import elapsed
from gate.core.facts import Body
from gate.core.facts import recordings as facts
from gate.core.facts.calls import OneSided
from gate.core.session_states import Do, Event, State, step
from gate.ports import RecordingClosed, RecordingOpened, Timer

if TYPE_CHECKING:
    from gate.calls.metrics import Metrics
    from gate.calls.screener import Screener
    from gate.clock import Clock
    from gate.config import Config, Siprec
    from gate.media.relay import RtpIoMedia
    from gate.ports import SessionAsked
    from gate.recorder.client import RecorderClient
    from gate.sip.line import SipLine
    from gate.store.store import EvidenceStore
    from gate.store.transaction import StoreTransaction
    from gate.vault.keystore import KeyStoreDb

log = structlog.get_logger()

FROM: Final = "siprec"
ANSWER_SECONDS: Final = 10.0
"""Within which a session has its answer, whatever happens here."""
_Payloads = Mapping[str, Mapping[int, str]]


@dataclass(slots=True)
class Session:
    """A recording session that runs."""

    asked: SessionAsked
    client: Siprec
    call_id: str = ""
    """The call of the decision that it is bound to."""
    opened: RecordingOpened | None = None
    payloads: _Payloads | None = None
    state: State = State.LOOKING
    number: str = ""
    """The customer's number, E.164."""
    sources: tuple[int, int] = (0, 0)
    """Ports from which its copies come."""
    cause: str = ""
    """Why it has ended; empty while it goes on."""
    kept_from: float | None = None
    """When the recorder was told to keep it (``gate.clock.elapsed``), and when it ended."""
    ended: float = 0.0
    silent: str = ""
    """The stream that nothing came in at first: its side, or ``both``."""
    closed: RecordingClosed | None = None
    error: Exception | None = None
    limit: Timer | None = None

    @property
    def id(self) -> str:
        """Id of the session and its recording."""
        return self.asked.session_id


class RecordingSessions:
    """Implements ``ports.recording_sessions.SessionEvents``; hears of the recorder's failures, too. Line thread."""

    def __init__(
        self, *, config: Config, line: SipLine, media: RtpIoMedia, recorder: RecorderClient, store: EvidenceStore,
        keys: KeyStoreDb, retry_queue: RetryQueue, screener: Screener, clock: Clock, new_id: Callable[[], str],
        metrics: Metrics, mend: Callable[[str, float], None], stalled: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """``mend`` and ``stalled`` as in ``CallManager``."""
        self._stalled = stalled
        self._clients = {each.name: each for each in config.siprec}
        self._own = config.firm.numbers
        self._purpose = config.recording.purpose
        self._longest = config.limits.max_call_seconds
        self._line, self._media, self._recorder = line, media, recorder
        self._store, self._keys, self._screener = store, keys, screener
        self._clock, self._new_id, self._metrics, self._mend = clock, new_id, metrics, mend
        self._retry_queue = retry_queue
        retry_queue.on_settled.append(self._check_stopped)
        self._sessions: dict[str, Session] = {}
        self._stopped: Callable[[], None] | None = None
        self._methods: Mapping[Do, Callable[[Session], None]] = {
            Do.OPEN: self._open,
            Do.TAKE: self._take,
            Do.TAP: self._tap,
            Do.KEEP_KEY: self._keep_key,
            Do.NOTE: self._note_session,
            Do.START: self._start,
            Do.CLOSE: lambda session: media.when_quiet(session.id, lambda: self._close(session)),
            Do.CLOSE_UNUSED: self._close,
            Do.NOTE_CLOSING: self._note_closing,
            Do.LET_GO: self._let_go,
        }
        self.stopping = False
        """No new ones."""

    @property
    def active(self) -> int:
        """How many go on."""
        return sum(not each.cause for each in self._sessions.values())

    # --- setting up ---------------------------------------------------------------------------------------------------

    def asked(self, asked: SessionAsked) -> None:
        """Take a recording session of another system."""
        session = self._sessions[asked.session_id] = Session(asked, self._clients[asked.client])
        self._metrics.recording_sessions.set(len(self._sessions))
        session.limit = self._line.after(ANSWER_SECONDS, lambda: self._end(session, "evidence_unavailable"))
        at_once = sum(each.asked.client == asked.client and not each.cause for each in self._sessions.values())
        if self.stopping:
            self._end(session, "gate_stopping")
        elif at_once > session.client.sessions:
            self._end(session, "too_many_sessions")
        elif not self._recorder.available():
            self._end(session, "recorder_unavailable")
        elif self._retry_queue.behind or self._stalled():
            self._end(session, "evidence_unavailable")
        else:
            self._store.submit(
                lambda tx: self._look(tx, session), lambda found, error: self._step(session, self._found, found, error)
            )

    def _step(self, session: Session, step: Callable[..., None], *values: Any) -> None:
        """Carry out a step on the line thread: a fault of ours ends the session, and is not left hanging."""

        def run() -> None:
            try:
                step(session, *values)
            except Exception:
                log.exception("recording_session_failed", session=session.id)
                self._end(session, "internal_error")

        self._line.post(run)

    def _look(self, tx: StoreTransaction, session: Session) -> Found:
        """Store thread."""
        return look(tx, session.asked, session.client.unbound == "keep", self._own, self._clock.now())

    def _feed(self, session: Session, event: Event) -> None:
        """Feed an event to the rules, and carry out what they command."""
        session.state, commands = step(session.state, event)
        for command in commands:
            self._methods[command](session)

    def _found(self, session: Session, found: Found | None, error: Exception | None) -> None:
        if found is None:
            self._fail(session, error, "evidence_unavailable")
        elif found.why_not:
            self._end(session, found.why_not)
        else:
            session.number = found.number
            self._feed(session, Event.FOUND)

    def _open(self, session: Session) -> None:
        now = self._clock.now().isoformat()
        header = {"recording_id": session.id, "call_id": session.id, "opened": now, "from": FROM}

        def opened(opened: RecordingOpened | None, error: Exception | None) -> None:
            self._step(session, self._opened, opened, error)

        self._recorder.open(session.id, session.id, header, opened)

    def _opened(self, session: Session, opened: RecordingOpened | None, error: Exception | None) -> None:
        session.opened = opened
        if opened is None:
            self._fail(session, error, "recorder_unavailable")
        else:
            self._feed(session, Event.OPENED)

    def _take(self, session: Session) -> None:
        first = first_side(session.asked, session.number)
        self._line.take(session.id, first, lambda maps: self._ready(session, maps))

    def _ready(self, session: Session, payloads: _Payloads | None) -> None:
        """The session's media ports are open."""
        session.payloads = payloads
        if payloads is not None:
            self._feed(session, Event.READY)

    def _tap(self, session: Session) -> None:
        if session.opened is not None:
            self._recorder.media_changed(session.id, session.payloads or {})
            taps = session.opened.caller_port, session.opened.callee_port
            self._media.copy(session.id, *taps, lambda sources: self._tapped(session, sources))

    def _tapped(self, session: Session, sources: tuple[int, int] | None) -> None:
        if sources is None:
            self._end(session, "media_failed")
        else:
            session.sources = sources
            self._feed(session, Event.TAPPED)

    def _keep_key(self, session: Session) -> None:
        if opened := session.opened:
            self._recorder.listen(session.id, *session.sources)
            self._keys.put(
                session.id, opened.key_id, opened.wraps, lambda error: self._step(session, self._key_kept, error)
            )

    def _key_kept(self, session: Session, error: Exception | None) -> None:
        if error is not None:
            self._fail(session, error, "evidence_unavailable")
        else:
            self._feed(session, Event.KEY_KEPT)

    def _note_session(self, session: Session) -> None:
        self._store.submit(
            lambda tx: self._note(tx, session),
            lambda why_not, error: self._step(session, self._noted, why_not, error),
        )

    def _note(self, tx: StoreTransaction, session: Session) -> str:
        """The leaves; why not, where the call is not to be recorded any more. Store thread."""
        found = self._look(tx, session)
        if found.why_not or session.opened is None:
            return found.why_not or "internal_error"
        now, opened, asked, actor = self._clock.now(), session.opened, session.asked, _actor(session)
        if found.bound is not None:
            call_id, by = found.bound.call_id, found.bound.by
        else:
            call_id, by = self._new_id(), "nothing"
            note_not_asked(tx, self._screener, found.number, actor, self._own[0], now, now, call_id, FROM)
        session.call_id = call_id
        body = facts.RecordingOpened(
            call_id=call_id, key_id=opened.key_id, path=opened.path,
            recipients=[recipient for recipient, _ in opened.wraps], commitments=dict(opened.commitments),
            purpose=self._purpose, origin=FROM, client=asked.client, source=asked.source, bound_by=by,
            announced_by=session.client.announced_by, streams=len(asked.streams),
        )  # fmt: skip
        tx.append(body.fact(session.id, now, actor))
        note_against_refusal(tx, call_id, session.id, actor, now)
        return ""

    def _noted(self, session: Session, why_not: str | None, error: Exception | None) -> None:
        if why_not:
            self._feed(session, Event.NOT_NOTED)
            self._fail(session, why_not, why_not)
            return
        if error is not None:  # the log may have them all the same; where it has not, the closing is passed over
            self._fail(session, error, "evidence_unavailable")
        self._feed(session, Event.NOTED)

    def _start(self, session: Session) -> None:
        if session.asked.paused:
            self.paused(session.id, True)
        self._recorder.start(session.id, session.payloads or {}, [self._event(session)])
        session.kept_from = elapsed(self._clock)
        self._line.accept(session.id)
        if session.limit is not None:
            session.limit.cancel()
        session.limit = self._line.after(self._longest, lambda: self._end(session, "time_limit"))
        log.info("recording_session", session=session.id, call=session.call_id, client=session.asked.client)

    @staticmethod
    def _event(session: Session) -> dict[str, Any]:
        """The event in the sealed file: the source of its audio, and the people whom its client names."""
        streams = [{"label": each.label, "people": list(each.people)} for each in session.asked.streams]
        return {
            "event": FROM,
            "from": FROM,
            "client": session.asked.client,
            "announced_by": session.client.announced_by,
            "streams": streams,
            "mixed": is_mixed(session.asked),
        }

    # --- while it goes on ---------------------------------------------------------------------------------------------

    def changed(self, session_id: str, payloads: _Payloads) -> None:
        """Other codecs, or a stream more or less."""
        if session := self._sessions.get(session_id):
            session.payloads = payloads
            self._recorder.media_changed(session_id, payloads)

    def paused(self, session_id: str, on: bool) -> None:
        """The client pauses the session, or resumes it."""
        session = self._sessions.get(session_id)
        if session is None or session.state is not State.KEEPING:
            return
        (self._recorder.pause if on else self._recorder.resume)(session_id)
        kind = facts.RecordingPaused if on else facts.RecordingResumed
        self._keep(session, kind(call_id=session.call_id, why=FROM))

    def one_sided(self, session_id: str, side: str) -> None:
        """A stream brings no audio, and so is not recorded."""
        session = self._sessions.get(session_id)
        if session is None or session.cause or session.kept_from is None:
            return
        session.silent, seconds = side, round(elapsed(self._clock) - session.kept_from, 3)
        log.warning("one_sided", session=session_id, call=session.call_id, side=side, client=session.asked.client)
        body = OneSided(side=side, seconds=seconds)
        self._retry_queue.keep(body.fact(session.call_id, self._clock.now(), _actor(session)))

    def over(self, session_id: str, cause: str) -> None:
        """The session has ended by itself."""
        if session := self._sessions.get(session_id):
            self._ended(session, cause)

    def recorder_failed(self, session_id: str, message: str) -> None:
        """A recording has failed. From the recorder's thread."""
        self._line.post(lambda: self._failed([session_id], message))

    def not_kept(self, session_id: str) -> None:
        """A session's audio is not kept: its client gets a BYE at once. From the recorder's thread."""
        self._line.post(lambda: self._failed([session_id], "nothing of it is kept any more"))

    def recorder_away(self) -> None:
        """The recorder process is gone. From the recorder's thread."""
        self._line.post(lambda: self._failed(list(self._sessions), "the recorder is away"))

    def _failed(self, session_ids: Sequence[str], message: str) -> None:
        for session in [self._sessions[each] for each in session_ids if each in self._sessions]:
            if session.opened is not None and not session.cause:
                self._fail(session, message, "recorder_failed")

    # --- ends ---------------------------------------------------------------------------------------------------------

    def stop(self, stopped: Callable[[], None]) -> None:
        """End all; ``stopped`` when the last leaf is kept."""
        self.stopping, self._stopped = True, stopped
        for session in list(self._sessions.values()):
            self._end(session, "gate_stopping")
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stopped is not None and not self._sessions and self._retry_queue.settled:
            stopped, self._stopped = self._stopped, None
            stopped()

    def _fail(self, session: Session, error: object, cause: str) -> None:
        if not session.cause:
            log.error("recording_session_failed", session=session.id, error=str(error))
            self._end(session, cause)

    def _end(self, session: Session, cause: str) -> None:
        """Refuse it, or hang up."""
        if not session.cause:
            self._line.hang_up(session.id, cause)
            self._ended(session, cause)

    def _ended(self, session: Session, cause: str) -> None:
        if session.cause:
            return
        session.cause, session.ended = cause, elapsed(self._clock)
        if session.limit is not None:
            session.limit.cancel()
        self._metrics.recording_sessions_ended.labels(cause).inc()
        log.info("recording_session_over", session=session.id, client=session.asked.client, cause=cause)
        self._feed(session, Event.END)

    def _close(self, session: Session) -> None:
        def done(closed: RecordingClosed | None, error: Exception | None) -> None:
            self._step(session, self._closed, closed, error)

        self._recorder.close(session.id, done)

    def _closed(self, session: Session, closed: RecordingClosed | None, error: Exception | None) -> None:
        session.closed, session.error = closed, error
        self._feed(session, Event.CLOSED)

    def _note_closing(self, session: Session) -> None:
        """How the recording ended goes into the log."""
        if session.error is not None:
            log.error("recording_not_closed", recording=session.id, error=str(session.error))
            self._mend(session.id, _lasted(session))
            return
        closed, lasted = session.closed or empty(session.id), _lasted(session)
        silent = unheard(session.silent, closed.packets)
        self._keep(session, closing(session.call_id, closed, talked=lasted, silent=silent, ended_by=session.cause))

    def _keep(self, session: Session, body: Body) -> None:
        self._retry_queue.keep(body.fact(session.id, self._clock.now(), _actor(session)))

    def _let_go(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        self._metrics.recording_sessions.set(len(self._sessions))
        self._check_stopped()


def _lasted(session: Session) -> float:
    """Seconds for which it was to be kept."""
    return round(session.ended - session.kept_from, 3) if session.kept_from is not None else 0.0


def _actor(session: Session) -> str:
    return f"siprec:{session.asked.client}"
