"""The tables of ``transactions`` carried out: what runs under its key, its timers on the loop, who is told of what.

It stands in the place of ``sippy_adapter.transactions.Transactions``. Line thread alone, but for ``Loop.wake``.
"""

from __future__ import annotations

import heapq
import os
import select
import socket
import time
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import count
from threading import Lock, get_ident
from typing import Any, Final

import structlog

from gate.sip.dialog_leg import DialogLeg
from gate.sip.dialogs import from_behind_nat, like_invite, new_branch, response, response_head
from gate.sip.leg import TableLeg
from gate.sip.message import Address, SipMessage
from gate.sip.peers import DialogPeer, Endpoint
from gate.sip.sippy_adapter.event_loop import StepQueue
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.sippy_adapter.rewriting import mend, parsable
from gate.sip.transactions import LONG, SERVERS, T1, TABLE, Do, Event, Machine, State, Timer, Transaction, event_of
from gate.sip.udp import Transport

_log = structlog.get_logger("gate.sip")

_QUESTIONS: Final = frozenset({"INVITE", "OPTIONS", "REGISTER"})
"""What is answered for a peer whose connection is gone; what ends a call goes by the next one."""
ASKED_AGAIN_SECONDS = 2.0
"""An INVITE that is sent again after this interval or a longer one, 3.5 s and more after the first, is asked for."""
UNHEARD_SECONDS = 24.0
"""An answer that is repeated for so long reaches nobody who acknowledges it: it is for 32 s (RFC 3261 13.3.1.4)."""
TOGETHER = 0.25
"""Seconds."""
KEPT_SECONDS = 64.0
"""How long an ended dialog absorbs what is repeated in it."""

Told = Callable[[SipMessage | None], None]
"""Called with an answer; None: none came in time."""


class LoopTimer(list[Any]):
    """A timer, as the heap compares it: when it is due, its number, and its step, None once that has run or is
    cancelled."""

    __slots__ = ()

    def cancel(self) -> None:
        """Stop it."""
        self[2] = None


