"""The sections of the configuration about where calls go: the carriers, and the way of its own for emergency calls."""

from __future__ import annotations

from typing import Literal

from gate.config.section import Section


class Trunk(Section, frozen=True):
    """A carrier. ``[trunk]`` for one, ``[[trunk]]`` for each of several."""

    address: str
    """``host:port`` or ``[v6]:port``; or a domain without a port, whose servers are looked up (RFC 3263)."""
    name: str = "carrier"
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """How it is spoken to. By ``tcp`` and ``tls`` over a connection that the gate opens, and never in another way."""
    ca: str = ""
    """``tls``: PEM file with the authorities that may vouch for it, relative to the configuration file; the system's
    where empty. Its certificate has to have the host of ``address``."""
    certificate: str = ""
    """``tls``: PEM file with the certificate that the gate shows to it; empty: none."""
    key: str = ""
    """PEM file with its private key; in the certificate's file where empty."""
    username: str = ""
    password_file: str = ""
    register: bool = False
    """Register with the carrier (needs username and password_file)."""
    options_seconds: int = 30
    """Keep-alive interval; 0 for none."""
    addresses: tuple[str, ...] = ()
    """Addresses or networks that it signals from inside a call, beside those of ``address`` and of its Contact."""
    order: int = 1
    """Which trunk is tried first: the one with the lowest."""
    weight: int = 1
    """Share of the calls among trunks of the same order."""
    prefixes: tuple[str, ...] = ()
    """Numbers that may go there, by how they begin: ``+4420``. Empty: any."""
    callers: tuple[str, ...] = ()
    """Whose calls may go there: ``account:alice``, ``trunk:pbx1``. Empty: anybody's."""
    hours: str = ""
    """When calls may go there, London time, ``08:00-18:00``. Empty: always."""
    silent_seconds: int = 4
    """So long without any answer to an INVITE, not even a 100, and the next trunk is tried. The last one is waited
    for."""

    number_format: Literal["+44", "0", "44", "0044"] = "+44"
    """How it takes numbers, dialled and shown: ``+442079460000``, ``02079460000``, ``442079460000``, or
    ``00442079460000``. Numbers of other countries go out as ``+33…``, ``0033…``, ``33…`` and ``0033…``."""
    from_domain: str = ""
    """The host in From and in the identity headers; the gate's own address where empty."""
    identity: tuple[Literal["pai", "ppi", "rpid"], ...] = ("pai",)
    """Headers beside From that show the firm's number and name: P-Asserted-Identity, P-Preferred-Identity,
    Remote-Party-ID. It is in From in any case."""
    digest: Literal["both", "sha-256", "md5"] = "both"
    """Which of its challenges are answered; ``both``: the first that it offers (RFC 8760)."""
    codecs: tuple[Literal["PCMU", "PCMA", "G722"], ...] = ()
    """Speech codecs that it is offered, the one that it likes best first; empty: whatever the caller offers. It gets no
    call that offers none of them."""
    session_seconds: int = -1
    """As ``sip.session_seconds``, with this carrier; -1: that."""


class Emergency(Section, frozen=True):
    """A way of its own for emergency numbers: out at once, unscreened, unannounced, unrecorded (LAW 3.5)."""

    trunk: str = ""
    """``host:port`` or ``[v6]:port``, UDP; may be the carrier's too. Empty: such calls are refused with advice."""
    elsewhere: bool = False
    """Every phone dials them on another line than the gate's: decided, where ``trunk`` is empty."""
    numbers: tuple[str, ...] = ("999", "112", "18000", "101", "111")
    """Which numbers go there; 105 and 116… may be added. Any other short number is refused."""
    presentation: str = ""
    """The own number that these calls show, at which the caller can be rung back; the caller's own where empty."""
    username: str = ""
    password_file: str = ""
    addresses: tuple[str, ...] = ()
    """As in ``[trunk]``."""
    then: tuple[str, ...] = ()
    """Names of trunks that are tried next, in this order, where ``trunk`` is silent or fails before it rings."""
    silent_seconds: int = 2
    """As in ``[trunk]``."""
