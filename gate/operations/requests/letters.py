"""The letters of a request: what each has to say, rendered when asked for, and the fact that one was made or sent.

A letter is personal data and is kept nowhere in the gate: whoever asks for one gets it, and the log keeps its digest.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from gate.core import request_words as events
from gate.core.days import london_day, spoken_day
from gate.core.facts import Body
from gate.core.facts import requests as kinds
from gate.core.facts.lists import Consent, ConsentLetterMade, ConsentWithdrawn, Objection, ObjectionRemoved
from gate.core.facts.recordings import CopyMade
from gate.core.facts.retention import Hold, HoldReleased
from gate.core.letter_words import WORDS
from gate.core.letters import Held, Leaf, Letter, LetterFacts, Sentence
from gate.core.request_words import OVER, Asks, LetterKind, State, missing
from gate.core.requests import fits, why_not
from gate.core.retention import HoldGround, Kind
from gate.core.rows.audit import CopyKind, CopyRow
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import Given, Handed, RequestRow, Taken
from gate.core.rows.retention import HoldRow
from gate.core.screening import live_consents, standing_withdrawal
from gate.core.terms import Scope
from gate.errors import RefusedError, UsageError
from gate.exports.letters import firm_of, render, templates_of
from gate.operations.erasure.eraser import copies_left
from gate.operations.erasure.plan import ELSEWHERE, MOST
from gate.operations.operation import KEEPERS, Caller, Line, Note, Request, Response, about, operation
from gate.operations.requests.standing import STATEMENT, bodies, last, statements, words_at
from gate.operations.requests.steps import OWN_RESTRICTION, READY, load, whose
from gate.operations.requests.telling import chosen, given_to, handed_of, own_copies, who_got
from gate.showing import spoken_number
from gate.store import kept
from gate.store import requests as book
from gate.store.handed_out import copies_about, leaves_about
from gate.store.queries import facts_of
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.config import Config
    from gate.operations.data_folder import DataFolder

PROGRESS: Final = "progress"
"""The step at which somebody says how far they are with a complaint."""
_SAID: Final = {
    LetterKind.IDENTITY: "proof",
    LetterKind.CLARIFICATION: "question",
    LetterKind.EXTENSION: "extension",
    LetterKind.PROGRESS: PROGRESS,
    LetterKind.REFUSAL: "reasons",
    LetterKind.AUTHORITY: "reasons",
}
"""Whose words stand in a letter as its reasons."""


class RestsOn(Response, frozen=True):
    """What a sentence rests on: a leaf of the log, or a source that is none."""

    index: int | None
    kind: str
    at: str
    source: str
    """A law, a key of the configuration, the firm's policy; empty of a leaf."""


class Reasoned(Response, frozen=True):
    """A sentence with what it rests on."""

    name: str
    text: str
    rests: list[RestsOn]


class Rendered(Response, frozen=True):
    """A letter."""

    reference: str
    asks: Asks
    kind: LetterKind
    subject: str
    to: str
    """E-mail address; empty where none is known."""
    text: str
    html: str
    eml: str
    """A whole message, Base64."""
    sha256: str
    sent: bool
    sentences: list[Reasoned]
    unmailed: str
    """Why it cannot go by mail from here; empty where it can."""


