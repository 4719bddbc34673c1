"""Complaints that come through a form of the firm's (DPA 2018 s.164A(2)): from a file, or over HTTP.

What a stranger typed is bounded and cleaned, and opens a request for a complaint. What is sent twice is one complaint.
Nothing of it is refused because a number cannot be read: it then stands in their words.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

from gate.core.days import LONDON, midnight
from gate.core.deadlines import acknowledge_by
from gate.core.evidence import stamp
from gate.core.facts.requests import AskedBy, Opened
from gate.core.letters import one_line, plain_lines
from gate.core.request_words import Asks
from gate.core.terms import many
from gate.errors import RefusedError, UsageError
from gate.operations.operation import KEEPERS, Caller, Line, Note, Once, Request, Response, about, operation
from gate.operations.parsing import number_of
from gate.operations.requests.course import Channel
from gate.operations.requests.steps import day_of, load
from gate.store import requests as book
from gate.store.schema import IS_OPEN
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

MOST_A_DAY: Final = 500
"""Complaints over HTTP within a day of London: a form on the web is open to anybody who sends a million."""
MANY_A_DAY: Final = 50
"""From so many on, status asks somebody to look."""
MOST_OF_ONE: Final = 10
"""The bound of these, from one address or about one number."""
KEPT: Final = "It reached us before: it is one complaint."


class ComplaintEntered(Response, frozen=True):
    """A complaint is kept."""

    reference: str
    acknowledge_by: date
    """The last day for its acknowledgement."""
    notice: str = ""
    """Not empty where it had been kept before."""


class ComplaintEnter(Request[ComplaintEntered], frozen=True, kw_only=True):
    """A complaint as a form sends it."""

    about: Annotated[Note, about("What they complain of, in their words.", "What they complain of")]
    name: Annotated[Line, about("Who complains.", "Who complains")] = ""
    contact: Annotated[Line, about("E-mail or postal address for the answer.", "E-mail or postal address")] = ""
    number: Annotated[
        Line, about("Their telephone number, as they wrote it; kept in their words where it is none.", metavar="NUMBER")
    ] = ""
    received: Annotated[date | None, about("The day it came.", "The day it came", absent="today")] = None
    channel: Annotated[Channel, about("How it came.")] = "web"
    once: Once = ""


@operation(ComplaintEnter, "complaint_enter", roles=KEEPERS)
def complaint_enter(folder: DataFolder, asked: ComplaintEnter, caller: Caller) -> ComplaintEntered:
    """Enter a complaint as a form sends it. The same one sent twice is kept once.

    Marketing to the number waits while it is open. Raises ``UsageError`` where nobody could be answered, and
    ``RefusedError`` (``too_many_complaints``, ``key_used``).
    """
    day = day_of(folder, asked.received)
    person = _person(asked)
    opened = Opened(
        reference="", asks=Asks.COMPLAINT.value, channel=asked.channel, received=day.isoformat(), written=True
    )
    asker = caller.actor.partition("@")[0]

    def work(tx: StoreTransaction) -> ComplaintEntered:
        for again in range(1000):
            sent = asked.once or json.dumps([*person.values().values(), again])
            request_id = tx.hash_of("\0".join((ComplaintEnter.__name__, asker, asked.once and "key", sent))).hex()[:32]
            if not tx.values(int, "SELECT 1 FROM requests WHERE id = ?", [request_id]):
                break
            row, _, before = load(tx, request_id)
            if asked.once and row.about is not None and row.about != person.about:
                raise RefusedError(
                    "another complaint was kept with this key", reason="key_used", hint="take a new key for each"
                )
            if asked.once or before.over_on is None:
                return ComplaintEntered(row.reference, acknowledge_by(before.received), KEPT)
        if caller.actor.startswith("http:"):
            _not_too_many(folder, tx, person)
        reference = book.next_reference(tx, day.year)
        came = opened.values() | {"reference": reference}
        tx.append(folder.fact(Opened.read(came), request_id, caller.actor))
        tx.append(folder.fact(person, request_id, caller.actor))
        return ComplaintEntered(reference, acknowledge_by(day))

    return folder.store.call(work)


def complaint_warnings(folder: DataFolder) -> list[str]:
    """Warn that the form is flooded: each complaint that names a number stops marketing to it, whoever typed it."""
    today = stamp(midnight(folder.clock.now().astimezone(LONDON).date()))
    ((came, waits),) = folder.read(
        lambda tx: tx.values(
            tuple[int, int],
            f"SELECT count(*), coalesce(sum(numbers <> '[]' AND {IS_OPEN}), 0) FROM requests"  # noqa: S608 - the code's own
            " WHERE asks = ? AND channel = 'web' AND opened_at >= ?",
            [Asks.COMPLAINT, today],
        )
    )
    if came < MANY_A_DAY:
        return []
    return [
        f"{many(came, 'complaint')} came through the form today (it takes {MOST_A_DAY:,}), and marketing waits for the "
        f"numbers of {waits:,} of them: dialgate manual complaints"
    ]


def _person(asked: ComplaintEnter) -> AskedBy:
    name, contact, typed = one_line(asked.name), one_line(asked.contact), one_line(asked.number)
    words = plain_lines(asked.about)
    if not words:
        raise UsageError("a complaint says what it is about", hint="Fill in what happened.")
    if not (name or contact or typed):
        raise UsageError("nobody can be answered", hint="Fill in a name, an address or a telephone number.")
    lines: list[str] = []
    try:
        lines = [number_of(typed)] if typed else []
    except UsageError:
        words.append(f"(Number as they wrote it: {typed})")
    about = "\n".join(words)
    return AskedBy(name=name, contact=contact, lines=lines, about=about, since=None, until=None)


def _not_too_many(folder: DataFolder, tx: StoreTransaction, person: AskedBy) -> None:
    """Raise ``RefusedError`` where a form is flooded: by all, or by one person alone."""
    today = stamp(midnight(folder.clock.now().astimezone(LONDON).date()))
    ((every, theirs),) = tx.values(
        tuple[int, int],
        "SELECT count(*), coalesce(sum((? <> '' AND contact = ?) OR (? <> '[]' AND numbers = ?)), 0)"
        " FROM requests WHERE asks = ? AND channel = 'web' AND opened_at >= ?",
        [person.contact, person.contact, *[json.dumps(person.lines, separators=(",", ":"))] * 2, Asks.COMPLAINT, today],
    )
    if every >= MOST_A_DAY or theirs >= MOST_OF_ONE:
        raise RefusedError(
            "more complaints came through this form today than it takes",
            reason="too_many_complaints",
            hint="Show the person your postal and e-mail address; enter it with: dialgate complaint import FILE",
        )
