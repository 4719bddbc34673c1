"""The contacts of a data folder, put together from the parts that keep, read and screen them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gate.errors import RegisterError

if TYPE_CHECKING:
    from gate.operations.contacts.bulk_screener import BulkScreener
    from gate.operations.contacts.contacts import Contacts
    from gate.operations.data_folder import DataFolder


def contacts_of(folder: DataFolder) -> Contacts:
    """The contacts of a data folder."""
    from gate.core.hours import Hours
    from gate.operations.contacts.contact_room import Room
    from gate.operations.contacts.contacts import Contacts
    from gate.operations.contacts.ids import ContactIds
    from gate.operations.data_folder import rules_of
    from gate.service.screener import Screener
    from gate.store import contacts as rows
    from gate.store.reader import Reader

    config, registers = folder.config, folder.config.data / "registers"

    def in_bulk(topic: str, now: datetime) -> BulkScreener:
        from gate.operations.contacts.screening import bulk_screener

        return bulk_screener(config, purpose="marketing", topic=topic, now=now, at=None, actor="gate")

    def listing(name: str) -> Callable[[Any], Any] | None:
        from gate.registers import snapshot_store
        from gate.registers.fixed import contains_many

        try:
            found = snapshot_store.open_in_force(registers, name)
        except RegisterError:
            return None
        return partial(contains_many, found[1]) if found else None

    at_any_hour = replace(rules_of(config), hours=Hours.always(), redial=timedelta(0))
    return Contacts(
        Room(
            store=folder.store,
            rows=rows,
            beside=lambda: Reader(config.data / "gate.db"),
            scrub=folder.store.scrub,
            registers=folder.registers,
            screener=in_bulk,
            single=Screener(folder.registers, at_any_hour),
            ids=ContactIds(folder.pepper),
            presentation=config.firm.numbers[0],
            listing=listing,
            clock=folder.clock,
        )
    )
