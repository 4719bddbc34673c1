"""Requests that are not over, looked at by the running gate: counts for whoever watches it, a reminder each day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from gate.clock import Clock
from gate.core.showing import LONDON
from gate.log import Logger
from gate.operations.requests.request_base import counted, open_standings
from gate.operations.requests.request_reads import RequestReads
from gate.store.queries import Source
from gate.types import Row

log = Logger()


class RequestWatch:
    """Blocking; one thread at a time."""

    def __init__(self, read: Callable[[Callable[[Source], Any]], Any], reads: RequestReads, clock: Clock) -> None:
        """``read`` reads the store without holding it up."""
        self._read = read
        self._reads = reads
        self._clock = clock
        self._reminded: date | None = None

    def look(self) -> Row:
        """How many are ``open``, ``warned`` and ``overdue``; once a day (London) each that is due soon is logged."""
        today = self._clock.now().astimezone(LONDON).date()
        standings: list[Row] = self._read(lambda tx: open_standings(self._reads, tx, today))
        if self._reminded != today:
            self._reminded = today
            for each in standings:
                if each["warning"]:
                    facts = {name: each[name] for name in ("asks", "state", "due", "days_left", "warning")}
                    log.warning("request_due", request=each["reference"], **facts)
        return counted(standings)
