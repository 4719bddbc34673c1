"""Who has a line: a person or a company, and since when (PECR reg 2(1), 21(4), 26).

What was noted last of a number counts, from the next call. It decides on which registers the number is looked up, and
which consents count: the earlier subscriber of a line cannot have consented for the one who has it now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, UnsetType

from gate.core.days import LONDON
from gate.core.facts import lists as facts
from gate.core.rows.lists import SubscriberRow
from gate.core.screening import consents_to
from gate.core.terms import Subscriber, SubscriberKind
from gate.errors import UsageError
from gate.operations.lists.entries import KEPT_BEFORE, Entry, kept_before, origin, time_of
from gate.operations.operation import (
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Line,
    Masked,
    Number,
    Once,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
)
from gate.operations.parsing import number_of
from gate.store import queries

if TYPE_CHECKING:
    from datetime import datetime

    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction


class SubscriberNoted(Response, frozen=True, kw_only=True):
    """The entry that counts now."""

    id: str
    number: str
    kind: SubscriberKind
    since: date | None
    consents_before: int
    """Consents of the number from before that day: none of them counts any more."""
    notice: str = ""
    """Why it changes nothing, or what it brings back; empty where it counts."""


class SubscriberSet(Request[SubscriberNoted], frozen=True, kw_only=True):
    """Who has a line. What is left out stays as it was noted before."""

    number: Number
    kind: Annotated[
        SubscriberKind | None,
        about(
            "A company or another body corporate is corporate; everybody else is individual, a sole trader too.",
            "It is the line of",
            absent="as it was noted",
        ),
    ] = None
    since: Annotated[
        date | None,
        about(
            "The day on which they took the line over from another subscriber: no consent from before counts.",
            "Theirs since, where it was another's before",
            absent="as it was noted",
            metavar="DAY",
        ),
    ] = None
    same: Annotated[
        bool, about("The line never changed hands: a day that was noted was a mistake.", "It was never another's")
    ] = False
    source: Annotated[
        Line, about("How the firm knows it.", "How the firm knows it", eg=("told", "letter", "Companies House"))
    ] = "told"
    once: Once = ""


@operation(SubscriberSet, "subscriber_set", roles=KEEPERS)
def subscriber_set(folder: DataFolder, asked: SubscriberSet, caller: Caller) -> SubscriberNoted:
    """Note who has a line: a person or a company, and since when; it holds from the next call."""
    e164 = number_of(asked.number)
    if asked.kind is None and asked.since is None and not asked.same:
        raise UsageError("there is nothing to note", hint="Give the kind, the day since when it is theirs, or both.")
    if asked.since and asked.same:
        raise UsageError("it was another's before, or never", hint="Give the day, or say that it was never another's.")
    if asked.since and asked.since > folder.today():
        raise UsageError(f"{asked.since} is a day to come", hint="Give the day since when the line is theirs.")

    def work(tx: StoreTransaction) -> SubscriberNoted:
        before = tx.subscriber(e164)
        now = Subscriber(asked.kind or before.kind, None if asked.same else asked.since or before.since)
        body, notice = _fact(e164, now, asked.source.strip() or "told"), ""
        subject, kept = folder.new_id(), None
        if asked.once:
            subject, kept = kept_before(tx, body, caller.actor, asked.once, ("number", "sort", "since"))
        if kept is not None:
            notice = KEPT_BEFORE
        elif now == before:
            notice = "It is noted so already: nothing changes."
        else:
            if back := _left_out(tx, e164, before) - _left_out(tx, e164, now):
                notice = f"Consents that count again, as they are not from before that day: {back}"
            tx.append(folder.fact(body, subject, caller.actor))
        out = _left_out(tx, e164, now)
        return SubscriberNoted(
            id=subject, number=e164, kind=now.kind, since=now.since, consents_before=out, notice=notice
        )

    return folder.store.call(work)


def _fact(e164: str, now: Subscriber, source: str, file: facts.File | UnsetType = UNSET) -> facts.Subscriber:
    since = now.since.isoformat() if now.since else None
    return facts.Subscriber(number=e164, sort=now.kind.value, since=since, source=source, file=file)


def _left_out(tx: StoreTransaction, e164: str, of: Subscriber) -> int:
    """How many consents of a number are from before its subscriber, and not withdrawn."""
    return sum(
        len(consents_to([each], each.on_behalf_of)) - len(consents_to([each], each.on_behalf_of, of.since))
        for each in tx.consents(e164)
        if each.withdrawn_at is None
    )


class SubscriberList(Paged[Page[SubscriberRow]], frozen=True):
    """The notes of who has which line, newest first; the newest of a number counts."""

    number: Annotated[Number | None, about("Only those of this number.")] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(SubscriberList, "subscriber_list", roles=READERS)
def subscriber_list(folder: DataFolder, asked: SubscriberList, caller: Caller) -> Page[SubscriberRow]:
    """List the notes of who has which line, newest first."""
    number = number_of(asked.number) if asked.number else None
    return folder.store.call(lambda tx: queries.subscribers_page(tx, asked.after, asked.limit, number))


# --- from a file ---------------------------------------------------------------------------------------------------


class SubscriberEntry(Entry, frozen=True, kw_only=True):
    """Who has the number, by a line of the CRM's file."""

    kind: str = ""
    since: str = ""
    """As ``read_cells`` has them."""


