"""Where the INVITEs that were let through go: the carrier's trunk, and the emergency route where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from gate.config import Config
from gate.core.wording import phrase
from gate.sip.failure_mapping import UNAVAILABLE, as_it_is, for_caller
from gate.sip.message import Address
from gate.sip.peers import networks
from gate.sip.udp import split_address


@dataclass(frozen=True, slots=True)
class Route:
    """One way out."""

    address: Address
    username: str
    password: str
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where its signalling may come from, beside what its name says."""
    emergency: bool = False
    """LAW 3.5: no time to answer is set, and nothing of ours may stop the call."""

    def refusal(self, code: int, why: str) -> tuple[int, str]:
        """The answer to the caller where the gate itself cannot go on: its refusal, so that no PBX leads the call
        around the gate; 503 on the emergency route, so that it does (RFC 3261 16.7, 21.5.4)."""
        return UNAVAILABLE if self.emergency else (code, phrase(why))

    def outcome(self, code: int, phrase: str) -> tuple[int, str] | None:
        """What the caller gets of the trunk's answer; None where that is the caller's refusal."""
        return as_it_is(code, phrase) if self.emergency else for_caller(code, phrase)


def trunk_route(config: Config, password: str) -> Route:
    """The carrier."""
    trunk = config.trunk
    return Route(split_address(trunk.address), trunk.username, password, networks(trunk.addresses))


def emergency_route(config: Config, password: str) -> Route | None:
    """The emergency route; None where none is configured."""
    emergency = config.emergency
    if not emergency.trunk:
        return None
    return Route(
        split_address(emergency.trunk), emergency.username, password, networks(emergency.addresses), emergency=True
    )
