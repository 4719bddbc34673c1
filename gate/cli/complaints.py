"""``dialgate complaint``: the page that the firm publishes, and what its form sends. ``dialgate breach``: the register
of breaches of personal data, with the 72 hours for telling the authority."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
from msgspec.structs import replace

from gate.cli.asking import PROOF_FILE, Day, ask, asks, proven, reach
from gate.cli.command import FILE, FOLDER, NEW_FILE, make
from gate.cli.output import View, narrate
from gate.client.complaints import LARGEST, complaint_page, complaints_in
from gate.client.files import output_file, read_file
from gate.clock import today
from gate.core.cells import csv_text
from gate.durable import whole_file
from gate.errors import UsageError
from gate.operations.breaches import (
    BreachAdd,
    BreachClose,
    BreachList,
    BreachNotify,
    BreachRow,
    BreachShow,
    BreachUpdate,
)
from gate.operations.requests.complaints import ComplaintEntered
from gate.showing import local, masked


@click.group("complaint")
def complaint() -> None:
    """Complaints about the use of personal data (Data Protection Act 2018 s.164A): the page with your procedure and its
    form, and what the form sends. Each becomes a request: dialgate request list.
    """


@make(
    "page",
    group=complaint,
    example="dialgate complaint page www --action https://www.example.org/complaints\ndialgate complaint page www",
)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--action", default="", metavar="URL", help="Where the form is sent (default: by the visitor's mail).")
def page(view: View, folder: Path, action: str) -> None:
    """Write the page that you publish into DIR: complaints.html, and complaints.txt with the same in plain text.

    It is made from the configuration: who you are, how you are reached, the times, the authority. It needs no script.
    Enter what the form sends with dialgate complaint import, or over HTTP: dialgate manual complaints
    """
    html, text = complaint_page(view.config, today(), action)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("complaints.html", html), ("complaints.txt", text)):
        with whole_file(folder / name, mode=0o644) as file:  # it is published again when the configuration changes
            file.write(content.encode())
    view.data({"folder": str(folder), "files": ["complaints.html", "complaints.txt"]})


@make("import", group=complaint, example="dialgate complaint import form-8812.json\ndialgate complaint import mail.eml")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--received", type=Day(), metavar="DATE", help="The day it came (default: that of a mail, else today).")
def import_(view: View, files: tuple[Path, ...], received: date | None) -> None:
    """Enter what the form sent: JSON, a web form's own encoding (name=value), or a mail as it came (.eml).

    The fields are name, contact, number and about. The same complaint in two files is entered once. A file that is no
    complaint stops the import before anything of it is entered.
    """
    done: list[ComplaintEntered] = []
    with reach(view.config) as gate:
        for path in files:
            if path.stat().st_size > LARGEST:
                raise UsageError(f"{path} is larger than {LARGEST:,} bytes", hint="One complaint a file, as it came.")
            try:
                found = complaints_in(read_file(path), today())
            except UsageError as error:
                raise UsageError(f"{path}: {error.message}", hint=error.hint) from None
            done += [gate.ask(replace(each, received=received or each.received)) for each in found]
    view.rows({"items": done}, "items", [("reference", "Request"), *_ENTERED], none="Nothing.")
    for each in done:
        narrate(f"Next: dialgate request letter {each.reference} acknowledgement, by {each.acknowledge_by}")


_ENTERED = (("acknowledge_by", "Acknowledge by"), ("notice", "Notice"))


@click.group("breach")
def command() -> None:
    """Breaches of personal data (UK GDPR Art 33): what happened, its effects, what was done, and who was notified.

    The authority is notified within 72 hours after the firm became aware, unless a risk to people is unlikely. Nobody
    is named in the register: people are counted.
    """


def _lines(row: BreachRow) -> Iterator[str]:
    yield f"{row.reference}: {', '.join(row.nature)}; risk: {row.risk.replace('_', ' ')}"
    authority, persons = (
        (row.authority_told_at, row.authority_told_entered),
        (row.persons_told_at, row.persons_told_entered),
    )
    given = {
        "aware": f"{local(row.aware_at)}, entered {local(row.entered_at)}",
        "72 hours end": local(row.deadline),
        "hours left": row.hours_left,
        "people": row.people,
        "records": row.records,
        "authority told": _notification(*authority, row.proofs.get("authority", "")),
        "people told": _notification(*persons, row.proofs.get("persons", "")),
        **{part.replace("_", " "): text for part, text in row.texts.items()},
        "closed": local(row.closed_at) if row.closed_at else None,
        "missing": ", ".join(row.lacking),
    }
    for name, value in given.items():
        if value not in (None, ""):
            yield f"  {name}: {value}"
    if row.warning:
        yield f"  WARNING: {row.warning}"
    if row.late:
        yield "  late: the authority was not told within 72 hours, by what was entered"


def _notification(at: str | None, entered: str | None, proof: str) -> str:
    if not at:
        return ""
    claimed = f"{local(at)} as claimed, entered {local(entered)}" if entered and at != entered else local(at)
    return f"{claimed} ({proof})"


@make(
    "add",
    group=command,
    example='dialgate breach add --nature disclosed --aware "yesterday 09:30" --people 40 '
    '--facts "An export lay on an open share."',
)
@asks(BreachAdd)
def add(view: View, asked: BreachAdd) -> None:
    """Enter a breach. The 72 hours run from when the firm became aware, a time that never changes afterwards."""
    view.data(ask(view, asked), text=_lines, prose=True)


@make("update", group=command, example='dialgate breach update BR-2026-0001 --risk high --effects "They may be rung."')
@asks(BreachUpdate, "breach")
def update(view: View, asked: BreachUpdate) -> None:
    """Add what has become known: it takes the place of what was entered before. The log keeps both."""
    view.data(ask(view, asked), text=_lines, prose=True)


@make("notify", group=command, example="dialgate breach notify BR-2026-0001 authority --reference IC-301234-X9Y8")
@asks(
    BreachNotify,
    "breach",
    "who",
    optional=["who"],
    names={"on": "--dated", "evidence": "--reference"},
    without=["evidence_sha256"],
)
@PROOF_FILE
def notify(view: View, asked: BreachNotify, file: Path | None) -> None:
    """Note that the authority, or the persons concerned, were notified: with a proof, after 72 hours also with the
    reasons.

    Lateness goes by the moment of entry: an earlier time (--dated) is shown beside it, and shortens no delay.
    """
    view.data(ask(view, proven(asked, file)), text=_lines, prose=True)


@make("close", group=command, example='dialgate breach close BR-2026-0001 --reason "the share is gone"')
@asks(BreachClose, "breach")
def close(view: View, asked: BreachClose) -> None:
    """Close a breach. It must be documented (Art 33(5)), and everybody notified who has to be. It stays in the
    register."""
    view.data(ask(view, asked), text=_lines, prose=True)


@make("show", group=command, example="dialgate breach show BR-2026-0001")
@asks(BreachShow, "breach")
def show(view: View, asked: BreachShow) -> None:
    """One breach, with all that was written about it."""
    view.data(ask(view, asked), text=_lines, prose=True)


@make("list", group=command, example="dialgate breach list\ndialgate breach list --open --json")
@asks(BreachList)
def list_(view: View, asked: BreachList) -> None:
    """The register, oldest first."""
    columns = [
        *(("reference", "Breach"), ("aware_at", "Aware"), ("entered_at", "Entered"), ("hours_left", "Hours left")),
        *(("risk", "Risk"), ("people", "People"), ("late", "Late"), ("closed_at", "Closed"), ("warning", "Warning")),
    ]
    view.rows(ask(view, asked), "items", columns, none="There is no breach.")


_EXPORTED = (
    *("reference", "aware_at", "entered_at", "deadline", "late", "nature", "people", "records", "risk"),
    *("authority_told_at", "authority_told_entered", "persons_told_at", "persons_told_entered", "closed_at"),
)
_PARTS = ("facts", "effects", "measures", "unlikely", "late", "not_told", "close")


@make("export", group=command, example="dialgate breach export -o breaches.csv")
@click.option("-o", "--output", type=NEW_FILE, required=True, metavar="FILE", help="The CSV file to write.")
def export(view: View, output: Path) -> None:
    """The register as CSV, for the supervisory authority (Art 33(5)). It names no account, and nobody concerned."""
    rows = ask(view, BreachList()).items
    with output_file(output) as file:
        file.write(csv_text([[*_EXPORTED, *(f"text_{each}" for each in _PARTS)], *map(_cells, rows)]).encode())
    view.data({"file": str(output), "breaches": len(rows)})
    narrate(f"Wrote {output}.")


def _cells(row: BreachRow) -> list[str]:
    values = [getattr(row, name) for name in _EXPORTED]
    shown = [", ".join(each) if isinstance(each, list) else "" if each is None else str(each) for each in values]
    return [*shown, *(str(masked(row.texts.get(part, ""))) for part in _PARTS)]