def keep_subscribers(
    tx: StoreTransaction,
    folder: DataFolder,
    actor: str,
    entries: Sequence[SubscriberEntry],
    source_name: str,
    sha256: str,
) -> int:
    """Note what a file says and is not noted yet; how many. A day earlier than the one that is noted changes nothing:
    no list brings a consent back. Store thread."""
    noted = 0
    for entry in entries:
        e164 = number_of(entry.number)
        before = tx.subscriber(e164)
        day = date.fromisoformat(entry.since) if entry.since else None
        days = [each for each in (day, before.since) if each]
        kind = SubscriberKind(entry.kind) if entry.kind else before.kind
        now = Subscriber(kind, max(days, default=None))
        if now != before:
            body = _fact(e164, now, "CRM", file=origin(entry, source_name, sha256))
            tx.append(folder.fact(body, folder.new_id(), actor))
            noted += 1
    return noted


KIND_COLUMN, SINCE_COLUMN = "subscriber", "subscriber_since"
"""What the columns of a CRM's file are called that say it."""
_WORDS: Mapping[str, SubscriberKind] = {
    **{each.value: each for each in SubscriberKind},
    **dict.fromkeys(("person", "consumer", "residential", "sole trader"), SubscriberKind.INDIVIDUAL),
    **dict.fromkeys(("company", "limited company", "ltd", "plc", "llp"), SubscriberKind.CORPORATE),
}
"""Not "business", nor "partnership": either may be an individual subscriber (PECR reg 2(1))."""


def read_cells(kind: str, since: str, now: datetime) -> tuple[str, str, str]:
    """What two cells of a row say of who has its numbers: kind and day as they are kept, empty where a cell is empty
    or cannot be read; and what is wrong with them."""
    faults, day = [], ""
    if (word := " ".join(kind.casefold().split())) and word not in _WORDS:
        faults.append(f'"{kind.strip()[:40]}" is neither individual nor corporate')
    if since := since.strip():
        try:
            found = time_of(since, now, end=False).astimezone(LONDON).date()
            day = found.isoformat() if found <= now.astimezone(LONDON).date() else ""
            faults += [] if day else [f'"{since[:40]}" is a day to come']
        except ValueError:
            faults.append(f'"{since[:40]}" is not a day; write 02/03/2026 or 2026-03-02')
    return str(_WORDS.get(word, "")), day, "; ".join(faults)
