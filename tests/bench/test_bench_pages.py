"""The measurement of pages at a small size: every page and filter answers, from a gate that runs."""

from __future__ import annotations

from tests.bench.bench_pages import TYPED, run


def test_every_page_and_filter_answers() -> None:
    rows = {row["name"]: row["value"] for row in run(2000, pages=45)}
    assert {f"filter: {what}" for what in TYPED} <= rows.keys()
    assert all(value > 0 for value in rows.values())
