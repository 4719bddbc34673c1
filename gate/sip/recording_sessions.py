"""Who may have a call recorded here (SIPREC, RFC 7866), and the INVITE by which they ask.

Systems of ``[[siprec]]`` alone, by their address or their certificate. To everybody else the gate is what it is without
them: it knows no option ``siprec``, and says so (420). That is counted.
"""

from __future__ import annotations

import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

import structlog

from gate.config import Config, Siprec
from gate.ports.recording_sessions import HeardIn, SessionAsked, SessionEvents
from gate.sip import recording_metadata, recording_offer
from gate.sip.admission import SUPPORTED, Fault, invite_fault
from gate.sip.endpoint import Endpoint
from gate.sip.header_fields import split_list
from gate.sip.message import Address, SipMessage, body_of
from gate.sip.multipart import SDP, content_type
from gate.sip.overload import RETRY_SECONDS
from gate.sip.peers import networks
from gate.sip.pending import Pending
from gate.sip.recording_bridge import FAILED, RecordingBridge
from gate.sip.recording_metadata import Metadata, MetadataError
from gate.sip.recording_offer import OfferError, Stream

if TYPE_CHECKING:
    from gate.sip.engine import Engine
    from gate.sip.sippy_adapter.leg import Leg

_log = structlog.get_logger("gate.sip")

OPTION = "siprec"
CAPABLE = [("Supported", OPTION), ("Accept", "application/sdp, application/rs-metadata+xml, multipart/mixed")]
"""What a client is told where it asks by OPTIONS (RFC 7866 7.2)."""
CLAIMED = "siprec:"
"""Before a client's name, as ``account:`` and ``trunk:`` are before others'."""


class RecordingSessions:
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
            streams = recording_offer.read(body_of(request).decode("utf-8", "replace"))
            metadata = recording_metadata.read(request.metadata)
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
        told = pending.request.get(client.call_id_header.lower()) if client.call_id_header else None
        usable = [each for each in streams if each.usable][:2]
        return SessionAsked(
            session_id=pending.call_id,
            client=client.name,
            source=f"{pending.source[0]}:{pending.source[1]}",
            call_ids=tuple(dict.fromkeys(each[:256] for each in (told or "", *metadata.call_ids) if each)),
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
        request.headers = kept


def _requires(request: SipMessage) -> bool:
    return any(option.lower() == OPTION for value in request.all("require") for option in split_list(value))


def _warning(error: Exception) -> tuple[str, str]:
    return "Warning", f'399 dialgate "{error}"'
