"""The CRM's contacts: kept with what the last screening said of them, and screened again when that may have changed.

The stored verdict is for reports alone. No decision is ever made from it: every call is screened afresh.

All contacts are screened again where another edition of a register is in force than the one they rest on, and one
number alone where a fact of the log speaks of its objections or consents. The log is the only thing that is looked at
for that, so it does not matter how an objection came in. A running gate looks every few seconds on a thread of its own;
without one the commands that look at contacts do it first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import UNSET

from gate.calls.screener import Screener
from gate.core.evidence import stamp
from gate.core.facts import Body
from gate.core.facts import lists as facts
from gate.core.hours import Hours
from gate.core.rows.lists import ContactList, RegisterIdentity
from gate.core.terms import Attempt, Purpose, Topic
from gate.errors import GateError, RefusedError, RegisterError, UsageError
from gate.log import Logger
from gate.operations.data_folder import Cancellations, rules_of
from gate.operations.lists.entries import instigator_of
from gate.operations.operation import KEEPERS, Caller, Request, Response, about, operation
from gate.operations.registers.in_force import states
from gate.store import contacts as rows
from gate.types import Progress

if TYPE_CHECKING:
    from gate.operations.contacts.states import Listed
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

log = Logger()

SOME: Final = 200
"""Own entries looked through in one transaction."""
LEAVES: Final = 5_000
"""Leaves without own entries after which the place in the log is written down."""
DROPPED: Final = 2_000
"""Rows of an old list deleted in one transaction."""
IMPORT: Final = "contacts"
"""What may be cancelled."""

WHOSE_LIST: Final = about(
    "The instigator whose list it is, as [[instigator]] names it.", "On behalf of", absent="the firm's own"
)
T = TypeVar("T")
Editions = list[tuple[str, str, str]]
"""What of the registers a verdict depends on."""


def identity(registers: Iterable[RegisterIdentity]) -> Editions:
    """The editions that something rests on."""
    return [(each.name, each.state, each.sha256) for each in registers]


class Contacts:
    """Blocking and thread-safe; one import or screening at a time."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._one = threading.Lock()
        self._stopped = threading.Event()
        self._tried: dict[int, tuple[Editions, Editions]] = {}
        """By list."""
        self.imports = Cancellations(lambda _: _busy())
        """The import under way, by the name ``IMPORT``."""
        self.background = False
        """A running gate calls ``follow`` every few seconds: no operation needs to wait for it."""

    # --- changing

    def importing(self, work: Callable[[], T]) -> T:
        """What ``work``, an import, returns; no other import or screening runs meanwhile.

        Raises ``RefusedError`` (``contacts_busy``) too.
        """
        with self._alone(), self.imports.running(IMPORT):
            self._sweep()
            try:
                return work()
            finally:
                self._catch_up()
                self._sweep()

    def drop(self, on_behalf_of: str, body: Callable[[ContactList], Body], actor: str) -> ContactList:
        """Delete the whole list of a firm. Raises ``UsageError`` where there is none."""
        with self._alone():
            current = self.in_force(on_behalf_of)
            if current is None:
                raise UsageError("there is no list of that firm", hint="See: dialgate contacts status")

            def work(tx: StoreTransaction) -> None:
                rows.take_out(tx, current.list)
                tx.append(self._folder.fact(body(current), "contacts", actor))

            self._folder.store.call(work)
            self._sweep()
        if not self._folder.store.scrub():
            log.warning("contacts_not_scrubbed", hint="the write-ahead log is cut at the next quiet moment")
        return current

    def rescreen(self, actor: str, progress: Progress | None = None) -> list[facts.ContactsScreened]:
        """Screen all of them now, list by list: what changed; nothing where there are none."""
        with self._alone():
            return [self._rescreen(each, actor, "asked", progress) for each in self.lists()]

    def follow(self, progress: Progress | None = None) -> list[facts.ContactsScreened]:
        """Screen again what may have changed; at once back where another thread is at it, or nothing has changed.

        Returns what the screenings of whole lists came to. Raises ``StoreError``, ``RegisterError``.
        """
        if not self._one.acquire(blocking=False):
            return []
        try:
            self._sweep()
            found = []
            wanted = self.editions() if (lists := self.lists()) else []
            for each in lists:
                held = identity(each.registers or ())
                if wanted != held and self._tried.get(each.list) != (wanted, held):
                    # Two looks at a damaged disk may differ for good: the same difference is acted on once.
                    found.append(self._rescreen(each, "gate", "register", progress))
                    self._tried[each.list] = (wanted, held)
            self._catch_up()
            return found
        finally:
            self._one.release()

    def up_to_date(self) -> None:
        """Without a gate that does it in the background, what may have changed is screened again now."""
        if not self.background:
            self.follow()

    def stop(self) -> None:
        """The gate ends: an import or a screening under way ends soon, and what it has not done is done next time."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """The gate is ending."""
        return self._stopped.is_set()

    # --- looking

    def lists(self) -> list[ContactList]:
        """The lists in force, the firm's own first."""
        return self._folder.store.call(rows.in_force)

    def in_force(self, on_behalf_of: str = "") -> ContactList | None:
        """The list in force of an instigator, or the firm's own; None where there is none. Raises ``UsageError`` for a
        firm that is not called for and has none."""
        name = on_behalf_of.strip().lower()
        found = next((each for each in self.lists() if each.on_behalf_of == name), None)
        if found is None:
            instigator_of(self._folder, name)
        return found

    def state(self) -> object:
        """Another one after each change of the contacts; None where there are none."""
        return [(each.list, each.screened_at, each.leaf) for each in self.lists()] or None

    def newly_blocked(self, since: int, until: int | None, take: Callable[[Iterator[rows.ContactRow]], T]) -> T | None:
        """What ``take`` makes of those that were newly blocked in these seconds; None while an import or a screening
        runs, which may add some, and where there are no contacts."""
        if not self._one.acquire(blocking=False):
            return None
        try:
            lists = self.lists()
            if not lists:
                return None
            return self._folder.read(
                lambda reader: take(row for each in lists for row in rows.newly_blocked(reader, each, since, until))
            )
        finally:
            self._one.release()

    def editions(self) -> Editions:
        """What of the registers in force a verdict depends on; compare it with ``identity``."""
        return identity(row.identity for row in states(self._folder))

    # --- around the import of a register

    def listed(self, name: str) -> Listed | None:
        """The numbers that a register lists now, for ``compared``; None where there are no contacts, or no edition that
        is sound."""
        return self._listed(name) if self.lists() else None

    def compared(self, name: str, before: Listed | None) -> dict[str, int] | None:
        """How many contacts the edition now in force lists that the one before did not, and the other way round."""
        lists, after = self.lists(), self._listed(name)
        if not lists or after is None:
            return None
        try:
            found = self._folder.read(
                lambda reader: [after.compared(rows.states(reader, each.list), before) for each in lists]
            )
        except RegisterError:
            return None
        return {what: sum(each[what] for each in found) for what in found[0]}

    def _listed(self, name: str) -> Listed | None:
        from gate.operations.contacts.states import Listed  # with numpy, as below: a list is shown without it

        try:
            return Listed.in_force(self._folder.config.data / "registers", name)
        except RegisterError:
            return None

    # --- steps

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one.acquire(timeout=0.0 if not self.background else 10.0):
            raise _busy()
        try:
            yield
        finally:
            self._one.release()

    def _sweep(self) -> None:
        """Delete what is left of lists that were replaced, or whose import was cut off, a piece at a time."""
        store = self._folder.store
        for each in store.call(rows.leftovers):
            while not self.stopped:
                if not store.call(partial(rows.drop_some, list_id=each, limit=DROPPED)):
                    break

    def _rescreen(
        self, current: ContactList, actor: str, why: str, progress: Progress | None
    ) -> facts.ContactsScreened:
        from gate.operations.contacts.states import AT_ONCE, Outcomes, States, batches, bulk_screener, rescreened

        folder, now = self._folder, self._folder.clock.now()
        leaf = folder.store.call(rows.head)  # before own lists are read: what comes now is followed afterwards
        screener = bulk_screener(  # at any hour, however soon
            folder.config,
            purpose="marketing",
            topic=current.topic,
            on_behalf_of=current.on_behalf_of,
            actor="gate",
            now=now,
            at=None,
        )
        known = folder.read(lambda reader: States(rows.states(reader, current.list)))
        totals = {"newly_blocked": 0, "newly_allowed": 0}
        pieces = rescreened(known, screener, Outcomes(folder.store), int(now.timestamp()))
        for done, (change, counts) in enumerate(pieces, start=1):
            for batch in batches(change):
                if self.stopped:
                    raise GateError("the gate is stopping", hint="the screening of the contacts goes on next time")
                folder.store.call(partial(rows.change, list_id=current.list, rows=batch))
            totals = {name: totals[name] + counts[name] for name in totals}
            if progress:
                progress(min(done * AT_ONCE / max(len(known.numbers), 1), 1.0), "screening the contacts")
        registers = screener.registers.identities
        body = facts.ContactsScreened(
            why=why,
            on_behalf_of=current.on_behalf_of or UNSET,
            contacts=known.contacts,
            topic=current.topic,
            registers=registers,
            **totals,
        )

        def over(tx: StoreTransaction) -> None:
            rows.screened(tx, current.list, at=stamp(now), registers=registers, leaf=leaf)
            tx.append(folder.fact(body, "contacts", actor))

        folder.store.call(over)
        log.info(body.kind, why=why, contacts=known.contacts, **totals)
        self._catch_up()
        return body

    def _catch_up(self) -> None:
        """Screen again each number whose own entries have changed."""
        while not self.stopped and self._folder.store.call(self._some):
            pass

    def _some(self, tx: StoreTransaction) -> bool:
        """A piece of that, in one transaction; True where there is more."""
        more = False
        for current in rows.in_force(tx):
            numbers, leaf, here = rows.touched(tx, current.leaf, SOME)
            rows.change(tx, current.list, self._changes(tx, current, numbers))
            if numbers or leaf - current.leaf > LEAVES:
                rows.followed(tx, current.list, leaf)
            more = more or here
        return more

    def _changes(
        self, tx: StoreTransaction, current: ContactList, numbers: Sequence[str]
    ) -> Iterable[tuple[int, int, int, str | None]]:
        now, presentation = self._folder.clock.now(), self._folder.config.firm.numbers[0]
        for number in numbers:
            held = rows.contact_of_number(tx, current.list, int(number[1:]))
            if held is None:
                continue
            asked = (number, Purpose.MARKETING, Topic(current.topic), presentation, False, "gate")
            attempt = Attempt(*asked, on_behalf_of=current.on_behalf_of)
            decision = self._at_any_hour.check(tx, attempt, now)
            verdict, reason = decision.verdict.value, decision.reason.value
            if (verdict, reason) == (held.verdict, held.reason):
                continue
            same = verdict == held.verdict
            since, was = (held.since, held.was) if same else (int(now.timestamp()), held.verdict)
            yield int(number[1:]), rows.outcome_of(tx, verdict, reason), since, was

    @cached_property
    def _at_any_hour(self) -> Screener:
        """The rules for one number, calling hours and redial pause left out."""
        rules = replace(rules_of(self._folder.config), hours=Hours.always(), redial=timedelta(0))
        return Screener(self._folder.registers, rules)


