"""What a gate says beside the facts, held against them: what became of each recording, who is on the register of
recipients, which sound was played."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from gate.core.facts.audit import BundleExported
from gate.core.facts.calls import Transferred
from gate.core.facts.derived import OF_RECIPIENT
from gate.core.facts.keys import RecipientRetired
from gate.core.facts.recordings import Exported
from gate.core.facts.retention import Hold, HoldReleased
from gate.exports import bundle as form
from gate.exports import bundle_rows as rows
from gate.exports.bundle_leaves import Faults
from gate.exports.bundle_read import Findings

TERMS: Final = ("name", "role", "purpose", "half", "seals", "fingerprint")
"""What the log keeps of a recipient (``gate.operations.keys.recipients``)."""


class Claims:
    """Takes all facts and rows in any order; then ``tell``."""

    def __init__(self, manifest: form.Manifest) -> None:
        self._bundle = manifest.bundle
        self._to = manifest.recipient
        self._until = manifest.period.until
        self._begun = ""
        """When the export began."""
        self._holds: dict[str, Mapping[str, Any]] = {}
        self._released: set[str] = set()
        self._joined: set[str] = set()
        """Calls to which somebody was transferred."""
        self._recipients: dict[str, rows.FactRow] = {}
        self._restricted: list[tuple[str, Mapping[str, Any]]] = []
        """Recording, and the values that a restriction on it may bear."""
        self._late: list[tuple[str, str]] = []
        """Recording that is said to have been open, and when it was closed."""
        self._statuses = Faults()

    def fact(self, fact: rows.FactRow) -> None:
        """One of the facts that are given."""
        if fact.kind == Hold.kind:
            self._holds[fact.subject] = rows.body_of(fact)
        elif fact.kind == HoldReleased.kind:
            self._released.add(fact.subject)
        elif fact.kind == Transferred.kind:
            self._joined.add(str(rows.body_of(fact).get("to")))
        elif fact.kind in OF_RECIPIENT:
            before = self._recipients.get(fact.subject)
            if before is None or before.leaf < fact.leaf:
                self._recipients[fact.subject] = fact
        elif fact.kind == BundleExported.kind and fact.subject == self._bundle:
            self._begun = fact.at

    def recording(
        self, status: str, row: Mapping[str, Any], call: Mapping[str, Any], facts: Sequence[rows.FactRow]
    ) -> bool:
        """Whether the call's facts bear out what is said of a recording, as far as they can tell."""
        name, closed, gone = row["recording_id"], row["closed_at"], bool(row["erased_at"])
        taken = any(
            fact.kind == Exported.kind and fact.subject == name and rows.body_of(fact).get("bundle") == self._bundle
            for fact in facts
        )
        if status == "restricted":
            self._restricted.append((name, {"recording_id": name, "call_id": row["call_id"], "number": call["number"]}))
        if status == "open" and closed:
            self._late.append((name, str(closed)))
        bears = {
            "included": taken and bool(row["sha256"]) and not gone,
            "restricted": not gone and not taken,
            "erased": gone,
            "erasing": bool(row["erasure_decided_at"]) and not gone,
            "open": not gone and not taken,
            "empty": bool(closed) and not row["size"] and not gone,
            "missing": bool(closed) and not gone and not taken,
        }
        return bears.get(status, False)

    def tell(self, findings: Findings, told: Sequence[Mapping[str, Any]]) -> None:
        """What came of it; ``told`` is the register of recipients."""
        if self._begun and self._until > self._begun:
            findings.fails("complete", f"The period was not over when it was exported ({self._begun}): it goes on.")
        for name, closed in self._late:
            if not self._begun or closed < self._begun:
                self._statuses.add(f"{name} (said to have been open; it was closed before the export began)")
        for name, values in self._restricted:
            if not self._held(values):
                self._statuses.add(f"{name} (said to be restricted; no restriction on it is in force)")
        self._statuses.tell(
            findings, "statuses", "What became of each recording is what the facts say.",
            "What is said to have become of recordings is not what the facts say",
        )  # fmt: skip
        self._tell_recipients(findings, told)

    def _held(self, values: Mapping[str, Any]) -> bool:
        for hold, body in self._holds.items():
            target = {"recording": "recording_id", "call": "call_id", "number": "number"}.get(
                str(body.get("target")), ""
            )
            bears = target and values[target] and body.get(target) == values[target]
            # That of whoever was transferred to the call, too; their talk may be of another period than the bundle.
            bears = bears or (target == "number" and values["call_id"] in self._joined)
            if body.get("kind") == "restriction" and hold not in self._released and bears:
                return True
        return False

    def _tell_recipients(self, findings: Findings, told: Sequence[Mapping[str, Any]]) -> None:
        faults, seen = Faults(), set()
        for row in told:
            who, retired = str(row.get("id")), row.get("retired") is True
            seen.add(who)
            last = self._recipients.get(who)
            body = rows.body_of(last) if last is not None else {}
            if last is None or retired != (last.kind == RecipientRetired.kind):
                faults.add(f"{who[:64]} (the log does not have it so)")
            elif any(name in body and body[name] != row.get(name) for name in TERMS):
                faults.add(f"{who[:64]} (on other terms than in the log)")
            elif _fingerprint(row.get("public")) != row.get("fingerprint"):
                faults.add(f"{who[:64]} (its public key is another one)")
            elif who == self._to.id and (self._to.name, self._to.fingerprint) != (
                row.get("name"),
                row.get("fingerprint"),
            ):
                faults.add(f"{who[:64]} (named otherwise in the manifest)")
        for who, fact in self._recipients.items():
            if who not in seen and fact.kind != RecipientRetired.kind:
                faults.add(f"{who[:64]} (left out)")
        if self._to.id not in seen:
            faults.add("the recipient of the bundle itself (left out)")
        faults.tell(
            findings, "recipients", f"{form.many(len(told), 'recipient')} on the register, each as the log has it.",
            "The register of recipients is not what the log says",
        )  # fmt: skip


def _fingerprint(public: Any) -> str:
    """SHA-256 of a public key given in base64; empty for what is none."""
    try:
        return sha256(base64.b64decode(str(public), validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        return ""
