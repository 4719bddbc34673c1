"""Terms of what is personal beside recordings: what is due, the dry run, and the sweep that empties it.

It runs after the daily sweep of recordings, under the same doubts about the clock. The first time that anything is due,
and where a term has become shorter since, it waits until somebody has looked and executed it once by hand.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from gate.core.facts.retention import TermsSwept
from gate.core.retention import add_months
from gate.core.showing import LONDON
from gate.errors import RefusedError
from gate.log import Logger
from gate.operations.operation import EVERYBODY, KEEPERS, Caller, Request, Response, about, operation
from gate.store import said
from gate.store import terms as kept
from gate.types import Row

if TYPE_CHECKING:
    from gate.config.schema import Retention
    from gate.operations.data_folder import DataFolder

log = Logger()

SORTS: Final = ("calls", "refused", "requests", "contacts")
CALLS: Final = 100
"""Calls whose facts are emptied in one transaction: what a decision may have to wait for."""
CONTACTS: Final = 500
EXPORT_DAYS: Final = 2
"""A bundle that nobody has fetched from the data folder for so long is taken away."""
_LOOK: Final = "look at dialgate retention terms, then execute it by hand once"


def months_of(retention: Retention) -> dict[str, int]:
    """The terms in calendar months, by what they are of."""
    return {name: getattr(retention, f"{name}_months") for name in SORTS}


class TermSweep:
    """Of one data folder. Blocking and thread-safe; one at a time."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._one = threading.Lock()
        self._stopped = threading.Event()
        self.months = months_of(folder.config.retention)

    def stop(self) -> None:
        """The gate ends: a sweep under way ends after its batch."""
        self._stopped.set()

    def due(self, days: int = 0) -> dict[str, int]:
        """How much of each sort is due by so many days from now; what is held is counted too."""
        day = self._folder.today() + timedelta(days=days)
        return self._folder.read(lambda tx: kept.due(tx, self._before(day), add_months(day, -self.months["requests"])))

    def waits(self, due: Mapping[str, int] | None = None) -> str:
        """What keeps the daily one from running until somebody has looked; empty where nothing does."""
        last = self._folder.read(lambda tx: kept.last(tx, TermsSwept.kind))
        if last is not None:
            before = last["months"]
            shorter = [name for name in SORTS if self.months[name] < before.get(name, self.months[name])]
            return f"the terms of {', '.join(shorter)} have become shorter: {_LOOK}" if shorter else ""
        if any((self.due() if due is None else due).values()):
            return f"personal data are past their term, and were never swept: {_LOOK}"
        return ""

    def daily(self) -> Row | None:
        """Once a day, after the sweep of recordings. Raises ``RefusedError`` (``retention_waits``) where somebody has
        to look first."""
        last = self._folder.read(lambda tx: kept.last(tx, TermsSwept.kind))
        if last is not None and last["day"] >= self._folder.today().isoformat():
            return None
        now = self._folder.clock.now().astimezone(LONDON)
        if now.time() < time.fromisoformat(self._folder.config.retention.sweep_at):
            return None
        if why := self._folder.retention.waits() or self.waits():
            raise RefusedError(f"the daily sweep of terms waits: {why}", reason="retention_waits")
        return self.sweep("gate")

    def sweep(self, actor: str) -> Row:
        """Empty what is due, and keep the fact that says how much. Harmless twice. Raises ``RefusedError``
        (``sweep_running``), ``StoreError``."""
        if not self._one.acquire(blocking=False):
            raise RefusedError("a sweep of terms is running", reason="sweep_running", hint="Wait until it is done.")
        try:
            return self._sweep(actor)
        finally:
            self._one.release()

    # --- steps

    def _sweep(self, actor: str) -> Row:
        today = self._folder.today()
        before, closed = self._before(today), add_months(today, -self.months["requests"])
        gone: Row = dict.fromkeys(SORTS, 0)
        held = 0
        for name, refused in (("calls", False), ("refused", True)):
            for went, stay in self._calls(before[name], name, actor, refused=refused):
                gone[name] += went
                held += stay
        for request_id in self._folder.read(lambda tx: kept.requests_over(tx, closed)):
            if not self._stopped.is_set():
                now = self._folder.clock.now()
                work = partial(kept.erase_request, request_id=request_id, at=now, actor=actor)
                gone["requests"] += self._folder.store.call(work)
        for hold_id in self._folder.read(lambda tx: kept.holds_over(tx, closed)):
            if not self._stopped.is_set():
                work = partial(kept.erase_hold, hold_id=hold_id, at=self._folder.clock.now(), actor=actor)
                gone["requests"] += self._folder.store.call(work)
        while not self._stopped.is_set():
            went = self._folder.store.call(partial(kept.forget_idle, before=before["contacts"], limit=CONTACTS))
            gone["contacts"] += went
            if not went:
                break
        if words := self._folder.read(lambda tx: [*said.about_gone_contacts(tx), *kept.old_words(tx, closed)]):
            self._folder.store.call(partial(kept.erase_words, leaves=words, at=self._folder.clock.now(), actor=actor))
        body = TermsSwept(
            day=today.isoformat(), months=dict(self.months), gone=gone, held=held, exports=self._exports()
        )
        self._folder.keep(body, kept.SUBJECT, actor)
        if (words or any(gone.values())) and not self._folder.store.scrub():
            log.warning("terms_not_scrubbed", hint="the write-ahead log is cut at the next quiet moment")
        log.info(body.kind, held=held, **gone)
        return body.values()

    def _calls(self, before: datetime, what: str, actor: str, *, refused: bool) -> Iterator[tuple[int, int]]:
        place = ("", "")
        while not self._stopped.is_set():
            rows = self._folder.read(partial(kept.call_page, before=before, refused=refused, after=place, limit=CALLS))
            if not rows:
                return
            place = (rows[-1]["at"], rows[-1]["call_id"])
            now = self._folder.clock.now()
            yield self._folder.store.call(partial(kept.erase_calls, rows=rows, at=now, actor=actor, what=what))

    def _before(self, day: date) -> dict[str, datetime]:
        """The times before which each sort is due by the end of a day: its last day has come."""
        return {
            name: datetime.combine(add_months(day, -months) + timedelta(days=1), time(), LONDON)
            for name, months in self.months.items()
        }

    def _exports(self) -> int:
        """Bundles that were made and never fetched."""
        count = 0
        oldest = self._folder.clock.now().timestamp() - EXPORT_DAYS * 86400
        exports = self._folder.config.data / "exports"
        for each in exports.iterdir() if exports.is_dir() else ():
            if each.is_dir() and not each.is_symlink() and each.stat().st_mtime < oldest:
                shutil.rmtree(each, ignore_errors=True)
                count += 1
        return count


