"""Recording sessions (SIPREC, RFC 7866), as the line and the service use them. Everything is on the line thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gate.ports import Loop


@dataclass(frozen=True, slots=True)
class HeardIn:
    """A stream that is offered, and whose voices its sender says are in it."""

    label: str
    people: tuple[str, ...]
    """Addresses of record; empty where it is not said."""


@dataclass(frozen=True, slots=True)
class SessionAsked:
    """Another system wants to have a call recorded; nothing has been answered yet."""

    session_id: str
    """Random; the recording has the same id."""
    client: str
    """The name of its section, ``[[siprec]]``."""
    source: str
    """Address and port it came from."""
    call_ids: tuple[str, ...]
    """That the recorded call may have, the likeliest first."""
    people: tuple[str, ...]
    """Addresses of record of everybody in the call, in the order in which they are named."""
    streams: tuple[HeardIn, ...]
    """Those that can be taken, two at most."""
    paused: bool
    """None of them sends yet."""


class SessionEvents(Protocol):
    """What the line tells of recording sessions."""

    def asked(self, asked: SessionAsked) -> None:
        """A new one. Answer with ``SessionLine.take`` and ``accept``, or with ``hang_up``."""
        ...

    def changed(self, session_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        """The codec maps (as ``LineEvents.media_changed``), before a new offer is answered."""
        ...

    def paused(self, session_id: str, on: bool) -> None:
        """Its client pauses, or goes on; told before that is answered."""
        ...

    def one_sided(self, session_id: str, side: str) -> None:
        """As ``LineEvents.one_sided``: of the streams that there are."""
        ...

    def over(self, session_id: str, cause: str) -> None:
        """It has ended, or did not come about, but not by ``hang_up``."""
        ...


class SessionLine(Loop, Protocol):
    """What the service asks of the line."""

    def take(self, session_id: str, first: str, done: Callable[[Mapping[str, Mapping[int, str]] | None], None]) -> None:
        """Make its media ports; ``first``: the side (``caller`` or ``callee``) of the first stream. ``done`` gets the
        codec maps; where it cannot be it gets None, and the session is refused."""
        ...

    def accept(self, session_id: str) -> None:
        """200: audio may come."""
        ...

    def hang_up(self, session_id: str, reason: str) -> None:
        """Refuse it, or end it."""
        ...
