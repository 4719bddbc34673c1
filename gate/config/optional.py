"""The optional sections of the configuration, each with its rules: calls in (which own number leads where), recordings
that come from elsewhere (as files or by SIPREC), an edge (Kamailio and rtpengine) in front of the gate, and PostgreSQL
as its store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from gate.config.faults import (
    Fault,
    Key,
    Readable,
    Section,
    at_least,
    callers_of,
    host_port,
    names_faults,
    network,
    no_networks,
    not_callers,
    unprintable,
)
from gate.core.evidence import MOST_LOGS
from gate.core.recording_names import fault_of

if TYPE_CHECKING:
    from gate.config.schema import Firm, Limits, MediaConfig, Pbx, Recording, Sip


class CallIn(Section, frozen=True):
    """Where calls to one of the firm's own numbers go."""

    number: str
    """One of ``firm.numbers``."""
    to: tuple[str, ...] = ()
    """Who is rung, one after the other: ``account:alice`` is each of its registered phones, ``trunk:pbx1`` the PBX at
    its ``calls_to``. Empty: the call-back line answers."""
    ring_seconds: int = 20
    """How long each phone rings before the next one does."""
    fallback: Literal["", "callback"] = ""
    """Where nobody is there, or nobody answers: the call-back line; empty: 480, or a goodbye once it is answered."""


class CallsIn(Section, frozen=True):
    """What callers hear, and how many there may be."""

    at_once: int = 100
    """Calls in at once; further ones get 480. Those after an emergency call do not count."""
    objections_an_hour: int = 20
    """Objections by key that callers of one trunk make within an hour: their numbers are not proven. Further ones stop
    calls all the same, and are held for review."""
    notice: str = ""
    """Said to callers before they are put through: who is called, and that the call is recorded. Empty: made from
    ``[firm]``."""
    callback: str = ""
    """Said by the call-back line: who has called, how to be rid of it. Empty: made from ``[firm]``."""
    sounds: str = ""
    """Folder with recordings in place of spoken texts, as far as they are there: ``notice.wav``, ``callback.wav``,
    ``thanks.wav``, ``not_taken.wav``, ``nobody.wav``."""


def calls_in_faults(readable: Readable, firm: Firm | None, base: Path) -> list[Fault]:
    """Every fault of these sections."""
    found: list[Fault] = []
    numbers: set[str] = set()
    callers, pbxs = callers_of(readable), {each.name: each for each in readable.arrays.get("pbx", {}).values()}
    for index, each in readable.arrays.get("call_in", {}).items():
        key: Key = ("call_in", index)
        if firm and each.number not in firm.numbers:
            found.append(Fault((*key, "number"), f'"{each.number}" is not one of firm.numbers'))
        if each.number in numbers:
            found.append(Fault((*key, "number"), f"{each.number} is there twice; leave one"))
        numbers.add(each.number)
        found += not_callers(each.to, callers, (*key, "to"))
        found += at_least(each, key, 5, "ring_seconds")
        found += _reachable(each, pbxs, (*key, "to"))
    for index, pbx in readable.arrays.get("pbx", {}).items():
        found += _calls_to(pbx, ("pbx", index, "calls_to"))
    if section := readable.get("calls_in", CallsIn):
        found += at_least(section, "calls_in", 1, "at_once", "objections_an_hour")
        found += unprintable(section, ("calls_in",), "notice", "callback", "sounds")
        if section.sounds and not (base / section.sounds).is_dir():
            found.append(Fault(("calls_in", "sounds"), f"{base / section.sounds} is not a folder"))
    return found


def _reachable(call_in: CallIn, pbxs: dict[str, Pbx], key: Key) -> Iterator[Fault]:
    for place, who in enumerate(call_in.to):
        pbx = pbxs.get(who.removeprefix("trunk:")) if who.startswith("trunk:") else None
        if pbx is not None and not pbx.calls_to:
            yield Fault((*key, place), f"it is not known where calls to {who} go: set its calls_to")


def _calls_to(pbx: Pbx, key: Key) -> Iterator[Fault]:
    """An address of the PBX itself: nothing else, a carrier's least of all."""
    if not pbx.calls_to:
        return
    if fault := host_port(pbx.calls_to, literal=True):
        yield Fault(key, fault)
        return
    host = ip_address(pbx.calls_to.rpartition(":")[0].strip("[]"))
    if any(network(each) for each in pbx.addresses):
        return
    if not any(host in ip_network(each) for each in pbx.addresses):
        yield Fault(key, f"{host} is none of the PBX's addresses")


