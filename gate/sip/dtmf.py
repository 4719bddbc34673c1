"""Keys sent by SIP INFO (``application/dtmf-relay`` and ``application/dtmf``, as phones and PBXs send them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gate.core.bridging import Stage
from gate.sip.header_fields import whole

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge

_KEYS = "0123456789*#ABCD"
MAX_BODY = 1024
"""Characters that are looked at: a key and its duration have about 30."""


def digits_of(content_type: str, body: str) -> list[str]:
    """The keys in an INFO body (one, as a rule); empty for another type or a body that is not understood."""
    if content_type == "application/dtmf-relay":
        lines = (line.partition("=") for line in body[:MAX_BODY].splitlines())
        text = next((value.strip().upper() for name, _, value in lines if name.strip().lower() == "signal"), "")
    elif content_type == "application/dtmf":
        text = body[:MAX_BODY].strip().upper()
    else:
        return []
    event = whole(text, 2) if len(text) == 2 else None  # an event number of RFC 4733
    if event is not None:
        return [_KEYS[event]] if event < len(_KEYS) else []
    return [text] if len(text) == 1 and text in _KEYS else []


def told(bridge: Bridge, side: str, event: Any) -> None:
    """An INFO from one side of a call: its keys are told, and it goes on to the other side of a talk."""
    body = event.getData()
    if body is None:
        return
    for digit in digits_of(body.getType(), str(body)):
        bridge.engine.events.digit(bridge.id, side, digit)
    other = bridge.callee if side == "caller" else bridge.caller
    if bridge.stage is Stage.CONNECTED and other.isConnected():
        other.send_plain(other.genRequest("INFO", body))
