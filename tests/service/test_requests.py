"""Data-subject requests over the desk, on a real data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.daemon.house import House
from gate.errors import RefusedError, UsageError
from tests.support.gatehouse import dialgate

ANN = "user:ann(1000)"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("requests") / "gate"
    dialgate("init", str(folder), "--example")
    with ExitStack() as stack:
        yield House(load(folder / "config.toml"), stack)


def opened(house: House, asks: str = "access", **more: Any) -> str:
    fields = {"channel": "email", "name": "Ann Example", "contact": "ann@example.org", "numbers": ["020 7946 0123"]}
    return str(house.desk.request_open(asks=asks, actor=ANN, **(fields | more))["reference"])


def test_smoke(house: House) -> None:
    ref = opened(house)
    print(house.desk.request_show(request=ref, actor=ANN))
    with pytest.raises(RefusedError) as e:
        house.desk.request_search(request=ref, actor=ANN)
    print(e.value, e.value.reason, e.value.hint)
    print(house.desk.request_verify_identity(request=ref, checked="passport seen", actor=ANN))
    print(house.desk.request_search(request=ref, actor=ANN))
    print(house.desk.request_decide(request=ref, grant=True, actor=ANN))
    print(house.desk.request_contents(request=ref, actor=ANN))
    print(house.desk.request_letter(request=ref, kind="response", actor=ANN)["text"])
    print(house.desk.request_list(actor=ANN))
    print(house.desk.request_told(request=ref, actor=ANN))
    print(house.desk.status(actor=ANN)["requests"])
    ref = opened(house, "erasure", channel="phone")
    house.desk.request_verify_identity(request=ref, checked="passport seen", actor=ANN)
    print(house.desk.request_search(request=ref, actor=ANN))
    print(house.desk.request_decide(request=ref, grant=True, actor=ANN))
    print(house.desk.request_carry_out(request=ref, actor=ANN))
    print(house.desk.request_carry_out(request=ref, execute=True, actor=ANN))
    print(house.desk.request_letter(request=ref, kind="confirmation", actor=ANN)["text"])
    print(house.desk.request_told(request=ref, actor=ANN))
    print(house.desk.request_show(request=ref, actor=ANN))
    assert house.verify_log()["ok"]
