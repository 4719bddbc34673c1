"""Who may have a call recorded here (SIPREC, RFC 7866), and the INVITE by which they ask.

Systems of ``[[siprec]]`` alone, by their address or their certificate. To everybody else the gate is what it is without
them: it knows no option ``siprec``, and says so (420). That is counted.

One recording session (SIPREC, RFC 7866): another system's INVITE, by which it sends us the audio of a call.

A bridge whose callee is nobody. The media relay has two parties in every call; here each is a stream: what it sends is
copied to the recorder as that of a caller or a callee is, and nothing is ever sent to either. The first two streams
that can be kept are taken and keep their sides; each offer after that may pause, resume, move, add or remove streams.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import structlog

from gate.config import Config, Siprec
from gate.core.bridging import Stage, Step
from gate.ports import HeardIn, SessionAsked, SessionEvents
from gate.sip import identity
from gate.sip.admission import SUPPORTED, Fault, invite_fault
from gate.sip.bridge import Bridge
from gate.sip.header_fields import split_list
from gate.sip.message import SDP, Address, SipMessage, body_of, content_type
from gate.sip.overload import RETRY_SECONDS
from gate.sip.peers import Endpoint, networks
from gate.sip.pending import Pending
from gate.sip.recording_offer import (
    Metadata,
    MetadataError,
    OfferError,
    Stream,
    answer,
    read_metadata,
    read_streams,
    silent,
)
from gate.sip.routes import Route
from gate.sip.sippy_adapter.classes import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventTry,
    CCEventUpdate,
    MsgBody,
)

if TYPE_CHECKING:
    from gate.sip.engine import Engine
    from gate.sip.sippy_adapter.leg import Leg


FORBIDDEN = 403, "Forbidden"
AWAY = 503, "Service Unavailable"
NOT_ACCEPTABLE = 488, "Not Acceptable Here"
FAILED = 500, "Server Internal Error"
_ANSWERS = {
    "no_such_call": FORBIDDEN,
    "recorded_already": FORBIDDEN,
    "too_many_sessions": AWAY,
    "recorder_unavailable": AWAY,
    "gate_stopping": AWAY,
    "media_unavailable": NOT_ACCEPTABLE,
}
"""The codes that refuse a session; any other is a failure of the gate."""
_NOBODY = Route(("127.0.0.1", 9), "", "")
_SIDES = ("caller", "callee")
_Payloads = Mapping[str, Mapping[int, str]]


class RecordingBridge(Bridge):
    """A session from its INVITE to its end."""

    def __init__(
        self, engine: Engine, pending: Pending, client: Siprec, asked: SessionAsked, streams: list[Stream],
        events: SessionEvents,
    ) -> None:  # fmt: skip
        super().__init__(engine, pending, "", "", "", [_NOBODY])
        self.caller.allow = identity.ALLOW
        self.caller.contact_param("+sip.srs")  # RFC 7866 7.2
        self.caller.peer.networks = networks(client.addresses)
        self.asked = asked
        self.streams = streams
        self.sides: dict[int, str] = {}
        """Place of a stream in the SDP -> whose it is in the recording, for good."""
        self._events = events
        self._told = False
        self._paused = asked.paused
        self._ports: dict[str, tuple[str, int]] = {}
        """Side -> where its stream is to be sent."""
        self._origin = [secrets.randbits(32), 0]

    @property
    def signalled(self) -> str:
        """Nowhere but where the SDP says: a stream that pauses is taken from an address of nobody's, and that must not
        be mistaken for one behind a NAT."""
        return ""

    def refusal(self, why: str) -> tuple[int, str]:
        """What refuses it."""
        return _ANSWERS.get(why, FAILED)

    # --- setting up ---------------------------------------------------------------------------------------------------

    def on_caller(self, event: Any) -> None:
        """Handle an event of the client's leg."""
        if isinstance(event, CCEventTry):
            self._told = True
            self._events.asked(self.asked)
        elif isinstance(event, CCEventDisconnect):
            self.hung_up("caller", "cancelled" if self.stage is Stage.DIALLING else "hung_up")
        elif isinstance(event, CCEventUpdate):
            self._offered(event.getData(), wants_answer=True)
        elif isinstance(event, CCEventConnect):  # SDP in an ACK, or the answer to a refresh of ours
            self._settled(event.getData()[2])
        elif isinstance(event, CCEventFail):
            self._settled(None)

    def begin(self, first: str, done: Callable[[_Payloads | None], None]) -> None:
        """As ``SipLine.take``."""
        if self.stage is not Stage.DIALLING or self.caller.over:
            return
        for place in self._usable()[:2]:
            self.sides[place] = first if not self.sides else _other(first)
        self._relay(partial(self._taken, done))

    def _taken(self, done: Callable[[_Payloads | None], None], ok: bool) -> None:
        if self.stage is not Stage.DIALLING or self.caller.over:
            return
        if not ok:
            self.give_up(NOT_ACCEPTABLE[0], "media_unavailable")
        done(self.payloads() if ok else None)

    def accept(self) -> None:
        """200."""
        if self.stage is not Stage.DIALLING or self.caller.over:
            return
        self.move(Step.ANSWER)
        self.move(Step.CONNECT)
        self._remember()
        body = self._answer()
        self.caller.good_local = body.getCopy()
        self.liveness.start()
        self.caller.connect(body)
        self.keep_legs()
        self.liveness.joined()

    def one_sided(self, silent: list[str]) -> None:
        """Nothing came in these streams; a side that has none is none."""
        if found := [side for side in silent if self._heard(side) is not None]:
            self._events.one_sided(self.id, found[0] if len(found) == 1 else "both")

    def payloads(self) -> _Payloads:
        """Side -> payload type -> ``name/rate``."""
        return {side: self.streams[place].payloads for place, side in self.sides.items()}

    def _usable(self) -> list[int]:
        return [place for place, stream in enumerate(self.streams) if stream.usable]

    def _heard(self, side: str) -> Stream | None:
        """The stream of a side, where it is there."""
        for place, each in self.sides.items():
            if each == side and place < len(self.streams) and self.streams[place].usable:
                return self.streams[place]
        return None

    def _relay(self, done: Callable[[bool], None], side: str = "caller") -> None:
        """Have the relay take each stream from where it comes from now; one side after the other."""
        stream, relay = self._heard(side), self.engine.relay
        families = [self.streams[place].family for place in self.sides]
        text = stream.towards_relay(heard=stream.sends) if stream else silent(families[0] if families else "IP4")
        put = relay.caller_sdp if side == "caller" else relay.callee_sdp
        put(self.id, text, self.safely(partial(self._relayed, done, side)))

    def _relayed(self, done: Callable[[bool], None], side: str, body: str | None, ex: Exception | None = None) -> None:
        if body is None or ex is not None:
            _log.warning("the media relay refuses a recording session", session=self.id, error=str(ex))
            done(False)
            return
        (anchored,) = read_streams(body)  # what one party is told is where the other one is taken from
        self._ports[_other(side)] = anchored.address, anchored.port
        if side == "caller":
            self._relay(done, "callee")
        else:
            done(True)

    def _answer(self) -> Any:
        taken = {
            place: self._ports[side]
            for place, side in self.sides.items()
            if place < len(self.streams) and self.streams[place].usable
        }
        self._origin[1] += 1
        own = next(iter(self._ports.values()))[0]
        body = MsgBody(answer(self.streams, taken, f"{self._origin[0]} {self._origin[1]}", own))
        body.needs_update = False
        return body

    def _remember(self) -> None:
        """What the watch over silence goes by: a stream that sends is no hold, whatever direction it names."""
        self.caller_sdp, self.callee_sdp = (
            "a=sendrecv" if (stream := self._heard(side)) is None or stream.sends else "a=inactive" for side in _SIDES
        )

    # --- offers in the session ----------------------------------------------------------------------------------------

    def _offered(self, body: Any, *, wants_answer: bool) -> None:
        """A re-INVITE or UPDATE with SDP."""
        before = self.streams, dict(self.sides)
        try:
            self.streams = read_streams(str(body))
            if len(self.streams) < len(before[0]):
                raise OfferError("streams are missing")  # RFC 3264 section 8
        except OfferError as error:
            _log.warning("an offer in a recording session is refused", session=self.id, why=str(error))
            self.streams = before[0]
            self._refuse(wants_answer)
            return
        for place in self._usable():
            free = [side for side in _SIDES if side not in self.sides.values()]
            if place not in self.sides and free:
                self.sides[place] = free[0]
        pauses = not any((stream := self._heard(side)) is not None and stream.sends for side in _SIDES)
        if pauses and not self._paused:
            self._paused = True
            self._events.paused(self.id, True)

        def relayed(ok: bool) -> None:
            if self.stage is not Stage.CONNECTED:
                return
            if not ok:
                self.streams, self.sides = before
                self._refuse(wants_answer)
                return
            self._remember()
            self._events.changed(self.id, self.payloads())
            if self._paused and not pauses:
                self._paused = False
                self._events.paused(self.id, False)
            if wants_answer:
                reply = self._answer()
                self.caller.good_local = reply.getCopy()
                self.caller.connect(reply)

        self._relay(relayed)

    def _refuse(self, wants_answer: bool) -> None:
        if wants_answer and self.caller.offered:
            self.caller.refuse_offer(*NOT_ACCEPTABLE)

    def _settled(self, body: Any) -> None:
        if self.caller.lSDP is None:  # sippy's, where a refresh failed
            self.caller.lSDP = self.caller.good_local
        if body is not None and self.stage is Stage.CONNECTED:
            self._offered(body, wants_answer=False)

    def tell_media(self) -> None:
        """Nobody else: ``changed`` has."""

    # --- ends ---------------------------------------------------------------------------------------------------------

    def give_up(self, code: int, why: str, passed: tuple[int, str] | None = None, retry_after: str = "") -> None:
        """The session did not come about."""
        self._finish(passed or self.refusal(why), why, partial(self._over, why))

    def hung_up(self, side: str, cause: str = "hung_up") -> None:
        """The client is gone, or the gate takes it that it is."""
        self._finish(self.refusal(cause), cause, partial(self._over, cause))

    def drop(self) -> None:
        """The session never began."""
        super().drop()
        self._over("internal_error")

    def _over(self, cause: str) -> None:
        if self._told:
            self._events.over(self.id, cause)


