"""``dialgate report`` and ``dialgate receipts``: what is written as pages: a month for the firm's management, the
record of processing, the receipts that the firm hosts.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from gate.cli.asking import option
from gate.cli.command import FILE_OR_DASH, FOLDER, make
from gate.cli.output import View, say
from gate.cli.reach import ask, reach
from gate.client.files import output_file
from gate.client.pages import HOST_IT, publish_into
from gate.errors import UsageError
from gate.exports.report import month_page, record_page
from gate.operations.reports.article30 import ReportArticle30
from gate.operations.reports.month import ReportMonth


@make(
    "report",
    example="dialgate report --month 2026-11 -o november.html\n"
    "dialgate report --article-30 -o record.html\ndialgate report --month 2026-11 --json",
)
@option(ReportMonth, "month", needed=False)
@click.option("--article-30", "record", is_flag=True, help="The record of processing (UK GDPR Art 30), as configured.")
@click.option(
    "-o", "--output", type=FILE_OR_DASH, metavar="FILE", help="The HTML page to write; - for standard output."
)
def report(view: View, month: str | None, record: bool, output: Path | None) -> None:
    """Write a report: one HTML page that needs no network and no script, for the screen and for paper.

    It holds counts, codes and dates, and names nobody but the firm's accounts and PBXs. With --json the figures are
    written instead.
    """
    if (month is None) is not record:
        raise UsageError("a report is of a month, or the record of processing", hint="--month YYYY-MM or --article-30")
    if output is None and not view.json:
        raise UsageError("a page needs a file", hint="-o FILE.html, or --json for the figures alone")
    report = msgspec.to_builtins(ask(view, ReportMonth(month=month) if month else ReportArticle30()))
    if output is not None:
        page = month_page(report) if month else record_page(report)
        with output_file(output) as file:
            file.write(page.encode("utf-8", "replace"))
        if str(output) != "-":
            say(f"Wrote {output}.")
    if view.json and str(output) != "-":
        view.data(report)


@click.group("receipts")
def receipts() -> None:
    """Callees who were told the code of a receipt look it up on a page that the firm hosts."""


@make("publish", group=receipts, example="dialgate receipts publish /srv/www/receipts")
@click.argument("folder", metavar="DIR", type=FOLDER)
def publish(view: View, folder: Path) -> None:
    """Write the page of receipts into DIR: index.html, and a sealed file for each receipt.

    No telephone number that was called is in it, and without its code no receipt can be read. Publish again each day:
    receipts that are no longer kept go first. Every file is replaced whole: whatever ends this, the page works.
    """
    with reach(view.config) as gate:
        view.data(publish_into(gate, view.config.firm.trading_name, folder))
    if not view.json:
        say(HOST_IT)
