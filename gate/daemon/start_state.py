"""What a start takes from the store, so that a restart forgives nothing and locks nobody out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from gate.core.allowances import DAYS_BEFORE, Before, Used
from gate.core.showing import london_day, midnight
from gate.store.queries import Source, let_through_by_hour, proven_since, used_since

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.types import Row


def used_today(folder: DataFolder) -> dict[str, Used]:
    """What accounts and PBXs have used since midnight in London, and on the days before. Raises ``StoreError``."""
    today, longest = folder.today(), float(folder.config.limits.max_call_seconds)
    since, first = midnight(today), midnight(today - timedelta(days=DAYS_BEFORE))
    names = [f"account:{each.username}" for each in folder.config.account]
    names += [f"trunk:{each.name}" for each in folder.config.pbx]

    def read(tx: Source) -> dict[str, Used]:
        used = used_since(tx, since, longest)
        for name in names:
            if days := _days(let_through_by_hour(tx, name, first, since)):
                used[name] = replace(used.get(name, Used()), days=days)
        return used

    return folder.read(read)


def _days(hours: list[Row]) -> tuple[tuple[date, Before], ...]:
    """In days of London, whose clock is ahead by whole hours only."""
    days: dict[date, Before] = {}
    for hour in hours:
        day = london_day(f"{hour['hour']}:00Z")
        held = days.get(day, Before())
        days[day] = Before(held.calls + hour["calls"], held.listed + hour["listed"])
    return tuple(days.items())


def proven_lately(folder: DataFolder) -> list[tuple[str, str]]:
    """Which accounts asked for calls, and at which addresses, for as long as a registration holds. Raises
    ``StoreError``."""
    since = folder.clock.now() - timedelta(seconds=folder.config.sip.registration_seconds)
    return folder.read(lambda tx: proven_since(tx, since))
