"""The section of recordings that come from elsewhere, and what types cannot say of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gate.config.faults import Fault, Readable, at_least, unprintable
from gate.config.section import Section
from gate.core.recording_names import fault_of


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
