"""SIP ingress, the UAS core: takes every datagram that reaches the gate.

Order: size, parse, transaction known?, authenticate, tell the call manager. Until the call manager has decided no
transaction exists and nothing has left for the trunk. No exception passes: an INVITE with a readable Via always gets an
answer.

Requests inside a call: which leg each is for, and whether it comes from that side of the call.

By TCP and TLS it comes by a connection that is that side's, for others may share its host:

- of an account: one by which it has proven itself, or does now
- of a PBX or a client for recordings with a certificate: one that has shown this certificate
- of a carrier: the gate's own connection to it; by TLS one that has shown ``trunk.peer_certificate``; by TCP one of
  ``trunk.addresses``; or the one by which its INVITE came

A BYE by another connection of its host may be true all the same: it is refused, and the side itself is asked, by its
own connection, whether the call is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gate.core.numbers import is_for_help
from gate.core.terms import Reason, sentence
from gate.sip.admission import (
    ALLOWED,
    KNOWN,
    SDP_ONLY,
    SUPPORTED,
    PurposeClaims,
    attempt_of,
    extension_fault,
    in_dialog_fault,
    invite_fault,
    number_of,
    passed_through,
)
from gate.sip.auth import Authenticator, AuthResult, ProvenCaller
from gate.sip.connection import Fault
from gate.sip.edge import EdgeDoor, in_clear, stays_encrypted_fault
from gate.sip.failure_mapping import NOT_ACCEPTABLE, PHONES, PhoneSystems
from gate.sip.header_fields import uri_of, user_of
from gate.sip.message import (
    Address,
    BadMessage,
    SipMessage,
    TransactionKey,
    answer,
    destination,
    for_ack,
    parse,
    unpack,
)
from gate.sip.overload import SendingAway
from gate.sip.peers import DialogPeer, Endpoint
from gate.sip.pending import Pending, PendingCalls
from gate.sip.rate_limit import RateLimit, RequestKind
from gate.sip.recording_sessions import CAPABLE
from gate.sip.registrar import Registrar
from gate.sip.response_cache import ELSEWHERE, ResponseCache, no_room, refusal
from gate.sip.sippy_adapter.rewriting import mend, parsable

if TYPE_CHECKING:
    from gate.sip.engine import Engine


_log = structlog.get_logger("gate.sip")

_OF_THE_OFFER = frozenset({"announcement_unavailable", "media_unavailable"})
"""Reasons for which a phone gets 488: no audio is common."""
T1, T2 = 0.5, 4.0
"""Seconds until an answer is sent again for the first time, and at most (RFC 3261 17.2.1)."""
NEXT_TRUNK = 503
"""Upon which a phone system dials its next trunk: what an emergency route that fails answers, too."""


class Ingress:
    """Takes datagrams; answers what needs no dialog, and passes the rest to sippy through the engine."""

    def __init__(self, engine: Engine, authenticator: Authenticator, registrar: Registrar) -> None:
        self.engine = engine
        self.auth = authenticator
        self.registrar = registrar
        self.responses = ResponseCache()
        self.pending = PendingCalls(limit=max(2000, 2 * engine.config.limits.max_calls))
        self.rate_limit = RateLimit(self._known, self.auth.proven.at)
        self.inside = InDialog(self)
        self._claims = PurposeClaims(engine.config)
        self.away = SendingAway(self)
        self.phone_systems = PhoneSystems(engine.config)
        self._edge = EdgeDoor(engine.config, engine.flood_filter)
        self._methods: dict[str, Callable[[SipMessage, Address, Endpoint], None]] = {
            "INVITE": self._invite,
            "CANCEL": self._cancel,
            "REGISTER": self._register,
            "OPTIONS": self._options,
        }

    def receive(self, data: bytes, source: Address, endpoint: Endpoint, fault: Fault | None = None) -> None:
        """One datagram, or one message of a connection; ``fault``: why the connection cannot be read on."""
        self.away.judged = None
        if data[:4] == b"ACK ":
            if self.responses.acknowledged_by(data):
                return
        elif data[:6] == b"INVITE" and fault is None and self._unread(data, source, endpoint):
            return
        try:
            request, fault = _read(data, fault)
            unpack(request)
            if fault is not None:
                raise BadMessage("no end", message=request if request.method else None, code=fault[0], phrase=fault[1])
            if not request.method:
                mend(request, endpoint.hop(source), self.engine.transactions.leads_nowhere(endpoint))
                if self.engine.forks.takes(request, source, endpoint):
                    return
                if self.engine.transactions.expects(request):
                    self.engine.transactions.feed(request, source, endpoint)
                else:
                    self.engine.orphans.takes(request, source, endpoint)
                return
            if (speaker := self._edge.speaker(request, source, endpoint, len(data))) is None:
                return
            source, endpoint = speaker
        except BadMessage as bad:
            bad.code, bad.phrase = fault or (bad.code, bad.phrase)
            self._bad(bad, source, endpoint)
            return
        except Exception:  # noqa: BLE001 - the boundary: a datagram may hold anything, and the line must go on
            _log.exception("a datagram could not be taken", source=f"{source[0]}:{source[1]}")
            return
        try:
            self._request(request, source, endpoint)
        except Exception:  # noqa: BLE001 - the same boundary, now with something that can be answered
            _log.exception("a request failed", method=request.method, source=f"{source[0]}:{source[1]}")
            self._internal(request, source, endpoint)

    def _unread(self, data: bytes, source: Address, endpoint: Endpoint) -> bool:
        """True where it has its answer before it is read in full. What fails here is read, and answered then."""
        try:
            return self.away.unread(data, source, endpoint)
        except Exception:  # noqa: BLE001 - a boundary as in ``receive``, with another way to go on
            _log.exception("a call could not be sent away unread", source=f"{source[0]}:{source[1]}")
            return False

    def reply(
        self, request: SipMessage, source: Address, endpoint: Endpoint, code: int, phrase: str,
        headers: list[tuple[str, str]] | None = None, keep: bool = False,
    ) -> None:  # fmt: skip
        """Answer without a dialog; ``keep``: the same bytes to a retransmission."""
        tag = self.responses.tag(request)
        data = answer(request, code, phrase, source, headers or (), tag)
        to = destination(request, source)
        if keep:
            self.responses.keep(request.key, data, to, tag)
        endpoint.send_to(data, to)

    def refuse(
        self, pending: Pending, reason: str, decision_id: str, explanation: str, *, elsewhere: bool = False
    ) -> None:
        """The caller's refusal, remembered; ``elsewhere`` as in ``SipLine.refuse``."""
        request, source = pending.request, pending.source
        tag = self.responses.tag(request)
        if reason == Reason.MERGED_REQUEST:  # of two answers a proxy passes on the other gate's
            data = answer(request, 482, "Loop Detected", source, (), tag)
        elif pending.overflow and (elsewhere or reason in ELSEWHERE):
            data = no_room(request, source, tag, reason)
        else:
            unheard = reason in _OF_THE_OFFER and not elsewhere and pending.refusal == PHONES
            code = NOT_ACCEPTABLE[0] if unheard else pending.refusal
            data = refusal(request, source, tag, code, reason, decision_id, explanation)
        self._answer(pending, data, tag)

    def answer(self, pending: Pending, code: int, phrase: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """The last answer to a request that waited, remembered."""
        tag = self.responses.tag(pending.request)
        self._answer(pending, answer(pending.request, code, phrase, pending.source, headers, tag), tag)

    def _answer(self, pending: Pending, data: bytes, tag: str) -> None:
        """After a 100 nobody asks again, so by UDP the answer is repeated until its ACK (RFC 3261 17.2.1)."""
        key, to = pending.request.key, destination(pending.request, pending.source)
        self.responses.keep(key, data, to, tag)
        pending.endpoint.send_to(data, to)
        if pending.trying and pending.request.method == "INVITE" and not pending.endpoint.reliable:
            self.responses.await_ack(key)
            self._send_again(pending.endpoint, key, T1)

    def _send_again(self, endpoint: Endpoint, key: TransactionKey, seconds: float) -> None:
        def due() -> None:
            if kept := self.responses.unacknowledged(key):
                endpoint.send_to(*kept)
                self._send_again(endpoint, key, min(2 * seconds, T2))

        self.engine.after(seconds, due)

    def sweep(self) -> None:
        """Now and then: 100 Trying for slow decisions, a refusal for lost ones; old answers are forgotten."""
        self.responses.trim()
        slow, lost = self.pending.due()
        for pending in slow:
            if pending.request.method == "INVITE":  # no other gets one (RFC 4320 4.1)
                self.reply(pending.request, pending.source, pending.endpoint, 100, "Trying")
        for pending in lost:  # decisions that wait for this thread alone are not late: they come before this step
            self.engine.streams.post(partial(self._undecided, pending.call_id))

    def _undecided(self, call_id: str) -> None:
        if call_id not in self.pending:
            return
        _log.error("no decision came; refused", call_id=call_id, line_late=round(self.engine.overload.line, 3))
        self.engine.events.undecided(call_id)
        if pending := self.pending.take(call_id):  # a call manager with a fault
            self.refuse(pending, Reason.DECISION_LATE, "", sentence(Reason.DECISION_LATE))

    def refused_with(
        self, request: SipMessage, caller: ProvenCaller | None, source: Address, endpoint: Endpoint
    ) -> int:
        """The code that refuses this INVITE; of one who has not proven anything, that of its address. An emergency call
        that the gate does not carry has to go by the phone system's next trunk (LAW 3.5): no code upon which that gives
        up."""
        known = caller or self.pbx(source, endpoint) or self.auth.pbx_at(source)
        code = self.phone_systems.code(known.who if known else None, request)
        return NEXT_TRUNK if code != PHONES and _asks_for_help(request, caller) else code

    def _fault(
        self, request: SipMessage, source: Address, endpoint: Endpoint, fault: tuple[int, str, list[tuple[str, str]]],
        caller: ProvenCaller | None = None,
    ) -> None:  # fmt: skip
        """A request that cannot be taken. An INVITE of a phone system that would dial its next trunk is refused as its
        calls are; what was wrong stands in the phrase and the headers. A 422 it answers, as it does a 401."""
        code, phrase, headers = fault
        refused = self.refused_with(request, caller, source, endpoint)
        if request.method == "INVITE" and not request.to_tag and refused != PHONES and code != 422:
            self.reply(request, source, endpoint, refused, phrase, headers, keep=True)
        else:
            self.reply(request, source, endpoint, code, phrase, headers)

    def check(self, request: SipMessage, source: Address, endpoint: Endpoint) -> tuple[AuthResult, ProvenCaller | None]:
        """Check its credentials, and remember where they were right."""
        verdict, caller = self.auth.check(request, source)
        if caller is not None:
            self.engine.flood_filter.learn(source)
            endpoint.proven(caller.claimed_by)
        return verdict, caller

    def pbx(self, source: Address, endpoint: Endpoint) -> ProvenCaller | None:
        """The PBX that speaks: by the certificate that it has shown, or by its address."""
        return (self.auth.pbx_named(endpoint.pbx) if endpoint.pbx else None) or self.auth.pbx_at(source, endpoint)

    def may_answer(self, source: Address, endpoint: Endpoint) -> bool:
        """Answer this request? A PBX always; others as often as strangers may ask."""
        return self.pbx(source, endpoint) is not None or self.rate_limit.allow(source)

    def _known(self, source: Address) -> bool:
        """An account has proven itself at this very address; or the carrier is there, or a client for recordings."""
        if self.auth.proven.account_at(source) or self.engine.is_trunk_host(source[0]):
            return True
        return self.engine.recordings.client(source, Endpoint()) is not None

    def challenge(self, request: SipMessage, source: Address, endpoint: Endpoint, stale: bool) -> None:
        """401, as often as the rate limit allows."""
        account = f"account:{user_of(uri_of(request.get('from') or ''))}"
        if self.pbx(source, endpoint) is None and not self.rate_limit.allow(source, RequestKind.CHALLENGE, account):
            return
        self.reply(request, source, endpoint, 401, "Unauthorized", self.auth.challenges(request, source, stale))

    def _bad(self, bad: BadMessage, source: Address, endpoint: Endpoint) -> None:
        request = bad.message
        if request is None or request.method in ("", "ACK") or not self.may_answer(source, endpoint):
            return
        self._fault(request, source, endpoint, (bad.code, bad.phrase, []))

    def _internal(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """Answer a request on which the gate failed: an INVITE with its refusal, so that no PBX tries another way."""
        if request.method == "ACK":
            return
        try:
            if request.method == "INVITE" and not request.to_tag:
                code, tag = self.refused_with(request, None, source, endpoint), self.responses.tag(request)
                data = refusal(request, source, tag, code, "internal_error", "", "The gate failed.")
                self.responses.keep(request.key, data, destination(request, source), tag)
                endpoint.send_to(data, destination(request, source))
            else:
                self.reply(request, source, endpoint, 500, "Server Internal Error")
        except Exception:  # noqa: BLE001 - the last line of defence
            _log.exception("not even a refusal could be sent")

    # --- requests ---------------------------------------------------------------------------------------------------

    def _request(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        if endpoint.reliable and (pbx := self.pbx(source, endpoint)) is not None:
            endpoint.proven(pbx.claimed_by)
        if request.method == "ACK":
            leg = self.engine.transactions.leg_of(request)
            if (
                leg is not None
                and parsable(request)
                and self.inside.from_peer(leg.peer, leg.may_send_from, request, source, endpoint, leg.flow)
            ):
                self.engine.transactions.feed(request, source, endpoint)
        elif request.to_tag and request.method != "CANCEL":
            self.inside.take(request, source, endpoint)
        elif handler := self._methods.get(request.method):
            fault = None
            if request.method in ("OPTIONS", "REGISTER"):
                fault = extension_fault(request, SUPPORTED | self.engine.recordings.options(source, endpoint))
            if fault is None:
                handler(request, source, endpoint)
            elif self.may_answer(source, endpoint):
                self.reply(request, source, endpoint, *fault)
        elif self.may_answer(source, endpoint):
            if request.method in ("BYE", "INFO", "UPDATE", "PRACK", "REFER"):
                self.reply(request, source, endpoint, 481, "Call/Transaction Does Not Exist")
            elif request.method in KNOWN:
                self.reply(request, source, endpoint, 405, "Method Not Allowed", ALLOWED)
            else:
                self.reply(request, source, endpoint, 501, "Not Implemented", ALLOWED)

    def _cancel(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        pending = self.pending.find(request.key)
        leg = self.engine.transactions.leg_of(request) if pending is None else None
        if pending is not None:
            peer = pending.peer()
            if not self.inside.from_peer(peer, peer.has, request, source, endpoint, pending.endpoint):
                return
            self.pending.take(pending.call_id)
            self.reply(request, source, endpoint, 200, "OK")
            self.answer(pending, 487, "Request Terminated")
            self.engine.events.withdrawn(pending.call_id)
        elif self.responses.find(request.key):
            self.reply(request, source, endpoint, 200, "OK")
        elif leg is not None:
            if not self.inside.from_peer(leg.peer, leg.may_send_from, request, source, endpoint, leg.flow):
                return
            if parsable(request):
                self.engine.transactions.feed(request, source, endpoint)
        elif self.may_answer(source, endpoint):
            self.reply(request, source, endpoint, 481, "Call/Transaction Does Not Exist")

    def _options(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        if self._edge.is_edge(source, endpoint) and not self.engine.events.takes_calls:
            self.reply(request, source, endpoint, 503, "Ask Another Gate")
        elif self.may_answer(source, endpoint):
            headers = ALLOWED + SDP_ONLY
            if self.engine.recordings.options(source, endpoint):
                headers = ALLOWED + CAPABLE
            self.reply(request, source, endpoint, 200, "OK", headers)

    def _register(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        if kept := self.responses.find(request.key):
            endpoint.send_to(*kept)
            return
        verdict, caller = self.check(request, source, endpoint)
        if caller is None:
            if verdict is not AuthResult.WRONG:
                self.challenge(request, source, endpoint, stale=verdict is AuthResult.STALE)
            elif self.rate_limit.allow(source, RequestKind.PASSWORD):
                self.reply(request, source, endpoint, 403, "Forbidden", keep=True)
            return
        way = endpoint.belonging_to(caller.claimed_by)
        code, phrase, headers = self.registrar.register(
            caller.claimed_by.removeprefix("account:"), request, source, way
        )
        self.reply(request, source, endpoint, code, phrase, headers, keep=True)

    # --- a new INVITE -----------------------------------------------------------------------------------------------

    def _invite(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        key = request.key
        if kept := self.responses.find(key):
            endpoint.send_to(*kept)
            return
        if pending := self.pending.find(key):
            if pending.trying:
                self.reply(request, source, endpoint, 100, "Trying")
            return
        if self.engine.orphans.asked(key):
            return
        if self.engine.admitted(key):
            if parsable(request):
                self.engine.transactions.feed(request, source, endpoint)
            return
        if self.engine.recordings.took(request, source, endpoint):
            return
        looped = self.engine.loops.back(request)
        verdict, caller = self.check(request, source, endpoint)
        if caller is None and verdict is AuthResult.CHALLENGE:
            caller = self.pbx(source, endpoint)
            if caller is None and self.auth.pbx_at(source) is not None:
                self._forgeable(request, source, endpoint)
                return
        fault = invite_fault(request)
        if fault and not self._spared(request, caller, fault[0]):
            if caller is not None or self.may_answer(source, endpoint):
                self._fault(request, source, endpoint, fault, caller)
            return
        if caller is None and verdict is not AuthResult.WRONG and not looped:
            self._unknown(request, source, endpoint, verdict)
            return
        if caller is not None:
            looped = looped or passed_through(request, endpoint.address)
        elif not self.rate_limit.allow(source, RequestKind.PASSWORD):
            return
        if self._merged(request, caller):
            self._fault(request, source, endpoint, (482, "Loop Detected", []), caller)
            return
        self._ask(request, source, endpoint, caller, looped)

    def _spared(self, request: SipMessage, caller: ProvenCaller | None, code: int) -> bool:
        """A required extension, a session timer that is too short, ``sips:`` or the service's name in place of a
        number: holds no call for help back."""
        return code in (416, 420, 422) and self.engine.for_help(number_of(request, caller))

    def _merged(self, request: SipMessage, caller: ProvenCaller | None) -> bool:
        """The same request, by another way, while the first is under way: it would ring somebody twice. A call for
        help is let through: nobody knows whether the first one gets there."""
        if not (self.pending.merged(request.key) or self.engine.merged(request.key)):
            return False
        return not self.engine.for_help(number_of(request, caller))

    def _forgeable(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """An INVITE with the address of a PBX, by a way on which anybody could have written it: refused as the calls of
        that PBX are, so that it dials no next trunk."""
        if self.may_answer(source, endpoint):
            _log.warning("pbx_by_udp", source=f"{source[0]}:{source[1]}", hint="it has to come by TCP or TLS")
            code = self.refused_with(request, None, source, endpoint)
            self.reply(request, source, endpoint, code, "By TCP Or TLS Alone", keep=True)

    def _unknown(self, request: SipMessage, source: Address, endpoint: Endpoint, verdict: AuthResult) -> None:
        """An unknown caller: a carrier may call in; anybody else is challenged."""
        if verdict is AuthResult.CHALLENGE and self.engine.calls_in.took(request, source, endpoint):
            return
        if self.engine.config.account:
            self.challenge(request, source, endpoint, stale=verdict is AuthResult.STALE)
        elif self.rate_limit.allow(source, RequestKind.PASSWORD):
            self._ask(
                request, source, endpoint, None, False
            )  # a challenge, upon which a phone system dials on, is idle

    def _ask(
        self, request: SipMessage, source: Address, endpoint: Endpoint, caller: ProvenCaller | None, looped: bool
    ) -> None:
        claimed_by = caller.claimed_by if caller else ""
        refused = self.refused_with(request, caller, source, endpoint)
        refused = refused if caller is not None else self.phone_systems.stranger(refused)
        overflow = caller is not None and caller.who.overflow
        clear = in_clear(caller, endpoint)
        if caller is not None:
            back = (source[0], request.sent_by[1]) if claimed_by.startswith("trunk:") else None
            endpoint = endpoint.belonging_to(claimed_by, back)
        pending = Pending(secrets.token_hex(16), request, source, endpoint, claimed_by, refused, overflow)
        incoming = attempt_of(request, source, caller, looped, pending.call_id, self._claims, self.engine.for_help)
        if clear:
            incoming = replace(incoming, carried=False)
        if not self.engine.for_help(incoming.attempt.raw_number) and self.away.too_many(claimed_by):
            if caller is None or not self.away.to_be_refused(incoming.attempt):
                self.away.send(pending)
                return
            incoming = replace(incoming, late=self.away.why[0].value)
        self.pending.add(pending)
        try:
            self.engine.events.incoming(incoming)
        except Exception:  # noqa: BLE001 - the call manager's fault must not leave the caller without an answer
            _log.exception("incoming failed; refused", call_id=pending.call_id)
            if self.pending.take(pending.call_id):
                self.refuse(pending, "internal_error", "", "The gate failed.")


def _read(data: bytes, fault: Fault | None) -> tuple[SipMessage, Fault | None]:
    """A message, and why its connection cannot be read on. Of a 2xx that cannot be taken, what its ACK needs: callees
    who have picked up must not be left alone (RFC 3261 13.2.2.4)."""
    try:
        message = parse(data)
    except BadMessage:
        if not data.lstrip(b"\r\n").startswith(b"SIP/2.0 2"):
            raise
        message = parse(for_ack(data))
    return message, None if 200 <= message.code < 300 else fault


def _asks_for_help(request: SipMessage, caller: ProvenCaller | None) -> bool:
    """An INVITE for an emergency number, with a route here or without; or for the emergency service (RFC 5031)."""
    return is_for_help(number_of(request, caller))


class InDialog:
    """The part of the ingress that knows calls which are set up."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self.engine = ingress.engine
        self.foreign = 0
        """Requests inside a call from an address that is not that side's."""

    def take(self, request: SipMessage, source: Address, endpoint: Endpoint) -> None:
        """A request with a To tag: from that side of a call, or refused."""
        leg = self.engine.transactions.leg_of(request)
        if leg is None:
            if self._ingress.may_answer(source, endpoint):
                self._ingress.reply(request, source, endpoint, 481, "Call/Transaction Does Not Exist")
            return
        if not self.from_peer(leg.peer, leg.may_send_from, request, source, endpoint, leg.flow):
            if request.method == "BYE" and leg.may_send_from(source[0]):
                leg.on_doubt()
            return
        if leg.flow is not None and leg.peer.claimed_by and endpoint.reliable:  # it may have a new connection
            leg.flow = endpoint.belonging_to(leg.peer.claimed_by)
        if request.method == "REFER" and self.engine.transfers.takes(request, leg, source, endpoint):
            return
        self.engine.recordings.strip(request, leg)
        if fault := in_dialog_fault(request) or stays_encrypted_fault(leg.peer, request, endpoint):
            if request.method != "ACK":
                self._ingress.reply(request, source, endpoint, *fault)
        else:
            self.engine.transactions.feed(request, source, endpoint)

    def from_peer(
        self, peer: DialogPeer, has: Callable[[str], bool], request: SipMessage, source: Address, endpoint: Endpoint,
        flow: Endpoint | None,
    ) -> bool:  # fmt: skip
        """The request comes from this side of the call (``has`` knows its hosts, ``flow`` is the connection that it
        has); else it is answered here, and counted."""
        host = source[0]
        if peer.secure and not endpoint.secure:
            return self._is_foreign(request, source, endpoint)
        if flow is not None and flow.pbx and endpoint.reliable:
            return endpoint.pbx == flow.pbx or self._is_foreign(request, source, endpoint)
        if flow is not None and not peer.claimed_by:
            return _is_carrier(peer, flow, host, endpoint) or self._is_foreign(request, source, endpoint)
        if endpoint.reliable and peer.claimed_by.startswith("account:"):
            return self._proves(peer, has(host), request, source, endpoint)
        if has(host) or self._ingress.auth.proven.at(peer.claimed_by, host):
            return True
        pbx = self._ingress.pbx(source, endpoint)
        if pbx is not None and pbx.claimed_by == peer.claimed_by:
            return True
        verdict, caller = self._ingress.check(request, source, endpoint)
        if caller is not None and caller.claimed_by == peer.claimed_by:
            return True
        if verdict is AuthResult.STALE and request.method != "ACK" and peer.claimed_by.startswith("account:"):
            self.foreign += 1
            self._ingress.challenge(request, source, endpoint, stale=True)
            return False
        return self._is_foreign(request, source, endpoint, wrong=verdict is AuthResult.WRONG)

    def _proves(
        self, peer: DialogPeer, here: bool, request: SipMessage, source: Address, endpoint: Endpoint
    ) -> bool:  # fmt: skip
        """By a connection an account is who has proven itself by that one, or does so now: others may share its
        address. An ACK cannot be asked for anything, and without a body it changes nothing."""
        if endpoint.is_of(peer.claimed_by):
            return True
        verdict, caller = self._ingress.check(request, source, endpoint)
        if caller is not None and caller.claimed_by == peer.claimed_by:
            return True
        if here and request.method == "ACK" and not request.body:
            return True
        if verdict is AuthResult.WRONG or caller is not None or request.method in ("ACK", "CANCEL"):
            return self._is_foreign(request, source, endpoint, wrong=verdict is AuthResult.WRONG)
        self.foreign += 1
        self._ingress.challenge(request, source, endpoint, stale=verdict is AuthResult.STALE)
        return False

    def _is_foreign(self, request: SipMessage, source: Address, endpoint: Endpoint, *, wrong: bool = False) -> bool:
        """A request that is not from that side of the call: counted, and refused."""
        self.foreign += 1
        if request.method != "ACK" and self._ingress.rate_limit.allow(
            source, RequestKind.PASSWORD if wrong else RequestKind.OTHER
        ):
            self._ingress.reply(request, source, endpoint, 403, "Forbidden")
        return False


def _is_carrier(peer: DialogPeer, flow: Endpoint, host: str, endpoint: Endpoint) -> bool:
    """True where something came by a connection of this carrier's."""
    by_tcp = flow.transport == endpoint.transport == "tcp" and not endpoint.by_edge
    return flow.same_peer(endpoint) or endpoint is peer.came_by or (by_tcp and peer.configured(host))
