"""``dialgate request``: what people ask of the firm under data protection law, and how far it has got: opened, proven,
clarified, searched, decided, told, put right, withdrawn; its letters, as files or by mail.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from gate.cli.asking import PROOF_FILE, Day, ask, asks, proven, reach, rows_found
from gate.cli.command import FOLDER, NEW_FILE, Group, make
from gate.cli.letters import FORMS, show_letter, write_letter
from gate.cli.output import View, json_values, narrate, plain
from gate.client.files import output_file
from gate.client.gate import Gate
from gate.core import days
from gate.core.days import time_of_day
from gate.core.facts.keys import ProposalClosed
from gate.core.facts.requests import LetterMade, LetterSent, RecipientTold
from gate.core.request_words import Asks, LetterKind, State, claimed_day, step_words
from gate.core.rows.requests import HeldCall
from gate.errors import UsageError
from gate.exports.page import letter_page
from gate.operations.parsing import Findable
from gate.operations.requests.course import (
    Acknowledge,
    AnswerSent,
    AskIdentity,
    Clarified,
    Clarify,
    Decide,
    Extend,
    Open,
    Rectify,
    VerifyIdentity,
    Withdraw,
)
from gate.operations.requests.letters import WriteLetter
from gate.operations.requests.listing import CourseFact, ListOf, Prove, RequestProof, Show
from gate.operations.requests.searching import Found, Search
from gate.operations.requests.standing import Standing
from gate.operations.requests.steps import Dated
from gate.showing import local, many


@click.group(
    "request",
    cls=Group,
    later={
        "gate.cli.request_fulfil": ("fulfil",),
    },
)
def command() -> None:
    """Access, erasure, objection, restriction, complaint: from the day it came to the answer.

    A request is named by its reference, DSR-2026-0007. Each step shows what comes next. For access and erasure
    nothing is searched or shown before the identity is proven.
    """


Body = Callable[..., Any]


class Clock(click.ParamType[time]):
    """A time of day: ``14:30``, ``2pm``."""

    name = "time of day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        """The time; raises ``click.BadParameter``."""
        if isinstance(value, time):
            return value
        with suppress(ValueError):
            return time_of_day(value)
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a time of day; write 14:30 or 2.30pm', param, ctx)


class Length(click.ParamType[timedelta]):
    """A length of time: ``45m``, ``2h``, ``1h30m``."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length; raises ``click.BadParameter``."""
        if isinstance(value, timedelta):
            return value
        try:
            return days.length_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def spanned(body: Body) -> Body:
    """The options that say when a call was: ``--on``, ``--around``, ``--within``, ``--from``, ``--to``.

    The command gets ``since`` and ``until`` of them, aware, or ``None`` where nothing was said.
    """

    @functools.wraps(body)
    def run(
        *values: Any,
        day: date | None,
        around: time | None,
        within: timedelta,
        first: date | None,
        last: date | None,
        **named: Any,
    ) -> Any:
        try:
            since, until = days.span(day, around, within, first, last)
        except ValueError as error:
            raise click.UsageError(f"{error}: --on DATE [--around HH:MM], or --from and --to") from None
        return body(*values, since=since, until=until, **named)

    spanned: Body = run
    for option in (
        click.option("--to", "last", type=Day(), metavar="DATE", help="Calls up to this day."),
        click.option("--from", "first", type=Day(), metavar="DATE", help="Calls from this day on."),
        click.option(
            "--within",
            type=Length(),
            default="1h",
            show_default=True,
            metavar="LENGTH",
            help="How far before and after that time.",
        ),
        click.option("--around", type=Clock(), metavar="HH:MM", help="About when on that day (London)."),
        click.option("--on", "day", type=Day(), metavar="DATE", help="The day of the call."),
    ):
        spanned = option(spanned)
    return spanned


def show(view: View, standing: Standing) -> None:
    """A request as it stands; what can be done now, as narration."""
    view.data(standing, text=lines, prose=True)
    if standing.missing:
        narrate(f"Ask them for: {', '.join(standing.missing)} of the call (London). The acknowledgement does.")
    for kind in standing.letters:
        narrate(f"Letter: dialgate request letter {standing.reference} {kind} -o FILE, or --send")
    for step in standing.next:
        narrate(f"Next: {step}")


