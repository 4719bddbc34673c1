"""What the log says of a connection, before anybody is heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.clock import Clock
from gate.ports import Fact
from gate.service.call_session import CallSession
from gate.service.transfers import came_from


def connection_facts(
    session: CallSession, announcement: Mapping[str, Any], clock: Clock, *, purpose: str, recorded: bool
) -> list[Fact]:
    """The announcement was heard to its end, the recording was opened for its purpose (where ``recorded``), the parties
    are joined."""
    now = clock.now()
    facts = [session.fact("announced", now, **announcement)]
    if recorded and session.opened is not None:
        facts.append(
            session.fact(
                "recording_opened",
                now,
                subject=session.recording_id,
                call_id=session.id,
                key_id=session.opened.key_id,
                path=session.opened.path,
                recipients=[recipient for recipient, _ in session.opened.wraps],
                commitments=dict(session.opened.commitments),
                purpose=purpose,
            )
        )
    facts += came_from(session, clock)
    facts.append(session.fact("connected", now, recorded=recorded, trunk=session.trunk))
    return facts
