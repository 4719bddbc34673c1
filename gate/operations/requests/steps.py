"""Taking a step: find a request, let the rules decide, keep the fact, carry out what they command.

What the rules of a request command (``gate.core.request_words.Do``) is carried out, each once, in their order. What the
gate does by itself (``AT_ONCE``) is done in the transaction of the event: a gate that dies leaves both or neither, and
what is there already is not made again. What waits for a person stays in ``Request.todo``, which is read from the log,
until the fact is there of the operation that carries it out (``WAITS_FOR``). An erasure that was begun and has no
receipt is finished at the next start (``gate.operations.erasure``).

The proof that somebody was told is a reference, or a file of which name and SHA-256 are kept; nothing personal is in
it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from msgspec import UNSET

from gate.core.days import LONDON, short_day
from gate.core.evidence import stamp
from gate.core.facts.lists import Objection
from gate.core.facts.requests import AskedBy, LineHeld, Opened, SaidAt
from gate.core.facts.retention import Hold
from gate.core.request_words import ACTS, AT_ONCE, LETTER_OF, NEEDS_IDENTITY, Asks, Do, Event, Searched, State
from gate.core.request_words import Request as RequestState
from gate.core.requests import UnexpectedEvent, handle, misdated, possible
from gate.core.retention import Kind, Target
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import RequestRow
from gate.errors import RefusedError, UsageError
from gate.log import Logger
from gate.operations.operation import Line, Request, about
from gate.operations.parsing import number_of
from gate.operations.requests.standing import Standing, body_of, command_lines, last, read, replay
from gate.store import erasure
from gate.store import requests as book
from gate.store.transaction import StoreTransaction, last_word

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


OWN_RESTRICTION: Final = "-r"
"""Between the id of a request for a restriction and the place of the number, in the id of the restriction."""


def carry_out(
    folder: DataFolder, tx: StoreTransaction, row: RequestRow, request: RequestState, commands: Sequence[Do], actor: str
) -> bool:
    """Carry out those commands that the gate carries out by itself; ``request``: after the event.

    True where something was erased: the store's write-ahead log is to be cut after the transaction. Raises
    ``UsageError`` where a command cannot be carried out: then the event has not happened either.
    """
    erased = [_AT_ONCE[each](folder, tx, row, request, actor) for each in commands if each in AT_ONCE]
    return any(erased)


def keep_objections(
    folder: DataFolder, tx: StoreTransaction, row: RequestRow, request: RequestState, actor: str
) -> bool:
    """The person's numbers are uncallable from the next attempt on (LAW 1.2, 4.6)."""
    if request.asks is Asks.OBJECTION:
        _named(row)
    opened = last(book.course(tx, row.id), Opened)
    scope = opened.scope if opened else UNSET
    for place, number in enumerate(row.lines):
        objection_id = f"{row.id}-o{place}"
        if not tx.values(str, "SELECT id FROM objections WHERE id = ?", (objection_id,)):
            body = Objection(number=number, source="request", note="", call_id=None, scope=scope)
            tx.append(last_word(tx, folder.fact(body, objection_id, actor)))
    return False


def _restrict(folder: DataFolder, tx: StoreTransaction, row: RequestRow, _request: RequestState, actor: str) -> bool:
    """Recordings with the person's numbers are neither opened nor erased (LAW 4.7)."""
    _named(row)
    for place, number in enumerate(row.lines):
        hold_id = f"{row.id}{OWN_RESTRICTION}{place}"
        if not tx.values(str, "SELECT id FROM holds WHERE id = ?", (hold_id,)):
            body = Hold(
                sort=Kind.RESTRICTION.value,
                target=Target.NUMBER.value,
                recording_id=None,
                call_id=None,
                number=number,
                reason="asked for by the person",
                reference=row.reference,
            )
            tx.append(folder.fact(body, hold_id, actor))
    return False


def _named(row: RequestRow) -> None:
    if not row.lines:
        raise UsageError(
            f"{row.reference}: which number is it about?",
            hint=f"dialgate request verify-identity {row.reference} --number … --checked …",
        )


def _forget(folder: DataFolder, tx: StoreTransaction, row: RequestRow, request: RequestState, actor: str) -> bool:
    """Forget who asked where they need not be known any more: they were told of their erasure, or another request of
    theirs erased them while this one was open. Reference, dates, decision and receipts stay."""
    erased = request.asks is Asks.ERASURE and request.state is State.DONE
    if not erased and not book.outlived(tx, row.reference):
        return False
    leaves, now = erasure.personal_leaves(tx, row.id), folder.clock.now()
    erasure.empty(tx, leaves, subject=row.id, at=now, actor=actor, basis="request", what="request")
    return True


