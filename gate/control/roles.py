"""Who may do what: decided here, in the gate, by the account that the kernel names at the other end of the socket.

``[roles]`` of the configuration gives each role its accounts: names, uids, or ``@group``. An account with several roles
may do what any of them may. Without the section root and the gate's own account are admins and everybody else is
nobody. The gate's own account always is an admin: it holds the data folder, and could open that without asking.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from gate.config import Config
from gate.control.faults import NOT_PERMITTED
from gate.core.finding import terms
from gate.core.masking import blunted
from gate.errors import RefusedError, UsageError
from gate.operations.accounts import exists, names_of
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ADMIN, READERS, ROLES, Request, operation_of

R = TypeVar("R", bound=Request[Any])
FRESH_SECONDS: Final = 10.0
"""How long an account's groups are believed: whoever leaves one has lost its role after this."""
_MOST = 1024


class Roles:
    """The roles of accounts, as the configuration and this machine's account database say. Thread-safe."""

    def __init__(self, config: Config, own: int | None = None) -> None:
        """``own`` is the uid of the gate's account (that of this process where None)."""
        self._accounts: Mapping[str, tuple[str, ...]] = {role: getattr(config.roles, role) for role in ROLES}
        self._own = os.geteuid() if own is None else own
        self._known: dict[int, tuple[float, frozenset[str]]] = {}

    def of(self, uid: int) -> frozenset[str]:
        """The roles of an account; empty for a stranger. May ask the account database: not on an event loop."""
        roles = self.fresh(uid)
        if roles is None:
            roles = self._found(uid)
            if len(self._known) >= _MOST:
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
    """What an account is told that may not: which role it would need."""
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
