"""A running gate, and what its start takes from the store, so that a restart forgives nothing and locks nobody out.

systemd is notified (sd_notify(3)) where it asked for that.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import queue
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog

from gate.calls.call_manager import CallManager
from gate.calls.call_settings import CallSettings
from gate.calls.live import LiveView
from gate.calls.metrics import Metrics
from gate.calls.reconcile import Reconciler
from gate.calls.recording_sessions import RecordingSessions
from gate.calls.retry_queue import RetryQueue
from gate.clock import SystemClock
from gate.config import Config, read_secret, reminders, undecided
from gate.control.messages import carry_out
from gate.control.server import serve as control
from gate.core.allowances import DAYS_BEFORE, Before, Used, jumps
from gate.core.days import london_day, midnight
from gate.core.facts import Body
from gate.core.facts.gate import GateStarted, GateStopped, ManyLookups, NotPermitted
from gate.core.hours import public_holidays
from gate.daemon.at_line import AtLine, LateMedia, NoCallsYet, RecorderNews
from gate.daemon.chores import (
    CheckpointPost,
    Signer,
    chore,
    count_requests,
    delete_superseded,
    measure,
    sweep,
    watch,
    watch_recordings,
)
from gate.daemon.opening import OWN_FILES, open_folder
from gate.daemon.process import LOOK_SECONDS, QuietCollector, configure_logs, set_for_calls, stay_on_one_core
from gate.daemon.recording import wait_for_recorder
from gate.errors import ConfigError, GateError, LogTaken, RecorderError, StoreError
from gate.media.prompts import prepare_all, prepare_in
from gate.media.relay import RtpIoMedia
from gate.media.spoken_code import prepare_code
from gate.operations import nodes
from gate.operations.accounts import nobody_confirms
from gate.operations.audit.signed_log import origin_of
from gate.operations.audit.witnesses import Witnesses
from gate.operations.calls.calls import not_ready
from gate.operations.calls.campaigns import campaign_warnings
from gate.operations.calls.warnings import Spikes, alarms, one_sided_warnings
from gate.operations.contacts.rescreening import Contacts
from gate.operations.data_folder import new_id
from gate.operations.erasure.eraser import Eraser
from gate.operations.erasure.terms import TermSweep
from gate.operations.ingest.folder import IngestFolder
from gate.operations.ingest.ingesting import Ingests
from gate.operations.keys.recipients import admitted
from gate.operations.keys.wraps import drop_again
from gate.operations.memory.place import SecondPlace
from gate.operations.registers.importing import note_editions
from gate.operations.requests.standing import RequestWatch
from gate.operations.retention.uploads import Uploads
from gate.operations.webhooks import WebhookPost, posts
from gate.recorder.client import RecorderClient, spawn_command
from gate.showing import many
from gate.sip.line import SipLine
from gate.sip.sippy_adapter import patches
from gate.store.legs import LegFile
from gate.store.queries import Source, let_through_by_hour, proven_since, used_since
from gate.store.reader import place_in_words
from gate.store.spool import NAME, Spool
from gate.store.transaction import ATTEMPT_LASTS
from gate.vault.keyring import sealable, warnings

if TYPE_CHECKING:
    from gate.calls.call_session import CallSession
    from gate.operations.data_folder import DataFolder


def notify_systemd(state: str) -> None:
    """Send ``READY=1``, ``STOPPING=1`` and the like; nothing happens outside a ``Type=notify`` unit."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.connect("\0" + address[1:] if address.startswith("@") else address)
        link.sendall(state.encode())


def used_today(folder: DataFolder) -> dict[str, Used]:
    """What accounts and PBXs have used since midnight in London, and on the days before. Raises ``StoreError``."""
    today, longest = folder.today(), float(folder.config.limits.max_call_seconds)
    since, first = midnight(today), midnight(today - timedelta(days=DAYS_BEFORE))
    names = [f"account:{each.username}" for each in folder.config.account]
    names += [f"trunk:{each.name}" for each in folder.config.pbx]

    def read(tx: Source) -> dict[str, Used]:
        used = used_since(tx, since, longest)
        for name in names:
            if days := _days(let_through_by_hour(tx, name, first, since)):
                used[name] = replace(used.get(name, Used()), days=days)
        return used

    return folder.read(read)


