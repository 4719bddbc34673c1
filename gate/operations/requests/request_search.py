"""What is held of a person: the search of a request, and all of it in full for an access pack.

Nothing is looked for before the rules allow it: for access and erasure that is the proof of identity (LAW 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from gate.core import request_words as events
from gate.core.outcomes import outcome
from gate.errors import UsageError
from gate.operations.requests.request_base import RequestBase, allowed, numbers_of, told_of
from gate.operations.requests.request_facts import KINDS, last
from gate.operations.requests.requests import _for_pack
from gate.operations.retention.erasing import hold_of
from gate.store.transaction import StoreTransaction
from gate.types import Row

MOST = 10_000
"""Calls of one request."""
CANDIDATES = 200
"""Calls shown where only a time is known: somebody has to say which of them are meant."""


class RequestSearch(RequestBase):
    """Searching, and handing out what was found."""

    def request_search(
        self,
        *,
        request: str,
        numbers: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        calls: Sequence[str] = (),
        everything: bool = False,
        on: date | None = None,
        actor: str,
    ) -> Row:
        """Find what is held: by the request's numbers and those given here, in a span of time (that of the request
        where none is given; ``everything``: at any time), or just these ``calls``.

        Where no number is known, a span shows every call in it and the search is not done: choose from them. Raises
        ``RefusedError`` (``identity_not_proven``) where it may not be searched yet.
        """
        lines = numbers_of(numbers)

        def work(tx: StoreTransaction) -> Row:
            row, course, before = self._load(tx, request)
            day = self._day(on, before)
            allowed(row, before, events.Searched(day, 0))  # before anything is looked at
            known = list(dict.fromkeys([*told_of(row, course), *lines]))
            # A choice of calls is how a number is learnt where none is known; else it goes with its own search.
            chosen: list[str] = [] if known or calls else row["numbers"]
            known = known or chosen
            span = (since, until) if since or until else self._own_span(row, skip=everything or bool(calls))
            if calls:
                found = self._chosen(tx, calls)
                chosen = [each["number"] for each in found if each["number"]]
            elif known:
                found = self._book.calls_of(tx, known, *span, limit=MOST + 1)
            elif any(span):
                return self._candidates(tx, row, span, actor)
            else:
                raise UsageError(
                    f"{row['reference']}: nothing to search by",
                    hint="Give --number, --on DATE with --around, or --call.",
                )
            if len(found) > MOST:
                raise UsageError(f"more than {MOST} calls", hint="narrow the span: --on, --from, --until")
            self._amend(tx, row, course, actor, lines, chosen)
            held = self._held(tx, row, found)
            whole = not calls and not any(span)
            entries = sum(len(held[name]) for name in ("objections", "consents", "contacts"))
            scope = {"whole": whole, "calls": [each["call_id"] for each in found], "entries": entries}
            self._take(tx, row, before, events.Searched(day, len(found)), actor, **scope)
            return held | {"candidates": False, "whole": whole, "found": len(found)}

        answer: Row = self._store.call(work)
        return answer

    def _own_span(self, row: Row, *, skip: bool) -> tuple[datetime | None, datetime | None]:
        if skip:
            return None, None
        since, until = (datetime.fromisoformat(row[name]) if row[name] else None for name in ("since", "until"))
        return since, until

    def _chosen(self, tx: StoreTransaction, calls: Sequence[str]) -> list[Row]:
        found = self._book.calls(tx, calls)
        if unknown := set(calls) - {each["call_id"] for each in found}:
            raise UsageError(f"there is no call {', '.join(sorted(unknown))}", hint="See: dialgate calls list")
        return found

    def _candidates(
        self, tx: StoreTransaction, row: Row, span: tuple[datetime | None, datetime | None], actor: str
    ) -> Row:
        """Calls of a span, whoever was called: looked at by somebody, which the log says."""
        found = self._book.calls_of(tx, None, *span, limit=CANDIDATES + 1)
        times = {name: at.isoformat() if at else None for name, at in zip(("since", "until"), span, strict=True)}
        tx.append(self._fact("request_looked", actor, times | {"shown": min(len(found), CANDIDATES)}, row["id"]))
        return {
            "reference": row["reference"],
            "candidates": True,
            "more": len(found) > CANDIDATES,
            "calls": [each | {"outcome": outcome(each)} for each in found[:CANDIDATES]],
        }

    def request_contents(self, *, request: str, actor: str) -> Row:
        """All that is held of what the search found, in full, for the pack of an access request that is granted.

        Raises ``RefusedError`` where there is no such request, or it is not granted.
        """

        def work(tx: StoreTransaction) -> Row:
            row, course, before = self._load(tx, request)
            _for_pack(row, before)
            scope = last(course, KINDS[events.Searched])
            found = self._book.calls(tx, scope.get("calls", []))
            held = self._held(tx, row, found)
            return held | {"id": row["id"], "name": row["name"], "whole": bool(scope.get("whole"))}

        answer: Row = self._store.call(work)
        return answer

    def _held(self, tx: StoreTransaction, row: Row, found: list[Row]) -> Row:
        lines = row["numbers"]
        holds = self._book.holds_of(tx, lines, [each["call_id"] for each in found])
        others = [each for each in self._book.of_numbers(tx, lines) if each["id"] != row["id"]] if lines else []
        return {
            "reference": row["reference"],
            "lines": lines,
            "calls": [each | {"outcome": outcome(each)} for each in found],
            "objections": self._book.objections_of(tx, lines),
            "consents": self._book.consents_of(tx, lines),
            "contacts": self._book.contacts_of(tx, lines),
            "holds": [
                {"id": each["id"], "kind": each["kind"], "name": hold_of(each).name, "made_at": each["made_at"]}
                for each in holds
            ],
            "requests": [{name: each[name] for name in ("reference", "asks", "received", "state")} for each in others],
        }
