"""Retention: what goes when, the dry run, and the sweep that carries it out.

A sweep that people start is bound to a dry run by its digest: what was shown is what goes, less what was put on hold
meanwhile. The daily one runs by itself, but not where the configured terms have become shorter than those of the last
sweep, nor where the day is far from that of any sweep before: a clock that is ahead would erase what has years to go.
Then somebody has to look at a dry run first.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec.structs import asdict

from gate.clock import Clock
from gate.core.days import short_day
from gate.core.evidence import stamp
from gate.core.facts import retention as facts
from gate.core.retention import MONTHS, Day, Hold, Recording, Terms, asked, due, forecast, merge
from gate.core.rows import Page
from gate.core.rows.retention import (
    DueRecording,
    HeldRecording,
    HoldRow,
    KeptRecording,
    LastSweep,
    RetentionNow,
    RetentionTerms,
    Sweep,
)
from gate.errors import RefusedError
from gate.log import Logger
from gate.operations.erasure.recordings import BATCH, Outcome, RecordingEraser, hold_of, recording_of
from gate.store import kept
from gate.store.paging import parts
from gate.store.queries import Source
from gate.store.reader import Reader
from gate.store.store import EvidenceStore
from gate.types import Progress, batched
from gate.vault.sealed_files import SealedFiles

if TYPE_CHECKING:
    from gate.vault.keystore import KeyStoreDb

log = Logger()

PAGE = 500
SHOWN = 1000
"""Ids and names in one answer, at most; counts and the digest are of all."""
STEADY_DAYS = 14
"""A clock that has moved on by more since the last sweep is not believed before somebody has looked."""
_LOOK = "look at dialgate retention sweep --dry-run, then execute it by hand once"
ASKED_SECONDS = 60.0
"""How long an erasure that was asked for waits for a sweep to end."""


@dataclass(slots=True)
class Plan:
    """What a sweep would do: as of a day, under these terms."""

    today: date
    digest: str
    due: list[str] = field(default_factory=list)
    held: list[tuple[str, str]] = field(default_factory=list)
    """(recording id, name of the hold)."""
    unfinished: int = 0
    """Erasures that were decided before and have no receipt yet: carried out in any case."""

    def shown(self) -> Sweep:
        """The plan as a dry run."""
        return Sweep(
            dry_run=True,
            day=self.today,
            digest=self.digest,
            due=len(self.due),
            held=len(self.held),
            unfinished=self.unfinished,
            due_ids=self.due[:SHOWN],
            held_by=_held_by(self.held),
        )


T = TypeVar("T")


class Read(Protocol):
    """``DataFolder.read``."""

    def __call__(self, query: Callable[[Reader], T], /) -> T:
        """What ``query`` finds. Raises ``StoreError``."""
        ...


class Retention:
    """Blocking and thread-safe; one sweep at a time."""

    def __init__(
        self,
        *,
        store: EvidenceStore,
        read: Read,
        keys: KeyStoreDb,
        files: SealedFiles,
        terms: Terms,
        backup_days: int,
        sweep_at: time,
        clock: Clock,
    ) -> None:
        """``sweep_at``: when the daily sweep begins, a time of day where
        ``terms`` counts its days."""
        self._store, self._read = store, read
        self.terms = terms
        self.backup_days = backup_days
        self.sweep_at = sweep_at
        self._clock = clock
        self._eraser = RecordingEraser(store, keys, files, clock, backups_until=self.backups_until)
        self._one = threading.Lock()
        self._stopped = threading.Event()

    # --- looking

    def today(self) -> date:
        """The day, where the firm is."""
        return self._clock.now().astimezone(self.terms.timezone).date()

    def plan(self) -> Plan:
        """What a sweep would erase now. Nothing is changed."""
        today = self.today()
        digest = hashlib.sha256(f"retention {today} {asdict(terms_of(self.terms))}\n".encode())
        plan = Plan(today, "")
        for recordings, holds, unfinished in self._pages(today):
            found = due(recordings, holds, today, self.terms)
            for each in found.due:
                digest.update(f"{each.id}\n".encode())
                plan.due.append(each.id)
            plan.held += [(each.id, hold.name) for each, hold in found.held]
            plan.unfinished += unfinished
        plan.digest = digest.hexdigest()[:32]
        return plan

    def forecast(self, days: int) -> list[Day]:
        """What goes on each of the next days; what should have gone before is today's."""
        today = self.today()
        pages = self._pages(today + timedelta(days=days))
        return merge(*(forecast(recordings, holds, today, days, self.terms) for recordings, holds, _ in pages))

    def on_day(self, day: date, after: str | None, limit: int) -> Page[DueRecording]:
        """The recordings that go on a day, oldest first, each with the name of what holds it; a page of them.

        Today's are what a sweep would erase now: what should have gone before too. No day before today has any.
        """
        today = self.today()
        items: list[DueRecording] = []
        if day < today:
            return Page(items=items)
        late = [("", self.terms.horizon(today))]
        spans = [(stamp(start), end) for start, end in self.terms.spans(day)] if day > today else late
        at, recording_id = ("", "") if after is None else parts(after, 2)
        for start, end in spans:
            for rows, holds in self._between(max((at, recording_id), (start, "")), end):
                found = due([recording_of(row) for row in rows], holds, day, self.terms)
                names = {each.id: hold.name for each, hold in found.held}
                going = {
                    each.id
                    for each in (*found.due, *(held for held, _ in found.held))
                    if day == today or self.terms.last_day(each) == day
                }
                items += [_going(row, names.get(row.recording_id)) for row in rows if row.recording_id in going]
                if len(items) > limit:
                    last = items[limit - 1]
                    return Page(items=items[:limit], next=f"{last.opened_at} {last.recording_id}")
        return Page(items=items)

    def _between(self, after: tuple[str, str], end: datetime) -> Iterator[tuple[list[KeptRecording], list[Hold]]]:
        """Recordings not erased, nor on their way out, opened before ``end``, oldest first, with their holds."""
        place: tuple[str, str] | None = after
        while place is not None:
            rows, holds, place = self._store.call(partial(self._page, horizon=end, after=place))
            yield [row for row in rows if not row.erasing_at], [hold_of(row) for row in holds]

    def status(self) -> RetentionNow:
        """Terms, what is due, what is held, the last sweep and what keeps the next one from running."""
        plan = self.plan()
        last = self._last()
        return RetentionNow(
            terms=terms_of(self.terms),
            sweep_at=f"{self.sweep_at:%H:%M}",
            backup_days=self.backup_days,
            day=plan.today,
            due=len(plan.due),
            held=len(plan.held),
            unfinished=plan.unfinished,
            last=last,
            waits=self._waits(last),
        )

    def waits(self) -> str:
        """What keeps the daily sweep from running until somebody has executed a dry run; empty where nothing does."""
        return self._waits(self._last())

    def _pages(self, until: date) -> Iterator[tuple[list[Recording], list[Hold], int]]:
        """Recordings that may be due by a day with the holds on them, and how many of each page are under way."""
        after: tuple[str, str] | None = None
        horizon = self.terms.horizon(until)
        while True:
            rows, holds, after = self._read(partial(self._page, horizon=horizon, after=after))
            open_ = [recording_of(row) for row in rows if not row.erasing_at]
            yield open_, [hold_of(row) for row in holds], len(rows) - len(open_)
            if after is None:
                return

    def _page(
        self, tx: Source, horizon: datetime, after: tuple[str, str] | None
    ) -> tuple[list[KeptRecording], list[HoldRow], tuple[str, str] | None]:
        rows, following = kept.oldest(tx, horizon, after, PAGE)
        return rows, kept.holds_on(tx, [row.recording_id for row in rows]), following

    # --- sweeping

    def at_start(self) -> Outcome:
        """Before the line opens: erasures under way are finished, and what came back from a backup goes again."""
        with self._alone():
            outcome = self._eraser.resume("gate")
            outcome.add(self._eraser.replay("gate", bucket=False))  # its list may be long: the sweep reads it
        return outcome

    def sweep(
        self, *, actor: str, digest: str | None = None, reason: str = "", progress: Progress | None = None
    ) -> Sweep:
        """Erase what is due, and keep the fact ``retention_swept``, and ``reason`` where one is given. Harmless twice.

        With ``digest``, only what the dry run of that digest showed. Raises ``RefusedError`` (``sweep_running``;
        ``plan_changed`` where a dry run now would show something else), and what erasing raises: then the next sweep
        goes on where this one ended.
        """
        with self._alone():
            before = self._eraser.resume(actor)
            before.add(self._eraser.replay(actor))
            plan = self.plan()
            if digest is not None and digest != plan.digest:
                raise RefusedError(
                    f"what is due is not what dry run {digest} showed",
                    reason="plan_changed",
                    hint="Look again: dialgate retention sweep --dry-run",
                )
            return self._execute(plan, before, actor, reason, progress)

    def _execute(self, plan: Plan, before: Outcome, actor: str, reason: str, progress: Progress | None) -> Sweep:
        basis = f"retention, swept {plan.today}"
        outcome = Outcome()
        done = 0
        while done < len(plan.due) and not self._stopped.is_set():
            part = plan.due[done : done + BATCH]
            outcome.add(
                self._eraser.erase(part, lambda r, h: due(r, h, plan.today, self.terms), basis=basis, actor=actor)
            )
            done += len(part)
            if progress is not None:
                progress(done / len(plan.due), "erasing")
        faults = before.faults + outcome.faults
        held = plan.held + outcome.held
        swept = facts.RetentionSwept(
            day=plan.today.isoformat(),
            digest=plan.digest,
            due=len(plan.due),
            erased=outcome.erased,
            resumed=before.erased,
            held=len(held),
            faults=len(faults),
            unknown_files=before.unknown,
            complete=done >= len(plan.due),
            terms=asdict(terms_of(self.terms)),
        )
        now = self._clock.now()
        bodies = [swept, facts.RetentionReason(reason=reason)] if reason else [swept]
        self._store.call(lambda tx: [tx.append(each.fact("retention", now, actor)) for each in bodies])
        log.info(swept.kind, **swept.values())
        return Sweep(
            dry_run=False,
            day=plan.today,
            digest=plan.digest,
            due=swept.due,
            erased=swept.erased,
            resumed=swept.resumed,
            held=swept.held,
            faults=swept.faults,
            unknown_files=swept.unknown_files,
            complete=swept.complete,
            terms=terms_of(self.terms),
            reason=reason or None,
            ok=not faults and swept.complete,
            fault_list=faults[:SHOWN],
            held_by=_held_by(held),
        )

    def erase_asked(
        self, recording_ids: Sequence[str], *, basis: str, actor: str, own: Collection[str] = ()
    ) -> Outcome:
        """Erase these recordings because somebody asked for it, but for what is held; waits for a sweep under way.
        ``own``: ids of the person's own restrictions, which hold nothing against them.

        Raises ``RefusedError`` (``sweep_running``) where that takes too long, and what erasing raises.
        """
        outcome = Outcome()
        with self._alone(ASKED_SECONDS):
            for part in batched(recording_ids, BATCH):
                outcome.add(self._eraser.erase(part, partial(asked, but=own), basis=basis, actor=actor))
        return outcome

    def backups_until(self) -> date:
        """Until when a backup that was made before now may hold ciphertext."""
        return self.today() + timedelta(days=self.backup_days)

    def daily(self) -> Sweep | None:
        """The daily sweep, where its time has come and it has not been done: the sweep's answer, else None.

        A day that was missed is made up for at once. Raises as ``sweep``, and ``RefusedError`` (``retention_waits``)
        where somebody has to look at a dry run first: see ``waits``.
        """
        now = self._clock.now().astimezone(self.terms.timezone)
        last = self._last()
        if last is not None and last.complete:
            if last.day > now.date():  # the clock was ahead: what falls due until then must not be kept for it
                log.warning("retention_swept_ahead", day=last.day.isoformat(), today=now.date().isoformat())
            elif last.day == now.date() or (last.day == now.date() - timedelta(days=1) and now.time() < self.sweep_at):
                return None
        elif last is None and now.time() < self.sweep_at:
            return None
        if waits := self._waits(last):
            raise RefusedError(f"the daily sweep waits: {waits}", reason="retention_waits")
        return self.sweep(actor="gate")

    def stop(self) -> None:
        """The gate ends: a sweep under way ends after its batch."""
        self._stopped.set()

    # --- steps

    def _last(self) -> LastSweep | None:
        return self._read(kept.last_sweep)

    def _waits(self, last: LastSweep | None) -> str:
        before = last.terms if last else RetentionTerms(months=MONTHS, years={})
        if shorter(self.terms, before):
            return f"the terms have become shorter than those of the last sweep: {_LOOK}"
        today = self.today()
        if last is None:  # where the clock was right from the first day on, the first sweep has nothing to erase
            return f"recordings are due, and no sweep was ever made: is the clock right? {_LOOK}" if self._due() else ""
        # Of all sweeps, not of the last one: that may have been made while the clock was behind, or ahead.
        swept = self._read(partial(kept.swept_until, day=today.isoformat()))
        if swept is None or (today - date.fromisoformat(swept)).days <= STEADY_DAYS:
            return ""
        last_on = short_day(date.fromisoformat(swept))
        return f"the last sweep was on {last_on}, and today is {short_day(today)}: is the clock right? {_LOOK}"

    def _due(self) -> bool:
        """Whether a sweep would erase anything."""
        today = self.today()
        return any(due(recordings, holds, today, self.terms).due for recordings, holds, _ in self._pages(today))

    @contextmanager
    def _alone(self, seconds: float = 0.0) -> Iterator[None]:
        if not self._one.acquire(timeout=seconds):
            raise RefusedError("a sweep is running", reason="sweep_running", hint="Wait until it is done.")
        try:
            yield
        finally:
            self._one.release()


def _going(row: KeptRecording, hold: str | None) -> DueRecording:
    return DueRecording(
        recording_id=row.recording_id,
        call_id=row.call_id,
        opened_at=row.opened_at,
        purpose=row.purpose,
        claimed_by=row.claimed_by,
        held=hold,
    )


def _held_by(held: Sequence[tuple[str, str]]) -> list[HeldRecording]:
    return [HeldRecording(recording_id=key, hold=name) for key, name in held[:SHOWN]]


def terms_of(terms: Terms) -> RetentionTerms:
    """The terms as they go into evidence."""
    return RetentionTerms(months=terms.months, years=dict(sorted(terms.years.items())))


def shorter(terms: Terms, before: RetentionTerms) -> bool:
    """Whether any recording is kept for a shorter time than under the terms before."""
    years = {name: 12 * count for name, count in terms.years.items()}
    was = {name: 12 * count for name, count in before.years.items()}
    return terms.months < before.months or any(
        max(years.get(name, 0), terms.months) < max(months, before.months) for name, months in was.items()
    )
