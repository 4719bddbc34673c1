"""The course of a request: opened, identity proven, clarified, extended, decided, told, withdrawn (LAW section 4).

Each step is a fact, taken inside the store's transaction through ``gate.core.requests.handle``, and what that commands
is carried out in the same transaction (``steps``).

Something wrong is put right (Art 16 UK GDPR): recordings and the log are never rewritten: what is right is kept as a
statement beside the record, a fact of its own that goes where the record goes and is erased with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from gate.core import request_words as events
from gate.core.facts.requests import AskedBy, Opened, Rectification
from gate.core.request_steps import HOWS
from gate.core.request_words import Asks, Ground
from gate.core.requests import telling
from gate.core.rows import Row
from gate.core.rows.requests import RequestRow
from gate.core.terms import Scope
from gate.errors import UsageError
from gate.operations.operation import KEEPERS, Caller, Line, Moment, Note, Request, about, operation
from gate.operations.requests.standing import STATEMENT, Standing
from gate.operations.requests.steps import (
    Dated,
    amend,
    chosen_of,
    claimed,
    day_of,
    keep_objections,
    load,
    nameless,
    numbers_of,
    shown,
    step,
    take,
    whose,
)
from gate.operations.requests.telling import chosen, to_tell_of_rectification, to_tell_of_restriction
from gate.store import requests as book
from gate.store import transfers
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


Channel = Literal["phone", "email", "post", "in_person", "web"]
Numbers = Annotated[tuple[Line, ...], msgspec.Meta(max_length=50)]
_WRITTEN: Final = ("email", "post", "web")
_MOST_NUMBERS: Final = 50


class Open(Request[Standing], frozen=True):
    """A person asks for something. An objection holds from the next call."""

    asks: Annotated[Asks, about("What is asked for.", metavar="KIND")]
    channel: Annotated[Channel, about("How it came.")]
    name: Annotated[Line, about("Who asks.", "Who asks")] = ""
    contact: Annotated[Note, about("E-mail or postal address for the answer.", "E-mail or postal address")] = ""
    numbers: Annotated[
        Numbers,
        about(
            "A number of theirs, in any spelling; repeat for more.",
            "Numbers of theirs, in any spelling",
            metavar="NUMBER",
        ),
    ] = ()
    about: Annotated[Note, about("What it is about, in their words.", "What it is about, in their words")] = ""
    since: Annotated[Moment | None, about("The call that it is about was made at this time or later.")] = None
    until: Annotated[Moment | None, about("The call that it is about was made before this time.")] = None
    received: Annotated[date | None, about("The day it came.", "The day it came", absent="today")] = None
    written: Annotated[bool | None, about("Whether it is in writing.", absent="by how it came")] = None
    scope: Annotated[
        Scope | None,
        about("For an objection: 'all' where they want no calls at all, service calls included.", absent="marketing"),
    ] = None


@operation(Open, "request_open", roles=KEEPERS)
def request_open(folder: DataFolder, asked: Open, caller: Caller) -> Standing:
    """Note a request that came. An objection to marketing holds from the next call: it is granted at once (Art 21(3)).

    Nothing is searched and nothing is shown.
    """
    asks, lines = Asks(asked.asks), numbers_of(asked.numbers)
    day = day_of(folder, asked.received)
    _complete(asks, asked.name, lines, asked.since, asked.until)
    if asked.scope and asks is not Asks.OBJECTION:
        raise UsageError(f"{asks} has no scope", hint="--scope says which calls an objection is to.")
    written = asked.channel in _WRITTEN if asked.written is None else asked.written
    request_id = folder.new_id()
    person = AskedBy(
        name=asked.name.strip(),
        contact=asked.contact.strip(),
        lines=lines,
        about=asked.about.strip(),
        since=asked.since.isoformat() if asked.since else None,
        until=asked.until.isoformat() if asked.until else None,
    )

    def work(tx: StoreTransaction) -> Standing:
        reference = book.next_reference(tx, day.year)
        came = Opened(
            reference=reference,
            asks=asks.value,
            channel=asked.channel,
            received=day.isoformat(),
            written=written,
            scope=asked.scope.value if asked.scope is Scope.ALL else msgspec.UNSET,
        )
        tx.append(folder.fact(came, request_id, caller.actor))
        tx.append(folder.fact(person, request_id, caller.actor))
        if asks is Asks.OBJECTION:
            row, _, request = load(tx, request_id)
            take(folder, tx, row, request, events.Granted(folder.today()), caller.actor)
        return shown(folder, tx, request_id)

    return folder.store.call(work)


def _complete(asks: Asks, name: str, lines: Sequence[str], since: datetime | None, until: datetime | None) -> None:
    if not name.strip() and not lines:
        raise UsageError("a request comes from somebody", hint="Give a name (--name), a number (--number), or both.")
    if asks is Asks.OBJECTION and not lines:
        raise UsageError(
            "an objection is kept by number", hint="Ask for the number that is not to be called: --number."
        )
    if len(lines) > _MOST_NUMBERS:
        raise UsageError(f"{len(lines)} numbers are not one person's", hint=f"at most {_MOST_NUMBERS}")
    if since and until and until <= since:
        raise UsageError("the span ends before it begins", hint="check the times")


_DOCUMENT: Final = re.compile(r"\d(?:[ -]?\d){5}|\S@\S")


# --- identity -----------------------------------------------------------------------------------------------------


class AskIdentity(Dated, frozen=True):
    """There is reasonable doubt who asks: asked for in time, the clock starts with the proof."""

    note: Annotated[
        Note,
        about(
            "What is asked for; it goes into the letter.",
            "What is asked for; it goes into the letter",
            eg=("a bill with the number",),
        ),
    ] = ""


@operation(AskIdentity, "request_ask_identity", roles=KEEPERS)
def request_ask_identity(folder: DataFolder, asked: AskIdentity, caller: Caller) -> Standing:
    """Ask who it is, where there is reasonable doubt: the clock starts when the proof arrives (Art 12(6)).

    Asked for later than ``requests.identity_days`` after the receipt, the clock goes on from the receipt.
    """
    words, days = {"proof": asked.note}, folder.config.requests.identity_days

    def event(on: date, _: events.Request) -> events.Event:
        return events.IdentityAsked(on, days)

    return step(folder, asked, caller.actor, event, words=words)


class VerifyIdentity(Dated, frozen=True, kw_only=True):
    """Who asks is known."""

    checked: Annotated[
        Line, about("What was looked at; never its content.", "What was checked", eg=("passport seen in person",))
    ]
    numbers: Annotated[
        Numbers,
        about(
            "A number of theirs, in any spelling; repeat for more.",
            "Numbers of theirs, in any spelling",
            metavar="NUMBER",
        ),
    ] = ()


@operation(VerifyIdentity, "request_verify_identity", roles=KEEPERS)
def request_verify_identity(folder: DataFolder, asked: VerifyIdentity, caller: Caller) -> Standing:
    """Note that who asks is known, and what was checked: never what stood in it (LAW 4.3).

    ``on`` is the day on which the proof arrived.
    """
    if not asked.checked.strip():
        raise UsageError("say what was checked", hint="Example: --checked 'passport seen, answers to two questions'")
    if _DOCUMENT.search(asked.checked):
        raise UsageError(
            "what was checked is kept, never the document: there is a number or an address in it",
            hint="Say the kind of proof only: 'passport seen in person'.",
        )
    lines = numbers_of(asked.numbers)

    def work(tx: StoreTransaction) -> Standing:
        row, course, before = load(tx, asked.request)
        if not nameless(asked.checked, row.name or ""):
            raise UsageError(
                "what was checked is kept, also when the person is forgotten: their name is in it",
                hint="Say the kind of proof only: 'passport seen in person'.",
            )
        on, proven = claimed(folder, asked, row, before)
        checked = asked.checked.strip()
        take(folder, tx, row, before, events.IdentityProven(on), caller.actor, words=None, checked=checked, **proven)
        amend(folder, tx, row, course, caller.actor, lines, chosen_of(course))
        return shown(folder, tx, row.id)

    return folder.store.call(work)


# --- clarification, extension, acknowledgement --------------------------------------------------------------------


class Clarify(Dated, frozen=True, kw_only=True):
    """Ask what is meant: the clock of an access request stands still."""

    question: Annotated[
        Note,
        about(
            "What is asked; it goes into the letter.",
            "What is asked; it goes into the letter",
            eg=("Which of our calls do you mean?",),
        ),
    ]


@operation(Clarify, "request_clarify", roles=KEEPERS)
def request_clarify(folder: DataFolder, asked: Clarify, caller: Caller) -> Standing:
    """Ask what is meant: the clock of an access request stands still until the answer (Art 12A)."""
    _needs(asked.question, "a question", "--question 'Which of our calls do you mean?'")
    words = {"question": asked.question}
    return step(folder, asked, caller.actor, lambda on, _: events.ClarificationAsked(on), words=words)


class Clarified(Dated, frozen=True, kw_only=True):
    """Note the person's answer: the clock goes on."""

    answer: Annotated[Note, about("What they said.", "What they said")]
    numbers: Annotated[
        Numbers,
        about(
            "A number of theirs, in any spelling; repeat for more.",
            "Numbers of theirs, in any spelling",
            metavar="NUMBER",
        ),
    ] = ()


