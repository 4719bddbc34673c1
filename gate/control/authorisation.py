"""Who asks, and whether their roles permit it; a note is kept of who asked for what is not theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from gate.control import roles as of_roles
from gate.control.actors import user
from gate.control.roles import Roles
from gate.control.wire import uid_of
from gate.control.work import log
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ROLES

NOTE_AGAIN_SECONDS = 3600.0
"""An account that asks again for what it may not is noted again after this: a loop of refusals fills no log."""
_MOST = 4096

Refused = Callable[[str, str, tuple[str, ...]], None]
"""(actor, operation, the roles it has): keep a fact; on a thread of its own, and it may raise nothing."""


class Principal(NamedTuple):
    """The account at the other end, and what it may do."""

    uid: int
    actor: str
    roles: frozenset[str]


class Authoriser:
    """Roles asked on every request, of the gate's own configuration."""

    def __init__(self, roles: Roles, refused: Refused | None = None) -> None:
        self._roles = roles
        self._refused = refused
        self._noted: dict[tuple[int, str], float] = {}

    async def authorise(self, asked: web.Request, op: str) -> Principal:
        """Who asks. Raises ``RefusedError`` where none of its roles may ask for ``op``."""
        uid = uid_of(asked)
        roles = await self.roles_of(uid)
        principal = Principal(uid, user(uid), roles)
        if OPERATIONS[op].permits(roles):
            return principal
        await self._note(principal, op)
        raise of_roles.refusal(principal.actor, roles, op)

    async def may_hand_over(self, uid: int) -> bool:
        """It may ask for some operation that takes a file."""
        roles = await self.roles_of(uid)
        return any(each.permits(roles) for each in OPERATIONS.values() if each.file)

    async def roles_of(self, uid: int) -> frozenset[str]:
        """As they are now; a slow account database holds up nobody else."""
        roles = self._roles.fresh(uid)
        return await asyncio.to_thread(self._roles.of, uid) if roles is None else roles

    async def _note(self, principal: Principal, op: str) -> None:
        held = tuple(role for role in ROLES if role in principal.roles)
        log.warning("not_permitted", op=op, actor=principal.actor, roles=held)
        now = time.monotonic()
        if self._refused is None or now < self._noted.get((principal.uid, op), 0.0):
            return
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[principal.uid, op] = now + NOTE_AGAIN_SECONDS
        await asyncio.to_thread(self._refused, principal.actor, op, held)
