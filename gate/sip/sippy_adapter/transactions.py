"""sippy's transaction manager on the line's own sockets. Upstream faults (sippy 2.5.0) that this answers:

- every unknown response is remembered for a minute: ``expects`` lets none of them in
- an INVITE with credentials leaves before the ACK of the 407 that asked for them: ``after_this``
- responses are believed from any address: ``incomingResponse`` asks where they come from
- a server transaction that failed answers 487 minutes later: ``drop``
- it sends again over TCP, too, and knows no connections: ``timerA``, ``newTransaction``
- INVITEs of one CSeq that are refused inside a call take each other's place in its table, and its ``timerD`` raises for
  all but one of them; two final answers of one transaction start it twice: ``sendResponse``
- a request taken back twice raises, and the BYE that was to follow is lost: ``cancelTransaction``
- an INVITE that has been answered elsewhere ends with 487 when its ``Expires`` runs out, or 300 s: ``timerE``
- requests of a dialog go to the peer's Contact alone: ``timerA``, ``repeated``
- each message is logged, at half of the throughput: ``_Silent``, ``transmitData``
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from secrets import token_hex
from time import monotonic
from typing import Any, NamedTuple

from sippy.Network_server import Remote_address
from sippy.SipRequest import SipRequest
from sippy.SipTransactionManager import RINGING, TRYING, SipTMRetransmitO, SipTransactionManager, check1918
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout

from gate.sip.message import Address, SipMessage, parse
from gate.sip.peers import Endpoint
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.sippy_adapter.rewriting import mend, parsable, rewrite
from gate.sip.udp import Transport

_QUESTIONS = ("INVITE", "OPTIONS", "REGISTER")
ASKED_AGAIN_SECONDS = 2.0
"""An INVITE that is sent again after this interval or a longer one, 3.5 s and more after the first, is asked for."""
UNHEARD_SECONDS = 24.0
"""An answer that is repeated for so long reaches nobody who acknowledges it: it is for 32 s (RFC 3261 13.3.1.4)."""
MAX_ANSWERED = 8192
"""Requests whose answers may be repeated: more than are sent in the 32 s that an answer is repeated for."""


class Acknowledged(NamedTuple):
    """An ACK of ours."""

    cseq: int
    way: Endpoint
    data: Any
    address: Address
    since: float


class _Silent:
    """Where sippy would log each message; that costs half of the throughput."""

    def write(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


class Transactions(SipTransactionManager):  # type: ignore[misc]  # sippy has no types
    """Server and client transactions. The sockets do not call ``handleIncoming`` any more: they call
    ``gate.sip.ingress``, which passes on through ``feed`` what needs a transaction."""

    def __init__(self, transport: Transport, on_request: Callable[[Any, Any], Any]) -> None:
        # Not super().__init__: it would open sockets of its own. These are all the attributes it sets.
        self.global_config = {"_sip_logger": _Silent(), "_sip_tm": self}
        self.l4r = transport
        self.tclient: dict[Any, Any] = {}
        self.tserver: dict[Any, Any] = {}
        self.req_cb = on_request
        self.l1rcache: dict[bytes, Any] = {}
        self.l2rcache: dict[bytes, Any] = {}
        self.req_consumers: dict[str, Any] = {}
        self.cp_timer = Timeout(self.rCachePurge, 32, -1)
        self.init_time = monotonic()
        self.foreign = 0
        """Answers passed over because they did not come from where the request went."""
        self.belongs: Callable[[str, str], bool] = lambda sent_to, host: False
        """``host`` speaks for the host that something was sent to, by the configuration."""
        self._answered: dict[str, None] = {}
        """Branches of our requests that were answered, oldest first."""
        self._came_by: Endpoint | None = None
        """The endpoint of the message under way."""
        self._holding = self._feeding = False
        self._held: list[tuple[Any, ...]] = []

    leg: Any = None
    """Makes a leg of these transactions."""

    def ask(
        self, text: Callable[[Endpoint, str], bytes], method: str, to: Address, way: Endpoint | None,
        tell: Callable[[SipMessage | None], None],
    ) -> None:  # fmt: skip
        """A request outside of all calls; ``text(way, branch)`` is what it says, ``tell`` gets each answer."""
        by = way or self.l4r.getServer(to)
        request = SipRequest(text(by, f"z9hG4bK{token_hex(12)}").decode("latin-1"))
        request.setTarget((to, by.transport))
        answered = guarded(f"answer to {method}", lambda response: tell(parse(str(response).encode("utf-8"))))
        self.newTransaction(request, answered, userv=by)

    def expects(self, response: SipMessage) -> bool:
        """True where a request of ours waits for this response, or has lately had one (a final answer that is repeated
        wants its ACK again). sippy would parse any other, and remember for a minute that it knows nothing of it."""
        key = (response.call_id, response.from_tag, response.cseq, response.cseq_method, response.branch)
        return (key in self.tclient or response.branch in self._answered) and parsable(response)

    def feed(self, message: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """One message into sippy. Raises whatever sippy raises. A private Contact that came from a public address is
        one behind NAT: it is answered where it came from."""
        at, before, self._feeding = endpoint.hop(source), self._feeding, True
        if message.method:
            mend(message, at, self.leads_nowhere(endpoint))
        self.nat_traversal = at == source and not check1918(at[0])
        try:
            self._came_by = endpoint
            self.handleIncoming(
                rewrite(message, endpoint.transport), Remote_address(at, endpoint.transport), endpoint, MonoTime()
            )
        finally:
            self._feeding = before
            self._release(0)

    @contextmanager
    def after_this(self) -> Iterator[None]:
        """What is sent inside leaves when the datagram under way is done with, at once where none is: sippy would send
        the INVITE with credentials before the ACK of the 407 that asked for them."""
        with self._held_back():
            yield
        if not (self._holding or self._feeding):
            self._release(0)

    @contextmanager
    def _held_back(self) -> Iterator[None]:
        before, self._holding = self._holding, True
        try:
            yield
        finally:
            self._holding = before

    @contextmanager
    def at_the_end(self) -> Iterator[None]:
        """What is sent inside leaves at its end, or later where an ``after_this`` or another one is around it; nothing
        of it leaves where the end is not reached."""
        first = len(self._held)
        try:
            with self._held_back():
                yield
        except BaseException:
            del self._held[first:]
            raise
        if not self._holding:
            self._release(first)

    def _release(self, first: int) -> None:
        """Send what is held from ``first`` on."""
        held, self._held[first:] = self._held[first:], []
        for values in held:
            self.transmitData(*values)

    def transmitData(self, userv: Any, data: Any, address: Any, cachesum: Any = None, lossemul: int = 0) -> None:
        """Send, or keep for the end of ``feed``."""
        if self._holding:
            self._held.append((userv, data, address, cachesum, lossemul))
            return
        userv.send_to(data, address)
        if cachesum is not None:
            self.l1rcache[cachesum] = SipTMRetransmitO(userv, data, address, None, lossemul)

    def incomingResponse(self, msg: Any, t: Any, checksum: Any) -> None:
        """An answer to a request of ours: from where the request went, or from that side's own hosts; another one is
        passed over."""
        host, leg = msg.getSource()[0], self.leg_by(t.tid[0], t.tid[1])
        there = self._by_its_way(t.userv, host, leg) if t.userv.reliable else host in self.l4r.hosts_of(t.address[0])
        if there and leg is not None:
            leg.peer.hosts.add(host)
            leg.heard_at = msg.getSource()
        elsewhere = t.userv.reliable or not (
            leg.may_send_from(host) if leg is not None else self.belongs(t.address[0], host)
        )
        if not there and elsewhere:
            self.foreign += 1
            if leg is not None and t.method == "INVITE":
                leg.told_from_elsewhere = True
            return
        self._answered[t.tid[-1]] = None
        while len(self._answered) > MAX_ANSWERED:
            del self._answered[next(iter(self._answered))]
        super().incomingResponse(msg, t, checksum)

    def leads_nowhere(self, endpoint: Endpoint) -> Callable[[str, int, Address], bool] | None:
        """For ``mend``; None by a connection: what is said to the peer goes by it, whatever its Contact."""
        return None if endpoint.reliable else self.l4r.leads_nowhere

    def waits_for(self, response: SipMessage) -> bool:
        """A request of ours has had no final answer yet, and this may be one."""
        key = (response.call_id, response.from_tag, response.cseq, response.cseq_method, response.branch)
        return key in self.tclient and self.tclient[key].state in (TRYING, RINGING)

    def repeated(self, leg: Any, cseq: int, source: Address) -> bool:
        """A peer repeats the answer that was acknowledged: the ACK has not arrived where its Contact leads. It goes
        there again, and to where the answer comes from, too. One that is repeated for so long as it may be has reached
        nobody. False where its ACK is not known any more."""
        if leg.ack is None or leg.ack.cseq != cseq:
            return False
        for address in {leg.ack.address, source}:
            leg.ack.way.send_to(leg.ack.data, address)
        if monotonic() - leg.ack.since > UNHEARD_SECONDS:
            leg.on_not_heard()
        return True

    def transmitReq(self, t: Any, msg: Any, address: Any, *values: Any, **named: Any) -> None:
        """An ACK of ours, or a request; the ACK of an answer is kept for those who repeat it."""
        if msg.getMethod() == "ACK" and (leg := self.leg_by(t.tid[0], t.tid[1])) is not None:
            number = msg.getHFBody("cseq").getCSeqNum()
            leg.ack = Acknowledged(number, t.userv, msg.localStr(t.userv.getSIPaddr()), address, monotonic())
        super().transmitReq(t, msg, address, *values, **named)

    def _by_its_way(self, userv: Endpoint, host: str, leg: Any) -> bool:
        """An answer came by the connection that its request went by, or by another one of the same peer. By TCP it may
        come from another connection of a PBX's hosts, or of the addresses of the configuration."""
        by = self._came_by
        if by is None or by.transport != userv.transport:
            return False
        if userv.same_peer(by):
            return True
        if userv.transport != "tcp" or leg is None:
            return False
        pbx = leg.peer.claimed_by.startswith("trunk:") and leg.may_send_from(host)
        return bool(pbx or leg.peer.configured(host))

    def newTransaction(
        self, msg: Any, resp_cb: Any = None, laddress: Any = None, userv: Any = None, cb_ifver: int = 1,
        compact: bool = False, t: Any = None,
    ) -> Any:  # fmt: skip
        """A request of ours: by UDP, unless it has a connection to go by."""
        userv = userv or self.l4r.getServer(msg.getTarget()[0])
        way = userv.way()
        made = super().newTransaction(msg, resp_cb, laddress, userv, cb_ifver, compact, t)
        made.way = way
        if not userv.up and userv.fails_at_once and made.method in _QUESTIONS:
            self._unanswered(made)
        return made

    def lost(self, userv: Endpoint) -> None:
        """The connection to a trunk is gone: what was asked by it and has no answer at all gets none (RFC 3261 17.1.4).
        The end of a call goes by the next connection; an INVITE that is listened for is its call's."""
        asked = [each for each in self.tclient.values() if each.userv is userv and each.method in _QUESTIONS]
        for transaction in asked:
            if transaction.state is TRYING and transaction.teA is not None:
                self._unanswered(transaction)

    def has_answer(self, transaction: Any) -> bool:
        """A request of ours has had an answer, if a provisional one."""
        return transaction.state is not TRYING

    def send_again(self, transaction: Any) -> None:
        """A request whose connection was lost, by the one that there is now: the same transaction (RFC 3261 17.1.1.2),
        whose answers are repeated."""
        if transaction.tid in self.tclient:
            transaction.way = transaction.userv.way()
            self.transmitData(transaction.userv, transaction.data, transaction.address)

    def _unanswered(self, transaction: Any) -> None:
        """408 to whoever asked, soon."""
        if transaction.teB is not None:
            transaction.teB.cancel()
            transaction.teB = Timeout(self.timerB, 0.0, 1, transaction)

    def timerA(self, t: Any) -> None:
        """Send again, as RFC 3261 17 has it for UDP. By a connection only a 2xx, until its ACK comes (13.3.1.4), and
        what has gone to a connection that is lost, once there is another."""
        if t.userv.reliable:
            way = t.userv.way()
            sent_by = getattr(t, "way", t.userv.connection)
            if not str(t.data).startswith("SIP/2.0 2") and (way is None or way is sent_by):
                t.tout *= 2
                t.teA = Timeout(self.timerA, t.tout, 1, t)
                return
            t.way = way
        elif not str(t.data).startswith("SIP/2.0"):
            leg = self.leg_by(t.tid[0], t.tid[1])
            if (
                t.method == "INVITE"
                and t.tout >= ASKED_AGAIN_SECONDS
                and leg is not None
                and leg.asks(partial(self._sends_again, t))
            ):
                return
            if leg is not None and leg.heard_at not in (None, t.address) and leg.rUri.getTag() is not None:
                t.userv.send_to(t.data, leg.heard_at)  # its Contact may be a name that nobody knows, or lead elsewhere
        super().timerA(t)

    def _sends_again(self, t: Any) -> None:
        if t.tid in self.tclient and t.state is TRYING:
            super().timerA(t)

    def timerE(self, t: Any) -> None:
        """The time is over that a caller gave its INVITE (``Expires``; without it sippy gives 300 s)."""
        leg = self.leg_by(t.tid[0], t.r487.getHFBody("to").getTag()) if t.r487 is not None else None
        if leg is None or leg.may_expire():
            super().timerE(t)

    def cancelTransaction(self, t: Any, extra_headers: Any = None) -> None:
        """CANCEL, once: an offer may be taken back by its side, and again by the end of the call. One that has its
        final answer is not taken back."""
        if t.cancel is not None and t.cancel.getTId(True, True) not in self.tclient:
            super().cancelTransaction(t, extra_headers)

    def sendResponse(
        self, resp: Any, t: Any = None, retrans: bool = False, ack_cb: Any = None, lossemul: int = 0
    ) -> None:
        """Answer. A final answer to an INVITE waits for its ACK in the table by its To tag: one that would take the
        place of another is sent once, and not waited for (what it answers comes again, or is over)."""
        if t is None:
            t = self.tserver[resp.getTId(wBRN=True)]
        final = t.needack and resp.getSCode()[0] >= 200
        if not final:
            super().sendResponse(resp, t, retrans, ack_cb, lossemul)
            return
        _cancel(t, "teA", "teD")
        before = self.tserver.get((*t.tid[:-1], resp.getHFBody("to").getTag()))
        super().sendResponse(resp, t, retrans, ack_cb, lossemul)
        if before is not None and before is not t:
            self.tserver[t.tid] = before
            _cancel(t, "teA", "teD")
            t.cleanup()

    def keep_still(self, transaction: Any) -> None:
        """An INVITE that is taken back and has had no answer is sent no more: it would ring somebody for nothing. At
        its first sign of life its CANCEL leaves."""
        if transaction.tid in self.tclient and transaction.state is TRYING and transaction.teA is not None:
            self.stop_sending(transaction, 32.0)

    def stop_sending(self, transaction: Any, seconds: float) -> None:
        """A request that is not sent again, and may be answered for so long."""
        _cancel(transaction, "teA", "teB")
        transaction.teB = Timeout(self.timerB, seconds, 1, transaction)

    def drop(self, call_id: str) -> None:
        """Forget a server transaction that sippy failed in, and its dialog: it would answer 487 minutes later."""
        for tid in [tid for tid in self.tserver if tid[0] == call_id]:
            transaction = self.tserver.pop(tid)
            _cancel(transaction, "teA", "teD", "teE", "teF")
            transaction.cleanup()
        self.req_consumers.pop(call_id, None)

    def leg_of(self, request: SipMessage) -> Any:
        """The leg that a request inside a call is for (a CANCEL: the one that its INVITE made); None for none."""
        if request.method != "CANCEL":
            return self.leg_by(request.call_id, request.to_tag)
        for consumer in self.req_consumers.get(request.call_id, ()):
            if consumer.cobj.rUri is not None and consumer.cobj.rUri.getTag() == request.from_tag:
                return consumer.cobj
        return None

    def leg_by(self, call_id: str, tag: str) -> Any:
        """The leg with this tag of ours. A plain user agent of sippy's, such as the test UAS has, is none: it has no
        peer."""
        for consumer in self.req_consumers.get(call_id, ()):
            if consumer.cobj.lTag == tag and hasattr(consumer.cobj, "peer"):
                return consumer.cobj
        return None


def _cancel(transaction: Any, *timers: str) -> None:
    for timer in timers:
        if (running := getattr(transaction, timer)) is not None:
            running.cancel()
            setattr(transaction, timer, None)
