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
def house(tmp_path: Path) -> Iterator[DataFolder]:
    make_example(tmp_path / "gate")
    with opened(tmp_path / "gate") as folder:
        yield folder


def reason(house: DataFolder, number: str = SPELLED, **more: Any) -> str:
    return str(ByName(house).decide(number=number, actor=ANN, **more)["reason"])


def test_an_open_erasure_or_objection_request_stops_marketing(house: DataFolder) -> None:
    assert reason(house) == FREE
    reference = asked(house, "erasure")
    stopped = ByName(house).check(number=SPELLED, actor=ANN)
    assert stopped["reason"] == "request_pending" and reference in stopped["explanation"]
    assert reason(house) == "request_pending", "before anybody has proven who they are"
    words = {"how": "phone", "wording": "Yes", "who": "Pat", "evidence": "note 1"}
    ByName(house).consent_add(number=SPELLED, **words, actor=ANN)
    assert reason(house) == "request_pending", "no consent lifts it"
    assert reason(house, OTHER) == FREE
    assert reason(house, purpose="service") == "service_call"
    ByName(house).request_withdraw(request=reference, reason="they rang", actor=ANN)
    assert reason(house) == "consented"


def test_an_objection_request_stops_marketing_even_where_its_entry_is_taken_back(house: DataFolder) -> None:
    asked(house, "objection")
    assert reason(house) == "objected"
    ByName(house).objection_remove(target=SPELLED, reason="typed twice", actor=ANN)
    assert reason(house) == "request_pending"


def test_an_access_request_stops_nothing(house: DataFolder) -> None:
    asked(house, "access")
    assert reason(house) == FREE


def test_a_granted_restriction_stops_marketing_until_it_is_released(house: DataFolder) -> None:
    desk, reference = ByName(house), asked(house, "restriction")
    assert reason(house) == FREE
    desk.request_verify_identity(request=reference, checked="passport seen", actor=ANN)
    desk.request_decide(request=reference, grant=True, actor=ANN)
    assert reason(house) == "restricted"
    (hold,) = desk.hold_list(actor=ANN)["items"]
    with pytest.raises(RefusedError, match=f"the person who asked for {reference} is told before"):
        desk.hold_release(hold_id=hold["id"], reason="resolved", actor=ANN)
    with pytest.raises(UsageError, match="in the future"):
        desk.hold_release(hold_id=hold["id"], reason="resolved", told_on="2999-01-01", actor=ANN)
    assert reason(house) == "restricted"
    desk.hold_release(hold_id=hold["id"], reason="resolved", told_on=house.today().isoformat(), actor=ANN)
    assert reason(house) == FREE


def test_a_hold_stops_no_calls(house: DataFolder) -> None:
    ByName(house).hold_add(ground="claim", number=SPELLED, reason="a claim", reference="c1", actor=ANN)
    assert reason(house) == FREE


def test_the_contacts_follow(house: DataFolder, tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(f"id,phone\na,{SPELLED}\nb,{OTHER}\n", encoding="utf-8")
    ByName(house).contacts_import(file=open_file(file), reference="id", actor=ANN)

    def reasons() -> dict[str, str]:
        items = ByName(house).contacts_list(actor=ANN)["items"]
        return {row["reference"]: row["reason"] for row in items}

    reference = asked(house, "erasure")
    assert reasons() == {"a": "request_pending", "b": FREE}
    ByName(house).request_withdraw(request=reference, reason="they rang", actor=ANN)
    assert reasons() == {"a": FREE, "b": FREE}
    hold = ByName(house).hold_add(number=OTHER, restriction=True, reason="contested", reference="r", actor=ANN)
    assert reasons() == {"a": FREE, "b": "restricted"}
    ByName(house).hold_release(hold_id=hold["id"], reason="over", actor=ANN)
    assert reasons() == {"a": FREE, "b": FREE}