class Ingest(Section, frozen=True):
    """Recordings that another system made: sealed here, then their clear files are removed."""

    folder: str = ""
    """Where a phone system leaves them, relative to the configuration file; empty: none is watched. This account must
    be able to remove files there."""
    names: tuple[str, ...] = ("out-{number}-*-{date}-{time}-*.wav", "{call_id}.wav")
    """What the names say of their calls: ``{number}``, ``{date}`` and ``{time}`` of London, or ``{call_id}``; ``*`` is
    anything. The first that fits counts. A file ``NAME.json`` beside one says it instead."""
    swap: bool = False
    """The first of two channels is the customer's."""
    unbound: Literal["refuse", "keep"] = "refuse"
    """One whose call the gate made no decision on: refused, so that the clear file stays where it is, or sealed with an
    attempt that says that the gate was not asked."""
    settle_seconds: int = 10
    """How long nobody must have written to a file before it is taken."""


def ingest(readable: Readable) -> Iterator[Fault]:
    """Every fault of the section."""
    if (section := readable.get("ingest", Ingest)) is None:
        return
    yield from unprintable(section, ("ingest",), "folder")
    yield from at_least(section, "ingest", 1, "settle_seconds")
    for index, pattern in enumerate(section.names):
        if fault := fault_of(pattern):
            yield Fault(("ingest", "names", index), f'"{pattern}" {fault}')


PORTS_OF_A_SESSION: Final = 12
"""Ports of one session: RTP and RTCP, for two relay sessions with two legs each and two copies to the recorder."""


class Siprec(Section, frozen=True):
    """A system that has its calls recorded here: a session border controller, a proxy, a phone system (RFC 7866)."""

    name: str
    announced_by: str
    """Who tells the callee that the call is recorded: the gate does not. Kept with each recording."""
    addresses: tuple[str, ...] = ()
    """IP addresses or networks it comes from."""
    certificate: str = ""
    """PEM file with the certificate that it shows over TLS, in place of an address: from wherever it comes."""
    call_id_header: str = ""
    """A header of its INVITE that has the Call-ID of the recorded call; empty: the metadata alone says it."""
    unbound: Literal["refuse", "keep"] = "refuse"
    """A session for a call that the gate made no decision on: refused, or recorded with an attempt that says that the
    gate was not asked."""
    sessions: int = 30
    """At once."""


def siprec_faults(readable: Readable, sip: Sip | None, recording: Recording | None) -> Iterator[Fault]:
    """Every fault of the sections."""
    yield from names_faults(readable, "siprec")
    taken: dict[str, str] = {}
    for index, each in readable.arrays.get("siprec", {}).items():
        key: Key = ("siprec", index)
        if not each.announced_by.strip():
            yield Fault((*key, "announced_by"), "the gate does not announce these recordings; say who does")
        yield from unprintable(each, key, "announced_by", "certificate")
        if each.certificate and each.addresses:
            yield Fault((*key, "certificate"), "it is known by its addresses or by its certificate; leave one")
        elif each.certificate and sip and not sip.tls:
            yield Fault((*key, "certificate"), "is shown over TLS only; set sip.tls")
        elif not each.certificate and not each.addresses:
            yield Fault((*key, "addresses"), "name at least one address that it comes from")
        yield from no_networks(each.addresses, (*key, "addresses"))
        for place, address in enumerate(each.addresses):
            if address in taken:
                yield Fault((*key, "addresses", place), f"{address} is already {taken[address]}'s")
            taken.setdefault(address, each.name)
        if each.certificate and each.certificate in {pbx.certificate for pbx in readable.arrays["pbx"].values()}:
            yield Fault((*key, "certificate"), "is a PBX's; give it one of its own")
        if not re.fullmatch(r"[A-Za-z0-9-]{0,64}", each.call_id_header):
            yield Fault((*key, "call_id_header"), f'"{each.call_id_header}" is not the name of a header')
        yield from at_least(each, key, 1, "sessions")
        if recording and not recording.enabled:
            yield Fault(key, "recording.enabled is false: nothing could be recorded")


def sessions_fault(readable: Readable, media: MediaConfig, limits: Limits, per_call: int) -> Iterator[Fault]:
    """The range of media ports is too small for all calls and all sessions."""
    sessions = sum(each.sessions for each in readable.arrays.get("siprec", {}).values())
    ports, calls = media.port_max - media.port_min + 1, per_call * limits.max_calls
    if sessions and calls <= ports < calls + PORTS_OF_A_SESSION * sessions:
        yield Fault(
            ("media", "port_max"),
            f"{ports} ports carry {limits.max_calls} calls and "
            f"{(ports - calls) // PORTS_OF_A_SESSION} recording sessions; "
            f"widen the range, or lower limits.max_calls or siprec.sessions ({sessions})",
        )


