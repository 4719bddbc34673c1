"""The queue model says what was measured, and the manual's page what the model says."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("simpy", reason="make READY, or pip install simpy: the benchmarks' own")

from tests.bench.queue_model import Fleet, Load, simulate, table, writers
from tests.test_manual import rows

WRITERS = {1: 492, 4: 2540}
"""Commits a second of so many writers, with a synchronous standby, as the page names them."""


def _share(cell: str) -> float:
    failed, offered = re.findall(r"[\d,]+", cell)[:2]
    return int(failed.replace(",", "")) / int(offered.replace(",", ""))


@pytest.mark.parametrize(("heading", "refusals"), [("refusals a second", True), ("calls a second, ann", False)])
def test_one_gate_carries_what_was_measured(heading: str, refusals: bool) -> None:
    for rate, failed, *_ in rows("measuring", heading):
        offered = float(rate.split()[0].replace(",", ""))
        model = simulate(Fleet(), Load(offered, refusals=refusals, random=False))
        assert model.lost == pytest.approx(_share(failed), abs=0.05), (rate, failed)


@pytest.mark.parametrize("count", WRITERS)
def test_commits_to_postgresql_are_those_that_were_measured(count: int) -> None:
    assert writers(count) == pytest.approx(WRITERS[count], rel=0.2)


@pytest.mark.deep
def test_the_page_shows_what_the_model_says() -> None:
    assert rows("growing", "at the peak") == table()