@operation(Clarified, "request_clarified", roles=KEEPERS)
def request_clarified(folder: DataFolder, asked: Clarified, caller: Caller) -> Standing:
    """Note the answer: the clock goes on, and what is held is to be searched for again."""
    lines = numbers_of(asked.numbers)

    def work(tx: StoreTransaction) -> Standing:
        row, course, before = load(tx, asked.request)
        on, proven = claimed(folder, asked, row, before)
        take(folder, tx, row, before, events.Clarified(on), caller.actor, words={"answer": asked.answer}, **proven)
        amend(folder, tx, row, course, caller.actor, lines, chosen_of(course))
        return shown(folder, tx, row.id)

    return folder.store.call(work)


class Extend(Dated, frozen=True, kw_only=True):
    """Three months in total, told with the reasons."""

    reasons: Annotated[
        Note,
        about(
            "Why; they go into the letter.", "Why; it goes into the letter", eg=("forty recordings have to be heard",)
        ),
    ]


@operation(Extend, "request_extend", roles=KEEPERS)
def request_extend(folder: DataFolder, asked: Extend, caller: Caller) -> Standing:
    """Take three months in total, told with the reasons within the first (Art 12(3))."""
    _needs(asked.reasons, "reasons", "--reasons 'forty recordings have to be heard'")
    words = {"extension": asked.reasons}
    return step(folder, asked, caller.actor, lambda on, _: events.Extended(on), words=words)