_AT_ONCE: Final[Mapping[Do, Callable[[DataFolder, StoreTransaction, RequestRow, RequestState, str], bool]]] = {
    Do.KEEP_OBJECTION: keep_objections,
    Do.RESTRICT: _restrict,
    Do.FORGET: _forget,
}
WAITS_FOR: Final[Mapping[Do, str]] = {
    Do.SEARCH: "request_search",
    Do.MAKE_PACK: "request_pack_made",
    Do.ERASE: "request_carry_out",
    Do.RECTIFY: "request_rectify",
    **dict.fromkeys(LETTER_OF, "request_letter"),
}
"""Command -> the operation by which a person carries it out."""


log = Logger()

READY: Final = "request_not_ready"


class OfRequest(Request[Standing], frozen=True):
    """Base of requests for a step."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]


class Dated(OfRequest, frozen=True):
    """Base of those for a step that may be entered later than it happened: clocks and lateness go by the entry."""

    on: Annotated[
        date | None,
        about(
            "The day it happened. An earlier day needs a proof, and lateness goes by the day of entry.",
            "The day it happened; an earlier one needs a proof",
            absent="today",
        ),
    ] = None
    evidence: Annotated[
        Line,
        about(
            "The reference of a proof: the authority's, a consignment's or a message's.",
            "Proof, a reference: theirs, a consignment, a message",
            eg=("IC-301234-X9Y8",),
        ),
    ] = ""
    evidence_sha256: Annotated[
        Line,
        about(
            "SHA-256 of the file that proves it, whose name is the evidence.",
            "Or a file that proves it: name and SHA-256 are kept",
        ),
    ] = ""


def load(tx: StoreTransaction, name: str) -> tuple[RequestRow, list[FactRow], RequestState]:
    """Row, course and state of a request; raises ``UsageError`` where there is none."""
    row = book.find(tx, name)
    if row is None:
        raise UsageError(f"there is no request {name}", hint="See: dialgate request list --all")
    course = book.course(tx, row.id)
    return row, course, replay(course)


def shown(folder: DataFolder, tx: StoreTransaction, name: str) -> Standing:
    """A request as it stands now; raises as ``load``."""
    return read(tx, load(tx, name)[0], folder.today())


def day_of(folder: DataFolder, on: date | None, request: RequestState | None = None) -> date:
    """The day of a step: not in the future, and not before the request came. Raises ``UsageError``."""
    today = folder.today()
    if on is None:
        return today
    if on > today:
        raise UsageError(f"{short_day(on)} is in the future", hint="give the day on which it happened")
    if request is not None and on < request.received:
        raise UsageError(
            f"{short_day(on)} is before the request came ({short_day(request.received)})", hint="check the date"
        )
    return on


def claimed(
    folder: DataFolder, asked: Dated, row: RequestRow, request: RequestState, *, proof: bool = False
) -> tuple[date, dict[str, str]]:
    """The day on which a step happened, as it is claimed, and its proof as it goes into the fact; ``proof``: it needs
    one whatever the day. Raises ``UsageError`` as ``day_of`` and ``checked_proof``, and where a proof is missing."""
    on, given = day_of(folder, asked.on, request), Proof(asked.evidence, asked.evidence_sha256)
    if on < folder.today() and given == Proof():
        raise UsageError(
            f"{on} is before today, and nothing proves it",
            hint="Give a proof with --reference or --file; without --dated it counts as done today.",
        )
    return on, checked_proof(given, row) if proof or given != Proof() else {}


def take(
    folder: DataFolder,
    tx: StoreTransaction,
    row: RequestRow,
    request: RequestState,
    event: Event,
    actor: str,
    *,
    words: Mapping[str, str] | None = None,
    **more: object,
) -> bool:
    """Take a step where the rules allow it: keep its fact, what was said (``words``: by step), and carry out what is
    commanded. ``more`` goes into the fact, nothing personal.

    True where something was erased (``executor.carry_out``). Raises ``RefusedError`` where the step cannot be taken
    now, and ``UsageError`` where not on that day.
    """
    after, commands = allowed(row, request, event, folder.today())
    if why := misdated(request, event):
        raise UsageError(f"{row.reference}: {why}", hint="check the date")
    tx.append(folder.fact(body_of(event, **more), row.id, actor))
    for step, text in (words or {}).items():
        if text.strip():  # a fact of its own, which can be erased
            tx.append(folder.fact(SaidAt(step=step, text=text.strip()), row.id, actor))
    return carry_out(folder, tx, row, after, commands, actor)


def step(
    folder: DataFolder,
    asked: Dated,
    actor: str,
    make: Callable[[date, RequestState], Event],
    *,
    words: Mapping[str, str] | None = None,
    proof: bool = False,
    **more: object,
) -> Standing:
    """A step that does no more than be taken; ``make``: its event on a day, ``more``: what goes into its fact besides.
    Raises as ``claimed`` and ``take``."""

    def work(tx: StoreTransaction) -> tuple[Standing, bool]:
        row, _, request = load(tx, asked.request)
        on, proven = claimed(folder, asked, row, request, proof=proof)
        erased = take(folder, tx, row, request, make(on, request), actor, words=words, **more, **proven)
        return shown(folder, tx, row.id), erased

    standing, erased = folder.store.call(work)
    if erased and not folder.store.scrub():  # no older page of it stays, at the latest when nobody reads one any more
        log.warning("request_still_in_log", hint="somebody reads the database; the log is cut when they are done")
    found: Standing = standing
    return found


def allowed(row: RequestRow, request: RequestState, event: Event, today: date) -> tuple[RequestState, list[Do]]:
    """What ``gate.core.requests.handle`` says. Raises ``RefusedError`` where the step cannot be taken now."""
    try:
        return handle(request, replace(event, entered=today))
    except UnexpectedEvent as error:
        unproven = request.asks in NEEDS_IDENTITY and not request.identified
        state = request.state.value.replace("_", " ")
        why = f": {error.why}" if error.why else f" while it is {state}"
        proof = ": the identity is not proven" if unproven and isinstance(event, Searched) else ""
        raise RefusedError(
            f"{row.reference}: {ACTS[type(event).__name__]}{why}{proof}",
            reason="identity_not_proven" if unproven and request.state is not State.CLOSED else READY,
            hint=f"Now: {'; '.join(command_lines(row.reference, possible(request, event.on))) or 'it is over'}.",
        ) from None


# --- whose it is --------------------------------------------------------------------------------------------------


def numbers_of(numbers: Sequence[str]) -> list[str]:
    """E.164 values of numbers in any spelling, each once; raises ``UsageError``."""
    return list(dict.fromkeys(number_of(number) for number in numbers))


def given_numbers(row: RequestRow, course: list[FactRow]) -> list[str]:
    """The person's numbers, without those of calls that the last search chose: somebody may have chosen wrongly."""
    chosen = chosen_of(course)
    return [each for each in row.lines if each not in chosen]


