"""Requests and restrictions that stop marketing, on a real data folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.errors import RefusedError, UsageError
from gate.operations.calls.screening import Check
from gate.operations.calls.screening import Decide as ScreeningDecide
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsList
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd
from gate.operations.lists.objections import ObjectionRemove
from gate.operations.requests.course import Decide, VerifyIdentity, Withdraw
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from tests.support.asking import ask
from tests.support.example import make_example
from tests.support.requesting import ANN, OTHER, SPELLED, asked, opened

FREE = "not_listed"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataFolder]:
    make_example(tmp_path / "gate")
    with opened(tmp_path / "gate") as folder:
        yield folder


def reason(data: DataFolder, number: str = SPELLED, **more: Any) -> str:
    return str(ask(data, ScreeningDecide(number=number, **more), ANN).reason)


def test_an_open_erasure_or_objection_request_stops_marketing(data: DataFolder) -> None:
    assert reason(data) == FREE
    reference = asked(data, Asks.ERASURE)
    stopped = ask(data, Check(number=SPELLED), ANN)
    assert stopped.reason == "request_pending" and reference in stopped.explanation
    assert reason(data) == "request_pending", "before anybody has proven who they are"
    words: dict[str, Any] = {"how": "phone", "wording": "Yes", "who": "Pat", "evidence": "note 1"}
    ask(data, ConsentAdd(number=SPELLED, **words), ANN)
    assert reason(data) == "request_pending", "no consent lifts it"
    assert reason(data, OTHER) == FREE
    assert reason(data, purpose="service") == "service_call"
    ask(data, Withdraw(request=reference, reason="they rang"), ANN)
    assert reason(data) == "consented"


def test_an_objection_request_stops_marketing_even_where_its_entry_is_taken_back(data: DataFolder) -> None:
    asked(data, Asks.OBJECTION)
    assert reason(data) == "objected"
    ask(data, ObjectionRemove(target=SPELLED, reason="typed twice"), ANN)
    assert reason(data) == "request_pending"


def test_an_access_request_stops_nothing(data: DataFolder) -> None:
    asked(data, Asks.ACCESS)
    assert reason(data) == FREE


def test_a_granted_restriction_stops_marketing_until_it_is_released(data: DataFolder) -> None:
    reference = asked(data, Asks.RESTRICTION)
    assert reason(data) == FREE
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    ask(data, Decide(request=reference, grant=True), ANN)
    assert reason(data) == "restricted"
    (hold,) = ask(data, HoldList(), ANN).items
    with pytest.raises(RefusedError, match=f"the person who asked for {reference} is told before"):
        ask(data, HoldRelease(hold_id=hold.id, reason="resolved"), ANN)
    with pytest.raises(UsageError, match="in the future"):
        ask(data, HoldRelease(hold_id=hold.id, reason="resolved", told_on=date(2999, 1, 1)), ANN)
    assert reason(data) == "restricted"
    ask(data, HoldRelease(hold_id=hold.id, reason="resolved", told_on=data.today()), ANN)
    assert reason(data) == FREE


def test_a_hold_stops_no_calls(data: DataFolder) -> None:
    ask(data, HoldAdd(ground=HoldGround.CLAIM, number=SPELLED, reason="a claim", reference="c1"), ANN)
    assert reason(data) == FREE


def test_the_contacts_follow(data: DataFolder, tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(f"id,phone\na,{SPELLED}\nb,{OTHER}\n", encoding="utf-8")
    ask(data, ContactsImport(path=str(file), reference="id"), ANN)

    def reasons() -> dict[str, str]:
        items = ask(data, ContactsList(), ANN).items
        return {row.reference: row.reason for row in items}

    reference = asked(data, Asks.ERASURE)
    assert reasons() == {"a": "request_pending", "b": FREE}
    ask(data, Withdraw(request=reference, reason="they rang"), ANN)
    assert reasons() == {"a": FREE, "b": FREE}
    hold = ask(data, HoldAdd(number=OTHER, restriction=True, reason="contested", reference="r"), ANN)
    assert reasons() == {"a": FREE, "b": "restricted"}
    ask(data, HoldRelease(hold_id=hold.id, reason="over"), ANN)
    assert reasons() == {"a": FREE, "b": FREE}