def lines(standing: Standing) -> Iterator[str]:
    """What is known of a request, a line each."""
    yield f"{standing.reference}: {standing.asks}, {words(standing.state)}"
    given = {
        "came": f"{standing.received} by {words(standing.channel or '-')}{_entered(standing)}",
        "from": standing.name or ("(forgotten)" if standing.name is None else "-"),
        "contact": (standing.contact or "").replace("\n", ", "),
        "numbers": ", ".join(standing.lines),
        "about": standing.about,
        "identity": standing.checked,
        "found": _found(standing),
        "refused": words(standing.ground or ""),
        "told": ", ".join(standing.told),
        "recipients to be told": ", ".join(standing.untold),
    }
    for name, value in given.items():
        if value:
            yield f"  {name}: {value}"
    yield from _clock(standing)
    if done := standing.carried_out:
        what = f"{many(done.calls, 'call')}, {many(done.recordings, 'recording')}"
        yield f"  erased: {what}; backups until {done.backups_until}"
        for name in done.held_by:
            yield f"  held: {name}{' (ended: the rest can be erased)' if name in standing.freed else ''}"
        for name in done.mentions:
            whose = "" if name.startswith("entry ") else "somebody else's "
            yield f"  still mentioned in {whose}{name}: look whether it has to be"


def _entered(standing: Standing) -> str:
    """When it was entered, where that was later than it came."""
    day = days.london_day(standing.opened_at)
    return "" if day == standing.received else f", entered {day}"


def _found(standing: Standing) -> str:
    if standing.found is None:
        return ""
    outside = f"; {standing.outside} of the same numbers outside what was searched for"
    return f"{many(standing.found, 'call')}{outside if standing.outside else ''}"


def _clock(standing: Standing) -> Iterator[str]:
    if standing.due and standing.days_left is not None:
        paused = f"; the clock stands still since {standing.paused_on}" if standing.paused_on else ""
        days = standing.days_left
        left = f"{many(days, 'day')} left" if days >= 0 else f"{many(-days, 'day')} ago"
        policy = f"; by policy {standing.policy_due}" if standing.policy_due != standing.due else ""
        yield f"  due: {standing.due} ({left}; by law {standing.ico_due}{policy}){paused}"
    elif standing.state is State.IDENTITY_ASKED:
        yield f"  due: 30 days after the proof of identity arrives (by policy {standing.policy_due})"
    if standing.acknowledge_by:
        yield f"  acknowledge by: {standing.acknowledge_by}"
    if standing.marketing_waits:
        yield f"  marketing waits: {standing.marketing_waits}"
    if standing.warning:
        yield f"  WARNING: {standing.warning}"
    elif standing.late:
        yield "  late: a last day had passed before it was over"


def step(fact: CourseFact) -> str:
    """A fact of a request's course, on one line."""
    body: Mapping[str, Any] = fact.body or {}
    note = {
        LetterMade.kind: body.get("kind"),
        LetterSent.kind: body.get("kind"),
        ProposalClosed.kind: words(body.get("how") or ""),
        RecipientTold.kind: f"{body.get('recipient')}: {words(body.get('how') or '-')}",
    }.get(fact.kind)
    claimed = f"claimed: {day}" if (day := claimed_day(fact.body, fact.at)) else ""
    shown = "".join(f" ({each})" for each in (note, claimed, _proof(body)) if body and each)
    return f"  {local(fact.at)}  {step_words(fact.kind)}{shown}, {fact.actor}"


def _proof(body: Mapping[str, Any]) -> str:
    """What a fact keeps as its proof; empty where it keeps none."""
    if not body.get("evidence"):
        return ""
    digest = f", SHA-256 {body['evidence_sha256']}" if body.get("evidence_sha256") else ""
    return f"{words(body.get('evidence_kind') or '')} {body['evidence']}{digest}".strip()


def words(code: str) -> str:
    """A code as words."""
    return code.replace("_", " ")


def _call_line(call: HeldCall) -> str:
    """A call that was found, on one line."""
    recording = f"; recording {call.recording_id} ({call.recording})" if call.recording_id else ""
    return f"  {call.call_id}  {local(call.at)}  {call.number or '(erased)'}  {call.outcome}, {call.reason}{recording}"


@make(
    "open",
    group=command,
    numbers=True,
    example=(
        'dialgate request open erasure --by phone --name "Ann Example" --number "020 7946 0123" --on 2026-03-02 '
        "--around 14:30\n"
        'dialgate request open objection --by email --number 07700900123 --contact "ann@example.org"'
    ),
)
@asks(
    Open,
    "asks",
    names={"channel": "--by", "numbers": "--number", "written": "--written|--spoken"},
    without=["since", "until"],
)
@spanned
def open_(view: View, asked: Open, **when: Any) -> None:
    """Enter a request. An objection holds from the next call, and is granted at once.

    KIND is one of access, erasure, objection, restriction, rectification and complaint.

    --on, --around and --within name the call that it is about, where the person knows.
    """
    show(view, ask(view, replace(asked, **when)))


