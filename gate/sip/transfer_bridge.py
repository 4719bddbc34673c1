"""The call to whom a talk is transferred: a callee, and no caller until the talk's own callee takes that place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gate.core.bridging import Stage, Step
from gate.sip import pass_on, sdp
from gate.sip.bridge import Bridge
from gate.sip.failure_mapping import NOT_ACCEPTABLE
from gate.sip.pending import Pending
from gate.sip.routes import Route
from gate.sip.sippy_adapter.classes import MsgBody

if TYPE_CHECKING:
    from gate.sip.engine import Engine
    from gate.sip.transfers import Transfer

HOPS = 69


class TransferBridge(Bridge):
    """From the INVITE to the new callee on. Who waits for them is the business of the talk's own bridge."""

    def __init__(
        self, engine: Engine, pending: Pending, transfer: Transfer, number: str, presentation: str, display_name: str,
        routes: Sequence[Route],
    ) -> None:  # fmt: skip
        super().__init__(engine, pending, number, presentation, display_name, routes)
        self.caller = pass_on.Nobody(engine)
        self._transfer = transfer
        self._first = transfer.bridge
        self._codec = (*pass_on.codecs_of(self._first), "")[0]
        self._told = 0

    @property
    def caller_gone(self) -> bool:
        """Whoever waits is there; the transferor may go."""
        return False

    def dial(self) -> None:
        """Ask the carrier: in the codec that the one who waits speaks, for nothing is said to them before."""
        self.caller_sdp = self._first.callee_sdp
        body = MsgBody(sdp.only(sdp.resumed(self.caller_sdp), self._codec))
        self.later(self.engine.config.sip.no_answer_seconds, self._no_answer)
        ready = self.safely(lambda body, ex=None: self._offer_ready(body, HOPS, ex, None))
        self.engine.relay.caller_sdp(self.id, body, ready)

    def _ring(self, code: int, phrase: str, body: Any) -> None:
        """The transferor is told."""
        if code != self._told:
            self._told = code
            self._transfer.notify(code, phrase)

    def _answered(self, event: Any) -> None:
        body = event.getData()[2]
        if body is not None and self._codec not in sdp.codecs(str(body)):
            self.move(Step.PICKED_UP)
            self.give_up(488, "no_codec", passed=NOT_ACCEPTABLE)
        else:
            super()._answered(event)

    def connect(self) -> None:
        """The one who waits comes over; the transferor goes."""
        if self.stage is Stage.ANSWERED and self._first.stage is not Stage.OVER:
            self.move(Step.CONNECT)
            pass_on.leg(self._first, self)
            self._transfer.done()
            self.liveness.joined()

    def _finish(
        self, answer: tuple[int, str], why: str, tell: Callable[[], None] | None = None, *, cause: int = 0,
        retry_after: str = "",
    ) -> None:  # fmt: skip
        super()._finish(answer, why, tell, cause=cause, retry_after=retry_after)
        self._transfer.failed(*answer)
