"""Accounts of this machine: as ``[roles]`` of the configuration names them (names, uids, or ``@group``), and as whoever
acts is written into the evidence log."""

from __future__ import annotations

import functools
import grp
import os
import pwd

from gate.config import Config


def two_people(config: Config) -> bool:
    """Whether what destroys or frees evidence takes two people. May ask the account database."""
    asked = config.roles.dual_control
    return asked == "on" or (asked == "auto" and config.calling.live and len(confirmers(config)) > 1)


def nobody_confirms(config: Config) -> str:
    """Say what is wrong where the configuration asks for two people and names one at most; empty where it is right. May
    ask the account database."""
    if config.roles.dual_control != "on" or len(confirmers(config)) > 1:
        return ""
    return (
        "roles.dual_control is on, and no second account is an admin or has compliance: nobody can confirm the release "
        "of a hold, an erasure outside the sweep, or the taking of recordings from a key. Name one in [roles]"
    )


def confirmers(config: Config) -> set[int]:
    """The uids of the accounts that the configuration makes admins or gives the role compliance, members of groups
    included; names that this machine does not know are nobody."""
    found: set[int] = set()
    for account in (*config.roles.admin, *config.roles.compliance):
        name = account.removeprefix("@")
        try:
            if name != account:
                group = grp.getgrgid(int(name)) if name.isdigit() else grp.getgrnam(name)
                found |= {pwd.getpwnam(member).pw_uid for member in group.gr_mem if exists(member)}
                found |= {each.pw_uid for each in pwd.getpwall() if each.pw_gid == group.gr_gid}
            else:
                found.add(int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    return found


def names_of(uid: int) -> frozenset[str]:
    """Every name that a role may have an account under: ``1000``, ``ann``, and ``@GROUP`` for each of its groups."""
    names = {str(uid)}
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return frozenset(names)
    names.add(account.pw_name)
    for gid in os.getgrouplist(account.pw_name, account.pw_gid):
        try:
            names.add(f"@{grp.getgrgid(gid).gr_name}")
        except KeyError:
            names.add(f"@{gid}")
    return frozenset(names)


def exists(account: str) -> bool:
    """Whether this machine knows an account or a ``@group``."""
    name = account.removeprefix("@")
    try:
        if name.isdigit():
            return True
        _ = grp.getgrnam(name) if name != account else pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@functools.lru_cache(maxsize=256)
def user(uid: int) -> str:
    """``user:NAME(UID)``; the name is ``?`` where the machine knows none."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "?"
    return f"user:{name}({uid})"
