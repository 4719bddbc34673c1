"""Which address media uses towards whom: bound by RTPProxy, named in SDP."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from gate.config import Config
from gate.core.sdp import Audio, UnusableSdpError
from gate.errors import ConfigError

DISCARD = 9


@dataclass(frozen=True, slots=True)
class Addresses:
    """The gate's media addresses by family (``IP4``, ``IP6``; empty where there is none)."""

    by_family: dict[str, str]
    listen: tuple[str, ...]
    """RTPProxy's own options for them."""
    named: str
    """The address for SDP where RTPProxy answers with a port alone: behind a NAT, where it listens on every address."""
    translated: bool
    """True where the first address is not this machine's: a NAT's outer address."""
    trunk_family: str

    @classmethod
    def from_config(cls, config: Config) -> Addresses:
        """From the configuration; ``ConfigError`` where the trunk's family has no media address."""
        media = config.media
        by_family: dict[str, str] = {}
        for key, text in (("media.address", media.address), ("media.address6", media.address6)):
            if text:
                by_family.setdefault(_family(text, key), text)
        first = _family(media.address, "media.address")
        translated = not _is_ours(media.address)
        wildcard = "0.0.0.0" if first == "IP4" else "::"  # noqa: S104 - behind a NAT there is no one address to bind
        listen = ("-l" if first == "IP4" else "-6", wildcard if translated else media.address)
        trunks = [_trunk_family(each.address) for each in config.trunk]
        for trunk, each in zip(trunks, config.trunk, strict=True):
            if trunk not in by_family:
                raise ConfigError(
                    f"the trunk {each.address} is reached over {_SPOKEN[trunk]}, and [media] has no such address",
                    hint="set media.address6" if trunk == "IP6" else "set media.address to an IPv4 address",
                )
        if len(set(trunks)) > 1:
            raise ConfigError(
                "some trunks are reached over IPv4 and others over IPv6", hint="name addresses of one kind for all"
            )
        return cls(by_family, listen, media.address, translated, trunks[0])

    def facing(self, family: str) -> Facing:
        """The gate's own address towards a party of this family; ``UnusableSdpError`` where it has none."""
        address = self.by_family.get(family)
        if address is None:
            raise UnusableSdpError(f"no {_SPOKEN.get(family, family)} media address is configured")
        return Facing(family, address, self.listen[1] if self.translated and address == self.named else address)

    def nobody(self, audio: Audio) -> bool:
        """True for the gate's own answer to a call in: its address, and the port of discard. No phone is rung yet."""
        return audio.port == DISCARD and audio.address in self.by_family.values()


@dataclass(frozen=True, slots=True)
class Facing:
    """One of them, as one party sees it."""

    family: str
    named: str
    """What SDP says."""
    bound: str
    """What the sockets are bound to: behind a NAT, every address of the family."""


def expected(audio: Audio, signalled: str, *, phone: bool) -> tuple[str, bool]:
    """Whom audio is taken from: the address in a caller's SDP, or the one that its INVITE came from where the SDP was
    written behind a NAT; and whether that is so.

    A phone that signs in sends audio from where it signals from: a private address in its SDP that is another one is
    what it calls itself behind its NAT. Behind a PBX the phones have addresses of their own, private ones too: they are
    believed unless the PBX itself is reached by a public address.
    """
    signalled = signalled.strip("[]")
    if not signalled or audio.nowhere or signalled == audio.address:
        return audio.address, False
    named, seen = ipaddress.ip_address(audio.address), ipaddress.ip_address(signalled)
    if named.version != seen.version or named.is_global or not (phone or seen.is_global):
        return audio.address, False
    return signalled, True


def beside(audio: Audio, signalled: str, facing: Facing) -> tuple[str, ...]:
    """The addresses that audio of a party on this machine may come from, beside that of its SDP. Empty where what it
    signals from and what its SDP names are not both this machine's, or are the gate's own.

    Such a phone names the address of an interface, signals from it or from loopback, and its audio comes from neither
    but from the gate's own address: what is sent to an address of the same machine comes from that address, unless its
    sender has bound itself to another (Linux, ``ip route get``).
    """
    signalled = signalled.strip("[]")
    others = tuple(dict.fromkeys(each for each in (signalled, facing.bound) if each != audio.address))
    if audio.nowhere or not signalled or any((":" in each) != (":" in audio.address) for each in others):
        return ()
    if not (others and _is_ours(audio.address) and _is_ours(signalled)):
        return ()
    return tuple(each for each in others if not ipaddress.ip_address(each).is_unspecified)


_SPOKEN = {"IP4": "IPv4", "IP6": "IPv6"}


def _family(text: str, key: str) -> str:
    try:
        return "IP6" if ipaddress.ip_address(text).version == 6 else "IP4"
    except ValueError as error:
        raise ConfigError(f"{key}: {text!r} is not an IP address", hint="SDP needs a number, not a name") from error


def _is_ours(address: str) -> bool:
    """False for a name, too, which is not looked up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        ipaddress.ip_address(address)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True


def _trunk_family(address: str) -> str:
    """The family of ``host:port`` or ``[v6]:port``; a name is looked up once, at the start. IPv4 where that fails."""
    if address.startswith("["):
        return "IP6"
    host = address.rpartition(":")[0] or address
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return "IP4"
    return "IP6" if all(entry[0] == socket.AF_INET6 for entry in found) else "IP4"
