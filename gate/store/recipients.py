"""Recipients as the log has them: to whom something may be sealed, and on what terms.

The register is a folder of files. Whoever can write there has not thereby become somebody to seal to: a recipient
counts on the terms of its newest fact alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from gate.core.evidence import in_order
from gate.core.facts.derived import OF_RECIPIENT
from gate.core.facts.keys import RecipientRetired, RecipientTerms
from gate.core.rows.keys import Recipient
from gate.errors import StoreError
from gate.store.queries import Source
from gate.store.reader import Place, Reader

TERMS: Final = RecipientTerms.__struct_fields__
"""What the log keeps of a recipient: keys and people of the firm, nobody who was called."""
_SOON: Final = timedelta(seconds=5)
"""Other terms are in the log before they are in the register: for so long the earlier ones count too."""
_FACTS: Final = """
SELECT kind, subject, at, body, leaf_index FROM facts WHERE body IS NOT NULL AND (call_id IS NULL OR call_id <> subject)
    AND kind IN (?, ?, ?) ORDER BY leaf_index
"""

Terms = Mapping[str, Sequence[Mapping[str, str | bool]]]
"""Recipient id -> the terms that count; a retired one is left out."""


def logged(source: Source, now: datetime) -> Terms:
    """The recipients in force by the log."""
    found: dict[str, list[Mapping[str, str | bool]]] = {}
    facts = source.values(tuple[str, str, datetime, dict[str, Any], int], _FACTS, OF_RECIPIENT)
    for kind, subject, at, body, _ in in_order(facts, at=itemgetter(2), leaf=itemgetter(4)):
        if kind == RecipientRetired.kind:
            found.pop(subject, None)
            continue
        found[subject] = [body]
        if "before" in body and now - at < _SOON:
            found[subject].append(body["before"])
    return found


def in_the_log(row: Recipient, terms: Terms) -> bool:
    """Whether a recipient, as its file has it, is on terms that count. What older logs do not say is not compared."""
    return any(
        all(name not in body or body[name] == getattr(row, name) for name in TERMS) for body in terms.get(row.id, ())
    )


class RecipientsOfLog:
    """The recipients in force by the log of a store that another process writes to, read when they are asked for.

    For one thread. Raises ``StoreError``.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._reader: Reader | None = None

    def __call__(self, now: datetime) -> Terms:
        """Read the recipients in force at this moment."""
        kept, self._reader = self._reader, None
        if kept is not None:
            with suppress(StoreError):  # its server was away since: another session is asked
                return self._read(kept, now)
        return self._read(Reader(self._place), now)

    def _read(self, reader: Reader, now: datetime) -> Terms:
        try:
            reader.rest()
            terms = logged(reader, now)
            reader.rest()
        except BaseException:
            reader.close()  # it holds no older state
            raise
        self._reader = reader
        return terms
