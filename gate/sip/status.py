"""What the line tells of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """The carrier, as last seen. None: not asked (``trunk.options_seconds = 0``), not answered yet, or not
    configured."""

    up: bool | None = None
    """It answers OPTIONS."""
    registered: bool | None = None
    """It has accepted our REGISTER."""
    code: int = 0
    """Its last answer to OPTIONS."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """Counts for status and metrics."""

    calls: int = 0
    """Calls at the trunk or connected now."""
    undecided: int = 0
    """INVITEs waiting for the call manager."""
    registered: tuple[str, ...] = ()
    """Accounts with a registered phone."""
    dropped: int = 0
    """Datagrams dropped: the line thread did not keep up, or a stranger asked too often."""
    foreign: int = 0
    """Messages inside a call, or answers, that came from an address that is not that side's."""
    trunk: TrunkStatus = TrunkStatus()