class WriteLetter(Request[Rendered], frozen=True, kw_only=True):
    """A letter of a request, rendered; with ``send`` it goes out by mail."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    kind: Annotated[LetterKind, about("Which letter.", metavar="KIND")]
    pack: Annotated[Line, about("The name of the pack that goes with an answer.")] = ""
    recipient: Annotated[Line, about("Who was given what is erased.", metavar="ID", absent="the only one")] = ""
    to: Annotated[
        Note, about("Their e-mail or postal address.", "Their e-mail or postal address", metavar="ADDRESS")
    ] = ""
    proof: Annotated[Line, about("Name of the page of proofs that goes with it (request_proof).")] = ""
    send: Annotated[bool, about("Send it by mail, to the address in the request.")] = False
    note: Annotated[
        Note,
        about(
            "For a progress letter: what was done so far.",
            "What was done so far",
            eg=("We have listened to both calls.",),
        ),
    ] = ""


@operation(WriteLetter, "request_letter", roles=KEEPERS, final=True)
def request_letter(folder: DataFolder, asked: WriteLetter, caller: Caller) -> Rendered:
    """Write a letter of a request, as text, HTML and a whole message; with ``send`` it goes by mail.

    Sending is not telling: ``request_told`` says that the person has it. Raises ``RefusedError`` where the request is
    not there yet, or has forgotten the person, and what the templates and the mail server raise.
    """
    kind = LetterKind(asked.kind)

    def facts(tx: StoreTransaction) -> tuple[str, LetterFacts, str]:
        row, course, before = load(tx, asked.request)
        day = folder.today()
        _check(row, before, kind, day)
        if asked.note.strip() and kind is not LetterKind.PROGRESS:
            raise UsageError(f"a {kind} letter has no note", hint="--note is for the letter progress.")
        if asked.note.strip():
            tx.append(folder.fact(kinds.SaidAt(step=PROGRESS, text=asked.note.strip()), row.id, caller.actor))
            course = book.course(tx, row.id)
        access = kind is LetterKind.RESPONSE and before.asks is Asks.ACCESS
        if access and not before.held:
            _check_nothing(tx, row, course)
        name = (asked.pack or f"{row.reference}.html") if access and before.held else ""
        said_in_it = _facts(tx, row, course, before, kind, day, name)
        if kind is LetterKind.RECIPIENT:
            to = chosen(before.recipients, before.untold, asked.recipient)
            return row.id, _for_recipient(folder, said_in_it, to, asked.to, given_to(course, to)), to
        if kind is LetterKind.CONFIRMATION and before.asks in (Asks.ERASURE, Asks.RESTRICTION, Asks.RECTIFICATION):
            again = bool(folder.config.storage.memory)
            recipients, own = _recipients(folder, course)
            said_in_it = dataclasses.replace(said_in_it, recipients=recipients, own_copies=own, erased_again=again)
            if copies := _copies(tx, row, course, before.asks):
                leaves = tuple(Leaf(each.leaf_index, CopyMade.kind, each.made_at) for each in copies)
                said_in_it = dataclasses.replace(
                    said_in_it,
                    copies=tuple(_copy(each, day) for each in copies),
                    leaves={**said_in_it.leaves, CopyMade.kind: leaves},
                )
        return row.id, said_in_it, ""

    request_id, said_in_it, recipient = folder.store.call(facts)
    if asked.proof:
        said_in_it = dataclasses.replace(said_in_it, proof=asked.proof, log_key=folder.bundles.vkey().vkey)
    letter = _rendered(folder, said_in_it)
    if asked.send and not letter.to:
        raise UsageError(
            f"{said_in_it.reference}: no e-mail address is known for this letter",
            hint="Give it: --to ADDRESS" if recipient else "Print it and post it: -o FILE",
        )
    body: dict[str, Any] = {**_digests(letter), "recipient": recipient or UNSET}
    folder.keep(kinds.LetterMade(**body, rests=_rests(letter)), request_id, caller.actor)
    if asked.send:
        folder.keep(kinds.LetterSent(**body, server=_sent(folder, letter)), request_id, caller.actor)
    return _as_rendered(folder.config, said_in_it, letter, sent=asked.send)


def _digests(letter: Letter) -> dict[str, str]:
    """The kind of a letter and the SHA-256 of each of its forms, as its fact has them."""
    forms = {"sha256": letter.eml, "text_sha256": letter.text.encode(), "html_sha256": letter.html.encode()}
    return {"letter": letter.kind.value} | {name: hashlib.sha256(form).hexdigest() for name, form in forms.items()}


def _rests(letter: Letter) -> dict[str, list[int | str]]:
    """Name of each sentence -> what it rests on."""
    rests: dict[str, list[int | str]] = {}
    for each in letter.sentences:
        rests[each.name] = list(dict.fromkeys([*rests.get(each.name, []), *map(_index, each.rests)]))
    return rests


def _as_rendered(config: Config, facts: LetterFacts, letter: Letter, *, sent: bool) -> Rendered:
    unmailed = "" if config.mail.host else "no mail server is configured ([mail] host)"
    return Rendered(
        reference=facts.reference,
        asks=facts.asks,
        kind=letter.kind,
        subject=letter.subject,
        to=letter.to,
        text=letter.text,
        html=letter.html,
        eml=base64.b64encode(letter.eml).decode(),
        sha256=_digests(letter)["sha256"],
        sent=sent,
        unmailed=unmailed if letter.to else "no e-mail address is known",
        sentences=_reasoned(letter.sentences),
    )


class WriteConsentLetter(Request[Rendered], frozen=True, kw_only=True):
    """The letter that confirms that a consent was withdrawn."""

    consent: Annotated[Line, about("The consent: its id, or its beginning.", ids=("consent",), metavar="ID")]
    to: Annotated[
        Note, about("Their e-mail or postal address.", "Their e-mail or postal address", metavar="ADDRESS")
    ] = ""


@operation(WriteConsentLetter, "consent_letter", roles=KEEPERS, final=True)
def consent_letter(folder: DataFolder, asked: WriteConsentLetter, caller: Caller) -> Rendered:
    """Write the letter that confirms a withdrawn consent (Art 7(3)): since when it holds, and what it stops.

    Raises ``UsageError`` where the consent was not withdrawn, is erased, or they have agreed again since.
    """

    def facts(tx: StoreTransaction) -> LetterFacts:
        sql = "SELECT number, coalesce(who, ''), given_at FROM consents WHERE id = ? AND number IS NOT NULL"
        found = tx.values(tuple[str, str, str], sql, (asked.consent,))
        course = facts_of(tx, asked.consent)
        ended = next((each for each in course if each.kind == ConsentWithdrawn.kind and each.body), None)
        if not found or ended is None:
            raise UsageError(
                f"no consent {asked.consent} was withdrawn",
                hint="See: dialgate consent list, dialgate consent withdraw",
            )
        ((number, who, given_at),) = found
        now = folder.clock.now()
        withdrawn, stopped = london_day((ended.body or {})["at"]), london_day(ended.at)
        consents = tx.consents(number)
        if standing_withdrawal(consents, live_consents(consents, now)) is None:
            raise UsageError(
                "they have agreed to calls again since: the letter would say what is not so",
                hint="See: dialgate consent list --number …",
            )
        given = next(each for each in course if each.kind == Consent.kind)
        return LetterFacts(
            kind=LetterKind.WITHDRAWAL,
            reference="",
            asks=Asks.OBJECTION,
            received=withdrawn,
            today=folder.today(),
            leaves=_leaves([given, ended]),
            name=who,
            contact=asked.to,
            numbers=(number,),
            given_on=london_day(given_at),
            told_on=withdrawn if withdrawn < stopped else None,
            stopped_on=stopped,
            all_calls=any(each.scope is Scope.ALL for each in tx.objections(number)),
        )

    said_in_it = folder.store.call(facts)
    letter = _rendered(folder, said_in_it)
    folder.keep(ConsentLetterMade(**_digests(letter), rests=_rests(letter)), asked.consent, caller.actor)
    return _as_rendered(folder.config, said_in_it, letter, sent=False)


class Explained(Response, frozen=True):
    """A letter that was made, sentence by sentence."""

    reference: str
    kind: LetterKind
    index: int
    """The index of the leaf that says that it was made."""
    at: str
    sha256: str
    sentences: list[Reasoned]
    """With the words as they are now; empty of a letter of an earlier version."""


class ExplainedLetters(Response, frozen=True):
    """The letters that are meant, oldest first."""

    letters: list[Explained]


class ExplainLetter(Request[ExplainedLetters], frozen=True):
    """What each sentence of a letter rests on."""

    letter: Annotated[
        Line,
        about(
            "A request, by its reference, or a consent, by its id (all its letters); or the SHA-256 of a letter, of any"
            " of its three forms.",
            eg=("DSR-2026-0007",),
            metavar="ID",
        ),
    ]


@operation(ExplainLetter, "letters_explain", roles=KEEPERS)
def letters_explain(folder: DataFolder, asked: ExplainLetter, caller: Caller) -> ExplainedLetters:
    """Name the leaf, or the law or setting, behind each sentence of a letter that was made.

    The letter itself is kept nowhere: a sentence is shown with its wording, whose fields the person's letter had filled
    in. Raises ``UsageError`` where there is no such request or letter.
    """

    def work(tx: StoreTransaction) -> ExplainedLetters:
        digest = asked.letter.strip().lower()
        subject = book.request_of_letter(tx, digest)
        of_consent = [each for each in facts_of(tx, subject or asked.letter) if each.kind == ConsentLetterMade.kind]
        if of_consent:
            return ExplainedLetters(letters=[_explained(tx, "", fact) for fact in of_consent])
        row, course, _ = load(tx, subject or asked.letter)
        made = [fact for fact in course if fact.kind == kinds.LetterMade.kind and fact.body]
        if subject:
            made = [fact for fact in made if fact.body and digest in fact.body.values()]
        return ExplainedLetters(letters=[_explained(tx, row.reference, fact) for fact in made])

    return folder.store.call(work)


def _explained(tx: StoreTransaction, reference: str, fact: FactRow) -> Explained:
    body = fact.body or {}
    rests: dict[str, list[int | str]] = body.get("rests") or {}
    leaves = book.leaves_at(tx, {each for found in rests.values() for each in found if isinstance(each, int)})
    sentences = [
        Sentence(
            name,
            WORDS[name].text if name in WORDS else "",
            tuple(leaves.get(each, Leaf(each, "", "")) if isinstance(each, int) else each for each in found),
        )
        for name, found in rests.items()
    ]
    return Explained(
        reference=reference,
        kind=LetterKind(body["kind"]),
        index=fact.leaf_index,
        at=fact.at,
        sha256=body.get("sha256") or "",
        sentences=_reasoned(sentences),
    )


def _reasoned(sentences: Iterable[Sentence]) -> list[Reasoned]:
    return [Reasoned(each.name, each.text, [_rests_on(rest) for rest in each.rests]) for each in sentences]


def _rests_on(rest: Leaf | str) -> RestsOn:
    if isinstance(rest, str):
        return RestsOn(None, "", "", rest)
    return RestsOn(rest.index, rest.kind, rest.at, "")


def _index(rest: Leaf | str) -> int | str:
    return rest if isinstance(rest, str) else rest.index


def _rendered(folder: DataFolder, facts: LetterFacts) -> Letter:
    """In the firm's words. Raises ``GateError`` where a template is at fault."""
    config = folder.config
    facts = dataclasses.replace(facts, numbers=tuple(spoken_number(number) for number in facts.numbers))
    firm, now = firm_of(config, facts.today), folder.clock.now()
    return render(facts, firm, templates_of(config), now=now, sender=config.mail_sender)


