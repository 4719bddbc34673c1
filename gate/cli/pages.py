"""``dialgate report``, ``dialgate receipts`` and ``dialgate receipt``: what is written as pages (a month for the firm's
management, the record of processing, the receipts that the firm hosts), and one receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

import click
from msgspec.structs import asdict

from gate.cli.asking import ask, asks, option, reach
from gate.cli.command import FILE_OR_DASH, FOLDER, make
from gate.cli.output import View, narrate
from gate.client.files import must_be_new, output_file
from gate.client.packs import notice_of
from gate.client.pages import HOST_IT, publish_into
from gate.clock import today
from gate.config import Config
from gate.core.days import spoken_day
from gate.core.evidence import leaf_name
from gate.core.pack_words import RIGHTS
from gate.core.receipts import GROUNDS
from gate.core.rows.month import MonthReport
from gate.core.terms import Reason, opt_in
from gate.errors import UsageError
from gate.exports.report import month_page, record_page
from gate.operations.receipts import ReceiptShow, ReceiptShown
from gate.operations.reports.article30 import UNSAID, ProcessingRecord, ReportArticle30
from gate.operations.reports.month import ReportMonth
from gate.showing import many


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
            narrate(f"Wrote {output}.")
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
    narrate("These are drafts: each names what a person must still fill in.")


@click.group("receipts")
def receipts() -> None:
    """Callees look up the code of their receipt on a page that the firm hosts.

    `dialgate receipt CODE` shows one here.
    """


@make("publish", group=receipts, example="dialgate receipts publish /srv/www/receipts")
@click.argument("folder", metavar="DIR", type=FOLDER)
def publish(view: View, folder: Path) -> None:
    """Write the page of receipts into DIR: index.html, and a sealed file for each receipt.

    The page holds no telephone number that was called, and nobody can read a receipt without its code. Publish again
    each day: the command first removes receipts that are no longer kept. Every file is replaced as a whole, so the
    page works even if the command is interrupted.
    """
    with reach(view.config) as gate:
        view.data(publish_into(gate, view.config.firm.trading_name, folder))
    if not view.json:
        narrate(HOST_IT)


@make("receipt", example='dialgate receipt "4K7 X2Q 9RMR"\ndialgate receipt 4k7x2q9rmr --json')
@asks(ReceiptShow, "code")
def receipt(view: View, asked: ReceiptShow) -> None:
    """Show a callee's receipt by its code: whether the call was screened, when, against which edition of which
    register, with which result, who made it, and how to object. The number that was called is not in it.

    `dialgate receipts publish DIR` writes the page on which callees look up theirs.
    """
    view.data(ask(view, asked), text=_lines, prose=True)


def _lines(receipt: ReceiptShown) -> Iterator[str]:
    yield f"Receipt {receipt.code}"
    content = receipt.said
    if content is None:
        yield "It is no longer kept: what the firm held of the call was erased."
        return
    by, hour = content.made_by, datetime.fromisoformat(content.hour)
    yield f"Call: {content.call_id}"
    yield f"Called by: {by.trading_name} ({by.legal_name}), showing {by.number}"
    if by.on_behalf_of:
        yield f"On behalf of: {by.on_behalf_of}"
    service = content.reason == Reason.SERVICE_CALL
    when = "Not screened; decided" if service else "Screened"
    yield f"{when}: {hour:%Y-%m-%d}, between {hour.hour}:00 and {hour.hour + 1}:00 (UK time)"
    for edition in content.registers:
        where = "Looked up in" if service else "Against"
        yield f"{where}: {edition.name.upper()}, edition of {edition.as_of} (SHA-256 {edition.sha256})"
    for each in content.found or [GROUNDS.get(content.reason, content.reason)]:
        yield f"Found: {each}"
    yield "To object: " + "; ".join(each for each in asdict(content.object).values() if each).replace("\n", ", ")
    yield f"Code: {_outcome(receipt)}"
    proof = receipt.proof
    signed = (
        f"in the signed log of {many(int(proof.checkpoint.splitlines()[1]), 'leaf')}" if proof else "not signed yet"
    )
    yield f"Leaf: {leaf_name(receipt.leaf_index)}, for the decision of leaf {content.decision}; {signed}"


def _outcome(receipt: ReceiptShown) -> str:
    """How the callee was given the code, or why not."""
    if receipt.told_how is None:
        return "not told"
    return receipt.told_how if receipt.told else f"not {receipt.told_how} to its end: {receipt.why}"


# --- papers that a firm owes ------------------------------------------------------------------------------------------
# Impact assessment (UK GDPR Art 35), assessment of legitimate interests (Art 6(1)(f)), privacy notice (Art 13 and 14),
# as Markdown. The configuration and the record of processing (Art 30) fill in what they know; what only a person can
# know is marked ``[TO FILL IN: …]`` where it belongs, and listed at the end. No draft judges whether a risk is
# acceptable or one interest outweighs another: whoever signs does.

_MARK: Final = "[TO FILL IN: {}]"


class _Paper:
    def __init__(self, title: str, law: str, config: Config, day: date) -> None:
        self._lines = [f"# {title}", "", f"DRAFT of {spoken_day(day)} for {config.firm.legal_name} ({law}).", ""]
        self._lines += [
            "Dialgate wrote it from its configuration. It is no legal advice, and nobody approved it.",
            "",
        ]
        self._left: list[str] = []

    def part(self, title: str, *paragraphs: str) -> None:
        self._lines += [f"## {title}", ""]
        for each in paragraphs:
            self._lines += [each, ""]

    def each(self, items: Iterable[str]) -> None:
        self._lines += [*(f"- {each}" for each in items), ""]

    def table(self, values: Mapping[str, str]) -> None:
        """Names and texts of the record; what it does not know is left to a person."""
        for name, text in values.items():
            if text == UNSAID:
                self.fill(name)
            else:
                self._lines += [f"- {name}: {text}"]
        self._lines.append("")

    def fill(self, what: str) -> None:
        self._left.append(what)
        self._lines += [_MARK.format(what), ""]

    def text(self) -> str:
        self.part("What a person must still do")
        self.each([*self._left, "Read all of it, correct it, and sign and date it"])
        return "\n".join(self._lines).rstrip() + "\n"


def papers(config: Config, record: ProcessingRecord, day: date) -> dict[str, str]:
    """File name -> text of each draft."""
    made: dict[str, Callable[[Config, ProcessingRecord, date], _Paper]] = {
        "impact-assessment.md": _impact,
        "legitimate-interests.md": _interests,
        "privacy-notice.md": _notice,
    }
    return {name: make(config, record, day).text() for name, make in made.items()}


def _risks(config: Config) -> Iterable[tuple[str, str]]:
    """Each risk to people, with what the gate does about it as it is configured."""
    yield "We call somebody who may not be called", "Screening before each call; it refuses whatever it cannot check"
    yield "We keep data for too long", "Terms by kind, a daily sweep, and a receipt in the log"
    second = "a second place for objections" if config.storage.memory else "no second place (storage.memory)"
    yield "We change or lose evidence", f"An append-only log with signed checkpoints; {second}"
    yield "The gate decides wrongly about a number", "Fixed rules, no profile, and a reason with each decision"
    if config.recording.enabled:
        yield "Somebody listens to a recording who may not", "Sealed while it arrives; private keys lie off the gate"
        yield "The callee does not know of the recording", "An announcement before anything is recorded"


def _impact(config: Config, record: ProcessingRecord, day: date) -> _Paper:
    paper = _Paper("Data protection impact assessment", "UK GDPR Article 35", config, day)
    paper.part("Who is responsible")
    paper.table({name: record.controller[name] for name in ("Controller", "Address", "Data protection officer")})
    paper.part("What we do, with whose data")
    paper.each(f"{each.name}: {each.purpose}. Whose: {each.subjects}. What: {each.data}." for each in record.activities)
    paper.part("Who receives it, and where it lies")
    paper.table({**record.recipients, **record.transfers})
    paper.part("How long we keep it")
    paper.table(record.terms)
    paper.part("Why it is necessary and proportionate")
    paper.fill("Why each purpose needs these data, and no less would do")
    paper.fill("How many people you call in a year, and whether children or vulnerable people are among them")
    paper.part("Risks to people, and what the gate does about each")
    for risk, measure in _risks(config):
        paper.each([f"{risk}. Measure: {measure}."])
        paper.fill(f"How likely and how severe this is with the measure, and who accepts it: {risk.lower()}")
    paper.part("Security")
    paper.table(record.security)
    paper.part("Who was asked")
    paper.fill("What your data protection officer and people whom you call say (Article 35(2) and (9))")
    paper.fill("Whether a high risk is left, so that the authority has to be consulted first (Article 36)")
    return paper


def _interests(config: Config, record: ProcessingRecord, day: date) -> _Paper:
    paper = _Paper("Assessment of legitimate interests", "UK GDPR Article 6(1)(f)", config, day)
    purposes = ["Direct marketing calls to people who have neither registered with TPS or CTPS nor objected"]
    purposes += ["Evidence of screening: to show that we keep to the regulations, and to defend claims"]
    if config.recording.enabled:
        purposes.append(f"Recording of calls: {config.recording.purpose}")
    for purpose in purposes:
        paper.part(purpose)
        paper.fill(f"Purpose: which interest of yours this is, and whether it is lawful and real ({purpose})")
        paper.fill(f"Necessity: why no milder way would do ({purpose})")
        paper.fill(f"Balance: what people expect, which harm it may do, and why your interest prevails ({purpose})")
    recordings = [f"We erase a recording {config.retention.months} months after the call."] * config.recording.enabled
    paper.part("What already speaks for the person")
    paper.each(RIGHTS[:-1])
    paper.each(
        [
            "An objection holds from the next call, whatever the reason.",
            *recordings,
            f"Calls about {opt_in('and')} need consent, and do not rest on this assessment.",
        ]
    )
    paper.part("Outcome")
    paper.fill("Whether you may rely on legitimate interests for each purpose, until when, and who decided")
    return paper


def _notice(config: Config, record: ProcessingRecord, day: date) -> _Paper:
    paper, notice = _Paper("Privacy notice", "UK GDPR Articles 13 and 14", config, day), notice_of(config)
    authority = config.authority.on(day)
    paper.part("Who we are")
    named = ("Controller", "Trading name", "Address", "Telephone", "Email", "Data protection officer")
    paper.table({name: record.controller[name] for name in named})
    for title, texts in (
        ("Why we use your data, and on what basis", notice.purposes),
        ("Which data we use", notice.categories),
        ("Where we have it from", notice.source),
        ("Who receives it", notice.recipients),
        ("How long we keep it", notice.retention),
        ("Decisions by machine", notice.automated),
        ("Your rights", RIGHTS),
    ):
        paper.part(title)
        paper.each(texts)
    if not config.privacy.legal_bases:
        paper.fill("The legal basis of each of your purposes, where it is another one than above (privacy.legal_bases)")
    paper.part(
        "How to complain",
        "Please tell us first. We confirm within 30 days that we have your complaint, and tell you the result.",
        f"You can also complain to the {authority.name} at any time: {authority.address.replace(chr(10), ', ')}; "
        f"{authority.phone}; {authority.web}",
    )
    paper.fill("Where you publish your complaints procedure and its form: dialgate complaint page (DPA 2018 s.164A)")
    paper.fill("What else you do with personal data outside of the gate: website, customers, staff")
    return paper