def _busy() -> RefusedError:
    return RefusedError(
        "the contacts are being imported or screened", reason="contacts_busy", hint="Wait until that is done."
    )


# --- the operation -------------------------------------------------------------------------------------------------


class ContactsScreened(Response, frozen=True):
    """What a screening of all contacts came to."""

    why: str
    contacts: int
    newly_blocked: int
    newly_allowed: int
    topic: str
    """With commas, where lists are about several."""
    registers: list[RegisterIdentity]


class ContactsRescreen(Request[ContactsScreened], frozen=True):
    """Screen all contacts now."""


@operation(ContactsRescreen, "contacts_rescreen", roles=KEEPERS, streams=True)
def contacts_rescreen(folder: DataFolder, asked: ContactsRescreen, caller: Caller) -> ContactsScreened:
    """Screen all contacts now, whatever has changed."""
    found = folder.one(Contacts).rescreen(caller.actor, caller.progress)
    if not found:
        raise UsageError("there are no contacts", hint="first: dialgate contacts import FILE")
    return ContactsScreened(
        why=found[-1].why,
        contacts=sum(each.contacts for each in found),
        newly_blocked=sum(each.newly_blocked for each in found),
        newly_allowed=sum(each.newly_allowed for each in found),
        topic=", ".join(dict.fromkeys(each.topic for each in found)),
        registers=found[-1].registers,
    )
