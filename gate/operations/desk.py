"""What people ask for: checks, lists, calls, recordings, keys, proof.

Every method is blocking and thread-safe, takes plain values and the ``actor`` who asks, and returns values that JSON
can carry. The control interface and the command line call these methods by their names.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from gate.errors import GateError
from gate.operations.calls.calls import lookup_warnings
from gate.operations.contacts.contact_desk import ContactDesk
from gate.operations.desk_base import LONDON
from gate.operations.operation import Caller
from gate.operations.reports.reporting import Reporting
from gate.operations.requests.request_desk import RequestDesk
from gate.operations.retention.holding import Holding
from gate.service.reads import Row


class Desk(
    ContactDesk,
    Holding,
    Reporting,
    RequestDesk,
):
    """The use cases of admins, compliance officers and auditors."""

    def __getattr__(self, name: str) -> Any:
        from gate.operations.catalogue import OPERATIONS

        if name not in OPERATIONS:
            raise AttributeError(name)

        def call(*, actor: str, progress: Any = None, file: Any = None, **fields: Any) -> Any:
            import msgspec

            found, caller = OPERATIONS[name], Caller(actor, file=file)
            if progress is not None:
                caller = Caller(actor, progress, file)
            if file is not None:
                fields["path"] = file.said
            return msgspec.to_builtins(found(self.folder, msgspec.convert(fields, found.request), caller))

        return call

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
        from gate.operations.keys import recipients

        asked = self.folder.proposals.warnings() + lookup_warnings(self.folder)
        keys = recipients.warnings(self.folder)
        return [*self._offers.trust.warnings(), *keys, *self._retention_warnings(), *asked]
