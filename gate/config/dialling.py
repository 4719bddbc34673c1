"""What types cannot say of what is dialled beside the number: prefixes, the purpose header, the emergency route.

Whose word on the purpose of a call is taken is named one by one: there is no way to trust everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gate.config.addresses import host_port
from gate.config.carriers import Emergency
from gate.config.faults import (
    Fault,
    Readable,
    at_least,
    callers_of,
    duplicates,
    no_networks,
    not_callers,
    unprintable,
)
from gate.config.lines import Key
from gate.config.schema import DialPrefix, Firm, PurposeHeader
from gate.core import numbers

_PREFIX = re.compile(r"[*#][0-9*#]{1,7}").fullmatch
_HIDING = ("*31#", "#31#", "*67", "*141", "#141")
"""Keys that hide the caller's number (and 141 behind a key): refused, and not to be had as a prefix (LAW 3.2)."""
_HEADER = re.compile(r"X-[A-Za-z0-9-]{1,60}").fullmatch
_OURS = ("x-dialgate-hop", "x-dialgate-reason", "x-dialgate-decision")


def dialled(readable: Readable, firm: Firm | None) -> list[Fault]:
    """Every fault of these sections."""
    callers = callers_of(readable)
    found: list[Fault] = []
    prefixes: dict[str, int] = {}
    for index, prefix in readable.arrays.get("dial_prefix", {}).items():
        found += _prefix(prefix, prefixes, callers, ("dial_prefix", index))
        prefixes[prefix.prefix] = index
    if header := readable.get("purpose_header", PurposeHeader):
        found += _header(header, callers)
    if emergency := readable.get("emergency", Emergency):
        found += _emergency(emergency, firm)
        found += _then(emergency, readable)
    return found


def _prefix(each: DialPrefix, before: dict[str, int], callers: set[str], key: Key) -> Iterator[Fault]:
    said = each.prefix
    if not _PREFIX(said):
        yield Fault((*key, "prefix"), f'"{said}" is not a prefix: * or #, then 1 to 7 keys')
    elif hiding := next((hides for hides in _HIDING if hides.startswith(said) or said.startswith(hides)), ""):
        yield Fault((*key, "prefix"), f'"{said}" runs into {hiding}, which hides the caller\'s number and is refused')
    for other in before:
        if said.startswith(other) or other.startswith(said):
            yield Fault((*key, "prefix"), f"{said} and {other}: neither may begin the other")
    if not each.allowed:
        yield Fault((*key, "allowed"), "name who may use it, or take the prefix out")
    yield from not_callers(each.allowed, callers, (*key, "allowed"))


def _header(header: PurposeHeader, callers: set[str]) -> Iterator[Fault]:
    if not header.name:
        if header.allowed:
            yield Fault(("purpose_header", "name"), "is missing: which header do they send?")
        return
    if not _HEADER(header.name) or header.name.lower() in _OURS:
        yield Fault(
            ("purpose_header", "name"), f'"{header.name}" is not a header to use: X- and letters, digits, dashes'
        )
    if not header.allowed:
        yield Fault(("purpose_header", "allowed"), "name whose word it is, or take the section out")
    yield from not_callers(header.allowed, callers, ("purpose_header", "allowed"))


def _emergency(emergency: Emergency, firm: Firm | None) -> Iterator[Fault]:
    """LAW 3.5: exactly these numbers, to exactly this route."""
    if not emergency.trunk:
        if emergency not in (Emergency(), Emergency(elsewhere=True)):
            yield Fault(("emergency", "trunk"), "is missing: where do emergency calls go?")
        return
    if fault := host_port(emergency.trunk, literal=False):
        yield Fault(("emergency", "trunk"), fault)
    if emergency.elsewhere:
        yield Fault(("emergency", "elsewhere"), "emergency.trunk is set: they go by the gate, or by another line")
    for index, number in enumerate(emergency.numbers):
        if not numbers.may_be_routed(number):
            yield Fault(
                ("emergency", "numbers", index),
                f'"{number}" is not a number for help; 999, 112, 18000, 101, 105, 111 or 116 and three digits',
            )
    for number in ("999", "112"):
        if number not in emergency.numbers:
            yield Fault(("emergency", "numbers"), f"{number} is missing")
    yield from duplicates(emergency.numbers, ("emergency", "numbers"))
    if firm and emergency.presentation and emergency.presentation not in firm.numbers:
        yield Fault(("emergency", "presentation"), f'"{emergency.presentation}" is not one of firm.numbers')
    yield from unprintable(emergency, ("emergency",), "username")
    yield from no_networks(emergency.addresses, ("emergency", "addresses"))
    if bool(emergency.username) != bool(emergency.password_file):
        missing = "password_file" if emergency.username else "username"
        yield Fault(("emergency", missing), "username and password_file go together")


def _then(emergency: Emergency, readable: Readable) -> Iterator[Fault]:
    """The trunks that are tried next are those of this file."""
    known = [each.name for each in readable.arrays.get("trunk", {}).values()]
    for index, name in enumerate(emergency.then):
        if name not in known and readable.whole("trunk"):
            yield Fault(("emergency", "then", index), f'"{name}" is no trunk of this file; known: {", ".join(known)}')
    yield from duplicates(emergency.then, ("emergency", "then"))
    yield from at_least(emergency, "emergency", 1, "silent_seconds")
