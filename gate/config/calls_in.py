"""The sections of the configuration about calls in, and their rules: which own number leads where."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gate.config.faults import (
    Fault,
    Key,
    Readable,
    Section,
    at_least,
    callers_of,
    host_port,
    network,
    not_callers,
    unprintable,
)

if TYPE_CHECKING:
    from gate.config.schema import Firm, Pbx


class CallIn(Section, frozen=True):
    """Where calls to one of the firm's own numbers go."""

    number: str
    """One of ``firm.numbers``."""
    to: tuple[str, ...] = ()
    """Who is rung, one after the other: ``account:alice`` is each of its registered phones, ``trunk:pbx1`` the PBX at
    its ``calls_to``. Empty: the call-back line answers."""
    ring_seconds: int = 20
    """How long each phone rings before the next one does."""
    fallback: Literal["", "callback"] = ""
    """Where nobody is there, or nobody answers: the call-back line; empty: 480, or a goodbye once it is answered."""


class CallsIn(Section, frozen=True):
    """What callers hear, and how many there may be."""

    at_once: int = 100
    """Calls in at once; further ones get 480. Those after a call for help do not count."""
    objections_an_hour: int = 20
    """Objections by key that callers of one trunk make within an hour: their numbers are not proven. Further ones stop
    calls all the same, and are held for review."""
    notice: str = ""
    """Said to callers before they are put through: who is called, and that the call is recorded. Empty: made from
    ``[firm]``."""
    callback: str = ""
    """Said by the call-back line: who has called, how to be rid of it. Empty: made from ``[firm]``."""
    sounds: str = ""
    """Folder with recordings in place of spoken texts, as far as they are there: ``notice.wav``, ``callback.wav``,
    ``thanks.wav``, ``not_taken.wav``, ``nobody.wav``."""


def calls_in_faults(readable: Readable, firm: Firm | None, base: Path) -> list[Fault]:
    """Every fault of these sections."""
    found: list[Fault] = []
    numbers: set[str] = set()
    callers, pbxs = callers_of(readable), {each.name: each for each in readable.arrays.get("pbx", {}).values()}
    for index, each in readable.arrays.get("call_in", {}).items():
        key: Key = ("call_in", index)
        if firm and each.number not in firm.numbers:
            found.append(Fault((*key, "number"), f'"{each.number}" is not one of firm.numbers'))
        if each.number in numbers:
            found.append(Fault((*key, "number"), f"{each.number} is there twice; leave one"))
        numbers.add(each.number)
        found += not_callers(each.to, callers, (*key, "to"))
        found += at_least(each, key, 5, "ring_seconds")
        found += _reachable(each, pbxs, (*key, "to"))
    for index, pbx in readable.arrays.get("pbx", {}).items():
        found += _calls_to(pbx, ("pbx", index, "calls_to"))
    if section := readable.get("calls_in", CallsIn):
        found += at_least(section, "calls_in", 1, "at_once", "objections_an_hour")
        found += unprintable(section, ("calls_in",), "notice", "callback", "sounds")
        if section.sounds and not (base / section.sounds).is_dir():
            found.append(Fault(("calls_in", "sounds"), f"{base / section.sounds} is not a folder"))
    return found


def _reachable(call_in: CallIn, pbxs: dict[str, Pbx], key: Key) -> Iterator[Fault]:
    for place, who in enumerate(call_in.to):
        pbx = pbxs.get(who.removeprefix("trunk:")) if who.startswith("trunk:") else None
        if pbx is not None and not pbx.calls_to:
            yield Fault((*key, place), f"it is not known where calls to {who} go: set its calls_to")


def _calls_to(pbx: Pbx, key: Key) -> Iterator[Fault]:
    """An address of the PBX itself: nothing else, a carrier's least of all."""
    if not pbx.calls_to:
        return
    if fault := host_port(pbx.calls_to, literal=True):
        yield Fault(key, fault)
        return
    host = ip_address(pbx.calls_to.rpartition(":")[0].strip("[]"))
    if any(network(each) for each in pbx.addresses):
        return
    if not any(host in ip_network(each) for each in pbx.addresses):
        yield Fault(key, f"{host} is none of the PBX's addresses")
