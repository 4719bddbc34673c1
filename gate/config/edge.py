"""The section of the configuration about an edge (Kamailio and rtpengine) in front of the gate, and its rules."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from gate.config.faults import Fault, Readable, Section, host_port, network, unprintable

if TYPE_CHECKING:
    from gate.config.schema import Sip


class Edge(Section, frozen=True):
    """An edge in front of the gate; ``dialgate edge config`` writes its configuration."""

    address: str = ""
    """``address:port`` from which it speaks to the gate, UDP; its plain RTP comes from the same address. What it says
    of a phone's address is believed from there alone. Empty: there is no edge."""
    gate: str = ""
    """``address:port`` at which it finds the gate; ``sip.listen`` where empty."""
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


PORTS = ("udp", "tcp", "tls", "wss")


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
    host = ip_address(edge.address.rpartition(":")[0].strip("[]"))
    if host.is_unspecified:
        yield Fault(("edge", "address"), f"{host} is no address that anything comes from; name the edge's own")
    if sip and not edge.gate and not host_port(sip.listen, literal=True) and _anywhere(sip.listen):
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
    for name in PORTS:
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