# --- asked -----------------------------------------------------------------------------------------------------------


class TermDue(Response, frozen=True):
    """One term."""

    name: str
    """``calls``, ``refused``, ``requests``, ``contacts``."""
    what: str
    """In words."""
    months: int
    due: int
    """Past it now, held ones among them; of a sweep: how many went."""
    soon: int
    """Past it within so many days as were asked for."""


class TermsNow(Response, frozen=True, kw_only=True):
    """The terms of what is personal beside recordings."""

    dry_run: bool
    terms: list[TermDue]
    held: int
    """Of a sweep: calls that stay for a hold, a recording that is still kept, or an open request."""
    waits: str
    """Why the daily sweep of these terms does not run; empty where it does."""


class RetentionTermsShow(Request[TermsNow], frozen=True):
    """The terms of call records, refused attempts, requests that are over and idle contacts, and what is due."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3660), about("How far to look ahead, in days.")] = 30


WORDS: Final[Mapping[str, str]] = {
    "calls": "call records",
    "refused": "refused attempts",
    "requests": "requests that are over, released holds",
    "contacts": "contacts neither imported nor called",
}


def _rows(sweep: TermSweep, counts: Mapping[str, Any], soon: Mapping[str, int]) -> list[TermDue]:
    return [TermDue(name, WORDS[name], sweep.months[name], int(counts[name]), int(soon[name])) for name in SORTS]


@operation(RetentionTermsShow, "retention_terms", roles=EVERYBODY)
def retention_terms(folder: DataFolder, asked: RetentionTermsShow, caller: Caller) -> TermsNow:
    """Show the terms of what is personal beside recordings, what is past them, and what will be."""
    due = folder.terms.due()
    rows = _rows(folder.terms, due, folder.terms.due(asked.days))
    return TermsNow(dry_run=True, terms=rows, held=0, waits=folder.terms.waits(due))


class RetentionTermsSweep(Request[TermsNow], frozen=True):
    """Empty what is past its term."""


@operation(RetentionTermsSweep, "retention_terms_sweep", roles=KEEPERS)
def retention_terms_sweep(folder: DataFolder, asked: RetentionTermsSweep, caller: Caller) -> TermsNow:
    """Empty what is past its term: values and salts go, the log's leaves stay."""
    done = folder.terms.sweep(caller.actor)
    return TermsNow(
        dry_run=False,
        terms=_rows(folder.terms, done["gone"], folder.terms.due(30)),
        held=done["held"],
        waits=folder.terms.waits(),
    )