def _sent(folder: DataFolder, letter: Letter) -> str:
    """By mail: what the server said. Raises ``GateError`` where there is none, or it did not take it."""
    from gate.exports.mail import send  # with asyncio: where one is sent

    delivery = send(letter.to, letter.eml, folder.config, rehearsed=folder.rehearses)
    return f"{delivery.server}: {delivery.said}"


def _facts(
    tx: StoreTransaction,
    row: RequestRow,
    course: list[FactRow],
    request: events.Request,
    kind: LetterKind,
    today: date,
    pack: str,
) -> LetterFacts:
    clock, carried, opened = request.clock_on(today), last(course, kinds.Carried), last(course, kinds.Opened)
    scope = last(course, kinds.Searched) if request.searched else None
    found = book.calls(tx, (scope.calls or []) if scope else [])
    made = [each for each in found if each.verdict == "allow" or each.recording_id or each.answered_at]
    keeping = [_hold(tx, name) for name in (carried.held_by if carried else ())]
    objections, restrictions = _facts_of_request(tx, row, "-o"), _facts_of_request(tx, row, OWN_RESTRICTION)
    asked_identity, held = last(course, kinds.IdentityAsked), last(course, kinds.LineHeld)
    answer, went = kind is LetterKind.RESPONSE, carried.recordings if carried else 0
    return LetterFacts(
        kind=kind,
        reference=row.reference,
        asks=request.asks,
        received=request.received,
        today=today,
        leaves=_leaves([*course, *objections, *restrictions, *(each.fact for each in keeping)]),
        channel=row.channel,
        due=clock.due if clock else None,
        ico_due=clock.ico_date if clock and request.asks is not Asks.COMPLAINT else None,
        identified=request.identified,
        asked_identity=date.fromisoformat(asked_identity.on) if asked_identity else None,
        paused=request.stands_still,
        decided=_decided(course),
        name=row.name or "",
        contact=row.contact or "",
        numbers=tuple(row.lines),
        ground=request.ground,
        holds=tuple(_held(each) for each in keeping),
        held_calls=carried.held_calls if carried else 0,
        held_recordings=carried.held_back if carried else 0,
        partly=request.state is State.PARTLY_DONE or (kind is LetterKind.AUTHORITY and request.partial),
        resumed=_calls(course) == "resume",
        completed=request.partial and request.state is not State.PARTLY_DONE,
        reasons=words_at(course, _SAID[kind]) if kind in _SAID else "",
        answer=words_at(course, "remark"),
        missing=missing(request.asks, row.lines, row.since) if request.state not in OVER else (),
        stopped=_first(objections, Objection),
        all_calls=bool(opened and opened.scope == "all"),
        objection_ended=any(each.kind == ObjectionRemoved.kind for each in objections),
        restriction_ended=any(each.kind == HoldReleased.kind for each in restrictions),
        searched=date.fromisoformat(scope.on) if scope else None,
        narrowed=scope is not None and not scope.whole,
        line_held=held is not None,
        line_since=date.fromisoformat(held.since) if held and held.since else None,
        outside=request.outside,
        nothing=answer and request.asks is Asks.ACCESS and not request.held,
        found_calls=len(made),
        found_for_others=sum(bool(each.on_behalf_of) for each in made),
        instigators=tuple(dict.fromkeys(each.on_behalf_of for each in made if each.on_behalf_of)),
        found_stopped=len(found) - len(made),
        found_recordings=sum(each.recording not in (None, "erased") for each in found),
        found_entries=(scope.entries or 0) if scope else 0,
        pack=pack,
        erased_recordings=sum(each.recording == "erased" for each in found) if answer else went,
        went=bool(carried and (carried.calls or carried.recordings or carried.facts > len(row.lines))),
        backups_until=date.fromisoformat(carried.backups_until) if carried else None,
        statements=tuple(statements(course)),
        beside=tuple(name.partition(" ")[0] for name in dict.fromkeys(_records(course))),
        held_back=words_at(course, "left_out") if answer else "",
    )


