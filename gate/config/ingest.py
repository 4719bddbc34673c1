"""The sections of recordings that come from elsewhere, as files or by SIPREC, and what types cannot say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from gate.config.faults import Fault, Key, Readable, Section, at_least, names_faults, no_networks, unprintable
from gate.core.recording_names import fault_of

if TYPE_CHECKING:
    from gate.config.schema import Limits, MediaConfig, Recording, Sip


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


PORTS: Final = 12
"""Of one session: RTP and RTCP, of two sessions of the relay with two legs each, and of two copies to the recorder."""


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
    if sessions and calls <= ports < calls + PORTS * sessions:
        yield Fault(
            ("media", "port_max"),
            f"{ports} ports carry {limits.max_calls} calls and {(ports - calls) // PORTS} recording sessions; "
            f"widen the range, or lower limits.max_calls or siprec.sessions ({sessions})",
        )
