"""Objections, consents, who has a line, and complaints over HTTP: a CRM or a web form enters one, and looks up what
stands for a number; of complaints nothing is looked up.

``POST`` enters one entry: 201 when it is kept, 200 where the same one was kept before with the same
``Idempotency-Key``. ``GET`` with ``number`` in the query shows what there is of that number and no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from gate.control.messages import CarryOut, parsed
from gate.control.sockets import fault, status
from gate.control.work import KEY, Workers, answer, fields_of, pairs, raw_body
from gate.errors import GateError, UsageError
from gate.operations.lists.entries import KEPT_BEFORE
from gate.operations.operation import Caller, Request, operation_of
from gate.operations.requests.complaints import KEPT

COMPLAINTS: Final = "/v1/complaints"
ENTER: Final[Mapping[str, str]] = {
    "/v1/objections": "objection_add",
    "/v1/consents": "consent_add",
    "/v1/subscribers": "subscriber_set",
    COMPLAINTS: "complaint_enter",
}
"""Path -> the operation that enters one."""
LOOK_UP: Final[Mapping[str, str]] = {
    "/v1/objections": "objection_list",
    "/v1/consents": "consent_list",
    "/v1/subscribers": "subscriber_list",
}
"""Path -> the operation that shows those of a number."""
_QUERY: Final = frozenset({"number", "after", "limit"})
Note = Callable[[str, str, Request[Any]], Awaitable[None]]
"""Counts a look-up by number: actor, operation, request."""


class OwnLists:
    """Carries out what a token for lists asks. Lives on the event loop."""

    def __init__(self, carry_out: CarryOut, note: Note) -> None:
        self._carry_out = carry_out
        self._note = note
        # A thread of its own: entries take none from the decisions.
        self._workers = Workers("lists", threads=1, most=64)

    def close(self) -> None:
        """Nothing more is taken."""
        self._workers.close()

    async def enter(self, asked: web.Request, actor: str) -> web.StreamResponse:
        """Keep one entry."""
        try:
            raw = await raw_body(asked)  # what begins as JSON is JSON: so curl sends it under another name
            form = asked.content_type == "application/x-www-form-urlencoded" and not raw.lstrip().startswith(b"{")
            fields = pairs(raw.decode("utf-8", "replace").strip()) if form else fields_of(raw)
            if asked.path == COMPLAINTS and {"channel", "received"} & fields.keys():
                raise UsageError("a complaint over HTTP came today, by the web", hint="leave out channel and received")
            if "once" in fields:
                raise UsageError(f"the key of an entry is the header {KEY}", hint="leave out the field once")
            request = parsed(ENTER[asked.path], fields | {"once": asked.headers.get(KEY, "").strip()})
            entered = await self._workers.call(self._carry_out, request, Caller(actor))
        except GateError as error:
            return answer(fault(error), status(error))
        return answer(entered, 200 if entered["notice"] in (KEPT_BEFORE, KEPT) else 201)

    async def look_up(self, asked: web.Request, actor: str) -> web.StreamResponse:
        """What there is of a number."""
        try:
            fields = pairs(asked.raw_path.partition("?")[2])
            if fields.keys() - _QUERY or not fields.get("number", "").strip():
                raise UsageError("say number, once", hint="?number=%2B442079460123, and after and limit for more")
            if "limit" in fields:
                fields["limit"] = int(fields["limit"]) if fields["limit"].isascii() and fields["limit"].isdigit() else 0
            request = parsed(LOOK_UP[asked.path], fields)
            await self._note(actor, operation_of(request).name, request)
            return answer(await self._workers.call(self._carry_out, request, Caller(actor)))
        except GateError as error:
            return answer(fault(error), status(error))
