"""Registers and the firm's own lists: objections and consents."""

from __future__ import annotations

from pathlib import Path

from gate.errors import UsageError
from gate.ports import Transaction
from gate.service.desk_base import LONDON, DeskBase, day_of, number_of, time_of
from gate.service.reads import Progress, Row


class Lists(DeskBase):
    """What decides which numbers may be dialled. Changes hold from the next call."""

    def register_import(
        self,
        *,
        name: str,
        path: str,
        as_of: str | None = None,
        coverage: list[str] | None = None,
        accept_shrink: bool = False,
        actor: str,
        progress: Progress | None = None,
    ) -> Row:
        """Put a licensee's file in force. ``as_of``: ``YYYY-MM-DD``, guessed from the file where None."""
        day = day_of(as_of) if as_of else None
        cover = tuple(coverage or ("full",))
        report = dict(self._offers.import_register(name, Path(path), day, cover, accept_shrink, progress))
        self._keep("register_imported", actor, report, subject=self._new_id())
        return report

    def register_status(self, *, actor: str) -> Row:
        """Age, size, coverage and identity of each register."""
        return {"registers": self._registers.status(self._clock.now().astimezone(LONDON).date())}

    def objection_add(self, *, number: str, source: str = "told", note: str = "", actor: str) -> Row:
        """Someone does not want to be called again: holds from the next call (PECR reg 21(1)(a))."""
        e164 = number_of(number)
        objection_id = self._new_id()
        self._keep(
            "objection", actor, {"number": e164, "source": source, "note": note, "call_id": None}, subject=objection_id
        )
        return {"id": objection_id, "number": e164}

    def objection_remove(self, *, reason: str, id: str | None = None, number: str | None = None, actor: str) -> Row:
        """Take objections back, by id or all those of a number. The reason is kept."""
        if not reason.strip():
            raise UsageError(
                "an objection is removed for a reason only", hint="Say why: --reason 'entered by mistake'."
            )

        def work(tx: Transaction) -> list[str]:
            ids = [id] if id else [each.id for each in tx.objections(number_of(number or ""))]
            known = [
                each
                for each in ids
                if tx.query("SELECT id FROM objections WHERE id = ? AND removed_at IS NULL", (each,))
            ]
            for each in known:
                tx.append(self._fact("objection_removed", actor, {"reason": reason}, each))
            return known

        removed = self._store.call(work)
        if not removed:
            raise UsageError(f"no objection in force for {id or number}", hint="See: dialgate objection list")
        return {"removed": removed}

    def objection_list(
        self, *, after: str | None = None, limit: int = 100, number: str | None = None, actor: str
    ) -> Row:
        """The firm's own do-not-call list."""
        e164 = number_of(number) if number else None
        return self._page(lambda tx: self._reads.objections_page(tx, after, limit, e164))

    def consent_add(
        self,
        *,
        number: str,
        how: str,
        wording: str,
        who: str,
        evidence: str = "",
        given_at: str | None = None,
        actor: str,
    ) -> Row:
        """A subscriber told this firm that it may call this line (PECR reg 21(4)): kept with its evidence."""
        e164 = number_of(number)
        now = self._clock.now()
        given = time_of(given_at) if given_at else now
        if given > now:
            raise UsageError(
                f"a consent cannot be given in the future ({given_at})", hint="Give the time it was given."
            )
        missing = [name for name, value in (("how", how), ("wording", wording), ("who", who)) if not value.strip()]
        if missing:
            raise UsageError(
                f"a consent without {', '.join(missing)} proves nothing", hint="Say how, in which words, by whom."
            )
        consent_id = self._new_id()
        body = {
            "number": e164,
            "given_at": given.isoformat(),
            "how": how,
            "wording": wording,
            "who": who,
            "evidence": evidence,
        }
        self._keep("consent", actor, body, subject=consent_id)
        return {"id": consent_id, "number": e164, "given_at": given.isoformat()}

    def consent_withdraw(
        self, *, reason: str = "", id: str | None = None, number: str | None = None, actor: str
    ) -> Row:
        """The subscriber took it back, as it may at any time (PECR reg 21(5))."""

        def work(tx: Transaction) -> list[str]:
            if id:
                rows = tx.query("SELECT id FROM consents WHERE id = ? AND withdrawn_at IS NULL", (id,))
                ids = [row["id"] for row in rows]
            else:
                ids = [each.id for each in tx.consents(number_of(number or "")) if each.withdrawn_at is None]
            now = self._clock.now().isoformat()
            for each in ids:
                tx.append(self._fact("consent_withdrawn", actor, {"at": now, "reason": reason}, each))
            return ids

        withdrawn = self._store.call(work)
        if not withdrawn:
            raise UsageError(f"no live consent for {id or number}", hint="See: dialgate consent list")
        return {"withdrawn": withdrawn}

    def consent_list(self, *, after: str | None = None, limit: int = 100, number: str | None = None, actor: str) -> Row:
        """Consents with their evidence, the withdrawn ones too."""
        e164 = number_of(number) if number else None
        return self._page(lambda tx: self._reads.consents_page(tx, after, limit, e164))
