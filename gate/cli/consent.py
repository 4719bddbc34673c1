"""``dialgate consent``: who agreed to calls of this firm, and the proof."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from gate.cli.asking import asks, only_asks, option
from gate.cli.command import FILE, make
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.own_lists import exports, imports, kept, run_export, run_import
from gate.cli.reach import ask
from gate.cli.values import Day
from gate.client.files import read_file
from gate.core.terms import Topic
from gate.errors import UsageError
from gate.operations.lists.consents import ConsentAdd, ConsentList, ConsentWithdraw


@click.group("consent")
def command() -> None:
    """Subscribers who told this firm that it may call this line (PECR reg 21(4)); withdrawn at any time (21(5))."""


@make(
    "add",
    group=command,
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
def add(
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
    group=command,
    numbers=True,
    types={"target": Id("consent", or_number=True)},
    help="End a consent by its id, or every live one of a number: holds from the next call.",
    example='dialgate consent withdraw 02079460123 --reason "asked by email"',
)


@make("list", group=command, numbers=True, example="dialgate consent list --show-numbers")
@asks(ConsentList, without=["text"])
def list_(view: View, asked: ConsentList) -> None:
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


@make("import", group=command, example="dialgate consent import consents.csv")
@imports
def import_(view: View, file: Path, skip_bad: bool) -> None:
    """Keep the consents of a CSV FILE. Its columns: number, given_at, how, wording, who and evidence, each filled in;
    evidence_kind, evidence_sha256, purpose, topics, caller, holds_until, withdrawn_at and withdrawn_why may be there
    too.

    Every line is checked first: where one is wrong, nothing is imported. A consent counts from its own date, but no
    imported one lifts an objection that is held, and one that was withdrawn stays withdrawn.
    """
    run_import(view, "consents", file, skip_bad=skip_bad)


@make("export", group=command, example="dialgate consent export -o consents.csv")
@exports
def export(view: View, output: Path) -> None:
    """Write the consents as CSV with their evidence, the withdrawn ones too. Who took the list out is logged."""
    run_export(view, "consents", output)
