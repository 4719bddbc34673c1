"""What those ask who look: calls found, the log page by page, and a number in full, which leaves a leaf."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from gate.core.evidence import stamp
from gate.core.showing import local
from gate.errors import UsageError
from gate.log import Logger
from gate.operations.desk_base import DeskBase
from gate.operations.parsing import number_of
from gate.ports import Transaction
from gate.service.reads import Row, Source

log = Logger()

MANY_LOOKUPS: Final = "many_lookups"
_MANY: Final = """
SELECT actor, max(json_extract(body, '$.count')) AS count, max(at) AS at FROM facts
WHERE kind = 'many_lookups' AND at > ? AND body IS NOT NULL GROUP BY actor ORDER BY actor
"""
SHOWN: Final = "number_shown"


class Looking(DeskBase):
    """Lists are read beside the store: whoever scrolls through a million calls keeps no decision waiting."""

    def calls_list(
        self,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = 50,
        number: str | None = None,
        reason: str | None = None,
        text: str | None = None,
        actor: str,
    ) -> Row:
        """Every attempt, newest first; ``text``: only those that fit what was typed."""
        e164 = number_of(number) if number else None
        return self._window(lambda tx: self._offers.looks.calls_window(tx, after, before, limit, e164, reason, text))

    def reveal(self, *, kind: str, id: str, why: str, actor: str) -> Row:
        """The number of a call, an objection, … in full. Who saw it, and why, is kept before it is given."""
        if not why.strip():
            raise UsageError("a number is shown for a reason only", hint="Say why: a callback, complaint 17, …")

        def look(tx: Source) -> str:
            found = self._offers.looks.number_of(tx, kind, id)
            if found is None:
                raise UsageError(f"there is no {kind} {id}", hint="Look it up in its list.")
            if not found:
                raise UsageError(f"{kind} {id} has no number: it was erased, or never was one")
            return found

        def work(tx: Transaction) -> str:
            # A contact is found by walking its list, which no decision may wait for; and its id is the CRM's own, that
            # may be anything: it stands where it can be erased.
            number = look(tx) if not contact else found
            more = {"reference": reference} if contact else {}
            tx.append(self._fact(SHOWN, actor, {"kind": kind, "why": why, **more}, kind if contact else id))
            return number

        contact = kind == "contact"
        named = self._offers.contacts.named(id) if contact else None
        reference = named["reference"] if named else id
        found: str = named["number"] if named else self._beside(look) if contact else ""
        return {"number": self._store.call(work)}

    def _lookup_warnings(self) -> list[str]:
        """What ``status`` says of who looked up many numbers within an hour, for a day after."""
        since = stamp(self._clock.now() - timedelta(days=1))
        return [
            f"{row['actor']} looked up {row['count']:,} numbers within an hour, at {local(row['at'])}. Ask why."
            for row in self._store.call(lambda tx: tx.query(_MANY, [since]))
        ]

    def _window(self, read: Callable[[Source], Any]) -> Row:
        items, after, before = self._beside(read)
        return {"items": items, "next": after, "prev": before}

    def _beside(self, read: Callable[[Source], Any]) -> Any:
        return self._offers.beside(read)
