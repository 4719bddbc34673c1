"""Where a carrier is by its domain (RFC 3263): NAPTR names the service, SRV its servers, A their addresses.

An answer of the DNS decides where calls go, and nobody but the carrier's operator vouches for it. So it is bounded: so
many servers, no address of this machine's or of nobody's, and none but the domain's own records.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import dns.exception
import dns.resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from gate.sip.message import Address
from gate.sip.udp import is_here

MOST_SERVERS = 8
"""The bound on servers of one domain."""
SHORTEST, LONGEST = 30.0, 3600.0
"""Seconds for which an answer is good, whatever its TTL."""
LOOK_SECONDS = 4.0
_SERVICES = {"udp": ("SIP+D2U", "_sip._udp"), "tcp": ("SIP+D2T", "_sip._tcp"), "tls": ("SIPS+D2T", "_sips._tcp")}


@dataclass(frozen=True, slots=True)
class Found:
    """The servers of a domain."""

    servers: tuple[Address, ...]
    """Addresses by number, in the order in which they are tried."""
    seconds: float
    """Seconds for which it holds."""


class LookupFailedError(Exception):
    """The DNS did not answer, or nothing that can be used; the message says what."""


class Lookup:
    """Asks the DNS. Any thread; takes seconds."""

    def __init__(self, server: str = "", *, loopback: bool = False) -> None:
        """``server``: ``address:port`` of the DNS server; empty: those of the system. ``loopback``: it may name this
        machine (a gate that is not live)."""
        self._resolver = dns.resolver.Resolver(configure=not server)
        if server:
            host, _, port = server.rpartition(":")
            self._resolver.nameservers, self._resolver.port = [host.strip("[]")], int(port)
        self._resolver.lifetime = LOOK_SECONDS
        self._resolver.timeout = 1.5
        self._loopback = loopback
        self._random = random.SystemRandom()

    def servers(self, domain: str, transport: str) -> Found:
        """The servers of a carrier's domain. Raises ``LookupFailedError``."""
        service, prefix = _SERVICES[transport]
        name, ttl = self._replacement(domain, service)
        records, more = self._ask(name or f"{prefix}.{domain}", "SRV")
        ttl = min(ttl, more)
        targets = [each for each in records if isinstance(each, SRV) and str(each.target) != "."]
        if not targets:
            raise LookupFailedError(f"{domain} names no server for SIP by {transport.upper()}")
        found: dict[Address, None] = {}
        for each in self._in_order(targets)[:MOST_SERVERS]:
            addresses, more = self._addresses(str(each.target))
            ttl = min(ttl, more)
            found |= dict.fromkeys((address, int(each.port)) for address in addresses)
        if not found:
            raise LookupFailedError(f"the servers of {domain} have no address that a carrier can have")
        return Found(tuple(found)[:MOST_SERVERS], max(SHORTEST, min(LONGEST, ttl)))

    def _replacement(self, domain: str, service: str) -> tuple[str, float]:
        """What NAPTR says, where the domain has one for this transport (RFC 3263 4.1); it need not."""
        try:
            records, ttl = self._ask(domain, "NAPTR")
        except LookupFailedError:
            return "", LONGEST
        fitting = [each for each in records if isinstance(each, NAPTR)]
        fitting = [each for each in fitting if each.service.decode("ascii", "replace").upper() == service]
        fitting = [each for each in fitting if each.flags.lower() == b"s"]
        if not fitting:
            return "", ttl
        return str(min(fitting, key=lambda each: (each.order, each.preference)).replacement), ttl

    def _in_order(self, records: Sequence[SRV]) -> list[SRV]:
        """RFC 2782: by priority, drawn by weight where that is the same."""
        return sorted(records, key=lambda each: (each.priority, self._random.expovariate(max(each.weight, 0.01))))

    def _addresses(self, name: str) -> tuple[list[str], float]:
        try:
            records, ttl = self._ask(name, "A")
        except LookupFailedError:
            return [], LONGEST
        found = [str(each.address) for each in records if isinstance(each, A)]
        return [each for each in found if self._usable(each)], ttl

    def _usable(self, text: str) -> bool:
        """The address of a host, unless it is this machine's."""
        address = ip_address(text)
        if address.is_loopback or is_here(text):
            return self._loopback
        return not (address.is_multicast or address.is_unspecified or address.is_link_local or address.is_reserved)

    def _ask(self, name: str, kind: str) -> tuple[list[object], float]:
        try:
            answer = self._resolver.resolve(name, kind, search=False)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailedError(f"{name} {kind}: {error or type(error).__name__}") from error
        return list(answer), float(answer.rrset.ttl if answer.rrset is not None else SHORTEST)
