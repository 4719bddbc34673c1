"""What is held of a person: the search of a request, and all of it in full, for the pack of an access request (Article
15 of the UK GDPR).

Nothing is looked for before the rules allow it: for access and erasure that is the proof of identity (LAW 4.3).

In full means: besides what the search shows: who was given it, the receipts of calls, and when it was looked at. Who of
the firm looked and why is not told: the one is their own, the other may speak of others (Article 15(4))."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from gate.core import receipts
from gate.core import request_words as events
from gate.core import requests as rules
from gate.core.facts import requests as facts
from gate.core.facts import requests as kinds
from gate.core.facts.recordings import Exported
from gate.core.facts.retention import NumberShown
from gate.core.pack_words import outcome
from gate.core.rows import Row
from gate.core.rows.requests import (
    EarlierRequest,
    HeldAttempt,
    HeldCall,
    HeldConsent,
    HeldContact,
    HeldHold,
    HeldObjection,
    HeldReceipt,
    HeldStatement,
    HeldSubscriber,
    RequestRow,
)
from gate.errors import RefusedError, UsageError
from gate.operations.erasure.recordings import hold_of
from gate.operations.operation import KEEPERS, Caller, Line, Moment, Note, Request, Response, about, operation
from gate.operations.requests.course import Numbers
from gate.operations.requests.standing import Standing, last
from gate.operations.requests.steps import (
    READY,
    OfOther,
    Whose,
    allowed,
    amend,
    given_numbers,
    load,
    noted_since,
    numbers_of,
    searched_since,
    shown,
    take,
    whose,
)
from gate.operations.requests.telling import own_copies, who_got
from gate.store import requests as book
from gate.store import transfers
from gate.store.handed_out import handed_out, in_bundles, leaves_about, statements_beside
from gate.store.queries import marks, slices
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


MOST: Final = 10_000
"""Calls of one request."""
CANDIDATES: Final = 200
"""Calls shown where only a time is known: somebody has to say which of them are meant. So many outside one, too."""


# --- what is held -------------------------------------------------------------------------------------------------


class OnLine(Response, frozen=True):
    """Somebody else on the person's lines: what is theirs is left out of the pack, and no erasure takes it."""

    name: str
    """Empty where it is not known: of before, or after, the lines were the person's."""
    since: str
    """The first of what they left."""
    until: str
    """The last."""
    entries: int
    """Consents, objections, requests."""


class Found(Response, frozen=True, kw_only=True):
    """The answer to a search. ``candidates``: only a time was known, nothing is found yet."""

    reference: str
    candidates: bool
    calls: list[HeldCall]
    more: bool | UnsetType = UNSET
    """Whether there are more candidates of that time."""
    whole: bool | UnsetType = UNSET
    """What follows is not there with candidates. All of the person, not only some calls."""
    found: int | UnsetType = UNSET
    """Calls."""
    outside: list[HeldCall] | UnsetType = UNSET
    """Calls of the same numbers at other times than the person named, or that were not chosen."""
    lines: list[str] | UnsetType = UNSET
    others: list[OnLine] | UnsetType = UNSET
    """Names on these lines that are not the person's, with their periods."""
    line_since: date | UnsetType = UNSET
    """The lines are a new subscriber's since that day, as it is noted, and nobody has said otherwise."""
    calls_of_others: int | UnsetType = UNSET
    """Calls from before, or after, the lines were the person's: nobody tells them of these."""
    objections: list[HeldObjection] | UnsetType = UNSET
    consents: list[HeldConsent] | UnsetType = UNSET
    subscribers: list[HeldSubscriber] | UnsetType = UNSET
    contacts: list[HeldContact] | UnsetType = UNSET
    holds: list[HeldHold] | UnsetType = UNSET
    requests: list[EarlierRequest] | UnsetType = UNSET
    statements: list[HeldStatement] | UnsetType = UNSET


class Held(Row, frozen=True):
    """All that is held of somebody's numbers, with some calls."""

    lines: list[str]
    calls: list[HeldCall]
    objections: list[HeldObjection]
    consents: list[HeldConsent]
    statements: list[HeldStatement]
    subscribers: list[HeldSubscriber]
    contacts: list[HeldContact]
    holds: list[HeldHold]
    requests: list[EarlierRequest]
    others: list[OnLine]
    """Names on the numbers that are not the person's, with their periods; what is theirs is left out."""

    @property
    def entries(self) -> int:
        """How much is held besides calls."""
        lists = len(self.objections) + len(self.consents) + len(self.subscribers) + len(self.contacts)
        return lists + len(self.holds) + len(self.requests)


