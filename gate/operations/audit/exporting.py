"""Exports to auditors: who may have one, what goes out, and the leaves that say so before the first byte does.

The bundle is written by whoever asks, beside the gate (``gate.exports.bundle_write``): private keys never come here.
What the desk does: it refuses recipients that are not on the register with a purpose, keeps the facts, gives out the
wrapped keys, and makes and signs all of the bundle that is signed: whoever asks adds recordings and their keys.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from gate.core.evidence import stamp
from gate.core.retention import Hold, Kind
from gate.errors import RefusedError, UsageError
from gate.operations.desk_base import DeskBase
from gate.operations.retention.erasing import hold_of
from gate.ports import Transaction
from gate.service.reads import Progress, Row

PAGE: Final = 100
"""Recordings of a page."""
_IN_PERIOD: Final = (
    "SELECT r.recording_id, r.call_id, r.key_id, r.path, r.sha256, r.size, r.state, r.closed_at, c.at, r.leaf_index"
    " FROM calls AS c"
    " JOIN recordings AS r ON r.call_id = c.call_id"
    " WHERE c.at >= ? AND c.at < ? AND (c.at, c.call_id, r.leaf_index) > (?, ?, ?)"
    " ORDER BY c.at, c.call_id, r.leaf_index LIMIT ?"
)


class Bundles(Protocol):
    """What the vault offers (``gate.operations.audit.bundles.Signing``). All raise ``VaultError``."""

    def vkey(self) -> Row:
        """``name``, ``vkey``, ``pem``."""
        ...

    def make(
        self, job: Row, rows: Iterator[Row], checkpoints: Sequence[tuple[str, str]], progress: Progress | None
    ) -> Row:
        """The parts of a bundle, unsigned: ``folder``, ``sha256`` and ``size`` of its manifest, ``counts``,
        ``damaged``."""
        ...

    def sign(self, bundle: str, manifest_sha256: str, folder: str) -> None:
        """Put the signature of a bundle's seal to its parts."""
        ...

    def openable(self, wraps: Sequence[tuple[str, bytes]], recipient: str, openers: Sequence[str]) -> bool:
        """Whether these keys open what is wrapped so."""
        ...


