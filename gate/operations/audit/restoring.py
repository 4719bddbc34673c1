"""An older state of the evidence accepted knowingly: what was signed after it is given up, and the log says by whom."""

from __future__ import annotations

from gate.errors import UsageError
from gate.operations.desk_base import DeskBase
from gate.service.reads import Row

RESTORED = "evidence_restored"


class Restoring(DeskBase):
    """The desk of whoever puts a backup back."""

    def audit_restore(self, *, reason: str, actor: str) -> Row:
        """Go on with a store that is behind its checkpoints: a leaf says who, why, and which checkpoints are given up.

        Entries that only the newer state held are lost by it, objections among them. Raises ``UsageError`` where there
        is no reason, or the store is behind nothing.
        """
        if not reason.strip():
            raise UsageError(
                "an older state is accepted for a reason only", hint="Say it: --reason 'disk lost, backup'"
            )
        given_up = self._offers.behind()
        if not given_up:
            raise UsageError(
                "the evidence is behind no checkpoint: there is nothing to accept",
                hint="dialgate audit verify says what is wrong, where anything is",
            )
        body = {"after": given_up["after"], "to": given_up["to"], "places": given_up["places"], "reason": reason}
        self._keep(RESTORED, actor, body, subject="log")
        signed = self._offers.checkpoint()
        return {**given_up, "size": signed["size"], "rolled_back": bool(self._offers.trust.look())}
