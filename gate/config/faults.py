"""What every section of the configuration is made of, a fault of the configuration, and the checks that all sections
share.

The spellings of addresses, networks, hours and names: each check returns what is wrong, or nothing.

Which line of the TOML file a key stands on, for error messages: ``tomllib`` keeps no positions. ``lines`` reads only
as much of TOML as is needed to say "line 12" of a file that ``tomllib`` has accepted: table headers, keys, and
strings or arrays that go over several lines. A key that it does not find has no line, never a wrong value: the values
always come from ``tomllib``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

_NAME = re.compile(r"(?!.*\+?[0-9]{7})[A-Za-z0-9._+-]{1,64}")
"""A name stands in leaves, which are for good: no telephone number may be one."""


def name_fault(text: str) -> str:
    """What is wrong with the name of an account, a PBX, a client for recordings."""
    if _NAME.fullmatch(text):
        return ""
    return f'"{text}" is not a name: letters, digits and . _ + - only, and no telephone number'


def host_port(text: str, *, literal: bool) -> str:
    """What is wrong with ``host:port`` or ``[v6]:port``; ``literal`` asks for an IP address as the host."""
    fault = f'"{text}" is not an address; write "192.0.2.1:5060" or "[2001:db8::1]:5060"'
    match = re.fullmatch(r"(\[[^\[\]]+\]|[^\[\]:]+):(\d{1,5})", text)
    if not match:
        return fault
    host, port = match[1], int(match[2])
    if not 1 <= port <= 65535:
        return f"port {port} does not exist; between 1 and 65535"
    try:
        version6 = isinstance(ip_address(host.strip("[]")), IPv6Address)
    except ValueError:
        named = re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?", host)
        return fault if literal or not named or re.fullmatch(r"[\d.]+", host) else ""
    return "" if version6 == host.startswith("[") else fault


def network(text: str) -> str:
    """What is wrong with an IP address or network that a PBX proves itself by."""
    try:
        found = ip_network(text)
    except ValueError as error:
        reason = "has bits set after its prefix" if "host bits" in str(error) else "is neither an address nor a network"
        return f'"{text}" {reason}; write "192.0.2.10" or "192.0.2.0/24"'
    if found.prefixlen < (8 if found.version == 4 else 32):
        return f"{found} lets almost anyone call; name the PBX's own addresses"
    return ""


def hours(text: str) -> str:
    """What is wrong with ``HH:MM-HH:MM`` (empty: no calls that day)."""
    if not text:
        return ""
    fault = f'"{text}" is not a span of hours; write "08:00-21:00", or "" for no calls'
    match = re.fullmatch(r"(\d{2}:\d{2})-(\d{2}:\d{2})", text)
    if not match:
        return fault
    try:
        opens, closes = time.fromisoformat(match[1]), time.fromisoformat(match[2])
    except ValueError:
        return fault
    return "" if opens < closes else f'"{text}" ends before it begins'


Key = tuple[str | int, ...]
"""A place in the file: ``("account", 0, "username")``."""

_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]#]+)\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def lines(text: str) -> dict[Key, int]:
    """Line numbers, from 1, of every table and key in ``text``."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    pending = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if pending:
            pending = _still_open(pending, line)
            continue
        if header := _HEADER.match(line):
            names = _parts(header[2])
            if header[1] == "[[":
                index = counts.get(names, 0)
                counts[names] = index + 1
                table = (*names, index)
            else:
                table = names
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), number)
            pending = _still_open("", key[2])
    return found


def line_of(found: dict[Key, int], key: Key) -> int | None:
    """The line of ``key``, else of the nearest place that holds it (an element's array, a missing key's table)."""
    while key:
        if key in found:
            return found[key]
        key = key[:-1]
    return None


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _still_open(pending: str, line: str) -> str:
    """What is open at the end of ``line``: the quotes of a multi-line string, a ``[`` per array, or nothing."""
    index = 0
    while index < len(line):
        rest = line[index:]
        if pending.endswith(('"""', "'''")):
            quote = pending[-3:]
            if quote == '"""' and rest[0] == "\\":
                index += 2
                continue
            if rest.startswith(quote):
                pending = pending[:-3]
                index += 3
                continue
        elif rest.startswith(('"""', "'''")):
            pending += rest[:3]
            index += 3
            continue
        elif rest[0] in "\"'":
            index += _string_length(rest)
            continue
        elif rest[0] == "#":
            break
        elif rest[0] == "[":
            pending += "["
        elif rest[0] == "]":
            pending = pending.removesuffix("[")
        index += 1
    return pending


