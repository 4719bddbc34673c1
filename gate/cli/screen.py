"""``dialgate screen``: a whole CRM file at once."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from gate.cli.asking import Moment, ask, delimiter_of, option, reach
from gate.cli.command import FILE_OR_DASH, make
from gate.cli.output import View, narrate
from gate.client.files import output_file
from gate.clock import SystemClock
from gate.core.rows.lists import RegisterIdentity
from gate.errors import UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.accounts import user
from gate.operations.calls.screening import Screened
from gate.operations.contacts.bulk_screener import bulk_screener
from gate.operations.contacts.file_screening import FileScreening, evidence, numbers_in
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.registers.importing import RegisterAsk
from gate.showing import many

_SHOWN = 20
"""Bad lines named on the terminal; ``--json`` names up to a thousand."""


@make(
    "screen",
    example="dialgate screen crm.csv -o screened.csv\n"
    "dialgate screen crm.csv -o screened.csv --column phone --column mobile\n"
    'dialgate screen - -o - --column Phone --at "2026-03-02 10:00" < crm.csv > screened.csv',
)
@click.argument("source", metavar="IN.csv", type=FILE_OR_DASH)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT.csv",
    type=FILE_OR_DASH,
    help="Where the rows go; - for standard output.",
)
@option(ContactsImport, "columns", "--column")
@option(Screened, "purpose", default="marketing")
@option(Screened, "topic", default="general")
@option(Screened, "on_behalf_of", default="")
@click.option("--at", type=Moment(ahead=True), metavar="TIME", help="As if all were called then, hours and all.")
@option(ContactsImport, "delimiter", default="")
@option(ContactsImport, "header")
@click.option("--escape", is_flag=True, help="Mark the file's own formulas too, so that no spreadsheet runs them.")
@click.option("--prefix", default="", help="Text put before the names of the new columns.")
@click.option(
    "--via", default="", metavar="URL", help="Ask the provider of [provider] first whether the numbers are listed."
)
def command(view: View, source: Path, output: Path, delimiter: str, via: str, **options: Any) -> None:
    """Write the rows of IN.csv with a verdict for every number: may it be called?

    Every byte of the rows stays as it is, formulas too unless --escape marks them. Each phone column gets new columns
    behind them: verdict, reason, number (E.164) and the day of each register. A row without a valid number is kept
    and blocked, and its line is reported. Calling hours are ignored unless --at is given: the gate screens every call
    again when it is made. The run is logged, without numbers.

    --via URL is for a firm without a licence for the registers' files: calls to the numbers of IN.csv are screened by
    the provider's answers, up to 27 days after their day.
    """
    delimiter = delimiter_of(delimiter)
    if str(source) != "-" and output.exists() and source.exists() and output.samefile(source):
        raise UsageError("the output would replace the file that is read", hint="give another name with -o")
    if via:
        _ask(view, via, source, delimiter, options["columns"], header=options["header"] is None)
    if str(source) == "-":
        _screen(view, sys.stdin.buffer, "standard input", 0, output, delimiter=delimiter, **options)
        return
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        _screen(view, file, source.name, size, output, delimiter=delimiter, **options)


def _ask(view: View, via: str, source: Path, delimiter: str, columns: Sequence[str], *, header: bool) -> None:
    """Ask the provider about every number of the file."""
    if str(source) == "-":
        raise UsageError("--via reads the file twice", hint="give a file, not standard input")
    with source.open("rb") as file:
        numbers = sorted(numbers_in(file, columns, delimiter, header=header))
    if not numbers:
        raise UsageError(f"{source} holds no telephone number", hint="name the column with --column")
    held = os.memfd_create("numbers", os.MFD_CLOEXEC)  # on no disk
    with (
        HandedOverFile(_written(held, "\n".join(numbers).encode()), source.name) as given,
        view.progress(f"Asking about {many(len(numbers), 'number')}") as progress,
    ):
        report = ask(view, RegisterAsk(provider=via, path=source.name), given=given, progress=progress)
    listed = ", ".join(f"{count:,} on the {name.upper()}" for name, count in report.listed.items())
    narrate(f"{report.provider} has answered for {many(report.asked, 'number')} as of {report.as_of}: {listed}.")


def _written(descriptor: int, content: bytes) -> int:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    return descriptor


def _screen(
    view: View,
    source: BinaryIO,
    name: str,
    size: int,
    output: Path,
    *,
    purpose: str,
    topic: str,
    on_behalf_of: str,
    at: datetime | None,
    header: bool | None,
    **how: Any,
) -> None:
    now = SystemClock().now()
    with reach(view.config) as gate:
        screener = bulk_screener(
            view.config,
            purpose=purpose,
            topic=topic,
            on_behalf_of=on_behalf_of.strip().lower(),
            now=now,
            at=at,
            actor=user(os.getuid()),
            compared=True,
        )
        _warn(screener.registers.identities)
        with view.progress(f"Screening {name}") as bar, output_file(output) as target:
            own = view.config.calling.opt_out_columns
            run = FileScreening(
                source,
                target,
                screener,
                header=header is None,
                opt_outs=own,
                tell=_progress_in_bytes(bar, size),
                **how,
            )
            gc.disable()  # rows hold no cycles, and looking for some takes half of the time
            try:
                report = run.run()
            finally:
                gc.enable()
            # Kept before the output has its name: a file that exists is one whose screening is in the log.
            logged = gate.ask(evidence(report, screener, source_name=name, timed=at is not None))
    result = asdict(report) | {"id": logged.id, "registers": screener.registers.identities}
    _narrate(result)
    if str(output) != "-":
        view.data(result if view.json else _short(result))


def _progress_in_bytes(bar: Callable[[float, str], None] | None, size: int) -> Callable[[int], None]:
    def show_done(done: int) -> None:
        if bar:
            bar(done / size if size else 0.0, f"{done / 1e6:,.0f} MB")

    return show_done


def _warn(registers: list[RegisterIdentity]) -> None:
    for register in registers:
        if register.state != "ok":
            narrate(f"The {register.name.upper()} list is {register.state}: marketing calls that need it are blocked.")


def _narrate(result: dict[str, Any]) -> None:
    narrate(f"Screened: {', '.join(result['columns'])} of {many(result['rows'], 'row')}, kept as {result['id']}.")
    if result["not_utf8"]:
        narrate(f"Line {result['not_utf8']} is not UTF-8: such fields were read as Windows-1252.")
    if out := result["opted_out"]:
        narrate(f"Objected: {many(out, 'row')} that want no calls. Keep that: dialgate contacts import FILE")
    if result["bad_rows"]:
        lines = ", ".join(str(line) for line in result["bad_lines"][:_SHOWN])
        on, more = "line" if result["bad_rows"] == 1 else "lines", " and more" if result["bad_rows"] > _SHOWN else ""
        bad = many(result["bad_rows"], "row", "has")
        narrate(f"{bad} no valid number, or too many or too few fields: {on} {lines}{more}.")


def _short(result: dict[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in ("rows", "reasons", "bad_rows", "sha256", "output_sha256", "id")}
