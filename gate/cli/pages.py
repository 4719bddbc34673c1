"""``dialgate report``, ``dialgate receipts`` and ``dialgate receipt``: what is written as pages (a month for the firm's
management, the record of processing, the receipts that the firm hosts), and one receipt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gate.cli.asking import ask, asks, option, reach
from gate.cli.command import FILE_OR_DASH, FOLDER, make
from gate.cli.output import View, say
from gate.client.files import must_be_new, output_file
from gate.client.pages import HOST_IT, publish_into
from gate.client.papers import papers
from gate.clock import today
from gate.core.receipts import GROUNDS
from gate.core.rows.month import MonthReport
from gate.core.terms import Reason
from gate.errors import UsageError
from gate.exports.report import month_page, record_page
from gate.operations.receipts import ReceiptShow
from gate.operations.reports.article30 import ReportArticle30
from gate.operations.reports.month import ReportMonth


@make(
    "report",
    example="dialgate report --month 2026-11 -o november.html\n"
    "dialgate report --article-30 -o record.html\ndialgate report --month 2026-11 --json\n"
    "dialgate report --papers drafts",
)
@option(ReportMonth, "month", needed=False)
@click.option("--article-30", "record", is_flag=True, help="The record of processing (UK GDPR Art 30), as configured.")
@click.option(
    "--papers", "drafts", type=FOLDER, metavar="DIR",
    help="Drafts into DIR: impact assessment, legitimate interests, privacy notice, record of processing.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=FILE_OR_DASH, metavar="FILE", help="The HTML page to write; - for standard output."
)
def report(view: View, month: str | None, record: bool, drafts: Path | None, output: Path | None) -> None:
    """Write a report: one HTML page that needs no network and no script, for the screen and for paper.

    It holds counts, codes and dates, and names nobody but the firm's accounts and PBXs. With --json the figures are
    written instead. The drafts of --papers mark what a person must still fill in; no file that exists is replaced.
    """
    if drafts is not None and month is None and not record and output is None:
        _papers(view, drafts)
        return
    if drafts is not None:
        raise UsageError("drafts are made by themselves", hint="dialgate report --papers DIR")
    if (month is None) is not record:
        raise UsageError("a report is of a month, or the record of processing", hint="--month YYYY-MM or --article-30")
    if output is None and not view.json:
        raise UsageError("a page needs a file", hint="-o FILE.html, or --json for the figures alone")
    report = ask(view, ReportMonth(month=month)) if month else ask(view, ReportArticle30())
    if output is not None:
        page = month_page(report) if isinstance(report, MonthReport) else record_page(report)
        with output_file(output) as file:
            file.write(page.encode("utf-8", "replace"))
        if str(output) != "-":
            say(f"Wrote {output}.")
    if view.json and str(output) != "-":
        view.data(report)


def _papers(view: View, folder: Path) -> None:
    made = ask(view, ReportArticle30())
    texts = papers(view.config, made, today()) | {"record-of-processing.html": record_page(made)}
    folder.mkdir(parents=True, exist_ok=True)
    for name in texts:
        must_be_new(folder / name)
    for name, text in texts.items():
        with output_file(folder / name) as file:
            file.write(text.encode("utf-8", "replace"))
    view.data({"folder": str(folder), "files": list(texts)})
    say("These are drafts: each names what a person must still fill in.")


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


@make("receipt", example='dialgate receipt "4K7 X2Q 9RMR"\ndialgate receipt 4k7x2q9rmr --json')
@asks(ReceiptShow, "code")
def receipt(view: View, asked: ReceiptShow) -> None:
    """Show the receipt that a callee was told the code of: whether the call was screened, when, against which edition
    of which register, what was found, by whom it was made, how to object. The number that was called is not in it."""
    view.data(ask(view, asked), text=_lines, prose=True)


def _lines(receipt: dict[str, Any]) -> Iterator[str]:
    yield f"Receipt {receipt['code']}"
    said = receipt["said"]
    if said is None:
        yield "It is no longer kept: what the firm held of the call was erased."
        return
    by, object_to = said["made_by"], said["object"]
    hour = datetime.fromisoformat(said["hour"])
    yield f"Call: {said['call_id']}"
    yield f"Called by: {by['trading_name']} ({by['legal_name']}), showing {by['number']}"
    if by["on_behalf_of"]:
        yield f"On behalf of: {by['on_behalf_of']}"
    service = said["reason"] == Reason.SERVICE_CALL
    when = "Not screened; decided" if service else "Screened"
    yield f"{when}: {hour:%Y-%m-%d}, between {hour.hour}:00 and {hour.hour + 1}:00 (UK time)"
    for edition in said["registers"]:
        where = "Looked up in" if service else "Against"
        yield f"{where}: {edition['name'].upper()}, edition of {edition['as_of']} (SHA-256 {edition['sha256']})"
    for each in said["found"] or [GROUNDS.get(said["reason"], said["reason"])]:
        yield f"Found: {each}"
    yield "To object: " + "; ".join(each for each in object_to.values() if each).replace("\n", ", ")
    yield f"Code: {_how_told(receipt)}"
    proof = receipt["proof"]
    signed = f"in the signed log of {proof['checkpoint'].splitlines()[1]} leaves" if proof else "not signed yet"
    yield f"Leaf: {receipt['leaf_index']}, for the decision of leaf {said['decision']}; {signed}"


def _how_told(receipt: dict[str, Any]) -> str:
    if receipt["told_how"] is None:
        return "not told"
    return f"{receipt['told_how']}" if receipt["told"] else f"not {receipt['told_how']} to its end: {receipt['why']}"