def what_is_held(tx: StoreTransaction, row: RequestRow, lines: list[str], found: list[HeldAttempt], of: Whose) -> Held:
    """Collect what is held of a request's numbers, with these calls, and leave out what is somebody else's."""
    others = of.entries_of_others(tx, lines, row.id)
    left = {each.id for each in others}
    calls = _calls(tx, lines, found)
    holds = book.holds_of(tx, lines, [each.call_id for each in found])
    earlier = [each for each in book.requests_of_numbers(tx, lines) if each.id not in {row.id, *left}] if lines else []
    objections = [each for each in book.objections_of(tx, lines) if each.id not in left]
    consents = [each for each in book.consents_of(tx, lines) if each.id not in left]
    entries = {*(each.id for each in objections), *(each.id for each in consents)}
    return Held(
        lines=lines,
        calls=calls,
        objections=objections,
        consents=consents,
        statements=statements_beside(tx, {each.call_id for each in calls if not each.by_transfer}, entries),
        subscribers=[each for each in book.subscribers_of(tx, lines) if each.id not in left],
        contacts=book.contacts_of(tx, lines),
        holds=[HeldHold(id=each.id, kind=each.kind, name=hold_of(each).name, made_at=each.made_at) for each in holds],
        requests=[
            EarlierRequest(reference=each.reference, asks=each.asks, received=each.received, state=each.state)
            for each in earlier
        ],
        others=list(_on_line(others)),
    )


def _on_line(others: list[OfOther]) -> Iterator[OnLine]:
    names: dict[str, list[str]] = {}
    for each in others:
        names.setdefault(each.name, []).append(each.at)
    for name, times in sorted(names.items()):
        yield OnLine(name, min(times)[:10], max(times)[:10], len(times))


def _calls(tx: StoreTransaction, lines: Sequence[str], found: list[HeldAttempt]) -> list[HeldCall]:
    ids = [each.call_id for each in found]
    theirs, shared = transfers.of_others(tx, ids, lines), transfers.shared(tx, ids, lines)
    calls = []
    for each in found:
        by_transfer = each.call_id in theirs
        words = f"after a transfer: {outcome(each)}" if by_transfer else outcome(each)
        words += " (another person is heard in it)" if each.call_id in shared else ""
        calls.append(HeldCall(**asdict(each), outcome=words, by_transfer=by_transfer))
    return calls


# --- the search ---------------------------------------------------------------------------------------------------