def _days(hours: list[tuple[str, int, int]]) -> tuple[tuple[date, Before], ...]:
    """In days of London, whose clock is ahead by whole hours only."""
    days: dict[date, Before] = {}
    for hour, calls, listed in hours:
        day = london_day(f"{hour}:00Z")
        held = days.get(day, Before())
        days[day] = Before(held.calls + calls, held.listed + listed)
    return tuple(days.items())


def proven_lately(folder: DataFolder) -> list[tuple[str, str]]:
    """Which accounts asked for calls, and at which addresses, for as long as a registration holds. Raises
    ``StoreError``."""
    since = folder.clock.now() - timedelta(seconds=folder.config.sip.registration_seconds)
    return folder.read(lambda tx: proven_since(tx, since))


T = TypeVar("T")

log = structlog.get_logger()

CHECKPOINT_SECONDS = 60.0
"""How often the log is signed while it grows."""
DAY_SECONDS = 86400.0
_WAITS = "The store takes nothing: {} with facts, and no call begins. dialgate manual postgresql"
WEBHOOK_SECONDS = 2.0
UPLOAD_SECONDS = 10.0
SLOW_SECONDS = 60.0
ERASE_SECONDS = 10.0
"""How long a recording whose closing was not answered may still be written to by its recorder."""


