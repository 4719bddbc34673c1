"""What is known of a carrier."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """A carrier, as last seen. None: not asked (``trunk.options_seconds = 0``), not answered yet, or not
    configured."""

    name: str = ""
    up: bool | None = None
    """It answers OPTIONS."""
    registered: bool | None = None
    """It has accepted our REGISTER."""
    code: int = 0
    """Its last answer to OPTIONS."""