class Loop:
    """The line thread's loop: timers in a heap, and steps of other threads. Where it was held up, what has come before
    a timer was due comes before it."""

    def __init__(self, steps: StepQueue) -> None:
        self._steps = steps
        self._poll = select.epoll()
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._woken, select.EPOLLIN)
        self._timers: list[LoopTimer] = []
        self._groups: dict[int, list[LoopTimer]] = {}
        """By their time, in ``TOGETHER``."""
        self._numbers = count()
        self._readers: dict[int, Callable[[], None]] = {}
        self._ident = 0
        self._ending, self._closed = Lock(), False
        self.ahead = 0.0
        """Seconds by which a test has moved its clock on."""
        self.stopped = False

    def now(self) -> float:
        """Its clock, in seconds."""
        return time.monotonic() + self.ahead

    def wake(self) -> None:
        """End its sleep. Its own thread does not sleep: it looks at the steps before it does."""
        if get_ident() != self._ident:
            with self._ending:
                if not self._closed:
                    os.eventfd_write(self._woken, 1)

    def reads(self, sock: socket.socket, read: Callable[[], None]) -> None:
        """``read()`` when something has come there."""
        self._readers[sock.fileno()] = read
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def after(self, seconds: float, step: Callable[[], None]) -> LoopTimer:
        """Run ``step`` later."""
        timer = LoopTimer((time.monotonic() + self.ahead + seconds, next(self._numbers), step))
        heapq.heappush(self._timers, timer)
        return timer

    def about(self, seconds: float, step: Callable[[], None]) -> LoopTimer:
        """Run ``step`` later, and up to ``TOGETHER`` later than that, with others: what is only forgotten wakes nobody
        by itself."""
        timer = LoopTimer((time.monotonic() + self.ahead + seconds, next(self._numbers), step))
        place = int(timer[0] / TOGETHER) + 1
        if (group := self._groups.get(place)) is not None:
            group.append(timer)
        else:
            self._groups[place] = [timer]
            due = LoopTimer((place * TOGETHER, next(self._numbers), partial(self._fire_group, place)))
            heapq.heappush(self._timers, due)
        return timer

    def _fire_group(self, place: int) -> None:
        for timer in self._groups.pop(place):
            self._fire(timer)

    def run(self) -> None:
        """Until ``stopped``."""
        steps, timers, poll, clock = self._steps, self._timers, self._poll.poll, time.monotonic
        self._ident = get_ident()
        posted, inside, new = steps.rows
        while not self.stopped:
            while timers and timers[0][2] is None:
                heapq.heappop(timers)
            pause = 1.0
            if posted or inside or new:
                pause = 0.0
            elif timers:
                pause = max(0.0, timers[0][0] - clock() - self.ahead)
            for number, _ in poll(pause):
                if number == self._woken:
                    os.eventfd_read(number)
                else:
                    self._do(self._readers[number])
            if posted or inside or new:
                steps.drain()
            now = clock() + self.ahead
            while timers and timers[0][0] <= now:
                timer = heapq.heappop(timers)
                if timer[2] is not None and (posted or inside or new):
                    steps.post(partial(self._fire, timer))
                else:
                    self._fire(timer)

    @staticmethod
    def _fire(timer: LoopTimer) -> None:
        step, timer[2] = timer[2], None
        if step is not None:
            Loop._do(step)

    @staticmethod
    def _do(step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001 - the line thread's boundary: one bad step must not end every call
            _log.exception("step failed")

    def close(self) -> None:
        """Free its descriptors."""
        with self._ending:
            self._closed = True
            self._poll.close()
            os.close(self._woken)


class Running(Transaction):
    """A transaction under way."""

    __slots__ = ("branch", "cseq", "data", "key", "leg", "method", "patience", "sent_by", "tell", "timers", "to", "way")

    def __init__(self, machine: Machine, key: Any, method: str, way: Endpoint, to: Address, data: bytes) -> None:
        super().__init__(machine, reliable=way.reliable)
        self.key, self.method, self.way, self.to, self.data = key, method, way, to, data
        self.tell: Told | None = None
        self.leg: DialogLeg | None = None
        self.timers: dict[Timer, LoopTimer] = {}
        self.patience = LONG
        """How long an answer is waited for."""
        self.sent_by: object = None
        """The connection by which it went last."""
        self.cseq, self.branch = 0, ""

    @property
    def userv(self) -> Endpoint:
        """By which it goes."""
        return self.way


class Carrier:
    """All transactions and dialogs of the line."""

    def __init__(
        self, transport: Transport, loop: Loop, on_request: Callable[[SipMessage, Any, Any, Any], bool]
    ) -> None:
        """``on_request(request, transaction, source, endpoint)``: an INVITE that no dialog claims; False: nobody
        does."""
        self.l4r, self.loop = transport, loop
        self._on_request = on_request
        self.only: Endpoint | None = transport.only
        self.tclient: dict[tuple[str, str], Running] = {}
        self.tserver: dict[Any, Running] = {}
        self._legs: dict[tuple[str, str], TableLeg] = {}
        """By Call-ID and our tag."""
        self.foreign = 0
        """Answers passed over because they did not come from where the request went."""
        self.belongs: Callable[[str, str], bool] = lambda sent_to, host: False
        """``host`` speaks for the host that something was sent to, by the configuration."""
        self._leads_nowhere = lru_cache(1024)(transport.leads_nowhere)
        self.now, self.after, self.about = loop.now, loop.after, loop.about

    def leg(self, on_event: Callable[[Any], None], peer: DialogPeer, *rest: Any, **named: Any) -> TableLeg:
        """A new leg."""
        return TableLeg(self, on_event, peer, *rest, **named)

    # --- what follows -------------------------------------------------------------------------------------------------

    def begin(self, tx: Running) -> None:
        """Its first step."""
        self._follow(tx, tx.begins(), None)
        if not tx.way.up and tx.way.fails_at_once and tx.method in _QUESTIONS:
            self.after(0.0, partial(self.happen, tx, Event.LATE))

    def happen(self, tx: Running, event: Event, message: SipMessage | None = None) -> None:
        """Something has happened to it."""
        step = TABLE.get((tx.machine, tx.state, event))
        if step is not None:
            tx.state = step[0]
            self._follow(tx, step[1], message)

    def _follow(self, tx: Running, does: tuple[Do, ...], message: SipMessage | None) -> None:
        for do in does:
            if do is Do.SEND:
                self._send(tx)
            elif do is Do.TELL or do is Do.TELL_LATE:
                if tx.tell is not None:
                    tx.tell(message if do is Do.TELL else None)
            elif do is Do.STILL:
                for timer in tx.timers.values():
                    timer[2] = None
            elif do is Do.ACK and message is not None:
                tx.way.send_to(like_invite(tx.data, "ACK", message.get("to") or ""), tx.to)
            elif do is Do.FORGET:
                self._forget(tx)
            elif (wait := tx.wait(do)) is not None:
                seconds = tx.patience if do is Do.WAIT else wait.seconds
                starts = self.about if wait.event is Event.OVER and seconds else self.after
                tx.timers[wait.timer] = starts(seconds, partial(self._due, tx, wait.event))

    def _due(self, tx: Running, event: Event) -> None:
        """A timer has run. An INVITE is decided anew before it is sent late."""
        if event is Event.REPEAT and tx.method == "INVITE" and tx.machine is Machine.INVITE_CLIENT and tx.leg:
            again = partial(self._repeats, tx)
            if tx.interval > ASKED_AGAIN_SECONDS and tx.leg.asks(again):
                return
        self.happen(tx, event)

    def _repeats(self, tx: Running) -> None:
        if tx.state is State.CALLING:
            self.happen(tx, Event.REPEAT)

    def _send(self, tx: Running) -> None:
        if not tx.data:
            return
        if tx.reliable:
            tx.sent_by = tx.way.way()
            if tx.machine not in SERVERS:
                self.after(T1, partial(self._look_at_way, tx, T1))
        tx.way.send_to(tx.data, tx.to)
        leg = tx.leg if tx.machine not in SERVERS else None
        if tx.interval > T1 and leg is not None and leg.heard_at not in (None, tx.to) and leg.remote_tag:
            tx.way.send_to(tx.data, leg.heard_at)  # its Contact may lead elsewhere

    def _look_at_way(self, tx: Running, seconds: float) -> None:
        """What has gone to a connection that is lost goes again, once there is another."""
        if tx.state not in (State.CALLING, State.TRYING):
            return
        way = tx.way.way()
        if way is not None and way is not tx.sent_by and tx.method != "INVITE":
            self.happen(tx, Event.BACK)
        else:
            self.after(2 * seconds, partial(self._look_at_way, tx, 2 * seconds))

    def _forget(self, tx: Running) -> None:
        for timer in tx.timers.values():
            timer[2] = None
        tx.tell = tx.leg = None
        (self.tserver if tx.machine in SERVERS else self.tclient).pop(tx.key, None)

    # --- ours ---------------------------------------------------------------------------------------------------------

    def prepare(
        self, leg: DialogLeg, method: str, branch: str, data: bytes, tell: Told | None, to: Address | None = None
    ) -> Running:
        """A request of a leg's; ``begin`` sends it."""
        tx = self._made(method, branch, leg.way, to or leg.dialog.to, data, tell)
        tx.leg = leg
        return tx

    def _made(self, method: str, branch: str, way: Endpoint, to: Address, data: bytes, tell: Told | None) -> Running:
        machine = Machine.INVITE_CLIENT if method == "INVITE" else Machine.CLIENT
        tx = self.tclient[branch, method] = Running(machine, (branch, method), method, way, to, data)
        tx.tell, tx.branch = tell, branch
        return tx

    def ask(self, text: Callable[[Endpoint, str], bytes], method: str, to: Address, way: Endpoint | None,
            tell: Told) -> None:  # fmt: skip
        """A request outside of all calls; ``text(way, branch)`` is what it says."""
        by, branch = way or self.l4r.getServer(to), new_branch()
        self.begin(self._made(method, branch, by, to, text(by, branch), guarded(f"answer to {method}", tell)))

    def take_back(self, tx: Running | None) -> None:
        """CANCEL, once, of an INVITE that has no final answer (9.1)."""
        if tx is None or (tx.branch, "CANCEL") in self.tclient or tx.state not in (State.CALLING, State.PROCEEDING):
            return
        cancel = self._made("CANCEL", tx.branch, tx.way, tx.to, like_invite(tx.data, "CANCEL"), None)
        cancel.leg = tx.leg
        self.begin(cancel)
        self.silence(tx, LONG)

    def silence(self, tx: Running, seconds: float) -> None:
        """An INVITE is not sent again, and may be answered for so long; 0: as long as it was said before."""
        tx.patience = seconds or tx.patience
        self.happen(tx, Event.SILENCED)

    def expects(self, response: SipMessage) -> bool:
        """True where a request of ours waits for this response, or has lately had one."""
        return (response.branch, response.cseq_method) in self.tclient and parsable(response)

    def waits_for(self, response: SipMessage) -> bool:
        """A request of ours has had no final answer yet, and this may be one."""
        tx = self.tclient.get((response.branch, response.cseq_method))
        return tx is not None and tx.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def has_answer(self, tx: Running) -> bool:
        """A request of ours has had an answer, if a provisional one."""
        return tx.state not in (State.CALLING, State.TRYING)

    def send_again(self, tx: Running) -> None:
        """An INVITE whose connection was lost, by the one that there is now: the same transaction (RFC 3261 18.4)."""
        self.happen(tx, Event.BACK)

    def lost(self, endpoint: Endpoint) -> None:
        """The connection to a trunk is gone: what was asked by it and has no answer at all gets none (17.1.4)."""
        for tx in list(self.tclient.values()):
            if tx.way is endpoint and tx.method in _QUESTIONS and tx.patience == LONG:
                self.happen(tx, Event.LOST)

    def _answered(self, message: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """An answer to a request of ours: from where that went, or from that side's own hosts; another one is passed
        over."""
        tx = self.tclient.get((message.branch, message.cseq_method))
        if tx is None:
            return
        host, leg = source[0], tx.leg
        if leg is not None and (leg.dialog.call_id != message.call_id or leg.dialog.tag != message.from_tag):
            return
        there = self._by_its_way(tx, host, endpoint) if tx.reliable else host in self.l4r.hosts_of(tx.to[0])
        if there and leg is not None:
            leg.peer.hosts.add(host)
            leg.heard_at = endpoint.hop(source)
        own = leg.may_send_from(host) if leg is not None else self.belongs(tx.to[0], host)
        if not there and (tx.reliable or not own):
            self.foreign += 1
            if leg is not None and tx.method == "INVITE":
                leg.told_from_elsewhere = True
            return
        self.happen(tx, event_of(message.code), message)

    def _by_its_way(self, tx: Running, host: str, by: Endpoint) -> bool:
        """An answer came by the connection that its request went by, or by another one of the same peer. By TCP it may
        come from another connection of a PBX's hosts, or of the addresses of the configuration."""
        if by.transport != tx.way.transport:
            return False
        if tx.way.same_peer(by):
            return True
        leg = tx.leg
        if tx.way.transport != "tcp" or leg is None:
            return False
        pbx = leg.peer.claimed_by.startswith("trunk:") and leg.may_send_from(host)
        return bool(pbx or leg.peer.configured(host))

    def repeated(self, leg: TableLeg, cseq: int, source: Address) -> bool:
        """A peer repeats the answer that was acknowledged: the ACK has not arrived where its Contact leads. It goes
        there again, and to where the answer comes from, too. One that is repeated for so long as it may be has reached
        nobody. False where its ACK is not known any more."""
        if leg.ack is None or leg.ack[0] != cseq:
            return False
        _, way, data, to, since = leg.ack
        for address in {to, source}:
            way.send_to(data, address)
        if self.now() - since > UNHEARD_SECONDS:
            leg.on_not_heard()
        return True

    # --- theirs -------------------------------------------------------------------------------------------------------

    def leads_nowhere(self, endpoint: Endpoint) -> Callable[[str, int, Address], bool] | None:
        """For ``mend``; None by a connection: what is said to the peer goes by it, whatever its Contact."""
        return None if endpoint.reliable else self._leads_nowhere

    def _serve(self, request: SipMessage, endpoint: Endpoint) -> Running:
        machine = Machine.INVITE_SERVER if request.method == "INVITE" else Machine.SERVER
        key = (*request.key, request.method)
        tx = self.tserver[key] = Running(machine, key, request.method, endpoint, ("", 0), b"")
        tx.cseq = request.cseq
        return tx

    def reply(self, tx: Running, code: int, data: bytes, to: Address) -> None:
        """Answer it."""
        if tx.key in self.tserver and tx.state is not State.COMPLETED:
            tx.data, tx.to = data, to
            self.happen(tx, event_of(code))

    def respond(
        self, tx: Running, request: SipMessage, source: Address, code: int, phrase: str, more: str = "", body: str = ""
    ) -> None:
        """The same from a request alone."""
        head, to = response_head(request, source, new_branch()[7:])
        self.reply(tx, code, response(head, code, phrase, more, body), to)

    def feed(self, message: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """One message that the ingress has let through."""
        at = endpoint.hop(source)
        if message.method:
            mend(message, at, self.leads_nowhere(endpoint))
        if at == source and not endpoint.reliable and message.cseq_method in ("INVITE", "UPDATE"):
            from_behind_nat(message, at)
        if not message.method:
            self._answered(message, source, endpoint)
            return
        if message.method == "ACK":
            self._acknowledged(message)
            return
        tx = self.tserver.get((*message.key, message.method))
        if tx is not None:
            self.happen(tx, Event.AGAIN)
            return
        tx = self._serve(message, endpoint)
        leg = self.leg_of(message)
        if message.method == "CANCEL":
            self.respond(tx, message, source, 200, "OK")
            if leg is not None:
                leg.cancelled()
        elif leg is not None:
            tx.leg = leg
            leg.asked(tx, message, source, endpoint)
        elif message.method != "INVITE" or not self._on_request(message, tx, source, endpoint):
            self.respond(tx, message, source, 481, "Call/Transaction Does Not Exist")

    def _acknowledged(self, request: SipMessage) -> None:
        tx = self.tserver.get((*request.key, "INVITE"))
        if tx is not None and tx.state is State.COMPLETED:
            self.happen(tx, Event.ACK)
            return
        leg = self._legs.get((request.call_id, request.to_tag))
        if leg is not None:
            leg.ack_came(request)

    # --- legs ---------------------------------------------------------------------------------------------------------

    def keep(self, leg: TableLeg) -> None:
        """A leg that may be spoken to from now on, until it has been over for a while."""
        self._legs[leg.ids] = leg
        self.about(KEPT_SECONDS, partial(self._look_at, leg))

    def _look_at(self, leg: TableLeg, *, last: bool = False) -> None:
        if last:
            self.let_go(leg)
        else:
            self.about(KEPT_SECONDS, partial(self._look_at, leg, last=leg.over and leg.settled))

    def let_go(self, leg: TableLeg) -> None:
        """Nothing more is heard of it."""
        if self._legs.get(leg.ids) is leg:
            del self._legs[leg.ids]
        leg.let_go()

    def leg_of(self, request: SipMessage) -> DialogLeg | None:
        """The leg that a request inside a call is for (a CANCEL: the one that its INVITE made); None for none."""
        if request.method == "CANCEL":
            invite = self.tserver.get((*request.key, "INVITE"))
            return invite.leg if invite is not None else None
        return self._legs.get((request.call_id, request.to_tag))

    def leg_by(self, call_id: str, tag: str) -> TableLeg | None:
        """The leg with this tag of ours."""
        return self._legs.get((call_id, tag))

    def drop(self, call_id: str) -> None:
        """Forget a call that could not be taken."""
        for tx in [each for key, each in self.tserver.items() if key[0] == call_id]:
            self._forget(tx)
        for leg in [each for ids, each in self._legs.items() if ids[0] == call_id]:
            self.let_go(leg)
