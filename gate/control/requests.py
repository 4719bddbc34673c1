"""Requests and answers about data-subject requests (``gate.operations.requests``). ``request`` names one: its reference
(``DSR-2026-0007``) or its id."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from gate.control.answers import Response
from gate.control.request import Line, Moment, Note, Page, Request, Showing
from gate.core.letter_words import LetterKind
from gate.core.request_words import Asks, Ground, State

Channel = Literal["phone", "email", "post", "in_person", "web"]
Numbers = Annotated[tuple[Line, ...], msgspec.Meta(max_length=50)]


class Open(Request, frozen=True):
    """A person asks for something. An objection holds from the next call."""

    asks: Asks
    channel: Channel
    name: Line = ""
    contact: Note = ""
    """E-mail or postal address."""
    numbers: Numbers = ()
    about: Note = ""
    since: Moment | None = None
    """The call that it is about was made from here …"""
    until: Moment | None = None
    """… to here."""
    received: date | None = None
    """``None``: today."""
    written: bool | None = None
    """``None``: by the channel."""


class _OfOne(Request, frozen=True):
    request: Line
    on: date | None = None
    """The day it happened; ``None``: today."""


class AskIdentity(_OfOne, frozen=True):
    """There is reasonable doubt who asks: the clock starts with the proof."""

    note: Note = ""
    """What is asked for."""


class VerifyIdentity(_OfOne, frozen=True, kw_only=True):
    """Who asks is known."""

    checked: Line
    """What was looked at, never what stood in it."""
    numbers: Numbers = ()
    """Lines that are proven to be theirs."""


class Clarify(_OfOne, frozen=True, kw_only=True):
    """Ask what is meant: the clock stands still."""

    question: Note


class Clarified(_OfOne, frozen=True, kw_only=True):
    """The answer came: the clock goes on."""

    answer: Note
    numbers: Numbers = ()


class Extend(_OfOne, frozen=True, kw_only=True):
    """Three months in total, told with the reasons."""

    reasons: Note


class Acknowledge(_OfOne, frozen=True):
    """The acknowledgement of a complaint was sent."""


class Search(_OfOne, frozen=True):
    """Find what is held of the person."""

    numbers: Numbers = ()
    since: Moment | None = None
    until: Moment | None = None
    calls: Annotated[tuple[Line, ...], msgspec.Meta(max_length=1000)] = ()
    """Just these."""
    everything: bool = False
    """At any time, whatever span the request names."""


class Decide(_OfOne, frozen=True, kw_only=True):
    """Grant, or refuse on a ground with reasons."""

    grant: bool
    ground: Ground | None = None
    reasons: Note = ""


class Contents(Request, frozen=True):
    """All that is held, for the pack of an access request."""

    request: Line


class PackMade(Request, frozen=True):
    """A pack was made."""

    request: Line
    sha256: Line
    calls: Annotated[int, msgspec.Meta(ge=0)]
    recordings: Annotated[int, msgspec.Meta(ge=0)]
    left_out: Annotated[int, msgspec.Meta(ge=0)]
    why: Note = ""
    """Why recordings were left out."""


class Told(_OfOne, frozen=True):
    """The answer went out."""

    who: Literal["person", "authority"] = "person"


class Withdraw(_OfOne, frozen=True):
    """The person takes it back."""

    reason: Note = ""


class Letter(_OfOne, frozen=True, kw_only=True):
    """A letter of a request, rendered; with ``send`` it goes out by mail."""

    kind: LetterKind
    pack: Line = ""
    """Name of the file that goes with a response."""
    send: bool = False


class ListOf(Showing, frozen=True):
    """Requests that are not over, the one due first at the top; or all, or those in a state, newest first."""

    text: Line | None = None
    """Only those in whose reference, kind, state, name or number it stands."""
    after: Line | None = None
    limit: Page = 50
    state: State | None = None
    everything: bool = False


class Show(Showing, frozen=True, kw_only=True):
    """One request with every fact of its course."""

    request: Line


# --- answers ------------------------------------------------------------------------------------------------------


class Standing(Response, frozen=True):
    """A request as it stands."""

    id: str
    reference: str
    asks: str
    state: str
    received: date
    name: str | None
    """None where the person is forgotten."""
    lines: list[str]
    """Numbers, E.164."""
    due: date | None
    ico_due: date | None
    days_left: int | None
    warning: str
    letters: list[str]
    """Kinds of letters that it needs now and that nobody has made."""
    next: list[str]
    """What can be done now, as commands."""


class Found(Response, frozen=True):
    """The answer to a search. ``candidates``: only a time was known, nothing is found yet."""

    reference: str
    candidates: bool
    calls: list[dict[str, Any]]
    found: int = 0
    objections: list[dict[str, Any]] | None = None
    consents: list[dict[str, Any]] | None = None
    contacts: list[dict[str, Any]] | None = None
    holds: list[dict[str, Any]] | None = None
    requests: list[dict[str, Any]] | None = None


class Rendered(Response, frozen=True):
    """A letter."""

    kind: str
    subject: str
    to: str
    text: str
    html: str
    eml: str
    """Base64."""
    sha256: str
    sent: bool