_NAMES = {"on": "--dated", "numbers": "--number", "records": "--record", "evidence": "--reference"}


def _a_step(name: str, request: type[Dated], *, help: str, example: str) -> None:
    """The command of a step that does no more than be taken."""

    def body(view: View, asked: Dated, file: Path | None) -> None:
        show(view, ask(view, proven(asked, file)))

    body.__doc__ = help
    body.__module__ = request.__module__
    asked = asks(request, "request", names=_NAMES, without=["evidence_sha256"])(PROOF_FILE(body))
    make(name, example=example, group=command, numbers=True)(asked)


_a_step(
    "ask-identity",
    AskIdentity,
    help="""Ask for proof of identity, on reasonable doubt who asks: the clock starts when the proof arrives.

    If you ask more than requests.identity_days (7) after the receipt, the clock runs from the receipt all the same.
    """,
    example='dialgate request ask-identity DSR-2026-0007 --note "a bill with the number on it"',
)
_a_step(
    "verify-identity",
    VerifyIdentity,
    help="Note that the identity is proven. The log keeps what was checked, by whom and when; never the document.",
    example='dialgate request verify-identity DSR-2026-0007 --checked "passport seen in person"',
)
_a_step(
    "clarify",
    Clarify,
    help="Ask what is meant: the clock of an access request stands still until the answer.",
    example='dialgate request clarify DSR-2026-0007 --question "Which of our calls do you mean?"',
)
_a_step(
    "clarified",
    Clarified,
    help="Note the person's answer: the clock goes on.",
    example='dialgate request clarified DSR-2026-0007 --answer "the call of 2 March"',
)
_a_step(
    "extend",
    Extend,
    help="Extend the time to three months in total. The person must hear the reasons within the first month.",
    example='dialgate request extend DSR-2026-0007 --reasons "forty recordings have to be heard"',
)
_a_step(
    "acknowledge",
    Acknowledge,
    help="""Note that a complaint was acknowledged. The law gives 30 days, and the day of receipt is the first.
    """,
    example="dialgate request acknowledge DSR-2026-0007",
)
_a_step(
    "rectify",
    Rectify,
    help="""Put right what a granted request for rectification names.

    Recordings and the log are never rewritten: the statement is kept beside each record, goes where the record goes
    (packs, bundles of evidence), and is erased with it. A contact is put right in the CRM, and its list imported again.
    """,
    example='dialgate request rectify DSR-2026-0007 --record 6f2c9e… --statement "The name is Ann Lee."',
)
_a_step(
    "withdraw",
    Withdraw,
    help="Note that the person withdraws the request.",
    example='dialgate request withdraw DSR-2026-0007 --reason "settled"',
)


@make(
    "search",
    group=command,
    numbers=True,
    example=(
        "dialgate request search DSR-2026-0007\n"
        "dialgate request search DSR-2026-0007 --on 2026-03-02 --around 14:30 --within 45m"
    ),
)
@asks(Search, "request", names=_NAMES | {"calls": "--call"}, without=["since", "until"])
@spanned
def search(view: View, asked: Search, **when: Any) -> None:
    """Find what is held. Calls with and without a recording, refused attempts, objections, consents, contacts, holds.

    The search takes the request's numbers and those given here, in any spelling and at any time; what lies outside a
    time that was named is shown apart. A decision is about what was found last. Where only a time is known, every
    call in it is shown: choose with --call.
    """
    found = ask(view, replace(asked, **when))
    view.data(found, text=_found_lines)
    if found.candidates:
        narrate(f"Nobody's number is known: choose with dialgate request search {asked.request} --call ID")
        return
    if outside := len(found.outside or ()):
        narrate(f"Outside what was searched for are {many(outside, 'call')} of the same numbers: see above.")
    if found.line_since:
        narrate(
            f"The number has a new subscriber since {found.line_since}, as it is noted: what is from before is somebody"
            " else's, and left out. Where the person had it before that: --line-until."
        )
    for each in found.others or ():
        time = f"{each.since} to {each.until}" if each.since != each.until else each.since
        whom = f"of {each.name}" if each.name else "of somebody else"
        narrate(
            f"On these lines are {many(each.entries, 'thing')} {whom} ({time}): left out, and no erasure takes them."
        )
    if found.calls_of_others:
        of = many(found.calls_of_others, "call")
        narrate(f"{of} of these lines: made when they were somebody else's. The person does not learn of them.")
    if not found.whole:
        narrate("The decision will be about these calls alone; --everything finds all that is held of the numbers.")
    narrate(f"Next: dialgate request decide {asked.request} --grant, or --refuse GROUND --reasons TEXT")


