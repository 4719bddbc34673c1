"""The letters of a request: what each has to say, rendered when asked for, and the fact that one was made or sent.

A letter is personal data and is kept nowhere in the gate: whoever asks for one gets it, and the log keeps its digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import UNSET

from gate.core import request_words as events
from gate.core.days import london_day
from gate.core.facts import requests as kinds
from gate.core.letter_words import Letter, LetterFacts
from gate.core.request_words import OVER, Asks, LetterKind, State, missing
from gate.core.requests import fits, why_not
from gate.core.retention import HoldGround, Kind
from gate.errors import RefusedError, UsageError
from gate.exports.bundle import many
from gate.operations.erasure.plan import ELSEWHERE
from gate.operations.operation import KEEPERS, Caller, Line, Note, Request, Response, about, operation
from gate.operations.requests.standing import bodies, last, said, statements
from gate.operations.requests.steps import READY, day_of, load
from gate.operations.requests.telling import chosen, given_to, who_got
from gate.showing import spoken_number
from gate.store import kept
from gate.store import requests as book
from gate.store.transaction import StoreTransaction
from gate.types import Row

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

_SAID: Final = {
    LetterKind.IDENTITY: "proof",
    LetterKind.CLARIFICATION: "question",
    LetterKind.EXTENSION: "extension",
    LetterKind.REFUSAL: "reasons",
    LetterKind.AUTHORITY: "reasons",
}
"""Whose words stand in a letter as its reasons."""


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


class WriteLetter(Request[Rendered], frozen=True, kw_only=True):
    """A letter of a request, rendered; with ``send`` it goes out by mail."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    on: Annotated[date | None, about("The day that stands on it.", "The day it happened", absent="today")] = None
    kind: Annotated[LetterKind, about("Which letter.", metavar="KIND")]
    pack: Annotated[Line, about("The name of the pack that goes with an answer.")] = ""
    recipient: Annotated[Line, about("Who was given what is erased.", metavar="ID", absent="the only one")] = ""
    to: Annotated[
        Note, about("Their e-mail or postal address.", "Their e-mail or postal address", metavar="ADDRESS")
    ] = ""
    proof: Annotated[Line, about("Name of the page of proofs that goes with it (request_proof).")] = ""
    send: Annotated[bool, about("Send it by mail, to the address in the request.")] = False


@operation(WriteLetter, "request_letter", roles=KEEPERS)
def request_letter(folder: DataFolder, asked: WriteLetter, caller: Caller) -> Rendered:
    """Write a letter of a request, as text, HTML and a whole message; with ``send`` it goes by mail.

    Sending is not telling: ``request_told`` says that the person has it. Raises ``RefusedError`` where the request is
    not there yet, or has forgotten the person, and what the templates and the mail server raise.
    """
    kind = LetterKind(asked.kind)

    def facts(tx: StoreTransaction) -> tuple[str, LetterFacts, str]:
        row, course, before = load(tx, asked.request)
        day = day_of(folder, asked.on, before)
        _check(row, before, kind, day)
        access = kind is LetterKind.RESPONSE and before.asks is Asks.ACCESS
        if access and not before.held:
            _check_nothing(tx, row)
        name = (asked.pack or f"{row['reference']}.html") if access and before.held else ""
        said_in_it = _facts(tx, row, course, before, kind, day, name)
        if kind is LetterKind.RECIPIENT:
            to = chosen(before.recipients, before.untold, asked.recipient)
            return row["id"], _for_recipient(folder, said_in_it, to, asked.to, given_to(course, to)), to
        if kind is LetterKind.CONFIRMATION and before.asks in (Asks.ERASURE, Asks.RESTRICTION, Asks.RECTIFICATION):
            again = bool(folder.config.storage.memory)
            said_in_it = replace(said_in_it, recipients=_recipients(folder, course), erased_again=again)
        return row["id"], said_in_it, ""

    request_id, said_in_it, recipient = folder.store.call(facts)
    if asked.proof:
        said_in_it = replace(said_in_it, proof=asked.proof, log_key=folder.bundles.vkey()["vkey"])
    letter = _rendered(folder, said_in_it)
    digest = hashlib.sha256(letter.eml).hexdigest()
    if asked.send and not letter.to:
        raise UsageError(
            f"{said_in_it.reference}: no e-mail address is known for this letter",
            hint="Give it: --to ADDRESS" if recipient else "Print it and post it: -o FILE",
        )
    forms = {"text_sha256": letter.text, "html_sha256": letter.html}
    digests = {name: hashlib.sha256(form.encode()).hexdigest() for name, form in forms.items()}
    body: dict[str, Any] = {"letter": kind.value, "sha256": digest, "recipient": recipient or UNSET, **digests}
    folder.keep(kinds.LetterMade(**body), request_id, caller.actor)
    if asked.send:
        folder.keep(kinds.LetterSent(**body, server=_sent(folder, letter)), request_id, caller.actor)
    return Rendered(
        reference=said_in_it.reference,
        asks=said_in_it.asks,
        kind=kind,
        subject=letter.subject,
        to=letter.to,
        text=letter.text,
        html=letter.html,
        eml=base64.b64encode(letter.eml).decode(),
        sha256=digest,
        sent=asked.send,
    )


