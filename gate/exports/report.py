"""Reports as pages: one HTML file each, with its style and charts in it, no script, nothing fetched.

``month_page`` and ``record_page`` take what ``report_month`` and ``report_article30`` answer. Everything in them is
escaped; the page's policy lets a browser use its own style sheet and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gate.core.facts.audit import BundleSigned
from gate.core.facts.keys import KeysGivenOut
from gate.core.facts.lists import ListExported
from gate.core.facts.recordings import Exported
from gate.core.facts.requests import LetterSent, PackMade
from gate.core.rules import MAX_AGE_DAYS
from gate.core.showing import LONDON
from gate.core.wording import date_text
from gate.exports import report_charts as charts
from gate.exports.page import FOLDER, policy_hash, source

EXPORTS: Final = {
    Exported.kind: "recordings taken to be opened",
    ListExported.kind: "own lists exported",
    BundleSigned.kind: "bundles for auditors",
    PackMade.kind: "packs for persons who asked",
    KeysGivenOut.kind: "keys given out with a bundle",
    LetterSent.kind: "letters sent",
}
"""Kinds of fact that say that something left the gate, and what each is called."""
GROUNDS: Final = {"retention": "at the end of their term", "request": "on request", "other": "on other grounds"}


def month_page(report: Mapping[str, Any]) -> str:
    """The page of a month."""
    days = [each["day"] for each in report["attempts"]["days"]]
    first = date.fromisoformat(report["first"])
    drawn = {
        "attempts": charts.columns(
            days,
            {name: [each[name] for each in report["attempts"]["days"]] for name in ("allow", "block")},
            "Attempts by day, allowed and refused",
        ),
        "reasons": charts.bars(
            [
                (each["reason"].replace("_", " "), each["attempts"], "allow" if each["allows"] else "block")
                for each in report["attempts"]["reasons"]
            ],
            "Attempts by reason",
        ),
        "registers": {
            each["name"]: charts.steps(
                days,
                [day["age"] for day in each["days"]],
                MAX_AGE_DAYS,
                f"Age of {each['name'].upper()} by day, and the {MAX_AGE_DAYS} days that it supports calls",
            )
            for each in report["registers"]
        },
        "recordings": charts.columns(
            days,
            {name: [each[name] for each in report["recordings"]["days"]] for name in ("made", "erased")},
            "Recordings by day, made and erased",
            height=120,
            stacked=False,
        ),
    }
    return _render(
        "month.html",
        report,
        name=f"{first:%B %Y}",
        charts=drawn,
        bad_days=sorted({day for each in report["registers"] for day in each["bad_days"]}),
        late=sum(each["late"] for each in report["requests"]),
        names=EXPORTS,
        grounds=GROUNDS,
    )


def record_page(record: Mapping[str, Any]) -> str:
    """The page of the record of processing."""
    return _render("record.html", record)


def _render(template: str, values: Mapping[str, Any], **more: Any) -> str:
    style = source("report/report.css")
    return _environment().get_template(template).render(**values, **more, style=style, style_hash=policy_hash(style))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"day": _day, "short": _short, "spans": _spans, "time": _time}
    environment.filters |= {"share": _share, "figure": _figure, "bytes": _bytes}
    return environment


def _day(text: str) -> str:
    return date_text(date.fromisoformat(text))


def _short(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b %Y}"


def _spans(texts: Sequence[str]) -> str:
    """Days in their order, those in a row as one: ``27 to 30 October 2026``."""
    days = [date.fromisoformat(text) for text in texts]
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(date_text(run[0]) if len(run) == 1 else f"{run[0].day} to {date_text(run[-1])}" for run in runs)


def _time(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(LONDON)
    return f"{date_text(at.date())}, {at:%H:%M}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "–"


def _figure(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
