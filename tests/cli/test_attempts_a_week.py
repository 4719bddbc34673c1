"""How often one number may be tried in a week, through the command line with the clock moved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.evidence import decision
from tests.support.moved import Moved
from tests.support.requesting import opened

NUMBER = "+442079460123"


def test_a_number_is_tried_so_often_in_seven_days_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    firm = Moved(tmp_path / "gate", monkeypatch)
    amend(firm.config, {"calling": {"attempts_a_week": 2, "attempts_a_day": 6}})
    firm.on("2027-01-05")
    with opened(firm.folder) as data:
        for day in (5, 7):
            at = datetime(2027, 1, day, 10, tzinfo=UTC)
            body = decision(f"call-{day}", NUMBER, at=at, reason="service_call", purpose="service")
            data.store.call(lambda tx, body=body: tx.append(body))
    firm.on("2027-01-09")
    refused = firm("check", NUMBER, "--purpose", "service", "--json", code=3).json
    assert refused["reason"] == "too_many_attempts" and "2 times in a week" in refused["explanation"]
    firm.on("2027-01-12")
    assert firm("check", NUMBER, "--purpose", "service", "--json").json["reason"] == "service_call"
