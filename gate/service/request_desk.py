"""Data-subject requests on the desk: their course, the search, the letters, and the erasure."""

from __future__ import annotations

from gate.service.reads import Progress, Row
from gate.service.request_letters import RequestLetters
from gate.service.request_search import RequestSearch
from gate.service.requests import Requests


class RequestDesk(Requests, RequestSearch, RequestLetters):
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
        before it is granted. With ``digest``, that of such an answer, only what was shown goes."""
        if not execute:
            return {"dry_run": True} | self._offers.request_eraser.plan(request)
        return {"dry_run": False} | self._offers.request_eraser.carry_out(
            request, actor, progress, digest=digest, reason=reason
        )