class GateProcess:
    """A running gate."""

    def __init__(self, config: Config, stack: ExitStack) -> None:
        """Everything but the line; what is opened closes with ``stack``. Raises ``GateError``."""
        self._config, self._stack = config, stack
        self._leaving = False
        """It stops after its last call."""
        self._beats = 0
        self._stop: Callable[[], None] = lambda: None
        self._at_line = AtLine()
        self._webhooks: list[WebhookPost] = []
        drop = config.ingest.folder
        self._ingest_folder = IngestFolder(config.path(drop) if drop else None, config.ingest)
        gate = replace(self._at_line.gate(), warnings=self._warnings, resume=self._resume, leave=self._leave)
        # Its lock first: nothing is touched beside another gate.
        self._folder = open_folder(config, stack, gate=gate)
        self._folder.log.check_signer()
        self._webhooks += self._folder.one(posts)
        self._folder.one(SecondPlace).look(whole=True)
        self._signer = Signer(self._folder)
        self._signer.compare()
        self._prepare()
        self._metrics = Metrics()
        self._spool = Spool(config.data / NAME, origin_of(config), at_once=bool(config.store.dsn))
        stack.callback(self._spool.close)
        self._reconciler = self._reconcile()
        self._recorder = self._start_recorder(stack)
        self._media = LateMedia()
        self._legs = LegFile(config.data / "legs.journal")
        stack.callback(self._legs.close)
        self._built: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._line, self._call_manager, self._sessions = self._compose()
        self._watched = self._view()

    def _prepare(self) -> None:
        """What must be there before the line opens: the announcement, and somebody to seal to."""
        # Loaded before a call asks: each takes a tenth of a second.
        importlib.import_module("phonenumbers")
        for each in ((year := SystemClock().now().year), year + 1):
            public_holidays(each)
        data, announcement = self._config.data, self._config.announcement
        prepared = prepare_all(data / "prompts", self._config)
        self._announcement_sha256 = {name: each.wav_sha256 for name, each in prepared.items()}
        prepare_code(data / "prompts", announcement)
        self._prompts_in = prepare_in(data / "prompts_in", self._config)
        if alone := nobody_confirms(self._config):
            log.warning("nobody_can_confirm", why=alone, hint="see the section [roles]")
        recording = self._config.recording
        if recording.enabled:
            by_log = admitted(self._folder)
            recipients = sealable(data / "recipients", two_person=recording.two_person, admitted=by_log)
            for warning in warnings(recipients, two_person=recording.two_person):
                log.warning("one_key_alone", why=warning, hint="dialgate key add")

    def _reconcile(self) -> Reconciler:
        folder = self._folder
        recordings = self._config.data / "recordings"
        wait_for_recorder(recordings)
        reconciler = Reconciler(folder.store, recordings, folder.clock, folder.screener.judge)
        reconciler.everything()
        folder.retention.at_start()  # nothing that is erased can be opened again, whatever was restored meanwhile
        drop_again(folder.store, folder.keys)  # nor by a key from which it was taken
        _ = folder.one(Ingests)  # what was begun of a recording from elsewhere is undone, before anybody reads
        folder.one(Eraser).resume()  # and what was asked for and begun is done
        # An import whose process outlived its gate is in force, and has no leaf.
        note_editions(folder)
        return reconciler

    def _start_recorder(self, stack: ExitStack) -> RecorderClient:
        command = [sys.executable, "-P", "-m", "gate.daemon.recording", str(self._config.data)]
        command.append(place_in_words(self._folder.place))
        recording, told = self._config.recording, self._config.log
        command += [str(recording.min_free_mb), "2" if recording.two_person else "1", told.level, told.format]
        recorder = RecorderClient(spawn_command(command), NoCallsYet(), self._folder.clock)
        stack.callback(recorder.close_down)
        with suppress(RecorderError):  # supervision goes on, and calls are refused until it is up
            recorder.launch()
        return recorder

    def _compose(self) -> tuple[SipLine, CallManager, RecordingSessions]:
        line = SipLine(self._config, self._media, partial(read_secret, self._config.base), self._legs)
        self._retry_queue = RetryQueue(
            self._folder.store, line, self._metrics.asked_before.inc, self._folder.screener.judge, self._spool
        )
        media = cast("RtpIoMedia", self._media)  # for which it stands until the line runs
        call_manager = CallManager(
            line=line,
            media=media,
            recorder=self._recorder,
            store=self._folder.store,
            keys=self._folder.keys,
            retry_queue=self._retry_queue,
            screener=self._folder.screener,
            settings=CallSettings.from_config(self._config, self._announcement_sha256, self._prompts_in.identities),
            clock=self._folder.clock,
            new_id=new_id,
            metrics=self._metrics,
            mend=self._mend,
            used=used_today(self._folder),
            stalled=self._stalled,
        )
        sessions = RecordingSessions(
            config=self._config,
            line=line,
            media=media,
            recorder=self._recorder,
            store=self._folder.store,
            keys=self._folder.keys,
            retry_queue=self._retry_queue,
            screener=self._folder.screener,
            clock=self._folder.clock,
            new_id=new_id,
            metrics=self._metrics,
            mend=self._mend,
            stalled=self._stalled,
        )
        call_manager.traced = self._traced()
        self._recorder.events = RecorderNews(call_manager, sessions)
        parts = line, call_manager, sessions, self._media, self._folder.clock
        self._at_line.bind(*parts, behind_edge=bool(self._config.edge.address))
        line.bind(call_manager, sessions)
        line.recall(proven_lately(self._folder))
        line.open()
        line.post(self._build_media)
        return line, call_manager, sessions

    def _traced(self) -> Callable[[CallSession, datetime], None] | None:
        """Who is told of each call that is over; None where calls are not traced. Raises ``ConfigError``."""
        section = self._config.traces
        if not section.endpoint:
            return None
        try:
            traces = importlib.import_module("gate.traces")
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{error.name} is not installed, which [traces] needs", hint='pip install "dialgate[otel]"'
            ) from None
        token = read_secret(self._config.base, section.token_file) if section.token_file else ""
        made = traces.Traces(section, token, version("dialgate"))
        self._stack.callback(made.close)
        over: Callable[[CallSession, datetime], None] = made.over
        return over

    def _view(self) -> LiveView:
        """What can be watched."""
        view = LiveView(
            calls=self._at_line.calls,
            reader=self._folder.reader,
            registers=self._folder.registers,
            clock=self._folder.clock,
            watch_levels=self._recorder.watch_levels,
            up=lambda: (self._line.trunk_up, self._recorder.available(), self._line.trunks()),
            warnings=lambda: [
                *alarms(self._folder),
                *self._folder.one(Spikes).warnings(),
                *one_sided_warnings(self._folder),
                *campaign_warnings(self._folder),
                *reminders(self._config, self._folder.today()),
                *undecided(self._config),
                *jumps(self._at_line.usage()),
            ],
            not_ready=lambda: not_ready(self._folder),
        )
        self._recorder.on_levels = view.take_levels
        return view

    def _warnings(self) -> list[str]:
        told = (each for webhook in self._webhooks for each in webhook.warnings())
        witnesses = self._folder.one(Witnesses).warnings()
        uploads = self._folder.one(Uploads).warnings()
        waits = [_WAITS.format(many(behind, "group", "waits"))] if (behind := self._retry_queue.behind) else []
        return [*waits, *self._ingest_folder.warnings(), *self._at_line.warnings(), *told, *witnesses, *uploads]

    def _build_media(self) -> None:
        """The line thread's first step, before any datagram."""
        try:
            self._media.room = RtpIoMedia(
                self._config, self._config.data / "prompts", self._line, prompts_in=self._prompts_in
            )
            patches.apply_patches()  # the media relay has imported more of sippy
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self._built.put(error)
        else:
            self._built.put(None)

    def _stalled(self) -> bool:
        """The disk of the data folder does not answer. From any thread."""
        return self._folder.store.stalled or self._folder.keys.stalled or self._legs.stalled

    def _mend(self, recording_id: str, talked: float) -> None:
        """Close in the log what the recorder could not; reads a whole file, so not on the line thread."""

        def mended(only_whole: bool) -> bool:
            try:
                return self._reconciler.recording(recording_id, talked=talked, only_whole=only_whole)
            except GateError as error:
                log.error("recording_not_mended", recording=recording_id, error=str(error))
                return False

        def work() -> None:
            until = time.monotonic() + SLOW_SECONDS
            while not mended(self._recorder.writes(recording_id) and time.monotonic() < until):
                time.sleep(1.0)

        threading.Thread(target=work, name="mend", daemon=True).start()

    def run(self) -> int:
        """Run the gate, from the first datagram to the last checkpoint. Raises ``LogTaken`` where another gate has
        written to its log, and other ``GateError`` where it cannot start."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # audio passes through here: no dump of it on a disk
        thread = threading.Thread(target=self._line.run, name="line")
        thread.start()
        try:
            self._line.wait_ready()
            if failure := self._built.get(timeout=10.0):
                raise failure
            if self._folder.config.limits.one_core:
                stay_on_one_core()
            vkey = self._folder.bundles.vkey().vkey
            self._note(GateStarted(version=version("dialgate"), pid=os.getpid(), vkey=vkey))
            self._signer.sign()
            asyncio.run(self._serve())
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # to the end of the process, which is near
            self._note(GateStopped())
            self._end_beats()
        finally:
            self._line.stop()
            thread.join(10.0)
        self._spool.close()
        behind = self._retry_queue.behind
        if lost := self._retry_queue.lost:
            log.error("evidence_lost", groups=lost, hint="there was no room for it until the end")
        elif behind:
            log.warning("evidence_spooled", groups=behind, hint="the next start appends it to the log")
        if stopped := self._folder.store.stopped:
            raise LogTaken(stopped, hint="stop the gate that should not run, or give it a log of its own: [store] log")
        return 1 if behind or not self._signer.sign() else 0

    def _note(self, body: Body, *, subject: str = "gate", actor: str = "") -> None:
        fact = self._folder.fact(body, subject, actor or f"uid:{os.getuid()}")
        try:
            self._folder.store.call(lambda tx: tx.append(fact))
        except StoreError as error:
            log.error("not_noted", kind=body.kind, error=str(error))

    def _refused(self, actor: str, op: str, roles: tuple[str, ...]) -> None:
        """Who asked for what is not theirs leaves a leaf."""
        self._note(NotPermitted(roles=list(roles)), subject=op, actor=actor)

    def _many_lookups(self, actor: str, count: int, operations: Mapping[str, int]) -> None:
        """Who looks up many numbers leaves a leaf, without the numbers."""
        self._note(ManyLookups(count=count, operations=dict(operations)), subject="numbers", actor=actor)

    async def _serve(self) -> None:
        """Answer on the control interface until a signal to stop, or until the log is another gate's; then drain."""
        loop = asyncio.get_running_loop()
        told, drained = asyncio.Event(), asyncio.Event()

        def stop(*_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: the gate is ending already
                loop.call_soon_threadsafe(told.set)

        # Not the loop's own handlers, which end with it: a second TERM would then cut the last leaves off.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self._folder.store.on_stopped = self._stop = stop
        if self._folder.store.stopped:
            stop()
        signal.signal(signal.SIGHUP, stop if os.isatty(0) else _hung_up)  # it would end every call without a BYE
        answering = asyncio.ensure_future(
            control(
                partial(carry_out, self._folder),
                self._config,
                self._metrics.registry,
                drained,
                self._report_ready,
                live=self._watched,
                refused=self._refused,
                unusual=self._many_lookups,
                count=self._metrics.asked,
            )
        )
        chores = asyncio.gather(*self._chores())
        chores.add_done_callback(_log_failure)
        await asyncio.wait([answering, asyncio.ensure_future(told.wait())], return_when=asyncio.FIRST_COMPLETED)
        log.info("gate_stopping", calls=self._call_manager.active)
        notify_systemd("STOPPING=1")
        self._folder.retention.stop()
        self._folder.one(TermSweep).stop()
        self._folder.one(Contacts).stop()
        seconds = float(self._config.limits.drain_seconds)

        def over() -> None:
            loop.call_soon_threadsafe(drained.set)

        def drain() -> None:
            self._sessions.stopping = True  # those that go on do so while calls do
            self._call_manager.drain(lambda: self._sessions.stop(over), seconds)

        self._line.post(drain)
        with suppress(TimeoutError):
            await asyncio.wait_for(drained.wait(), seconds + 30.0)
        drained.set()
        chores.cancel()
        await asyncio.gather(chores, return_exceptions=True)
        await answering

    def _report_ready(self) -> None:
        if not self._config.emergency.trunk:
            log.warning("no_emergency_route", hint="999 and 112 are refused: see emergency.trunk, or lead them past us")
        for pbx in self._config.pbx:
            if pbx.refusal == 603:
                log.warning("refusal_603", pbx=pbx.name, hint="many dial their next trunk upon it")
        streams = {kind: [f"{host}:{port}" for host, port in self._line.listening(kind)] for kind in ("tcp", "tls")}
        log.info("gate_started", listen=[f"{host}:{port}" for host, port in self._line.addresses], **streams)
        notify_systemd("READY=1")

    def _chores(self) -> list[Coroutine[Any, Any, None]]:
        """What is done beside the calls, and how often."""
        folder, metrics = self._folder, self._metrics
        folder.one(Contacts).background = True
        chores = [
            chore(self._gauge, "gauges_not_set", every=1.0),
            chore(partial(measure, folder, metrics, self._at_line.usage), "not_measured", every=10.0),
            chore(self._signer.sign, "not_signed", every=CHECKPOINT_SECONDS, first=CHECKPOINT_SECONDS),
            chore(folder.one(Uploads).look, "recordings_not_stored", every=UPLOAD_SECONDS, again=SLOW_SECONDS),
            chore(folder.one(Witnesses).look, "not_witnessed", every=CHECKPOINT_SECONDS, first=CHECKPOINT_SECONDS / 2),
            chore(self._signer.compare, "checkpoints_not_compared", every=DAY_SECONDS, first=DAY_SECONDS),
            chore(partial(sweep, folder, metrics), "retention_not_swept", every=30.0, again=3600.0),
            chore(folder.one(SecondPlace).tend, "memory_not_written", every=10.0),
            chore(folder.one(SecondPlace).check, "memory_not_compared", every=DAY_SECONDS, first=DAY_SECONDS),
            chore(folder.one(Contacts).follow, "contacts_not_screened", every=2.0, again=30.0),
            chore(QuietCollector().look, "garbage_not_collected", every=LOOK_SECONDS, first=LOOK_SECONDS),
            chore(partial(delete_superseded, folder), "superseded_not_deleted", every=6 * 3600.0),
            chore(partial(count_requests, RequestWatch(folder), metrics), "requests_not_looked_at", every=60.0),
            watch(folder),
            watch_recordings(folder, self._ingest_folder),
        ]
        chores += [chore(each.look, "webhook_not_told", every=WEBHOOK_SECONDS) for each in self._webhooks]
        if folder.store.shared:
            old = partial(folder.store.call, lambda tx: tx.forget_attempts(folder.clock.now()))
            chores.append(chore(old, "attempts_not_forgotten", every=ATTEMPT_LASTS.total_seconds()))
            chores.append(chore(self._beat, "other_gates_not_told", every=nodes.BEAT_SECONDS))
            chores.append(chore(folder.one(Eraser).finish, "not_erased_for_another_gate", every=ERASE_SECONDS))
        if self._config.storage.checkpoints_mail:
            post = CheckpointPost(self._config, folder.store, folder.clock)
            chores.append(chore(post.look, "checkpoint_not_mailed", every=60.0, again=3600.0))
        return chores

    def _leave(self) -> None:
        self._at_line.drain()
        self._leaving = True

    def _resume(self) -> None:
        self._leaving = False
        self._at_line.resume()

    def _beat(self) -> None:
        """Tell the other gates of the database how this one stands, and do what was asked of it there. Raises
        ``GateError``."""
        folder, at_line, calls = self._folder, self._at_line, self._call_manager.active
        day, used = at_line.used()
        state = nodes.LEAVING if self._leaving else nodes.DRAINED if folder.gate.drained() else nodes.OPEN
        first = not self._beats
        wanted, others = folder.store.call(
            lambda tx: nodes.beat(folder, tx, state, calls, day, used, first=first), timeout=nodes.BEAT_SECONDS * 5
        )
        self._beats += 1
        at_line.used_elsewhere(day, others)
        if wanted:
            nodes.carry_out(folder, wanted)
        elif self._leaving and at_line.refuses() and not (calls or self._sessions.active):
            self._stop()

    def _end_beats(self) -> None:
        """The other gates need not wait for it to be lost."""
        if self._folder.store.shared and self._beats:
            state = nodes.LEFT if self._leaving else nodes.STOPPED
            day, used = self._at_line.used()
            with suppress(GateError):
                self._folder.store.call(lambda tx: nodes.beat(self._folder, tx, state, 0, day, used, first=False))

    def _gauge(self) -> None:
        for trunk in self._line.trunks():
            self._metrics.trunk(trunk.name, trunk.up)
        self._metrics.connections.set(self._line.connections)
        self._metrics.recorder_up.set(self._recorder.available())
        self._metrics.line(self._at_line.passed_over())
        self._metrics.evidence_rolled_back.set(bool(self._folder.trust.why_behind))
        self._metrics.clock_behind.set(self._folder.trust.clock_behind is not None)
        self._metrics.unsigned_seconds.set(self._folder.trust.unsigned_seconds)


def _hung_up(*_: object) -> None:
    log.warning("not_read_anew", hint="HUP changes nothing: the configuration is read when the gate starts")


def _log_failure(chores: asyncio.Future[Any]) -> None:
    """A chore has ended, which none does by itself: that is said at once, and the others go on."""
    trouble = None if chores.cancelled() else chores.exception()
    if trouble is not None and not isinstance(trouble, asyncio.CancelledError):
        log.error("chores_failed", error=repr(trouble))


def serve(config: Config) -> int:
    """Run the gate until TERM or INT; returns the exit code. Raises ``GateError`` where it cannot start."""
    os.umask(OWN_FILES)
    configure_logs(config.log)
    with ExitStack() as stack:
        gate = GateProcess(config, stack)
        set_for_calls()
        return gate.run()
