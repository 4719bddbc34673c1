"""Tomorrow's list: who will be closed, stale or listed, before it is so."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import msgspec
import pytest

from gate.core.days import LONDON
from gate.errors import UsageError
from gate.operations.contacts.forecast import ContactsForecast, ContactsThen
from gate.operations.contacts.pages import ContactsStatus
from gate.operations.data_folder import DataFolder
from gate.operations.registers.in_force import RegisterStatus
from tests.operations.test_contacts import ACTOR, crm, load_list
from tests.operations.test_contacts import original as original
from tests.support.asking import ask


class At:
    """A clock that stands at noon of a day."""

    def __init__(self, day: date) -> None:
        self._now = datetime.combine(day, time(12), UTC)

    def now(self) -> datetime:
        return self._now


def hours(data: DataFolder, kind: str) -> None:
    calling = msgspec.structs.replace(data.config.calling, hours=kind)
    data.config = msgspec.structs.replace(data.config, calling=calling)


def forecast(data: DataFolder, day: date | None = None) -> ContactsThen:
    return ask(data, ContactsForecast(day=day), ACTOR)


@pytest.fixture
def loaded(data: DataFolder, tmp_path: Path) -> DataFolder:
    """Two contacts that may be called, and one that is listed."""
    load_list(data, crm(tmp_path, "a,020 7946 0101", "b,07700 900417", "c,07700 900418"))
    hours(data, "always")
    return data


def as_of(data: DataFolder) -> date:
    return min(row.as_of for row in ask(data, RegisterStatus(), ACTOR).registers if row.as_of is not None)


def test_tomorrow_is_as_today_where_nothing_ends(loaded: DataFolder) -> None:
    found = forecast(loaded)
    assert (found.contacts, found.may_be_called, found.closed) == (3, 2, "")
    assert found.reasons == {"listed_tps": 1, "not_listed": 2}
    assert (found.no_longer, found.again) == ({}, 0)


def test_a_register_on_its_last_day_is_stale_tomorrow(loaded: DataFolder) -> None:
    loaded.clock = At(as_of(loaded) + timedelta(days=27))
    found = forecast(loaded)
    assert found.no_longer == {"register_stale": 2}
    assert (found.may_be_called, found.reasons) == (0, {"register_stale": 3})
    assert -1 in [row.days_left for row in found.registers]
    loaded.clock = At(as_of(loaded) + timedelta(days=26))
    assert forecast(loaded).may_be_called == 2


def test_a_closed_day_and_the_opening_of_the_next(loaded: DataFolder) -> None:
    hours(loaded, "strict")
    today = loaded.today()
    sunday = today + timedelta(days=(6 - today.weekday()) % 7 or 7)
    found = forecast(loaded, sunday)
    assert found.closed == "it is Sunday"
    assert found.may_be_called == 0
    weekday = next(
        each for each in (today + timedelta(days=n) for n in range(1, 20)) if not forecast(loaded, each).closed
    )
    opens = datetime.fromisoformat(forecast(loaded, weekday).at).astimezone(LONDON)
    assert f"{opens:%H:%M}" in ("08:00", "09:00")


def test_what_is_kept_does_not_change(loaded: DataFolder) -> None:
    before = ask(loaded, ContactsStatus(), ACTOR).reasons
    forecast(loaded, loaded.today() + timedelta(days=200))
    assert ask(loaded, ContactsStatus(), ACTOR).reasons == before


def test_a_forecast_needs_contacts_and_a_day_to_come(data: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no contacts"):
        forecast(data)
    with pytest.raises(UsageError, match="is not a day within a year"):
        forecast(data, data.today())


def test_numbers_that_a_spreadsheet_ate_come_back_with_a_repair(data: DataFolder, tmp_path: Path) -> None:
    answer = load_list(data, crm(tmp_path, "a,7700900417", "b,4.4207E+11", "c,07700 900418"))
    assert answer.contacts == 1
    faults = {each.reference: each.fault for each in answer.faults}
    assert "write 0 before it" in faults["a"]
    assert "they are lost" in faults["b"]
