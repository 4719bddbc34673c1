"""What a start takes from the store, so that a restart forgives nothing and locks nobody out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gate.service.usage import midnight
from gate.store.queries import proven_since, used_since

if TYPE_CHECKING:
    from gate.core.allowances import Used
    from gate.operations.data_folder import DataFolder


def used_today(folder: DataFolder) -> dict[str, Used]:
    """What accounts and PBXs have used since midnight in London. Raises ``StoreError``."""
    since, longest = midnight(folder.clock.now()), float(folder.config.limits.max_call_seconds)
    found: dict[str, Used] = folder.read(lambda tx: used_since(tx, since, longest))
    return found


def proven_lately(folder: DataFolder) -> list[tuple[str, str]]:
    """Which accounts asked for calls, and at which addresses, for as long as a registration holds. Raises
    ``StoreError``."""
    since = folder.clock.now() - timedelta(seconds=folder.config.sip.registration_seconds)
    found: list[tuple[str, str]] = folder.read(lambda tx: proven_since(tx, since))
    return found
