"""How a capacity is looked for, how growth is told, and the peer that asks by evapi: without a gate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench import bench_capacity
from tests.bench.bench_capacity import LOADS, MOST_POINTS, Point, capacity
from tests.bench.bench_soak import growth
from tests.bench.evapi_screen import taken, told
from tests.bench.kamailio_peer import PACKAGE, How, has_modules, kamailio
from tests.support.running_gate import LISTED, UNLISTED
from tests.support.sip_peer import Phone


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


def test_questions_are_taken_from_where_they_were_cut() -> None:
    buffer = bytearray()
    found = []
    for byte in b"5:1:2:3,11:7:8:0207946,":
        buffer.append(byte)
        found += taken(buffer)
    assert (found, bytes(buffer)) == ([b"1:2:3", b"7:8:0207946"], b"")
    with pytest.raises(ValueError, match="no netstring"):
        taken(bytearray(b"3:1:2:3,"))


@pytest.mark.parametrize(
    ("number", "verdict"), [("02079460101", b"block"), ("020 7946 0102", b"allow"), ("x", b"block")]
)
def test_a_question_is_answered_for_its_transaction(number: str, verdict: bytes) -> None:
    answer = told(b"7:8:" + number.encode(), {"+442079460101"}.__contains__)
    assert answer == b"9:7:8:" + verdict + b","


def test_the_peer_that_asks_by_evapi_refuses_what_is_listed_alone(tmp_path: Path) -> None:
    if not has_modules():
        assert not os.environ.get("CI"), f"{PACKAGE} must be installed"
        pytest.skip(f"{PACKAGE} not installed")
    with kamailio(tmp_path / "kamailio", How.EVAPI) as (_, at), Phone(at) as phone:
        for number, code in ((LISTED, 603), (UNLISTED, 500)):
            phone.dial(number)
            assert phone.recv().code == 100
            phone.ack(answer := phone.recv())
            assert answer.code == code
