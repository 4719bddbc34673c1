"""The line: the SIP side, with the loop of its thread, for the rest of the gate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog

from gate.config import Config
from gate.core.rows.calls import TrunkHealth
from gate.errors import GateError
from gate.ports import LineEvents, MediaRelay, SessionEvents, Timer
from gate.sip.auth import Authenticator
from gate.sip.calls_in import CallInBridge
from gate.sip.connection import Fault
from gate.sip.engine import Engine
from gate.sip.hep import Capture
from gate.sip.message import Address
from gate.sip.peers import Endpoint
from gate.sip.recording_sessions import RecordingBridge
from gate.sip.registrar import Registrar
from gate.sip.sippy_adapter.classes import ED2
from gate.sip.sippy_adapter.event_loop import StepQueue, adopt_loop
from gate.sip.streams import Streams
from gate.sip.udp import Transport, split_address
from gate.store.legs import LegFile

_log = structlog.get_logger("gate.sip")


class SipLine:
    """The SIP side of the gate.

    Order: make it, ``bind`` the call manager, ``open`` (sockets; any thread), ``run`` on the thread that shall be the
    line thread until ``stop`` is called from anywhere. ``post`` works from any thread at any time; everything of
    the calls and ``after`` only on the line thread (inside a posted step or an event).

    Args:
        config: ``sip``, ``trunk``, ``account``, ``pbx`` and ``limits`` are read.
        relay: makes SDP bodies the gate's own.
        secret_of: the secret that a ``password_file`` of the configuration names; called once each, at the start.
        book: where the legs of running calls are kept for the next start.
    """

    def __init__(self, config: Config, relay: MediaRelay, secret_of: Callable[[str], str], book: LegFile) -> None:
        self._config = config
        self._relay = relay
        self._book = book
        self._steps = StepQueue()
        key = secret_of(config.hep.key_file) if config.hep.key_file else ""
        self._capture = Capture(config.hep, key) if config.hep.collector else None
        receive = self._receive if self._capture is None else self._capture_and_receive
        self._transport = Transport(config.sip.listen, self._steps, receive)
        self._streams = Streams(config, self._steps, receive, self._transport.flood_filter)
        self._transport.capture = self._streams.io.capture = self._capture
        self._authenticator = Authenticator(config, secret_of)
        self._registrar = Registrar(config.sip.registration_seconds)
        self._trunk_passwords = {each.name: secret_of(each.password_file) for each in config.trunk if each.username}
        self._emergency_password = secret_of(config.emergency.password_file) if config.emergency.username else ""
        self._events: LineEvents | None = None
        self._sessions: SessionEvents | None = None
        self._engine: Engine | None = None
        self._opened = False
        self._ready = threading.Event()
        self._stopping = False
        self._failed: Exception | None = None
        self.on_trunk: Callable[[TrunkHealth], None] = lambda status: None
        """Told on the line thread when a carrier goes away, comes back, or takes our registration."""

    # --- start and stop -----------------------------------------------------------------------------------------------

    def bind(self, events: LineEvents, sessions: SessionEvents | None = None) -> None:
        """Set the receiver of events, and that of recording sessions where there is one; before ``run``."""
        self._events, self._sessions = events, sessions

    def recall(self, proven: Iterable[tuple[str, str]]) -> None:
        """Where accounts had proven themselves before this start, as (``account:NAME``, ``host:port``): nobody locks
        them out there by guessing until they do again. Before ``run``."""
        for account, source in proven:
            self._authenticator.proven.note(account, split_address(source), self._config.sip.registration_seconds)

    def open(self) -> list[Address]:
        """Bind the sockets; returns what was bound (port 0 becomes a real one).

        Raises:
            ConfigError: an address is taken or not this machine's.
        """
        if not self._opened:
            self._transport.open()
            self._streams.open()
            self._opened = True
        return self._transport.addresses

    @property
    def addresses(self) -> list[Address]:
        """The bound UDP addresses: (host, port), IPv6 hosts in brackets."""
        return self._transport.addresses

    def listening(self, transport: str) -> list[Address]:
        """The addresses bound for ``tcp`` or ``tls``."""
        return self._streams.addresses(transport)

    def warnings(self) -> list[str]:
        """Warnings for the operator, a sentence each; from any thread."""
        fault = self._streams.fault
        faults = [f"The new TLS certificate cannot be used, the old one still is: {fault}"] if fault else []
        flows = self._engine.flows.items() if self._engine else ()
        why = dict(self._engine.names.why) if self._engine else {}
        faults += [f"The domain of the trunk {name} cannot be looked up: {each}" for name, each in why.items()]
        faults += self._engine.ingress.phone_systems.warnings() if self._engine else []
        return faults + [
            f"There is no connection to the trunk {name}: {flow.why_down}" for name, flow in flows if flow.why_down
        ]

    def run(self) -> None:
        """Run the line thread; returns after ``stop``.

        Raises:
            ConfigError: an address is taken or not this machine's.
            GateError: no call manager is bound.
        """
        try:
            if self._events is None:
                raise GateError("the line has no call manager", hint="Call bind() before run().")
            self.open()
            adopt_loop()
            self._engine = Engine(
                self._config, self._transport, self._streams, self._relay, self._events, self._authenticator,
                self._registrar, self._trunk_passwords, self._emergency_password, self._trunk_changed, self._book,
                self._sessions,
            )  # fmt: skip
        except Exception as error:
            self._failed = error
            self._ready.set()
            raise
        self._steps.start(lambda: ED2.callFromThread(self._steps.drain))
        self._transport.start()
        self._streams.start()
        self.post(self._engine.end_orphans)
        self._ready.set()
        _log.info("the line is up", addresses=[f"{host}:{port}" for host, port in self.addresses])
        try:
            if not self._stopping:
                ED2.loop()
        finally:
            self._steps.close()
            self._engine.shut_down()
            if not self._engine.late:  # what a silent trunk may yet answer is the next start's to end
                self._book.clear()
            self._streams.close()
            self._transport.close()
            if self._capture is not None:
                self._capture.close()
            _log.info("the line is down")

    def wait_ready(self, timeout: float = 10.0) -> list[Address]:
        """From another thread: wait until ``run`` serves; returns the addresses, or raises what ``run`` raised."""
        if not self._ready.wait(timeout):
            raise GateError("the line did not start in time")
        if self._failed is not None:
            raise self._failed
        return self.addresses

    def stop(self) -> None:
        """End ``run``: running calls get BYE or their refusal. From any thread."""
        self._stopping = True

        def leave() -> None:
            if self._engine is None:
                ED2.breakLoop()
            else:
                self._engine.shut_down()
                self._engine.leave(ED2.breakLoop)

        self.post(leave)

    # --- ports.Loop -------------------------------------------------------------------------------------------------

    def post(self, step: Callable[[], None]) -> None:
        """Run ``step`` soon on the line thread; from any thread, also before ``run``."""
        self._steps.post(step)

    def after(self, seconds: float, step: Callable[[], None]) -> Timer:
        """Run ``step`` on the line thread after ``seconds``; only from the line thread."""
        return self._running().after(seconds, step)

    # --- calls -------------------------------------------------------------------------------------------------

    def refuse(self, call_id: str, reason: str, decision_id: str, explanation: str, *, elsewhere: bool = False) -> None:
        """The caller's refusal, with a Reason header and the decision id, stateless; the same answer to a
        retransmission. ``elsewhere``: another gate may take the call, where the caller can reach one (``overflow``)."""
        engine = self._running()
        pending = engine.ingress.pending.take(call_id)
        if pending is not None:
            engine.ingress.refuse(pending, reason, decision_id, explanation, elsewhere=elsewhere)

    def invite(self, call_id: str, number: str, presentation: str, display_name: str, *, early: bool = False) -> None:
        """Let the call through to the trunk: the canonical number, and the firm's own number and name as identity.
        ``early``: the caller may hear what comes from the far end before it has answered; else it rings by itself."""
        engine = self._running()
        engine.invite(call_id, number, presentation, display_name, early=early)

    def dial_again(self, call_id: str) -> None:
        """Let the INVITE leave of which ``dialling_again`` told."""
        if bridge := self._running().bridges.get(call_id):
            bridge.dial_again()

    def redirect(self, call_id: str, number: str) -> bool:
        """302 with the addresses of the trunks in place of letting the call through; False where there is none, which
        ``failed`` has told."""
        return self._running().redirect(call_id, number)

    def invite_emergency(self, call_id: str, number: str, presentation: str, display_name: str) -> None:
        """Let the call through to the emergency route, under whatever load; its refusals pass as they are, so that a
        phone system goes on to its next route."""
        engine = self._running()
        if not engine.trunks.emergency:
            raise GateError("there is no emergency route", hint="see the section [emergency]")
        engine.invite(call_id, number, presentation, display_name, emergency=True)

    def answer(self, call_id: str) -> None:
        """A call in: answer the caller; ``acknowledged`` or ``hung_up`` follows."""
        self._running().answer(call_id)

    def ring(self, call_id: str) -> None:
        """A call in: ring the firm's phones in order; ``answered`` with whose, or ``nobody_answers``, follows."""
        bridge = self._running().bridges.get(call_id)
        if isinstance(bridge, CallInBridge):
            bridge.ring()

    def early_media(self, call_id: str) -> None:
        """Open the caller's audio before it is answered (183), so that it hears progress and a cue. Only between
        ``answered`` and ``connect``."""
        if bridge := self._running().bridges.get(call_id):
            bridge.early_media()

    def connect(self, call_id: str) -> None:
        """Answer the caller: the parties are bridged."""
        if bridge := self._running().bridges.get(call_id):
            bridge.connect()

    def take_over(self, call_id: str, from_call: str, *, why_not: str = "") -> None:
        """Put the callee of ``from_call`` in the place of the caller of ``call_id``, whose leg ends, and end
        ``from_call``; ``why_not``: the code of a reason for which both go on as they were."""
        self._running().transfers.take_over(call_id, from_call, why_not)

    def hang_up(self, call_id: str, reason: str) -> None:
        """End both legs, whatever state they are in; ``reason`` goes into the Reason header. A caller whose callee has
        picked up gets 200 and BYE, never a failure. An undecided call is refused."""
        engine = self._running()
        if bridge := engine.bridges.get(call_id):
            bridge.hang_up(reason)
        elif pending := engine.ingress.pending.take(call_id):
            engine.ingress.refuse(pending, reason, "", "")

    def forget(self, call_id: str) -> None:
        """The call manager is done with the call; whatever is left of it may go."""
        self._running().forget(call_id)

    # --- recording sessions -----------------------------------------------------------------------

    def take(self, session_id: str, first: str, done: Callable[[Mapping[str, Mapping[int, str]] | None], None]) -> None:
        """Make a recording session's media ports; ``first``: the side (``caller`` or ``callee``) of the first stream.
        ``done`` gets the codec maps; where it cannot be it gets None, and the session is refused."""
        bridge = self._running().bridges.get(session_id)
        if isinstance(bridge, RecordingBridge):
            bridge.begin(first, done)

    def accept(self, session_id: str) -> None:
        """200 to a recording session."""
        bridge = self._running().bridges.get(session_id)
        if isinstance(bridge, RecordingBridge):
            bridge.accept()

    # --- for status and metrics -------------------------------------------------------------------------------------

    @property
    def trunk_up(self) -> bool | None:
        """Whether a carrier answers; None where none does, and one is not asked or has not answered yet. From any
        thread."""
        ups = [each.up for each in self.trunks()]
        return True if True in ups else None if None in ups or not ups else False

    def trunks(self) -> list[TrunkHealth]:
        """The state of each carrier. From any thread."""
        return [each.status for each in self._engine.monitors.values()] if self._engine else []

    @property
    def connections(self) -> int:
        """How many phones and PBXs have one now, by TCP or TLS; from any thread."""
        return len(self._streams.bounds)

    def counts(self) -> dict[str, int]:
        """How much was dropped or refused since the start, by kind; from any thread."""
        counts = {
            "dropped": self._transport.dropped,
            "foreign": 0,
            "passed_over": 0,
            "stormed": 0,
        } | self._streams.counts()
        return counts | (self._engine.counts() if self._engine else {})

    # --- inside -----------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Address, endpoint: Endpoint, fault: Fault | None = None) -> None:
        self._running().ingress.receive(data, source, endpoint, fault)

    def _capture_and_receive(
        self, data: bytes, source: Address, endpoint: Endpoint, fault: Fault | None = None
    ) -> None:
        if self._capture is not None:
            self._capture(data, source, endpoint.address, endpoint.transport)
        self._receive(data, source, endpoint, fault)

    def _trunk_changed(self, status: TrunkHealth) -> None:
        self.on_trunk(status)

    def _running(self) -> Engine:
        if self._engine is None:
            raise GateError("the line does not run yet")
        return self._engine
