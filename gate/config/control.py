"""The sections of how the gate is asked: its socket, HTTP, and who holds a token."""

from __future__ import annotations

from gate.config.section import CallPurpose, Section


class Control(Section, frozen=True):
    """The control interface."""

    socket: str = ""
    """Unix socket; ``control.sock`` in the data folder where empty."""
    group: str = ""
    """Group of accounts that may open the socket (those that have a role); empty: the gate's own alone."""
    http: str = ""
    """``address:port`` for the decision endpoint and metrics, loopback unless told otherwise; empty: off."""
    lookups_an_hour: int = 300
    """Look-ups by number of one account within an hour; more are a leaf and a warning."""
    connections: int = 200
    """Connections to ``http``, and to the socket, at once. Where there are more, those that ask nothing are closed, the
    oldest first."""
    connections_each: int = 50
    """Of one address (all of loopback is one), or one account on the socket."""


class Token(Section, frozen=True):
    """Who may ask at ``control.http``, by a bearer token: for decisions, or for metrics."""

    name: str
    """Who holds it: part of the actor in the log, ``http:NAME@ADDRESS``."""
    token_file: str
    """File with the token on its first line, at least 16 characters, relative to the configuration file; or
    ``env:NAME``."""
    purposes: tuple[CallPurpose, ...] = ()
    """What the calls may be for that it asks decisions of. Service calls are not screened against TPS and CTPS: give
    that to nobody who need not have it."""
    account: str = ""
    """The account or PBX that it asks for, where a question names none: a call of that one which then comes through the
    gate is one attempt with its question. Empty: none."""
    calls_a_minute: int = 6000
    """Decisions that it may ask for in any minute."""
    service_percent: int = 50
    """Share of the answers allowing a call that may be for service calls, before somebody is told; 100: never."""
    metrics: bool = False
    """It reads ``GET /metrics``, and asks for no decision."""
    recordings: bool = False
    """It hands in recordings, ``PUT /v1/recording``, and does nothing else."""
