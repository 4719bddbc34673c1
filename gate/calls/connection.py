"""What the log says of a connection, before anybody is heard."""

from __future__ import annotations

from gate.calls.call_session import CallSession
from gate.calls.transfers import came_from
from gate.clock import Clock
from gate.core.facts.calls import Announced, Connected
from gate.core.facts.recordings import RecordingOpened
from gate.ports import Fact


def connection_facts(
    session: CallSession, announcement: Announced, connected: Connected, clock: Clock, *, purpose: str
) -> list[Fact]:
    """The announcement was heard to its end, the recording was opened for its purpose (where it is), the parties
    are joined."""
    now = clock.now()
    facts = [session.fact(announcement, now)]
    if connected.recorded and session.opened is not None:
        opened = RecordingOpened(
            call_id=session.id,
            key_id=session.opened.key_id,
            path=session.opened.path,
            recipients=[recipient for recipient, _ in session.opened.wraps],
            commitments=dict(session.opened.commitments),
            purpose=purpose,
        )
        facts.append(session.fact(opened, now, subject=session.recording_id))
    facts += came_from(session, clock)
    facts.append(session.fact(connected, now))
    return facts
