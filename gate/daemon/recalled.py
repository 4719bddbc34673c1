"""What a start takes from the store, so that a restart forgives nothing and locks nobody out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gate.core.allowances import Used
    from gate.daemon.house import House


def used_today(house: House) -> dict[str, Used]:
    """What accounts and PBXs have used since midnight in London. Raises ``StoreError``."""
    from gate.service.usage import midnight
    from gate.store.queries import used_since

    since, longest = midnight(house.clock.now()), float(house.config.limits.max_call_seconds)
    found: dict[str, Used] = house.beside(lambda tx: used_since(tx, since, longest))
    return found


def proven_lately(house: House) -> list[tuple[str, str]]:
    """Which accounts asked for calls, and at which addresses, for as long as a registration holds. Raises
    ``StoreError``."""
    from gate.store.queries import proven_since

    since = house.clock.now() - timedelta(seconds=house.config.sip.registration_seconds)
    found: list[tuple[str, str]] = house.beside(lambda tx: proven_since(tx, since))
    return found