def chosen_of(course: list[FactRow]) -> list[str]:
    """Numbers of calls that the last search chose."""
    asked_by = last(course, AskedBy)
    return (asked_by.chosen or []) if asked_by else []


def amend(
    folder: DataFolder,
    tx: StoreTransaction,
    row: RequestRow,
    course: list[FactRow],
    actor: str,
    numbers: Sequence[str],
    chosen: Sequence[str] = (),
) -> list[str]:
    """Add numbers to what is known of the person, and return them all; ``chosen``: those of calls that a search
    chose."""
    named = list(dict.fromkeys([*given_numbers(row, course), *numbers]))
    found = [each for each in dict.fromkeys(chosen) if each not in named]
    lines = [*named, *found]
    if lines != row.lines or found != chosen_of(course):
        known = AskedBy(
            name=row.name,
            contact=row.contact,
            about=row.about,
            since=row.since,
            until=row.until,
            lines=lines,
            chosen=found,
        )
        tx.append(folder.fact(known, row.id, actor))
    return lines


_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr"})
_KINDS: Final = frozenset({"bill", "card", "in", "letter", "licence", "passport", "person", "seen", "signed"})
"""Words that say the kind of a proof, whatever somebody is called."""
_HINT: Final = "Give one of --reference (the authority's, a consignment, a message id) and --file."


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof, as it was given."""

    evidence: str = ""
    """A reference, or the name of a file."""
    sha256: str = ""
    """The SHA-256 of the file."""


def checked_proof(proof: Proof, row: RequestRow | None) -> dict[str, str]:
    """A proof as it goes into a fact, of a request (``row``) or of none. Raises ``UsageError`` where it is none, or
    where it says who asks: the fact stays when the request forgets them."""
    evidence = " ".join(proof.evidence.split())
    if not evidence:
        raise UsageError("that somebody was told needs a proof: a reference, or a file", hint=_HINT)
    if proof.sha256 and not _DIGEST.fullmatch(proof.sha256):
        raise UsageError(f"{proof.sha256!r} is no SHA-256", hint="64 digits, 0 to 9 and a to f")
    if not proof.sha256 and not any(sign.isdigit() for sign in evidence):
        raise UsageError(f"{evidence!r} is a word and no reference: there is no number in it", hint=_HINT)
    digits = re.sub(r"[^0-9]", "", evidence)
    if row and (not nameless(evidence, row.name or "") or any(each[-9:] in digits for each in row.lines)):
        raise UsageError(
            "the proof is kept, also when the person is forgotten: their name or number is in it",
            hint="Give another reference, or name the file otherwise.",
        )
    kept = {"evidence": evidence, "evidence_kind": "file" if proof.sha256 else "reference"}
    return kept | ({"evidence_sha256": proof.sha256} if proof.sha256 else {})


def nameless(text: str, name: str) -> bool:
    """Whether a text, which stays when the request forgets who asked, does not name them."""
    return not (_words(name) & _words(text)) - _TITLES - _KINDS


def same_name(one: str, other: str) -> bool:
    """Whether two names may be one person's: all words of the shorter stand in the longer. True where one has none."""
    words = sorted((_words(one) - _TITLES, _words(other) - _TITLES), key=len)
    return words[0] <= words[1]


