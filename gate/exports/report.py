"""Reports as pages: one HTML file each, with its style and charts in it, no script, nothing fetched.

``month_page`` and ``record_page`` take what ``report_month`` and ``report_article30`` answer. Everything in them is
escaped; the page's policy lets a browser use its own style sheet and nothing else.

Small charts as SVG, drawn by hand: no script, no font, no colour of their own (the page's style sheet has those).

Each is wide as its frame and says in words what it shows (``<title>``); the figures themselves stand in a table below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec.structs import asdict

from gate.core.days import LONDON
from gate.core.rows.month import WENT_OUT, MonthReport
from gate.core.rules import MAX_AGE_DAYS
from gate.core.terms import date_text
from gate.exports.page import FOLDER, policy_hash, source

WIDTH: Final = 720
LEFT: Final = 44
"""Room for the figures of the axis."""
_TOP: Final = 8
_FOOT: Final = 20
_BAR: Final = 22
_LABEL: Final = 190

Series = Mapping[str, Sequence[float]]
"""Class of the style sheet -> a value for each day; in this order, from below or from the left."""


def columns(days: Sequence[str], series: Series, title: str, *, height: int = 160, stacked: bool = True) -> str:
    """Columns for each day (ISO dates): on top of each other where they add up, else side by side."""
    tops = [sum(each) if stacked else max(each) for each in zip(*series.values(), strict=True)]
    top = nice(max(tops, default=0))
    step = (WIDTH - LEFT) / max(len(days), 1)
    wide = step * 0.76 / (1 if stacked else len(series))
    parts = [_axis((0, top / 2, top), top, height)]
    for n, day in enumerate(days):
        base, x = 0.0, LEFT + (n + 0.12) * step
        for name, values in series.items():
            if values[n] > 0:
                y = _y(base + values[n], top, height)
                parts.append(_rect(name, x, y, wide, _y(base, top, height) - y))
            if stacked:
                base += values[n]
            else:
                x += wide
        parts.append(_day_label(day, LEFT + (n + 0.5) * step, n, len(days), height))
    return _svg(parts, title, height)


def steps(days: Sequence[str], values: Sequence[float | None], limit: float, title: str) -> str:
    """A value for each day as a stair, with the line that it must not cross; days above it are marked."""
    height, top = 120, 10.0 * math.ceil(max([limit * 1.1, *(value for value in values if value is not None)]) / 10)
    step = (WIDTH - LEFT) / max(len(days), 1)
    ticks = [tick for tick in (0, 10, 20, 50, 100, 200) if tick <= top and abs(tick - limit) > top / 12]
    parts, path, pen = [_axis(ticks, top, height)], "", "M"
    for n, (day, value) in enumerate(zip(days, values, strict=True)):
        x = LEFT + n * step
        parts.append(_day_label(day, x + step / 2, n, len(days), height))
        if value is None:
            pen = "M"
            continue
        y = _y(value, top, height)
        if value > limit:
            parts.append(_rect("over", x, y, step, _y(0, top, height) - y))
        path += f"{pen}{x:.1f} {y:.1f}H{x + step:.1f}"
        pen = "L"
    level = _y(limit, top, height)
    parts.append(f'<path class="limit" d="M{LEFT} {level:.1f}H{WIDTH}"/>')
    parts.append(f'<text class="limit-text" x="{LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{limit:g}</text>')
    parts.append(f'<path class="stair" d="{path}"/>')
    return _svg(parts, title, height)


def bars(rows: Sequence[tuple[str, float, str]], title: str) -> str:
    """Horizontal bars: label, value, class."""
    top = max((value for _, value, _ in rows), default=0) or 1
    parts = []
    for n, (name, value, kind) in enumerate(rows):
        y, wide = n * _BAR, max((WIDTH - _LABEL - 70) * value / top, 1.5)
        parts.append(f'<text class="label" x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
        parts.append(_rect(kind, _LABEL, y + 4, wide, 14))
        parts.append(f'<text class="value" x="{_LABEL + wide + 6:.1f}" y="{y + 15}">{value:,.0f}</text>')
    return _svg(parts, title, len(rows) * _BAR)


def nice(value: float) -> float:
    """The next round figure: 1, 2 or 5 with noughts, at least 1."""
    size = 1.0
    while True:
        for factor in (1, 2, 5):
            if value <= factor * size:
                return factor * size
        size *= 10


def _y(value: float, top: float, height: int) -> float:
    return _TOP + (height - _TOP - _FOOT) * (1 - value / top)


def _rect(kind: str, x: float, y: float, wide: float, tall: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'


def _axis(ticks: Sequence[float], top: float, height: int) -> str:
    found = ""
    for value in ticks:
        if value != int(value):
            continue  # no half calls
        y = _y(value, top, height)
        found += f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH}"/>'
        found += f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
    return found


def _day_label(day: str, x: float, n: int, count: int, height: int) -> str:
    """The day of the month, at the first, the last, and every fifth that stands apart from these."""
    number = date.fromisoformat(day).day
    if n not in (0, count - 1) and not (number % 5 == 0 and 1 < n < count - 2):
        return ""
    return f'<text class="axis" x="{x:.1f}" y="{height - 4}" text-anchor="middle">{number}</text>'


def _svg(parts: Sequence[str], title: str, height: int) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" preserveAspectRatio="xMidYMid meet">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


GROUNDS: Final = {"retention": "at the end of their term", "request": "on request", "other": "on other grounds"}


def month_page(report: MonthReport) -> str:
    """The page of a month."""
    days = [each.day for each in report.attempts.days]
    first = report.first
    drawn = {
        "attempts": columns(
            days,
            {name: [getattr(each, name) for each in report.attempts.days] for name in ("allow", "block")},
            "Attempts by day, allowed and refused",
        ),
        "reasons": bars(
            [
                (each.reason.replace("_", " "), each.attempts, "allow" if each.allows else "block")
                for each in report.attempts.reasons
            ],
            "Attempts by reason",
        ),
        "registers": {
            each.name: steps(
                days,
                [day.age for day in each.days],
                MAX_AGE_DAYS,
                f"Age of {each.name.upper()} by day, and the {MAX_AGE_DAYS} days that it supports calls",
            )
            for each in report.registers
        },
        "recordings": columns(
            days,
            {name: [getattr(each, name) for each in report.recordings.days] for name in ("made", "erased")},
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
        bad_days=sorted({day for each in report.registers for day in each.bad_days}),
        late=sum(each.late for each in report.requests),
        names=WENT_OUT,
        grounds=GROUNDS,
    )


def record_page(record: msgspec.Struct) -> str:
    """The page of the record of processing: of the response to ``report_article30``."""
    return _render("record.html", record)


def _render(template: str, values: msgspec.Struct, **more: Any) -> str:
    style = source("report/report.css")
    return (
        _environment()
        .get_template(template)
        .render(**asdict(values), **more, style=style, style_hash=policy_hash(style))
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"day": _day, "short": _short, "spans": _spans, "time": _time}
    environment.filters |= {"share": _share, "figure": _figure, "bytes": _bytes}
    return environment


def _day(day: str | date) -> str:
    return date_text(day if isinstance(day, date) else date.fromisoformat(day))


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