class Exporting(DeskBase):
    """The desk of auditors."""

    def audit_key(self, *, actor: str) -> Row:
        """The verifier key, to be handed to auditors: what all signatures of this gate are checked with."""
        return dict(self._offers.bundles.vkey())

    def audit_export(
        self,
        *,
        since: datetime,
        until: datetime,
        recipient: str,
        purpose: str,
        openers: Sequence[str] = (),
        actor: str,
        progress: Progress | None = None,
    ) -> Row:
        """Begin an export of the period ``[since, until)``: refuse it, or keep the fact that it goes out.

        ``recipient`` is an id, a name or a fingerprint on the register; ``openers`` are the ids of the keys that
        whoever asks can open recordings with. Raises ``RefusedError`` (``recipient_not_allowed``), and ``UsageError``
        where there are recordings that neither the recipient nor the openers can open.
        """
        if not purpose.strip():
            raise UsageError("an export is made for a purpose only", hint="Say it: --purpose 'annual audit 2026'.")
        if since >= until:
            raise UsageError("the period ends before it begins", hint="Give --from and --to, the latter not included.")
        who = _allowed(self._offers.keyring().recipients(), recipient)
        period = (stamp(since.astimezone(UTC)), stamp(until.astimezone(UTC)))
        self._bundle_openable(period, who["id"], openers, progress)
        bundle = self._new_id()
        told = {"recipient": who["id"], "recipient_purpose": who["purpose"], "purpose": purpose}
        self._keep(
            "bundle_exported",
            actor,
            {"from": period[0], "to": period[1], **told, "openers": [*openers]},
            subject=bundle,
        )
        return {
            "bundle": bundle,
            "recipient": who,
            "from": period[0],
            "to": period[1],
            "firm": self._config.firm.legal_name,
        }

    def _bundle_openable(
        self, period: tuple[str, str], recipient: str, openers: Sequence[str], progress: Progress | None
    ) -> None:
        closed, looked, after = 0, 0, ("", "", -1)
        while rows := self._bundle_period(period, after):
            ids = [row["recording_id"] for row in rows]
            held = self._store.call(partial(self._bundle_restricted, ids=ids))
            for row in rows:
                goes = row["state"] in ("closed", "interrupted") and row["recording_id"] not in held
                wraps = self._offers.wraps(row["recording_id"]) if goes else []
                closed += bool(wraps) and not self._offers.bundles.openable(wraps, recipient, openers)
            after = (rows[-1]["at"], rows[-1]["call_id"], rows[-1]["leaf_index"])
            looked += len(rows)
            if progress:
                progress(0.0, f"{looked:,} recordings looked at")
        if closed:
            raise UsageError(
                f"recordings that are sealed neither to the recipient nor to a key that you gave: {closed:,}",
                hint="Give a private key that opens them with --key: it stays with you.",
            )

    def _bundle_period(self, period: tuple[str, str], after: tuple[str, str, int]) -> list[Row]:
        rows: list[Row] = self._store.call(lambda tx: tx.query(_IN_PERIOD, [*period, *after, PAGE]))
        return rows

    def audit_export_take(self, *, bundle: str, after: str | None = None, actor: str) -> Row:
        """A page of the recordings of an export that has begun, each with its status.

        Those that go out come with their wrapped keys, after the leaf that says so.
        """
        begun = self._bundle_begun(bundle, actor)
        place = _place(after)
        period = (begun["from"], begun["to"])
        rows = self._bundle_period(period, place)
        wraps = {row["recording_id"]: self._offers.wraps(row["recording_id"]) for row in rows}
        folder = self._config.data / "recordings"

        def take(tx: Transaction) -> list[Row]:
            ids = [row["recording_id"] for row in rows]
            states = {each["recording_id"]: each for each in self._bundle_states(tx, ids)}
            held = self._bundle_restricted(tx, ids)
            items = []
            for row in rows:
                now = row | states[row["recording_id"]]
                status, why = _status(now, held.get(row["recording_id"], ""), wraps[row["recording_id"]], folder)
                if status == "included":
                    body = {"call_id": row["call_id"], "purpose": begun["purpose"], "recipient": begun["recipient"]}
                    tx.append(self._fact("exported", actor, body | {"bundle": bundle}, row["recording_id"]))
                items.append({**now, "status": status, "why": why})
            return items

        items = self._store.call(take) if rows else []
        for item in items:
            given = wraps[item["recording_id"]] if item["status"] == "included" else []
            item["wraps"] = [{"recipient": who, "wrap": base64.b64encode(wrap).decode()} for who, wrap in given]
            item["path"] = str(folder / (item["path"] or ""))
        last = rows[-1] if len(rows) == PAGE else None
        return {
            "items": items,
            "next": f"{last['at']} {last['leaf_index']} {last['call_id']}" if last else None,
        }

    def _bundle_states(self, tx: Transaction, ids: Sequence[str]) -> list[Row]:
        marks = ",".join("?" * len(ids))
        return tx.query(
            f"SELECT recording_id, state, sha256, size FROM recordings WHERE recording_id IN ({marks})",  # noqa: S608
            [*ids],
        )

    def _bundle_restricted(self, tx: Transaction, ids: Sequence[str]) -> dict[str, str]:
        """Recording -> the restriction that bears on it (LAW 4.7)."""
        found: dict[str, str] = {}
        for recording_id in ids:
            for hold in map(hold_of, self._kept.holds_on(tx, [recording_id])):
                if hold.kind is Kind.RESTRICTION:
                    found[recording_id] = hold.name
        return found

    def audit_export_make(
        self,
        *,
        bundle: str,
        checkpoints: Sequence[tuple[str, str]] = (),
        actor: str,
        progress: Progress | None = None,
    ) -> Row:
        """Make and sign all of a bundle but the recordings, once each of its pages has been taken.

        Everything in it is computed here, from the log as it is now: nothing that whoever asks has written is signed.
        ``checkpoints``, (where, signed note), are what the recipient holds; each must be one that this gate has signed.
        Returns the ``folder`` with the parts ``head`` and ``tail`` of the tar, and what stands in the manifest. Raises
        ``UsageError`` where pages were left out, or the bundle was made before.
        """
        begun = self._bundle_begun(bundle, actor)
        rows = self._bundle_statuses(bundle, begun)
        signed = self._offers.checkpoint()
        made = self._offers.bundles.make(
            {
                "bundle": bundle,
                "made": stamp(self._clock.now()),
                "firm": self._config.firm.legal_name,
                "checkpoint": signed["note"],
                "size": signed["size"],
                "from": begun["from"],
                "to": begun["to"],
                "recipient": begun["recipient"],
            },
            rows,
            checkpoints,
            progress,
        )

        def keep(tx: Transaction) -> None:
            if tx.query("SELECT 1 FROM facts WHERE subject = ? AND kind = 'bundle_signed'", [bundle]):
                raise UsageError(f"bundle {bundle} is signed already", hint="export anew")
            body = {"manifest_sha256": made["sha256"], "manifest_size": made["size"], "checkpoint": signed["size"]}
            tx.append(self._fact("bundle_signed", actor, body, bundle))

        self._store.call(keep)
        self._offers.bundles.sign(bundle, made["sha256"], made["folder"])
        return {**made, "checkpoint": signed["size"], "vkey": self._offers.bundles.vkey()["vkey"]}

    def _bundle_statuses(self, bundle: str, begun: Row) -> Iterator[Row]:
        """What becomes of each recording of the period, page by page: what went out by the leaf that says so."""
        place, period = ("", "", -1), (begun["from"], begun["to"])
        folder = self._config.data / "recordings"
        while rows := self._bundle_period(period, place):
            wraps = {row["recording_id"]: self._offers.wraps(row["recording_id"]) for row in rows}
            taken, held = self._store.call(partial(self._bundle_taken, bundle=bundle, ids=list(wraps)))
            for row in rows:
                name = row["recording_id"]
                status, why = _status(row, held[name][-1].name if name in held else "", wraps[name], folder)
                if name in taken and status != "included":
                    raise UsageError(f"recording {name} is {status} by now", hint="export anew")
                if status == "included" and name not in taken:
                    if (row["closed_at"] or "") < begun["at"]:
                        raise UsageError(f"recording {name} was not taken", hint="take every page, then have it made")
                    status, why = "open", "it ended after the export had begun"
                path = str(folder / (row["path"] or ""))
                yield {
                    **row,
                    "path": path,
                    "status": status,
                    "why": why,
                    "holds": [hold.id for hold in held.get(name, ())],
                }
            place = (rows[-1]["at"], rows[-1]["call_id"], rows[-1]["leaf_index"])

    def _bundle_taken(self, tx: Transaction, bundle: str, ids: Sequence[str]) -> tuple[set[str], dict[str, list[Hold]]]:
        """Those that have gone out with this bundle, and the restrictions that bear on the others."""
        marks = ",".join("?" * len(ids))
        rows = tx.query(
            f"SELECT subject FROM facts WHERE subject IN ({marks}) AND kind = 'exported'"  # noqa: S608 - marks alone
            " AND (call_id IS NULL OR call_id <> subject) AND json_extract(body, '$.bundle') = ?",
            [*ids, bundle],
        )
        held: dict[str, list[Hold]] = {}
        for recording_id in ids:
            for hold in map(hold_of, self._kept.holds_on(tx, [recording_id])):
                if hold.kind is Kind.RESTRICTION:
                    held.setdefault(recording_id, []).append(hold)
        return {row["subject"] for row in rows}, held

    def _bundle_begun(self, bundle: str, actor: str) -> Row:
        rows = self._store.call(
            lambda tx: tx.query(
                "SELECT actor, at, body FROM facts WHERE subject = ? AND kind = 'bundle_exported'", [bundle]
            )
        )
        if not rows or rows[0]["actor"] != actor or rows[0]["body"] is None:
            raise UsageError(f"no export {bundle} of yours has begun", hint="dialgate audit export begins one")
        begun: Row = json.loads(rows[0]["body"]) | {"at": rows[0]["at"]}
        _allowed(self._offers.keyring().recipients(), begun["recipient"])  # still: it may have changed since
        return begun


