"""The firm's hour in small: what is dialled ends as it should, and the talks are whole, on both ways."""

from __future__ import annotations

import pytest

from tests.bench import bench_hour
from tests.support import edge


@pytest.mark.deep
@pytest.mark.peer
def test_a_firms_hour_in_small_goes_well_on_both_ways() -> None:
    edge.required()
    ours, theirs, ratio = bench_hour.run(2, 5, 4)
    for row in (ours, theirs):
        assert row["note"].startswith("10 at 2 a second, 3 of 3 recordings whole"), row
        assert row["figure"] > 0
    assert ratio["figure"] > 0