class Search(Request[Found], frozen=True):
    """Find what is held of the person."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    numbers: Annotated[
        Numbers,
        about(
            "A number of theirs, in any spelling; repeat for more.",
            "More numbers of theirs, in any spelling",
            metavar="NUMBER",
        ),
    ] = ()
    since: Annotated[Moment | None, about("Calls made at this time or later.")] = None
    until: Annotated[Moment | None, about("Calls made before this time.")] = None
    calls: Annotated[
        tuple[Line, ...],
        msgspec.Meta(max_length=1000),
        about("Just this call; repeat for more.", metavar="ID", ids=("call",)),
    ] = ()
    everything: Annotated[
        bool, about("At any time, whatever call the request names.", "At any time, whatever call the request names")
    ] = False
    line_since: Annotated[
        date | None,
        about(
            "The day on which the lines became theirs: what is from before is somebody else's.",
            "The lines are theirs since, where they were another's before",
        ),
    ] = None
    line_until: Annotated[
        date | None, about("The last day on which the lines were theirs.", "The last day on which they were theirs")
    ] = None


@operation(Search, "request_search", roles=KEEPERS)
def request_search(folder: DataFolder, asked: Search, caller: Caller) -> Found:
    """Find what is held of a person, by numbers and time, or just in these calls.

    By the request's numbers and those given here, always at any time: what lies outside a span of time (that of the
    request where none is given; ``everything``: none) is shown beside what is found, and counted. Where no number is
    known, a span shows every call in it and the search is not done: choose from them. Raises ``RefusedError``
    (``identity_not_proven``) where it may not be searched yet.
    """
    lines = numbers_of(asked.numbers)

    def work(tx: StoreTransaction) -> Found:
        row, course, before = load(tx, asked.request)
        day = folder.today()
        allowed(row, before, events.Searched(day, 0), folder.today())  # before anything is looked at
        since, until = (each.isoformat() if each else None for each in (asked.line_since, asked.line_until))
        noted = None
        if not since and not until and last(course, facts.LineHeld) is None:
            since = noted = noted_since(tx, [*dict.fromkeys([*given_numbers(row, course), *lines])])
        if since or until:
            tx.append(folder.fact(facts.LineHeld(since=since, until=until), row.id, caller.actor))
            course = book.course(tx, row.id)
        of = whose(row, course)
        known = list(dict.fromkeys([*given_numbers(row, course), *lines]))
        # A choice of calls is how a number is learnt where none is known; else it goes with its own search.
        chosen: list[str] = [] if known or asked.calls else row.lines
        known = known or chosen
        given = (asked.since, asked.until)
        span = given if any(given) else _own_span(row, skip=asked.everything or bool(asked.calls))
        if asked.calls:
            found = _chosen(tx, asked.calls)
            if another := [each.call_id for each in found if not of.theirs(each.at)]:
                raise UsageError(f"call {another[0]} is from another time than that in which the line was theirs")
            theirs = transfers.of_others(tx, asked.calls, known)
            chosen = [each.number for each in found if each.number and each.call_id not in theirs]
        elif known:
            found = [each for each in book.calls_of(tx, known, *span, limit=MOST + 1) if of.theirs(each.at)]
        elif any(span):
            return _candidates(folder, tx, row, span, caller.actor)
        else:
            raise UsageError(
                f"{row.reference}: nothing to search by",
                hint="Give --number, --on DATE with --around, or --call; ask for them with: dialgate request clarify",
            )
        if len(found) > MOST:
            raise UsageError(f"more than {MOST} calls", hint="narrow the span: --on, --from, --until")
        numbers = amend(folder, tx, row, course, caller.actor, lines, chosen)
        held = what_is_held(tx, row, numbers, found, of)
        whole = not asked.calls and not any(span)
        ids = [each.call_id for each in found]
        every = _outside(tx, numbers, set(ids)) if not whole or of.since or of.until else []
        outside = [each for each in every if of.theirs(each.at)]
        event = events.Searched(day, len(found), held.entries, len(outside))
        take(folder, tx, replace(row, numbers=numbers), before, event, caller.actor, whole=whole, calls=ids)
        return Found(
            reference=row.reference,
            candidates=False,
            whole=whole,
            found=len(found),
            outside=_calls(tx, numbers, outside[:CANDIDATES]),
            line_since=date.fromisoformat(noted) if noted else UNSET,
            calls_of_others=len(every) - len(outside),
            **{name: getattr(held, name) for name in Held.__struct_fields__},
        )

    return folder.store.call(work)


def _outside(tx: StoreTransaction, lines: list[str], found: set[str]) -> list[HeldAttempt]:
    """Calls of these numbers at any time but those that were found."""
    every = book.calls_of(tx, lines, limit=MOST + len(found))
    return [each for each in every if each.call_id not in found]


def _own_span(row: RequestRow, *, skip: bool) -> tuple[datetime | None, datetime | None]:
    if skip:
        return None, None
    since, until = (datetime.fromisoformat(at) if at else None for at in (row.since, row.until))
    return since, until


def _chosen(tx: StoreTransaction, calls: Sequence[str]) -> list[HeldAttempt]:
    found = book.calls(tx, calls)
    if unknown := set(calls) - {each.call_id for each in found}:
        raise UsageError(f"there is no call {', '.join(sorted(unknown))}", hint="See: dialgate calls list")
    return found


def _candidates(
    folder: DataFolder, tx: StoreTransaction, row: RequestRow, span: tuple[datetime | None, datetime | None], actor: str
) -> Found:
    """Calls of a span, whoever was called: looked at by somebody, which the log says."""
    found = book.calls_of(tx, None, *span, limit=CANDIDATES + 1)
    since, until = (at.isoformat() if at else None for at in span)
    tx.append(folder.fact(facts.Looked(since=since, until=until, shown=min(len(found), CANDIDATES)), row.id, actor))
    return Found(
        reference=row.reference,
        candidates=True,
        more=len(found) > CANDIDATES,
        calls=_calls(tx, (), found[:CANDIDATES]),
    )


_LOOKED: Final = {
    Exported.kind: "a recording of a call with you was taken to be opened",
    NumberShown.kind: "your number was shown in full",
}
"""Kind of fact -> in words."""


class Looked(Response, frozen=True):
    """When somebody of the firm looked."""

    at: str
    what: str
    """In words."""


class Contents(Response, frozen=True, kw_only=True):
    """All that is held of what the search found, in full."""

    id: str
    reference: str
    name: str | None
    whole: bool
    """All of the person, not only some calls."""
    lines: list[str]
    calls: list[HeldCall]
    objections: list[HeldObjection]
    consents: list[HeldConsent]
    subscribers: list[HeldSubscriber]
    contacts: list[HeldContact]
    """Rows of the contact list, as they were imported."""
    holds: list[HeldHold]
    requests: list[EarlierRequest]
    requests_of_others: int
    """Requests about the same numbers that bear another name: they are that person's own (Article 15(4))."""
    entries_of_others: int
    """Consents and objections that are somebody else's, in the same way."""
    statements: list[HeldStatement]
    given: list[str]
    """Who was given recordings or records of the person, what and when, a line each."""
    receipts: list[HeldReceipt]
    looked: list[Looked]


