"""A fault of the configuration, what was readable of the file, and the checks that all sections share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from gate.config.addresses import name_fault, network
from gate.config.lines import Key
from gate.config.section import Section

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
