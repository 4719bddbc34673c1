"""The course of a request: opened, proven, clarified, searched, decided, told, put right, withdrawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import click

from gate.cli.command import FILE, FOLDER, make, paged
from gate.cli.ids import Id
from gate.cli.output import View, say
from gate.cli.reach import ask, reach
from gate.cli.request import command
from gate.cli.request_letters import write_letters
from gate.cli.request_values import call_line, dated, lines, numbers, show, spanned, step, words
from gate.cli.values import Day
from gate.client.files import read_file
from gate.core.request_steps import HOWS
from gate.core.request_words import Asks, Ground, LetterKind, State
from gate.core.terms import Scope
from gate.errors import UsageError
from gate.exports.bundle import many
from gate.operations.requests.course import (
    Acknowledge,
    AskIdentity,
    Clarified,
    Clarify,
    Decide,
    Extend,
    Told,
    VerifyIdentity,
    Withdraw,
)
from gate.operations.requests.listing import ListOf, Show
from gate.operations.requests.opening import Channel, Open
from gate.operations.requests.rectifying import Rectify
from gate.operations.requests.searching import Search

CHANNELS = click.Choice(get_args(Channel))
ASKS = click.Choice([each.value for each in Asks])
GROUNDS = click.Choice([each.value for each in Ground])


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
@click.argument("asks", type=ASKS, metavar="KIND")
@click.option("--by", "channel", type=CHANNELS, required=True, help="How it came.")
@click.option("--name", default="", help="Who asks.")
@click.option("--contact", default="", help="E-mail or postal address for the answer.")
@numbers
@click.option("--about", default="", help="What it is about, in their words.")
@spanned
@click.option("--received", type=Day(), metavar="DATE", help="The day it came (default: today).")
@click.option(
    "--scope",
    type=click.Choice([each.value for each in Scope]),
    help="Of an objection: 'all' where they want no calls at all, service calls included (default: marketing).",
)
@click.option("--written/--spoken", default=None, help="Whether it is in writing (default: by how it came).")
def open_(view: View, **request: Any) -> None:
    """A request came. An objection holds from the next call, and is granted at once.

    KIND is one of access, erasure, objection, restriction, rectification and complaint.

    --on, --around and --within say which call it is about, where the person knows.
    """
    show(view, ask(view, Open(**request)))


@make(
    "ask-identity",
    group=command,
    numbers=True,
    example='dialgate request ask-identity DSR-2026-0007 --note "a bill with the number on it"',
)
@click.argument("request")
@click.option("--note", default="", help="What is asked for; it goes into the letter.")
@dated
def ask_identity(view: View, **step: Any) -> None:
    """There is reasonable doubt who asks: the clock starts when the proof arrives.

    Asked for more than requests.identity_days (7) after the receipt, the clock runs from the receipt all the same.
    """
    show(view, ask(view, AskIdentity(**step)))


@make(
    "verify-identity",
    group=command,
    numbers=True,
    example='dialgate request verify-identity DSR-2026-0007 --checked "passport seen in person"',
)
@click.argument("request")
@click.option("--checked", required=True, help="What was looked at; never what stood in it.")
@numbers
@dated
def verify_identity(view: View, **step: Any) -> None:
    """Who asks is known. Kept are what was checked, by whom and when; never the document."""
    show(view, ask(view, VerifyIdentity(**step)))


@make(
    "clarify",
    group=command,
    numbers=True,
    example='dialgate request clarify DSR-2026-0007 --question "Which of our calls do you mean?"',
)
@click.argument("request")
@click.option("--question", required=True, help="What is asked; it goes into the letter.")
@dated
def clarify(view: View, **step: Any) -> None:
    """Ask what is meant: the clock of an access request stands still until the answer."""
    show(view, ask(view, Clarify(**step)))


@make(
    "clarified",
    group=command,
    numbers=True,
    example='dialgate request clarified DSR-2026-0007 --answer "the call of 2 March"',
)
@click.argument("request")
@click.option("--answer", required=True, help="What they said.")
@numbers
@dated
def clarified(view: View, **step: Any) -> None:
    """The answer came: the clock goes on."""
    show(view, ask(view, Clarified(**step)))


@make(
    "extend",
    group=command,
    numbers=True,
    example='dialgate request extend DSR-2026-0007 --reasons "forty recordings have to be heard"',
)
@click.argument("request")
@click.option("--reasons", required=True, help="Why; they go into the letter.")
@dated
def extend(view: View, **step: Any) -> None:
    """Three months in total, told with the reasons within the first."""
    show(view, ask(view, Extend(**step)))


@make("acknowledge", group=command, numbers=True, example="dialgate request acknowledge DSR-2026-0007")
@click.argument("request")
@dated
def acknowledge(view: View, **step: Any) -> None:
    """The acknowledgement of a complaint was sent: the law gives 30 days, of which that of the receipt is the first."""
    show(view, ask(view, Acknowledge(**step)))


@make(
    "search",
    group=command,
    numbers=True,
    example=(
        "dialgate request search DSR-2026-0007\n"
        "dialgate request search DSR-2026-0007 --on 2026-03-02 --around 14:30 --within 45m"
    ),
)
@click.argument("request")
@numbers
@spanned
@click.option("--call", "calls", type=Id("call"), multiple=True, metavar="ID", help="Just this call; repeat for more.")
@click.option("--everything", is_flag=True, help="At any time, whatever call the request names.")
@dated
def search(view: View, request: str, **what: Any) -> None:
    """Find what is held. Calls with and without a recording, refused attempts, objections, consents, contacts, holds.

    It is searched by the request's numbers and those given here, in any spelling and at any time; what lies outside a
    time that was named is shown apart. What is found last is what a decision is about. Where only a time is known,
    every call in it is shown: choose with --call.
    """
    found = ask(view, Search(request=request, **what))
    view.data(found, text=_found)
    if found.candidates:
        say(f"Nobody's number is known: choose with dialgate request search {request} --call ID")
        return
    if outside := len(found.outside or ()):
        say(f"Outside what was searched for are {many(outside, 'call')} of the same numbers: see above.")
    if not found.whole:
        say("The decision will be about these calls alone; --everything finds all that is held of the numbers.")
    say(f"Next: dialgate request decide {request} --grant, or --refuse GROUND --reasons TEXT")


def _found(found: dict[str, Any]) -> Iterator[str]:
    calls = found["calls"]
    yield f"calls: {len(calls)}{' (there are more: narrow the time)' if found.get('more') else ''}"
    for call in calls:
        yield f"  {call['call_id']}  {call_line(call)}"
    if outside := found.get("outside"):
        yield f"outside what was searched for: {len(outside)}"
        for call in outside:
            yield f"  {call['call_id']}  {call_line(call)}"
    for name in ("objections", "consents", "contacts", "holds", "requests", "statements"):
        entries = found.get(name) or []
        yield f"{name}: {len(entries)}"
        for entry in entries:
            shown = {key: value for key, value in entry.items() if value not in (None, "", 0)}
            yield "  " + ", ".join(f"{words(key)} {value}" for key, value in shown.items())


@make(
    "decide",
    group=command,
    numbers=True,
    example=(
        "dialgate request decide DSR-2026-0007 --grant\n"
        'dialgate request decide DSR-2026-0007 --refuse legal_claims --reasons "your claim of 3 March" --letters out'
    ),
)
@click.argument("request")
@click.option("--grant", is_flag=True, help="Do as is asked.")
@click.option("--refuse", "ground", type=GROUNDS, metavar="GROUND", help="Refuse, on this ground.")
@click.option("--reasons", default="", help="In words that the person understands; they go into the letters.")
@click.option("--letters", type=FOLDER, metavar="DIR", help="Write the letters there.")
@dated
def decide(
    view: View, request: str, grant: bool, ground: str | None, reasons: str, letters: Path | None, on: date | None
) -> None:
    """Grant it, or refuse it on a ground from the list.

    A grant of an erasure or an objection makes the numbers uncallable at once. A refusal is over when the person and
    the supervisory authority have been told: both letters are made for it. GROUND is one of legal_obligation,
    legal_claims, contract, protection_of_a_party, rights_of_others, manifestly_unfounded, identity_not_proven and, of a
    rectification, accurate.
    """
    if grant == (ground is not None):
        raise UsageError("decide one way or the other", hint="give --grant, or --refuse GROUND --reasons TEXT")

    with reach(view.config) as gate:
        decided = Decide(
            request=request, grant=grant, ground=Ground(ground) if ground else None, reasons=reasons, on=on
        )
        standing = gate.ask(decided)
        if letters is not None and ground is not None:
            write_letters(gate, standing.reference, (LetterKind.REFUSAL, LetterKind.AUTHORITY), letters)
            standing = gate.ask(Show(request=request))
    show(view, standing)


@make(
    "told",
    group=command,
    numbers=True,
    example=(
        "dialgate request told DSR-2026-0007 person --dated 2026-03-20\n"
        "dialgate request told DSR-2026-0007 authority --reference IC-301234-X9Y8\n"
        "dialgate request told DSR-2026-0007 authority --file proof-of-posting.pdf\n"
        "dialgate request told DSR-2026-0007 recipient --how mail"
    ),
)
@click.argument("request")
@click.argument("who", type=click.Choice(["person", "authority", "recipient"]), default="person")
@click.option("--recipient", default="", metavar="ID", help="Who was given what is erased (default: the only one).")
@click.option("--how", type=click.Choice(HOWS), help="How the recipient was told, or why nobody told them.")
@click.option("--reference", default="", help="Of what proves it: the authority's, a consignment, a message.")
@click.option(
    "--file", type=FILE, metavar="FILE", help="Or a file that proves it: its name and SHA-256 are kept, not the file."
)
@dated
def told(view: View, how: Any, reference: str, file: Path | None, **whom: Any) -> None:
    """The answer went out: to the person, or a refusal to the authority; or a recipient knows of an erasure.

    That the authority was told needs a proof: its reference, that of a consignment or a message, or a file.

    With the person told, what was granted is over. A request for erasure then forgets who asked: make the letter first.
    """
    if reference.strip() and file is not None:
        raise UsageError("one proof is kept", hint="Give one of --reference and --file.")
    evidence, digest = (file.name, hashlib.sha256(read_file(file)).hexdigest()) if file else (reference, "")
    show(view, ask(view, Told(how=how or "", evidence=evidence, evidence_sha256=digest, **whom)))


@make(
    "rectify",
    group=command,
    numbers=True,
    example='dialgate request rectify DSR-2026-0007 --record 6f2c9e… --statement "The name is Ann Lee."',
)
@click.argument("request")
@click.option("--statement", required=True, help="What was wrong and what is right; it goes into the letters.")
@click.option(
    "--record",
    "records",
    type=Id("call", "recording", "consent", "objection"),
    multiple=True,
    metavar="ID",
    help="A call, recording, consent or objection; repeat for more.",
)
@dated
def rectify(view: View, **what: Any) -> None:
    """Put right what a granted request for rectification names.

    Recordings and the log are never rewritten: the statement is kept beside each record, goes where the record goes
    (packs, bundles of evidence), and is erased with it. A contact is put right in the CRM, and its list imported again.
    """
    show(view, ask(view, Rectify(**what)))


@make("withdraw", group=command, numbers=True, example='dialgate request withdraw DSR-2026-0007 --reason "settled"')
@click.argument("request")
@click.option("--reason", default="", help="What they said.")
@dated
def withdraw(view: View, **step: Any) -> None:
    """The person takes it back."""
    show(view, ask(view, Withdraw(**step)))


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate request list\ndialgate request list --state refused\ndialgate request list --all --json",
)
@click.option("--all", "everything", is_flag=True, help="Those that are over too, newest first.")
@click.option("--state", type=click.Choice([each.value for each in State]), help="Only those in this state.")
@paged
def list_(view: View, everything: bool, state: str | None, **page: Any) -> None:
    """The requests that are not over, the one due first at the top. With days left, and warnings."""
    found = ask(view, ListOf(everything=everything, state=State(state) if state else None, **page))
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
    view.rows(found, "items", columns, none="No request is open." if not everything and not state else "None.")


@make("show", group=command, numbers=True, example="dialgate request show DSR-2026-0007")
@click.argument("request")
def show_(view: View, request: str) -> None:
    """One request, and every step of it with who took it and when."""
    standing = ask(view, Show(request=request))
    view.data(standing, text=lambda shown: [*lines(shown), *map(step, shown["facts"])])