class Acknowledge(Dated, frozen=True):
    """The acknowledgement of a complaint was sent."""


@operation(Acknowledge, "request_acknowledge", roles=KEEPERS)
def request_acknowledge(folder: DataFolder, asked: Acknowledge, caller: Caller) -> Standing:
    """Note that the acknowledgement of a complaint was sent (DPA 2018 s.164A)."""
    return step(folder, asked, caller.actor, lambda on, _: events.Acknowledged(on))


def _needs(text: str, what: str, example: str) -> None:
    if not text.strip():
        raise UsageError(f"this needs {what}", hint=f"Example: {example}")


# --- the decision, and its end ------------------------------------------------------------------------------------


class Decide(Dated, frozen=True, kw_only=True):
    """Grant, or refuse on a ground with reasons."""

    grant: Annotated[bool, about("Do as is asked.")]
    ground: Annotated[Ground | None, about("Refuse, on this ground.", metavar="GROUND")] = None
    reasons: Annotated[
        Note,
        about(
            "In words that the person understands; they go into the letters.",
            "Reasons, in words that the person understands",
        ),
    ] = ""
    calls: Annotated[
        Literal["", "stop", "resume"],
        about(
            "For a complaint that names a number: marketing to it, which waits meanwhile, stops for good or may go on.",
            "Marketing to their number",
        ),
    ] = ""


@operation(Decide, "request_decide", roles=KEEPERS, final=True)
def request_decide(folder: DataFolder, asked: Decide, caller: Caller) -> Standing:
    """Grant a request, or refuse it on a ground from the list with reasons.

    A grant of an erasure or objection makes the person's numbers uncallable, one of a restriction closes their
    recordings, in the same transaction. A complaint is granted with its outcome (DPA 2018 s.164A); where it names a
    number, marketing to that has waited, and ``calls`` decides on it.
    """
    ground = asked.ground
    if asked.grant == (ground is not None):
        raise UsageError("a request is granted, or refused on a ground", hint=f"grounds: {', '.join(Ground)}")
    if ground is None:
        return _grant(folder, asked, caller)
    _needs(asked.reasons, "reasons", "--reasons 'why, in words that the person understands'")
    refused = Ground(ground)
    words = {"reasons": asked.reasons}

    def work(tx: StoreTransaction) -> Standing:
        row, _, before = load(tx, asked.request)
        on, proven = claimed(folder, asked, row, before)
        calls = _on_calls(folder, tx, row, before, asked, caller.actor)
        take(folder, tx, row, before, events.Refused(on, refused), caller.actor, words=words, **proven, **calls)
        return shown(folder, tx, row.id)

    return folder.store.call(work)


