"""Requests and restrictions that stop marketing, on a real data folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.errors import RefusedError, UsageError
from gate.handed_over_file import open_file
from gate.operations.data_folder import DataFolder
from tests.support.asking import ByName
from tests.support.example import make_example
from tests.support.requesting import ANN, OTHER, SPELLED, asked, opened

FREE = "not_listed"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataFolder]:
    make_example(tmp_path / "gate")
    with opened(tmp_path / "gate") as folder:
        yield folder


def reason(data: DataFolder, number: str = SPELLED, **more: Any) -> str:
    return str(ByName(data).decide(number=number, actor=ANN, **more)["reason"])


def test_an_open_erasure_or_objection_request_stops_marketing(data: DataFolder) -> None:
    assert reason(data) == FREE
    reference = asked(data, "erasure")
    stopped = ByName(data).check(number=SPELLED, actor=ANN)
    assert stopped["reason"] == "request_pending" and reference in stopped["explanation"]
    assert reason(data) == "request_pending", "before anybody has proven who they are"
    words = {"how": "phone", "wording": "Yes", "who": "Pat", "evidence": "note 1"}
    ByName(data).consent_add(number=SPELLED, **words, actor=ANN)
    assert reason(data) == "request_pending", "no consent lifts it"
    assert reason(data, OTHER) == FREE
    assert reason(data, purpose="service") == "service_call"
    ByName(data).request_withdraw(request=reference, reason="they rang", actor=ANN)
    assert reason(data) == "consented"


def test_an_objection_request_stops_marketing_even_where_its_entry_is_taken_back(data: DataFolder) -> None:
    asked(data, "objection")
    assert reason(data) == "objected"
    ByName(data).objection_remove(target=SPELLED, reason="typed twice", actor=ANN)
    assert reason(data) == "request_pending"


def test_an_access_request_stops_nothing(data: DataFolder) -> None:
    asked(data, "access")
    assert reason(data) == FREE


def test_a_granted_restriction_stops_marketing_until_it_is_released(data: DataFolder) -> None:
    desk, reference = ByName(data), asked(data, "restriction")
    assert reason(data) == FREE
    desk.request_verify_identity(request=reference, checked="passport seen", actor=ANN)
    desk.request_decide(request=reference, grant=True, actor=ANN)
    assert reason(data) == "restricted"
    (hold,) = desk.hold_list(actor=ANN)["items"]
    with pytest.raises(RefusedError, match=f"the person who asked for {reference} is told before"):
        desk.hold_release(hold_id=hold["id"], reason="resolved", actor=ANN)
    with pytest.raises(UsageError, match="in the future"):
        desk.hold_release(hold_id=hold["id"], reason="resolved", told_on="2999-01-01", actor=ANN)
    assert reason(data) == "restricted"
    desk.hold_release(hold_id=hold["id"], reason="resolved", told_on=data.today().isoformat(), actor=ANN)
    assert reason(data) == FREE


def test_a_hold_stops_no_calls(data: DataFolder) -> None:
    ByName(data).hold_add(ground="claim", number=SPELLED, reason="a claim", reference="c1", actor=ANN)
    assert reason(data) == FREE


def test_the_contacts_follow(data: DataFolder, tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(f"id,phone\na,{SPELLED}\nb,{OTHER}\n", encoding="utf-8")
    ByName(data).contacts_import(file=open_file(file), reference="id", actor=ANN)

    def reasons() -> dict[str, str]:
        items = ByName(data).contacts_list(actor=ANN)["items"]
        return {row["reference"]: row["reason"] for row in items}

    reference = asked(data, "erasure")
    assert reasons() == {"a": "request_pending", "b": FREE}
    ByName(data).request_withdraw(request=reference, reason="they rang", actor=ANN)
    assert reasons() == {"a": FREE, "b": FREE}
    hold = ByName(data).hold_add(number=OTHER, restriction=True, reason="contested", reference="r", actor=ANN)
    assert reasons() == {"a": FREE, "b": "restricted"}
    ByName(data).hold_release(hold_id=hold["id"], reason="over", actor=ANN)
    assert reasons() == {"a": FREE, "b": FREE}
