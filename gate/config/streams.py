"""What is wrong with the settings of SIP over TCP and TLS."""

from __future__ import annotations

from collections.abc import Iterator

from gate.config.addresses import host_port
from gate.config.faults import Fault, at_least
from gate.config.schema import Sip


def streams_faults(sip: Sip) -> Iterator[Fault]:
    """TCP and TLS."""
    for name in ("tcp", "tls"):
        text = getattr(sip, name)
        if text and (fault := host_port(text, literal=True)):
            yield Fault(("sip", name), fault)
    if sip.tcp and sip.tcp == sip.tls:
        yield Fault(("sip", "tls"), "is the address and port of sip.tcp; port 5061 is usual")
    if sip.tls and not sip.tls_certificate:
        yield Fault(("sip", "tls_certificate"), "TLS needs a certificate: the path of a PEM file")
    yield from at_least(sip, "sip", 1, "connections", "connections_each")
