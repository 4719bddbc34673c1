"""The CRM's contacts screened again in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.errors import GateError
from gate.log import Logger

if TYPE_CHECKING:
    from gate.operations.contacts.contacts import Contacts

log = Logger()

FOLLOW_SECONDS = 2.0
"""How often a running gate looks whether contacts have to be screened again."""
AGAIN_SECONDS = 30.0
"""How long after one that failed."""


async def follow(contacts: Contacts) -> None:
    """Screen contacts again whenever that may have changed something, until cancelled."""
    import asyncio  # not at the top: every command wires the contacts, and a check must not pay for it

    contacts.background = True
    while True:
        done = await asyncio.to_thread(_follow, contacts)
        await asyncio.sleep(FOLLOW_SECONDS if done else AGAIN_SECONDS)


def _follow(contacts: Contacts) -> bool:
    try:
        contacts.follow()
    except GateError as error:
        log.error("contacts_not_screened", error=str(error), hint=error.hint)
        return False
    except Exception:  # a guarded boundary: reports wait, and calls go on being decided
        log.exception("contacts_not_screened")
        return False
    return True
