"""``dialgate consent``: who agreed to calls of this firm, and the proof."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from gate.cli.command import FILE, make, paged
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.own_lists import exports, imports, kept, run_export, run_import
from gate.cli.reach import ask
from gate.cli.values import Day, Moment
from gate.client.files import read_file
from gate.core.terms import Purpose, Topic
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
@click.argument("number")
@click.option("--how", required=True, help="How it was given: phone, web form, paper, …")
@click.option("--wording", required=True, help="What they agreed to, word for word.")
@click.option("--who", required=True, help="Who gave it.")
@click.option("--evidence", default="", help="Where the proof is in the firm's own records.")
@click.option("--evidence-file", type=FILE, help="Or a file that is the proof: its name and SHA-256 are kept.")
@click.option("--evidence-recording", default="", metavar="ID", help="Or a recording that is the proof.")
@click.option(
    "--topic",
    "topics",
    type=click.Choice([topic.value for topic in Topic]),
    multiple=True,
    help="What calls they agreed to, several if need be (default: general). A general yes does not cover the others.",
)
@click.option(
    "--purpose",
    type=click.Choice([purpose.value for purpose in Purpose]),
    default=Purpose.MARKETING.value,
    show_default=True,
    help="What calls it is for: one to service calls does not cover marketing.",
)
@click.option("--caller", default="", help="The firm that it names, where it names one; another firm's is refused.")
@click.option("--given-at", type=Moment(), metavar="TIME", help="When it was given (default: now).")
@click.option(
    "--until",
    "holds_until",
    type=Day(ahead=True),
    metavar="DAY",
    help="The last day on which it holds, where it names one; beyond consent.months only if its words name the year.",
)
@click.option("--after-objection", is_flag=True, help="They objected and agreed since: it lifts their objection.")
def add(
    view: View,
    evidence: str,
    evidence_file: Path | None,
    evidence_recording: str,
    topics: tuple[str, ...],
    **consent: Any,
) -> None:
    """Keep the consent of NUMBER's subscriber to calls of this firm.

    Where they have objected, a consent changes nothing, whatever its date, unless it is given --after-objection.
    """
    if sum(map(bool, (evidence.strip(), evidence_file, evidence_recording.strip()))) != 1:
        raise UsageError(
            "a consent needs its evidence, once",
            hint="Give one of --evidence, --evidence-file and --evidence-recording.",
        )
    proof: dict[str, Any] = {"evidence": evidence}
    if evidence_recording:
        proof = {"evidence": evidence_recording, "evidence_kind": "recording"}
    if evidence_file:
        digest = hashlib.sha256(read_file(evidence_file)).hexdigest()
        proof = {"evidence": evidence_file.name, "evidence_kind": "file", "evidence_sha256": digest}
    view.data(ask(view, ConsentAdd(topics=",".join(topics) or Topic.GENERAL, **proof, **consent)), text=kept)


@make(
    "withdraw", group=command, numbers=True, example='dialgate consent withdraw 02079460123 --reason "asked by email"'
)
@click.argument("number_or_id", type=Id("consent", or_number=True))
@click.option("--reason", default="", help="What they said; kept in the log.")
def withdraw(view: View, number_or_id: str, reason: str) -> None:
    """End a consent by its id, or every live one of a number: holds from the next call."""
    view.data(ask(view, ConsentWithdraw(reason=reason, target=number_or_id)))


@make("list", group=command, numbers=True, example="dialgate consent list --show-numbers")
@click.option("--number", help="Only those of this number.")
@paged
def list_(view: View, **which: Any) -> None:
    """The consents, newest first, the withdrawn ones too."""
    page = ask(view, ConsentList(**which))
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
    view.rows(page, "items", columns, none="There is no consent.")


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
