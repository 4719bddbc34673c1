"""Who asks, and whether their roles permit it: decided here, in the gate, by the account that the kernel names at the
other end of the socket. Who asked for what is not theirs is noted, and look-ups by number are counted.

``[roles]`` of the configuration gives each role its accounts: names, uids, or ``@group``. An account with several
roles may do what any of them may. Without the section root and the gate's own account are admins and everybody else
is nobody. The gate's own account always is an admin: it holds the data folder, and could open that without asking.

A look-up is a question whose answer says something of one number that was asked for: a check, a list narrowed by a
number or the beginning of one, a number shown in full. Whoever goes through numbers one after the other is seen.
Phone systems that ask for decisions leave a leaf each and are not counted here.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from aiohttp import web
from msgspec.structs import replace

from gate.config import Config
from gate.control.work import log, uid_of
from gate.core.finding import terms
from gate.errors import NOT_PERMITTED, RefusedError, UsageError
from gate.operations.accounts import exists, names_of, user
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ADMIN, READERS, ROLES, Request, operation_of
from gate.operations.rehearsal import Rehearse
from gate.showing import blunted, looks_like_number

R = TypeVar("R", bound=Request[Any])
FRESH_SECONDS: Final = 10.0
"""How long an account's groups are believed: whoever leaves one has lost its role after this."""
_MOST_KNOWN = 1024


class Roles:
    """The roles of accounts, as the configuration and this machine's account database say. Thread-safe."""

    def __init__(self, config: Config, own: int | None = None) -> None:
        """``own`` is the uid of the gate's account (that of this process where None)."""
        self._accounts: Mapping[str, tuple[str, ...]] = {role: getattr(config.roles, role) for role in ROLES}
        self._own = os.geteuid() if own is None else own
        self._known: dict[int, tuple[float, frozenset[str]]] = {}

    def roles_of(self, uid: int) -> frozenset[str]:
        """The roles of an account; empty for a stranger. May ask the account database: not on an event loop."""
        roles = self.fresh(uid)
        if roles is None:
            roles = self._found(uid)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[uid] = (time.monotonic() + FRESH_SECONDS, roles)
        return roles

    def fresh(self, uid: int) -> frozenset[str] | None:
        """What was found a moment ago; None where the account database must be asked."""
        until, roles = self._known.get(uid, (0.0, frozenset()))
        return roles if time.monotonic() < until else None

    def _found(self, uid: int) -> frozenset[str]:
        names = names_of(uid)
        roles = {role for role, accounts in self._accounts.items() if not names.isdisjoint(accounts)}
        return frozenset(roles | {ADMIN} if uid == self._own else roles)

    def unknown(self) -> list[str]:
        """Accounts and groups of the configuration that this machine does not know, e.g. ``admin: @dialgate``."""
        return [
            f"{role}: {account}"
            for role, accounts in self._accounts.items()
            for account in accounts
            if not exists(account)
        ]


def refusal(actor: str, roles: frozenset[str], op: str) -> RefusedError:
    """The refusal of an account that lacks a role: which one it would need."""
    needed = [role for role in ROLES if role in OPERATIONS[op].roles]
    has = ", ".join(role for role in ROLES if role in roles) or "no role"
    return RefusedError(
        f"{actor} may not ask for {op}: it has {has}",
        reason=NOT_PERMITTED,
        hint=f"it needs the role {' or '.join(needed)}: [roles] in the gate's configuration",
    )


def masked_for(roles: frozenset[str], request: R) -> R:
    """A request as this account may ask it: who is a manager or a viewer and no more sees numbers in part, and asks in
    part: a number is looked for by no more of it than is shown.

    Raises ``UsageError`` where a number and a text are given, of which one would have to be left out.
    """
    if not operation_of(request).masks or not roles.isdisjoint(READERS):
        return request
    number, text = (getattr(request, name, None) for name in ("number", "text"))
    if number and text:
        raise UsageError("who sees numbers in part looks for a number or a text, not both", hint="leave one out")
    if number:
        return replace(request, masked=True, number=None, text=blunted(number))
    return replace(request, masked=True, **({"text": _blunted(text)} if text else {}))


def _blunted(text: str) -> str:
    """Each of the words that are looked for together, and the text as a whole."""
    words = terms(text)
    blunt = [blunted(word) for word in words]
    return blunted(text if blunt == words else " ".join(blunt))


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
        raise refusal(principal.actor, roles, op)

    async def may_hand_over(self, uid: int) -> bool:
        """It may ask for some operation that takes a file."""
        roles = await self.roles_of(uid)
        return any(each.permits(roles) for each in OPERATIONS.values() if each.file)

    async def roles_of(self, uid: int) -> frozenset[str]:
        """The roles that an account has now; a slow account database holds up nobody else."""
        roles = self._roles.fresh(uid)
        return await asyncio.to_thread(self._roles.roles_of, uid) if roles is None else roles

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


SECONDS: Final = 3600.0
LOOKUPS: Final = frozenset(
    {
        *("check", "reveal", "calls_list", "objection_list", "consent_list", "hold_list", "contacts_list"),
        *("request_list", "contacts_show", "contacts_forget", "rehearse"),
    }
)
_MOST_SEEN: Final = 4096

Unusual = Callable[[str, int, Mapping[str, int]], None]
"""(actor, look-ups of the last hour, by operation): keep a fact; on a thread of its own, and it may raise nothing."""


class Lookups:
    """Counts of the last hour. For the event loop."""

    def __init__(self, usual: int, unusual: Unusual | None = None) -> None:
        """More than ``usual`` in an hour are told, and again whenever they have doubled."""
        self._usual = usual
        self._unusual = unusual
        self._seen: dict[str, deque[tuple[float, str]]] = {}
        self._told: dict[str, int] = {}

    async def note(self, actor: str, op: str, request: Request[Any]) -> None:
        """Count a question that was let in."""
        if op not in LOOKUPS or not _asks_for_one(op, request):
            return
        if actor not in self._seen and len(self._seen) >= _MOST_SEEN:
            self._forget_idle()
        now, seen = time.monotonic(), self._seen.setdefault(actor, deque())
        seen.append((now, op))
        while seen[0][0] < now - SECONDS:
            seen.popleft()
        if len(seen) <= self._usual:
            self._told.pop(actor, None)
            return
        if len(seen) > self._told.get(actor, self._usual):
            self._told[actor] = 2 * len(seen)
            counts = dict(Counter(name for _, name in seen))
            log.warning("many_lookups", actor=actor, count=len(seen), operations=counts)
            if self._unusual is not None:
                await asyncio.to_thread(self._unusual, actor, len(seen), counts)

    def _forget_idle(self) -> None:
        long_ago = time.monotonic() - SECONDS
        self._seen = {actor: seen for actor, seen in self._seen.items() if seen and seen[-1][0] >= long_ago}


def _asks_for_one(op: str, request: Request[Any]) -> bool:
    if op in ("reveal", "contacts_show"):
        return True
    if isinstance(request, Rehearse):
        return bool(request.request.get("number"))
    text = getattr(request, "text", None)
    return bool(getattr(request, "number", None)) or (isinstance(text, str) and looks_like_number(text))