def _calls(course: list[FactRow]) -> str:
    """Return what was decided about marketing with a complaint: ``stop``, ``resume``, or nothing."""
    decided = last(course, kinds.Granted) or last(course, kinds.Refused)
    return decided.calls if decided and decided.calls else ""


def _records(course: list[FactRow]) -> list[str]:
    return [name for each in bodies(course, kinds.Rectified) for name in each.records]


def _leaves(facts: list[FactRow]) -> dict[str, tuple[Leaf, ...]]:
    """What the letter can rest on: the newest fact of each kind of the course, all statements of what is right; the
    objections and restrictions that the request made; the holds that keep something; the letter that told the
    person."""
    found: dict[str, tuple[Leaf, ...]] = {}
    for fact in facts:
        key, body = fact.kind, fact.body or {}
        if key == kinds.LetterMade.kind and body.get("kind") not in (LetterKind.REFUSAL, LetterKind.CONFIRMATION):
            continue
        if key == kinds.SaidAt.kind:
            key = f"{key}:{body.get('step', '')}"
        leaf = Leaf(fact.leaf_index, fact.kind, fact.at)
        several = key in (Objection.kind, Hold.kind, kinds.Rectified.kind) or key.endswith(f":{STATEMENT}")
        found[key] = (*(found.get(key, ()) if several else ()), leaf)
    return found


