"""The CRM's contacts: kept with what the last screening said of them, and screened again when that may have changed.

The stored verdict is for reports alone. No decision is ever made from it: every call is screened afresh.

They *follow*: all of them are screened again where another edition of a register is in force than the one they rest on,
and one number alone where a fact of the log speaks of its objections or consents. The log is the only thing that is
looked at for that, so it does not matter by which door an objection came. A running gate follows every few seconds on a
thread of its own; without one the commands that look at contacts follow first.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from gate.core.evidence import stamp
from gate.core.screening import Attempt, Purpose, Topic
from gate.core.showing import LONDON
from gate.errors import GateError, RefusedError, RegisterError
from gate.log import Logger
from gate.operations.contacts.contact_room import Key, Room, Wish
from gate.operations.contacts.ids import ContactIds
from gate.ports import Fact
from gate.store.transaction import StoreTransaction
from gate.types import Progress, Row

log = Logger()

SOME = 200
"""Own entries looked through in one transaction."""
LEAVES = 5_000
"""Leaves without own entries after which the place in the log is written down."""
ALL = 1_000_000
"""More contacts than one number has."""
DROPPED = 2_000
"""Rows of an old list deleted in one transaction."""

Listing = Callable[[Any], Any]


class Contacts:
    """Blocking and thread-safe; one import or screening at a time."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._one = threading.Lock()
        self._stopped = threading.Event()
        self._loading = False
        self._unwanted_by = ""
        """Who has asked for the end of the import under way."""
        self._tried: tuple[Any, Any] | None = None
        self.background = False
        """Somebody calls ``follow`` every few seconds: nobody else needs to wait for it."""

    # --- changing

    def load(self, wish: Wish, progress: Progress | None = None) -> Row:
        """Import a list; see ``contact_import``. Raises ``RefusedError`` (``contacts_busy``) too."""
        from gate.operations.contacts.list_import import ListImport

        with self._alone():
            self._sweep()
            self._loading, self._unwanted_by = True, ""
            try:
                return ListImport(self._room, wish, self._stopped.is_set, self._heeding(progress)).run()
            finally:
                self._loading = False
                self._catch_up()
                self._sweep()

    def cancel(self, actor: str) -> bool:
        """End an import that is under way: the contacts stay as they were. False where none is."""
        if not self._loading:
            return False
        self._unwanted_by = actor
        return True

    def _heeding(self, progress: Progress | None) -> Progress:
        def tell(done: float, what: str) -> None:
            if self._unwanted_by:
                raise GateError(
                    f"the import of contacts was stopped by {self._unwanted_by}", hint="the contacts are as they were"
                )
            if progress:
                progress(done, what)

        return tell

    def rescreen(self, actor: str, progress: Progress | None = None) -> Row | None:
        """Screen all of them now: what changed; None where there are none."""
        with self._alone():
            return self._rescreen(actor, "asked", progress)

    def follow(self, progress: Progress | None = None) -> Row | None:
        """Screen again what may have changed; at once back where another thread is at it, or nothing has changed.

        Returns what a screening of all came to. Raises ``StoreError``, ``RegisterError``.
        """
        if not self._one.acquire(blocking=False):
            return None
        try:
            self._sweep()
            current = self._in_force()
            if current is None:
                return None
            wanted = self._editions()
            held = _identity(current["registers"])
            if wanted != held and self._tried != (wanted, held):
                # Two looks at a damaged disk may differ for good: the same difference is acted on once.
                changed = self._rescreen("gate", "register", progress)
                self._tried = (wanted, held)
                return changed
            self._catch_up()
            return None
        finally:
            self._one.release()

    def forget(self, number: str, actor: str, *, digest: str | None = None, reason: str = "") -> int:
        """Delete an E.164 number's contacts, without a trace in the database's files; returns how many there were.

        With ``digest``, only what ``would_forget`` showed. Raises ``RefusedError`` (``plan_changed``).
        """
        room = self._room

        def work(tx: StoreTransaction) -> int:
            if digest is not None and self._forgetting(tx, number)["digest"] != digest:
                raise RefusedError(
                    "the contacts of this number are not what was shown", reason="plan_changed", hint="Look again."
                )
            gone = room.rows.forget_number(tx, number)
            if gone:
                body = {"contacts": gone} | ({"reason": reason} if reason else {})
                tx.append(Fact("contacts_forgotten", "contacts", room.clock.now(), actor, body))
            return gone

        gone: int = room.store.call(work)
        if gone and not room.scrub():
            log.warning("contacts_not_scrubbed", hint="the write-ahead log is cut at the next quiet moment")
        return gone

    def stop(self) -> None:
        """The gate ends: an import or a screening under way ends soon, and what it has not done is done next time."""
        self._stopped.set()

    # --- looking

    def status(self, since: datetime) -> Row:
        """Counts by verdict and reason, and what has changed since a time."""
        room = self._room
        current = self._in_force()
        if current is None:
            return {"contacts": 0, "verdicts": {}, "reasons": {}, "bad_rows": 0, "imported_at": None, "registers": []}
        with room.beside() as reader:
            counts = room.rows.counts(reader, current["list"])
            changes = room.rows.changes_since(reader, current["list"], int(since.timestamp()))
        verdicts: dict[str, int] = {}
        for row in counts:
            verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0) + row["contacts"]
        return {
            "contacts": sum(verdicts.values()),
            "verdicts": verdicts,
            "reasons": {row["reason"]: row["contacts"] for row in counts},
            "bad_rows": current["bad_rows"],
            "topic": current["topic"],
            "since": since.isoformat(),
            **changes,
            "imported_at": current["imported_at"],
            "imported_by": current["actor"],
            "source_name": current["source_name"],
            "screened_at": current["screened_at"],
            "registers": current["registers"],
            "up_to_date": _identity(current["registers"]) == self._editions(),
        }

    def page(
        self,
        after: str | None,
        limit: int,
        where: Mapping[str, Any],
        changed_since: datetime | None = None,
        text: str | None = None,
    ) -> Row:
        """A page of contacts, or of what has changed."""
        current = self._in_force()
        if current is None:
            return {"items": [], "next": None}
        second = int(changed_since.timestamp()) if changed_since else None
        with self._room.beside() as reader:
            rows, following = self._room.rows.page(
                reader, current["list"], _key(after), limit, where, changed_since=second, text=text
            )
        items = [_shown(self._room.ids, row, changes=second is not None) for row in rows]
        return {"items": items, "next": _cursor(following)}

    def named(self, ident: str) -> Row | None:
        """The contact with an id, as a page shows it, and in ``same_number`` how many contacts have its number; None
        where there is none."""
        named, current = self._room.ids.read(ident), self._in_force()
        if named is None or current is None:
            return None
        with self._room.beside() as reader:
            rows = [_shown(self._room.ids, row, changes=False) for row in self._of_number(reader, named.number)]
        found = next((row for row in rows if row["id"] == ident), None)
        return found and found | {"same_number": len(rows), "topic": current["topic"]}

    def would_forget(self, number: str) -> Row:
        """What ``forget`` would delete now: ``forgotten``, how many contacts, and ``digest``, by which it is bound to
        just these."""
        with self._room.beside() as reader:
            return self._forgetting(reader, number)

    def _forgetting(self, source: Any, number: str) -> Row:
        rows = self._of_number(source, int(number[1:]))
        digest = hashlib.sha256(f"forget {number}\n".encode())
        for row in rows:
            digest.update(f"{self._room.ids.of(row['number'], row['reference'])}\n".encode())
        return {"forgotten": len(rows), "digest": digest.hexdigest()[:32]}

    def _of_number(self, source: Any, number: int) -> list[Row]:
        """Every contact in force with the digits of an E.164 number."""
        current = self._room.rows.in_force(source)
        if current is None:
            return []
        return self._room.rows.page(source, current["list"], None, ALL, {"number": number}, changed_since=None)[0]

    def faults(self, after: str | None, limit: int) -> Row:
        """A page of what in the file was no contact."""
        current = self._in_force()
        if current is None:
            return {"items": [], "next": None}
        with self._room.beside() as reader:
            rows, following = self._room.rows.faults_page(reader, current["list"], _key(after), limit)
        return {"items": rows, "next": _cursor(following)}

    # --- around the import of a register

    def listing(self, name: str) -> Listing | None:
        """What tells which numbers a register lists now, for ``compared``; None where there are no contacts."""
        return self._room.listing(name) if self._in_force() else None

    def compared(self, name: str, before: Listing | None) -> Row | None:
        """How many contacts the edition now in force lists that the one before did not, and the other way round."""
        from gate.operations.contacts.states import States

        current, after = self._in_force(), self._room.listing(name)
        if current is None or after is None:
            return None
        with self._room.beside() as reader:
            states = States(self._room.rows.states(reader, current["list"]))
        try:
            now = after(states.numbers)
            was = before(states.numbers) if before else now & False
        except RegisterError:
            return None
        return {
            "newly_listed": int(states.weights[now & ~was].sum()),
            "no_longer_listed": int(states.weights[was & ~now].sum()),
        }

    # --- steps

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one.acquire(timeout=0.0 if not self.background else 10.0):
            raise RefusedError(
                "the contacts are being imported or screened", reason="contacts_busy", hint="Wait until that is done."
            )
        try:
            yield
        finally:
            self._one.release()

    def _in_force(self) -> Row | None:
        current: Row | None = self._room.store.call(self._room.rows.in_force)
        return current

    def _editions(self) -> Any:
        return _identity(self._room.registers.status(self._room.clock.now().astimezone(LONDON).date()))

    def _sweep(self) -> None:
        """Delete what is left of lists that were replaced, or whose import was cut off, a piece at a time."""
        room = self._room
        for each in room.store.call(room.rows.leftovers):
            while not self._stopped.is_set():
                if not room.store.call(partial(room.rows.drop_some, list_id=each, limit=DROPPED)):
                    break

    def _rescreen(self, actor: str, why: str, progress: Progress | None) -> Row | None:
        from gate.operations.contacts.states import AT_ONCE, Book, States, batches, rescreened

        room, now = self._room, self._room.clock.now()
        current = self._in_force()
        if current is None:
            return None
        leaf = room.store.call(room.rows.head)  # before own lists are read: what comes now is followed afterwards
        screener = room.screener(current["topic"], now)
        with room.beside() as reader:
            states = States(room.rows.states(reader, current["list"]))
        totals = {"newly_blocked": 0, "newly_allowed": 0}
        pieces = rescreened(states, screener, Book(room), int(now.timestamp()))
        for done, (change, counts) in enumerate(pieces, start=1):
            for batch in batches(change):
                if self._stopped.is_set():
                    raise GateError("the gate is stopping", hint="the screening of the contacts goes on next time")
                room.store.call(partial(room.rows.change, list_id=current["list"], rows=batch))
            totals = {name: totals[name] + counts[name] for name in totals}
            if progress:
                progress(min(done * AT_ONCE / max(len(states.numbers), 1), 1.0), "screening the contacts")
        registers = screener.registers.identities
        body = {"why": why, "contacts": states.contacts, **totals, "topic": current["topic"], "registers": registers}

        def over(tx: StoreTransaction) -> None:
            room.rows.screened(tx, current["list"], at=stamp(now), registers=registers, leaf=leaf)
            tx.append(Fact("contacts_screened", "contacts", room.clock.now(), actor, body))

        room.store.call(over)
        log.info("contacts_screened", why=why, contacts=states.contacts, **totals)
        self._catch_up()
        return body

    def _catch_up(self) -> None:
        """Screen again each number whose own entries have changed."""
        while not self._stopped.is_set() and self._room.store.call(self._some):
            pass

    def _some(self, tx: StoreTransaction) -> bool:
        """A piece of that, in one transaction; True where there is more."""
        rows = self._room.rows
        current = rows.in_force(tx)
        if current is None:
            return False
        numbers, leaf, more = rows.touched(tx, current["leaf"], SOME)
        rows.change(tx, current["list"], self._changes(tx, current, numbers))
        if numbers or leaf - current["leaf"] > LEAVES:
            rows.followed(tx, current["list"], leaf)
        return more

    def _changes(
        self, tx: StoreTransaction, current: Row, numbers: Sequence[str]
    ) -> Iterable[tuple[int, int, int, str | None]]:
        room, now = self._room, self._room.clock.now()
        for number in numbers:
            held = room.rows.of_number(tx, current["list"], int(number[1:]))
            if held is None:
                continue
            attempt = Attempt(number, Purpose.MARKETING, Topic(current["topic"]), room.presentation, False, "gate")
            decision = room.single.check(tx, attempt, now)
            verdict, reason = decision.verdict.value, decision.reason.value
            if (verdict, reason) == (held["verdict"], held["reason"]):
                continue
            same = verdict == held["verdict"]
            since, was = (held["since"], held["was"]) if same else (int(now.timestamp()), held["verdict"])
            yield int(number[1:]), room.rows.outcome_of(tx, verdict, reason), since, was


def _identity(registers: Iterable[Mapping[str, Any]]) -> Any:
    """What of the registers a verdict depends on."""
    return [(each["name"], each["state"], each["sha256"]) for each in registers]


def _key(after: str | None) -> Key | None:
    if after is None:
        return None
    number, _, rest = after.partition(" ")
    return (int(number) if number.isdecimal() and len(number) <= 15 else 0, rest)


def _cursor(key: Key | None) -> str | None:
    return f"{key[0]} {key[1]}" if key else None


def _shown(ids: ContactIds, row: Row, *, changes: bool) -> Row:
    shown = {
        "id": ids.of(row["number"], row["reference"]),
        "reference": row["reference"],
        "number": f"+{row['number']}",
        "verdict": row["verdict"],
        "reason": row["reason"],
        "since": datetime.fromtimestamp(row["since"], LONDON).isoformat(),
    }
    if changes:
        change = "first_blocked" if row["was"] is None else f"newly_{row['verdict']}ed"
        shown["change"] = change
    return shown
