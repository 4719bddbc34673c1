"""What people ask for: checks, lists, calls, recordings, keys, proof.

Every method is blocking and thread-safe, takes plain values and the ``actor`` who asks, and returns values that JSON
can carry. The control interface and the command line call these methods by their names.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from gate.errors import GateError
from gate.service.bulk_lists import BulkLists
from gate.service.contact_desk import ContactDesk
from gate.service.desk_base import LONDON
from gate.service.exporting import Exporting
from gate.service.holding import Holding
from gate.service.key_rotation import KeyRotation
from gate.service.keys import KeyDesk
from gate.service.lists import Lists
from gate.service.looking import Looking
from gate.service.reads import Row
from gate.service.records import Records
from gate.service.reporting import Reporting
from gate.service.request_desk import RequestDesk
from gate.service.restoring import Restoring


class Desk(
    Lists,
    BulkLists,
    ContactDesk,
    Records,
    Holding,
    KeyDesk,
    KeyRotation,
    Looking,
    Reporting,
    Exporting,
    Restoring,
    RequestDesk,
):
    """The use cases of admins, compliance officers and auditors."""

    def status(self, *, actor: str) -> Row:
        """The gate at a glance: calls in hand, attempts of the last hour by reason, registers, what the line counts."""
        with suppress(GateError):  # that it could not be compared is among the warnings
            self._offers.trust.look_once()
        now = self._clock.now()
        registers = self._registers.status(now.astimezone(LONDON).date())
        since = datetime.fromtimestamp(now.timestamp() - 3600, UTC)
        return {
            "ok": all(row["state"] == "ok" and row["days_left"] >= 0 for row in registers),
            "at": now.isoformat(),
            "calls": self._offers.live(),
            "last_hour": self._store.call(lambda tx: self._reads.counts_by_reason(tx, since)),
            "registers": registers,
            "requests": self._offers.beside(self._requests_now),
            "evidence": {
                "rolled_back": self._offers.trust.why_behind,
                "unsigned_seconds": round(self._offers.trust.unsigned_seconds),
            },
            "warnings": self._warnings(),
            **self._offers.gate_now(),
        }

    def _warnings(self) -> list[str]:
        """What somebody must see to, a sentence each."""
        asked = self._proposal_warnings() + self._lookup_warnings()
        return [*self._offers.trust.warnings(), *self._key_warnings(), *self._retention_warnings(), *asked]
