"""Terms of what is personal beside recordings: call records, refused attempts, requests that are over and holds that
were released, consents that have ended and objections that were taken back, contacts that nobody calls nor imports
any more. What is due, the dry run, and the sweep that empties it.

What goes are the values and salts of facts (``gate.store.erasure``): leaves and rows stay, and so do counts. An
objection and a consent have no term while they hold, nor has a hold.

It runs after the daily sweep of recordings, under the same doubts about the clock. The first time that anything is due,
and where a term has become shorter since, it waits until somebody has looked and executed it once by hand.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.core.days import LONDON
from gate.core.facts.lists import Objection
from gate.core.facts.retention import TermsSwept
from gate.core.retention import add_months
from gate.core.rows.retention import CallPast
from gate.errors import RefusedError
from gate.log import Logger
from gate.operations.erasure.plan import GONE, keepers
from gate.operations.operation import EVERYBODY, KEEPERS, Caller, Request, Response, about, operation
from gate.store import erasure, transfers
from gate.store import requests as book
from gate.store.transaction import StoreTransaction
from gate.types import batched

if TYPE_CHECKING:
    from gate.config.schema import Retention
    from gate.operations.data_folder import DataFolder

log = Logger()

SORTS: Final = ("calls", "refused", "requests", "lists", "contacts")
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
    """The sweep of terms of one data folder. Blocking and thread-safe; one at a time."""

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
        months = self._folder.config.consent.months
        return self._folder.read(lambda tx: erasure.due(tx, self._before(day), self._over(day), months))

    def waits(self, due: Mapping[str, int] | None = None) -> str:
        """What keeps the daily one from running until somebody has looked; empty where nothing does."""
        last = self._folder.read(erasure.last_swept)
        if last is not None:
            shorter = [name for name in SORTS if self.months[name] < last.months.get(name, self.months[name])]
            return f"the terms of {', '.join(shorter)} have become shorter: {_LOOK}" if shorter else ""
        if any((self.due() if due is None else due).values()):
            return f"personal data are past their term, and were never swept: {_LOOK}"
        return ""

    def daily(self) -> TermsSwept | None:
        """Once a day, after the sweep of recordings. Raises ``RefusedError`` (``retention_waits``) where somebody has
        to look first."""
        last = self._folder.read(erasure.last_swept)
        if last is not None and last.day >= self._folder.today().isoformat():
            return None
        now = self._folder.clock.now().astimezone(LONDON)
        if now.time() < time.fromisoformat(self._folder.config.retention.sweep_at):
            return None
        if why := self._folder.retention.waits() or self.waits():
            raise RefusedError(f"the daily sweep of terms waits: {why}", reason="retention_waits")
        return self.sweep("gate")

    def sweep(self, actor: str) -> TermsSwept:
        """Empty what is due, and keep the fact that says how much. Harmless twice. Raises ``RefusedError``
        (``sweep_running``), ``StoreError``."""
        if not self._one.acquire(blocking=False):
            raise RefusedError("a sweep of terms is running", reason="sweep_running", hint="Wait until it is done.")
        try:
            return self._sweep(actor)
        finally:
            self._one.release()

    # --- steps

    def _sweep(self, actor: str) -> TermsSwept:
        today = self._folder.today()
        before, over = self._before(today), self._over(today)
        gone = dict.fromkeys(SORTS, 0)
        held = 0
        for name, refused in (("calls", False), ("refused", True)):
            for went, stay in self._calls(before[name], name, actor, refused=refused):
                gone[name] += went
                held += stay
        for leaves in self._folder.read(lambda tx: erasure.records_over(tx, over["requests"])):
            if not self._stopped.is_set():
                self._empty(leaves, "requests", actor)
                gone["requests"] += 1
        for went, stay in self._entries(over["lists"], actor):
            gone["lists"] += went
            held += stay
        gone["contacts"] = self._folder.store.call(partial(erasure.forget_faults, before=before["contacts"]))
        while not self._stopped.is_set():
            went = self._folder.store.call(partial(erasure.forget_idle, before=before["contacts"], limit=CONTACTS))
            gone["contacts"] += went
            if not went:
                break
        # who has a line is kept for contacts and consents, which have gone by now
        gone["lists"] += sum(went for went, _ in self._entries(over["lists"], actor))
        words = self._folder.read(
            lambda tx: [*erasure.words_about_gone_contacts(tx), *erasure.old_words(tx, over["requests"])]
        )
        self._empty(words, "contacts", actor)
        body = TermsSwept(
            day=today.isoformat(), months=dict(self.months), gone=gone, held=held, exports=self._exports()
        )
        self._folder.keep(body, erasure.TERMS, actor)
        if (words or any(gone.values())) and not self._folder.store.scrub():
            log.warning("terms_not_scrubbed", hint="the write-ahead log is cut at the next quiet moment")
        log.info(body.kind, held=held, **gone)
        return body

    def _calls(self, before: datetime, what: str, actor: str, *, refused: bool) -> Iterator[tuple[int, int]]:
        place = ("", "")
        while not self._stopped.is_set():
            page = partial(erasure.call_page, before=before, refused=refused, after=place, limit=CALLS)
            rows = self._folder.read(page)
            if not rows:
                return
            place = (rows[-1].at, rows[-1].call_id)
            now = self._folder.clock.now()
            yield self._folder.store.call(partial(erase_calls, rows=rows, at=now, actor=actor, what=what))

    def _entries(self, over: date, actor: str) -> Iterator[tuple[int, int]]:
        months = self._folder.config.consent.months
        for part in batched(self._folder.read(lambda tx: erasure.entries_over(tx, over, months)), CALLS):
            if not self._stopped.is_set():
                now = self._folder.clock.now()
                work = partial(erase_entries, numbers=part, over=over, months=months, at=now, actor=actor)
                yield self._folder.store.call(work)

    def _empty(self, leaves: Collection[int], what: str, actor: str) -> None:
        now = self._folder.clock.now()
        self._folder.store.call(lambda tx: _emptied(tx, leaves, at=now, actor=actor, what=what))

    def _before(self, day: date) -> dict[str, datetime]:
        """The times before which each sort is due by the end of a day: its last day has come."""
        return {
            name: datetime.combine(add_months(day, -months) + timedelta(days=1), time(), LONDON)
            for name, months in self.months.items()
        }

    def _over(self, day: date) -> dict[str, date]:
        """The days by which records must have been over to be due."""
        return {name: add_months(day, -self.months[name]) for name in ("requests", "lists")}

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


def erase_calls(
    tx: StoreTransaction, rows: Sequence[CallPast], *, at: datetime, actor: str, what: str
) -> tuple[int, int]:
    """Empty the facts of these calls that name a number, but for calls that are held, that still have a recording or
    whose callee is heard in that of another one, or whose number somebody with an open request has. Returns how many
    calls went, and how many stay."""
    ids = list(dict.fromkeys(row.call_id for row in rows))  # one that was recorded in parts has a row for each
    numbers = sorted({row.number for row in rows if row.number})
    calls = book.calls(tx, ids)
    held = keepers(tx, numbers, calls, lambda _: True).calls
    asking = _asking(tx)
    onward = {call: [each.call_id for each in there] for call, there in transfers.after(tx, ids).items()}
    there = book.calls(tx, {call for calls in onward.values() for call in calls})
    recorded = {each.call_id for each in (*calls, *there) if each.recording not in GONE}
    going = {
        each.call_id: each.number
        for each in calls
        if each.call_id not in held
        and each.number not in asking
        and recorded.isdisjoint([each.call_id, *onward.get(each.call_id, ())])
    }
    leaves = erasure.call_leaves(tx, list(going), [number for number in going.values() if number])
    _emptied(tx, [*leaves, *erasure.words_about_calls(tx, going)], at=at, actor=actor, what=what)
    return len(going), len(ids) - len(going)


def erase_entries(
    tx: StoreTransaction, numbers: Sequence[str], *, over: date, months: int, at: datetime, actor: str
) -> tuple[int, int]:
    """Empty objections of these numbers that were taken back, and consents that have ended (``entries_over``), but for
    numbers that are held, or that somebody with an open request has. Returns of how many numbers something went, and
    how many stay.

    Who took a consent back stays uncallable: an objection with the keyed hash of the number alone takes its place.
    """
    staying = {hold.number for hold in book.holds_of(tx, numbers, ())} | _asking(tx)
    going = [number for number in numbers if number not in staying]
    leaves: list[int] = []
    for number in going:
        objections, consents = erasure.entries_of(tx, number, over, months)
        withdrawn = [each for each in tx.consents(number) if each.id in consents and each.withdrawn_at is not None]
        leaves += erasure.leaves_of(tx, [*objections, *consents])
        if withdrawn and not tx.objections(number):
            digest, last = tx.hash_of(number).hex(), max(each.withdrawn_at or at for each in withdrawn)
            body = Objection(number_hash=digest, source="withdrawal", note="", made_at=last.isoformat())
            tx.append(body.fact(f"{withdrawn[0].id}-o", at, actor))
    _emptied(tx, leaves, at=at, actor=actor, what="lists")
    return len(going), len(numbers) - len(going)


def _asking(tx: StoreTransaction) -> set[str]:
    """Numbers of people whose requests are not over."""
    return {number for row in book.open_ones(tx) for number in row.lines}


def _emptied(tx: StoreTransaction, leaves: Collection[int], *, at: datetime, actor: str, what: str) -> int:
    return erasure.empty(tx, leaves, subject=erasure.TERMS, at=at, actor=actor, basis="retention", what=what)


# --- asked -----------------------------------------------------------------------------------------------------------


class TermDue(Response, frozen=True):
    """One term."""

    name: str
    """``calls``, ``refused``, ``requests``, ``lists``, ``contacts``."""
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
    """Calls that a sweep leaves: for a hold, a recording that is still kept, or an open request."""
    waits: str
    """Why the daily sweep of these terms does not run; empty where it does."""


class RetentionTermsShow(Request[TermsNow], frozen=True):
    """The terms of call records, refused attempts, requests that are over and idle contacts, and what is due."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3660), about("How far to look ahead, in days.")] = 30


