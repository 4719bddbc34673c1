"""``dialgate breach``: the register of breaches of personal data, with the 72 hours for telling the authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gate.cli.asking import PROOF_FILE, ask, asks, proven
from gate.cli.command import NEW_FILE, make
from gate.cli.output import View, say
from gate.client.files import output_file
from gate.core.cells import csv_text
from gate.operations.breaches import (
    BreachAdd,
    BreachClose,
    BreachList,
    BreachNotify,
    BreachRow,
    BreachShow,
    BreachUpdate,
)
from gate.showing import local, masked


@click.group("breach")
def command() -> None:
    """Breaches of personal data (UK GDPR Art 33): what happened, its effects, what was done, and who was told.

    The authority is told within 72 hours after the firm became aware, unless a risk to people is unlikely. Nobody is
    named in the register: people are counted.
    """


def _lines(row: dict[str, Any]) -> Iterator[str]:
    yield f"{row['reference']}: {', '.join(row['nature'])}; risk: {row['risk'].replace('_', ' ')}"
    given = {
        "aware": f"{local(row['aware_at'])}, entered {local(row['entered_at'])}",
        "72 hours end": local(row["deadline"]),
        "hours left": row["hours_left"],
        "people": row["people"],
        "records": row["records"],
        "authority told": _told(row, "authority"),
        "people told": _told(row, "persons"),
        **{part.replace("_", " "): text for part, text in row["texts"].items()},
        "closed": local(row["closed_at"]) if row["closed_at"] else None,
        "missing": ", ".join(row["lacking"]),
    }
    for name, value in given.items():
        if value not in (None, ""):
            yield f"  {name}: {value}"
    if row["warning"]:
        yield f"  WARNING: {row['warning']}"
    if row["late"]:
        yield "  late: the authority was not told within 72 hours, by what was entered"


def _told(row: dict[str, Any], who: str) -> str:
    at, entered = row[f"{who}_told_at"], row[f"{who}_told_entered"]
    if not at:
        return ""
    claimed = f"{local(at)} as claimed, entered {local(entered)}" if at != entered else local(at)
    return f"{claimed} ({row['proofs'].get(who, '')})"


@make(
    "add",
    group=command,
    example='dialgate breach add --nature disclosed --aware "2026-12-01 09:30" --people 40 '
    '--facts "An export lay on an open share."',
)
@asks(BreachAdd)
def add(view: View, asked: BreachAdd) -> None:
    """A breach became known. The 72 hours run from when the firm became aware, which is never changed afterwards."""
    view.data(ask(view, asked), text=_lines, prose=True)


@make("update", group=command, example='dialgate breach update BR-2026-0001 --risk high --effects "They may be rung."')
@asks(BreachUpdate, "breach")
def update(view: View, asked: BreachUpdate) -> None:
    """More is known of it: what is given takes the place of what was said before. The log keeps both."""
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
    """The authority, or the persons concerned, were told: with a proof, and after 72 hours with the reasons.

    Lateness goes by the moment of entry: an earlier one (--dated) is shown beside it, and shortens no delay.
    """
    view.data(ask(view, proven(asked, file)), text=_lines, prose=True)


@make("close", group=command, example='dialgate breach close BR-2026-0001 --reason "the share is gone"')
@asks(BreachClose, "breach")
def close(view: View, asked: BreachClose) -> None:
    """Nothing is left to do. It is documented (Art 33(5)), everybody was told who has to be, and it stays here."""
    view.data(ask(view, asked), text=_lines, prose=True)


@make("show", group=command, example="dialgate breach show BR-2026-0001")
@asks(BreachShow, "breach")
def show(view: View, asked: BreachShow) -> None:
    """One breach, with all that was written of it."""
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
    say(f"Wrote {output}.")


def _cells(row: BreachRow) -> list[str]:
    values = [getattr(row, name) for name in _EXPORTED]
    shown = [", ".join(each) if isinstance(each, list) else "" if each is None else str(each) for each in values]
    return [*shown, *(str(masked(row.texts.get(part, ""))) for part in _PARTS)]
