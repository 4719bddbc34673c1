"""Holds released."""

from __future__ import annotations

from gate.errors import UsageError
from gate.operations.keys.proposals import Act, Proposals
from gate.operations.retention.erasing import hold_of
from gate.ports import Fact, Transaction
from gate.service.reads import Progress, Row


class Holding(Proposals):
    """What is kept, for how long, and what may not go."""

    def hold_release(self, *, hold_id: str, reason: str, actor: str) -> Row:
        """A hold ends: what is due goes with the next sweep. The log keeps the hold, and why it ended. Where two people
        are needed it is only asked for: ``waits``."""
        _said("a release", reason=reason)
        self._store.call(lambda tx: self._hold_in_force(tx, hold_id))
        if waits := self._second_person("hold_release", hold_id, actor, hold_id=hold_id, reason=reason):
            return {"id": hold_id, "released": None} | waits
        return self._release(hold_id=hold_id, reason=reason, actor=actor)

    def _release(self, *, hold_id: str, reason: str, actor: str, progress: Progress | None = None) -> Row:
        def work(tx: Transaction) -> Row:
            row = self._hold_in_force(tx, hold_id)
            tx.append(Fact("hold_released", hold_id, self._clock.now(), actor, {"reason": reason}))
            return row

        row = self._store.call(work)
        return {"id": hold_id, "released": hold_of(row).name, "waits": None}

    def _hold_in_force(self, tx: Transaction, hold_id: str) -> Row:
        row = self._kept.hold(tx, hold_id)
        if row is None or row["released_at"] is not None:
            raise UsageError(f"no hold {hold_id} is in force", hint="See: dialgate hold list")
        return row

    def _acts(self) -> dict[str, tuple[str, Act]]:
        return super()._acts() | {"hold_release": ("the release of hold {hold_id}", self._release)}

    def _retention_warnings(self) -> list[str]:
        """What ``status`` says of retention."""
        waits = self._offers.retention.waits()
        return [f"The daily sweep waits: {waits}"] if waits else []


def _said(what: str, **given: str) -> None:
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise UsageError(f"{what} needs {' and '.join(missing)}", hint="Say why, and where the matter is kept.")
