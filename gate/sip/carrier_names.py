"""Carriers that are named by a domain: their servers, looked up again as their answers grow old.

A domain whose DNS fails keeps the servers that it had for an hour; then the carrier is down, as one that answers
nothing is. The lookups are made on a thread of their own; what they find is taken on the line thread.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gate.config import Config
from gate.config.call_rules import named_by_dns
from gate.sip.message import Address

if TYPE_CHECKING:
    from gate.sip.srv import Found

_log = structlog.get_logger("gate.sip")

HOLD_SECONDS = 3600.0
"""How long servers are used that cannot be looked up again."""
AGAIN_SECONDS = 30.0
"""Seconds from a failed lookup to the next one."""


class CarrierNames:
    """The servers of these carriers, by the trunk's name."""

    def __init__(self, config: Config, post: Callable[[Callable[[], None]], None]) -> None:
        self._domains = {
            each.name: (each.address, each.transport) for each in config.trunk if named_by_dns(each.address)
        }
        self._config = config
        self._post = post
        self._again = AGAIN_SECONDS
        self._servers: dict[str, tuple[Address, ...]] = dict.fromkeys(self._domains, ())
        self._good_until: dict[str, float] = {}
        self._stopped = threading.Event()
        self.why: dict[str, str] = {}
        """Trunk -> why its domain could not be looked up lately."""

    def start(self) -> None:
        """Look them up, now and again."""
        if self._domains:
            threading.Thread(target=self._run, name="sip-domains", daemon=True).start()

    def stop(self) -> None:
        """No more."""
        self._stopped.set()

    def servers(self, trunk: str) -> tuple[Address, ...] | None:
        """Addresses of a carrier; empty where they are not known, None where no domain names it."""
        return self._servers.get(trunk)

    def hosts(self, trunk: str) -> frozenset[str]:
        """The same without ports."""
        return frozenset(host for host, _ in self._servers.get(trunk, ()))

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        srv = importlib.import_module("gate.sip.srv")  # for these carriers alone: it takes a while to load
        lookup = None
        due = dict.fromkeys(self._domains, 0.0)
        while not self._stopped.is_set():
            for trunk in [name for name, at in due.items() if at <= time.monotonic()]:
                try:
                    lookup = lookup or srv.Lookup(self._config.sip.dns, loopback=not self._config.calling.live)
                    found = lookup.servers(*self._domains[trunk])
                except srv.LookupFailedError as error:
                    due[trunk] = time.monotonic() + self._again
                    self._post(partial(self._failed, trunk, str(error)))
                else:
                    due[trunk] = time.monotonic() + found.seconds
                    self._post(partial(self._found, trunk, found))
            self._stopped.wait(max(0.05, min(due.values()) - time.monotonic()))

    # --- the line thread --------------------------------------------------------------------------------------------

    def _found(self, trunk: str, found: Found) -> None:
        self.why.pop(trunk, None)
        self._good_until[trunk] = time.monotonic() + HOLD_SECONDS
        if set(found.servers) != set(self._servers[trunk]):
            _log.info("carrier_servers", trunk=trunk, servers=[f"{host}:{port}" for host, port in found.servers])
        self._servers[trunk] = found.servers

    def _failed(self, trunk: str, why: str) -> None:
        self.why[trunk] = why
        kept = self._good_until.get(trunk, 0.0) > time.monotonic()
        _log.warning("carrier_not_looked_up", trunk=trunk, why=why, servers_kept=kept)
        if not kept:
            self._servers[trunk] = ()
