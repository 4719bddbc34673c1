"""A line between a phone and a callee that a test speaks for."""

from __future__ import annotations

from tests.support.sip_line import RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Heard, Phone


class Call:
    """A line between a phone and a callee."""

    def __init__(self, call_manager: ScriptedCallManager | None = None, **config: object) -> None:
        self.callee = Callee()
        self.running = RunningLine(config_for(self.callee.address, **config), call_manager)  # type: ignore[arg-type]
        self.call_manager = self.running.call_manager

    def __enter__(self) -> Call:
        self.running.__enter__()
        self.phone = Phone(self.running.address)
        return self

    def __exit__(self, *what: object) -> None:
        self.running.__exit__(*what)
        self.phone.sock.close()
        self.callee.sock.close()

    def set_up(self) -> Heard:
        """Answered and connected; returns the 200."""
        self.phone.dial()
        self.callee.ring()
        self.callee.pick_up()
        answer = self.phone.recv(only="200")
        self.phone.ack(answer)
        return answer