def _rendered(folder: DataFolder, facts: LetterFacts) -> Letter:
    """In the firm's words. Raises ``GateError`` where a template is at fault."""
    from gate.exports.letters import firm_of, render, templates_of  # with Jinja: where a letter is made

    config = folder.config
    facts = replace(facts, numbers=tuple(spoken_number(number) for number in facts.numbers))
    firm, now = firm_of(config, facts.today), folder.clock.now()
    return render(facts, firm, templates_of(config), now=now, sender=config.mail_sender)


def _sent(folder: DataFolder, letter: Letter) -> str:
    """By mail: what the server said. Raises ``GateError`` where there is none, or it did not take it."""
    from gate.exports.mail import send  # with asyncio: where one is sent

    delivery = send(letter.to, letter.eml, folder.config)
    return f"{delivery.server}: {delivery.said}"


def _facts(
    tx: StoreTransaction,
    row: Row,
    course: list[Row],
    request: events.Request,
    kind: LetterKind,
    today: date,
    pack: str,
) -> LetterFacts:
    clock, carried = request.clock_on(today), last(course, kinds.Carried)
    scope = last(course, kinds.Searched) if request.searched else None
    found = book.calls(tx, (scope.calls or []) if scope else [])
    keeping = [_hold(tx, name) for name in (carried.held_by if carried else ())]
    answer, went = kind is LetterKind.RESPONSE, carried.recordings if carried else 0
    return LetterFacts(
        kind=kind,
        reference=row["reference"],
        asks=request.asks,
        received=request.received,
        today=today,
        due=clock.due if clock else None,
        ico_due=clock.ico_date if clock else None,
        entered=london_day(row["opened_at"]),
        extended=bool(clock and clock.extended),
        decided=_decided(course),
        name=row["name"] or "",
        contact=row["contact"] or "",
        numbers=tuple(row["numbers"]),
        ground=request.ground,
        held_on=tuple(dict.fromkeys(_ground(each) for each in keeping)) if request.partial else (),
        partly=request.state is State.PARTLY_DONE or (kind is LetterKind.AUTHORITY and request.partial),
        completed=request.partial and request.state is not State.PARTLY_DONE,
        reasons=said(course, _SAID[kind]) if kind in _SAID else "",
        answer=said(course, "remark"),
        missing=missing(request.asks, row["numbers"], row["since"]) if request.state not in OVER else (),
        searched=date.fromisoformat(scope.on) if scope else None,
        narrowed=scope is not None and not scope.whole,
        outside=request.outside,
        nothing=answer and request.asks is Asks.ACCESS and not request.held,
        found_calls=len(found),
        found_recordings=sum(each["recording"] not in (None, "erased") for each in found),
        pack=pack,
        erased_recordings=sum(each["recording"] == "erased" for each in found) if answer else went,
        backups_until=date.fromisoformat(carried.backups_until) if carried else None,
        statements=tuple(statements(course)),
        beside=tuple(dict.fromkeys(name for each in bodies(course, kinds.Rectified) for name in each.records)),
        held_back=said(course, "left_out") if answer else _held_back(carried, keeping, kind),
    )


def _check(row: Row, request: events.Request, kind: LetterKind, day: date) -> None:
    """Raise where this letter would say what is not so, or to nobody."""
    if not why_not(request, events.LetterMade(day, kind)):
        return
    reference = row["reference"]
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


def _check_nothing(tx: StoreTransaction, row: Row) -> None:
    """Raise where the letter would say that nothing is held, and the store holds something of these numbers now."""
    counts = book.counts_of(tx, row["numbers"], but=row["id"])
    found = [f"{name}: {count}" for name, count in counts.items() if count]
    if not row["numbers"] or found:
        raise RefusedError(
            f"{row['reference']}: nobody is told that nothing is held of these numbers. In the store are "
            f"{', '.join(found) or 'no numbers to look for'}",
            reason="something_is_held",
            hint=f"Search again: dialgate request search {row['reference']} --everything",
        )


