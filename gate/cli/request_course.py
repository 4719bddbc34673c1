"""The course of a request: opened, proven, clarified, searched, decided, told, put right, withdrawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from gate.cli.asking import asks, only_asks
from gate.cli.command import FILE, FOLDER, make
from gate.cli.output import View, say
from gate.cli.reach import ask, reach
from gate.cli.request import command
from gate.cli.request_letters import write_letters
from gate.cli.request_values import call_line, lines, show, spanned, step, words
from gate.client.files import read_file
from gate.core.request_words import LetterKind
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
from gate.operations.requests.opening import Open
from gate.operations.requests.rectifying import Rectify
from gate.operations.requests.searching import Search


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
    """A request came. An objection holds from the next call, and is granted at once.

    KIND is one of access, erasure, objection, restriction, rectification and complaint.

    --on, --around and --within say which call it is about, where the person knows.
    """
    show(view, ask(view, replace(asked, **when)))


_NAMES = {"on": "--dated", "numbers": "--number", "records": "--record"}
_a_step = partial(only_asks, group=command, numbers=True, show=show)

_a_step(
    "ask-identity",
    AskIdentity,
    "request",
    names=_NAMES,
    help="""There is reasonable doubt who asks: the clock starts when the proof arrives.

    Asked for more than requests.identity_days (7) after the receipt, the clock runs from the receipt all the same.
    """,
    example='dialgate request ask-identity DSR-2026-0007 --note "a bill with the number on it"',
)
_a_step(
    "verify-identity",
    VerifyIdentity,
    "request",
    names=_NAMES,
    help="Who asks is known. Kept are what was checked, by whom and when; never the document.",
    example='dialgate request verify-identity DSR-2026-0007 --checked "passport seen in person"',
)
_a_step(
    "clarify",
    Clarify,
    "request",
    names=_NAMES,
    help="Ask what is meant: the clock of an access request stands still until the answer.",
    example='dialgate request clarify DSR-2026-0007 --question "Which of our calls do you mean?"',
)
_a_step(
    "clarified",
    Clarified,
    "request",
    names=_NAMES,
    help="The answer came: the clock goes on.",
    example='dialgate request clarified DSR-2026-0007 --answer "the call of 2 March"',
)
_a_step(
    "extend",
    Extend,
    "request",
    names=_NAMES,
    help="Three months in total, told with the reasons within the first.",
    example='dialgate request extend DSR-2026-0007 --reasons "forty recordings have to be heard"',
)
_a_step(
    "acknowledge",
    Acknowledge,
    "request",
    names=_NAMES,
    help="""The acknowledgement of a complaint was sent: the law gives 30 days, of which that of the receipt is the
    first.
    """,
    example="dialgate request acknowledge DSR-2026-0007",
)
_a_step(
    "rectify",
    Rectify,
    "request",
    names=_NAMES,
    help="""Put right what a granted request for rectification names.

    Recordings and the log are never rewritten: the statement is kept beside each record, goes where the record goes
    (packs, bundles of evidence), and is erased with it. A contact is put right in the CRM, and its list imported again.
    """,
    example='dialgate request rectify DSR-2026-0007 --record 6f2c9e… --statement "The name is Ann Lee."',
)
_a_step(
    "withdraw",
    Withdraw,
    "request",
    names=_NAMES,
    help="The person takes it back.",
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

    It is searched by the request's numbers and those given here, in any spelling and at any time; what lies outside a
    time that was named is shown apart. What is found last is what a decision is about. Where only a time is known,
    every call in it is shown: choose with --call.
    """
    found = ask(view, replace(asked, **when))
    view.data(found, text=_found)
    if found.candidates:
        say(f"Nobody's number is known: choose with dialgate request search {asked.request} --call ID")
        return
    if outside := len(found.outside or ()):
        say(f"Outside what was searched for are {many(outside, 'call')} of the same numbers: see above.")
    if not found.whole:
        say("The decision will be about these calls alone; --everything finds all that is held of the numbers.")
    say(f"Next: dialgate request decide {asked.request} --grant, or --refuse GROUND --reasons TEXT")


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
@asks(Decide, "request", names=_NAMES | {"ground": "--refuse"})
@click.option("--letters", type=FOLDER, metavar="DIR", help="Write the letters there.")
def decide(view: View, asked: Decide, letters: Path | None) -> None:
    """Grant it, or refuse it on a ground from the list.

    A grant of an erasure or an objection makes the numbers uncallable at once. A refusal is over when the person and
    the supervisory authority have been told: both letters are made for it. GROUND is one of legal_obligation,
    legal_claims, contract, protection_of_a_party, rights_of_others, manifestly_unfounded, identity_not_proven and, of a
    rectification, accurate.
    """
    if asked.grant == (asked.ground is not None):
        raise UsageError("decide one way or the other", hint="give --grant, or --refuse GROUND --reasons TEXT")

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
        "dialgate request told DSR-2026-0007 person --dated 2026-03-20\n"
        "dialgate request told DSR-2026-0007 authority --reference IC-301234-X9Y8\n"
        "dialgate request told DSR-2026-0007 authority --file proof-of-posting.pdf\n"
        "dialgate request told DSR-2026-0007 recipient --how mail"
    ),
)
@asks(
    Told,
    "request",
    "who",
    optional=["who"],
    names=_NAMES | {"evidence": "--reference"},
    without=["evidence_sha256"],
)
@click.option(
    "--file", type=FILE, metavar="FILE", help="Or a file that proves it: its name and SHA-256 are kept, not the file."
)
def told(view: View, asked: Told, file: Path | None) -> None:
    """The answer went out: to the person, or a refusal to the authority; or a recipient knows of an erasure.

    That the authority was told needs a proof: its reference, that of a consignment or a message, or a file.

    With the person told, what was granted is over. A request for erasure then forgets who asked: make the letter first.
    """
    if asked.evidence.strip() and file is not None:
        raise UsageError("one proof is kept", hint="Give one of --reference and --file.")
    if file is not None:
        asked = replace(asked, evidence=file.name, evidence_sha256=hashlib.sha256(read_file(file)).hexdigest())
    show(view, ask(view, asked))


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate request list\ndialgate request list --state refused\ndialgate request list --all --json",
)
@asks(ListOf, names={"everything": "--all"}, without=["text"])
def list_(view: View, asked: ListOf) -> None:
    """The requests that are not over, the one due first at the top. With days left, and warnings."""
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
    view.rows(ask(view, asked), "items", columns, none=none)


@make("show", group=command, numbers=True, example="dialgate request show DSR-2026-0007")
@asks(Show, "request")
def show_(view: View, asked: Show) -> None:
    """One request, and every step of it with who took it and when."""
    standing = ask(view, asked)
    view.data(standing, text=lambda shown: [*lines(shown), *map(step, shown["facts"])])
