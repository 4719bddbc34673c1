"""Drafts of the papers that a firm owes: impact assessment (UK GDPR Art 35), assessment of legitimate interests (Art
6(1)(f)), privacy notice (Art 13 and 14), each as Markdown.

What the configuration and the record of processing (Art 30) know is written; what only a person can know is marked
``[TO FILL IN: …]`` where it belongs, and listed at the end. No draft judges: whether a risk is acceptable, or one
interest outweighs another, is left to whoever signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

from gate.client.packs import notice_of
from gate.config import Config
from gate.core.days import spoken_day
from gate.core.pack_words import RIGHTS
from gate.core.terms import opt_in
from gate.operations.reports.article30 import UNSAID, ProcessingRecord

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
