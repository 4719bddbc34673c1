"""What types cannot say of the carriers: each by a name of its own, and one at least that takes every call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gate.config.addresses import host_port, hours
from gate.config.carriers import Trunk
from gate.config.faults import Fault, Readable, at_least, callers_of, duplicates, no_networks, not_callers, unprintable
from gate.config.lines import Key

_NAME = re.compile(r"(?!.*\+?[0-9]{7})[A-Za-z0-9._+ -]{1,64}").fullmatch
"""A name stands in leaves, which are for good: no telephone number may be one."""
_PREFIX = re.compile(r"\+[1-9][0-9]{1,14}").fullmatch


_DOMAIN = re.compile(
    r"(?=.{1,253}$)(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.[A-Za-z][A-Za-z0-9-]*"
).fullmatch


def by_domain(address: str) -> bool:
    """True for a carrier that is named by its domain: a name of several parts, without a port."""
    return _DOMAIN(address) is not None


def trunks(readable: Readable, base: Path) -> list[Fault]:
    """Every fault of these sections."""
    found: list[Fault] = []
    held = readable.arrays.get("trunk", {})
    names: dict[str, int] = {}
    callers = callers_of(readable)
    for index, trunk in held.items():
        key = readable.key("trunk", index)
        found += _trunk(trunk, key)
        found += _secure(trunk, key, base)
        found += _choice(trunk, key, callers)
        if (other := names.setdefault(trunk.name, index)) != index:
            found.append(Fault((*key, "name"), f'"{trunk.name}" is there twice, as trunk[{other}] too'))
    if held and readable.whole("trunk") and not any(_takes_all(trunk) for trunk in held.values()):
        found.append(
            Fault(readable.key("trunk", 0), "no trunk takes every call: leave one without prefixes, callers and hours")
        )
    return found


def _takes_all(trunk: Trunk) -> bool:
    return not (trunk.prefixes or trunk.callers or trunk.hours)


def _trunk(trunk: Trunk, key: Key) -> Iterator[Fault]:
    if not by_domain(trunk.address) and (fault := host_port(trunk.address, literal=False)):
        yield Fault((*key, "address"), fault)
    if not trunk.name.strip():
        yield Fault((*key, "name"), "must not be empty")
    yield from unprintable(trunk, key, "name", "username")
    yield from no_networks(trunk.addresses, (*key, "addresses"))
    if bool(trunk.username) != bool(trunk.password_file):
        missing = "password_file" if trunk.username else "username"
        yield Fault((*key, missing), "username and password_file go together")
    elif trunk.register and not trunk.username:
        yield Fault((*key, "register"), "registering needs username and password_file")
    yield from at_least(trunk, key, 0, "options_seconds")
    if trunk.from_domain and (fault := host_port(f"{trunk.from_domain}:5060", literal=False)):
        yield Fault((*key, "from_domain"), f'"{trunk.from_domain}" is no host; write "sip.carrier.example"')
    yield from duplicates(trunk.identity, (*key, "identity"))
    yield from duplicates(trunk.codecs, (*key, "codecs"))
    if trunk.session_seconds not in (-1, 0) and trunk.session_seconds < 90:
        too_short = f"{trunk.session_seconds} is too short; -1 for that of sip, 0 for none, or at least 90"
        yield Fault((*key, "session_seconds"), too_short)


def _secure(trunk: Trunk, key: Key, base: Path) -> Iterator[Fault]:
    """Files of TLS."""
    for name in ("ca", "certificate", "key"):
        file = getattr(trunk, name)
        if file and trunk.transport != "tls":
            yield Fault((*key, name), 'is of TLS alone; set transport = "tls"')
        elif file and not (base / file).is_file():
            yield Fault((*key, name), f"{base / file} does not exist")
    if trunk.key and not trunk.certificate:
        yield Fault((*key, "certificate"), "the key is of no certificate; name that too")


def _choice(trunk: Trunk, key: Key, callers: set[str]) -> Iterator[Fault]:
    """Which calls go there."""
    yield from at_least(trunk, key, 0, "order")
    yield from at_least(trunk, key, 1, "weight", "silent_seconds")
    for index, prefix in enumerate(trunk.prefixes):
        if not _PREFIX(prefix):
            yield Fault((*key, "prefixes", index), f'"{prefix}" is not how a number begins; write "+4420"')
    yield from duplicates(trunk.prefixes, (*key, "prefixes"))
    yield from not_callers(trunk.callers, callers, (*key, "callers"))
    if fault := hours(trunk.hours):
        yield Fault((*key, "hours"), fault.partition(", or")[0])