def _on_calls(
    folder: DataFolder, tx: StoreTransaction, row: RequestRow, request: events.Request, asked: Decide, actor: str
) -> dict[str, str]:
    """What the decision on a complaint means for marketing to its numbers, as it goes into the fact; objections are
    made where it stops. Raises ``UsageError`` where nobody has decided that, or it cannot go on."""
    if request.asks is not Asks.COMPLAINT and asked.calls:
        raise UsageError(f"{row.reference}: --calls is for a complaint that names a number", hint="Leave it out.")
    if request.asks is not Asks.COMPLAINT or not row.lines:
        return {}
    if not asked.calls:
        raise UsageError(
            "marketing to the number of this complaint waits: is it to go on?",
            hint="--calls stop keeps them uncallable, --calls resume lets marketing go on.",
        )
    if asked.calls == "stop":
        keep_objections(folder, tx, row, request, actor)
    elif any(tx.objections(number) for number in row.lines):
        raise UsageError(
            "they have objected to our calls, and a complaint does not take that back", hint="--calls stop"
        )
    return {"calls": asked.calls}


def _grant(folder: DataFolder, asked: Decide, caller: Caller) -> Standing:
    """A restriction names those who were given what it is about: they are told of it (Art 19)."""

    def work(tx: StoreTransaction) -> Standing:
        row, course, before = load(tx, asked.request)
        if before.asks is Asks.COMPLAINT:  # DPA 2018 s.164A: they are told what came of it
            _needs(asked.reasons, "the outcome, which goes into the letter", "--reasons 'what you found and have done'")
        calls = _on_calls(folder, tx, row, before, asked, caller.actor)
        locks, of = before.asks is Asks.RESTRICTION, whose(row, course)
        tell = to_tell_of_restriction(tx, row.lines, of) if locks else {}
        on, proven = claimed(folder, asked, row, before)
        more = ({"tell": tell} if tell else {}) | proven | calls
        take(
            folder,
            tx,
            row,
            before,
            events.Granted(on, tuple(tell)),
            caller.actor,
            words={"remark": asked.reasons},
            **more,
        )
        return shown(folder, tx, row.id)

    return folder.store.call(work)


class AnswerSent(Dated, frozen=True):
    """The answer went out."""

    who: Annotated[Literal["person", "authority", "recipient"], about("Who was notified.")] = "person"
    recipient: Annotated[Line, about("Who was given what is erased.", metavar="ID", absent="the only one")] = ""
    how: Annotated[
        Literal["", "mail", "post", "phone", "in_person", "impossible", "disproportionate"],
        about("How the recipient was notified, or why nobody notified them."),
    ] = ""


@operation(AnswerSent, "request_told", roles=KEEPERS, final=True)
def request_told(folder: DataFolder, asked: AnswerSent, caller: Caller) -> Standing:
    """Note that the answer went out: to the person, or a refusal to the supervisory ``authority``, with its proof; or
    that a ``recipient`` of what is erased or restricted was told of it, and how.

    What was granted is over with it. When a person has been told of their erasure, the request forgets them too, and so
    does one that was open while another erased them: reference, dates, decision and receipts stay.
    """
    if (asked.who == "recipient") != bool(asked.how):
        raise UsageError(
            "say how a recipient was told, or why not" if not asked.how else "that is said of a recipient alone",
            hint=f"--how {', '.join(HOWS)}",
        )

    def event(on: date, request: events.Request) -> events.Event:
        if asked.who == "recipient":
            named = chosen(request.recipients, request.untold, asked.recipient) if request.recipients else ""
            return events.RecipientTold(on, named)
        return telling(request, asked.who, on)

    how = {"how": asked.how} if asked.how else {}
    return step(folder, asked, caller.actor, event, words=None, proof=asked.who == "authority", **how)


class Withdraw(Dated, frozen=True):
    """Note that the person withdraws the request."""

    reason: Annotated[Note, about("What they said.", "What they said")] = ""