class Edge(Section, frozen=True):
    """An edge in front of the gate; ``dialgate edge config`` writes its configuration."""

    address: str = ""
    """``address:port`` from which it speaks to the gate, UDP; its plain RTP comes from the same address. What it says
    of a phone's address is believed from there alone. Empty: there is no edge."""
    gate: str = ""
    """``address:port`` at which it finds the gate; ``sip.listen`` where empty."""
    gates: tuple[str, ...] = ()
    """``address:port`` of each gate behind it, where there are several."""
    public: str = ""
    """Its IP address towards phones, as they see it."""
    local: str = ""
    """The address that it binds for them, where ``public`` is a NAT's outer one; else empty."""
    udp: int = 5060
    """Ports towards phones; 0: none."""
    tcp: int = 5060
    tls: int = 5061
    wss: int = 0
    certificate: str = "/etc/kamailio/edge.pem"
    """PEM file with its certificate and the chain above it, on the edge's machine; for ``tls`` and ``wss``."""
    key: str = "/etc/kamailio/edge.key"
    """PEM file with its private key, there."""
    port_min: int = 30000
    """Its range of ports for media; a call needs four of them."""
    port_max: int = 39999


_TRANSPORTS = ("udp", "tcp", "tls", "wss")


def edge_faults(readable: Readable, sip: Sip | None) -> Iterator[Fault]:
    """Every fault of the section, and of what leans on it."""
    edge = readable.get("edge", Edge)
    if edge is None:
        return
    for index, account in readable.arrays.get("account", {}).items():
        if account.srtp == "required" and not edge.address:
            yield Fault(("account", index, "srtp"), "encrypted media comes by the edge alone; set edge.address")
    if not edge.address:
        return
    for name in ("address", "gate"):
        if (text := getattr(edge, name)) and (fault := host_port(text, literal=True)):
            yield Fault(("edge", name), fault)
            return
    for place, text in enumerate(edge.gates):
        if fault := host_port(text, literal=True):
            yield Fault(("edge", "gates", place), fault)
        elif _anywhere(text) or text == edge.address or text in edge.gates[:place]:
            yield Fault(("edge", "gates", place), f"{text} is no gate of its own; name each gate once, by its address")
    host = ip_address(edge.address.rpartition(":")[0].strip("[]"))
    if host.is_unspecified:
        yield Fault(("edge", "address"), f"{host} is no address that anything comes from; name the edge's own")
    if sip and not (edge.gate or edge.gates) and not host_port(sip.listen, literal=True) and _anywhere(sip.listen):
        yield Fault(("edge", "gate"), f"sip.listen ({sip.listen}) is every address; name the one the edge sends to")
    if sip and edge.address == (edge.gate or sip.listen):
        yield Fault(("edge", "address"), f"{edge.address} is the gate's own")
    for index, pbx in readable.arrays.get("pbx", {}).items():
        for place, text in enumerate(pbx.addresses):
            if not network(text) and host in ip_network(text) and not host.is_loopback:
                yield Fault(
                    ("pbx", index, "addresses", place),
                    f"{text} holds the edge's address: whoever comes by it would be this PBX; leave it out",
                )
    for name in ("public", "local"):
        if (text := getattr(edge, name)) and not _is_address(text):
            yield Fault(("edge", name), f'"{text}" is not an IP address')
    for name in _TRANSPORTS:
        if not 0 <= getattr(edge, name) <= 65535:
            yield Fault(("edge", name), f"port {getattr(edge, name)} does not exist; 1 to 65535, or 0 for none")
    streams = [getattr(edge, name) for name in ("tcp", "tls", "wss") if getattr(edge, name)]
    if len(streams) != len(set(streams)):
        yield Fault(("edge", "wss"), "tcp, tls and wss each need a port of their own")
    if not (edge.udp or streams):
        yield Fault(("edge", "udp"), "no phone could reach the edge; give it a port")
    if (edge.tls or edge.wss) and not (edge.certificate and edge.key):
        yield Fault(("edge", "certificate"), "TLS needs a certificate and its key: the paths of PEM files")
    if not 1024 <= edge.port_min < edge.port_max <= 65535:
        yield Fault(
            ("edge", "port_min"),
            f"{edge.port_min} to {edge.port_max} is not a port range; between 1024 and 65535, min below max",
        )
    yield from unprintable(edge, ("edge",), "certificate", "key")
    for name in ("certificate", "key"):
        if '"' in getattr(edge, name):
            yield Fault(("edge", name), "no quotes in a path")


