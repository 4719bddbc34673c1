"""Registers and the firm's own lists: objections and consents."""

from __future__ import annotations

from datetime import UTC, datetime

from gate.errors import UsageError
from gate.operations.desk_base import DeskBase
from gate.operations.parsing import number_of
from gate.ports import Transaction
from gate.service.objecting import last_word
from gate.service.reads import Row


class Lists(DeskBase):
    """What decides which numbers may be dialled. Changes hold from the next call."""

    def objection_add(
        self, *, number: str, source: str = "told", note: str = "", made_at: datetime | None = None, actor: str
    ) -> Row:
        """Someone does not want to be called again: holds from the next call (PECR reg 21(1)(a)).

        ``made_at`` is when they said so (now where None): a consent given after it, and no other, is newer.
        """
        e164 = number_of(number)
        made = made_at.astimezone(UTC) if made_at else None
        if made and made > self._clock.now():
            raise UsageError(
                f"an objection cannot be made in the future ({made_at})", hint="Give the time it was made."
            )
        body = {"number": e164, "source": source, "note": note, "call_id": None}
        if made:
            body["made_at"] = made.isoformat()

        def work(tx: Transaction) -> Row:
            fact = last_word(tx, self._fact("objection", actor, body, self._new_id()))
            tx.append(fact)
            return {"id": fact.subject, "number": e164, "made_at": fact.body["made_at"]}

        return dict(self._store.call(work))

    def objection_remove(self, *, target: str, reason: str, actor: str) -> Row:
        """Take objections back: the one with this id, or all of this number. The reason is kept."""
        if not reason.strip():
            raise UsageError("an objection is removed for a reason only", hint="Say why: --reason 'typing mistake'.")

        def work(tx: Transaction) -> list[str]:
            ids = _ids(tx, "SELECT id FROM objections WHERE id = ? AND removed_at IS NULL", target)
            ids = ids or [each.id for each in tx.objections(_number_or_id(target, "objection"))]
            for each in ids:
                tx.append(self._fact("objection_removed", actor, {"reason": reason}, each))
            return ids

        removed = self._store.call(work)
        if not removed:
            raise UsageError(f"no objection in force for {target}", hint="See: dialgate objection list")
        return {"removed": removed}

    def objection_list(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        number: str | None = None,
        text: str | None = None,
        actor: str,
    ) -> Row:
        """The firm's own do-not-call list; ``text``: only entries in which it stands."""
        e164 = number_of(number) if number else None
        return self._page(lambda tx: self._reads.objections_page(tx, after, limit, e164, text=text))

    def consent_add(
        self,
        *,
        number: str,
        how: str,
        wording: str,
        who: str,
        evidence: str = "",
        given_at: datetime | None = None,
        actor: str,
    ) -> Row:
        """A subscriber told this firm that it may call this line (PECR reg 21(4)): kept with its evidence."""
        e164 = number_of(number)
        now = self._clock.now()
        given = given_at.astimezone(UTC) if given_at else now
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

    def consent_withdraw(self, *, target: str, reason: str = "", actor: str) -> Row:
        """The subscriber took it back, as it may at any time (PECR reg 21(5)): by id, or all of a number."""

        def work(tx: Transaction) -> list[str]:
            ids = _ids(tx, "SELECT id FROM consents WHERE id = ? AND withdrawn_at IS NULL", target)
            ids = ids or [
                each.id for each in tx.consents(_number_or_id(target, "consent")) if each.withdrawn_at is None
            ]
            now = self._clock.now().isoformat()
            for each in ids:
                tx.append(self._fact("consent_withdrawn", actor, {"at": now, "reason": reason}, each))
            return ids

        withdrawn = self._store.call(work)
        if not withdrawn:
            raise UsageError(f"no live consent for {target}", hint="See: dialgate consent list")
        return {"withdrawn": withdrawn}

    def consent_list(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        number: str | None = None,
        text: str | None = None,
        actor: str,
    ) -> Row:
        """Consents with their evidence, the withdrawn ones too; ``text``: only entries in which it stands."""
        e164 = number_of(number) if number else None
        return self._page(lambda tx: self._reads.consents_page(tx, after, limit, e164, text=text))


def _number_or_id(target: str, entry: str) -> str:
    """The E.164 value of what is no id of an ``entry``; raises ``UsageError`` where it is no number either."""
    try:
        return number_of(target)
    except UsageError as error:
        raise UsageError(
            f"{target!r} is neither the id of {'an' if entry == 'objection' else 'a'} {entry} in force nor a number",
            hint=f"See the ids: dialgate {entry} list",
        ) from error


def _ids(tx: Transaction, sql: str, target: str) -> list[str]:
    return [row["id"] for row in tx.query(sql, (target,))]