@operation(Withdraw, "request_withdraw", roles=KEEPERS, final=True)
def request_withdraw(folder: DataFolder, asked: Withdraw, caller: Caller) -> Standing:
    """Note that the person takes it back."""
    words = {"withdrawal": asked.reason}
    return step(folder, asked, caller.actor, lambda on, _: events.Withdrawn(on), words=words)


_RECORDS: Final = {
    "call": "SELECT call_id AS id, call_id, number FROM calls WHERE call_id = ?",
    "recording": "SELECT r.recording_id AS id, c.call_id, c.number FROM recordings AS r JOIN calls AS c"
    " ON c.call_id = r.call_id WHERE r.recording_id = ?",
    "consent": "SELECT id, NULL AS call_id, number FROM consents WHERE id = ?",
    "objection": "SELECT id, NULL AS call_id, number FROM objections WHERE id = ?",
}
"""What a statement can stand beside."""


class Rectify(Dated, frozen=True, kw_only=True):
    """Keep what is right as a statement beside the records that are wrong."""

    statement: Annotated[
        Note,
        about(
            "What was wrong and what is right; it goes into the letters.",
            "What was wrong and what is right",
            eg=("The name is Ann Lee, not Anne Leigh.",),
        ),
    ]
    records: Annotated[
        tuple[Line, ...],
        msgspec.Meta(max_length=50),
        about(
            "A call, recording, consent or objection; repeat for more.",
            "Beside which records: ids of calls, consents …",
            absent="the request",
            metavar="ID",
            ids=("call", "recording", "consent", "objection"),
        ),
    ] = ()


@operation(Rectify, "request_rectify", roles=KEEPERS)
def request_rectify(folder: DataFolder, asked: Rectify, caller: Caller) -> Standing:
    """Keep what is right beside what is wrong, as often as there is something to put right (Art 16).

    Those who were given the records are to be told of it (Art 19). Raises ``UsageError`` where a record is not there,
    or is of a number that the request does not name.
    """
    if not asked.statement.strip():
        raise UsageError("say what is right", hint="--statement 'The name is Ann Lee, not Anne Leigh.'")

    def work(tx: StoreTransaction) -> Standing:
        row, course, before = load(tx, asked.request)
        records = [_record(tx, row, each.strip()) for each in dict.fromkeys(asked.records)]
        calls = [each.call_id for each in records if each.call_id]
        tell = to_tell_of_rectification(tx, course, calls, [each.id for each in records if not each.call_id])
        on, proven = claimed(folder, asked, row, before)
        event = events.Rectified(on, tuple(tell))
        named: dict[str, object] = {"records": [f"{each.record} {each.id}" for each in records]}
        named |= {"tell": tell} if tell else {}
        take(folder, tx, row, before, event, caller.actor, words={STATEMENT: asked.statement}, **named, **proven)
        for each in records:
            body = Rectification(
                request=row.reference,
                record=each.record,
                statement=asked.statement.strip(),
                call_id=each.call_id or UNSET,
                talk=each.talk or UNSET,
            )
            tx.append(folder.fact(body, each.id, caller.actor))
        return shown(folder, tx, row.id)

    return folder.store.call(work)


class _Record(Row, frozen=True):
    """What a statement stands beside."""

    id: str
    call_id: str | None
    number: str | None
    record: str = ""
    """One of ``_RECORDS``."""
    talk: str = ""
    """The person's own call, from which they were transferred to this one."""


def _record(tx: StoreTransaction, request: RequestRow, name: str) -> _Record:
    for record, sql in _RECORDS.items():
        for row in tx.rows(_Record, sql, (name,)):
            talk = "" if row.number in request.lines else _talk(tx, request, row.call_id)
            if talk is None:
                raise UsageError(
                    f"{record} {name} is of another number than those of {request.reference}",
                    hint=f"dialgate request verify-identity {request.reference} --number … adds a number of theirs",
                )
            return replace(row, record=record, talk=talk)
    raise UsageError(
        f"there is no call, recording, consent or objection {name}",
        hint="See: dialgate calls list --number …, dialgate consent list --number …",
    )


def _talk(tx: StoreTransaction, request: RequestRow, call_id: str | None) -> str | None:
    """The call of this person from which they were transferred to a call of somebody else's, which makes them a
    party to it: the statement is theirs, and not of whoever was called. None where there is none."""
    came = transfers.before(tx, [call_id] if call_id else ())
    theirs = (talk.call_id for talks in came.values() for talk in talks if talk.number in request.lines)
    return next(theirs, None)