def _other(side: str) -> str:
    return "callee" if side == "caller" else "caller"


_log = structlog.get_logger("gate.sip")

OPTION = "siprec"
CAPABLE = [("Supported", OPTION), ("Accept", "application/sdp, application/rs-metadata+xml, multipart/mixed")]
"""The answer to a client's OPTIONS (RFC 7866 7.2)."""
CLAIMED = "siprec:"
"""Before a client's name, as ``account:`` and ``trunk:`` are before others'."""


class SessionIngress:
    """What the ingress knows of them."""

    def __init__(self, config: Config, engine: Engine, events: SessionEvents | None) -> None:
        """``events``: None where nobody takes recordings."""
        self._engine = engine
        self._events = events
        self._clients = {f"{CLAIMED}{each.name}": each for each in config.siprec} if events is not None else {}
        self.networks = [(at, each) for each in self._clients.values() for at in networks(each.addresses)]
        self.refused = 0
        """INVITEs for a recording session that did not come to one, before anybody else was asked."""

    def client(self, source: Address, endpoint: Endpoint) -> Siprec | None:
        """Whose recordings come from here."""
        if endpoint.pbx in self._clients:
            return self._clients[endpoint.pbx]
        if not self.networks or (endpoint.by_edge and endpoint.came_by == "udp"):
            return None
        address = ip_address(source[0].strip("[]").partition("%")[0])
        return next((each for at, each in self.networks if address in at), None)

    def options(self, source: Address, endpoint: Endpoint) -> frozenset[str]:
        """What may be required from here, beside what everybody may."""
        return frozenset({OPTION}) if self._clients and self.client(source, endpoint) is not None else frozenset()

    def took(self, request: SipMessage, source: Address, endpoint: Endpoint) -> bool:
        """True for an INVITE of a client's that requires SIPREC: it has its answer, or its way to one."""
        if not _requires(request):
            return False
        client = self.client(source, endpoint)
        if client is None:
            self.refused += 1
            return False
        endpoint.proven(CLAIMED + client.name)
        if fault := self._taken(request, source, endpoint, client):
            self.refused += 1
            _log.warning("recording_session_refused", client=client.name, code=fault[0], why=fault[1])
            self._engine.ingress.reply(request, source, endpoint, *fault, keep=True)
        return True

    def _taken(self, request: SipMessage, source: Address, endpoint: Endpoint, client: Siprec) -> Fault | None:
        """Why it cannot be; None where the service has been asked."""
        engine = self._engine
        if fault := invite_fault(request, SUPPORTED | {OPTION}):
            return fault
        if engine.merged(request.key):
            return 482, "Loop Detected", []
        try:
            streams = read_streams(body_of(request).decode("utf-8", "replace"))
            metadata = read_metadata(request.metadata)
        except OfferError as error:
            return 488, "Not Acceptable Here", [_warning(error)]
        except MetadataError as error:
            return 400, "Bad Recording Metadata", [_warning(error)]
        if not engine.overload.lets_in(CLAIMED + client.name):
            engine.overload.shed += 1
            return 503, "Service Unavailable", [("Retry-After", str(RETRY_SECONDS))]
        way = endpoint.belonging_to(CLAIMED + client.name)
        pending = Pending(secrets.token_hex(16), request, source, way, CLAIMED + client.name, FAILED[0])
        asked = self._asked(pending, client, metadata, streams)
        assert self._events is not None  # noqa: S101 - without it there are no clients
        engine.admit(RecordingBridge(engine, pending, client, asked, streams, self._events), pending)
        return None

    @staticmethod
    def _asked(pending: Pending, client: Siprec, metadata: Metadata, streams: list[Stream]) -> SessionAsked:
        named = pending.request.get(client.call_id_header.lower()) if client.call_id_header else None
        usable = [each for each in streams if each.usable][:2]
        return SessionAsked(
            session_id=pending.call_id,
            client=client.name,
            source=f"{pending.source[0]}:{pending.source[1]}",
            call_ids=tuple(dict.fromkeys(each[:256] for each in (named or "", *metadata.call_ids) if each)),
            people=tuple(each.aor for each in metadata.people),
            streams=tuple(
                HeardIn(each.label, tuple(who.aor for who in metadata.heard.get(each.label, ()))) for each in usable
            ),
            paused=not any(each.sends for each in usable),
        )

    def strip(self, request: SipMessage, leg: Leg) -> None:
        """A request inside a session may require SIPREC again, and bring metadata alone: who is heard where was kept
        at its begin, so what is left is a sign of life, or asks for our offer."""
        if not leg.peer.claimed_by.startswith(CLAIMED):
            return
        kept = [(name, value) for name, value in request.headers if name != "require"]
        for value in request.all("require"):
            rest = [option for option in split_list(value) if option.lower() != OPTION]
            kept += [("require", ", ".join(rest))] if rest else []
        if request.metadata and content_type(request.get("content-type")) != SDP:
            kept = [(name, value) for name, value in kept if name not in ("content-type", "content-length")]
            request.body = b""
        request.put_all(kept)


def _requires(request: SipMessage) -> bool:
    return any(option.lower() == OPTION for value in request.all("require") for option in split_list(value))


def _warning(error: Exception) -> tuple[str, str]:
    return "Warning", f'399 dialgate "{error}"'
