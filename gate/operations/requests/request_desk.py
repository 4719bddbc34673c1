"""Data-subject requests on the desk: their course, the search, the letters, and the erasure."""

from __future__ import annotations

from gate.operations.keys.proposals import Act, Proposals
from gate.operations.requests.request_letters import RequestLetters
from gate.operations.requests.request_search import RequestSearch
from gate.operations.requests.requests import Requests
from gate.service.reads import Progress, Row


class RequestDesk(Requests, RequestSearch, RequestLetters, Proposals):
    """All of the use cases about requests."""

    def request_carry_out(
        self,
        *,
        request: str,
        execute: bool = False,
        digest: str = "",
        reason: str = "",
        actor: str,
        progress: Progress | None = None,
    ) -> Row:
        """Erase what a granted request asks for, and keep the receipt; without ``execute`` say what would go, also
        before it is granted. With ``digest``, that of such an answer, only what was shown goes.

        Where two people are needed it is only asked for, and bound to what would go now: ``waits``. One that was begun
        goes on without being asked for again.
        """
        eraser = self._offers.request_eraser
        if not execute:
            return {"dry_run": True, "waits": None} | eraser.plan(request)
        if not eraser.begun(request):
            plan = eraser.plan_to_carry_out(request, digest)
            if waits := self._second_person(
                "request_carry_out",
                plan.request_id,
                actor,
                request=plan.reference,
                digest=plan.digest,
                reason=reason.strip(),
            ):
                return {"dry_run": True} | plan.as_row() | waits
        return self._carry_out(request=request, digest=digest, reason=reason, actor=actor, progress=progress)

    def _carry_out(
        self, *, request: str, digest: str, reason: str, actor: str, progress: Progress | None = None
    ) -> Row:
        done = self._offers.request_eraser.carry_out(request, actor, progress, digest=digest, reason=reason)
        return {"dry_run": False, "waits": None} | done

    def _acts(self) -> dict[str, tuple[str, Act]]:
        return super()._acts() | {"request_carry_out": ("the erasure {request}", self._carry_out)}
