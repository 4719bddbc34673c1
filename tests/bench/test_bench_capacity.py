"""How a capacity is looked for, and how growth is told: without a gate."""

from __future__ import annotations

import pytest

from tests.bench import bench_capacity
from tests.bench.bench_capacity import LOADS, MOST_POINTS, Point, capacity
from tests.bench.bench_soak import growth


@pytest.mark.parametrize("real", [40, 75, 100, 399])
def test_a_capacity_is_found_within_few_points(real: float) -> None:
    tried: list[float] = []

    def well(load: float) -> bool:
        tried.append(load)
        return load <= real

    found = capacity(well, 100)
    assert len(tried) <= MOST_POINTS
    assert found <= real <= found * 1.1
    assert found in tried


def test_what_never_goes_well_has_no_capacity() -> None:
    assert capacity(lambda _: False, 100) == 0
    assert capacity(lambda _: True, 100, most=3) == 400


def test_a_point_goes_well_when_nothing_failed_and_99_of_100_came_in_time() -> None:
    assert Point(200, 0, 0, [1.0] * 198 + [600.0] * 2, 1.0, 1.0).well(500)
    assert not Point(200, 0, 0, [1.0] * 197 + [600.0] * 3, 1.0, 1.0).well(500)
    assert not Point(100, 1, 0, [1.0] * 99, 1.0, 1.0).well(500)
    assert not Point(100, 0, 0, [], 1.0, 1.0).well(500)


def test_growth_is_told_from_when_it_is_warm() -> None:
    assert growth([*range(30), *[100.0] * 70, *[105.0] * 20]) == (100.0, 105.0)
    assert growth([7.0]) == (7.0, 7.0)


def test_only_the_loads_that_are_named_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_capacity, "measured", lambda load, *_: [{"what": load.name}])
    assert bench_capacity.run(names=["refusals"]) == [{"what": "refusals"}]
    assert len(bench_capacity.run()) == len(LOADS)
    with pytest.raises(AssertionError, match="no such load among audio; there are calls"):
        bench_capacity.run(names=["audio"])