def _decided(course: list[Row]) -> date | None:
    decision = last(course, kinds.Refused) or last(course, kinds.Granted)
    return date.fromisoformat(decision.on) if decision else None


def _hold(tx: StoreTransaction, name: str) -> Row:
    """The hold that a receipt names, as it is now. Raises ``RefusedError`` where nobody has said its ground: a letter
    gives the person, and the authority, no ground that the log does not have."""
    row = kept.hold(tx, name.rpartition("(")[2].rstrip(")")) or {}
    if row.get("kind") != Kind.RESTRICTION and row.get("ground") in (None, HoldGround.NONE):
        raise RefusedError(
            f"{name} keeps something on no ground that a letter could give",
            reason="hold_without_ground",
            hint="Say its ground: dialgate hold ground ID --ground … With none, carry the erasure out again.",
        )
    return row | {"name": name}


def _ground(hold: Row) -> str:
    return "restriction" if hold["kind"] == Kind.RESTRICTION else str(hold["ground"])


def _held_back(carried: kinds.Carried | None, keeping: Sequence[Row], kind: LetterKind) -> str:
    if carried is None or not carried.held_by:
        return ""
    recordings, calls = carried.held_back, carried.held_calls
    said = []
    if mine := [hold for hold in keeping if ELSEWHERE not in hold["name"]]:
        kept_of = f"our records of {many(calls, 'call')}, and {many(recordings, 'recording')}"
        said.append(f"What stays: {kept_of if calls else 'what we hold in connection with your number'}.")
        said += dict.fromkeys(_why(hold, kind) for hold in mine)
    if len(mine) < len(keeping):
        said.append("Your number is mentioned in what we have to keep on another matter, which is not about you.")
    return " ".join(said)


def _why(hold: Row, kind: LetterKind) -> str:
    """Why a hold keeps something, in plain words; its id is for the firm, and the authority needs no reference."""
    matter = "" if kind is LetterKind.AUTHORITY or not hold["reference"] else f" ({hold['reference']})"
    law = f": {hold['law']}" if hold["law"] else ""
    return {
        "claim": f"We need it for a legal claim{matter}, and keep it until that has ended.",
        "legal_obligation": f"The law has us keep it{matter}{law}.",
        "investigation": f"An authority is investigating, and we have to keep it for that{matter}{law}.",
        "restriction": f"It is locked{matter}: somebody else had its use restricted, and erasing it would be a use.",
    }[_ground(hold)]


def _recipients(folder: DataFolder, course: list[Row]) -> tuple[str, ...]:
    """Who got what an erasure or a restriction is about (Art 19)."""
    carrying = last(course, kinds.Carrying)
    return who_got(folder, (carrying.recipients if carrying else None) or _of_restriction(course))


def _of_restriction(course: list[Row]) -> list[Row]:
    """As the receipt of an erasure names them; of a rectification, those of all its statements."""
    tell: dict[str, list[Row]] = {}
    granted, rectified = bodies(course, kinds.Granted), bodies(course, kinds.Rectified)
    for each_tell in (*(each.tell for each in granted), *(each.tell for each in rectified)):
        tell |= each_tell or {}
    return [_handed(recipient, each) for recipient, given in sorted(tell.items()) for each in given]


def _handed(recipient: str, given: Row) -> Row:
    if "recording" not in given:
        return given | {"what": "bundle", "recipient": recipient}
    recordings = {given["recording"]: given}
    what = "bundle" if given["bundles"] else "recording"
    return {"what": what, "recipient": recipient, "on": given["on"], "recordings": recordings}


def _for_recipient(
    folder: DataFolder, facts: LetterFacts, recipient: str, to: str, given: tuple[str, ...]
) -> LetterFacts:
    """What a recipient is told: what they were given, by ids; nothing of the person."""
    keyring = folder.keyring()
    names = {each["id"]: each["name"] for each in (*keyring.retired(), *keyring.recipients())}
    return LetterFacts(
        kind=facts.kind,
        reference=facts.reference,
        asks=facts.asks,
        received=facts.received,
        today=facts.today,
        decided=facts.decided,
        contact=to,
        recipient=names.get(recipient) or recipient,
        given=given,
        statements=facts.statements,
    )
