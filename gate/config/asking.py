"""What types cannot say of who may ask the gate: its socket and its HTTP endpoint, tokens, roles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gate.config.addresses import host_port
from gate.config.control import Control
from gate.config.faults import Fault, Readable, at_least, duplicates, unprintable
from gate.config.office import Roles

_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?")
"""Names of accounts and groups, as ``useradd`` and directories have them."""
_TOKEN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def asking(readable: Readable) -> list[Fault]:
    """Every fault of these sections."""
    found: list[Fault] = []
    if control := readable.get("control", Control):
        found += _control(control)
        found += _tokens(readable, control)
    if roles := readable.get("roles", Roles):
        found += _roles(roles)
    return found


def _control(control: Control) -> Iterator[Fault]:
    yield from unprintable(control, ("control",), "socket")
    if control.group and not _ACCOUNT.fullmatch(control.group):
        yield Fault(("control", "group"), f'"{control.group}" is not the name of a group')
    yield from at_least(control, "control", 1, "lookups_an_hour")
    yield from at_least(control, "control", 8, "connections", "connections_each")
    if control.http and (fault := host_port(control.http, literal=True)):
        yield Fault(("control", "http"), fault)


def _tokens(readable: Readable, control: Control) -> Iterator[Fault]:
    tokens = readable.arrays.get("token", {})
    if control.http and not tokens:
        yield Fault(("control", "http"), "nobody may ask there: dialgate token add NAME --may marketing")
    callers = {each.username for each in readable.arrays.get("account", {}).values()}
    callers |= {each.name for each in readable.arrays.get("pbx", {}).values()}
    names: dict[str, int] = {}
    for index, token in tokens.items():
        if not _TOKEN.fullmatch(token.name):
            text = f'"{token.name}" is not a name: small letters, digits, - and _, at most 32'
            yield Fault(("token", index, "name"), text)
        if (other := names.setdefault(token.name, index)) != index:
            yield Fault(("token", index, "name"), f'"{token.name}" is there twice, as token[{other}] too')
        if token.metrics and token.purposes:
            yield Fault(("token", index, "metrics"), "one token is for metrics, another for decisions: make two")
        if token.recordings and (token.metrics or token.purposes):
            yield Fault(("token", index, "recordings"), "a token for recordings is for nothing else: make two")
        if not token.metrics and not token.purposes and not token.recordings:
            yield Fault(("token", index, "purposes"), "is missing: what may calls be for that it asks decisions of?")
        yield from duplicates(token.purposes, ("token", index, "purposes"))
        if not 0 <= token.service_percent <= 100:
            yield Fault(("token", index, "service_percent"), f"{token.service_percent} is no percentage; 0 to 100")
        if token.calls_a_minute < 1:
            yield Fault(("token", index, "calls_a_minute"), f"{token.calls_a_minute} would allow none; at least 1")
        if token.account and token.account not in callers:
            yield Fault(("token", index, "account"), f'"{token.account}" is no account and no PBX of this file')


def _roles(roles: Roles) -> Iterator[Fault]:
    for role in ("admin", "compliance", "auditor", "manager", "viewer"):
        accounts: tuple[str, ...] = getattr(roles, role)
        for index, account in enumerate(accounts):
            if not _ACCOUNT.fullmatch(account.removeprefix("@")):
                text = f'"{account}" is neither an account nor an @group of this machine'
                yield Fault(("roles", role, index), text)
        yield from duplicates(accounts, ("roles", role))