def _string_length(rest: str) -> int:
    quote = rest[0]
    index = 1
    while index < len(rest) and rest[index] != quote:
        index += 2 if quote == '"' and rest[index] == "\\" else 1
    return index + 1


CallPurpose = Literal["marketing", "service"]
"""As ``gate.core.terms.Purpose``."""
CallTopic = Literal["general", "claims", "pensions", "funeral_plans"]
"""As ``gate.core.terms.Topic``."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every section: frozen, no unknown key."""


S = TypeVar("S", bound=Section)


class Fault(NamedTuple):
    """One thing that is wrong: where, and what to do about it."""

    key: Key
    text: str


@dataclass
class Readable:
    """The sections that have the right keys and types; ``None`` or absent where one has not."""

    sections: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, dict[int, Any]] = field(default_factory=dict)
    """Array of tables -> index -> element."""
    alone: set[str] = field(default_factory=set)
    """Arrays whose one element stands in the file as a plain section."""
    torn: set[str] = field(default_factory=set)
    """Arrays of which an element is not readable."""

    def get(self, name: str, kind: type[S]) -> S | None:
        """A section, where it is readable."""
        section = self.sections.get(name)
        return section if isinstance(section, kind) else None

    def key(self, name: str, index: int) -> Key:
        """Where an element of an array stands."""
        return (name,) if name in self.alone else (name, index)

    def whole(self, name: str) -> bool:
        """True where every element of an array is readable."""
        return name not in self.torn

    @property
    def in_order(self) -> dict[str, tuple[Any, ...]]:
        """The arrays, with those of their elements that are readable."""
        return {name: tuple(elements.values()) for name, elements in self.arrays.items()}


def blank(section: Section, key: str, *names: str) -> Iterator[Fault]:
    """Texts that may not be empty."""
    for name in names:
        if not getattr(section, name).strip():
            yield Fault((key, name), "must not be empty")


def unprintable(section: Section, key: Key, *names: str) -> Iterator[Fault]:
    """Line breaks and control characters: these texts go into SIP headers, file names and letters."""
    for name in names:
        if not getattr(section, name).isprintable():
            yield Fault((*key, name), "printable text on one line only")


def at_least(section: Section, key: str | Key, least: int, *names: str) -> Iterator[Fault]:
    """Numbers that may not be smaller than ``least``."""
    place: Key = (key,) if isinstance(key, str) else key
    for name in names:
        if getattr(section, name) < least:
            yield Fault((*place, name), f"{getattr(section, name)} is too small; at least {least}")


def callers_of(readable: Readable) -> set[str]:
    """Who may call, as ``account:NAME`` and ``trunk:NAME``."""
    accounts, pbxs = readable.arrays.get("account", {}), readable.arrays.get("pbx", {})
    return {f"account:{each.username}" for each in accounts.values()} | {f"trunk:{each.name}" for each in pbxs.values()}


def names_faults(readable: Readable, array: str, field: str = "name") -> Iterator[Fault]:
    """Names of an array's elements that are none, or that are there twice."""
    seen: set[str] = set()
    for index, element in readable.arrays.get(array, {}).items():
        name, key = getattr(element, field), (array, index, field)
        if fault := name_fault(name):
            yield Fault(key, fault)
        if name in seen:
            yield Fault(key, f"{name} is there twice; leave one")
        seen.add(name)


def not_callers(named: Sequence[str], callers: set[str], key: Key) -> Iterator[Fault]:
    """Members of a list that nobody of this file is, or that are there twice."""
    for index, who in enumerate(named):
        if who not in callers:
            yield Fault((*key, index), f'"{who}" is nobody of this file; known: {", ".join(sorted(callers)) or "none"}')
    yield from duplicates(named, key)


def no_networks(values: Iterable[str], key: Key) -> Iterator[Fault]:
    """Members of a list that are no address or network."""
    for index, value in enumerate(values):
        if fault := network(value):
            yield Fault((*key, index), fault)


def duplicates(values: Iterable[str], key: Key) -> Iterator[Fault]:
    """Values of a list that are there twice."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield Fault((*key, index), f"{value} is there twice; leave one")
        seen.add(value)
