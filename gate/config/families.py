"""IPv4 and IPv6: whom the gate could not send to, or hear, from the addresses that it listens on.

A socket speaks one of the two, and by UDP the gate has one: ``sip.listen``. Names are looked up at the start
(``gate.media.addresses``); here are the addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from gate.config.addresses import host_port, network
from gate.config.carriers import Emergency
from gate.config.edge import Edge
from gate.config.faults import Fault, Readable
from gate.config.lines import Key
from gate.config.schema import Sip


def families(readable: Readable, sip: Sip) -> Iterator[Fault]:
    """Trunks, PBXs and edges of the other family."""
    ours = _family(sip.listen)
    if not ours:
        return
    sent: list[tuple[Key, str]] = [
        ((*readable.key("trunk", index), "address"), trunk.address)
        for index, trunk in readable.arrays.get("trunk", {}).items()
        if trunk.transport == "udp"
    ]
    if emergency := readable.get("emergency", Emergency):
        sent.append((("emergency", "trunk"), emergency.trunk))
    if (edge := readable.get("edge", Edge)) and not edge.gate:
        sent.append((("edge", "address"), edge.address))
    pbxs = readable.arrays.get("pbx", {})
    sent += [(("pbx", index, "calls_to"), pbx.calls_to) for index, pbx in pbxs.items()]
    for key, address in sent:
        if _family(address) not in ("", ours):
            yield Fault(
                key, f"{address} is {_family(address)}, and sip.listen ({sip.listen}) is {ours}: it cannot be reached"
            )
    heard = {ours, _family(sip.tcp), _family(sip.tls)}
    peers = [(name, *each) for name in ("pbx", "siprec") for each in readable.arrays.get(name, {}).items()]
    for name, index, peer in peers:
        if peer.addresses and not any(network(each) or _of_network(each) in heard for each in peer.addresses):
            kind = _of_network(peer.addresses[0])
            yield Fault(
                (name, index, "addresses"),
                f"all are {kind}, and the gate listens on no {kind} address: see sip.listen",
            )


def _family(address: str) -> str:
    """Of ``host:port``; empty where that is no address: a name, or a fault that is told elsewhere."""
    if host_port(address, literal=True):
        return ""
    return "IPv6" if address.startswith("[") else "IPv4"


def _of_network(text: str) -> str:
    return f"IPv{ip_network(text).version}"