def _found_lines(found: Found) -> Iterator[str]:
    yield f"calls: {len(found.calls)}{' (there are more: narrow the time)' if found.more else ''}"
    yield from map(_call_line, found.calls)
    if found.outside:
        yield f"outside what was searched for: {len(found.outside)}"
        yield from map(_call_line, found.outside)
    for name in ("objections", "consents", "subscribers", "contacts", "holds", "requests", "statements"):
        entries = json_values(getattr(found, name)) or []
        yield f"{name}: {len(entries)}"
        for entry in entries:
            shown = {key: value for key, value in entry.items() if value not in (None, "", 0)}
            yield "  " + ", ".join(f"{words(key)} {plain(value)}" for key, value in shown.items())


@make(
    "decide",
    group=command,
    numbers=True,
    example=(
        "dialgate request decide DSR-2026-0007 --grant\n"
        'dialgate request decide DSR-2026-0007 --refuse legal_claims --reasons "your claim of 3 March" --letters out'
    ),
)
@asks(Decide, "request", names=_NAMES | {"ground": "--refuse"}, without=["evidence_sha256"])
@PROOF_FILE
@click.option("--letters", type=FOLDER, metavar="DIR", help="Write the letters there.")
def decide(view: View, asked: Decide, file: Path | None, letters: Path | None) -> None:
    """Grant it, or refuse it on a ground from the list.

    A grant of an erasure or an objection makes the numbers uncallable at once. A refusal is over when the person and
    the supervisory authority are notified: both letters are made for it. For a complaint that names a number,
    --calls decides whether marketing to it stops or resumes. GROUND is one of legal_obligation, legal_claims, contract,
    protection_of_a_party, rights_of_others, manifestly_unfounded, fee, identity_not_proven, cannot_identify,
    representative, not_living and, of a rectification, accurate.
    """
    if asked.grant == (asked.ground is not None):
        raise UsageError("decide one way or the other", hint="give --grant, or --refuse GROUND --reasons TEXT")

    asked = proven(asked, file)
    with reach(view.config) as gate:
        standing = gate.ask(asked)
        if letters is not None and not asked.grant:
            write_letters(gate, standing.reference, (LetterKind.REFUSAL, LetterKind.AUTHORITY), letters)
            standing = gate.ask(Show(request=asked.request))
    show(view, standing)


@make(
    "told",
    group=command,
    numbers=True,
    example=(
        "dialgate request told DSR-2026-0007 person\n"
        "dialgate request told DSR-2026-0007 person --dated 2026-03-20 --reference 'consignment RN 1234 5678 9GB'\n"
        "dialgate request told DSR-2026-0007 authority --reference IC-301234-X9Y8\n"
        "dialgate request told DSR-2026-0007 authority --file proof-of-posting.pdf\n"
        "dialgate request told DSR-2026-0007 recipient --how mail"
    ),
)
@asks(AnswerSent, "request", "who", optional=["who"], names=_NAMES, without=["evidence_sha256"])
@PROOF_FILE
def answer_sent(view: View, asked: AnswerSent, file: Path | None) -> None:
    """Note that the answer went out: to the person, a refusal to the authority, or news of an erasure to a recipient.

    A notice to the authority needs a proof: its reference, that of a consignment or a message, or a file. So does a
    day before today (--dated): it is shown beside the day of entry, which decides whether the answer was late.

    A granted request is over once the person has the answer. A request for erasure then forgets who asked: make the
    letter first.
    """
    show(view, ask(view, proven(asked, file)))


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate request list\ndialgate request list --all erasure last month\n"
    "dialgate request list --state refused --json",
)
@click.argument("words", nargs=-1)
@asks(ListOf, names={"everything": "--all"}, without=["text"])
def list_(view: View, asked: ListOf, words: tuple[str, ...]) -> None:
    """The requests that are not over, the one due first at the top. With days left, and warnings.

    WORDS search as in `calls list`: what is asked for, a state, days on which it was received, part of a reference, a
    name or a number.
    """
    columns = [
        ("reference", "Request"),
        ("asks", "Asks for"),
        ("state", "State"),
        ("received", "Received"),
        ("due", "Due"),
        ("days_left", "Days left"),
        ("ico_due", "Regulator's date"),
        ("policy_due", "By policy"),
        ("acknowledge_by", "Acknowledge by"),
        ("warning", "Warning"),
        ("name", "From"),
    ]
    none = "None." if asked.everything or asked.state else "No request is open."
    rows_found(view, Findable.REQUESTS, words, asked, columns, none)


