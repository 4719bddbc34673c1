"""What follows a talk that the caller has ended: the callee's leg stays up until the code of a receipt is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.core.bridging import Stage, Step

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge


def stays(bridge: Bridge) -> bool:
    """Whether the callee's leg stays up, now that the caller has hung up: the call manager ends it then."""
    announcement = bridge.engine.config.announcement
    if bridge.stage is Stage.ALONE:
        return True
    if not announcement.receipt or announcement.receipt_command or bridge.route.emergency:
        return False
    if bridge.stage is not Stage.CONNECTED or bridge.caller.lost or not bridge.callee.can_update():
        return False
    bridge.move(Step.CALLER_LEFT)
    if bridge.engine.events.caller_left(bridge.id):
        bridge.offer_answer.timers.left("caller")
        bridge.keep_legs()
        return True
    return False