WORDS: Final[Mapping[str, str]] = {
    "calls": "call records",
    "refused": "refused attempts",
    "requests": "requests that are over, released holds",
    "lists": "consents that ended, objections taken back, who has a line",
    "contacts": "contacts neither imported nor called",
}


def _rows(sweep: TermSweep, counts: Mapping[str, int], soon: Mapping[str, int]) -> list[TermDue]:
    return [TermDue(name, WORDS[name], sweep.months[name], counts[name], soon[name]) for name in SORTS]


@operation(RetentionTermsShow, "retention_terms", roles=EVERYBODY)
def retention_terms(folder: DataFolder, asked: RetentionTermsShow, caller: Caller) -> TermsNow:
    """Show the terms of what is personal beside recordings, what is past them, and what will be."""
    due = folder.one(TermSweep).due()
    rows = _rows(folder.one(TermSweep), due, folder.one(TermSweep).due(asked.days))
    return TermsNow(dry_run=True, terms=rows, held=0, waits=folder.one(TermSweep).waits(due))


class RetentionTermsSweep(Request[TermsNow], frozen=True):
    """Empty what is past its term."""


@operation(RetentionTermsSweep, "retention_terms_sweep", roles=KEEPERS, final=True)
def retention_terms_sweep(folder: DataFolder, asked: RetentionTermsSweep, caller: Caller) -> TermsNow:
    """Empty what is past its term: values and salts go, the log's leaves stay."""
    done = folder.one(TermSweep).sweep(caller.actor)
    return TermsNow(
        dry_run=False,
        terms=_rows(folder.one(TermSweep), done.gone, folder.one(TermSweep).due(30)),
        held=done.held,
        waits=folder.one(TermSweep).waits(),
    )
