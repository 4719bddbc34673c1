"""The daily sweep and the look at requests, beside the calls: whatever goes wrong is told, and tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gate.daemon import requests, sweeping
from gate.errors import RefusedError, StoreError
from gate.service.metrics import Metrics


class Doing:
    """Something that fails, or does not."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def do(self) -> dict[str, int]:
        if self._error:
            raise self._error
        return {"open": 3, "overdue": 1}


def house(error: Exception | None) -> Any:
    return SimpleNamespace(retention=SimpleNamespace(daily=Doing(error).do))


@pytest.mark.parametrize("error", [StoreError("the disk is full"), KeyError("terms")])
def test_a_sweep_that_fails_is_tried_again(error: Exception) -> None:
    metrics = Metrics()
    assert sweeping._sweep(house(error), metrics) is False
    assert metrics.registry.get_sample_value("dialgate_retention_waits") == 0
    assert sweeping._sweep(house(None), metrics) is True


def test_a_sweep_that_waits_is_seen_until_it_is_done() -> None:
    metrics, seen = Metrics(), []
    for error in (RefusedError("is the clock right?", reason="retention_waits"), StoreError("no room"), None):
        sweeping._sweep(house(error), metrics)
        seen.append(metrics.registry.get_sample_value("dialgate_retention_waits"))
    assert seen == [1, 1, 0]


@pytest.mark.parametrize("error", [StoreError("the disk is full"), KeyError("body")])
def test_a_look_at_requests_that_fails_ends_nothing(error: Exception) -> None:
    metrics = Metrics()
    for each in (error, None):
        watch: Any = SimpleNamespace(look=Doing(each).do)
        requests._look(watch, metrics)
    assert metrics.registry.get_sample_value("dialgate_requests_open") == 3
    assert metrics.registry.get_sample_value("dialgate_requests_overdue") == 1