def _anywhere(listen: str) -> bool:
    return ip_address(listen.rpartition(":")[0].strip("[]")).is_unspecified


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False


class Store(Section, frozen=True):
    """The evidence store on PostgreSQL; needs the extra ``postgresql``."""

    dsn: str = ""
    """``postgresql://USER@HOST:PORT,HOST:PORT/DATABASE``, without a password; empty: SQLite, in the data folder."""
    password_file: str = ""
    """File with the password on its first line, relative to the configuration file; or ``env:NAME``; empty: the server
    asks for none, or for a certificate."""
    ca_file: str = ""
    """PEM file with the authorities that may vouch for the server, relative to the configuration file; empty: the
    system's."""
    log: int = 0
    """Which log of the database is this gate's: a number, another one for each gate of the firm."""


class Server(NamedTuple):
    """What a DSN names, its percent signs decoded."""

    user: str
    hosts: tuple[tuple[str, str], ...]
    """Name, address or folder of a socket, and port; a host without a port has 5432."""
    database: str
    options: dict[str, str]

    @property
    def local(self) -> bool:
        """Whether all of its hosts are this machine: nothing crosses a network."""
        return all(is_local(host) for host, _ in self.hosts)


_DSN: Final = re.compile(r"postgres(?:ql)?://(?:([^@/?#]*)@)?([^@/?#]*)/([^/?#]+)(?:\?([^#]*))?")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+|%2[Ff][A-Za-z0-9._%/-]+)(?::(\d{1,5}))?")
_ATTRIBUTES: Final = "target_session_attrs"
_DSN_OPTIONS: Final = (
    "application_name", "connect_timeout", "host", "port", "sslcert", "sslkey", "sslmode", _ATTRIBUTES, "user"
)  # fmt: skip


def is_local(host: str) -> bool:
    """Whether a host of a DSN is this machine: the folder of a socket, or loopback."""
    try:
        return not host or host.startswith("/") or ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_of(dsn: str) -> Server:
    """What a DSN names. Raises ``ValueError`` with what is wrong with it; never quotes it, for it may hold a
    password."""
    if not (match := _DSN.fullmatch(dsn)):
        raise ValueError('is not a DSN; write "postgresql://USER@HOST/DATABASE"')
    who, where, database, query = (part or "" for part in match.groups())
    if ":" in who:
        raise ValueError("holds a password; write it into a file, and name that as password_file")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise ValueError("has something behind its question mark that is no NAME=VALUE") from None
    for name in options:
        if name not in _DSN_OPTIONS:
            raise ValueError(f"has the option {name[:40]}; known: {', '.join(_DSN_OPTIONS)}")
    if options.get(_ATTRIBUTES, "read-write") not in ("read-write", "primary"):
        raise ValueError(f"has another {_ATTRIBUTES} than read-write: evidence is written to a primary")
    names, ports = options.pop("host", ""), options.pop("port", "")
    if where and (names or ports):
        raise ValueError("names hosts or ports twice; leave one")
    hosts = []
    for each in where.split(",") if where else ():
        if not (found := _HOST.fullmatch(each)):
            raise ValueError("has a host that is none; write HOST:PORT, [v6]:PORT, and commas between them")
        hosts.append((unquote(found[1]).strip("[]"), found[2] or "5432"))
    if names:
        given = names.split(",")
        numbers = ports.split(",") if ports else ["5432"]
        hosts = list(zip(given, numbers if len(numbers) > 1 else numbers * len(given), strict=False))
    if not hosts or any(not host or not re.fullmatch(r"[0-9]{1,5}", port) for host, port in hosts):
        raise ValueError("names no host; for a socket on this machine write ?host=/run/postgresql")
    return Server(options.pop("user", "") or unquote(who), tuple(hosts), unquote(database), options)


def store_faults(store: Store) -> Iterator[Fault]:
    """Every fault of the section."""
    yield from unprintable(store, ("store",), "ca_file")
    if not 0 <= store.log < MOST_LOGS:
        yield Fault(("store", "log"), f"{store.log} is not from 0 to {MOST_LOGS - 1}")
    if not store.dsn:
        if store != Store():
            yield Fault(("store", "dsn"), "is missing: where is PostgreSQL?")
        return
    try:
        server = server_of(store.dsn)
    except ValueError as error:
        yield Fault(("store", "dsn"), str(error))
        return
    if not server.local and (mode := server.options.get("sslmode", "verify-full")) != "verify-full":
        fault = f"sslmode={mode[:20]} does not prove who the server is: leave it out, or write verify-full"
        yield Fault(("store", "dsn"), fault)
