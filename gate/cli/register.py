"""``dialgate register``: TPS and CTPS."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from gate.cli.command import command as make
from gate.cli.output import View, say
from gate.cli.reach import reach
from gate.cli.values import Coverage, Day


@click.group("register", short_help="TPS and CTPS: import, status.")
def command() -> None:
    """The Telephone Preference Service registers: TPS (people) and CTPS (companies).

    An imported file supports marketing calls up to 27 days after its date, and none after.
    """


@make(
    "import",
    group=command,
    example="dialgate register import tps tps_ns.txt --as-of 2026-03-02\n"
    "dialgate register import ctps ctps_ns.txt --coverage 0161,020",
)
@click.argument("name", type=click.Choice(["tps", "ctps"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--as-of", type=Day(), metavar="DATE", help="The day the file speaks of (default: taken from the file).")
@click.option(
    "--coverage",
    type=Coverage(),
    default="full",
    show_default=True,
    metavar="full|CODE,…",
    help="The dialling codes that the licence covers; outside them, absence is not clearance.",
)
@click.option("--accept-shrink", is_flag=True, help="Accept a file that is much smaller than the one in force.")
@click.option("--accept-older", is_flag=True, help="Accept a file of an earlier day than the one in force.")
def import_(view: View, name: str, file: Path, as_of: date | None, coverage: str, **accepted: bool) -> None:
    """Put a register FILE in force. A file that is refused leaves the one in force as it is."""
    with reach(view.config) as gate, view.progress(f"Importing {name.upper()}") as progress:
        report = gate.call(
            "register_import",
            name=name,
            path=str(file.resolve()),
            as_of=as_of,
            coverage=coverage,
            progress=progress,
            **accepted,
        )
    view.data(report)


@make("status", group=command, example="dialgate register status --json")
def status(view: View) -> None:
    """Each register's age, size, coverage and identity."""
    with reach(view.config) as gate:
        answer = gate.call("register_status")
    columns = [
        ("name", "Register"),
        ("state", "State"),
        ("count", "Numbers"),
        ("as_of", "As of"),
        ("days_left", "Days left"),
        ("coverage", "Coverage"),
        ("sha256", "SHA-256"),
    ]
    view.rows(answer, "registers", columns, none="There is no register: dialgate register import tps FILE")
    if not view.json:
        for register in answer["registers"]:
            _warn(register)


def _warn(register: dict[str, Any]) -> None:
    name, days = str(register["name"]).upper(), register.get("days_left")
    if register.get("state") != "ok":
        say(f"{name} is {register.get('state')}: marketing calls are refused until it is imported.")
    elif days is not None and days < 0:
        say(f"{name} is too old: marketing calls are refused until a newer file is imported.")
    elif days is not None and days <= 7:
        say(f"{name} supports calls for {days} more days: import a newer file.")
