"""The line while it runs: transactions, ingress, bridges and trunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from gate.config import Config
from gate.core.bridging import Stage
from gate.core.numbers import emergency_number
from gate.core.rows.calls import TrunkHealth
from gate.ports import LineEvents, MediaRelay, SessionEvents
from gate.sip.admission import LoopDetector
from gate.sip.auth import Authenticator
from gate.sip.bridge import Bridge
from gate.sip.calls_in import CallInBridge, CallInIngress
from gate.sip.carrier_names import CarrierNames
from gate.sip.failure_mapping import UNAVAILABLE, UNREACHABLE
from gate.sip.forks import Forks
from gate.sip.ingress import Ingress
from gate.sip.message import Address, Attempted, TransactionKey
from gate.sip.overload import OverloadControl
from gate.sip.peers import within
from gate.sip.pending import Pending
from gate.sip.recording_sessions import SessionIngress
from gate.sip.registrar import Registrar
from gate.sip.response_cache import reasons
from gate.sip.routes import Route, Trunks, contacts
from gate.sip.sippy_adapter.classes import SipConf, Timeout, apply_speedups
from gate.sip.sippy_adapter.leg import Leg
from gate.sip.sippy_adapter.patches import apply_patches, guarded
from gate.sip.sippy_adapter.refreshing import AGENT
from gate.sip.sippy_adapter.transactions import Transactions
from gate.sip.stored_dialogs import OrphanedDialogs
from gate.sip.streams import Streams
from gate.sip.transfers import Transfers
from gate.sip.trunk import TrunkFlow, TrunkMonitor
from gate.sip.udp import Transport
from gate.store.legs import LegFile

_log = structlog.get_logger("gate.sip")

OPENING_SECONDS = 0.95
"""An opening may wait so long: with what counts as late this is when no call is begun any more (``SLOW_SECONDS`` of
the recorder's client), so that a moment without a processor costs no call."""
SWEEP_SECONDS = 0.05
LEAVE_SECONDS = 1.0
"""How long the end of the line waits for ACKs."""
TELL_SECONDS = 1.0
"""How often the flood filter and the call manager get what has been counted."""
KEPT_SECONDS = 64.0
"""How long an ended call absorbs retransmissions of its INVITE."""


class EngineTimer:
    """A timer on sippy's loop. Its step comes after what was posted before it is due: where the line was held up, what
    has come in time is not taken for late."""

    __slots__ = ("_timer", "running")

    def __init__(self, seconds: float, step: Callable[[], None], post: Callable[[Callable[[], None]], None]) -> None:
        self.running = True

        def fire() -> None:
            if self.running:
                self.running = False
                step()

        self._timer = Timeout(lambda: post(fire), max(0.0, seconds))

    def cancel(self) -> None:
        """Stop it; nothing happens where its step has run."""
        if self.running:
            self.running = False
            self._timer.cancel()


class Engine:
    """Everything of the line that runs on its thread."""

    def __init__(
        self, config: Config, transport: Transport, streams: Streams, relay: MediaRelay, events: LineEvents,
        authenticator: Authenticator, registrar: Registrar, trunk_passwords: Mapping[str, str], emergency_password: str,
        on_trunk: Callable[[TrunkHealth], None], book: LegFile, sessions: SessionEvents | None = None,
    ) -> None:  # fmt: skip
        SipConf.autoconvert_tel_url = True
        apply_patches()
        apply_speedups()
        self.config = config
        self.relay = relay
        self.events = events
        self.loops = LoopDetector()
        self.monitors: dict[str, TrunkMonitor] = {}
        """By the trunk's name."""
        self.names = CarrierNames(config, streams.post)
        self.trunks = Trunks(config, trunk_passwords, emergency_password, self._trunk_up, self.names.servers)
        self.transactions = Transactions(transport, self._on_request)
        self.transactions.leg = partial(Leg, self.transactions)
        self.streams = streams
        self.hosts_of = transport.hosts_of
        self.flood_filter = transport.flood_filter
        self._unanswered = 0
        """As last reported to the call manager."""
        self._foreign = self._stormed = 0
        """As last written to the gate's log."""
        self._told_at = 0.0
        self.calls_in = CallInIngress(config, self, registrar)
        self.recordings = SessionIngress(config, self, sessions)
        self.ingress = Ingress(self, authenticator, registrar)
        self.book = book
        self.forks = Forks(self)
        self.transfers = Transfers(self)
        self.orphans = OrphanedDialogs(self, self._legs_ended)
        self.overload = OverloadControl()
        transport.on_wait = streams.on_wait = partial(self.overload.note, "datagrams")
        transport.needs_nothing = self.ingress.responses.acknowledged_by
        transport.on_wait_inside = partial(self.overload.note, "inside")
        self._swept = time.monotonic()
        self.bridges: dict[str, Bridge] = {}
        self._admitted: set[TransactionKey] = set()
        """Transactions of the calls that were let through, and of those that ended lately: keys alone, for the calls
        themselves are a hundred kilobytes each."""
        self._attempts: set[Attempted] = set()
        """What the same calls share with a copy that came by another way."""
        self._admitting: Bridge | None = None
        self._ending: dict[str, Leg] = {}
        """Callers' legs whose BYE waits for an ACK."""
        self.late: set[str] = set()
        """Calls that are over, but that a silent trunk may still answer."""
        self.passed_over = 0
        """How often a call went on to another trunk."""
        self.transactions.belongs = lambda sent_to, host: any(
            (route.address[0] == sent_to or sent_to in self.names.hosts(route.name)) and within(host, route.networks)
            for route in self._routes()
        )
        self.flood_filter.trust(
            [network for network, _ in authenticator.networks]
            + [network for route in self._routes() for network in route.networks]
            + [network for network, _ in self.recordings.networks]
        )
        self.flows = {
            trunk.name: TrunkFlow(self, config, trunk, route, streams)
            for trunk, route in zip(config.trunk, self.trunks.routes, strict=True)
            if trunk.transport != "udp"
        }
        """The connections of the trunks with a connection, by name."""
        self.monitors |= {
            trunk.name: TrunkMonitor(self, trunk, route, on_trunk)
            for trunk, route in zip(config.trunk, self.trunks.routes, strict=True)
        }
        self.names.start()
        for monitor in self.monitors.values():
            monitor.start()
        for flow in self.flows.values():
            flow.start()
        self._sweeper = Timeout(guarded("sweep", self._sweep), SWEEP_SECONDS, -1)

    def after(self, seconds: float, step: Callable[[], None]) -> EngineTimer:
        """Run ``step`` later."""
        return EngineTimer(seconds, step, self.streams.post)

    def admitted(self, key: TransactionKey) -> bool:
        """True where this transaction's call was let through."""
        return key in self._admitted

    def merged(self, key: TransactionKey) -> bool:
        """True where this request has come before, by another way, and is under way: its Call-ID, From tag and CSeq
        are those of a call that was let through (RFC 3261 8.2.2.2)."""
        return key[:3] in self._attempts

    def is_trunk_host(self, host: str) -> bool:
        """True for a host of the carrier's, or of the emergency route's."""
        return any(self.is_at(each, host) for each in self._routes())

    def is_at(self, route: Route, host: str) -> bool:
        """True for a host of this carrier's."""
        return host in self.hosts_at(route) or within(host, route.networks)

    def hosts_at(self, route: Route) -> frozenset[str]:
        """The hosts of this carrier's address, or of its domain."""
        servers = self.names.servers(route.name) if route.name else None
        return self.hosts_of(route.address[0]) if servers is None else self.names.hosts(route.name)

    def address_of(self, route: Route) -> Address | None:
        """Address at which this carrier is asked; None where it is not known."""
        servers = self.names.servers(route.name) if route.name else None
        return route.address if servers is None or route.transport != "udp" else next(iter(servers), None)

    def flow_of(self, route: Route | None) -> TrunkFlow | None:
        """The connection to a carrier; None for one by UDP."""
        return self.flows.get(route.name) if route is not None else None

    def _routes(self) -> tuple[Route, ...]:
        return self.trunks.routes + self.trunks.emergency

    def _trunk_up(self, name: str) -> bool | None:
        return self.monitors[name].status.up if name in self.monitors else None

    def for_help(self, dialled: str) -> bool:
        """True for an emergency number that has a route."""
        return bool(self.trunks.emergency) and bool(emergency_number(dialled, self.config.emergency.numbers))

    def invite(
        self, call_id: str, number: str, presentation: str, display_name: str, *, early: bool = False,
        emergency: bool = False,
    ) -> None:  # fmt: skip
        """Let a pending call through; ``early``: the caller may hear what comes before the answer."""
        pending = self.ingress.pending.take(call_id)
        if pending is None:
            return
        routes = self.trunks.for_help() if emergency else self.trunks.for_call(number, pending.claimed_by)
        if not emergency:  # LAW 3.5: an emergency route is tried whatever is known of it
            routes = [route for route in routes if not self.is_down(route)]
        if not routes:
            self._no_trunk(pending)
            return
        if self.transfers.begins(pending, number, presentation, display_name, routes):
            return
        self.admit(Bridge(self, pending, number, presentation, display_name, routes, early=early), pending)

    def redirect(self, call_id: str, number: str) -> bool:
        """302 to a PBX that keeps its media: the trunks in order of preference, each with the number in its form. False
        where none takes the call; it is refused then."""
        pending = self.ingress.pending.take(call_id)
        if pending is None:  # withdrawn
            return False
        routes = self.trunks.for_call(number, pending.claimed_by)
        if not routes:
            self._no_trunk(pending)
            return False
        headers = [("Contact", contacts(routes, number)), ("X-Dialgate-Decision", call_id)]
        self.ingress.answer(pending, 302, "Moved Temporarily", headers)
        return True

    def connection_changed(self, flow: TrunkFlow) -> None:
        """A carrier's connection is lost or is back: calls that are being set up through it react."""
        for bridge in list(self.bridges.values()):
            if bridge.stage is Stage.DIALLING and bridge.callee.flow is flow:
                bridge.safely(bridge.failover.back if flow.up else bridge.failover.lost)()

    def is_down(self, route: Route) -> bool:
        """True where it is known that this carrier answers nothing now."""
        return route.name in self.monitors and self.monitors[route.name].down

    def unheard(self, route: Route) -> None:
        """A carrier has answered nothing to an INVITE."""
        if route.name in self.monitors:
            self.monitors[route.name].unheard()

    def _no_trunk(self, pending: Pending) -> None:
        """All that may take this call are down: it is no refusal, and a phone system may dial its next trunk."""
        headers = [*reasons(UNAVAILABLE[0], UNREACHABLE), ("X-Dialgate-Decision", pending.call_id)]
        self.ingress.answer(pending, *UNAVAILABLE, headers)
        self.events.failed(pending.call_id, UNAVAILABLE[0], UNREACHABLE)

    def answer(self, call_id: str) -> None:
        """Answer the caller of a call in."""
        pending = self.ingress.pending.take(call_id)
        if pending is not None and pending.calling is not None:
            self.admit(CallInBridge(self, pending, pending.calling), pending)

    def admit(self, bridge: Bridge, pending: Pending) -> None:
        """The INVITE goes to sippy, and its events to the bridge."""
        call_id = bridge.id
        self.bridges[call_id] = bridge
        self._admitted.add(pending.request.key)
        self._attempts.add(pending.request.key[:3])
        self._admitting = bridge
        failed = False
        try:
            self.relay.open(call_id, bridge.signalled, phone=pending.claimed_by.startswith("account:"))
            self.transactions.feed(pending.request, pending.source, pending.endpoint)
        except Exception:  # noqa: BLE001 - sippy or the relay could not take it: the caller still gets its answer
            _log.exception("a call could not be set up", call_id=call_id)
            failed = True
        finally:
            self._admitting = None
        if failed or bridge.caller.state is None:
            self._undo(bridge, pending)

    def _undo(self, bridge: Bridge, pending: Pending) -> None:
        """sippy could not take an INVITE that was let through: nothing of it stays but the refusal."""
        self.transactions.drop(pending.request.call_id)
        bridge.drop()
        self.loops.over(bridge.id)
        del self.bridges[bridge.id]
        self._admitted.discard(pending.request.key)
        self._attempts.discard(pending.request.key[:3])
        if bridge.route.emergency:
            self.ingress.answer(pending, *UNAVAILABLE)
        else:
            self.ingress.refuse(pending, "internal_error", "", "The gate failed.")
        self.events.failed(bridge.id, bridge.refusal("internal_error")[0], "internal_error")

    def over(self, bridge: Bridge) -> None:
        """A call has ended; its INVITE's retransmissions are absorbed for a while yet."""
        call_id, key = bridge.id, bridge.pending.request.key
        self.loops.over(call_id)
        if bridge.caller.ending:
            self._ending[call_id] = bridge.caller
        if bridge.failover.given_up:
            self.late.add(call_id)
        if bridge.caller.ending or bridge.failover.given_up:
            bridge.keep_legs()
        else:
            self.book.over(call_id)
        self.after(KEPT_SECONDS, lambda: self._drop(call_id, key))

    def legs_changed(self, bridge: Bridge) -> None:
        """A leg that was given up has been heard of: the journal follows."""
        if bridge.stage is not Stage.OVER:
            bridge.keep_legs()
        elif not bridge.failover.given_up and bridge.id in self.late:
            self.late.discard(bridge.id)
            if bridge.id not in self._ending:
                self.book.over(bridge.id)

    def forget(self, call_id: str) -> None:
        """The call manager is done with it."""
        bridge = self.bridges.get(call_id)
        if bridge is not None and bridge.stage is not Stage.OVER:
            bridge.hang_up("gate_done")
        if (pending := self.ingress.pending.take(call_id)) is not None:
            self.ingress.refuse(pending, "internal_error", "", "The gate failed.")
        self.bridges.pop(call_id, None)

    def _drop(self, call_id: str, key: TransactionKey) -> None:
        self.bridges.pop(call_id, None)
        if self._ending.pop(call_id, None) is not None and call_id not in self.late:
            self.book.over(call_id)
        self._admitted.discard(key)
        self._attempts.discard(key[:3])

    def _on_request(self, request: Any, transaction: Any) -> Any:
        """A request that no dialog of sippy's claims."""
        bridge = self._admitting
        if bridge is not None and request.getMethod() == "INVITE":
            self._admitting = None
            return bridge.caller.recvRequest(request, transaction)
        if request.getMethod() == "INVITE" and request.getHFBody("to").getTag() is None:
            return None  # a late retransmission of one that was answered
        return (request.genResponse(481, "Call/Transaction Does Not Exist", server=AGENT), None, None)

    def end_orphans(self) -> None:
        """End the dialogs that an earlier run left; once the sockets are served."""
        self.orphans.end(self.book.left())

    def _legs_ended(self, call_id: str, outcomes: Mapping[str, str]) -> None:
        self.events.legs_ended(call_id, outcomes, lambda: self.book.over(call_id))

    def _sweep(self) -> None:
        now = time.monotonic()
        self.overload.note("timers", max(0.0, now - self._swept - SWEEP_SECONDS))
        self.overload.note("decisions", self.ingress.pending.look())
        self.overload.note("recorder", max(0.0, self.events.oldest_opening() - OPENING_SECONDS))
        self.overload.note("media", self.relay.late())
        self._swept = now
        self.ingress.sweep()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self._share_counts()

    def _share_counts(self) -> None:
        """Tell the flood filter who is known, and the call manager how many strangers were not answered."""
        proven = self.ingress.auth.proven.addresses()
        hosts = {source[0] for source in proven}
        for bridge in self.bridges.values():
            hosts |= bridge.caller.peer.hosts | bridge.callee.peer.hosts
        self.flood_filter.know(frozenset().union(*(self.hosts_at(each) for each in self._routes())), proven, hosts)
        foreign = self.ingress.inside.foreign + self.transactions.foreign
        if foreign > self._foreign:
            _log.warning(
                "not_from_that_side",
                count=foreign - self._foreign,
                hint="an intruder; or the carrier signals from more addresses than trunk.addresses says",
            )
            self._foreign = foreign
        stormed = self.flood_filter.stormed
        if stormed > self._stormed:
            _log.warning(
                "too_many_messages_of_one_call",
                count=stormed - self._stormed,
                hint="a party repeats itself inside its call: look at that phone system; the rest was passed over",
            )
            self._stormed = stormed
        unanswered = self.counts()["unanswered"]
        if unanswered > self._unanswered:
            self.events.unanswered(unanswered - self._unanswered)
            self._unanswered = unanswered

    def counts(self) -> dict[str, int]:
        """As ``SipLine.counts``; from any thread."""
        lockout = self.ingress.auth.lockout
        return {
            "shed": self.overload.shed,
            "unanswered": self.ingress.rate_limit.dropped + self.flood_filter.dropped,
            "guesses": lockout.wrong + lockout.locked,
            "foreign": self.ingress.inside.foreign + self.transactions.foreign,
            "stormed": self.flood_filter.stormed,
            "passed_over": self.passed_over,
            "sessions_refused": self.recordings.refused,
        }

    def shut_down(self) -> None:
        """End every call and stop."""
        for bridge in list(self.bridges.values()):
            bridge.hang_up("gate_stopping")
        for pending in self.ingress.pending.take_all():
            self.ingress.refuse(pending, "gate_stopping", "", "The gate is stopping.")
        self.names.stop()
        for monitor in self.monitors.values():
            monitor.stop()
        self._sweeper.cancel()

    def leave(self, then: Callable[[], None], until: float | None = None) -> None:
        """After ``shut_down``: ``then()`` when every BYE has left, those whose ACK does not come in time too."""
        until = until or time.monotonic() + LEAVE_SECONDS
        waiting = [leg for leg in self._ending.values() if leg.ending and not leg.over]
        if not waiting or time.monotonic() > until:
            for leg in waiting:
                leg.hurry()
            then()
        else:
            self.after(SWEEP_SECONDS, lambda: self.leave(then, until))
