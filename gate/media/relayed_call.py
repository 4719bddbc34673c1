"""What the relay knows of one call and of its two parties."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gate.media import sdp
from gate.media.addresses import Facing
from gate.media.party import Party
from gate.media.playing import Playing


@dataclass(slots=True)
class Side:
    """One party, as the line knows it."""

    party: Party
    facing: Facing
    audio: sdp.Audio | None = None
    learns: bool = False
    """Its audio is taken from where it signals from, and sent to where that comes from: its SDP is a NAT's inside."""
    origin: Any = None
    """The gate's own ``o=`` line in what this side's bodies become, and the endpoint's last one."""
    told: Any = None


@dataclass(slots=True, eq=False)
class RelayedCall:
    """One call's sessions and what runs for it."""

    signalled: str
    phone: bool
    sides: dict[str, Side] = field(default_factory=dict)
    playing: Playing | None = None
    played_to: str = "callee"
    rung: tuple[str, bool] = "", False
    """Of a call in: where the phone that is rung signals from, and whether it is a phone's own."""
    refused: int = 0
