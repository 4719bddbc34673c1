"""``dialgate register``: TPS and CTPS."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from gate.cli.asking import Coverage, ask, asks
from gate.cli.command import FILE, make
from gate.cli.output import View, narrate
from gate.clock import SystemClock
from gate.core.rows.lists import RegisterInForce
from gate.errors import RegisterError
from gate.operations.registers.importing import RegisterImport, RegisterImported, drop_folder
from gate.operations.registers.in_force import RegisterStatus
from gate.registers.coverage import FULL, covers, narrowed
from gate.registers.watch import PASSED, TAKEN, FileOutcome
from gate.showing import many

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile


@click.group("register")
def command() -> None:
    """The Telephone Preference Service registers: TPS (people) and CTPS (companies).

    An imported file supports marketing calls up to 27 days after its date, and none after.
    """


@make(
    "import",
    group=command,
    example="dialgate register import tps tps_ns.txt --as-of 2026-03-02\ndialgate register import ctps ctps_ns.txt",
)
@asks(RegisterImport, "name", types={"coverage": Coverage()}, without=["path", "once"])
@click.argument("file", type=FILE)
def import_(view: View, asked: RegisterImport, file: Path) -> None:
    """Put a register FILE in force. A file that is refused leaves the one in force as it is.

    A file with the bytes of an earlier one keeps the earlier day, whatever its name. Where a coverage is narrower than
    the one in force, the command shows what that means, and asks; in a script it needs --accept-narrower.
    """
    asked = _narrowing(view, asked)
    with view.progress(f"Importing {asked.name.upper()}") as progress:
        report = ask(view, replace(asked, path=str(file.resolve())), progress=progress)
    view.data(report)
    if report.first_seen:
        narrate(f"The same bytes came on {report.first_seen}: they keep their day, {report.as_of}.")


def _narrowing(view: View, asked: RegisterImport) -> RegisterImport:
    """The import, accepted by who sits at the terminal where its coverage is narrower than the one in force."""
    coverage = asked.coverage.split(",")
    if coverage == [FULL]:
        return asked
    registers = {each.name: each for each in ask(view, RegisterStatus()).registers}
    found = registers.pop(asked.name, None)
    if found is None or not (had := narrowed(coverage, found.coverage)):
        return asked
    narrate(f"The {asked.name.upper()} in force covers {had}. With this file it covers {covers(coverage)} alone.")
    narrate("Marketing calls to all other numbers are then refused (outside_coverage), until a wider file comes.")
    for other in registers.values():
        if other.coverage:
            narrate(f"The {other.name.upper()} stays as it is: it covers {covers(other.coverage)}.")
    if asked.accept_narrower or view.json or not sys.stdin.isatty():
        return asked
    click.confirm(f"Narrow the {asked.name.upper()} to this coverage?", abort=True, err=True)
    return replace(asked, accept_narrower=True)


@make(
    "watch",
    group=command,
    example="dialgate register watch drop\ndialgate register watch drop --once --settle 0",
)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--once", "at_once", is_flag=True, help="Look once, take what has landed, and end: for a timer.")
@click.option(
    "--settle",
    type=click.IntRange(0, 3600),
    metavar="SECONDS",
    help="Take a file once nobody has written to it for so long.",
)
def watch(view: View, folder: Path, at_once: bool, settle: int | None) -> int:
    """Import the licensee's files when they land in DIR. Names and coverage are those of [registers].

    What was taken goes to DIR/taken, what was refused to DIR/refused with the reason beside it; what is passed over
    (a packed file, a folder, a link, another name) is reported with the reason. A running gate does this by itself
    where [registers] watch is set. Bytes that were imported before are refused: a file that is sent again does not
    become newer by it.
    """
    section, clock = view.config.registers, SystemClock()

    def take(asked: RegisterImport, file: HandedOverFile) -> RegisterImported:
        with view.progress(f"Importing {asked.name.upper()}") as progress:
            return ask(view, asked, given=file, progress=progress)

    drop = drop_folder(section, folder, take, settle)
    if at_once:
        outcomes = [_row(each) for each in drop.look(time.monotonic(), clock.now())]
        view.data({"items": outcomes}, text=lambda _: map(_line, outcomes))
        return int(any(each["state"] not in (TAKEN, PASSED) for each in outcomes))
    narrate(f"Watching {drop.folder}: stop with Ctrl-C.")
    while True:
        try:
            for each in drop.look(time.monotonic(), clock.now()):
                view.data(_row(each), text=lambda row: [_line(row)])
        except RegisterError as error:  # a share that is away comes back
            narrate(f"{error.message}; {error.hint}")
        time.sleep(section.poll_seconds)


def _row(outcome: FileOutcome) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "register": outcome.name,
        "file": str(outcome.file),
        "why": outcome.why,
        "report": outcome.report or {},
    }


def _line(row: dict[str, Any]) -> str:
    report = row["report"]
    what = f"{many(report['count'], 'number')} as of {report['as_of']}" if report else row["why"]
    return f"{row['register'].upper()} {row['state']}: {row['file']}: {what}".lstrip()


@make("status", group=command, example="dialgate register status --json")
@asks(RegisterStatus)
def status(view: View, asked: RegisterStatus) -> None:
    """Each register's age, size, coverage and identity."""
    answer = ask(view, asked)
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
        for register in answer.registers:
            _warn(register)
        if answer.watch:
            narrate(f"A running gate takes new files from {answer.watch}.")


def _warn(register: RegisterInForce) -> None:
    name, days = register.name.upper(), register.days_left
    if refused := register.refused:
        narrate(f"{name}: {refused.source_name} was refused on {refused.at[:10]}: {refused.why}")
    if register.implausible:
        taken = f" Taken because: {register.accepted}" if register.accepted else ""
        narrate(f"{name} is in force although {register.implausible}.{taken}")
    if register.uncovered:
        narrate(
            f"{name} holds no number of {', '.join(register.uncovered)}: calls there are refused (outside_coverage)."
        )
    if register.state != "ok":
        narrate(f"{name} is {register.state}: marketing calls are refused until it is imported.")
    elif days is not None and days < 0:
        narrate(f"{name} is too old: marketing calls are refused until a newer file is imported.")
    elif days is not None and days <= 7:
        narrate(f"{name} supports calls for {many(days, 'day')} more: import a newer file.")