def _allowed(register: Sequence[Row], named: str) -> Row:
    """The recipient on the register that exports may go to. Raises ``RefusedError``."""
    found = [row for row in register if named in (row["id"], row["name"], row["fingerprint"])]
    if len(found) != 1:
        raise RefusedError(
            f"{named[:100]!r} names {'more than one' if found else 'nobody'} on the register of recipients",
            reason="recipient_not_allowed",
            hint="Exports go to registered recipients only: dialgate key list; dialgate key add FILE --purpose …",
        )
    row = found[0]
    if not row.get("purpose"):
        raise RefusedError(
            f"{row['name']!r} is on the register of recipients without a purpose: exports must not go to third parties",
            reason="recipient_not_allowed",
            hint=f"If it is a regulator, a court or an internal audit: dialgate key change {row['id']} --purpose …",
        )
    if row["purpose"] == "data_subject":
        raise RefusedError(
            f"{row['name']!r} is a data subject: the log of a period holds other people's calls",
            reason="recipient_not_allowed",
            hint="Answer with a data-subject pack: dialgate request",
        )
    return row


def _status(row: Row, restriction: str, wraps: Sequence[Any], folder: Path) -> tuple[str, str]:
    """What becomes of a recording, and why; see ``gate.exports.bundle.STATUSES``."""
    if row["state"] in ("erased", "erasing", "open"):
        return row["state"], ""
    if not row["size"] or not row["path"]:
        return "empty", ""
    if restriction:
        return "restricted", restriction
    if not wraps:
        return "missing", "its wrapped keys are not in the key store"
    if not (folder / row["path"]).is_file():
        return "missing", "its sealed file is not in the folder of recordings"
    return "included", ""


def _place(after: str | None) -> tuple[str, str, int]:
    if after is None:
        return "", "", -1
    at, _, rest = after.partition(" ")
    leaf, _, call = rest.partition(" ")
    if not leaf.isdigit():
        raise UsageError(f"not a place in a list: {after!r}", hint="give `next` of the page before, unchanged")
    return at, call, int(leaf)