def _facts_of_request(tx: StoreTransaction, row: RequestRow, mark: str) -> list[FactRow]:
    """The facts of the objections, or restrictions, that the gate made of a request."""
    return [fact for place in range(len(row.lines)) for fact in facts_of(tx, f"{row.id}{mark}{place}")]


def _first(facts: list[FactRow], kind: type[Body]) -> date | None:
    """The day on which the last of the numbers got its fact."""
    days = [london_day(fact.at) for fact in facts if fact.kind == kind.kind]
    return max(days, default=None)


def _check(row: RequestRow, request: events.Request, kind: LetterKind, day: date) -> None:
    """Raise where this letter would say what is not so, or to nobody."""
    if not why_not(request, events.LetterMade(day, kind)):
        return
    reference = row.reference
    if not fits(request, kind):
        raise RefusedError(
            f"{reference} is for {request.asks} and {request.state}: there is no {kind} letter to write",
            reason=READY,
            hint=f"See: dialgate request show {reference}",
        )
    if request.forgotten:
        raise RefusedError(
            f"{reference} has forgotten who asked: the erasure was confirmed",
            reason="erased",
            hint="The letter that was made before is all there is.",
        )
    raise RefusedError(
        f"{reference}: the answer speaks of a pack that is not made yet",
        reason=READY,
        hint=f"dialgate request fulfil {reference} --key FILE -o PACK.html",
    )


