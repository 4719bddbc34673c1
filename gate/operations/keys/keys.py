"""The register of recipients: whom recordings are sealed to, to whom exports may go, and who decided it.

A change is in the log before it is in force. Private keys never come here. ``key_rotation`` gives what one recipient
opens to another.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from gate.errors import RefusedError, VaultError
from gate.operations.desk_base import DeskBase
from gate.ports import Transaction
from gate.service.reads import Row

TERMS = ("name", "role", "purpose", "half", "seals", "fingerprint")
"""What the log keeps of a recipient: keys and people of the firm, nobody who was called."""
_LAST = """
SELECT kind, body FROM facts WHERE subject = ? AND (call_id IS NULL OR call_id <> subject)
    AND kind IN ('recipient_added', 'recipient_changed', 'recipient_retired') ORDER BY leaf_index DESC LIMIT 1
"""
SOLE = "sole_recipient"
EXPORTS_ONLY = "exports_only"


class KeptKey(Protocol):
    """A wrapped key of a recipient."""

    @property
    def recording_id(self) -> str:
        """Whose key it is."""
        ...

    @property
    def key_id(self) -> str:
        """The key's own id."""
        ...

    @property
    def wrap(self) -> bytes:
        """Closed to that recipient."""
        ...


class HeldKey(KeptKey, Protocol):
    """A recording that a recipient can open, on the way to another one."""

    @property
    def there(self) -> bool:
        """The recipient it is to go to has it already."""
        ...

    @property
    def proven(self) -> bool:
        """And has shown that it opens."""
        ...


class Keyring(Protocol):
    """What the vault offers (``gate.vault.keyring``). All raise ``VaultError``."""

    def recipients(self) -> list[Row]:
        """Those in force: ``id`` and ``TERMS``, ``created``."""
        ...

    def retired(self) -> list[Row]:
        """Those retired."""
        ...

    def read(self, text: str, *, role: str, purpose: str, half: str, exports_only: bool) -> Row:
        """The row that ``add`` would put in force, nothing done."""
        ...

    def add(self, text: str, *, role: str, purpose: str, half: str, exports_only: bool) -> Row:
        """Put a recipient in force."""
        ...

    def terms(self, recipient_id: str, **terms: Any) -> tuple[Row, Row]:
        """A recipient as it is, and as ``change`` would leave it; nothing done."""
        ...

    def change(self, recipient_id: str, **terms: Any) -> None:
        """Put a recipient on other terms: ``role``, ``purpose``, ``half``, ``seals``; None to keep."""
        ...

    def retirable(self, recipient_id: str) -> Row:
        """The row of a recipient that new recordings can do without; nothing done."""
        ...

    def retire(self, recipient_id: str) -> None:
        """It is in force no more; what it could open it still can."""
        ...

    def warnings(self) -> list[str]:
        """Whose key alone, lost, would lose every new recording."""
        ...

    def worth(self, recipient_id: str) -> Row:
        """``recordings`` that its key opens; ``alone``: those that no other recipient in force could open; ``first``
        and ``second``: those of which it holds a share."""
        ...

    def held(self, source: str, target: str, after: str, limit: int) -> Sequence[HeldKey]:
        """What a recipient can open, by recording id."""
        ...

    def give(self, source: str, target: str, wraps: Mapping[str, bytes]) -> int:
        """Keep new wraps for ``target``: how many. Twice is harmless."""
        ...

    def holds(self, proof: bytes, known: Mapping[str, str], wrapped: bytes, recipient_id: str) -> bool:
        """Whether a proof shows that what was committed to was closed into this wrap."""
        ...

    def challenge(self, recipient_id: str) -> bytes:
        """What only the private key of a recipient can answer."""
        ...

    def unproven(self, recipient_id: str, after: str, limit: int) -> Sequence[KeptKey]:
        """A recipient's wraps that have not been shown to open, by recording id."""
        ...

    def prove(
        self, recipient_id: str, proofs: Mapping[str, bytes], known: Mapping[str, Mapping[str, str]]
    ) -> tuple[dict[str, bytes], list[str]]:
        """The wraps that these proofs show to open, and the recordings of the other proofs; nothing is kept."""
        ...

    def keep_proven(self, recipient_id: str, wraps: Mapping[str, bytes]) -> int:
        """Note that these wraps open: how many were not known to."""
        ...

    def drop(self, source: str, target: str, recording_ids: Collection[str]) -> int:
        """Take from ``source`` what ``target`` is proven to open: how many. Twice is harmless."""
        ...