class OfOther(NamedTuple):
    """An entry or a request that is somebody else's."""

    record: str
    id: str
    name: str
    """Empty where it is not known."""
    at: str


class Whose(NamedTuple):
    """Tells whose line a number was: by the person's name, and by the time in which the lines were theirs."""

    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """From here on they were another's."""

    def theirs(self, at: str, who: str = "") -> bool:
        """Whether what a line has from this time, in this name (empty: in none), may be the person's."""
        first, last = (stamp(each) if each else "" for each in (self.since, self.until))
        return first <= at and (not last or at < last) and same_name(who, self.name)

    def entries_of_others(self, tx: StoreTransaction, lines: Sequence[str], but: str = "") -> list[OfOther]:
        """Entries of the lists and requests about these numbers that are somebody else's; ``but``: the request that
        asks."""
        found = [OfOther("consent", each.id, each.who or "", each.given_at) for each in book.consents_of(tx, lines)]
        found += [OfOther("objection", each.id, "", each.made_at) for each in book.objections_of(tx, lines)]
        found += [OfOther("subscriber", each.id, "", each.noted_at) for each in book.subscribers_of(tx, lines)]
        asked = book.requests_of_numbers(tx, lines) if lines else []
        found += [OfOther("request", each.id, each.name or "", each.opened_at) for each in asked if each.id != but]
        return [each for each in found if not self.theirs(each.at, each.name)]


def noted_since(tx: StoreTransaction, lines: Sequence[str]) -> str | None:
    """The day since when all of these lines are their subscriber's, as it is noted; None where none was another's
    before. Raises ``UsageError`` where they differ."""
    days = {tx.subscriber(line).since for line in lines}
    if len(days) > 1:
        raise UsageError(
            "these numbers have not been their subscriber's since the same day, as it is noted",
            hint="Say the day: --line-since, or --line-until; or open a request for each number.",
        )
    day = days.pop() if days else None
    return day.isoformat() if day else None


def searched_since(tx: StoreTransaction, row: RequestRow, course: list[FactRow]) -> None:
    """Raises ``RefusedError`` where it was noted since the search that the lines have a new subscriber, and nobody has
    said of this request when they were the person's: what is an earlier one's would go to them, or with them."""
    if last(course, LineHeld) is None and any(tx.subscriber(line).since for line in row.lines):
        raise RefusedError(
            f"{row.reference}: it is noted now that its number has a new subscriber, and the search was of any time",
            reason=READY,
            hint=f"Search again: dialgate request search {row.reference}",
        )


def whose(row: RequestRow, course: list[FactRow]) -> Whose:
    """Return whose the lines of a request are, as its handler has it."""
    held = last(course, LineHeld)
    return whose_from(row.name or "", (held.since, held.until) if held else (None, None))


def whose_from(name: str, days: tuple[str | None, str | None]) -> Whose:
    """Somebody's, from a first day to a last one."""
    since, until = (date.fromisoformat(each) if each else None for each in days)
    return Whose(
        name,
        datetime.combine(since, time(), LONDON) if since else None,
        datetime.combine(until + timedelta(days=1), time(), LONDON) if until else None,
    )


def _words(text: str) -> set[str]:
    """Its words, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return set(re.findall(r"[^\W\d_]{2,}", letters))