def _check_nothing(tx: StoreTransaction, row: RequestRow, course: list[FactRow]) -> None:
    """Raise where the letter would say that nothing is held, and the store holds something of these numbers now."""
    of = whose(row, course)
    others = {each.id for each in of.entries_of_others(tx, row.lines, row.id)}
    counts = book.counts_of(tx, row.lines, of.since, of.until, but=others | {row.id})
    found = [f"{name}: {count}" for name, count in counts.items() if count]
    if not row.lines or found:
        raise RefusedError(
            f"{row.reference}: nobody is told that nothing is held of these numbers. In the store are "
            f"{', '.join(found) or 'no numbers to look for'}",
            reason="something_is_held",
            hint=f"Search again: dialgate request search {row.reference} --everything",
        )


def _decided(course: list[FactRow]) -> date | None:
    decision = last(course, kinds.Refused) or last(course, kinds.Granted)
    return date.fromisoformat(decision.on) if decision else None


class _Keeping(NamedTuple):
    """A hold that keeps something, as it is now."""

    fact: FactRow
    """By which it was put on."""
    hold: HoldRow
    name: str


def _hold(tx: StoreTransaction, name: str) -> _Keeping:
    """The hold that a receipt names. Raises ``RefusedError`` where nobody has said its ground: a letter gives the
    person, and the authority, no ground that the log does not have."""
    hold_id = name.rpartition("(")[2].rstrip(")")
    row = kept.hold(tx, hold_id)
    if row is None or (row.kind != Kind.RESTRICTION and row.ground in (None, HoldGround.NONE)):
        raise RefusedError(
            f"{name} keeps something on no ground that a letter could give",
            reason="hold_without_ground",
            hint="Say its ground: dialgate hold ground ID --ground … With none, carry the erasure out again.",
        )
    fact = next(each for each in facts_of(tx, hold_id) if each.kind == Hold.kind)
    return _Keeping(fact, row, name)


