"""In bulk: many objections or consents in one transaction, the whole lists out again, and that a file was screened.

A batch is kept as a whole or not at all. Whatever is held already is left as it is, so that an import that was cut off
may simply be run again. Every entry is a fact of its own with the file and line that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gate.errors import UsageError
from gate.operations.desk_base import DeskBase
from gate.operations.lists.entries import COLUMNS, ConsentRow, ObjectionRow, faults_of
from gate.operations.parsing import number_of
from gate.ports import Transaction
from gate.service.objecting import last_word
from gate.service.reads import Row


class BulkLists(DeskBase):
    """Objections and consents by the hundred."""

    def objection_import(
        self, *, entries: Sequence[ObjectionRow], source_name: str = "", sha256: str = "", actor: str
    ) -> Row:
        """Keep a batch of objections, each with the time it was made at (now where it has none).

        An objection that is in force already with the same time is not kept twice; one without a time is not where the
        number is objected to and nobody ever consented for it.
        """
        now = self._clock.now()
        self._check("objections", entries, now)

        def keep(tx: Transaction, row: ObjectionRow, e164: str) -> bool:
            in_force = tx.objections(e164)
            made = row.made_at.astimezone(UTC) if row.made_at else None
            if made is None and in_force and not tx.consents(e164):
                return False
            if made is not None and any(each.made_at == made for each in in_force):
                return False
            body: Row = {"number": e164, "source": row.source, "note": row.note}
            body |= {"call_id": None, **_file(row, source_name, sha256)}
            if made is not None:
                body["made_at"] = made.isoformat()
            tx.append(last_word(tx, self._fact("objection", actor, body, self._new_id())))
            return True

        def work(tx: Transaction) -> int:
            return sum(keep(tx, row, number_of(row.number)) for row in entries)

        return _counted(len(entries), self._store.call(work))

    def consent_import(
        self, *, entries: Sequence[ConsentRow], source_name: str = "", sha256: str = "", actor: str
    ) -> Row:
        """Keep a batch of consents, each with its own date and evidence, the withdrawn ones with their withdrawal.

        A consent held already is never given new life: the withdrawal that is held stands, and one that the file tells
        of is kept.
        """
        now = self._clock.now()
        self._check("consents", entries, now)

        def keep(tx: Transaction, row: ConsentRow, e164: str) -> bool:
            held = _held_consent(tx, row, e164)
            consent_id = held["id"] if held else self._new_id()
            if held is None:
                body: Row = {"number": e164, "given_at": row.given_at.astimezone(UTC).isoformat(), "how": row.how}
                body |= {"wording": row.wording, "who": row.who, "evidence": row.evidence}
                tx.append(self._fact("consent", actor, {**body, **_file(row, source_name, sha256)}, consent_id))
            withdraws = row.withdrawn_at is not None and (held is None or held["withdrawn_at"] is None)
            if withdraws and row.withdrawn_at is not None:
                body = {"at": row.withdrawn_at.astimezone(UTC).isoformat(), "reason": row.withdrawn_why}
                body |= _file(row, source_name, sha256)
                tx.append(self._fact("consent_withdrawn", actor, body, consent_id))
            return held is None or withdraws

        def work(tx: Transaction) -> int:
            return sum(keep(tx, row, number_of(row.number)) for row in entries)

        return _counted(len(entries), self._store.call(work))

    def _check(self, name: str, entries: Sequence[Any], now: datetime) -> None:
        """Raises ``UsageError`` with every line that is wrong."""
        faults = []
        for row in entries:
            fields = {column: getattr(row, column) for column in COLUMNS[name]}
            faults += [f"line {row.line}: {fault}" for fault in faults_of(name, fields, now)]
        if faults:
            raise UsageError("\n".join([f"nothing of this batch of {name} was kept", *faults]))

    def screened(
        self,
        *,
        source_name: str,
        sha256: str,
        output_sha256: str,
        columns: Sequence[str],
        rows: int,
        reasons: Mapping[str, Mapping[str, int]],
        bad_rows: int,
        registers: Sequence[Mapping[str, Any]],
        purpose: str,
        topic: str,
        as_of: datetime,
        hours_applied: bool,
        actor: str,
    ) -> Row:
        """A file was screened in bulk (``contacts.screen_file``): what it rested on and what came of it."""
        body: Row = {"source_name": source_name, "sha256": sha256, "output_sha256": output_sha256, "rows": rows}
        body |= {"columns": list(columns), "reasons": {name: dict(counts) for name, counts in reasons.items()}}
        body |= {"bad_rows": bad_rows, "registers": [dict(each) for each in registers], "as_of": as_of.isoformat()}
        body |= {"purpose": str(purpose), "topic": str(topic), "hours_applied": hours_applied}
        screening_id = self._new_id()
        self._keep("screened", actor, body, subject=screening_id)
        return {"id": screening_id}

    def objection_export(self, *, after: str | None = None, limit: int = 1000, actor: str) -> Row:
        """A page of the objections in force in full; the first one leaves a leaf that says who takes the list out."""
        if after is None:
            self._keep("list_exported", actor, {"list": "objections"}, subject=self._new_id())
        return self._page(lambda tx: self._reads.objections_page(tx, after, limit))

    def consent_export(self, *, after: str | None = None, limit: int = 1000, actor: str) -> Row:
        """A page of the consents in full, the withdrawn ones too; the first one leaves a leaf."""
        if after is None:
            self._keep("list_exported", actor, {"list": "consents"}, subject=self._new_id())
        return self._page(lambda tx: self._reads.consents_page(tx, after, limit))


def _held_consent(tx: Transaction, row: ConsentRow, e164: str) -> Row | None:
    """The same consent where it is held: same time, way, words, person and evidence."""
    told = (row.how, row.wording, row.who, row.evidence)
    for each in tx.consents(e164):
        if each.given_at == row.given_at:
            found = tx.query(
                "SELECT id, how, wording, who, evidence, withdrawn_at FROM consents WHERE id = ?", (each.id,)
            )[0]
            if (found["how"], found["wording"], found["who"], found["evidence"] or "") == told:
                return found
    return None


def _file(row: ObjectionRow | ConsentRow, source_name: str, sha256: str) -> Row:
    return {"file": {"name": source_name, "sha256": sha256, "line": row.line}} if source_name or sha256 else {}


def _counted(entries: int, kept: int) -> Row:
    return {"imported": kept, "held": entries - kept}
