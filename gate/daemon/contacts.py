"""The CRM's contacts: the parts that keep them, and following in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gate.errors import GateError, RegisterError
from gate.log import Logger

if TYPE_CHECKING:
    from gate.daemon.house import House
    from gate.service.bulk_screen import BulkScreener
    from gate.service.contacts import Contacts

log = Logger()

FOLLOW_SECONDS = 2.0
"""How often a running gate looks whether contacts have to be screened again."""
AGAIN_SECONDS = 30.0
"""How long after one that failed."""


def contacts_of(house: House) -> Contacts:
    """The contacts of a data folder."""
    from gate.core.hours import Hours
    from gate.daemon.house import rules_of
    from gate.service.contact_ids import ContactIds
    from gate.service.contact_room import Room
    from gate.service.contacts import Contacts
    from gate.service.screener import Screener
    from gate.store import contacts as rows
    from gate.store.reader import Reader

    config, registers = house.config, house.config.data / "registers"

    def in_bulk(topic: str, now: datetime) -> BulkScreener:
        from gate.daemon.screening import bulk_screener

        return bulk_screener(config, purpose="marketing", topic=topic, now=now, at=None, actor="gate")

    def listing(name: str) -> Callable[[Any], Any] | None:
        from gate.registers import shelf
        from gate.registers.fixed import contains_many

        try:
            found = shelf.open_in_force(registers, name)
        except RegisterError:
            return None
        return partial(contains_many, found[1]) if found else None

    at_any_hour = replace(rules_of(config), hours=Hours.always(), redial=timedelta(0))
    return Contacts(
        Room(
            store=house.store,
            rows=rows,
            beside=lambda: Reader(config.data / "gate.db"),
            scrub=house.store.scrub,
            registers=house.registers,
            screener=in_bulk,
            single=Screener(house.registers, at_any_hour),
            ids=ContactIds(house.pepper),
            presentation=config.firm.numbers[0],
            listing=listing,
            clock=house.clock,
        )
    )


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