def _held(keeping: _Keeping) -> Held:
    hold = keeping.hold
    return Held(
        ground="restriction" if hold.kind == Kind.RESTRICTION else str(hold.ground),
        case=hold.reference or "",
        law=hold.law or "",
        elsewhere=ELSEWHERE in keeping.name,
    )


def _recipients(folder: DataFolder, course: list[FactRow]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who else got what an erasure or a restriction is about (Art 19), and which files went to the person."""
    handed = handed_of(last(course, kinds.Carrying)) or _handed_by_course(course)
    return who_got(folder, handed), own_copies(handed)


_COPIES: Final = {
    CopyKind.RECORDING: "a recording, opened on",
    CopyKind.PACK: "the file with our answer to you, made on",
    CopyKind.LIST: "a list with your number, made on",
    CopyKind.BUNDLE: "a file of evidence, opened on",
    CopyKind.DATA: "a file from our records, made on",
}


def _copies(tx: StoreTransaction, row: RequestRow, course: list[FactRow], asks: Asks) -> list[CopyRow]:
    """Copies in clear of what is erased or locked that are not destroyed."""
    if asks is Asks.ERASURE:
        return copies_left(tx, course)
    if asks is not Asks.RESTRICTION or not row.lines:
        return []
    of = whose(row, course)
    others = {each.id for each in of.entries_of_others(tx, row.lines, row.id)}
    calls = [each.call_id for each in book.calls_of(tx, row.lines, of.since, of.until, limit=MOST)]
    return copies_about(tx, calls, row.lines, leaves_about(tx, calls, row.lines, whole=True, but=others))


def _copy(copy: CopyRow, today: date) -> str:
    made, until = london_day(copy.made_at), date.fromisoformat(copy.until)
    plan = "we will destroy it by" if today <= until else "we planned to destroy it by"
    return f"{_COPIES[copy.what]} {spoken_day(made)}: {plan} {spoken_day(until)}"


def _handed_by_course(course: list[FactRow]) -> list[Handed]:
    """Find who was handed something, as the receipt of an erasure names them; for a rectification, those of all its
    statements."""
    tell: dict[str, list[Given]] = {}
    granted, rectified = bodies(course, kinds.Granted), bodies(course, kinds.Rectified)
    for each_tell in (*(each.tell for each in granted), *(each.tell for each in rectified)):
        tell |= each_tell or {}
    return [_handed(recipient, each) for recipient, given in sorted(tell.items()) for each in given]


def _handed(recipient: str, given: Given) -> Handed:
    if not given.recording:
        handed = Handed(what="bundle", recipient=recipient, on=given.on, bundle=given.bundle)
        return replace(handed, calls=given.calls, entries=given.entries)
    bundles = given.bundles or []
    recordings = {given.recording: Taken(on=given.on, bundles=bundles)}
    return Handed(what="bundle" if bundles else "recording", recipient=recipient, on=given.on, recordings=recordings)


def _for_recipient(
    folder: DataFolder, facts: LetterFacts, recipient: str, to: str, given: tuple[str, ...]
) -> LetterFacts:
    """What a recipient is told: what they were given, by ids; nothing of the person."""
    who = folder.keyring().ever().get(recipient)
    return LetterFacts(
        kind=facts.kind,
        reference=facts.reference,
        asks=facts.asks,
        received=facts.received,
        today=facts.today,
        leaves=facts.leaves,
        decided=facts.decided,
        contact=to,
        recipient=who.name if who else recipient,
        given=given,
        statements=facts.statements,
    )
