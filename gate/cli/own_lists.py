"""``import`` and ``export`` of the own lists: what ``dialgate objection`` and ``dialgate consent`` have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gate.cli.command import FILE, FILE_OR_DASH
from gate.cli.output import View, pairs, say
from gate.cli.reach import reach
from gate.client.files import output_file, read_file
from gate.client.own_list_files import export_list, read_list, send_list
from gate.clock import SystemClock

Body = Callable[..., Any]


def kept(value: Mapping[str, Any]) -> Iterator[str]:
    """The lines of an entry that was kept: its notice only where there is one."""
    return pairs({key: inner for key, inner in value.items() if inner not in ("", None)})


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
    if found.encoding == "cp1252":
        say(f"{file} is not UTF-8: read as Windows-1252.")
    with reach(view.config) as gate, view.progress(f"Importing {name}") as progress:
        report = send_list(gate, found, skip_bad=skip_bad, progress=progress)
    for fault in report["faults"]:
        done = "blocked, but" if fault["blocked"] else "skipped"
        say(f"{done} line {fault['line']}: {fault['fault']}")
    view.data(report if view.json else {key: value for key, value in report.items() if key != "faults"})
    if name == "objections" and report["skipped"]:
        say(f"Attention: {report['skipped']:,} who objected are not blocked, as their number cannot be read.")
        sys.exit(1)


def run_export(view: View, name: str, output: Path) -> None:
    """Write a list; a file comes into being when it is whole."""

    def left_out(entries: int) -> None:
        if entries:
            say(f"{entries:,} {name} of erased persons are not in the file: they stay in force here, without a number.")

    with reach(view.config) as gate, output_file(output) as file:
        for piece in export_list(gate, name, left_out):
            file.write(piece)
    if str(output) != "-":
        say(f"Wrote {output}.")
        if view.json:
            view.data({"file": str(output)})