@make("show", group=command, numbers=True, example="dialgate request show DSR-2026-0007")
@asks(Show, "request")
def show_(view: View, asked: Show) -> None:
    """One request, and every step of it with who took it and when."""
    standing = ask(view, asked)
    view.data(standing, text=lambda shown: [*lines(shown), *map(step, shown.facts)])


@make(
    "letter",
    group=command,
    example=(
        "dialgate request letter DSR-2026-0007 acknowledgement -o letter.txt\n"
        "dialgate request letter DSR-2026-0007 refusal -o refusal.eml\n"
        "dialgate request letter DSR-2026-0007 refusal --send\n"
        'dialgate request letter DSR-2026-0008 progress --note "We have listened to both calls." -o letter.txt\n'
        "dialgate request letter DSR-2026-0007 recipient --recipient 3f0c… --to auditor@example.org --send"
    ),
)
@asks(WriteLetter, "request", "kind", without=["proof"])
@click.option(
    "-o",
    "--output",
    type=NEW_FILE,
    metavar="FILE",
    help="Write it there: .txt, .html, or .eml, a whole message (default: its text is shown).",
)
def letter(view: View, asked: WriteLetter, output: Path | None) -> None:
    """A letter of a request, in the firm's words. The log keeps that it was made or sent, not the letter itself.

    KIND is one of acknowledgement, writing, identity, clarification, extension, progress (of a complaint), response,
    confirmation, refusal, authority and recipient; the last one goes to somebody who was given what is erased.
    dialgate consent letter makes that of a withdrawal.
    """
    made, kind = ask(view, asked), asked.kind
    show_letter(view, made, output)
    if asked.send:
        narrate(f"Sent to {made.to}.")
    who = "authority --reference REFERENCE" if kind == LetterKind.AUTHORITY else "person"
    if kind == LetterKind.RECIPIENT:
        narrate(
            f"When it has gone out: dialgate request told {made.reference} recipient --recipient ID --how mail|post|…"
        )
    if kind in (LetterKind.REFUSAL, LetterKind.AUTHORITY, LetterKind.RESPONSE, LetterKind.CONFIRMATION):
        narrate(f"When it has gone out: dialgate request told {made.reference} {who}")
    if kind == LetterKind.ACKNOWLEDGEMENT and made.asks is Asks.COMPLAINT:
        narrate(f"When it has gone out: dialgate request acknowledge {made.reference}")


@make("proof", group=command, example="dialgate request proof DSR-2026-0007 -o DSR-2026-0007-proof.html")
@asks(Prove, "request")
@click.option("-o", "--output", type=NEW_FILE, required=True, metavar="FILE", help="The page to write (.html).")
def proof(view: View, asked: Prove, output: Path) -> None:
    """Write a page by which the person checks our letter. It shows, without a network, what the log has of their
    request.

    Nothing in it names anybody but the accounts that dealt with the request. The key of the log stands in the letter.
    """
    with reach(view.config) as gate:
        made = write_proof(gate, asked.request, output)
    view.data({"reference": made.reference, "file": str(output)})


def write_proof(gate: Gate, reference: str, path: Path) -> RequestProof:
    """The page of proofs of a request, as a file."""
    made = gate.ask(Prove(request=reference))
    with output_file(path) as file:
        file.write(letter_page(made.firm, made.reference, made.id, made.evidence).encode())
    narrate(f"Proof: {path}")
    return made


def write_letters(
    gate: Gate, reference: str, kinds: Iterable[LetterKind], folder: Path, pack: str = "", proof: str = ""
) -> list[Path]:
    """Letters of a request in all three forms, as files of a folder that is made where it is missing; their paths.

    With ``proof``, the name of a page of proofs, the letters speak of it and it is written after them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in kinds:
        named = proof if kind in (LetterKind.RESPONSE, LetterKind.CONFIRMATION) else ""
        made = gate.ask(WriteLetter(request=reference, kind=kind, pack=pack, proof=named))
        for form in FORMS:
            paths.append(folder / f"{reference}-{kind}.{form}")
            write_letter(made, paths[-1])
        narrate(f"Letter: {folder / f'{reference}-{kind}'}.txt, .html, .eml")
    if proof:
        write_proof(gate, reference, folder / proof)
    return paths
