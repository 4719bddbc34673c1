"""Requests that are not over, looked at by the running gate: counts for whoever watches it, a reminder each day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from gate.log import Logger
from gate.operations.requests.standing import OpenRequests, counted, open_standings

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = Logger()


class RequestWatch:
    """Blocking; one thread at a time."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._reminded: date | None = None

    def look(self) -> OpenRequests:
        """How many are open, warned of and overdue; once a day (London) each that is due soon is logged."""
        today = self._folder.today()
        standings = self._folder.read(lambda tx: open_standings(tx, today))
        if self._reminded != today:
            self._reminded = today
            for each in standings:
                if each.warning:
                    log.warning(
                        "request_due",
                        request=each.reference,
                        asks=each.asks.value,
                        state=each.state.value,
                        due=each.due.isoformat() if each.due else None,
                        days_left=each.days_left,
                        warning=each.warning,
                        ended_holds=each.freed,
                    )
        return counted(standings)
