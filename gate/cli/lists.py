"""The firm's own lists. ``dialgate objection``: its do-not-call list. ``dialgate consent``: who agreed to calls of
this firm, and the proof. Both can be imported and exported. ``dialgate subscriber``: who has a line.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from msgspec import Struct
from msgspec.structs import replace

from gate.cli.asking import Day, Id, ObjectionTime, Since, ask, asks, only_asks, option, reach
from gate.cli.command import FILE, FILE_OR_DASH, NEW_FILE, make
from gate.cli.letters import show_letter
from gate.cli.output import View, json_values, narrate, pairs
from gate.cli.proposals import narrate_waits
from gate.cli.retention import narrate_copy
from gate.client.files import output_file, read_file
from gate.client.gate import copy_of, written
from gate.client.own_list_files import export_list, read_list, send_list
from gate.clock import SystemClock
from gate.core.rows.audit import CopyKind
from gate.core.terms import Topic, many
from gate.errors import UsageError
from gate.operations.lists.consents import ConsentAdd, ConsentList, ConsentWithdraw
from gate.operations.lists.objections import ObjectionAdd, ObjectionList, ObjectionRemove, ObjectionUndo
from gate.operations.lists.subscribers import SubscriberList, SubscriberSet
from gate.operations.requests.letters import WriteConsentLetter

Body = Callable[..., Any]


def kept(entry: Struct) -> Iterator[str]:
    """The lines of an entry that was kept: its notice only where there is one."""
    return pairs({key: inner for key, inner in json_values(entry).items() if inner not in ("", None)})


def imports(body: Body) -> Body:
    """The arguments of an import."""
    skip = click.option(
        "--skip-bad",
        is_flag=True,
        help="Import the good lines of a file that has bad ones; of objections every number that can be read.",
    )
    file = click.argument("file", type=FILE)
    return file(skip(body))


def exports(body: Body) -> Body:
    """The arguments of an export."""
    kind = FILE_OR_DASH
    return click.option("-o", "--output", type=kind, default=Path("-"), metavar="FILE", help="Else standard output.")(
        body
    )


def run_import(view: View, name: str, file: Path, *, skip_bad: bool) -> None:
    """Check a file, keep what it holds, and say how many."""
    found = read_list(name, read_file(file), file.name, SystemClock().now())
    if found.not_utf8:
        narrate(f"{file} is not UTF-8: read as Windows-1252.")
    with reach(view.config) as gate, view.progress(f"Importing {name}") as progress:
        report = send_list(gate, found, skip_bad=skip_bad, progress=progress)
    for fault in report["faults"]:
        done = "blocked, but" if fault["blocked"] else "skipped"
        narrate(f"{done} line {fault['line']}: {fault['fault']}")
    view.data(report if view.json else {key: value for key, value in report.items() if key != "faults"})
    if name == "objections" and report["skipped"]:
        unread = many(report["skipped"], "objection", "blocks")
        narrate(f"Attention: {unread} nobody: no number can be read there.")
        sys.exit(1)


def run_export(view: View, name: str, output: Path) -> None:
    """Write a list; a file comes into being when it is whole."""

    def left_out(entries: int) -> None:
        if entries:
            narrate(
                f"{entries:,} {name} of erased persons are not in the file: they stay in force here, without a number."
            )

    copy = copy_of(CopyKind.LIST, output, f"{name} taken out as a list", of=name)
    with reach(view.config) as gate, written(gate, copy) as entered, output_file(output) as file:
        for piece in export_list(gate, name, left_out):
            file.write(piece)
    if str(output) != "-":
        narrate(f"Wrote {output}.")
        narrate_copy(entered)
        if view.json:
            view.data({"file": str(output)})


@click.group("objection")
def objection() -> None:
    """People and companies who asked this firm not to call them again (PECR reg 21(1)(a)).

    An objection holds from the next call, whatever is in the registers and whatever was agreed to before.
    """


@make(
    "add",
    group=objection,
    numbers=True,
    example='dialgate objection add "020 7946 0123" --note "asked on the phone"',
)
@asks(ObjectionAdd, "number", types={"made_at": ObjectionTime()})
def add_objection(view: View, asked: ObjectionAdd) -> None:
    """Never again call NUMBER for marketing, or at all."""
    view.data(ask(view, asked), text=kept)


only_asks(
    "remove",
    ObjectionRemove,
    "target",
    group=objection,
    numbers=True,
    types={"target": Id("objection", or_number=True)},
    help="Take back an objection by its id, or every one of a number. The log keeps it, with the reason.",
    example='dialgate objection remove 02079460123 --reason "typed in wrongly"',
)


@make(
    "undo",
    group=objection,
    example='dialgate objection undo --trunk main --since "2026-03-02 14:00" --reason "forged caller IDs"',
)
@asks(ObjectionUndo, types={"since": Since(), "until": ObjectionTime()}, without=("digest",))
def undo(view: View, asked: ObjectionUndo) -> None:
    """Take back what callers made by key on the call-back line. It may take two people: dialgate proposal.

    A caller ID can be forged, and somebody who forges many fills the list. Numbers that the firm had called before
    their objection stay on it.
    """
    undone = ask(view, asked)
    view.data(undone)
    narrate_waits(undone.waits)


@make(
    "list",
    group=objection,
    numbers=True,
    example="dialgate objection list --limit 20\ndialgate objection list --number 02079460123",
)
@asks(ObjectionList, without=["text"])
def list_objections(view: View, asked: ObjectionList) -> None:
    """The objections in force, newest first."""
    columns = [
        ("id", "Id"),
        ("number", "Number"),
        ("made_at", "Made"),
        ("scope", "Stops"),
        ("source", "Source"),
        ("note", "Note"),
    ]
    view.rows(ask(view, asked), "items", columns, none="There is no objection.")


@make(
    "import",
    group=objection,
    example="dialgate objection import objections.csv\ndialgate objection import old-list.csv --skip-bad --json",
)
@imports
def import_objections(view: View, file: Path, skip_bad: bool) -> None:
    """Keep the objections of a CSV FILE. Its columns: number, made_at, source, note, scope; only number is needed.

    Every line is checked first: where one is wrong, nothing is imported. What is held already is not kept twice, so an
    import that was cut off may be run again. An objection keeps its own date; without one it counts from now.
    """
    run_import(view, "objections", file, skip_bad=skip_bad)


@make("export", group=objection, example="dialgate objection export -o objections.csv")
@exports
def export_objections(view: View, output: Path) -> None:
    """Write the objections in force as CSV, numbers in full. Who took the list out is logged."""
    run_export(view, "objections", output)


@click.group("consent")
def consent() -> None:
    """Subscribers who agreed to calls of this firm on this line (PECR reg 21(4)); withdrawn at any time (21(5))."""


@make(
    "add",
    group=consent,
    numbers=True,
    example='dialgate consent add 02079460123 --how "web form" --who "A. Smith" '
    '--wording "Yes, call me about offers" --evidence form-8812 --given-at "2026-03-02 10:00"',
)
@asks(
    ConsentAdd,
    "number",
    names={"holds_until": "--until"},
    types={"holds_until": Day(ahead=True)},
    without=["topics", "evidence_kind", "evidence_sha256"],
)
@option(ConsentAdd, "topics", "--topic", type=click.Choice([str(topic) for topic in Topic]), many=True)
@click.option("--evidence-file", type=FILE, help="Or a file that is the proof: its name and SHA-256 are kept.")
@click.option("--evidence-recording", default="", metavar="ID", help="Or a recording that is the proof.")
def add_consent(
    view: View, asked: ConsentAdd, topics: tuple[str, ...], evidence_file: Path | None, evidence_recording: str
) -> None:
    """Keep the consent of NUMBER's subscriber to calls of this firm.

    Where they have objected, a consent changes nothing, whatever its date, unless it is given --after-objection.
    """
    if sum(map(bool, (asked.evidence.strip(), evidence_file, evidence_recording.strip()))) != 1:
        raise UsageError(
            "a consent needs its evidence, once",
            hint="Give one of --evidence, --evidence-file and --evidence-recording.",
        )
    proof: dict[str, Any] = {}
    if evidence_recording:
        proof = {"evidence": evidence_recording, "evidence_kind": "recording"}
    if evidence_file:
        digest = hashlib.sha256(read_file(evidence_file)).hexdigest()
        proof = {"evidence": evidence_file.name, "evidence_kind": "file", "evidence_sha256": digest}
    view.data(ask(view, replace(asked, topics=",".join(topics) or Topic.GENERAL, **proof)), text=kept)


only_asks(
    "withdraw",
    ConsentWithdraw,
    "target",
    group=consent,
    numbers=True,
    types={"target": Id("consent", or_number=True)},
    help="End a consent by its id, or every live consent of a number. It holds from the next call.",
    example='dialgate consent withdraw 02079460123 --reason "asked by email"',
)


@make("letter", group=consent, example="dialgate consent letter 6f2c9e… --to ann@example.org -o letter.txt")
@asks(WriteConsentLetter, "consent")
@click.option("-o", "--output", type=NEW_FILE, metavar="FILE", help="Write it there: .txt, .html, or .eml.")
def letter(view: View, asked: WriteConsentLetter, output: Path | None) -> None:
    """Make the letter that confirms a withdrawn consent: since when the withdrawal holds, and what it stops.

    The log keeps that the letter was made, not the letter itself; dialgate letters explain ID names what each
    sentence rests on.
    """
    show_letter(view, ask(view, asked), output)


@make("list", group=consent, numbers=True, example="dialgate consent list --show-numbers")
@asks(ConsentList, without=["text"])
def list_consents(view: View, asked: ConsentList) -> None:
    """The consents, newest first, the withdrawn ones too."""
    columns = [
        ("id", "Id"),
        ("number", "Number"),
        ("given_at", "Given"),
        ("how", "How"),
        ("who", "By"),
        ("topics", "For"),
        ("ends", "Until"),
        ("evidence", "Evidence"),
        ("withdrawn_at", "Withdrawn"),
    ]
    view.rows(ask(view, asked), "items", columns, none="There is no consent.")


@make("import", group=consent, example="dialgate consent import consents.csv")
@imports
def import_consents(view: View, file: Path, skip_bad: bool) -> None:
    """Keep the consents of a CSV FILE. Its columns: number, given_at, how, wording, who and evidence, each filled in;
    evidence_kind, evidence_sha256, purpose, topics, caller, holds_until, withdrawn_at and withdrawn_why may be there
    too.

    Every line is checked first: where one is wrong, nothing is imported. A consent counts from its own date, but no
    imported one lifts an objection that is held, and one that was withdrawn stays withdrawn.
    """
    run_import(view, "consents", file, skip_bad=skip_bad)


@make("export", group=consent, example="dialgate consent export -o consents.csv")
@exports
def export_consents(view: View, output: Path) -> None:
    """Write the consents as CSV with their evidence, the withdrawn ones too. Who took the list out is logged."""
    run_export(view, "consents", output)


@click.group("subscriber")
def subscriber() -> None:
    """Who has a line, a person or a company (PECR reg 2(1)), and since when.

    A consent from before that day no longer counts: the line had another subscriber then. Objections stand.
    """


@make(
    "set",
    group=subscriber,
    numbers=True,
    example='dialgate subscriber set "020 7946 0123" --kind corporate\n'
    'dialgate subscriber set "020 7946 0123" --since 2026-03-01',
)
@asks(SubscriberSet, "number", types={"since": Day()})
def set_subscriber(view: View, asked: SubscriberSet) -> None:
    """Note who has NUMBER. What you leave out stays as it was noted before."""
    view.data(ask(view, asked), text=kept)


@make("list", group=subscriber, numbers=True, example='dialgate subscriber list --number "020 7946 0123"')
@asks(SubscriberList)
def list_subscribers(view: View, asked: SubscriberList) -> None:
    """The entries, newest first. The first one of each number counts."""
    columns = [
        ("number", "Number"),
        ("kind", "Kind"),
        ("since", "Theirs since"),
        ("noted_at", "Noted"),
        ("source", "How it is known"),
        ("actor", "By"),
    ]
    view.rows(ask(view, asked), "items", columns, none="Nothing is noted of who has a line.")