class ContentsOf(Request[Contents], frozen=True):
    """All that is held, for the pack of an access request."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]


@operation(ContentsOf, "request_contents", roles=KEEPERS)
def request_contents(folder: DataFolder, asked: ContentsOf, _caller: Caller) -> Contents:
    """Hand out all that is held of what the search found, for the pack of an access request that is granted.

    Raises ``RefusedError`` where it is not granted, or asks for something else.
    """

    def work(tx: StoreTransaction) -> Contents:
        row, course, before = load(tx, asked.request)
        _for_pack(folder, row, before)
        searched_since(tx, row, course)
        scope = last(course, kinds.Searched)
        of = whose(row, course)
        held = what_is_held(tx, row, row.lines, book.calls(tx, (scope.calls or []) if scope else []), of)
        left = of.entries_of_others(tx, held.lines, row.id)
        asked_by_others = {each.id for each in left if each.record == "request"}
        others = {each.reference for each in book.requests_of_numbers(tx, held.lines) if each.id in asked_by_others}
        whole = bool(scope and scope.whole)
        calls = [each.call_id for each in held.calls]
        own = [each.call_id for each in held.calls if not each.by_transfer]
        entries = [*(each.id for each in held.objections), *(each.id for each in held.consents)] if whole else []
        handed = handed_out(
            tx, [each.recording_id for each in held.calls if each.recording_id], held.lines if whole else []
        )
        # the packs of others were not given to this person
        given = [each for each in handed if each.recipient not in others]
        given += in_bundles(tx, leaves_about(tx, calls, held.lines, whole=whole, but={each.id for each in left}))
        found = {name: getattr(held, name) for name in Held.__struct_fields__ if name != "others"}
        return Contents(
            id=row.id,
            reference=row.reference,
            name=row.name,
            whole=whole,
            **found,
            requests_of_others=len(asked_by_others),
            entries_of_others=len(left) - len(asked_by_others),
            given=[*(f"you, or whoever acted for you: {each}" for each in own_copies(given)), *who_got(folder, given)],
            receipts=[replace(each, code=receipts.shown(each.code)) for each in book.receipts_of(tx, own)],
            looked=[Looked(at=at, what=_LOOKED[kind]) for at, kind in book.looked_at(tx, calls, [*own, *entries])],
        )

    return folder.store.call(work)


class PackMade(Request[Standing], frozen=True):
    """A pack was made."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    sha256: Annotated[Line, about("SHA-256 of the pack.")]
    calls: Annotated[int, msgspec.Meta(ge=0), about("How many calls are in it.")]
    recordings: Annotated[int, msgspec.Meta(ge=0), about("How many recordings are in it.")]
    left_out: Annotated[int, msgspec.Meta(ge=0), about("How many recordings and entries are not in it.")]
    why: Annotated[Note, about("Why they were left out.")] = ""


@operation(PackMade, "request_pack_made", roles=KEEPERS)
def request_pack_made(folder: DataFolder, asked: PackMade, caller: Caller) -> Standing:
    """Note that a pack was made for an access request: its digest, and what is in it. Of its recordings that lie in the
    bucket no copy stays here."""
    stored: list[str] = []

    def work(tx: StoreTransaction) -> Standing:
        row, course, before = load(tx, asked.request)
        _for_pack(folder, row, before)
        made = {"calls": asked.calls, "recordings": asked.recordings, "left_out": asked.left_out}
        event, words = events.PackMade(folder.today()), {"left_out": asked.why}
        take(folder, tx, row, before, event, caller.actor, words=words, sha256=asked.sha256, **made)
        scope = last(course, kinds.Searched)
        for part in slices((scope.calls or []) if scope else []):
            sql = "SELECT path FROM recordings WHERE stored_in IS NOT NULL AND path IS NOT NULL AND call_id IN"
            stored.extend(tx.values(str, f"{sql} ({marks(part)})", part))
        return shown(folder, tx, row.id)

    standing = folder.store.call(work)
    for path in stored:
        folder.files.drop(path)
    return standing


def _for_pack(folder: DataFolder, row: RequestRow, request: events.Request) -> None:
    if rules.why_not(request, events.PackMade(folder.today())):
        raise RefusedError(
            f"{row.reference}: a pack is made for an access request that is granted; this one is for "
            f"{request.asks} and {request.state}",
            reason=READY,
            hint=f"See: dialgate request show {row.reference}",
        )