class KeyDesk(DeskBase):
    """Keys."""

    def key_list(self, *, actor: str) -> Row:
        """Whom new recordings are sealed to, to whom exports may go, and what each key is worth."""
        keyring = self._offers.keyring()
        retired = [row | keyring.worth(row["id"]) for row in keyring.retired()]
        return {
            "recipients": [row | keyring.worth(row["id"]) for row in keyring.recipients()],
            "retired": [row for row in retired if row["recordings"]],
            "warnings": keyring.warnings() + self._strangers(keyring.recipients()),
        }

    def key_add(
        self, *, text: str, role: str = "", purpose: str = "", half: str = "", exports_only: bool = False, actor: str
    ) -> Row:
        """Let the owner of a public key open what is recorded from now on, and be given exports for a purpose; with
        ``exports_only`` no more than that."""
        keyring = self._offers.keyring()
        row = keyring.read(text, role=role, purpose=purpose, half=half, exports_only=exports_only)
        self._keep("recipient_added", actor, _terms(row), subject=row["id"])
        return keyring.add(text, role=role, purpose=purpose, half=half, exports_only=exports_only)

    def key_change(
        self,
        *,
        recipient_id: str,
        role: str = "",
        purpose: str | None = None,
        half: str | None = None,
        seals: bool | None = None,
        actor: str,
    ) -> Row:
        """Put a recipient on other terms; None keeps one, an empty text takes it away."""
        keyring = self._offers.keyring()
        terms: Row = {"role": role, "purpose": purpose, "half": half, "seals": seals}
        before, after = keyring.terms(recipient_id, **terms)
        if after != before:
            body = _terms(after) | {"before": _terms(before)}
            self._keep("recipient_changed", actor, body, subject=recipient_id)
            keyring.change(recipient_id, **terms)
        return after

    def key_retire(self, *, recipient_id: str, dry_run: bool = False, actor: str) -> Row:
        """Seal nothing more to a recipient. Refused where recordings would be left that only this key opens."""
        keyring = self._offers.keyring()
        row = keyring.retirable(recipient_id)
        worth = keyring.worth(recipient_id)
        if worth["alone"] and not dry_run:
            raise RefusedError(
                f"{worth['alone']} of the {worth['recordings']} recordings that {row['name']} opens could then be"
                " opened by nobody else",
                reason=SOLE,
                hint="Give them to another recipient first: dialgate key rotate KEY --to RECIPIENT",
            )
        if not dry_run:
            self._keep("recipient_retired", actor, _terms(row), subject=recipient_id)
            keyring.retire(recipient_id)
        return row | worth | {"retired": not dry_run}

    def _key_warnings(self) -> list[str]:
        """What ``status`` says of keys."""
        if not self._config.recording.enabled:
            return []
        try:
            keyring = self._offers.keyring()
            return keyring.warnings() + self._strangers(keyring.recipients())
        except VaultError as error:  # the register itself is damaged: that is told, and the rest of the status too
            return [str(error)]

    def _strangers(self, recipients: Sequence[Row]) -> list[str]:
        """Recipients whose terms are not those that the log has: a sentence for each. Somebody has written into the
        folder of the register past the gate."""

        def read(tx: Transaction) -> list[Row]:
            known = [tx.query(_LAST, [row["id"]]) for row in recipients]
            return [row for row, last in zip(recipients, known, strict=True) if not last or _differs(row, last[0])]

        return [
            f"{row['name']} ({row['id']}) is on the register on terms that are not in the log: nobody is known to have"
            " put them there. Look, then: dialgate key retire"
            for row in self._store.call(read)
        ]


def _differs(row: Row, last: Row) -> bool:
    body = json.loads(last["body"] or "{}")
    return last["kind"] == "recipient_retired" or any(name in body and body[name] != row[name] for name in TERMS)


def _terms(row: Row) -> Row:
    return {name: row[name] for name in TERMS}
