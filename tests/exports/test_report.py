"""Reports as pages: against their golden files, whole in themselves, and escaped."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gate.converting import convert
from gate.core.rows.month import MonthReport
from gate.exports import report as charts
from gate.exports.report import month_page, record_page
from gate.operations.reports.article30 import ProcessingRecord
from tests.support.month import Month, filled

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "report"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    made = filled(tmp_path_factory.mktemp("month"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(month: Month) -> dict[str, str]:
    return {"month": month_page(month.made()), "record": record_page(month.recorded())}


def parsed(svg: str) -> ET.Element:
    """The elements of a chart that this program has drawn itself."""
    return ET.fromstring(svg)  # noqa: S314


@pytest.mark.parametrize("name", ["month", "record"])
def test_each_page_is_as_it_was_approved(name: str, pages: dict[str, str]) -> None:
    """``GOLDEN=write`` writes the files anew: open them in a browser before they are kept."""
    path = GOLDEN / f"{name}.html"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[name], encoding="utf-8")
    assert pages[name] == path.read_text(encoding="utf-8"), path


class Seen(HTMLParser):
    """Elements, and what they would fetch or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "rect", "path"):
            self.open.append(tag)
        self.fetched += [name for name, _ in attrs if name in ("src", "href", "style") or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("rect", "path"):
            return
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["month", "record"])
def test_a_page_fetches_and_runs_nothing_and_its_policy_says_so(name: str, pages: dict[str, str]) -> None:
    seen = Seen(pages[name])
    assert seen.open == []
    assert seen.fetched == []
    assert not seen.tags & {"script", "img", "link", "iframe", "object", "form"}
    style = re.search(r"<style>(.*?)</style>", pages[name], re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in pages[name]
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_page_says_what_the_figures_say(pages: dict[str, str], month: Month) -> None:
    report = month.report()
    text = re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", pages["month"], flags=re.DOTALL))
    assert f"{report['attempts']['total']} attempts to call" in text
    assert "Too old or missing on 4 days : 27 to 30 October 2026." in text
    assert "Fresh enough on every day , 7 days old at most. 5 imports." in text
    assert "DSR-2026-0002 access 25 Sep 2026 open 36 25 Oct 2026 no" in text
    assert text.count("TPS") >= 2


def test_every_chart_is_well_formed_and_names_itself(pages: dict[str, str]) -> None:
    drawn = re.findall(r"<svg.*?</svg>", pages["month"], re.DOTALL)
    assert len(drawn) == 5
    for svg in drawn:
        root = parsed(svg)
        assert root.find("title").text
        for rect in root.iter("rect"):
            assert float(rect.get("width")) > 0
            assert float(rect.get("height")) > 0
            assert 0 <= float(rect.get("x")) <= charts.WIDTH
            assert float(rect.get("x")) + float(rect.get("width")) <= charts.WIDTH + 0.2


def test_what_comes_from_outside_is_escaped(month: Month) -> None:
    report = month.report()
    wild = '<img src=x onerror="alert(1)">&'
    report["firm"] = wild
    report["requests"][0]["reference"] = wild
    report["attempts"]["reasons"][0]["reason"] = wild
    report["registers"][0]["name"] = wild
    page = month_page(convert(report, MonthReport))
    assert "<img" not in page
    assert Seen(page).fetched == []
    record = month.record()
    record["controller"]["Controller"] = record["firm"] = wild
    assert "<img" not in record_page(convert(record, ProcessingRecord))


def test_a_month_in_which_nothing_happened(month: Month) -> None:
    report = month.report("2026-08")
    page = month_page(convert(report, MonthReport))
    assert "There was no attempt." in page
    assert "The log begins on 24 September 2026, 09:00." in page
    assert "Nothing is known of it in this time." in page
    assert Seen(page).open == []


# --- charts


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.1, 2), (3, 5), (6, 10), (10, 10), (11, 20), (99, 100), (2001, 5000)]
)
def test_axes_end_at_round_figures(value: float, top: float) -> None:
    assert charts.nice(value) == top


def rects(svg: str, kind: str) -> list[dict[str, float]]:
    return [
        {name: float(each.get(name, "0")) for name in ("x", "y", "width", "height")}
        for each in parsed(svg).iter("rect")
        if each.get("class") == kind
    ]


def test_columns_stand_on_each_other_where_they_add_up_and_beside_each_other_where_not() -> None:
    days, series = ["2026-10-01", "2026-10-02"], {"allow": [3, 0], "block": [1, 4]}
    stacked = charts.columns(days, series, "x")
    (allow,), blocks = rects(stacked, "allow"), rects(stacked, "block")
    assert allow["y"] == pytest.approx(blocks[0]["y"] + blocks[0]["height"], abs=0.2)
    assert allow["height"] == pytest.approx(3 * blocks[0]["height"], abs=0.3)
    assert allow["x"] == blocks[0]["x"]
    beside = charts.columns(days, series, "x", stacked=False)
    (allow,), blocks = rects(beside, "allow"), rects(beside, "block")
    assert blocks[0]["x"] == pytest.approx(allow["x"] + allow["width"], abs=0.2)
    assert allow["y"] + allow["height"] == pytest.approx(blocks[0]["y"] + blocks[0]["height"], abs=0.2)


def test_a_stair_marks_the_days_over_its_limit_and_leaves_out_what_is_not_known() -> None:
    svg = charts.steps([f"2026-10-{day:02}" for day in range(1, 6)], [None, 26, 27, 28, None], 27, "age")
    assert len(rects(svg, "over")) == 1
    stair: Any = next(each for each in parsed(svg).iter("path") if each.get("class") == "stair")
    assert stair.get("d").count("M") == 1
    assert stair.get("d").count("H") == 3
